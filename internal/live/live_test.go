package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

func now() engine.Time { return engine.Time(time.Now().UnixMilli()) }

// turn is one of a run that has had n events before.
func turn(kind engine.Kind, run byte, n, events int) *engine.TurnDone {
	t := &engine.TurnDone{After: &engine.Record{}}
	t.Name.Kind, t.Run = kind, engine.RunID{run}
	for i := range events {
		t.Events = append(t.Events, engine.Event{ID: int64(n + i + 1), Public: fmt.Appendf(nil, "%d.%d", run, n+i+1)})
	}
	return t
}

func all(*Event) bool { return true }

func texts(events []Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(string(e.Public) + " ")
	}
	return strings.TrimSpace(b.String())
}

// TestWhoListensHearsAll: from his place on, of the kinds that are told, in order, and waits
// when there is nothing; what he is given is no longer the shard's.
func TestWhoListensHearsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(now, "x")
		h.TurnDone(turn("x", 1, 0, 3)) // nobody hears
		at := h.Now()
		lent := turn("x", 1, 3, 2)
		h.TurnDone(lent)
		clear(lent.Events[0].Public)
		h.TurnDone(turn("y", 2, 0, 2))
		h.TurnDone(turn("x", 2, 0, 1))
		events, next, missed := h.Read(t.Context(), at, 2, 1<<20, all)
		if texts(events) != "1.4 1.5" || missed {
			t.Errorf("first %q, %v", texts(events), missed)
		}
		events, next, missed = h.Read(t.Context(), next, 100, 1<<20, all)
		if texts(events) != "2.1" || missed {
			t.Errorf("then %q, %v", texts(events), missed)
		}
		var woken atomic.Bool
		go func() {
			events, _, _ = h.Read(t.Context(), next, 100, 1<<20, func(e *Event) bool { return e.Run[0] == 2 })
			woken.Store(true)
		}()
		time.Sleep(time.Hour) // who waits is not away
		h.TurnDone(turn("x", 1, 5, 1))
		synctest.Wait()
		if woken.Load() {
			t.Error("it ends by what nobody wants")
		}
		h.TurnDone(turn("x", 2, 1, 1))
		synctest.Wait()
		if !woken.Load() || texts(events) != "2.2" {
			t.Errorf("woken %v by %q", woken.Load(), texts(events))
		}
		ctx, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if events, next2, missed := h.Read(ctx, h.Now(), 100, 1<<20, all); len(events) > 0 || missed || next2 != h.Now() {
			t.Errorf("without any there are %q, %v", texts(events), missed)
		}
		h.Close()
		if events, _, missed := h.Read(t.Context(), h.Now(), 100, 1<<20, all); len(events) > 0 || missed {
			t.Errorf("after its end there are %q, %v", texts(events), missed)
		}
	})
}

// TestWhoIsSlowIsTold: he hears of a gap, and then goes on; nothing is kept without bound, nor
// when all are away.
func TestWhoIsSlowIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(now, "x")
		at := h.Now()
		for n := range eventsMax + 5 {
			h.TurnDone(turn("x", 1, n, 1))
		}
		events, next, missed := h.Read(t.Context(), at, 2, 1<<20, all)
		if !missed || texts(events) != "1.6 1.7" || len(h.kept) != eventsMax {
			t.Errorf("of too many: %q, %v", texts(events), missed)
		}
		if _, _, missed = h.Read(t.Context(), next, 2, 1<<20, all); missed {
			t.Error("he is told twice")
		}
		large := turn("x", 3, 0, 1)
		large.Events[0].Public = make([]byte, bytesMax/2)
		for range 5 {
			h.TurnDone(large)
		}
		if h.bytes > bytesMax || len(h.kept) < 1 {
			t.Errorf("%d bytes in %d events are kept", h.bytes, len(h.kept))
		}

		at = h.Now()
		h.Gap()
		if events, _, missed = h.Read(t.Context(), at, 2, 1<<20, all); !missed || len(events) != 0 {
			t.Errorf("over a gap: %q, %v", texts(events), missed)
		}
		at = h.Now()
		time.Sleep(59 * time.Second)
		h.TurnDone(turn("x", 4, 0, 1))
		if events, at, missed = h.Read(t.Context(), at, 2, 1<<20, all); missed || texts(events) != "4.1" {
			t.Errorf("after a minute: %q, %v", texts(events), missed)
		}
		time.Sleep(61 * time.Second)
		h.TurnDone(turn("x", 4, 1, 1))
		if h.listens.Load() || h.kept != nil {
			t.Error("it keeps events for nobody")
		}
		if _, _, missed = h.Read(t.Context(), at, 2, 1<<20, all); !missed {
			t.Error("who was away is not told")
		}
	})
}

// TestManyListeners: while turns come from many goroutines, each listener hears all of a run,
// in order, or is told of a gap before he hears what comes after it.
func TestManyListeners(t *testing.T) {
	t.Run("there is room for all", func(t *testing.T) { manyListeners(t, 1000, true) })
	t.Run("there is not", func(t *testing.T) { manyListeners(t, 3000, false) })
}

func manyListeners(t *testing.T, turns int, room bool) {
	h := New(func() engine.Time { return 1 }, "x")
	const runs = 8
	var listeners, shards sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	for l := range 6 {
		place := h.Now()
		listeners.Go(func() {
			random := rand.New(rand.NewPCG(uint64(l), 1))
			last, gap := [runs]int64{}, [runs]bool{}
			for {
				done := ctx.Err() != nil
				events, next, missed := h.Read(ctx, place, 1+random.IntN(50), 1<<20, all)
				place = next
				if missed {
					for run := range gap {
						gap[run] = true
					}
				}
				if missed && room {
					t.Errorf("listener %d is told of a gap", l)
				}
				for i := range events {
					run, id := events[i].Run[0], events[i].ID
					if id <= last[run] || id != last[run]+1 && !gap[run] {
						t.Errorf("listener %d hears event %d after %d", l, id, last[run])
					}
					last[run], gap[run] = id, false
				}
				if done && len(events) == 0 {
					break
				}
			}
			for run, id := range last {
				if id != int64(turns) && !gap[run] {
					t.Errorf("listener %d hears of run %d up to %d", l, run, id)
				}
			}
		})
	}
	for run := range runs {
		shards.Go(func() {
			for n := range turns {
				h.TurnDone(turn("x", byte(run), n, 1))
			}
		})
	}
	shards.Wait()
	end()
	listeners.Wait()
}

// TestNobodyListensCostsNothing: a turn allocates nothing.
func TestNobodyListensCostsNothing(t *testing.T) {
	h := New(now, "x")
	one := turn("x", 1, 0, 1)
	if n := testing.AllocsPerRun(100, func() { h.TurnDone(one) }); n != 0 {
		t.Errorf("it allocates %v", n)
	}
}
