package collection

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"heddle/internal/pack"
)

func TestTagsByKey(t *testing.T) {
	old := []Tag{{"a", "1"}, {"B", "2"}, {"c", "3"}}
	for _, c := range []struct {
		what      string
		got, want []Tag
	}{
		{"exactly, more", Exactly.With(old, []Tag{{"b", "4"}, {"a", "5"}}), []Tag{{"B", "2"}, {"a", "5"}, {"b", "4"}, {"c", "3"}}},
		{"any case, more", AnyCase.With(old, []Tag{{"b", "4"}, {"A", "5"}}), []Tag{{"A", "5"}, {"b", "4"}, {"c", "3"}}},
		{"first", Exactly.With(nil, []Tag{{"b", ""}, {"a", ""}}), []Tag{{"a", ""}, {"b", ""}}},
		{"exactly, without", Exactly.Without(old, []string{"b", "c", "d"}), []Tag{{"a", "1"}, {"B", "2"}}},
		{"any case, without", AnyCase.Without(old, []string{"b", "C"}), []Tag{{"a", "1"}}},
		{"none left", Exactly.Without(old, []string{"a", "B", "c"}), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	twins := []Tag{{"a", ""}, {"A", ""}}
	if Exactly.Twice(twins, 1) || !AnyCase.Twice(twins, 1) || AnyCase.Twice(twins, 0) {
		t.Error("twins are taken for what they are not")
	}
	if !slices.Equal(old, []Tag{{"a", "1"}, {"B", "2"}, {"c", "3"}}) {
		t.Errorf("the old tags became %v", old)
	}
}

// TestTagChangeLeadsThere: what changes between any two lists of tags makes of one the
// other, also after it was stored.
func TestTagChangeLeadsThere(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	tags := func() (all []Tag) {
		for n := range 6 {
			if random.IntN(2) == 0 {
				all = append(all, Tag{fmt.Sprint(n), fmt.Sprint(random.IntN(3))})
			}
		}
		return all
	}
	for range 500 {
		old, now := tags(), tags()
		c := TagsBetween(old, now)
		if c.IsEmpty() != slices.Equal(old, now) {
			t.Errorf("from %v to %v: empty %v", old, now, c.IsEmpty())
		}
		w := pack.Writing(nil)
		c.Code(w)
		var stored TagChange
		r := pack.Reading(w.Written())
		if stored.Code(r); r.Done() != nil || !reflect.DeepEqual(stored, c) {
			t.Fatalf("stored %+v, read %+v, error %v", c, stored, r.Done())
		}
		if got := stored.Change(old); !slices.Equal(got, now) {
			t.Fatalf("from %v to %v by %+v: got %v", old, now, c, got)
		}
	}
}
