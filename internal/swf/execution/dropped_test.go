package execution

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/swf/wire"
)

// decisionEvents are the events that a decision of each type leaves: its own, and that
// it failed.
var decisionEvents = map[string][2]string{
	wire.DecisionTypeScheduleActivityTask:                   {"ActivityTaskScheduled", "ScheduleActivityTaskFailed"},
	wire.DecisionTypeRequestCancelActivityTask:              {"ActivityTaskCancelRequested", "RequestCancelActivityTaskFailed"},
	wire.DecisionTypeRecordMarker:                           {"MarkerRecorded", "RecordMarkerFailed"},
	wire.DecisionTypeStartTimer:                             {"TimerStarted", "StartTimerFailed"},
	wire.DecisionTypeCancelTimer:                            {"TimerCanceled", "CancelTimerFailed"},
	wire.DecisionTypeSignalExternalWorkflowExecution:        {"SignalExternalWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionFailed"},
	wire.DecisionTypeRequestCancelExternalWorkflowExecution: {"RequestCancelExternalWorkflowExecutionInitiated", "RequestCancelExternalWorkflowExecutionFailed"},
	wire.DecisionTypeStartChildWorkflowExecution:            {"StartChildWorkflowExecutionInitiated", "StartChildWorkflowExecutionFailed"},
	wire.DecisionTypeScheduleLambdaFunction:                 {"LambdaFunctionScheduled", "ScheduleLambdaFunctionFailed"},
	wire.DecisionTypeCompleteWorkflowExecution:              {"WorkflowExecutionCompleted", "CompleteWorkflowExecutionFailed"},
	wire.DecisionTypeFailWorkflowExecution:                  {"WorkflowExecutionFailed", "FailWorkflowExecutionFailed"},
	wire.DecisionTypeCancelWorkflowExecution:                {"WorkflowExecutionCanceled", "CancelWorkflowExecutionFailed"},
	wire.DecisionTypeContinueAsNewWorkflowExecution:         {"WorkflowExecutionContinuedAsNew", "ContinueAsNewWorkflowExecutionFailed"},
}

// decisionsOf is a list with n decisions of each type that does not close, mixed, and
// with one that closes at the end if closes names it.
func decisionsOf(n int, closes string) []wire.Decision {
	var all []wire.Decision
	add := func(body wire.DecisionBody) {
		var d wire.Decision
		d.SetBody(body)
		all = append(all, d)
	}
	nowhere := "no run"
	for i := range n {
		id := fmt.Sprint(i)
		add(&wire.ScheduleActivityTaskDecisionAttributes{ActivityID: id, ActivityType: wire.ActivityType{Name: "a", Version: "1"}})
		add(&wire.RequestCancelActivityTaskDecisionAttributes{ActivityID: id})
		add(&wire.ScheduleActivityTaskDecisionAttributes{ActivityID: "open" + id, ActivityType: wire.ActivityType{Name: "a", Version: "1"}})
		add(&wire.RecordMarkerDecisionAttributes{MarkerName: id})
		add(&wire.StartTimerDecisionAttributes{TimerID: id, StartToFireTimeout: "100"})
		add(&wire.CancelTimerDecisionAttributes{TimerID: id})
		add(&wire.StartTimerDecisionAttributes{TimerID: "open" + id, StartToFireTimeout: "100"})
		add(&wire.SignalExternalWorkflowExecutionDecisionAttributes{WorkflowID: id, SignalName: "s"})
		add(&wire.SignalExternalWorkflowExecutionDecisionAttributes{WorkflowID: id, SignalName: "s", RunID: &nowhere})
		add(&wire.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowID: id})
		add(&wire.StartChildWorkflowExecutionDecisionAttributes{WorkflowID: id, WorkflowType: wire.WorkflowType{Name: "t", Version: "1"}})
		add(&wire.ScheduleLambdaFunctionDecisionAttributes{ID: id, Name: "f"})
	}
	switch closes {
	case wire.DecisionTypeCompleteWorkflowExecution:
		add(&wire.CompleteWorkflowExecutionDecisionAttributes{})
	case wire.DecisionTypeFailWorkflowExecution:
		add(&wire.FailWorkflowExecutionDecisionAttributes{})
	case wire.DecisionTypeCancelWorkflowExecution:
		add(&wire.CancelWorkflowExecutionDecisionAttributes{})
	case wire.DecisionTypeContinueAsNewWorkflowExecution:
		add(&wire.ContinueAsNewWorkflowExecutionDecisionAttributes{})
	}
	return all
}

// left tells which events decisions left, one for each in their order, and which of
// them failed. What follows from an event is passed over.
func left(t *testing.T, events []engine.Event, decided int64) (types []string, failed int) {
	t.Helper()
	for _, e := range events {
		var public map[string]json.RawMessage
		if err := json.Unmarshal(e.Public, &public); err != nil {
			t.Fatal(err)
		}
		for key, raw := range public {
			var of struct{ DecisionTaskCompletedEventID, InitiatedEventID int64 }
			if !strings.HasSuffix(key, "EventAttributes") {
				continue
			}
			if err := json.Unmarshal(raw, &of); err != nil {
				t.Fatal(err)
			}
			if kind := e.Body.(wire.EventBody).EventType(); of.DecisionTaskCompletedEventID == decided && of.InitiatedEventID == 0 {
				types = append(types, kind)
				if strings.HasSuffix(kind, "Failed") && kind != "WorkflowExecutionFailed" {
					failed++
				}
			}
		}
	}
	return types, failed
}

// TestNoDecisionIsDropped crosses each limit in the middle of a list of decisions, at
// every place of the list where that can be: each decision leaves its event, or the
// event that it failed, in order; or the list is refused as a whole and nothing is
// changed. The events that say so may be more than a history may have.
func TestNoDecisionIsDropped(t *testing.T) {
	const n = 4
	whole := decisionsOf(n, "")
	type how struct {
		limits func(at int) Limits
		fact   func(at, i int, of *Fact) // of the decision i
		input  engine.Input
		most   int // values of at to try
	}
	with := func(set func(*Limits, int)) func(int) Limits {
		return func(at int) Limits {
			l := DefaultLimits()
			set(&l, at)
			return l
		}
	}
	plain := func(int) Limits { return DefaultLimits() }
	ways := map[string]how{
		"events":     {limits: with(func(l *Limits, at int) { l.EventsMax = 4 + at }), most: 3 * len(whole)},
		"activities": {limits: with(func(l *Limits, at int) { l.OpenActivitiesMax = at }), most: 2 * n},
		"timers":     {limits: with(func(l *Limits, at int) { l.OpenTimersMax = at }), most: 2 * n},
		"children":   {limits: with(func(l *Limits, at int) { l.OpenChildrenMax = at }), most: n},
		"lambdas":    {limits: with(func(l *Limits, at int) { l.OpenLambdasMax = at }), most: n},
		"executions": {limits: with(func(l *Limits, at int) { l.OpenExecutionsMax = at }), most: n, input: engine.Input{OpenInGroup: 2}},
		"all at once": {limits: with(func(l *Limits, at int) {
			l.EventsMax, l.OpenActivitiesMax, l.OpenTimersMax, l.OpenChildrenMax, l.OpenLambdasMax = 5+3*at, at, at, at, at
		}), most: n},
		"rates":       {limits: plain, fact: func(at, i int, of *Fact) { of.Throttled = i >= at }, most: len(whole)},
		"permissions": {limits: plain, fact: func(at, i int, of *Fact) { of.Denied = i >= at }, most: len(whole)},
		"types": {limits: plain, fact: func(at, i int, of *Fact) {
			if i >= at {
				of.Type = TypeUnknown
			}
		}, most: len(whole)},
	}
	closings := []string{"", "CompleteWorkflowExecution", "FailWorkflowExecution", "CancelWorkflowExecution", "ContinueAsNewWorkflowExecution"}
	taken, failures, over := 0, 0, 0
	for what, way := range ways {
		for _, closing := range closings {
			decisions := decisionsOf(n, closing)
			for at := 1; at <= way.most; at++ {
				f := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
				f.begin()
				f.rules.limits = way.limits(at)
				facts := longFacts(decisions)
				for i := range facts {
					if way.fact != nil {
						way.fact(at, i, &facts[i])
					}
				}
				in := way.input
				in.Now, in.Up = f.now, houseStart
				turn, err := f.rules.Handle(f.state, f.answer(decisions, facts), in)
				if err != nil {
					t.Fatalf("%s %d: %v", what, at, err)
				}
				enginetest.CheckTurn(t, &turn)
				if _, refused := turn.Reply.(*UnknownExecutionError); refused {
					if len(turn.Events) != 1 || f.state.isOpen() {
						t.Errorf("%s %d: refused, with %d events", what, at, len(turn.Events))
					}
					continue
				}
				taken++
				got, failed := left(t, turn.Events, turn.Events[0].ID)
				failures += failed
				if len(got) != len(decisions) {
					t.Fatalf("%s %d: %d decisions left %d events: %q", what, at, len(decisions), len(got), got)
				}
				for i, kind := range got {
					if may := decisionEvents[decisions[i].DecisionType]; !slices.Contains(may[:], kind) {
						t.Errorf("%s %d: decision %d, %s, left %s", what, at, i, decisions[i].DecisionType, kind)
					}
				}
				last := turn.Events[len(turn.Events)-1]
				if last.ID > int64(f.rules.limits.EventsMax) {
					over++
					if f.state.isOpen() {
						t.Errorf("%s %d: open with %d events", what, at, last.ID)
					}
				}
				if end, ended := last.Body.(*wire.WorkflowExecutionTerminatedEventAttributes); ended {
					if *end.Cause != wire.WorkflowExecutionTerminatedCauseEventLimitExceeded || last.ID < int64(f.rules.limits.EventsMax) || f.state.isOpen() {
						t.Errorf("%s %d: %s at event %d", what, at, *end.Cause, last.ID)
					}
				}
			}
		}
	}
	if failures == 0 || over == 0 {
		t.Errorf("%d decisions failed, %d histories went over their limit", failures, over)
	}
	t.Logf("%d lists of up to %d decisions were taken, %d decisions failed, %d histories went over their limit", taken, len(whole)+1, failures, over)
}

// TestTooLargeIsRefusedAsAWhole crosses the bound of a turn with decisions of each sort,
// at an execution that its history's limit may end as well.
func TestTooLargeIsRefusedAsAWhole(t *testing.T) {
	for what, decisions := range largestDecisions() {
		for _, room := range []int{2, 50, 1 << 20} {
			f := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
			f.begin()
			f.rules.limits.EventsMax = int(f.state.last) + room
			before := f.rules.EncodeState(f.state)
			turn, err := f.handle(f.answer(decisions, longFacts(decisions)))
			if err != nil {
				if !bytes.Equal(before, f.rules.EncodeState(f.state)) || len(turn.Events) > 0 {
					t.Errorf("%s, %d: refused, and something was done", what, room)
				}
				continue
			}
			if got, _ := left(t, turn.Events, turn.Events[0].ID); len(got) != len(decisions) {
				t.Errorf("%s, %d: %d decisions left %d events", what, room, len(decisions), len(got))
			}
		}
	}
}
