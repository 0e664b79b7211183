package execution

import "heddle/internal/swf/wire"

// noEvent is the externalInitiatedEventId of what no other execution initiated.
var noEvent int64

func (t *turn) signal(c *Signal) {
	if t.emit(&wire.WorkflowExecutionSignaledEventAttributes{
		ExternalInitiatedEventID: &noEvent, Input: c.Input, SignalName: c.Name,
	}) {
		t.wantsDecision = true
	}
}

func (t *turn) requestCancel() {
	if t.emit(&wire.WorkflowExecutionCancelRequestedEventAttributes{ExternalInitiatedEventID: &noEvent}) {
		t.wantsDecision = true
	}
}
