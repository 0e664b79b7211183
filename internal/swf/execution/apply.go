package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// Apply folds an event into the state.
func (r *Rules) Apply(st engine.State, e engine.Event) { apply(st.(*State), &e) }

// apply is the only place, beside note, that writes State.
func apply(s *State, e *engine.Event) {
	if e.ID != s.last+1 {
		panic(fmt.Sprintf("execution: event %d applied after event %d", e.ID, s.last))
	}
	if s.closeStatus != "" {
		panic(fmt.Sprintf("execution: event %d applied to an execution that is %s", e.ID, s.closeStatus))
	}
	s.last = e.ID
	switch a := e.Body.(type) {
	case *wire.WorkflowExecutionStartedEventAttributes:
		s.applyStarted(e, a)
	case *wire.WorkflowExecutionCancelRequestedEventAttributes:
		s.cancelRequested = true
		s.listing = nil
	case *wire.WorkflowExecutionCompletedEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusCompleted)
	case *wire.WorkflowExecutionFailedEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusFailed)
	case *wire.WorkflowExecutionCanceledEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusCanceled)
	case *wire.WorkflowExecutionTimedOutEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusTimedOut)
	case *wire.WorkflowExecutionTerminatedEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusTerminated)
	case *wire.WorkflowExecutionContinuedAsNewEventAttributes:
		s.applyClosed(e.At, wire.CloseStatusContinuedAsNew)

	case *wire.DecisionTaskScheduledEventAttributes:
		s.applyDecisionScheduled(e, a)
	case *wire.DecisionTaskStartedEventAttributes:
		s.decision.Start(e.ID, e.At)
	case *wire.DecisionTaskCompletedEventAttributes:
		s.applyDecisionCompleted(e, a)
	case *wire.DecisionTaskTimedOutEventAttributes:
		s.applyDecisionTimedOut(e.At)

	case *wire.ActivityTaskScheduledEventAttributes:
		s.applyActivityScheduled(e, a)
	case *wire.ActivityTaskStartedEventAttributes:
		s.activity(a.ScheduledEventID).Start(e.ID, e.At)
		s.latestActivity = e.At
	case *wire.ActivityTaskCompletedEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *wire.ActivityTaskFailedEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *wire.ActivityTaskTimedOutEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *wire.ActivityTaskCanceledEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *wire.ActivityTaskCancelRequestedEventAttributes:
		s.activityNamed(a.ActivityID).cancelRequested = e.ID

	case *wire.TimerStartedEventAttributes:
		s.timers = append(s.timers, timer{
			name: a.TimerID, started: e.ID, fires: engine.After(e.At, secondsOf(a.StartToFireTimeout)),
		})
	case *wire.TimerFiredEventAttributes:
		s.timers = without(s.timers, a.StartedEventID, (*timer).id)
	case *wire.TimerCanceledEventAttributes:
		s.timers = without(s.timers, a.StartedEventID, (*timer).id)

	case *wire.StartChildWorkflowExecutionInitiatedEventAttributes:
		s.children = append(s.children, child{workflowID: a.WorkflowID, initiated: e.ID})
	case *wire.StartChildWorkflowExecutionFailedEventAttributes:
		if a.InitiatedEventID != 0 {
			s.children = without(s.children, a.InitiatedEventID, (*child).id)
		}
	case *wire.ChildWorkflowExecutionStartedEventAttributes:
		at(s.children, a.InitiatedEventID, (*child).id).started = e.ID
	case *wire.ChildWorkflowExecutionCompletedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *wire.ChildWorkflowExecutionFailedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *wire.ChildWorkflowExecutionCanceledEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *wire.ChildWorkflowExecutionTimedOutEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *wire.ChildWorkflowExecutionTerminatedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)

	case *wire.LambdaFunctionScheduledEventAttributes:
		s.applyLambdaScheduled(e, a)
	case *wire.LambdaFunctionStartedEventAttributes:
		at(s.lambdas, a.ScheduledEventID, (*lambda).id).Start(e.ID, e.At)
	case *wire.LambdaFunctionCompletedEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *wire.LambdaFunctionFailedEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *wire.LambdaFunctionTimedOutEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *wire.StartLambdaFunctionFailedEventAttributes:
		s.lambdas = without(s.lambdas, *a.ScheduledEventID, (*lambda).id)

	// These stand in the history and move nothing.
	case *wire.WorkflowExecutionSignaledEventAttributes,
		*wire.MarkerRecordedEventAttributes,
		*wire.SignalExternalWorkflowExecutionInitiatedEventAttributes,
		*wire.ExternalWorkflowExecutionSignaledEventAttributes,
		*wire.SignalExternalWorkflowExecutionFailedEventAttributes,
		*wire.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
		*wire.ExternalWorkflowExecutionCancelRequestedEventAttributes,
		*wire.RequestCancelExternalWorkflowExecutionFailedEventAttributes,
		*wire.CompleteWorkflowExecutionFailedEventAttributes,
		*wire.FailWorkflowExecutionFailedEventAttributes,
		*wire.CancelWorkflowExecutionFailedEventAttributes,
		*wire.ContinueAsNewWorkflowExecutionFailedEventAttributes,
		*wire.ScheduleActivityTaskFailedEventAttributes,
		*wire.RequestCancelActivityTaskFailedEventAttributes,
		*wire.RecordMarkerFailedEventAttributes,
		*wire.StartTimerFailedEventAttributes,
		*wire.CancelTimerFailedEventAttributes,
		*wire.ScheduleLambdaFunctionFailedEventAttributes:
	default:
		panic(fmt.Sprintf("execution: no rule for event %T", a))
	}
}

// Note folds a note into the state. After a restart the notes are folded after
// all events, so their subjects are there.
func (r *Rules) Note(st engine.State, n engine.Note) { note(st.(*State), n) }

func note(s *State, n engine.Note) {
	if len(n.Value) == 0 {
		return // its subject has closed, or a further note says what holds instead
	}
	k := s.openTask(n.Subject)
	if k == nil {
		panic(fmt.Sprintf("execution: note %d about event %d, of which nothing is open", n.Kind, n.Subject))
	}
	k.Fold(n)
}
