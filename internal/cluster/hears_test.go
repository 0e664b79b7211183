package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/store"
)

// TestEligible: of members that don't hear each other, the fewest go, and all decide alike.
func TestEligible(t *testing.T) {
	for what, c := range map[string]struct{ unheard, leaving, want string }{
		"all hear all":                          {"", "", "abcd"},
		"two don't, and say so both":            {"ab ba", "", "acd"},
		"one does not hear, and the other does": {"ba", "", "acd"},
		"one hears nobody":                      {"ba bc bd", "", "acd"},
		"nobody hears one":                      {"ab cb db", "", "acd"},
		"two halves":                            {"ac ad bc bd", "", "ab"},
		"nobody hears anybody":                  {"ab ac ad bc bd cd", "", "a"},
		"a ring that is broken at two places":   {"ab cd", "", "ac"},
		"who leaves does not count":             {"ab ac", "a", "bcd"},
		"one that is no member any more":        {"ax", "", "abcd"},
	} {
		var members []store.Member
		for _, id := range "abcd" {
			m := store.Member{ID: string(id), Name: string(id)}
			var unheard []string
			for _, pair := range strings.Fields(c.unheard) {
				if pair[0] == byte(id) {
					unheard = append(unheard, pair[1:])
				}
			}
			if m.Leaving = strings.ContainsRune(c.leaving, id); len(unheard) > 0 {
				m.Hears = hearsAllBut + strings.Join(unheard, " ")
			}
			members = append(members, m)
		}
		got := ""
		for _, m := range eligible(members) {
			got += m.ID
		}
		if got != c.want {
			t.Errorf("%s: %s may own shards, want %s", what, got, c.want)
		}
	}
}

// TestCutOff: a node says whom it has not heard for some looks; one that is not to own
// shards gives them up, though nobody can be reached who would take them, and takes none; and
// it has them again when it is heard.
func TestCutOff(t *testing.T) {
	const shards = 6 // fewer than are given at a time
	node := &disowning{}
	c := New(Config{Name: "b", Shards: shards, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }})
	c.SetNode(node)
	c.Joined("B", node)
	sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}}, Owners: make([]store.Owner, shards)}
	for i := range sight.Owners {
		sight.Owners[i] = store.Owner{Epoch: 1, Member: "B"}
	}
	c.Looked(sight)
	for i := range uint16(shards) {
		c.Owned(i, 1)
	}
	c.Up("A")
	toA := len(node.given) // a's own, which it can be given
	for i := range toA {
		c.Gone(node.given[i], true)
		sight.Owners[node.given[i]] = store.Owner{Epoch: 2, Member: "A"}
	}
	c.Down("A")
	for i := range 2 * unheardAfter {
		if got := c.Hears(); (got == hearsAllBut+"A") != (i >= unheardAfter) {
			t.Fatalf("after %d looks without a link it says %q", i, got)
		}
		c.Looked(sight)
		sight.Members[1].Hears = c.Hears()
	}
	if !c.CutOff() || len(node.given) != shards || toA == 0 || toA == shards {
		t.Fatalf("%d of %d shards were given up, %d of them while there was a link", len(node.given), shards, toA)
	}
	for i := range sight.Owners {
		if sight.Owners[i].Member == "B" {
			c.Gone(uint16(i), true)
			sight.Owners[i] = store.Owner{Epoch: 2}
		}
	}
	takes := func() (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.shards {
			if c.shards[i].state == taking {
				n++
			}
		}
		return n
	}
	if c.Looked(sight); takes() != 0 {
		t.Error("it takes shards that are free, and is not heard")
	}
	c.Up("A")
	c.Frame("A", &Standing{Whole: true})
	sight.Members[1].Hears = c.Hears()
	if c.Looked(sight); takes() == 0 || c.Hears() != "" || c.CutOff() {
		t.Errorf("heard again, it takes %d shards, and says %q", takes(), c.Hears())
	}
}

// TestCutOffKeepsNobody: who asks a node that is cut off for what others have hears so at once, and may ask
// them: new calls and polls, and polls that waited there before.
func TestCutOffKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, sight := script("B", "B", "B", "B")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		poll := func() error {
			_, err := c.Poll(ctx, scriptList, matching.Poller{})
			return err
		}
		do := func() error {
			_, err := c.Do(ctx, engine.Command{Run: runOf(1, 1)})
			return err
		}
		before := make(chan error, 1)
		go func() { before <- poll() }()
		synctest.Wait()
		if !c.Serves(runOf(1, 1)) {
			t.Error("a run counts as out of reach, though there is a link to its owner")
		}
		c.Down("B")
		c.Down("C")
		synctest.Wait()
		if len(before) != 0 || c.CutOff() {
			t.Fatal("a poll ends when a link does, which may be there again at once")
		}
		for range unheardAfter {
			c.Looked(sight)
		}
		sight.Members[0].Hears = c.Hears()
		c.Looked(sight)
		began := time.Now()
		for what, err := range map[string]error{"a poll from before": <-before, "a poll": poll()} {
			if !errors.Is(err, matching.ErrCutOff) {
				t.Errorf("%s: %v, want ErrCutOff", what, err)
			}
		}
		if err := do(); !errors.Is(err, engine.ErrUnserved) || c.Serves(runOf(1, 1)) {
			t.Errorf("a call: %v, want ErrUnserved; served: %v", err, c.Serves(runOf(1, 1)))
		}
		if waited := time.Since(began); waited > lookAgain {
			t.Errorf("they hear so after %v", waited)
		}
	})
}

// TestAloneKeepsNobody: the same holds of a node that has lost its membership, and then its links: others have declared
// it dead. Before that it waits, since all may have lost theirs with the store.
func TestAloneKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := script("B", "B", "B", "B")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		polled := make(chan error, 1)
		go func() {
			_, err := c.Poll(ctx, scriptList, matching.Poller{})
			polled <- err
		}()
		c.LostHome(0)
		c.Down("B")
		time.Sleep(time.Minute)
		if len(polled) != 0 {
			t.Fatal("a poll ends, though there is a link still")
		}
		c.Down("C")
		began := time.Now()
		if err := <-polled; !errors.Is(err, matching.ErrCutOff) {
			t.Errorf("a poll: %v, want ErrCutOff", err)
		}
		if _, err := c.Do(ctx, engine.Command{Run: runOf(1, 1)}); !errors.Is(err, engine.ErrUnserved) || c.Serves(runOf(1, 1)) {
			t.Errorf("a call: %v, want ErrUnserved; served: %v", err, c.Serves(runOf(1, 1)))
		}
		if waited := time.Since(began); waited > lookAgain {
			t.Errorf("they hear so after %v", waited)
		}
	})
}

// TestUnfit: a node that may not own shards gives all up, though it is alone, and takes them
// when it may.
func TestUnfit(t *testing.T) {
	node := &disowning{}
	c := New(Config{Name: "a", Shards: 1, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 }})
	c.SetNode(node)
	c.Joined("A", node)
	sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}}, Owners: []store.Owner{{Epoch: 1, Member: "A"}}}
	c.Looked(sight)
	c.Owned(0, 1)
	c.SetFit(true)
	if len(node.given) != 0 {
		t.Fatal("it gives its shard up")
	}
	c.SetFit(false)
	if !slices.Equal(node.given, []uint16{0}) {
		t.Fatal("it keeps its shard")
	}
	c.Gone(0, true)
	sight.Owners[0].Member = ""
	if c.Looked(sight); c.shards[0].state != elsewhere {
		t.Error("it takes its shard again")
	}
	c.SetFit(true)
	if c.Looked(sight); c.shards[0].state != taking {
		t.Error("it takes no shard, and may")
	}
}
