package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/server"
	heddle "heddle/internal/swf"
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

// A task that was taken and had no place yet is offered again after a restart.
func TestRestartOfWhatWaits(t *testing.T) {
	called := make(chan struct{}, 3)
	var calls atomic.Int64
	all := invoking(endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		first := calls.Add(1) == 1
		_, _ = io.Copy(io.Discard, r.Body)
		called <- struct{}{}
		if first {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `"done"`)
	}))
	heddle.OptionsOf(all).Lambda.Concurrent = 4 // a function alone has a quarter
	cfg := server.Config{Data: t.TempDir(), Services: all}
	h := open(t, cfg)
	h.begin("role")
	h.schedule(function("f"), function("f"))
	<-called
	h.kill()

	h = start(t, cfg)
	for completed := 0; completed < 2; { // the decider may be asked after the first
		task := h.poll()
		completed = 0
		for _, e := range task.Events {
			if e.LambdaFunctionCompletedEventAttributes != nil {
				completed++
			}
		}
		must(h.client.RespondDecisionTaskCompleted(t.Context(), &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken}))(t)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls, want 3", calls.Load())
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

// kernel is a fake one, of domains that are runs, and functions that are tasks: run 1 has
// the domain "1", whose task 2 calls the function "f2". Its tasks end when they start:
// their executions have no role. onStart is called before.
type kernel struct {
	onStart func(run engine.RunID, id int64) error
}

func (k *kernel) Do(_ context.Context, cmd engine.Command) (any, error) {
	if c, ok := cmd.Body.(*execution.StartLambda); ok {
		return nil, k.onStart(cmd.Run, c.ScheduledEventID)
	}
	name := execution.Name(engine.World{Account: "123456789012", Region: region}, fmt.Sprint(cmd.Run[0]), "wf")
	return &engine.RunView{Identity: engine.Identity{Name: name}}, nil
}

func (k *kernel) AppendEvents(_ context.Context, b []byte, _ engine.RunID, first, _ int64, _ bool) ([]byte, error) {
	return fmt.Appendf(b, `{"eventId":%d,"eventType":"LambdaFunctionScheduled","lambdaFunctionScheduledEventAttributes":{"id":"i","name":"f%[1]d","decisionTaskCompletedEventId":4}}`, first), nil
}

// offer offers tasks 1 to n of a run.
func offer(m *matching.Matcher, run byte, n int) {
	for id := range n {
		m.Offer(engine.RunID{run}, engine.Offer{List: execution.LambdaList, ID: int64(id + 1)})
	}
}

// perform starts a performer on offers 1 to n of one run.
func perform(t *testing.T, calls, n int, onStart func(run engine.RunID, id int64) error) (*lambda.Performer, *matching.Matcher) {
	t.Helper()
	m := matching.New(matching.Config{PollsPerListMax: 3})
	offer(m, 1, n)
	p, err := lambda.Start(lambda.Config{
		Runs: &kernel{onStart}, Tasks: m, Endpoint: "http://127.0.0.1:1", Concurrent: calls, PollsMax: 3,
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

// No more tasks are started at a time than there may be calls; all are taken.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var begun atomic.Int64
		p, m := perform(t, 8, 20, func(engine.RunID, int64) error { begun.Add(1); <-goOn; return nil })
		synctest.Wait()
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 || begun.Load() != 4 { // a domain's half
			t.Errorf("%d tasks are claimed, %d wait on their list, %d were started, want 0, 0 and 4", now.Claims, now.Offers, begun.Load())
		}
		close(goOn)
		synctest.Wait()
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 || now.Polls != 3 || begun.Load() != 20 {
			t.Errorf("%d tasks are claimed, %d wait, %d polls, %d were started, want 0, 0, 3 and 20", now.Claims, now.Offers, now.Polls, begun.Load())
		}
		stop(t, p)
	})
}

// A domain whose calls hang does not keep those of another from being made, nor does one
// function keep another of its domain.
func TestHangingCallsStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var mu sync.Mutex
		began, at := time.Now(), map[byte][]time.Duration{}
		p, m := perform(t, 64, 1000, func(run engine.RunID, id int64) error {
			mu.Lock()
			at[run[0]] = append(at[run[0]], time.Since(began))
			mu.Unlock()
			if run[0] == 1 {
				<-hang
			}
			return nil
		})
		synctest.Wait()
		time.Sleep(300 * time.Second) // as long as a call may hang
		offer(m, 2, 100)
		synctest.Wait()
		mu.Lock()
		if len(at[1]) != 32 || len(at[2]) != 100 || at[2][99] != 300*time.Second {
			t.Errorf("the hanging domain has %d calls, the other made %d of 100, the last after %s", len(at[1]), len(at[2]), at[2][len(at[2])-1]-300*time.Second)
		}
		mu.Unlock()
		close(hang)
		stop(t, p)
	})
}

// A task that the kernel cannot start is tried again, not too fast.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		began := time.Now()
		done := make(chan time.Duration, 1)
		p, m := perform(t, 1, 1, func(engine.RunID, int64) error {
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

// A task that is over, or whose execution can't be used, is dropped, and its place goes
// to the next.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		why  error
		took time.Duration
	}{
		{&engine.UnknownRunError{}, 0},
		{&execution.UnknownExecutionError{}, 0},
		{&execution.UnknownLambdaError{ScheduledEventID: 1}, 0},
		{fmt.Errorf("quarantined: %w", engine.ErrUnusable), time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var starts []int64
			second := make(chan time.Duration, 1)
			began := time.Now()
			p, _ := perform(t, 1, 2, func(_ engine.RunID, id int64) error {
				if starts = append(starts, id); id == 1 {
					return c.why
				}
				second <- time.Since(began)
				return nil
			})
			if took := <-second; took != c.took {
				t.Errorf("after %q the next came after %s, want %s", c.why, took, c.took)
			}
			synctest.Wait()
			if !slices.Equal(starts, []int64{1, 2}) {
				t.Errorf("after %q tasks %d were started, want 1 and 2", c.why, starts)
			}
			stop(t, p)
		})
	}
}

// Settings that cannot work are refused at the start.
func TestSettings(t *testing.T) {
	for _, c := range []lambda.Config{
		{Endpoint: "127.0.0.1:9001", Concurrent: 1, PollsMax: 1},
		{Endpoint: "ftp://host", Concurrent: 1, PollsMax: 1},
		{Endpoint: "http://", Concurrent: 1, PollsMax: 1},
		{Endpoint: "http://user:secret@host", Concurrent: 1, PollsMax: 1},
		{Endpoint: "http://host?x=y", Concurrent: 1, PollsMax: 1},
		{Endpoint: "http://host", Key: lambda.Key{ID: "only"}, Concurrent: 1, PollsMax: 1},
		{Endpoint: "http://host", Concurrent: 0, PollsMax: 1},
		{Endpoint: "http://host", Concurrent: 1},
	} {
		p, err := lambda.Start(c)
		if err == nil {
			_ = p.Stop(t.Context())
			t.Errorf("endpoint %q, key %q, %d workers: accepted", c.Endpoint, c.Key.ID, c.Concurrent)
		}
	}
}
