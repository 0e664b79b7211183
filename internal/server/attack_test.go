package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"heddle/internal/swf/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The tests of this file try to get in where they must not. Each attempt is one that
// somebody would make who knows the server's code, has a key of their own, and policies
// that give them something else.

const (
	notPermitted = "OperationNotPermittedFault"
	invalidToken = "ValidationException"
	accessDenied = "AccessDenied"
)

// openDomain registers a domain with a workflow type and an activity type, and
// starts two executions with a started decision task and a started activity task
// each.
func (h *harness) openDomain(name string) (decisionToken, activityToken, runID string) {
	h.t.Helper()
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"`+name+`","workflowExecutionRetentionPeriodInDays":"1"}`))
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"`+name+`","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`))
	h.must(h.swf(h.root, "RegisterActivityType", `{"domain":"`+name+`","name":"pack","version":"1","defaultTaskList":{"name":"packers"},
		"defaultTaskScheduleToStartTimeout":"100","defaultTaskStartToCloseTimeout":"200",
		"defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskHeartbeatTimeout":"NONE"}`))
	for _, id := range []string{"one", "two"} {
		run := h.field("runId", h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"`+name+`","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`)))
		if id == "one" {
			runID = run
		}
	}
	poll := func(kind, list string) string {
		return h.field("taskToken", h.must(h.swf(h.root, "PollFor"+kind+"Task", `{"domain":"`+name+`","taskList":{"name":"`+list+`"}}`)))
	}
	h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+poll("Decision", "deciders")+`","decisions":[{"decisionType":"ScheduleActivityTask",
		"scheduleActivityTaskDecisionAttributes":{"activityId":"p","activityType":{"name":"pack","version":"1"}}}]}`))
	return poll("Decision", "deciders"), poll("Activity", "packers"), runID
}

// field reads a text in an answer.
func (h *harness) field(name, answer string) string {
	h.t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		h.t.Fatal(err)
	}
	value, ok := all[name].(string)
	if !ok {
		h.t.Fatalf("no %s in %s", name, answer)
	}
	return value
}

// TestTaskTokens: what a token may be used for is for the policies on its domain
// to say, and a token is good for nothing but what it was made for.
func TestTaskTokens(t *testing.T) {
	h := newHarness(t)
	decision, activity, _ := h.openDomain("a")
	ownDecision, ownActivity, _ := h.openDomain("b")
	bob := h.user("bob", allow("swf:*", "arn:aws:swf:*:*:/domain/b"))
	worker := h.user("worker", allow("swf:PollForActivityTask swf:RespondActivityTaskCompleted", "*"))

	answers := func(token string) map[string]string {
		return map[string]string{
			"RecordActivityTaskHeartbeat":  `{"taskToken":"` + token + `"}`,
			"RespondActivityTaskCanceled":  `{"taskToken":"` + token + `"}`,
			"RespondActivityTaskCompleted": `{"taskToken":"` + token + `"}`,
			"RespondActivityTaskFailed":    `{"taskToken":"` + token + `"}`,
			"RespondDecisionTaskCompleted": `{"taskToken":"` + token + `","decisions":[]}`,
		}
	}
	for action, body := range answers(activity) {
		fault := notPermitted
		if action == "RespondDecisionTaskCompleted" {
			fault = invalidToken
		}
		h.refused(fault, h.swf(bob, action, body))
		k := h.swf(h.root, action, body)
		k.region = "eu-west-1"
		h.refused(invalidToken, k)
		if fault == invalidToken { // not even the owner takes a token for another's
			h.refused(invalidToken, h.swf(h.root, action, body))
		}
	}
	for action, body := range answers(decision) {
		fault := invalidToken
		if action == "RespondDecisionTaskCompleted" {
			fault = notPermitted
		}
		h.refused(fault, h.swf(bob, action, body))
		k := h.swf(h.root, action, body)
		k.region = "eu-west-1"
		h.refused(invalidToken, k)
		if fault == invalidToken {
			h.refused(invalidToken, h.swf(h.root, action, body))
		}
	}
	for _, action := range []string{"RecordActivityTaskHeartbeat", "RespondActivityTaskCanceled", "RespondActivityTaskFailed"} {
		h.refused(notPermitted, h.swf(worker, action, answers(activity)[action]))
	}
	h.refused(notPermitted, h.swf(worker, "RespondDecisionTaskCompleted", answers(decision)["RespondDecisionTaskCompleted"]))

	// One character is another, or missing, or one too many.
	for i := range activity {
		other := byte('A')
		if activity[i] == other {
			other = 'B'
		}
		for _, forged := range []string{activity[:i] + string(other) + activity[i+1:], activity[:i] + activity[i+1:]} {
			h.refused(invalidToken, h.swf(h.root, "RespondActivityTaskCompleted", `{"taskToken":"`+forged+`"}`))
		}
	}
	for _, forged := range []string{activity + "A", activity + "=", activity + `\n`, " " + activity, activity + ownActivity, strings.ToUpper(activity), "h", "hAA", strings.Repeat("hA", 512), "\u0130"} {
		h.refused(invalidToken, h.swf(h.root, "RespondActivityTaskCompleted", `{"taskToken":"`+forged+`"}`))
	}
	another := newHarness(t)
	_, foreign, _ := another.openDomain("a")
	h.refused(invalidToken, h.swf(h.root, "RespondActivityTaskCompleted", `{"taskToken":"`+foreign+`"}`))

	// Decisions that lack what permission is asked for.
	for _, kind := range []string{"ScheduleActivityTask", "StartChildWorkflowExecution", "ScheduleLambdaFunction", "None"} {
		h.refused("ValidationException", h.swf(bob, "RespondDecisionTaskCompleted", `{"taskToken":"`+ownDecision+`","decisions":[{"decisionType":"`+kind+`"}]}`))
	}

	// All are still good for whom they were made.
	h.must(h.swf(bob, "RespondActivityTaskCompleted", `{"taskToken":"`+ownActivity+`"}`))
	h.must(h.swf(bob, "RespondDecisionTaskCompleted", `{"taskToken":"`+ownDecision+`"}`))
	h.must(h.swf(worker, "RespondActivityTaskCompleted", `{"taskToken":"`+activity+`"}`))
	h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+decision+`"}`))
}

// TestPageTokens: a page token is good for the next page of its question.
func TestPageTokens(t *testing.T) {
	h := newHarness(t)
	_, _, run := h.openDomain("a")
	h.openDomain("b")
	for _, name := range []string{"order", "pack"} {
		h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"a","name":"`+name+`","version":"2"}`))
		h.must(h.swf(h.root, "RegisterActivityType", `{"domain":"a","name":"`+name+`","version":"2"}`))
	}
	for _, id := range []string{"one", "two"} {
		h.must(h.swf(h.root, "SignalWorkflowExecution", `{"domain":"a","workflowId":"`+id+`","signalName":"s"}`))
	}
	bob := h.user("bob", allow("swf:*", "arn:aws:swf:*:*:/domain/b"))
	eve := h.user("eve")

	type question struct{ action, body string }
	asked := map[string]question{
		"open":            {"ListOpenWorkflowExecutions", `"domain":"a","startTimeFilter":{"oldestDate":0}`},
		"open, of b":      {"ListOpenWorkflowExecutions", `"domain":"b","startTimeFilter":{"oldestDate":0}`},
		"open, by type":   {"ListOpenWorkflowExecutions", `"domain":"a","startTimeFilter":{"oldestDate":0},"typeFilter":{"name":"order"}`},
		"closed":          {"ListClosedWorkflowExecutions", `"domain":"a","startTimeFilter":{"oldestDate":0}`},
		"closed, of b":    {"ListClosedWorkflowExecutions", `"domain":"b","startTimeFilter":{"oldestDate":0}`},
		"workflow types":  {"ListWorkflowTypes", `"domain":"a","registrationStatus":"REGISTERED"`},
		"activity types":  {"ListActivityTypes", `"domain":"a","registrationStatus":"REGISTERED"`},
		"types of b":      {"ListWorkflowTypes", `"domain":"b","registrationStatus":"REGISTERED"`},
		"domains":         {"ListDomains", `"registrationStatus":"REGISTERED"`},
		"domains, gone":   {"ListDomains", `"registrationStatus":"DEPRECATED"`},
		"history":         {"GetWorkflowExecutionHistory", `"domain":"a","execution":{"workflowId":"one","runId":"` + run + `"}`},
		"history, of b":   {"GetWorkflowExecutionHistory", `"domain":"b","execution":{"workflowId":"one","runId":"` + run + `"}`},
		"decision":        {"PollForDecisionTask", `"domain":"a","taskList":{"name":"deciders"}`},
		"decision, of b":  {"PollForDecisionTask", `"domain":"b","taskList":{"name":"deciders"}`},
		"decision, other": {"PollForDecisionTask", `"domain":"a","taskList":{"name":"others"}`},
	}
	ask := func(key aws.Credentials, q question, more string) *knock {
		return h.swf(key, q.action, `{`+q.body+`,"maximumPageSize":1`+more+`}`)
	}
	tokens := map[string]string{}
	for _, name := range []string{"open", "open, by type", "workflow types", "activity types", "domains", "history", "decision"} {
		tokens[name] = h.field("nextPageToken", h.must(ask(h.root, asked[name], "")))
	}
	for of, token := range tokens {
		next := `,"nextPageToken":"` + token + `"`
		for name, q := range asked {
			if name == of {
				h.must(ask(h.root, q, next))
				h.refused(notPermitted, ask(eve, q, next))
				h.refused(notPermitted, ask(bob, q, next)) // each is about domain a, or about all
				k := ask(h.root, q, next)
				k.region = "eu-west-1"
				if got := h.ask(k); got.fault != invalidToken && got.fault != "UnknownResourceFault" {
					t.Errorf("%s in another region: %d %s", name, got.status, got.text)
				}
				continue
			}
			if got := h.ask(ask(h.root, q, next)); got.fault != invalidToken && got.fault != "UnknownResourceFault" {
				t.Errorf("page of %q for %q: %d %s", of, name, got.status, got.text)
			}
			if got := h.ask(ask(bob, q, next)); got.fault == "" {
				t.Errorf("page of %q for %q, by bob: %s", of, name, got.text)
			}
		}
		for i := range token[:40] { // the key's id, the nonce and what is sealed
			h.refused(invalidToken, ask(h.root, asked[of], `,"nextPageToken":"`+token[:i]+"."+token[i+1:]+`"`))
		}
	}
}

// TestNothingIsTold: whoever may not do something hears the same of what is there
// and of what is not.
func TestNothingIsTold(t *testing.T) {
	h := newHarness(t)
	_, _, run := h.openDomain("here")
	h.must(h.swf(h.root, "TagResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/here","tags":[{"key":"team","value":"red"}]}`))
	h.must(h.iam(h.root, "CreateRole", "RoleName", "real", "AssumeRolePolicyDocument", policyOf(`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`)))
	h.must(h.iam(h.root, "CreateUser", "UserName", "real", "Path", "/secret/path/", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v"))
	h.must(h.iam(h.root, "CreatePolicy", "PolicyName", "real", "PolicyDocument", policyOf(allow("*", "*"))))
	realKey := keyIn(t, h.must(h.iam(h.root, "CreateAccessKey", "UserName", "real"))).AccessKeyID

	type same struct {
		k func(aws.Credentials, string) *knock
	}
	swf := func(action, body string) same {
		return same{func(key aws.Credentials, name string) *knock {
			return h.swf(key, action, strings.ReplaceAll(body, "NAME", name))
		}}
	}
	iam := func(action string, parameters ...string) same {
		return same{func(key aws.Credentials, name string) *knock {
			var filled []string
			for _, p := range parameters {
				filled = append(filled, strings.ReplaceAll(p, "NAME", name))
			}
			return h.iam(key, action, filled...)
		}}
	}
	domains, types, names := []same{
		swf("DescribeDomain", `{"name":"NAME"}`),
		swf("RegisterDomain", `{"name":"NAME","workflowExecutionRetentionPeriodInDays":"1"}`),
		swf("DeprecateDomain", `{"name":"NAME"}`),
		swf("UndeprecateDomain", `{"name":"NAME"}`),
		swf("TagResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/NAME","tags":[{"key":"k"}]}`),
		swf("ListTagsForResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/NAME"}`),
		swf("StartWorkflowExecution", `{"domain":"NAME","workflowId":"one","workflowType":{"name":"order","version":"1"}}`),
		swf("DescribeWorkflowExecution", `{"domain":"NAME","execution":{"workflowId":"one","runId":"`+run+`"}}`),
		swf("GetWorkflowExecutionHistory", `{"domain":"NAME","execution":{"workflowId":"one","runId":"`+run+`"}}`),
		swf("TerminateWorkflowExecution", `{"domain":"NAME","workflowId":"one"}`),
		swf("ListOpenWorkflowExecutions", `{"domain":"NAME","startTimeFilter":{"oldestDate":0}}`),
		swf("CountPendingActivityTasks", `{"domain":"NAME","taskList":{"name":"packers"}}`),
		swf("PollForActivityTask", `{"domain":"NAME","taskList":{"name":"packers"}}`),
		swf("RegisterWorkflowType", `{"domain":"NAME","name":"order","version":"1"}`),
	}, []same{
		swf("DescribeWorkflowType", `{"domain":"here","workflowType":{"name":"NAME","version":"1"}}`),
		swf("DeprecateWorkflowType", `{"domain":"here","workflowType":{"name":"NAME","version":"1"}}`),
		swf("RegisterWorkflowType", `{"domain":"here","name":"NAME","version":"1"}`),
		swf("StartWorkflowExecution", `{"domain":"here","workflowId":"x","workflowType":{"name":"NAME","version":"1"}}`),
		swf("SignalWorkflowExecution", `{"domain":"here","workflowId":"NAME","signalName":"s"}`),
	}, []same{
		iam("GetUser", "UserName", "NAME"),
		iam("CreateUser", "UserName", "NAME"),
		iam("DeleteUser", "UserName", "NAME"),
		iam("ListAccessKeys", "UserName", "NAME"),
		iam("GetRole", "RoleName", "NAME"),
		iam("UpdateAssumeRolePolicy", "RoleName", "NAME", "PolicyDocument", "x"),
		iam("GetPolicy", "PolicyArn", "arn:aws:iam::123456789012:policy/NAME"),
		iam("SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:user/secret/path/NAME", "ActionNames.member.1", "swf:ListDomains"),
		iam("AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/NAME", "RoleSessionName", "xx"),
	}
	for who, statements := range map[string][]string{
		"nobody": nil,
		"other":  {allow("swf:*", "arn:aws:swf:*:*:/domain/other"), allow("iam:*", "arn:aws:iam::*:user/other"), allow("sts:*", "arn:aws:iam::*:role/other")},
		"blue": {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`,
			`{"Effect":"Deny","Action":"sts:*","Resource":"*"}`},
		"lists": {`{"Effect":"Allow","Action":"swf:*","Resource":"*","Condition":{"StringEquals":{"swf:taskList.name":"none of them"}}}`},
	} {
		key := h.user(who, statements...)
		for _, c := range []struct {
			all           []same
			there, absent string
		}{{domains, "here", "gone"}, {types, "order", "absent"}, {types[4:], "one", "six"}, {names, "real", "fake"},
			{[]same{iam("GetAccessKeyLastUsed", "AccessKeyId", "NAME")}, realKey, realKey[:16] + "AAAA"}} {
			for _, s := range c.all {
				there, absent := h.ask(s.k(key, c.there)), h.ask(s.k(key, c.absent))
				same := func(a answered, name string) string {
					return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(strings.ReplaceAll(a.text, name, "NAME"), "ID")
				}
				if there.fault != notPermitted && there.fault != accessDenied || there.status != absent.status || same(there, c.there) != same(absent, c.absent) {
					t.Errorf("%s, %s:\n%d %s\n%d %s", who, s.k(key, c.there).body, there.status, there.text, absent.status, absent.text)
				}
			}
		}
	}

	// Of decisions, too: a type that one may not use is as one that is not there.
	decider := h.user("decider", allow("swf:PollForDecisionTask swf:RespondDecisionTaskCompleted", "*"))
	h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"here","workflowId":"d","workflowType":{"name":"order","version":"1"},"taskList":{"name":"d"}}`))
	task := h.must(h.swf(decider, "PollForDecisionTask", `{"domain":"here","taskList":{"name":"d"}}`))
	var decisions []string
	for _, name := range []string{"pack", "absent"} {
		decisions = append(decisions,
			`{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"`+name+`","activityType":{"name":"`+name+`","version":"1"}}}`,
			`{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"`+name+`","workflowType":{"name":"`+name+`","version":"1"}}}`)
	}
	for _, id := range []string{"one", "absent"} {
		decisions = append(decisions, `{"decisionType":"SignalExternalWorkflowExecution","signalExternalWorkflowExecutionDecisionAttributes":{"workflowId":"`+id+`","signalName":"s"}}`)
	}
	h.must(h.swf(decider, "RespondDecisionTaskCompleted", `{"taskToken":"`+h.field("taskToken", task)+`","decisions":[`+strings.Join(decisions, ",")+`]}`))
	var started struct{ WorkflowExecution struct{ RunId string } }
	if err := json.Unmarshal([]byte(task), &started); err != nil {
		t.Fatal(err)
	}
	history := h.must(h.swf(h.root, "GetWorkflowExecutionHistory", `{"domain":"here","execution":{"workflowId":"d","runId":"`+started.WorkflowExecution.RunId+`"}}`))
	if n := strings.Count(history, `"cause":"OPERATION_NOT_PERMITTED"`); n != len(decisions) || strings.Count(history, `"cause":`) != n {
		t.Errorf("%d of %d decisions: %s", n, len(decisions), history)
	}
}

// TestNames: names that look like something else are only names.
func TestNames(t *testing.T) {
	h := newHarness(t)
	register := func(name string) *knock {
		return h.swf(h.root, "RegisterDomain", `{"name":`+fmt.Sprintf("%q", name)+`,"workflowExecutionRetentionPeriodInDays":"1","tags":[{"key":"secret","value":"yes"}]}`)
	}
	for _, name := range []string{"a/../b", "a/b", "/", "a:b", "arn", "a|b", " a", "a ", "a\x01", "a\u0085"} {
		k := register(name)
		body, _ := json.Marshal(map[string]string{"name": name, "workflowExecutionRetentionPeriodInDays": "1"})
		k.body = string(body)
		h.refused("ValidationException", k)
	}
	describe := func(key aws.Credentials, name string) *knock {
		return h.swf(key, "DescribeDomain", `{"name":"`+name+`"}`)
	}
	for _, name := range []string{"*", "?", "..", "a*", "$", "${aws}", "${*}", "own", "Own", "ow"} {
		h.must(register(name))
	}
	// Who may use their own domain may use no other, whatever it is called.
	own := h.user("own", allow("swf:*", "arn:aws:swf:*:*:/domain/${aws:username}"))
	h.must(describe(own, "own"))
	for _, name := range []string{"*", "?", "..", "$", "${aws:username}", "${*}", "Own", "OWN", "ow", "own "} {
		if got := h.ask(describe(own, name)); got.fault != notPermitted && got.fault != "ValidationException" {
			t.Errorf("%q: %d %s", name, got.status, got.text)
		}
	}
	// A domain called * is one domain, with its own tags.
	star := h.user("star", allow("swf:DescribeDomain", "arn:aws:swf:*:*:/domain/${*}"))
	h.must(describe(star, "*"))
	h.refused(notPermitted, describe(star, "own"))
	untagged := h.user("untagged", allow("swf:*", "*"), `{"Effect":"Deny","Action":"swf:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/secret":"yes"}}}`)
	for _, name := range []string{"*", "own", "$", "${*}"} {
		h.refused(notPermitted, describe(untagged, name))
		h.refused(notPermitted, h.swf(untagged, "UntagResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/`+name+`","tagKeys":["secret"]}`))
	}
	// An ARN that leads elsewhere leads nowhere.
	for _, arn := range []string{
		"arn:aws:swf:us-east-1:123456789012:/domain/own/../Own", "arn:aws:swf:eu-west-1:123456789012:/domain/own", "arn:aws:swf:us-east-1:999999999999:/domain/own",
		"arn:aws-cn:swf:us-east-1:123456789012:/domain/own", "arn:aws:swf:us-east-1:123456789012:domain/own", "arn:aws:swf:us-east-1:123456789012:/domain/own:x",
	} {
		if got := h.ask(h.swf(own, "TagResource", `{"resourceArn":"`+arn+`","tags":[{"key":"k"}]}`)); got.fault != notPermitted && got.fault != "UnknownResourceFault" {
			t.Errorf("%s: %d %s", arn, got.status, got.text)
		}
	}

	// Users whose names differ by their case only cannot be; other characters neither.
	h.must(h.iam(h.root, "GetUser", "UserName", "own"))
	h.refused("EntityAlreadyExists", h.iam(h.root, "CreateUser", "UserName", "OWN"))
	h.refused("NoSuchEntity", h.iam(h.root, "GetUser", "UserName", "OWN"))
	for _, name := range []string{"*", "a/b", "o?n", "${aws:username}", "\u212Aim", "a b", "a\n", strings.Repeat("a", 65), ""} {
		h.refused("ValidationError", h.iam(h.root, "CreateUser", "UserName", name))
	}
	// Actions are found by their exact names.
	for _, target := range []string{"listDomains", "LISTDOMAINS", "List\u0000Domains", "ListDomain\u017f", "ListDomains ", "", "../ListDomains", "ListDomains.ListDomains.x"} {
		k := h.swf(own, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		k.header["X-Amz-Target"] = []string{wire.TargetPrefix + "." + target}
		if strings.ContainsRune(target, 0) {
			continue // the client does not send it
		}
		if got := h.ask(k); got.fault == "" {
			t.Errorf("%q: %s", target, got.text)
		}
	}
	for _, action := range []string{"listusers", "LISTUSERS", "ListUser\u017f", "ListUsers ", "iam:ListUsers"} {
		h.refused("InvalidAction", h.iam(h.root, action))
	}
}

// TestPoliciesDoNotBurn: policies and questions of any size end soon.
func TestPoliciesDoNotBurn(t *testing.T) {
	h := newHarness(t)
	h.user("ann")
	began := time.Now()
	put := func(document string) *knock {
		return h.iam(h.root, "PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", document)
	}
	statement := `{"Effect":"Allow","Action":"a:b","Resource":"*"}`
	h.refused("RequestEntityTooLarge", put(policyOf(statement+strings.Repeat(","+statement, 9999))))
	h.refused("LimitExceeded", put(policyOf(statement+strings.Repeat(","+statement, 1999))))
	h.refused("LimitExceeded", put(policyOf(allow("a:"+strings.Repeat("*a", 2000), "*"))))
	for _, document := range []string{
		"", "{", "[]", "null", `"x"`, "{}", `{"Statement":[]}`, `{"Version":"2012-10-17"}`, `{"Version":"2013","Statement":` + statement + `}`,
		policyOf(statement) + "x", policyOf(statement, statement[:20]), policyOf(`{"Effect":"allow","Action":"a:b","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Effect":"Deny","Action":"a:b","Resource":"*"}`),
		policyOf(`{"Effect":"Deny","effect":"Allow","Action":"a:b","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Action":"a:b","NotAction":"c:d","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Action":"a:b"}`), policyOf(`{"Effect":"Allow","Resource":"*"}`), policyOf(`{"Effect":"Allow","Action":[],"Resource":"*"}`),
		policyOf(`{"Effect":"Deny","Action":"a:b","Resource":"*","Condition":{"StringEqual":{"a:b":"c"}}}`),
		policyOf(`{"Effect":"Deny","Action":"a:b","Resource":"*","Condition":{"StringEquals":{}},"Condition":{}}`),
		policyOf(`{"Effect":"Deny","Action":"a:b","Resource":"*","Condition":[{"StringEquals":{"a:b":"c"}}]}`),
		policyOf(`{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:swf:*:*:/domain/${aws:username"}`),
		strings.Repeat(`{"Statement":`, 5000), strings.Repeat("[", 50_000), "\xff\xfe", "\ufeff" + policyOf(statement),
	} {
		if got := h.ask(put(document)); got.fault != "MalformedPolicyDocument" && got.fault != "ValidationError" && (utf8.ValidString(document) || got.fault != "MalformedInput") {
			t.Errorf("%.80q: %d %.300s", document, got.status, got.text)
		}
	}
	if got := h.must(h.iam(h.root, "ListUserPolicies", "UserName", "ann")); strings.Contains(got, "<member>") {
		t.Error(got)
	}

	// A simulation of much, of many, by long names.
	h.refused("ValidationError", h.iam(h.root, "SimulateCustomPolicy", "PolicyInputList.member.1", policyOf(allow("*", "*")),
		"ActionNames.member.1", "a:b", "ResourceArns.member.1", "arn:aws:swf:us-east-1:123456789012:/domain/"+strings.Repeat("a", 3000)))
	many := []string{"PolicyInputList.member.1", policyOf(statement + strings.Repeat(","+statement, 1199)), "MaxItems", "1000"}
	for i := range 1000 {
		many = append(many, fmt.Sprintf("ActionNames.member.%d", i+1), "a:b")
	}
	if got := h.must(h.iam(h.root, "SimulateCustomPolicy", many...)); len(got) > 64<<20 || !strings.Contains(got, "<IsTruncated>true</IsTruncated>") {
		t.Errorf("%d bytes", len(got))
	}
	wild := []string{"PolicyInputList.member.1", policyOf(`{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:swf:*:*:/domain/*` + strings.Repeat("a?", 10_000) + `b"}`), "MaxItems", "1000", "ActionNames.member.1", "a:b"}
	for i := range 40 {
		wild = append(wild, fmt.Sprintf("ResourceArns.member.%d", i+1), "arn:aws:swf:us-east-1:123456789012:/domain/"+strings.Repeat("a", 2000))
	}
	h.must(h.iam(h.root, "SimulateCustomPolicy", wild...))
	if took := time.Since(began); took > deadline {
		t.Errorf("all of it took %s", took)
	}
}
