package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/internal/console/terminal"
	"heddle/test/golden"
)

func process(out *bytes.Buffer) *Process {
	return &Process{Out: out, Style: terminal.Style{Width: 100}, Now: func() time.Time { return time.Unix(1772373600, 0) }}
}

// TestShowFile: the histories of files that the AWS CLI has written, of both services, in
// either order and with times of either form, are shown as those of a server are.
func TestShowFile(t *testing.T) {
	var b bytes.Buffer
	for _, c := range []Show{
		{File: "testdata/order.json"}, {File: "testdata/machine.json", History: true}, {File: "testdata/machine-open.json"},
	} {
		if err := c.Run(t.Context(), process(&b)); err != nil {
			t.Errorf("%s: %v", c.File, err)
		}
		b.WriteString("==== " + c.File + "\n")
	}
	golden.Compare(t, "testdata/files.txt", b.String())
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a control character of a user's is written")
	}

	b.Reset()
	c := Show{File: "testdata/order.json", History: true, Caller: caller{JSON: true}}
	if err := c.Run(t.Context(), process(&b)); err != nil {
		t.Fatal(err)
	}
	var all struct {
		Inspection struct{ Status string }
		History    []struct{ EventID int }
	}
	if err := json.Unmarshal(b.Bytes(), &all); err != nil || all.Inspection.Status != "FAILED" || len(all.History) != 22 || all.History[0].EventID != 1 {
		t.Errorf("as JSON it is %s, %v", b.String(), err)
	}
}

// TestShowFileRefuses what is no history.
func TestShowFileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "there are none", `[]`: "there are none", `{"events":[{"eventId":1,"eventType":"WorkflowExecutionStarted","eventTimestamp":"yesterday"}]}`: "parsing time",
		`{"events":[{"eventId":"x"}]}`: "read an event", `{"events":[{}]}`: "no type", `{"events":[7]}`: "read",
	} {
		path := filepath.Join(t.TempDir(), "history.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Show{File: path}
		var b bytes.Buffer
		if err := c.Run(t.Context(), process(&b)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := Show{File: "testdata/nothing.json"}
	if err := c.Run(t.Context(), process(new(bytes.Buffer))); err == nil {
		t.Error("no file is a history")
	}
}
