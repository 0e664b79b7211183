package sfn

import "testing"

// TestNested: an account has half of what there may be, if it is alone; others have half of what is left.
func TestNested(t *testing.T) {
	var n nested
	fill := func(account string) (leave []func()) {
		for {
			end, ok := n.enter(account)
			if !ok {
				return leave
			}
			leave = append(leave, end)
		}
	}
	first, second := fill("1"), fill("2")
	if len(first) != nestedMax/2 || len(second) != nestedMax/4 {
		t.Errorf("they have %d and %d", len(first), len(second))
	}
	for _, leave := range append(first, second...) {
		leave()
	}
	if n.all != 0 || len(n.by) != 0 {
		t.Errorf("%d are left of none", n.all)
	}
}
