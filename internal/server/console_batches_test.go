package server

import (
	"fmt"
	"net/http"
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
	b.sees(b.get(at+"-batch?do=terminate&type=order"), 200, "Terminate 3 executions", "heddle batch terminate --region us-east-1 --domain=shop --type=order")
	b.sees(b.get(at+"-batch?do=terminate&id=nobody"), 200, `data-found="0"`)
	b.sees(b.get(at+"-batch?from=yesterday"), 400, "From is no time")
	b.sees(b.get(at+"-batch?version=1"), 400, "A version is of a type")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}, "signalName": {"wake"}, "input": {"{"}, "type": {"order"}}), 400, "Input looks like JSON and is not", "Signal 3 executions")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}}), 400, "A signal has a signalName")
	b.sees(b.send("POST", at+"-batch", url.Values{"do": {"signal"}, "signalName": {"wake"}, "input": {"{"}, "as-is": {"yes"}, "type": {"order"}}), 200, "The batch has begun.")
	h.batchIs("1", "COMPLETED")
	b.sees(b.get(at+"-batches/1"), 200, "Completed", `data-done="3"`, "wake")
	b.sees(b.get(at+"-batches"), 200, "1 Signal order", ":root")
	b.sees(b.get(at+"-batches/9"), 404, "There is no batch of that id")
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

// TestConsoleBatchesOfStateMachines: those that run are stopped and those that failed go on, from
// the page of their machine.
func TestConsoleBatchesOfStateMachines(t *testing.T) {
	h := newHarness(t)
	h.role("machines", statesTrust)
	h.must(h.states(h.root, "CreateStateMachine", fmt.Sprintf(`{"name":"waits","roleArn":%q,"definition":%q}`, roleARN("machines"), `{"StartAt":"Rest","States":{"Rest":{"Type":"Wait","Seconds":3600,"End":true}}}`)))
	for i := range 3 {
		h.must(h.states(h.root, "StartExecution", fmt.Sprintf(`{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:waits","name":"a%d"}`, i)))
	}
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	const machine, all = "/console/us-east-1/-states/machines/waits", "/console/us-east-1/-states/batches/waits"
	b.sees(b.get(machine), 200, `href="`+all+`"`, `href="`+all+`/-batch"`)
	b.sees(b.get(all), 200, "Nothing was done", "heddle batch redrive --machine")
	b.sees(b.get(all+"/-batch?do=abort"), 200, `data-found="3"`, "Stop 3 executions", "heddle batch abort", "->Type<")
	h.must(h.states(h.root, "CreateStateMachine", fmt.Sprintf(`{"name":"fast","type":"EXPRESS","roleArn":%q,"definition":%q}`, roleARN("machines"), `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`)))
	for _, of := range []string{"fast", "nobody"} { // of which there are no executions to do anything to
		b.sees(b.get("/console/us-east-1/-states/batches/"+of), 404, "It is not there", "-Nothing was done")
	}
	done := func(what string) {
		t.Helper()
		waitUntil(t, "the batch is done", func() bool {
			return strings.Contains(b.get(all).text, "Completed") && !strings.Contains(b.get(all).text, "Running")
		})
		b.sees(b.get(all), 200, what)
	}
	form := formOf("do", "abort", "error", "<i>Enough", "once", "press")
	first := b.send(http.MethodPost, all+"/-batch", form)
	b.sees(first, 200, "The batch has begun", "&lt;i&gt;Enough", "-<i>Enough")
	if again := b.send(http.MethodPost, all+"/-batch", form); again.Request.URL.Path != first.Request.URL.Path {
		t.Errorf("a form that is sent twice began %s and %s", first.Request.URL, again.Request.URL)
	}
	done("Stop")
	b.sees(b.get(machine+"/a1"), 200, "Aborted", "&lt;i&gt;Enough")
	b.sees(b.get(all+"/-batch?do=redrive&closed=ABORTED"), 200, `data-found="3"`, "Redrive 3 executions", "failed=ABORTED")
	b.sees(b.send(http.MethodPost, all+"/-batch", formOf("do", "redrive", "closed", "ABORTED")), 200, "The batch has begun")
	done("Redrive")
	b.sees(b.get(machine+"/a1"), 200, "Running", "ExecutionRedriven")
}
