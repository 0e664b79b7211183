package server

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// does sends a form of a page, of names and values one after the other, and wants to be led to
// a page that says what was done.
func (b *browser) does(path, done string, fields ...string) shown {
	b.Helper()
	got := b.send(http.MethodPost, path, formOf(fields...))
	b.sees(got, 200, `<p class="done" role="status">`+done)
	return got
}

func formOf(fields ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// where is the page of an execution, by its workflowId.
func (b *browser) where(domain, id string) string {
	b.Helper()
	got := b.get("/console/us-east-1/" + domain + "/executions/" + id)
	b.sees(got, 200)
	return got.Request.URL.EscapedPath()
}

// TestConsoleDoes has a visitor do by forms all that the console of SWF's manual does, and the
// API tell what came of it.
func TestConsoleDoes(t *testing.T) {
	h := newHarness(t)
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	const region, at = "/console/us-east-1", "/console/us-east-1/shop"
	says := func(action, body string, texts ...string) {
		t.Helper()
		got := h.must(h.swf(h.root, action, body))
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("%s %s: no %s in %s", action, body, text, got)
			}
		}
	}

	b.does(region+"/-register", "The domain was registered", "name", "shop", "workflowExecutionRetentionPeriodInDays", "7", "description", "orders", "tags", "team=a\r\nowner=b=c")
	says("DescribeDomain", `{"name":"shop"}`, `"description":"orders"`, `"workflowExecutionRetentionPeriodInDays":"7"`)
	says("ListTagsForResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/shop"}`, `"key":"owner","value":"b=c"`)

	b.does(at+"/types/workflow/-register", "The type was registered", "name", "order", "version", "1", "description", "of orders", "defaultTaskList.name", "deciders", "defaultTaskPriority", "3",
		"defaultExecutionStartToCloseTimeout", "3600", "defaultTaskStartToCloseTimeout", "30", "defaultChildPolicy", "TERMINATE")
	says("DescribeWorkflowType", `{"domain":"shop","workflowType":{"name":"order","version":"1"}}`, `"defaultTaskPriority":"3"`, `"defaultChildPolicy":"TERMINATE"`, `"defaultTaskStartToCloseTimeout":"30"`)
	b.does(at+"/types/activity/-register", "The type was registered", "name", "mail", "version", "1", "defaultTaskList.name", "mailers", "defaultTaskHeartbeatTimeout", "NONE",
		"defaultTaskScheduleToStartTimeout", "600", "defaultTaskScheduleToCloseTimeout", "NONE", "defaultTaskStartToCloseTimeout", "60")
	says("DescribeActivityType", `{"domain":"shop","activityType":{"name":"mail","version":"1"}}`, `"defaultTaskScheduleToStartTimeout":"600"`, `"name":"mailers"`)
	b.sees(b.get(at+"/types/workflow"), 200, `data-type="order"`, "-mail<")
	b.sees(b.get(at+"/types/activity"), 200, `data-type="mail"`)
	b.sees(b.get(at+"/executions/-start?workflowType.name=order&workflowType.version=1"), 200, "default: deciders", "default: 3600", "default: TERMINATE", `value="order"`)

	// Start: with all fields; what is wrong is told, and what was typed stays.
	form := []string{"workflowId", "order-1", "workflowType.name", "order", "workflowType.version", "1", "input", `{"a": 1`, "tagList", "gold\r\nlarge"}
	b.sees(b.send(http.MethodPost, at+"/executions/-start", formOf(form...)), 400, "Input looks like JSON and is not", `value="order-1"`, "gold\nlarge")
	form = append(form, "as-is", "yes", "taskList.name", "others", "taskPriority", "-5", "executionStartToCloseTimeout", "1800", "taskStartToCloseTimeout", "NONE", "childPolicy", "ABANDON")
	b.sees(b.send(http.MethodPost, at+"/executions/-start", formOf(append(form, "as", "command")...)), 200, "aws swf start-workflow-execution --region us-east-1 --domain shop --workflow-id order-1")
	b.sees(b.get(at+"/executions"), 200, "-order-1<")
	b.does(at+"/executions/-start", "The execution was started", form...)
	one := b.where("shop", "order-1")
	b.sees(b.get(one), 200, "order-1</h1>", "Task list others", "gold", "30 min (1800 s)", "ABANDON", "NO_WORKER", `{&#34;a&#34;: 1`)
	b.sees(b.send(http.MethodPost, at+"/executions/-start", formOf(form...)), 400, "WorkflowExecutionAlreadyStartedFault")
	b.sees(b.send(http.MethodPost, at+"/executions/-start", formOf("workflowId", "x")), 400, "workflowType")

	// Signal, ask to cancel, terminate, start again with the same.
	b.does(one+"/signal", "The signal was sent", "signalName", "hurry", "input", `"now"`)
	b.does(one+"/cancel", "Its decider is asked to cancel it")
	b.sees(b.get(one), 200, "asked to cancel", "WorkflowExecutionSignaled", "hurry", "WorkflowExecutionCancelRequested")
	b.does(one+"/terminate", "The execution was terminated", "childPolicy", "REQUEST_CANCEL", "reason", "wrong order", "details", "of ann")
	b.sees(b.get(one+"?event=5"), 200, "Terminated", "wrong order", "of ann", "REQUEST_CANCEL", "left open", "-/terminate\"", "-data-follow")
	b.sees(b.send(http.MethodPost, one+"/signal", formOf("signalName", "late")), 404, "UnknownResourceFault")
	b.sees(b.get(one+"/rerun"), 200, `value="order-1"`, `value="others"`, `value="-5"`, `value="1800"`, "gold\nlarge", `<option value="ABANDON" selected>`, `{&#34;a&#34;: 1`)
	got := b.does(one+"/rerun", "The execution was started", append(form, "workflowId", "order-2")...)
	b.sees(got, 200, "order-2</h1>", "Task list others")
	b.sees(b.get(one+"/events/1/input"), 200, `{"a": 1`)
	for _, missing := range []string{"/events/1/nothing", "/events/999/input", "/events/x/input"} {
		b.sees(b.get(one+missing), 404)
	}
	b.sees(b.get(at+"/executions/nobody"), 404, "nobody")
	b.sees(b.get(one[:len(one)-3]+"xx="), 404)

	// Types and domains go and come back.
	for _, of := range []string{"workflow/order/1", "activity/mail/1"} {
		b.does(at+"/types/"+of+"/deprecate", "The type was deprecated")
		b.sees(b.get(at+"/types/"+of), 200, "Deprecated", "Undeprecate", "Delete")
		b.does(at+"/types/"+of+"/undeprecate", "The type is registered again")
		b.sees(b.send(http.MethodPost, at+"/types/"+of+"/delete", nil), 400, "TypeNotDeprecatedFault")
		b.does(at+"/types/"+of+"/deprecate", "The type was deprecated")
		b.does(at+"/types/"+of+"/delete", "The type was deleted")
		b.sees(b.get(at+"/types/"+of), 404)
	}
	b.sees(b.get(at+"/types/nothing"), 404)
	b.sees(b.send(http.MethodPost, at+"/types/workflow/order/1/nothing", nil), 404)
	b.does(at+"/-deprecate", "The domain was deprecated")
	says("DescribeDomain", `{"name":"shop"}`, `"status":"DEPRECATED"`)
	b.does(at+"/-undeprecate", "The domain is registered again")
	says("DescribeDomain", `{"name":"shop"}`, `"status":"REGISTERED"`)
}

// TestConsoleDoesWhatPoliciesAllow: buttons of what a visitor may not do are off and name the
// permission, and what is sent all the same is refused and changes nothing. Reading changes
// nothing, ever.
func TestConsoleDoesWhatPoliciesAllow(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.begin("shop", "order-1")
	ann := h.user("ann", allow("swf:Describe* swf:Get* swf:List* swf:Count* swf:SignalWorkflowExecution", "*"))
	b := newBrowser(t, h.URL())
	h.signIn(b, ann)
	const at = "/console/us-east-1/shop"
	one := b.where("shop", "order-1")
	b.sees(b.get(one), 200, `href="`+one+`/signal"`, "needs swf:TerminateWorkflowExecution", "needs swf:RequestCancelWorkflowExecution", "needs swf:StartWorkflowExecution", `-href="`+one+`/terminate"`)
	b.sees(b.get("/console/us-east-1/"), 200, "needs swf:RegisterDomain")
	b.sees(b.get(at), 200, "needs swf:StartWorkflowExecution", "needs swf:DeprecateDomain")
	b.sees(b.get(at+"/executions"), 200, "needs swf:StartWorkflowExecution")
	b.sees(b.get(at+"/types/workflow"), 200, "needs swf:RegisterWorkflowType")
	b.sees(b.get(at+"/types/activity"), 200, "needs swf:RegisterActivityType")
	b.sees(b.get(at+"/types/workflow/order/1"), 200, "needs swf:DeprecateWorkflowType")
	b.sees(b.get(one+"/terminate"), 200, "Your policies do not allow swf:TerminateWorkflowExecution", " disabled")
	history := func() string {
		return h.must(h.operator(h.root, "InspectExecution", `{"domain":"shop","workflowId":"order-1"}`))
	}
	count := regexp.MustCompile(`"events":\d+`)
	before := count.FindString(history())
	for path, fields := range map[string][]string{
		one + "/terminate": nil, one + "/cancel": nil, one + "/rerun": nil, at + "/executions/-start": {"workflowId", "x", "workflowType.name", "order", "workflowType.version", "1"},
		at + "/-deprecate": nil, at + "/types/workflow/order/1/deprecate": nil, at + "/types/workflow/-register": {"name", "n", "version", "1"},
		"/console/us-east-1/-register": {"name", "n", "workflowExecutionRetentionPeriodInDays", "1"},
	} {
		b.sees(b.send(http.MethodPost, path, formOf(fields...)), 403, "is not authorized to perform")
		b.sees(b.send(http.MethodGet, path+"?as=now", nil), 200, "Your policies do not allow")
	}
	if now := count.FindString(history()); now != before || before == "" {
		t.Errorf("%s, %s before", now, before)
	}
	b.does(one+"/signal", "The signal was sent", "signalName", "hurry")
	if now := count.FindString(history()); now == before {
		t.Errorf("the signal left no event: %s", now)
	}
	// What another page sends in his name is not taken.
	b.sees(b.send(http.MethodPost, one+"/signal", formOf("signalName", "theirs"), "Origin", "http://elsewhere.example", "Sec-Fetch-Site", "cross-site"), 403)
}

// TestConsoleIsLive: an open page that asks again gets nothing as long as nothing has happened,
// and then all that has changed.
func TestConsoleIsLive(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.begin("shop", "order-1")
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	one := b.where("shop", "order-1")
	live := regexp.MustCompile(`data-follow="([^"]*)"`)
	asks := func(text string) string {
		t.Helper()
		found := live.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the page does not ask: %.500s", text)
		}
		return strings.ReplaceAll(found[1], "&amp;", "&")
	}
	// It waits for the answer as a poll does, and is no request meanwhile.
	waits := func(at string) <-chan shown {
		t.Helper()
		came := make(chan shown, 1)
		go func() { came <- b.get(at, "HX-Request-Type", "partial") }()
		waitUntil(t, "the page waits, and is no request", func() bool { return h.tasks.polls.Taken() > 0 && h.requests.Taken() == 0 })
		return came
	}
	came := waits(asks(b.get(one + "?decisions=shown").text))
	h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"order-1","signalName":"hurry"}`))
	got := <-came
	b.sees(got, 200, "WorkflowExecutionSignaled", "DecisionTaskScheduled", "-<html", "seen=7&amp;")
	next := asks(got.text)
	// Verdicts change with time alone, so in time all is told anew.
	b.sees(b.get(strings.Replace(next, "wait=30", "wait=0", 1), "HX-Request-Type", "partial"), 200, "NO_WORKER")
	came = waits(next)
	h.must(h.swf(h.root, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"order-1"}`))
	b.sees(<-came, 200, "Terminated", "-data-follow")

	// Who has waited has to stand still, and a server that stops answers who waits.
	h.begin("shop", "order-2")
	two := asks(b.get(b.where("shop", "order-2")).text)
	ann := h.user("ann", allow("swf:* heddle:*", "*"))
	c := newBrowser(t, h.URL())
	h.signIn(c, ann)
	lost := make(chan shown, 1)
	taken := h.tasks.polls.Taken()
	go func() { lost <- c.get(two, "HX-Request-Type", "partial") }()
	waitUntil(t, "her page waits", func() bool { return h.tasks.polls.Taken() > taken })
	h.must(h.iam(h.root, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID, "Status", "Inactive"))
	h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"order-2","signalName":"hurry"}`))
	c.sees(<-lost, 401, "-order-2")
	came = waits(asks(b.get(b.where("shop", "order-2")).text))
	h.live.Close()
	b.sees(<-came, 200, "order-2")
}

// TestWhoLeavesAPageIsNotRefused: a page that is closed, or hidden, while it waits ends its poll, and
// is neither a refusal nor a failure of the server's.
func TestWhoLeavesAPageIsNotRefused(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.begin("shop", "order-1")
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	asks := regexp.MustCompile(`data-follow="([^"]*)"`).FindStringSubmatch(b.get(b.where("shop", "order-1")).text)
	if asks == nil {
		t.Fatal("the page does not wait")
	}
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+html.UnescapeString(asks[1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("HX-Request-Type", "partial")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	left := make(chan struct{})
	go func() {
		defer close(left)
		if w, err := b.Do(r); err == nil { // only on a machine so slow that the hold is over
			_ = w.Body.Close()
		}
	}()
	waitUntil(t, "the page waits", func() bool { return h.tasks.polls.Taken() > 0 })
	leave()
	<-left
	waitUntil(t, "its poll has ended", func() bool { return h.tasks.polls.Taken() == 0 })
	closeServer(t, h.Server) // which waits for what is under way
	for _, refusal := range h.Server.refused.of("123456789012") {
		t.Errorf("%s is refused: %s %s", refusal.Action, refusal.Code, refusal.Message)
	}
}

// TestConsoleOpensFiles: a history of a file looks as it does in its place, at all of its
// pages, and what is no history is told.
func TestConsoleOpensFiles(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.begin("shop", "order-1")
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	raw := h.must(h.swf(h.root, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"order-1","runId":"`+member(h.must(h.operator(h.root, "InspectExecution", `{"domain":"shop","workflowId":"order-1"}`)), "runId")+`"}}`))
	const at = "/console/us-east-1/-file"
	b.sees(b.get(at), 200, "Open a file", `enctype="multipart/form-data"`)
	b.sees(b.get(at+"?event=3"), 200, `name="q" value="event=3"`, "Choose the file again")
	send := func(name, text, query string, header ...string) shown {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		_ = w.WriteField("q", query)
		_ = w.WriteField(name, text)
		_ = w.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL()+at, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", w.FormDataContentType())
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		got, err := b.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		var all bytes.Buffer
		_, _ = all.ReadFrom(got.Body)
		return shown{got, all.String()}
	}
	b.sees(send("file", raw, ""), 200, "<html", "mail", "mailers", "ActivityTaskScheduled", "-DecisionTaskStarted")
	b.sees(send("text", raw, "event=3&decisions=shown", "HX-Request-Type", "partial"), 200, "-<html", "DecisionTaskStarted", `<dt>identity</dt>`, "decider-1")
	b.sees(send("text", "[]", ""), 400, "nothing in it")
	b.sees(send("text", "", ""), 400, "nothing in it")
	b.sees(send("text", "hello", "", "HX-Request-Type", "partial"), 200, "-<html", `role="alert"`)
	b.sees(send("file", `{"events":[{"eventId":1}]}`, ""), 400, "no eventType")
	b.sees(send("file", strings.Repeat(" ", 25<<20), ""), 400, "more than 24 MiB")
	b.sees(b.send(http.MethodPost, at, formOf("text", raw)), 400, "no file")
}

// TestConsoleShowsLargeHistories: the page of an execution with 25,000 events is small, wherever
// one looks. How long it takes is told, and judged by nobody: the goal is 50 ms.
func TestConsoleShowsLargeHistories(t *testing.T) {
	if racing {
		t.Skip("what pages hold is the same under the race detector, where it takes half a minute")
	}
	h := newHarness(t)
	h.shop("shop")
	h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"large","workflowType":{"name":"order","version":"1"}}`))
	one := `{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":"{\"step\":1,\"of\":\"a payload of some bytes\"}"}},` +
		`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"%d","startToFireTimeout":"1000"}},{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"%d"}}`
	events := 0
	for n := 0; events < 24_900; {
		token := member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"},"maximumPageSize":1}`)), "taskToken")
		var decisions []string
		for range 100 {
			n++
			decisions = append(decisions, fmt.Sprintf(one, n, n))
		}
		h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[`+strings.Join(decisions, ",")+`]}`))
		h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"large","signalName":"on"}`))
		events += 4 + 300
	}
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	at := b.where("shop", "large")
	for _, query := range []string{"", "?lanes=1&decisions=shown&order=newest", "?event=12000", "?filter=timers&page=300", "?scale=true&lanes=40"} {
		fastest := time.Hour
		var got shown
		for range 7 {
			began := time.Now()
			got = b.get(at + query)
			fastest = min(fastest, time.Since(began))
		}
		b.sees(got, 200, `id="history"`)
		t.Logf("%q: %d bytes in %v", query, len(got.text), fastest)
		if len(got.text) > 300_000 {
			t.Errorf("%q: %d bytes", query, len(got.text))
		}
	}
}

// TestConsoleShowsMachines: executions of state machines have pages like those of workflows:
// why they do not move, their states, and what may be done.
func TestConsoleShowsMachines(t *testing.T) {
	h := newHarness(t)
	h.role("machines", statesTrust)
	role := roleARN("machines")
	create := func(name, definition string) {
		h.must(h.states(h.root, "CreateStateMachine", fmt.Sprintf(`{"name":%q,"roleArn":%q,"definition":%q}`, name, role, definition)))
	}
	create("waits", `{"StartAt":"Look","States":{"Look":{"Type":"Pass","Next":"Rest"},"Rest":{"Type":"Wait","Seconds":3600,"End":true}}}`)
	create("fails", `{"StartAt":"Look","States":{"Look":{"Type":"Pass","Next":"Give <b>up</b>"},"Give <b>up</b>":{"Type":"Fail","Error":"No<i>stock","Cause":"none <i>left"}}}`)
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	const at = "/console/us-east-1/-states/machines"
	b.sees(b.get(at), 200, ">waits</a>", ">fails</a>")
	b.sees(b.get(at+"/waits"), 200, "No execution is like that", "Start", "StartAt")
	b.sees(b.send(http.MethodPost, at+"/waits/-start", formOf("name", "one", "input", `{"a":`)), 400, "looks like JSON and is not")
	got := b.does(at+"/waits/-start", "The execution was started", "name", "one", "input", `{"a": "<b>x</b>"}`)
	b.sees(got, 200, "one</h1>", "Running", "Rest", "PassStateEntered", "WaitStateEntered", "-<b>x", "data-follow")
	one := at + "/waits/one"
	b.sees(b.get(one+"?event=2"), 200, "<dt>input</dt>", "-<b>x")
	b.sees(b.get(one+"/events/1/input"), 200, `{"a": "<b>x</b>"}`)
	b.sees(b.get(at+"/waits?status=RUNNING"), 200, "one</a>")
	live := strings.ReplaceAll(regexp.MustCompile(`data-follow="([^"]*)"`).FindStringSubmatch(b.get(one).text)[1], "&amp;", "&")
	b.sees(b.get(strings.Replace(live, "wait=30", "wait=0", 1), "HX-Request-Type", "partial"), 200, "Running", "data-follow")
	b.does(one+"/stop", "The execution was stopped", "error", "Enough", "cause", "of it")
	b.sees(b.get(live, "HX-Request-Type", "partial"), 200, "Aborted", "Enough", "-data-follow")
	b.does(one+"/redrive", "The execution goes on")
	b.sees(b.get(one), 200, "Running", "ExecutionRedriven", "1 time")
	b.sees(b.get(one+"/rerun"), 200, `{&#34;a&#34;: &#34;&lt;b&gt;x&lt;/b&gt;&#34;}`)
	b.does(at+"/fails/-start", "The execution was started", "name", "two")
	b.sees(b.get(at+"/fails/two"), 200, "Failed", "FAILED_BY", "No&lt;i&gt;stock", "-No<i>", "-up</b>")
	b.sees(b.get(at+"/none"), 404)
	b.sees(b.get(at+"/waits/none"), 404)
	b.sees(b.get(one+"/nothing"), 404)

	ann := h.user("ann", allow("states:Describe* states:List* states:Get*", "*"))
	c := newBrowser(t, h.URL())
	h.signIn(c, ann)
	c.sees(c.get(one), 200, "needs states:StopExecution", "needs states:StartExecution")
	c.sees(c.get(at+"/waits"), 200, "needs states:StartExecution")
	c.sees(c.send(http.MethodPost, one+"/stop", nil), 403, "is not authorized to perform")
	b.sees(b.get(one), 200, "Running")
}

// TestConsoleShowsGraphs: a machine and its executions are drawn for who may see the definition,
// map runs are shown and changed, and states tested, by who may.
func TestConsoleShowsGraphs(t *testing.T) {
	h := newHarness(t)
	h.role("machines", statesTrust, allow("states:*", "*"))
	role := roleARN("machines")
	create := func(name, definition string) {
		h.must(h.states(h.root, "CreateStateMachine", fmt.Sprintf(`{"name":%q,"roleArn":%q,"definition":%q}`, name, role, definition)))
	}
	create("waits", `{"StartAt":"Look <b>in</b>","States":{"Look <b>in</b>":{"Type":"Pass","Next":"Rest"},"Rest":{"Type":"Wait","Seconds":3600,"Next":"Late"},"Late":{"Type":"Succeed"}}}`)
	create("items", `{"StartAt":"Each","States":{"Each":{"Type":"Map","Label":"Each","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Rest","States":{"Rest":{"Type":"Wait","Seconds":3600,"End":true}}},"End":true}}}`)
	start := func(machine string) {
		h.must(h.states(h.root, "StartExecution", fmt.Sprintf(`{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:%s","name":"one","input":"[1,2]"}`, machine)))
	}
	start("waits")
	start("items")
	b := newBrowser(t, h.URL())
	h.signIn(b, h.root)
	const region, at = "/console/us-east-1/-states", "/console/us-east-1/-states/machines"
	b.sees(b.get(at+"/waits"), 200, `data-state="Rest"`, "-not entered", "-<b>in")
	b.sees(b.get(at+"/waits?state=Rest"), 200, `id="state"`, "Test it", "3600")
	b.sees(b.get(at+"/waits/-definition"), 200, `"Look <b>in</b>"`)
	b.sees(b.get(at+"/waits/one?state=Look+%3Cb%3Ein%3C%2Fb%3E"), 200, `data-state="Late"`, "Wait · running", "Succeed · not entered", `id="state"`, "-<b>in", "Output")
	b.sees(b.get(at+"/waits/one?state=nothing"), 200, `data-state="Late"`, `-id="state"`)

	b.sees(b.get(at+"/items/one"), 200, "by executions of its own", "0 of 2 done, 2 running")
	run := regexp.MustCompile(`/console/[^"]*/map-runs/[^"]*`).FindString(b.get(at + "/items/one").text)
	b.sees(b.get(run), 200, "Map run", "Running", ">Change</a>", "data-live")
	b.sees(b.get(run+"?status=FAILED"), 200, "No execution is like that")
	child := regexp.MustCompile(at + `/items%2FEach/[^"]*`).FindString(b.get(run).text)
	b.sees(b.get(child), 200, "Part of map run", `data-state="Rest"`, `-data-state="Each"`, "-Start again")
	b.sees(b.send(http.MethodPost, run+"/update", formOf("maxConcurrency", "many")), 400, "is to be a number")
	b.sees(b.send(http.MethodPost, run+"/update", formOf("toleratedFailurePercentage", "101")), 400, "ValidationException")
	b.does(run+"/update", "The map run was changed", "maxConcurrency", "5", "toleratedFailureCount", "", "toleratedFailurePercentage", "2.5")
	b.sees(b.get(run), 200, "<dd>5</dd>", "2.5 %")
	b.does(at+"/items/one/stop", "The execution was stopped")
	b.sees(b.get(run), 200, "Aborted", "-data-live", ">Redrive</a>", "->Change</a>")
	b.sees(b.get(region+"/map-runs/items%2FEach/none"), 404)

	test := region + "/test"
	b.sees(b.get(test+"?machine=waits&execution=one&state=Rest&event=4"), 200, "&#34;StartAt&#34;", "[1,2]", role)
	b.sees(b.get(test+"?machine=waits&execution=none&state=Rest"), 404)
	got := b.send(http.MethodPost, test, formOf("definition", `{"Type":"Pass","Result":{"a":"<b>x</b>"},"ResultPath":"$.r","Next":"N"}`, "input", `{"i":1}`, "inspectionLevel", "DEBUG"))
	b.sees(got, 200, "What came out", "Succeeded", "Next state", "After ResultPath", "-<b>x")
	b.sees(b.send(http.MethodPost, test, formOf("definition", `{"Type":"Pas"}`)), 400, "InvalidDefinition")
	b.sees(b.send(http.MethodPost, test, formOf("definition", `{"Type":"Pass","End":true}`, "as", "command")), 200, "aws stepfunctions test-state")

	ann := h.user("ann", allow("states:DescribeExecution states:GetExecutionHistory states:ListExecutions states:DescribeMapRun states:ListStateMachines", "*"))
	c := newBrowser(t, h.URL())
	h.signIn(c, ann)
	c.sees(c.get(at+"/waits/one"), 200, "WaitStateEntered", "-data-state", "-Map runs")
	c.sees(c.get(at+"/items/one"), 200, "MapRunStarted", "-data-state")
	c.sees(c.get(at), 200, "needs states:TestState")
	c.sees(c.get(run), 200, "Map run", "-Redrive</a>")
	c.sees(c.send(http.MethodPost, run+"/update", formOf("maxConcurrency", "1")), 403, "is not authorized to perform")
	c.sees(c.send(http.MethodPost, test, formOf("definition", `{"Type":"Pass","End":true}`)), 403, "is not authorized to perform")
	c.sees(c.get(at+"/waits/-definition"), 403)
}
