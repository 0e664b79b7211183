package outbound

import (
	"strconv"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/fair"
)

// line is a queue whose calls hang.
type line struct {
	*fair.Queue[job]
	places []Place // of the tasks, by their ids
	under  []job   // way
}

func newLine(places int) *line {
	l := &line{}
	l.Queue = newQueue(places, func(j job, _ func()) { l.under = append(l.under, j) })
	return l
}

// placeAt is where a task of an account belongs. Groups are in two regions.
func placeAt(account, group, target int) Place {
	return Place{World: engine.World{Account: strconv.Itoa(account), Region: strconv.Itoa(group % 2)}, Group: strconv.Itoa(group / 2), Target: strconv.Itoa(target)}
}

// add puts a task of the one source in line.
func (l *line) add(at Place) {
	l.places = append(l.places, at)
	l.Add(job{from, engine.RunID{}, int64(len(l.places) - 1), at, false}, at.owner(from)...)
}

var from = &source{list: "one"}

// calls counts the calls under way of what belongs to a place.
func (l *line) calls(of func(Place) bool) (n int) {
	for _, j := range l.under {
		if of(l.places[j.id]) {
			n++
		}
	}
	return n
}

func everywhere(Place) bool { return true }

// TestSharesOfPlaces is what the settings promise to whoever is alone.
func TestSharesOfPlaces(t *testing.T) {
	for _, c := range []struct {
		what                      string
		accounts, groups, targets int
		want                      int // of 256
	}{
		{"a target", 1, 1, 1, 64},
		{"a group", 1, 1, 300, 128},
		{"an account", 1, 300, 300, 192},
		{"an account, of groups with a target each", 1, 300, 1, 192},
		{"all", 300, 1, 1, 256},
	} {
		l := newLine(256)
		for i := range 5000 {
			l.add(placeAt(i%c.accounts, i%c.groups, i%c.targets))
		}
		if n := l.calls(everywhere); n != c.want {
			t.Errorf("%s has %d calls under way, want %d", c.what, n, c.want)
		}
	}
}

// TestWhoComesLater finds a place, though all who came before have calls that hang: as
// many in a row as are said here.
func TestWhoComesLater(t *testing.T) {
	for _, c := range []struct {
		what   string
		at     func(i int) Place
		places int
		want   int // of those that hang, until one finds none
	}{
		{"targets of a group", func(i int) Place { return placeAt(0, 0, i) }, 256, 8},
		{"groups of an account", func(i int) Place { return placeAt(0, i, 0) }, 256, 12},
		{"accounts, with a target each", func(i int) Place { return placeAt(i, 0, 0) }, 256, 17},
		{"accounts, with a target each", func(i int) Place { return placeAt(i, 0, 0) }, 64, 13},
	} {
		l := newLine(c.places)
		came := 0
		for ; ; came++ {
			at := c.at(came)
			for range 1000 {
				l.add(at)
			}
			if l.calls(func(p Place) bool { return p == at }) == 0 {
				break
			}
		}
		if came != c.want {
			t.Errorf("%s: of %d places %d had some, want %d", c.what, c.places, came, c.want)
		}
	}
}
