package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
)

// chooser makes requests and policies out of bytes, so that a fuzzer can steer.
type chooser struct{ bytes []byte }

func (c *chooser) below(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := int(c.bytes[0])
	c.bytes = c.bytes[1:]
	return b % n
}

func one[T any](c *chooser, list []T) T { return list[c.below(len(list))] }

// some gives a value or a list of up to three.
func some(c *chooser, list []any) any {
	n := c.below(4)
	if n == 0 {
		return one(c, list)
	}
	var all []any
	for range n {
		all = append(all, one(c, list))
	}
	return all
}

func anys(list ...string) []any {
	var all []any
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

var (
	someActions        = []string{"swf:StartWorkflowExecution", "swf:PollForDecisionTask", "swf:ScheduleActivityTask", "iam:GetUser", "sts:AssumeRole"}
	someActionPatterns = anys("*", "swf:*", "SWF:START*", "swf:StartWorkflowExecution", "swf:*Task", "swf:Poll*Decision*", "swf:?????????????????????????", "iam:*", "iam:Get?ser", "swf:S*t*k", "*:*")

	someResources = []string{
		"arn:aws:swf:us-east-1:123456789012:/domain/d1", "arn:aws:swf:eu-west-1:123456789012:/domain/ann", "arn:aws:swf:us-east-1:123456789012:/domain/*",
		"arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/a:b", "arn:aws:states:us-east-1:123456789012:execution:m:e",
		"*", "arn:aws:swf:us-east-1:123456789012:/domain/a*b", "arn:aws:swf:us-east-1:123456789012:/domain/ö", "nothing",
	}
	someResourcePatterns = anys("*", "arn:aws:swf:*", "arn:aws:swf:*:123456789012:/domain/*", "arn:aws:swf:us-east-1:123456789012:/domain/d1",
		"arn:aws:swf:us-*:*:/domain/?1", "arn:aws:swf:*:*:/domain/${aws:username}", "arn:aws:iam::*:user/${aws:username}", "arn:*:swf:*:*:*/${*}",
		"arn:aws:swf:eu*", "arn:aws:states:*:*:execution:*", "arn:aws:states:*:m:e", "arn:aws:iam::*:user/*:*", "arn:aws:swf:*:*:/domain/${x:none, 'd1'}",
		"arn:aws:swf:us-east-1:123456789012:/domain/a*b", "arn:aws:swf:*:*:/domain/a${*}b", "arn:aws:swf:*:*:/domain/?", "arn:aws:swf:${x:region}:*:*", "arn:aws:swf:*:*:/*/*")

	someKeys = []string{"aws:username", "swf:taskList.name", "x:Many", "x:number", "x:date", "x:bool", "x:ip", "x:arn", "x:binary", "x:absent", "x:region", "x:Tag/team", "x:Tag/team"}

	someTexts = []string{"ann", "ANN", "a*n", "a", "", "b", "ö", "Ö", "us-east-1", "ann-1", "ſtraße", "STRASSE"}
	// For each kind of operator: its names, a policy's values, a request's values.
	someKinds = []struct {
		operators []string
		policy    []any
		request   []string
	}{
		{
			[]string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"},
			append(anys("a*", "?", "*", "${aws:username}", "${AWS:Username}*", "${x:none}", "${x:none, 'a'}", "${x:Many}", "${*}", "a${*}n", "${$}", "$", "*n*", "${swf:taskList.name}-1", "Straße", "strasse"), anys(someTexts...)...),
			someTexts,
		},
		{
			[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
			[]any{1, 2.5, "10", "-3", "1e2", 100},
			[]string{"1", "2.5", "10.0", "-3", "100", "0", "many", "", "+1"},
		},
		{
			[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
			[]any{"2026", "2026-01-02", "2026-01-02T03:04:05Z", 1767323045, "1767323045", "2026-01-02T03:04Z", "2025-12"},
			[]string{"2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-01", "1767323045", "soon", "2026-01-02T03:04:05.5Z", "0"},
		},
		{[]string{"Bool"}, []any{true, "false", "True"}, []string{"true", "false", "FALSE", "1", ""}},
		{[]string{"BinaryEquals"}, anys("QQ==", "QUI=", ""), []string{"QQ==", "QUI=", "QR", ""}},
		{
			[]string{"IpAddress", "NotIpAddress"},
			anys("10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0", "::1", "192.168.7.9/24", "10.0.0.0/31"),
			[]string{"10.1.2.3", "10.0.0.1", "192.168.7.1", "::1", "2001:db8::7", "::ffff:10.1.2.3", "x", ""},
		},
		{
			[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"},
			someResourcePatterns,
			someResources,
		},
		{[]string{"Null"}, []any{true, "false", "TRUE"}, someTexts},
	}
)

func (c *chooser) condition() map[string]any {
	conditions := map[string]any{}
	for range c.below(4) {
		kind := one(c, someKinds)
		operator := one(c, kind.operators)
		if operator != "Null" {
			operator = one(c, []string{"", "", "", "ForAllValues:", "ForAnyValue:"}) + operator + one(c, []string{"", "", "IfExists"})
		}
		keys, ok := conditions[operator].(map[string]any)
		if !ok {
			keys = map[string]any{}
			conditions[operator] = keys
		}
		for range 1 + c.below(2) {
			keys[one(c, someKeys)] = some(c, kind.policy)
		}
	}
	return conditions
}

func (c *chooser) policy() string {
	var statements []any
	for range 1 + c.below(3) {
		s := map[string]any{"Effect": one(c, []string{"Allow", "Allow", "Deny"})}
		s[one(c, []string{"Action", "Action", "Action", "NotAction"})] = some(c, someActionPatterns)
		s[one(c, []string{"Resource", "Resource", "Resource", "NotResource"})] = some(c, someResourcePatterns)
		if condition := c.condition(); len(condition) > 0 {
			s["Condition"] = condition
		}
		statements = append(statements, s)
	}
	d := map[string]any{"Statement": statements}
	if len(statements) == 1 {
		d["Statement"] = statements[0]
	}
	if v := one(c, []string{"2012-10-17", "2012-10-17", "2008-10-17", ""}); v != "" {
		d["Version"] = v
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// layer is nil, empty, or up to two policies.
func (c *chooser) layer() []string {
	n := c.below(4)
	if n == 0 {
		return nil
	}
	all := []string{}
	for range n - 1 {
		all = append(all, c.policy())
	}
	return all
}

func (c *chooser) context() (policy.Context, naiveContext) {
	var fast policy.Context
	naive := naiveContext{}
	for range c.below(9) {
		key, kind := one(c, someKeys), one(c, someKinds)
		if key == "x:absent" {
			continue
		}
		for range one(c, []int{1, 1, 1, 2, 3}) {
			value := one(c, kind.request)
			fast = append(fast, policy.Value{Key: one(c, []string{key, strings.ToUpper(key), strings.ToLower(key)}), Value: value})
			naive[strings.ToLower(key)] = append(naive[strings.ToLower(key)], value)
		}
	}
	return fast, naive
}

// compare evaluates one case both ways and gives what came out.
func compare(t *testing.T, c *chooser) verdict {
	t.Helper()
	action, resource := one(c, someActions), one(c, someResources)
	context, naive := c.context()
	// Most of what is interesting needs an identity policy.
	identity, groups, boundary, session := append(c.layer(), c.policy()), c.layer(), c.layer(), c.layer()
	want := naiveEvaluate(action, resource, naive, identity, groups, boundary, session)

	var sets policy.PolicySets
	for layer, documents := range map[*[]policy.Attached][]string{&sets.Identity: identity, &sets.Groups: groups, &sets.Boundary: boundary, &sets.Session: session} {
		if documents != nil {
			*layer = set(t, documents...)
		}
	}
	d := policy.Evaluate(&policy.Request{Action: action, Resource: resource, Context: context}, &sets)
	got := verdict("allow")
	switch {
	case d.Explicit:
		got = "deny"
	case !d.Allowed:
		got = verdict(map[policy.Layer]string{policy.Identity: "identity", policy.Boundary: "boundary", policy.Session: "session"}[d.Layer])
	}
	if got != want || d.Allowed != (got == "allow") {
		t.Fatalf("%s on %s with %q: %+v, the naive evaluation says %s\nidentity %s\ngroups %s\nboundary %s\nsession %s",
			action, resource, context, d, want, identity, groups, boundary, session)
	}
	if got == "allow" || got == "deny" {
		// The statement that is named does apply, alone as well.
		list := map[policy.Layer][]string{policy.Identity: identity, policy.Group: groups, policy.Boundary: boundary, policy.Session: session}[d.Layer]
		effects := naiveEffects(list[d.Source[0]-'a'], action, resource, naive)
		if !slices.Contains(effects, map[verdict]string{"allow": "Allow", "deny": "Deny"}[got]) {
			t.Fatalf("%s on %s with %q: %+v names a policy that does not say so", action, resource, context, d)
		}
	}
	return got
}

func TestDifferential(t *testing.T) {
	if racing {
		t.Skip("it judges long in one goroutine, in which there is no race to be found")
	}
	seen := map[verdict]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		seen[compare(t, &chooser{b})]++
	}
	for _, v := range []verdict{"allow", "deny", "identity", "boundary", "session"} {
		if seen[v] < 50 {
			t.Errorf("only %d cases end in %s; the test sees too little", seen[v], v)
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { compare(t, &chooser{b}) })
}

// FuzzParse reads anything, and evaluates what can be read.
func FuzzParse(f *testing.F) {
	f.Add(statement(rest), "swf:X", "arn:aws:swf:r:a:/domain/d", "x:y", "v")
	f.Add(`{"Statement":[{"Sid":"A",`+rest+`,"Condition":{"StringLike":{"a:b":"a${*}*?${x:y, 'z'}"}}}]}`, "swf:X", "*", "a:b", "a*b")
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		b := make([]byte, 100)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add((&chooser{b}).policy(), "iam:GetUser", "arn:aws:iam::1:user/x", "aws:username", "x")
	}
	f.Fuzz(func(t *testing.T, document, action, resource, key, value string) {
		r := &policy.Request{Action: action, Resource: resource, Context: policy.Context{{Key: key, Value: value}}}
		p, err := policy.Parse([]byte(document))
		trust, trustErr := policy.ParseTrust([]byte(document))
		if (p != nil) == (err != nil) || (trust != nil) == (trustErr != nil) {
			t.Fatalf("%v, %v; %v, %v", p, err, trust, trustErr)
		}
		of, ofErr := policy.ParseResource([]byte(document))
		if (of != nil) == (ofErr != nil) || of != nil && trust != nil {
			t.Fatalf("%v, %v", of, ofErr)
		}
		if of != nil {
			new(policy.Meter).EvaluateResource(r, policy.Attached{Policy: of}, &policy.PolicySets{}, false)
		}
		if p != nil {
			if trust != nil || of != nil {
				t.Fatal("one document is both kinds of policy")
			}
			if d := policy.Evaluate(r, &policy.PolicySets{Identity: []policy.Attached{{Policy: p}}}); d.Allowed && !strings.Contains(document, "Allow") && !strings.Contains(document, `\u`) {
				t.Fatalf("allowed by a policy that allows nothing: %+v", d)
			}
		}
		if trust != nil {
			policy.EvaluateTrust(r, policy.Attached{Policy: trust}, &policy.PolicySets{})
		}
	})
}
