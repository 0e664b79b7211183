package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/api"
)

// closeCause tells why a decider may not close the execution: because he is not
// permitted to, or because something came that he has not seen; "": he may. The
// closing decisions share their causes.
func (t *turn) closeCause(fact Fact) (cause string) {
	switch {
	case fact.Denied:
		return api.CompleteWorkflowExecutionFailedCauseOperationNotPermitted
	case t.s.decision.scheduled != 0:
		return api.CompleteWorkflowExecutionFailedCauseUnhandledDecision
	}
	return ""
}

// refuseClose records that a closing decision failed.
func (t *turn) refuseClose(body attributes) {
	t.emit(body)
	t.wantsDecision = true
}

func (t *turn) complete(d *api.CompleteWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&api.CompleteWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&api.WorkflowExecutionCompletedEventAttributes{DecisionTaskCompletedEventID: decided, Result: d.Result},
		api.ChildPolicyAbandon, &ChildClosed{Status: api.CloseStatusCompleted, Result: d.Result})
}

func (t *turn) fail(d *api.FailWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&api.FailWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&api.WorkflowExecutionFailedEventAttributes{DecisionTaskCompletedEventID: decided, Details: d.Details, Reason: d.Reason},
		api.ChildPolicyAbandon, &ChildClosed{Status: api.CloseStatusFailed, Details: d.Details, Reason: d.Reason})
}

func (t *turn) cancel(d *api.CancelWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
	if cause := t.closeCause(fact); cause != "" {
		t.refuseClose(&api.CancelWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	t.end(&api.WorkflowExecutionCanceledEventAttributes{DecisionTaskCompletedEventID: decided, Details: d.Details},
		api.ChildPolicyAbandon, &ChildClosed{Status: api.CloseStatusCanceled, Details: d.Details})
}

func (t *turn) terminate(c *Terminate) {
	policy := c.ChildPolicy
	if policy == "" {
		policy = t.s.settings.ChildPolicy
	}
	cause := api.WorkflowExecutionTerminatedCauseOperatorInitiated
	t.end(&api.WorkflowExecutionTerminatedEventAttributes{
		Cause: &cause, ChildPolicy: policy, Details: c.Details, Reason: c.Reason,
	}, policy, &ChildClosed{Status: api.CloseStatusTerminated})
}

func (t *turn) timeOut() {
	policy := t.s.settings.ChildPolicy
	t.end(&api.WorkflowExecutionTimedOutEventAttributes{
		ChildPolicy: policy, TimeoutType: api.WorkflowExecutionTimeoutTypeStartToClose,
	}, policy, &ChildClosed{Status: api.CloseStatusTimedOut})
}

// end closes the execution: it tells the outcome to a parent, if there is one, and
// applies a child policy. A decider's own close gives ABANDON, since policies are
// for executions that were ended from without. What is open stays in the counts.
func (t *turn) end(body attributes, policy string, outcome *ChildClosed) {
	s := t.s
	gone := s.decision.task
	if !t.emit(body) {
		return
	}
	t.dropNotes(&gone)
	if s.parent.WorkflowID != "" && outcome != nil {
		outcome.InitiatedEventID = s.parent.InitiatedEventID
		outcome.WorkflowID, outcome.Run, outcome.Type = s.workflowID, s.id.Run, s.settings.Type
		t.tell(s.parent.WorkflowID, s.parent.Run, outcome)
	}
	if policy == api.ChildPolicyAbandon {
		return
	}
	for i := range s.children {
		k := &s.children[i]
		link := Link{Run: s.id.Run, InitiatedEventID: k.initiated}
		if policy == api.ChildPolicyTerminate {
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
func (t *turn) continueAsNew(d *api.ContinueAsNewWorkflowExecutionDecisionAttributes, fact Fact, decided int64) {
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
		cause = api.ContinueAsNewWorkflowExecutionFailedCauseContinueAsNewWorkflowExecutionRateExceeded
	}
	if cause != "" {
		t.refuseClose(&api.ContinueAsNewWorkflowExecutionFailedEventAttributes{Cause: cause, DecisionTaskCompletedEventID: decided})
		return
	}
	seed := engine.DeriveSeed(t.in.Now, s.id.Run, s.last+1)
	if !t.emit(&api.WorkflowExecutionContinuedAsNewEventAttributes{
		ChildPolicy:                  next.ChildPolicy,
		DecisionTaskCompletedEventID: decided,
		ExecutionStartToCloseTimeout: &next.ExecutionStartToCloseTimeout,
		Input:                        d.Input,
		LambdaRole:                   text(next.LambdaRole),
		NewExecutionRunID:            FormatRun(engine.NewRunID(s.id.Run.Shard(), seed)),
		TagList:                      next.Tags,
		TaskList:                     api.TaskList{Name: next.TaskList},
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
			Parent: s.parent, Continued: s.id.Run,
		},
	}
}

// resolve fills what is not set from the defaults of a workflow type, or gives the
// cause why it can't: StartChildWorkflowExecution and
// ContinueAsNewWorkflowExecution fail by the same causes.
func (s *Settings) resolve(fact Fact) (cause string) {
	switch fact.Type {
	case TypeUnknown:
		return api.StartChildWorkflowExecutionFailedCauseWorkflowTypeDoesNotExist
	case TypeDeprecated:
		return api.StartChildWorkflowExecutionFailedCauseWorkflowTypeDeprecated
	}
	defaults := fact.Workflow
	if defaults == nil {
		defaults = &api.WorkflowTypeConfiguration{}
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
		return api.StartChildWorkflowExecutionFailedCauseDefaultExecutionStartToCloseTimeoutUndefined
	case s.TaskList == "":
		return api.StartChildWorkflowExecutionFailedCauseDefaultTaskListUndefined
	case s.TaskStartToCloseTimeout == "":
		return api.StartChildWorkflowExecutionFailedCauseDefaultTaskStartToCloseTimeoutUndefined
	case s.ChildPolicy == "":
		return api.StartChildWorkflowExecutionFailedCauseDefaultChildPolicyUndefined
	}
	return ""
}
