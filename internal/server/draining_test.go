package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
	"heddle/internal/swf/execution"
)

// TestDraining holds a commit while the server is told to stop: the call in flight is
// answered when it can be, a connection from before hears that the server drains or is
// closed, and nobody gets a new one. When the time is over what is left is cut, and what was
// acknowledged before is there.
func TestDraining(t *testing.T) {
	for _, patient := range []bool{true, false} {
		cfg := memory()
		s, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		register(t, s)
		run := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
		idle, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		answers := bufio.NewReader(idle)
		ready := func() (int, error) {
			if err := idle.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(idle, "GET /ready HTTP/1.1\r\nHost: "+s.Addr()+"\r\n\r\n"); err != nil {
				return 0, err
			}
			w, err := http.ReadResponse(answers, nil)
			if err != nil {
				return 0, err
			}
			_, err = io.Copy(io.Discard, w.Body)
			return w.StatusCode, errors.Join(err, w.Body.Close())
		}
		if status, err := ready(); status != http.StatusOK || err != nil {
			t.Fatalf("ready: %d, %v", status, err)
		}

		held, release := make(chan struct{}, 1), make(chan struct{})
		disk := s.store.(*memstore.Store)
		disk.BeforeCommit(func([]store.Section) {
			select {
			case held <- struct{}{}:
			default:
			}
			<-release
		})
		inFlight := make(chan reply, 1)
		go func() {
			inFlight <- call(context.Background(), s, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"held"}`)
		}()
		<-held
		ctx, cut := context.WithCancel(t.Context())
		defer cut()
		closed := make(chan error, 1)
		go func() { closed <- s.Close(ctx) }()
		waitUntil(t, "it drains", func() bool { return !s.ready.Load() })
		if status, err := ready(); err == nil && status != http.StatusServiceUnavailable {
			t.Errorf("while it drains: %d", status)
		}
		waitUntil(t, "new connections are refused", func() bool {
			c, err := net.Dial("tcp", s.Addr())
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		select {
		case err := <-closed:
			t.Fatalf("closed with a call in flight: %v", err)
		default:
		}
		if patient {
			close(release)
			if a := <-inFlight; a.status != http.StatusOK {
				t.Errorf("the call in flight: %+v", a)
			}
			if err := <-closed; err != nil {
				t.Errorf("stopped: %v", err)
			}
		} else {
			cut()
			if a := <-inFlight; a.err == nil && a.status == http.StatusOK {
				t.Errorf("acknowledged though it was never committed: %+v", a)
			}
			close(release)
			if err := <-closed; err == nil {
				t.Error("stopped as if nothing had been cut")
			}
		}
		found := false
		id, ok := execution.ParseRun(run)
		left := disk.Reopen()
		for shard := range left.Shards() {
			err := left.Scan(t.Context(), shard, store.Range{}, func(key, _ []byte) bool {
				found = found || bytes.Equal(key, keys.AppendRun(nil, keys.OpenRun, id))
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !ok || !found {
			t.Errorf("run %s is lost", run)
		}
	}
}
