package replay

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// Names that this package has for itself.
const (
	Reserved      = "flow."        // begins them
	MarkerParked  = "flow.parked"  // a decision task without a decision, and why
	MarkerEffect  = "flow.effect"  // the value of an effect
	MarkerVersion = "flow.version" // which version of a change a run has
	TimerMore     = "flow.more"    // begins the names of timers after a list that was cut
	TimerRetry    = "flow.retry"   // begins those after a parked task
	SignalRetry   = "flow.retry"   // wakes a parked run
)

// ParkedContext is the executionContext of a decision task that is parked without a marker and a timer.
const ParkedContext = `{"flow":1,"parked":true}`

// identity is what a decision and its event have in common.
type identity struct{ kind, id, of string }

func (i identity) String() string {
	text := i.kind
	if i.id != "" {
		text += ` "` + i.id + `"`
	}
	if i.of != "" {
		text += " (" + i.of + ")"
	}
	return text
}

// completed is a decision task that was answered, and what its answer wrote.
type completed struct {
	id, started int64
	parked, cut bool
	unrecorded  string // a marker was refused: what the code was told can't be known
	outcome     []*types.HistoryEvent
}

// written gives the event DecisionTaskCompleted that an event stems from, zero if it stems from
// none, and whether it is news besides: a decision that failed.
func written(e *types.HistoryEvent) (by int64, news bool) {
	switch {
	case e.ActivityTaskScheduledEventAttributes != nil:
		return e.ActivityTaskScheduledEventAttributes.DecisionTaskCompletedEventId, false
	case e.ScheduleActivityTaskFailedEventAttributes != nil:
		return e.ScheduleActivityTaskFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.ActivityTaskCancelRequestedEventAttributes != nil:
		return e.ActivityTaskCancelRequestedEventAttributes.DecisionTaskCompletedEventId, false
	case e.RequestCancelActivityTaskFailedEventAttributes != nil:
		return e.RequestCancelActivityTaskFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.TimerStartedEventAttributes != nil:
		return e.TimerStartedEventAttributes.DecisionTaskCompletedEventId, false
	case e.StartTimerFailedEventAttributes != nil:
		return e.StartTimerFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.TimerCanceledEventAttributes != nil:
		return e.TimerCanceledEventAttributes.DecisionTaskCompletedEventId, false
	case e.CancelTimerFailedEventAttributes != nil:
		return e.CancelTimerFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.MarkerRecordedEventAttributes != nil:
		return e.MarkerRecordedEventAttributes.DecisionTaskCompletedEventId, false
	case e.RecordMarkerFailedEventAttributes != nil:
		return e.RecordMarkerFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
		return e.StartChildWorkflowExecutionInitiatedEventAttributes.DecisionTaskCompletedEventId, false
	case e.StartChildWorkflowExecutionFailedEventAttributes != nil:
		if a := e.StartChildWorkflowExecutionFailedEventAttributes; a.InitiatedEventId == 0 {
			return a.DecisionTaskCompletedEventId, true
		}
	case e.SignalExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return e.SignalExternalWorkflowExecutionInitiatedEventAttributes.DecisionTaskCompletedEventId, false
	case e.SignalExternalWorkflowExecutionFailedEventAttributes != nil:
		if a := e.SignalExternalWorkflowExecutionFailedEventAttributes; a.InitiatedEventId == 0 {
			return a.DecisionTaskCompletedEventId, true
		}
	case e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes.DecisionTaskCompletedEventId, false
	case e.RequestCancelExternalWorkflowExecutionFailedEventAttributes != nil:
		if a := e.RequestCancelExternalWorkflowExecutionFailedEventAttributes; a.InitiatedEventId == 0 {
			return a.DecisionTaskCompletedEventId, true
		}
	case e.LambdaFunctionScheduledEventAttributes != nil:
		return e.LambdaFunctionScheduledEventAttributes.DecisionTaskCompletedEventId, false
	case e.ScheduleLambdaFunctionFailedEventAttributes != nil:
		return e.ScheduleLambdaFunctionFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.WorkflowExecutionCompletedEventAttributes != nil:
		return e.WorkflowExecutionCompletedEventAttributes.DecisionTaskCompletedEventId, false
	case e.WorkflowExecutionFailedEventAttributes != nil:
		return e.WorkflowExecutionFailedEventAttributes.DecisionTaskCompletedEventId, false
	case e.WorkflowExecutionCanceledEventAttributes != nil:
		return e.WorkflowExecutionCanceledEventAttributes.DecisionTaskCompletedEventId, false
	case e.WorkflowExecutionContinuedAsNewEventAttributes != nil:
		return e.WorkflowExecutionContinuedAsNewEventAttributes.DecisionTaskCompletedEventId, false
	case e.CompleteWorkflowExecutionFailedEventAttributes != nil:
		return e.CompleteWorkflowExecutionFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.FailWorkflowExecutionFailedEventAttributes != nil:
		return e.FailWorkflowExecutionFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.CancelWorkflowExecutionFailedEventAttributes != nil:
		return e.CancelWorkflowExecutionFailedEventAttributes.DecisionTaskCompletedEventId, true
	case e.ContinueAsNewWorkflowExecutionFailedEventAttributes != nil:
		return e.ContinueAsNewWorkflowExecutionFailedEventAttributes.DecisionTaskCompletedEventId, true
	}
	return 0, false
}

// identityOf is that of the decision which wrote an event.
func identityOf(e *types.HistoryEvent) identity {
	id := func(kind types.DecisionType, id *string) identity {
		return identity{string(kind), aws.ToString(id), ""}
	}
	activity := func(t *types.ActivityType) string { return aws.ToString(t.Name) + "@" + aws.ToString(t.Version) }
	workflow := func(t *types.WorkflowType) string { return aws.ToString(t.Name) + "@" + aws.ToString(t.Version) }
	switch {
	case e.ActivityTaskScheduledEventAttributes != nil:
		a := e.ActivityTaskScheduledEventAttributes
		return identity{string(types.DecisionTypeScheduleActivityTask), *a.ActivityId, activity(a.ActivityType)}
	case e.ScheduleActivityTaskFailedEventAttributes != nil:
		a := e.ScheduleActivityTaskFailedEventAttributes
		return identity{string(types.DecisionTypeScheduleActivityTask), *a.ActivityId, activity(a.ActivityType)}
	case e.ActivityTaskCancelRequestedEventAttributes != nil:
		return id(types.DecisionTypeRequestCancelActivityTask, e.ActivityTaskCancelRequestedEventAttributes.ActivityId)
	case e.RequestCancelActivityTaskFailedEventAttributes != nil:
		return id(types.DecisionTypeRequestCancelActivityTask, e.RequestCancelActivityTaskFailedEventAttributes.ActivityId)
	case e.TimerStartedEventAttributes != nil:
		return id(types.DecisionTypeStartTimer, e.TimerStartedEventAttributes.TimerId)
	case e.StartTimerFailedEventAttributes != nil:
		return id(types.DecisionTypeStartTimer, e.StartTimerFailedEventAttributes.TimerId)
	case e.TimerCanceledEventAttributes != nil:
		return id(types.DecisionTypeCancelTimer, e.TimerCanceledEventAttributes.TimerId)
	case e.CancelTimerFailedEventAttributes != nil:
		return id(types.DecisionTypeCancelTimer, e.CancelTimerFailedEventAttributes.TimerId)
	case e.MarkerRecordedEventAttributes != nil:
		a := e.MarkerRecordedEventAttributes
		return identity{string(types.DecisionTypeRecordMarker), markOf(a.Details).ID, *a.MarkerName}
	case e.RecordMarkerFailedEventAttributes != nil:
		return identity{string(types.DecisionTypeRecordMarker), "", *e.RecordMarkerFailedEventAttributes.MarkerName}
	case e.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
		a := e.StartChildWorkflowExecutionInitiatedEventAttributes
		return identity{string(types.DecisionTypeStartChildWorkflowExecution), *a.WorkflowId, workflow(a.WorkflowType)}
	case e.StartChildWorkflowExecutionFailedEventAttributes != nil:
		a := e.StartChildWorkflowExecutionFailedEventAttributes
		return identity{string(types.DecisionTypeStartChildWorkflowExecution), *a.WorkflowId, workflow(a.WorkflowType)}
	case e.SignalExternalWorkflowExecutionInitiatedEventAttributes != nil:
		a := e.SignalExternalWorkflowExecutionInitiatedEventAttributes
		return identity{string(types.DecisionTypeSignalExternalWorkflowExecution), aws.ToString(a.Control), aws.ToString(a.WorkflowId)}
	case e.SignalExternalWorkflowExecutionFailedEventAttributes != nil:
		a := e.SignalExternalWorkflowExecutionFailedEventAttributes
		return identity{string(types.DecisionTypeSignalExternalWorkflowExecution), aws.ToString(a.Control), aws.ToString(a.WorkflowId)}
	case e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return id(types.DecisionTypeRequestCancelExternalWorkflowExecution, e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes.WorkflowId)
	case e.RequestCancelExternalWorkflowExecutionFailedEventAttributes != nil:
		return id(types.DecisionTypeRequestCancelExternalWorkflowExecution, e.RequestCancelExternalWorkflowExecutionFailedEventAttributes.WorkflowId)
	case e.LambdaFunctionScheduledEventAttributes != nil:
		a := e.LambdaFunctionScheduledEventAttributes
		return identity{string(types.DecisionTypeScheduleLambdaFunction), *a.Id, *a.Name}
	case e.ScheduleLambdaFunctionFailedEventAttributes != nil:
		a := e.ScheduleLambdaFunctionFailedEventAttributes
		return identity{string(types.DecisionTypeScheduleLambdaFunction), *a.Id, *a.Name}
	case e.WorkflowExecutionCompletedEventAttributes != nil, e.CompleteWorkflowExecutionFailedEventAttributes != nil:
		return id(types.DecisionTypeCompleteWorkflowExecution, nil)
	case e.WorkflowExecutionFailedEventAttributes != nil, e.FailWorkflowExecutionFailedEventAttributes != nil:
		return id(types.DecisionTypeFailWorkflowExecution, nil)
	case e.WorkflowExecutionCanceledEventAttributes != nil, e.CancelWorkflowExecutionFailedEventAttributes != nil:
		return id(types.DecisionTypeCancelWorkflowExecution, nil)
	case e.WorkflowExecutionContinuedAsNewEventAttributes != nil, e.ContinueAsNewWorkflowExecutionFailedEventAttributes != nil:
		return id(types.DecisionTypeContinueAsNewWorkflowExecution, nil)
	}
	return identity{kind: string(e.EventType)}
}

// fits tells whether a decision of the code is the one that wrote e.
func (i identity) fits(e *types.HistoryEvent) bool {
	want := identityOf(e)
	if e.RecordMarkerFailedEventAttributes != nil {
		want.id = i.id // the event does not say
	}
	return i == want
}

// mark is what stands in the details of a marker of this package.
type mark struct {
	ID    string          `json:"id"`
	Value json.RawMessage `json:"value"`
}

func markOf(details *string) (m mark) {
	_ = json.Unmarshal([]byte(aws.ToString(details)), &m)
	return m
}

// completions are the decision tasks that were answered, in order, with what each answer wrote.
func completions(events []types.HistoryEvent) (all []*completed) {
	at := map[int64]*completed{}
	for i := range events {
		e := &events[i]
		if a := e.DecisionTaskCompletedEventAttributes; a != nil {
			c := &completed{id: e.EventId, started: a.StartedEventId, parked: aws.ToString(a.ExecutionContext) == ParkedContext}
			at[c.id] = c
			all = append(all, c)
			continue
		}
		by, _ := written(e)
		c := at[by]
		if c == nil {
			continue
		}
		c.outcome = append(c.outcome, e)
		switch id := identityOf(e); {
		case id.kind == string(types.DecisionTypeStartTimer) && strings.HasPrefix(id.id, TimerMore):
			c.cut = true
		case id.kind == string(types.DecisionTypeStartTimer) && strings.HasPrefix(id.id, TimerRetry), id.of == MarkerParked:
			c.parked = true
		case e.RecordMarkerFailedEventAttributes != nil && c.unrecorded == "":
			c.unrecorded = fmt.Sprintf("event %d: RecordMarker of %s failed with %s, so a replay would not know what the code was told\n"+
				"  Let the worker's policy allow swf:RecordMarker, then begin the run anew: this one can't go on.", e.EventId, id.of, e.RecordMarkerFailedEventAttributes.Cause)
		}
	}
	return all
}

// Park tells what a task is parked with: a marker and a timer, but not what SWF has refused in this history, which would wake the
// decider at once, nor a second timer beside one that is open. Neither: the answer says so by ParkedContext.
func Park(events []types.HistoryEvent) (marker, timer bool) {
	marker, timer = true, true
	open := map[int64]bool{}
	for i := range events {
		e := &events[i]
		switch {
		case e.RecordMarkerFailedEventAttributes != nil && aws.ToString(e.RecordMarkerFailedEventAttributes.MarkerName) == MarkerParked:
			marker = false
		case e.StartTimerFailedEventAttributes != nil && strings.HasPrefix(aws.ToString(e.StartTimerFailedEventAttributes.TimerId), TimerRetry):
			timer = false
		case e.TimerStartedEventAttributes != nil && strings.HasPrefix(aws.ToString(e.TimerStartedEventAttributes.TimerId), TimerRetry):
			open[e.EventId] = true
		case e.TimerFiredEventAttributes != nil:
			delete(open, e.TimerFiredEventAttributes.StartedEventId)
		}
	}
	return marker, timer && len(open) == 0
}

// Parks is how many of the decision tasks that were answered last, one after the other, were parked.
func Parks(events []types.HistoryEvent) (n int) {
	for _, c := range completions(events) {
		if n++; !c.parked {
			n = 0
		}
	}
	return n
}
