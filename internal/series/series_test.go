package series

import (
	"fmt"
	"slices"
	"testing"
)

func is(name string) func(string) bool { return func(of string) bool { return of == name } }

// TestHours: what was counted stands in its slot, for an hour; what is under way is not told.
func TestHours(t *testing.T) {
	h := New(2, 3)
	h.Add("a", 0, 5)
	if got := h.Of(is("a")); len(got) != 2 || len(got[0]) != 0 {
		t.Errorf("in the first slot: %v", got)
	}
	h.Next()
	h.Add("a", 1, 2)
	h.Add("a", 1, 1)
	h.Next()
	h.Next()
	if got := h.Of(is("a")); !slices.Equal(got[0], []int64{5, 0, 0}) || !slices.Equal(got[1], []int64{0, 3, 0}) {
		t.Errorf("after three: %v", got)
	}
	if got := h.Of(is("b")); !slices.Equal(got[0], []int64{0, 0, 0}) {
		t.Errorf("of nobody: %v", got)
	}
	for range Slots - 4 {
		h.Next()
	}
	if got := h.Of(is("a"))[0]; len(got) != Slots-1 || got[0] != 5 {
		t.Errorf("after an hour: %d, %d first", len(got), got[0])
	}
	h.Add("a", 0, 7)
	h.Next()
	if got := h.Of(is("a"))[0]; len(got) != Slots-1 || got[0] != 0 || got[Slots-2] != 7 {
		t.Errorf("after more: %d, %d to %d", len(got), got[0], got[Slots-2])
	}
}

// TestBound: above the bound nobody is remembered, and who is not touched for an hour makes
// room.
func TestBound(t *testing.T) {
	h := New(1, 3)
	for i := range 5 {
		h.Add(fmt.Sprint(i), 0, 1)
	}
	h.Next()
	if len(h.rows) != 3 || h.Of(is("4"))[0][0] != 0 {
		t.Errorf("%d rows", len(h.rows))
	}
	for range Slots - 1 {
		h.Add("0", 0, 1)
		h.Next()
	}
	if len(h.rows) != 1 {
		t.Errorf("%d rows after an hour", len(h.rows))
	}
}
