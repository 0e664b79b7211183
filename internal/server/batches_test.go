package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// started starts executions that nobody decides.
func (h *harness) started(domain, prefix string, n int) {
	h.t.Helper()
	for i := range n {
		h.must(h.swf(h.root, "StartWorkflowExecution", fmt.Sprintf(`{"domain":%q,"workflowId":"%s%d","workflowType":{"name":"order","version":"1"}}`, domain, prefix, i)))
	}
}

// batch begins a batch and gives its id.
func (h *harness) batch(key aws.Credentials, order string) string {
	h.t.Helper()
	return member(h.must(h.operator(key, "StartBatch", order)), "batchId")
}

// batchIs waits until a batch is as a status says, and gives its description.
func (h *harness) batchIs(id, status string) (shown string) {
	h.t.Helper()
	waitUntil(h.t, "a batch is "+status, func() bool {
		shown = h.must(h.operator(h.root, "DescribeBatch", `{"domain":"shop","batchId":"`+id+`"}`))
		return strings.Contains(shown, `"status":"`+status+`"`)
	})
	return shown
}

func (h *harness) open(domain string) string {
	return h.must(h.swf(h.root, "CountOpenWorkflowExecutions", `{"domain":"`+domain+`","startTimeFilter":{"oldestDate":0}}`))
}

// TestBatches: each does one thing to all that its search finds and leaves the others alone,
// what started later too; each call is recorded as that of who began it.
func TestBatches(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.started("shop", "a", 130) // more than a page
	h.started("shop", "b", 3)
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s\nwithout %s", got, part)
			}
		}
	}
	id := h.batch(h.root, `{"search":{"domain":"shop","workflowIdPrefix":"a"},"action":"SignalWorkflowExecution","signalName":"wake","input":"{}"}`)
	want(h.batchIs(id, "COMPLETED"), `"done":130,"gone":0,"failed":0`, `"signalName":"wake"`, `"principal":"arn:aws:iam::123456789012:root"`, `"endTimestamp":`)
	for workflow, signals := range map[string]int{"a0": 1, "a129": 1, "b0": 0} {
		run := member(h.must(h.swf(h.root, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+workflow+`"}}`)), "runId")
		history := h.must(h.swf(h.root, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"`+workflow+`","runId":"`+run+`"}}`))
		if n := strings.Count(history, `"signalName":"wake"`); n != signals {
			t.Errorf("%s has %d signals, want %d", workflow, n, signals)
		}
	}
	id = h.batch(h.root, `{"search":{"domain":"shop","workflowIdPart":"b"},"action":"RequestCancelWorkflowExecution"}`)
	want(h.batchIs(id, "COMPLETED"), `"done":3,`)
	id = h.batch(h.root, `{"search":{"domain":"shop","typeName":"order"},"action":"TerminateWorkflowExecution","reason":"a clean start","childPolicy":"ABANDON"}`)
	begun := h.clock.Now()
	waitUntil(t, "another millisecond", func() bool { return h.clock.Now() > begun })
	h.started("shop", "later", 1)
	want(h.batchIs(id, "COMPLETED"), `"done":133,`)
	want(h.open("shop"), `"count":1`)
	want(h.must(h.operator(h.root, "ListBatches", `{"domain":"shop"}`)), `"reason":"a clean start"`, `"action":"RequestCancelWorkflowExecution"`, `"signalName":"wake"`)
	want(h.must(h.operator(h.root, "ListBatches", `{"domain":"other"}`)), `"batches":[]`)
	want(h.must(h.operator(h.root, "StopBatch", `{"domain":"shop","batchId":"`+id+`"}`)), `"status":"COMPLETED"`)

	for body, fault := range map[string]string{
		`{"search":{"domain":"nowhere"},"action":"RequestCancelWorkflowExecution"}`:                "ResourceNotFoundException",
		`{"search":{"domain":"shop"},"action":"SignalWorkflowExecution"}`:                          "ValidationException",
		`{"search":{"domain":"shop"},"action":"RequestCancelWorkflowExecution","reason":"no"}`:     "ValidationException",
		`{"search":{"domain":"shop"},"action":"TerminateWorkflowExecution","signalName":"no"}`:     "ValidationException",
		`{"search":{"domain":"shop","typeVersion":"1"},"action":"RequestCancelWorkflowExecution"}`: "ValidationException",
		`{"search":{"domain":"shop"},"action":"DeleteEverything"}`:                                 "ValidationException",
		`{"search":{"domain":"shop","closeStatus":"FAILED"}}`:                                      "ValidationException",
	} {
		h.refused(fault, h.operator(h.root, "StartBatch", body))
	}
	for _, body := range []string{`{"domain":"shop","batchId":"999"}`, `{"domain":"other","batchId":"` + id + `"}`, `{"domain":"shop","batchId":"x"}`} {
		for _, action := range []string{"DescribeBatch", "StopBatch"} {
			h.refused("ResourceNotFoundException", h.operator(h.root, action, body))
		}
	}
}

// TestBatchesAreTheirBeginners: whoever may not do something to an execution can't have a batch
// do it, begin or stop one, and one goes on only as long as its beginner may.
func TestBatchesAreTheirBeginners(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.shop("other")
	const shop, other = "arn:aws:swf:us-east-1:123456789012:/domain/shop", "arn:aws:swf:us-east-1:123456789012:/domain/other"
	lists := h.user("lists", allow("swf:ListOpenWorkflowExecutions", shop))
	signals := h.user("signals", allow("swf:SignalWorkflowExecution", shop))
	both := h.user("both", allow("swf:ListOpenWorkflowExecutions", shop), allow("swf:SignalWorkflowExecution", shop), allow("swf:ListOpenWorkflowExecutions", other))
	const signal = `{"search":{"domain":"shop"},"action":"SignalWorkflowExecution","signalName":"wake"}`
	for _, key := range []aws.Credentials{lists, signals} {
		h.refused("AccessDeniedException", h.operator(key, "StartBatch", signal))
	}
	h.refused("AccessDeniedException", h.operator(both, "StartBatch", strings.Replace(signal, "shop", "other", 1)))
	h.refused("AccessDeniedException", h.operator(both, "StartBatch", `{"search":{"domain":"shop"},"action":"TerminateWorkflowExecution"}`))
	h.started("shop", "a", 3)
	id := h.batch(both, signal)
	if got := h.batchIs(id, "COMPLETED"); !strings.Contains(got, `"done":3,`) || !strings.Contains(got, `:user/both"`) {
		t.Errorf("the user's batch: %s", got)
	}
	h.must(h.operator(lists, "DescribeBatch", `{"domain":"shop","batchId":"`+id+`"}`))
	h.must(h.operator(lists, "ListBatches", `{"domain":"shop"}`))
	h.refused("AccessDeniedException", h.operator(signals, "DescribeBatch", `{"domain":"shop","batchId":"`+id+`"}`))
	h.refused("AccessDeniedException", h.operator(signals, "ListBatches", `{"domain":"shop"}`))
	h.refused("AccessDeniedException", h.operator(lists, "StopBatch", `{"domain":"shop","batchId":"`+id+`"}`))
	h.must(h.operator(signals, "StopBatch", `{"domain":"shop","batchId":"`+id+`"}`))
	h.refused("AccessDeniedException", h.operator(lists, "StopBatch", `{"domain":"shop","batchId":"999"}`))
}

// TestBatchesOfStateMachines: all that run are stopped, all that failed go on, each as a call of who
// began it; whoever may do it to some of a machine's executions alone may not begin one.
func TestBatchesOfStateMachines(t *testing.T) {
	a := newHarness(t)
	role := roleARN("runs")
	a.role("runs", statesTrust)
	a.must(a.states(a.root, "CreateStateMachine", fmt.Sprintf(`{"name":"waits","roleArn":%q,"definition":%q}`, role, `{"StartAt":"Rest","States":{"Rest":{"Type":"Wait","Seconds":3600,"End":true}}}`)))
	const waits, fails = "arn:aws:states:us-east-1:123456789012:stateMachine:waits", "arn:aws:states:us-east-1:123456789012:stateMachine:fails"
	const executions = "arn:aws:states:us-east-1:123456789012:execution:waits:"
	start := func(of, name string) {
		a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+of+`","name":"`+name+`"}`))
	}
	for i := range 130 { // more than a page
		start(waits, fmt.Sprintf("a%d", i))
	}
	start(waits, "b0")
	is := func(key aws.Credentials, of, id, status string) (shown string) {
		waitUntil(t, "a batch is "+status, func() bool {
			shown = a.must(a.operator(key, "DescribeBatch", `{"stateMachineArn":"`+of+`","batchId":"`+id+`"}`))
			return strings.Contains(shown, `"status":"`+status+`"`)
		})
		return shown
	}
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s\nwithout %s", got, part)
			}
		}
	}
	const stop = `{"search":{"stateMachineArn":"` + waits + `","workflowIdPrefix":"a"},"action":"StopExecution","error":"Enough","cause":"a clean start","clientToken":"once"}`
	lists, stops := a.user("lists", allow("states:ListExecutions", waits)), a.user("stops", allow("states:StopExecution", executions+"*"))
	ann := a.user("ann", allow("states:ListExecutions", waits), allow("states:StopExecution", executions+"*"))
	some := a.user("some", allow("states:ListExecutions", waits), allow("states:StopExecution", executions+"a*"))
	for _, key := range []aws.Credentials{lists, stops, some, a.user("nobody")} {
		a.refused("AccessDeniedException", a.operator(key, "StartBatch", stop))
	}
	id := a.batch(ann, stop)
	want(is(lists, waits, id, "COMPLETED"), `"done":130,"gone":0,"failed":0`, `:user/ann"`)
	want(a.must(a.states(a.root, "DescribeExecution", `{"executionArn":"`+executions+`a129"}`)), `"status":"ABORTED"`, `"error":"Enough"`, `"cause":"a clean start"`)
	want(a.must(a.states(a.root, "DescribeExecution", `{"executionArn":"`+executions+`b0"}`)), `"status":"RUNNING"`)
	want(a.must(a.operator(lists, "ListBatches", `{"stateMachineArn":"`+waits+`"}`)), `"error":"Enough"`)
	want(a.must(a.operator(a.root, "ListBatches", `{"domain":"waits"}`)), `"batches":[]`)

	// Said again it is the same batch, of the same principal alone; with another order it is none.
	if again := a.batch(ann, stop); again != id {
		t.Errorf("the same token began batch %s after %s", again, id)
	}
	if other := a.batch(a.root, stop); other == id {
		t.Error("another principal's token is the batch of the first")
	}
	a.refused("ValidationException", a.operator(ann, "StartBatch", strings.Replace(stop, "Enough", "Other", 1)))

	id = a.batch(a.root, `{"search":{"stateMachineArn":"`+waits+`","closeStatus":"ABORTED"},"action":"RedriveExecution"}`)
	want(is(a.root, waits, id, "COMPLETED"), `"done":130,"gone":0,"failed":0`)
	want(a.must(a.states(a.root, "DescribeExecution", `{"executionArn":"`+executions+`a0"}`)), `"status":"RUNNING"`, `"redriveCount":1`)
	want(a.must(a.operator(a.root, "SearchExecutions", `{"stateMachineArn":"`+waits+`","status":"OPEN","workflowIdPart":"12","maximumPageSize":1}`)), `"executionArn":"`+executions+`a12`, `"nextPageToken":`)
	for body, fault := range map[string]string{
		`{"search":{},"action":"StopExecution"}`:                                                                        "ValidationException",
		`{"search":{"domain":"shop","stateMachineArn":"` + waits + `"},"action":"StopExecution"}`:                       "ValidationException",
		`{"search":{"stateMachineArn":"` + waits + `"},"action":"TerminateWorkflowExecution"}`:                          "ValidationException",
		`{"search":{"stateMachineArn":"` + waits + `"},"action":"RedriveExecution","error":"x"}`:                        "ValidationException",
		`{"search":{"stateMachineArn":"` + waits + `","typeName":"x"},"action":"StopExecution"}`:                        "ValidationException",
		`{"search":{"stateMachineArn":"` + waits + `"},"action":"StopExecution","clientToken":"\"x"}`:                   "ValidationException",
		`{"search":{"stateMachineArn":"` + fails + `"},"action":"StopExecution"}`:                                       "ResourceNotFoundException",
		`{"search":{"stateMachineArn":"` + strings.Replace(waits, "stateM", "x", 1) + `"},"action":"StopExecution"}`:    "ValidationException",
		`{"search":{"stateMachineArn":"` + strings.Replace(waits, "us-east-1", "x", 1) + `"},"action":"StopExecution"}`: "ResourceNotFoundException",
	} {
		a.refused(fault, a.operator(a.root, "StartBatch", body))
	}
}

// TestBatchesEnd in the midst of what they do: somebody stops one, its beginner's policies
// change, and his key is taken away. Each call is recorded as the beginner's, from where he was.
func TestBatchesEnd(t *testing.T) {
	cfg := Config{
		Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Audit: Audit{Files: AuditFile},
		Throttle: ThrottleAWS, ThrottleRates: []string{"SignalWorkflowExecution=3/1", "StartWorkflowExecution=none", "DescribeBatch=none"}, // so that it takes its time
	}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	h.shop("shop")
	h.started("shop", "a", 40)
	ann := h.user("ann", allow("swf:*", "*"))
	const signal = `{"search":{"domain":"shop"},"action":"SignalWorkflowExecution","signalName":"wake"}`
	begun := func(key aws.Credentials) string {
		id := h.batch(key, signal)
		waitUntil(t, "it has begun", func() bool {
			return !strings.Contains(h.must(h.operator(h.root, "DescribeBatch", `{"domain":"shop","batchId":"`+id+`"}`)), `"done":0`)
		})
		return id
	}
	id := begun(h.root)
	h.must(h.operator(ann, "StopBatch", `{"domain":"shop","batchId":"`+id+`"}`))
	stopped := h.batchIs(id, "STOPPED")
	if !strings.Contains(stopped, `"reason":"Stopped by arn:aws:iam::123456789012:user/ann."`) {
		t.Errorf("stopped: %s", stopped)
	}
	id = begun(ann)
	h.must(h.iam(h.root, "PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", policyOf(allow("swf:List*", "*"))))
	if got := h.batchIs(id, "COMPLETED"); !strings.Contains(got, `"code":"OperationNotPermittedFault"`) || strings.Count(got, `"workflowId":"a`) != 20 || strings.Contains(got, `"done":40`) {
		t.Errorf("what its beginner may not do any more: %s", got)
	}
	h.must(h.iam(h.root, "PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", policyOf(allow("swf:*", "*"))))
	id = begun(ann)
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID, "Status", "Inactive"))
	if got := h.batchIs(id, "FAILED"); !strings.Contains(got, "The access key of arn:aws:iam::123456789012:user/ann with which it was begun may not be used any more.") {
		t.Errorf("without its key: %s", got)
	}
	// A session ends with the key that it was made with.
	bea := h.user("bea", allow("swf:*", "*"))
	own := keyIn(t, h.must(h.iam(bea, "GetSessionToken")))
	id = begun(own)
	h.must(h.iam(h.root, "DeleteAccessKey", "UserName", "bea", "AccessKeyId", bea.AccessKeyID))
	if got := h.batchIs(id, "FAILED"); !strings.Contains(got, ":user/bea") || strings.Contains(got, `"done":0,`) {
		t.Errorf("without its session: %s", got)
	}
	if got := h.batchIs(member(h.must(h.operator(h.root, "ListBatches", `{"domain":"shop"}`)), "batchId"), "FAILED"); strings.Contains(got, `"done":40`) {
		t.Errorf("it went on: %s", got)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	of := 0
	for _, r := range kindsOf(t, cfg.Data)["calls"] {
		text := fmt.Sprint(r)
		if strings.Contains(text, "SignalWorkflowExecution") && strings.Contains(text, "heddle-batch") && strings.Contains(text, ann.AccessKeyID) && strings.Contains(text, "127.0.0.1") {
			of++
		}
	}
	if of == 0 {
		t.Error("no call is recorded as the beginner's")
	}
}

// TestBatchesGoOn: a server that was stopped in the midst of a batch goes on with it, and does
// nothing twice.
func TestBatchesGoOn(t *testing.T) {
	cfg := Config{
		Listen: "127.0.0.1:0", Data: t.TempDir(), Throttle: ThrottleAWS, ThrottleRates: []string{"SignalWorkflowExecution=12/1", "StartWorkflowExecution=none", "DescribeBatch=none"},
	}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	h.shop("shop")
	h.started("shop", "a", 40)
	id := h.batch(h.root, `{"search":{"domain":"shop"},"action":"SignalWorkflowExecution","signalName":"wake"}`)
	waitUntil(t, "it has begun", func() bool {
		return !strings.Contains(h.must(h.operator(h.root, "DescribeBatch", `{"domain":"shop","batchId":"`+id+`"}`)), `"done":0`)
	})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Throttle, cfg.ThrottleRates = ThrottleOff, nil
	h = &harness{t, start(t, cfg), h.root}
	if got := h.batchIs(id, "COMPLETED"); !strings.Contains(got, `"done":40,"gone":0,"failed":0`) {
		t.Errorf("in the end: %s", got)
	}
	runs := strings.Split(h.must(h.swf(h.root, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`)), `"runId":"`)[1:]
	for i, run := range runs {
		run, _, _ = strings.Cut(run, `"`)
		_, workflow, _ := strings.Cut(runs[i], `"workflowId":"`)
		workflow, _, _ = strings.Cut(workflow, `"`)
		history := h.must(h.swf(h.root, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"`+workflow+`","runId":"`+run+`"}}`))
		if n := strings.Count(history, `"signalName":"wake"`); n != 1 {
			t.Errorf("%s has %d signals", workflow, n)
		}
	}
	if len(runs) != 40 {
		t.Errorf("%d are open", len(runs))
	}
}
