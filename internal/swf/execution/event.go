package execution

import (
	"fmt"
	"strconv"

	"github.com/go-faster/jx"

	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
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
	b = shape.AppendTimestamp(b, shape.Timestamp(at))
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
	var h wire.HistoryEvent
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
	case *wire.WorkflowExecutionStartedEventAttributes:
		return wire.EventTypeWorkflowExecutionStarted
	case *wire.WorkflowExecutionCancelRequestedEventAttributes:
		return wire.EventTypeWorkflowExecutionCancelRequested
	case *wire.WorkflowExecutionCompletedEventAttributes:
		return wire.EventTypeWorkflowExecutionCompleted
	case *wire.CompleteWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeCompleteWorkflowExecutionFailed
	case *wire.WorkflowExecutionFailedEventAttributes:
		return wire.EventTypeWorkflowExecutionFailed
	case *wire.FailWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeFailWorkflowExecutionFailed
	case *wire.WorkflowExecutionTimedOutEventAttributes:
		return wire.EventTypeWorkflowExecutionTimedOut
	case *wire.WorkflowExecutionCanceledEventAttributes:
		return wire.EventTypeWorkflowExecutionCanceled
	case *wire.CancelWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeCancelWorkflowExecutionFailed
	case *wire.WorkflowExecutionContinuedAsNewEventAttributes:
		return wire.EventTypeWorkflowExecutionContinuedAsNew
	case *wire.ContinueAsNewWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeContinueAsNewWorkflowExecutionFailed
	case *wire.WorkflowExecutionTerminatedEventAttributes:
		return wire.EventTypeWorkflowExecutionTerminated
	case *wire.DecisionTaskScheduledEventAttributes:
		return wire.EventTypeDecisionTaskScheduled
	case *wire.DecisionTaskStartedEventAttributes:
		return wire.EventTypeDecisionTaskStarted
	case *wire.DecisionTaskCompletedEventAttributes:
		return wire.EventTypeDecisionTaskCompleted
	case *wire.DecisionTaskTimedOutEventAttributes:
		return wire.EventTypeDecisionTaskTimedOut
	case *wire.ActivityTaskScheduledEventAttributes:
		return wire.EventTypeActivityTaskScheduled
	case *wire.ScheduleActivityTaskFailedEventAttributes:
		return wire.EventTypeScheduleActivityTaskFailed
	case *wire.ActivityTaskStartedEventAttributes:
		return wire.EventTypeActivityTaskStarted
	case *wire.ActivityTaskCompletedEventAttributes:
		return wire.EventTypeActivityTaskCompleted
	case *wire.ActivityTaskFailedEventAttributes:
		return wire.EventTypeActivityTaskFailed
	case *wire.ActivityTaskTimedOutEventAttributes:
		return wire.EventTypeActivityTaskTimedOut
	case *wire.ActivityTaskCanceledEventAttributes:
		return wire.EventTypeActivityTaskCanceled
	case *wire.ActivityTaskCancelRequestedEventAttributes:
		return wire.EventTypeActivityTaskCancelRequested
	case *wire.RequestCancelActivityTaskFailedEventAttributes:
		return wire.EventTypeRequestCancelActivityTaskFailed
	case *wire.WorkflowExecutionSignaledEventAttributes:
		return wire.EventTypeWorkflowExecutionSignaled
	case *wire.MarkerRecordedEventAttributes:
		return wire.EventTypeMarkerRecorded
	case *wire.RecordMarkerFailedEventAttributes:
		return wire.EventTypeRecordMarkerFailed
	case *wire.TimerStartedEventAttributes:
		return wire.EventTypeTimerStarted
	case *wire.StartTimerFailedEventAttributes:
		return wire.EventTypeStartTimerFailed
	case *wire.TimerFiredEventAttributes:
		return wire.EventTypeTimerFired
	case *wire.TimerCanceledEventAttributes:
		return wire.EventTypeTimerCanceled
	case *wire.CancelTimerFailedEventAttributes:
		return wire.EventTypeCancelTimerFailed
	case *wire.StartChildWorkflowExecutionInitiatedEventAttributes:
		return wire.EventTypeStartChildWorkflowExecutionInitiated
	case *wire.StartChildWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeStartChildWorkflowExecutionFailed
	case *wire.ChildWorkflowExecutionStartedEventAttributes:
		return wire.EventTypeChildWorkflowExecutionStarted
	case *wire.ChildWorkflowExecutionCompletedEventAttributes:
		return wire.EventTypeChildWorkflowExecutionCompleted
	case *wire.ChildWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeChildWorkflowExecutionFailed
	case *wire.ChildWorkflowExecutionTimedOutEventAttributes:
		return wire.EventTypeChildWorkflowExecutionTimedOut
	case *wire.ChildWorkflowExecutionCanceledEventAttributes:
		return wire.EventTypeChildWorkflowExecutionCanceled
	case *wire.ChildWorkflowExecutionTerminatedEventAttributes:
		return wire.EventTypeChildWorkflowExecutionTerminated
	case *wire.SignalExternalWorkflowExecutionInitiatedEventAttributes:
		return wire.EventTypeSignalExternalWorkflowExecutionInitiated
	case *wire.SignalExternalWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeSignalExternalWorkflowExecutionFailed
	case *wire.ExternalWorkflowExecutionSignaledEventAttributes:
		return wire.EventTypeExternalWorkflowExecutionSignaled
	case *wire.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes:
		return wire.EventTypeRequestCancelExternalWorkflowExecutionInitiated
	case *wire.RequestCancelExternalWorkflowExecutionFailedEventAttributes:
		return wire.EventTypeRequestCancelExternalWorkflowExecutionFailed
	case *wire.ExternalWorkflowExecutionCancelRequestedEventAttributes:
		return wire.EventTypeExternalWorkflowExecutionCancelRequested
	case *wire.LambdaFunctionScheduledEventAttributes:
		return wire.EventTypeLambdaFunctionScheduled
	case *wire.LambdaFunctionStartedEventAttributes:
		return wire.EventTypeLambdaFunctionStarted
	case *wire.LambdaFunctionCompletedEventAttributes:
		return wire.EventTypeLambdaFunctionCompleted
	case *wire.LambdaFunctionFailedEventAttributes:
		return wire.EventTypeLambdaFunctionFailed
	case *wire.LambdaFunctionTimedOutEventAttributes:
		return wire.EventTypeLambdaFunctionTimedOut
	case *wire.ScheduleLambdaFunctionFailedEventAttributes:
		return wire.EventTypeScheduleLambdaFunctionFailed
	case *wire.StartLambdaFunctionFailedEventAttributes:
		return wire.EventTypeStartLambdaFunctionFailed
	}
	panic(fmt.Sprintf("execution: %T is not the body of an event", body))
}

// eventBody gives the attributes that belong to an event's type; nil if they are
// missing.
func eventBody(h *wire.HistoryEvent) attributes {
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
