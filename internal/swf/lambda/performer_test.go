package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/server"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/lambda"
)

// The rules time a task out; the performer lets go of the call.
func TestTimeout(t *testing.T) {
	letGo := make(chan struct{})
	h := open(t, server.Config{Services: invoking(endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the caller has gone
		<-r.Context().Done()
		close(letGo)
	}))})
	h.begin("role")
	slow := function("slow")
	slow.StartToCloseTimeout = aws.String("1")
	h.schedule(slow)
	want := []string{"LambdaFunctionStarted", "LambdaFunctionTimedOut START_TO_CLOSE"}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
	<-letGo
}

// A server that stops in the middle of a call runs the function again.
func TestRestart(t *testing.T) {
	called := make(chan struct{}, 2)
	var calls atomic.Int64
	cfg := server.Config{Data: t.TempDir(), Services: invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		called <- struct{}{}
		if n == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, fmt.Sprintf(`"call %d"`, n))
	}))}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"))
	<-called
	h.kill()

	h = start(t, cfg)
	want := []string{"LambdaFunctionStarted", `LambdaFunctionCompleted "call 2"`}
	if got := h.lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}

// A server that is given time to stop waits for its calls.
func TestDrain(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	cfg := server.Config{Data: t.TempDir(), Services: invoking(endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		close(called) // a second call would panic
		<-release
		_, _ = io.WriteString(w, `"done"`)
	}))}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"))
	<-called
	closed := make(chan error)
	go func() { closed <- h.server.Close(context.Background()) }()
	for { // until the server has begun to close
		answer, err := http.Get(h.server.URL() + "/ready")
		if err != nil {
			break
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			break
		}
	}
	close(release)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	want := []string{"LambdaFunctionStarted", `LambdaFunctionCompleted "done"`}
	if got := start(t, cfg).lambdaEvents(); !slices.Equal(got, want) {
		t.Errorf("history has %q, want %q", got, want)
	}
}

// kernel is a fake one, whose tasks end when they start: their executions have
// no role. onStart is called before.
type kernel struct {
	onStart func(id int64) error
}

func (k *kernel) Do(_ context.Context, cmd engine.Command) (any, error) {
	if c, ok := cmd.Body.(*execution.StartLambda); ok {
		return nil, k.onStart(c.ScheduledEventID)
	}
	return &engine.RunView{}, nil
}

func (k *kernel) AppendEvents(_ context.Context, b []byte, _ engine.RunID, first, _ int64, _ bool) ([]byte, error) {
	return fmt.Appendf(b, `{"eventId":%d,"eventType":"LambdaFunctionScheduled","lambdaFunctionScheduledEventAttributes":{"id":"i","name":"f","decisionTaskCompletedEventId":4}}`, first), nil
}

// perform starts a performer on offers 1 to n of one run.
func perform(t *testing.T, workers, n int, onStart func(id int64) error) (*lambda.Performer, *matching.Matcher) {
	t.Helper()
	m := matching.New(matching.Config{PollsPerListMax: workers})
	for id := range n {
		m.Offer(engine.RunID{1}, engine.Offer{List: execution.LambdaList, ID: int64(id + 1)})
	}
	p, err := lambda.Start(lambda.Config{
		Runs: &kernel{onStart}, Tasks: m, Endpoint: "http://127.0.0.1:1", Concurrent: workers,
		Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// stop stops a performer, twice.
func stop(t *testing.T, p *lambda.Performer) {
	t.Helper()
	if err := errors.Join(p.Stop(t.Context()), p.Stop(t.Context())); err != nil {
		t.Error(err)
	}
}

// No more tasks are taken at a time than there are workers.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		p, m := perform(t, 2, 5, func(int64) error { <-goOn; return nil })
		synctest.Wait()
		if now := m.Totals(); now.Claims != 2 || now.Offers != 3 {
			t.Errorf("%d tasks are taken and %d wait, want 2 and 3", now.Claims, now.Offers)
		}
		close(goOn)
		synctest.Wait()
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 || now.Polls != 2 {
			t.Errorf("%d tasks are taken, %d wait, %d workers poll, want 0, 0 and 2", now.Claims, now.Offers, now.Polls)
		}
		stop(t, p)
	})
}

// A task that the kernel cannot start is put back and tried again, not too fast.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		began := time.Now()
		done := make(chan time.Duration, 1)
		p, m := perform(t, 1, 1, func(int64) error {
			if tries++; tries < 3 {
				return errors.New("no store")
			}
			done <- time.Since(began)
			return nil
		})
		if took := <-done; took != 2*time.Second {
			t.Errorf("the third try came after %s, want 2s", took)
		}
		synctest.Wait()
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 {
			t.Errorf("%d tasks are taken and %d wait, want none", now.Claims, now.Offers)
		}
		stop(t, p)
	})
}

// A task that is over is dropped, and the worker goes on to the next.
func TestRefused(t *testing.T) {
	for _, why := range []error{
		&engine.UnknownRunError{}, &execution.UnknownExecutionError{}, &execution.UnknownLambdaError{ScheduledEventID: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var starts []int64
			p, m := perform(t, 1, 2, func(id int64) error {
				if starts = append(starts, id); id == 1 {
					return why
				}
				return nil
			})
			began := time.Now()
			synctest.Wait()
			if !slices.Equal(starts, []int64{1, 2}) || m.Totals().Polls != 1 || time.Since(began) != 0 {
				t.Errorf("after %q tasks %d were started, want 1 and 2 at once", why, starts)
			}
			stop(t, p)
		})
	}
}

// Settings that cannot work are refused at the start.
func TestSettings(t *testing.T) {
	for _, c := range []lambda.Config{
		{Endpoint: "127.0.0.1:9001", Concurrent: 1},
		{Endpoint: "ftp://host", Concurrent: 1},
		{Endpoint: "http://", Concurrent: 1},
		{Endpoint: "http://user:secret@host", Concurrent: 1},
		{Endpoint: "http://host?x=y", Concurrent: 1},
		{Endpoint: "http://host", Key: lambda.Key{ID: "only"}, Concurrent: 1},
		{Endpoint: "http://host", Concurrent: 0},
	} {
		p, err := lambda.Start(c)
		if err == nil {
			_ = p.Stop(t.Context())
			t.Errorf("endpoint %q, key %q, %d workers: accepted", c.Endpoint, c.Key.ID, c.Concurrent)
		}
	}
}
