package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"heddle/internal/store"
)

// Standing is what a node says of itself: all of it to whoever it has a new link with, or who asks, and every second
// what has changed, if anything has.
type Standing struct {
	Open []OpenRuns
	// Sequences are of the store's; see store.Members. 0: as it was said before.
	Sequences []uint64
	// Whole: what was said before counts no longer.
	Whole bool
	// Asks: the other one is to say all of its own.
	Asks bool
}

// OpenRuns is how many runs of a quota group are open in the shards of a node; 0 ends the group.
type OpenRuns struct {
	Group string
	Runs  int64
}

// Ask asks a node what it knows, for people: What names the question. It is answered by a
// Reply whose value is bytes.
type Ask struct {
	ID    uint64
	What  string
	Given []byte
}

// Say tells the other nodes how this one stands.
func (c *Cluster) Say() {
	open, sequences := c.node.Open(), c.Sequences()
	c.mu.Lock()
	defer c.mu.Unlock()
	change := changeOf(&c.said, open, sequences)
	c.said = said{open, sequences}
	if len(change.Open) == 0 && len(change.Sequences) == 0 {
		return
	}
	for member := range c.linked {
		c.send(c.links, member, change)
	}
}

// sayAll tells a node all of how this one stands.
func (c *Cluster) sayAll(member string) {
	all := changeOf(&said{}, c.said.open, c.Sequences())
	all.Whole = true
	c.send(c.links, member, all)
}

// said is what a node has said of itself.
type said struct {
	open      map[string]int
	sequences []uint64
}

// changeOf is what others have not heard yet, who know what was said before.
func changeOf(before *said, open map[string]int, sequences []uint64) *Standing {
	change := &Standing{}
	for group, n := range open {
		if before.open[group] != n {
			change.Open = append(change.Open, OpenRuns{group, int64(n)})
		}
	}
	for group := range before.open {
		if open[group] == 0 {
			change.Open = append(change.Open, OpenRuns{Group: group})
		}
	}
	for id, seq := range sequences {
		if id >= len(before.sequences) || before.sequences[id] != seq {
			if change.Sequences == nil {
				change.Sequences = make([]uint64, len(sequences))
			}
			change.Sequences[id] = seq
		}
	}
	return change
}

// stood takes in how another node stands.
func (c *Cluster) stood(member string, s *Standing) {
	if s.Asks {
		c.sayAll(member)
	}
	if s.Whole {
		c.heard[member] = true
		delete(c.forgotten, member)
	}
	open := c.standings[member]
	if open == nil || s.Whole {
		open = map[string]int{}
		c.standings[member] = open
	}
	for _, o := range s.Open {
		if open[o.Group] = int(o.Runs); o.Runs == 0 {
			delete(open, o.Group)
		}
	}
	c.addUp()
	mine := c.Sequences()
	c.Heard(s.Sequences)
	for id, seq := range s.Sequences[:min(len(s.Sequences), len(c.shards), len(mine))] {
		if p := &c.shards[id]; p.state == owned && seq > mine[id] {
			c.Log.Error("the store has lost acknowledged steps of a shard, another node says", "shard", id, "has", mine[id], "acknowledged", seq)
			c.node.Disown(uint16(id), true) // and whoever takes it is refused
		}
	}
}

// addUp makes anew what OpenElsewhere reads.
func (c *Cluster) addUp() {
	sum := map[string]int{}
	for _, open := range c.standings {
		for group, n := range open {
			sum[group] += n
		}
	}
	c.openAway.Store(&sum)
}

// forgetStandings forgets those of members who have gone: others have their shards, and count.
func (c *Cluster) forgetStandings(isMember func(string) bool) {
	before := len(c.standings)
	maps.DeleteFunc(c.standings, func(member string, _ map[string]int) bool { return !isMember(member) })
	if len(c.standings) != before {
		c.addUp()
	}
}

// OpenElsewhere is part of shard.Far: as the others said last.
func (c *Cluster) OpenElsewhere(group string) int {
	if sum := c.openAway.Load(); sum != nil {
		return (*sum)[group]
	}
	return 0
}

// Seen is a member as this node sees it.
type Seen struct {
	store.Member
	Self   bool
	Linked bool // there is a link to it; Self has none
	Shards int  // that it has
}

// Members are all that are known, this node among them, in order of name. Vacant is how many shards
// nobody has who is known.
func (c *Cluster) Members() (members []Seen, vacant int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	has := map[string]int{}
	for id := range c.shards {
		has[c.shards[id].owner]++
	}
	vacant = len(c.shards)
	for _, m := range c.members {
		members = append(members, Seen{m, m.ID == c.me, c.linked[m.ID], has[m.ID]})
		vacant -= has[m.ID]
	}
	return members, vacant
}

// Has tells whether a shard is here.
func (c *Cluster) Has(shard uint16) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shards[shard].state == owned
}

// Alive is how many nodes share the work, this one among them.
func (c *Cluster) Alive() int { return max(1, int(c.alive.Load())) }

// Answer is what a node has answered to a question; this one's is among those of AskAll.
type Answer struct {
	Member store.Member
	Value  []byte
	Err    error
}

var errNoLink = errors.New("there is no link to it")

// AskAll asks all nodes a question, until ctx ends, and gives their answers in order of their names.
// This node answers too.
func (c *Cluster) AskAll(ctx context.Context, what string, given []byte) []Answer {
	c.mu.Lock()
	answers := make([]Answer, len(c.members))
	under := make([]*asked, len(c.members))
	me := -1
	for i, m := range c.members {
		answers[i].Member = m
		if m.ID == c.me {
			me = i
		} else if under[i] = c.ask(m.ID, func(id uint64) any { return &Ask{id, what, given} }); under[i] == nil {
			answers[i].Err = errNoLink
		}
	}
	c.mu.Unlock()
	if me < 0 { // it has been seen by nobody yet
		me = len(answers)
		answers = append(answers, Answer{Member: store.Member{Name: c.Name}})
	}
	answers[me].Value, answers[me].Err = c.Answer(what, given)
	for i, a := range under {
		if a == nil {
			continue
		}
		r := c.answer(ctx, a)
		value, ok := r.Value.([]byte)
		if answers[i].Value, answers[i].Err = value, r.Err; r.Err == nil && !ok {
			answers[i].Err = fmt.Errorf("it does not know %q", what)
		}
	}
	return answers
}

// AskOwner asks the node that has a task list.
func (c *Cluster) AskOwner(ctx context.Context, list, what string, given []byte) ([]byte, error) {
	c.mu.Lock()
	owner := c.shards[c.ListOf(list)].owner
	if c.hasList(list) || owner == "" {
		c.mu.Unlock()
		return c.Answer(what, given)
	}
	a := c.ask(owner, func(id uint64) any { return &Ask{id, what, given} })
	c.mu.Unlock()
	if a == nil {
		return nil, errNoLink
	}
	r := c.answer(ctx, a)
	value, _ := r.Value.([]byte)
	return value, r.Err
}

// serveAsk answers a question of another node, in its turn. The mutex is held.
func (c *Cluster) serveAsk(member string, f *Ask) {
	c.asks = append(c.asks, ask{member, c.links, f})
	if c.answering {
		return
	}
	c.answering = true
	c.work.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for len(c.asks) > 0 {
			a := c.asks[0]
			c.asks = c.asks[1:]
			c.mu.Unlock()
			value, err := c.Answer(a.What, a.Given)
			c.mu.Lock()
			c.send(a.links, a.member, &Reply{ID: a.ID, Value: value, Err: err})
		}
		c.asks, c.answering = nil, false
	})
}

// ask is a question of another node.
type ask struct {
	member string
	links  Links
	*Ask
}
