package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heddle/internal/engine"
)

// Bounds of how the clock follows the wall clock.
const (
	lookEvery   = time.Second // how often the wall clock is read
	slewPortion = 200         // at most 1/200 of the elapsed time
	stepAbove   = time.Minute // what differs by more is never slewed forward: it is a step

	// A step needs so many readings that agree, over so long.
	steadyReadings = 5
	steadyFor      = 10 * time.Second
	// agreeWithin is how far readings of one step may differ, beside 1/agreePortion of
	// the time between them.
	agreeWithin  = time.Second
	agreePortion = 100

	// Readings alone move the clock so far in stepsPer, all steps together; when the
	// server starts and nobody counted meanwhile, so far at once. Else it needs the
	// operator's word.
	stepMost  = time.Hour
	stepsPer  = 24 * time.Hour
	startMost = 366 * 24 * time.Hour

	// A step is doubted until the wall clock has agreed with it for so long, and for so
	// much of what it moved. Meanwhile nothing is deleted by it.
	doubtLeast   = 10 * time.Minute
	doubtPortion = 100

	sleepLeast = time.Second // shorter sleeps of the machine are not told from rounding
	sayEvery   = time.Hour   // how often the log says what the operator should do
	warnEvery  = time.Minute // how often it tells of a wall clock that jumps about
)

// reading is what the machine's clocks show at one moment.
type reading struct {
	wall   time.Duration // since the Unix epoch; it can be set, to anything
	count  time.Duration // of timepieces.count
	uptime time.Duration // since the machine began, its sleep too; nobody can set it; 0: not known
}

// timepieces are the machine's clocks.
type timepieces interface {
	// count is how long the process has run. It never goes backwards and can't be set;
	// while the machine sleeps it may rest.
	count() time.Duration
	look() reading
	// boot names what uptime counts from; empty: not known.
	boot() string
	// wait returns after so long, or with the context's error.
	wait(ctx context.Context, d time.Duration) error
}

// clock is the one clock of the process. It counts by itself, and takes no single reading
// of the wall clock for the truth: it slews towards it, never goes backwards, and steps
// forward only when readings have agreed for a while, or by the operator's word.
//
// What it shows after a step is doubted for longer still: Confirmed leaves the step out.
type clock struct {
	log    *slog.Logger
	pieces timepieces

	mu        sync.Mutex
	base      time.Duration // what the clock showed when count was zero, since the Unix epoch
	looked    reading       // the last one
	jump      *jump         // the wall clock is ahead by more than stepAbove; nil: it is not
	allowance time.Duration // how far readings alone may move the clock
	doubt     time.Duration // by how much it has stepped of late
	agreed    time.Duration // since when, by count, the wall clock and this one agree
	behind    bool          // the wall clock is behind by more than stepAbove, and it was said
	warned    time.Duration // when, by count, the log told of a jump; zero: never
	said      time.Duration // when it told what the operator should do; zero: never
	changed   bool          // what is saved is out of date
	skipped   engine.Time   // by time skipping
	last      engine.Time   // that was shown
	confirmed engine.Time   // likewise
}

// jump is what the wall clock is ahead by, as far as readings agree.
type jump struct {
	by       time.Duration
	since    time.Duration // by count
	readings int
}

// newClock gives a clock that begins at the wall clock.
func newClock(pieces timepieces, log *slog.Logger) *clock {
	r := pieces.look()
	return &clock{log: log, pieces: pieces, base: r.wall - r.count, looked: r, agreed: r.count, allowance: startMost}
}

// Now implements shard.Clock.
func (c *clock) Now() engine.Time {
	count := c.pieces.count()
	c.mu.Lock()
	defer c.mu.Unlock()
	if count-c.looked.count >= lookEvery {
		c.follow(c.pieces.look())
		count = c.looked.count
	}
	t := engine.Time((c.base+count)/time.Millisecond) + c.skipped
	c.last = max(c.last, t)
	return c.last
}

// Confirmed implements shard.Clock.
func (c *clock) Confirmed() engine.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.confirmed = max(c.confirmed, c.last-engine.Time(c.doubt/time.Millisecond))
	return c.confirmed
}

// shown is what the clock shows at a reading.
func (c *clock) shown(r reading) time.Duration { return c.base + r.count }

// follow compares the clock with the machine's, and moves it.
func (c *clock) follow(r reading) {
	elapsed := r.count - c.looked.count
	if c.looked.uptime != 0 && r.uptime != 0 {
		if slept := r.uptime - c.looked.uptime - elapsed; slept >= sleepLeast {
			c.base += slept // time has passed, and nobody can have set this
			if slept >= stepAbove {
				c.log.Info("the machine has slept; the server's clock has gone on", "for", slept.Round(time.Second))
			}
		}
	}
	c.looked = r
	if c.allowance < stepMost {
		c.allowance = min(stepMost, c.allowance+elapsed/(stepsPer/stepMost))
	}
	switch off, most := r.wall-c.shown(r), elapsed/slewPortion; {
	case off > stepAbove:
		c.agreed = r.count
		c.weigh(r, off)
	case off < -stepAbove:
		c.agreed, c.jump = r.count, nil
		if !c.behind {
			c.log.Warn("the wall clock is behind; the server's clock slows down until they meet", "ahead_by", (-off).Round(time.Second))
		}
		c.behind = true
		c.base -= most
	default:
		c.behind, c.jump = false, nil
		c.allowance = min(c.allowance, stepMost)
		c.base += max(-most, min(most, off))
		c.settle(r)
	}
}

// weigh takes a reading that is ahead. The clock steps when enough of them agree and it
// is not too far.
func (c *clock) weigh(r reading, off time.Duration) {
	if j := c.jump; j == nil || (off-j.by).Abs() > agreeWithin+(r.count-j.since)/agreePortion {
		c.jump = &jump{by: off, since: r.count}
		if c.warned == 0 || r.count-c.warned >= warnEvery {
			c.log.Warn("the wall clock has jumped ahead; the server goes on by its own until the new time was read steadily",
				"by", off.Round(time.Second), "wall", at(r.wall), "server", at(c.shown(r)), "for", steadyFor)
			c.warned = max(1, r.count)
		}
	}
	if c.jump.readings++; !c.steady() {
		return
	}
	if off > c.allowance {
		if c.said == 0 || r.count-c.said >= sayEvery {
			c.log.Error("the wall clock stays further ahead than the server believes, which goes on by its own clock; "+
				"set the wall clock if it is wrong, and if it is right say so: heddle accept-time TIME --data FOLDER",
				"by", off.Round(time.Second), "wall", at(r.wall), "server", at(c.shown(r)), "believes", c.allowance.Round(time.Second))
			c.said = max(1, r.count)
		}
		return
	}
	c.log.Warn("the wall clock is ahead; the server's clock steps forward", "by", off.Round(time.Second))
	c.base += off
	c.allowance -= off
	c.doubt += off
	c.jump, c.changed = nil, true
}

// steady tells whether readings have agreed about the jump for long enough.
func (c *clock) steady() bool {
	return c.jump != nil && c.jump.readings >= steadyReadings && c.looked.count-c.jump.since >= steadyFor
}

// settle ends the doubt when the wall clock has agreed for long enough.
func (c *clock) settle(r reading) {
	if c.doubt > 0 && r.count-c.agreed >= max(doubtLeast, c.doubt/doubtPortion) {
		c.log.Info("the wall clock has stayed with the server's since it stepped; what is due is deleted again", "stepped_by", c.doubt.Round(time.Second))
		c.doubt, c.changed = 0, true
	}
}

// asks tells whether the clock waits for the operator's word.
func (c *clock) asks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steady()
}

// accept takes the operator's word that it is no earlier than t. What the wall clock is
// ahead of that is weighed as always.
func (c *clock) accept(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow(c.pieces.look())
	word := time.Duration(t.UnixNano())
	if word > c.looked.wall+stepAbove {
		return fmt.Errorf("%s is later than what the wall clock reads, %s: set that first", t.UTC().Format(time.RFC3339), at(c.looked.wall))
	}
	by := word - c.shown(c.looked)
	if by <= 0 {
		return nil
	}
	c.log.Warn("by the operator's word the server's clock steps forward", "by", by.Round(time.Second), "to", at(word))
	c.base += by
	c.doubt, c.allowance, c.agreed = 0, stepMost, c.looked.count
	c.jump, c.said, c.changed = nil, 0, true
	return nil
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

func at(sinceEpoch time.Duration) string {
	return time.Unix(0, int64(sinceEpoch)).UTC().Format(time.RFC3339)
}
