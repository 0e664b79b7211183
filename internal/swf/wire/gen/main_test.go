package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	raw, err := os.ReadFile("../model.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run go generate ./internal/swf/wire", name)
		}
	}
}

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
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
