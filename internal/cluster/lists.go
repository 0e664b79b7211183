package cluster

import (
	"container/list"
	"context"
	"sync"

	"heddle/internal/engine"
	"heddle/internal/matching"
)

// keptMax is of how many lists it is kept where they are: some 2 MB at most.
const keptMax = 1000

// keeping gives where lists are, and keeps it of some: else it takes a hash for each frame.
func keeping(listOf func(list string) uint16) func(list string) uint16 {
	var mu sync.RWMutex
	kept := map[string]uint16{}
	return func(list string) uint16 {
		mu.RLock()
		id, is := kept[list]
		mu.RUnlock()
		if is {
			return id
		}
		id = listOf(list)
		mu.Lock()
		defer mu.Unlock()
		if len(kept) >= keptMax {
			clear(kept)
		}
		kept[list] = id
		return id
	}
}

// Offer is part of shard.Offers: a shard here has a task.
func (c *Cluster) Offer(run engine.RunID, o engine.Offer) {
	if o.Held {
		c.Withdraw(o.List, run, o.ID)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, t := c.ListOf(o.List), task{o.List, run, o.ID}
	if c.own[id] == nil {
		c.own[id] = map[task]*offered{}
	}
	mine := c.own[id][t]
	if mine == nil {
		mine = &offered{run: run}
		c.own[id][t] = mine
	}
	c.waitNoMore(mine)
	mine.Offer = o
	c.offerTo(id, mine)
}

// offered is a task of a shard here.
type offered struct {
	run engine.RunID
	engine.Offer
	sent  bool // to who has its list
	taken bool // by a poll of this node, and who has the list offers it to nobody
	waits bool // it is in the line of its list
}

// offerTo offers a task of this node to a poll of this node, or where its list is.
func (c *Cluster) offerTo(list uint16, o *offered) {
	p := &c.shards[list]
	switch {
	case o.taken:
	case p.state == owned || p.state == giving:
		c.waitNoMore(o)
		c.Matcher.Offer(o.run, o.Offer)
	case !c.pairHere(list, o):
		o.sent = true
		c.taskWaits(o)
		c.sendTo(list, &Offer{o.run, c.shards[o.run.Shard()].mine, o.Offer})
	}
}

// offerAll offers all tasks of this node on the lists of a shard.
func (c *Cluster) offerAll(list uint16) {
	for _, o := range c.own[list] {
		c.offerTo(list, o)
	}
}

// Withdraw is part of shard.Offers.
func (c *Cluster) Withdraw(list string, run engine.RunID, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, t := c.ListOf(list), task{list, run, id}
	o := c.own[at][t]
	delete(c.own[at], t)
	c.waitNoMore(o)
	c.Matcher.Withdraw(list, run, id)
	if o == nil || o.sent {
		c.sendTo(at, &Withdraw{list, run, id, c.shards[run.Shard()].mine})
	}
}

// WithdrawShard is part of shard.Offers.
func (c *Cluster) WithdrawShard(shard uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, offers := range c.own {
		for t, o := range offers {
			if t.run.Shard() == shard {
				c.waitNoMore(o)
				delete(offers, t)
			}
		}
	}
	epoch := c.shards[shard].mine
	if c.fresh(shard, epoch) {
		c.Matcher.WithdrawShard(shard)
	}
	for member := range c.linked {
		c.send(c.links, member, &WithdrawShard{shard, epoch})
	}
}

// fresh tells whether what comes of a shard is of its latest epoch that is known here.
func (c *Cluster) fresh(shard uint16, epoch uint64) bool {
	if !c.has(shard) {
		return false
	}
	c.forgetOlder(shard, epoch)
	return epoch == c.from[shard]
}

// forgetOlder forgets the offers of a shard's earlier epochs.
func (c *Cluster) forgetOlder(shard uint16, epoch uint64) {
	if epoch > c.from[shard] {
		c.from[shard] = epoch
		c.Matcher.WithdrawShard(shard)
	}
}

// hasList tells whether a list is here.
func (c *Cluster) hasList(list string) bool {
	p := &c.shards[c.ListOf(list)]
	return p.state == owned || p.state == giving
}

// closeLists ends polls and forgets offers of lists that are no longer here.
func (c *Cluster) closeLists(shard uint16) {
	c.Matcher.WithdrawLists(func(list string) bool { return c.ListOf(list) == shard })
	for p := range c.awaiting[shard] {
		p.cancel()
	}
}

// listPoll is a poll at this node's matcher.
type listPoll struct{ cancel context.CancelFunc }

// await notes a poll that ends when its list leaves. The caller calls the function that it
// gives when the poll is over.
func (c *Cluster) await(list string, cancel context.CancelFunc) (over func()) {
	id, p := c.ListOf(list), &listPoll{cancel}
	if c.awaiting[id] == nil {
		c.awaiting[id] = map[*listPoll]bool{}
	}
	c.awaiting[id][p] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.awaiting[id], p)
	}
}

// serving names something that is done for a member.
type serving struct {
	member string
	id     uint64
}

// served is a poll of another member's.
type served struct {
	cancel context.CancelCauseFunc
	ends   chan matching.Ending
}

// pollEnded takes in how a poll of another member's has ended.
func (c *Cluster) pollEnded(member string, f *PollEnd) {
	name := serving{member, f.ID}
	s := c.served[name]
	switch {
	case s == nil:
	case f.How == 0:
		delete(c.served, name) // nobody wants to hear of it
		var why error
		if f.Run != (engine.RunID{}) {
			why = &matching.Served{Run: f.Run, ID: f.Offer.ID, Priority: f.Offer.Priority, At: f.Offer.At}
		}
		s.cancel(why)
	default:
		select {
		case s.ends <- f.How:
		default: // more than one: the claim has ended
		}
	}
}

func (c *Cluster) servePoll(member string, f *Poll) {
	if c.life.Err() != nil {
		return // as in serveAsk
	}
	if !c.hasList(f.List) || c.drained {
		c.send(c.links, member, &PollOver{ID: f.ID})
		return
	}
	ctx, cancel := context.WithCancelCause(c.life)
	s, name := &served{cancel, make(chan matching.Ending, 1)}, serving{member, f.ID}
	c.served[name] = s
	over := c.await(f.List, func() { cancel(nil) })
	links := c.links
	c.work.Go(func() {
		defer over()
		defer cancel(nil)
		end := c.pollThere(ctx, member, s, f, func(frame any) { c.send(links, member, frame) })
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.served[name] == s {
			delete(c.served, name)
			if end != nil {
				c.send(links, member, end)
			}
		}
	})
}

// pollThere polls for another member, and gives what to tell it in the end.
func (c *Cluster) pollThere(ctx context.Context, member string, s *served, f *Poll, send func(any)) any {
	claim, err := c.Matcher.PollFrom(ctx, member, f.List, f.Who)
	for err == nil && claim != nil {
		claimed := &Claimed{ID: f.ID, Run: claim.Run, Offer: claim.ID}
		if claim.Next != nil {
			claimed.More, claimed.Priority, claimed.At = true, claim.Next.Priority, claim.Next.At
		}
		send(claimed)
		select {
		case how := <-s.ends:
			switch how {
			case matching.Accepted:
				claim.Accept()
				return nil
			case matching.Refused:
				claim = c.Matcher.Refuse(ctx, claim)
				continue
			}
			claim.Return()
			return nil
		case <-ctx.Done():
			claim.Return()
			return &PollOver{ID: f.ID}
		}
	}
	return &PollOver{ID: f.ID, TooMany: err != nil}
}

// farPoll is a poll at another member's.
type farPoll struct {
	member, list string
	who          matching.Poller
	ticket       uint64
	answer       chan any      // *Claimed, *PollOver or *hereClaim; has room for two
	place        *list.Element // among those of its list that wait; nil: it has a claim, or has ended
}

// over ends a poll at another member's, here.
func (c *Cluster) over(p *farPoll) {
	c.pollWaitsNoMore(p)
	delete(c.polls, p.ticket)
}

// Drain ends all polls of this node with no task, and every later one at once.
func (c *Cluster) Drain() {
	c.mu.Lock()
	c.drained = true
	for id, p := range c.polls {
		c.over(p)
		c.send(c.links, p.member, &PollEnd{ID: id})
		p.answer <- &PollOver{}
	}
	c.mu.Unlock()
	c.Matcher.Drain()
}

// Poll is matching.Matcher.Poll, of a list that may be elsewhere. Errors: matching.ErrCutOff.
func (c *Cluster) Poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error) {
	id := c.ListOf(list)
	for {
		c.mu.Lock()
		news, p := c.news, &c.shards[id]
		if c.drained {
			c.mu.Unlock()
			return nil, nil
		}
		switch {
		case p.state == owned || p.state == giving:
			here, cancel := context.WithCancel(ctx)
			over := c.await(list, cancel)
			c.mu.Unlock()
			claim, err := c.Matcher.Poll(here, list, who)
			over()
			cancel()
			if claim != nil || err != nil {
				return claim, err
			}
		case c.linked[p.owner]:
			if claim := c.takeHere(ctx, id, list, who); claim != nil {
				c.mu.Unlock()
				return claim, nil
			}
			c.calls++
			far := &farPoll{member: p.owner, list: list, who: who, ticket: c.calls, answer: make(chan any, 2)}
			c.polls[far.ticket] = far
			c.pollWaits(far, false)
			c.send(c.links, far.member, &Poll{far.ticket, list, who})
			c.mu.Unlock()
			claim, err := c.awaitClaim(ctx, far)
			if claim != nil || err != nil {
				return claim, err
			}
		case c.isAlone(&c.homes[0]): // others should be asked
			c.mu.Unlock()
			return nil, matching.ErrCutOff
		default:
			c.mu.Unlock()
		}
		if !c.pause(ctx, news) {
			return nil, nil
		}
	}
}

// awaitClaim waits for a claim of a poll that is elsewhere; nil: the poll has ended.
func (c *Cluster) awaitClaim(ctx context.Context, far *farPoll) (*matching.Claim, error) {
	var answer any
	select {
	case answer = <-far.answer:
	case <-ctx.Done():
		if c.endPoll(far, 0) {
			return nil, nil
		}
		answer = <-far.answer // by which it has ended before
	}
	switch a := answer.(type) {
	case *Claimed:
		return matching.FarClaim(a.Run, a.Offer, &farClaim{c, far}), nil
	case *hereClaim:
		claim := matching.FarClaim(a.offered.run, a.offered.ID, a)
		if ctx.Err() == context.Canceled {
			claim.Return()
			return nil, nil
		}
		return claim, nil
	case *PollOver:
		if a.TooMany {
			return nil, matching.ErrTooManyPolls
		}
	}
	return nil, nil
}

// farClaim is how a claim ends that is elsewhere.
type farClaim struct {
	cluster *Cluster
	poll    *farPoll
}

// End implements matching.Far.
func (f *farClaim) End(how matching.Ending) { f.cluster.endPoll(f.poll, how) }

// endPoll says how a poll elsewhere has ended; false: it had ended before.
func (c *Cluster) endPoll(far *farPoll, how matching.Ending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polls[far.ticket] != far {
		return false
	}
	switch {
	case how == matching.Refused:
		c.pollWaits(far, true)
	case how == 0 && far.place == nil:
		how = matching.Returned // it has a claim that nobody took in
		fallthrough
	default:
		c.over(far)
	}
	c.send(c.links, far.member, &PollEnd{ID: far.ticket, How: how})
	return true
}

// Refuse is matching.Matcher.Refuse.
func (c *Cluster) Refuse(ctx context.Context, claim *matching.Claim) *matching.Claim {
	switch far := claim.Far().(type) {
	case *farClaim:
		claim.End(matching.Refused)
		next, _ := c.awaitClaim(ctx, far.poll)
		return next
	case *hereClaim:
		claim.End(matching.Refused)
		next, _ := c.Poll(ctx, far.offered.List, far.who)
		return next
	}
	return c.Matcher.Refuse(ctx, claim)
}

// Backlog is matching.Matcher.Backlog. Where nobody can be asked it is 0.
func (c *Cluster) Backlog(list string) int {
	ctx, cancel := c.Within(c.life, lookFor)
	defer cancel()
	id := c.ListOf(list)
	for {
		c.mu.Lock()
		if c.hasList(list) {
			c.mu.Unlock()
			return c.Matcher.Backlog(list)
		}
		news := c.news
		a := c.ask(c.shards[id].owner, func(call uint64) any { return &Count{call, list} })
		c.mu.Unlock()
		if a != nil {
			select {
			case r := <-a.answer:
				if n, ok := r.Value.(int64); ok {
					return int(n)
				}
			case <-ctx.Done():
			}
		}
		if !c.pause(ctx, news) {
			return 0
		}
	}
}
