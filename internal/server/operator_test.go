package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/sfn"
	"heddle/internal/swf"
	"heddle/internal/swf/execution"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// operator is a call of an action of the operator service.
func (h *harness) operator(key aws.Credentials, action, body string) *knock {
	k := h.swf(key, action, body)
	k.service, k.header = "heddle", http.Header{"X-Amz-Target": {"HeddleOperator." + action}, "Content-Type": {"application/x-amz-json-1.0"}}
	return k
}

// member is the text of a member of an answer.
func member(answer, name string) string {
	_, rest, _ := strings.Cut(answer, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// shop registers a domain and types, with the activity's list name.
func (h *harness) shop(domain string) {
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"`+domain+`","workflowExecutionRetentionPeriodInDays":"1"}`))
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"`+domain+`","name":"order","version":"1","defaultTaskList":{"name":"deciders"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`))
	h.must(h.swf(h.root, "RegisterActivityType", `{"domain":"`+domain+`","name":"mail","version":"1","defaultTaskList":{"name":"mailers"},"defaultTaskHeartbeatTimeout":"NONE","defaultTaskScheduleToStartTimeout":"600","defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskStartToCloseTimeout":"NONE"}`))
}

// begin starts an execution whose decision has scheduled an activity that nobody takes.
func (h *harness) begin(domain, id string) {
	h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"`+domain+`","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`))
	token := member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"`+domain+`","taskList":{"name":"deciders"},"identity":"decider-1"}`)), "taskToken")
	h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"m","activityType":{"name":"mail","version":"1"}}}]}`))
}

// TestOperatorService has the actions tell what they are for: the list that nobody polls, who
// polls what, the decider whose answers are refused, and how the server is.
func TestOperatorService(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.begin("shop", "order-1")
	inspect := func(id string) string {
		return h.must(h.operator(h.root, "InspectExecution", `{"domain":"shop","workflowId":"`+id+`"}`))
	}
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s\nwithout %s", got, part)
			}
		}
	}
	want(inspect("order-1"), `"code":"NO_WORKER","text":"Activity mail (m) waits on task list mailers for `, `nobody polls it, nor has since the start."`, `"state":"waits"`)

	waits := make(chan answered)
	go func() {
		waits <- h.ask(h.swf(h.root, "PollForActivityTask", `{"domain":"shop","taskList":{"name":"mailer"},"identity":"mailer-7"}`))
	}()
	waitUntil(t, "somebody polls", func() bool {
		return h.matcher.Look(execution.ActivityList(engine.World{Account: defaults.Account, Region: defaults.Region}, "shop", "mailer"), 0).Polls == 1
	})
	want(inspect("order-1"), `Polled is \"mailer\" (1 poll)`)
	want(h.must(h.operator(h.root, "ListTaskLists", `{"service":"swf","domain":"shop"}`)),
		`"kind":"activity","domain":"shop","name":"mailer","backlog":0,"pollsWaiting":1`, `"name":"mailers","backlog":1,"oldestTimestamp":`, `"kind":"decision"`)
	want(h.must(h.operator(h.root, "DescribeTaskList", `{"service":"swf","domain":"shop","kind":"activity","name":"mailer"}`)),
		`"identity":"mailer-7","principal":"arn:aws:iam::123456789012:root","address":"127.0.0.1","pollsWaiting":1`)
	want(h.must(h.operator(h.root, "DescribeTaskList", `{"service":"swf","domain":"shop","kind":"activity","name":"mailers"}`)),
		`"pollers":[]`, `"workflowId":"order-1"`)

	// By pages of one they are the same.
	var names []string
	for next := ""; ; {
		page := h.must(h.operator(h.root, "ListTaskLists", `{"service":"swf","maximumPageSize":1`+next+`}`))
		names = append(names, member(page, "kind")+" "+member(page, "name"))
		if token := member(page, "nextPageToken"); token == "" {
			break
		} else {
			next = `,"nextPageToken":"` + token + `"`
		}
	}
	if got := strings.Join(names, ", "); got != "activity mailer, activity mailers, decision deciders" {
		t.Errorf("lists by page: %s", got)
	}

	// A decider whose answers are not valid.
	h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"order-2","workflowType":{"name":"order","version":"1"}}`))
	token := member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"}}`)), "taskToken")
	for range 2 {
		h.refused("ValidationException", h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[{"decisionType":"ScheduleActivityTask"}]}`))
	}
	want(inspect("order-2"), `"code":"DECISION_REFUSED","text":"The decider's answer of arn:aws:iam::123456789012:root was refused 2 times`)
	want(h.must(h.operator(h.root, "ListRefusals", `{"maximumPageSize":1}`)), `"action":"RespondDecisionTaskCompleted"`, `"workflowId":"order-2"`)
	want(h.must(h.operator(h.root, "GetServerStatus", `{}`)), `"pollsWaiting":1`, `"store":"`)

	for body, part := range map[string]string{
		`{"domain":"shop","workflowId":"nobody"}`: "ResourceNotFoundException", `{"domain":"nowhere","workflowId":"order-1"}`: "ResourceNotFoundException",
		`{"executionArn":"arn:aws:states:us-east-1:123456789012:execution:m:x"}`: "ResourceNotFoundException", `{"domain":"shop"}`: "ValidationException",
		`{"domain":"shop","workflowId":"order-1","executionArn":"arn:x"}`: "ValidationException", `{}`: "ValidationException",
	} {
		h.refused(part, h.operator(h.root, "InspectExecution", body))
	}
	list := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			run := member(h.must(h.swf(h.root, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+id+`"}}`)), "runId")
			all = append(all, `{"workflowId":"`+id+`","runId":"`+run+`"}`)
		}
		return `{"domain":"shop","executions":[` + strings.Join(all, ",") + `,{"workflowId":"order-1","runId":"gone"}]}`
	}
	verdicts := h.must(h.operator(h.root, "ListVerdicts", list("order-2", "order-1")))
	want(verdicts, `"code":"DECISION_REFUSED"`, `"code":"NO_WORKER"`)
	if strings.Count(verdicts, `"code"`) != 2 || strings.Index(verdicts, "DECISION_REFUSED") > strings.Index(verdicts, "NO_WORKER") {
		t.Errorf("verdicts of two: %s", verdicts)
	}
	h.matcher.Drain()
	<-waits
}

// TestOperatorTellsWhatPoliciesAllow: an execution is inspected by those alone who may
// describe it and read its history; who polls a list and which lists there are is for those
// who may see that, also within a verdict; and what is in one domain stays there.
func TestOperatorTellsWhatPoliciesAllow(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.shop("other")
	h.begin("shop", "order-1")
	poller := make(chan answered)
	go func() {
		poller <- h.ask(h.swf(h.root, "PollForActivityTask", `{"domain":"shop","taskList":{"name":"mailer"},"identity":"mailer-7"}`))
	}()
	waitUntil(t, "somebody polls", func() bool {
		return h.matcher.Look(execution.ActivityList(engine.World{Account: defaults.Account, Region: defaults.Region}, "shop", "mailer"), 0).Polls == 1
	})
	const shop = "arn:aws:swf:us-east-1:123456789012:/domain/shop"
	const inspectShop, inspectOther = `{"domain":"shop","workflowId":"order-1"}`, `{"domain":"other","workflowId":"order-1"}`
	const awaitShop = `{"domain":"shop","workflowId":"order-1","events":0}`
	const lists, other, one, all = `{"service":"swf","domain":"shop"}`, `{"service":"swf","domain":"other"}`, `{"service":"swf","kind":"activity","domain":"shop","name":"mailers"}`, `{"service":"swf"}`

	nobody := h.user("nobody")
	reader := h.user("reader", allow("swf:DescribeWorkflowExecution swf:GetWorkflowExecutionHistory", shop))
	half := h.user("half", allow("swf:DescribeWorkflowExecution", shop))
	lister := h.user("lister", allow("heddle:ListTaskLists", shop))
	mailers := h.user("mailers", `{"Effect":"Allow","Action":"heddle:DescribeTaskList","Resource":"`+shop+`","Condition":{"StringEquals":{"swf:taskList.name":"mailer"}}}`)
	states := h.user("states", allow("states:*", "*"))
	watcher := h.user("watcher", allow("heddle:List* heddle:Describe*", "*"))
	for _, c := range []struct {
		who          string
		key          aws.Credentials
		action, body string
		may          bool
	}{
		{"nobody", nobody, "InspectExecution", inspectShop, false}, {"nobody", nobody, "ListTaskLists", lists, false}, {"nobody", nobody, "DescribeTaskList", one, false},
		{"nobody", nobody, "ListRefusals", `{}`, false}, {"nobody", nobody, "GetServerStatus", `{}`, false},
		{"nobody", nobody, "ListEventTargets", `{}`, false}, {"nobody", nobody, "DescribeEventTarget", `{"name":"log"}`, false}, {"nobody", nobody, "RedeliverEvents", `{"name":"log"}`, false},
		{"watcher", watcher, "ListEventTargets", `{}`, true}, {"watcher", watcher, "RedeliverEvents", `{"name":"log"}`, false},
		{"half", half, "InspectExecution", inspectShop, false}, {"reader", reader, "InspectExecution", inspectShop, true}, {"reader", reader, "InspectExecution", inspectOther, false},
		{"half", half, "AwaitExecution", awaitShop, false}, {"reader", reader, "AwaitExecution", awaitShop, true},
		{"states", states, "InspectExecution", inspectShop, false},
		{"reader", reader, "ListTaskLists", lists, false}, {"reader", reader, "DescribeTaskList", one, false},
		{"lister", lister, "ListTaskLists", lists, true}, {"lister", lister, "ListTaskLists", other, false}, {"lister", lister, "ListTaskLists", all, false},
		{"lister", lister, "DescribeTaskList", one, false}, {"mailers", mailers, "DescribeTaskList", one, false},
		{"mailers", mailers, "DescribeTaskList", strings.Replace(one, "mailers", "mailer", 1), true},
	} {
		got := h.ask(h.operator(c.key, c.action, c.body))
		if c.may != (got.fault == "") || !c.may && got.fault != "AccessDeniedException" {
			t.Errorf("%s, %s %s: %d %s", c.who, c.action, c.body, got.status, got.text)
		}
	}

	// The verdict tells no more of lists than their own actions would.
	got := h.must(h.operator(reader, "InspectExecution", inspectShop))
	if !strings.Contains(got, "NO_WORKER") || strings.Contains(got, `\"mailer\"`) {
		t.Errorf("who may not list task lists hears of others: %s", got)
	}
	both := h.user("both", allow("swf:DescribeWorkflowExecution swf:GetWorkflowExecutionHistory heddle:ListTaskLists", shop))
	if got := h.must(h.operator(both, "InspectExecution", inspectShop)); !strings.Contains(got, `\"mailer\" (1 poll)`) {
		t.Errorf("who may list task lists is not told of others: %s", got)
	}
	token := func() string {
		h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"order-2","workflowType":{"name":"order","version":"1"}}`))
		return member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"}}`)), "taskToken")
	}()
	h.refused("ValidationException", h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[{"decisionType":"ScheduleActivityTask"}]}`))
	got = h.must(h.operator(reader, "InspectExecution", `{"domain":"shop","workflowId":"order-2"}`))
	if !strings.Contains(got, "refused 1 time") || strings.Contains(got, "iam::") || strings.Contains(got, "must be specified") {
		t.Errorf("who may not see refusals hears what was said to whom: %s", got)
	}
	h.matcher.Drain()
	<-poller
}

// TestSearchExecutions: by everything that may be asked and all of it together, in both orders,
// by pages; a search looks at so many and says how far; it needs the permission of the list
// that would show the same.
func TestSearchExecutions(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"shop","name":"refund","version":"2","defaultTaskList":{"name":"nobody"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`))
	for n := range 12 {
		of, tag := `{"name":"order","version":"1"}`, "even"
		if n%3 == 0 {
			of = `{"name":"refund","version":"2"}`
		}
		if n%2 == 1 {
			tag = "odd"
		}
		h.must(h.swf(h.root, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"w-%02d","workflowType":%s,"tagList":[%q]}`, n, of, tag)))
		began := h.clock.Now()
		waitUntil(t, "the next one begins later", func() bool { return h.clock.Now() > began })
	}
	for _, n := range []int{3, 4, 5} {
		h.must(h.swf(h.root, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"w-%02d"}`, n)))
		closed := h.clock.Now()
		waitUntil(t, "the next one closes later", func() bool { return h.clock.Now() > closed })
	}
	search := func(in string) (ids []string, got string) {
		t.Helper()
		got = h.must(h.operator(h.root, "SearchExecutions", `{"domain":"shop",`+in+`}`))
		for rest := got; ; {
			_, after, more := strings.Cut(rest, `{"execution":`)
			if !more {
				return ids, got
			}
			ids, rest = append(ids, strings.TrimPrefix(member(after, "workflowId"), "w-")), after
		}
	}
	for in, want := range map[string]string{
		`"status":"OPEN"`:                                                                        "11 10 09 08 07 06 02 01 00",
		`"status":"OPEN","oldestFirst":true`:                                                     "00 01 02 06 07 08 09 10 11",
		`"status":"OPEN","typeName":"refund"`:                                                    "09 06 00",
		`"status":"OPEN","typeName":"refund","typeVersion":"1"`:                                  "",
		`"status":"OPEN","typeName":"refund","tag":"even"`:                                       "06 00",
		`"status":"OPEN","typeName":"refund","typeVersion":"2","tag":"odd","workflowIdPart":"9"`: "09",
		`"status":"OPEN","workflowIdPrefix":"w-1"`:                                               "11 10",
		`"status":"OPEN","workflowIdPart":"0","tag":"even","oldestFirst":true`:                   "00 02 06 08 10",
		`"status":"OPEN","workflowId":"w-07"`:                                                    "07",
		`"status":"OPEN","workflowId":"w-07","tag":"even"`:                                       "",
		`"status":"OPEN","startedTo":1`:                                                          "",
		`"status":"CLOSED"`:                                                                      "05 04 03",
		`"status":"CLOSED","closeStatus":"TERMINATED","typeName":"order","orderBy":"closed"`:     "05 04",
		`"status":"CLOSED","closeStatus":"COMPLETED"`:                                            "",
		`"status":"CLOSED","tag":"odd","orderBy":"closed","oldestFirst":true,"closedFrom":1`:     "03 05",
		`"status":"CLOSED","closedTo":1`:                                                         "",
	} {
		ids, got := search(in)
		if strings.Join(ids, " ") != want || strings.Contains(got, "nextPageToken") {
			t.Errorf("%s finds %v, want %s: %s", in, ids, want, got)
		}
		// By pages of one it is the same.
		var paged []string
		for next := ""; ; {
			ids, got := search(in + `,"maximumPageSize":1` + next)
			paged = append(paged, ids...)
			token := member(got, "nextPageToken")
			if token == "" {
				break
			}
			next = `,"nextPageToken":"` + token + `"`
		}
		if strings.Join(paged, " ") != want {
			t.Errorf("%s finds by pages %v, want %s", in, paged, want)
		}
	}
	if _, got := search(`"status":"OPEN","workflowIdPart":"nothing"`); !strings.Contains(got, `"lookedAt":9,"upTo":`) {
		t.Errorf("it says %s", got)
	}
	for in, code := range map[string]string{
		`"domain":"shop","status":"OPEN","closeStatus":"FAILED"`: "ValidationException", `"domain":"shop","status":"OPEN","typeVersion":"1"`: "ValidationException", `"domain":"shop"`: "ValidationException",
		`"domain":"nowhere","status":"OPEN"`: "ResourceNotFoundException", `"domain":"shop","status":"OPEN","nextPageToken":"x"`: "ValidationException",
	} {
		h.refused(code, h.operator(h.root, "SearchExecutions", "{"+in+"}"))
	}
	const shop = "arn:aws:swf:us-east-1:123456789012:/domain/shop"
	open := h.user("open", allow("swf:ListOpenWorkflowExecutions", shop))
	odd := h.user("odd", `{"Effect":"Allow","Action":"swf:ListOpenWorkflowExecutions","Resource":"`+shop+`","Condition":{"StringEquals":{"swf:tagFilter.tag":"odd"}}}`)
	h.must(h.operator(open, "SearchExecutions", `{"domain":"shop","status":"OPEN"}`))
	h.refused("AccessDeniedException", h.operator(open, "SearchExecutions", `{"domain":"shop","status":"CLOSED"}`))
	h.must(h.operator(odd, "SearchExecutions", `{"domain":"shop","status":"OPEN","tag":"odd","typeName":"order"}`))
	h.refused("AccessDeniedException", h.operator(odd, "SearchExecutions", `{"domain":"shop","status":"OPEN","typeName":"order"}`))
}

// TestStreamEvents: who has a place hears what comes from then on, of the domains that he may
// read, each event once; while he waits his call counts as a poll.
func TestStreamEvents(t *testing.T) {
	h := newHarness(t)
	h.shop("shop")
	h.shop("other")
	const shop = "arn:aws:swf:us-east-1:123456789012:/domain/shop"
	reader := h.user("reader", allow("swf:GetWorkflowExecutionHistory", shop))
	h.refused("AccessDeniedException", h.operator(reader, "StreamEvents", `{}`))
	h.refused("AccessDeniedException", h.operator(reader, "StreamEvents", `{"domain":"other"}`))
	h.refused("ValidationException", h.operator(reader, "StreamEvents", `{"domain":"shop","nextPageToken":"x"}`))
	place := func(key aws.Credentials, in string) string {
		return member(h.must(h.operator(key, "StreamEvents", "{"+in+"}")), "nextPageToken")
	}
	ofShop, ofAll, ofOne := place(reader, `"domain":"shop"`), place(h.root, ""), place(h.root, `"domain":"shop","workflowId":"order-2"`)
	h.refused("ValidationException", h.operator(reader, "StreamEvents", `{"domain":"shop","nextPageToken":"`+ofAll+`"}`))

	h.begin("shop", "order-1")
	h.begin("other", "order-1")
	h.begin("shop", "order-2")
	// hear reads on until so many events have come.
	hear := func(key aws.Credentials, in, token string, n int) (heard []string, next string) {
		t.Helper()
		for next = token; len(heard) < n; {
			got := h.must(h.operator(key, "StreamEvents", "{"+in+`"nextPageToken":"`+next+`"}`))
			if !strings.Contains(got, `"missed":false`) {
				t.Errorf("a gap: %s", got)
			}
			for rest := got; ; {
				_, after, more := strings.Cut(rest, `{"execution":`)
				if !more {
					break
				}
				kind, _, _ := strings.Cut(strings.SplitN(after, `eventType\":\"`, 2)[1], `\`)
				heard = append(heard, member(after, "domain")+" "+member(after, "workflowId")+" "+kind)
				rest = after
			}
			next = member(got, "nextPageToken")
		}
		return heard, next
	}
	const begun = "WorkflowExecutionStarted DecisionTaskScheduled DecisionTaskStarted DecisionTaskCompleted ActivityTaskScheduled"
	of := func(names ...string) (all []string) {
		for _, name := range names {
			for _, kind := range strings.Fields(begun) {
				all = append(all, name+" "+kind)
			}
		}
		return all
	}
	for _, c := range []struct {
		key       aws.Credentials
		in, token string
		want      []string
	}{
		{reader, `"domain":"shop",`, ofShop, of("shop order-1", "shop order-2")},
		{h.root, "", ofAll, of("shop order-1", "other order-1", "shop order-2")},
		{h.root, `"domain":"shop","workflowId":"order-2",`, ofOne, of("shop order-2")},
	} {
		if heard, _ := hear(c.key, c.in, c.token, len(c.want)); strings.Join(heard, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s hears\n%s\nwant\n%s", c.in, strings.Join(heard, "\n"), strings.Join(c.want, "\n"))
		}
	}

	_, at := hear(reader, `"domain":"shop",`, ofShop, 10)
	waits := make(chan answered)
	go func() {
		waits <- h.ask(h.operator(reader, "StreamEvents", `{"domain":"shop","nextPageToken":"`+at+`"}`))
	}()
	waitUntil(t, "it counts as a poll", func() bool {
		return strings.Contains(h.must(h.operator(h.root, "GetServerStatus", `{}`)), `"pollsWaiting":1`) && h.requests.Taken() == 0
	})
	h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"other","workflowId":"order-1","signalName":"x"}`))
	h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"order-1","signalName":"y"}`))
	if got := <-waits; !strings.Contains(got.text, "WorkflowExecutionSignaled") || strings.Contains(got.text, "other") {
		t.Errorf("it is woken by %s", got.text)
	}
}

// TestStreamEventsOfMachines: executions of state machines are in the same stream, each for who
// may read its history; of what a key seals nobody hears what it says, nor of express executions.
func TestStreamEventsOfMachines(t *testing.T) {
	m := newMachineKeys(t)
	m.shop("shop")
	const arn = "arn:aws:states:us-east-1:123456789012:"
	make := func(name, kind string) string {
		return m.field("stateMachineArn", m.must(m.states(m.root, "CreateStateMachine", `{"name":"`+name+`","type":"`+kind+`","roleArn":"`+roleARN("machines")+`","definition":"{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":200,\"End\":true}}}"}`)))
	}
	plain, other, express := make("plain", "STANDARD"), make("other", "STANDARD"), make("fast", "EXPRESS")
	sealed := m.machine("sealed", "STANDARD", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"`+secretOf+`","Cause":"`+secretOf+`"}}}`)

	both := m.user("both", allow("swf:GetWorkflowExecutionHistory", "arn:aws:swf:us-east-1:123456789012:/domain/*"), allow("states:GetExecutionHistory", arn+"execution:*:*"))
	onePlain := m.user("one", allow("states:GetExecutionHistory", arn+"execution:plain:*"))
	onlySWF := m.user("swf", allow("swf:GetWorkflowExecutionHistory", "*"))
	ask := func(key aws.Credentials, in string) *knock { return m.operator(key, "StreamEvents", "{"+in+"}") }
	for key, wants := range map[*aws.Credentials][]string{
		&onePlain: {``, `"service":"states"`, `"service":"swf"`, `"stateMachineArn":"` + other + `"`, `"executionArn":"` + arn + `execution:other:a"`, `"domain":"shop"`},
		&onlySWF:  {``, `"service":"states"`, `"stateMachineArn":"` + plain + `"`},
	} {
		for _, in := range wants {
			m.refused("AccessDeniedException", ask(*key, in))
		}
	}
	for _, in := range []string{
		`"domain":"shop","stateMachineArn":"` + plain + `"`, `"service":"swf","stateMachineArn":"` + plain + `"`, `"service":"states","workflowId":"a"`,
		`"stateMachineArn":"` + plain + `","executionArn":"` + arn + `execution:plain:a"`, `"stateMachineArn":"` + arn + `execution:plain:a"`, `"executionArn":"` + plain + `"`, `"executionArn":"` + arn + `express:fast:a:b"`,
	} {
		m.refused("ValidationException", ask(m.root, in))
	}

	listeners := []struct {
		key      aws.Credentials
		in, want string
	}{
		{both, ``, "plain:a ExecutionStarted, plain:a WaitStateEntered, order-1 WorkflowExecutionStarted, other:a ExecutionStarted, other:a WaitStateEntered, plain:b ExecutionStarted, plain:b WaitStateEntered, " +
			"sealed:a ExecutionStarted, sealed:a FailStateEntered, sealed:a ExecutionFailed"},
		{onlySWF, `"service":"swf"`, "order-1 WorkflowExecutionStarted"},
		{onePlain, `"stateMachineArn":"` + plain + `"`, "plain:a ExecutionStarted, plain:a WaitStateEntered, plain:b ExecutionStarted, plain:b WaitStateEntered"},
		{onePlain, `"service":"states","executionArn":"` + arn + `execution:plain:b"`, "plain:b ExecutionStarted, plain:b WaitStateEntered"},
	}
	places := []string{}
	for _, l := range listeners {
		places = append(places, member(m.must(ask(l.key, l.in)), "nextPageToken"))
	}
	start := func(machine, name string) {
		m.must(m.states(m.root, "StartExecution", `{"stateMachineArn":"`+machine+`","name":"`+name+`","input":"{\"text\":\"`+secretOf+`\"}"}`))
	}
	start(plain, "a")
	start(express, "a")
	m.must(m.swf(m.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"order-1","workflowType":{"name":"order","version":"1"}}`))
	start(other, "a")
	start(plain, "b")
	start(sealed, "a")
	for n, l := range listeners {
		var heard []string
		told, next, in := "", places[n], l.in
		if in != "" {
			in += ","
		}
		waitUntil(t, "events of {"+l.in+"}", func() bool {
			var got struct {
				Missed bool
				Events []struct {
					Execution struct{ WorkflowID, ExecutionARN string }
					Type      string
					Event     string
				}
				NextPageToken string
			}
			answer := m.must(ask(l.key, in+`"nextPageToken":"`+next+`"`))
			if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Missed {
				t.Fatalf("%v: %s", err, answer)
			}
			next = got.NextPageToken
			for _, e := range got.Events {
				var event struct{ Type, EventType string }
				if err := json.Unmarshal([]byte(e.Event), &event); err != nil {
					t.Fatalf("%v: %s", err, e.Event)
				}
				name := e.Execution.WorkflowID + strings.TrimPrefix(e.Execution.ExecutionARN, arn+"execution:")
				if event.EventType == "DecisionTaskScheduled" {
					continue
				}
				heard = append(heard, name+" "+event.Type+event.EventType)
				if strings.HasPrefix(name, "sealed") {
					told += e.Event
				}
			}
			return len(heard) >= len(strings.Split(l.want, ", "))
		})
		slices.SortStableFunc(heard, func(a, b string) int { return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0]) })
		want := strings.Split(l.want, ", ")
		slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0]) })
		if !slices.Equal(heard, want) {
			t.Errorf("{%s} hears %q\nwant %q", l.in, heard, want)
		}
		if strings.Contains(told, secretOf) || strings.Contains(told, `\u0001`) {
			t.Errorf("of what is sealed is told %s", told)
		}
	}
}

// TestOperatorOfAccounts: accounts hear nothing of each other, and how the server is, is for
// its own.
func TestOperatorOfAccounts(t *testing.T) {
	refused := newRefusals("1", []string{"1", "2"})
	for i := range 3 * refusalsMax {
		for _, account := range []string{"1", "2", ""} {
			refused.record(&operation.Answered{
				Operation: &operation.Mounted{Operation: operation.Operation{Name: fmt.Sprint("A", i)}, API: &operation.API{Service: "swf"}},
				Caller:    &operation.Caller{Account: account}, Request: &http.Request{RemoteAddr: "10.0.0.1:5"},
				Fault: &fault.Fault{Code: "x#C", Message: strings.Repeat("m", 5000)}, RequestID: account,
			}, engine.Time(i))
		}
	}
	for account, want := range map[string]map[string]int{
		"1": {"1": refusalsMax, "": strangersMax}, "2": {"2": refusalsMax}, "3": {},
	} {
		got, last := map[string]int{}, engine.Time(1<<60)
		for _, r := range refused.of(account) {
			if got[r.RequestID]++; r.At > last || len(r.Message) > refusalTextMax+3 || r.Code != "C" {
				t.Fatalf("account %s: %+v after %d", account, r, last)
			}
			last = r.At
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("account %s sees %v, want %v", account, got, want)
		}
	}
	if all := refused.of("2"); all[0].At != 3*refusalsMax-1 || all[len(all)-1].At != 2*refusalsMax {
		t.Errorf("from %d to %d", all[0].At, all[len(all)-1].At)
	}
}

// inspectorsOf are those of the services of a server that nothing is asked of.
func inspectorsOf(t *testing.T) []service.Inspector {
	t.Helper()
	var all []service.Inspector
	for _, s := range []*service.Service{swf.Service(), sfn.Service()} {
		opened, err := s.Open(&service.Kernel{Lambda: lambda.New(lambda.Config{}), PollsPerListMax: 1, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, opened.Inspector)
	}
	return all
}

// TestStarvedListsAreTold once an hour each, with lists of like name, and so many in an hour.
func TestStarvedListsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &Server{clock: newClock(newSystemTime(), slog.New(slog.DiscardHandler))}
		s.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.matcher = matching.New(matching.Config{PollsPerListMax: 10, Now: s.clock.Now})
		s.inspectors = inspectorsOf(t)
		offer := func(list string) {
			s.matcher.Offer(engine.RunID{1}, engine.Offer{List: list, ID: 5, At: s.clock.Now()})
		}
		name := func(list string) string { return "activity\x00123456789012\x00us-east-1\x00shop\x00" + list }
		offer(name("mailers"))
		offer("lambda") // which only the server polls
		go s.matcher.Poll(t.Context(), name("mailer"), matching.Poller{Identity: "m", Account: "123456789012"})
		var told starved
		for range 3 * 720 { // three hours
			time.Sleep(starvedEvery)
			told.look(s)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], `level=WARN msg="tasks wait on a task list that nobody polls`) ||
			!strings.Contains(lines[0], "list=mailers domain=shop account=123456789012 region=us-east-1 tasks=1 oldest=\"60 s\"") ||
			!strings.Contains(lines[0], "polled_lists_of_like_name=[mailer]") {
			t.Errorf("told is\n%s", log.String())
		}
		log.Reset()
		for i := range 3 * starvedMax {
			offer(name(fmt.Sprint("l", i)))
		}
		for range 2 * 720 {
			time.Sleep(starvedEvery)
			told.look(s)
		}
		n := strings.Count(log.String(), "level=WARN")
		if n < starvedMax || n > 2*starvedMax+10 || len(told.told) > starvedMax || !strings.Contains(log.String(), "further task lists") {
			t.Errorf("%d lines, %d lists are remembered", n, len(told.told))
		}
		s.matcher.Drain()
	})
}

// TestInspectMachines: of executions of state machines it is told which worker they lack, until
// when they wait, when they try again, what runs for them, and what they failed by.
func TestInspectMachines(t *testing.T) {
	h := newHarness(t)
	h.must(h.iam(h.root, "CreateRole", "RoleName", "machines", "AssumeRolePolicyDocument", policyOf(`{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}`)))
	h.must(h.iam(h.root, "PutRolePolicy", "RoleName", "machines", "PolicyName", "p", "PolicyDocument", policyOf(allow("states:* events:*", "*"))))
	activity := member(h.must(h.states(h.root, "CreateActivity", `{"name":"charge-card"}`)), "activityArn")
	machine := func(name, states string) string {
		definition := strings.ReplaceAll(`{"StartAt":"A","States":{`+states+`}}`, `"`, `\"`)
		return member(h.must(h.states(h.root, "CreateStateMachine", `{"name":"`+name+`","roleArn":"arn:aws:iam::123456789012:role/machines","definition":"`+definition+`"}`)), "stateMachineArn")
	}
	run := func(machine string) string {
		return member(h.must(h.states(h.root, "StartExecution", `{"stateMachineArn":"`+machine+`"}`)), "executionArn")
	}
	inspect := func(arn string) string {
		return h.must(h.operator(h.root, "InspectExecution", `{"executionArn":"`+arn+`"}`))
	}
	shows := func(arn string, parts ...string) {
		t.Helper()
		got := ""
		waitUntil(t, strings.Join(parts, " and "), func() bool {
			got = inspect(arn)
			for _, part := range parts {
				if !strings.Contains(got, part) {
					return false
				}
			}
			return true
		})
	}
	task := machine("task", `"A":{"Type":"Task","Resource":"`+activity+`","TimeoutSeconds":600,"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":500}],"End":true}`)
	waits := machine("waits", `"A":{"Type":"Wait","Seconds":3000,"End":true}`)
	nests := machine("nests", `"A":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"`+waits+`"},"End":true}`)

	first := run(task)
	shows(first, `"code":"NO_WORKER","text":"State A waits on activity charge-card for `, `"timeout":"TimeoutSeconds"`)
	token := member(h.must(h.states(h.root, "GetActivityTask", `{"activityArn":"`+activity+`","workerName":"payer"}`)), "taskToken")
	shows(first, `"code":"HELD","text":"State A is with payer for `)
	h.must(h.states(h.root, "SendTaskFailure", `{"taskToken":"`+token+`","error":"Busy"}`))
	shows(first, `"code":"RETRY","text":"State A is tried again in `)
	shows(run(waits), `"code":"WAIT","text":"State A waits; it goes on in 49 min (`)
	shows(run(nests), `"code":"CHILD","text":"It waits for its child waits:`, `There: State A waits; it goes on in`)

	failed := run(machine("fails", `"A":{"Type":"Fail","Error":"NoStock","Cause":"none left"}`))
	shows(failed, `"code":"FAILED_BY","text":"It closed as FAILED`, "NoStock (none left). Before that state A")
	h.must(h.states(h.root, "StopExecution", `{"executionArn":"`+first+`","error":"Enough"}`))
	shows(first, `It closed as ABORTED`, `Enough`)

	lists := h.must(h.operator(h.root, "ListTaskLists", `{"service":"states"}`))
	if !strings.Contains(lists, `"name":"`+activity+`"`) {
		t.Errorf("lists of Step Functions: %s", lists)
	}
	one := h.must(h.operator(h.root, "DescribeTaskList", `{"service":"states","kind":"activity","name":"`+activity+`"}`))
	if !strings.Contains(one, `"identity":"payer"`) || !strings.Contains(one, `"executionArn":"`+first+`"`) {
		t.Errorf("the activity: %s", one)
	}
	reader := h.user("reader", allow("states:DescribeExecution", "*"))
	h.refused("AccessDeniedException", h.operator(reader, "InspectExecution", `{"executionArn":"`+failed+`"}`))
}

// TestCommitsP99: of the last commits that wrote something, what one in a hundred exceeds.
func TestCommitsP99(t *testing.T) {
	var c commits
	if got := c.p99(); got != 0 {
		t.Errorf("of none it is %s", got)
	}
	for _, step := range []struct{ from, to, want int }{{1, 1, 1}, {2, 100, 99}, {101, 2000, 1990}} {
		for n := step.from; n <= step.to; n++ {
			c.done(&engine.BatchDone{Ops: 1, Commit: time.Duration(n)})
			c.done(&engine.BatchDone{Commit: time.Hour})
		}
		if got := c.p99(); got != time.Duration(step.want) {
			t.Errorf("up to %d it is %d, want %d", step.to, got, step.want)
		}
	}
}
