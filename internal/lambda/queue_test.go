package lambda

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
func placeAt(account, group, function int) Place {
	return Place{engine.World{Account: strconv.Itoa(account), Region: strconv.Itoa(group % 2)}, strconv.Itoa(group / 2), strconv.Itoa(function)}
}

// add puts a task of the one source in line.
func (l *line) add(at Place) {
	l.places = append(l.places, at)
	l.Add(job{from, engine.RunID{}, int64(len(l.places) - 1)}, at.owner(from)...)
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
		what                        string
		accounts, groups, functions int
		want                        int // of 256
	}{
		{"a function", 1, 1, 1, 64},
		{"a group", 1, 1, 300, 128},
		{"an account", 1, 300, 300, 192},
		{"an account, of groups with a function each", 1, 300, 1, 192},
		{"all", 300, 1, 1, 256},
	} {
		l := newLine(256)
		for i := range 5000 {
			l.add(placeAt(i%c.accounts, i%c.groups, i%c.functions))
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
		{"groups of an account", func(i int) Place { return placeAt(0, i, 0) }, 256, 12},
		{"accounts, with a function each", func(i int) Place { return placeAt(i, 0, 0) }, 256, 17},
		{"accounts, with a function each", func(i int) Place { return placeAt(i, 0, 0) }, 64, 13},
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
