package matching

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counters are what a metric would make of what it is told.
type counters struct {
	offered, withdrawn, began, paired    atomic.Int64
	accepted, refused, returned, removed atomic.Int64
	polls                                [3]atomic.Int64
}

func (c *counters) listener() *Listener {
	left := func(n *atomic.Int64, removes bool) func(string, bool) {
		return func(_ string, gone bool) {
			n.Add(1)
			if removes && !gone {
				c.removed.Add(1)
			}
		}
	}
	return &Listener{
		Offered:   func(Task) { c.offered.Add(1) },
		Withdrawn: func(_ string, tasks int) { c.withdrawn.Add(int64(tasks)) },
		PollBegan: func(string) { c.began.Add(1) },
		PollEnded: func(_ string, polls int, why PollEnd) { c.polls[why].Add(int64(polls)) },
		Paired:    func(Pairing) { c.paired.Add(1) },
		Accepted:  left(&c.accepted, true), Refused: left(&c.refused, true), Returned: left(&c.returned, false),
	}
}

// want wants the sums to be what there is. Of Totals.Offers the claimed ones count too.
func (c *counters) want(t *testing.T, want Totals) {
	t.Helper()
	ended := int64(0)
	for i := range c.polls {
		ended += c.polls[i].Load()
	}
	got := Totals{
		Offers:   int(c.offered.Load() - c.withdrawn.Load() - c.removed.Load()),
		Polls:    int(c.began.Load() - ended - c.paired.Load()),
		Claims:   int(c.paired.Load() - c.accepted.Load() - c.refused.Load() - c.returned.Load()),
		Pairings: uint64(c.paired.Load()),
	}
	if got != want {
		t.Errorf("told of %+v, want %+v", got, want)
	}
}

func (m *Matcher) pairings() uint64 { return m.Totals().Pairings }

// story is what was told, in words.
type story struct {
	mu    sync.Mutex
	lines []string
}

func (s *story) add(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, a...))
}

func (s *story) want(t *testing.T, lines ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.lines, lines) {
		t.Errorf("told\n%q, want\n%q", s.lines, lines)
	}
	s.lines = nil
}

func (s *story) listener() *Listener {
	return &Listener{
		Offered:   func(o Task) { s.add("offered %s %d, priority %d, at %d", o.List, o.ID, o.Priority, o.At) },
		Withdrawn: func(list string, n int) { s.add("withdrawn %d of %s", n, list) },
		PollBegan: func(list string) { s.add("poll of %s", list) },
		PollEnded: func(list string, n int, why PollEnd) { s.add("%d polls of %s ended: %d", n, list, why) },
		Paired:    func(p Pairing) { s.add("paired %s %d at %d, poll waited: %v", p.List, p.ID, p.At, p.PollWaited) },
		Accepted:  func(list string, gone bool) { s.add("accepted of %s, gone: %v", list, gone) },
		Refused:   func(list string, gone bool) { s.add("refused of %s, gone: %v", list, gone) },
		Returned:  func(list string, gone bool) { s.add("returned to %s, gone: %v", list, gone) },
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s story
		m := New(Config{PollsPerListMax: 10, Listener: s.listener()})
		o := offerOf("l", 1)
		o.At, o.Priority = 5, 2
		m.Offer(run(1, 1), o)
		m.Offer(run(1, 1), o) // tells nothing new
		s.want(t, "offered l 1, priority 2, at 5")
		c := mustPoll(t, m, t.Context(), "l")
		s.want(t, "poll of l", "paired l 1 at 5, poll waited: false")
		c.Return()
		c.Return()
		s.want(t, "returned to l, gone: false")

		c = mustPoll(t, m, t.Context(), "l")
		m.Withdraw("l", run(1, 1), 1)
		m.Withdraw("l", run(1, 1), 1)
		s.want(t, "poll of l", "paired l 1 at 5, poll waited: false", "withdrawn 1 of l")
		again := refusing(m, c, t.Context())
		synctest.Wait()
		s.want(t, "refused of l, gone: true", "poll of l")
		m.Offer(run(1, 1), offerOf("l", 2))
		c = <-again
		s.want(t, "offered l 2, priority 0, at 2", "paired l 2 at 2, poll waited: true")
		c.Accept()
		c.Accept()
		s.want(t, "accepted of l, gone: false")

		for i, why := range []PollEnd{PollOver, PollGone, PollsDrained} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			a, b := waiting(m, ctx, "l"), (<-chan *Claim)(nil)
			if why == PollsDrained {
				b = waiting(m, ctx, "l")
			}
			synctest.Wait()
			switch why {
			case PollOver:
				time.Sleep(time.Second)
			case PollGone:
				cancel()
			case PollsDrained:
				m.Drain()
				wantID(t, <-b, 0)
			}
			wantID(t, <-a, 0)
			cancel()
			if why == PollsDrained {
				s.want(t, "poll of l", "poll of l", "2 polls of l ended: 2")
			} else {
				s.want(t, "poll of l", fmt.Sprintf("1 polls of l ended: %d", i))
			}
		}
		m.Offer(run(1, 1), offerOf("l", 3))
		m.Offer(run(1, 2), offerOf("l", 4))
		m.Offer(run(2, 1), offerOf("l", 5))
		s.want(t, "offered l 3, priority 0, at 3", "offered l 4, priority 0, at 4", "offered l 5, priority 0, at 5")
		m.WithdrawShard(1)
		m.WithdrawShard(1)
		s.want(t, "withdrawn 2 of l")
		wantID(t, mustPoll(t, m, t.Context(), "l"), 0) // after Drain nobody waits
		s.want(t)
	})
}

// TestListenerMayCall the matcher that tells it.
func TestListenerMayCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *Matcher
		calls := 0
		look := func() { m.Totals(); m.Backlog("l"); calls++ }
		m = New(Config{PollsPerListMax: 10, Listener: &Listener{
			Offered:   func(Task) { look() },
			Withdrawn: func(string, int) { look() },
			PollBegan: func(string) { look() },
			PollEnded: func(string, int, PollEnd) { look() },
			Paired:    func(Pairing) { look() },
			Accepted:  func(string, bool) { look() }, Refused: func(string, bool) { look() }, Returned: func(string, bool) { look() },
		}})
		m.Offer(run(1, 1), offerOf("l", 1))
		mustPoll(t, m, t.Context(), "l").Return()
		mustPoll(t, m, t.Context(), "l").Accept()
		m.Offer(run(1, 1), offerOf("l", 2))
		c := mustPoll(t, m, t.Context(), "l")
		m.WithdrawShard(1)
		polls := refusing(m, c, t.Context())
		synctest.Wait()
		m.Drain()
		wantID(t, <-polls, 0)
		if calls != 14 {
			t.Errorf("%d calls", calls)
		}
	})
}

// TestNobodyListens to anything, or to one thing.
func TestNobodyListens(t *testing.T) {
	paired := 0
	for _, l := range []*Listener{nil, {}, {Paired: func(Pairing) { paired++ }}} {
		m := New(Config{PollsPerListMax: 10, Listener: l})
		m.Offer(run(1, 1), offerOf("l", 1))
		mustPoll(t, m, t.Context(), "l").Return()
		mustPoll(t, m, t.Context(), "l").Accept()
		m.Drain()
	}
	if paired != 2 {
		t.Errorf("paired %d times", paired)
	}
}
