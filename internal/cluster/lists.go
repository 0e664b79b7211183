package cluster

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/matching"
)

// Offer is part of shard.Offers: a shard here has a task.
func (c *Cluster) Offer(run engine.RunID, o engine.Offer) {
	if o.Held {
		c.Withdraw(o.List, run, o.ID)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.ListOf(o.List)
	if c.own[id] == nil {
		c.own[id] = map[task]engine.Offer{}
	}
	c.own[id][task{o.List, run, o.ID}] = o
	c.offerTo(id, run, o)
}

// offerTo offers a task of this node where its list is.
func (c *Cluster) offerTo(list uint16, run engine.RunID, o engine.Offer) {
	if p := &c.shards[list]; p.state == owned || p.state == giving {
		c.Matcher.Offer(run, o)
		return
	}
	c.sendTo(list, &Offer{run, c.shards[run.Shard()].mine, o})
}

// Withdraw is part of shard.Offers.
func (c *Cluster) Withdraw(list string, run engine.RunID, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.ListOf(list)
	delete(c.own[at], task{list, run, id})
	c.Matcher.Withdraw(list, run, id)
	c.sendTo(at, &Withdraw{list, run, id, c.shards[run.Shard()].mine})
}

// WithdrawShard is part of shard.Offers.
func (c *Cluster) WithdrawShard(shard uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, offers := range c.own {
		for t := range offers {
			if t.run.Shard() == shard {
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
	cancel context.CancelFunc
	ends   chan matching.Ending
}

func (s *served) ended(how matching.Ending) {
	if how == 0 {
		s.cancel()
		return
	}
	select {
	case s.ends <- how:
	default: // more than one: the claim has ended
	}
}

func (c *Cluster) servePoll(member string, f *Poll) {
	if !c.hasList(f.List) || c.drained {
		c.send(c.links, member, &PollOver{ID: f.ID})
		return
	}
	ctx, cancel := context.WithCancel(c.life)
	s, name := &served{cancel, make(chan matching.Ending, 1)}, serving{member, f.ID}
	c.served[name] = s
	over := c.await(f.List, cancel)
	links := c.links
	c.work.Go(func() {
		defer over()
		defer cancel()
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
		send(&Claimed{f.ID, claim.Run, claim.ID})
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
	member string
	answer chan any // *Claimed or *PollOver; has room for both
}

// Drain ends all polls of this node with no task, and every later one at once.
func (c *Cluster) Drain() {
	c.mu.Lock()
	c.drained = true
	for id, p := range c.polls {
		delete(c.polls, id)
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
			over, me := c.await(list, cancel), c.me
			c.mu.Unlock()
			claim, err := c.Matcher.PollFrom(here, me, list, who)
			over()
			cancel()
			if claim != nil || err != nil {
				return claim, err
			}
		case c.linked[p.owner]:
			c.calls++
			far := &farPoll{p.owner, make(chan any, 2)}
			ticket := c.calls
			c.polls[ticket] = far
			c.send(c.links, far.member, &Poll{ticket, list, who})
			c.mu.Unlock()
			claim, err := c.awaitClaim(ctx, ticket, far)
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
func (c *Cluster) awaitClaim(ctx context.Context, ticket uint64, far *farPoll) (*matching.Claim, error) {
	select {
	case a := <-far.answer:
		switch a := a.(type) {
		case *Claimed:
			return matching.FarClaim(a.Run, a.Offer, &farClaim{c, ticket, far}), nil
		case *PollOver:
			if a.TooMany {
				return nil, matching.ErrTooManyPolls
			}
		}
		return nil, nil
	case <-ctx.Done():
		c.endPoll(ticket, far, 0)
		return nil, nil
	}
}

// farClaim is how a claim ends that is elsewhere.
type farClaim struct {
	cluster *Cluster
	ticket  uint64
	poll    *farPoll
}

// End implements matching.Far.
func (f *farClaim) End(how matching.Ending) { f.cluster.endPoll(f.ticket, f.poll, how) }

// endPoll says how a poll elsewhere has ended.
func (c *Cluster) endPoll(ticket uint64, far *farPoll, how matching.Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polls[ticket] != far {
		return
	}
	if how != matching.Refused {
		delete(c.polls, ticket)
	}
	c.send(c.links, far.member, &PollEnd{ticket, how})
}

// Refuse is matching.Matcher.Refuse.
func (c *Cluster) Refuse(ctx context.Context, claim *matching.Claim) *matching.Claim {
	if far, ok := claim.Far().(*farClaim); ok {
		claim.End(matching.Refused)
		next, _ := c.awaitClaim(ctx, far.ticket, far.poll)
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
