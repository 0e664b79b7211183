package execution

import (
	"fmt"
	"strings"
	"testing"

	"heddle/internal/swf/wire"
	"heddle/test/golden"
)

// coverage tells which stories show each value of the model.
type coverage map[string][]string

func (c coverage) add(name string, s *story) {
	for kind := range s.events {
		c["event "+kind] = append(c["event "+kind], name)
	}
	for kind := range s.decided {
		c["decision "+kind] = append(c["decision "+kind], name)
	}
	for cause := range s.causes {
		c[cause] = append(c[cause], name)
	}
}

// wanted lists every value of the model that a history can show.
func wanted() []string {
	var list []string
	group := func(what string, values []string) {
		for _, v := range values {
			list = append(list, what+" "+v)
		}
	}
	group("decision", wire.DecisionTypeValues)
	group("event", wire.EventTypeValues)
	group("ActivityTaskTimedOut", wire.ActivityTaskTimeoutTypeValues)
	group("DecisionTaskTimedOut", wire.DecisionTaskTimeoutTypeValues)
	group("LambdaFunctionTimedOut", wire.LambdaFunctionTimeoutTypeValues)
	group("WorkflowExecutionTimedOut", wire.WorkflowExecutionTimeoutTypeValues)
	group("ChildWorkflowExecutionTimedOut", wire.WorkflowExecutionTimeoutTypeValues)
	group("WorkflowExecutionTerminated", wire.WorkflowExecutionTerminatedCauseValues)
	group("WorkflowExecutionCancelRequested", wire.WorkflowExecutionCancelRequestedCauseValues)
	group("ScheduleActivityTaskFailed", wire.ScheduleActivityTaskFailedCauseValues)
	group("RequestCancelActivityTaskFailed", wire.RequestCancelActivityTaskFailedCauseValues)
	group("StartTimerFailed", wire.StartTimerFailedCauseValues)
	group("CancelTimerFailed", wire.CancelTimerFailedCauseValues)
	group("RecordMarkerFailed", wire.RecordMarkerFailedCauseValues)
	group("StartChildWorkflowExecutionFailed", wire.StartChildWorkflowExecutionFailedCauseValues)
	group("SignalExternalWorkflowExecutionFailed", wire.SignalExternalWorkflowExecutionFailedCauseValues)
	group("RequestCancelExternalWorkflowExecutionFailed", wire.RequestCancelExternalWorkflowExecutionFailedCauseValues)
	group("CompleteWorkflowExecutionFailed", wire.CompleteWorkflowExecutionFailedCauseValues)
	group("FailWorkflowExecutionFailed", wire.FailWorkflowExecutionFailedCauseValues)
	group("CancelWorkflowExecutionFailed", wire.CancelWorkflowExecutionFailedCauseValues)
	group("ContinueAsNewWorkflowExecutionFailed", wire.ContinueAsNewWorkflowExecutionFailedCauseValues)
	group("ScheduleLambdaFunctionFailed", wire.ScheduleLambdaFunctionFailedCauseValues)
	group("StartLambdaFunctionFailed", wire.StartLambdaFunctionFailedCauseValues)
	return list
}

// check compares with testdata/coverage.md, the table of what the stories show.
func (c coverage) check(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What the stories show\nWritten by `go test -rewrite`. Each value of the model, and the stories in which it occurs.\n\n| value | stories |\n|---|---|\n")
	for _, v := range wanted() {
		stories := c[v]
		if len(stories) == 0 {
			t.Errorf("no story shows %q", v)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", v, strings.Join(stories[:min(len(stories), 5)], ", "))
	}
	if !t.Failed() {
		golden.Compare(t, "testdata/coverage.md", b.String())
	}
}
