package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
)

// pieces are the clocks of a machine of the test: time passes when it says so, and the
// wall clock reads whatever somebody has set it to.
type pieces struct {
	passed time.Duration // what really has, since the process began
	slept  time.Duration // of which count knows nothing
	truth  time.Duration // the right time when the process began, since the Unix epoch
	off    time.Duration // by which the wall clock is wrong
	up     time.Duration // uptime when the process began; 0: not known
	name   string        // of the boot
}

// trueTime is when the clocks of these tests begin.
const trueTime = time.Duration(1_800_000_000) * time.Second

func newPieces() *pieces { return &pieces{truth: trueTime, up: time.Hour, name: "first"} }

func (p *pieces) count() time.Duration { return p.passed - p.slept }
func (p *pieces) boot() string         { return p.name }
func (p *pieces) wait(ctx context.Context, d time.Duration) error {
	p.passed += d
	return ctx.Err()
}
func (p *pieces) look() reading {
	r := reading{wall: p.truth + p.passed + p.off, count: p.count()}
	if p.up != 0 {
		r.uptime = p.up + p.passed
	}
	return r
}

// right is the right time.
func (p *pieces) right() engine.Time { return engine.Time((p.truth + p.passed) / time.Millisecond) }

func abs(t engine.Time) engine.Time { return max(t, -t) }

func ms(d time.Duration) engine.Time { return engine.Time(d / time.Millisecond) }

// quietClock begins with the wall clock, at which it stayed for a while.
func quietClock(p *pieces) *clock {
	c := newClock(p, slog.New(slog.DiscardHandler))
	c.begin(0, nil)
	run(c, p, 2*lookEvery)
	return c
}

// run lets time pass, and asks the clock each second, as the server does.
func run(c *clock, p *pieces, d time.Duration) {
	for end := p.passed + d; p.passed < end; {
		p.passed += min(lookEvery, end-p.passed)
		c.Now()
	}
}

// TestClockSlowsDown holds that a clock that is ahead of the wall comes back to it
// without ever showing an earlier time.
func TestClockSlowsDown(t *testing.T) {
	p := newPieces()
	c := newClock(p, slog.New(slog.DiscardHandler))
	c.begin(p.right()+30_000, nil) // the store has seen more than the wall clock knows of
	last := c.Now()
	for i := range 2 * 6500 { // just before it follows the wall clock, and then
		if i%2 == 0 {
			p.passed += lookEvery - time.Millisecond
		} else {
			p.passed += time.Millisecond
		}
		now := c.Now()
		if now < last {
			t.Fatalf("after %d the clock shows %d", last, now)
		}
		last = now
	}
	if ahead := last - p.right(); ahead < 0 || ahead > 1 {
		t.Errorf("in the end the clock is ahead by %d ms, want none", ahead)
	}
}

// TestClockIgnoresAWrongReading of any size, for as long as it takes to notice: 40 days
// for 2.5 s are the case that was seen.
func TestClockIgnoresAWrongReading(t *testing.T) {
	cases := 0
	for _, by := range []time.Duration{2 * time.Minute, 59 * time.Minute, 61 * time.Minute, 40 * 24 * time.Hour, 400 * 24 * time.Hour, 100 * 365 * 24 * time.Hour, -time.Hour, -40 * 24 * time.Hour} {
		for _, lasts := range []time.Duration{time.Second, 2500 * time.Millisecond, 9 * time.Second} {
			p := newPieces()
			c := quietClock(p)
			p.off = by
			run(c, p, lasts)
			p.off = 0
			run(c, p, time.Minute)
			if off := c.Now() - p.right(); abs(off) > 100 {
				t.Errorf("after %s of a wall clock that is off by %s the server's is off by %d ms", lasts, by, off)
			}
			if c.Confirmed() != c.Now() {
				t.Errorf("after %s of %s the clock doubts itself", lasts, by)
			}
			cases++
		}
	}
	t.Logf("%d cases", cases)
}

// TestClockSteps when readings agree, within an hour, and says what it did.
func TestClockSteps(t *testing.T) {
	for _, by := range []time.Duration{61 * time.Second, 10 * time.Minute, 59 * time.Minute} {
		p := newPieces()
		var log strings.Builder
		c := quietClock(p)
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		p.truth += by // the one from before was wrong
		run(c, p, steadyFor+2*lookEvery)
		if off := c.Now() - p.right(); abs(off) > 10 {
			t.Errorf("a step of %s: %d ms are left", by, off)
		}
		if doubted := c.Now() - c.Confirmed(); abs(doubted-ms(by)) > 100 {
			t.Errorf("a step of %s: %d ms are doubted", by, doubted)
		}
		for _, want := range []string{"has jumped ahead", "steps forward"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("a step of %s is not in the log: %s", by, log.String())
			}
		}
		run(c, p, max(doubtLeast, by/doubtPortion)-steadyFor)
		if c.Now() == c.Confirmed() {
			t.Errorf("a step of %s is confirmed too early", by)
		}
		run(c, p, steadyFor)
		if c.Now() != c.Confirmed() {
			t.Errorf("a step of %s is doubted for ever", by)
		}
	}
}

// TestClockNeedsTheWord for what is further ahead than an hour, or for many steps that are
// so together, and takes no other for it.
func TestClockNeedsTheWord(t *testing.T) {
	const month = 30 * 24 * time.Hour
	p := newPieces()
	var log strings.Builder
	c := quietClock(p)
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	before := p.right()
	p.truth += month
	began := p.passed
	run(c, p, 2*time.Hour)
	if went := c.Now() - before; abs(went-ms(p.passed-began)) > 100 {
		t.Fatalf("in two hours the clock went on by %d ms", went)
	}
	if n := strings.Count(log.String(), "heddle accept-time"); !c.asks() || n < 2 || n > 4 {
		t.Errorf("it asks %v, and in two hours said %d times what to do: %s", c.asks(), n, log.String())
	}
	right := time.Unix(0, int64(p.truth+p.passed))
	if err := c.accept(right.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "set that first") {
		t.Errorf("the word is an hour ahead of the wall clock: %v", err)
	}
	if err := c.accept(right.Add(-2 * month)); err != nil || c.Now()-p.right() > -ms(month)+1000 {
		t.Errorf("an old word moved the clock to %d before the wall's: %v", p.right()-c.Now(), err)
	}
	if err := c.accept(right.Add(-20 * time.Minute)); err != nil {
		t.Error(err)
	}
	if left := p.right() - c.Now(); abs(left-ms(20*time.Minute)) > 1000 || c.Confirmed() != c.Now() {
		t.Errorf("after the word %d ms are left, and %d doubted", left, c.Now()-c.Confirmed())
	}
	run(c, p, steadyFor+2*lookEvery)
	if off := c.Now() - p.right(); abs(off) > 10 {
		t.Errorf("in the end the clock is off by %d ms", off)
	}

	// A wall clock that creeps.
	p = newPieces()
	c = quietClock(p)
	before, began = c.Now(), p.passed
	for range 100 {
		p.off += 10 * time.Minute
		run(c, p, steadyFor+2*lookEvery)
	}
	if ahead := c.Now() - before - ms(p.passed-began); ahead > ms(stepMost+stepMost/24+time.Minute) {
		t.Errorf("a wall clock that creeps took the server's with it by %d ms", ahead)
	}
}

// TestClockSleeps with its machine, whose count of the time nobody can set.
func TestClockSleeps(t *testing.T) {
	for _, d := range []time.Duration{2 * time.Second, 10 * time.Minute, 60 * 24 * time.Hour} {
		p := newPieces()
		c := quietClock(p)
		p.passed, p.slept = p.passed+d, p.slept+d
		run(c, p, 2*lookEvery)
		if off := c.Now() - p.right(); abs(off) > 10 || c.Now() != c.Confirmed() {
			t.Errorf("after %s of sleep the clock is off by %d ms, and doubts %d", d, off, c.Now()-c.Confirmed())
		}
		p = newPieces()
		p.up = 0 // a machine that does not tell
		c = quietClock(p)
		p.passed, p.slept = p.passed+d, p.slept+d
		run(c, p, steadyFor+2*lookEvery)
		if off := p.right() - c.Now(); d <= stepMost == (abs(off) > ms(d/200+3*time.Second)) {
			t.Errorf("after %s of sleep that nobody counted the clock is off by %d ms", d, off)
		}
	}
}

// TestClockBegins tries what a server may find when it starts.
func TestClockBegins(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name       string
		down       time.Duration // since the last life
		boots      bool          // the machine was started anew
		wall       time.Duration // by which the wall clock is wrong at first
		waits      bool          // for readings
		off, doubt time.Duration // in the end
		word       bool          // is needed
	}{
		{name: "at once", down: time.Second},
		{name: "after a day, the machine stayed up", down: day},
		{name: "after a day, the machine stayed up and its wall clock is wrong", down: day, wall: 40 * day, off: 0},
		{name: "after a day, the machine stayed up and its wall clock is behind", down: day, wall: -40 * day},
		{name: "after a quick boot", down: 40 * time.Second, boots: true},
		{name: "after a day off", down: day, boots: true, waits: true, doubt: day},
		{name: "after half a year off", down: 180 * day, boots: true, waits: true, doubt: 180 * day},
		{name: "after ten years off", down: 3650 * day, boots: true, waits: true, word: true},
		{name: "after a boot with a wall clock that is behind", down: day, boots: true, wall: -40 * day, off: -day},
	} {
		p := newPieces()
		first := quietClock(p)
		run(first, p, time.Hour)
		saved, _ := first.state()
		seen := first.Now()
		p.passed += c.down
		if c.boots {
			p.name, p.up = "second", time.Minute-p.passed
		}
		p.off = c.wall
		right := &pieces{truth: p.truth + p.passed, up: p.up + p.passed, name: p.name, off: c.wall}
		next := newClock(right, slog.New(slog.DiscardHandler))
		if waits := next.begin(seen, &saved); waits != c.waits {
			t.Errorf("%s: it waits: %v", c.name, waits)
			continue
		}
		for ; next.isAhead() && c.waits; right.passed += lookEvery {
			if next.Now()-seen > ms(right.passed)+100 {
				t.Fatalf("%s: while it waits the clock went on by %d ms", c.name, next.Now()-seen)
			}
			if next.asks() && c.word {
				if err := next.accept(time.Unix(0, int64(right.truth+right.passed))); err != nil {
					t.Fatal(err)
				}
			}
			if right.passed > time.Minute {
				t.Fatalf("%s: it waits for ever", c.name)
			}
		}
		if c.waits && right.passed < steadyFor {
			t.Errorf("%s: it waited for %s", c.name, right.passed)
		}
		if off := next.Now() - right.right(); abs(off-ms(c.off)) > 1000 {
			t.Errorf("%s: it begins off by %d ms", c.name, off)
		}
		if doubt := next.Now() - next.Confirmed(); abs(doubt-ms(c.doubt)) > 1000 {
			t.Errorf("%s: it doubts %d ms", c.name, doubt)
		}
		// The doubt outlives the process.
		saved, _ = next.state()
		again := newClock(right, slog.New(slog.DiscardHandler))
		if again.begin(next.Now(), &saved); abs(again.Now()-again.Confirmed()-ms(c.doubt)) > 1000 && c.doubt > 0 {
			t.Errorf("%s: after a restart it doubts %d ms", c.name, again.Now()-again.Confirmed())
		}
	}
}

// witness is told the same as a clock, and says what it may show: by other means, of the
// rules as they stand in docs/OPERATING.md.
type witness struct {
	readings  []reading // one for each look
	last      engine.Time
	confirmed engine.Time
	trusted   int // how often a step was confirmed
	spent     []struct{ at, by time.Duration }
}

// judge compares what the clock shows with what it may.
func (w *witness) judge(p *pieces, c *clock) error {
	before, beforeConfirmed := w.last, w.confirmed
	now, confirmed := c.Now(), c.Confirmed()
	w.last, w.confirmed = now, confirmed
	r := p.look()
	w.readings = append(w.readings, r)
	if before == 0 {
		return nil
	}
	elapsed := r.count - w.readings[len(w.readings)-2].count
	if now < before || confirmed < beforeConfirmed || confirmed > now {
		return fmt.Errorf("from %d and %d the clock went to %d and %d", before, beforeConfirmed, now, confirmed)
	}
	natural := ms(elapsed+elapsed/slewPortion) + 2
	if slept := r.uptime - w.readings[len(w.readings)-2].uptime - elapsed; slept >= sleepLeast {
		natural += ms(slept)
	}
	if step := now - before - natural; step > 0 {
		if n := w.agreeing(); n < steadyReadings {
			return fmt.Errorf("it stepped by %d ms after %d readings that agree", step, n)
		}
		if abs(now-ms(r.wall)) > 2 {
			return fmt.Errorf("it stepped to %d, and the wall clock reads %d", now, ms(r.wall))
		}
		w.spent = append(w.spent, struct{ at, by time.Duration }{r.count, time.Duration(step) * time.Millisecond})
		var day time.Duration
		for _, s := range w.spent {
			if r.count-s.at < stepsPer {
				day += s.by
			}
		}
		if day > 2*stepMost {
			return fmt.Errorf("readings alone moved it by %s in a day", day)
		}
	}
	if jump := confirmed - beforeConfirmed - natural; jump > 0 {
		w.trusted++
		// All readings of the last ten minutes are near to what the clock showed then.
		for i := len(w.readings) - 1; i >= 0 && r.count-w.readings[i].count < doubtLeast-2*lookEvery; i-- {
			then := now - ms(ran(r)-ran(w.readings[i]))
			if off := then - ms(w.readings[i].wall); abs(off) > ms(stepAbove+doubtLeast/slewPortion+time.Second) {
				return fmt.Errorf("%d ms more are confirmed, though %s ago the wall clock was off by %d ms", jump, r.count-w.readings[i].count, off)
			}
		}
	}
	return nil
}

// ran is how long the machine has run as far as that is known, by what nobody can set.
func ran(r reading) time.Duration {
	if r.uptime != 0 {
		return r.uptime
	}
	return r.count
}

// agreeing counts the last readings that agree, if they do for long enough.
func (w *witness) agreeing() int {
	last := w.readings[len(w.readings)-1]
	off := last.wall - ran(last)
	n, since := 0, last.count
	for i := len(w.readings) - 1; i >= 0; i-- {
		r := w.readings[i]
		if (r.wall - ran(r) - off).Abs() > agreeWithin+(last.count-r.count)/agreePortion+100*time.Millisecond {
			break
		}
		n, since = n+1, r.count
	}
	if last.count-since < steadyFor {
		return 0
	}
	return n
}

// TestClockOnAnyWall sets the wall clock to this and that at random: forward and back, by
// seconds and by centuries, for moments and for hours, with sleeps of the machine between.
func TestClockOnAnyWall(t *testing.T) {
	var steps, confirmed, wrong int
	const seeds = 400
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 5))
		p := newPieces()
		if seed%4 == 0 {
			p.up = 0
		}
		c := newClock(p, slog.New(slog.NewTextHandler(io.Discard, nil)))
		c.begin(0, nil)
		w := &witness{}
		sizes := []time.Duration{30 * time.Second, 5 * time.Minute, 50 * time.Minute, 26 * time.Hour, 40 * 24 * time.Hour, 100 * 365 * 24 * time.Hour}
		for range 40 {
			switch random.IntN(8) {
			case 0:
				p.off = 0
			case 1:
				d := time.Duration(random.Int64N(int64(sizes[random.IntN(4)])))
				p.passed, p.slept = p.passed+d, p.slept+d
			case 2:
				p.off += time.Duration(random.Int64N(int64(2*time.Minute))) - time.Minute
			default:
				p.off = time.Duration(random.Int64N(int64(sizes[random.IntN(len(sizes))])))
				if random.IntN(3) == 0 {
					p.off = -p.off
				}
			}
			lasts := []time.Duration{time.Second, 3 * time.Second, 15 * time.Second, 20 * time.Minute}[random.IntN(4)]
			for end := p.passed + lasts; p.passed < end; {
				p.passed += lookEvery + time.Duration(random.Int64N(int64(200*time.Millisecond)))
				if random.IntN(20) == 0 {
					p.off += time.Duration(random.Int64N(int64(400*time.Millisecond))) - 200*time.Millisecond
				}
				if err := w.judge(p, c); err != nil {
					t.Fatalf("seed %d, after %s: %v", seed, p.passed, err)
				}
			}
			if p.off.Abs() > stepAbove {
				wrong++
			}
		}
		steps += len(w.spent)
		confirmed += w.trusted
	}
	t.Logf("%d sequences, %d times a wrong wall clock: %d steps, %d times one or more were confirmed", seeds, wrong, steps, confirmed)
	if steps < seeds/4 || confirmed < seeds/20 {
		t.Error("too little happened")
	}
}

// TestServerWaitsForTheTime, and ends the wait when it is told to stop.
func TestServerWaitsForTheTime(t *testing.T) {
	p := newPieces()
	p.name = "" // nobody counts
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone, timepieces: p}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mustCall(t, s, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.truth += 30 * 24 * time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Log = slog.New(slog.NewTextHandler(onWrite(func(line []byte) {
		if bytes.Contains(line, []byte("it starts when that has proved steady")) {
			cancel()
		}
	}), nil))
	if _, err := Start(ctx, cfg); err == nil || !strings.Contains(err.Error(), "steady wall clock") {
		t.Errorf("it did not wait: %v", err)
	}
}

// onWrite is a writer that has somebody told what is written.
type onWrite func([]byte)

func (f onWrite) Write(b []byte) (int, error) { f(b); return len(b), nil }
