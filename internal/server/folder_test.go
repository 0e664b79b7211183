package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"errors"
)

// TestAnotherAccount starts a server under another account, then in another region, on
// what it has: it shows nothing of before, and nothing is lost by it.
func TestAnotherAccount(t *testing.T) {
	cfg := onDisk(t)
	begin := func(change func(*Config)) *Server {
		t.Helper()
		c := cfg
		change(&c)
		return start(t, c)
	}
	const list, none = `{"registrationStatus":"REGISTERED"}`, `{"domainInfos":[]}`
	const named = `{"domain":"shop","execution":{"workflowId":"a","runId":"`
	s := begin(func(*Config) {})
	register(t, s)
	run := mustCall(t, s, "StartWorkflowExecution", startOrder).RunID
	history := call(t.Context(), s, "GetWorkflowExecutionHistory", named+run+`"}}`)
	token := mustCall(t, s, "PollForDecisionTask", pollDeciders).TaskToken
	closeServer(t, s)
	for _, change := range []func(*Config){
		func(c *Config) { c.Account = "999999999999" },
		func(c *Config) { c.Region = "eu-west-1" },
	} {
		s := begin(change)
		if got := call(t.Context(), s, "ListDomains", list); got.body != none {
			t.Errorf("shown: %s", got.body)
		}
		for action, body := range map[string]string{
			"GetWorkflowExecutionHistory":  named + run + `"}}`,
			"RespondDecisionTaskCompleted": `{"taskToken":"` + token + `"}`,
			"SignalWorkflowExecution":      `{"domain":"shop","workflowId":"a","signalName":"s"}`,
		} {
			if got := call(t.Context(), s, action, body); got.status < 400 {
				t.Errorf("%s: %d %s", action, got.status, got.body)
			}
		}
		register(t, s) // one of the same name is another
		closeServer(t, s)
	}
	s = begin(func(*Config) {})
	if got := call(t.Context(), s, "GetWorkflowExecutionHistory", named+run+`"}}`); !strings.HasPrefix(got.body, strings.TrimSuffix(history.body, "]}")) {
		t.Errorf("the history is\n%s\nit was\n%s", got.body, history.body)
	}
	mustCall(t, s, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`"}`)
}

// TestMemoryMakesNothing: a server in memory seals nothing, so it makes no key, and
// leaves no store.
func TestMemoryMakesNothing(t *testing.T) {
	cfg := memory()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	s := start(t, cfg)
	plant(t, s)
	putBlob(t, s, "x")
	closeServer(t, s)
	if found, err := os.ReadDir(cfg.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left %v, %v", found, err)
	}
}
