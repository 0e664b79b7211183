package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/swf/wire"
	"heddle/internal/swf/wire/wiretest"
)

// TestMain holds every answer of SWF that any test here gets by http.DefaultTransport
// against the model. A test whose answers may be anything has a transport of its own.
func TestMain(m *testing.M) {
	http.DefaultTransport = strict(http.DefaultTransport)
	code := m.Run()
	answers.mu.Lock()
	defer answers.mu.Unlock()
	for _, flaw := range answers.flaws {
		fmt.Println("FAIL: an answer that its shape does not allow:", flaw)
		code = 1
	}
	os.Exit(code)
}

// model holds answers against SWF's model.
var model = wiretest.Read("../swf/wire/model.json")

// answers are what was wrong with any, and how many were looked at.
var answers struct {
	mu    sync.Mutex
	seen  int
	flaws []string
}

// strictTransport looks at the answers that it carries.
type strictTransport struct{ http.RoundTripper }

func strict(next http.RoundTripper) http.RoundTripper { return &strictTransport{next} }

func (s *strictTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := *r
	if r.Body != nil && r.Body != http.NoBody {
		// The vendor's clients close their bodies at the first sign of an answer, and then WriteTo,
		// by which net/http sees that nothing follows, fails and breaks the connection.
		sent.Body = struct{ io.ReadCloser }{r.Body}
	}
	w, err := s.RoundTripper.RoundTrip(&sent)
	prefix, action, swf := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	refused := w != nil && w.StatusCode == http.StatusForbidden // before any service heard of it, in plain text
	if err == nil && swf && prefix == wire.TargetPrefix && r.Method == http.MethodPost && !refused {
		w.Body = &readAnswer{ReadCloser: w.Body, action: action, status: w.StatusCode, length: w.ContentLength}
	}
	return w, err
}

// CloseIdleConnections is for http.Client's method of that name.
func (s *strictTransport) CloseIdleConnections() {
	if c, ok := s.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// readAnswer keeps a body as it is read and looks at it when it is whole.
type readAnswer struct {
	io.ReadCloser
	action string
	status int
	length int64
	body   bytes.Buffer
	looked bool
}

func (a *readAnswer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	a.body.Write(p[:n])
	if err == io.EOF && !a.looked {
		a.looked = true
		a.look()
	}
	return n, err
}

func (a *readAnswer) look() {
	flaw := model.Flaw(a.action, a.status, a.body.Bytes())
	answers.mu.Lock()
	defer answers.mu.Unlock()
	answers.seen++
	if flaw != nil && len(answers.flaws) < 20 {
		answers.flaws = append(answers.flaws, fmt.Sprintf("%s %d: %v", a.action, a.status, flaw))
	}
}

// TestEveryAnswerFits calls all actions, each when there is as little to tell as can be,
// and then when there is more.
func TestEveryAnswerFits(t *testing.T) {
	cfg := memory()
	cfg.PollHold = 10 * time.Millisecond
	s := start(t, cfg)
	calls, tokens := 0, map[string]string{}
	called := map[string]bool{}
	ask := func(action, body string) {
		t.Helper()
		for name, value := range tokens {
			body = strings.ReplaceAll(body, name, value)
		}
		a := call(t.Context(), s, action, body)
		if a.err != nil || a.status != http.StatusOK {
			t.Fatalf("%s %s: %d %s %v", action, body, a.status, a.body, a.err)
		}
		if flaw := model.Flaw(action, a.status, []byte(a.body)); flaw != nil {
			t.Errorf("%s: %v", action, flaw)
		}
		called[action] = true
		calls++
		if _, rest, found := strings.Cut(a.body, `"runId":"`); found {
			tokens["RUN"], _, _ = strings.Cut(rest, `"`)
		}
		if _, rest, found := strings.Cut(a.body, `"taskToken":"`); found {
			tokens["TOKEN"], _, _ = strings.Cut(rest, `"`)
		}
	}
	// take is ask for a poll that finds a task, though the time of polls may be too short for that.
	take := func(action, body string) {
		t.Helper()
		delete(tokens, "TOKEN")
		waitUntil(t, "a task is taken", func() bool {
			ask(action, body)
			return tokens["TOKEN"] != ""
		})
	}
	exactly := func(action, body, want string) {
		t.Helper()
		if a := call(t.Context(), s, action, body); a != (reply{http.StatusOK, want, nil}) {
			t.Errorf("%s: %+v, want %s", action, a, want)
		}
	}
	const (
		order    = `"domain":"shop","workflowType":{"name":"order","version":"1"}`
		pack     = `"domain":"shop","activityType":{"name":"pack","version":"1"}`
		arn      = `"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/shop"`
		listed   = `"domain":"shop","startTimeFilter":{"oldestDate":0}`
		deciders = `{"domain":"shop","taskList":{"name":"deciders"}}`
		packers  = `{"domain":"shop","taskList":{"name":"packers"}}`
		run      = `"execution":{"workflowId":"a","runId":"RUN"}`
	)

	// Nothing is there.
	ask("ListDomains", `{"registrationStatus":"REGISTERED"}`)
	ask("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`)
	ask("DescribeDomain", `{"name":"shop"}`)
	ask("ListTagsForResource", `{`+arn+`}`)
	for _, sort := range []string{"Workflow", "Activity"} {
		ask("List"+sort+"Types", `{"domain":"shop","registrationStatus":"DEPRECATED"}`)
	}
	for _, action := range []string{"ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions", "CountOpenWorkflowExecutions", "CountClosedWorkflowExecutions"} {
		ask(action, `{`+listed+`}`)
	}
	ask("CountPendingDecisionTasks", deciders)
	ask("CountPendingActivityTasks", packers)
	exactly("PollForActivityTask", packers, `{"startedEventId":0}`)
	exactly("PollForDecisionTask", deciders, `{"previousStartedEventId":0,"startedEventId":0}`)
	ask("PollForActivityTask", packers)
	ask("PollForDecisionTask", deciders)

	// What has no more than it must.
	for _, sort := range []string{"Workflow", "Activity"} {
		ask("Register"+sort+"Type", `{"domain":"shop","name":"bare","version":"1"}`)
		ask("Describe"+sort+"Type", `{"domain":"shop","`+strings.ToLower(sort)+`Type":{"name":"bare","version":"1"}}`)
	}
	ask("RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1"}`)
	ask("RegisterActivityType", `{"domain":"shop","name":"pack","version":"1"}`)
	ask("StartWorkflowExecution", `{"workflowId":"a",`+order+`,"taskList":{"name":"deciders"},
		"executionStartToCloseTimeout":"9000","taskStartToCloseTimeout":"NONE","childPolicy":"ABANDON"}`)
	ask("DescribeWorkflowExecution", `{"domain":"shop",`+run+`}`)
	ask("GetWorkflowExecutionHistory", `{"domain":"shop",`+run+`}`)
	take("PollForDecisionTask", deciders)
	ask("RespondDecisionTaskCompleted", `{"taskToken":"TOKEN"}`)
	ask("SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s"}`)
	take("PollForDecisionTask", deciders)
	ask("RespondDecisionTaskCompleted", `{"taskToken":"TOKEN","decisions":[{"decisionType":"ScheduleActivityTask",
		"scheduleActivityTaskDecisionAttributes":{"activityId":"p","activityType":{"name":"pack","version":"1"},"taskList":{"name":"packers"},
		"scheduleToCloseTimeout":"NONE","scheduleToStartTimeout":"NONE","startToCloseTimeout":"NONE","heartbeatTimeout":"NONE"}}]}`)
	take("PollForActivityTask", packers)
	ask("RecordActivityTaskHeartbeat", `{"taskToken":"TOKEN"}`)
	ask("RespondActivityTaskCompleted", `{"taskToken":"TOKEN"}`)

	// Activity tasks that end in other ways, and a decision of each type.
	for _, end := range []string{"Failed", "Canceled"} {
		take("PollForDecisionTask", deciders)
		ask("RespondDecisionTaskCompleted", `{"taskToken":"TOKEN","executionContext":"c","decisions":[
			{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"`+end+`","activityType":{"name":"pack","version":"1"},
			"taskList":{"name":"packers"},"input":"i","control":"c","taskPriority":"-1","scheduleToCloseTimeout":"900","scheduleToStartTimeout":"900","startToCloseTimeout":"900","heartbeatTimeout":"900"}},
			{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"x","activityType":{"name":"none","version":"1"}}},
			{"decisionType":"RequestCancelActivityTask","requestCancelActivityTaskDecisionAttributes":{"activityId":"none"}},
			{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"`+end+`","startToFireTimeout":"50","control":"c"}},
			{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"`+end+`"}},
			{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"none"}},
			{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":"d"}},
			{"decisionType":"SignalExternalWorkflowExecution","signalExternalWorkflowExecutionDecisionAttributes":{"workflowId":"none","signalName":"s"}},
			{"decisionType":"RequestCancelExternalWorkflowExecution","requestCancelExternalWorkflowExecutionDecisionAttributes":{"workflowId":"none"}},
			{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"child","workflowType":{"name":"none","version":"1"}}},
			{"decisionType":"ScheduleLambdaFunction","scheduleLambdaFunctionDecisionAttributes":{"id":"l","name":"f"}},
			{"decisionType":"ContinueAsNewWorkflowExecution","continueAsNewWorkflowExecutionDecisionAttributes":{"workflowTypeVersion":"none"}}]}`)
		take("PollForActivityTask", packers)
		ask("RespondActivityTask"+end, `{"taskToken":"TOKEN"}`)
	}
	ask("RequestCancelWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	ask("ListOpenWorkflowExecutions", `{`+listed+`}`)
	ask("TerminateWorkflowExecution", `{"domain":"shop","workflowId":"a"}`)
	ask("ListClosedWorkflowExecutions", `{`+listed+`}`)
	ask("CountClosedWorkflowExecutions", `{`+listed+`}`)
	ask("DescribeWorkflowExecution", `{"domain":"shop",`+run+`}`)
	ask("GetWorkflowExecutionHistory", `{"domain":"shop",`+run+`}`)
	ask("GetWorkflowExecutionHistory", `{"domain":"shop",`+run+`,"maximumPageSize":2,"reverseOrder":true}`)

	// What is registered, with all that can be said of it, and its end.
	ask("TagResource", `{`+arn+`,"tags":[{"key":"k"},{"key":"l","value":""}]}`)
	ask("ListTagsForResource", `{`+arn+`}`)
	ask("UntagResource", `{`+arn+`,"tagKeys":["k"]}`)
	for sort, of := range map[string]string{"Workflow": order, "Activity": pack} {
		ask("List"+sort+"Types", `{"domain":"shop","registrationStatus":"REGISTERED","maximumPageSize":1}`)
		ask("Deprecate"+sort+"Type", `{`+of+`}`)
		ask("Describe"+sort+"Type", `{`+of+`}`)
		ask("List"+sort+"Types", `{"domain":"shop","registrationStatus":"DEPRECATED"}`)
		ask("Undeprecate"+sort+"Type", `{`+of+`}`)
		ask("Deprecate"+sort+"Type", `{`+of+`}`)
		ask("Delete"+sort+"Type", `{`+of+`}`)
	}
	ask("DeprecateDomain", `{"name":"shop"}`)
	ask("ListDomains", `{"registrationStatus":"DEPRECATED"}`)
	ask("UndeprecateDomain", `{"name":"shop"}`)
	ask("ListDomains", `{"registrationStatus":"REGISTERED"}`)

	for _, op := range wire.Operations {
		if !called[op.Name] {
			t.Errorf("%s was not called", op.Name)
		}
	}
	t.Logf("%d answers of %d actions", calls, len(called))
}
