package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// signalExternal asks for a signal to another execution. The outcome comes back
// as a message.
func (t *turn) signalExternal(d *wire.SignalExternalWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := fact.refusal(
		wire.SignalExternalWorkflowExecutionFailedCauseOperationNotPermitted,
		wire.SignalExternalWorkflowExecutionFailedCauseSignalExternalWorkflowExecutionRateExceeded,
	); cause != "" {
		t.signalExternalFailed(&External{
			DecidedEventID: decided, WorkflowID: d.WorkflowID, RunID: d.RunID, Control: d.Control,
		}, cause)
		return
	}
	if !t.emit(&wire.SignalExternalWorkflowExecutionInitiatedEventAttributes{
		Control: d.Control, DecisionTaskCompletedEventID: decided, Input: d.Input,
		RunID: d.RunID, SignalName: d.SignalName, WorkflowID: d.WorkflowID,
	}) {
		return
	}
	request := t.external(decided, d.WorkflowID, d.RunID, d.Control)
	run, ok := target(d.RunID)
	if !ok {
		t.signalExternalFailed(&request, wire.SignalExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution)
		return
	}
	t.tell(d.WorkflowID, run, &SignalExternal{External: request, Name: d.SignalName, Input: d.Input})
}

// requestCancelExternal asks another execution to cancel itself. The outcome
// comes back as a message.
func (t *turn) requestCancelExternal(d *wire.RequestCancelExternalWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := fact.refusal(
		wire.RequestCancelExternalWorkflowExecutionFailedCauseOperationNotPermitted,
		wire.RequestCancelExternalWorkflowExecutionFailedCauseRequestCancelExternalWorkflowExecutionRateExceeded,
	); cause != "" {
		t.cancelExternalFailed(&External{
			DecidedEventID: decided, WorkflowID: d.WorkflowID, RunID: d.RunID, Control: d.Control,
		}, cause)
		return
	}
	if !t.emit(&wire.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes{
		Control: d.Control, DecisionTaskCompletedEventID: decided, RunID: d.RunID, WorkflowID: d.WorkflowID,
	}) {
		return
	}
	request := t.external(decided, d.WorkflowID, d.RunID, d.Control)
	run, ok := target(d.RunID)
	if !ok {
		t.cancelExternalFailed(&request, wire.RequestCancelExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution)
		return
	}
	t.tell(d.WorkflowID, run, &CancelExternal{request})
}

// refusal gives one of two causes, if the decision is denied or throttled.
func (f *Fact) refusal(denied, throttled string) string {
	switch {
	case f.Denied:
		return denied
	case f.Throttled:
		return throttled
	}
	return ""
}

// external makes the request that the last event initiated.
func (t *turn) external(decided int64, workflowID string, runID, control *string) External {
	s := t.s
	return External{
		FromWorkflowID: s.workflowID, FromRun: s.id.Run,
		InitiatedEventID: s.last, DecidedEventID: decided,
		WorkflowID: workflowID, RunID: runID, Control: control,
	}
}

// target reads the runId of a decision. None, or an empty one, means the open run.
func target(runID *string) (run engine.RunID, ok bool) {
	if value(runID) == "" {
		return engine.RunID{}, true
	}
	return ParseRun(*runID)
}

func (e *External) from() *wire.WorkflowExecution {
	return &wire.WorkflowExecution{WorkflowID: e.FromWorkflowID, RunID: FormatRun(e.FromRun)}
}

// takeSignal is what SignalExternal does to its target.
func (t *turn) takeSignal(c *SignalExternal) {
	if !t.emit(&wire.WorkflowExecutionSignaledEventAttributes{
		ExternalInitiatedEventID: &c.InitiatedEventID, ExternalWorkflowExecution: c.from(),
		Input: c.Input, SignalName: c.Name,
	}) {
		t.tell(c.FromWorkflowID, c.FromRun, &SignalExternalFailed{c.External})
		return
	}
	t.wantsDecision = true
	t.tell(c.FromWorkflowID, c.FromRun, &ExternalSignaled{t.reached(&c.External)})
}

// takeCancel is what CancelExternal does to its target.
func (t *turn) takeCancel(c *CancelExternal) {
	if !t.emit(&wire.WorkflowExecutionCancelRequestedEventAttributes{
		ExternalInitiatedEventID: &c.InitiatedEventID, ExternalWorkflowExecution: c.from(),
	}) {
		t.tell(c.FromWorkflowID, c.FromRun, &CancelExternalFailed{c.External})
		return
	}
	t.wantsDecision = true
	t.tell(c.FromWorkflowID, c.FromRun, &ExternalCancelRequested{t.reached(&c.External)})
}

func (t *turn) reached(e *External) Reached {
	return Reached{InitiatedEventID: e.InitiatedEventID, WorkflowID: t.s.workflowID, Run: t.s.id.Run}
}

func (t *turn) externalSignaled(c *ExternalSignaled) {
	if t.emit(&wire.ExternalWorkflowExecutionSignaledEventAttributes{
		InitiatedEventID:  c.InitiatedEventID,
		WorkflowExecution: wire.WorkflowExecution{WorkflowID: c.WorkflowID, RunID: FormatRun(c.Run)},
	}) {
		t.wantsDecision = true
	}
}

func (t *turn) externalCancelRequested(c *ExternalCancelRequested) {
	if t.emit(&wire.ExternalWorkflowExecutionCancelRequestedEventAttributes{
		InitiatedEventID:  c.InitiatedEventID,
		WorkflowExecution: wire.WorkflowExecution{WorkflowID: c.WorkflowID, RunID: FormatRun(c.Run)},
	}) {
		t.wantsDecision = true
	}
}

func (t *turn) signalExternalFailed(e *External, cause string) {
	t.emit(&wire.SignalExternalWorkflowExecutionFailedEventAttributes{
		Cause: cause, Control: e.Control, DecisionTaskCompletedEventID: e.DecidedEventID,
		InitiatedEventID: e.InitiatedEventID, RunID: e.RunID, WorkflowID: e.WorkflowID,
	})
	t.wantsDecision = true
}

func (t *turn) cancelExternalFailed(e *External, cause string) {
	t.emit(&wire.RequestCancelExternalWorkflowExecutionFailedEventAttributes{
		Cause: cause, Control: e.Control, DecisionTaskCompletedEventID: e.DecidedEventID,
		InitiatedEventID: e.InitiatedEventID, RunID: e.RunID, WorkflowID: e.WorkflowID,
	})
	t.wantsDecision = true
}
