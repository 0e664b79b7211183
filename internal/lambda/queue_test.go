package lambda

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/engine"
)

// line is a queue whose calls hang until they are told to end.
type line struct {
	*queue
	under []job // way
}

func newLine(places int) *line {
	l := &line{}
	l.queue = newQueue(places, func(j job) { l.under = append(l.under, j) })
	return l
}

func placeAt(world, group, function int) Place {
	return Place{engine.World{Account: "1", Region: strconv.Itoa(world)}, strconv.Itoa(group), strconv.Itoa(function)}
}

// add puts a task of the one source in line.
func (l *line) add(at Place, id int64) { l.queue.add(at, from, engine.RunID{}, id) }

var from = &source{list: "one"}

// keys are those of the shares to which a place belongs.
func keys(p Place) []string {
	return []string{p.World.Account + "\x00" + p.World.Region, from.list + "\x00" + p.Group, p.Function}
}

// place is where a job belongs.
func (j *job) place() Place {
	group := j.from.parent
	account, region, _ := strings.Cut(group.parent.key, "\x00")
	_, name, _ := strings.Cut(group.key, "\x00")
	return Place{engine.World{Account: account, Region: region}, name, j.from.key}
}

// calls counts the calls under way of what belongs to a place.
func (l *line) calls(of func(Place) bool) (n int) {
	for i := range l.under {
		j := &l.under[i]
		if of(j.place()) {
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
		worlds, groups, functions int
		want                      int // of 256
	}{
		{"a function", 1, 1, 1, 64},
		{"a group", 1, 1, 300, 128},
		{"a region", 1, 300, 300, 192},
		{"a region, of groups with a function each", 1, 300, 1, 192},
		{"all", 300, 1, 1, 256},
	} {
		l := newLine(256)
		for i := range 5000 {
			l.add(placeAt(i%c.worlds, i%c.groups, i%c.functions), int64(i))
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
		{"functions of a group", func(i int) Place { return placeAt(0, 0, i) }, 256, 8},
		{"groups of a region", func(i int) Place { return placeAt(0, i, 0) }, 256, 12},
		{"regions, with a function each", func(i int) Place { return placeAt(i, 0, 0) }, 256, 17},
		{"regions, with a function each", func(i int) Place { return placeAt(i, 0, 0) }, 64, 13},
	} {
		l := newLine(c.places)
		came := 0
		for ; ; came++ {
			at := c.at(came)
			for id := range 1000 {
				l.add(at, int64(id))
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

// TestQueueHolds what it says, whatever comes and ends.
func TestQueueHolds(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		places := 1 + random.IntN(40)
		l := newLine(places)
		last := map[Place]int64{} // the youngest task that has begun, of each function
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
				l.done(j)
			}
			for i := range l.under[seen:] {
				j := &l.under[seen+i]
				if at := j.place(); j.id <= last[at] {
					t.Fatalf("seed %d: task %d of %v began after %d", seed, j.id, at, last[at])
				} else {
					last[at] = j.id
				}
			}
			seen = len(l.under)
			l.check(t, seed, places)
		}
		for len(l.under) > 0 {
			j := l.under[0]
			l.under = l.under[1:]
			l.done(j)
		}
		if len(l.root.children) > 0 || l.root.waiting > 0 || l.free != places {
			t.Fatalf("seed %d: in the end %d worlds, %d tasks, %d of %d places", seed, len(l.root.children), l.root.waiting, l.free, places)
		}
	}
}

// check compares the queue with what it has to do, counted anew.
func (l *line) check(t *testing.T, seed uint64, places int) {
	t.Helper()
	if l.free != places-len(l.under) {
		t.Fatalf("seed %d: %d places free, %d of %d taken", seed, l.free, len(l.under), places)
	}
	var walk func(s *share, more int) (mayBegin bool)
	walk = func(s *share, more int) bool {
		running := l.calls(func(p Place) bool {
			at := &l.root
			for _, key := range keys(p)[:s.depth] {
				if at = at.children[key]; at == nil {
					return false
				}
			}
			return at == s
		})
		if running != s.running {
			t.Fatalf("seed %d: share %q has %d calls, counts %d", seed, s.key, running, s.running)
		}
		if s.depth == len(parts) {
			return s.waiting > 0
		}
		may := false
		for _, c := range s.children {
			// The rule, as it is told: fewer calls than a part of what all may begin.
			if c.waiting > 0 && c.running < parts[s.depth]*more && walk(c, c.more(more)) {
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

func TestFunctionNames(t *testing.T) {
	w := engine.World{Account: "123456789012", Region: "eu-west-1"}
	const here = "arn:aws:lambda:eu-west-1:123456789012:function:"
	for name, want := range map[string]Function{
		"f":                         {here + "f", "f", ""},
		"f:live":                    {here + "f:live", "f:live", "live"},
		"f:$LATEST":                 {here + "f:$LATEST", "f:$LATEST", "$LATEST"},
		"function":                  {here + "function", "function", ""},
		"function:f":                {here + "f", here + "f", ""},
		"function:f:live":           {here + "f:live", here + "f:live", "live"},
		"123456789012:f":            {here + "f", here + "f", ""},
		"999999999999:function:f:1": {"arn:aws:lambda:eu-west-1:999999999999:function:f:1", "arn:aws:lambda:eu-west-1:999999999999:function:f:1", "1"},
		"us-east-1:999999999999:function:f": {
			"arn:aws:lambda:us-east-1:999999999999:function:f", "arn:aws:lambda:us-east-1:999999999999:function:f", ""},
		here + "f":         {here + "f", here + "f", ""},
		here + "f:$LATEST": {here + "f:$LATEST", here + "f:$LATEST", "$LATEST"},
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f": {
			"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", ""},
	} {
		if got, ok := FunctionOf(w, name); !ok || got != want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{
		"", "..", "a/b", "a b", "f:", ":f", "f:a:b", "f:$OTHER", "é", "f\n", "a.b",
		"arn:aws:lambda:eu-west-1:123456789012:f", "arn:aws:lambda:eu-west-1:function:f", "arn:aws:lambda::123456789012:function:f",
		"arn:aws:iam::123456789012:role/f", "arn:aws:lambda:eu-west-1:123456789012:function:f:a:b", "arn:aws:lambda:*:123456789012:function:f",
		"Function:f:live", "12345678901:function:f", "arn:aws-cn:lambda:eu-west-1:123456789012:function:f", "arn:aws:lambda:cn-north-1:123456789012:function:f",
	} {
		if got, ok := FunctionOf(w, name); ok {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestQualified(t *testing.T) {
	w := engine.World{Account: "123456789012", Region: "eu-west-1"}
	const here = "arn:aws:lambda:eu-west-1:123456789012:function:"
	for _, c := range []struct{ name, qualifier, arn, sent string }{
		{"f", "", here + "f", "f"},
		{"f", "live", here + "f:live", "f"},
		{"f:live", "", here + "f:live", "f:live"},
		{"f:live", "live", here + "f:live", "f:live"},
		{here + "f", "$LATEST", here + "f:$LATEST", here + "f"},
		{"f:live", "test", "", ""},
		{"f", "a b", "", ""},
		{"f", "a:b", "", ""},
	} {
		f, named := FunctionOf(w, c.name)
		got, ok := f.Qualified(c.qualifier)
		if !named || ok != (c.arn != "") || ok && (got.ARN != c.arn || got.Sent != c.sent) {
			t.Errorf("%s at %q: %+v, %v", c.name, c.qualifier, got, ok)
		}
	}
}

func TestFunctionNamesFollowTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"cn-north-1": "aws-cn", "us-gov-east-1": "aws-us-gov", "us-isob-east-1": "aws-iso-b", "eusc-de-east-1": "aws-eusc", "eu-west-1": "aws",
	} {
		name := "arn:" + want + ":lambda:" + region + ":123456789012:function:f"
		for _, given := range []string{"f", "function:f", name, region + ":123456789012:function:f"} {
			got, ok := FunctionOf(engine.World{Account: "123456789012", Region: region}, given)
			if !ok || got.ARN != name {
				t.Errorf("%s in %s: %+v, %v", given, region, got, ok)
			}
		}
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
				l.done(j)
			}
		})
	}
}
