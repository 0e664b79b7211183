package execution

import (
	"fmt"
	"strconv"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
	"heddle/internal/swf/api"
)

// attributes are the body of an event: a pointer to one of the 54 structures of
// the wire.
type attributes interface {
	AppendJSON([]byte) []byte
}

// appendEvent appends an event as the wire carries it.
func appendEvent(b []byte, id int64, at engine.Time, body attributes) []byte {
	kind := eventType(body)
	b = append(b, `{"eventId":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"eventTimestamp":`...)
	b = api.AppendTimestamp(b, api.Timestamp(at))
	b = append(b, `,"eventType":"`...)
	b = append(b, kind...)
	b = append(b, `","`...)
	b = append(b, kind[0]+'a'-'A')
	b = append(b, kind[1:]...)
	b = append(b, `EventAttributes":`...)
	b = body.AppendJSON(b)
	return append(b, '}')
}

// DecodeEvent reads an event back.
func (r *Rules) DecodeEvent(id int64, at engine.Time, public, private []byte) (engine.Event, error) {
	var h api.HistoryEvent
	if err := h.Decode(jx.DecodeBytes(public)); err != nil {
		return engine.Event{}, fmt.Errorf("decode event %d: %w", id, err)
	}
	body := eventBody(&h)
	if h.EventID != id || body == nil {
		return engine.Event{}, fmt.Errorf("decode event %d: it is event %d, a %q", id, h.EventID, h.EventType)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public, Private: private}, nil
}

// eventType names the type of an event by its attributes.
func eventType(body attributes) string {
	switch body.(type) {
	case *api.WorkflowExecutionStartedEventAttributes:
		return api.EventTypeWorkflowExecutionStarted
	case *api.WorkflowExecutionCancelRequestedEventAttributes:
		return api.EventTypeWorkflowExecutionCancelRequested
	case *api.WorkflowExecutionCompletedEventAttributes:
		return api.EventTypeWorkflowExecutionCompleted
	case *api.CompleteWorkflowExecutionFailedEventAttributes:
		return api.EventTypeCompleteWorkflowExecutionFailed
	case *api.WorkflowExecutionFailedEventAttributes:
		return api.EventTypeWorkflowExecutionFailed
	case *api.FailWorkflowExecutionFailedEventAttributes:
		return api.EventTypeFailWorkflowExecutionFailed
	case *api.WorkflowExecutionTimedOutEventAttributes:
		return api.EventTypeWorkflowExecutionTimedOut
	case *api.WorkflowExecutionCanceledEventAttributes:
		return api.EventTypeWorkflowExecutionCanceled
	case *api.CancelWorkflowExecutionFailedEventAttributes:
		return api.EventTypeCancelWorkflowExecutionFailed
	case *api.WorkflowExecutionContinuedAsNewEventAttributes:
		return api.EventTypeWorkflowExecutionContinuedAsNew
	case *api.ContinueAsNewWorkflowExecutionFailedEventAttributes:
		return api.EventTypeContinueAsNewWorkflowExecutionFailed
	case *api.WorkflowExecutionTerminatedEventAttributes:
		return api.EventTypeWorkflowExecutionTerminated
	case *api.DecisionTaskScheduledEventAttributes:
		return api.EventTypeDecisionTaskScheduled
	case *api.DecisionTaskStartedEventAttributes:
		return api.EventTypeDecisionTaskStarted
	case *api.DecisionTaskCompletedEventAttributes:
		return api.EventTypeDecisionTaskCompleted
	case *api.DecisionTaskTimedOutEventAttributes:
		return api.EventTypeDecisionTaskTimedOut
	case *api.ActivityTaskScheduledEventAttributes:
		return api.EventTypeActivityTaskScheduled
	case *api.ScheduleActivityTaskFailedEventAttributes:
		return api.EventTypeScheduleActivityTaskFailed
	case *api.ActivityTaskStartedEventAttributes:
		return api.EventTypeActivityTaskStarted
	case *api.ActivityTaskCompletedEventAttributes:
		return api.EventTypeActivityTaskCompleted
	case *api.ActivityTaskFailedEventAttributes:
		return api.EventTypeActivityTaskFailed
	case *api.ActivityTaskTimedOutEventAttributes:
		return api.EventTypeActivityTaskTimedOut
	case *api.ActivityTaskCanceledEventAttributes:
		return api.EventTypeActivityTaskCanceled
	case *api.ActivityTaskCancelRequestedEventAttributes:
		return api.EventTypeActivityTaskCancelRequested
	case *api.RequestCancelActivityTaskFailedEventAttributes:
		return api.EventTypeRequestCancelActivityTaskFailed
	case *api.WorkflowExecutionSignaledEventAttributes:
		return api.EventTypeWorkflowExecutionSignaled
	case *api.MarkerRecordedEventAttributes:
		return api.EventTypeMarkerRecorded
	case *api.RecordMarkerFailedEventAttributes:
		return api.EventTypeRecordMarkerFailed
	case *api.TimerStartedEventAttributes:
		return api.EventTypeTimerStarted
	case *api.StartTimerFailedEventAttributes:
		return api.EventTypeStartTimerFailed
	case *api.TimerFiredEventAttributes:
		return api.EventTypeTimerFired
	case *api.TimerCanceledEventAttributes:
		return api.EventTypeTimerCanceled
	case *api.CancelTimerFailedEventAttributes:
		return api.EventTypeCancelTimerFailed
	case *api.StartChildWorkflowExecutionInitiatedEventAttributes:
		return api.EventTypeStartChildWorkflowExecutionInitiated
	case *api.StartChildWorkflowExecutionFailedEventAttributes:
		return api.EventTypeStartChildWorkflowExecutionFailed
	case *api.ChildWorkflowExecutionStartedEventAttributes:
		return api.EventTypeChildWorkflowExecutionStarted
	case *api.ChildWorkflowExecutionCompletedEventAttributes:
		return api.EventTypeChildWorkflowExecutionCompleted
	case *api.ChildWorkflowExecutionFailedEventAttributes:
		return api.EventTypeChildWorkflowExecutionFailed
	case *api.ChildWorkflowExecutionTimedOutEventAttributes:
		return api.EventTypeChildWorkflowExecutionTimedOut
	case *api.ChildWorkflowExecutionCanceledEventAttributes:
		return api.EventTypeChildWorkflowExecutionCanceled
	case *api.ChildWorkflowExecutionTerminatedEventAttributes:
		return api.EventTypeChildWorkflowExecutionTerminated
	case *api.SignalExternalWorkflowExecutionInitiatedEventAttributes:
		return api.EventTypeSignalExternalWorkflowExecutionInitiated
	case *api.SignalExternalWorkflowExecutionFailedEventAttributes:
		return api.EventTypeSignalExternalWorkflowExecutionFailed
	case *api.ExternalWorkflowExecutionSignaledEventAttributes:
		return api.EventTypeExternalWorkflowExecutionSignaled
	case *api.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes:
		return api.EventTypeRequestCancelExternalWorkflowExecutionInitiated
	case *api.RequestCancelExternalWorkflowExecutionFailedEventAttributes:
		return api.EventTypeRequestCancelExternalWorkflowExecutionFailed
	case *api.ExternalWorkflowExecutionCancelRequestedEventAttributes:
		return api.EventTypeExternalWorkflowExecutionCancelRequested
	case *api.LambdaFunctionScheduledEventAttributes:
		return api.EventTypeLambdaFunctionScheduled
	case *api.LambdaFunctionStartedEventAttributes:
		return api.EventTypeLambdaFunctionStarted
	case *api.LambdaFunctionCompletedEventAttributes:
		return api.EventTypeLambdaFunctionCompleted
	case *api.LambdaFunctionFailedEventAttributes:
		return api.EventTypeLambdaFunctionFailed
	case *api.LambdaFunctionTimedOutEventAttributes:
		return api.EventTypeLambdaFunctionTimedOut
	case *api.ScheduleLambdaFunctionFailedEventAttributes:
		return api.EventTypeScheduleLambdaFunctionFailed
	case *api.StartLambdaFunctionFailedEventAttributes:
		return api.EventTypeStartLambdaFunctionFailed
	}
	panic(fmt.Sprintf("execution: %T is not the body of an event", body))
}

// eventBody gives the attributes that belong to an event's type; nil if they are
// missing.
func eventBody(h *api.HistoryEvent) attributes {
	switch {
	case h.WorkflowExecutionStartedEventAttributes != nil:
		return h.WorkflowExecutionStartedEventAttributes
	case h.WorkflowExecutionCancelRequestedEventAttributes != nil:
		return h.WorkflowExecutionCancelRequestedEventAttributes
	case h.WorkflowExecutionCompletedEventAttributes != nil:
		return h.WorkflowExecutionCompletedEventAttributes
	case h.CompleteWorkflowExecutionFailedEventAttributes != nil:
		return h.CompleteWorkflowExecutionFailedEventAttributes
	case h.WorkflowExecutionFailedEventAttributes != nil:
		return h.WorkflowExecutionFailedEventAttributes
	case h.FailWorkflowExecutionFailedEventAttributes != nil:
		return h.FailWorkflowExecutionFailedEventAttributes
	case h.WorkflowExecutionTimedOutEventAttributes != nil:
		return h.WorkflowExecutionTimedOutEventAttributes
	case h.WorkflowExecutionCanceledEventAttributes != nil:
		return h.WorkflowExecutionCanceledEventAttributes
	case h.CancelWorkflowExecutionFailedEventAttributes != nil:
		return h.CancelWorkflowExecutionFailedEventAttributes
	case h.WorkflowExecutionContinuedAsNewEventAttributes != nil:
		return h.WorkflowExecutionContinuedAsNewEventAttributes
	case h.ContinueAsNewWorkflowExecutionFailedEventAttributes != nil:
		return h.ContinueAsNewWorkflowExecutionFailedEventAttributes
	case h.WorkflowExecutionTerminatedEventAttributes != nil:
		return h.WorkflowExecutionTerminatedEventAttributes
	case h.DecisionTaskScheduledEventAttributes != nil:
		return h.DecisionTaskScheduledEventAttributes
	case h.DecisionTaskStartedEventAttributes != nil:
		return h.DecisionTaskStartedEventAttributes
	case h.DecisionTaskCompletedEventAttributes != nil:
		return h.DecisionTaskCompletedEventAttributes
	case h.DecisionTaskTimedOutEventAttributes != nil:
		return h.DecisionTaskTimedOutEventAttributes
	case h.ActivityTaskScheduledEventAttributes != nil:
		return h.ActivityTaskScheduledEventAttributes
	case h.ScheduleActivityTaskFailedEventAttributes != nil:
		return h.ScheduleActivityTaskFailedEventAttributes
	case h.ActivityTaskStartedEventAttributes != nil:
		return h.ActivityTaskStartedEventAttributes
	case h.ActivityTaskCompletedEventAttributes != nil:
		return h.ActivityTaskCompletedEventAttributes
	case h.ActivityTaskFailedEventAttributes != nil:
		return h.ActivityTaskFailedEventAttributes
	case h.ActivityTaskTimedOutEventAttributes != nil:
		return h.ActivityTaskTimedOutEventAttributes
	case h.ActivityTaskCanceledEventAttributes != nil:
		return h.ActivityTaskCanceledEventAttributes
	case h.ActivityTaskCancelRequestedEventAttributes != nil:
		return h.ActivityTaskCancelRequestedEventAttributes
	case h.RequestCancelActivityTaskFailedEventAttributes != nil:
		return h.RequestCancelActivityTaskFailedEventAttributes
	case h.WorkflowExecutionSignaledEventAttributes != nil:
		return h.WorkflowExecutionSignaledEventAttributes
	case h.MarkerRecordedEventAttributes != nil:
		return h.MarkerRecordedEventAttributes
	case h.RecordMarkerFailedEventAttributes != nil:
		return h.RecordMarkerFailedEventAttributes
	case h.TimerStartedEventAttributes != nil:
		return h.TimerStartedEventAttributes
	case h.StartTimerFailedEventAttributes != nil:
		return h.StartTimerFailedEventAttributes
	case h.TimerFiredEventAttributes != nil:
		return h.TimerFiredEventAttributes
	case h.TimerCanceledEventAttributes != nil:
		return h.TimerCanceledEventAttributes
	case h.CancelTimerFailedEventAttributes != nil:
		return h.CancelTimerFailedEventAttributes
	case h.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
		return h.StartChildWorkflowExecutionInitiatedEventAttributes
	case h.StartChildWorkflowExecutionFailedEventAttributes != nil:
		return h.StartChildWorkflowExecutionFailedEventAttributes
	case h.ChildWorkflowExecutionStartedEventAttributes != nil:
		return h.ChildWorkflowExecutionStartedEventAttributes
	case h.ChildWorkflowExecutionCompletedEventAttributes != nil:
		return h.ChildWorkflowExecutionCompletedEventAttributes
	case h.ChildWorkflowExecutionFailedEventAttributes != nil:
		return h.ChildWorkflowExecutionFailedEventAttributes
	case h.ChildWorkflowExecutionTimedOutEventAttributes != nil:
		return h.ChildWorkflowExecutionTimedOutEventAttributes
	case h.ChildWorkflowExecutionCanceledEventAttributes != nil:
		return h.ChildWorkflowExecutionCanceledEventAttributes
	case h.ChildWorkflowExecutionTerminatedEventAttributes != nil:
		return h.ChildWorkflowExecutionTerminatedEventAttributes
	case h.SignalExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return h.SignalExternalWorkflowExecutionInitiatedEventAttributes
	case h.SignalExternalWorkflowExecutionFailedEventAttributes != nil:
		return h.SignalExternalWorkflowExecutionFailedEventAttributes
	case h.ExternalWorkflowExecutionSignaledEventAttributes != nil:
		return h.ExternalWorkflowExecutionSignaledEventAttributes
	case h.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return h.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
	case h.RequestCancelExternalWorkflowExecutionFailedEventAttributes != nil:
		return h.RequestCancelExternalWorkflowExecutionFailedEventAttributes
	case h.ExternalWorkflowExecutionCancelRequestedEventAttributes != nil:
		return h.ExternalWorkflowExecutionCancelRequestedEventAttributes
	case h.LambdaFunctionScheduledEventAttributes != nil:
		return h.LambdaFunctionScheduledEventAttributes
	case h.LambdaFunctionStartedEventAttributes != nil:
		return h.LambdaFunctionStartedEventAttributes
	case h.LambdaFunctionCompletedEventAttributes != nil:
		return h.LambdaFunctionCompletedEventAttributes
	case h.LambdaFunctionFailedEventAttributes != nil:
		return h.LambdaFunctionFailedEventAttributes
	case h.LambdaFunctionTimedOutEventAttributes != nil:
		return h.LambdaFunctionTimedOutEventAttributes
	case h.ScheduleLambdaFunctionFailedEventAttributes != nil:
		return h.ScheduleLambdaFunctionFailedEventAttributes
	case h.StartLambdaFunctionFailedEventAttributes != nil:
		return h.StartLambdaFunctionFailedEventAttributes
	}
	return nil
}
