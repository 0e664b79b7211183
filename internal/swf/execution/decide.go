package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
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
		if t.s.closeStatus != "" || t.bytes() > engine.TurnBytesMax { // only a trial does; see fits
			return
		}
	}
}

func (t *turn) decideOne(d *wire.Decision, fact Fact, c *CompleteDecision, decided int64) {
	switch d.DecisionType {
	case wire.DecisionTypeScheduleActivityTask:
		t.scheduleActivity(d.ScheduleActivityTaskDecisionAttributes, fact, decided)
	case wire.DecisionTypeRequestCancelActivityTask:
		t.requestCancelActivity(d.RequestCancelActivityTaskDecisionAttributes, fact, decided)
	case wire.DecisionTypeCompleteWorkflowExecution:
		t.complete(d.CompleteWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeFailWorkflowExecution:
		t.fail(d.FailWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeCancelWorkflowExecution:
		t.cancel(d.CancelWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeContinueAsNewWorkflowExecution:
		t.continueAsNew(d.ContinueAsNewWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeRecordMarker:
		t.recordMarker(d.RecordMarkerDecisionAttributes, fact, decided)
	case wire.DecisionTypeStartTimer:
		t.startTimer(d.StartTimerDecisionAttributes, fact, decided)
	case wire.DecisionTypeCancelTimer:
		t.cancelTimer(d.CancelTimerDecisionAttributes, fact, decided)
	case wire.DecisionTypeSignalExternalWorkflowExecution:
		t.signalExternal(d.SignalExternalWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeRequestCancelExternalWorkflowExecution:
		t.requestCancelExternal(d.RequestCancelExternalWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeStartChildWorkflowExecution:
		t.startChild(d.StartChildWorkflowExecutionDecisionAttributes, fact, decided)
	case wire.DecisionTypeScheduleLambdaFunction:
		t.scheduleLambda(d.ScheduleLambdaFunctionDecisionAttributes, fact, c.LambdaAvailable, decided)
	default:
		panic(fmt.Sprintf("execution: no rule for decision %q", d.DecisionType))
	}
}
