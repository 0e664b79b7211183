package policy_test

import (
	"testing"

	"heddle/internal/aws/policy"
)

const (
	account = "123456789012"
	domain  = "arn:aws:swf:us-east-1:123456789012:/domain/"
)

// set makes attached policies, each named by its place.
func set(t testing.TB, documents ...string) []policy.Attached {
	t.Helper()
	all := []policy.Attached{}
	for i, d := range documents {
		all = append(all, policy.Attached{Source: string(rune('a' + i)), Policy: must(t, d)})
	}
	return all
}

func allow(action, resource string) string {
	return statement(`"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"`)
}

func deny(action, resource string) string {
	return statement(`"Sid":"No","Effect":"Deny","Action":"` + action + `","Resource":"` + resource + `"`)
}

func TestActionsAndResources(t *testing.T) {
	start := policy.Request{Action: "swf:StartWorkflowExecution", Resource: domain + "d1"}
	for _, c := range []struct {
		members string
		want    bool
	}{
		{`"Action":"swf:StartWorkflowExecution","Resource":"*"`, true},
		{`"Action":"SWF:startworkflowexecution","Resource":"*"`, true},
		{`"Action":"swf:Start*","Resource":"*"`, true},
		{`"Action":"swf:*Execution","Resource":"*"`, true},
		{`"Action":"swf:?tartWorkflowExecution","Resource":"*"`, true},
		{`"Action":"*","Resource":"*"`, true},
		{`"Action":"*:*","Resource":"*"`, true},
		{`"Action":["iam:*","swf:*"],"Resource":"*"`, true},
		{`"Action":"swf:StartWorkflow","Resource":"*"`, false},
		{`"Action":"iam:*","Resource":"*"`, false},
		{`"NotAction":"iam:*","Resource":"*"`, true},
		{`"NotAction":["iam:*","swf:start*"],"Resource":"*"`, false},

		{`"Action":"*","Resource":"arn:aws:swf:us-east-1:123456789012:/domain/d1"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:*:123456789012:/domain/*"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:us-*-?:1234?6789012:/domain/?1"`, true},
		{`"Action":"*","Resource":"arn:*:swf:*:*:*"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:*"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:us*"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:eu*"`, false},
		{`"Action":"*","Resource":"arn:aws:swf:us-east-1:123456789012:*"`, true},
		{`"Action":"*","Resource":"arn:aws:swf:us-east-1:123456789012:/domain/D1"`, false},
		{`"Action":"*","Resource":"arn:aws:swf:us-east-1:123456789012:/domain/"`, false},
		{`"Action":"*","Resource":"arn:aws:swf::123456789012:/domain/d1"`, false},
		{`"Action":"*","Resource":"arn:aws:swf:*:*:*:/domain/d1"`, false},
		{`"Action":"*","Resource":"arn:aws:swf:*1:2*:/domain/d1"`, false}, // * stops at colons
		{`"Action":"*","Resource":["arn:aws:swf:us-east-1:1:/x","arn:aws:swf:*:*:/domain/d1"]`, true},
		{`"Action":"*","NotResource":"arn:aws:swf:*:*:/domain/d2"`, true},
		{`"Action":"*","NotResource":["arn:aws:swf:*:*:/domain/d2","arn:aws:swf:*:*:/domain/d1"]`, false},
	} {
		r := start
		got := policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, statement(`"Effect":"Allow",`+c.members))})
		if got.Allowed != c.want {
			t.Errorf("%s: %+v", c.members, got)
		}
	}
}

// A statement may call a resource by either of its names.
func TestAlias(t *testing.T) {
	r := policy.Request{Action: "swf:ListDomains", Resource: domain + "*", Alias: "arn:aws:swf::123456789012:domain/*"}
	for members, want := range map[string]bool{
		`"Resource":"arn:aws:swf:us-east-1:123456789012:/domain/*"`:    true,
		`"Resource":"arn:aws:swf::123456789012:domain/*"`:              true,
		`"Resource":"arn:aws:swf::210987654321:domain/*"`:              false,
		`"NotResource":"arn:aws:swf:us-east-1:123456789012:/domain/*"`: false,
		`"NotResource":"arn:aws:swf::123456789012:domain/*"`:           false,
		`"NotResource":"arn:aws:swf::210987654321:domain/*"`:           true,
	} {
		allowed := policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, statement(`"Effect":"Allow","Action":"*",`+members))})
		denied := policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, allow("*", "*"), statement(`"Effect":"Deny","Action":"*",`+members))})
		if allowed.Allowed != want || denied.Allowed == want {
			t.Errorf("%s: allows %v, denies %v, want %v", members, allowed.Allowed, !denied.Allowed, want)
		}
	}
}

// The last part of an ARN may hold colons, and * takes them there.
func TestResourceWithColons(t *testing.T) {
	r := policy.Request{Action: "states:X", Resource: "arn:aws:states:r:" + account + ":execution:machine:e"}
	for pattern, want := range map[string]bool{
		"arn:aws:states:r:*:execution:machine:*": true,
		"arn:aws:states:r:*:execution:*":         true,
		"arn:aws:states:r:*:*e":                  true,
		"arn:aws:states:*:machine:e":             false,
		"arn:aws:states:r:*:execution:machine":   false,
		"arn:aws:states:r:*:execution:*:x:e":     false,
	} {
		got := policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, allow("*", pattern))})
		if got.Allowed != want {
			t.Errorf("%s: %+v", pattern, got)
		}
	}
}

func TestLayers(t *testing.T) {
	yes, no, other := allow("swf:*", "*"), deny("swf:Start*", "*"), allow("iam:*", "*")
	for _, c := range []struct {
		name     string
		policies policy.PolicySets
		want     policy.Decision
		explain  string
	}{
		{"nothing", policy.PolicySets{}, policy.Decision{}, "because no identity-based policy allows the swf:StartWorkflowExecution action"},
		{"other action", policy.PolicySets{Identity: set(t, other)}, policy.Decision{}, "because no identity-based policy allows the swf:StartWorkflowExecution action"},
		{"identity", policy.PolicySets{Identity: set(t, other, yes)}, policy.Decision{Allowed: true, Source: "b"}, ""},
		{"group", policy.PolicySets{Identity: set(t, other), Groups: set(t, yes)}, policy.Decision{Allowed: true, Layer: policy.Group, Source: "a"}, ""},
		{"deny after allow", policy.PolicySets{Identity: set(t, yes, no)}, policy.Decision{Explicit: true, Source: "b", Sid: "No"}, "with an explicit deny in an identity-based policy"},
		{"deny before allow", policy.PolicySets{Identity: set(t, no, yes)}, policy.Decision{Explicit: true, Source: "a", Sid: "No"}, "with an explicit deny in an identity-based policy"},
		{"deny in group", policy.PolicySets{Identity: set(t, yes), Groups: set(t, yes, no)}, policy.Decision{Explicit: true, Layer: policy.Group, Source: "b", Sid: "No"}, "with an explicit deny in an identity-based policy"},
		{"boundary alone", policy.PolicySets{Boundary: set(t, yes)}, policy.Decision{}, "because no identity-based policy allows the swf:StartWorkflowExecution action"},
		{"session alone", policy.PolicySets{Session: set(t, yes)}, policy.Decision{}, "because no identity-based policy allows the swf:StartWorkflowExecution action"},
		{"within boundary", policy.PolicySets{Identity: set(t, yes), Boundary: set(t, yes)}, policy.Decision{Allowed: true, Source: "a"}, ""},
		{"outside boundary", policy.PolicySets{Identity: set(t, yes), Boundary: set(t, other)}, policy.Decision{Layer: policy.Boundary}, "because no permissions boundary allows the swf:StartWorkflowExecution action"},
		{"empty boundary", policy.PolicySets{Identity: set(t, yes), Boundary: set(t)}, policy.Decision{Layer: policy.Boundary}, "because no permissions boundary allows the swf:StartWorkflowExecution action"},
		{"deny in boundary", policy.PolicySets{Identity: set(t, yes), Boundary: set(t, no, yes)}, policy.Decision{Explicit: true, Layer: policy.Boundary, Source: "a", Sid: "No"}, "with an explicit deny in a permissions boundary"},
		{"within session", policy.PolicySets{Groups: set(t, yes), Boundary: set(t, yes), Session: set(t, other, yes)}, policy.Decision{Allowed: true, Layer: policy.Group, Source: "a"}, ""},
		{"outside session", policy.PolicySets{Identity: set(t, yes), Session: set(t, other)}, policy.Decision{Layer: policy.Session}, "because no session policy allows the swf:StartWorkflowExecution action"},
		{"deny in session", policy.PolicySets{Identity: set(t, yes), Session: set(t, yes, no)}, policy.Decision{Explicit: true, Layer: policy.Session, Source: "b", Sid: "No"}, "with an explicit deny in a session policy"},
		{"deny in session, nothing allows", policy.PolicySets{Session: set(t, no)}, policy.Decision{Explicit: true, Layer: policy.Session, Source: "a", Sid: "No"}, "with an explicit deny in a session policy"},
	} {
		r := policy.Request{
			Principal: policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account},
			Action:    "swf:StartWorkflowExecution", Resource: domain + "d1",
		}
		got := policy.Evaluate(&r, &c.policies)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got.Allowed {
			continue
		}
		want := "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: swf:StartWorkflowExecution on resource: " + domain + "d1 " + c.explain
		if text := got.Explain(&r); text != want {
			t.Errorf("%s: %s\nwant %s", c.name, text, want)
		}
	}
}

func TestDecidingStatement(t *testing.T) {
	p := must(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":"swf:Describe*","Resource":"*"},
		{"Sid":"Start","Effect":"Allow","Action":"swf:Start*","Resource":"*"},
		{"Sid":"All","Effect":"Allow","Action":"swf:*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"swf:workflowType.name":"bad"}}}]}`)
	policies := &policy.PolicySets{Identity: []policy.Attached{{Source: "p", Policy: p}}, Boundary: set(t, allow("*", "*"))}
	r := policy.Request{Action: "swf:StartWorkflowExecution", Resource: "*"}
	if got, want := policy.Evaluate(&r, policies), (policy.Decision{Allowed: true, Source: "p", Statement: 1, Sid: "Start"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.Context = context("swf:WorkflowType.name=bad")
	denied := policy.Decision{Explicit: true, Source: "p", Statement: 3}
	if got := policy.Evaluate(&r, policies); got != denied {
		t.Errorf("%+v, want %+v", got, denied)
	}
	got := new(policy.Meter).Matches(&r, policies)
	want := []policy.Decision{
		{Allowed: true, Source: "p", Statement: 1, Sid: "Start"},
		{Allowed: true, Source: "p", Statement: 2, Sid: "All"},
		denied,
		{Allowed: true, Layer: policy.Boundary, Source: "a"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("match %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestTrust(t *testing.T) {
	const other = "999999999999"
	var (
		ann     = policy.Principal{ARN: "arn:aws:iam::" + account + ":user/team/ann", ID: "AIDA1", Account: account}
		bob     = policy.Principal{ARN: "arn:aws:iam::" + account + ":user/bob", ID: "AIDA2", Account: account}
		eve     = policy.Principal{ARN: "arn:aws:iam::" + other + ":user/eve", ID: "AIDA3", Account: other}
		robot   = policy.Principal{ARN: "arn:aws:iam::" + account + ":role/robot", ID: "AROA4", Session: "arn:aws:sts::" + account + ":assumed-role/robot/7", SessionID: "AROA4:7", Account: account}
		service = policy.Principal{Service: "swf.amazonaws.com"}
	)
	trust := func(effect, who string, more ...string) string {
		s := `{"Effect":"` + effect + `","Action":"sts:AssumeRole",` + who + `}`
		for _, m := range more {
			s += "," + m
		}
		return `{"Version":"2012-10-17","Statement":[` + s + `]}`
	}
	onlyAnn := trust("Allow", `"Principal":{"AWS":["`+ann.ID+`"]}`)
	inAccount := trust("Allow", `"Principal":{"AWS":"`+account+`"}`)
	root := trust("Allow", `"Principal":{"AWS":"arn:aws:iam::`+account+`:root"}`)
	anybody := trust("Allow", `"Principal":"*"`)
	both := trust("Allow", `"Principal":{"AWS":["`+account+`","`+other+`"],"Service":"swf.amazonaws.com"}`)
	may, mayNot := allow("sts:AssumeRole", "arn:aws:iam::*:role/*"), deny("sts:*", "*")
	for _, c := range []struct {
		name, trust string
		who         policy.Principal
		policies    policy.PolicySets
		allowed     bool
		layer       policy.Layer
	}{
		{"named", onlyAnn, ann, policy.PolicySets{}, true, policy.Trust},
		{"not named", onlyAnn, bob, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"named, own policy denies", onlyAnn, ann, policy.PolicySets{Identity: set(t, mayNot)}, false, policy.Identity},
		{"named, boundary lacks it", onlyAnn, ann, policy.PolicySets{Boundary: set(t, allow("swf:*", "*"))}, false, policy.Boundary},
		{"account, own policy silent", inAccount, ann, policy.PolicySets{}, false, policy.Identity},
		{"account and own policy", inAccount, ann, policy.PolicySets{Identity: set(t, may)}, true, policy.Trust},
		{"account root and group", root, bob, policy.PolicySets{Groups: set(t, may)}, true, policy.Trust},
		{"account, session policy silent", inAccount, robot, policy.PolicySets{Identity: set(t, may), Session: set(t, allow("swf:*", "*"))}, false, policy.Session},
		{"another account", inAccount, eve, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"anybody", anybody, bob, policy.PolicySets{}, true, policy.Trust},
		{"anybody, from another account", anybody, eve, policy.PolicySets{}, false, policy.Identity},
		{"anybody, from another account, allowed there", anybody, eve, policy.PolicySets{Identity: set(t, may)}, true, policy.Trust},
		{"two accounts", both, eve, policy.PolicySets{Identity: set(t, may)}, true, policy.Trust},
		{"service", both, service, policy.PolicySets{}, true, policy.Trust},
		{"another service", both, policy.Principal{Service: "states.amazonaws.com"}, policy.PolicySets{}, false, policy.Trust},
		{"role", trust("Allow", `"Principal":{"AWS":"`+robot.ID+`"}`), robot, policy.PolicySets{}, true, policy.Trust},
		{"session", trust("Allow", `"Principal":{"AWS":"`+robot.SessionID+`"}`), robot, policy.PolicySets{}, true, policy.Trust},
		{"another session", trust("Allow", `"Principal":{"AWS":"`+robot.ID+`:8"}`), robot, policy.PolicySets{}, false, policy.Trust},
		{"by name, who may be another", trust("Allow", `"Principal":{"AWS":"`+ann.ARN+`"}`), ann, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"role by name", trust("Allow", `"Principal":{"AWS":"`+robot.ARN+`"}`), robot, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"session by name", trust("Allow", `"Principal":{"AWS":"`+robot.Session+`"}`), robot, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"federated", trust("Allow", `"Principal":{"Federated":"cognito-identity.amazonaws.com"}`), ann, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"denied by trust", trust("Allow", `"Principal":"*"`, `{"Effect":"Deny","Action":"sts:*","Principal":{"AWS":"`+bob.ID+`"}}`), bob, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"all but ann denied", trust("Deny", `"NotPrincipal":{"AWS":"`+ann.ID+`"}`, `{"Effect":"Allow","Action":"sts:*","Principal":"*"}`), bob, policy.PolicySets{Identity: set(t, may)}, false, policy.Trust},
		{"ann is the exception", trust("Deny", `"NotPrincipal":{"AWS":"`+ann.ID+`"}`, `{"Effect":"Allow","Action":"sts:*","Principal":"*"}`), ann, policy.PolicySets{}, true, policy.Trust},
		{"condition fails", trust("Allow", `"Principal":"*","Condition":{"StringEquals":{"sts:ExternalId":"8"}}`), ann, policy.PolicySets{}, false, policy.Trust},
		{"condition holds", trust("Allow", `"Principal":"*","Condition":{"StringEquals":{"sts:ExternalId":"7"}}`), ann, policy.PolicySets{}, true, policy.Trust},
		{"another action", `{"Statement":{"Effect":"Allow","Action":"sts:TagSession","Principal":"*"}}`, ann, policy.PolicySets{}, false, policy.Trust},
	} {
		p, err := policy.ParseTrust([]byte(c.trust))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		r := policy.Request{
			Principal: c.who, Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + account + ":role/r",
			Context: context("sts:ExternalId=7"),
		}
		got := policy.EvaluateTrust(&r, policy.Attached{Source: "role/r", Policy: p}, &c.policies)
		if got.Allowed != c.allowed || got.Layer != c.layer {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestRewritePrincipals changes principals and nothing else.
// TestResources: a policy of a resource lets through whom it names, and with the account's
// own policies whom it leaves to the account; an explicit denial of any policy wins.
func TestResources(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:" + account + ":key/k"
	var (
		ann   = policy.Principal{ARN: "arn:aws:iam::" + account + ":user/ann", ID: "AIDA1", Account: account}
		robot = policy.Principal{ARN: "arn:aws:iam::" + account + ":role/robot", ID: "AROA4", Session: "arn:aws:sts::" + account + ":assumed-role/robot/7", SessionID: "AROA4:7", Account: account}
		root  = policy.Principal{ARN: "arn:aws:iam::" + account + ":root", Account: account}
	)
	of := func(effect, who, more string) string {
		return `{"Effect":"` + effect + `","Action":"kms:*","Principal":` + who + more + `}`
	}
	all := `,"Resource":"*"`
	named, inAccount, anybody := of("Allow", `{"AWS":"AIDA1"}`, all), of("Allow", `{"AWS":"arn:aws:iam::`+account+`:root"}`, all), of("Allow", `"*"`, all)
	may, mayNot, everything := allow("kms:Decrypt", key), deny("kms:*", "*"), allow("*", "*")
	for _, c := range []struct {
		name, document string
		who            policy.Principal
		policies       policy.PolicySets
		granted        bool
		allowed        bool
		explicit       bool
		layer          policy.Layer
	}{
		{"named", named, ann, policy.PolicySets{}, false, true, false, policy.Resource},
		{"not named", named, robot, policy.PolicySets{Identity: set(t, may)}, false, false, false, policy.Resource},
		{"the root user is not named either", named, root, policy.PolicySets{Identity: set(t, everything)}, false, false, false, policy.Resource},
		{"named, own policy denies", named, ann, policy.PolicySets{Identity: set(t, mayNot)}, false, false, true, policy.Identity},
		{"named, boundary lacks it", named, ann, policy.PolicySets{Boundary: set(t, allow("swf:*", "*"))}, false, false, false, policy.Boundary},
		{"named, session lacks it", of("Allow", `{"AWS":"AROA4"}`, all), robot, policy.PolicySets{Session: set(t, allow("swf:*", "*"))}, false, false, false, policy.Session},
		{"account, own policy silent", inAccount, ann, policy.PolicySets{}, false, false, false, policy.Identity},
		{"account and own policy", inAccount, ann, policy.PolicySets{Identity: set(t, may)}, false, true, false, policy.Identity},
		{"account and group", inAccount, ann, policy.PolicySets{Groups: set(t, may)}, false, true, false, policy.Group},
		{"account and root user", inAccount, root, policy.PolicySets{Identity: set(t, everything)}, false, true, false, policy.Identity},
		{"anybody", anybody, robot, policy.PolicySets{}, false, true, false, policy.Resource},
		{"denied by the resource", inAccount + "," + of("Deny", `"*"`, all), root, policy.PolicySets{Identity: set(t, everything)}, false, false, true, policy.Resource},
		{"denied to the account", anybody + "," + of("Deny", `{"AWS":"`+account+`"}`, all), ann, policy.PolicySets{}, true, false, true, policy.Resource},
		{"another denied", anybody + "," + of("Deny", `{"AWS":"AIDA1"}`, all), robot, policy.PolicySets{}, false, true, false, policy.Resource},
		{"its own name", of("Allow", `"*"`, `,"Resource":"`+key+`"`), ann, policy.PolicySets{}, false, true, false, policy.Resource},
		{"another resource", of("Allow", `"*"`, `,"Resource":"`+key+`2"`), ann, policy.PolicySets{Identity: set(t, may)}, false, false, false, policy.Resource},
		{"all but this", of("Allow", `"*"`, `,"NotResource":"`+key+`"`), ann, policy.PolicySets{}, false, false, false, policy.Resource},
		{"condition fails", of("Allow", `"*"`, all+`,"Condition":{"StringEquals":{"kms:ViaService":"x"}}`), ann, policy.PolicySets{}, false, false, false, policy.Resource},
		{"condition holds", of("Allow", `"*"`, all+`,"Condition":{"StringEquals":{"kms:ViaService":"states"}}`), ann, policy.PolicySets{}, false, true, false, policy.Resource},

		{"granted", named, robot, policy.PolicySets{}, true, true, false, policy.Resource},
		{"granted, own policy denies", named, robot, policy.PolicySets{Identity: set(t, mayNot)}, true, false, true, policy.Identity},
		{"granted, boundary lacks it", named, robot, policy.PolicySets{Boundary: set(t, allow("swf:*", "*"))}, true, false, false, policy.Boundary},
		{"granted, denied by the resource", of("Deny", `{"AWS":"AROA4"}`, all), robot, policy.PolicySets{}, true, false, true, policy.Resource},
		{"granted, and left to the account", inAccount, robot, policy.PolicySets{}, true, true, false, policy.Resource},
	} {
		p, err := policy.ParseResource([]byte(`{"Version":"2012-10-17","Statement":[` + c.document + `]}`))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		r := policy.Request{Principal: c.who, Action: "kms:Decrypt", Resource: key, Context: context("kms:ViaService=states")}
		got := new(policy.Meter).EvaluateResource(&r, policy.Attached{Source: key, Policy: p}, &c.policies, c.granted)
		if got.Allowed != c.allowed || got.Explicit != c.explicit || got.Layer != c.layer {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if _, err := policy.ParseResource([]byte(statement(`"Sid":"Enable IAM User Permissions",` + rest + `,"Principal":"*"`))); err != nil {
		t.Error(err)
	}
	for _, document := range []string{
		statement(rest), statement(`"Effect":"Allow","Action":"kms:*","Principal":"*"`), statement(rest + `,"Principal":{"AWS":"nobody"}`), statement(rest + `,"Principal":{"AWS":[]}`),
	} {
		if p, err := policy.ParseResource([]byte(document)); err == nil {
			t.Errorf("%s: %+v", document, p)
		}
	}
}

func TestRewritePrincipals(t *testing.T) {
	double := func(p string) string { return p + p }
	for document, want := range map[string]string{
		`{"Statement":{"Principal":{"AWS":"a"}}}`:                                                             `{"Statement":{"Principal":{"AWS":"aa"}}}`,
		"{ \"Statement\" : [ {\n\"Principal\" :\t{ \"AWS\" : [ \"a\" ,\n \"b\" ] , \"Service\":\"s\" } } ] }": "{ \"Statement\" : [ {\n\"Principal\" :\t{ \"AWS\" : [ \"aa\" ,\n \"bb\" ] , \"Service\":\"s\" } } ] }",
		`{"Statement":[{"NotPrincipal":{"AWS":"\u0061\/\"<"}},{"Principal":{"AWS":["b"]}}]}`:                  `{"Statement":[{"NotPrincipal":{"AWS":"a/\"\u003ca/\"\u003c"}},{"Principal":{"AWS":["bb"]}}]}`,
		`{"AWS":"a","Statement":{"Principal":"*","Condition":{"StringEquals":{"Principal":{"AWS":"a"}}}}}`:    `{"AWS":"a","Statement":{"Principal":"*","Condition":{"StringEquals":{"Principal":{"AWS":"a"}}}}}`,
		`{"Statement":{"Principal":{"AWS":[]}}}`:                                                              `{"Statement":{"Principal":{"AWS":[]}}}`,
		`{}`:                                                                                                  `{}`,
		`{`:                                                                                                   "",
	} {
		if got, err := policy.RewritePrincipals(document, double); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %s, %v, want %s", document, got, err, want)
		}
	}
}

// typical is a decider's user with policies of its own and of a group, within a
// boundary.
func typical(t testing.TB) (*policy.Request, *policy.PolicySets) {
	own := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["swf:PollForDecisionTask","swf:RespondDecisionTaskCompleted"],"Resource":"arn:aws:swf:*:123456789012:/domain/department1"},
		{"Effect":"Allow","Action":["swf:Count*","swf:List*","swf:Describe*"],"Resource":"*"},
		{"Effect":"Allow","Action":"swf:StartWorkflowExecution","Resource":"arn:aws:swf:*:123456789012:/domain/department1",
			"Condition":{"StringEquals":{"swf:workflowType.name":"workflow1","swf:workflowType.version":"version2"},
			"StringLikeIfExists":{"swf:taskList.name":"${aws:username}-*"}}}]}`
	group := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Action":"swf:*","Resource":"arn:aws:swf:*:123456789012:/domain/*","Condition":{"StringEquals":{"aws:ResourceTag/environment":"production"}}},
		{"Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8"]},"Bool":{"aws:SecureTransport":"false"}}}]}`
	return &policy.Request{
			Principal: policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account},
			Action:    "swf:StartWorkflowExecution", Resource: domain + "department1",
			Context: context("aws:username=ann", "aws:userid=AIDAEXAMPLE", "aws:PrincipalArn=arn:aws:iam::123456789012:user/ann",
				"aws:PrincipalAccount=123456789012", "aws:PrincipalType=User", "aws:PrincipalTag/team=blue", "aws:SourceIp=10.1.2.3",
				"aws:SecureTransport=true", "aws:CurrentTime=2026-01-02T03:04:05Z", "aws:EpochTime=1767323045", "aws:UserAgent=aws-sdk-go",
				"aws:ResourceTag/environment=test", "swf:workflowType.name=workflow1", "swf:workflowType.version=version2",
				"swf:taskList.name=ann-1", "swf:tagList.member.0=x"),
		}, &policy.PolicySets{
			Identity: set(t, own),
			Groups:   set(t, group),
			Boundary: set(t, allow("swf:*", "*")),
		}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	r, policies := typical(t)
	if d := policy.Evaluate(r, policies); !d.Allowed || d.Statement != 2 {
		t.Fatalf("%+v", d)
	}
	if n := testing.AllocsPerRun(100, func() { policy.Evaluate(r, policies) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	r, policies := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		if !policy.Evaluate(r, policies).Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkEvaluateFullAccess(b *testing.B) {
	r, _ := typical(b)
	policies := &policy.PolicySets{Identity: set(b, allow("swf:*", "*"))}
	b.ReportAllocs()
	for b.Loop() {
		if !policy.Evaluate(r, policies).Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	document := []byte(allow("swf:*", "arn:aws:swf:*:123456789012:/domain/*"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
