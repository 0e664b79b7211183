package cluster

import (
	"testing"

	"heddle/internal/engine"
)

type showing struct{ last int64 }

func (s showing) ShowsUpTo() int64 { return s.last }

// TestHistoriesThatComeWithAnswers are given once, as they are asked for, and don't grow without bound.
func TestHistoriesThatComeWithAnswers(t *testing.T) {
	c := new(Cluster)
	run := func(n byte) engine.RunID { return engine.RunID{1, n} }
	c.shown.keep(run(1), &Reply{Value: showing{3}, History: []byte("a,b,c")})
	c.shown.keep(run(2), &Reply{Value: "nothing that shows", History: []byte("x")})
	c.shown.keep(run(3), &Reply{Value: showing{3}, Err: engine.ErrUnserved, History: []byte("x")})
	for _, n := range []byte{2, 3} {
		if got := c.History(run(n), 3); got != nil {
			t.Errorf("of run %d: %q", n, got)
		}
	}
	if got := c.History(run(1), 3); string(got) != "a,b,c" {
		t.Errorf("got %q", got)
	}
	if got := c.History(run(1), 3); got != nil {
		t.Errorf("a second time: %q", got)
	}
	c.shown.keep(run(1), &Reply{Value: showing{3}, History: []byte("a,b,c")})
	if got := c.History(run(1), 4); got != nil {
		t.Errorf("of more events: %q", got)
	}
	large := make([]byte, historiesMax/3)
	for n := range byte(100) {
		c.shown.keep(run(n), &Reply{Value: showing{1}, History: large})
		if c.shown.bytes > historiesMax {
			t.Fatalf("%d bytes are kept", c.shown.bytes)
		}
	}
	if got := c.History(run(99), 1); len(got) != len(large) {
		t.Error("the last one is not there")
	}
}
