package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"heddle/internal/store"
)

// Standing is what a node says of itself every second, and to whoever it has a new link with.
type Standing struct{ Open []OpenRuns }

// OpenRuns is how many runs of a quota group are open in the shards of a node.
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
	open := c.node.Open()
	c.mu.Lock()
	defer c.mu.Unlock()
	said := &Standing{Open: make([]OpenRuns, 0, len(open))}
	for group, n := range open {
		said.Open = append(said.Open, OpenRuns{group, int64(n)})
	}
	for member := range c.linked {
		if c.saidTo[member] && maps.Equal(open, c.said) {
			continue // it knows
		}
		c.saidTo[member] = true
		c.send(c.links, member, said)
	}
	c.said = open
}

// stood takes in how another node stands.
func (c *Cluster) stood(member string, s *Standing) {
	open := make(map[string]int, len(s.Open))
	for _, o := range s.Open {
		open[o.Group] = int(o.Runs)
	}
	c.standings[member] = open
	c.addUp()
}

// addUp makes anew what OpenElsewhere reads.
func (c *Cluster) addUp() {
	sum := map[string]int{}
	for _, open := range c.standings {
		for group, n := range open {
			sum[group] += n
		}
	}
	c.elsewhere.Store(&sum)
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
	if sum := c.elsewhere.Load(); sum != nil {
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

// serveAsk answers a question of another node.
func (c *Cluster) serveAsk(member string, f *Ask) {
	links := c.links
	c.work.Go(func() {
		value, err := c.Answer(f.What, f.Given)
		c.send(links, member, &Reply{ID: f.ID, Value: value, Err: err})
	})
}
