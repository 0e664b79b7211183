package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	names "github.com/prometheus/common/model"

	"heddle/internal/engine"
)

// scraped is what a scrape gave: by name and labels, in the order of their names; of a
// histogram there is its count under name_count and its sum under name_sum.
type scraped map[string]float64

// scrape reads the metrics of a server, which must be well-formed.
func scrape(t *testing.T, url string) scraped {
	t.Helper()
	w, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %d %v %s", w.StatusCode, err, body)
	}
	return parseScrape(t, body)
}

func parseScrape(t *testing.T, body []byte) scraped {
	t.Helper()
	parser := expfmt.NewTextParser(names.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	all := scraped{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetValue() != "" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			slices.Sort(labels)
			at := "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.GetCounter() != nil:
				all[name+at] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				all[name+at] = m.GetGauge().GetValue()
			case m.GetHistogram() != nil:
				all[name+"_count"+at], all[name+"_sum"+at] = float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
			}
		}
	}
	return all
}

// of are the numbers above zero whose names begin so.
func (s scraped) of(prefix string) scraped {
	some := scraped{}
	for name, value := range s {
		if strings.HasPrefix(name, prefix) && value != 0 {
			some[name] = value
		}
	}
	return some
}

// without leaves out labels.
func (s scraped) without(labels ...string) scraped {
	some := scraped{}
	for name, value := range s {
		family, rest, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		var kept []string
		for _, l := range strings.Split(rest, ",") {
			if key, _, _ := strings.Cut(l, "="); !slices.Contains(labels, key) {
				kept = append(kept, l)
			}
		}
		some[family+"{"+strings.Join(kept, ",")+"}"] += value
	}
	return some
}

// differences are what two scrapes do not have alike.
func (s scraped) differences(want scraped) (all []string) {
	for name, value := range want {
		if got := s[name]; got < value-1e-6*max(1, value) || got > value+1e-6*max(1, value) {
			all = append(all, fmt.Sprintf("%s is %g, want %g", name, got, value))
		}
	}
	for name, value := range s {
		if _, known := want[name]; !known {
			all = append(all, fmt.Sprintf("%s is %g, and nothing says so", name, value))
		}
	}
	slices.Sort(all)
	return all[:min(len(all), 40)]
}

// workforce does what workers and deciders do, at random, and lets some of it time out.
type workforce struct {
	t     *testing.T
	s     *Server
	mu    sync.Mutex
	dice  *rand.Rand
	calls scraped // by what heddle_requests_total should say
}

func newWorkforce(t *testing.T, s *Server) *workforce {
	return &workforce{t: t, s: s, dice: rand.New(rand.NewPCG(1, 2)), calls: scraped{}}
}

func (c *workforce) roll(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dice.IntN(n)
}

// ask calls an action, and gives the answer of one that succeeded.
func (c *workforce) ask(action, format string, args ...any) (out struct {
	TaskToken      string
	NextPageToken  string
	Events         []historyEvent
	ExecutionInfos []struct {
		Execution struct{ WorkflowID, RunID string }
	}
}, ok bool) {
	a := call(c.t.Context(), c.s, action, fmt.Sprintf(format, args...))
	code := "ok"
	if a.err != nil {
		c.t.Error(a.err)
	} else if a.status != http.StatusOK {
		var fault struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal([]byte(a.body), &fault); err != nil {
			c.t.Error(err)
		}
		code = fault.Type[strings.LastIndexByte(fault.Type, '#')+1:]
	} else if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			c.t.Error(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls["heddle_requests_total{api="+action+",code="+code+",service=swf}"]++
	return out, code == "ok"
}

// beside does something n times, some at a time.
func (c *workforce) beside(n int, do func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range 8 {
		all.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

const workforceTypes = 5

func (c *workforce) register() {
	c.ask("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	for i := range workforceTypes {
		c.ask("RegisterWorkflowType", `{"domain":"shop","name":"order%d","version":"1","defaultTaskList":{"name":"deciders"},
			"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`, i)
		c.ask("RegisterActivityType", `{"domain":"shop","name":"pack%d","version":"2","defaultTaskList":{"name":"packers"},"defaultTaskScheduleToStartTimeout":"100",
			"defaultTaskStartToCloseTimeout":"50","defaultTaskScheduleToCloseTimeout":"120","defaultTaskHeartbeatTimeout":"%s"}`, i, []string{"NONE", "20"}[i%2])
	}
}

func (c *workforce) start(from, to int) {
	c.beside(to-from, func(i int) {
		c.ask("StartWorkflowExecution", `{"domain":"shop","workflowId":"w%d","workflowType":{"name":"order%d","version":"1"}}`, from+i, c.roll(workforceTypes))
	})
}

// decide answers a decision task, or does not.
func (c *workforce) decide(token string) {
	var decisions []string
	closing := c.roll(8)
	if closing == 7 {
		return // it times out
	}
	for range c.roll(3) {
		id := c.roll(1 << 30)
		decisions = append(decisions, []string{
			fmt.Sprintf(`{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"a%d","activityType":{"name":"pack%d","version":"2"}}}`, id, c.roll(workforceTypes)),
			fmt.Sprintf(`{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"c%d","workflowType":{"name":"order%d","version":"1"}}}`, id, c.roll(workforceTypes)),
			fmt.Sprintf(`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t%d","startToFireTimeout":"10"}}`, id),
			`{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m"}}`,
			fmt.Sprintf(`{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"a%d","activityType":{"name":"pack%d","version":"2"}}}`, id, c.roll(workforceTypes)),
		}[c.roll(5)])
	}
	switch closing {
	case 0, 1, 2:
		decisions = append(decisions, `{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}`)
	case 3:
		decisions = append(decisions, `{"decisionType":"FailWorkflowExecution","failWorkflowExecutionDecisionAttributes":{"reason":"r"}}`)
	case 4:
		decisions = append(decisions, `{"decisionType":"CancelWorkflowExecution","cancelWorkflowExecutionDecisionAttributes":{}}`)
	case 5:
		decisions = append(decisions, `{"decisionType":"ContinueAsNewWorkflowExecution","continueAsNewWorkflowExecutionDecisionAttributes":{}}`)
	}
	c.ask("RespondDecisionTaskCompleted", `{"taskToken":%q,"decisions":[%s]}`, token, strings.Join(decisions, ","))
}

func (c *workforce) work(token string) {
	switch c.roll(8) {
	case 0:
		c.ask("RespondActivityTaskFailed", `{"taskToken":%q}`, token)
	case 1:
		c.ask("RespondActivityTaskCanceled", `{"taskToken":%q}`, token)
	case 2, 3: // it times out
	default:
		c.ask("RespondActivityTaskCompleted", `{"taskToken":%q}`, token)
	}
}

// advance moves the clock, and has all be done that is due.
func (c *workforce) advance(by engine.Time) {
	to := c.s.clock.Now() + by
	c.s.clock.skip(to)
	c.s.node.Advance()
	waitUntil(c.t, "what is due was done", func() bool {
		next := c.s.node.NextWake()
		return (next == 0 || next > to) && c.s.isIdle() || c.working()
	})
}

// working: tasks are in workers' hands, and nothing else is to be done.
func (c *workforce) working() bool {
	return !c.s.node.Unfinished() && c.s.node.NextWake() > c.s.clock.Now()
}

// poll takes tasks until there are no more, or now and then a little less.
func (c *workforce) poll(action, list string, do func(token string)) {
	c.beside(8, func(int) {
		for c.roll(400) > 0 {
			task, _ := c.ask(action, `{"domain":"shop","taskList":{"name":%q}}`, list)
			if task.TaskToken == "" {
				return
			}
			do(task.TaskToken)
		}
	})
}

func (c *workforce) decideAll() { c.poll("PollForDecisionTask", "deciders", c.decide) }
func (c *workforce) workAll()   { c.poll("PollForActivityTask", "packers", c.work) }

// live has n executions, with numbers from one on, live through all that may happen to them; in
// the end all are closed.
func (c *workforce) live(from, n int) {
	for range 3 {
		part := n / 6
		c.start(from, from+part)
		c.decideAll()
		c.beside(part/4, func(i int) {
			c.ask("TerminateWorkflowExecution", `{"domain":"shop","workflowId":"w%d"}`, from+i)
		})
		c.decideAll()
		c.advance(80 * 1000)
		c.workAll()
		c.advance(45 * 1000)
		c.decideAll()
		c.advance(1000)
		c.workAll()
		c.advance(1000)
		c.start(from+part, from+2*part)
		from += 2 * part
		c.decideAll()
		c.advance(110 * 1000)
	}
	c.advance(4000 * 1000)
}

// endChild has a parent terminated, and its child with it.
func (c *workforce) endChild() {
	c.ask("StartWorkflowExecution", `{"domain":"shop","workflowId":"parent","workflowType":{"name":"order0","version":"1"}}`)
	task, _ := c.ask("PollForDecisionTask", pollDeciders)
	c.ask("RespondDecisionTaskCompleted", `{"taskToken":%q,"decisions":[{"decisionType":"StartChildWorkflowExecution",
		"startChildWorkflowExecutionDecisionAttributes":{"workflowId":"child","workflowType":{"name":"order0","version":"1"}}}]}`, task.TaskToken)
	for range 2 { // one of the parent, which then knows its child
		c.ask("PollForDecisionTask", pollDeciders)
	}
	c.ask("TerminateWorkflowExecution", `{"domain":"shop","workflowId":"parent"}`)
	c.advance(4000 * 1000)
}

// historyEvent is what matters here of an event.
type historyEvent struct {
	EventID        int64
	EventType      string
	EventTimestamp float64
	attributes     struct {
		WorkflowType, ActivityType       struct{ Name, Version string }
		ScheduledEventID, StartedEventID int64
		TimeoutType, Cause               string
	}
}

// UnmarshalJSON reads the one member that has the attributes.
func (e *historyEvent) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for name, raw := range all {
		var to any
		switch {
		case name == "eventId":
			to = &e.EventID
		case name == "eventType":
			to = &e.EventType
		case name == "eventTimestamp":
			to = &e.EventTimestamp
		case strings.HasSuffix(name, "EventAttributes"):
			to = &e.attributes
		}
		if to != nil {
			if err := json.Unmarshal(raw, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// histories reads all histories there are.
func (c *workforce) histories() (all [][]historyEvent) {
	var runs []string
	for _, action := range []string{"ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"} {
		for page := ""; ; {
			from := `"startTimeFilter":{"oldestDate":0}`
			found, ok := c.ask(action, `{"domain":"shop",%s%s}`, from, page)
			if !ok {
				c.t.Fatal(action)
			}
			for _, e := range found.ExecutionInfos {
				runs = append(runs, fmt.Sprintf(`{"workflowId":%q,"runId":%q}`, e.Execution.WorkflowID, e.Execution.RunID))
			}
			if found.NextPageToken == "" {
				break
			}
			page = fmt.Sprintf(`,"nextPageToken":%q`, found.NextPageToken)
		}
	}
	all = make([][]historyEvent, len(runs))
	c.beside(len(runs), func(i int) {
		found, _ := c.ask("GetWorkflowExecutionHistory", `{"domain":"shop","execution":%s}`, runs[i])
		if found.NextPageToken != "" {
			c.t.Error("a history has a second page")
		}
		all[i] = found.Events
	})
	return all
}

// said is what counters should say of histories.
func said(all [][]historyEvent) scraped {
	want := scraped{}
	for _, events := range all {
		at := func(id int64) *historyEvent { return &events[id-1] }
		workflow := events[0].attributes.WorkflowType.Name
		labels := func(kind, version string, more ...string) string {
			l := slices.Concat([]string{"account=123456789012", "domain=shop", "region=us-east-1", "type=" + kind, "version=" + version}, more)
			slices.Sort(l)
			return "{" + strings.Join(l, ",") + "}"
		}
		took := func(metric, kind, version string, e *historyEvent, since int64) {
			want[metric+"_seconds_count"+labels(kind, version)]++
			want[metric+"_seconds_sum"+labels(kind, version)] += e.EventTimestamp - at(since).EventTimestamp
		}
		for i := range events {
			e := &events[i]
			a := &e.attributes
			status, closes := map[string]string{
				"WorkflowExecutionCompleted": "completed", "WorkflowExecutionFailed": "failed", "WorkflowExecutionCanceled": "canceled",
				"WorkflowExecutionContinuedAsNew": "continued_as_new", "WorkflowExecutionTerminated": "terminated", "WorkflowExecutionTimedOut": "timed_out",
			}[e.EventType]
			if closes {
				more := []string{"status=" + status}
				if a.Cause != "" {
					more = append(more, "cause="+strings.ToLower(a.Cause))
				}
				want["heddle_swf_workflows_closed_total"+labels(workflow, "1", more...)]++
				took("heddle_swf_workflow_start_to_close", workflow, "1", e, 1)
				continue
			}
			switch e.EventType {
			case "WorkflowExecutionStarted":
				want["heddle_swf_workflows_started_total"+labels(workflow, "1")]++
			case "DecisionTaskStarted":
				took("heddle_swf_decision_schedule_to_start", workflow, "1", e, a.ScheduledEventID)
			case "DecisionTaskCompleted", "DecisionTaskTimedOut":
				outcome := "completed"
				if a.TimeoutType != "" {
					outcome = strings.ToLower(a.TimeoutType)
				}
				want["heddle_swf_decisions_total"+labels(workflow, "1", "outcome="+outcome)]++
				took("heddle_swf_decision_start_to_close", workflow, "1", e, a.StartedEventID)
			case "ActivityTaskStarted":
				took("heddle_swf_activity_schedule_to_start", at(a.ScheduledEventID).attributes.ActivityType.Name, "2", e, a.ScheduledEventID)
			case "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskCanceled", "ActivityTaskTimedOut":
				outcome := strings.ToLower(strings.TrimPrefix(e.EventType, "ActivityTask"))
				if a.TimeoutType != "" {
					outcome = strings.ToLower(a.TimeoutType)
				}
				kind := at(a.ScheduledEventID).attributes.ActivityType.Name
				want["heddle_swf_activities_total"+labels(kind, "2", "outcome="+outcome)]++
				if a.StartedEventID != 0 {
					took("heddle_swf_activity_start_to_close", kind, "2", e, a.StartedEventID)
				}
				took("heddle_swf_activity_schedule_to_close", kind, "2", e, a.ScheduledEventID)
			}
		}
	}
	for name, value := range want {
		if value == 0 {
			delete(want, name)
		}
	}
	return want
}

var notOfHistories = []string{"heddle_swf_decision_requests", "heddle_swf_tasks", "heddle_swf_polls", "heddle_swf_limit"}

// ofHistories are the metrics of a scrape that histories foretell.
func (s scraped) ofHistories() scraped {
	some := s.of("heddle_swf_")
	for name := range some {
		if slices.ContainsFunc(notOfHistories, func(p string) bool { return strings.HasPrefix(name, p) }) {
			delete(some, name)
		}
	}
	return some
}

// TestMetricsEqualHistories: after thousands of executions with failures and timeouts every
// counter, and every sum of times, is what the histories say, and calls are what was called.
func TestMetricsEqualHistories(t *testing.T) {
	cfg := memory()
	cfg.PollHold = 100 * time.Millisecond // enough for a poll that finds a task, however busy the machine
	s := start(t, cfg)
	c := newWorkforce(t, s)
	c.register()
	c.live(0, 1800)
	c.endChild()
	histories := c.histories()
	now := scrape(t, s.URL())
	if len(histories) < 2000 { // with those that others begin
		t.Errorf("%d histories", len(histories))
	}
	want := said(histories)
	for _, some := range []string{
		"heddle_swf_workflows_closed_total{account=123456789012,cause=child_policy_applied,", "outcome=heartbeat", "outcome=schedule_to_start", "outcome=schedule_to_close",
		"outcome=start_to_close", "status=continued_as_new", "status=timed_out", "status=failed", "status=canceled",
	} {
		seen := false
		for name := range want {
			seen = seen || strings.Contains(name, some)
		}
		if !seen {
			t.Errorf("no execution shows %s", some)
		}
	}
	for _, d := range now.ofHistories().differences(want) {
		t.Error(d)
	}
	for _, d := range now.of("heddle_requests_total").differences(c.calls) {
		t.Error(d)
	}
	requests := 0.0
	for _, n := range c.calls {
		requests += n
	}
	if got := now.of("heddle_request_seconds_count").without("api", "service"); got["heddle_request_seconds_count{}"] != requests {
		t.Errorf("%v, want %g", got, requests)
	}
	open := 0.0
	for _, events := range histories {
		if !strings.HasPrefix(events[len(events)-1].EventType, "WorkflowExecution") {
			open++
		}
	}
	if got := now.of("heddle_open_executions"); open > 0 && got["heddle_open_executions{account=123456789012,domain=shop,region=us-east-1,service=swf}"] != open {
		t.Errorf("%v, want %g", got, open)
	}
}
