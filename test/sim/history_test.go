package sim

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// history is a run's history as a user reads it: it knows nothing of the rules,
// and holds each event against those before.
type history struct {
	j    *judge
	life *life

	last        int64
	at          engine.Time
	types       []string // of the events, from the first
	started     *wire.WorkflowExecutionStartedEventAttributes
	startedAt   engine.Time
	closeStatus string
	childPolicy string // applied when it was closed

	decisions map[int64]*openTask // scheduled or started
	tasks     map[int64]*openTask // activities and Lambda functions
	timers    map[int64]engine.Time
	children  map[int64]*openChild
	externals map[int64]string // initiated signals and cancel requests: their marks
}

// openTask is a task between its Scheduled event and its end.
type openTask struct {
	scheduledAt engine.Time
	startedID   int64
	startedAt   engine.Time
	name        string

	// Timeouts in seconds; below zero: none.
	toStart, toClose, run, beat int64
}

type openChild struct {
	workflowID string
	run        string // "": not started
}

// link is how a child names its parent.
type link struct {
	run       string
	initiated int64
}

func newHistory(j *judge, l *life) *history {
	return &history{
		j: j, life: l,
		decisions: map[int64]*openTask{}, tasks: map[int64]*openTask{}, timers: map[int64]engine.Time{},
		children: map[int64]*openChild{}, externals: map[int64]string{},
	}
}

func (h *history) fail(format string, args ...any) {
	h.j.fail("run %s of %q: "+format, append([]any{h.life.Run, h.life.Name.Key}, args...)...)
}

// read reads further events, with commas between them.
func (h *history) read(b []byte) {
	list := append(append([]byte{'['}, b...), ']')
	var events []wire.HistoryEvent
	if err := jx.DecodeBytes(list).Arr(func(d *jx.Decoder) error {
		var e wire.HistoryEvent
		if err := e.Decode(d); err != nil {
			return err
		}
		events = append(events, e)
		return nil
	}); err != nil {
		h.fail("history %s: %v", b, err)
		return
	}
	for i := range events {
		h.event(&events[i])
	}
}

func limit(timeout *string) int64 {
	if timeout == nil {
		return -1
	}
	if n, limited := wire.Seconds(*timeout); limited {
		return n
	}
	return -1
}

// early fails if an event comes before a timeout that began at some moment ended.
func (h *history) early(e *wire.HistoryEvent, what string, from engine.Time, seconds int64) {
	switch end := from + engine.Seconds(seconds); {
	case seconds < 0:
		h.fail("event %d: %s without such a timeout", e.EventID, what)
	case engine.Time(e.EventTimestamp) < end:
		h.fail("event %d: %s at %d, due at %d", e.EventID, what, e.EventTimestamp, end)
	}
}

// marked notes marks that clients wrote.
func (h *history) marked(e *wire.HistoryEvent, texts ...*string) {
	for _, t := range texts {
		if t == nil {
			continue
		}
		if mark, _, ok := strings.Cut(*t, "."); ok {
			h.j.stands(h.life, e.EventType, mark+".")
		}
	}
}

// answered holds a decider's answer against the task that it was given.
func (h *history) answered(e *wire.HistoryEvent, a *wire.DecisionTaskCompletedEventAttributes) {
	if a.ExecutionContext == nil {
		return
	}
	mark, _, _ := strings.Cut(*a.ExecutionContext, ".")
	if started := h.j.record(mark + ".").answers; started != a.StartedEventID {
		h.fail("event %d ends the decision task that event %d started, by the answer to that of event %d", e.EventID, a.StartedEventID, started)
	}
}

func (h *history) event(e *wire.HistoryEvent) {
	at := engine.Time(e.EventTimestamp)
	h.j.w.coverage.event(e, h.types)
	h.j.w.note("run %s event %d %s at %d", h.life.Run, e.EventID, e.EventType, at)
	if e.EventID != h.last+1 {
		h.fail("event %d after event %d", e.EventID, h.last)
	}
	if at < h.at {
		h.fail("event %d at %d after one at %d", e.EventID, at, h.at)
	}
	if h.closeStatus != "" {
		h.fail("event %d %s after its end", e.EventID, e.EventType)
	}
	if (h.last == 0) != (e.EventType == wire.EventTypeWorkflowExecutionStarted) {
		h.fail("event %d is %s", e.EventID, e.EventType)
	}
	h.last, h.at = e.EventID, at
	h.types = append(h.types, e.EventType)
	switch e.EventType {
	case wire.EventTypeWorkflowExecutionStarted:
		h.begin(e, e.WorkflowExecutionStartedEventAttributes)
	case wire.EventTypeWorkflowExecutionSignaled:
		h.marked(e, e.WorkflowExecutionSignaledEventAttributes.Input)

	case wire.EventTypeWorkflowExecutionCompleted:
		h.marked(e, e.WorkflowExecutionCompletedEventAttributes.Result)
		h.close(wire.CloseStatusCompleted, "")
	case wire.EventTypeWorkflowExecutionFailed:
		h.marked(e, e.WorkflowExecutionFailedEventAttributes.Details)
		h.close(wire.CloseStatusFailed, "")
	case wire.EventTypeWorkflowExecutionCanceled:
		h.marked(e, e.WorkflowExecutionCanceledEventAttributes.Details)
		h.close(wire.CloseStatusCanceled, "")
	case wire.EventTypeWorkflowExecutionContinuedAsNew:
		h.marked(e, e.WorkflowExecutionContinuedAsNewEventAttributes.Input)
		h.close(wire.CloseStatusContinuedAsNew, "")
	case wire.EventTypeWorkflowExecutionTerminated:
		h.marked(e, e.WorkflowExecutionTerminatedEventAttributes.Details)
		h.close(wire.CloseStatusTerminated, e.WorkflowExecutionTerminatedEventAttributes.ChildPolicy)
	case wire.EventTypeWorkflowExecutionTimedOut:
		h.early(e, "the execution timed out", h.startedAt, limit(h.started.ExecutionStartToCloseTimeout))
		h.close(wire.CloseStatusTimedOut, e.WorkflowExecutionTimedOutEventAttributes.ChildPolicy)

	case wire.EventTypeDecisionTaskScheduled:
		a := e.DecisionTaskScheduledEventAttributes
		h.decisions[e.EventID] = &openTask{scheduledAt: at, toStart: limit(a.ScheduleToStartTimeout), run: limit(a.StartToCloseTimeout)}
		if len(h.decisions) > 2 {
			h.fail("event %d schedules a third decision task", e.EventID)
		}
	case wire.EventTypeDecisionTaskStarted:
		h.startDecision(e, e.DecisionTaskStartedEventAttributes.ScheduledEventID)
	case wire.EventTypeDecisionTaskCompleted:
		a := e.DecisionTaskCompletedEventAttributes
		h.marked(e, a.ExecutionContext)
		h.answered(e, a)
		h.closeTask(e, h.decisions, a.ScheduledEventID, a.StartedEventID, true)
	case wire.EventTypeDecisionTaskTimedOut:
		a := e.DecisionTaskTimedOutEventAttributes
		if k := h.closeTask(e, h.decisions, a.ScheduledEventID, a.StartedEventID, a.TimeoutType == wire.DecisionTaskTimeoutTypeStartToClose); k != nil {
			if a.TimeoutType == wire.DecisionTaskTimeoutTypeStartToClose {
				h.early(e, "a decision task timed out", k.startedAt, k.run)
			} else {
				h.early(e, "a decision task timed out before its start", k.scheduledAt, k.toStart)
			}
		}
	default:
		h.taskEvent(e)
	}
}

// taskEvent is event for what deciders ask for.
func (h *history) taskEvent(e *wire.HistoryEvent) {
	at := engine.Time(e.EventTimestamp)
	switch e.EventType {
	case wire.EventTypeActivityTaskScheduled:
		a := e.ActivityTaskScheduledEventAttributes
		h.marked(e, a.Input)
		for id, k := range h.tasks {
			if k.name == "activity "+a.ActivityID {
				h.fail("event %d schedules activity %q, which event %d has open", e.EventID, a.ActivityID, id)
			}
		}
		h.tasks[e.EventID] = &openTask{
			scheduledAt: at, name: "activity " + a.ActivityID, toStart: limit(a.ScheduleToStartTimeout), toClose: limit(a.ScheduleToCloseTimeout),
			run: limit(a.StartToCloseTimeout), beat: limit(a.HeartbeatTimeout),
		}
	case wire.EventTypeActivityTaskStarted:
		h.startTask(e, e.ActivityTaskStartedEventAttributes.ScheduledEventID)
	case wire.EventTypeActivityTaskCompleted:
		a := e.ActivityTaskCompletedEventAttributes
		h.marked(e, a.Result)
		h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, true)
	case wire.EventTypeActivityTaskFailed:
		a := e.ActivityTaskFailedEventAttributes
		h.marked(e, a.Details)
		h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, true)
	case wire.EventTypeActivityTaskCanceled:
		a := e.ActivityTaskCanceledEventAttributes
		h.marked(e, a.Details)
		h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, a.StartedEventID != 0)
	case wire.EventTypeActivityTaskTimedOut:
		a := e.ActivityTaskTimedOutEventAttributes
		k := h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, a.StartedEventID != 0)
		if k == nil {
			return
		}
		switch a.TimeoutType {
		case wire.ActivityTaskTimeoutTypeScheduleToStart:
			h.early(e, "an activity task timed out before its start", k.scheduledAt, k.toStart)
		case wire.ActivityTaskTimeoutTypeScheduleToClose:
			h.early(e, "an activity task timed out", k.scheduledAt, k.toClose)
		case wire.ActivityTaskTimeoutTypeStartToClose:
			h.early(e, "an activity task timed out after its start", k.startedAt, k.run)
		case wire.ActivityTaskTimeoutTypeHeartbeat:
			h.early(e, "a heartbeat was missed", k.startedAt, k.beat)
		}

	case wire.EventTypeLambdaFunctionScheduled:
		a := e.LambdaFunctionScheduledEventAttributes
		h.marked(e, a.Input)
		h.tasks[e.EventID] = &openTask{
			scheduledAt: at, name: "lambda " + a.ID, toStart: -1, toClose: -1, run: limit(a.StartToCloseTimeout), beat: -1,
		}
	case wire.EventTypeLambdaFunctionStarted:
		h.startTask(e, e.LambdaFunctionStartedEventAttributes.ScheduledEventID)
	case wire.EventTypeLambdaFunctionCompleted:
		a := e.LambdaFunctionCompletedEventAttributes
		h.marked(e, a.Result)
		h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, true)
	case wire.EventTypeLambdaFunctionFailed:
		a := e.LambdaFunctionFailedEventAttributes
		h.marked(e, a.Details)
		h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, true)
	case wire.EventTypeLambdaFunctionTimedOut:
		a := e.LambdaFunctionTimedOutEventAttributes
		if k := h.closeTask(e, h.tasks, a.ScheduledEventID, a.StartedEventID, true); k != nil {
			h.early(e, "a Lambda function timed out", k.startedAt, k.run)
		}
	case wire.EventTypeStartLambdaFunctionFailed:
		a := e.StartLambdaFunctionFailedEventAttributes
		h.marked(e, a.Message)
		if _, open := h.tasks[*a.ScheduledEventID]; !open {
			h.fail("event %d ends the task of event %d, which is not open", e.EventID, *a.ScheduledEventID)
		}
		delete(h.tasks, *a.ScheduledEventID)

	case wire.EventTypeTimerStarted:
		a := e.TimerStartedEventAttributes
		h.timers[e.EventID] = at + engine.Seconds(limit(&a.StartToFireTimeout))
	case wire.EventTypeTimerFired:
		a := e.TimerFiredEventAttributes
		if fires := h.timers[a.StartedEventID]; fires > at {
			h.fail("event %d: a timer fired at %d, due at %d", e.EventID, at, fires)
		}
		closeOne(h, e, h.timers, a.StartedEventID)
	case wire.EventTypeTimerCanceled:
		closeOne(h, e, h.timers, e.TimerCanceledEventAttributes.StartedEventID)
	default:
		h.otherEvent(e)
	}
}

// otherEvent is event for what other executions have a part in.
func (h *history) otherEvent(e *wire.HistoryEvent) {
	switch e.EventType {
	case wire.EventTypeMarkerRecorded:
		h.marked(e, e.MarkerRecordedEventAttributes.Details)
	case wire.EventTypeStartChildWorkflowExecutionInitiated:
		a := e.StartChildWorkflowExecutionInitiatedEventAttributes
		h.marked(e, a.Input)
		h.children[e.EventID] = &openChild{workflowID: a.WorkflowID}
	case wire.EventTypeStartChildWorkflowExecutionFailed:
		if id := e.StartChildWorkflowExecutionFailedEventAttributes.InitiatedEventID; id != 0 {
			h.j.settled(func() {
				if h.j.links[link{h.runID(), id}] != nil {
					h.fail("event %d: the child of event %d failed to start, and did", e.EventID, id)
				}
			})
			h.closeChild(e, id, false, "")
		}
	case wire.EventTypeChildWorkflowExecutionStarted:
		a := e.ChildWorkflowExecutionStartedEventAttributes
		k := h.children[a.InitiatedEventID]
		if k == nil || k.run != "" {
			h.fail("event %d starts the child of event %d, which does not wait for it", e.EventID, a.InitiatedEventID)
			return
		}
		k.run = a.WorkflowExecution.RunID
	case wire.EventTypeChildWorkflowExecutionCompleted:
		h.closeChild(e, e.ChildWorkflowExecutionCompletedEventAttributes.InitiatedEventID, true, wire.CloseStatusCompleted)
	case wire.EventTypeChildWorkflowExecutionFailed:
		h.closeChild(e, e.ChildWorkflowExecutionFailedEventAttributes.InitiatedEventID, true, wire.CloseStatusFailed)
	case wire.EventTypeChildWorkflowExecutionCanceled:
		h.closeChild(e, e.ChildWorkflowExecutionCanceledEventAttributes.InitiatedEventID, true, wire.CloseStatusCanceled)
	case wire.EventTypeChildWorkflowExecutionTimedOut:
		h.closeChild(e, e.ChildWorkflowExecutionTimedOutEventAttributes.InitiatedEventID, true, wire.CloseStatusTimedOut)
	case wire.EventTypeChildWorkflowExecutionTerminated:
		h.closeChild(e, e.ChildWorkflowExecutionTerminatedEventAttributes.InitiatedEventID, true, wire.CloseStatusTerminated)

	case wire.EventTypeSignalExternalWorkflowExecutionInitiated:
		a := e.SignalExternalWorkflowExecutionInitiatedEventAttributes
		h.marked(e, a.Input)
		h.externals[e.EventID] = *a.Input
	case wire.EventTypeRequestCancelExternalWorkflowExecutionInitiated:
		h.externals[e.EventID] = ""
	case wire.EventTypeExternalWorkflowExecutionSignaled:
		id := e.ExternalWorkflowExecutionSignaledEventAttributes.InitiatedEventID
		h.reached(e, h.externals[id], true)
		closeOne(h, e, h.externals, id)
	case wire.EventTypeSignalExternalWorkflowExecutionFailed:
		if id := e.SignalExternalWorkflowExecutionFailedEventAttributes.InitiatedEventID; id != 0 {
			h.reached(e, h.externals[id], false)
			closeOne(h, e, h.externals, id)
		}
	case wire.EventTypeExternalWorkflowExecutionCancelRequested:
		closeOne(h, e, h.externals, e.ExternalWorkflowExecutionCancelRequestedEventAttributes.InitiatedEventID)
	case wire.EventTypeRequestCancelExternalWorkflowExecutionFailed:
		if id := e.RequestCancelExternalWorkflowExecutionFailedEventAttributes.InitiatedEventID; id != 0 {
			closeOne(h, e, h.externals, id)
		}
	}
}

// reached holds the outcome of a signal against its target's history.
func (h *history) reached(e *wire.HistoryEvent, text string, did bool) {
	mark, _, _ := strings.Cut(text, ".")
	h.j.settled(func() {
		n := h.j.record(mark + ".").events[wire.EventTypeWorkflowExecutionSignaled]
		if did != (n > 0) && !(did && h.j.someGone) {
			h.fail("event %d %s, and %d executions have the signal", e.EventID, e.EventType, n)
		}
	})
}

func (h *history) runID() string { return execution.FormatRun(h.life.Run) }

func (h *history) begin(e *wire.HistoryEvent, a *wire.WorkflowExecutionStartedEventAttributes) {
	h.marked(e, a.Input)
	h.started, h.startedAt = a, h.at
	if a.ParentWorkflowExecution == nil || a.ContinuedExecutionRunID != nil {
		return
	}
	l := link{a.ParentWorkflowExecution.RunID, *a.ParentInitiatedEventID}
	if other := h.j.links[l]; other != nil {
		h.fail("it is the second child of event %d of run %s, after %s", l.initiated, l.run, other.Run)
	}
	h.j.links[l] = h.life
}

func (h *history) close(status, childPolicy string) {
	h.closeStatus, h.childPolicy = status, childPolicy
}

func (h *history) startDecision(e *wire.HistoryEvent, scheduled int64) {
	for id, k := range h.decisions {
		if k.startedID != 0 {
			h.fail("event %d starts a decision task while that of event %d is started", e.EventID, id)
		}
		if id < scheduled {
			h.fail("event %d starts the decision task of event %d before that of event %d", e.EventID, scheduled, id)
		}
	}
	h.start(e, h.decisions, scheduled)
}

func (h *history) startTask(e *wire.HistoryEvent, scheduled int64) { h.start(e, h.tasks, scheduled) }

func (h *history) start(e *wire.HistoryEvent, tasks map[int64]*openTask, scheduled int64) {
	k := tasks[scheduled]
	if k == nil || k.startedID != 0 {
		h.fail("event %d starts the task of event %d, which does not wait", e.EventID, scheduled)
		return
	}
	k.startedID, k.startedAt = e.EventID, h.at
}

// closeTask ends an open task, which must be started if wasStarted, and gives it.
func (h *history) closeTask(e *wire.HistoryEvent, tasks map[int64]*openTask, scheduled, started int64, wasStarted bool) *openTask {
	k := tasks[scheduled]
	if k == nil || k.startedID != started || wasStarted != (started != 0) {
		h.fail("event %d %s ends the task of event %d, started by %d, which is not open", e.EventID, e.EventType, scheduled, started)
		return nil
	}
	delete(tasks, scheduled)
	return k
}

func closeOne[T any](h *history, e *wire.HistoryEvent, open map[int64]T, id int64) {
	if _, ok := open[id]; !ok {
		h.fail("event %d %s ends what event %d began, which is not open", e.EventID, e.EventType, id)
	}
	delete(open, id)
}

// closeChild ends a child; its own history must say the same.
func (h *history) closeChild(e *wire.HistoryEvent, initiated int64, wasStarted bool, status string) {
	k := h.children[initiated]
	if k == nil || wasStarted != (k.run != "") {
		h.fail("event %d %s ends the child of event %d, which is not open", e.EventID, e.EventType, initiated)
		return
	}
	delete(h.children, initiated)
}

func (h *history) lastEvent() int64 { return h.last }

func (h *history) ended() bool { return h.closeStatus != "" }

func (h *history) kinds() []string { return h.types }

// open tells whether the task of a Scheduled event has not ended.
func (h *history) open(scheduled int64) bool {
	return h.decisions[scheduled] != nil || h.tasks[scheduled] != nil
}

// waiting are the tasks that must be on offer, since nobody has taken them yet.
func (h *history) waiting() []int64 {
	var ids []int64
	if len(h.decisions) == 1 {
		for id, k := range h.decisions {
			if k.startedID == 0 {
				ids = append(ids, id)
			}
		}
	}
	for id, k := range h.tasks {
		if k.startedID == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// due is the earliest moment at which something must have happened, as far as the
// history alone tells; zero: never.
func (h *history) due() (at engine.Time, what string) {
	earliest := func(from engine.Time, seconds int64, of string) {
		if t := from + engine.Seconds(seconds); seconds >= 0 && (at == 0 || t < at) {
			at, what = t, of
		}
	}
	earliest(h.startedAt, limit(h.started.ExecutionStartToCloseTimeout), "its timeout")
	for _, id := range slices.Sorted(maps.Keys(h.timers)) {
		earliest(h.timers[id], 0, "a timer")
	}
	for _, id := range slices.Sorted(maps.Keys(h.tasks)) {
		k := h.tasks[id]
		earliest(k.scheduledAt, k.toClose, "the end of an activity task")
		if k.startedID == 0 {
			earliest(k.scheduledAt, k.toStart, "the start of an activity task")
		}
	}
	return at, what
}

// quiet tells whether nothing is open but a decision task.
func (h *history) quiet() bool {
	return len(h.tasks) == 0 && len(h.timers) == 0 && len(h.children) == 0 && len(h.externals) == 0
}
