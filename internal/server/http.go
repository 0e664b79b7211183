package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"heddle/internal/aws/operation"
	"heddle/internal/console/web"
	"heddle/internal/listen"
)

// routes leads requests to the services, and answers those about the server.
func (s *Server) routes() http.Handler {
	calls, metrics := s.calls(), s.metricsForBearers()
	// No http.ServeMux, which sends a path that is not clean elsewhere: in REST an
	// escaped label may be anything.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asks := r.Method == http.MethodGet || r.Method == http.MethodHead; {
		case asks && r.URL.Path == "/health":
			s.health(w, r)
		case asks && r.URL.Path == "/ready":
			s.readiness(w, r)
		case asks && r.URL.Path == "/metrics":
			metrics.ServeHTTP(w, r)
		case s.console != nil && web.Leads(r):
			s.console.ServeHTTP(w, r)
		default:
			calls.ServeHTTP(w, r)
		}
	})
}

// front answers requests.
type front struct {
	server *Server
	serves sync.WaitGroup
}

// Start implements lifecycle.Service.
func (f *front) Start(context.Context) error {
	s := f.server
	s.door.Handle(s.routes())
	f.serves.Go(func() {
		if err := s.door.Serve(); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("serve", "cause", err)
		}
	})
	return nil
}

// Stop implements lifecycle.Service.
func (f *front) Stop(ctx context.Context) error {
	err := f.server.door.Shutdown(ctx)
	f.serves.Wait()
	return err
}

// gate implements operation.Gate: it lets in as many requests at a time as may be. Polls
// that wait for a task do not count; see countedTasks.
type gate struct {
	requests *listen.Shares // of clients
	parts    *accountParts
	turns    *turns
}

func (s *Server) gate() gate { return gate{s.requests, s.tasks.inFlight, s.turns} }

// Enter implements operation.Gate.
func (g gate) Enter(ctx context.Context) bool {
	account := operation.AccountOf(ctx)
	if !listen.MayAnswer(ctx) || !g.parts.take(account) {
		return false
	}
	if !g.requests.Take(listen.ClientIn(ctx)) {
		g.parts.add(account, -1)
		return false
	}
	return true
}

// Turn implements operation.Gate.
func (g gate) Turn(ctx context.Context) (end func()) { return g.turns.wait(listen.ClientIn(ctx)) }

// Answer implements operation.Gate.
func (g gate) Answer(ctx context.Context, bytes int) bool { return listen.Answers(ctx, bytes) }

// Leave implements operation.Gate.
func (g gate) Leave(ctx context.Context) {
	g.requests.Add(listen.ClientIn(ctx), -1)
	g.parts.add(operation.AccountOf(ctx), -1)
}

// health says that the process lives.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "ok")
}

// readiness says whether the server takes requests: not while it drains, nor while it may own
// no shards beside others, since it can't reach them all.
func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) {
	switch {
	case !s.ready.Load():
		answer(w, http.StatusServiceUnavailable, "draining")
	case s.cluster != nil && s.store.Current() != nil:
		answer(w, http.StatusServiceUnavailable, "no shards: the membership was not renewed in time")
	case s.cluster != nil && s.cluster.CutOff():
		answer(w, http.StatusServiceUnavailable, "cut off from other servers")
	default:
		answer(w, http.StatusOK, "ready")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A caller who has gone needs no answer.
	_, _ = io.WriteString(w, text+"\n")
}
