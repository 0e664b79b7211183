package server

import (
	"log/slog"
	"sync"
	"time"

	"heddle/internal/engine"
)

// Bounds of how the clock follows the wall clock.
const (
	slewEvery   = time.Second
	slewPortion = 200         // at most 1/200 of the elapsed time
	stepAbove   = time.Minute // behind by more: step, loudly
)

// clock is the one clock of the process: an anchor plus monotonic time, which
// slews towards the wall clock, never goes backwards, and steps forward only
// when the wall clock is more than a minute ahead.
type clock struct {
	log *slog.Logger

	mu      sync.Mutex
	anchor  time.Time     // with monotonic reading
	base    time.Duration // what the clock showed at the anchor, since the Unix epoch
	slewed  time.Time     // when it last followed the wall clock
	ahead   bool          // of the wall clock by more than stepAbove, and said so
	skipped engine.Time   // by time skipping
	last    engine.Time
}

func newClock(log *slog.Logger) *clock {
	now := time.Now()
	return &clock{log: log, anchor: now, slewed: now, base: time.Duration(now.UnixNano())}
}

// Now implements shard.Clock.
func (c *clock) Now() engine.Time {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.slewed) >= slewEvery {
		c.follow(now)
	}
	t := engine.Time((c.base+now.Sub(c.anchor))/time.Millisecond) + c.skipped
	c.last = max(c.last, t)
	return c.last
}

// follow moves the clock towards the wall clock.
func (c *clock) follow(now time.Time) {
	shown := c.base + now.Sub(c.anchor)
	elapsed := now.Sub(c.slewed)
	off := time.Duration(now.UnixNano()) - shown
	switch most := elapsed / slewPortion; {
	case off > stepAbove:
		c.log.Warn("the wall clock is ahead; the server's clock steps forward", "by", off.Round(time.Second))
	case off < -stepAbove:
		if !c.ahead {
			c.log.Warn("the wall clock is behind; the server's clock slows down until they meet", "ahead_by", (-off).Round(time.Second))
		}
		c.ahead = true
		off = -most
	default:
		c.ahead = false
		off = max(-most, min(most, off))
	}
	c.anchor, c.slewed, c.base = now, now, shown+off
}

// begin moves the clock forward to t, which the store has seen; from there it
// slows down towards the wall clock.
func (c *clock) begin(t engine.Time) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if t > now {
		c.base += time.Duration(t-now) * time.Millisecond
	}
}

// skip moves the clock forward to t.
func (c *clock) skip(t engine.Time) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if t > now {
		c.skipped += t - now
	}
}
