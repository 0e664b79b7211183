package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
)

// RoleError says why a service can't act in a role, in words for whoever handed it over.
type RoleError struct{ Role, Why string }

func (e *RoleError) Error() string { return fmt.Sprintf("role %s: %s", e.Role, e.Why) }

// RoleUse is a service that acts in a role which somebody has handed to it.
type RoleUse struct {
	Role    string // ARN
	Service string // such as states.amazonaws.com
	Session string // what the service calls its session
	// By is the service in another role, in which it assumes this one: then that must be
	// allowed to, as whoever calls AssumeRole; nil: the service itself.
	By *Caller
	// Since is when the role was handed over: one that was made later is another, which
	// took the name; zero: that does not matter.
	Since engine.Time
	// Known is what conditions of the trust policy may ask of the service's reason.
	Known policy.Context
}

// Role gives the role of an account that has just this ARN. Errors: *RoleError: no role
// has it, though one may in another case, under another path or in another account.
func (d *Directory) Role(ctx context.Context, account, name string) (*Entity, error) {
	g, err := d.role(ctx, account, name)
	return g.Entity, err
}

func (d *Directory) role(ctx context.Context, account, name string) (Grants, error) {
	a, err := arn.Parse(name)
	if err != nil || !strings.HasPrefix(a.Resource, Role.String()+"/") {
		return Grants{}, &RoleError{name, "that is not the ARN of a role"}
	}
	of := Ref{Role, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]}
	reply, err := d.Do(ctx, account, Resolve{Of: of})
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Code == NoSuchEntity {
		return Grants{}, &RoleError{name, "this account has no such role"}
	}
	if err != nil {
		return Grants{}, err
	}
	if g := reply.(Grants); g.Entity.ARN(d.Owner(account)) == name {
		return g, nil
	}
	return Grants{}, &RoleError{name, "this account has no such role"}
}

// Act gives the caller that a service is when it acts in a role. Errors: *RoleError.
func (d *Directory) Act(ctx context.Context, account string, u RoleUse) (*Caller, error) {
	if u.By != nil {
		return d.actBy(ctx, account, &u)
	}
	return d.act(ctx, account, &u)
}

// actBy is Act of a service in another role, which must not learn more than that it may
// not: the role that it asks for may be of another account.
func (d *Directory) actBy(ctx context.Context, account string, u *RoleUse) (*Caller, error) {
	refused := &RoleError{u.Role, u.By.Principal.Name() + " is not authorized to assume the role"}
	if account != u.By.Account && !(d.Has(account) && d.Has(u.By.Account)) {
		return nil, refused
	}
	acting, err := d.act(ctx, account, u)
	if _, ok := errors.AsType[*RoleError](err); ok {
		return nil, refused
	}
	return acting, err
}

func (d *Directory) act(ctx context.Context, account string, u *RoleUse) (*Caller, error) {
	g, err := d.role(ctx, account, u.Role)
	if err != nil {
		return nil, err
	}
	if u.Since != 0 && g.Entity.CreatedAt > u.Since {
		return nil, &RoleError{u.Role, "the role that was handed over is no more; this one was made later"}
	}
	trust, err := policy.ParseTrust([]byte(g.Entity.Trust))
	if err != nil {
		return nil, fmt.Errorf("trust policy of role %q: %w", g.Entity.Name, err)
	}
	who, by, policies := u.Service, policy.Principal{Service: u.Service}, &policy.PolicySets{}
	known := append(policy.Context{{Key: "sts:RoleSessionName", Value: u.Session}}, u.Known...)
	if u.By != nil {
		who, by, policies = u.By.Principal.Name(), u.By.Principal, &u.By.Policies
		known = append(known, u.By.Context...)
	} else {
		known = append(known, policy.Value{Key: "aws:PrincipalIsAWSService", Value: "true"}, policy.Value{Key: "aws:PrincipalServiceName", Value: u.Service})
	}
	for _, t := range g.Entity.Tags {
		known = append(known, policy.Value{Key: "aws:ResourceTag/" + t.Key, Value: t.Value})
	}
	ask := policy.Request{Principal: by, Action: "sts:AssumeRole", Resource: u.Role, Context: known}
	if !policy.EvaluateTrust(&ask, policy.Attached{Source: u.Role, Policy: trust}, policies).Allowed {
		return nil, &RoleError{u.Role, who + " is not authorized to assume the role"}
	}
	return newRole(d.Owner(account), credentials.Credential{Account: account}, &g, &Session{Name: u.Session})
}
