package swf

import (
	"context"
	"errors"
	"strconv"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/service"
	"heddle/internal/swf/lambda"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// asksRoles tells whether executions' roles are asked what they allow.
func asksRoles(k *service.Kernel, o *lambda.Options) bool {
	return o.Roles != lambda.RolesTrust && !k.Trusting
}

// passes tells whether a role that a caller hands over is there. That they may hand it
// over was asked by its ARN, so it must be just that role's: another way to write it
// would pass by a statement that denies. Of callers who may do anything nothing is asked;
// a role that is not there fails when it is used. If roles are trusted they are not ours.
func (s *actions) passes(ctx context.Context, role *string) (bool, error) {
	c := operation.CallerOf(ctx)
	if role == nil || c.Policies == nil || !asksRoles(s.Kernel, &s.options.Lambda) {
		return true, nil
	}
	_, err := s.Accounts.Role(ctx, c.Account, *role)
	if _, none := errors.AsType[*account.RoleError](err); none {
		return false, nil
	}
	return err == nil, err
}

// mustPass is passes for calls. Errors: OperationNotPermittedFault.
func (s *actions) mustPass(ctx context.Context, role *string) error {
	ok, err := s.passes(ctx, role)
	if err != nil || ok {
		return err
	}
	c := operation.CallerOf(ctx)
	return refusal(wire.CodeOperationNotPermittedFault, "User: "+c.Principal.Name()+" is not authorized to perform: iam:PassRole on resource: "+*role+
		" because this account has no such role")
}

// invocations answers a performer what executions' roles allow.
type invocations struct{ *service.Kernel }

// May implements lambda.Authority.
func (i invocations) May(ctx context.Context, inv *lambda.Invocation) (lambda.Verdict, error) {
	now := i.Now().UTC()
	acting, err := i.Accounts.Act(ctx, inv.World.Account, account.RoleUse{
		Role: inv.Role, Service: permission.Service, Session: "swf", Since: inv.Began,
		Known: policy.Context{
			{Key: "aws:SourceAccount", Value: inv.World.Account},
			{Key: "aws:SourceArn", Value: domainARN(inv.World, inv.Domain)},
			{Key: "aws:RequestedRegion", Value: inv.World.Region},
			{Key: "aws:CurrentTime", Value: now.Format(time.RFC3339)},
			{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
		},
	})
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		return lambda.Verdict{NotAssumed: refused.Error()}, nil
	}
	if err != nil {
		return lambda.Verdict{}, err
	}
	q := permission.Invoke(acting.Principal, inv.Function, append(acting.Context,
		policy.Value{Key: "aws:RequestedRegion", Value: inv.World.Region},
		policy.Value{Key: "aws:CurrentTime", Value: now.Format(time.RFC3339)},
		policy.Value{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
		policy.Value{Key: "aws:ViaAWSService", Value: "false"},
	))
	if d := policy.Evaluate(&q, &acting.Policies); !d.Allowed {
		return lambda.Verdict{Denied: d.Explain(&q)}, nil
	}
	return lambda.Verdict{}, nil
}
