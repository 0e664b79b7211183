package sfn

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/sfn/maprun"
)

// waiters are map runs that wait, of one world, and how many may be open.
type waiters struct {
	service.Runs
	mu     sync.Mutex
	free   int
	placed []engine.RunID
	late   int // asked though they do not wait
	away   map[uint16]error
	asked  map[engine.RunID]int
	during func(engine.RunID) // called while one takes its place
}

func (w *waiters) Do(_ context.Context, cmd engine.Command) (any, error) {
	w.mu.Lock()
	err := w.away[cmd.Run.Shard()]
	w.mu.Unlock()
	if err != nil {
		time.Sleep(5 * time.Second) // as for who looks for the owner of a shard
		return nil, err
	}
	if _, peeks := cmd.Body.(engine.Peek); peeks {
		return &engine.RunView{Identity: engine.Identity{Name: engine.Name{World: engine.World{Account: "a"}}, Run: cmd.Run}}, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[cmd.Run]++
	switch {
	case slices.Contains(w.placed, cmd.Run):
		w.late++
		return nil, &maprun.ClosedError{}
	case w.free == 0:
		return &maprun.Place{Full: true}, nil
	}
	w.free--
	w.placed = append(w.placed, cmd.Run)
	if w.during != nil {
		w.during(cmd.Run)
	}
	return &maprun.Place{}, nil
}

// frees says that so many further map runs may be open, and gives those that are after a while.
func (w *waiters) frees(n int, while time.Duration) []engine.RunID {
	w.mu.Lock()
	w.free += n
	w.mu.Unlock()
	time.Sleep(while)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.placed)
}

// line begins a service of places for some map runs that wait.
type line struct {
	*waiters
	*matching.Matcher
	log bytes.Buffer
}

func newLine(t *testing.T, served func(engine.RunID) bool) *line {
	l := &line{waiters: &waiters{asked: map[engine.RunID]int{}, away: map[uint16]error{}}, Matcher: matching.New(matching.Config{})}
	p := newPlaces()
	p.open(&service.Kernel{Runs: l.waiters, Performed: l.Matcher, Served: served, Within: context.WithTimeout, Log: slog.New(slog.NewTextHandler(&l.log, nil))})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if l.log.Len() > 0 {
			t.Errorf("the operator is told %s", &l.log)
		}
	})
	return l
}

// offer has map runs wait, each in a shard of its own.
func (l *line) offer(runs ...byte) {
	for _, n := range runs {
		l.Offer(waiter(n), engine.Offer{List: maprun.PlacesList, ID: 1})
		synctest.Wait()
	}
}

func waiter(n byte) engine.RunID { return engine.RunID{1: n, 2: n} }

func waitersOf(runs ...byte) (all []engine.RunID) {
	for _, n := range runs {
		all = append(all, waiter(n))
	}
	return all
}

// TestPlacesPastWhoIsAway: map runs whose shard is being taken over hold up no others, nobody is told of them each
// second, and when they can be reached they are the first again. So it is whether or not it is known that
// nobody serves their shards.
func TestPlacesPastWhoIsAway(t *testing.T) {
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l *line
				var served func(engine.RunID) bool
				if known {
					served = func(run engine.RunID) bool {
						l.mu.Lock()
						defer l.mu.Unlock()
						return l.away[run.Shard()] == nil
					}
				}
				l = newLine(t, served)
				l.offer(1, 2, 3, 4)
				l.mu.Lock()
				l.away[1], l.away[2] = engine.ErrUnserved, engine.ErrUnavailable
				l.mu.Unlock()
				l.offer(2) // which nobody asked yet whose it is
				while := 12 * time.Second
				if known {
					while = time.Second
				}
				if got, want := l.frees(1, while), waitersOf(3); !slices.Equal(got, want) {
					t.Errorf("placed are %v, want %v", got, want)
				}
				l.mu.Lock()
				clear(l.away)
				l.mu.Unlock()
				l.frees(0, while) // it is found out that they are back
				for _, want := range [][]engine.RunID{waitersOf(3, 1), waitersOf(3, 1, 2), waitersOf(3, 1, 2, 4)} {
					if got := l.frees(1, time.Second); !slices.Equal(got, want) {
						t.Errorf("placed are %v, want %v", got, want)
					}
				}
			})
		})
	}
}

// TestWhoIsAwayFromTheStart: a map run that can't be reached when it comes holds up none that come later.
func TestWhoIsAwayFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, nil)
		l.away[1] = engine.ErrUnserved
		l.offer(1, 2)
		if got, want := l.frees(2, 12*time.Second), waitersOf(2); !slices.Equal(got, want) {
			t.Errorf("placed are %v, want %v", got, want)
		}
		l.mu.Lock()
		clear(l.away)
		l.mu.Unlock()
		if got, want := l.frees(0, 12*time.Second), waitersOf(2, 1); !slices.Equal(got, want) {
			t.Errorf("placed are %v, want %v", got, want)
		}
	})
}

// TestOfferedAgain: a map run that is offered again, as after a take-over, has its place in line already. One that was
// offered again while it was given its place may have ended since, and wait for another.
func TestOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, nil)
		l.offer(1, 2, 1, 1, 2)
		for _, want := range [][]engine.RunID{waitersOf(1), waitersOf(1, 2)} {
			if got := l.frees(1, time.Second); !slices.Equal(got, want) {
				t.Errorf("placed are %v, want %v", got, want)
			}
		}
		if l.late != 0 {
			t.Errorf("%d were asked who have their place", l.late)
		}
		l.during = func(run engine.RunID) { // it ends at once, is redriven, and offered
			l.during = nil
			l.placed = nil
			l.Offer(run, engine.Offer{List: maprun.PlacesList, ID: 1})
			l.Offer(waiter(9), engine.Offer{List: maprun.PlacesList, ID: 1})
			synctest.Wait()
		}
		l.offer(7)
		if got, want := l.frees(3, 3*time.Second), waitersOf(9, 7); !slices.Equal(got, want) {
			t.Errorf("placed are %v, want %v", got, want)
		}
	})
}
