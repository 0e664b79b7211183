package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/test/golden"
)

// read reads events as short lines: a second, a type, and attributes as JSON.
func read(t *testing.T, text string) []Event {
	t.Helper()
	var events []Event
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
		attributes := "{}"
		if len(parts) == 3 {
			attributes = parts[2]
		}
		raw := fmt.Sprintf(`{"eventId":%d,"eventTimestamp":%s,"eventType":%q,"%sEventAttributes":%s}`,
			len(events)+1, parts[0], parts[1], strings.ToLower(parts[1][:1])+parts[1][1:], attributes)
		var e Event
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// order is a history in which an activity is tried twice, one waits, and a lot else happens.
const order = `
1000.000 WorkflowExecutionStarted {"taskList":{"name":"deciders"}}
1000.000 DecisionTaskScheduled {"taskList":{"name":"deciders"}}
1000.100 DecisionTaskStarted {"scheduledEventId":2,"identity":"d"}
1000.200 DecisionTaskCompleted {"scheduledEventId":2,"startedEventId":3}
1000.200 ActivityTaskScheduled {"activityId":"c1","activityType":{"name":"charge","version":"1"},"taskList":{"name":"payments"},"decisionTaskCompletedEventId":4}
1000.200 TimerStarted {"timerId":"late","startToFireTimeout":"3600"}
1000.200 StartChildWorkflowExecutionInitiated {"workflowId":"ship-1","workflowType":{"name":"ship","version":"1"},"taskList":{"name":"shippers"}}
1001.000 ActivityTaskStarted {"scheduledEventId":5,"identity":"w"}
1002.000 ActivityTaskFailed {"scheduledEventId":5,"startedEventId":8,"reason":"CardBusy"}
1002.000 ChildWorkflowExecutionStarted {"initiatedEventId":7,"workflowExecution":{"workflowId":"ship-1","runId":"r"}}
1002.100 ActivityTaskScheduled {"activityId":"c2","activityType":{"name":"charge","version":"1"},"taskList":{"name":"payments"}}
1002.100 ActivityTaskScheduled {"activityId":"c3","activityType":{"name":"charge","version":"1"},"taskList":{"name":"payments"}}
1003.000 ActivityTaskStarted {"scheduledEventId":11,"identity":"w"}
1004.000 WorkflowExecutionSignaled {"signalName":"hurry"}
1004.000 MarkerRecorded {"markerName":"m"}
1005.000 ActivityTaskTimedOut {"scheduledEventId":11,"startedEventId":13,"timeoutType":"HEARTBEAT"}
1006.000 LambdaFunctionScheduled {"id":"l","name":"resize"}
1006.100 LambdaFunctionStarted {"scheduledEventId":17}
1007.000 LambdaFunctionCompleted {"scheduledEventId":17,"startedEventId":18}
4600.200 TimerFired {"startedEventId":6,"timerId":"late"}
4601.000 ActivityTaskScheduled {"activityId":"n","activityType":{"name":"notify","version":"1"},"taskList":{"name":"mailers"}}
`

// TestLanes writes the lanes of a history, which are read when they change.
func TestLanes(t *testing.T) {
	lanes := Lanes(read(t, order))
	timeline.End(lanes, 4605_000)
	golden.Compare(t, "testdata/lanes.txt", told(lanes))
}

func told(lanes []timeline.Lane) string {
	var b strings.Builder
	at := func(t engine.Time) string { return fmt.Sprintf("%.1f", float64(t)/1000) }
	for i := range lanes {
		l := &lanes[i]
		fmt.Fprintf(&b, "%s %s on %s, %d attempts, %s, event %d, took %s\n", l.Kind, l.Name, l.Where, l.Attempts, l.Outcome, l.Event, diagnose.Span(l.Took()))
		for _, bar := range l.Bars {
			fmt.Fprintf(&b, "  from %s", at(bar.From))
			if bar.Taken != 0 {
				fmt.Fprintf(&b, " taken %s by %q", at(bar.Taken), bar.Who)
			}
			fmt.Fprintf(&b, " to %s %s point %v event %d\n", at(bar.To), bar.Outcome, bar.Point, bar.Event)
		}
	}
	return b.String()
}

// round is a decision task that was completed, and what came of it.
func round(decisions ...string) []string {
	return append([]string{"1 DecisionTaskScheduled", "1 DecisionTaskStarted", "1 DecisionTaskCompleted"}, decisions...)
}

func TestLoop(t *testing.T) {
	history := func(rounds ...[]string) []Event {
		var lines []string
		for _, r := range rounds {
			for _, line := range r {
				if strings.Contains(line, "Failed") {
					line = fmt.Sprintf(`%s {"decisionTaskCompletedEventId":%d,"cause":"ACTIVITY_TYPE_DOES_NOT_EXIST","activityType":{"name":"charge","version":"9"}}`, line, len(lines))
				}
				lines = append(lines, line)
			}
		}
		return read(t, strings.Join(lines, "\n"))
	}
	failed, late, good := round("1 ScheduleActivityTaskFailed"), []string{"1 DecisionTaskScheduled", "1 DecisionTaskStarted", "1 DecisionTaskTimedOut"}, round()
	failing := diagnose.Loop{Cause: "ACTIVITY_TYPE_DOES_NOT_EXIST", Of: "ScheduleActivityTaskFailed", Text: "activity type charge 9"}
	of := func(l diagnose.Loop, n int) diagnose.Loop { l.Count = n; return l }
	timeouts := diagnose.Loop{Cause: "TIMED_OUT"}
	for _, c := range []struct {
		what   string
		events []Event
		want   diagnose.Loop
	}{
		{"one", history(failed), of(failing, 1)},
		{"three", history(failed, failed, failed), of(failing, 3)},
		{"all was well since", history(failed, failed, good), diagnose.Loop{}},
		{"all was well before", history(good, failed, failed), of(failing, 2)},
		{"all was well between", history(failed, good, failed), of(failing, 1)},
		{"timeouts", history(late, late), of(timeouts, 2)},
		{"timeouts after failures", history(failed, failed, late), of(timeouts, 1)},
		{"one is under way", history(failed, failed, []string{"1 DecisionTaskScheduled", "1 DecisionTaskStarted"}), of(failing, 2)},
		{"nothing", nil, diagnose.Loop{}},
	} {
		if got := Loop(c.events); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func TestFailure(t *testing.T) {
	lead := `
1 WorkflowExecutionStarted
2 ActivityTaskScheduled {"activityId":"c1","activityType":{"name":"charge","version":"1"}}
3 ActivityTaskStarted {"scheduledEventId":2}
4 ActivityTaskFailed {"scheduledEventId":2,"startedEventId":3,"reason":"CardDeclined","details":"limit"}
`
	for _, c := range []struct {
		closing string
		want    diagnose.Failure
	}{
		{`5 WorkflowExecutionFailed {"reason":"payment","details":"gave up"}`, diagnose.Failure{
			Event: 5, Reason: "payment", Details: "gave up", Led: 4, LedBy: "activity charge (c1)", LedHow: "failed", LedReason: "CardDeclined", LedDetails: "limit"}},
		{`5 WorkflowExecutionTimedOut {"timeoutType":"START_TO_CLOSE"}`, diagnose.Failure{Event: 5, Reason: "START_TO_CLOSE"}},
		{`5 WorkflowExecutionTerminated {"cause":"OPERATOR_INITIATED","reason":"wrong"}`, diagnose.Failure{Event: 5, Reason: "OPERATOR_INITIATED wrong"}},
		{`5 WorkflowExecutionCompleted {"result":"x"}`, diagnose.Failure{Event: 5}},
	} {
		events := read(t, lead+c.closing)
		find := func(id int64) *Event { return &events[id-1] }
		if got := Failure(events[2:], find); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.closing, got, c.want)
		}
	}
	events := read(t, lead+`5 WorkflowExecutionFailed`)
	if got := Failure(events[2:], func(int64) *Event { return nil }); got.LedBy != "activity" {
		t.Errorf("of an activity that can't be read: %+v", got)
	}
}

// FuzzEvent: no event breaks what reads them.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"eventId":4,"eventTimestamp":4.5,"eventType":"ActivityTaskFailed","activityTaskFailedEventAttributes":{"scheduledEventId":2,"reason":"x"}}`))
	f.Add([]byte(`{"eventId":4,"eventType":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		if json.Unmarshal(b, &e) != nil {
			return
		}
		events := []Event{e, e}
		Loop(events)
		Failure(events, func(int64) *Event { return &e })
		e.What()
		timeline.End(Lanes(events), 5)
	})
}

// What package flow says of itself is read: where its code waits, and why it was parked, until it has decided again.
func TestFlow(t *testing.T) {
	parked := []Event{{ID: 4, Type: "DecisionTaskCompleted"}, {ID: 5, Type: "MarkerRecorded", Attributes: Attributes{MarkerName: "flow.parked", Details: "a bug"}}, {ID: 6, Type: "TimerStarted"}}
	if got := Parked(parked); got.Event != 5 || got.Why != "a bug" {
		t.Errorf("it is parked by %+v", got)
	}
	again := append(parked, Event{ID: 7, Type: "DecisionTaskCompleted"}, Event{ID: 8, Type: "MarkerRecorded", Attributes: Attributes{MarkerName: "flow.effect"}})
	if got := Parked(again); got.Event != 0 {
		t.Errorf("it has decided since, and is parked by %+v", got)
	}
	for context, want := range map[string]int{`{"flow":1,"status":"half","waits":["order.go:41 flow.First"]}`: 1, `{"flow":1}`: 0, `{"waits":["mine"]}`: 0, "mine": 0, "": 0} {
		var e Event
		if err := json.Unmarshal([]byte(`{"eventId":4,"eventType":"DecisionTaskCompleted","decisionTaskCompletedEventAttributes":{"executionContext":`+strconv.Quote(context)+`}}`), &e); err != nil {
			t.Fatal(err)
		}
		if got := CodeWaits(e.Context); len(got) != want {
			t.Errorf("of %s it waits at %q", context, got)
		}
	}
}
