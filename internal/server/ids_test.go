package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"heddle/internal/sealing"
	"heddle/internal/swf"
	"heddle/internal/swf/wire"
)

// oddIDs are workflowIds that look like something else to whoever takes them apart.
var oddIDs = []string{
	"22AB/+CD==:1", "a/b", "a:b", "a|b", "/", ":", "//evil", "../../etc/passwd", "a?b#c", "%2e%2e%2f", "a&b=c", "-x", "--help", "${HOME}", "*",
	`"},"x":{"`, `\`, "arn:aws:swf:us-east-1:123456789012:/domain/other", "arn:aws:iam::123456789012:root", strings.Repeat("/", 256),
}

// TestOddIDs has executions of such ids: tokens last over a restart, records of the
// calls have the id as it is and the domain's name alone, and an export finds it.
func TestOddIDs(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone, Sealing: SealingOff, Audit: Audit{Files: AuditFile, Data: true}}
	s := start(t, cfg)
	register(t, s)
	quoted := func(id string) string {
		b, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	runs, tokens := map[string]string{}, map[string]string{}
	for _, id := range oddIDs {
		runs[id] = mustCall(t, s, "StartWorkflowExecution", strings.Replace(startOrder, `"a"`, quoted(id), 1)).RunID
		a := call(t.Context(), s, "PollForDecisionTask", pollDeciders)
		var task struct {
			TaskToken         string
			WorkflowExecution wire.WorkflowExecution
		}
		if err := json.Unmarshal([]byte(a.body), &task); err != nil || task.WorkflowExecution.WorkflowID != id {
			t.Errorf("%q: the task is of %q, %v", id, task.WorkflowExecution.WorkflowID, err)
		}
		tokens[id] = task.TaskToken
	}
	closeServer(t, s)
	s = start(t, cfg)
	for _, id := range oddIDs {
		mustCall(t, s, "SignalWorkflowExecution", `{"domain":"shop","signalName":"s","workflowId":`+quoted(id)+`}`)
		mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+tokens[id]+`","decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m"}}]}`)
		mustCall(t, s, "DescribeWorkflowExecution", `{"domain":"shop","execution":{"runId":"`+runs[id]+`","workflowId":`+quoted(id)+`}}`)
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":`+quoted(id)+`}`)
	}
	closeServer(t, s)

	offline, err := OpenOffline(t.Context(), cfg.Data, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := offline.Close(); err != nil {
			t.Error(err)
		}
	}()
	if found, err := offline.Check(t.Context()); err != nil || len(found.Wrong) > 0 {
		t.Errorf("check: %+v %v", found, err)
	}
	for _, id := range oddIDs {
		for _, run := range []string{"", runs[id]} {
			var out bytes.Buffer
			e := swf.Export{Account: defaults.Account, Region: defaults.Region, Domain: "shop", WorkflowID: id, RunID: run}
			if err := e.Run(t.Context(), offline.Stored(), &out); err != nil || !strings.Contains(out.String(), `"WorkflowExecutionTerminated"`) {
				t.Errorf("export of %q, %q: %v %s", id, run, err, out.String())
			}
		}
	}

	recorded := map[string]int{}
	for _, r := range recordsOf(t, trailOf(t, cfg.Data)) {
		id, _ := r.RequestParameters["workflowId"].(string)
		if execution, ok := r.RequestParameters["execution"].(map[string]any); ok {
			id, _ = execution["workflowId"].(string)
		}
		for _, resource := range r.Resources {
			if resource.ARN != "arn:aws:swf:us-east-1:123456789012:/domain/shop" {
				t.Errorf("%s of %q is about %s", r.EventName, id, resource.ARN)
			}
		}
		recorded[id]++
	}
	for _, id := range oddIDs {
		if recorded[id] != 4 { // Start, Signal, Describe, Terminate
			t.Errorf("%d records have the id %q", recorded[id], id)
		}
	}
	t.Logf("%d ids, %d records", len(oddIDs), len(recordsOf(t, trailOf(t, cfg.Data))))
}
