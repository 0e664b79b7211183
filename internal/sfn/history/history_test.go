package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/test/golden"
)

// read reads events as short lines: the event before, a second, a type, details as JSON.
func read(t *testing.T, text string) []Event {
	t.Helper()
	var events []Event
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 4)
		details := "{}"
		if len(parts) == 4 {
			details = parts[3]
		}
		raw := fmt.Sprintf(`{"id":%d,"previousEventId":%s,"timestamp":%s,"type":%q,"someEventDetails":%s}`, len(events)+1, parts[0], parts[1], parts[2], details)
		var e Event
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// machine is a history with a task that is tried again, branches, a wait, and its end.
const machine = `
0 1000.0 ExecutionStarted
0 1000.0 TaskStateEntered {"name":"Charge"}
2 1000.0 ActivityScheduled {"resource":"arn:aws:states:us-east-1:123456789012:activity:charge-card"}
3 1001.0 ActivityStarted {"workerName":"w1"}
4 1002.0 ActivityFailed {"error":"CardBusy"}
5 1003.0 ActivityScheduled {"resource":"arn:aws:states:us-east-1:123456789012:activity:charge-card"}
6 1004.0 ActivityStarted {"workerName":"w1"}
7 1005.0 ActivitySucceeded
8 1005.0 TaskStateExited {"name":"Charge"}
9 1005.0 ParallelStateEntered {"name":"Both"}
10 1005.0 ParallelStateStarted
11 1005.0 WaitStateEntered {"name":"Rest"}
11 1005.0 PassStateEntered {"name":"Note"}
13 1005.0 PassStateExited {"name":"Note"}
12 1015.0 WaitStateExited {"name":"Rest"}
15 1015.0 ParallelStateSucceeded
16 1015.0 ParallelStateExited {"name":"Both"}
17 1015.0 TaskStateEntered {"name":"Ship"}
18 1015.0 LambdaFunctionScheduled {"resource":"arn:aws:lambda:us-east-1:123456789012:function:ship"}
19 1015.0 LambdaFunctionStarted
20 1016.0 LambdaFunctionFailed {"error":"Boom","cause":"a bug"}
21 1016.0 ExecutionFailed {"error":"Boom","cause":"a bug"}
`

func TestLanes(t *testing.T) {
	lanes := Lanes(read(t, machine))
	timeline.End(lanes, 1020_000)
	var b strings.Builder
	at := func(t engine.Time) string { return fmt.Sprintf("%.1f", float64(t)/1000) }
	for i := range lanes {
		l := &lanes[i]
		fmt.Fprintf(&b, "%s on %s, %d attempts, %s, event %d\n", l.Name, l.Where, l.Attempts, l.Outcome, l.Event)
		for _, bar := range l.Bars {
			fmt.Fprintf(&b, "  from %s taken %s to %s %s %q\n", at(bar.From), at(bar.Taken), at(bar.To), bar.Outcome, bar.Who)
		}
	}
	golden.Compare(t, "testdata/lanes.txt", b.String())
}

func TestFailure(t *testing.T) {
	events := read(t, machine)
	find := func(id int64) *Event {
		if id == 0 {
			return nil
		}
		return &events[id-1]
	}
	want := diagnose.Failure{Event: 22, Reason: "Boom", Details: "a bug", Led: 21, LedBy: "state Ship", LedHow: "failed", LedReason: "Boom", LedDetails: "a bug"}
	if got := Failure(events[21:], find); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := Failure(nil, find); got != (diagnose.Failure{}) {
		t.Errorf("of nothing %+v", got)
	}
	aborted := Event{ID: 9, Type: "ExecutionAborted", Details: Details{Error: "E"}}
	if got := Failure([]Event{aborted}, find); got != (diagnose.Failure{Event: 9, Reason: "E"}) {
		t.Errorf("of one that was stopped %+v", got)
	}
}
