package execution

import (
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// What EventBridge is told of an execution's history: an event of the types below as
// stateChange, and if all are wanted each other one as anyEvent. Its detail is the
// execution as DescribeWorkflowExecution shows it right after the event, but for the latest
// context: times are milliseconds, what is absent is null.
//
// Source: SWF Developer Guide, "Amazon SWF execution events in EventBridge".
const (
	stateChange       = "Simple Workflow Execution State Change"
	stateChangeSource = "aws.swf"
	anyEvent          = "Heddle Execution Event"
	anyEventSource    = "heddle.swf"
)

// changesState tells whether SWF itself tells EventBridge of events of a type.
func changesState(eventType string) bool {
	switch eventType {
	case wire.EventTypeActivityTaskCanceled, wire.EventTypeTimerCanceled, wire.EventTypeWorkflowExecutionStarted,
		wire.EventTypeWorkflowExecutionCompleted, wire.EventTypeWorkflowExecutionCanceled,
		wire.EventTypeWorkflowExecutionTerminated, wire.EventTypeWorkflowExecutionContinuedAsNew:
		return true
	}
	return strings.HasSuffix(eventType, "Failed") || strings.HasSuffix(eventType, "TimedOut")
}

// notify tells of an event that the state has just taken in.
func (t *turn) notify(e *engine.Event, eventType string) {
	if !t.in.Notify.Any(engine.NotifyPublic) {
		return
	}
	s := t.s
	w := s.id.Name.World
	told := eventbridge.Event{
		ID: eventbridge.ID(s.id.Run, e.ID), Type: stateChange, Source: stateChangeSource, Account: w.Account, Region: w.Region, At: int64(e.At),
		Resource: arn.Of("swf", w.Region, w.Account, "/domain/"+s.domain).String(),
	}
	if !changesState(eventType) {
		if !t.in.Notify.Any(engine.NotifyOthers) {
			return
		}
		told.Type, told.Source = anyEvent, anyEventSource
	}
	body := told.Append(make([]byte, 0, 1536), func(b []byte) []byte {
		b = append(b, `{"eventId":`...)
		b = strconv.AppendInt(b, e.ID, 10)
		b = append(b, `,"eventType":`...)
		b = shape.AppendString(b, eventType)
		b = append(b, `,"workflowExecutionDetail":`...)
		return append(s.appendDetail(b), '}')
	})
	t.notifications = append(t.notifications, engine.Notification{Event: e.ID, Body: body})
	t.others += len(body)
}

// notificationBytes is the most that a notification of the execution takes.
func (s *State) notificationBytes() int {
	const others, escape = 2048, 6 // "\u0001"
	n := len(s.domain) + len(s.workflowID) + len(s.parent.WorkflowID) + len(s.settings.Type.Name) + len(s.settings.Type.Version) + len(s.settings.TaskList) + len(s.settings.LambdaRole)
	for _, tag := range s.settings.Tags {
		n += len(tag) + 1
	}
	return partBytes + others + escape*n
}

// appendDetail appends the execution as it is.
func (s *State) appendDetail(b []byte) []byte {
	b = append(b, `{"executionInfo":{"execution":`...)
	b = appendExecution(b, s.workflowID, s.runID)
	b = append(b, `,"workflowType":{"name":`...)
	b = shape.AppendString(b, s.settings.Type.Name)
	b = append(b, `,"version":`...)
	b = shape.AppendString(b, s.settings.Type.Version)
	b = append(b, `},"startTimestamp":`...)
	b = appendMillis(b, s.started)
	b = append(b, `,"closeTimestamp":`...)
	b = appendMillis(b, s.closed)
	status := wire.ExecutionStatusOpen
	if s.closeStatus != "" {
		status = wire.ExecutionStatusClosed
	}
	b = append(b, `,"executionStatus":`...)
	b = shape.AppendString(b, status)
	b = append(b, `,"closeStatus":`...)
	b = appendOrNull(b, s.closeStatus)
	b = append(b, `,"parent":`...)
	if s.parent.WorkflowID == "" {
		b = append(b, "null"...)
	} else {
		b = appendExecution(b, s.parent.WorkflowID, FormatRun(s.parent.Run))
	}
	b = append(b, `,"parentExecutionArn":null,"tagList":`...) // executions have no ARNs
	if s.settings.Tags == nil {
		b = append(b, "null"...)
	} else {
		b = shape.AppendStrings(b, s.settings.Tags)
	}
	b = append(b, `,"cancelRequested":`...)
	b = strconv.AppendBool(b, s.cancelRequested && s.closeStatus == "")

	b = append(b, `},"executionConfiguration":{"taskStartToCloseTimeout":`...)
	b = shape.AppendString(b, s.settings.TaskStartToCloseTimeout)
	b = append(b, `,"executionStartToCloseTimeout":`...)
	b = shape.AppendString(b, s.settings.ExecutionStartToCloseTimeout)
	b = append(b, `,"taskList":{"name":`...)
	b = shape.AppendString(b, s.settings.TaskList)
	b = append(b, `},"taskPriority":`...)
	b = appendOrNull(b, s.settings.TaskPriority)
	b = append(b, `,"childPolicy":`...)
	b = shape.AppendString(b, s.settings.ChildPolicy)
	b = append(b, `,"lambdaRole":`...)
	b = appendOrNull(b, s.settings.LambdaRole)

	decisions := 0
	if s.decision.Scheduled != 0 {
		decisions = 1
	}
	b = append(b, `},"openCounts":{"openActivityTasks":`...)
	b = strconv.AppendInt(b, int64(len(s.activities)), 10)
	b = append(b, `,"openDecisionTasks":`...)
	b = strconv.AppendInt(b, int64(decisions), 10)
	b = append(b, `,"openTimers":`...)
	b = strconv.AppendInt(b, int64(len(s.timers)), 10)
	b = append(b, `,"openChildWorkflowExecutions":`...)
	b = strconv.AppendInt(b, int64(len(s.children)), 10)
	b = append(b, `,"openLambdaFunctions":`...)
	b = strconv.AppendInt(b, int64(len(s.lambdas)), 10)
	b = append(b, `},"latestActivityTaskTimestamp":`...)
	return append(appendMillis(b, s.latestActivity), '}')
}

func appendExecution(b []byte, workflowID, runID string) []byte {
	b = append(b, `{"workflowId":`...)
	b = shape.AppendString(b, workflowID)
	b = append(b, `,"runId":`...)
	return append(shape.AppendString(b, runID), '}')
}

func appendMillis(b []byte, at engine.Time) []byte {
	if at == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(at), 10)
}

func appendOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return shape.AppendString(b, s)
}
