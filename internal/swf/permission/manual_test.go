package permission_test

import (
	"testing"

	"heddle/internal/aws/policy"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// The policies of the manual's examples, in its order, with what each is said to
// allow and what it must not.

func ptr[T any](v T) *T { return &v }

func asked(a permission.Need, domain string) policy.Request {
	if a.Domain == "" {
		a.Domain = domain
	}
	return a.Request(ann, "us-east-1", policy.Context{{Key: "aws:username", Value: "ann"}})
}

func call(operation string, in any) policy.Request {
	return asked(permission.Call(operation, in), "some_domain")
}

// start starts workflow1, version2.
func start(domain string, change func(*wire.StartWorkflowExecutionInput)) policy.Request {
	in := &wire.StartWorkflowExecutionInput{Domain: domain, WorkflowID: "w", WorkflowType: wire.WorkflowType{Name: "workflow1", Version: "version2"}}
	if change != nil {
		change(in)
	}
	return call("StartWorkflowExecution", in)
}

func tags(list ...string) policy.Request {
	return start("some_domain", func(in *wire.StartWorkflowExecutionInput) { in.TagList = list })
}

func list(in wire.ListOpenWorkflowExecutionsInput) policy.Request {
	in.Domain = "domain_name"
	return call("ListOpenWorkflowExecutions", &in)
}

func schedule(activity string) policy.Request {
	return asked(permission.Decision(&wire.Decision{
		DecisionType: "ScheduleActivityTask",
		ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{
			ActivityID: "a", ActivityType: wire.ActivityType{Name: activity, Version: "1"},
		},
	}), "some_domain")
}

func with(r policy.Request, values ...policy.Value) policy.Request {
	r.Context = append(r.Context, values...)
	return r
}

func TestPoliciesOfTheManual(t *testing.T) {
	var (
		describe1  = call("DescribeDomain", &wire.DescribeDomainInput{Name: "department1"})
		describe2  = call("DescribeDomain", &wire.DescribeDomainInput{Name: "department2"})
		describe3  = call("DescribeDomain", &wire.DescribeDomainInput{Name: "department3"})
		all        = call("ListDomains", &wire.ListDomainsInput{})
		respond    = call("RespondDecisionTaskCompleted", &wire.RespondDecisionTaskCompletedInput{})
		startTimer = asked(permission.Decision(&wire.Decision{DecisionType: "StartTimer"}), "some_domain")
		production = permission.ResourceTag("environment", "production")
		foreign    = permission.Call("DescribeDomain", &wire.DescribeDomainInput{Name: "department1"})
		getUser    = func(name string) policy.Request {
			return policy.Request{Principal: ann, Action: "iam:GetUser", Resource: "arn:aws:iam::123456789012:user/" + name, Context: policy.Context{{Key: "aws:username", Value: "ann"}}}
		}
		onList = func(name string) policy.Request {
			return start("some_domain", func(in *wire.StartWorkflowExecutionInput) { in.TaskList = &wire.TaskList{Name: name} })
		}
		onDefault = func(name string) policy.Request {
			a := permission.Call("StartWorkflowExecution", &wire.StartWorkflowExecutionInput{Domain: "some_domain"})
			a.UseDefaults(&wire.TaskList{Name: name}, nil)
			return asked(a, "")
		}
		allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	)
	for _, c := range []struct {
		name     string
		policies []string
		yes, no  []policy.Request
	}{
		{
			"domains with a tag are denied",
			[]string{allow, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "swf:*",
				"Resource": "arn:aws:swf:*:123456789012:/domain/*",
				"Condition": {"StringEquals": {"aws:ResourceTag/environment": "production"}}}]}`},
			[]policy.Request{describe1, all, with(describe1, permission.ResourceTag("environment", "test")), with(describe1, permission.ResourceTag("env", "production"))},
			[]policy.Request{with(describe1, production), with(schedule("x"), production), with(describe1, permission.ResourceTag("team", "a"), production)},
		},
		{
			"users see their own permissions",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Sid": "ViewOwnUserInfo", "Effect": "Allow",
					"Action": ["iam:GetUserPolicy", "iam:ListGroupsForUser", "iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:GetUser"],
					"Resource": ["arn:aws:iam::*:user/${aws:username}"]},
				{"Sid": "NavigateInConsole", "Effect": "Allow",
					"Action": ["iam:GetGroupPolicy", "iam:GetPolicyVersion", "iam:GetPolicy", "iam:ListAttachedGroupPolicies",
						"iam:ListGroupPolicies", "iam:ListPolicyVersions", "iam:ListPolicies", "iam:ListUsers"],
					"Resource": "*"}]}`},
			[]policy.Request{getUser("ann"), {Principal: ann, Action: "iam:ListUsers", Resource: "*"}},
			[]policy.Request{getUser("bob"), getUser("ann2"), {Principal: ann, Action: "iam:DeleteUser", Resource: "arn:aws:iam::123456789012:user/ann"}, describe1},
		},
		{
			"the simplest case: full access to the account's domains",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/*"}]}`},
			[]policy.Request{describe1, all, respond, schedule("any"), startTimer, start("d", nil), foreign.Request(ann, "eu-west-1", nil)},
			[]policy.Request{getUser("ann"), foreign.Request(policy.Principal{ARN: "arn:aws:iam::999999999999:user/eve", Account: "999999999999"}, "us-east-1", nil)},
		},
		{
			"one domain",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department1"}]}`},
			[]policy.Request{describe1, start("department1", nil)},
			[]policy.Request{describe2, start("department11", nil), start("Department1", nil), all},
		},
		{
			"two domains",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department1"},
				{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department2"}]}`},
			[]policy.Request{describe1, describe2},
			[]policy.Request{describe3, all},
		},
		{
			"one action",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution", "Resource": "arn:aws:swf:*:123456789012:/domain/department2"}]}`},
			[]policy.Request{start("department2", nil)},
			[]policy.Request{start("department1", nil), describe2},
		},
		{
			"one version of one workflow type",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/department1",
				"Condition": {"StringEquals": {"swf:workflowType.name": "workflow1", "swf:workflowType.version": "version2"}}}]}`},
			[]policy.Request{start("department1", nil)},
			[]policy.Request{
				start("department2", nil), describe1,
				start("department1", func(in *wire.StartWorkflowExecutionInput) { in.WorkflowType.Name = "workflow2" }),
				start("department1", func(in *wire.StartWorkflowExecutionInput) { in.WorkflowType.Version = "version1" }),
			},
		},
		{
			"a task list, if one is given",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:taskList.name": "task_list_name"}}}]}`},
			[]policy.Request{start("some_domain", nil), onList("task_list_name"), onDefault("task_list_name")},
			[]policy.Request{onList("another"), onDefault("another"), start("department1", nil)},
		},
		{
			"two tags for the first, and any others", // not recommended
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": ["some_ok_tag", "another_ok_tag"]}}}]}`},
			[]policy.Request{tags(), tags("some_ok_tag"), tags("another_ok_tag"), tags("some_ok_tag", "any"), tags("another_ok_tag", "x", "y", "z", "u")},
			[]policy.Request{tags("any"), tags("any", "some_ok_tag")},
		},
		{
			"at most one tag, of two",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": ["some_ok_tag", "another_ok_tag"]},
					"Null": {"swf:tagList.member.1": "true"}}}]}`},
			[]policy.Request{tags(), tags("some_ok_tag"), tags("another_ok_tag")},
			[]policy.Request{tags("any"), tags("some_ok_tag", "any"), tags("some_ok_tag", "another_ok_tag")},
		},
		{
			"one decision with one activity type",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Resource": "arn:aws:swf:*:123456789012:/domain/*", "Action": "swf:RespondDecisionTaskCompleted", "Effect": "Allow"},
				{"Resource": "*", "Action": "swf:ScheduleActivityTask", "Effect": "Allow",
					"Condition": {"StringEquals": {"swf:activityType.name": "SomeActivityType"}}}]}`},
			[]policy.Request{respond, schedule("SomeActivityType")},
			[]policy.Request{schedule("AnotherActivityType"), schedule("someactivitytype"), startTimer, describe1},
		},
		{
			"all decisions",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Resource": "arn:aws:swf:*:123456789012:/domain/*", "Action": "swf:RespondDecisionTaskCompleted", "Effect": "Allow"},
				{"Resource": "*", "Action": "swf:*", "Effect": "Allow",
					"Condition": {"StringEqualsIfExists": {"swf:activityType.name": "SomeActivityType"}}}]}`},
			[]policy.Request{respond, schedule("SomeActivityType"), startTimer},
			[]policy.Request{schedule("AnotherActivityType")},
		},
		{
			"SimpleWorkflowFullAccess",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["swf:*"], "Resource": "*"}]}`},
			[]policy.Request{describe1, all, respond, schedule("any"), startTimer, tags("any"), list(wire.ListOpenWorkflowExecutionsInput{})},
			[]policy.Request{getUser("ann")},
		},
		{
			"filters that exclude each other", // allows only what the service refuses
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:ListOpenWorkflowExecutions",
				"Resource": "arn:aws:swf:*:123456789012:/domain/domain_name",
				"Condition": {"StringEquals": {"swf:typeFilter.name": "workflow_name", "swf:typeFilter.version": "workflow_version", "swf:tagFilter.tag": "some_tag"}}}]}`},
			[]policy.Request{list(wire.ListOpenWorkflowExecutionsInput{
				TypeFilter: &wire.WorkflowTypeFilter{Name: "workflow_name", Version: ptr("workflow_version")}, TagFilter: &wire.TagFilter{Tag: "some_tag"},
			})},
			[]policy.Request{
				list(wire.ListOpenWorkflowExecutionsInput{TypeFilter: &wire.WorkflowTypeFilter{Name: "workflow_name", Version: ptr("workflow_version")}}),
				list(wire.ListOpenWorkflowExecutionsInput{TagFilter: &wire.TagFilter{Tag: "some_tag"}}),
				list(wire.ListOpenWorkflowExecutionsInput{}),
			},
		},
	} {
		var policies policy.PolicySets
		for _, document := range c.policies {
			p, err := policy.Parse([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			policies.Identity = append(policies.Identity, policy.Attached{Policy: p})
		}
		for want, requests := range map[bool][]policy.Request{true: c.yes, false: c.no} {
			for _, r := range requests {
				if d := policy.Evaluate(&r, &policies); d.Allowed != want {
					t.Errorf("%s: %s on %s with %q: %+v", c.name, r.Action, r.Resource, r.Context, d)
				}
			}
		}
	}
}

// The manual prints the values of a condition without brackets in two of its
// examples. As printed they are not JSON, and are refused.
func TestMisprintOfTheManual(t *testing.T) {
	_, err := policy.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
		"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
		"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": "some_ok_tag", "another_ok_tag"}}}]}`))
	if err == nil {
		t.Fatal("accepted")
	}
}

// BenchmarkStart needs and answers for one start: what a call costs.
func BenchmarkStart(b *testing.B) {
	p, err := policy.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/*"}]}`))
	if err != nil {
		b.Fatal(err)
	}
	policies := &policy.PolicySets{Identity: []policy.Attached{{Policy: p}}}
	in := &wire.StartWorkflowExecutionInput{Domain: "d", WorkflowType: wire.WorkflowType{Name: "n", Version: "v"}, TagList: []string{"a", "b"}}
	list := &wire.TaskList{Name: "l"}
	buffer := make(policy.Context, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		a := permission.Call("StartWorkflowExecution", in)
		a.UseDefaults(list, nil)
		r := a.Request(ann, "us-east-1", buffer)
		if !policy.Evaluate(&r, policies).Allowed {
			b.Fatal("denied")
		}
	}
}
