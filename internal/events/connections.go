package events

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"heddle/internal/engine"
	"heddle/internal/events/connection"
	"heddle/internal/events/registry"
	"heddle/internal/service/tasks"
)

// forServices are the connections for the other services of this server.
type forServices struct{ *actions }

var _ connection.Source = forServices{}

// Find implements connection.Source.
func (s forServices) Find(ctx context.Context, w engine.World, arn string) (*connection.Connection, error) {
	n, name, id, ok := connection.ParseARN(arn)
	if !ok || n.Account != w.Account || n.Region != w.Region {
		return nil, nil // those of others are not there
	}
	found, err := look[*registry.Connection](ctx, s.actions, w, registry.Find{Name: name})
	if err != nil || found == nil || found.ID != id && !found.AnyID {
		return nil, err
	}
	return s.opened(w, found)
}

func (s *actions) opened(w engine.World, n *registry.Connection) (*connection.Connection, error) {
	p, err := s.secrets.open(w, n)
	if err != nil {
		return nil, err
	}
	return &connection.Connection{
		ARN: registry.ARN(w, n.Name, n.ID), SecretARN: n.SecretARN(w), Parameters: p, Type: n.Type, Version: n.Event, Authorized: n.State == registry.Authorized,
	}, nil
}

// Authorize implements connection.Sender. One that could not be authorised before, and now can,
// is so from now on.
func (s forServices) Authorize(ctx context.Context, q *http.Request, of *connection.Connection) error {
	if err := s.client.Authorize(ctx, q, of); err != nil || of.Authorized {
		return err
	}
	n, name, _, _ := connection.ParseARN(of.ARN)
	_, err := do[*registry.Connection](ctx, s.actions, engine.World{Account: n.Account, Region: n.Region}, registry.Outcome{Name: name, Event: of.Version})
	if isGone(err) {
		return nil
	}
	return err
}

// Refused implements connection.Sender.
func (s forServices) Refused(of *connection.Connection) { s.client.Refused(of) }

// Send implements connection.Sender.
func (s forServices) Send(q *http.Request) (*http.Response, error) { return s.client.Send(q) }

// authorizationsMax is how many connections are authorised at a time, and authorizationMax how
// long one takes.
const (
	authorizationsMax = 8
	authorizationMax  = 30 * time.Second
)

// newAuthorizations makes the performer that finds out whether connections can be authorised.
func newAuthorizations(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: registry.AuthorizationList, Places: authorizationsMax, Perform: s.authorizeOffered,
		Failed: "a connection was not authorized",
	}
}

func (s *actions) authorizeOffered(ctx context.Context, t tasks.Task) (handBack func(), _ error) {
	v, err := s.Runs.Do(ctx, engine.Command{Run: t.Run, Body: registry.FindDue{Event: t.ID}})
	if err != nil {
		return nil, err
	}
	n, _ := v.(*registry.Connection)
	if n == nil {
		return nil, nil
	}
	c, err := s.opened(t.Name.World, n)
	if err != nil {
		return nil, err
	}
	within, cancel := s.Within(ctx, authorizationMax)
	defer cancel()
	outcome := registry.Outcome{Name: n.Name, Event: t.ID}
	request := &http.Request{Header: http.Header{}}
	if err := s.client.Authorize(within, request, c); err != nil {
		if ctx.Err() != nil {
			return nil, err // the server stops
		}
		outcome.Reason = reason(err)
		s.Log.Warn("a connection could not be authorized; a request that uses it tries again", "connection", c.ARN, "cause", err)
	}
	_, err = s.Runs.Do(ctx, engine.Command{Run: t.Run, Body: outcome})
	return nil, err
}

// reason is what users are told of why a connection could not be authorised: nothing of where
// the server is.
func reason(err error) string {
	if _, forbidden := errors.AsType[*connection.ForbiddenError](err); forbidden {
		return "The authorization endpoint is not on a public network, or is to be reached without TLS; this server does not allow that."
	}
	if refused, ok := errors.AsType[*connection.TokenError](err); ok {
		return "The authorization endpoint gave no token: " + refused.Why + "."
	}
	return "The authorization endpoint could not be reached."
}

// seeds makes the connections of the operator's file when the server starts.
type seeds struct {
	*actions
	options *connection.Options
}

// Start implements lifecycle.Service.
func (s *seeds) Start(ctx context.Context) error {
	all, err := s.options.Given()
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := s.seed(ctx, g); err != nil {
			return fmt.Errorf("--connections %q: make connection %q: %w", s.options.File, g.ConnectionArn, err)
		}
	}
	return nil
}

// Stop implements lifecycle.Service.
func (s *seeds) Stop(context.Context) error { return nil }

func (s *seeds) seed(ctx context.Context, g *connection.Given) error {
	n, name, id, _ := connection.ParseARN(g.ConnectionArn)
	w := engine.World{Account: n.Account, Region: n.Region}
	sealed, err := s.secrets.seal(w, name, &g.AuthParameters)
	if err != nil {
		return err
	}
	c, err := s.secrets.fresh(name, g.AuthorizationType)
	if err != nil {
		return err
	}
	if c.Description, c.AnyID = g.Description, id == ""; id != "" {
		c.ID = id
	}
	if c.Digest, err = s.secrets.digestOf(g); err != nil {
		return err
	}
	_, err = do[*registry.Connection](ctx, s.actions, w, registry.Seed{New: c, Sealed: sealed})
	return err
}
