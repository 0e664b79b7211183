package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heddle/internal/runlog"
	"heddle/internal/store/keys"
)

// eventsConfig writes a configuration.
func eventsConfig(t *testing.T, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.json")
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// deadTarget is a configuration with a webhook that nobody answers.
func deadTarget(t *testing.T) string {
	t.Helper()
	nobody := httptest.NewServer(nil)
	nobody.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0o600); err != nil {
		t.Fatal(err)
	}
	return eventsConfig(t, `{"targets":[{"name":"dead","types":"all","webhook":{"url":%q,"secrets":[%q]}}]}`, nobody.URL, secret)
}

// toldEvent is an event as a target gets it.
type toldEvent struct {
	ID     string
	Type   string `json:"detail-type"`
	Detail struct{ EventType, Status string }
}

func readTold(t *testing.T, path string) (all []toldEvent) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e toldEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// typesOf names what was told.
func typesOf(all []toldEvent) string {
	var types []string
	for _, e := range all {
		types = append(types, e.Detail.EventType+e.Detail.Status)
	}
	return strings.Join(types, " ")
}

// TestEventsAreTold: a file gets what its pattern chooses, of SWF and of Step Functions; an
// orderly restart neither loses one nor tells one twice; a target that comes later gets what
// comes then.
func TestEventsAreTold(t *testing.T) {
	folder := t.TempDir()
	swf, all, late := filepath.Join(folder, "swf"), filepath.Join(folder, "all"), filepath.Join(folder, "late")
	cfg := onDisk(t)
	cfg.EventsConfig = eventsConfig(t, `{"targets":[
		{"name":"swf","pattern":{"source":["aws.swf"],"resources":[{"suffix":":/domain/shop"}]},"file":{"path":%q}},
		{"name":"all","file":{"path":%q}}]}`, swf, all)
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	machine := func() {
		t.Helper()
		states(t, s, "CreateStateMachine", `{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"}`)
		states(t, s, "StartExecution", `{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m"}`)
	}
	machine()
	const begun = "WorkflowExecutionStarted"
	waitUntil(t, "the first is told", func() bool { return len(readTold(t, all)) == 3 && len(readTold(t, swf)) == 1 })
	closeServer(t, s)

	cfg.EventsConfig = eventsConfig(t, `{"targets":[
		{"name":"late","file":{"path":%q}}, {"name":"all","file":{"path":%q}},
		{"name":"swf","pattern":{"source":["aws.swf"],"resources":[{"suffix":":/domain/shop"}]},"file":{"path":%q}}]}`, late, all, swf)
	s = start(t, cfg)
	mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	machine()
	const ended = "WorkflowExecutionTerminated"
	waitUntil(t, "all is told", func() bool {
		return len(readTold(t, all)) >= 6 && len(readTold(t, late)) >= 3 && len(readTold(t, swf)) >= 2
	})
	closeServer(t, s)
	if got := typesOf(readTold(t, swf)); got != begun+" "+ended {
		t.Errorf("of SWF is told %s", got)
	}
	for path, want := range map[string]string{
		all:  "RUNNING RUNNING SUCCEEDED SUCCEEDED " + begun + " " + ended,
		late: "RUNNING SUCCEEDED " + ended,
	} {
		got := strings.Fields(typesOf(readTold(t, path)))
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s is told %q, want %s", path, got, want)
		}
	}
	if found := checked(t, cfg); len(found.Wrong) > 0 {
		t.Errorf("it is wrong: %v", found.Wrong)
	}
	s = start(t, cfg)
	waitUntil(t, "what all have had is deleted", func() bool { return len(noticeRows(t, s, keys.Notification)) == 0 })
	if got := len(readTold(t, all)); got != 6 {
		t.Errorf("after another restart %d are told", got)
	}
}

// noticeRows are the rows of a kind.
func noticeRows(t *testing.T, s *Server, kind byte) (rows []string) {
	t.Helper()
	for shard := range s.shards {
		if err := runlog.ScanKind(t.Context(), s.store, shard, kind, func(key, _ []byte) error {
			rows = append(rows, string(key))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// TestNobodyIsTold: without targets there is no row of a notification.
func TestNobodyIsTold(t *testing.T) {
	cfg := onDisk(t)
	cfg.Sealing = SealingOff
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	for _, kind := range []byte{keys.Notification, keys.Told} {
		if rows := noticeRows(t, s, kind); len(rows) > 0 {
			t.Errorf("there are rows %q", rows)
		}
	}
}

// TestEventsConfigIsReadFirst: what is wrong in it is said before a folder is made.
func TestEventsConfigIsReadFirst(t *testing.T) {
	cfg := onDisk(t)
	cfg.Data = filepath.Join(cfg.Data, "none")
	for _, text := range []string{`{}`, `{"targets":[{"name":"x","file":{"path":"/x"},"pattern":{"a":[{"cidr":"::/0"}]}}]}`} {
		cfg.EventsConfig = eventsConfig(t, "%s", text)
		refused(t, cfg, "--events-config", cfg.EventsConfig)
		if exists(cfg.Data) {
			t.Error("the data folder was made")
		}
	}
	cfg.EventsConfig = "/nowhere/events.json"
	refused(t, cfg, "--events-config", "no such file")
}

func checked(t *testing.T, cfg Config) *runlog.Findings {
	t.Helper()
	o, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	found, err := o.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// states calls Step Functions.
func states(t *testing.T, s *Server, action, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", action, w.Status)
	}
}

// TestStateMachinesAreLogged: each event of an execution is logged once over an orderly restart, as
// its history has it, also of express executions; and what a trace has of them is told.
func TestStateMachinesAreLogged(t *testing.T) {
	folder := t.TempDir()
	logs, spans := filepath.Join(folder, "logs"), filepath.Join(folder, "spans")
	cfg := onDisk(t)
	cfg.EventsConfig = eventsConfig(t, `{"targets":[{"name":"logs","types":"logs","file":{"path":%q}},{"name":"spans","types":"spans","file":{"path":%q}}]}`, logs, spans)
	s := start(t, cfg)
	machine := func(name, of, level string) string {
		states(t, s, "CreateStateMachine", fmt.Sprintf(`{"name":%q,"type":%q,"roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}",
			"tracingConfiguration":{"enabled":true},"loggingConfiguration":{"level":%q,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}]}}`, name, of, level))
		return "arn:aws:states:us-east-1:123456789012:stateMachine:" + name
	}
	standard, express, silent := machine("m", "STANDARD", "ALL"), machine("x", "EXPRESS", "ALL"), machine("s", "STANDARD", "FATAL")
	run := func(name string) {
		states(t, s, "StartExecution", fmt.Sprintf(`{"stateMachineArn":%q,"name":%q}`, standard, name))
		states(t, s, "StartExecution", fmt.Sprintf(`{"stateMachineArn":%q,"name":%q}`, silent, name))
		states(t, s, "StartSyncExecution", fmt.Sprintf(`{"stateMachineArn":%q,"name":%q}`, express, name))
	}
	// logged are the types that were logged, by execution.
	logged := func() map[string]string {
		all := map[string]string{}
		for _, line := range linesOf(t, logs) {
			var r struct {
				Type      string `json:"type"`
				Execution string `json:"execution_arn"`
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			parts := strings.Split(r.Execution, ":")
			name := strings.Join(parts[5:8], ":")
			all[name] = strings.TrimSpace(all[name] + " " + r.Type)
		}
		return all
	}
	const whole = "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded"
	run("a")
	waitUntil(t, "the first are logged", func() bool { return logged()["execution:m:a"] == whole && logged()["express:x:a"] == whole })
	closeServer(t, s)
	s = start(t, cfg)
	run("b")
	waitUntil(t, "all are logged", func() bool { return logged()["execution:m:b"] == whole && logged()["express:x:b"] == whole })
	traced := func() (n int) { return strings.Count(strings.Join(linesOf(t, spans), ""), `"spanId"`) }
	waitUntil(t, "all spans are told", func() bool { return traced() >= 2*3*2 })
	closeServer(t, s)
	if all := logged(); len(all) != 4 || all["execution:m:a"] != whole || all["express:x:a"] != whole {
		t.Errorf("logged is %v", all)
	}
	if n := traced(); n != 2*3*2 {
		t.Errorf("%d spans of six executions with a state each", n)
	}
}

// linesOf are the lines of a file; none, if it is not there.
func linesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// TestTracesReachWorkers: who polls hears of the trace that the execution was started with, below
// the span of the task; of one that was started with none, nothing.
func TestTracesReachWorkers(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	spans := filepath.Join(t.TempDir(), "spans")
	cfg := onDisk(t)
	cfg.EventsConfig = eventsConfig(t, `{"targets":[{"name":"spans","types":"spans","file":{"path":%q}}]}`, spans)
	s := start(t, cfg)
	register(t, s)
	call := func(target, body, traceparent string) http.Header {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		if traceparent != "" {
			r.Header.Set("traceparent", traceparent)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		if w.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", target, w.Status)
		}
		return w.Header
	}
	const swf, sfn = "SimpleWorkflowService.", "AWSStepFunctions."
	const given = "00-" + trace + "-00f067aa0ba902b7-01"
	call(sfn+"CreateActivity", `{"name":"a"}`, "")
	call(sfn+"CreateStateMachine", `{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","tracingConfiguration":{"enabled":true},
		"definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:us-east-1:123456789012:activity:a\",\"End\":true}}}"}`, "")
	for _, c := range []struct{ traceparent, want string }{{given, trace}, {"", ""}, {"00-nonsense-01", ""}} {
		call(swf+"StartWorkflowExecution", startOrder, c.traceparent)
		h := call(swf+"PollForDecisionTask", pollDeciders, "")
		got := h.Get("traceparent")
		if c.want == "" && (got != "" || h.Get("X-Amzn-Trace-Id") != "") {
			t.Errorf("%q: the decider hears of %s", c.traceparent, got)
		}
		if c.want != "" && (!strings.HasPrefix(got, "00-"+c.want) || got == given || !strings.HasPrefix(h.Get("X-Amzn-Trace-Id"), "Root=1-4bf92f35-")) {
			t.Errorf("%q: the decider hears of %s", c.traceparent, got)
		}
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	}
	call(sfn+"StartExecution", `{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m"}`, given)
	if got := call(sfn+"GetActivityTask", `{"activityArn":"arn:aws:states:us-east-1:123456789012:activity:a"}`, "").Get("traceparent"); !strings.HasPrefix(got, "00-"+trace) || got == given {
		t.Errorf("the worker of an activity hears of %s", got)
	}
	waitUntil(t, "the execution's span is told", func() bool { return strings.Contains(strings.Join(linesOf(t, spans), ""), trace) })
}
