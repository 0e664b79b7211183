package view

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"os"
	"strings"
	"testing"

	"heddle/internal/aws/shape"
	"heddle/internal/operator/wire"
	"heddle/internal/swf/history"
	swf "heddle/internal/swf/wire"
	"heddle/test/golden"
)

// event is one as the wire has it.
func event(id int, at float64, of string, attributes string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"eventTimestamp":%.3f,"eventType":%q,"eventId":%d,"%sEventAttributes":%s}`,
		at, of, id, strings.ToLower(of[:1])+of[1:], attributes))
}

// order is a history in which much happens, and idle hours.
func order() (raw []json.RawMessage) {
	add := func(at float64, of, attributes string) {
		raw = append(raw, event(len(raw)+1, at, of, attributes))
	}
	add(1000, "WorkflowExecutionStarted", `{"input":"{\"order\":{\"id\":1001,\"lines\":[1,2,{\"sku\":\"<script>alert(1)</script>\"}]}}","workflowType":{"name":"fulfil-order","version":"2.4"},"taskList":{"name":"deciders"},"childPolicy":"TERMINATE","executionStartToCloseTimeout":"86400","taskStartToCloseTimeout":"NONE","tagList":["gold"],"parentInitiatedEventId":0,"parentWorkflowExecution":{"workflowId":"batch-7","runId":"22aa+/aa="}}`)
	add(1000, "DecisionTaskScheduled", `{"taskList":{"name":"deciders"}}`)
	add(1000.1, "DecisionTaskStarted", `{"scheduledEventId":2,"identity":"d"}`)
	add(1000.2, "DecisionTaskCompleted", `{"scheduledEventId":2,"startedEventId":3}`)
	add(1000.2, "ActivityTaskScheduled", `{"activityId":"c1","activityType":{"name":"charge-card","version":"1"},"taskList":{"name":"payments"},"input":"<b>1</b>","decisionTaskCompletedEventId":4}`)
	add(1000.2, "TimerStarted", `{"timerId":"late","startToFireTimeout":"90000","decisionTaskCompletedEventId":4}`)
	add(1000.2, "StartChildWorkflowExecutionInitiated", `{"workflowId":"ship-1","workflowType":{"name":"ship","version":"1"},"taskList":{"name":"shippers"},"decisionTaskCompletedEventId":4}`)
	add(1001, "ActivityTaskStarted", `{"scheduledEventId":5,"identity":"worker <1>"}`)
	add(1002, "ActivityTaskFailed", `{"scheduledEventId":5,"startedEventId":8,"reason":"CardBusy","details":"try later"}`)
	add(1002, "ChildWorkflowExecutionStarted", `{"initiatedEventId":7,"workflowExecution":{"workflowId":"ship-1","runId":"22bb"},"workflowType":{"name":"ship","version":"1"}}`)
	add(1002.1, "ActivityTaskScheduled", `{"activityId":"c2","activityType":{"name":"charge-card","version":"1"},"taskList":{"name":"payments"},"decisionTaskCompletedEventId":4}`)
	add(1003, "ActivityTaskStarted", `{"scheduledEventId":11,"identity":"w"}`)
	add(1004, "WorkflowExecutionSignaled", `{"signalName":"hurry","input":"now"}`)
	add(1004, "MarkerRecorded", `{"markerName":"m","details":"x","decisionTaskCompletedEventId":4}`)
	add(1005, "ActivityTaskTimedOut", `{"scheduledEventId":11,"startedEventId":12,"timeoutType":"HEARTBEAT"}`)
	add(22605, "ActivityTaskScheduled", `{"activityId":"c3","activityType":{"name":"charge-card","version":"1"},"taskList":{"name":"payments"},"decisionTaskCompletedEventId":4}`)
	add(22606, "ActivityTaskStarted", `{"scheduledEventId":16,"identity":"w"}`)
	add(22609, "ActivityTaskCompleted", `{"scheduledEventId":16,"startedEventId":17,"result":"[1,2]"}`)
	add(22609, "ActivityTaskScheduled", `{"activityId":"n","activityType":{"name":"notify","version":"1"},"taskList":{"name":"mailers"},"decisionTaskCompletedEventId":4}`)
	return raw
}

func facts(t testing.TB, raw []json.RawMessage, closed bool) *Facts {
	t.Helper()
	f := &Facts{Raw: raw, Events: make([]history.Event, 0, len(raw))}
	var r history.Reader
	for _, one := range raw {
		f.Events = append(f.Events, history.Event{})
		if err := r.Read(one, &f.Events[len(f.Events)-1]); err != nil {
			t.Fatal(err)
		}
	}
	ref := func(s string) *string { return &s }
	stamp := func(seconds float64) *shape.Timestamp { s := shape.Timestamp(seconds * 1000); return &s }
	n := func(n int64) *int64 { return &n }
	f.Inspection = &wire.InspectExecutionOutput{
		Service: "swf", Execution: wire.ExecutionRef{Domain: ref("shop"), WorkflowID: ref("order-<1001>"), RunID: ref("22ab+/cdefghijklmnopqrstuvwxyzabcdefghijklmno=")},
		Type: "fulfil-order 2.4", Status: "OPEN", StartTimestamp: *stamp(1000), ServerTimestamp: *stamp(22616), Events: int64(len(raw)),
		Verdicts: []wire.Verdict{
			{Code: "NO_WORKER", Text: "notify waits on list mailers for 7 s; nobody polls it.", Advice: ref("Start a worker that polls it."), Severe: true, EventID: n(19), TaskList: ref("mailers")},
			{Code: "CHILD", Text: "It waits for ship-1.", Child: &wire.ExecutionRef{Domain: ref("shop"), WorkflowID: ref("ship-1"), RunID: ref("22bb")}},
		},
		Tasks: []wire.OpenTask{
			{Kind: "activity", Name: ref("notify"), ID: ref("n"), TaskList: ref("mailers"), State: "waits", ScheduledEventID: 19, ScheduledTimestamp: *stamp(22609)},
			{Kind: "activity", Name: ref("pack"), ID: ref("p"), TaskList: ref("warehouse"), State: "held", ScheduledEventID: 19, ScheduledTimestamp: *stamp(22609), StartedTimestamp: stamp(22610), Holder: ref("w <i>"),
				Attempt: n(2), HeartbeatTimestamp: stamp(22612), HeartbeatDetails: ref("half & half"), Deadlines: []wire.Deadline{{Timeout: "HEARTBEAT", At: *stamp(22700)}}},
		},
		Waits:      []wire.OpenWait{{Name: "late", EventID: 6, Until: *stamp(91000)}},
		Children:   []wire.OpenChild{{Execution: wire.ExecutionRef{Domain: ref("shop"), WorkflowID: ref("ship-1"), RunID: ref("22bb")}, EventID: 7}},
		OpenCounts: wire.OpenCounts{Tasks: 2, Waits: 1, Children: 1},
	}
	if closed {
		f.Inspection.CloseTimestamp, f.Inspection.Status = stamp(22616), "FAILED"
	}
	f.Description = &swf.WorkflowExecutionDetail{
		ExecutionInfo: swf.WorkflowExecutionInfo{TagList: []string{"gold", "<i>"}},
		ExecutionConfiguration: swf.WorkflowExecutionConfiguration{
			TaskList: swf.TaskList{Name: "deciders"}, TaskPriority: ref("3"), ExecutionStartToCloseTimeout: "86400", TaskStartToCloseTimeout: "NONE", ChildPolicy: "TERMINATE",
		},
		LatestExecutionContext: ref("step 3"),
	}
	return f
}

var shop = Place{Region: "us-east-1", Domain: "shop"}

func templates(t testing.TB) *template.Template {
	t.Helper()
	all, err := template.ParseFS(Templates, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func draw(t testing.TB, x any, names ...string) string {
	t.Helper()
	var b strings.Builder
	all := templates(t)
	for _, name := range names {
		if err := all.ExecuteTemplate(&b, name, x); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestPage writes what a page shows as data, which is read when it changes: places of the
// timeline in percent, rows of the history, all else.
func TestPage(t *testing.T) {
	for name, c := range map[string]struct {
		query  string
		closed bool
	}{
		"usual":    {"", false},
		"straight": {"scale=true&filter=failures&order=newest", true},
		"zoomed":   {"from=1000500&to=1004500&decisions=shown&event=5", false},
		"file":     {"event=3", false}, // a decision task, which is hidden at first
	} {
		v, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		var x *Execution
		if f := facts(t, order(), c.closed); name == "file" {
			x = NewFile(f, ReadQuery(v), func(q Query) string { return q.String() })
		} else {
			x = NewExecution(shop, f, ReadQuery(v))
		}
		b, err := json.MarshalIndent(x, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "testdata/"+name+".json", string(b)+"\n")
		html := draw(t, x, "execution-head", "execution")
		for _, bad := range []string{"<script>alert", "<b>1</b>", "<i>", "ZgotmplZ", "worker <1>", "style="} {
			if strings.Contains(html, bad) && bad != "<i>" || bad == "<i>" && strings.Contains(html, "w <i>") {
				t.Errorf("%s: the page has %q", name, bad)
			}
		}
		if dir := os.Getenv("HEDDLE_PAGES"); dir != "" {
			_ = os.WriteFile(dir+"/"+name+".html", []byte(html), 0o600)
		}
	}
}

// TestEmptyPages: nothing need be there for a page to be drawn.
func TestEmptyPages(t *testing.T) {
	f := &Facts{Inspection: &wire.InspectExecutionOutput{}}
	for _, x := range []*Execution{NewExecution(shop, f, Query{}), NewFile(&Facts{}, Query{Event: 4}, func(Query) string { return "" }), {}} {
		draw(t, x, "execution-head", "execution")
	}
}

// TestPlaces: names come back from paths as they were, and no browser takes one for a step.
func TestPlaces(t *testing.T) {
	for _, name := range []string{"order-1", ".", "..", "~", "~..", "-start", "a/b", "ä ö", "%2e%2e", "a?b#c", "..."} {
		part := strings.TrimPrefix(shop.Of(name), shop.Of()+"/")
		back, err := url.PathUnescape(part)
		if err != nil || Name(back) != name || strings.ContainsAny(part, "/?# ") || part == "" || part == "." || part == ".." || part[0] == '-' {
			t.Errorf("%q is %q in a path, and %q again (%v)", name, part, Name(back), err)
		}
	}
	const run = "22ab+/cdefghijklmnopqrstuvwxyzabcdefghijklmno="
	if part := RunInPath(run); RunOfPath(part) != run || strings.ContainsAny(part, "+/") {
		t.Errorf("run %q is %q in a path, and %q again", run, part, RunOfPath(part))
	}
}

func TestQuery(t *testing.T) {
	const all = "?lanes=2&from=5&to=9&scale=true&filter=timers&decisions=shown&order=newest&page=3&event=7"
	v, _ := url.ParseQuery(all[1:])
	if got := ReadQuery(v).String(); got != all {
		t.Errorf("%s", got)
	}
	v, _ = url.ParseQuery("lanes=-1&from=x&filter=%3Cscript%3E&page=99999999999999999999&event=1e9")
	if got := ReadQuery(v).String(); got != "" {
		t.Errorf("of what is not understood %s is left", got)
	}
}

func TestPayloads(t *testing.T) {
	deep := strings.Repeat("[", 10000) + strings.Repeat("]", 10000)
	for _, c := range []struct {
		of         string
		tree, long bool
	}{
		{`{"a":[1,null,true,"x"]}`, true, false}, {`  [1] `, true, false}, {`{}`, false, false}, {`5`, false, false}, {`"x"`, false, false}, {`{"a":1} x`, false, false},
		{`{"a":`, false, false}, {deep, false, false}, {"[" + strings.Repeat("1,", 4000) + "1]", false, false}, {strings.Repeat("x", payloadMax+1), false, true}, {"", false, false},
	} {
		p := payload("input", c.of, "/x")
		if (p.Tree != nil) != c.tree || p.Long != c.long || !c.long && p.Text != c.of {
			t.Errorf("%.40q: tree %v, long %v, text %.40q", c.of, p.Tree != nil, p.Long, p.Text)
		}
		draw(t, p, "payload", "payload-card")
	}
}

// large is a history of so many events: activities one after the other, some of which fail.
func large(n int) (raw []json.RawMessage) {
	raw = order()[:4]
	for len(raw) < n {
		at, i := 1001+float64(len(raw)), len(raw)
		ids := fmt.Sprintf(`"scheduledEventId":%d,"startedEventId":%d`, i+1, i+2)
		of, end := "ActivityTaskCompleted", `,"result":"{\"total\":17,\"currency\":\"EUR\"}"`
		if i%11 == 0 {
			of, end = "ActivityTaskFailed", `,"reason":"busy","details":"the other side did not answer in time"`
		}
		raw = append(raw,
			event(i+1, at, "ActivityTaskScheduled", fmt.Sprintf(`{"activityId":"a-%d","activityType":{"name":"charge-card","version":"1"},"taskList":{"name":"payments"},"input":"{\"order\":%d,\"amount\":17}","decisionTaskCompletedEventId":%d}`, i, i, i)),
			event(i+2, at+.2, "ActivityTaskStarted", fmt.Sprintf(`{"scheduledEventId":%d,"identity":"worker-17"}`, i+1)),
			event(i+3, at+.8, of, "{"+ids+end+"}"),
			event(i+4, at+.8, "DecisionTaskScheduled", `{"taskList":{"name":"deciders"},"startToCloseTimeout":"30"}`),
			event(i+5, at+.9, "DecisionTaskStarted", fmt.Sprintf(`{"scheduledEventId":%d,"identity":"decider-3"}`, i+4)),
			event(i+6, at+.95, "DecisionTaskCompleted", fmt.Sprintf(`{"scheduledEventId":%d,"startedEventId":%d}`, i+4, i+5)),
		)
	}
	return raw
}

// TestLargePage: a page of a history as long as histories get is small.
func TestLargePage(t *testing.T) {
	raw := large(25000)
	for _, q := range []Query{{}, {Decisions: true, Newest: true, Lanes: 1}, {Event: 12000, From: 2_000_000, To: 9_000_000}, {Filter: Failures, Straight: true}} {
		x := NewExecution(shop, facts(t, raw, false), q)
		html := draw(t, x, "execution-head", "execution")
		t.Logf("%s: %d bytes, %d lanes", q, len(html), len(x.Timeline.Lanes))
		if len(html) > 300_000 {
			t.Errorf("%s: the page has %d bytes", q, len(html))
		}
	}
}

func BenchmarkPage(b *testing.B) {
	raw := large(25000)
	all := templates(b)
	for b.Loop() {
		x := NewExecution(shop, facts(b, raw, false), Query{})
		if err := all.ExecuteTemplate(&strings.Builder{}, "execution", x); err != nil {
			b.Fatal(err)
		}
	}
}

// Where code of package flow waits stands first among the facts.
func TestCodeWaits(t *testing.T) {
	f := facts(t, order(), false)
	f.Inspection.CodeWaits = []string{"order.go:41 flow.First", "order.go:52 flow.Receive"}
	if got := NewExecution(shop, f, ReadQuery(nil)).Settings[0]; got.Name != "Code waits at" || got.Text != "order.go:41 flow.First, order.go:52 flow.Receive" {
		t.Errorf("the first setting is %v", got)
	}
}
