package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/lambda"
	"heddle/internal/sealing"
	"heddle/internal/swf"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// hold is something that somebody can do, or a key that is worth something.
type hold struct {
	what  string
	works func() bool
}

// authority is a server with what is needed to try what may be done on it.
type authority struct {
	*harness
	made    int
	invoked atomic.Int64 // functions
}

func newAuthority(t *testing.T) *authority { return newAuthorityWith(t, func(*Config) {}) }

func newAuthorityWith(t *testing.T, set func(*Config)) *authority {
	a := &authority{}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.invoked.Add(1)
		_, _ = io.WriteString(w, `"done"`)
	}))
	t.Cleanup(endpoint.Close)
	cfg := Config{
		Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: 20 * time.Second,
		Lambda: lambda.Options{Endpoint: endpoint.URL},
	}
	set(&cfg)
	s := start(t, cfg)
	a.harness = &harness{t, s, rootKey(t, cfg.Data)}
	a.openShop()
	return a
}

func (h *harness) openShop() {
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`))
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`))
}

// name is one that nothing has yet.
func (a *authority) name(of string) string {
	a.made++
	return fmt.Sprintf("%s%d", of, a.made)
}

// trusts is a trust policy's statement about a principal of this account.
func trusts(principal string) string {
	return `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + principal + `"}}`
}

const trustsSWF = `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"swf.amazonaws.com"}}`

func userARN(name string) string { return "arn:aws:iam::" + defaults.Account + ":user/" + name }

// lists tells whether a key may list domains.
func (h *harness) lists(key aws.Credentials) bool {
	return h.ask(h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`)).fault == ""
}

// assumes tells whether a key may assume a role.
func (h *harness) assumes(key aws.Credentials, role string) bool {
	return h.ask(h.iam(key, "AssumeRole", "RoleArn", roleARN(role), "RoleSessionName", "test")).fault == ""
}

// descent is what comes of a key: it itself, if it is wanted, and sessions at each remove.
func (h *harness) descent(key aws.Credentials, itself bool) []hold {
	h.t.Helper()
	var all []hold
	add := func(what string, key aws.Credentials) {
		all = append(all, hold{what, func() bool { return h.lists(key) }})
	}
	if itself {
		add("the key", key)
	}
	own := keyIn(h.t, h.must(h.iam(key, "GetSessionToken")))
	role := h.assume(key, "first")
	ofOwn := h.assume(own, "first")
	add("its own session", own)
	add("a role's session", role)
	add("a chained session", h.assume(role, "second"))
	add("a role's session by its own", ofOwn)
	add("a chained session by its own", h.assume(ofOwn, "second"))
	return all
}

// chains makes the roles that descent assumes.
func (h *harness) chains() {
	h.role("first", trusts(defaults.Account), everything)
	h.role("second", trusts(defaults.Account), everything)
}

// begun is an execution that was started with a role, and its decider's list.
type begun struct {
	h    *harness
	list string
}

// begin starts an execution with a role, as somebody; fault is empty if it is started.
func (a *authority) begin(key aws.Credentials, role string) (e begun, fault string) {
	e = begun{a.harness, a.name("list")}
	body, err := json.Marshal(map[string]any{
		"domain": "shop", "workflowId": e.list, "workflowType": map[string]string{"name": "order", "version": "1"},
		"taskList": map[string]string{"name": e.list}, "lambdaRole": role,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return e, a.ask(a.swf(key, "StartWorkflowExecution", string(body))).fault
}

// invoke has the execution schedule a function, and tells what became of it.
func (e begun) invoke(function string) string {
	h := e.h
	h.t.Helper()
	poll := func() (token string, events []map[string]json.RawMessage) {
		var task struct {
			TaskToken string
			Events    []map[string]json.RawMessage
		}
		if err := json.Unmarshal([]byte(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"`+e.list+`"},"reverseOrder":true}`))), &task); err != nil {
			h.t.Fatal(err)
		}
		if task.TaskToken == "" {
			h.t.Fatal("no decision task came")
		}
		return task.TaskToken, task.Events
	}
	respond := func(token, decisions string) {
		h.must(h.swf(h.root, "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[`+decisions+`]}`))
	}
	token, _ := poll()
	respond(token, `{"decisionType":"ScheduleLambdaFunction","scheduleLambdaFunctionDecisionAttributes":{"id":"1","name":"`+function+`"}}`)
	token, events := poll()
	defer respond(token, `{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m"}},{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"`+token[:20]+`","startToFireTimeout":"0"}}`)
	for _, event := range events {
		for _, name := range []string{"lambdaFunctionCompleted", "lambdaFunctionFailed", "startLambdaFunctionFailed"} {
			if attributes := event[name+"EventAttributes"]; attributes != nil {
				var told struct{ Reason, Details, Cause, Message string }
				if err := json.Unmarshal(attributes, &told); err != nil {
					h.t.Fatal(err)
				}
				return strings.TrimSpace(name + " " + told.Cause + told.Reason + " " + told.Message + told.Details)
			}
		}
	}
	h.t.Fatalf("no end of a function in %s", events)
	return ""
}

// TestAuthorityEndsWithItsSource: what somebody can do rests on a key, a user, a role, a
// group, a policy, a boundary or a trust. When that ends, or another takes its name, the
// next request is refused.
func TestAuthorityEndsWithItsSource(t *testing.T) {
	a := newAuthority(t)
	a.chains()
	root := a.root
	iam := func(action string, parameters ...string) { t.Helper(); a.must(a.iam(root, action, parameters...)) }
	listing := allow("swf:ListDomains", "*")
	newKey := func(user string) aws.Credentials {
		return keyIn(t, a.must(a.iam(root, "CreateAccessKey", "UserName", user)))
	}
	// forget deletes a user whose only policy is inline, and his key.
	forget := func(user string, key aws.Credentials) {
		t.Helper()
		iam("DeleteAccessKey", "UserName", user, "AccessKeyId", key.AccessKeyID)
		iam("DeleteUserPolicy", "UserName", user, "PolicyName", "p")
		iam("DeleteUser", "UserName", user)
	}
	forgetRole := func(role string) {
		t.Helper()
		iam("DeleteRolePolicy", "RoleName", role, "PolicyName", "p")
		iam("DeleteRole", "RoleName", role)
	}
	managed := func(statements ...string) string {
		name := a.name("managed")
		iam("CreatePolicy", "PolicyName", name, "PolicyDocument", policyOf(statements...))
		return "arn:aws:iam::" + defaults.Account + ":policy/" + name
	}
	again := func(policy string, statements ...string) {
		t.Helper()
		iam("DeletePolicy", "PolicyArn", policy)
		iam("CreatePolicy", "PolicyName", policy[strings.LastIndexByte(policy, '/')+1:], "PolicyDocument", policyOf(statements...))
	}
	later := func() { a.clock.skip(a.clock.Now() + 1000) }

	type source func() (holds []hold, end func())
	// ofUser is a user with rights by other means than an inline policy, by his key and
	// by his own session.
	ofUser := func(give func(user string) (end func())) source {
		return func() ([]hold, func()) {
			user := a.name("user")
			key := a.user(user)
			end := give(user)
			own := keyIn(t, a.must(a.iam(key, "GetSessionToken")))
			return []hold{
				{"the key", func() bool { return a.lists(key) }},
				{"its session", func() bool { return a.lists(own) }},
			}, end
		}
	}
	// ofKey is all that comes of a key of a user who may do everything.
	ofKey := func(end func(user string, key aws.Credentials)) source {
		return func() ([]hold, func()) {
			user := a.name("user")
			key := a.user(user, everything)
			return a.descent(key, true), func() { end(user, key) }
		}
	}
	// ofRole is a role's session, one that it began, and one that this began.
	ofRole := func(end func(role string)) source {
		return func() ([]hold, func()) {
			role := a.name("role")
			a.role(role, trusts(defaults.Account), everything)
			session := a.assume(a.user(a.name("user"), everything), role)
			chained := a.assume(session, "first")
			further := a.assume(chained, "second")
			return []hold{
				{"the session", func() bool { return a.lists(session) }},
				{"a chained session", func() bool { return a.lists(chained) }},
				{"a further one", func() bool { return a.lists(further) }},
			}, func() { end(role) }
		}
	}
	// ofRights is a role's session that lists domains by the role's rights.
	ofRights := func(give func(role string) (end func())) source {
		return func() ([]hold, func()) {
			role := a.name("role")
			a.role(role, trusts(defaults.Account))
			end := give(role)
			session := a.assume(a.user(a.name("user"), everything), role)
			return []hold{{"the session", func() bool { return a.lists(session) }}}, end
		}
	}
	// ofTrust is whoever is trusted by name, and may assume roles by his own policies.
	ofTrust := func(end func(user, role string, key *aws.Credentials)) source {
		return func() ([]hold, func()) {
			user, role := a.name("user"), a.name("role")
			key := a.user(user, allow("sts:AssumeRole", "*"))
			a.role(role, trusts(userARN(user)))
			return []hold{{"the role", func() bool { return a.assumes(key, role) }}}, func() { end(user, role, &key) }
		}
	}
	// ofLambda is an execution with a role that may invoke functions.
	ofLambda := func(give func(role string) (end func())) source {
		return func() ([]hold, func()) {
			role := a.name("role")
			a.role(role, trustsSWF)
			end := give(role)
			e, fault := a.begin(root, roleARN(role))
			if fault != "" {
				t.Fatal(fault)
			}
			return []hold{{"the execution", func() bool { return strings.HasPrefix(e.invoke("f"), "lambdaFunctionCompleted") }}}, func() { later(); end() }
		}
	}
	invoking := allow("lambda:InvokeFunction", "*")
	inlineLambda := func(end func(role string)) source {
		return ofLambda(func(role string) func() {
			iam("PutRolePolicy", "RoleName", role, "PolicyName", "p", "PolicyDocument", policyOf(invoking))
			return func() { end(role) }
		})
	}
	const readOnly, admin = "arn:aws:iam::aws:policy/IAMReadOnlyAccess", "arn:aws:iam::aws:policy/AdministratorAccess"

	sources := []struct {
		name string
		source
	}{
		{"a key that is deleted", ofKey(func(user string, key aws.Credentials) {
			iam("DeleteAccessKey", "UserName", user, "AccessKeyId", key.AccessKeyID)
		})},
		{"a key that is switched off", ofKey(func(user string, key aws.Credentials) {
			iam("UpdateAccessKey", "UserName", user, "AccessKeyId", key.AccessKeyID, "Status", "Inactive")
		})},
		{"a user who is deleted", ofKey(forget)},
		{"a user who is deleted and made again", ofKey(func(user string, key aws.Credentials) {
			forget(user, key)
			a.user(user, everything)
		})},
		{"a role that is deleted", ofRole(forgetRole)},
		{"a role that is deleted and made again", ofRole(func(role string) {
			forgetRole(role)
			a.role(role, trusts(defaults.Account), everything)
		})},
		{"a role that loses its policy, and what it began keeps its own", func() ([]hold, func()) {
			holds, end := ofRole(func(role string) { iam("DeleteRolePolicy", "RoleName", role, "PolicyName", "p") })()
			return holds[:1], end
		}},
		{"a user's inline policy that is deleted", ofUser(func(user string) func() {
			iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			return func() { iam("DeleteUserPolicy", "UserName", user, "PolicyName", "p") }
		})},
		{"a user's inline policy that is replaced", ofUser(func(user string) func() {
			iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			return func() {
				iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(allow("iam:*", "*")))
			}
		})},
		{"a managed policy that is detached", ofUser(func(user string) func() {
			policy := managed(listing)
			iam("AttachUserPolicy", "UserName", user, "PolicyArn", policy)
			return func() { iam("DetachUserPolicy", "UserName", user, "PolicyArn", policy) }
		})},
		{"a managed policy that is deleted and made again", ofUser(func(user string) func() {
			policy := managed(listing)
			iam("AttachUserPolicy", "UserName", user, "PolicyArn", policy)
			return func() {
				a.refused("DeleteConflict", a.iam(root, "DeletePolicy", "PolicyArn", policy)) // it is attached
				iam("DetachUserPolicy", "UserName", user, "PolicyArn", policy)
				again(policy, listing)
			}
		})},
		{"a managed policy's version", ofUser(func(user string) func() {
			policy := managed(listing)
			iam("AttachUserPolicy", "UserName", user, "PolicyArn", policy)
			return func() {
				iam("CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", policyOf(allow("iam:*", "*")), "SetAsDefault", "true")
			}
		})},
		{"a group that is left", ofUser(func(user string) func() {
			group := a.name("group")
			iam("CreateGroup", "GroupName", group)
			iam("PutGroupPolicy", "GroupName", group, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			iam("AddUserToGroup", "GroupName", group, "UserName", user)
			return func() { iam("RemoveUserFromGroup", "GroupName", group, "UserName", user) }
		})},
		{"a group that is deleted and made again", ofUser(func(user string) func() {
			group := a.name("group")
			iam("CreateGroup", "GroupName", group)
			iam("PutGroupPolicy", "GroupName", group, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			iam("AddUserToGroup", "GroupName", group, "UserName", user)
			return func() {
				iam("DeleteGroupPolicy", "GroupName", group, "PolicyName", "p")
				a.refused("DeleteConflict", a.iam(root, "DeleteGroup", "GroupName", group)) // it has a member
				iam("RemoveUserFromGroup", "GroupName", group, "UserName", user)
				iam("DeleteGroup", "GroupName", group)
				iam("CreateGroup", "GroupName", group)
				iam("PutGroupPolicy", "GroupName", group, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			}
		})},
		{"a group's policy", ofUser(func(user string) func() {
			group := a.name("group")
			iam("CreateGroup", "GroupName", group)
			iam("PutGroupPolicy", "GroupName", group, "PolicyName", "p", "PolicyDocument", policyOf(listing))
			iam("AddUserToGroup", "GroupName", group, "UserName", user)
			return func() { iam("DeleteGroupPolicy", "GroupName", group, "PolicyName", "p") }
		})},
		{"a boundary that is narrowed", ofUser(func(user string) func() {
			iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(everything))
			iam("PutUserPermissionsBoundary", "UserName", user, "PermissionsBoundary", admin)
			return func() { iam("PutUserPermissionsBoundary", "UserName", user, "PermissionsBoundary", readOnly) }
		})},
		{"a boundary's version", ofUser(func(user string) func() {
			policy := managed(listing)
			iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(everything))
			iam("PutUserPermissionsBoundary", "UserName", user, "PermissionsBoundary", policy)
			return func() {
				a.refused("DeleteConflict", a.iam(root, "DeletePolicy", "PolicyArn", policy)) // it bounds
				iam("CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", policyOf(allow("iam:*", "*")), "SetAsDefault", "true")
			}
		})},
		{"a role's managed policy", ofRights(func(role string) func() {
			policy := managed(listing)
			iam("AttachRolePolicy", "RoleName", role, "PolicyArn", policy)
			return func() {
				iam("DetachRolePolicy", "RoleName", role, "PolicyArn", policy)
				again(policy, listing)
			}
		})},
		{"a role's boundary", ofRights(func(role string) func() {
			iam("PutRolePolicy", "RoleName", role, "PolicyName", "p", "PolicyDocument", policyOf(everything))
			return func() { iam("PutRolePermissionsBoundary", "RoleName", role, "PermissionsBoundary", readOnly) }
		})},
		{"a session's policy that is deleted and made again", func() ([]hold, func()) {
			policy, key := managed(listing), a.user(a.name("user"), everything)
			session := a.assume(key, "first", "PolicyArns.member.1.arn", policy)
			return []hold{{"the session", func() bool { return a.lists(session) }}}, func() { again(policy, listing) }
		}},
		{"trust in a user who is deleted and made again", ofTrust(func(user, role string, key *aws.Credentials) {
			forget(user, *key)
			*key = a.user(user, allow("sts:AssumeRole", "*"))
		})},
		{"trust in a user whose name another takes", ofTrust(func(user, role string, key *aws.Credentials) {
			iam("UpdateUser", "UserName", user, "NewUserName", user+"-before")
			*key = a.user(user, allow("sts:AssumeRole", "*"))
		})},
		{"trust that is taken back", ofTrust(func(user, role string, key *aws.Credentials) {
			iam("UpdateAssumeRolePolicy", "RoleName", role, "PolicyDocument", policyOf(trusts("arn:aws:iam::"+defaults.Account+":role/first")))
		})},
		{"trust in a user who may not any more", func() ([]hold, func()) {
			user, role := a.name("user"), a.name("role")
			key := a.user(user, allow("sts:AssumeRole", "*"))
			a.role(role, trusts(defaults.Account))
			return []hold{{"the role", func() bool { return a.assumes(key, role) }}}, func() { iam("DeleteUserPolicy", "UserName", user, "PolicyName", "p") }
		}},
		{"trust in a role that is deleted and made again", func() ([]hold, func()) {
			trusted, role := a.name("role"), a.name("role")
			user := a.user(a.name("user"), everything)
			a.role(trusted, trusts(defaults.Account), allow("sts:AssumeRole", "*"))
			a.role(role, trusts(roleARN(trusted)))
			return []hold{{"the role", func() bool { return a.assumes(a.assume(user, trusted), role) }}}, func() {
				forgetRole(trusted)
				a.role(trusted, trusts(defaults.Account), allow("sts:AssumeRole", "*"))
			}
		}},
		{"trust in a role's session whose role is made again", func() ([]hold, func()) {
			trusted, role := a.name("role"), a.name("role")
			user := a.user(a.name("user"), everything)
			a.role(trusted, trusts(defaults.Account), allow("sts:AssumeRole", "*"))
			a.role(role, trusts("arn:aws:sts::"+defaults.Account+":assumed-role/"+trusted+"/test"))
			return []hold{{"the role", func() bool { return a.assumes(a.assume(user, trusted), role) }}}, func() {
				forgetRole(trusted)
				a.role(trusted, trusts(defaults.Account), allow("sts:AssumeRole", "*"))
			}
		}},
		{"the right to pass a role", func() ([]hold, func()) {
			user, role := a.name("user"), a.name("role")
			a.role(role, trustsSWF)
			key := a.user(user, allow("swf:* iam:PassRole", "*"))
			return []hold{{"a start", func() bool { _, fault := a.begin(key, roleARN(role)); return fault == "" }}}, func() {
				iam("PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", policyOf(allow("swf:*", "*")))
			}
		}},
		{"a role to pass that is deleted", func() ([]hold, func()) {
			role := a.name("role")
			a.role(role, trustsSWF)
			key := a.user(a.name("user"), everything)
			return []hold{{"a start", func() bool { _, fault := a.begin(key, roleARN(role)); return fault == "" }}}, func() { iam("DeleteRole", "RoleName", role) }
		}},
		{"a Lambda role that is deleted", inlineLambda(forgetRole)},
		{"a Lambda role that is deleted and made again", inlineLambda(func(role string) {
			forgetRole(role)
			a.role(role, trustsSWF, everything)
		})},
		{"a Lambda role that trusts no more", inlineLambda(func(role string) {
			iam("UpdateAssumeRolePolicy", "RoleName", role, "PolicyDocument", policyOf(trusts(defaults.Account)))
		})},
		{"a Lambda role's inline policy", inlineLambda(func(role string) {
			iam("DeleteRolePolicy", "RoleName", role, "PolicyName", "p")
		})},
		{"a Lambda role's denial", inlineLambda(func(role string) {
			iam("PutRolePolicy", "RoleName", role, "PolicyName", "no", "PolicyDocument", policyOf(`{"Effect":"Deny","Action":"lambda:*","Resource":"*"}`))
		})},
		{"a Lambda role's boundary", inlineLambda(func(role string) {
			iam("PutRolePermissionsBoundary", "RoleName", role, "PermissionsBoundary", readOnly)
		})},
		{"a Lambda role's managed policy", ofLambda(func(role string) func() {
			policy := managed(invoking)
			iam("AttachRolePolicy", "RoleName", role, "PolicyArn", policy)
			return func() {
				iam("DetachRolePolicy", "RoleName", role, "PolicyArn", policy)
				again(policy, invoking)
			}
		})},
	}
	tried := 0
	for _, c := range sources {
		holds, end := c.source()
		for _, h := range holds {
			if !h.works() {
				t.Fatalf("%s: %s does not work", c.name, h.what)
			}
		}
		end()
		for _, h := range holds {
			tried++
			if h.works() {
				t.Errorf("%s: %s works after its end", c.name, h.what)
			}
		}
	}
	t.Logf("%d sources, %d that hung on them", len(sources), tried)

	// What is switched off and on again works again, with all that came of it.
	user := a.name("user")
	key := a.user(user, everything)
	holds := a.descent(key, true)
	for _, status := range []string{"Inactive", "Active"} {
		iam("UpdateAccessKey", "UserName", user, "AccessKeyId", key.AccessKeyID, "Status", status)
		for _, h := range holds {
			if h.works() != (status == "Active") {
				t.Errorf("%s of a key that is %s: %v", h.what, status, h.works())
			}
		}
	}
	// Who has another key keeps what came of that.
	other := a.descent(newKey(user), true)
	iam("DeleteAccessKey", "UserName", user, "AccessKeyId", key.AccessKeyID)
	for _, h := range other {
		if !h.works() {
			t.Errorf("%s of the other key ended too", h.what)
		}
	}
	// Who is renamed keeps all.
	iam("UpdateUser", "UserName", user, "NewUserName", user+"-renamed")
	for _, h := range other {
		if !h.works() {
			t.Errorf("%s of a renamed user ended", h.what)
		}
	}
}

// TestSessionsOfNobody: what a session was worth without signatures it is not with them.
func TestSessionsOfNobody(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone, PollHold: time.Second}
	s := start(t, cfg)
	h := &harness{t, s, aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}}
	h.chains()
	keys := []aws.Credentials{keyIn(t, h.must(h.iam(h.root, "GetSessionToken"))), h.assume(h.root, "first")}
	closeServer(t, s)
	cfg.Auth = AuthSigV4
	h.Server = start(t, cfg)
	for _, key := range keys {
		h.refused("UnrecognizedClientException", h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	}
}

// TestChainsAreBounded: a chain of sessions lasts no longer than its first, however often
// it goes on, and its tokens do not grow with each further turn.
func TestChainsAreBounded(t *testing.T) {
	h := newHarness(t)
	h.chains()
	expires := func(answer string) string {
		_, rest, _ := strings.Cut(answer, "<Expiration>")
		at, _, _ := strings.Cut(rest, "<")
		return at
	}
	first := h.must(h.iam(h.root, "AssumeRole", "RoleArn", roleARN("first"), "RoleSessionName", "test", "DurationSeconds", "900"))
	key, longest := keyIn(t, first), 0
	for i := range 20 {
		answer := h.must(h.iam(key, "AssumeRole", "RoleArn", roleARN([]string{"second", "first"}[i%2]), "RoleSessionName", "test", "DurationSeconds", "3600"))
		if key = keyIn(t, answer); expires(answer) != expires(first) {
			t.Fatalf("turn %d: until %s, the first until %s", i, expires(answer), expires(first))
		}
		if i == 3 {
			longest = len(key.SessionToken)
		}
	}
	if n := len(key.SessionToken); n > longest {
		t.Errorf("after 4 turns a token has %d bytes, after 20 %d", longest, n)
	}
}

// TestRootSessionsEndWithTheKeyPair, however it is replaced, and with a rekeying.
func TestRootSessionsEndWithTheKeyPair(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace func(t *testing.T, cfg *Config)
		itself  bool // the key pair ends as well
	}{
		{"removed", func(t *testing.T, cfg *Config) {
			if err := os.Remove(CredentialsFile(cfg.Data)); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"another secret of the same id", func(t *testing.T, cfg *Config) {
			pair, err := credentials.ReadFile(CredentialsFile(cfg.Data))
			if err != nil {
				t.Fatal(err)
			}
			pair.Secret = "another"
			if err := credentials.WriteFile(CredentialsFile(cfg.Data), pair); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"rekeyed", func(t *testing.T, cfg *Config) {
			if _, err := sealing.Rekey(t.Context(), sealing.RekeyConfig{Data: cfg.Data, Log: slog.New(slog.DiscardHandler)}); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"not at all", func(*testing.T, *Config) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second}
			s := start(t, cfg)
			h := &harness{t, s, rootKey(t, cfg.Data)}
			h.chains()
			h.user("ann", everything)
			key := keyIn(t, h.must(h.iam(h.root, "CreateAccessKey", "UserName", "ann")))
			before := h.root
			holds := append(h.descent(h.root, c.itself), h.descent(key, false)...)
			ofRoot := len(holds) - 5
			for _, hold := range holds {
				if !hold.works() {
					t.Fatalf("%s does not work", hold.what)
				}
			}
			closeServer(t, s)
			c.replace(t, &cfg)
			h.Server = start(t, cfg)
			h.root = rootKey(t, cfg.Data)
			for i, hold := range holds {
				want := c.name == "not at all" || i >= ofRoot && c.name != "rekeyed"
				if got := hold.works(); got != want {
					t.Errorf("%s, of the root user: %v, works: %v, want %v", hold.what, i < ofRoot, got, want)
				}
			}
			if !h.lists(h.root) || !h.lists(key) || !c.itself && !h.lists(before) {
				t.Error("a key that is good is refused")
			}
		})
	}
}

// TestRolesThatArePassed: to hand a role over one needs the right to that role, which
// must be there, however its ARN is written.
func TestRolesThatArePassed(t *testing.T) {
	a := newAuthority(t)
	a.role("hers", trustsSWF)
	a.role("admin", trustsSWF)
	a.must(a.iam(a.root, "CreateRole", "RoleName", "deep", "Path", "/a/b/", "AssumeRolePolicyDocument", policyOf(trustsSWF)))
	a.user("user")
	denying := a.user("denying", everything, `{"Effect":"Deny","Action":"iam:PassRole","Resource":["`+roleARN("admin")+`","`+roleARN("a/b/deep")+`"]}`)
	allowing := a.user("allowing", allow("swf:*", "*"), allow("iam:PassRole", roleARN("hers")))
	only := a.user("only", allow("swf:*", "*"), `{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"states.amazonaws.com"}}}`)
	account := "arn:aws:iam::" + defaults.Account
	for _, c := range []struct {
		role string
		may  string // who may pass it
	}{
		{account + ":role/hers", "denying allowing"},
		{account + ":role/admin", ""},
		{account + ":role/a/b/deep", ""},
		{account + ":role//admin", ""},
		{account + ":role/x/admin", ""},
		{account + ":role/./admin", ""},
		{account + ":role/x/../admin", ""},
		{account + ":role/Admin", ""},
		{account + ":ROLE/admin", ""},
		{account + ":role/admin/", ""},
		{account + ":role/admin%2F", ""},
		{account + ":role/deep", ""},
		{account + ":role/a/deep", ""},
		{account + ":role/a//b/deep", ""},
		{account + ":role/A/b/deep", ""},
		{account + ":role//hers", ""},
		{account + ":role/none", ""},
		{account + ":user/user", ""},
		{account + ":root", ""},
		{"arn:aws:iam::999999999999:role/admin", ""},
		{"arn:aws:iam:::role/admin", ""},
		{"arn:aws:iam:us-east-1:" + defaults.Account + ":role/admin", ""},
		{"arn:aws:IAM::" + defaults.Account + ":role/admin", ""},
		{"arn:AWS:iam::" + defaults.Account + ":role/admin", ""},
		{"arn:aws:sts::" + defaults.Account + ":assumed-role/admin/x", ""},
		{"arn:aws:iam::" + defaults.Account + ":role/admin:x", ""},
		{"admin", ""},
		{"*", ""},
		{account + ":role/*", ""},
	} {
		for who, key := range map[string]aws.Credentials{"denying": denying, "allowing": allowing, "only": only} {
			_, fault := a.begin(key, c.role)
			want := notPermitted
			if strings.Contains(c.may, who) {
				want = ""
			}
			if fault != want {
				t.Errorf("%s starts with %s: %q, want %q", who, c.role, fault, want)
			}
			register := `{"domain":"shop","name":"` + a.name("type") + `","version":"1","defaultLambdaRole":"` + c.role + `"}`
			if fault := a.ask(a.swf(key, "RegisterWorkflowType", register)).fault; fault != want {
				t.Errorf("%s registers a type with %s: %q, want %q", who, c.role, fault, want)
			}
		}
	}
	// Whoever may not pass a role does not learn whether it is there.
	told := func(role string) string {
		return strings.ReplaceAll(a.refused(notPermitted, a.swf(only, "RegisterWorkflowType", `{"domain":"shop","name":"t","version":"1","defaultLambdaRole":"`+role+`"}`)), role, "ROLE")
	}
	if is, none := told(roleARN("admin")), told(roleARN("none")); is != none {
		t.Errorf("of a role that is there: %s; of one that is not: %s", is, none)
	}
	// Decisions pass roles too.
	for role, want := range map[string]string{roleARN("hers"): "StartChildWorkflowExecutionInitiated", roleARN("none"): "OPERATION_NOT_PERMITTED", roleARN("/hers"): "OPERATION_NOT_PERMITTED"} {
		e, _ := a.begin(a.root, roleARN("hers"))
		var task struct{ TaskToken string }
		if err := json.Unmarshal([]byte(a.must(a.swf(denying, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"`+e.list+`"}}`))), &task); err != nil {
			t.Fatal(err)
		}
		a.must(a.swf(denying, "RespondDecisionTaskCompleted", `{"taskToken":"`+task.TaskToken+`","decisions":[{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"`+
			a.name("child")+`","workflowType":{"name":"order","version":"1"},"taskList":{"name":"children"},"lambdaRole":"`+role+`"}}]}`))
		history := a.must(a.swf(a.root, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+e.list+`"}}`))
		_, run, _ := strings.Cut(history, `"runId":"`)
		run, _, _ = strings.Cut(run, `"`)
		history = a.must(a.swf(a.root, "GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"`+e.list+`","runId":"`+run+`"}}`))
		if !strings.Contains(history, want) {
			t.Errorf("a child with %s: %s, want %s", role, history, want)
		}
	}
}

// TestLambdaRoles: a function is invoked if the execution's role is there, may be
// assumed by the service, and allows it.
func TestLambdaRoles(t *testing.T) {
	a := newAuthority(t)
	w := "arn:aws:lambda:" + defaults.Region + ":" + defaults.Account + ":function:"
	const completed = "lambdaFunctionCompleted"
	denied := func(role, function string) string {
		return "lambdaFunctionFailed AccessDeniedException User: arn:aws:sts::" + defaults.Account + ":assumed-role/" + role +
			"/swf is not authorized to perform: lambda:InvokeFunction on resource: " + function
	}
	notAssumed := func(role, why string) string {
		return "startLambdaFunctionFailed ASSUME_ROLE_FAILED role " + role + ": " + why
	}
	const notTrusted = "swf.amazonaws.com is not authorized to assume the role"
	conditional := func(condition string) string {
		return `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"swf.amazonaws.com"},"Condition":` + condition + `}`
	}
	for _, c := range []struct {
		trust, policy string
		function      string
		want          string // @role and @arn stand for its own
	}{
		{trustsSWF, allow("lambda:InvokeFunction", "*"), "f", completed},
		{trustsSWF, allow("lambda:*", w+"f"), "f", completed},
		{trustsSWF, allow("lambda:*", w+"f"), "g", denied("@role", w+"g because no identity-based policy allows the lambda:InvokeFunction action")},
		{trustsSWF, allow("lambda:*", w+"f"), "f:live", denied("@role", w+"f:live because no identity-based policy allows the lambda:InvokeFunction action")},
		{trustsSWF, allow("lambda:*", w+"f:live"), "f:live", completed},
		{trustsSWF, allow("lambda:*", w+"f:*"), w + "f:$LATEST", completed},
		{trustsSWF, allow("lambda:*", w+"f"), "function:f", completed},
		{trustsSWF, allow("lambda:*", w+"f"), defaults.Account + ":function:f", completed},
		{trustsSWF, allow("lambda:*", w+"*"), "999999999999:function:f", denied("@role", "arn:aws:lambda:"+defaults.Region+":999999999999:function:f because")},
		{trustsSWF, allow("lambda:*", w+"*"), "arn:aws:lambda:eu-west-3:" + defaults.Account + ":function:f", denied("@role", "arn:aws:lambda:eu-west-3:"+defaults.Account+":function:f because")},
		{trustsSWF, allow("swf:* iam:*", "*"), "f", denied("@role", w+"f because")},
		{trustsSWF, everything + `,{"Effect":"Deny","Action":"lambda:InvokeFunction","Resource":"` + w + `f"}`, "f", denied("@role", w+"f with an explicit deny in an identity-based policy")},
		{trustsSWF, everything + `,{"Effect":"Deny","Action":"lambda:InvokeFunction","Resource":"` + w + `f"}`, w + "f", denied("@role", w+"f with an explicit deny in an identity-based policy")},
		{trustsSWF, `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"` + defaults.Region + `"},"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}}`, "f", completed},
		{trustsSWF, `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*","Condition":{"ArnEquals":{"lambda:FunctionArn":"` + w + `f"},"StringEquals":{"aws:PrincipalTag/team":"red"}}}`, "f", completed},
		{trustsSWF, `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}`, "f", denied("@role", w+"f because")},
		{trustsSWF, everything, "a/b", "lambdaFunctionFailed ValidationException"},
		{trusts(defaults.Account), everything, "f", notAssumed("@arn", notTrusted)},
		{strings.Replace(trustsSWF, "swf", "states", 1), everything, "f", notAssumed("@arn", notTrusted)},
		{strings.Replace(trustsSWF, "swf", "lambda", 1), everything, "f", notAssumed("@arn", notTrusted)},
		{`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["states.amazonaws.com","swf.amazonaws.com"]}}`, everything, "f", completed},
		{`{"Effect":"Allow","Action":"sts:TagSession","Principal":{"Service":"swf.amazonaws.com"}}`, everything, "f", notAssumed("@arn", notTrusted)},
		{trustsSWF + `,{"Effect":"Deny","Action":"sts:*","Principal":"*"}`, everything, "f", notAssumed("@arn", notTrusted)},
		{conditional(`{"StringEquals":{"aws:SourceAccount":"` + defaults.Account + `"},"ArnLike":{"aws:SourceArn":"arn:aws:swf:*:*:/domain/shop"}}`), everything, "f", completed},
		{conditional(`{"ArnLike":{"aws:SourceArn":"arn:aws:swf:*:*:/domain/other"}}`), everything, "f", notAssumed("@arn", notTrusted)},
		{conditional(`{"StringEquals":{"aws:SourceAccount":"999999999999"}}`), everything, "f", notAssumed("@arn", notTrusted)},
	} {
		role := a.name("role")
		a.role(role, c.trust, c.policy)
		a.must(a.iam(a.root, "TagRole", "RoleName", role, "Tags.member.1.Key", "team", "Tags.member.1.Value", "red"))
		e, fault := a.begin(a.root, roleARN(role))
		if fault != "" {
			t.Fatal(fault)
		}
		before := a.invoked.Load()
		want := strings.ReplaceAll(strings.ReplaceAll(c.want, "@arn", roleARN(role)), "@role", role)
		if got := e.invoke(c.function); !strings.HasPrefix(got, want) {
			t.Errorf("%s\n%s\n%s\n got %s\nwant %s", c.trust, c.policy, c.function, got, want)
		}
		if made := a.invoked.Load() - before; made != 0 != (want == completed) {
			t.Errorf("%s: the endpoint was asked %d times", want, made)
		}
	}
	// The root user may name any role, but only one that is there is assumed.
	a.role("real", trustsSWF, everything)
	for role, why := range map[string]string{
		roleARN("none"): "this account has no such role", roleARN("/real"): "this account has no such role",
		roleARN("Real"): "this account has no such role", "arn:aws:iam::999999999999:role/real": "this account has no such role",
		"real": "that is not the ARN of a role", userARN("real"): "that is not the ARN of a role",
	} {
		e, _ := a.begin(a.root, role)
		if got, want := e.invoke("f"), notAssumed(role, why); got != want {
			t.Errorf("%s: got %s, want %s", role, got, want)
		}
	}
}

// TestLambdaRolesTrusted: an operator may leave it to the endpoint who may invoke what,
// and without signatures nobody is known.
func TestLambdaRolesTrusted(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `"done"`) }))
	t.Cleanup(endpoint.Close)
	for _, auth := range []string{AuthSigV4, AuthNone} {
		cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Auth: auth, Data: t.TempDir(), PollHold: 20 * time.Second, Lambda: lambda.Options{Endpoint: endpoint.URL}}
		root := aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}
		if auth == AuthSigV4 {
			cfg.Services = Services()
			swf.OptionsOf(cfg.Services).LambdaRoles = swf.RolesTrust
		}
		s := start(t, cfg)
		if auth == AuthSigV4 {
			root = rootKey(t, cfg.Data)
		}
		a := &authority{harness: &harness{t, s, root}}
		a.openShop()
		e, fault := a.begin(root, "made up")
		if fault != "" {
			t.Fatal(fault)
		}
		if got := e.invoke("f"); got != "lambdaFunctionCompleted" {
			t.Errorf("--auth %s: %s", auth, got)
		}
		if auth == AuthNone {
			continue
		}
		// Who may pass which is asked still, of the text.
		key := a.user("ann", allow("swf:*", "*"), allow("iam:PassRole", "arn:aws:iam::*:role/theirs"))
		for role, want := range map[string]string{"arn:aws:iam::999999999999:role/theirs": "", "arn:aws:iam::999999999999:role/other": notPermitted} {
			if _, fault := a.begin(key, role); fault != want {
				t.Errorf("ann passes %s: %q, want %q", role, fault, want)
			}
		}
	}
}
