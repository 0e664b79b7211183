package matching

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"heddle/internal/engine"
)

// nearby has runs of shard n at home n. Those of shard 1 are here.
func nearby() *Matcher {
	return New(Config{PollsPerListMax: 100, Near: func(run engine.RunID, home string) bool { return fmt.Sprint(run.Shard()) == cmp.Or(home, "1") }})
}

// TestNearPollIsServedFirst, so that a task that is here costs less to start; but nobody is passed over for ever, and
// a task from elsewhere goes to the first.
func TestNearPollIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := nearby()
		defer m.Drain()
		from := func(home string) <-chan *Claim {
			answer := make(chan *Claim, 1)
			go func() {
				c, err := m.PollFrom(t.Context(), home, "l", Poller{})
				if err != nil {
					t.Error(err)
				}
				answer <- c
			}()
			synctest.Wait()
			return answer
		}
		first := from("2")
		for i := range nearPasses {
			_, near := from("3"), from("")
			m.Offer(run(1, 1), offerOf("l", int64(1+i)))
			wantID(t, <-near, int64(1+i))
		}
		m.Offer(run(9, 1), offerOf("l", 100)) // near nobody
		wantID(t, <-first, 100)
		last := from("2")
		m.Offer(run(2, 1), offerOf("l", 200))
		if answered(last) {
			t.Error("a task from elsewhere passes over polls")
		}
	})
}

// TestPassedOverPollIsServed: as the first of all, after nearPasses.
func TestPassedOverPollIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := nearby()
		defer m.Drain()
		far := make(chan *Claim, 1)
		go func() {
			c, _ := m.PollFrom(t.Context(), "2", "l", Poller{})
			far <- c
		}()
		synctest.Wait()
		for i := range nearPasses + 1 {
			near := make(chan *Claim, 1)
			go func() {
				c, _ := m.Poll(t.Context(), "l", Poller{})
				near <- c
			}()
			synctest.Wait()
			m.Offer(run(1, 1), offerOf("l", int64(1+i)))
			if got := answered(far); got != (i == nearPasses) {
				t.Fatalf("task %d goes to the poll that came first: %v", i+1, got)
			}
		}
	})
}

// TestNearTaskGoesFirst among those of its priority that are hardly older. Nothing else changes the order.
func TestNearTaskGoesFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		m := nearby()
		var left []engine.Offer
		for id := range int64(1 + r.IntN(40)) {
			o := engine.Offer{List: "l", ID: id + 1, At: engine.Time(r.IntN(3 * int(nearAges))), Priority: int32(r.IntN(2))}
			left = append(left, o)
			m.Offer(run(uint16(id%4), 1), o)
		}
		for range len(left) {
			home := fmt.Sprint(r.IntN(6))
			c, err := m.PollFrom(t.Context(), home, "l", Poller{})
			if err != nil || c == nil {
				t.Fatal(c, err)
			}
			var got, first engine.Offer
			nearest := engine.Offer{Priority: -1}
			at := 0
			for i, o := range left {
				if o.ID == c.ID {
					got, at = o, i
				}
				if first.List == "" || o.Priority > first.Priority || o.Priority == first.Priority && o.At < first.At {
					first = o
				}
			}
			for _, o := range left {
				if fmt.Sprint((o.ID-1)%4) == home && o.Priority == first.Priority && o.At < first.At+nearAges {
					nearest = o
				}
			}
			isNear := fmt.Sprint((got.ID-1)%4) == home
			switch {
			case got.Priority != first.Priority, got.At >= first.At+nearAges && got.At != first.At, !isNear && got.At != first.At:
				t.Fatalf("of %v, from %s: %v comes before %v", left, home, got, first)
			case !isNear && len(left) <= nearLooks && nearest.Priority >= 0:
				t.Fatalf("of %v, from %s: %v, and not %v, which is near", left, home, got, nearest)
			}
			left = append(left[:at], left[at+1:]...)
			c.Accept()
		}
		wantTotals(t, m, Totals{})
	}
}
