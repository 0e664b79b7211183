package permission_test

import (
	"testing"

	"heddle/internal/aws/iam"
	"heddle/internal/swf/api"
	"heddle/internal/swf/permission"
)

// The policies of the manual's examples, in its order, with what each is said to
// allow and what it must not.

func ptr[T any](v T) *T { return &v }

func asked(a permission.Ask, domain string) iam.Request {
	if a.Domain == "" {
		a.Domain = domain
	}
	return a.Request(ann, "us-east-1", iam.Context{{Key: "aws:username", Value: "ann"}})
}

func call(operation string, in any) iam.Request {
	return asked(permission.Call(operation, in), "some_domain")
}

// start starts workflow1, version2.
func start(domain string, change func(*api.StartWorkflowExecutionInput)) iam.Request {
	in := &api.StartWorkflowExecutionInput{Domain: domain, WorkflowID: "w", WorkflowType: api.WorkflowType{Name: "workflow1", Version: "version2"}}
	if change != nil {
		change(in)
	}
	return call("StartWorkflowExecution", in)
}

func tags(list ...string) iam.Request {
	return start("some_domain", func(in *api.StartWorkflowExecutionInput) { in.TagList = list })
}

func list(in api.ListOpenWorkflowExecutionsInput) iam.Request {
	in.Domain = "domain_name"
	return call("ListOpenWorkflowExecutions", &in)
}

func schedule(activity string) iam.Request {
	return asked(permission.Decision(&api.Decision{
		DecisionType: "ScheduleActivityTask",
		ScheduleActivityTaskDecisionAttributes: &api.ScheduleActivityTaskDecisionAttributes{
			ActivityID: "a", ActivityType: api.ActivityType{Name: activity, Version: "1"},
		},
	}), "some_domain")
}

func with(r iam.Request, values ...iam.Value) iam.Request {
	r.Context = append(r.Context, values...)
	return r
}

func TestPoliciesOfTheManual(t *testing.T) {
	var (
		describe1  = call("DescribeDomain", &api.DescribeDomainInput{Name: "department1"})
		describe2  = call("DescribeDomain", &api.DescribeDomainInput{Name: "department2"})
		describe3  = call("DescribeDomain", &api.DescribeDomainInput{Name: "department3"})
		all        = call("ListDomains", &api.ListDomainsInput{})
		respond    = call("RespondDecisionTaskCompleted", &api.RespondDecisionTaskCompletedInput{})
		startTimer = asked(permission.Decision(&api.Decision{DecisionType: "StartTimer"}), "some_domain")
		production = permission.ResourceTag("environment", "production")
		foreign    = permission.Call("DescribeDomain", &api.DescribeDomainInput{Name: "department1"})
		getUser    = func(name string) iam.Request {
			return iam.Request{Principal: ann, Action: "iam:GetUser", Resource: "arn:aws:iam::123456789012:user/" + name, Context: iam.Context{{Key: "aws:username", Value: "ann"}}}
		}
		onList = func(name string) iam.Request {
			return start("some_domain", func(in *api.StartWorkflowExecutionInput) { in.TaskList = &api.TaskList{Name: name} })
		}
		onDefault = func(name string) iam.Request {
			a := permission.Call("StartWorkflowExecution", &api.StartWorkflowExecutionInput{Domain: "some_domain"})
			a.UseDefaults(&api.TaskList{Name: name}, nil)
			return asked(a, "")
		}
		allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	)
	for _, c := range []struct {
		name     string
		policies []string
		yes, no  []iam.Request
	}{
		{
			"domains with a tag are denied",
			[]string{allow, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "swf:*",
				"Resource": "arn:aws:swf:*:123456789012:/domain/*",
				"Condition": {"StringEquals": {"aws:ResourceTag/environment": "production"}}}]}`},
			[]iam.Request{describe1, all, with(describe1, permission.ResourceTag("environment", "test")), with(describe1, permission.ResourceTag("env", "production"))},
			[]iam.Request{with(describe1, production), with(schedule("x"), production), with(describe1, permission.ResourceTag("team", "a"), production)},
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
			[]iam.Request{getUser("ann"), {Principal: ann, Action: "iam:ListUsers", Resource: "*"}},
			[]iam.Request{getUser("bob"), getUser("ann2"), {Principal: ann, Action: "iam:DeleteUser", Resource: "arn:aws:iam::123456789012:user/ann"}, describe1},
		},
		{
			"the simplest case: full access to the account's domains",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/*"}]}`},
			[]iam.Request{describe1, all, respond, schedule("any"), startTimer, start("d", nil), foreign.Request(ann, "eu-west-1", nil)},
			[]iam.Request{getUser("ann"), foreign.Request(iam.Principal{ARN: "arn:aws:iam::999999999999:user/eve", Account: "999999999999"}, "us-east-1", nil)},
		},
		{
			"one domain",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department1"}]}`},
			[]iam.Request{describe1, start("department1", nil)},
			[]iam.Request{describe2, start("department11", nil), start("Department1", nil), all},
		},
		{
			"two domains",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department1"},
				{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/department2"}]}`},
			[]iam.Request{describe1, describe2},
			[]iam.Request{describe3, all},
		},
		{
			"one action",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution", "Resource": "arn:aws:swf:*:123456789012:/domain/department2"}]}`},
			[]iam.Request{start("department2", nil)},
			[]iam.Request{start("department1", nil), describe2},
		},
		{
			"one version of one workflow type",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/department1",
				"Condition": {"StringEquals": {"swf:workflowType.name": "workflow1", "swf:workflowType.version": "version2"}}}]}`},
			[]iam.Request{start("department1", nil)},
			[]iam.Request{
				start("department2", nil), describe1,
				start("department1", func(in *api.StartWorkflowExecutionInput) { in.WorkflowType.Name = "workflow2" }),
				start("department1", func(in *api.StartWorkflowExecutionInput) { in.WorkflowType.Version = "version1" }),
			},
		},
		{
			"a task list, if one is given",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:taskList.name": "task_list_name"}}}]}`},
			[]iam.Request{start("some_domain", nil), onList("task_list_name"), onDefault("task_list_name")},
			[]iam.Request{onList("another"), onDefault("another"), start("department1", nil)},
		},
		{
			"two tags for the first, and any others", // not recommended
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": ["some_ok_tag", "another_ok_tag"]}}}]}`},
			[]iam.Request{tags(), tags("some_ok_tag"), tags("another_ok_tag"), tags("some_ok_tag", "any"), tags("another_ok_tag", "x", "y", "z", "u")},
			[]iam.Request{tags("any"), tags("any", "some_ok_tag")},
		},
		{
			"at most one tag, of two",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
				"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
				"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": ["some_ok_tag", "another_ok_tag"]},
					"Null": {"swf:tagList.member.1": "true"}}}]}`},
			[]iam.Request{tags(), tags("some_ok_tag"), tags("another_ok_tag")},
			[]iam.Request{tags("any"), tags("some_ok_tag", "any"), tags("some_ok_tag", "another_ok_tag")},
		},
		{
			"one decision with one activity type",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Resource": "arn:aws:swf:*:123456789012:/domain/*", "Action": "swf:RespondDecisionTaskCompleted", "Effect": "Allow"},
				{"Resource": "*", "Action": "swf:ScheduleActivityTask", "Effect": "Allow",
					"Condition": {"StringEquals": {"swf:activityType.name": "SomeActivityType"}}}]}`},
			[]iam.Request{respond, schedule("SomeActivityType")},
			[]iam.Request{schedule("AnotherActivityType"), schedule("someactivitytype"), startTimer, describe1},
		},
		{
			"all decisions",
			[]string{`{"Version": "2012-10-17", "Statement": [
				{"Resource": "arn:aws:swf:*:123456789012:/domain/*", "Action": "swf:RespondDecisionTaskCompleted", "Effect": "Allow"},
				{"Resource": "*", "Action": "swf:*", "Effect": "Allow",
					"Condition": {"StringEqualsIfExists": {"swf:activityType.name": "SomeActivityType"}}}]}`},
			[]iam.Request{respond, schedule("SomeActivityType"), startTimer},
			[]iam.Request{schedule("AnotherActivityType")},
		},
		{
			"SimpleWorkflowFullAccess",
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["swf:*"], "Resource": "*"}]}`},
			[]iam.Request{describe1, all, respond, schedule("any"), startTimer, tags("any"), list(api.ListOpenWorkflowExecutionsInput{})},
			[]iam.Request{getUser("ann")},
		},
		{
			"filters that exclude each other", // allows only what the service refuses
			[]string{`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:ListOpenWorkflowExecutions",
				"Resource": "arn:aws:swf:*:123456789012:/domain/domain_name",
				"Condition": {"StringEquals": {"swf:typeFilter.name": "workflow_name", "swf:typeFilter.version": "workflow_version", "swf:tagFilter.tag": "some_tag"}}}]}`},
			[]iam.Request{list(api.ListOpenWorkflowExecutionsInput{
				TypeFilter: &api.WorkflowTypeFilter{Name: "workflow_name", Version: ptr("workflow_version")}, TagFilter: &api.TagFilter{Tag: "some_tag"},
			})},
			[]iam.Request{
				list(api.ListOpenWorkflowExecutionsInput{TypeFilter: &api.WorkflowTypeFilter{Name: "workflow_name", Version: ptr("workflow_version")}}),
				list(api.ListOpenWorkflowExecutionsInput{TagFilter: &api.TagFilter{Tag: "some_tag"}}),
				list(api.ListOpenWorkflowExecutionsInput{}),
			},
		},
	} {
		var policies iam.PolicySets
		for _, document := range c.policies {
			p, err := iam.Parse([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			policies.Identity = append(policies.Identity, iam.Attached{Policy: p})
		}
		for want, requests := range map[bool][]iam.Request{true: c.yes, false: c.no} {
			for _, r := range requests {
				if d := iam.Evaluate(&r, &policies); d.Allowed != want {
					t.Errorf("%s: %s on %s with %q: %+v", c.name, r.Action, r.Resource, r.Context, d)
				}
			}
		}
	}
}

// The manual prints the values of a condition without brackets in two of its
// examples. As printed they are not JSON, and are refused.
func TestMisprintOfTheManual(t *testing.T) {
	_, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:StartWorkflowExecution",
		"Resource": "arn:aws:swf:*:123456789012:/domain/some_domain",
		"Condition": {"StringEqualsIfExists": {"swf:tagList.member.0": "some_ok_tag", "another_ok_tag"}}}]}`))
	if err == nil {
		t.Fatal("accepted")
	}
}

// BenchmarkStart asks and answers for one start: what a call costs.
func BenchmarkStart(b *testing.B) {
	p, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:*:123456789012:/domain/*"}]}`))
	if err != nil {
		b.Fatal(err)
	}
	policies := &iam.PolicySets{Identity: []iam.Attached{{Policy: p}}}
	in := &api.StartWorkflowExecutionInput{Domain: "d", WorkflowType: api.WorkflowType{Name: "n", Version: "v"}, TagList: []string{"a", "b"}}
	list := &api.TaskList{Name: "l"}
	buffer := make(iam.Context, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		a := permission.Call("StartWorkflowExecution", in)
		a.UseDefaults(list, nil)
		r := a.Request(ann, "us-east-1", buffer)
		if !iam.Evaluate(&r, policies).Allowed {
			b.Fatal("denied")
		}
	}
}
