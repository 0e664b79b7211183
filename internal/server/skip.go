package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/store"
)

// Time skipping, for development: when nothing is runnable the clock jumps to the
// next moment that somebody waits for.
const (
	skipLook = 10 * time.Millisecond // how often to look
	skipIdle = 50 * time.Millisecond // how long nothing must have moved
)

// skipName is a row of the meta space that says that a store was made with time skipping.
const skipName = "server/time-skip"

// markSkip keeps time skipping from a store that was not made with it: what skips
// timeouts and years of retention there would end and delete what somebody counts on.
// A new store is marked before anything is in it.
func markSkip(ctx context.Context, meta store.Meta, cfg *Config) error {
	if cfg.TimeSkip == SkipOff {
		return nil
	}
	_, err := meta.Get(ctx, skipName)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	switch _, err := readKey(ctx, meta, hashKeyName); { // made by the first start
	case err == nil:
		return fmt.Errorf("--time-skip: the store in %q was made without it, and skipping would time out and delete what is there; give another --data, or --store memory", cfg.Data)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return meta.CompareAndSet(ctx, skipName, nil, []byte(cfg.TimeSkip))
}

// runSkip moves the clock forward while nothing is runnable: no command or
// message under way, no task on offer, claimed, in a worker's hands or being performed, and
// no call but polls that wait.
func (s *Server) runSkip(ctx context.Context) {
	s.cfg.Log.Warn("time skipping is on: the clock jumps when nothing is runnable; for development only")
	ticker := time.NewTicker(skipLook)
	defer ticker.Stop()
	var since time.Time
	var pairings uint64
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		totals := s.matcher.Totals()
		idle := totals.Offers == 0 && totals.Claims == 0 && totals.Pairings == pairings &&
			s.inHands() == 0 && s.isStill()
		pairings = totals.Pairings
		now := time.Now()
		if !idle || since.IsZero() {
			since = now
		}
		if !idle || now.Sub(since) < skipIdle {
			continue
		}
		if next := s.nextMoment(); next > s.clock.Now() {
			s.cfg.Log.Debug("skipping time", "to", next)
			s.clock.skip(next)
			s.node.Advance()
			for _, sleeper := range s.sleepers {
				sleeper.Skipped()
			}
		}
		since = now
	}
}

// isStill tells whether the server does nothing itself: no command or message is under way, no performer has a task, and
// all that waits for a moment sleeps.
func (s *Server) isStill() bool {
	for _, sleeper := range s.sleepers {
		if busy, _ := sleeper.Working(); busy != 0 {
			return false
		}
	}
	return s.node.Quiet() && !slices.ContainsFunc(s.idlers, func(i service.Idler) bool { return !i.Idle() })
}

// inHands is how many requests are under way and tasks in workers' hands, but for those that wait for what sleeps.
func (s *Server) inHands() int {
	n := s.requests.Taken() + int(s.node.Working())
	for _, sleeper := range s.sleepers {
		_, waiters := sleeper.Working()
		n -= waiters
	}
	return n
}

func (s *Server) nextMoment() engine.Time {
	timer, deadline := s.node.NextTimer(), s.node.NextDeadline()
	earlier := func(at *engine.Time, other engine.Time) {
		if other != 0 && (*at == 0 || other < *at) {
			*at = other
		}
	}
	for _, sleeper := range s.sleepers {
		earlier(&timer, sleeper.Timer())
		earlier(&deadline, sleeper.Wake())
	}
	if s.cfg.TimeSkip == SkipAll {
		return deadline
	}
	if timer == 0 || deadline == 0 {
		return 0
	}
	return min(timer, deadline) // what comes due on the way to the timer fires at its own time
}
