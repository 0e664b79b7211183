package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/store"
)

// Orders of events without whose rules a cluster fails, each by itself; the simulation meets
// them in worlds of many.

// scripted is the shards and the links of a node whose events a test orders.
type scripted struct {
	disowning
	took        []uint16
	peers       []string // whom commands were for
	links       []store.Member
	isGone      func(peer string) bool
	undelivered func(engine.RunID, int64)
	sent        []frameTo
}

type frameTo struct {
	member string
	frame  any
}

func (s *scripted) ShardOf(cmd *engine.Command) uint16      { return cmd.Run.Shard() }
func (s *scripted) Own(shard uint16)                        { s.took = append(s.took, shard) }
func (s *scripted) CastFor(peer string, cmd engine.Command) { s.peers = append(s.peers, peer) }
func (s *scripted) Undelivered(isGone func(string) bool, undelivered func(engine.RunID, int64)) {
	s.isGone, s.undelivered = isGone, undelivered
}
func (s *scripted) Peers(members []store.Member) { s.links = members }
func (s *scripted) Send(member string, frame any) error {
	s.sent = append(s.sent, frameTo{member, frame})
	return nil
}

// sentOf gives the frames of a kind, in order.
func sentOf[F any](s *scripted) (all []F) {
	for _, one := range s.sent {
		if f, ok := one.frame.(F); ok {
			all = append(all, f)
		}
	}
	return all
}

const (
	scriptShards = 4
	scriptList   = "list" // is where shard 0 is
)

// script is node a, member A, beside B and C, with links to both. The shards are whose it is
// given, of epoch 1.
func script(owners ...string) (*Cluster, *scripted, store.Sight) {
	s := &scripted{}
	c := New(Config{
		Name: "a", Shards: scriptShards, Matcher: matching.New(matching.Config{PollsPerListMax: 1}), ListOf: func(string) uint16 { return 0 },
		Undelivered: func(id int64) any { return id }, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
	})
	c.SetNode(s)
	c.Joined("A", s)
	for _, other := range []string{"B", "C"} {
		c.Up(other)
		c.Frame(other, &Standing{Whole: true})
	}
	sight := store.Sight{Members: []store.Member{{ID: "A", Name: "a"}, {ID: "B", Name: "b"}, {ID: "C", Name: "c"}}, Owners: make([]store.Owner, scriptShards)}
	for i, owner := range owners {
		sight.Owners[i] = store.Owner{Epoch: 1, Member: owner}
	}
	for range rejoinLooks {
		c.Looked(sight)
	}
	for i, owner := range owners {
		if owner == "A" {
			c.Owned(uint16(i), 1)
		}
	}
	s.took, s.given, s.sent = nil, nil, nil
	return c, s, sight
}

// runOf is a run of a shard.
func runOf(shard uint16, n byte) engine.RunID {
	run := engine.NewRunID(shard, engine.Seed{n})
	return run
}

// TestLateWordOfAnEarlierOwner: whatever is heard of a shard's past changes nothing, in
// whatever order it comes: announcements, gifts, looks.
func TestLateWordOfAnEarlierOwner(t *testing.T) {
	for what, late := range map[string]func(*Cluster, store.Sight){
		"an announcement": func(c *Cluster, _ store.Sight) { c.Frame("B", &Announce{Shard: 1, Epoch: 4}) },
		"a gift":          func(c *Cluster, _ store.Sight) { c.Frame("B", &Given{Shard: 1, Epoch: 4}) },
		"a look": func(c *Cluster, s store.Sight) {
			s.Owners[1] = store.Owner{Epoch: 3, Member: "B"}
			c.Looked(s)
		},
		"that it is free": func(c *Cluster, s store.Sight) {
			s.Owners[1] = store.Owner{Epoch: 4}
			c.Looked(s)
		},
	} {
		c, s, sight := script("B", "B", "B", "B")
		c.Frame("C", &Announce{Shard: 1, Epoch: 5})
		s.took, s.sent = nil, nil
		late(c, sight)
		c.Cast(engine.Command{Run: runOf(1, 1)})
		if p := c.shards[1]; p.owner != "C" || p.epoch != 5 || c.Epoch(1) != 5 || slices.Contains(s.took, 1) {
			t.Errorf("%s of an earlier epoch: the shard is taken for %s's, epoch %d; took %v", what, p.owner, p.epoch, s.took)
		}
		if len(s.sent) == 0 || s.sent[len(s.sent)-1].member != "C" {
			t.Errorf("%s of an earlier epoch: a command went to %v", what, s.sent)
		}
	}
	c, _, _ := script("B", "B", "B", "B")
	c.Frame("C", &Announce{Shard: 1, Epoch: 5})
	// That an epoch's owner has gone is final, whatever its own late word says.
	c.Frame("C", &Given{Shard: 1, Epoch: 5})
	c.Frame("C", &Announce{Shard: 1, Epoch: 5})
	if p := c.shards[1]; p.owner != "" || p.state != taking {
		t.Errorf("a shard that was given to this node: %+v", p)
	}
}

// TestWhatTheStoreSaysIsMine is taken first, whoever should have it, and not served before the
// take-over has succeeded; then it is given on.
func TestWhatTheStoreSaysIsMine(t *testing.T) {
	c, s, sight := script("B", "B", "B", "B")
	for i := range sight.Owners { // the answers to its Acquire were lost
		sight.Owners[i] = store.Owner{Epoch: 2, Member: "A"}
	}
	c.Looked(sight)
	if !slices.Equal(s.took, []uint16{0, 1, 2, 3}) {
		t.Errorf("it takes %v of the four shards that the store says are its own", s.took)
	}
	if c.hasList(scriptList) || c.Has(1) || c.shards[1].owner == "A" {
		t.Errorf("a shard is served that was only seen in the store: %+v", c.shards[1])
	}
	c.Looked(sight)
	if len(s.given) != 0 {
		t.Errorf("it gives %v before it has them", s.given)
	}
	others := 0
	for i := range uint16(scriptShards) {
		c.Owned(i, 3)
		if w := wanted(sight.Members, i); w.ID != "A" {
			others++
		}
	}
	for i := range sight.Owners {
		sight.Owners[i].Epoch = 3
	}
	if c.Looked(sight); len(s.given) != others || others == 0 {
		t.Errorf("it gives %v on, and others should have %d", s.given, others)
	}
	// A look from before it was released says no news.
	id := s.given[0]
	s.took = nil
	c.Gone(id, true)
	if c.Looked(sight); len(s.took) != 0 {
		t.Errorf("it takes back what it has just given: %v", s.took)
	}
	// One from after it says that the store has lost the release.
	if c.Looked(sight); !slices.Equal(s.took, []uint16{id}) {
		t.Errorf("the store says that %d is still its own, and it takes %v", id, s.took)
	}
}

// TestHeirHearsWhenItIsReleased, and not before; a shard that could not be released is nobody's gift.
func TestHeirHearsWhenItIsReleased(t *testing.T) {
	c, s, _ := script("A", "A", "A", "A")
	c.Leave()
	if len(s.given) != scriptShards || len(sentOf[*Given](s)) != 0 {
		t.Fatalf("gives %v, and has told %v", s.given, sentOf[*Given](s))
	}
	if c.Gone(0, false); len(sentOf[*Given](s)) != 0 {
		t.Errorf("a shard that could not be released was given: %v", sentOf[*Given](s))
	}
	if c.Gone(1, true); len(sentOf[*Given](s)) != 1 {
		t.Errorf("told %v of one shard that was released", sentOf[*Given](s))
	}
}

// TestOffersOfThePast: of what comes of a shard, only what its latest owner says counts, and the
// first word of that ends what was offered before.
func TestOffersOfThePast(t *testing.T) {
	c, _, _ := script("A", "B", "B", "B")
	offer := func(member string, n byte, epoch uint64) {
		c.Frame(member, &Offer{runOf(1, n), epoch, engine.Offer{List: scriptList, ID: int64(n)}})
	}
	want := func(n int, what string) {
		t.Helper()
		if got := c.Matcher.Backlog(scriptList); got != n {
			t.Errorf("%s: %d tasks on the list, want %d", what, got, n)
		}
	}
	offer("B", 1, 4)
	offer("B", 2, 4)
	want(2, "two offers")
	offer("C", 3, 5)
	want(1, "the first one of a later owner")
	offer("B", 4, 4)
	want(1, "a late one of the earlier owner")
	c.Frame("B", &Withdraw{scriptList, runOf(1, 3), 3, 4})
	want(1, "a late withdrawal")
	c.Frame("B", &WithdrawShard{1, 4})
	want(1, "a late withdrawal of all")
	c.Frame("C", &Withdraw{scriptList, runOf(1, 3), 3, 5})
	want(0, "a withdrawal")
	offer("C", 5, 5)
	c.Owned(1, 6)
	want(0, "the shard is this node's own now")
}

// TestOffersAreSentAnew, all of them, at each word of the list's owner: what came before it
// was ready is gone.
func TestOffersAreSentAnew(t *testing.T) {
	c, s, _ := script("B", "A", "A", "A")
	c.Offer(runOf(1, 1), engine.Offer{List: scriptList, ID: 1})
	c.Offer(runOf(2, 2), engine.Offer{List: scriptList, ID: 2})
	c.Offer(runOf(3, 3), engine.Offer{List: scriptList, ID: 3})
	c.Withdraw(scriptList, runOf(3, 3), 3)
	s.sent = nil
	for _, word := range []struct {
		member string
		epoch  uint64
	}{{"B", 1}, {"C", 2}, {"C", 2}} {
		s.sent = nil
		c.Frame(word.member, &Announce{Shard: 0, Epoch: word.epoch})
		if all := sentOf[*Offer](s); len(all) != 2 || s.sent[0].member != word.member {
			t.Errorf("at the word of %s, epoch %d: %d offers were sent", word.member, word.epoch, len(all))
		}
	}
	s.sent = nil
	c.Frame("B", &Announce{Shard: 0, Epoch: 1})
	if all := sentOf[*Offer](s); len(all) != 0 {
		t.Errorf("a late word of the earlier owner was sent %d offers", len(all))
	}
	c.Owned(0, 3)
	if got := c.Matcher.Backlog(scriptList); got != 2 {
		t.Errorf("%d tasks on the list that has come here", got)
	}
}

// TestTasksOfWhoHasGone: a task that was started for another node counts as on its way as long
// as the link lasts by which it was asked for. After that it is offered again, though there is
// another link to the same node.
func TestTasksOfWhoHasGone(t *testing.T) {
	c, s, sight := script("A", "A", "A", "A")
	c.Frame("B", &Command{Cmd: engine.Command{Run: runOf(1, 1)}})
	first := s.peers[0]
	if c.Looked(sight); s.isGone(first) {
		t.Error("a task is offered again whose worker's node is there")
	}
	c.Down("B")
	if !s.isGone(first) {
		t.Error("the node has gone, and its tasks are not offered again")
	}
	c.Up("B")
	c.Frame("B", &Command{Cmd: engine.Command{Run: runOf(1, 2)}})
	if c.Looked(sight); !s.isGone(first) || s.isGone(s.peers[1]) {
		t.Errorf("with another link: gone are %v of the first one's tasks, %v of the second one's", s.isGone(first), s.isGone(s.peers[1]))
	}
	s.peers = nil
	s.undelivered(runOf(1, 1), 7)
	if !slices.Equal(s.peers, []string{""}) {
		t.Errorf("a task is offered again by commands for %q", s.peers)
	}
}

// TestBrokenLinkIsNotTriedAgain: nobody knows whether the command was done.
func TestBrokenLinkIsNotTriedAgain(t *testing.T) {
	p := &picky{}
	c := linked(t, p)
	p.sent = make(chan any) // so that it is known when it was sent
	done := make(chan error)
	go func() {
		_, err := c.Do(t.Context(), engine.Command{})
		done <- err
	}()
	if _, ok := (<-p.sent).(*Command); !ok {
		t.Fatal("no command was sent")
	}
	p.sent = make(chan any, 100)
	p.refuses = func(frame any) bool { _, isStanding := frame.(*Standing); return isStanding }
	c.Down("B")
	c.Up("B")
	select {
	case err := <-done:
		if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, errLinkLost) {
			t.Errorf("the link broke: %v", err)
		}
	case again := <-p.sent:
		t.Errorf("sent again: %+v", again)
		c.Frame("B", &Reply{ID: again.(*Command).ID})
		<-done
	}
}

// TestStoreThatLostWhoOwned: looks that begin after an owner was known, and say that there never was one, tell of
// a store that has lost that. Nobody waits for such an owner, nor stays one.
func TestStoreThatLostWhoOwned(t *testing.T) {
	c, s, sight := script("A", "B", "B", "B")
	c.Frame("C", &Announce{Shard: 1, Epoch: 5})
	c.Owned(0, 5)
	sight.Owners[0], sight.Owners[1] = store.Owner{Epoch: 4}, store.Owner{Epoch: 4}
	if c.Looked(sight); c.shards[1].owner != "C" || len(s.given) != 0 {
		t.Errorf("a look that may be of before: %+v, gives up %v", c.shards[1], s.given)
	}
	if c.Looked(sight); c.shards[1].owner != "" || !slices.Contains(s.given, 0) {
		t.Errorf("a look of after: %+v, gives up %v", c.shards[1], s.given)
	}
	// One that lacks what was acknowledged.
	c, s, sight = script("A", "A", "B", "B")
	sight.Lost = []uint16{1, 2}
	if c.Looked(sight); !slices.Equal(s.given, []uint16{1}) {
		t.Errorf("it lacks steps: gives up %v", s.given)
	}
	// One that was freed under its owner's hands is given up as lost.
	c, s, sight = script("A", "B", "B", "B")
	sight.Owners[0] = store.Owner{Epoch: 2}
	if c.Looked(sight); !slices.Equal(s.given, []uint16{0}) {
		t.Errorf("of a later epoch, and nobody's: gives up %v", s.given)
	}
}

// TestTakesOnlyWhatItKnowsOf: a shard that another node had may have lost something, of which the others
// know; so they are heard first, and those waited for who join again.
func TestTakesOnlyWhatItKnowsOf(t *testing.T) {
	c, s, sight := script("A", "B", "B", "B")
	free := func() {
		for i := range sight.Owners {
			sight.Owners[i] = store.Owner{Epoch: 2}
		}
		s.took = nil
		c.Looked(sight)
	}
	// It begins a membership, alone: who had the other shards may be about to.
	c.Lost()
	c.Down("B")
	c.Down("C")
	for i := range c.shards {
		c.Gone(uint16(i), false)
	}
	c.Joined("A2", s)
	sight.Members = []store.Member{{ID: "A2", Name: "a"}}
	for i := range sight.Owners {
		sight.Owners[i] = store.Owner{Epoch: 1}
	}
	c.Looked(sight)
	if !slices.Equal(s.took, []uint16{0}) {
		t.Errorf("at the first look it takes %v, and had 0", s.took)
	}
	// Another one is there, and has a link, but has said nothing.
	sight.Members = append(sight.Members, store.Member{ID: "D", Name: "d"})
	c.Looked(sight)
	c.Up("D")
	for range 10 {
		if free(); len(s.took) > 1 {
			t.Fatalf("it takes %v, and has not heard D", s.took)
		}
	}
	c.Frame("D", &Standing{Whole: true})
	if free(); len(s.took) == 0 {
		t.Error("it takes nothing, though it has heard D")
	}
	// One that is not heard for long is not waited for.
	sight.Members = append(sight.Members, store.Member{ID: "E", Name: "e"})
	for i := range c.shards {
		c.Gone(uint16(i), false)
	}
	for look := range unheardAfter {
		if free(); len(s.took) > 0 != (look == unheardAfter-1) {
			t.Errorf("at look %d it takes %v", look, s.took)
		}
	}
}

// TestAStoreThatForgetsIsDoubted: when the store has forgotten an owner it was put back to its past. What others know of
// shards they may not have said yet, so they are asked, and those waited for who join again.
func TestAStoreThatForgetsIsDoubted(t *testing.T) {
	c, s, sight := script("A", "B", "B", "B")
	sight.Members = sight.Members[:1] // who is wanted for all
	sight.Members = append(sight.Members, store.Member{ID: "B", Name: "b", Renewal: store.Renewal{Leaving: true}}, store.Member{ID: "C", Name: "c", Renewal: store.Renewal{Leaving: true}})
	c.Frame("C", &Announce{Shard: 1, Epoch: 5})
	c.Looked(sight) // which may have begun before
	sight.Owners[1] = store.Owner{Epoch: 1}
	if c.Looked(sight); len(s.took) != 0 {
		t.Fatalf("at once it takes %v", s.took)
	}
	asked := map[string]int{}
	for _, f := range s.sent {
		if said, ok := f.frame.(*Standing); ok && said.Asks {
			asked[f.member]++
		}
	}
	if len(asked) != 2 || asked["B"] != 1 || asked["C"] != 1 {
		t.Fatalf("asked are %v", asked)
	}
	for range 2 * rejoinLooks {
		if c.Looked(sight); len(s.took) != 0 {
			t.Fatalf("it takes %v, and has heard nobody", s.took)
		}
	}
	c.Frame("B", &Standing{Whole: true})
	c.Frame("C", &Standing{}) // which was on its way
	if c.Looked(sight); len(s.took) != 0 {
		t.Fatalf("it takes %v, and has not heard C", s.took)
	}
	c.Frame("C", &Standing{Whole: true})
	if c.Looked(sight); !slices.Contains(s.took, 1) {
		t.Errorf("it takes %v, though it has heard all", s.took)
	}
	// Who has heard all waits for those who join again.
	c.Frame("C", &Announce{Shard: 2, Epoch: 5})
	c.Looked(sight)
	sight.Owners[2] = store.Owner{Epoch: 1}
	s.took = nil
	for look := range rejoinLooks + 1 {
		c.Looked(sight)
		c.Frame("B", &Standing{Whole: true})
		c.Frame("C", &Standing{Whole: true})
		if slices.Contains(s.took, 2) != (look == rejoinLooks) {
			t.Errorf("%d looks later it has taken %v", look, s.took)
		}
	}
	// And it answers who asks.
	s.sent = nil
	c.Sequences = func() []uint64 { return []uint64{7, 8, 9, 10} }
	c.Frame("B", &Standing{Asks: true})
	if said := sentOf[*Standing](s); len(said) != 1 || !said[0].Whole || !slices.Equal(said[0].Sequences, c.Sequences()) {
		t.Errorf("asked, it says %+v", said)
	}
}

// TestStopIsTheLastWord: what comes when it has been stopped, from links that end later, has nothing begin.
func TestStopIsTheLastWord(t *testing.T) {
	c, s, _ := script("A", "A", "A", "A")
	c.Answer = func(string, []byte) ([]byte, error) {
		t.Error("a question is answered")
		return nil, nil
	}
	c.Stop()
	c.Frame("B", &Ask{ID: 1, What: "status"})
	c.Frame("B", &Poll{ID: 2, List: scriptList})
	if c.work.Wait(); len(c.served) > 0 || len(s.sent) > 0 {
		t.Errorf("%d polls wait, and sent is %v", len(c.served), s.sent)
	}
}

// TestWhoIsForgottenIsHeard: a member that the store no longer has, and whose link is up, was forgotten by a store that was
// put back to its past, or does not reach it: its shards are taken when it has said all it knows, or was
// waited for. Who has died was silent before, and is not waited for.
func TestWhoIsForgottenIsHeard(t *testing.T) {
	forget := func(before func(*Cluster)) (*Cluster, *scripted, func() bool) {
		c, s, sight := script("A", "B", "A", "A")
		sight.Members[2].Leaving = true // so that the shard is for A
		c.Looked(sight)
		before(c)
		s.sent = nil
		sight.Members = []store.Member{sight.Members[0], sight.Members[2]}
		sight.Owners[1] = store.Owner{Epoch: 1}
		return c, s, func() bool {
			c.Looked(sight)
			return slices.Contains(s.took, 1)
		}
	}
	// It lives, and says what it knows.
	c, s, takes := forget(func(*Cluster) {})
	for range 2 * rejoinLooks {
		if takes() {
			t.Fatal("it takes the shard of one that lives, and has not heard it")
		}
	}
	if asks := sentOf[*Standing](s); len(asks) != 1 || !asks[0].Asks || s.sent[0].member != "B" || !isOne(s.links, "B") {
		t.Errorf("sent was %+v; peers are %v", s.sent, s.links)
	}
	c.Frame("B", &Standing{Whole: true})
	if !takes() || isOne(s.links, "B") {
		t.Errorf("it has heard it, and took %v; peers are %v", s.took, s.links)
	}
	// Its link ends, as when it finds out that it is none: it may join again.
	c, _, takes = forget(func(*Cluster) {})
	takes()
	c.Down("B")
	for look := range rejoinLooks {
		if took := takes(); took != (look == rejoinLooks-1) {
			t.Errorf("%d looks after its link has ended it is taken: %v", look+1, took)
		}
	}
	// It found out before.
	_, _, takes = forget(func(c *Cluster) { c.Down("B") })
	for look := range rejoinLooks + 1 {
		if took := takes(); took != (look == rejoinLooks) {
			t.Errorf("%d looks after it was missed first it is taken: %v", look, took)
		}
	}
	// It can't join again as long as a membership of before it is there again, which has its name.
	c, s, sight := script("A", "B", "A", "A")
	sight.Members[2].Leaving = true
	c.Looked(sight)
	sight.Members = []store.Member{sight.Members[0], {ID: "B0", Name: "b", Renewal: store.Renewal{Leaving: true}}, sight.Members[2]}
	sight.Owners[1] = store.Owner{Epoch: 1}
	c.Looked(sight)
	c.Down("B")
	for range rejoinLooks + formerLooks - 1 {
		if c.Looked(sight); slices.Contains(s.took, 1) {
			t.Fatal("its shard is taken before it can have joined")
		}
	}
	if c.Looked(sight); !slices.Contains(s.took, 1) {
		t.Error("it is waited for though it does not join")
	}
	// It has died.
	c, s, sight = script("A", "B", "A", "A")
	sight.Members[2].Leaving = true
	c.Down("B")
	for range 2 {
		c.Looked(sight)
	}
	sight.Members = []store.Member{sight.Members[0], sight.Members[2]}
	sight.Owners[1] = store.Owner{Epoch: 1}
	if c.Looked(sight); !slices.Contains(s.took, 1) {
		t.Error("the shard of one that has died is not taken at once")
	}
}

// TestWhatIsSaidBeforeAShardIsTaken: a new link, and a gift, begin with what is known of the store's sequences.
func TestWhatIsSaidBeforeAShardIsTaken(t *testing.T) {
	c, s, _ := script("A", "A", "A", "A")
	c.Sequences = func() []uint64 { return []uint64{7, 8, 9, 10} }
	c.Down("B")
	c.Up("B")
	if first, ok := s.sent[0].frame.(*Standing); !ok || !slices.Equal(first.Sequences, c.Sequences()) {
		t.Errorf("a new link begins with %+v", s.sent[0].frame)
	}
	c.Sequences = func() []uint64 { return []uint64{7, 11, 9, 10} }
	c.Leave()
	s.sent = nil
	c.Gone(1, true)
	if len(s.sent) != 2 || !slices.Equal(s.sent[0].frame.(*Standing).Sequences, []uint64{0, 11, 0, 0}) || s.sent[0].member != s.sent[1].member {
		t.Errorf("a gift came with %+v", s.sent)
	}
}
