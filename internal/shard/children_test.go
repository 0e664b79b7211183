package shard

import (
	"testing"

	"heddle/internal/engine"
)

// TestTenThousandChildren has a run start so many others, a hundred in a turn, by waking
// itself; each reports exactly once, though the process is killed now and then.
func TestTenThousandChildren(t *testing.T) {
	const children, window = 10_000, 100
	for _, kills := range []bool{false, true} {
		h := newHarness(t, 4)
		turns := map[engine.RunID]int{}
		h.listener.TurnDone = func(d *engine.TurnDone) {
			for _, e := range d.Events {
				if e.Body.(toyEvent).What == "begun" {
					turns[d.Run]++
				}
			}
		}
		h.must("parent", toyParent{Children: children, Window: window})
		run := h.read("parent").ID.Run
		other := 0
		for n := range 4000 {
			for _, s := range h.shards {
				h.step(s)
			}
			if n%3 == 0 {
				c := h.give("parent", toyPut{}) // others get in between
				h.step(h.shards[run.Shard()])
				if answered(c) {
					other++
				}
			}
			if kills && n%10 == 9 && n < 100 {
				h.now += 5
				h.kill()
			}
			h.now++
			h.Advance()
			if len(h.Kicked()) == 0 {
				break
			}
		}
		for range 3 {
			h.now += 5 * ackDelay
			h.Advance()
			h.settle()
		}
		s := h.read("parent")
		reported := 0
		for child, n := range s.Reports {
			if n != 1 {
				t.Fatalf("kills %v: child %d has reported %d times", kills, child, n)
			}
			reported++
		}
		if s.Begun != children || reported != children {
			t.Errorf("kills %v: %d children were begun, %d reported", kills, s.Begun, reported)
		}
		if n := turns[run]; !kills && n != children/window {
			t.Errorf("the parent started them in %d turns, want %d", n, children/window)
		}
		if other < 10 {
			t.Errorf("others got in only %d times", other)
		}
		h.must("parent", toyClose{Forget: h.now + 1})
		h.now += 5 * ackDelay
		for range 10 {
			h.settle()
		}
		if n := h.rows(); n != 0 {
			t.Errorf("kills %v: %d rows are left", kills, n)
		}
		h.check()
		h.quiet()
	}
}
