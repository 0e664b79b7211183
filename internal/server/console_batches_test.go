package server

import (
	"net/url"
	"strings"
	"testing"
)

// TestConsoleBatches: a batch is counted, begun, shown and stopped by pages; whoever may not do
// it to one execution finds the way barred, and the permission named.
func TestConsoleBatches(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.started("shop", "a", 3)
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	const at = "/console/us-east-1/shop/executions/"
	b.sees(b.get("/console/us-east-1/shop/executions?type=order"), 200, "Do to many", "Batches")
	b.sees(b.get(at+"-batch?do=terminate&type=order"), 200, "Terminate 3 executions", "heddle batch terminate --region us-east-1 --domain shop --type=order")
	b.sees(b.get(at+"-batch?do=terminate&id=nobody"), 200, `data-found="0"`)
	b.sees(b.get(at+"-batch?from=yesterday"), 400, "From is no time")
	b.sees(b.get(at+"-batch?version=1"), 400, "A version is of a type")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}, "signalName": {"wake"}, "input": {"{"}, "type": {"order"}}), 400, "Input looks like JSON and is not", "Signal 3 executions")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}}), 400, "A signal has a signalName")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}, "signalName": {"wake"}, "input": {"{"}, "as-is": {"yes"}, "type": {"order"}}), 200, "The batch has begun.")
	h.batchIs("1", "COMPLETED")
	b.sees(b.get(at+"-batches/1"), 200, "Completed", `data-done="3"`, "wake")
	b.sees(b.get(at+"-batches"), 200, "1 Signal order", ":root")
	b.sees(b.get(at+"-batches/9"), 404, "The domain has no batch of that id")
	b.sees(b.send("POST", at+"-batches/1/-stop", nil), 200, "The batch was stopped.")

	lists := newBrowser(t, h.URL())
	h.signIn(lists, h.user("lists", allow("swf:List*", "*"), allow("swf:Count*", "*")))
	lists.sees(lists.get(at[:len(at)-1]), 200, "needs swf:SignalWorkflowExecution")
	lists.sees(lists.get(at+"-batch?do=terminate"), 200, "Your policies do not allow swf:TerminateWorkflowExecution", "disabled")
	lists.sees(lists.send("POST", at+"-batch", url.Values{"do": {"terminate"}}), 403, "not authorized to perform: swf:TerminateWorkflowExecution")
	lists.sees(lists.send("POST", at+"-batches/1/-stop", nil), 403, "not authorized to perform: swf:SignalWorkflowExecution")
	if open := h.open("shop"); !strings.Contains(open, `"count":3`) {
		t.Errorf("open: %s", open)
	}
}
