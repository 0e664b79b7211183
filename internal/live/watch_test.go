package live

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// waits tells what becomes of who watches a run: empty while he waits.
func waits(t *testing.T, w *Watch) (woken func() bool) {
	done := make(chan struct{})
	go func() {
		w.Wait(t.Context())
		close(done)
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// TestWatchWakesForItsRun: whatever its kind is, for an event and for nothing else, also if that
// came before he waited; and for a gap, the end of the Hub and that of his time.
func TestWatchWakesForItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(now, "x")
		w := h.Watch(engine.RunID{1})
		other := h.Watch(engine.RunID{1})
		woken := waits(t, w)
		h.TurnDone(turn("x", 2, 0, 3))
		h.TurnDone(turn("y", 1, 0, 0))
		if woken() {
			t.Error("woken by another run, or a turn without events")
		}
		h.TurnDone(turn("y", 1, 0, 1))
		if !woken() || !waits(t, other)() {
			t.Error("not woken by an event of the run")
		}
		if h.kept != nil {
			t.Error("who watches has events kept")
		}
		if woken = waits(t, w); woken() {
			t.Error("woken twice by one event")
		}
		h.Gap()
		if !woken() {
			t.Error("not woken by a gap")
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w.Wait(short)
		if short.Err() == nil {
			t.Error("woken by nothing")
		}
		h.Close()
		if !waits(t, w)() || !waits(t, h.Watch(engine.RunID{3}))() {
			t.Error("waits at a Hub that is closed")
		}
	})
}

// TestWatchesEnd: nothing is left of those who no longer watch, and none of them holds up a turn.
func TestWatchesEnd(t *testing.T) {
	h := New(now)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for range 100 {
				w := h.Watch(engine.RunID{byte(i % 5)})
				h.TurnDone(turn("x", byte(i%5), 0, 1))
				w.Wait(t.Context())
				w.End()
			}
		})
	}
	all.Wait()
	if len(h.watched) != 0 || h.watches.Load() != 0 {
		t.Errorf("%d runs are watched, %d watch", len(h.watched), h.watches.Load())
	}
}
