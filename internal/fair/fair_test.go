package fair

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// line is a queue of three levels whose tasks hang until they are told to end.
type line struct {
	*Queue[*hanging]
	under []*hanging // way
}

// hanging is a task.
type hanging struct {
	place
	id   int64
	done func()
}

// place is of whom a task is.
type place [3]string

func newLine(places int) *line {
	l := &line{}
	l.Queue = New(places, func(j *hanging, done func()) {
		j.done = done
		l.under = append(l.under, j)
	}, 3, 2, 1)
	return l
}

func placeAt(outer, middle, inner int) place {
	return place{strconv.Itoa(outer), strconv.Itoa(middle), strconv.Itoa(inner)}
}

// add puts a task in line.
func (l *line) add(at place, id int64) { l.Add(&hanging{place: at, id: id}, at[:]...) }

// tasks counts those under way of what belongs to a place.
func (l *line) tasks(of func(place) bool) (n int) {
	for _, j := range l.under {
		if of(j.place) {
			n++
		}
	}
	return n
}

// TestQueueHolds what it says, whatever comes and ends.
func TestQueueHolds(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		places := 1 + random.IntN(40)
		l := newLine(places)
		last := map[place]int64{} // the youngest task that has begun, of each owner
		seen, added := 0, int64(0)
		for range 400 {
			if len(l.under) == 0 || random.IntN(2) == 0 {
				added++
				l.add(placeAt(random.IntN(3), random.IntN(3), random.IntN(3)), added)
			} else {
				i := random.IntN(len(l.under))
				j := l.under[i]
				l.under = slices.Delete(l.under, i, i+1)
				seen--
				j.done()
			}
			for i := range l.under[seen:] {
				j := l.under[seen+i]
				if j.id <= last[j.place] {
					t.Fatalf("seed %d: task %d of %v began after %d", seed, j.id, j.place, last[j.place])
				}
				last[j.place] = j.id
			}
			seen = len(l.under)
			l.check(t, seed, places)
		}
		for len(l.under) > 0 {
			j := l.under[0]
			l.under = l.under[1:]
			j.done()
		}
		if len(l.root.children) > 0 || l.root.waiting > 0 || l.free != places {
			t.Fatalf("seed %d: in the end %d owners, %d tasks, %d of %d places", seed, len(l.root.children), l.root.waiting, l.free, places)
		}
	}
}

// check compares the queue with what it has to do, counted anew.
func (l *line) check(t *testing.T, seed uint64, places int) {
	t.Helper()
	if l.free != places-len(l.under) {
		t.Fatalf("seed %d: %d places free, %d of %d taken", seed, l.free, len(l.under), places)
	}
	var walk func(s *share[*hanging], more int) (mayBegin bool)
	walk = func(s *share[*hanging], more int) bool {
		running := l.tasks(func(p place) bool {
			at := &l.root
			for _, key := range p[:s.depth] {
				if at = at.children[key]; at == nil {
					return false
				}
			}
			return at == s
		})
		if running != s.running {
			t.Fatalf("seed %d: share %q has %d tasks under way, counts %d", seed, s.key, running, s.running)
		}
		if s.depth == len(l.parts) {
			return s.waiting > 0
		}
		may := false
		for _, c := range s.children {
			// The rule, as it is told: fewer tasks than a part of what all may begin.
			if c.waiting > 0 && c.running < l.parts[s.depth]*more && walk(c, l.more(c, more)) {
				may = true
			}
			if c.running == 0 && c.waiting == 0 {
				t.Fatalf("seed %d: share %q has nothing", seed, c.key)
			}
		}
		return may
	}
	if l.free > 0 && walk(&l.root, l.free) {
		t.Fatalf("seed %d: %d places are free, and one who may have one waits", seed, l.free)
	}
}

func BenchmarkQueue(b *testing.B) {
	for _, waiting := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			l := newLine(256)
			for i := range waiting {
				l.add(placeAt(i%10, i%1000, i), int64(i))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.add(placeAt(i%10, i%1000, i), int64(i))
				j := l.under[0]
				l.under = l.under[1:]
				j.done()
			}
		})
	}
}

// TestSharesOfPlaces is what parts promise: who is alone leaves some to whoever comes next,
// as often in a row as is said here, though none of their tasks ever ends.
func TestSharesOfPlaces(t *testing.T) {
	for _, c := range []struct{ places, part, alone, owners int }{
		{32, 1, 16, 6}, {4, 1, 2, 3}, {2, 1, 1, 2}, {256, 3, 192, 5}, {32, 3, 24, 3},
	} {
		running := map[string]int{}
		q := New(c.places, func(owner string, _ func()) { running[owner]++ }, c.part)
		for n := range 20 {
			for range 2 * c.places {
				q.Add(strconv.Itoa(n), strconv.Itoa(n))
			}
		}
		if running["0"] != c.alone || len(running) != c.owners {
			t.Errorf("of %d places, with a part of %d, the first has %d, and %d owners have some; want %d and %d", c.places, c.part, running["0"], len(running), c.alone, c.owners)
		}
	}
}
