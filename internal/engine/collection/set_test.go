package collection

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"heddle/internal/pack"
)

// thing is what the sets of these tests hold.
type thing struct {
	name string
	note string
}

func (t *thing) SortKey() Folded { return Fold(t.name) }

func (t *thing) code(c *pack.Coder) {
	c.Text(&t.name)
	c.Text(&t.note)
}

type things = Set[Folded, *thing]

// TestSetIsASortedMap puts and takes out at random, beside a map.
func TestSetIsASortedMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var s things
	want := map[Folded]string{}
	for n := range 3000 {
		name := fmt.Sprintf("%c%d", "nN"[random.IntN(2)], random.IntN(80))
		key := Fold(name)
		switch random.IntN(3) {
		case 0:
			s.Remove(key)
			delete(want, key)
		case 1:
			note := fmt.Sprint(n)
			s.Put(&thing{name, note})
			want[key] = note
		case 2:
			note := fmt.Sprint(n)
			if _, there := want[key]; s.Add(&thing{name, note}) == there {
				t.Fatalf("%q: there %v, and added %v", name, there, !there)
			} else if !there {
				want[key] = note
			}
		}
		e, ok := s.Find(key)
		if note, there := want[key]; ok != there || s.Has(key) != there || ok && e.note != note {
			t.Fatalf("%q: found %+v, %v; want %q, %v", name, e, ok, note, there)
		}
		if keys := keysOf(s); !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("keys %v, want %v", keys, slices.Sorted(maps.Keys(want)))
		}
	}
}

func keysOf(s things) (keys []Folded) {
	for _, e := range s {
		keys = append(keys, e.SortKey())
	}
	return keys
}

// TestPagesShowWhatStays reads page by page while others come and go: what is there all
// the time is shown once, in order, in both directions.
func TestPagesShowWhatStays(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(2, seed))
		var s things
		name := func() string { return fmt.Sprintf("n%03d", random.IntN(1000)) }
		stays := map[string]bool{}
		for range 100 {
			n := name()
			s.Put(&thing{n, "stays"})
			stays[n] = true
		}
		want := slices.Sorted(maps.Keys(stays))
		reverse := seed%2 == 1
		if reverse {
			slices.Reverse(want)
		}
		var got []string
		all, last := map[string]int{}, ""
		for more := true; more; {
			rest := s
			if last != "" {
				rest = s.After(Fold(last), reverse)
			}
			var shown []*thing
			shown, more = Page(rest, reverse, 1+random.IntN(9), func(e *thing) (*thing, bool) { return e, e.note != "hidden" })
			if more && len(shown) == 0 {
				t.Fatal("an empty page with more behind it")
			}
			for _, e := range shown {
				if all[e.name]++; stays[e.name] {
					got = append(got, e.name)
				}
				last = e.name
			}
			for range 20 {
				if n := name(); !stays[n] {
					if random.IntN(2) == 0 {
						s.Put(&thing{n, []string{"shown", "hidden"}[random.IntN(2)]})
					} else {
						s.Remove(Fold(n))
					}
				}
			}
			if !stays[last] {
				s.Remove(Fold(last)) // where the next page begins
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: shown %v, want %v", seed, got, want)
		}
		for name, n := range all {
			if n > 1 {
				t.Errorf("seed %d: %s is shown %d times", seed, name, n)
			}
		}
	}
}

func TestRangeCutsOut(t *testing.T) {
	var s things
	for n := range 100 {
		s.Put(&thing{name: fmt.Sprintf("%02d", n)})
	}
	for prefix, want := range map[Folded]int{"0": 10, "5": 10, "9": 10, ":": 0, "/": 0} {
		found := s.Range(func(key Folded) int { return cmp.Compare(key[:1], prefix) })
		if len(found) != want || want > 0 && found[0].name != string(prefix)+"0" {
			t.Errorf("%s: %d things, want %d", prefix, len(found), want)
		}
	}
	if n := len(s.Range(func(Folded) int { return 0 })); n != 100 {
		t.Errorf("all are %d", n)
	}
}

func TestSetsAreReadInOrder(t *testing.T) {
	var s things
	for _, name := range []string{"b", "A", "c"} {
		s.Put(&thing{name, "n" + name})
	}
	write := func(s things) []byte {
		c := pack.Writing(nil)
		Code(c, &s, (*thing).code)
		return c.Written()
	}
	read := func(b []byte) (s things, err error) {
		s = things{{name: "old"}}
		c := pack.Reading(b)
		Code(c, &s, (*thing).code)
		return s, c.Done()
	}
	got, err := read(write(s))
	if err != nil || len(got) != 3 || got[0].name != "A" || *got[2] != *s[2] {
		t.Errorf("read %v, error %v", got, err)
	}
	if got, err := read(write(nil)); err != nil || got != nil {
		t.Errorf("read %v, error %v", got, err)
	}
	for what, wrong := range map[string]things{"unsorted": {s[1], s[0]}, "twice": {s[0], s[0]}} {
		if _, err := read(write(wrong)); err != errOrder {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for n := range write(s) {
		if _, err := read(write(s)[:n]); err == nil {
			t.Errorf("the first %d bytes are read", n)
		}
	}
}
