package matching

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// inBubble is a matcher whose clock is that of the test's bubble, and at which it began.
func inBubble() (*Matcher, engine.Time) {
	now := func() engine.Time { return engine.Time(time.Now().UnixMilli()) }
	return New(Config{PollsPerListMax: 10000, Now: now}), now()
}

// briefly polls for so long.
func briefly(t *testing.T, m *Matcher, list string, who Poller, hold time.Duration) *Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hold)
	defer cancel()
	c, err := m.Poll(ctx, list, who)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestListsAreRemembered for fifteen minutes after their last poll, with who polled them.
func TestListsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := inBubble()
		ann, bob := Poller{Identity: "ann", Principal: "arn:ann", Address: "10.0.0.1", Account: "1"}, Poller{Identity: "bob", Account: "1"}
		briefly(t, m, "l", ann, time.Minute)
		m.Offer(run(1, 1), engine.Offer{List: "l", ID: 5, At: began + 1, Priority: 3})
		c := briefly(t, m, "l", bob, time.Minute)
		c.Accept()
		waits := waiting(m, t.Context(), "other")
		time.Sleep(time.Minute)
		m.ForgetOld()
		v := m.Look("l", 20)
		want := []Polled{
			{Poller: ann, Last: began + 60_000},
			{Poller: bob, Last: began + 60_000, Task: Task{"l", run(1, 1), 5, 3, began + 1}, TaskAt: began + 60_000},
		}
		if !slices.Equal(v.Pollers, want) || v.Polled != began+60_000 || v.In != 1 || v.Out != 1 {
			t.Errorf("the list is %+v, want pollers %+v", v, want)
		}
		if last, waits := m.IdentitySeen("1", "ann"); last != began+60_000 || waits {
			t.Errorf("ann was seen at %d, waits %v", last, waits)
		}
		if lists, more := m.Lists("l", "", 10); len(lists) != 1 || more {
			t.Errorf("lists %+v", lists)
		}
		time.Sleep(14*time.Minute - time.Millisecond)
		m.ForgetOld()
		if v := m.Look("l", 20); len(v.Pollers) != 2 {
			t.Errorf("just before a quarter of an hour is over the list is %+v", v)
		}
		time.Sleep(time.Millisecond)
		if lists, _ := m.Lists("", "", 10); len(lists) != 1 || lists[0].List != "other" {
			t.Errorf("after a quarter of an hour lists are %+v", lists)
		}
		m.ForgetOld()
		if last, _ := m.IdentitySeen("1", "ann"); last != 0 {
			t.Errorf("ann is remembered, of %d", last)
		}
		if n := m.memory.accounts["1"].bytes; n != 0 {
			t.Errorf("%d bytes are held of nothing", n)
		}
		m.Drain()
		<-waits
	})
}

// TestWaitingPollersAreThere, first, however long they wait.
func TestWaitingPollersAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := inBubble()
		who := Poller{Identity: "ann", Account: "1"}
		go m.Poll(t.Context(), "l", who)
		go m.Poll(t.Context(), "l", who)
		briefly(t, m, "l", Poller{Identity: "bob", Account: "1"}, time.Hour)
		m.ForgetOld()
		v := m.Look("l", 0)
		want := []Polled{{Poller: who, Waiting: 2, Last: began}, {Poller: Poller{Identity: "bob", Account: "1"}, Last: began + 3600_000}}
		if !slices.Equal(v.Pollers, want) {
			t.Errorf("pollers %+v, want %+v", v.Pollers, want)
		}
		if _, waits := m.IdentitySeen("1", "ann"); !waits {
			t.Error("ann does not wait")
		}
		m.Drain()
		synctest.Wait()
		if _, waits := m.IdentitySeen("1", "ann"); waits {
			t.Error("ann waits after the end")
		}
	})
}

// TestMemoryIsBounded: a list keeps its last pollers, an account so many bytes, however many
// lists and names somebody makes up; and what another account has is not touched.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := inBubble()
		poll := func(list string, who Poller) {
			ctx, end := context.WithCancel(t.Context())
			go m.Poll(ctx, list, who)
			synctest.Wait()
			end()
			synctest.Wait()
		}
		poll("theirs", Poller{Identity: "them", Account: "2"})
		for i := range 300 {
			poll("l", Poller{Identity: fmt.Sprint(i), Account: "1"})
		}
		v := m.Look("l", 0)
		if len(v.Pollers) != pollersMax || !slices.ContainsFunc(v.Pollers, func(p Polled) bool { return p.Identity == "299" }) {
			t.Errorf("%d pollers, the first %+v", len(v.Pollers), v.Pollers[0])
		}
		long := strings.Repeat("x", 256)
		for i := range 8000 {
			poll(fmt.Sprint(long, i), Poller{Identity: fmt.Sprint(long, i), Account: "1"})
		}
		a := m.memory.accounts["1"]
		if a.bytes > accountBytesMax || a.bytes < accountBytesMax/2 {
			t.Errorf("an account holds %d bytes of at most %d", a.bytes, accountBytesMax)
		}
		if n := len(a.identities); n > accountBytesMax/pollerBytes {
			t.Errorf("%d identities", n)
		}
		if lists, _ := m.Lists("", "", 1<<20); len(lists) > accountBytesMax/listBytes {
			t.Errorf("%d lists", len(lists))
		}
		if v := m.Look("theirs", 0); len(v.Pollers) != 1 {
			t.Error("another account's pollers are forgotten")
		}
		wantTotals(t, m, Totals{})
	})
}

// TestOldest: the oldest tasks come in order of age, whatever their priorities and however
// they came and went.
func TestOldest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		m := New(Config{PollsPerListMax: 1})
		type key struct {
			at engine.Time
			id int64
		}
		var there []key
		counts := map[int32]int{}
		for id := range int64(random.IntN(200)) {
			at, priority := engine.Time(random.IntN(50)+1), int32(random.IntN(3))
			m.Offer(run(1, 1), engine.Offer{List: "l", ID: id, At: at, Priority: priority})
			if random.IntN(3) == 0 {
				m.Withdraw("l", run(1, 1), id)
				continue
			}
			if random.IntN(3) == 0 { // it changes
				at, priority = engine.Time(random.IntN(50)+1), int32(random.IntN(3))
				m.Offer(run(1, 1), engine.Offer{List: "l", ID: id, At: at, Priority: priority})
			}
			there = append(there, key{at, id})
			counts[priority]++
		}
		slices.SortFunc(there, func(a, b key) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return int(a.id - b.id)
		})
		v := m.Look("l", 20)
		var got []key
		for _, o := range v.Oldest {
			got = append(got, key{o.At, o.ID})
		}
		if !slices.Equal(got, there[:min(len(there), 20)]) {
			t.Fatalf("oldest are %v, want %v", got, there)
		}
		for _, p := range v.Priorities {
			if counts[p.Priority] != p.Tasks {
				t.Fatalf("priorities %v, want %v", v.Priorities, counts)
			}
		}
		if len(there) > 0 && v.Listed.Oldest != there[0].at {
			t.Fatalf("the oldest is of %d, want %d", v.Listed.Oldest, there[0].at)
		}
	}
}

func TestAhead(t *testing.T) {
	m := New(Config{PollsPerListMax: 1})
	for id := range int64(10) {
		m.Offer(run(1, 1), engine.Offer{List: "l", ID: id, At: engine.Time(id + 1), Priority: int32(id % 2)})
	}
	v := m.Look("l", 0)
	for _, c := range []struct {
		priority int32
		at       engine.Time
		want     int
	}{{1, 2, 4}, {0, 1, 5}, {0, 3, 9}, {2, 5, 0}} {
		if got := v.Ahead(c.priority, c.at); got != c.want {
			t.Errorf("before a task of priority %d and %d are %d, want %d", c.priority, c.at, got, c.want)
		}
	}
	for id := range int64(100) {
		m.Offer(run(1, 2), engine.Offer{List: "l", ID: id, At: 100, Priority: int32(100 + id)})
	}
	v = m.Look("l", 0)
	if got := v.Ahead(0, 5); got != 109 {
		t.Errorf("of a priority that is not shown, before it are %d, want 109", got)
	}
}

func TestListsByPage(t *testing.T) {
	m := New(Config{PollsPerListMax: 1})
	for i := range 10 {
		m.Offer(run(1, 1), engine.Offer{List: fmt.Sprintf("a/%d", i), ID: int64(i + 1)})
	}
	m.Offer(run(1, 1), engine.Offer{List: "b", ID: 99})
	var all []string
	after := ""
	for {
		page, more := m.Lists("a/", after, 3)
		for _, l := range page {
			all = append(all, l.List)
			after = l.List
		}
		if !more {
			break
		}
	}
	if len(all) != 10 || !slices.IsSorted(all) || all[9] != "a/9" {
		t.Errorf("lists %v", all)
	}
}

// TestStarved: a list on which tasks wait and that nobody polls is told once a minute, and
// not if somebody polls it now and then.
func TestStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := inBubble()
		offer := func(list string, id int64) {
			m.Offer(run(1, 1), engine.Offer{List: list, ID: id, At: engine.Time(time.Now().UnixMilli())})
		}
		for id := range int64(3) {
			offer("nobody", id+1)
			offer("slow", id+1)
			offer("gone", id+1)
		}
		time.Sleep(40 * time.Second)
		briefly(t, m, "slow", Poller{Identity: "s"}, time.Second).Accept()
		for id := range int64(3) {
			m.Withdraw("gone", run(1, 1), id+1)
		}
		offer("late", 1)
		if got := m.Starved(10); len(got) != 0 {
			t.Errorf("after 40 s %+v", got)
		}
		time.Sleep(20 * time.Second)
		got := m.Starved(10)
		if len(got) != 1 || got[0].List != "nobody" || got[0].Backlog != 3 || got[0].Oldest != began {
			t.Errorf("after 60 s %+v", got)
		}
		if got := m.Starved(10); len(got) != 0 {
			t.Errorf("at once again %+v", got)
		}
		time.Sleep(40 * time.Second) // 100 s: slow was polled at 40 s, late began then
		var names []string
		for _, l := range m.Starved(10) {
			names = append(names, l.List)
		}
		if slices.Sort(names); !slices.Equal(names, []string{"late", "slow"}) {
			t.Errorf("after 100 s %v", names)
		}
		time.Sleep(20 * time.Second)
		if got := m.Starved(10); len(got) != 1 || got[0].List != "nobody" {
			t.Errorf("after 120 s %+v", got)
		}
	})
}

// TestMemoryUnderLoad has pollers of many names come and go at once, and others look; at the
// end nothing is remembered that was not there.
func TestMemoryUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := inBubble()
		var all sync.WaitGroup
		for n := range 16 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 3))
				for i := range 200 {
					list := fmt.Sprint(random.IntN(5))
					switch random.IntN(4) {
					case 0:
						m.Offer(run(1, byte(n)), engine.Offer{List: list, ID: int64(i), At: engine.Time(i)})
					case 1:
						m.Look(list, 5)
						m.Lists("", "", 3)
						m.ForgetOld()
					default:
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(20))*time.Minute)
						if c, _ := m.Poll(ctx, list, Poller{Identity: fmt.Sprint(random.IntN(4)), Account: "1"}); c != nil {
							c.Accept()
						}
						cancel()
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Hour)
		m.ForgetOld()
		if a := m.memory.accounts["1"]; a.bytes != 0 || len(a.identities) != 0 || a.idle.Len() != 0 {
			t.Errorf("%d bytes, %d identities and %d lists are held of nothing", a.bytes, len(a.identities), a.idle.Len())
		}
		lists, _ := m.Lists("", "", 100)
		if m.memory.names.Len() != len(lists) {
			t.Errorf("%d names are kept of %d lists", m.memory.names.Len(), len(lists))
		}
	})
}
