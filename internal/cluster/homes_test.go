package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/store"
)

// homed has commands for the shard of their run.
type homed struct{ disowning }

func (*homed) ShardOf(cmd *engine.Command) uint16 { return cmd.Run.Shard() }

// TestHomes: each home has members and owners of its own. One that is lost takes its shards alone; who is a node
// the first one says.
func TestHomes(t *testing.T) {
	const shards = 6 // 0, 2 and 4 in the first home
	node := &homed{}
	waits := 0 // for an owner to be found
	c := New(Config{
		Name: "a", Shards: shards, Homes: 2, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 },
		Within: func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			if waits++; d == lookAgain {
				over, cancel := context.WithCancel(ctx)
				cancel()
				return over, cancel
			}
			if d != lookFor {
				t.Fatalf("it waits %s", d)
			}
			return context.WithCancel(ctx)
		},
	})
	c.SetNode(node)
	c.Joined("A", node)
	both := []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}}
	for wanted(both, 2).ID != "B" { // one that shard 2 falls to
		both[1].Name += "b"
	}
	epochs := [2]uint64{1, 1} // of what was taken last
	sight := func(home int, members []store.Member, owner string) store.Sight {
		s := store.Sight{Home: home, Members: members, Owners: make([]store.Owner, shards)}
		for i := range s.Owners { // those of the other home say what is not so
			s.Owners[i] = store.Owner{Epoch: 7, Member: "X"}
			if i%2 == home {
				s.Owners[i] = store.Owner{Epoch: epochs[home], Member: owner}
			}
		}
		return s
	}
	states := func() (all []state) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.shards {
			all = append(all, c.shards[i].state)
		}
		return all
	}
	looked := func(s store.Sight) {
		for range rejoinLooks { // so that all know all
			c.Looked(s)
		}
	}
	looked(sight(0, both[:1], "A"))
	if got := states(); !slices.Equal(got, []state{taking, elsewhere, taking, elsewhere, taking, elsewhere}) {
		t.Fatalf("after a look at the first home: %v", got)
	}
	if c.Owned(0, 2); c.Settled(1) {
		t.Error("shards of the first home are not served")
	}
	c.Owned(2, 2)
	epochs[0] = 2
	if c.Owned(4, 2); !c.Settled(1) || c.Settled() {
		t.Error("all shards are served but those of the second home, which may be away or not")
	}
	c.Looked(sight(1, both[:1], "")) // looks at the other home don't count for this one
	if got := states(); got[1] != elsewhere {
		t.Errorf("a shard is taken at the first look at its home: %v", got)
	}
	looked(sight(1, both[:1], ""))
	for i := range uint16(shards) {
		if i%2 == 0 {
			continue
		}
		if states()[i] != taking {
			t.Fatalf("shard %d is free, and not taken", i)
		}
		c.Owned(i, 2)
	}
	epochs[1] = 2
	if !c.Settled() {
		t.Fatal("all shards are served")
	}
	own, none := engine.RunID{1: 3}, engine.RunID{1: 200}
	if !c.Serves(own) || !c.Serves(none) {
		t.Error("a run of this node, or of no shard, counts as out of reach")
	}

	// Another node is a member of the first home alone: it gets shards of that one.
	c.Looked(sight(0, both, "A"))
	c.Up("B")
	if len(node.given) == 0 || slices.ContainsFunc(node.given, func(id uint16) bool { return id%2 != 0 }) {
		t.Fatalf("given up for who is no member of the second home: %v", node.given)
	}
	node.given = nil

	c.LostHome(1)
	if !slices.Equal(node.given, []uint16{1, 3, 5}) {
		t.Fatalf("the second home is lost, and given up are %v", node.given)
	}
	for _, id := range node.given {
		c.Gone(id, false)
	}
	waits = 0
	if _, err := c.Do(t.Context(), engine.Command{Run: own}); !errors.Is(err, engine.ErrUnserved) || waits > 1 || c.Serves(own) {
		t.Errorf("a command for a shard whose home is away: %v, after %d waits", err, waits)
	}
	c.Looked(sight(0, both, "A"))
	if got := states(); got[1] != elsewhere || got[3] != elsewhere {
		t.Errorf("shards of a home that is lost are taken: %v", got)
	}
	c.Down("B")
	looked(sight(0, both, "A"))
	c.Looked(sight(0, both[:1], "A")) // the other node has gone, and is not waited for
	c.JoinedHome(1)
	back := sight(1, both[:1], "")
	back.Owners[1].Epoch = 9 // somebody else had that one meanwhile
	c.Looked(back)
	if got := states(); got[1] != elsewhere || got[3] != taking || got[5] != taking { // looks of the membership before don't count
		t.Errorf("at the first look of a membership in the second home: %v", got)
	}
	looked(back)
	if got := states(); got[1] != taking || got[3] != taking || got[5] != taking {
		t.Errorf("the second home is back, and its shards are not taken: %v", got)
	}
}

// TestShutShardsAreRefusedAtOnce: who asks for a shard that lacks acknowledged steps is told so, and does not wait for
// an owner whom it can't have, until a look finds nothing missing. What is lost in one home says nothing of others.
func TestShutShardsAreRefusedAtOnce(t *testing.T) {
	node := &homed{}
	waits := 0
	c := New(Config{
		Name: "a", Shards: 4, Homes: 2, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 },
		Within: func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			if d == lookAgain {
				waits++
			}
			over, cancel := context.WithCancel(ctx)
			cancel()
			return over, cancel
		},
	})
	c.SetNode(node)
	c.Joined("A", node)
	c.JoinedHome(1)
	sight := func(home int, lost ...uint16) store.Sight {
		return store.Sight{Home: home, Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}}, Owners: make([]store.Owner, 4), Lost: lost}
	}
	asked := func(id byte) (text string, waited int) {
		t.Helper()
		waits = 0
		_, err := c.Do(t.Context(), engine.Command{Run: engine.RunID{1: id}})
		if !errors.Is(err, engine.ErrUnserved) {
			t.Fatalf("shard %d: %v", id, err)
		}
		return err.Error(), waits
	}
	const shut = "has lost acknowledged steps"
	c.Looked(sight(0))
	c.Looked(sight(1, 3))
	c.Looked(sight(0))
	for id := range byte(4) {
		if text, waited := asked(id); strings.Contains(text, shut) != (id == 3) || (waited == 0) != (id == 3) {
			t.Errorf("shard %d, when the third lacks steps: %q after %d waits", id, text, waited)
		}
	}
	c.Looked(sight(1))
	if text, waited := asked(3); strings.Contains(text, shut) || waited == 0 {
		t.Errorf("the loss was accepted: %q after %d waits", text, waited)
	}
}
