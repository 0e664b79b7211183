// Package events serves a part of Amazon EventBridge: connections, which HTTP tasks of Step
// Functions authorise their requests by. There are no buses, rules and targets here.
//
// Each action is a row: what it is about, which is authorised before anything is done, and what
// it does. What becomes of connections is decided by the rules in package registry; what they
// authorise by is opened here alone, for as long as a call or a request takes, and no answer,
// record or log has what is secret of it.
//
// Source of all shapes, limits and faults: EventBridge API Reference and User Guide.
package events

import (
	"context"
	"errors"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/events/connection"
	"heddle/internal/events/registry"
	"heddle/internal/events/wire"
	"heddle/internal/service"
)

// Options are the settings of the service.
type Options struct {
	Connections connection.Options `embed:"" group:"Integrations"`
}

// Service is EventBridge for the server.
func Service() *service.Service {
	o := &Options{}
	return &service.Service{
		Name:     "events",
		Options:  o,
		Check:    o.Connections.Check,
		Crossing: crossing,
		Rules: func() map[engine.Kind]engine.Rules {
			return map[engine.Kind]engine.Rules{registry.Kind: registry.NewRules(registry.DefaultLimits())}
		},
		// How often they may be called is not published.
		Unlimited: []string{"CreateConnection", "DeauthorizeConnection", "DeleteConnection", "DescribeConnection", "ListConnections", "UpdateConnection"},
		Begins:    []string{"CreateConnection"},
		Audit:     service.Audit{Members: members},
		Open:      func(k *service.Kernel) (*service.Opened, error) { return open(k, o), nil },
	}
}

// actions handles the actions of EventBridge.
type actions struct {
	*service.Kernel
	secrets *secrets
	client  *connection.Client
}

func open(k *service.Kernel, o *Options) *service.Opened {
	s := &actions{k, newSecrets(k.Secret, k.Random), connection.NewClient(&o.Connections, k.Now, nil)}
	return &service.Opened{
		Model: operation.Model{TargetPrefix: wire.TargetPrefix, JSONVersion: wire.JSONVersion, Faults: wire.Faults()},
		Operations: []operation.Operation{
			row(s, "CreateConnection", func(in *wire.CreateConnectionRequest) string { return in.Name }, createConnection),
			row(s, "UpdateConnection", func(in *wire.UpdateConnectionRequest) string { return in.Name }, updateConnection),
			row(s, "DescribeConnection", func(in *wire.DescribeConnectionRequest) string { return in.Name }, describeConnection),
			row(s, "ListConnections", func(*wire.ListConnectionsRequest) string { return "" }, listConnections),
			row(s, "DeauthorizeConnection", func(in *wire.DeauthorizeConnectionRequest) string { return in.Name }, deauthorizeConnection),
			row(s, "DeleteConnection", func(in *wire.DeleteConnectionRequest) string { return in.Name }, deleteConnection),
		},
		Parts: []service.Part{
			{Name: "connections of the file", Service: &seeds{s, &o.Connections}},
			{Name: "authorizations of connections", Service: newAuthorizations(s)},
		},
		Connections: forServices{s},
	}
}

// call is a call of an action, and what operation knows of its subject.
type call struct {
	*actions
	context.Context
	action string
	world  engine.World
	name   string // of the connection; "": it is about all
}

// Questions implements operation.Subject. Policies call a connection without its ID (Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon EventBridge").
func (c *call) Questions(ctx context.Context) ([]policy.Request, error) {
	caller := operation.CallerOf(ctx)
	q := policy.Request{Principal: caller.Principal, Action: "events:" + c.action, Resource: "*", Context: caller.Context()}
	if c.name != "" {
		q.Resource = registry.ARN(c.world, c.name, "")
	}
	return []policy.Request{q}, nil
}

// Resource implements operation.Subject.
func (c *call) Resource(context.Context) operation.Resource {
	if c.name == "" {
		return operation.Resource{}
	}
	return operation.Resource{Kind: "connection", Name: c.name, ARN: registry.ARN(c.world, c.name, ""), Type: "AWS::Events::Connection"}
}

// row is the row of an action. Of gives the name of the connection that it is about.
func row[In, Out any, I awsjson.Input[In], O awsjson.Output[Out]](s *actions, action string, of func(*In) string, do func(*call, *In) (*Out, error)) operation.Operation {
	subject := func(ctx context.Context, in *In) (operation.Subject, error) {
		caller := operation.CallerOf(ctx)
		return &call{actions: s, Context: ctx, action: action, world: engine.World{Account: caller.Account, Region: caller.Region}, name: of(in)}, nil
	}
	return awsjson.Operation[In, Out, I, O](action, func(ctx context.Context, in *In) (*Out, error) {
		c := operation.SubjectOf(ctx).(*call)
		c.Context = ctx
		out, err := do(c, in)
		return out, faultOf(err)
	}, subject)
}

// faultOf makes a fault of what the rules refused.
func faultOf(err error) error {
	if refusal, ok := errors.AsType[*registry.Error](err); ok {
		return &fault.Fault{Code: string(refusal.Code), Message: refusal.Message}
	}
	return err
}

// do takes a command to the connections of a world.
func do[Reply any](ctx context.Context, s *actions, w engine.World, body any) (reply Reply, err error) {
	v, err := s.Runs.Do(ctx, registry.Command(w, body))
	if err != nil || v == nil {
		return reply, err
	}
	return v.(Reply), nil
}

// look is do for a question, of a world that may have no connections yet.
func look[Reply any](ctx context.Context, s *actions, w engine.World, body any) (Reply, error) {
	reply, err := do[Reply](ctx, s, w, body)
	if isGone(err) {
		return reply, nil
	}
	return reply, err
}

// isGone tells whether there are no connections in a world at all.
func isGone(err error) bool {
	_, none := errors.AsType[*engine.UnknownRunError](err)
	return none
}

// ofOne is do for a command about the connection of a call.
func (c *call) ofOne(doing string, body any) (*registry.Connection, error) {
	found, err := do[*registry.Connection](c, c.actions, c.world, body)
	if isGone(err) || err == nil && found == nil {
		return nil, registry.None(doing, c.name)
	}
	return found, err
}

// at makes a member of a moment; zero is absent.
func at(t engine.Time) *wire.Timestamp {
	if t == 0 {
		return nil
	}
	return new(wire.Timestamp(t))
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
