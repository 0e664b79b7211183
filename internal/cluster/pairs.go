package cluster

import (
	"bytes"
	"cmp"
	"container/list"
	"context"

	"github.com/tidwall/btree"

	"heddle/internal/matching"
)

// line is what of this node waits on a list that another node has.
type line struct {
	polls list.List // of *farPoll, in order
	tasks *btree.BTreeG[*offered]
}

// passesMax is how many tasks of one shard's lists meet polls of their node in a row, before a poll or a task of this
// node goes where its list is: those that wait elsewhere have their turn.
const passesMax = 8

func newLine() *line {
	return &line{tasks: btree.NewBTreeGOptions(isBefore, btree.Options{NoLocks: true, Degree: 8})}
}

// isBefore orders tasks as matching does.
func isBefore(a, b *offered) bool {
	return cmp.Or(-cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.At, b.At), bytes.Compare(a.run[:], b.run[:]), cmp.Compare(a.ID, b.ID)) < 0
}

func (c *Cluster) lineOf(list string) *line {
	l := c.lines[list]
	if l == nil {
		l = newLine()
		c.lines[list] = l
	}
	return l
}

func (c *Cluster) dropIfEmpty(list string, l *line) {
	if l.polls.Len() == 0 && l.tasks.Len() == 0 {
		delete(c.lines, list)
	}
}

// pollWaits has a poll wait at another member's, and here for tasks of this node: behind the others, or, if it waited
// before, before them.
func (c *Cluster) pollWaits(p *farPoll, before bool) {
	polls := &c.lineOf(p.list).polls
	if before {
		p.place = polls.PushFront(p)
	} else {
		p.place = polls.PushBack(p)
	}
}

// pollWaitsNoMore: it has a claim, or has ended.
func (c *Cluster) pollWaitsNoMore(p *farPoll) {
	if p.place == nil {
		return
	}
	l := c.lines[p.list]
	l.polls.Remove(p.place)
	p.place = nil
	c.dropIfEmpty(p.list, l)
}

// taskWaits has a task of this node wait where its list is, and here for polls of this node.
func (c *Cluster) taskWaits(o *offered) {
	o.waits = true
	c.lineOf(o.List).tasks.Set(o)
}

// waitNoMore: a task is here for no poll; nil: there is none.
func (c *Cluster) waitNoMore(o *offered) {
	if o == nil || !o.waits {
		return
	}
	o.waits = false
	l := c.lines[o.List]
	l.tasks.Delete(o)
	c.dropIfEmpty(o.List, l)
}

// met takes in that a poll elsewhere has a claim, and what waits there.
func (c *Cluster) met(p *farPoll, f *Claimed) {
	c.pollWaitsNoMore(p)
	if !f.More {
		delete(c.first, p.list)
		return
	}
	if len(c.first) >= keptMax { // some that nobody polls any more
		clear(c.first)
	}
	c.first[p.list] = matching.Rank{Priority: f.Priority, At: f.At}
}

// isTurnOfOthers tells whether a poll or task that could meet one here is for those that wait elsewhere.
func (c *Cluster) isTurnOfOthers(id uint16) bool {
	if c.passes[id] == passesMax {
		c.passes[id] = 0
		return true
	}
	c.passes[id]++
	return false
}

// pairHere gives a task of this node to a poll of this node that waits at another member's, which hears of both
// when it is over: so nothing crosses that anybody waits for. Where tasks waited when a poll last had one, a poll on its way
// there is for the first of those.
func (c *Cluster) pairHere(id uint16, o *offered) bool {
	l := c.lines[o.List]
	if l == nil || l.polls.Len() == 0 {
		return false
	}
	if _, tasksWait := c.first[o.List]; tasksWait || c.isTurnOfOthers(id) {
		return false
	}
	p := l.polls.Front().Value.(*farPoll)
	c.over(p)
	about := o.Offer
	about.List = "" // that of the poll
	c.send(c.links, p.member, &PollEnd{ID: p.ticket, Run: o.run, Offer: about})
	c.waitNoMore(o)
	o.taken = true
	p.answer <- &hereClaim{c, id, o, p.who}
	return true
}

// takeHere gives a poll of this node the first of this node's tasks that wait where the list is, if none that is
// known to wait there should be long before it.
func (c *Cluster) takeHere(ctx context.Context, id uint16, list string, who matching.Poller) *matching.Claim {
	l := c.lines[list]
	if l == nil || l.polls.Len() > 0 || ctx.Err() != nil {
		return nil
	}
	o, _ := l.tasks.Min()
	rank := matching.Rank{Priority: o.Priority, At: o.At}
	if first, tasksWait := c.first[list]; tasksWait && !rank.IsHardlyAfter(first) || c.isTurnOfOthers(id) {
		return nil
	}
	c.waitNoMore(o)
	o.taken, o.sent = true, false
	c.sendTo(id, &Taken{o.List, o.run, o.ID, c.shards[o.run.Shard()].mine, who})
	return matching.FarClaim(o.run, o.ID, &hereClaim{c, id, o, who})
}

// hereClaim is a claim of a poll of this node on a task of this node.
type hereClaim struct {
	cluster *Cluster
	list    uint16 // its shard
	offered *offered
	who     matching.Poller
}

// End implements matching.Far.
func (h *hereClaim) End(how matching.Ending) {
	c, o := h.cluster, h.offered
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own[h.list][task{o.List, o.run, o.ID}] != o {
		return // it was withdrawn
	}
	o.taken = false
	if how == matching.Returned {
		c.offerTo(h.list, o)
	}
}
