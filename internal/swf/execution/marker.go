package execution

import "heddle/internal/swf/api"

func (t *turn) recordMarker(d *api.RecordMarkerDecisionAttributes, fact Fact, decided int64) {
	if fact.Denied {
		t.emit(&api.RecordMarkerFailedEventAttributes{
			Cause:                        api.RecordMarkerFailedCauseOperationNotPermitted,
			DecisionTaskCompletedEventID: decided, MarkerName: d.MarkerName,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&api.MarkerRecordedEventAttributes{
		DecisionTaskCompletedEventID: decided, Details: d.Details, MarkerName: d.MarkerName,
	})
}
