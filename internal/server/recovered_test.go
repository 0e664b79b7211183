package server

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRecoveryTellsHowMany: the log's line about a start has how many executions it found open, of
// users: neither domains nor what is closed, and how long that took.
func TestRecoveryTellsHowMany(t *testing.T) {
	cfg, log := onDisk(t), new(written)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s := start(t, cfg)
	register(t, s)
	for i := range 4 {
		mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"%d","workflowType":{"name":"order","version":"1"}}`, i))
	}
	mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"0"}`)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
	_, line, _ := strings.Cut(log.String()[strings.LastIndex(log.String(), "recovered the store"):], `"`)
	if line, _, _ = strings.Cut(line, "\n"); !strings.Contains(line, " open_executions=3 ") || !strings.Contains(line, " took=") {
		t.Errorf("recovered: %s", line)
	}
}
