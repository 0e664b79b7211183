package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/terminal"
	"heddle/internal/operator/wire"
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
		`{}`: "there are none", `[]`: "there are none", `{"events":[{"eventId":1,"eventType":"WorkflowExecutionStarted","eventTimestamp":"yesterday"}]}`: "want seconds since 1970",
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

// TestFollowWaits: who follows asks the server when something has come, and not each second.
func TestFollowWaits(t *testing.T) {
	const started = `{"eventId":1,"eventType":"WorkflowExecutionStarted","eventTimestamp":1772373600,"workflowExecutionStartedEventAttributes":{"childPolicy":"ABANDON","taskList":{"name":"l"},"workflowType":{"name":"t","version":"1"}}}`
	const failed = `{"eventId":2,"eventType":"WorkflowExecutionFailed","eventTimestamp":1772373700,"workflowExecutionFailedEventAttributes":{"decisionTaskCompletedEventId":1}}`
	var asked []string
	awaits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var in struct{ Events, WaitTimeSeconds *int64 }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		closed := awaits == 2 // the first one waits in vain
		switch action {
		case "AwaitExecution":
			action = fmt.Sprintf("%s %d", action, *in.Events)
			if in.WaitTimeSeconds != nil {
				action += fmt.Sprintf(" for %d s", *in.WaitTimeSeconds)
			}
			awaits++
			_, _ = fmt.Fprintf(w, `{"events":%d,"serverTimestamp":1772373700}`, awaits)
		case "InspectExecution":
			out := wire.InspectExecutionOutput{Service: "swf", Type: "t 1", Status: "OPEN", StartTimestamp: 1772373600000, Events: 1}
			domain, id, run := "d", "w", "r"
			out.Execution = wire.ExecutionRef{Domain: &domain, WorkflowID: &id, RunID: &run}
			if closed {
				at := out.StartTimestamp + 100000
				out.Status, out.CloseTimestamp, out.Events = "FAILED", &at, 2
			}
			_, _ = w.Write(out.AppendJSON(nil))
		case "GetWorkflowExecutionHistory":
			events := started
			if closed {
				events = failed + "," + started // the newest first
			}
			_, _ = io.WriteString(w, `{"events":[`+events+`]}`)
		default:
			t.Errorf("%s is asked for", action)
		}
		asked = append(asked, action)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for onTerminal, await := range map[bool]string{false: "", true: " for 10 s"} {
		asked, awaits = nil, 0
		var out bytes.Buffer
		p := process(&out)
		p.Terminal = onTerminal
		p.Wait = func(_ context.Context, d time.Duration) error {
			asked = append(asked, d.String())
			return nil
		}
		caller, err := client.New(t.Context(), client.Config{Endpoint: server.URL, Now: p.Now})
		if err != nil {
			t.Fatal(err)
		}
		c := Show{Execution: "w", Domain: "d", Follow: true}
		if err := c.show(t.Context(), p, caller); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"InspectExecution", "GetWorkflowExecutionHistory", "AwaitExecution 1" + await, "InspectExecution", "1s",
			"AwaitExecution 1" + await, "InspectExecution", "GetWorkflowExecutionHistory",
		}
		if !slices.Equal(asked, want) {
			t.Errorf("it asks\n%q, want\n%q", asked, want)
		}
		if !strings.Contains(out.String(), "WorkflowExecutionFailed") && !onTerminal {
			t.Errorf("it says %s", out.String())
		}
	}
}
