package server

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// TestClockSlowsDown holds that a clock that is ahead of the wall comes back to it
// without ever showing an earlier time.
func TestClockSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(slog.New(slog.DiscardHandler))
		wall := func() engine.Time { return engine.Time(time.Now().UnixMilli()) }
		c.begin(wall() + 30_000) // the store has seen more than the wall clock knows of
		last := c.Now()
		for i := range 2 * 6500 { // just before it follows the wall clock, and then
			if i%2 == 0 {
				time.Sleep(slewEvery - time.Millisecond)
			} else {
				time.Sleep(time.Millisecond)
			}
			now := c.Now()
			if now < last {
				t.Fatalf("after %d the clock shows %d", last, now)
			}
			last = now
		}
		if ahead := last - wall(); ahead < 0 || ahead > 1 {
			t.Errorf("in the end the clock is ahead by %d ms, want none", ahead)
		}
	})
}

// TestClockSteps holds that a clock which is far behind follows at once.
func TestClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(slog.New(slog.DiscardHandler))
		c.base -= 2 * time.Minute
		before := c.Now()
		time.Sleep(slewEvery)
		if step := c.Now() - before; step < engine.Time(2*time.Minute/time.Millisecond) {
			t.Errorf("the clock went on by %d ms, want two minutes more", step)
		}
	})
}
