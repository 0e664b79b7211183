package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"heddle/internal/engine"
)

// Embedded has a server run inside the process that uses it, as that of a test: it has no
// port (Handler answers requests), all is in memory, polls wait until they have a task or are
// given up, and nothing ticks: what is not due wakes nobody. So it runs in a bubble of
// testing/synctest too, where time passes when everybody waits.
type Embedded struct {
	// Still has the server's clock stand still but for Server.Advance. Else it is what package
	// time shows, as in a bubble.
	Still bool
}

// check refuses what needs a machine of its own.
func (e *Embedded) check(c *Config) error {
	switch {
	case e == nil:
		return nil
	case c.Store != StoreMemory || c.TLS.On() || c.MetricsListen != "" || c.Console == ConsoleOn || c.Audit.Files == AuditFile:
		return errors.New("a server without a port keeps all in memory, and has no TLS, console or audit trail")
	case c.Auth == AuthSigV4 && c.Root.KeyID == "":
		return errors.New("a server without a port is given its root key pair")
	case e.Still && c.TimeSkip != SkipOff:
		return errors.New("a clock that stands still skips nothing")
	}
	return nil
}

// embed gives the server the time that it is to have.
func (s *Server) embed() {
	if s.cfg.Embedded.Still {
		s.alarms = &alarms{set: map[*alarm]struct{}{}}
		s.cfg.timepieces = stillTime(time.Now().UnixNano())
		return
	}
	s.cfg.timepieces = givenTime{newSystemTime()}
}

// Handler answers requests that come on no connection.
func (s *Server) Handler() http.Handler { return s.door }

// Now is what the server's clock shows.
func (s *Server) Now() time.Time { return time.UnixMilli(int64(s.clock.Now())) }

// pollHold is how long polls wait; zero: without end.
func (s *Server) pollHold() time.Duration {
	if s.cfg.Embedded != nil {
		return 0
	}
	return s.cfg.PollHold
}

// within ends contexts by the clock that the server goes by.
func (s *Server) within() func(context.Context, time.Duration) (context.Context, context.CancelFunc) {
	if s.alarms == nil {
		return context.WithTimeout
	}
	return func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		return s.alarms.within(ctx, s.clock.Now()+engine.Time((d+time.Millisecond-1)/time.Millisecond))
	}
}

// stillTime are clocks that show one moment, in nanoseconds since the Unix epoch.
type stillTime time.Duration

func (stillTime) count() time.Duration { return 0 }
func (s stillTime) look() reading      { return reading{wall: time.Duration(s)} }
func (stillTime) boot() string         { return "" }

func (stillTime) wait(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// givenTime are the clocks of package time alone, which in a bubble have nothing to do with
// the machine's.
type givenTime struct{ systemTime }

func (g givenTime) look() reading {
	r := g.systemTime.look()
	r.uptime = 0
	return r
}

func (givenTime) boot() string { return "" }

// alarms end contexts by a clock that stands still.
type alarms struct {
	mu  sync.Mutex // guards what follows
	set map[*alarm]struct{}
}

type alarm struct {
	at  engine.Time
	end context.CancelCauseFunc
}

// within gives a context that ends when the clock has come to a moment.
func (a *alarms) within(ctx context.Context, at engine.Time) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	one := &alarm{at, end}
	a.mu.Lock()
	a.set[one] = struct{}{}
	a.mu.Unlock()
	return ctx, func() {
		a.mu.Lock()
		delete(a.set, one)
		a.mu.Unlock()
		end(context.Canceled)
	}
}

// next is when the next one is due; zero: there is none.
func (a *alarms) next() (next engine.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for one := range a.set {
		if next == 0 || one.at < next {
			next = one.at
		}
	}
	return next
}

// ring ends the contexts that are due.
func (a *alarms) ring(now engine.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for one := range a.set {
		if one.at <= now {
			delete(a.set, one)
			one.end(context.DeadlineExceeded)
		}
	}
}

// Advance lets so much time pass for an embedded server whose clock stands still, stopping at
// each moment at which something is due. Before it goes on, and before it returns, all that
// is runnable has been done: by the server, and by workers that poll it, as Settle has it.
func (s *Server) Advance(ctx context.Context, d time.Duration) error {
	until := s.clock.Now() + engine.Time(d/time.Millisecond)
	for {
		if err := s.Settle(ctx); err != nil {
			return err
		}
		now := s.clock.Now()
		next := s.node.NextWake()
		if alarm := s.alarms.next(); next == 0 || alarm != 0 && alarm < next {
			next = alarm
		}
		if next == 0 || next > until {
			break
		}
		s.moveTo(max(next, now+1)) // what is due already, and does not go, must not keep the time
	}
	s.moveTo(until)
	return s.Settle(ctx)
}

func (s *Server) moveTo(t engine.Time) {
	s.clock.skip(t)
	s.alarms.ring(s.clock.Now())
	s.node.Advance()
}

// How long Settle waits for others in this process. It counts its own looks, since a process
// that does not run, as the machine has other work, must not look like one that has nothing to do.
const (
	settleLook  = 500 * time.Microsecond // of real time, at least, between two looks
	settleQuiet = 200                    // looks at which nothing moved, though somebody has a task, a task waits, or something is due
)

// Settle returns when nothing is runnable: no command or message is under way, no task is in
// a worker's hands and none waits for one. A worker that does nothing with its task for 200 looks,
// a tenth of a second, is not waited for, nor is a task that nobody takes.
func (s *Server) Settle(ctx context.Context) error {
	type moved struct {
		pairings       uint64
		offers, claims int
		commits, calls int
	}
	var before moved
	quiet := 0
	for {
		totals := s.matcher.Totals()
		now := moved{totals.Pairings, totals.Offers, totals.Claims, s.commits.count(), s.requests.Taken()}
		still := s.isStill()
		if !still {
			s.node.Hurry() // what waits a little for others to come, by a clock that stands
		}
		wake := s.node.NextWake()
		due := wake != 0 && wake <= s.clock.Now()
		if due && still {
			s.node.Advance()
		}
		if still && now == before && !due && now.offers == 0 && now.claims == 0 && s.inHands() == 0 {
			return nil
		}
		if !still || now != before {
			before, quiet = now, 0
		} else if quiet++; quiet >= settleQuiet {
			return nil
		}
		if err := (systemTime{}).wait(ctx, settleLook); err != nil {
			return err
		}
	}
}
