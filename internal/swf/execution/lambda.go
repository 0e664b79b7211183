package execution

import (
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// lambdaTimeout is the startToCloseTimeout of a Lambda task that names none.
var lambdaTimeout = "300"

// notPermitted as the cause of ScheduleLambdaFunctionFailed: the manual speaks of
// it, the model forgot it.
const notPermitted = "OPERATION_NOT_PERMITTED"

// lambda is an open Lambda task. Its performer is a process of ours, which never
// reports a delivery: the task stays held while it runs, and is run again if the
// server stops meanwhile.
type lambda struct {
	task.Task
	name         string // the decision's id
	function     string
	startToClose string
}

func (l *lambda) id() int64 { return l.Scheduled }

func (l *lambda) code(c *pack.Coder) {
	l.Task.Code(c)
	if c.Reads() {
		l.Full = LambdaList
	}
	c.Text(&l.name)
	c.Text(&l.function)
	c.Text(&l.startToClose)
}

func (t *turn) scheduleLambda(d *wire.ScheduleLambdaFunctionDecisionAttributes, fact Fact, available bool, decided int64) {
	cause := ""
	switch {
	case fact.Denied:
		cause = notPermitted
	case !available:
		cause = wire.ScheduleLambdaFunctionFailedCauseLambdaServiceNotAvailableInRegion
	case t.s.lambdaNamed(d.ID):
		cause = wire.ScheduleLambdaFunctionFailedCauseIDAlreadyInUse
	case len(t.s.lambdas) >= t.limits.OpenLambdasMax, !t.s.mayOfferOneMore():
		cause = wire.ScheduleLambdaFunctionFailedCauseOpenLambdaFunctionsLimitExceeded
	case fact.Throttled:
		cause = wire.ScheduleLambdaFunctionFailedCauseLambdaFunctionCreationRateExceeded
	}
	if cause != "" {
		t.emit(&wire.ScheduleLambdaFunctionFailedEventAttributes{
			Cause: cause, DecisionTaskCompletedEventID: decided, ID: d.ID, Name: d.Name,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&wire.LambdaFunctionScheduledEventAttributes{
		Control: d.Control, DecisionTaskCompletedEventID: decided, ID: d.ID, Input: d.Input, Name: d.Name,
		StartToCloseTimeout: either(d.StartToCloseTimeout, &lambdaTimeout),
	})
}

func (s *State) applyLambdaScheduled(e *engine.Event, a *wire.LambdaFunctionScheduledEventAttributes) {
	s.lambdas = append(s.lambdas, lambda{
		Task:         task.Task{Scheduled: e.ID, ScheduledAt: e.At, Full: LambdaList},
		name:         a.ID,
		function:     a.Name,
		startToClose: value(a.StartToCloseTimeout),
	})
}

func (s *State) lambdaNamed(name string) bool {
	for i := range s.lambdas {
		if s.lambdas[i].name == name {
			return true
		}
	}
	return false
}

// startLambda gives a Lambda task to its performer: for the first time, or once
// more after a restart.
func (t *turn) startLambda(c *StartLambda) error {
	s := t.s
	l := at(s.lambdas, c.ScheduledEventID, (*lambda).id)
	if l == nil || !l.Takeable(t.in.Up) {
		return &UnknownLambdaError{c.ScheduledEventID}
	}
	switch {
	case l.Started != 0:
		l.StartAgain(t.in.Now, t.note)
		t.measureAgain("lambda")
	case s.settings.LambdaRole == "":
		t.failLambdaStart(l, "the execution has no Lambda role")
		return nil
	default:
		if !t.emit(&wire.LambdaFunctionStartedEventAttributes{ScheduledEventID: l.Scheduled}) {
			return nil
		}
	}
	t.answer(&LambdaTask{
		WorkflowID: s.workflowID, RunID: s.runID, ID: l.name, Name: l.function, Role: s.settings.LambdaRole,
		StartToCloseTimeout: l.startToClose,
		ScheduledEventID:    l.Scheduled, StartedEventID: l.Started, Attempt: l.Attempt,
		Trace: t.handOn(l.Scheduled),
	})
	return nil
}

func (t *turn) startLambdaFailed(c *StartLambdaFailed) error {
	l := at(t.s.lambdas, c.ScheduledEventID, (*lambda).id)
	if l == nil {
		return &UnknownLambdaError{c.ScheduledEventID}
	}
	t.failLambdaStart(l, c.Message)
	return nil
}

func (t *turn) failLambdaStart(l *lambda, message string) {
	cause := wire.StartLambdaFunctionFailedCauseAssumeRoleFailed
	scheduled := l.Scheduled
	t.closeLambda(l, &wire.StartLambdaFunctionFailedEventAttributes{
		Cause: &cause, Message: &message, ScheduledEventID: &scheduled,
	})
}

// startedLambda finds the open Lambda task that the performer names.
func (s *State) startedLambda(scheduled, started int64) (*lambda, error) {
	l := at(s.lambdas, scheduled, (*lambda).id)
	if l == nil || l.Started == 0 || l.Started != started {
		return nil, &UnknownLambdaError{scheduled}
	}
	return l, nil
}

func (t *turn) completeLambda(c *CompleteLambda) error {
	l, err := t.s.startedLambda(c.ScheduledEventID, c.StartedEventID)
	if err != nil {
		return err
	}
	t.closeLambda(l, &wire.LambdaFunctionCompletedEventAttributes{
		Result: c.Result, ScheduledEventID: l.Scheduled, StartedEventID: l.Started,
	})
	return nil
}

func (t *turn) failLambda(c *FailLambda) error {
	l, err := t.s.startedLambda(c.ScheduledEventID, c.StartedEventID)
	if err != nil {
		return err
	}
	t.closeLambda(l, &wire.LambdaFunctionFailedEventAttributes{
		Details: c.Details, Reason: c.Reason, ScheduledEventID: l.Scheduled, StartedEventID: l.Started,
	})
	return nil
}

func (t *turn) timeOutLambda(l *lambda) {
	timeoutType := wire.LambdaFunctionTimeoutTypeStartToClose
	t.closeLambda(l, &wire.LambdaFunctionTimedOutEventAttributes{
		ScheduledEventID: l.Scheduled, StartedEventID: l.Started, TimeoutType: &timeoutType,
	})
}

// closeLambda records how a Lambda task ended.
func (t *turn) closeLambda(l *lambda, body wire.EventBody) {
	gone := l.Task
	if t.emit(body) {
		gone.Drop(t.note)
		t.wantsDecision = true
	}
}
