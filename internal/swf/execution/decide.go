package execution

import (
	"fmt"

	"heddle/internal/swf/api"
)

// checkDecisions refuses a batch of decisions as a whole, before any is applied.
func checkDecisions(decisions []api.Decision) error {
	for i := range decisions {
		if decisions[i].Closes() && i < len(decisions)-1 {
			return &Validation{"Close must be last decision in list"}
		}
	}
	for i := range decisions {
		if d := &decisions[i]; !hasAttributes(d) {
			return &Validation{d.DecisionType + "DecisionAttributes must be specified for decision of type " + d.DecisionType}
		}
	}
	return nil
}

func hasAttributes(d *api.Decision) bool {
	switch d.DecisionType {
	case api.DecisionTypeScheduleActivityTask:
		return d.ScheduleActivityTaskDecisionAttributes != nil
	case api.DecisionTypeRequestCancelActivityTask:
		return d.RequestCancelActivityTaskDecisionAttributes != nil
	case api.DecisionTypeCompleteWorkflowExecution:
		return d.CompleteWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeFailWorkflowExecution:
		return d.FailWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeCancelWorkflowExecution:
		return d.CancelWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeContinueAsNewWorkflowExecution:
		return d.ContinueAsNewWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeRecordMarker:
		return d.RecordMarkerDecisionAttributes != nil
	case api.DecisionTypeStartTimer:
		return d.StartTimerDecisionAttributes != nil
	case api.DecisionTypeCancelTimer:
		return d.CancelTimerDecisionAttributes != nil
	case api.DecisionTypeSignalExternalWorkflowExecution:
		return d.SignalExternalWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeRequestCancelExternalWorkflowExecution:
		return d.RequestCancelExternalWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeStartChildWorkflowExecution:
		return d.StartChildWorkflowExecutionDecisionAttributes != nil
	case api.DecisionTypeScheduleLambdaFunction:
		return d.ScheduleLambdaFunctionDecisionAttributes != nil
	}
	return false
}

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
