package execution

import "heddle/internal/swf/wire"

func (t *turn) recordMarker(d *wire.RecordMarkerDecisionAttributes, fact Fact, decided int64) {
	if fact.Denied {
		t.emit(&wire.RecordMarkerFailedEventAttributes{
			Cause:                        wire.RecordMarkerFailedCauseOperationNotPermitted,
			DecisionTaskCompletedEventID: decided, MarkerName: d.MarkerName,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&wire.MarkerRecordedEventAttributes{
		DecisionTaskCompletedEventID: decided, Details: d.Details, MarkerName: d.MarkerName,
	})
}
