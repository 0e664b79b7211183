package emit

import "testing"

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{goName("taskToken"), "TaskToken"},
		{goName("runId"), "RunID"},
		{goName("id"), "ID"},
		{goName("resourceArn"), "ResourceARN"},
		{goName("decisionTaskCompletedEventId"), "DecisionTaskCompletedEventID"},
		{constName("CancelTimerFailedCause", "TIMER_ID_UNKNOWN"), "CancelTimerFailedCauseTimerIDUnknown"},
		{constName("EventType", "TimerFired"), "EventTypeTimerFired"},
		{constName("ExecutionStatus", "OPEN"), "ExecutionStatusOpen"},
		{constName("EncodingType", "SSH"), "EncodingTypeSsh"},
		{constName("Type", "text/csv"), "TypeTextCsv"},
		{constName("Type", "Assets per revision"), "TypeAssetsPerRevision"},
		{constName("Spec", "RSA_2048"), "SpecRsa2048"},
		{constName("Spec", "SHA_2_512"), "SpecSha2_512"},
		{typeName("__double"), "Double"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
