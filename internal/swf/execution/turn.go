package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// turn is what a command does, while it is being decided.
type turn struct {
	s      *State
	in     engine.Input
	limits *Limits

	events    []engine.Event
	public    []byte // the events' Public, one after the other
	ends      []int  // where each ends
	notes     []engine.Note
	messages  []engine.Message
	others    int // bytes of the events' Private, the notes, the messages and the notifications
	successor *engine.Command
	reply     any

	notifications []engine.Notification
	measures      []engine.Measure

	// wantsDecision: the turn wrote what a decider must see.
	wantsDecision bool
	// deciding: decisions were accepted, and all are recorded, however full the history is.
	deciding bool
}

// emit records body as the next event. The state moves with it, so that a later
// decision of the same batch sees what an earlier one did.
//
// The last place of a full history is for its end: emit then closes the execution
// instead, unless it would drop one of several decisions that were accepted together. It
// tells whether body was recorded.
func (t *turn) emit(body wire.EventBody) bool { return t.emitWith(body, nil) }

func (t *turn) emitWith(body wire.EventBody, private []byte) bool {
	s := t.s
	if s.closeStatus != "" {
		return false
	}
	if s.last+1 >= int64(t.limits.EventsMax) && !t.deciding && !closes(body) {
		t.closeFull()
		return false
	}
	if t.events == nil {
		t.events = make([]engine.Event, 0, 4)
		t.ends = make([]int, 0, 4)
		t.public = make([]byte, 0, 768)
	}
	e := engine.Event{ID: s.last + 1, At: t.in.Now, Body: body, Private: private}
	t.measure(body)
	t.traceEvent(e.ID, body)
	apply(s, &e)
	t.events = append(t.events, e)
	t.public = appendEvent(t.public, e.ID, e.At, body)
	t.ends = append(t.ends, len(t.public))
	t.others += len(private)
	t.notify(&e, body.EventType())
	return true
}

// closeFull ends an execution whose history has one place left. If nothing of the
// command was recorded, its caller learns that the execution is closed.
func (t *turn) closeFull() {
	s := t.s
	if len(t.events) == 0 {
		t.reply = &UnknownExecutionError{WorkflowID: s.workflowID, RunID: s.runID}
	}
	cause := wire.WorkflowExecutionTerminatedCauseEventLimitExceeded
	t.end(&wire.WorkflowExecutionTerminatedEventAttributes{Cause: &cause, ChildPolicy: s.settings.ChildPolicy},
		s.settings.ChildPolicy, &ChildClosed{Status: wire.CloseStatusTerminated})
}

// note records a note; the state moves with it.
func (t *turn) note(n engine.Note) {
	note(t.s, n)
	t.notes = append(t.notes, n)
	t.others += len(n.Value)
}

// send sends a message.
func (t *turn) send(m engine.Message) {
	t.messages = append(t.messages, m)
	t.others += len(m.To.Key) + len(m.Group) + len(m.Body)
}

// answer sets the reply, unless the turn has closed a full history.
func (t *turn) answer(reply any) {
	if t.reply == nil {
		t.reply = reply
	}
}

// finish schedules the decision task that the turn's events want: one for all of
// them.
func (t *turn) finish() engine.Turn {
	if t.wantsDecision {
		t.scheduleDecision()
	}
	from := 0
	for i, end := range t.ends {
		t.events[i].Public = t.public[from:end:end]
		from = end
	}
	return engine.Turn{
		Events: t.events, Notes: t.notes, Messages: t.messages, Notifications: t.notifications, Measures: t.measures, Successor: t.successor, Reply: t.reply,
	}
}

// closes tells whether an event closes its execution.
func closes(body wire.EventBody) bool {
	switch body.(type) {
	case *wire.WorkflowExecutionCompletedEventAttributes,
		*wire.WorkflowExecutionFailedEventAttributes,
		*wire.WorkflowExecutionCanceledEventAttributes,
		*wire.WorkflowExecutionContinuedAsNewEventAttributes,
		*wire.WorkflowExecutionTerminatedEventAttributes,
		*wire.WorkflowExecutionTimedOutEventAttributes:
		return true
	}
	return false
}

func mustHold(ok bool, format string, args ...any) {
	if !ok {
		panic("execution: " + fmt.Sprintf(format, args...))
	}
}
