// Package iam is the part of the APIs of IAM and STS that managing the identities
// of a server needs: users, groups, roles, access keys, policies, simulation, and
// temporary credentials.
//
// Each action is a row: what it is about, which is authorised before anything is
// done, and what it does. A row without either does not compile. Both are given the
// same typed input, so nobody is asked about another value than is used.
//
// Answers to questions about what identities cannot have here, such as devices
// and instance profiles, are empty lists.
package iam

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/iam/stswire"
	"heddle/internal/iam/wire"
	"heddle/internal/service"
)

// Service is IAM for the server.
func Service() *service.Service {
	return &service.Service{
		Name: "iam", Global: true,
		Crossing: crossing,
		Rules: func() map[engine.Kind]engine.Rules {
			return map[engine.Kind]engine.Rules{account.Kind: account.NewRules(account.DefaultLimits())}
		},
		Rates: iamRates(),
		Audit: service.Audit{Members: iamMembers},
		Open: func(k *service.Kernel) (*service.Opened, error) {
			a := &actions{k, "iam"}
			return &service.Opened{
				Model:      operation.Model{Version: wire.Version, Namespace: wire.Namespace, Faults: wire.Faults()},
				Operations: slices.Concat(userRows(a), groupRows(a), roleRows(a), policyRows(a), keyRows(a), simulationRows(a), otherRows(a)),
			}, nil
		},
	}
}

// STS is STS for the server.
func STS() *service.Service {
	return &service.Service{
		Name: "sts", Global: true,
		Rates: stsRates(),
		Audit: service.Audit{Changes: []string{"GetSessionToken"}, Members: stsMembers},
		Open: func(k *service.Kernel) (*service.Opened, error) {
			return &service.Opened{
				Model:      operation.Model{Version: stswire.Version, Namespace: stswire.Namespace, Faults: stswire.Faults()},
				Operations: sessionRows(&actions{k, "sts"}),
			}, nil
		},
	}
}

// actions makes the rows of a service.
type actions struct {
	*service.Kernel
	service string
}

// row is the row of an action with an output. About tells the call what it is about, and
// what conditions may ask of that; the error is the fault of who asks about what nobody
// could know.
func row[In, Out any, I awsquery.Input[In], O awsquery.Output[Out]](a *actions, name string, about func(*call, *In) error, do func(*call, *In) (*Out, error), options ...operation.Option) operation.Operation {
	return awsquery.Operation[In, Out, I, O](name,
		func(ctx context.Context, in *In) (*Out, error) {
			out, err := do(operation.SubjectOf(ctx).(*call), in)
			return out, faultOf(err)
		}, subject(a, name, about), options...)
}

// silent is the row of an action without one.
func silent[In any, I awsquery.Input[In]](a *actions, name string, about, do func(*call, *In) error) operation.Operation {
	return awsquery.WithoutOutput[In, I](name,
		func(ctx context.Context, in *In) error { return faultOf(do(operation.SubjectOf(ctx).(*call), in)) },
		subject(a, name, about))
}

func subject[In any](a *actions, action string, about func(*call, *In) error) func(context.Context, *In) (operation.Subject, error) {
	return func(ctx context.Context, in *In) (operation.Subject, error) {
		caller := operation.CallerOf(ctx)
		c := &call{
			Kernel: a.Kernel, Context: ctx, action: a.service + ":" + action,
			caller: caller.Identity.(*account.Caller), base: caller.Context(),
		}
		if a.service == "iam" && c.caller.Session && c.caller.Of.Type != account.Role {
			// Else a session could outlive itself, by the keys that it makes.
			return nil, denied("Credentials from GetSessionToken cannot be used to call IAM")
		}
		if a.service == "iam" {
			c.base = atHome(c.owner().Partition, c.base)
		}
		if err := about(c, in); err != nil {
			return nil, err
		}
		return c, nil
	}
}

// call is a call of an action. It is also what operation knows of its subject.
type call struct {
	*service.Kernel
	context.Context
	action  string // as policies have it
	caller  *account.Caller
	base    policy.Context // what conditions may ask, without what is about the target
	of      account.Ref    // the user, group or role that it is about; zero: another thing
	target  target
	assumed assumed // of AssumeRole alone
	touched operation.Resource
}

// owner is who keeps the caller's identities.
func (c *call) owner() arn.Owner { return c.Accounts.Owner(c.caller.Account) }

// target is what permission is asked for.
type target struct {
	free     bool // no permission is needed
	resource string
	context  policy.Context
	// called is what a refusal calls the resource, if that is not its ARN: in words
	// of the request alone, so that nobody learns what is there.
	called string
}

// Questions implements operation.Subject.
func (c *call) Questions(context.Context) ([]policy.Request, error) {
	if c.target.free {
		return nil, nil
	}
	return []policy.Request{c.question(c.action, c.target)}, nil
}

// Resource implements operation.Subject.
func (c *call) Resource(context.Context) operation.Resource { return c.touched }

func (c *call) question(action string, t target) policy.Request {
	return policy.Request{
		Principal: c.caller.Principal, Action: action, Resource: t.resource, Called: t.called,
		Context: append(c.base, t.context...),
	}
}

// permit asks whether the caller may do a further action to a target.
func (c *call) permit(action string, t target) error {
	q := c.question(action, t)
	if d := policy.Evaluate(&q, &c.caller.Policies); !d.Allowed {
		return denied(d.Explain(&q))
	}
	return nil
}

func denied(message string) *fault.Fault { return fault.Of(fault.AccessDenied, message) }

var statuses = map[account.Code]int{
	account.EntityAlreadyExists: http.StatusConflict,
	account.NoSuchEntity:        http.StatusNotFound,
	account.DeleteConflict:      http.StatusConflict,
	account.LimitExceeded:       http.StatusConflict,
	account.MalformedPolicy:     http.StatusBadRequest,
	account.InvalidInput:        http.StatusBadRequest,
}

// faultOf makes a fault of what the rules refused.
func faultOf(err error) error {
	if refusal, ok := errors.AsType[*account.Error](err); ok {
		return &fault.Fault{Code: string(refusal.Code), Status: statuses[refusal.Code], Message: refusal.Message}
	}
	return err
}

// do takes a command to the caller's account.
func do[Reply any](c *call, body any) (reply Reply, err error) {
	v, err := c.Accounts.Do(c, c.caller.Account, body)
	if err != nil {
		return reply, err
	}
	return v.(Reply), nil
}

// change is do for a command whose reply is not told.
func change(c *call, body any) error {
	_, err := do[any](c, body)
	return err
}

// value is an optional member; the zero value if it is absent.
func value[T any](member *T) (v T) {
	if member != nil {
		v = *member
	}
	return v
}

// present makes an optional member of a text; an empty one is absent.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
