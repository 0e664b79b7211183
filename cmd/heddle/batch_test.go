//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/operator/wire"
	"heddle/internal/server"

	"github.com/go-faster/jx"
)

// TestBatchesSurviveKills: a batch that was under way when the process was killed goes on, in
// the right of who began it, until it was done to all; at most eight executions got it twice.
func TestBatchesSurviveKills(t *testing.T) {
	killsProcesses(t)
	const executions, again = 150, 8
	data := filepath.Join(t.TempDir(), "data")
	serve := []string{"serve", "--listen", "127.0.0.1:0", "--data", data}
	slow := append(serve, "--throttle", "aws", "--throttle-rate", "StartWorkflowExecution=none", "--throttle-rate", "SignalWorkflowExecution=40/10", "--throttle-rate", "DescribeBatch=none")
	p, err := launch(t, "true", slow...)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	ask := func(service client.Service, action, in string) []byte {
		t.Helper()
		c, err := client.New(t.Context(), client.Config{Endpoint: p.url, Credentials: server.CredentialsFile(data), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.Call(t.Context(), service, action, json.RawMessage(in))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	ask(client.SWF, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`)
	ask(client.SWF, "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`)
	runs := map[string]string{}
	for i := range executions {
		id := fmt.Sprintf("order-%d", i)
		var run struct{ RunID string }
		if err := json.Unmarshal(ask(client.SWF, "StartWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`), &run); err != nil {
			t.Fatal(err)
		}
		runs[id] = run.RunID
	}
	var begun wire.StartBatchOutput
	if err := begun.Decode(jx.DecodeBytes(ask(client.Operator, "StartBatch", `{"search":{"domain":"shop"},"action":"SignalWorkflowExecution","signalName":"wake"}`))); err != nil {
		t.Fatal(err)
	}
	describe := func() *wire.Batch {
		t.Helper()
		var out wire.DescribeBatchOutput
		if err := out.Decode(jx.DecodeBytes(ask(client.Operator, "DescribeBatch", `{"domain":"shop","batchId":"`+begun.BatchID+`"}`))); err != nil {
			t.Fatal(err)
		}
		return &out.Batch
	}
	for range 2 {
		before := describe()
		for describe().Done == before.Done {
		}
		p.end(t, syscall.SIGKILL)
		if p, err = launch(t, "true", slow...); err != nil {
			t.Fatal(err)
		}
	}
	if b := describe(); b.Status != wire.BatchStatusRunning {
		t.Fatalf("it was %s before the last kill, which shows nothing", b.Status)
	}
	p.end(t, syscall.SIGKILL)
	if p, err = launch(t, "true", serve...); err != nil {
		t.Fatal(err)
	}
	b := describe()
	for ; b.Status == wire.BatchStatusRunning; b = describe() {
	}
	if b.Status != wire.BatchStatusCompleted || b.Done+b.Gone+b.Failed != executions || b.Done != executions {
		t.Errorf("in the end: %s", b.AppendJSON(nil))
	}
	signals := 0
	for id, run := range runs {
		n := strings.Count(string(ask(client.SWF, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"`+id+`","runId":"`+run+`"}}`)), `"signalName":"wake"`)
		if n == 0 {
			t.Errorf("%s has no signal", id)
		}
		signals += n
	}
	if signals > executions+3*again {
		t.Errorf("%d signals to %d executions after three kills", signals, executions)
	}
	t.Logf("%d signals to %d executions", signals, executions)
	p.end(t, syscall.SIGTERM)
}
