package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
)

// over is what rules say of a task that is closed.
type over struct{}

func (over) Error() string { return "the task is closed" }
func (over) Gone()         {}

// source is a fake one, of groups that are runs, and functions that are tasks: run 1 has
// the group "1", whose task 2 calls the function "f2". Its tasks end when they start;
// onStart is called before.
type source struct {
	list    string
	onStart func(run engine.RunID, id int64) error
	onPlace func(run engine.RunID) error // nil: it is found out
	after   time.Duration                // of a task after the one before
	places  atomic.Int64
}

func (s *source) List() string { return s.list }

func (s *source) Place(_ context.Context, run engine.RunID, id int64) (Place, error) {
	if s.onPlace != nil {
		if err := s.onPlace(run); err != nil {
			return Place{}, err
		}
	}
	n := s.places.Add(1)
	return Place{engine.World{Account: "123456789012", Region: "eu-west-1"}, fmt.Sprint(run[0]), fmt.Sprint("f", id), s.after * time.Duration(n)}, nil
}

func (s *source) Start(_ context.Context, run engine.RunID, id int64, _ bool) (*Call, error) {
	return nil, s.onStart(run, id)
}

// offer offers tasks 1 to n of a run.
func offer(m *matching.Matcher, list string, run byte, n int) {
	for id := range n {
		m.Offer(engine.RunID{run}, engine.Offer{List: list, ID: int64(id + 1)})
	}
}

// perform starts a performer on offers 1 to n of one run.
func perform(t *testing.T, calls, n int, onStart func(run engine.RunID, id int64) error) (*Performer, *matching.Matcher) {
	t.Helper()
	m := matching.New(matching.Config{PollsPerListMax: 3})
	offer(m, "one", 1, n)
	p := New(Config{
		Concurrent: calls, Tasks: m, PollsMax: 3,
		Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
	})
	p.Add(&source{list: "one", onStart: onStart})
	p.Add(&source{list: "two", onStart: onStart})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, m
}

// stop stops a performer, twice.
func stop(t *testing.T, p *Performer) {
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
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 || begun.Load() != 4 { // a group's half
			t.Errorf("%d tasks are claimed, %d wait on their list, %d were started, want 0, 0 and 4", now.Claims, now.Offers, begun.Load())
		}
		close(goOn)
		synctest.Wait()
		if now := m.Totals(); now.Claims != 0 || now.Offers != 0 || now.Polls != 6 || begun.Load() != 20 {
			t.Errorf("%d tasks are claimed, %d wait, %d polls, %d were started, want 0, 0, 6 and 20", now.Claims, now.Offers, now.Polls, begun.Load())
		}
		stop(t, p)
	})
}

// A group whose calls hang does not keep those of another from being made, nor does one
// target keep another of its group; and sources stand in one line, with groups apart
// though they have one name.
func TestHangingCallsStarveNobody(t *testing.T) {
	for _, other := range []struct {
		list string
		run  byte
	}{{"one", 2}, {"two", 1}} {
		synctest.Test(t, func(t *testing.T) {
			hang := make(chan struct{})
			var mu sync.Mutex
			began, hanging := time.Now(), 0
			var at []time.Duration
			p, m := perform(t, 64, 1000, func(engine.RunID, int64) error {
				if time.Since(began) > 0 {
					mu.Lock()
					at = append(at, time.Since(began))
					mu.Unlock()
					return nil
				}
				mu.Lock()
				hanging++
				mu.Unlock()
				<-hang
				return nil
			})
			synctest.Wait()
			time.Sleep(300 * time.Second) // as long as a call may hang
			offer(m, other.list, other.run, 100)
			synctest.Wait()
			mu.Lock()
			if hanging != 32 || len(at) != 100 || at[99] != 300*time.Second {
				t.Errorf("the hanging group has %d calls, the other made %d of 100, at %s", hanging, len(at), at)
			}
			mu.Unlock()
			close(hang)
			stop(t, p)
		})
	}
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

// Tasks that nobody can look at stand before no others, and are taken when somebody can.
func TestTasksOutOfSightStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := matching.New(matching.Config{PollsPerListMax: 100})
		offer(m, "one", 1, 40)
		var away atomic.Bool
		away.Store(true)
		var started [3]atomic.Int64 // by run
		p := New(Config{
			Concurrent: 100, Tasks: m, PollsMax: 100, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
		})
		p.Add(&source{list: "one", onStart: func(run engine.RunID, _ int64) error {
			started[run[0]].Add(1)
			return nil
		}, onPlace: func(run engine.RunID) error {
			if run[0] == 1 && away.Load() {
				return errors.New("no data key")
			}
			return nil
		}})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		offer(m, "one", 2, 1)
		time.Sleep(time.Second)
		if n, of := started[2].Load(), started[1].Load(); n != 1 || of != 0 {
			t.Errorf("%d of the others are started, want 1; %d of those out of sight", n, of)
		}
		away.Store(false)
		time.Sleep(2 * time.Second)
		if n := started[1].Load(); n != 40 {
			t.Errorf("%d are started, want 40", n)
		}
		stop(t, p)
	})
}

// A task that is over, or whose run can't be used, is dropped, and its place goes to the
// next.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		why  error
		took time.Duration
	}{
		{&engine.UnknownRunError{}, 0},
		{over{}, 0},
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
	for _, c := range []Config{{PollsMax: 1}, {Concurrent: 1}} {
		p := New(c)
		if err := p.Start(t.Context()); err == nil {
			t.Errorf("%d calls, %d polls: accepted", c.Concurrent, c.PollsMax)
		}
		stop(t, p)
	}
}

// closing is a kernel with one run and its task 5, which is closed at a moment.
type closing struct {
	Runs
	at      time.Time // zero: never
	how     string    // "task": the run goes on; "gone": it was kept for no time
	reports []string
}

func (k *closing) Do(_ context.Context, cmd engine.Command) (any, error) {
	closed := !k.at.IsZero() && !time.Now().Before(k.at)
	if _, look := cmd.Body.(engine.Peek); !look {
		k.reports = append(k.reports, fmt.Sprint(cmd.Body))
		return nil, nil
	}
	view := &engine.RunView{Record: engine.Record{Status: engine.Open, Offers: []engine.Offer{{ID: 4, Held: true}, {ID: 5, Held: true}}}}
	switch {
	case closed && k.how == "gone":
		return nil, &engine.UnknownRunError{}
	case closed && k.how == "task":
		view.Offers = view.Offers[:1]
	case closed:
		view.Record = engine.Record{Status: engine.Closed}
	}
	return view, nil
}

// callMax bounds the calls of TestCallsEnd.
const callMax = 15 * time.Minute

// A call without an answer ends with its task, with its run or with the server, and never
// takes longer than it may.
func TestCallsEnd(t *testing.T) {
	for _, c := range []struct {
		name         string
		timeout      time.Duration
		closed, stop time.Duration
		how          string
		took         time.Duration
		reports      string
	}{
		{name: "the task times out", timeout: 10 * time.Second, took: 10 * time.Second},
		{name: "the longest timeout", timeout: callMax, took: callMax},
		{name: "a longer one", timeout: callMax + 1, took: callMax, reports: "too long"},
		{name: "no timeout", took: callMax, reports: "too long"},
		{name: "the task is closed", timeout: 600 * time.Second, closed: 12 * time.Second, how: "task", took: 15 * time.Second},
		{name: "the run is closed", timeout: 600 * time.Second, closed: 12 * time.Second, took: 15 * time.Second},
		{name: "the run is gone", timeout: 600 * time.Second, closed: 12 * time.Second, how: "gone", took: 15 * time.Second},
		{name: "the server stops", timeout: 600 * time.Second, stop: 3 * time.Second, took: 3 * time.Second},
		{name: "the server stops, no timeout", stop: 3 * time.Second, took: 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				runs := &closing{how: c.how}
				if c.closed != 0 {
					runs.at = began.Add(c.closed)
				}
				calls := t.Context()
				if c.stop != 0 {
					var cancel context.CancelFunc
					calls, cancel = context.WithTimeout(calls, c.stop)
					defer cancel()
				}
				p := &Performer{Config: Config{Runs: runs, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler)}, calls: calls}
				p.perform(job{id: 5}, &Call{
					Do: func(ctx context.Context) Ended {
						<-ctx.Done()
						return Ended{Report: "no answer", Unanswered: true}
					},
					Timeout: c.timeout, Max: callMax, TooLong: func() any { return "too long" },
				})
				if took := time.Since(began); took != c.took || strings.Join(runs.reports, ", ") != c.reports {
					t.Errorf("the call took %s and reported %q, want %s and %q", took, runs.reports, c.took, c.reports)
				}
				p.workers.Wait()
			})
		})
	}
}

// polled is a source whose task 1 asks again three times, and reports then. Others hang.
type polled struct {
	source
	began time.Time
	mu    sync.Mutex
	calls []string
	hang  chan struct{}
}

func (p *polled) Start(_ context.Context, _ engine.RunID, id int64, again bool) (*Call, error) {
	do := func(context.Context) Ended {
		if id != 1 {
			<-p.hang
			return Ended{}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls = append(p.calls, fmt.Sprint(again, " ", time.Since(p.began)))
		if len(p.calls) < 4 {
			return Ended{Again: 20 * time.Second}
		}
		return Ended{Report: "done"}
	}
	return &Call{Do: do, Max: callMax}, nil
}

// A task whose call asks for another one has no place meanwhile, and is started again when the
// time has come.
func TestCallsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := matching.New(matching.Config{PollsPerListMax: 3})
		s := &polled{source: source{list: "one"}, began: time.Now(), hang: make(chan struct{})}
		runs := &closing{}
		p := New(Config{
			Concurrent: 2, Runs: runs, Tasks: m, PollsMax: 3, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
			Stopwatch: func() time.Duration { return time.Since(s.began) },
		})
		p.Add(s)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		offer(m, "one", 1, 1)
		time.Sleep(10 * time.Second)
		m.Offer(engine.RunID{2}, engine.Offer{List: "one", ID: 2}) // takes a place for a while
		time.Sleep(time.Minute)
		close(s.hang)
		synctest.Wait()
		if got, want := strings.Join(s.calls, ", "), "false 0s, true 20s, true 40s, true 1m0s"; got != want {
			t.Errorf("calls %s, want %s", got, want)
		}
		if !slices.Equal(runs.reports, []string{"done"}) {
			t.Errorf("reported %q", runs.reports)
		}
		stop(t, p)
	})
}

// Tasks that are too many wait for their time, each once, and have no place meanwhile.
func TestTooManyTasksWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := matching.New(matching.Config{PollsPerListMax: 3})
		var mu sync.Mutex
		var started []string
		s := &source{list: "one", after: time.Second}
		s.onStart = func(_ engine.RunID, id int64) error {
			mu.Lock()
			defer mu.Unlock()
			started = append(started, fmt.Sprint(time.Since(began)))
			return nil
		}
		p := New(Config{
			Concurrent: 1, Tasks: m, PollsMax: 1, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
			Stopwatch: func() time.Duration { return time.Since(began) },
		})
		p.Add(s)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		offer(m, "one", 1, 4)
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if got, want := strings.Join(started, " "), "1s 2s 3s 4s"; got != want || s.places.Load() != 4 {
			t.Errorf("started after %s, want %s; placed %d times", got, want, s.places.Load())
		}
		stop(t, p)
	})
}

// ended are runs whose tasks are over.
type ended struct{ Runs }

func (ended) Do(context.Context, engine.Command) (any, error) { return nil, &engine.UnknownRunError{} }

// What was begun for a task that is over is undone, and nobody lets go of that call; a task
// that was timed out under a question is looked at again.
func TestCallsAreUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := New(Config{
			Concurrent: 1, Runs: ended{}, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler), Stopwatch: func() time.Duration { return time.Since(began) },
		})
		var took time.Duration
		p.perform(job{id: 5}, &Call{
			Do: func(context.Context) Ended {
				return Ended{Report: "begun", Again: time.Second, Undo: func(ctx context.Context) Ended {
					<-ctx.Done()
					took = time.Since(began)
					return Ended{Unanswered: true, Cause: ctx.Err()}
				}}
			},
			Max: callMax,
		})
		if took != callMax || len(p.later.jobs) != 0 {
			t.Errorf("undone within %s, and called again %d times, want %s and none", took, len(p.later.jobs), callMax)
		}
		p.perform(job{id: 6}, &Call{
			Do: func(ctx context.Context) Ended {
				<-ctx.Done()
				return Ended{Unanswered: true, Again: time.Second}
			},
			Timeout: time.Second, Max: callMax,
		})
		if len(p.later.jobs) != 1 || !p.later.jobs[0].again {
			t.Errorf("a task that was timed out is not looked at again: %+v", p.later.jobs)
		}
		p.workers.Wait()
	})
}
