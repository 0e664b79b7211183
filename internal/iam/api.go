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
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// Directory knows callers and takes commands to accounts.
type Directory interface {
	Do(ctx context.Context, account string, body any) (reply any, err error)
	LastUse(keyID string) account.Use
}

// Config is what a handler is given.
type Config struct {
	Directory Directory
	Sealer    *account.Sealer
	// Authenticate tells who sent a request. An error that is an *awsquery.Fault
	// goes to the sender.
	Authenticate func(r *http.Request, body []byte) (*account.Caller, error)
	// Context is what conditions may ask of a request beside its caller: where it
	// comes from, when, and how.
	Context func(r *http.Request) policy.Context
	Now     func() time.Time // the real time
	Random  io.Reader
	Log     *slog.Logger
	// Observe hears of every call; CallerOf tells whose it was. May be nil.
	Observe func(ctx context.Context, r *http.Request, o awsquery.Outcome)
}

// Services are the names of the services in scopes of signatures.
var Services = []string{"iam", "sts"}

// New is a handler of both APIs.
func New(c Config) *awsquery.Handler {
	s := &service{c}
	return awsquery.New(awsquery.Config{
		Authenticate: s.authenticate,
		APIs: []awsquery.API{
			s.bind("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/", iamRows()),
			s.bind("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/", stsRows()),
		},
		Log:     c.Log,
		Random:  s.requestID,
		Observe: c.Observe,
	})
}

type service struct{ Config }

func (s *service) requestID() (id [16]byte) {
	if _, err := io.ReadFull(s.Random, id[:]); err != nil {
		panic("api: read random bytes: " + err.Error())
	}
	return id
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

// call is a call of an action.
type call struct {
	awsquery.Params
	*service
	context.Context
	caller *account.Caller
	base   policy.Context // what conditions may ask, without what is about the target
	x      *awsquery.XML
	flaw   error // of the parameters; the first that was found
}

// caller and base of a call, as they are in a context.
type asking struct {
	caller *account.Caller
	base   policy.Context
}

type askingKey struct{}

// CallerOf tells whose call it was; nil: nobody's who is known.
func CallerOf(ctx context.Context) *account.Caller {
	a, _ := ctx.Value(askingKey{}).(asking)
	return a.caller
}

func (s *service) authenticate(r *http.Request, body []byte) (context.Context, error) {
	caller, err := s.Authenticate(r, body)
	if err != nil {
		return nil, err
	}
	a := asking{caller, append(s.Context(r), caller.Context...)}
	a.base = slices.Clip(a.base)
	return context.WithValue(r.Context(), askingKey{}, a), nil
}

func (s *service) bind(name, version, namespace string, rows map[string]row) awsquery.API {
	api := awsquery.API{Service: name, Version: version, Namespace: namespace, Actions: map[string]awsquery.Action{}}
	for action, r := range rows {
		api.Actions[action] = func(ctx context.Context, p awsquery.Params, x *awsquery.XML) error {
			a := ctx.Value(askingKey{}).(asking)
			c := &call{Params: p, service: s, Context: ctx, caller: a.caller, base: a.base, x: x}
			if name == "iam" && c.caller.Session && c.caller.Of.Type != account.Role {
				// Else a session could outlive itself, by the keys that it makes.
				return denied("Credentials from GetSessionToken cannot be used to call IAM")
			}
			t := r.touches(c)
			if c.flaw != nil { // it could not be looked up, so nobody knows who may touch it
				return c.flaw
			}
			if err := c.permit(name+":"+action, t); err != nil {
				return err
			}
			return faultOf(r.do(c))
		}
	}
	return api
}

// permit asks whether the caller may do an action to a target.
func (c *call) permit(action string, t target) error {
	if t.free {
		return nil
	}
	request := policy.Request{
		Principal: c.caller.Principal, Action: action, Resource: t.resource,
		Context: append(c.base, t.context...),
	}
	if d := policy.Evaluate(&request, &c.caller.Policies); !d.Allowed {
		if t.called != "" {
			request.Resource = t.called
		}
		return denied(d.Explain(&request))
	}
	return nil
}

func denied(message string) *awsquery.Fault {
	return &awsquery.Fault{Code: "AccessDenied", Status: http.StatusForbidden, Message: message}
}

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
		return &awsquery.Fault{Code: string(refusal.Code), Status: statuses[refusal.Code], Message: refusal.Message}
	}
	return err
}

// do takes a command to the caller's account, unless the parameters are flawed.
func do[Reply any](c *call, body any) (reply Reply, err error) {
	if c.flaw != nil {
		return reply, c.flaw
	}
	v, err := c.Directory.Do(c, c.caller.Account, body)
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
