package swf

import (
	"context"
	"errors"

	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/swf/wire"
)

// Values of Options.LambdaRoles.
const (
	RolesCheck = "check"
	RolesTrust = "trust"
)

// asksRoles tells whether executions' roles are asked what they allow.
func (s *actions) asksRoles() bool { return s.options.LambdaRoles != RolesTrust && !s.Trusting }

// passes tells whether a role that a caller hands over is there. That they may hand it
// over was asked by its ARN, so it must be just that role's: another way to write it
// would pass by a statement that denies. Of callers who may do anything nothing is asked;
// a role that is not there fails when it is used. If roles are trusted they are not ours.
func (s *actions) passes(ctx context.Context, role *string) (bool, error) {
	c := operation.CallerOf(ctx)
	if role == nil || c.Policies == nil || !s.asksRoles() {
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
