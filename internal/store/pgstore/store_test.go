package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/pgstore/pgtest"
	"heddle/internal/store/storetest"
)

var schemas atomic.Int64

// options are of a store that does not exist yet.
func options(t testing.TB, server *pgtest.Server) Options {
	return Options{
		DSN: server.DSN(), Schema: fmt.Sprint("store_", schemas.Add(1)), Shards: storetest.Shards, Node: t.Name(), Label: "test",
		Elapsed: pgtest.Elapsed, Within: context.WithTimeout, Logger: slog.New(slog.DiscardHandler),
	}
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A test may have closed it already.
		if err := s.Close(); err != nil && err != store.ErrClosed {
			t.Error(err)
		}
	})
	return s
}

// server is what all tests share, that need no other settings.
var server pgtest.Shared

func shared(t *testing.T) *pgtest.Server {
	t.Helper()
	return server.Get(t)
}

// paused stops a server's processes, until resume is called.
func paused(t *testing.T, s *pgtest.Server) (resume func() error) {
	t.Helper()
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return sync.OnceValue(func() error { return s.Signal(syscall.SIGCONT) })
}

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// TestStore runs the suite, with pages such that some scans are longer than one, and some
// are not. A crash is that of PostgreSQL, while the store goes on that was open: the next
// one takes its place.
func TestStore(t *testing.T) {
	server := shared(t)
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		o := options(t, server)
		open := func(t *testing.T) store.Store {
			s := mustOpen(t, o)
			s.pageRows = 50
			return s
		}
		return storetest.Backend{
			Store:  open(t),
			Reopen: open,
			Crash: func(t *testing.T) store.Store {
				if err := errors.Join(server.Crash(), server.Start()); err != nil {
					t.Fatal(err)
				}
				return open(t)
			},
		}
	})
}

// TestShared runs the suite of stores that are open more than once.
func TestShared(t *testing.T) {
	server := shared(t)
	storetest.RunShared(t, func(t *testing.T) (one, two storetest.Shared, pass func(time.Duration)) {
		o, clock := clocked(t, server, options(t, server))
		o.Shared = true
		return mustOpen(t, o), mustOpen(t, o), clock.pass
	})
}

func TestCreatedTwiceAtOnce(t *testing.T) {
	o := options(t, shared(t))
	var all sync.WaitGroup
	var opened atomic.Int64
	for i := range 8 {
		o := o
		o.Node = "same" // each takes the one before for gone
		o.Label = fmt.Sprint(i)
		all.Go(func() {
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			opened.Add(1)
			if s.Shards() != storetest.Shards {
				t.Errorf("%d shards", s.Shards())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
