package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/api"
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
	case *api.WorkflowExecutionStartedEventAttributes:
		s.applyStarted(e, a)
	case *api.WorkflowExecutionCancelRequestedEventAttributes:
		s.cancelRequested = true
		s.listing = nil
	case *api.WorkflowExecutionCompletedEventAttributes:
		s.applyClosed(e.At, api.CloseStatusCompleted)
	case *api.WorkflowExecutionFailedEventAttributes:
		s.applyClosed(e.At, api.CloseStatusFailed)
	case *api.WorkflowExecutionCanceledEventAttributes:
		s.applyClosed(e.At, api.CloseStatusCanceled)
	case *api.WorkflowExecutionTimedOutEventAttributes:
		s.applyClosed(e.At, api.CloseStatusTimedOut)
	case *api.WorkflowExecutionTerminatedEventAttributes:
		s.applyClosed(e.At, api.CloseStatusTerminated)
	case *api.WorkflowExecutionContinuedAsNewEventAttributes:
		s.applyClosed(e.At, api.CloseStatusContinuedAsNew)

	case *api.DecisionTaskScheduledEventAttributes:
		s.applyDecisionScheduled(e, a)
	case *api.DecisionTaskStartedEventAttributes:
		s.decision.start(e.ID, e.At)
	case *api.DecisionTaskCompletedEventAttributes:
		s.applyDecisionCompleted(e, a)
	case *api.DecisionTaskTimedOutEventAttributes:
		s.applyDecisionTimedOut(e.At)

	case *api.ActivityTaskScheduledEventAttributes:
		s.applyActivityScheduled(e, a)
	case *api.ActivityTaskStartedEventAttributes:
		s.activity(a.ScheduledEventID).start(e.ID, e.At)
		s.latestActivity = e.At
	case *api.ActivityTaskCompletedEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *api.ActivityTaskFailedEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *api.ActivityTaskTimedOutEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *api.ActivityTaskCanceledEventAttributes:
		s.applyActivityClosed(a.ScheduledEventID, e.At)
	case *api.ActivityTaskCancelRequestedEventAttributes:
		s.activityNamed(a.ActivityID).cancelRequested = e.ID

	case *api.TimerStartedEventAttributes:
		s.timers = append(s.timers, timer{
			name: a.TimerID, started: e.ID, fires: after(e.At, secondsOf(a.StartToFireTimeout)),
		})
	case *api.TimerFiredEventAttributes:
		s.timers = without(s.timers, a.StartedEventID, (*timer).id)
	case *api.TimerCanceledEventAttributes:
		s.timers = without(s.timers, a.StartedEventID, (*timer).id)

	case *api.StartChildWorkflowExecutionInitiatedEventAttributes:
		s.children = append(s.children, child{workflowID: a.WorkflowID, initiated: e.ID})
	case *api.StartChildWorkflowExecutionFailedEventAttributes:
		if a.InitiatedEventID != 0 {
			s.children = without(s.children, a.InitiatedEventID, (*child).id)
		}
	case *api.ChildWorkflowExecutionStartedEventAttributes:
		at(s.children, a.InitiatedEventID, (*child).id).started = e.ID
	case *api.ChildWorkflowExecutionCompletedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *api.ChildWorkflowExecutionFailedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *api.ChildWorkflowExecutionCanceledEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *api.ChildWorkflowExecutionTimedOutEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)
	case *api.ChildWorkflowExecutionTerminatedEventAttributes:
		s.children = without(s.children, a.InitiatedEventID, (*child).id)

	case *api.LambdaFunctionScheduledEventAttributes:
		s.applyLambdaScheduled(e, a)
	case *api.LambdaFunctionStartedEventAttributes:
		at(s.lambdas, a.ScheduledEventID, (*lambda).id).start(e.ID, e.At)
	case *api.LambdaFunctionCompletedEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *api.LambdaFunctionFailedEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *api.LambdaFunctionTimedOutEventAttributes:
		s.lambdas = without(s.lambdas, a.ScheduledEventID, (*lambda).id)
	case *api.StartLambdaFunctionFailedEventAttributes:
		s.lambdas = without(s.lambdas, *a.ScheduledEventID, (*lambda).id)

	// These stand in the history and move nothing.
	case *api.WorkflowExecutionSignaledEventAttributes,
		*api.MarkerRecordedEventAttributes,
		*api.SignalExternalWorkflowExecutionInitiatedEventAttributes,
		*api.ExternalWorkflowExecutionSignaledEventAttributes,
		*api.SignalExternalWorkflowExecutionFailedEventAttributes,
		*api.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
		*api.ExternalWorkflowExecutionCancelRequestedEventAttributes,
		*api.RequestCancelExternalWorkflowExecutionFailedEventAttributes,
		*api.CompleteWorkflowExecutionFailedEventAttributes,
		*api.FailWorkflowExecutionFailedEventAttributes,
		*api.CancelWorkflowExecutionFailedEventAttributes,
		*api.ContinueAsNewWorkflowExecutionFailedEventAttributes,
		*api.ScheduleActivityTaskFailedEventAttributes,
		*api.RequestCancelActivityTaskFailedEventAttributes,
		*api.RecordMarkerFailedEventAttributes,
		*api.StartTimerFailedEventAttributes,
		*api.CancelTimerFailedEventAttributes,
		*api.ScheduleLambdaFunctionFailedEventAttributes:
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
	switch n.Kind {
	case engine.NoteDelivered:
		k.delivered = true
	case noteAttempt:
		c := reading(n.Value)
		codeAttempt(c, &k.attempt, &k.since, &k.back)
		mustRead(c.r, n)
		if k.back {
			k.delivered = false
		}
	case noteHeartbeat:
		a := s.activity(n.Subject)
		c := reading(n.Value)
		codeHeartbeat(c, &a.beatAt, &a.beatDetails)
		mustRead(c.r, n)
	default:
		panic(fmt.Sprintf("execution: no rule for note %d", n.Kind))
	}
}

func mustRead(r *pack.Reader, n engine.Note) {
	if err := r.Done(); err != nil {
		panic(fmt.Sprintf("execution: note %d about event %d: %v", n.Kind, n.Subject, err))
	}
}
