package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestDeniedCallsTakeNothing has somebody without any permission call as often as it takes
// to use up every rate, and somebody whose signature is wrong: whoever may call finds all of
// it left.
func TestDeniedCallsTakeNothing(t *testing.T) {
	cfg := Config{
		Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, Throttle: ThrottleAWS,
		ThrottleRates: []string{"ListDomains=2/1", "ListUsers=2/1", "StartWorkflowExecution=2/1", "CreateGroup=2/1", "StartTimer=2/1", "AssumeRole=2/1"},
	}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	h.openDomainOnly("shop")
	nobody := h.user("nobody")
	h.role("guest", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`)
	assume := func(key aws.Credentials) *knock {
		return h.iam(key, "AssumeRole", "RoleArn", roleARN("guest"), "RoleSessionName", "test")
	}
	forged := h.root
	forged.SecretAccessKey += "x"
	const startIt = `{"domain":"shop","workflowId":"w","workflowType":{"name":"order","version":"1"}}`
	for range 20 {
		h.refused(notPermitted, h.swf(nobody, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
		h.refused(notPermitted, h.swf(nobody, "StartWorkflowExecution", startIt))
		h.refused(accessDenied, h.iam(nobody, "ListUsers"))
		h.refused(accessDenied, assume(nobody))
		h.refused(accessDenied, h.iam(nobody, "CreateGroup", "GroupName", "g"))
		h.refused("InvalidSignatureException", h.swf(forged, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
		h.refused("SignatureDoesNotMatch", h.iam(forged, "ListUsers"))
	}
	for range 2 {
		h.must(h.swf(h.root, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
		h.must(h.iam(h.root, "ListUsers"))
		h.must(assume(h.root))
	}
	run := h.field("runId", h.must(h.swf(h.root, "StartWorkflowExecution", startIt)))
	h.must(h.iam(h.root, "CreateGroup", "GroupName", "g"))

	// So it is with decisions.
	decider := h.user("decider", allow("swf:PollForDecisionTask swf:RespondDecisionTaskCompleted", "*"))
	timer := func(n int) string {
		return fmt.Sprintf(`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t%d","startToFireTimeout":"600"}}`, n)
	}
	decide := func(key aws.Credentials, decisions ...string) {
		t.Helper()
		token := h.field("taskToken", h.must(h.swf(key, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"l"}}`)))
		h.must(h.swf(key, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[`+strings.Join(decisions, ",")+`]}`))
	}
	var denied []string
	for n := range 50 {
		denied = append(denied, timer(n))
	}
	decide(decider, denied...)
	h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"w","signalName":"s"}`))
	decide(h.root, timer(100), timer(101))
	history := h.must(h.swf(h.root, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"w","runId":"`+run+`"}}`))
	if n := strings.Count(history, `"cause":"OPERATION_NOT_PERMITTED"`); n != 50 {
		t.Errorf("%d decisions were denied", n)
	}
	if n := strings.Count(history, `"eventType":"TimerStarted"`); n != 2 || strings.Contains(history, "RATE_EXCEEDED") {
		t.Errorf("%d timers were started: %s", n, history)
	}

	// The rates are in force.
	throttled := 0
	for range 20 {
		if h.ask(h.iam(h.root, "ListUsers")).fault == "Throttling" {
			throttled++
		}
	}
	if throttled == 0 {
		t.Error("nothing is throttled")
	}
}

// openDomainOnly registers a domain and a workflow type.
func (h *harness) openDomainOnly(name string) {
	h.t.Helper()
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"`+name+`","workflowExecutionRetentionPeriodInDays":"1"}`))
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"`+name+`","name":"order","version":"1","defaultTaskList":{"name":"l"},
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`))
}
