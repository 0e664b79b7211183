package server

import (
	"strings"
	"testing"
)

// TestSeries: what started, closed and failed in a domain stands in the ten seconds in which it
// did, and is for those who may count that; how the server was is for those who may see how it is.
func TestSeries(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.shop("other")
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s\nwithout %s", got, part)
			}
		}
	}
	h.started("shop", "a", 3)
	h.nextSlot()
	fails := func(decision string) {
		token := member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"}}`)), "taskToken")
		h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[{"decisionType":"`+decision+`"}]}`))
	}
	fails("FailWorkflowExecution")
	fails("CompleteWorkflowExecution")
	h.nextSlot()
	h.started("shop", "b", 1)
	shop := `{"domain":"shop"}`
	want(h.must(h.operator(h.root, "GetSeries", shop)), `"name":"started","unit":"executions","values":[3,0],"sums":true`, `"name":"closed","unit":"executions","values":[0,2],"sums":true`,
		`"name":"failed","unit":"executions","values":[0,1],"sums":true`, `"stepSeconds":10`)
	want(h.must(h.operator(h.root, "GetSeries", `{"domain":"other"}`)), `"values":[0,0]`)
	server := h.must(h.operator(h.root, "GetSeries", `{}`))
	want(server, `"name":"tasksWaiting","unit":"tasks","values":[3,1],"sums":false`, `"name":"tasksHandedOut","unit":"tasks","values":[0,2],"sums":true`)
	if strings.Contains(server, `"name":"requests","unit":"requests","values":[0`) {
		t.Errorf("no requests in %s", server)
	}
	counts := h.user("counts", allow("swf:Count*", "arn:aws:swf:us-east-1:123456789012:/domain/shop"))
	h.must(h.operator(counts, "GetSeries", shop))
	h.refused("AccessDeniedException", h.operator(counts, "GetSeries", `{"domain":"other"}`))
	h.refused("AccessDeniedException", h.operator(counts, "GetSeries", `{}`))
	status := h.must(h.operator(h.root, "GetServerStatus", `{}`))
	want(status, `"version":"unknown"`) // which the program would say
}
