package execution

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
	"heddle/test/golden"
)

// TestStoredBytesStay compares states, listings, notes and messages with the bytes that
// stores have of them. The file may grow; what is in it changes with what the rules
// decide in a random life, never with how they write it.
func TestStoredBytesStay(t *testing.T) {
	var told strings.Builder
	limits := DefaultLimits()
	limits.EventsMax, limits.OpenExecutionsMax = 60, 9
	h := newHarness(t, limits)
	h.quiet = true
	m := &monkey{harness: h, rand: rand.New(rand.NewPCG(11, 1))}
	sum := sha256.New()
	for range 400 {
		m.act()
		for _, r := range h.runs {
			state := h.rules.EncodeState(r.state)
			sum.Write(state)
			sum.Write(r.record.Listing)
			for _, key := range slices.SortedFunc(maps.Keys(r.notes), func(a, b noteKey) int {
				return int((a.subject-b.subject)*256 + int64(a.kind) - int64(b.kind))
			}) {
				sum.Write(r.notes[key])
			}
		}
	}
	fmt.Fprintf(&told, "all states of a random life %x\n", sum.Sum(nil))
	for _, r := range h.runs {
		fmt.Fprintf(&told, "%s\n  state %x\n  listing %x\n", r.label, h.rules.EncodeState(r.state), r.record.Listing)
	}
	text, run := "text", engine.NewRunID(7, engine.Seed{2})
	workflow := wire.WorkflowType{Name: "order", Version: "1"}
	settings := Settings{
		Type: workflow, TaskList: "list", TaskPriority: "-3", ExecutionStartToCloseTimeout: "60", TaskStartToCloseTimeout: "NONE",
		ChildPolicy: "ABANDON", LambdaRole: "role", Tags: []string{"vip", ""},
	}
	link, external, reached := Link{run, 5}, External{"from", run, 5, 4, "to", &text, &text}, Reached{5, "to", run}
	for _, m := range []message{
		&StartChild{Start{Settings: settings, Input: &text, DomainNumber: 70_000, RetentionDays: -1, Parent: Parent{"p", run, 5}}, 4, &text},
		&StartChild{}, &ChildStarted{5, "c", run, workflow}, &ChildFailed{5, 4, "c", workflow, &text, "cause"},
		&ChildClosed{5, "c", run, workflow, "COMPLETED", &text, nil, &text}, &TerminateChild{link}, &CancelChild{link},
		&SignalExternal{external, "go", &text}, &SignalExternal{External{}, "", nil}, &CancelExternal{external},
		&ExternalSignaled{reached}, &ExternalCancelRequested{reached}, &SignalExternalFailed{external}, &CancelExternalFailed{external},
	} {
		fmt.Fprintf(&told, "%T %x\n", m, encodeMessage(m))
	}
	golden.Compare(t, "testdata/stored.hex", told.String())
}

// TestLogsOfOlderBinaries folds logs in which ActivityTaskScheduled has nothing private,
// and others beside them: each to the state that the snapshots of its time hold.
func TestLogsOfOlderBinaries(t *testing.T) {
	h, r := begun(t, "wf")
	decisions := []wire.Decision{activityDecision(1)}
	if _, err := h.handle(r, &CompleteDecision{ScheduledEventID: 2, StartedEventID: 3, Decisions: decisions, Facts: decideFacts(decisions)}); err != nil {
		t.Fatal(err)
	}
	fold := func(change func(*engine.Event)) *State {
		s := h.rules.New(r.id).(*State)
		for _, e := range r.events {
			change(&e)
			h.rules.Apply(s, e)
		}
		return s
	}
	if got := fold(func(*engine.Event) {}).latestActivity; got == 0 {
		t.Error("a scheduled activity task is no activity")
	}
	older := 0
	s := fold(func(e *engine.Event) {
		if _, scheduled := e.Body.(*wire.ActivityTaskScheduledEventAttributes); scheduled {
			e.Private, older = nil, older+1
		}
	})
	if s.latestActivity != 0 || older != 1 {
		t.Errorf("%d events of older binaries fold to an activity at %d", older, s.latestActivity)
	}
}
