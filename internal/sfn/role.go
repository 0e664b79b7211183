package sfn

import (
	"context"
	"errors"
	"strconv"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// mustTrust refuses a role for a state machine that is not there or does not trust the
// service. Whether the caller may hand it over was asked by its ARN. Where nobody signs,
// any role is taken on trust. Errors: InvalidArn, AccessDeniedException.
func (s *actions) mustTrust(ctx context.Context, role string, machine resource.Name) error {
	if _, err := arn.Parse(role); err != nil {
		return refusal(wire.CodeInvalidArn, (&resource.Error{Reason: "Invalid ARN prefix: " + role}).Error())
	}
	if s.Trusting {
		return nil
	}
	c := operation.CallerOf(ctx)
	for _, service := range []string{permission.Service, permission.Regional(c.Region)} {
		now := s.Now().UTC()
		_, err := s.Accounts.Act(ctx, c.Account, account.RoleUse{
			Role: role, Service: service, Session: resource.Service,
			Known: policy.Context{
				{Key: "aws:SourceAccount", Value: c.Account},
				{Key: "aws:SourceArn", Value: machine.Qualified("").String()},
				{Key: "aws:RequestedRegion", Value: c.Region},
				{Key: "aws:CurrentTime", Value: now.Format(time.RFC3339)},
				{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
			},
		})
		if _, refused := errors.AsType[*account.RoleError](err); !refused {
			return err
		}
	}
	return fault.Of(fault.AccessDenied, "Neither the global service principal "+permission.Service+", nor the regional one is authorized to assume the provided role.")
}
