package execution

import (
	"fmt"

	"heddle/internal/swf/api"
)

// decide applies a decider's decisions in order. decided is the
// DecisionTaskCompleted event. A decision that fails leaves an event that says so,
// and wants a decision task to show it.
func (t *turn) decide(c *CompleteDecision, decided int64) {
	for i := range c.Decisions {
		var fact Fact
		if i < len(c.Facts) {
			fact = c.Facts[i]
		}
		t.decideOne(&c.Decisions[i], fact, c, decided)
		if t.s.closeStatus != "" {
			return
		}
	}
}

func (t *turn) decideOne(d *api.Decision, fact Fact, c *CompleteDecision, decided int64) {
	switch d.DecisionType {
	case api.DecisionTypeScheduleActivityTask:
		t.scheduleActivity(d.ScheduleActivityTaskDecisionAttributes, fact, decided)
	case api.DecisionTypeRequestCancelActivityTask:
		t.requestCancelActivity(d.RequestCancelActivityTaskDecisionAttributes, fact, decided)
	case api.DecisionTypeCompleteWorkflowExecution:
		t.complete(d.CompleteWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeFailWorkflowExecution:
		t.fail(d.FailWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeCancelWorkflowExecution:
		t.cancel(d.CancelWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeContinueAsNewWorkflowExecution:
		t.continueAsNew(d.ContinueAsNewWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeRecordMarker:
		t.recordMarker(d.RecordMarkerDecisionAttributes, fact, decided)
	case api.DecisionTypeStartTimer:
		t.startTimer(d.StartTimerDecisionAttributes, fact, decided)
	case api.DecisionTypeCancelTimer:
		t.cancelTimer(d.CancelTimerDecisionAttributes, fact, decided)
	case api.DecisionTypeSignalExternalWorkflowExecution:
		t.signalExternal(d.SignalExternalWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeRequestCancelExternalWorkflowExecution:
		t.requestCancelExternal(d.RequestCancelExternalWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeStartChildWorkflowExecution:
		t.startChild(d.StartChildWorkflowExecutionDecisionAttributes, fact, decided)
	case api.DecisionTypeScheduleLambdaFunction:
		t.scheduleLambda(d.ScheduleLambdaFunctionDecisionAttributes, fact, c.LambdaAvailable, decided)
	default:
		panic(fmt.Sprintf("execution: no rule for decision %q", d.DecisionType))
	}
}
