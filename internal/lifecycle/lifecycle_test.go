package lifecycle

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// record is what services did, in order.
type record struct {
	mu    sync.Mutex
	steps []string
}

func (r *record) add(step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step)
}

func (r *record) want(t *testing.T, steps string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.steps, " "); got != steps {
		t.Errorf("did %q, want %q", got, steps)
	}
	r.steps = nil
}

// recorder is a service that does nothing but say so.
type recorder struct {
	*record
	name           string
	failing, stuck error
}

func (s *recorder) Start(context.Context) error {
	s.add("+" + s.name)
	return s.failing
}

func (s *recorder) Stop(ctx context.Context) error {
	s.add("-" + s.name)
	if ctx.Err() != nil {
		s.add("cut")
	}
	return s.stuck
}

// listOf makes a list of services a, b, c and so on.
func listOf(n int) (*List, *record, []*recorder) {
	l, r := new(List), new(record)
	var all []*recorder
	for i := range n {
		s := &recorder{record: r, name: string(rune('a' + i))}
		all = append(all, s)
		l.Add(s.name, s)
	}
	return l, r, all
}

func TestOrder(t *testing.T) {
	l, r, _ := listOf(3)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(t, "+a +b +c")
	if err := l.Start(t.Context()); err == nil {
		t.Error("was started twice")
	}
	r.want(t, "")
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(t, "-c -b -a")
	if err := errors.Join(l.Stop(t.Context()), l.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); err == nil {
		t.Error("was started again")
	}
	r.want(t, "")
}

func TestNothingWasStarted(t *testing.T) {
	l, r, _ := listOf(2)
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); err == nil {
		t.Error("was started after its end")
	}
	r.want(t, "")
	if err := errors.Join(new(List).Start(t.Context()), new(List).Stop(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestAddedTooLate(t *testing.T) {
	l, _, all := listOf(1)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("was added")
		}
	}()
	l.Add("late", all[0])
}

// TestFailingStart: what was started is stopped, and what failed is not.
func TestFailingStart(t *testing.T) {
	l, r, all := listOf(4)
	why, stuck := errors.New("why"), errors.New("stuck")
	all[2].failing, all[0].stuck = why, stuck
	err := l.Start(t.Context())
	if !errors.Is(err, why) || !errors.Is(err, stuck) || err.Error() != "why\nstop a: stuck" {
		t.Errorf("started: %v", err)
	}
	r.want(t, "+a +b +c -b -a")
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	r.want(t, "")
}

// TestFailingStop: the others are stopped all the same, and all errors are told, each
// time.
func TestFailingStop(t *testing.T) {
	l, r, all := listOf(3)
	all[0].stuck, all[2].stuck = errors.New("one"), errors.New("two")
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Stop(t.Context()); err == nil || err.Error() != "stop c: two\nstop a: one" {
			t.Errorf("stopped: %v", err)
		}
	}
	r.want(t, "+a +b +c -c -b -a")
}

func TestContextEnds(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		l, r, _ := listOf(1)
		ctx, cancel := context.WithCancel(t.Context())
		l.Add("last words", NewHooks(Hooks{OnStart: func(context.Context) error { cancel(); return nil }}))
		l.Add("never", &recorder{record: r, name: "never"})
		if err := l.Start(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "start never: ") {
			t.Errorf("started: %v", err)
		}
		r.want(t, "+a -a cut")
	})
	t.Run("at the stop", func(t *testing.T) {
		l, r, _ := listOf(2)
		ctx, cancel := context.WithCancel(t.Context())
		if err := l.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := l.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		r.want(t, "+a +b -b cut -a cut")
	})
}

// TestStopsMeet: who comes second waits for the first.
func TestStopsMeet(t *testing.T) {
	l := new(List)
	why := errors.New("why")
	var stopped atomic.Bool
	l.Add("slow", NewHooks(Hooks{OnStop: func(context.Context) error {
		runtime.Gosched()
		stopped.Store(true)
		return why
	}}))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := l.Stop(t.Context()); !errors.Is(err, why) || !stopped.Load() {
				t.Errorf("got %v, stopped: %v", err, stopped.Load())
			}
		})
	}
	all.Wait()
}

func TestHooks(t *testing.T) {
	none := NewHooks(Hooks{})
	if err := errors.Join(none.Start(t.Context()), none.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	stops := 0
	h := NewHooks(Hooks{OnStop: func(context.Context) error { stops++; return nil }})
	if err := errors.Join(h.Stop(t.Context()), h.Stop(t.Context())); err != nil || stops != 1 {
		t.Errorf("stopped %d times, %v", stops, err)
	}
}

// TestLoop outlives the context of its start, and Stop waits for it though its own
// context has ended.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		l := NewLoop(func(ctx context.Context) {
			<-ctx.Done()
			r.add("ended")
		})
		ctx, cancel := context.WithCancel(t.Context())
		if err := l.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		r.want(t, "")
		if err := errors.Join(l.Stop(ctx), l.Stop(ctx)); err != nil {
			t.Error(err)
		}
		r.want(t, "ended")
	})
}

// TestListOfLists has a list as a service of another.
func TestListOfLists(t *testing.T) {
	inner, r, _ := listOf(2)
	outer := new(List)
	outer.Add("inner", inner)
	outer.Add("z", &recorder{record: r, name: "z", failing: errors.New("why")})
	if err := outer.Start(t.Context()); err == nil {
		t.Fatal("was started")
	}
	if !slices.Equal(r.steps, []string{"+a", "+b", "+z", "-b", "-a"}) {
		t.Errorf("did %q", r.steps)
	}
}
