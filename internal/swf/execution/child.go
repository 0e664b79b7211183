package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// child is an open child execution, or one that is being started.
type child struct {
	workflowID string
	initiated  int64
	started    int64 // ChildWorkflowExecutionStarted; 0: not yet
}

func (k *child) id() int64 { return k.initiated }

func (k *child) code(c *pack.Coder) {
	c.Text(&k.workflowID)
	c.Int(&k.initiated)
	c.Int(&k.started)
}

// startChild asks for a child execution. Its outcome comes back as a message.
func (t *turn) startChild(d *wire.StartChildWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	s := t.s
	settings := Settings{
		Type:                         d.WorkflowType,
		TaskPriority:                 value(d.TaskPriority),
		ExecutionStartToCloseTimeout: value(d.ExecutionStartToCloseTimeout),
		TaskStartToCloseTimeout:      value(d.TaskStartToCloseTimeout),
		ChildPolicy:                  value(d.ChildPolicy),
		LambdaRole:                   value(d.LambdaRole),
		Tags:                         d.TagList,
	}
	if d.TaskList != nil {
		settings.TaskList = d.TaskList.Name
	}
	cause := ""
	if fact.Denied {
		cause = wire.StartChildWorkflowExecutionFailedCauseOperationNotPermitted
	} else if cause = settings.resolve(fact); cause == "" {
		cause = t.childQuota()
	}
	if cause == "" && fact.Throttled {
		cause = wire.StartChildWorkflowExecutionFailedCauseChildCreationRateExceeded
	}
	if cause != "" {
		t.emit(&wire.StartChildWorkflowExecutionFailedEventAttributes{
			Cause: cause, Control: d.Control, DecisionTaskCompletedEventID: decided,
			WorkflowID: d.WorkflowID, WorkflowType: d.WorkflowType,
		})
		t.wantsDecision = true
		return
	}
	if !t.emit(&wire.StartChildWorkflowExecutionInitiatedEventAttributes{
		ChildPolicy:                  settings.ChildPolicy,
		Control:                      d.Control,
		DecisionTaskCompletedEventID: decided,
		ExecutionStartToCloseTimeout: &settings.ExecutionStartToCloseTimeout,
		Input:                        d.Input,
		LambdaRole:                   text(settings.LambdaRole),
		TagList:                      settings.Tags,
		TaskList:                     wire.TaskList{Name: settings.TaskList},
		TaskPriority:                 text(settings.TaskPriority),
		TaskStartToCloseTimeout:      &settings.TaskStartToCloseTimeout,
		WorkflowID:                   d.WorkflowID,
		WorkflowType:                 d.WorkflowType,
	}) {
		return
	}
	t.send(engine.Message{
		To:    Name(s.id.Name.World, s.domain, d.WorkflowID),
		Begin: engine.Always,
		Seed:  engine.DeriveSeed(t.in.Now, s.id.Run, s.last),
		Group: s.group,
		Body: encodeMessage(&StartChild{
			Start: Start{
				Settings: settings, Input: d.Input, DomainNumber: s.domainNumber, RetentionDays: s.retentionDays,
				Parent: Parent{WorkflowID: s.workflowID, Run: s.id.Run, InitiatedEventID: s.last},
				Trace:  t.handOn(0),
			},
			DecidedEventID: decided,
			Control:        d.Control,
		}),
	})
}

// childQuota gives the cause why no further child may be started; "": one may. The
// child's shard counts once more, since others start executions meanwhile. Of children
// with long names there may be fewer than the quota, if that is above the service's own.
func (t *turn) childQuota() (cause string) {
	switch {
	case len(t.s.children) >= t.limits.OpenChildrenMax, !t.s.mayTellOneMore():
		return wire.StartChildWorkflowExecutionFailedCauseOpenChildrenLimitExceeded
	case t.in.OpenInGroup+1 >= t.limits.OpenExecutionsMax:
		return wire.StartChildWorkflowExecutionFailedCauseOpenWorkflowsLimitExceeded
	}
	return ""
}

// startAsChild begins the execution for its parent, and tells it.
func (t *turn) startAsChild(c *StartChild) {
	s := t.s
	if t.in.OpenInGroup >= t.limits.OpenExecutionsMax {
		t.tell(c.Parent.WorkflowID, c.Parent.Run,
			c.failed(s.workflowID, wire.StartChildWorkflowExecutionFailedCauseOpenWorkflowsLimitExceeded))
		return
	}
	t.begin(&c.Start)
	t.tell(c.Parent.WorkflowID, c.Parent.Run, &ChildStarted{
		InitiatedEventID: c.Parent.InitiatedEventID, WorkflowID: s.workflowID, Run: s.id.Run, Type: c.Type,
	})
}

func (c *StartChild) failed(workflowID, cause string) *ChildFailed {
	return &ChildFailed{
		InitiatedEventID: c.Parent.InitiatedEventID, DecidedEventID: c.DecidedEventID,
		WorkflowID: workflowID, Type: c.Type, Control: c.Control, Cause: cause,
	}
}

// childStarted takes in that a child runs.
func (t *turn) childStarted(c *ChildStarted) {
	if t.emit(&wire.ChildWorkflowExecutionStartedEventAttributes{
		InitiatedEventID:  c.InitiatedEventID,
		WorkflowExecution: wire.WorkflowExecution{WorkflowID: c.WorkflowID, RunID: FormatRun(c.Run)},
		WorkflowType:      c.Type,
	}) {
		t.wantsDecision = true
	}
}

// childFailed takes in that a child could not be started.
func (t *turn) childFailed(c *ChildFailed) {
	if t.emit(&wire.StartChildWorkflowExecutionFailedEventAttributes{
		Cause: c.Cause, Control: c.Control, DecisionTaskCompletedEventID: c.DecidedEventID,
		InitiatedEventID: c.InitiatedEventID, WorkflowID: c.WorkflowID, WorkflowType: c.Type,
	}) {
		t.wantsDecision = true
	}
}

// childClosed takes in how a child ended.
func (t *turn) childClosed(c *ChildClosed) {
	k := at(t.s.children, c.InitiatedEventID, (*child).id)
	mustHold(k != nil && k.started != 0, "child of event %d closed before it started", c.InitiatedEventID)
	run := wire.WorkflowExecution{WorkflowID: c.WorkflowID, RunID: FormatRun(c.Run)}
	var body wire.EventBody
	switch c.Status {
	case wire.CloseStatusCompleted:
		body = &wire.ChildWorkflowExecutionCompletedEventAttributes{
			InitiatedEventID: k.initiated, StartedEventID: k.started, WorkflowExecution: run, WorkflowType: c.Type,
			Result: c.Result,
		}
	case wire.CloseStatusFailed:
		body = &wire.ChildWorkflowExecutionFailedEventAttributes{
			InitiatedEventID: k.initiated, StartedEventID: k.started, WorkflowExecution: run, WorkflowType: c.Type,
			Details: c.Details, Reason: c.Reason,
		}
	case wire.CloseStatusCanceled:
		body = &wire.ChildWorkflowExecutionCanceledEventAttributes{
			InitiatedEventID: k.initiated, StartedEventID: k.started, WorkflowExecution: run, WorkflowType: c.Type,
			Details: c.Details,
		}
	case wire.CloseStatusTimedOut:
		body = &wire.ChildWorkflowExecutionTimedOutEventAttributes{
			InitiatedEventID: k.initiated, StartedEventID: k.started, WorkflowExecution: run, WorkflowType: c.Type,
			TimeoutType: wire.WorkflowExecutionTimeoutTypeStartToClose,
		}
	case wire.CloseStatusTerminated:
		body = &wire.ChildWorkflowExecutionTerminatedEventAttributes{
			InitiatedEventID: k.initiated, StartedEventID: k.started, WorkflowExecution: run, WorkflowType: c.Type,
		}
	default:
		panic(fmt.Sprintf("execution: child closed as %q", c.Status))
	}
	if t.emit(body) {
		t.wantsDecision = true
	}
}

// terminateChild ends the execution because its parent ended. It passes the end on
// by its own policy; the parent is closed and hears nothing.
func (t *turn) terminateChild(c *TerminateChild) {
	if !t.s.isChildOf(c.Link) {
		return // another execution has the child's name now
	}
	policy := t.s.settings.ChildPolicy
	cause := wire.WorkflowExecutionTerminatedCauseChildPolicyApplied
	t.end(&wire.WorkflowExecutionTerminatedEventAttributes{Cause: &cause, ChildPolicy: policy},
		policy, nil)
}

// cancelChild asks the execution to cancel itself because its parent ended.
func (t *turn) cancelChild(c *CancelChild) {
	if !t.s.isChildOf(c.Link) {
		return
	}
	cause := wire.WorkflowExecutionCancelRequestedCauseChildPolicyApplied
	if t.emit(&wire.WorkflowExecutionCancelRequestedEventAttributes{
		Cause: &cause, ExternalInitiatedEventID: &noEvent,
		ExternalWorkflowExecution: &wire.WorkflowExecution{WorkflowID: t.s.parent.WorkflowID, RunID: FormatRun(c.Run)},
	}) {
		t.wantsDecision = true
	}
}
