package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/shard"
	"heddle/internal/store"
)

// disowning notes which shards it is to give up.
type disowning struct{ given []uint16 }

func (d *disowning) ShardOf(*engine.Command) uint16                  { return 0 }
func (d *disowning) Do(context.Context, engine.Command) (any, error) { return nil, shard.ErrMoved }
func (d *disowning) Give(string, engine.Command, func(any, error)) (func(), error) {
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
func (d *disowning) RecentEvents(engine.RunID, int64) ([]byte, bool)          { return nil, false }
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
	c := New(Config{Name: "a", Shards: 1, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }, Sequences: func() []uint64 { return nil }, Heard: func([]uint64) {}})
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
	c.Frame("B", &Standing{Open: []OpenRuns{{"g", 3}, {"h", 1}}, Whole: true})
	c.Frame("C", &Standing{Open: []OpenRuns{{"g", 4}}, Whole: true})
	want(7)
	c.Frame("B", &Standing{Open: []OpenRuns{{"g", 1}, {"h", 0}}})
	want(5)
	c.Frame("B", &Standing{Open: []OpenRuns{{"i", 1}}})
	want(5)
	c.Frame("B", &Standing{Open: []OpenRuns{{"h", 1}}, Whole: true})
	want(4)
	c.Frame("B", &Standing{Open: []OpenRuns{{"g", 1}}})
	want(5)
	c.Down("C")
	want(5)
	look("B")
	want(1)
	look()
	want(0)
}

// speaking is a node whose standing changes.
type speaking struct {
	disowning
	open map[string]int
	sent []*Standing
}

func (s *speaking) Open() map[string]int { return maps.Clone(s.open) }
func (s *speaking) Send(_ string, frame any) error {
	s.sent = append(s.sent, frame.(*Standing))
	return nil
}

// TestStandingsAreSaidByWhatChanges: whoever has heard a new link's first one and all after it knows how the node stands, and what
// does not change is not said again.
func TestStandingsAreSaidByWhatChanges(t *testing.T) {
	const shards = 5
	r := rand.New(rand.NewPCG(1, 1))
	node, sequences := &speaking{open: map[string]int{}}, make([]uint64, shards)
	config := Config{Name: "a", Shards: shards, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }, Sequences: func() []uint64 { return slices.Clone(sequences) }}
	c := New(config)
	c.SetNode(node)
	c.Joined("A", node)
	heard := make([]uint64, shards)
	config.Sequences, config.Heard = func() []uint64 { return nil }, func(all []uint64) {
		for id, seq := range all {
			heard[id] = max(heard[id], seq)
		}
	}
	other := New(config)
	other.linked["A"] = true
	hear := func() (n int) {
		for _, s := range node.sent {
			n += len(s.Open) + len(s.Sequences)
			other.Frame("A", s)
		}
		node.sent = nil
		return n
	}
	c.Up("B")
	hear()
	for round := range 200 {
		for range r.IntN(3) {
			group := fmt.Sprint(r.IntN(6))
			if node.open[group] = r.IntN(3); node.open[group] == 0 {
				delete(node.open, group)
			}
			sequences[r.IntN(shards)]++
		}
		if r.IntN(10) == 0 {
			c.Down("B")
			c.Up("B")
		}
		c.Say()
		hear()
		if !maps.Equal(other.standings["A"], node.open) || !slices.Equal(heard, sequences) {
			t.Fatalf("round %d: heard %v %v of %v %v", round, other.standings["A"], heard, node.open, sequences)
		}
		c.Say()
		if n := hear(); n > 0 {
			t.Fatalf("round %d: %d things were said again", round, n)
		}
	}
}

// TestLostSections: a node that serves a shard which had more sections, as another one knows,
// gives it up as lost.
func TestLostSections(t *testing.T) {
	heard := []uint64{}
	c := New(Config{
		Name: "a", Shards: 3, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }, Log: slog.New(slog.DiscardHandler),
		Sequences: func() []uint64 { return []uint64{5, 5, 5} }, Heard: func(all []uint64) { heard = all },
	})
	node := &disowned{}
	c.SetNode(node)
	for id := range c.shards[:2] {
		c.shards[id] = place{epoch: 1, owner: "A", state: owned, mine: 1}
	}
	c.me = "A"
	c.stood("B", &Standing{Sequences: []uint64{5, 6, 6}})
	if !slices.Equal(node.lost, []uint16{1}) || !slices.Equal(heard, []uint64{5, 6, 6}) {
		t.Errorf("gave up %v, heard %v", node.lost, heard)
	}
}

// disowned notes which shards are given up.
type disowned struct {
	Node
	lost []uint16
}

func (d *disowned) Disown(shard uint16, lost bool) {
	if lost {
		d.lost = append(d.lost, shard)
	}
}
