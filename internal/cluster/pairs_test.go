package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/store"
)

// Tasks that meet polls of their own node, though another one has their list.

// polling has a poll at a node, and gives its claim when it has one.
func polling(t *testing.T, c *Cluster, ctx context.Context) <-chan *matching.Claim {
	t.Helper()
	answer := make(chan *matching.Claim, 1)
	go func() {
		claim, err := c.Poll(ctx, scriptList, matching.Poller{Identity: "i"})
		if err != nil {
			t.Error(err)
		}
		answer <- claim
	}()
	synctest.Wait()
	return answer
}

// paired tells which task a poll has; 0: it waits, or has ended without.
func paired(answer <-chan *matching.Claim) (*matching.Claim, int64) {
	synctest.Wait()
	select {
	case claim := <-answer:
		if claim != nil {
			return claim, claim.ID
		}
	default:
	}
	return nil, 0
}

// TestTasksMeetPollsOfTheirNode: a task whose list is elsewhere goes to a poll that waits here, at once. Who has the
// list hears of it with what goes there next, and of the task not before it is given back.
func TestTasksMeetPollsOfTheirNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		offer := func(n byte) { c.Offer(runOf(1, n), engine.Offer{List: scriptList, ID: int64(n), Priority: 7, At: 5}) }
		first, second := polling(t, c, t.Context()), polling(t, c, t.Context())
		polls := sentOf[*Poll](s)
		if len(polls) != 2 {
			t.Fatalf("%d polls were sent, want 2", len(polls))
		}
		s.sent = nil
		offer(1)
		claim, id := paired(first)
		if id != 1 {
			t.Fatalf("the poll that has waited longest has task %d, want 1", id)
		}
		if len(s.sent) != 1 {
			t.Fatalf("%d frames were sent, want 1: %v", len(s.sent), s.sent)
		}
		want := PollEnd{ID: polls[0].ID, Run: runOf(1, 1), Offer: engine.Offer{ID: 1, Priority: 7, At: 5}}
		if end := sentOf[*PollEnd](s)[0]; fmt.Sprint(*end) != fmt.Sprint(want) || !CanWait(end) {
			t.Errorf("told of the poll: %+v, want %+v, and it can wait", *end, want)
		}

		// The list's owner says its word anew: the task is not for others.
		s.sent = nil
		c.Frame("B", &Announce{Shard: 0, Epoch: 2})
		if n := len(sentOf[*Offer](s)); n != 0 {
			t.Errorf("%d tasks are offered that a poll of this node has", n)
		}
		// It has the poll claim something else, before it has heard that it is over.
		c.Frame("B", &Claimed{ID: polls[0].ID, Run: runOf(2, 9), Offer: 9})
		if end := sentOf[*PollEnd](s); len(end) != 1 || end[0].How != matching.Returned || CanWait(end[0]) {
			t.Errorf("a claim for a poll that is over is answered by %v", end)
		}

		// Given back, the task goes to the next poll; then, as there is none, to the list.
		s.sent = nil
		claim.Return()
		claim, id = paired(second)
		if id != 1 {
			t.Fatalf("the next poll has task %d, want 1", id)
		}
		claim.Return()
		if all := sentOf[*Offer](s); len(all) != 1 || all[0].Offer.ID != 1 || all[0].Offer.Priority != 7 {
			t.Errorf("given back with no poll here, it is offered by %v", all)
		}
		s.sent = nil
		c.Withdraw(scriptList, runOf(1, 1), 1)
		if n := len(sentOf[*Withdraw](s)); n != 1 {
			t.Errorf("%d withdrawals of a task that was offered, want 1", n)
		}

		// One that is started for its poll is never heard of there.
		third := polling(t, c, t.Context())
		s.sent = nil
		offer(2)
		claim, _ = paired(third)
		c.Withdraw(scriptList, runOf(1, 2), 2)
		claim.Accept()
		if n, m := len(sentOf[*Offer](s)), len(sentOf[*Withdraw](s)); n+m != 0 {
			t.Errorf("%d offers and %d withdrawals of a task that was started here", n, m)
		}

		// Withdrawn, and offered anew: that is another one, which the claim can't touch.
		fourth := polling(t, c, t.Context())
		offer(3)
		claim, _ = paired(fourth)
		c.Withdraw(scriptList, runOf(1, 3), 3)
		offer(3)
		s.sent = nil
		claim.Return()
		if n := len(sentOf[*Offer](s)); n != 0 {
			t.Errorf("a claim on a task that was withdrawn offers it %d times", n)
		}
		c.Withdraw(scriptList, runOf(1, 3), 3)

		// A run that refuses has its poll wait on, here and there.
		fifth := polling(t, c, t.Context())
		offer(4)
		claim, _ = paired(fifth)
		s.sent = nil
		again := make(chan *matching.Claim, 1)
		go func() { again <- c.Refuse(t.Context(), claim) }()
		synctest.Wait()
		if n := len(sentOf[*Poll](s)); n != 1 {
			t.Errorf("%d polls were sent after a refusal, want 1", n)
		}
		offer(5)
		if claim, id = paired(again); id != 5 {
			t.Fatalf("after a refusal the poll has task %d, want 5", id)
		}
		claim.Accept()
		if len(c.lines) != 0 || len(c.polls) != 0 {
			t.Errorf("%d lines and %d polls are left", len(c.lines), len(c.polls))
		}
	})
}

// TestPollsAreForTheFirstTaskOfABacklog: while tasks wait where the list is, a poll on its way there is not met by
// a younger task of its own node.
func TestPollsAreForTheFirstTaskOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		for n, more := range []bool{true, true, false, true, false} {
			s.sent = nil
			first := polling(t, c, t.Context())
			c.Frame("B", &Claimed{ID: sentOf[*Poll](s)[0].ID, Run: runOf(2, 9), Offer: 9, More: more})
			if claim, id := paired(first); id != 9 {
				t.Fatalf("the poll has task %d, want 9", id)
			} else {
				claim.Accept()
			}
			ctx, cancel := context.WithCancel(t.Context())
			second := polling(t, c, ctx)
			c.Offer(runOf(1, byte(n)), engine.Offer{List: scriptList, ID: int64(n) + 1})
			if claim, id := paired(second); (id == 0) != more {
				t.Errorf("tasks wait elsewhere: %v; a poll on its way there has task %d of this node", more, id)
			} else if claim != nil {
				claim.Accept()
			}
			if n := len(sentOf[*Offer](s)); (n == 1) != more {
				t.Errorf("tasks wait elsewhere: %v; %d offers were sent", more, n)
			}
			c.Withdraw(scriptList, runOf(1, byte(n)), int64(n)+1)
			cancel()
			synctest.Wait()
		}
		for n := range 3 * keptMax {
			c.met(&farPoll{list: fmt.Sprint(n)}, &Claimed{More: true})
		}
		if n := len(c.first); n > keptMax {
			t.Errorf("%d lists are kept, want %d at most", n, keptMax)
		}

		// Who has the list says so.
		c, s, _ = script("A", "B", "C", "A")
		defer c.Stop()
		for id := range int64(3) {
			c.Offer(runOf(0, 1), engine.Offer{List: scriptList, ID: id + 1})
		}
		for id := range uint64(3) {
			c.Frame("B", &Poll{id + 1, scriptList, matching.Poller{}})
			synctest.Wait()
			claims := sentOf[*Claimed](s)
			if got := claims[len(claims)-1]; len(claims) != int(id)+1 || got.More != (id < 2) {
				t.Errorf("poll %d is told %+v", id+1, got)
			}
			c.Frame("B", &PollEnd{ID: id + 1, How: matching.Accepted})
			synctest.Wait()
		}
	})
}

// TestPollsTakeTasksOfTheirNode: of the tasks that wait where a list is, a poll takes the first one of its own node, and who has
// the list hears so; unless one waits there that is much older or more urgent, or others have their turn.
func TestPollsTakeTasksOfTheirNode(t *testing.T) {
	who := matching.Poller{Identity: "i"}
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		offer := func(n byte, priority int32, at engine.Time) {
			c.Offer(runOf(1, n), engine.Offer{List: scriptList, ID: int64(n), Priority: priority, At: at})
		}
		// takes has a poll here, and tells which task it has and what was sent.
		takes := func() (*matching.Claim, int64, []frameTo) {
			s.sent = nil
			ctx, cancel := context.WithCancel(t.Context())
			claim, id := paired(polling(t, c, ctx))
			sent := s.sent
			cancel()
			synctest.Wait()
			return claim, id, sent
		}
		for _, o := range []struct {
			n        byte
			priority int32
			at       engine.Time
		}{{1, 0, 50}, {2, 0, 40}, {3, 5, 60}, {4, 0, 300}} {
			offer(o.n, o.priority, o.at)
		}
		offer(1, 0, 30) // which is before the second now
		for _, want := range []int64{3, 1, 2} {
			claim, id, sent := takes()
			taken := Taken{scriptList, runOf(1, byte(want)), want, 1, who}
			if id != want || len(sent) != 1 || fmt.Sprint(sent[0].frame) != fmt.Sprint(&taken) {
				t.Fatalf("the poll has task %d, want %d, and %v was sent", id, want, sent)
			}
			s.sent = nil
			c.Withdraw(scriptList, runOf(1, byte(want)), want)
			claim.Accept()
			if len(s.sent) != 0 {
				t.Errorf("once it has started, %v was sent", s.sent)
			}
		}
		// What waits there, as a claim says.
		for _, first := range []struct {
			priority int32
			at       engine.Time
			mine     bool
		}{{0, 200, false}, {1, 300, false}, {0, 201, true}, {-1, 5, true}} {
			c.met(&farPoll{list: scriptList}, &Claimed{More: true, Priority: first.priority, At: first.at})
			claim, id, sent := takes()
			if (id == 4) != first.mine {
				t.Errorf("beside %+v elsewhere, a poll has task %d: %v", first, id, sent)
			}
			if claim != nil { // whoever gives it back has it offered anew, at its own place
				s.sent = nil
				claim.Return()
				if all := sentOf[*Offer](s); len(all) != 1 || all[0].Offer.At != 300 {
					t.Errorf("given back, it is offered by %v", s.sent)
				}
			}
		}
		// A run that refuses has the poll take the next.
		offer(5, 0, 301)
		claim, _, _ := takes()
		c.Withdraw(scriptList, runOf(1, 4), 4)
		if claim = c.Refuse(t.Context(), claim); claim == nil || claim.ID != 5 {
			t.Errorf("after a refusal the poll has %+v, want task 5", claim)
		}
		c.Withdraw(scriptList, runOf(1, 5), 5)
		// Who is gone takes nothing, nor do those whose list comes here, or whose shard goes.
		offer(6, 0, 0)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if claim, _ := c.Poll(gone, scriptList, who); claim != nil {
			t.Error("a poll whose caller is gone has a task")
		}
		c.Owned(0, 2)
		if len(c.lines) != 0 {
			t.Errorf("%d lines are left of lists that are here", len(c.lines))
		}
		c.Gone(0, true)
		c.Frame("B", &Announce{Shard: 0, Epoch: 3})
		if len(c.lines) != 1 {
			t.Fatalf("%d lines of lists that have gone again, want 1", len(c.lines))
		}
		c.WithdrawShard(1)
		if len(c.lines) != 0 {
			t.Errorf("%d lines are left of shards that are gone", len(c.lines))
		}
	})
	synctest.Test(t, func(t *testing.T) { // a poll that waits is before one that comes
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		c.met(&farPoll{list: scriptList}, &Claimed{More: true})
		before := polling(t, c, t.Context())
		c.Offer(runOf(1, 1), engine.Offer{List: scriptList, ID: 1})
		after := polling(t, c, t.Context())
		polls := sentOf[*Poll](s)
		if _, id := paired(after); id != 0 || len(polls) != 2 {
			t.Fatalf("the second of two polls has task %d, and %d went where the list is", id, len(polls))
		}
		c.Frame("B", &Claimed{ID: polls[0].ID, Run: runOf(1, 1), Offer: 1})
		if _, id := paired(before); id != 1 {
			t.Errorf("the first poll has task %d, want 1", id)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the ninth in a row goes where the list is
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		for n := range byte(3 * (passesMax + 1)) {
			c.Offer(runOf(1, n), engine.Offer{List: scriptList, ID: int64(n) + 1})
		}
		for turn := range 3 {
			s.sent = nil
			for range passesMax + 1 {
				ctx, cancel := context.WithCancel(t.Context())
				polling(t, c, ctx)
				cancel()
				synctest.Wait()
			}
			if n := len(sentOf[*Poll](s)); n != 1 {
				t.Errorf("turn %d: %d of %d polls went where the list is, want 1", turn, n, passesMax+1)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // who has the list
		c, s, _ := script("A", "B", "C", "A")
		defer c.Stop()
		for id := range int64(2) {
			c.Frame("B", &Offer{runOf(1, 1), 1, engine.Offer{List: scriptList, ID: id + 1, At: 4}})
		}
		c.Frame("B", &Taken{scriptList, runOf(1, 1), 1, 1, who})
		v := c.Matcher.Look(scriptList, 1)
		want := matching.Task{List: scriptList, Run: runOf(1, 1), ID: 1, At: 4}
		if v.Polls != 0 || v.Claims != 0 || v.Backlog != 1 || v.In != 2 || v.Out != 1 || len(v.Pollers) != 1 || v.Pollers[0].Task != want {
			t.Errorf("the list: %+v", v)
		}
		c.Frame("C", &Poll{7, scriptList, matching.Poller{}}) // which claims the other one
		synctest.Wait()
		c.Frame("B", &Taken{scriptList, runOf(1, 1), 2, 1, who})
		c.Frame("C", &PollEnd{ID: 7, How: matching.Returned}) // and it does not come back
		synctest.Wait()
		if n := c.Matcher.Backlog(scriptList); n != 0 || len(sentOf[*Claimed](s)) != 1 {
			t.Errorf("%d tasks wait that were taken elsewhere", n)
		}
	})
}

// TestPollThatEndsAsItIsPaired: whose caller has gone gives its task back; whose time is over has it.
func TestPollThatEndsAsItIsPaired(t *testing.T) {
	for _, gone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			for range 100 { // select takes either
				c, s, _ := script("B", "A", "A", "A")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				poll := polling(t, c, ctx)
				c.mu.Lock() // which the poll waits for when it has ended
				if gone {
					cancel()
				} else {
					time.Sleep(time.Second)
				}
				s.sent = nil
				c.mu.Unlock()
				c.Offer(runOf(1, 1), engine.Offer{List: scriptList, ID: 1})
				claim, id := paired(poll)
				offered := len(sentOf[*Offer](s))
				if id != 0 {
					claim.Accept()
				}
				if gone && (id != 0 || offered != 1) || !gone && (id == 0) != (offered == 1) {
					t.Fatalf("caller gone: %v; the poll has task %d, and it was offered %d times", gone, id, offered)
				}
				c.Drain()
				c.Stop()
			}
		})
	}
}

// TestPollsElsewhereHaveTheirTurn: of the tasks of one node, however many polls wait there, each ninth goes where its
// list is.
func TestPollsElsewhereHaveTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := script("B", "A", "A", "A")
		defer c.Stop()
		defer c.Drain()
		for range 3 {
			s.sent = nil
			for n := range byte(passesMax + 1) {
				poll := polling(t, c, t.Context())
				c.Offer(runOf(1, n), engine.Offer{List: scriptList, ID: int64(n) + 1})
				if claim, _ := paired(poll); claim != nil {
					claim.Accept()
				}
				c.own[0][task{scriptList, runOf(1, n), int64(n) + 1}].taken = false
			}
			if n := len(sentOf[*Offer](s)); n != 1 {
				t.Errorf("%d of %d tasks were offered to all, want 1", n, passesMax+1)
			}
		}
	})
}

// TestServedPollLeavesItsList, and counts there as one that had a task.
func TestServedPollLeavesItsList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := script("A", "B", "C", "A")
		defer c.Stop()
		who := matching.Poller{Identity: "i"}
		c.Frame("B", &Poll{1, scriptList, who})
		synctest.Wait()
		s.sent = nil
		c.Frame("B", &PollEnd{ID: 1, Run: runOf(1, 1), Offer: engine.Offer{ID: 3, Priority: 2, At: 4}})
		synctest.Wait()
		v := c.Matcher.Look(scriptList, 1)
		want := matching.Task{List: scriptList, Run: runOf(1, 1), ID: 3, Priority: 2, At: 4}
		if v.Polls != 0 || v.Claims != 0 || v.Backlog != 0 || v.In != 1 || v.Out != 1 || len(v.Pollers) != 1 || v.Pollers[0].Task != want {
			t.Errorf("the list: %+v", v)
		}
		if len(s.sent) != 0 || len(c.served) != 0 {
			t.Errorf("who has the poll is told %v; %d are served", s.sent, len(c.served))
		}
	})
}

// nodes are some whose frames take their time, as those of links do: what can wait does, for others that can't.
type nodes struct {
	all   []*Cluster
	links map[[2]int]*slowLink
	mu    sync.Mutex // guards the fields below
	done  map[int64]int
	left  map[int64]int // by task: the node it is of
	waits map[int64]time.Time
}

type slowLink struct {
	mu    sync.Mutex
	queue []any
	due   time.Time
	kick  chan struct{}
}

// farNode is what node n sends by.
type farNode struct {
	disowning
	nodes *nodes
	n     int
}

func member(n int) string { return string(rune('A' + n)) }

func (f farNode) Send(to string, frame any) error {
	l := f.nodes.links[[2]int{f.n, int(to[0] - 'A')}]
	l.mu.Lock()
	defer l.mu.Unlock()
	in := time.Millisecond
	if CanWait(frame) {
		in = 20 * time.Millisecond
	}
	if due := time.Now().Add(in); len(l.queue) == 0 || due.Before(l.due) {
		l.due = due
	}
	l.queue = append(l.queue, frame)
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return nil
}

// run delivers what goes from one node to another.
func (l *slowLink) run(ctx context.Context, from string, to *Cluster) {
	for ctx.Err() == nil {
		l.mu.Lock()
		var frames []any
		in := time.Hour
		if len(l.queue) > 0 {
			if in = time.Until(l.due); in <= 0 {
				frames, l.queue = l.queue, nil
			}
		}
		l.mu.Unlock()
		if frames != nil {
			for _, f := range frames {
				to.Frame(from, f)
			}
			continue
		}
		select {
		case <-time.After(in):
		case <-l.kick:
		case <-ctx.Done():
		}
	}
}

// threeNodes has one shard each, and the first one all lists. Frames go between them until ctx is over, which work waits for.
func threeNodes(ctx context.Context) (n *nodes, work *sync.WaitGroup) {
	n, work = &nodes{links: map[[2]int]*slowLink{}, done: map[int64]int{}, left: map[int64]int{}, waits: map[int64]time.Time{}}, new(sync.WaitGroup)
	var members []store.Member
	owners := make([]store.Owner, 3)
	for i := range 3 {
		members = append(members, store.Member{ID: member(i), Name: member(i)})
		owners[i] = store.Owner{Epoch: 1, Member: member(i)}
		var c *Cluster
		matcher := matching.New(matching.Config{PollsPerListMax: 1000, Near: func(run engine.RunID, home string) bool { return c.Near(run, home) }})
		c = New(Config{
			Name: member(i), Shards: 3, Matcher: matcher, ListOf: func(string) uint16 { return 0 }, Undelivered: func(id int64) any { return id },
			Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
		})
		n.all = append(n.all, c)
	}
	for i, c := range n.all {
		self := &farNode{nodes: n, n: i}
		for j := range n.all {
			n.links[[2]int{i, j}] = &slowLink{kick: make(chan struct{}, 1)}
		}
		c.SetNode(self)
		c.Joined(member(i), self)
	}
	for i, c := range n.all {
		for j := range n.all {
			if j != i {
				c.Up(member(j))
				c.Frame(member(j), &Standing{Whole: true})
				work.Go(func() { n.links[[2]int{i, j}].run(ctx, member(i), n.all[j]) })
			}
		}
		for range rejoinLooks {
			c.Looked(store.Sight{Members: members, Owners: owners})
		}
		c.Owned(uint16(i), 1)
	}
	time.Sleep(time.Second)
	return n, work
}

func (n *nodes) drain() {
	for _, c := range n.all {
		c.Drain()
	}
}

// TestBacklogsGoByAgeAndPriority: of a backlog of tasks of three nodes, polls of any node have the most urgent, and of those the
// oldest, but for a tenth of a second and for eight polls of a node that has not heard what waits elsewhere.
func TestBacklogsGoByAgeAndPriority(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 97))
			ctx, cancel := context.WithCancel(t.Context())
			n, work := threeNodes(ctx)
			left := map[int64]engine.Offer{}
			for id := range int64(300) {
				of := r.IntN(3)
				if id < 100 {
					of = int(seed) % 3 // has all of the oldest
				}
				o := engine.Offer{List: scriptList, ID: id + 1, At: engine.Time(id * int64(r.IntN(20))), Priority: int32(r.IntN(8) / 7)}
				left[o.ID] = o
				n.all[of].Offer(runOf(uint16(of), byte(id)), o)
			}
			time.Sleep(time.Second)
			outOfTurn := map[int]int{} // by node
			for len(left) > 0 {
				i := r.IntN(3)
				within, over := context.WithTimeout(ctx, time.Second)
				claim, err := n.all[i].Poll(within, scriptList, matching.Poller{})
				over()
				if claim == nil {
					t.Fatalf("seed %d: a poll beside %d tasks has none: %v", seed, len(left), err)
				}
				got := left[claim.ID]
				delete(left, claim.ID)
				for _, o := range left {
					if o.Priority > got.Priority || o.Priority == got.Priority && got.At-o.At >= 100 {
						outOfTurn[i]++
						break
					}
				}
				claim.Accept()
				n.all[claim.Run.Shard()].Withdraw(scriptList, claim.Run, claim.ID)
				time.Sleep(25 * time.Millisecond) // which what nobody waits for takes
			}
			for i, times := range outOfTurn {
				if times > passesMax {
					t.Errorf("seed %d: %d polls of node %d had a task out of turn, want %d at most", seed, times, i, passesMax)
				}
			}
			n.drain()
			cancel()
			work.Wait()
			for _, c := range n.all {
				c.Stop()
			}
		})
	}
}

// TestNoTaskWaitsWhileAPollDoes: three nodes, tasks of all of them, and polls at any, some of whose callers go or give
// back what they have, and runs that refuse. No task waits longer than a few frames take while there is a poll,
// wherever that waits; each is started once; and each poll that waits has its turn.
func TestNoTaskWaitsWhileAPollDoes(t *testing.T) {
	const longest = 100 * time.Millisecond
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 96))
			ctx, cancel := context.WithCancel(t.Context())
			n, work := threeNodes(ctx)
			polls := 0 // that wait
			poll := func(c *Cluster, mood int, hold time.Duration) {
				n.mu.Lock()
				polls++
				n.mu.Unlock()
				waits := true
				ends := func() {
					n.mu.Lock()
					defer n.mu.Unlock()
					if waits {
						polls--
						waits = false
					}
				}
				defer ends()
				within, over := context.WithTimeout(ctx, hold)
				defer over()
				claim, err := c.Poll(within, scriptList, matching.Poller{})
				for err == nil && claim != nil {
					ends()
					if mood == 0 {
						claim.Return()
						return
					}
					n.mu.Lock()
					of, there := n.left[claim.ID]
					if there {
						delete(n.left, claim.ID)
						delete(n.waits, claim.ID)
						n.done[claim.ID]++
					}
					n.mu.Unlock()
					if there {
						n.all[of].Withdraw(scriptList, claim.Run, claim.ID)
						claim.Accept()
						return
					}
					claim = c.Refuse(within, claim)
				}
			}
			look := func() { // no task waits long while there are polls
				n.mu.Lock()
				defer n.mu.Unlock()
				for id, since := range n.waits {
					if polls == 0 {
						n.waits[id] = time.Now()
					} else if time.Since(since) > longest {
						t.Fatalf("seed %d: task %d of node %d waits for %s beside %d polls", seed, id, n.left[id], time.Since(since), polls)
					}
				}
			}
			id := int64(0)
			for range 400 {
				switch r.IntN(5) {
				case 0, 1:
					id++
					of := r.IntN(3)
					run := runOf(uint16(of), byte(id))
					n.mu.Lock()
					n.left[id], n.waits[id] = of, time.Now()
					n.mu.Unlock()
					n.all[of].Offer(run, engine.Offer{List: scriptList, ID: id, At: engine.Time(id)})
				case 2, 3:
					c, mood, hold := n.all[r.IntN(3)], r.IntN(6), time.Duration(r.IntN(500))*time.Millisecond
					work.Go(func() { poll(c, mood, hold) })
				}
				for range r.IntN(3) {
					time.Sleep(time.Duration(r.IntN(15)) * time.Millisecond)
					look()
				}
			}
			for range 40 {
				time.Sleep(10 * time.Millisecond)
				look()
			}
			// Whoever comes now has what is left.
			for range 2 * len(n.left) {
				c := n.all[r.IntN(3)]
				work.Go(func() { poll(c, 1, 2*time.Second) })
				time.Sleep(5 * time.Millisecond)
				look()
			}
			time.Sleep(time.Second)
			if len(n.left) != 0 {
				t.Errorf("seed %d: %d tasks have met no poll", seed, len(n.left))
			}
			for id, times := range n.done {
				if times != 1 {
					t.Errorf("seed %d: task %d was started %d times", seed, id, times)
				}
			}
			n.drain()
			cancel()
			work.Wait()
			for i, c := range n.all {
				c.Stop()
				if totals := c.Matcher.Totals(); totals.Polls+totals.Claims+totals.Offers != 0 || len(c.lines)+len(c.polls) != 0 {
					t.Errorf("seed %d: node %d has left %+v, %d lines, %d polls", seed, i, totals, len(c.lines), len(c.polls))
				}
			}
		})
	}
}
