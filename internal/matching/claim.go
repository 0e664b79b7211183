package matching

import (
	"container/heap"

	"heddle/internal/engine"
)

// Claim is a task held by a poll while the run is asked to start it. It ends by
// Accept, Refuse or Return; after its end Accept and Return do nothing, so a
// deferred Return covers every way out. One goroutine uses it.
type Claim struct {
	Run engine.RunID
	ID  int64 // the offer's id
	// Next is the first of the other tasks of the list that waited when it was made, so that polls meet tasks there and
	// not tasks polls; nil: none did.
	Next *Rank

	list   *taskList
	offer  *offer
	ticket uint64
	who    Poller
	home   string
	ended  bool
	far    Far // of a list elsewhere; nil: it is here
}

// Ending is how a claim ends.
type Ending uint8

// Ways in which claims end.
const (
	Accepted Ending = iota + 1
	Returned
	Refused
)

// Rank is where a task stands in its list.
type Rank struct {
	Priority int32
	At       engine.Time
}

// IsHardlyAfter tells whether a task may go before the one that is first, because it is near.
func (r Rank) IsHardlyAfter(first Rank) bool {
	return r.Priority > first.Priority || r.Priority == first.Priority && r.At < first.At+nearAges
}

// Served is why the context of a poll was canceled that has a task from elsewhere: one of the same list, which
// was never offered to this Matcher.
type Served Task

// Error implements error.
func (s *Served) Error() string { return "the poll has a task from elsewhere" }

// Far hears, once, how a claim on a task of a list elsewhere ended.
type Far interface{ End(Ending) }

// FarClaim is a claim on a task of a list that another Matcher has. Its poll waits on there
// after a refusal: it is End that refuses it.
func FarClaim(run engine.RunID, id int64, far Far) *Claim {
	return &Claim{Run: run, ID: id, far: far}
}

// Far is who hears how the claim ends; nil: its list is here.
func (c *Claim) Far() Far { return c.far }

// End ends a claim of a list elsewhere.
func (c *Claim) End(e Ending) {
	if !c.ended {
		c.ended = true
		c.far.End(e)
	}
}

// Accept ends the claim: the task was started for this poll.
func (c *Claim) Accept() {
	if c.far != nil {
		c.End(Accepted)
		return
	}
	s := c.list.stripe
	now := s.now()
	s.mu.Lock()
	first := !c.ended
	if first {
		c.list.out.count(now)
	}
	gone := c.consume()
	s.mu.Unlock()
	if first {
		tell(s.listener.Accepted, c.list.name, gone)
	}
}

// Return ends the claim and puts the task back at its own place: the poller has
// gone, or nobody knows whether the task was started. A task that was withdrawn
// meanwhile stays away.
func (c *Claim) Return() {
	if c.far != nil {
		c.End(Returned)
		return
	}
	s := c.list.stripe
	now := s.now()
	s.mu.Lock()
	if c.ended {
		s.mu.Unlock()
		return
	}
	c.ended = true
	c.list.claims--
	gone := c.offer.gone
	var p Pairing
	paired := false
	if !c.offer.gone {
		heap.Push(&c.list.waiting, c.offer)
		p, paired = c.list.pair(true, now)
		c.list.watch(now)
	}
	c.list.dropIfEmpty()
	s.mu.Unlock()
	tell(s.listener.Returned, c.list.name, gone)
	if paired {
		s.listener.paired(p)
	}
}

// consume ends the claim and its offer. It tells whether that was gone before. The
// stripe is locked.
func (c *Claim) consume() (gone bool) {
	if c.ended {
		return false
	}
	c.ended = true
	c.list.claims--
	if gone = c.offer.gone; !gone {
		c.list.remove(c.offer)
	}
	c.list.dropIfEmpty()
	return gone
}
