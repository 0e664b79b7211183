package execution

import "heddle/internal/swf/api"

// noEvent is the externalInitiatedEventId of what no other execution initiated.
var noEvent int64

func (t *turn) signal(c *Signal) {
	if t.emit(&api.WorkflowExecutionSignaledEventAttributes{
		ExternalInitiatedEventID: &noEvent, Input: c.Input, SignalName: c.Name,
	}) {
		t.wantsDecision = true
	}
}

func (t *turn) requestCancel() {
	if t.emit(&api.WorkflowExecutionCancelRequestedEventAttributes{ExternalInitiatedEventID: &noEvent}) {
		t.wantsDecision = true
	}
}
