package execution

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

func TestRunOnTheWire(t *testing.T) {
	run := engine.NewRunID(512, engine.Seed{1, 2, 3, 250})
	s := FormatRun(run)
	if len(s) != 46 || !strings.HasPrefix(s, "22") || !strings.HasSuffix(s, "=") {
		t.Errorf("runId %q has not the service's form", s)
	}
	if got, ok := ParseRun(s); !ok || got != run {
		t.Errorf("ParseRun(%q) = %v, %v, want %v", s, got, ok, run)
	}
	for i := range s {
		other := []byte(s)
		other[i] ^= 1
		if got, ok := ParseRun(string(other)); ok {
			t.Errorf("ParseRun(%q) = %v; the check sum should refuse it", other, got)
		}
	}
	for _, bad := range []string{"", "22", s[:45], s + "=", "23" + s[2:]} {
		if _, ok := ParseRun(bad); ok {
			t.Errorf("ParseRun(%q) accepts", bad)
		}
	}
}

func TestListsDiffer(t *testing.T) {
	other := engine.World{Account: testWorld.Account, Region: "local-2"}
	lists := []string{
		DecisionList(testWorld, "d", "l"), ActivityList(testWorld, "d", "l"), LambdaList,
		DecisionList(other, "d", "l"), DecisionList(testWorld, "e", "l"), DecisionList(testWorld, "d", "m"),
		ActivityList(other, "d", "l"), ActivityList(testWorld, "e", "l"), ActivityList(testWorld, "d", "m"),
	}
	for i, l := range lists {
		if slices.Contains(lists[:i], l) {
			t.Errorf("%q stands for two lists", l)
		}
	}
	if domain, id := Split(Key("d", "w")); domain != "d" || id != "w" {
		t.Errorf("Split(Key) = %q, %q", domain, id)
	}
}

// begun gives a harness with one execution that has a started decision task.
func begun(t testing.TB, workflowID string) (*harness, *harnessRun) {
	h := newHarness(t, DefaultLimits())
	h.quiet = true
	_, err := h.command(engine.Command{
		Name: Name(testWorld, testDomain, workflowID), Begin: engine.Always, Seed: engine.Seed{1},
		Group: Group(testWorld, testDomain),
		Body: &Start{Settings: Settings{
			Type: wire.WorkflowType{Name: "order", Version: "1"}, TaskList: "deciders",
			ExecutionStartToCloseTimeout: "3600", TaskStartToCloseTimeout: "60", ChildPolicy: "TERMINATE",
			Tags: []string{"red", "blue", "red"},
		}, RetentionDays: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.handle(h.runs[0], &StartDecision{ScheduledEventID: 2}); err != nil {
		t.Fatal(err)
	}
	return h, h.runs[0]
}

func TestStateIsSmall(t *testing.T) {
	h, r := begun(t, "wf")
	long := strings.Repeat("x", 32768)
	c := &CompleteDecision{ScheduledEventID: 2, StartedEventID: 3, ExecutionContext: &long}
	for _, id := range []string{"a", "b", "c"} {
		c.Decisions = append(c.Decisions, wire.Decision{
			DecisionType: wire.DecisionTypeScheduleActivityTask,
			ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{
				ActivityID: "activity-" + id, ActivityType: wire.ActivityType{Name: "charge-credit-card", Version: "1.0"}, Input: &long, Control: &long,
			},
		}, wire.Decision{
			DecisionType:                 wire.DecisionTypeStartTimer,
			StartTimerDecisionAttributes: &wire.StartTimerDecisionAttributes{TimerID: "timer-" + id, StartToFireTimeout: "60", Control: &long},
		})
	}
	c.Facts = decideFacts(c.Decisions)
	if _, err := h.handle(r, c); err != nil {
		t.Fatal(err)
	}
	if n := len(h.rules.EncodeState(r.state)); n > 512 {
		t.Errorf("the state of three activities and three timers takes %d bytes", n)
	}
}

func TestDamagedBytesAreRefused(t *testing.T) {
	h, r := begun(t, "wf")
	state := h.rules.EncodeState(r.state)
	message := encodeMessage(&StartChild{Start: Start{Settings: Settings{Tags: []string{"t"}}, Parent: Parent{WorkflowID: "p"}}, Control: &r.label})
	listing := r.record.Listing
	for what, c := range map[string]struct {
		b      []byte
		decode func([]byte) error
	}{
		"state":   {state, func(b []byte) error { _, err := h.rules.DecodeState(r.id, b); return err }},
		"message": {message, func(b []byte) error { _, err := h.rules.DecodeMessage(b); return err }},
		"listing": {listing, func(b []byte) error { _, err := DecodeListing(b); return err }},
		"event": {r.events[0].Public, func(b []byte) error {
			_, err := h.rules.DecodeEvent(1, houseStart, b, nil)
			return err
		}},
	} {
		if err := c.decode(c.b); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for n := range c.b {
			if err := c.decode(c.b[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes are accepted", what, n, len(c.b))
			}
		}
		if what == "event" {
			continue
		}
		if err := c.decode(append(bytes.Clone(c.b), 0)); err == nil {
			t.Errorf("%s: a byte too many is accepted", what)
		}
		other := bytes.Clone(c.b)
		other[0]++
		if err := c.decode(other); err == nil {
			t.Errorf("%s: an unknown format is accepted", what)
		}
	}
	if _, err := h.rules.DecodeEvent(2, houseStart, r.events[0].Public, nil); err == nil {
		t.Error("event 1 is accepted as event 2")
	}
	if _, err := h.rules.DecodeMessage([]byte{messageFormat, 200}); err == nil {
		t.Error("an unknown kind of message is accepted")
	}
}

func TestEntries(t *testing.T) {
	h, r := begun(t, "wf")
	entries := func() string {
		var list []string
		for _, e := range h.rules.Entries(r.id, &r.record) {
			list = append(list, fmt.Sprintf("%02x %s %s", e.Family, strings.ReplaceAll(e.Value, "\x00", "|"), h.when(e.Time)))
		}
		slices.Sort(list)
		return strings.Join(list, "\n")
	}
	want := strings.TrimSpace(`
11 shop +0s
12 shop|order +0s
13 shop|order|1 +0s
14 shop|blue +0s
14 shop|red +0s
15 shop|wf +0s`)
	if got := entries(); got != want {
		t.Errorf("open:\n%s\nwant\n%s", got, want)
	}
	h.now += engine.Seconds(9)
	if _, err := h.handle(r, &Terminate{}); err != nil {
		t.Fatal(err)
	}
	want = strings.TrimSpace(`
21 shop +0s
22 shop|order +0s
23 shop|order|1 +0s
24 shop|blue +0s
24 shop|red +0s
25 shop|wf +0s
26 shop|TERMINATED +0s
31 shop +9s
32 shop|order +9s
33 shop|order|1 +9s
34 shop|blue +9s
34 shop|red +9s
35 shop|wf +9s
36 shop|TERMINATED +9s`)
	if got := entries(); got != want {
		t.Errorf("closed:\n%s\nwant\n%s", got, want)
	}
}

// What can only come of a fault of ours stops the execution, loudly.
func TestBrokenInvariantsPanic(t *testing.T) {
	for what, f := range map[string]func(h *harness, r *harnessRun){
		"gap in the log":  func(h *harness, r *harnessRun) { h.rules.Apply(r.state, engine.Event{ID: 9}) },
		"unknown event":   func(h *harness, r *harnessRun) { h.rules.Apply(r.state, engine.Event{ID: 4}) },
		"unknown command": func(h *harness, r *harnessRun) { h.rules.Handle(r.state, "what", engine.Input{}) },
		"note about nothing": func(h *harness, r *harnessRun) {
			h.rules.Note(r.state, engine.Note{Subject: 77, Kind: 1, Value: []byte{1}})
		},
		"unknown note": func(h *harness, r *harnessRun) {
			h.rules.Note(r.state, engine.Note{Subject: 2, Kind: 99, Value: []byte{1}})
		},
		"damaged note": func(h *harness, r *harnessRun) {
			h.rules.Note(r.state, engine.Note{Subject: 2, Kind: task.NoteAttempt, Value: []byte{1}})
		},
		"timer that is not": func(h *harness, r *harnessRun) {
			h.rules.Apply(r.state, engine.Event{ID: 4, Body: &wire.TimerFiredEventAttributes{StartedEventID: 1}})
		},
		"second start": func(h *harness, r *harnessRun) { h.rules.Handle(r.state, &Start{}, engine.Input{}) },
		"child out of order": func(h *harness, r *harnessRun) {
			h.rules.Handle(r.state, &ChildClosed{InitiatedEventID: 3}, engine.Input{})
		},
		"damaged listing": func(h *harness, r *harnessRun) { h.rules.Entries(r.id, &engine.Record{}) },
		"event after the end": func(h *harness, r *harnessRun) {
			r.state.(*State).closeStatus = "x"
			h.rules.Apply(r.state, engine.Event{ID: 4})
		},
	} {
		h, r := begun(t, "wf")
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f(h, r)
		}()
	}
}

// With the service's own limit the 25,000th event is the last.
func TestFullHistory(t *testing.T) {
	rules := New(DefaultLimits())
	id := engine.Identity{Name: Name(testWorld, testDomain, "wf"), Run: engine.NewRunID(7, engine.Seed{1})}
	s := rules.New(id)
	in := engine.Input{Now: houseStart, Up: houseStart}
	if _, err := rules.Handle(s, &Start{Settings: Settings{
		ExecutionStartToCloseTimeout: wire.None, TaskStartToCloseTimeout: wire.None, ChildPolicy: wire.ChildPolicyAbandon,
	}}, in); err != nil {
		t.Fatal(err)
	}
	signals := 0
	for {
		turn, err := rules.Handle(s, &Signal{Name: "s"}, in)
		if err != nil {
			t.Fatal(err)
		}
		if len(turn.Events) != 1 {
			t.Fatalf("signal %d gave %d events", signals, len(turn.Events))
		}
		e := turn.Events[0]
		if _, full := e.Body.(*wire.WorkflowExecutionTerminatedEventAttributes); !full {
			signals++
			continue
		}
		if e.ID != 25000 || signals != 24997 {
			t.Errorf("full at event %d, after %d signals", e.ID, signals)
		}
		if _, ok := turn.Reply.(*UnknownExecutionError); !ok {
			t.Errorf("the signal that found the history full hears %v", turn.Reply)
		}
		break
	}
	if _, err := rules.Handle(s, &Signal{Name: "s"}, in); err == nil {
		t.Error("a signal after the end is taken")
	}
}

func TestForgetAt(t *testing.T) {
	for days, want := range map[int64]engine.Time{
		0: houseStart, 1: houseStart + 86_400_000, 90: houseStart + 90*86_400_000, KeepForever: 0,
		KeepFor(1): houseStart + 1, KeepFor(60_000): houseStart + 60_000, KeepFor(86_400_000): houseStart + 86_400_000,
	} {
		s := State{closed: houseStart, closeStatus: wire.CloseStatusCompleted, retentionDays: days}
		if got := s.forgetAt(); got != want {
			t.Errorf("%d: %d, want %d", days, got-houseStart, want-houseStart)
		}
	}
}
