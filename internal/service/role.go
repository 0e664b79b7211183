package service

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// Errand is something that a service does in a role which somebody has handed to it.
type Errand struct {
	World    engine.World
	Role     string      // ARN
	Since    engine.Time // when it was handed over
	Services []string    // what trust policies call the service: states.amazonaws.com; each will do
	Session  string      // what the service calls its session
	Source   string      // ARN of what it is done for: aws:SourceArn for the role's trust policy
	// Target is the ARN of a role that Role has to assume to do it, perhaps of another
	// account, whose trust policy knows Source as sts:ExternalId; "": it does it itself.
	Target string

	Action   string // such as lambda:InvokeFunction; "": nothing yet, Role is to be assumed
	Resource string // ARN
	// Context is what conditions may ask of the action, beside what they may of any.
	Context policy.Context
}

// Verdict says why an errand may not be, in words for who set it up; zero: it may.
type Verdict struct {
	NotAssumed string // the role can't be assumed
	Denied     string // the role may not do it
}

// May tells whether a role allows an errand: it is there, and was when it was handed over,
// trusts the service, and its policies allow the action; or allow to assume the target,
// which trusts it, and whose policies allow the action. Under Trusting roles are not to be
// asked.
func (k *Kernel) May(ctx context.Context, e *Errand) (Verdict, error) {
	known := k.known(e)
	acting, err := k.act(ctx, e, known)
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		return Verdict{NotAssumed: refused.Error()}, nil
	}
	if err != nil || e.Action == "" {
		return Verdict{}, err
	}
	known = append(known, policy.Value{Key: "aws:ViaAWSService", Value: "false"})
	q := policy.Request{
		Principal: acting.Principal, Action: e.Action, Resource: e.Resource,
		Context: slices.Concat(acting.Context, known, e.Context),
	}
	d := policy.Evaluate(&q, &acting.Policies)
	if d.Allowed && k.foreign(acting.Account, e.Resource) {
		d = policy.Decision{Layer: policy.Resource} // which it would have to have
	}
	if !d.Allowed {
		return Verdict{Denied: d.Explain(&q)}, nil
	}
	return Verdict{}, nil
}

// foreign tells whether a resource is of another account than who asks for it, where there
// are several: then the resource's own policy would have to allow it, and what errands are
// about has none. Where there is one account, whoever has the resource decides.
func (k *Kernel) foreign(account, resource string) bool {
	name, ok := arn.Cut(resource)
	return ok && k.Accounts.Len() > 1 && name[4] != "" && name[4] != account
}

// Acting gives who does an errand, for those who ask policies themselves, and what
// conditions may ask of what it does: the session of a role, or under Trusting the root
// user. Errors: *account.RoleError.
func (k *Kernel) Acting(ctx context.Context, e *Errand) (*account.Caller, policy.Context, error) {
	known := k.known(e)
	if k.Trusting {
		who := e.World.Account
		if target, err := arn.Parse(e.Target); err == nil && k.Accounts.Has(target.Account) {
			who = target.Account
		}
		return k.Accounts.Root(who), known, nil
	}
	acting, err := k.act(ctx, e, known)
	if err != nil {
		return nil, nil, err
	}
	return acting, slices.Concat(acting.Context, known, e.Context), nil
}

// known is what conditions may ask of any errand.
func (k *Kernel) known(e *Errand) policy.Context {
	now := k.Now().UTC()
	return policy.Context{
		{Key: "aws:RequestedRegion", Value: e.World.Region},
		{Key: "aws:CurrentTime", Value: now.Format(time.RFC3339)},
		{Key: "aws:EpochTime", Value: strconv.FormatInt(now.Unix(), 10)},
	}
}

// act gives the session in which an errand is done. Errors: *account.RoleError.
func (k *Kernel) act(ctx context.Context, e *Errand, known policy.Context) (acting *account.Caller, err error) {
	use := account.RoleUse{
		Role: e.Role, Session: e.Session, Since: e.Since,
		Known: append(policy.Context{
			{Key: "aws:SourceAccount", Value: e.World.Account},
			{Key: "aws:SourceArn", Value: e.Source},
		}, known...),
	}
	for _, service := range e.Services {
		use.Service = service
		acting, err = k.Accounts.Act(ctx, e.World.Account, use)
		if _, refused := errors.AsType[*account.RoleError](err); !refused {
			break
		}
	}
	if err != nil || e.Target == "" {
		return acting, err
	}
	target, err := arn.Parse(e.Target)
	if err != nil {
		return nil, &account.RoleError{Role: e.Target, Why: "that is not an ARN"}
	}
	return k.Accounts.Act(ctx, target.Account, account.RoleUse{
		Role: e.Target, Session: e.Session, By: acting,
		Known: append(policy.Context{{Key: "sts:ExternalId", Value: e.Source}}, known...),
	})
}
