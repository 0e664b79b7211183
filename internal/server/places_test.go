package server

import (
	"testing"
)

// TestAccountParts: whoever takes all that they can get leave each account its part.
func TestAccountParts(t *testing.T) {
	fill := func(p *accountParts, account string) (n int) {
		for p.take(account) {
			n++
		}
		return n
	}
	alone := newAccountParts(10, []string{"a"})
	if got := fill(alone, "a"); got != 10 {
		t.Errorf("an account that is alone has %d of 10", got)
	}
	p := newAccountParts(100, []string{"a", "b", "c", "d", "e"})
	if got := fill(p, "a"); got != 60 { // its part and the common half
		t.Errorf("the first has %d", got)
	}
	for _, account := range []string{"b", "c", "d"} {
		if got := fill(p, account); got != 10 {
			t.Errorf("%s has %d", account, got)
		}
	}
	if got := fill(p, "nobody's"); got != 0 {
		t.Errorf("who has no account takes %d of what is kept for others", got)
	}
	p.add("a", -25)
	if got := fill(p, "b"); got != 25 {
		t.Errorf("of 25 that were given back another has %d", got)
	}
	if got := fill(p, "e"); got != 10 {
		t.Errorf("the last has %d", got)
	}
	for account, n := range map[string]int{"a": 35, "b": 35, "c": 10, "d": 10, "e": 10} {
		if p.by[account] != n {
			t.Errorf("%s has %d, want %d", account, p.by[account], n)
		}
		p.add(account, -n)
	}
	if p.taken != 0 || p.owed != 50 {
		t.Errorf("in the end %d are taken and %d kept", p.taken, p.owed)
	}
}
