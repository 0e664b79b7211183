package permission_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

const (
	account = "123456789012"
	domains = "arn:aws:swf:us-east-1:123456789012:/domain/"
)

var ann = policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account}

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
	{"CountClosedWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &wire.CountClosedWorkflowExecutionsInput{}},
	{"CountOpenWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &wire.CountOpenWorkflowExecutionsInput{}},
	{"CountPendingActivityTasks", "Domain", taskList, &wire.CountPendingActivityTasksInput{}},
	{"CountPendingDecisionTasks", "Domain", taskList, &wire.CountPendingDecisionTasksInput{}},
	{"DeleteActivityType", "Domain", activityType, &wire.DeleteActivityTypeInput{}},
	{"DeprecateActivityType", "Domain", activityType, &wire.DeprecateActivityTypeInput{}},
	{"DeprecateDomain", "Name", "", &wire.DeprecateDomainInput{}},
	{"DeleteWorkflowType", "Domain", workflowType, &wire.DeleteWorkflowTypeInput{}},
	{"DeprecateWorkflowType", "Domain", workflowType, &wire.DeprecateWorkflowTypeInput{}},
	{"DescribeActivityType", "Domain", activityType, &wire.DescribeActivityTypeInput{}},
	{"DescribeDomain", "Name", "", &wire.DescribeDomainInput{}},
	{"DescribeWorkflowExecution", "Domain", "", &wire.DescribeWorkflowExecutionInput{}},
	{"DescribeWorkflowType", "Domain", workflowType, &wire.DescribeWorkflowTypeInput{}},
	{"GetWorkflowExecutionHistory", "Domain", "", &wire.GetWorkflowExecutionHistoryInput{}},
	{"ListActivityTypes", "Domain", "", &wire.ListActivityTypesInput{}},
	{"ListClosedWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &wire.ListClosedWorkflowExecutionsInput{}},
	{"ListDomains", "every", "", &wire.ListDomainsInput{}},
	{"ListOpenWorkflowExecutions", "Domain", tagFilter + " " + typeFilter, &wire.ListOpenWorkflowExecutionsInput{}},
	{"ListTagsForResource", "ResourceARN", "", &wire.ListTagsForResourceInput{}},
	{"ListWorkflowTypes", "Domain", "", &wire.ListWorkflowTypesInput{}},
	{"PollForActivityTask", "Domain", taskList, &wire.PollForActivityTaskInput{}},
	{"PollForDecisionTask", "Domain", taskList, &wire.PollForDecisionTaskInput{}},
	{"RecordActivityTaskHeartbeat", "token", "", &wire.RecordActivityTaskHeartbeatInput{}},
	{"RegisterActivityType", "Domain", registered, &wire.RegisterActivityTypeInput{}},
	{"RegisterDomain", "Name", setTags, &wire.RegisterDomainInput{}},
	{"RegisterWorkflowType", "Domain", registered, &wire.RegisterWorkflowTypeInput{}},
	{"RequestCancelWorkflowExecution", "Domain", "", &wire.RequestCancelWorkflowExecutionInput{}},
	{"RespondActivityTaskCanceled", "token", "", &wire.RespondActivityTaskCanceledInput{}},
	{"RespondActivityTaskCompleted", "token", "", &wire.RespondActivityTaskCompletedInput{}},
	{"RespondActivityTaskFailed", "token", "", &wire.RespondActivityTaskFailedInput{}},
	{"RespondDecisionTaskCompleted", "token", "", &wire.RespondDecisionTaskCompletedInput{}},
	{"SignalWorkflowExecution", "Domain", "", &wire.SignalWorkflowExecutionInput{}},
	{"StartWorkflowExecution", "Domain", tagList + " " + taskList + " " + workflowType, &wire.StartWorkflowExecutionInput{}},
	{"TagResource", "ResourceARN", setTags, &wire.TagResourceInput{}},
	{"TerminateWorkflowExecution", "Domain", "", &wire.TerminateWorkflowExecutionInput{}},
	{"UndeprecateActivityType", "Domain", activityType, &wire.UndeprecateActivityTypeInput{}},
	{"UndeprecateDomain", "Name", "", &wire.UndeprecateDomainInput{}},
	{"UndeprecateWorkflowType", "Domain", workflowType, &wire.UndeprecateWorkflowTypeInput{}},
	{"UntagResource", "ResourceARN", "aws:TagKeys=TagKeys[0] aws:TagKeys=TagKeys[1] aws:TagKeys=TagKeys[2] aws:TagKeys=TagKeys[3] aws:TagKeys=TagKeys[4]", &wire.UntagResourceInput{}},
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

func check(t *testing.T, name, keys string, r policy.Request, resource string) {
	t.Helper()
	if r.Action != "swf:"+name || r.Resource != resource || r.Principal != ann {
		t.Errorf("%s needs for %s on %s, want %s", name, r.Action, r.Resource, resource)
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
	for _, op := range wire.Operations {
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
		d := &wire.Decision{}
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
	if all := slices.Sorted(slices.Values(wire.DecisionTypeValues)); !slices.Equal(covered, all) {
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
	a := permission.Call("StartWorkflowExecution", &wire.StartWorkflowExecutionInput{TagList: []string{"x"}})
	check(t, "StartWorkflowExecution", "swf:tagList.member.0=x swf:workflowType.name= swf:workflowType.version=", a.Request(ann, "us-east-1", nil), domains)
	list := permission.Call("ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{Domain: "d", TypeFilter: &wire.WorkflowTypeFilter{Name: "n"}})
	check(t, "ListOpenWorkflowExecutions", "swf:typeFilter.name=n", list.Request(ann, "us-east-1", nil), domains+"d")
}

func TestDefaults(t *testing.T) {
	given, fallback, version := &wire.TaskList{Name: "given"}, &wire.TaskList{Name: "default"}, new(string)
	*version = "v1"
	has := func(r policy.Request, key, value string) bool {
		return slices.Contains(r.Context, policy.Value{Key: key, Value: value})
	}
	needs := map[string]func(*wire.TaskList) permission.Need{
		"StartWorkflowExecution": func(l *wire.TaskList) permission.Need {
			return permission.Call("StartWorkflowExecution", &wire.StartWorkflowExecutionInput{TaskList: l})
		},
		"ScheduleActivityTask": func(l *wire.TaskList) permission.Need {
			return permission.Decision(&wire.Decision{DecisionType: "ScheduleActivityTask", ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{TaskList: l}})
		},
		"StartChildWorkflowExecution": func(l *wire.TaskList) permission.Need {
			return permission.Decision(&wire.Decision{DecisionType: "StartChildWorkflowExecution", StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{TaskList: l}})
		},
		"ContinueAsNewWorkflowExecution": func(l *wire.TaskList) permission.Need {
			return permission.Decision(&wire.Decision{DecisionType: "ContinueAsNewWorkflowExecution", ContinueAsNewWorkflowExecutionDecisionAttributes: &wire.ContinueAsNewWorkflowExecutionDecisionAttributes{TaskList: l}})
		},
	}
	for name, ask := range needs {
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
	poll := permission.Call("PollForActivityTask", &wire.PollForActivityTaskInput{TaskList: *given})
	if poll.NeedsDefault() {
		t.Error("a poll needs a default list")
	}
}

func TestTaggedDomain(t *testing.T) {
	for name, want := range map[string]string{
		domains + "d": "d", "arn:aws:swf:us-east-1:123456789012:domain/d": "", "arn:aws:sns:r:a:/domain/d": "", "x": "",
	} {
		a := permission.Call("TagResource", &wire.TagResourceInput{ResourceARN: name})
		if r := a.Request(ann, "us-east-1", nil); a.Domain != want || r.Resource != name {
			t.Errorf("%s: domain %q, resource %s", name, a.Domain, r.Resource)
		}
	}
}

func TestPassRole(t *testing.T) {
	role := "arn:aws:iam::123456789012:role/lambda"
	for _, a := range []permission.Need{
		permission.Call("StartWorkflowExecution", &wire.StartWorkflowExecutionInput{LambdaRole: &role}),
		permission.Call("RegisterWorkflowType", &wire.RegisterWorkflowTypeInput{DefaultLambdaRole: &role}),
		permission.Decision(&wire.Decision{DecisionType: "StartChildWorkflowExecution", StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{LambdaRole: &role}}),
		permission.Decision(&wire.Decision{DecisionType: "ContinueAsNewWorkflowExecution", ContinueAsNewWorkflowExecutionDecisionAttributes: &wire.ContinueAsNewWorkflowExecutionDecisionAttributes{LambdaRole: &role}}),
	} {
		r, ok := a.PassRole(ann, nil)
		if !ok || r.Action != "iam:PassRole" || r.Resource != role || !slices.Contains(r.Context, policy.Value{Key: "iam:PassedToService", Value: "swf.amazonaws.com"}) {
			t.Errorf("%s: %+v, %v", a.Action, r, ok)
		}
	}
	a := permission.Call("StartWorkflowExecution", &wire.StartWorkflowExecutionInput{})
	if _, ok := a.PassRole(ann, nil); ok {
		t.Error("no role is passed, yet permission is asked")
	}
}

func TestUnknownRowPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"operation": func() { permission.Call("NoSuch", &wire.ListDomainsInput{}) },
		"input":     func() { permission.Call("ListDomains", &wire.DescribeDomainInput{}) },
		"task":      func() { permission.Call("RespondActivityTaskFailed", &wire.ListDomainsInput{}) },
		"decision":  func() { permission.Decision(&wire.Decision{DecisionType: "NoSuch"}) },
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

// hostileIDs are workflowIds that look like what permission is asked of.
var hostileIDs = []string{
	"arn:aws:swf:us-east-1:123456789012:/domain/other", "x:/domain/other", "/domain/other", "../other", "*", "?", ":", "${aws:username}",
	"swf:tagList.member.0", "22AAAA+/AAAA=:7", "a|b",
}

// rename gives every member that names an execution a value, and tells how many.
func rename(v reflect.Value, id string) (renamed int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return rename(v.Elem(), id)
		}
	case reflect.Slice:
		for i := range v.Len() {
			renamed += rename(v.Index(i), id)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case f.Name == "WorkflowID" && f.Type.Kind() == reflect.String:
				v.Field(i).SetString(id)
				renamed++
			case f.IsExported():
				renamed += rename(v.Field(i), id)
			}
		}
	}
	return renamed
}

// TestNoIDIsAsked asks for each call and decision with every workflowId there is: no
// question depends on it.
func TestNoIDIsAsked(t *testing.T) {
	calls, decisions := 0, 0
	for _, row := range summary {
		in := reflect.New(reflect.TypeOf(row.input).Elem())
		fill(in.Elem(), "")
		ask := func() policy.Request {
			a := permission.Call(row.operation, in.Interface())
			return a.Request(ann, "us-east-1", nil)
		}
		plain := ask()
		for _, id := range hostileIDs {
			if rename(in.Elem(), id) == 0 {
				break
			}
			calls++
			if got := ask(); !reflect.DeepEqual(got, plain) {
				t.Errorf("%s of %q asks %+v, of another %+v", row.operation, id, got, plain)
			}
		}
	}
	for _, row := range pseudo {
		d := &wire.Decision{}
		fill(reflect.ValueOf(d).Elem().FieldByName(row.decision+"DecisionAttributes"), "")
		d.DecisionType = row.decision
		ask := func() policy.Request {
			a := permission.Decision(d)
			a.Domain = "d"
			return a.Request(ann, "us-east-1", nil)
		}
		plain := ask()
		for _, id := range hostileIDs {
			if rename(reflect.ValueOf(d).Elem(), id) == 0 {
				break
			}
			decisions++
			if got := ask(); !reflect.DeepEqual(got, plain) {
				t.Errorf("%s of %q asks %+v, of another %+v", row.decision, id, got, plain)
			}
		}
	}
	// Of calls: Start, Signal, RequestCancel, Terminate, Describe, GetHistory, four that list
	// or count, and RespondDecisionTaskCompleted; of decisions: child, signal, cancel.
	if calls != 11*len(hostileIDs) || decisions != 3*len(hostileIDs) {
		t.Errorf("%d calls and %d decisions were asked", calls, decisions)
	}
}

// TestPartitions asks in a region of each partition: the domain's names follow it.
func TestPartitions(t *testing.T) {
	for region, partition := range map[string]string{
		"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		call := permission.Call("CountPendingDecisionTasks", &wire.CountPendingDecisionTasksInput{Domain: "d"})
		list := permission.Call("ListDomains", &wire.ListDomainsInput{})
		one, all := call.Request(ann, region, nil), list.Request(ann, region, nil)
		prefix := "arn:" + partition + ":swf:" + region + ":" + account + ":/domain/"
		if one.Resource != prefix+"d" || all.Resource != prefix+"*" || all.Alias != "arn:"+partition+":swf::"+account+":domain/*" {
			t.Errorf("%s: %s, %s, %s", region, one.Resource, all.Resource, all.Alias)
		}
	}
}
