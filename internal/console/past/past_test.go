package past

import (
	"strings"
	"testing"

	workflows "heddle/internal/swf/history"
)

// TestFile: files of the AWS CLI are read, in both of its forms of time and in both orders;
// others are refused.
func TestFile(t *testing.T) {
	const one, two = `{"eventTimestamp": 1000.5, "eventType": "WorkflowExecutionStarted", "eventId": 1}`, `{"eventTimestamp": "1970-01-01T01:16:41.250000+01:00", "eventType": "DecisionTaskScheduled", "eventId": 2}`
	for _, text := range []string{
		`{"events": [` + one + "," + two + `]}`, `{"events": [` + two + "," + one + `], "nextPageToken": null}`, " [" + one + "," + two + "]\n", `{"nextPageToken":"x","events": [` + one + "," + two + `],"more":[{}]}`,
	} {
		all, events, err := workflowIn(text)
		if err != nil || len(events) != 2 || events[0].At != 1_000_500 || events[1].At != 1_001_250 || events[1].ID != 2 || !strings.Contains(string(all.Raw[1]), "Decision") {
			t.Errorf("%s: %+v, %v", text, events, err)
		}
	}
	for _, text := range []string{
		"", "x", "{", `{"events":5}`, `{"events":[5]}`, `{"events":[{}]}`, `{"events":[` + one + "," + one + `]}`, "[" + one, `{"events":[{"eventId":1,"eventType":"X","eventTimestamp":"yesterday"}]}`,
	} {
		if _, events, err := workflowIn(text); err == nil && len(events) > 0 {
			t.Errorf("%s is taken for %+v", text, events)
		}
	}
}

// workflowIn reads the history of a workflow.
func workflowIn(text string) (*Events, []workflows.Event, error) {
	all, err := ReadFile(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	events, err := all.Workflow()
	return all, events, err
}
