package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
)

// TestEventsStay: whatever an execution goes through, a restart among it, its history
// only grows: each is the beginning of the next, byte by byte.
func TestEventsStay(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	named := `{"domain":"shop","execution":{"workflowId":"a","runId":"` + mustCall(t, s, "StartWorkflowExecution", startOrder).RunID + `"}}`
	was, grew := "", 0
	grown := func() {
		t.Helper()
		is := call(t.Context(), s, "GetWorkflowExecutionHistory", named)
		body, ok := strings.CutSuffix(is.body, "]}")
		if !ok || !strings.HasPrefix(body, was) {
			t.Fatalf("the history is\n%+v\nit was\n%s", is, was)
		}
		if len(body) > len(was) {
			grew++
		}
		was = body
	}
	grown()
	for n := range 12 {
		if n%4 == 3 {
			closeServer(t, s)
			s = start(t, cfg)
			grown()
		}
		token := mustCall(t, s, "PollForDecisionTask", pollDeciders).TaskToken
		grown()
		mustCall(t, s, "RespondDecisionTaskCompleted", fmt.Sprintf(`{"taskToken":"%s","decisions":[
			{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m%d","details":"%s"}},
			{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"%[2]d","startToFireTimeout":"600"}},
			{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"%[2]d"}}]}`, token, n, strings.Repeat("x", 3000)))
		grown()
		mustCall(t, s, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s"}`)
		grown()
	}
	mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	grown()
	if grew < 3*12 {
		t.Errorf("it grew %d times", grew)
	}
}

// TestOnlyRetentionDeletes does to a closed execution all that a caller can do to it, to
// its types and to its domain, with a restart and a check in between: its history stays
// as it is until its retention is over, and goes then.
func TestOnlyRetentionDeletes(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "RegisterActivityType", `{"domain":"shop","name":"pack","version":"1","defaultTaskList":{"name":"packers"},"defaultTaskHeartbeatTimeout":"NONE",
		"defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskScheduleToStartTimeout":"NONE","defaultTaskStartToCloseTimeout":"NONE"}`)
	run := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
	decide := func(decision string) (token string) {
		token = mustCall(t, s, "PollForDecisionTask", pollDeciders).TaskToken
		mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[`+decision+`]}`)
		return token
	}
	decide(`{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"p","activityType":{"name":"pack","version":"1"}}}`)
	activity := mustCall(t, s, "PollForActivityTask", `{"domain":"shop","taskList":{"name":"packers"}}`).TaskToken
	mustCall(t, s, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s"}`)
	decision := decide(`{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{"result":"done"}}`)

	named := `{"domain":"shop","execution":{"workflowId":"a","runId":"` + run + `"}}`
	history := func() reply { return call(t.Context(), s, "GetWorkflowExecutionHistory", named) }
	described := func() reply { return call(t.Context(), s, "DescribeWorkflowExecution", named) }
	was, wasDescribed := history(), described()
	want := func(after string) {
		t.Helper()
		if is := history(); is != was {
			t.Errorf("after %s: the history is\n%+v\nit was\n%+v", after, is, was)
		}
		if is := described(); is != wasDescribed {
			t.Errorf("after %s: it is described as\n%+v\nand was as\n%+v", after, is, wasDescribed)
		}
	}
	if was.status != http.StatusOK || strings.Count(was.body, `"eventId":`) < 9 {
		t.Fatalf("%+v", was)
	}
	const (
		workflowType = `{"domain":"shop","workflowType":{"name":"order","version":"1"}}`
		activityType = `{"domain":"shop","activityType":{"name":"pack","version":"1"}}`
		arn          = `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/shop"`
	)
	for _, c := range [][2]string{
		{"TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a","runId":"` + run + `"}`},
		{"RequestCancelWorkflowExecution", `{"domain":"shop","workflowId":"a","runId":"` + run + `"}`},
		{"SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","runId":"` + run + `","signalName":"s"}`},
		{"RespondDecisionTaskCompleted", `{"taskToken":"` + decision + `"}`},
		{"RespondActivityTaskCompleted", `{"taskToken":"` + activity + `"}`},
		{"RespondActivityTaskFailed", `{"taskToken":"` + activity + `"}`},
		{"RespondActivityTaskCanceled", `{"taskToken":"` + activity + `"}`},
		{"RecordActivityTaskHeartbeat", `{"taskToken":"` + activity + `"}`},
		{"StartWorkflowExecution", startOrder}, // another run of the name
		{"TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`},
		{"RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1"}`},
		{"DeprecateWorkflowType", workflowType}, {"UndeprecateWorkflowType", workflowType}, {"DeprecateWorkflowType", workflowType},
		{"DeleteWorkflowType", workflowType},
		{"DeprecateActivityType", activityType}, {"UndeprecateActivityType", activityType}, {"DeprecateActivityType", activityType},
		{"DeleteActivityType", activityType},
		{"TagResource", arn + `,"tags":[{"key":"k","value":"v"}]}`}, {"UntagResource", arn + `,"tagKeys":["k"]}`},
		{"RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`},
		{"DeprecateDomain", `{"name":"shop"}`}, {"UndeprecateDomain", `{"name":"shop"}`},
	} {
		if a := call(t.Context(), s, c[0], c[1]); a.err != nil || a.status >= 500 {
			t.Errorf("%s: %+v", c[0], a)
		}
		want(c[0])
	}
	closeServer(t, s)
	if found, err := check(t, cfg); err != nil || len(found.Wrong) > 0 {
		t.Errorf("check: %+v, %v", found, err)
	}
	s = start(t, cfg)
	want("a restart")

	// The domain keeps it for seven days.
	const day = engine.Time(24 * time.Hour / time.Millisecond)
	ahead := func(by engine.Time) {
		s.clock.skip(s.clock.Now() + by)
		s.node.Advance()
	}
	ahead(7*day - engine.Time(time.Hour/time.Millisecond))
	want("almost seven days")
	ahead(engine.Time(2 * time.Hour / time.Millisecond))
	waitUntil(t, "it is forgotten", func() bool { return history().status == http.StatusBadRequest })
	if is := described(); !strings.Contains(is.body, "UnknownResourceFault") {
		t.Errorf("described as %+v", is)
	}
}
