package flow_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"heddle/flow"
	"heddle/flow/flowtest"
)

var golden = flag.Bool("golden", false, "write testdata/changes.txt anew, to be read before it is kept")

// Changes of workflow code that its histories do not allow. Those that are strict change an input, a
// duration or a result alone: running executions go on.
var changes = []struct {
	name   string
	strict bool
}{
	{name: "activity renamed"}, {name: "activity version bumped"}, {name: "activity removed"}, {name: "activity added"},
	{name: "retry removed"}, {name: "retry sooner", strict: true},
	{name: "child id changed"}, {name: "signal renamed"}, {name: "signal to another"}, {name: "signal removed"},
	{name: "timer added"}, {name: "timer for activity"}, {name: "timer longer", strict: true}, {name: "cancel removed"},
	{name: "version removed"}, {name: "effect removed"}, {name: "effect added"}, {name: "effect of another type added"}, {name: "calls from a goroutine"},
	{name: "loop longer"}, {name: "loop shorter"}, {name: "variable of others"}, {name: "clock read"}, {name: "wait removed"}, {name: "order swapped"},
	{name: "returns at once"}, {name: "returns earlier"}, {name: "fails"}, {name: "panics"}, {name: "decides nothing"}, {name: "goes on"}, {name: "continues as new"},
	{name: "input changed", strict: true}, {name: "result changed", strict: true},
}

// Each wrong change is told with the line of code, the event and what to do about it; the texts are in
// testdata/changes.txt.
func TestWrongChanges(t *testing.T) {
	mistakes, err := os.ReadFile("flowcheck/testdata/src/mistakes/mistakes.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(mistakes), "// want `") + len(changes); n < 100 {
		t.Errorf("%d mistakes are tried with what flowcheck finds, want 100", n)
	}
	line, event := regexp.MustCompile(`trip_test\.go:\d+`), regexp.MustCompile(`event \d+`)
	remedy := regexp.MustCompile(`Guard the change by flow\.Version.*\n.*flowcheck|keep that call|running execution goes on|Repair the code`)
	replay := func(change string, strict bool) error {
		runID, events, err := flowtest.Read("testdata/histories/trip.json")
		if err != nil {
			t.Fatal(err)
		}
		return flow.Replay(nil, runID, events, strict, Trip.By(trip(change)))
	}
	if err := replay("", true); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	nights = 3
	defer func() { nights = 2 }()
	var texts strings.Builder
	for _, c := range changes {
		if c.strict {
			if err := replay(c.name, false); err != nil {
				t.Errorf("%s would park running executions: %v", c.name, err)
			}
		}
		err := replay(c.name, c.strict)
		if err == nil {
			t.Errorf("%s: was not found", c.name)
			continue
		}
		text := err.Error()
		if stack := strings.Index(text, "\ngoroutine "); stack >= 0 {
			text = text[:stack]
		}
		if !line.MatchString(text) || !event.MatchString(text) || !remedy.MatchString(text) {
			t.Errorf("%s: the text lacks line, event or remedy:\n%s", c.name, text)
		}
		fmt.Fprintf(&texts, "%s\n%s\n\n", c.name, text)
	}
	wrongVersion := Trip
	wrongVersion.Version = "2"
	runID, events, err := flowtest.Read("testdata/histories/trip.json")
	if err != nil {
		t.Fatal(err)
	}
	err = flow.Replay(nil, runID, events, false, wrongVersion.By(trip("")))
	if !errors.Is(err, flow.ErrNoSuchType) {
		t.Errorf("workflow version bumped: %v", err)
	}
	fmt.Fprintf(&texts, "workflow version bumped\n%v\n", err)
	if *golden {
		if err := os.WriteFile("testdata/changes.txt", []byte(texts.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/changes.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(texts.String(), "\n\n"), strings.Split(string(want), "\n\n")
	if len(got) != len(wanted) {
		t.Fatalf("%d texts, want %d", len(got), len(wanted))
	}
	for i := range got {
		if got[i] != wanted[i] {
			t.Errorf("got\n%s\nwant\n%s", got[i], wanted[i])
		}
	}
}

// stubborn can't be encoded.
type stubborn struct{}

func (stubborn) MarshalJSON() ([]byte, error) { panic("stubborn") }

// A panic while a payload is encoded, which is done on another stack than the code's, is told with the line of the code and where it
// came from; code that recovers from it goes on.
func TestPanicsAside(t *testing.T) {
	runID, events, err := flowtest.Read("testdata/histories/trip.json")
	if err != nil {
		t.Fatal(err)
	}
	err = flow.Replay(nil, runID, events, false, Trip.By(func(ctx flow.Context, _ int) (string, error) {
		return "", flow.Signal[stubborn]{Name: "Odd"}.Call(ctx, "guide-1", stubborn{})
	}))
	if why := fmt.Sprint(err); !strings.Contains(why, "task 1: stubborn\n  at changes_test.go:") || !strings.Contains(why, "stubborn.MarshalJSON") || !strings.Contains(why, "TestPanicsAside.func1") {
		t.Errorf("got %s", why)
	}
	err = flow.Replay(nil, runID, events, false, Trip.By(func(ctx flow.Context, _ int) (text string, _ error) {
		defer func() { text = fmt.Sprint(recover()) }()
		return "", flow.Signal[stubborn]{Name: "Odd"}.Call(ctx, "guide-1", stubborn{})
	}))
	if why := fmt.Sprint(err); !strings.Contains(why, "the code decides CompleteWorkflowExecution") {
		t.Errorf("the code recovered: %s", why)
	}
}
