package permission_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/iam"
	"heddle/internal/swf/api"
	"heddle/internal/swf/permission"
)

const (
	account = "123456789012"
	domains = "arn:aws:swf:us-east-1:123456789012:/domain/"
)

var ann = iam.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account}

// Where a condition key's value comes from: key=member of the request.
const (
	tagFilter    = "swf:tagFilter.tag=TagFilter.Tag"
	typeFilter   = "swf:typeFilter.name=TypeFilter.Name swf:typeFilter.version=TypeFilter.Version"
	taskList     = "swf:taskList.name=TaskList.Name"
	activityType = "swf:activityType.name=ActivityType.Name swf:activityType.version=ActivityType.Version"
	workflowType = "swf:workflowType.name=WorkflowType.Name swf:workflowType.version=WorkflowType.Version"
	registered   = "swf:defaultTaskList.name=DefaultTaskList.Name swf:name=Name swf:version=Version"
	tagList      = "swf:tagList.member.0=TagList[0] swf:tagList.member.1=TagList[1] swf:tagList.member.2=TagList[2] swf:tagList.member.3=TagList[3] swf:tagList.member.4=TagList[4]"
	setTags      = "aws:RequestTag/Tags[0].Key=Tags[0].Value aws:TagKeys=Tags[0].Key"
)

// summary is the manual's API Summary, with the actions that are younger than
// it, and for each action where the domain comes from: the member that names it,
// "token" or "every".
var summary = []struct {
	operation, domain, keys string
	input                   any
}{
	{"CountClosedWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &api.CountClosedWorkflowExecutionsInput{}},
	{"CountOpenWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &api.CountOpenWorkflowExecutionsInput{}},
	{"CountPendingActivityTasks", "Domain", taskList, &api.CountPendingActivityTasksInput{}},
	{"CountPendingDecisionTasks", "Domain", taskList, &api.CountPendingDecisionTasksInput{}},
	{"DeleteActivityType", "Domain", activityType, &api.DeleteActivityTypeInput{}},
	{"DeprecateActivityType", "Domain", activityType, &api.DeprecateActivityTypeInput{}},
	{"DeprecateDomain", "Name", "", &api.DeprecateDomainInput{}},
	{"DeleteWorkflowType", "Domain", workflowType, &api.DeleteWorkflowTypeInput{}},
	{"DeprecateWorkflowType", "Domain", workflowType, &api.DeprecateWorkflowTypeInput{}},
	{"DescribeActivityType", "Domain", activityType, &api.DescribeActivityTypeInput{}},
	{"DescribeDomain", "Name", "", &api.DescribeDomainInput{}},
	{"DescribeWorkflowExecution", "Domain", "", &api.DescribeWorkflowExecutionInput{}},
	{"DescribeWorkflowType", "Domain", workflowType, &api.DescribeWorkflowTypeInput{}},
	{"GetWorkflowExecutionHistory", "Domain", "", &api.GetWorkflowExecutionHistoryInput{}},
	{"ListActivityTypes", "Domain", "", &api.ListActivityTypesInput{}},
	{"ListClosedWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &api.ListClosedWorkflowExecutionsInput{}},
	{"ListDomains", "every", "", &api.ListDomainsInput{}},
	{"ListOpenWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &api.ListOpenWorkflowExecutionsInput{}},
	{"ListTagsForResource", "ResourceARN", "", &api.ListTagsForResourceInput{}},
	{"ListWorkflowTypes", "Domain", "", &api.ListWorkflowTypesInput{}},
	{"PollForActivityTask", "Domain", taskList, &api.PollForActivityTaskInput{}},
	{"PollForDecisionTask", "Domain", taskList, &api.PollForDecisionTaskInput{}},
	{"RecordActivityTaskHeartbeat", "token", "", &api.RecordActivityTaskHeartbeatInput{}},
	{"RegisterActivityType", "Domain", registered, &api.RegisterActivityTypeInput{}},
	{"RegisterDomain", "Name", setTags, &api.RegisterDomainInput{}},
	{"RegisterWorkflowType", "Domain", registered, &api.RegisterWorkflowTypeInput{}},
	{"RequestCancelWorkflowExecution", "Domain", "", &api.RequestCancelWorkflowExecutionInput{}},
	{"RespondActivityTaskCanceled", "token", "", &api.RespondActivityTaskCanceledInput{}},
	{"RespondActivityTaskCompleted", "token", "", &api.RespondActivityTaskCompletedInput{}},
	{"RespondActivityTaskFailed", "token", "", &api.RespondActivityTaskFailedInput{}},
	{"RespondDecisionTaskCompleted", "token", "", &api.RespondDecisionTaskCompletedInput{}},
	{"SignalWorkflowExecution", "Domain", "", &api.SignalWorkflowExecutionInput{}},
	{"StartWorkflowExecution", "Domain", tagList + " " + taskList + " " + workflowType, &api.StartWorkflowExecutionInput{}},
	{"TagResource", "ResourceARN", setTags, &api.TagResourceInput{}},
	{"TerminateWorkflowExecution", "Domain", "", &api.TerminateWorkflowExecutionInput{}},
	{"UndeprecateActivityType", "Domain", activityType, &api.UndeprecateActivityTypeInput{}},
	{"UndeprecateDomain", "Name", "", &api.UndeprecateDomainInput{}},
	{"UndeprecateWorkflowType", "Domain", workflowType, &api.UndeprecateWorkflowTypeInput{}},
	{"UntagResource", "ResourceARN", "aws:TagKeys=TagKeys[0] aws:TagKeys=TagKeys[1] aws:TagKeys=TagKeys[2] aws:TagKeys=TagKeys[3] aws:TagKeys=TagKeys[4]", &api.UntagResourceInput{}},
}

// pseudo is the pseudo API of the manual's API Summary.
var pseudo = []struct{ decision, keys string }{
	{"CancelTimer", ""},
	{"CancelWorkflowExecution", ""},
	{"CompleteWorkflowExecution", ""},
	{"ContinueAsNewWorkflowExecution", tagList + " " + taskList + " swf:workflowType.version=WorkflowTypeVersion swf:workflowTypeVersion=WorkflowTypeVersion"},
	{"FailWorkflowExecution", ""},
	{"RecordMarker", ""},
	{"RequestCancelActivityTask", ""},
	{"RequestCancelExternalWorkflowExecution", ""},
	{"ScheduleActivityTask", activityType + " " + taskList},
	{"ScheduleLambdaFunction", ""},
	{"SignalExternalWorkflowExecution", ""},
	{"StartChildWorkflowExecution", tagList + " " + strings.ReplaceAll(tagList, "member.", "") + " " + taskList + " " + workflowType},
	{"StartTimer", ""},
}

// fill gives every member of a structure a value that says which member it is.
func fill(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.String:
		v.SetString(path)
	case reflect.Slice:
		n := 5
		if v.Type().Elem().Kind() == reflect.Struct {
			n = 1
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."))
			}
		}
	}
}

func check(t *testing.T, name, keys string, r iam.Request, resource string) {
	t.Helper()
	if r.Action != "swf:"+name || r.Resource != resource || r.Principal != ann {
		t.Errorf("%s asks for %s on %s, want %s", name, r.Action, r.Resource, resource)
	}
	var got []string
	for _, v := range r.Context {
		got = append(got, v.Key+"="+v.Value)
	}
	want := strings.Fields(keys)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s gives\n%s, want\n%s", name, got, want)
	}
}

func TestCalls(t *testing.T) {
	var covered []string
	for _, row := range summary {
		covered = append(covered, row.operation)
		fill(reflect.ValueOf(row.input).Elem(), "")
		a := permission.Call(row.operation, row.input)
		resource := domains + row.domain
		switch row.domain {
		case "every":
			resource = domains + "*"
		case "token":
			if a.Domain != "" {
				t.Errorf("%s says the domain is %q", row.operation, a.Domain)
			}
			a.Domain = row.domain
		case "ResourceARN":
			resource = "ResourceARN"
		}
		r := a.Request(ann, "us-east-1", nil)
		check(t, row.operation, row.keys, r, resource)
		alias := ""
		if row.domain == "every" { // as its "Access Control" calls it
			alias = "arn:aws:swf::123456789012:domain/*"
		}
		if r.Alias != alias {
			t.Errorf("%s calls its resource %q too, want %q", row.operation, r.Alias, alias)
		}
	}
	var operations []string
	for _, op := range api.Operations {
		operations = append(operations, op.Name)
		i := slices.Index(covered, op.Name)
		if i >= 0 && reflect.TypeOf(summary[i].input).Elem().Name() != op.Input {
			t.Errorf("the test's input of %s is not %s", op.Name, op.Input)
		}
	}
	slices.Sort(covered)
	slices.Sort(operations)
	if !slices.Equal(covered, operations) {
		t.Errorf("rows are\n%s, operations are\n%s", covered, operations)
	}
}

func TestDecisions(t *testing.T) {
	var covered []string
	for _, row := range pseudo {
		covered = append(covered, row.decision)
		d := &api.Decision{}
		attributes := reflect.ValueOf(d).Elem().FieldByName(row.decision + "DecisionAttributes")
		fill(attributes, "")
		d.DecisionType = row.decision
		a := permission.Decision(d)
		if a.Domain != "" {
			t.Errorf("%s says the domain is %q", row.decision, a.Domain)
		}
		a.Domain = "d"
		check(t, row.decision, row.keys, a.Request(ann, "us-east-1", nil), domains+"d")
	}
	slices.Sort(covered)
	if all := slices.Sorted(slices.Values(api.DecisionTypeValues)); !slices.Equal(covered, all) {
		t.Errorf("rows are\n%s, decisions are\n%s", covered, all)
	}
}

// A request that says nothing of an optional member gives no value for its key.
func TestAbsentMembers(t *testing.T) {
	for _, row := range summary {
		empty := reflect.New(reflect.TypeOf(row.input).Elem())
		a := permission.Call(row.operation, empty.Interface())
		for _, v := range a.Request(ann, "r", nil).Context {
			if !slices.Contains([]string{"swf:taskList.name", "swf:activityType.name", "swf:activityType.version", "swf:workflowType.name", "swf:workflowType.version", "swf:name", "swf:version"}, v.Key) {
				t.Errorf("%s: %s has a value without being given", row.operation, v.Key)
			}
		}
	}
	a := permission.Call("StartWorkflowExecution", &api.StartWorkflowExecutionInput{TagList: []string{"x"}})
	check(t, "StartWorkflowExecution", "swf:tagList.member.0=x swf:workflowType.name= swf:workflowType.version=", a.Request(ann, "us-east-1", nil), domains)
	list := permission.Call("ListOpenWorkflowExecutions", &api.ListOpenWorkflowExecutionsInput{Domain: "d", TypeFilter: &api.WorkflowTypeFilter{Name: "n"}})
	check(t, "ListOpenWorkflowExecutions", "swf:typeFilter.name=n", list.Request(ann, "us-east-1", nil), domains+"d")
}

func TestDefaults(t *testing.T) {
	given, fallback, version := &api.TaskList{Name: "given"}, &api.TaskList{Name: "default"}, new(string)
	*version = "v1"
	has := func(r iam.Request, key, value string) bool {
		return slices.Contains(r.Context, iam.Value{Key: key, Value: value})
	}
	asks := map[string]func(*api.TaskList) permission.Ask{
		"StartWorkflowExecution": func(l *api.TaskList) permission.Ask {
			return permission.Call("StartWorkflowExecution", &api.StartWorkflowExecutionInput{TaskList: l})
		},
		"ScheduleActivityTask": func(l *api.TaskList) permission.Ask {
			return permission.Decision(&api.Decision{DecisionType: "ScheduleActivityTask", ScheduleActivityTaskDecisionAttributes: &api.ScheduleActivityTaskDecisionAttributes{TaskList: l}})
		},
		"StartChildWorkflowExecution": func(l *api.TaskList) permission.Ask {
			return permission.Decision(&api.Decision{DecisionType: "StartChildWorkflowExecution", StartChildWorkflowExecutionDecisionAttributes: &api.StartChildWorkflowExecutionDecisionAttributes{TaskList: l}})
		},
		"ContinueAsNewWorkflowExecution": func(l *api.TaskList) permission.Ask {
			return permission.Decision(&api.Decision{DecisionType: "ContinueAsNewWorkflowExecution", ContinueAsNewWorkflowExecutionDecisionAttributes: &api.ContinueAsNewWorkflowExecutionDecisionAttributes{TaskList: l}})
		},
	}
	for name, ask := range asks {
		a := ask(given)
		if a.NeedsDefault() {
			t.Errorf("%s needs a default beside what is given", name)
		}
		a.UseDefaults(fallback, version)
		if r := a.Request(ann, "r", nil); !has(r, "swf:taskList.name", "given") || has(r, "swf:taskList.name", "default") {
			t.Errorf("%s with a list: %q", name, r.Context)
		}
		a = ask(nil)
		if !a.NeedsDefault() {
			t.Errorf("%s needs no default", name)
		}
		a.UseDefaults(fallback, version)
		r := a.Request(ann, "r", nil)
		if !has(r, "swf:taskList.name", "default") {
			t.Errorf("%s without a list: %q", name, r.Context)
		}
		if has(r, "swf:workflowType.version", "v1") != (name == "ContinueAsNewWorkflowExecution") {
			t.Errorf("%s: version in %q", name, r.Context)
		}
		a = ask(nil)
		a.UseDefaults(nil, nil)
		for _, v := range a.Request(ann, "r", nil).Context {
			if v.Key == "swf:taskList.name" || v.Key == "swf:workflowTypeVersion" {
				t.Errorf("%s without a default: %q", name, v)
			}
		}
	}
	poll := permission.Call("PollForActivityTask", &api.PollForActivityTaskInput{TaskList: *given})
	if poll.NeedsDefault() {
		t.Error("a poll needs a default list")
	}
}

func TestTaggedDomain(t *testing.T) {
	for name, want := range map[string]string{
		domains + "d": "d", "arn:aws:swf:us-east-1:123456789012:domain/d": "", "arn:aws:sns:r:a:/domain/d": "", "x": "",
	} {
		a := permission.Call("TagResource", &api.TagResourceInput{ResourceARN: name})
		if r := a.Request(ann, "us-east-1", nil); a.Domain != want || r.Resource != name {
			t.Errorf("%s: domain %q, resource %s", name, a.Domain, r.Resource)
		}
	}
}

func TestPassRole(t *testing.T) {
	role := "arn:aws:iam::123456789012:role/lambda"
	for _, a := range []permission.Ask{
		permission.Call("StartWorkflowExecution", &api.StartWorkflowExecutionInput{LambdaRole: &role}),
		permission.Call("RegisterWorkflowType", &api.RegisterWorkflowTypeInput{DefaultLambdaRole: &role}),
		permission.Decision(&api.Decision{DecisionType: "StartChildWorkflowExecution", StartChildWorkflowExecutionDecisionAttributes: &api.StartChildWorkflowExecutionDecisionAttributes{LambdaRole: &role}}),
		permission.Decision(&api.Decision{DecisionType: "ContinueAsNewWorkflowExecution", ContinueAsNewWorkflowExecutionDecisionAttributes: &api.ContinueAsNewWorkflowExecutionDecisionAttributes{LambdaRole: &role}}),
	} {
		r, ok := a.PassRole(ann, nil)
		if !ok || r.Action != "iam:PassRole" || r.Resource != role || !slices.Contains(r.Context, iam.Value{Key: "iam:PassedToService", Value: "swf.amazonaws.com"}) {
			t.Errorf("%s: %+v, %v", a.Action, r, ok)
		}
	}
	a := permission.Call("StartWorkflowExecution", &api.StartWorkflowExecutionInput{})
	if _, ok := a.PassRole(ann, nil); ok {
		t.Error("no role is passed, yet permission is asked")
	}
}

func TestUnknownRowPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"operation": func() { permission.Call("NoSuch", &api.ListDomainsInput{}) },
		"input":     func() { permission.Call("ListDomains", &api.DescribeDomainInput{}) },
		"task":      func() { permission.Call("RespondActivityTaskFailed", &api.ListDomainsInput{}) },
		"decision":  func() { permission.Decision(&api.Decision{DecisionType: "NoSuch"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a wrong %s is taken", name)
				}
			}()
			f()
		}()
	}
}
