package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// closeCause tells why a decider may not close the execution: because it is not
// permitted to, or because something came that it has not seen; "": it may. The
// closing decisions share their causes.
func (t *turn) closeCause(fact Fact) (cause string) {
	switch {
	case fact.Denied:
		return wire.CompleteWorkflowExecutionFailedCauseOperationNotPermitted
	case t.s.decision.Scheduled != 0:
		return wire.CompleteWorkflowExecutionFailedCauseUnhandledDecision
	}
	return ""
}

// refuseClose records that a closing decision failed.
func (t *turn) refuseClose(body wire.EventBody) {
	t.emit(body)
	t.wantsDecision = true
}

func (t *turn) complete(d *wire.CompleteWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&wire.CompleteWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&wire.WorkflowExecutionCompletedEventAttributes{DecisionTaskCompletedEventID: decided, Result: d.Result},
		wire.ChildPolicyAbandon, &ChildClosed{Status: wire.CloseStatusCompleted, Result: d.Result})
}

func (t *turn) fail(d *wire.FailWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&wire.FailWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&wire.WorkflowExecutionFailedEventAttributes{DecisionTaskCompletedEventID: decided, Details: d.Details, Reason: d.Reason},
		wire.ChildPolicyAbandon, &ChildClosed{Status: wire.CloseStatusFailed, Details: d.Details, Reason: d.Reason})
}

func (t *turn) cancel(d *wire.CancelWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&wire.CancelWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&wire.WorkflowExecutionCanceledEventAttributes{DecisionTaskCompletedEventID: decided, Details: d.Details},
		wire.ChildPolicyAbandon, &ChildClosed{Status: wire.CloseStatusCanceled, Details: d.Details})
}

func (t *turn) terminate(c *Terminate) {
	policy := c.ChildPolicy
	if policy == "" {
		policy = t.s.settings.ChildPolicy
	}
	cause := wire.WorkflowExecutionTerminatedCauseOperatorInitiated
	t.end(&wire.WorkflowExecutionTerminatedEventAttributes{
		Cause: &cause, ChildPolicy: policy, Details: c.Details, Reason: c.Reason,
	}, policy, &ChildClosed{Status: wire.CloseStatusTerminated})
}

func (t *turn) timeOut() {
	policy := t.s.settings.ChildPolicy
	t.end(&wire.WorkflowExecutionTimedOutEventAttributes{
		ChildPolicy: policy, TimeoutType: wire.WorkflowExecutionTimeoutTypeStartToClose,
	}, policy, &ChildClosed{Status: wire.CloseStatusTimedOut})
}

// end closes the execution: it tells the outcome to a parent, if there is one, and
// applies a child policy. A decider's own close gives ABANDON, since policies are
// for executions that were ended from without. What is open stays in the counts.
func (t *turn) end(body wire.EventBody, policy string, outcome *ChildClosed) {
	s := t.s
	gone := s.decision.Task
	if !t.emit(body) {
		return
	}
	gone.Drop(t.note)
	if s.parent.WorkflowID != "" && outcome != nil {
		outcome.InitiatedEventID = s.parent.InitiatedEventID
		outcome.WorkflowID, outcome.Run, outcome.Type = s.workflowID, s.id.Run, s.settings.Type
		t.tell(s.parent.WorkflowID, s.parent.Run, outcome)
	}
	if policy == wire.ChildPolicyAbandon {
		return
	}
	for i := range s.children {
		k := &s.children[i]
		link := Link{Run: s.id.Run, InitiatedEventID: k.initiated}
		if policy == wire.ChildPolicyTerminate {
			t.tell(k.workflowID, engine.RunID{}, &TerminateChild{link})
		} else {
			t.tell(k.workflowID, engine.RunID{}, &CancelChild{link})
		}
	}
}

func (s *State) applyClosed(now engine.Time, status string) {
	s.closed, s.closeStatus = now, status
	s.decision, s.queued = decisionTask{}, decisionTask{}
	s.listing = nil
}

// continueAsNew closes the execution and begins the next run of its name. The
// parent link goes with it: for the parent the child lives on.
func (t *turn) continueAsNew(d *wire.ContinueAsNewWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	s := t.s
	next := Settings{
		Type:                         s.settings.Type,
		TaskList:                     "",
		TaskPriority:                 value(d.TaskPriority),
		ExecutionStartToCloseTimeout: value(d.ExecutionStartToCloseTimeout),
		TaskStartToCloseTimeout:      value(d.TaskStartToCloseTimeout),
		ChildPolicy:                  value(d.ChildPolicy),
		LambdaRole:                   value(d.LambdaRole),
		Tags:                         d.TagList,
	}
	if d.TaskList != nil {
		next.TaskList = d.TaskList.Name
	}
	if d.WorkflowTypeVersion != nil {
		next.Type.Version = *d.WorkflowTypeVersion
	}
	cause := t.closeCause(fact)
	if cause == "" {
		cause = next.resolve(fact)
	}
	if cause == "" && fact.Throttled {
		cause = wire.ContinueAsNewWorkflowExecutionFailedCauseContinueAsNewWorkflowExecutionRateExceeded
	}
	if cause != "" {
		t.refuseClose(&wire.ContinueAsNewWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	seed := engine.DeriveSeed(t.in.Now, s.id.Run, s.last+1)
	trace := t.handOn(0)
	if !t.emit(&wire.WorkflowExecutionContinuedAsNewEventAttributes{
		ChildPolicy:                  next.ChildPolicy,
		DecisionTaskCompletedEventID: decided,
		ExecutionStartToCloseTimeout: &next.ExecutionStartToCloseTimeout,
		Input:                        d.Input,
		LambdaRole:                   text(next.LambdaRole),
		NewExecutionRunID:            FormatRun(engine.NewRunID(s.id.Run.Shard(), seed)),
		TagList:                      next.Tags,
		TaskList:                     wire.TaskList{Name: next.TaskList},
		TaskPriority:                 text(next.TaskPriority),
		TaskStartToCloseTimeout:      &next.TaskStartToCloseTimeout,
		WorkflowType:                 next.Type,
	}) {
		return
	}
	t.successor = &engine.Command{
		Name: s.id.Name, Begin: engine.Always, Seed: seed, Group: s.group,
		Body: &Start{
			Settings: next, Input: d.Input, DomainNumber: s.domainNumber, RetentionDays: s.retentionDays,
			Parent: s.parent, Continued: s.id.Run, Trace: trace,
		},
	}
}

// resolve fills what is not set from the defaults of a workflow type, or gives the
// cause why it can't: StartChildWorkflowExecution and
// ContinueAsNewWorkflowExecution fail by the same causes.
func (s *Settings) resolve(fact Fact) (cause string) {
	switch fact.Type {
	case TypeUnknown:
		return wire.StartChildWorkflowExecutionFailedCauseWorkflowTypeDoesNotExist
	case TypeDeprecated:
		return wire.StartChildWorkflowExecutionFailedCauseWorkflowTypeDeprecated
	}
	defaults := fact.Workflow
	if defaults == nil {
		defaults = &wire.WorkflowTypeConfiguration{}
	}
	fill := func(v *string, otherwise *string) {
		if *v == "" {
			*v = value(otherwise)
		}
	}
	fill(&s.ExecutionStartToCloseTimeout, defaults.DefaultExecutionStartToCloseTimeout)
	fill(&s.TaskStartToCloseTimeout, defaults.DefaultTaskStartToCloseTimeout)
	fill(&s.TaskPriority, defaults.DefaultTaskPriority)
	fill(&s.ChildPolicy, defaults.DefaultChildPolicy)
	fill(&s.LambdaRole, defaults.DefaultLambdaRole)
	if s.TaskList == "" && defaults.DefaultTaskList != nil {
		s.TaskList = defaults.DefaultTaskList.Name
	}
	switch {
	case s.ExecutionStartToCloseTimeout == "":
		return wire.StartChildWorkflowExecutionFailedCauseDefaultExecutionStartToCloseTimeoutUndefined
	case s.TaskList == "":
		return wire.StartChildWorkflowExecutionFailedCauseDefaultTaskListUndefined
	case s.TaskStartToCloseTimeout == "":
		return wire.StartChildWorkflowExecutionFailedCauseDefaultTaskStartToCloseTimeoutUndefined
	case s.ChildPolicy == "":
		return wire.StartChildWorkflowExecutionFailedCauseDefaultChildPolicyUndefined
	}
	return ""
}
