package main

import (
	"fmt"
	"strings"
	"testing"
)

const recordedHistory = `{"events":[
	{"eventId":1,"eventTimestamp":10.5,"eventType":"WorkflowExecutionStarted","workflowExecutionStartedEventAttributes":
		{"childPolicy":"TERMINATE","parentInitiatedEventId":0,"tagList":[null,"a"],"workflowType":{"name":"n","version":"v"}}},
	{"eventId":2,"eventTimestamp":10.5,"eventType":"DecisionTaskScheduled","decisionTaskScheduledEventAttributes":{"startToCloseTimeout":"300"}},
	{"eventId":3,"eventTimestamp":11,"eventType":"ChildWorkflowExecutionStarted","childWorkflowExecutionStartedEventAttributes":
		{"initiatedEventId":2,"workflowExecution":{"runId":"22rJ7m9Td4dSdwOPKjIcoOdzKUcPNeiOPj9/ytfdrS1Xw=","workflowId":"w"}}}
]}`

func historyOf(t *testing.T, text string) []event {
	t.Helper()
	answer, err := decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	events, err := readEvents(answer)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestCompareHistories changes one thing at a time and expects the comparer to
// name it.
func TestCompareHistories(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"same", "", "", ""},
		{"other times", `"eventTimestamp":11`, `"eventTimestamp":12.25`, ""},
		{"other run", "22rJ7m9Td4dSdwOPKjIcoOdzKUcPNeiOPj9/ytfdrS1Xw=", "22aaam9Td4dSdwOPKjIcoOdzKUcPNeiOPj9/ytfdrS1Xw=", ""},
		{"not a run", "22rJ7m9Td4dSdwOPKjIcoOdzKUcPNeiOPj9/ytfdrS1Xw=", "1234", "3 ChildWorkflowExecutionStarted.workflowExecution.runId: "},
		{"value", `"TERMINATE"`, `"ABANDON"`, `1 WorkflowExecutionStarted.childPolicy: recorded "TERMINATE", ours "ABANDON"`},
		{"absent", `"parentInitiatedEventId":0,`, ``, `1 WorkflowExecutionStarted.parentInitiatedEventId: recorded 0, ours absent`},
		{"null", `"name":"n"`, `"name":null`, `1 WorkflowExecutionStarted.workflowType.name: recorded "n", ours null`},
		{"present", `"childPolicy"`, `"input":"","childPolicy"`, `1 WorkflowExecutionStarted.input: recorded absent, ours ""`},
		{"number for text", `"300"`, `300`, `2 DecisionTaskScheduled.startToCloseTimeout: recorded "300", ours 300`},
		{"list", `[null,"a"]`, `["a"]`, `1 WorkflowExecutionStarted.tagList: recorded [null,"a"], ours ["a"]`},
		{"member of a list", `[null,"a"]`, `[null,"b"]`, `1 WorkflowExecutionStarted.tagList[1]: recorded "a", ours "b"`},
		{"another time within a call", `"eventTimestamp":10.5,"eventType":"DecisionTaskScheduled"`, `"eventTimestamp":10.501,"eventType":"DecisionTaskScheduled"`,
			"2 DecisionTaskScheduled: recorded at the time of event 1, ours 10.501 after 10.5"},
		{"another event", `"eventType":"DecisionTaskScheduled","decisionTaskScheduled`, `"eventType":"DecisionTaskStarted","decisionTaskStarted`,
			"2 DecisionTaskScheduled: ours is 2 DecisionTaskStarted"},
		{"another id", `"eventId":3`, `"eventId":4`, "3 ChildWorkflowExecutionStarted: ours is 4 ChildWorkflowExecutionStarted"},
		{"a member beside the attributes", `"eventId":3`, `"cause":"X","eventId":3`, `3 ChildWorkflowExecutionStarted(event).cause: recorded absent, ours "X"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(recordedHistory, c.old) {
				t.Fatalf("%q is not in the history", c.old)
			}
			ours := recordedHistory
			if c.old != "" {
				ours = strings.Replace(ours, c.old, c.new, 1)
			}
			list := compareHistories(historyOf(t, recordedHistory), historyOf(t, ours))
			switch {
			case c.want == "" && len(list) == 0:
			case c.want != "" && len(list) == 1 && strings.HasPrefix(list[0].String(), c.want) && list[0].reason == "":
			default:
				t.Errorf("got %v, want %q", list, c.want)
			}
		})
	}
}

func TestCompareHistoriesOfOtherLength(t *testing.T) {
	long := historyOf(t, recordedHistory)
	for _, c := range []struct {
		recorded, ours []event
		want           string
	}{
		{long, long[:1], "[2 DecisionTaskScheduled: our history ends before it and 1 more]"},
		{long[:2], long, "[3 ChildWorkflowExecutionStarted: the recorded history ends before it and 0 more]"},
		{nil, nil, "[]"},
	} {
		if got := fmt.Sprint(compareHistories(c.recorded, c.ours)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestKnownDifference(t *testing.T) {
	for _, c := range []struct {
		ours    string
		reasons int
	}{
		{`"startToCloseTimeout":"300","scheduleToStartTimeout":"NONE"`, 1},
		{`"startToCloseTimeout":"300","scheduleToStartTimeout":"7"`, 0}, // not what is known
	} {
		list := compareHistories(historyOf(t, recordedHistory),
			historyOf(t, strings.Replace(recordedHistory, `"startToCloseTimeout":"300"`, c.ours, 1)))
		reasons := 0
		for _, d := range list {
			if d.reason != "" {
				reasons++
			}
		}
		if len(list) != 1 || reasons != c.reasons {
			t.Errorf("%s: got %v with %d reasons", c.ours, list, reasons)
		}
	}
}

// TestTimesOfEvents: what repeats an event's time must repeat the same event's.
func TestTimesOfEvents(t *testing.T) {
	at := &clocks{times{"10": {1}, "11": {2, 3}}, times{"20": {1, 2}, "21": {3}}}
	for _, c := range []struct {
		recorded, ours string
		differ         int
	}{{"10", "20", 0}, {"11", "20", 0}, {"11", "21", 0}, {"10", "21", 1}, {"10", "22", 1}} {
		recorded, _ := decode([]byte(`{"startTimestamp":` + c.recorded + `}`))
		ours, _ := decode([]byte(`{"startTimestamp":` + c.ours + `}`))
		if list := compareValues("", "x", recorded, ours, at); len(list) != c.differ {
			t.Errorf("%s and %s: got %v", c.recorded, c.ours, list)
		}
	}
}

func TestReadEventsRefusesOthers(t *testing.T) {
	for _, text := range []string{`{"events":[{}]}`, `{"events":[7]}`, `{"events":[{"eventId":1,"eventType":"X","yEventAttributes":{}}]}`} {
		answer, err := decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if events, err := readEvents(answer); err == nil {
			t.Errorf("%s: got %v", text, events)
		}
	}
}
