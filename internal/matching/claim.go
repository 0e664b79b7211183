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

	list   *taskList
	offer  *offer
	ticket uint64
	ended  bool
}

// Accept ends the claim: the task was started for this poll.
func (c *Claim) Accept() {
	s := c.list.stripe
	s.mu.Lock()
	defer s.mu.Unlock()
	c.consume()
}

// Return ends the claim and puts the task back at its own place: the poller has
// gone, or nobody knows whether the task was started. A task that was withdrawn
// meanwhile stays away.
func (c *Claim) Return() {
	s := c.list.stripe
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.list.claims--
	if !c.offer.gone {
		heap.Push(&c.list.waiting, c.offer)
		c.list.pair()
	}
	c.list.dropIfEmpty()
}

// consume ends the claim and its offer. The stripe is locked.
func (c *Claim) consume() {
	if c.ended {
		return
	}
	c.ended = true
	c.list.claims--
	if !c.offer.gone {
		c.list.remove(c.offer)
	}
	c.list.dropIfEmpty()
}
