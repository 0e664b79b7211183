package cluster

import (
	"context"
	"slices"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/shard"
	"heddle/internal/store"
)

// disowning notes which shards it is to give up.
type disowning struct{ given []uint16 }

func (d *disowning) ShardOf(*engine.Command) uint16 { return 0 }
func (d *disowning) DoFor(context.Context, string, engine.Command) (any, error) {
	return nil, shard.ErrMoved
}
func (d *disowning) CastFor(string, engine.Command)                           {}
func (d *disowning) Own(uint16)                                               {}
func (d *disowning) Disown(shard uint16, lost bool)                           { d.given = append(d.given, shard) }
func (d *disowning) Moved(uint16)                                             {}
func (d *disowning) Receive(shard.FarMessage)                                 {}
func (d *disowning) Acknowledged(shard.FarAck)                                {}
func (d *disowning) Undelivered(func(string) bool, func(engine.RunID, int64)) {}
func (d *disowning) Send(string, any) error                                   { return nil }
func (d *disowning) Open() map[string]int                                     { return nil }
func (d *disowning) Peers([]store.Member)                                     {}

// TestNoMoreShardsAreUnderWayThanAFew while a node hands all of its own over, however quickly
// it releases them: one that was given counts until whoever takes it serves it, or has gone.
func TestNoMoreShardsAreUnderWayThanAFew(t *testing.T) {
	const shards = 40
	node := &disowning{}
	c := New(Config{Name: "a", Shards: shards, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }})
	c.SetNode(node)
	c.Joined("A", node)
	sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}}, Owners: make([]store.Owner, shards)}
	for i := range sight.Owners {
		sight.Owners[i] = store.Owner{Epoch: 1, Member: "A"}
	}
	c.Looked(sight)
	for i := range uint16(shards) {
		c.Owned(i, 1)
	}
	c.Leave() // nobody can be reached yet
	if len(node.given) != 0 {
		t.Fatalf("it gives %d with nobody there", len(node.given))
	}
	c.Up("B")
	served := 0
	for len(node.given) > served {
		if under := len(node.given) - served; under > givesMax {
			t.Fatalf("%d are under way", under)
		}
		for _, id := range slices.Clone(node.given[served:]) {
			c.Gone(id, true)
		}
		if under := len(node.given) - served; under > givesMax {
			t.Fatalf("%d are under way when those before them are released, and nobody serves them", under)
		}
		c.Frame("B", &Announce{node.given[served], 2})
		served++
	}
	if served != shards || !c.Left() {
		t.Errorf("%d of %d were given; left: %v", served, shards, c.Left())
	}
}

// TestTakerThatGoesHoldsNobodyUp: the others are given to whoever is there then.
func TestTakerThatGoesHoldsNobodyUp(t *testing.T) {
	const shards = 40
	node := &disowning{}
	c := New(Config{Name: "a", Shards: shards, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }})
	c.SetNode(node)
	c.Joined("A", node)
	sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}, {ID: "C", Name: "c"}}, Owners: make([]store.Owner, shards)}
	for i := range sight.Owners {
		sight.Owners[i] = store.Owner{Epoch: 1, Member: "A"}
	}
	c.Looked(sight)
	for i := range uint16(shards) {
		c.Owned(i, 1)
	}
	c.Up("B")
	c.Leave()
	for _, id := range node.given {
		c.Gone(id, true)
	}
	if len(node.given) != givesMax {
		t.Fatalf("it gives %d", len(node.given))
	}
	c.Down("B")
	c.Up("C")
	if len(node.given) != 2*givesMax {
		t.Errorf("it gives %d when the first taker has gone", len(node.given))
	}
}

// TestStandings: what others have open counts as they said last, as long as they are members,
// whether or not there is a link to them.
func TestStandings(t *testing.T) {
	node := &disowning{}
	c := New(Config{Name: "a", Shards: 1, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }})
	c.SetNode(node)
	c.Joined("A", node)
	look := func(members ...string) {
		sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}}, Owners: make([]store.Owner, 1)}
		for _, m := range members {
			sight.Members = append(sight.Members, store.Member{ID: m, Name: m})
		}
		c.Looked(sight)
		if c.Alive() != 1+len(members) {
			t.Errorf("%d are alive of %d", c.Alive(), 1+len(members))
		}
	}
	want := func(n int) {
		t.Helper()
		if got := c.OpenElsewhere("g"); got != n {
			t.Errorf("%d are open elsewhere, want %d", got, n)
		}
	}
	want(0)
	look("B", "C")
	c.Up("B")
	c.Up("C")
	c.Frame("B", &Standing{[]OpenRuns{{"g", 3}, {"h", 1}}})
	c.Frame("C", &Standing{[]OpenRuns{{"g", 4}}})
	want(7)
	c.Frame("B", &Standing{[]OpenRuns{{"g", 1}}})
	want(5)
	c.Down("C")
	want(5)
	look("B")
	want(1)
	look()
	want(0)
}
