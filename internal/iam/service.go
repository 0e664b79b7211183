// Package iam is the part of the APIs of IAM and STS that managing the identities
// of a server needs: users, groups, roles, access keys, policies, simulation, and
// temporary credentials.
//
// Each action is a row: what it touches, which is authorised before anything is
// done, and what it does. A row without either does not compile.
//
// Answers to questions about what identities cannot have here, such as devices
// and instance profiles, are empty lists.
package iam

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/service"
)

// Service is IAM for the server.
func Service() *service.Service {
	rows := iamRows()
	return &service.Service{
		Name: "iam", Global: true,
		Rules: func() map[engine.Kind]engine.Rules {
			return map[engine.Kind]engine.Rules{account.Kind: account.NewRules(account.DefaultLimits())}
		},
		Rates: iamRates(rows),
		Open: func(k *service.Kernel) (*service.Opened, error) {
			return open(k, "iam", operation.Model{Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/"}, rows), nil
		},
	}
}

// STS is STS for the server.
func STS() *service.Service {
	rows := stsRows()
	return &service.Service{
		Name: "sts", Global: true,
		Rates: stsRates(rows),
		Audit: service.Audit{Changes: []string{"GetSessionToken"}},
		Open: func(k *service.Kernel) (*service.Opened, error) {
			return open(k, "sts", operation.Model{Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}, rows), nil
		},
	}
}

func open(k *service.Kernel, name string, m operation.Model, rows map[string]row) *service.Opened {
	opened := &service.Opened{Model: m}
	for _, action := range slices.Sorted(maps.Keys(rows)) {
		opened.Operations = append(opened.Operations, rows[action].bind(k, name, action))
	}
	return opened
}

// row is an action.
type row struct {
	touches func(*call) target
	do      func(*call) error
}

// target is what an action touches, as permission to it is asked for.
type target struct {
	free     bool // no permission is needed
	resource string
	context  policy.Context
	// called is what a refusal calls the resource, if that is not its ARN: in words
	// of the request alone, so that nobody learns what is there.
	called string
}

// call is a call of an action. It is also what operation knows of its subject.
type call struct {
	awsquery.Params
	*service.Kernel
	context.Context
	action string // as policies have it
	caller *account.Caller
	base   policy.Context // what conditions may ask, without what is about the target
	target target
	x      *awsquery.XML
	flaw   error // of the parameters; the first that was found
}

// simulates tells whether an action may take so long that it ends when its caller hangs up.
func simulates(action string) bool { return strings.HasPrefix(action, "Simulate") }

func (r row) bind(k *service.Kernel, service, action string) operation.Operation {
	var options []operation.Option
	if simulates(action) {
		options = append(options, operation.Waits)
	}
	return awsquery.Raw(action,
		func(ctx context.Context, _ awsquery.Params, x *awsquery.XML) error {
			c := operation.SubjectOf(ctx).(*call)
			c.x = x
			return faultOf(r.do(c))
		},
		func(ctx context.Context, p awsquery.Params) (operation.Subject, error) {
			caller := operation.CallerOf(ctx)
			c := &call{
				Params: p, Kernel: k, Context: ctx, action: service + ":" + action,
				caller: caller.Identity.(*account.Caller), base: caller.Context(),
			}
			if service == "iam" && c.caller.Session && c.caller.Of.Type != account.Role {
				// Else a session could outlive itself, by the keys that it makes.
				return nil, denied("Credentials from GetSessionToken cannot be used to call IAM")
			}
			c.target = r.touches(c)
			return c, c.flaw // what could not be looked up: nobody knows who may touch it
		}, options...)
}

// Questions implements operation.Subject.
func (c *call) Questions(context.Context) ([]policy.Request, error) {
	if c.target.free {
		return nil, nil
	}
	return []policy.Request{c.question(c.action, c.target)}, nil
}

// Resource implements operation.Subject.
func (*call) Resource(context.Context) operation.Resource { return operation.Resource{} }

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

// do takes a command to the caller's account, unless the parameters are flawed.
func do[Reply any](c *call, body any) (reply Reply, err error) {
	if c.flaw != nil {
		return reply, c.flaw
	}
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
