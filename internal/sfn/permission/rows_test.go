package permission_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

const (
	region  = "us-east-1"
	account = "123456789012"
	prefix  = "arn:aws:states:us-east-1:123456789012:"
)

var ann = policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: account}

// reference is the manual's table: for each action its resource type, and its condition
// keys beside those of the resource; then the actions that must be allowed besides when the
// request asks for everything.
var reference = []struct{ action, resource, keys, besides string }{
	{"CreateActivity", "activity", "RequestTag TagKeys", "states:TagResource"},
	{"CreateStateMachine", "statemachine", "RequestTag TagKeys", "states:TagResource states:PublishStateMachineVersion iam:PassRole"},
	{"CreateStateMachineAlias", "statemachine", "Qualifier", ""},
	{"DeleteActivity", "activity", "", ""},
	{"DeleteStateMachine", "statemachine", "", ""},
	{"DeleteStateMachineAlias", "statemachine", "Qualifier", ""},
	{"DeleteStateMachineVersion", "statemachine", "Qualifier", ""},
	{"DescribeActivity", "activity", "", ""},
	{"DescribeExecution", "execution express", "", ""},
	{"DescribeMapRun", "maprun", "", ""},
	{"DescribeStateMachine", "statemachine", "Qualifier", ""},
	{"DescribeStateMachineAlias", "statemachine", "Qualifier", ""},
	{"DescribeStateMachineForExecution", "execution", "", ""},
	{"GetActivityTask", "activity", "", ""},
	{"GetExecutionHistory", "execution", "", ""},
	{"ListActivities", "", "", ""},
	{"ListExecutions", "statemachine maprun", "Qualifier", ""},
	{"ListMapRuns", "execution", "", ""},
	{"ListStateMachineAliases", "statemachine", "Qualifier", ""},
	{"ListStateMachines", "", "", ""},
	{"ListStateMachineVersions", "statemachine", "", ""},
	{"ListTagsForResource", "activity statemachine", "", ""},
	{"PublishStateMachineVersion", "statemachine", "", ""},
	{"RedriveExecution", "execution", "", ""},
	{"SendTaskFailure", "", "", ""},
	{"SendTaskHeartbeat", "", "", ""},
	{"SendTaskSuccess", "", "", ""},
	{"StartExecution", "statemachine", "Qualifier", ""},
	{"StartSyncExecution", "statemachine", "Qualifier", ""},
	{"StopExecution", "execution", "", ""},
	{"TagResource", "activity statemachine", "RequestTag TagKeys", ""},
	{"TestState", "", "", "states:RevealSecrets iam:PassRole"},
	{"UntagResource", "activity statemachine", "TagKeys", ""},
	{"UpdateMapRun", "maprun", "", ""},
	{"UpdateStateMachine", "statemachine", "", "states:PublishStateMachineVersion iam:PassRole"},
	{"UpdateStateMachineAlias", "statemachine", "Qualifier", ""},
	{"ValidateStateMachineDefinition", "", "", ""},
}

// inputs are empty inputs of all actions that are offered.
var inputs = map[string]any{
	"CreateActivity": &wire.CreateActivityInput{}, "CreateStateMachine": &wire.CreateStateMachineInput{},
	"CreateStateMachineAlias": &wire.CreateStateMachineAliasInput{}, "DeleteActivity": &wire.DeleteActivityInput{},
	"DeleteStateMachine": &wire.DeleteStateMachineInput{}, "DeleteStateMachineAlias": &wire.DeleteStateMachineAliasInput{},
	"DeleteStateMachineVersion": &wire.DeleteStateMachineVersionInput{}, "DescribeActivity": &wire.DescribeActivityInput{},
	"DescribeExecution": &wire.DescribeExecutionInput{}, "DescribeStateMachine": &wire.DescribeStateMachineInput{},
	"DescribeStateMachineAlias": &wire.DescribeStateMachineAliasInput{}, "DescribeStateMachineForExecution": &wire.DescribeStateMachineForExecutionInput{},
	"DescribeMapRun": &wire.DescribeMapRunInput{}, "ListMapRuns": &wire.ListMapRunsInput{}, "UpdateMapRun": &wire.UpdateMapRunInput{},
	"GetActivityTask": &wire.GetActivityTaskInput{}, "GetExecutionHistory": &wire.GetExecutionHistoryInput{},
	"ListActivities": &wire.ListActivitiesInput{}, "ListExecutions": &wire.ListExecutionsInput{},
	"ListStateMachineAliases": &wire.ListStateMachineAliasesInput{}, "ListStateMachines": &wire.ListStateMachinesInput{},
	"ListStateMachineVersions": &wire.ListStateMachineVersionsInput{}, "ListTagsForResource": &wire.ListTagsForResourceInput{},
	"PublishStateMachineVersion": &wire.PublishStateMachineVersionInput{}, "RedriveExecution": &wire.RedriveExecutionInput{},
	"SendTaskFailure": &wire.SendTaskFailureInput{}, "SendTaskHeartbeat": &wire.SendTaskHeartbeatInput{}, "SendTaskSuccess": &wire.SendTaskSuccessInput{},
	"StartExecution": &wire.StartExecutionInput{}, "StartSyncExecution": &wire.StartSyncExecutionInput{}, "StopExecution": &wire.StopExecutionInput{},
	"TagResource": &wire.TagResourceInput{}, "TestState": &wire.TestStateInput{}, "UntagResource": &wire.UntagResourceInput{},
	"UpdateStateMachine": &wire.UpdateStateMachineInput{}, "UpdateStateMachineAlias": &wire.UpdateStateMachineAliasInput{},
	"ValidateStateMachineDefinition": &wire.ValidateStateMachineDefinitionInput{},
}

// fill sets all members of an input: ARNs to one of a type, all else to something.
func fill(v reflect.Value, arn string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), arn)
	case reflect.Struct:
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case !f.IsExported():
			case f.Name == "MapRunARN" && !strings.Contains(arn, ":mapRun:"):
			case strings.HasSuffix(f.Name, "RoleARN"):
				setText(v.Field(i), "arn:aws:iam::123456789012:role/r")
			case strings.HasSuffix(f.Name, "ARN"):
				setText(v.Field(i), arn)
			default:
				fill(v.Field(i), arn)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), arn)
		fill(v.Index(1), arn)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	}
}

func setText(v reflect.Value, s string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	v.SetString(s)
}

// things are an ARN of each type, how policies call it, and its qualifier.
var things = map[string]struct{ arn, called, qualifier string }{
	"activity":     {prefix + "activity:text", prefix + "activity:text", ""},
	"statemachine": {prefix + "stateMachine:text:PROD", prefix + "stateMachine:text", "PROD"},
	"execution":    {prefix + "execution:text:run", prefix + "execution:text:run", ""},
	"express":      {prefix + "express:text:run:id", prefix + "express:text:run:id", ""},
	"maprun":       {prefix + "mapRun:text/label:id", prefix + "mapRun:text/label:id", ""},
}

// TestRowsAreTheManuals asks for each action as the manual has it, with a request that
// says everything.
func TestRowsAreTheManuals(t *testing.T) {
	known := policy.Context{{Key: "aws:username", Value: "ann"}}
	offered := 0
	for _, row := range reference {
		in := inputs[row.action]
		if in == nil {
			continue
		}
		offered++
		kinds := strings.Fields(row.resource)
		if len(kinds) == 0 {
			kinds = []string{""}
		}
		for _, kind := range kinds {
			thing := things[kind]
			fresh := reflect.New(reflect.TypeOf(in).Elem())
			fill(fresh.Elem(), thing.arn)
			n := permission.Call(row.action, fresh.Interface(), region, account)
			all := n.Requests(ann, known)
			switch {
			case kind != "":
			case row.action == "ListActivities":
				thing.called = prefix + "activity:*"
			case row.action == "ListStateMachines":
				thing.called = prefix + "stateMachine:*"
			default:
				thing.called = "*"
			}
			first := all[0]
			if first.Principal != ann || first.Action != "states:"+row.action || first.Resource != thing.called {
				t.Errorf("%s of %q: asks %s of %s, want %s", row.action, kind, first.Action, first.Resource, thing.called)
			}
			want := slices.Clone(known)
			for _, key := range strings.Fields(row.keys) {
				switch {
				case key == "RequestTag":
					want = append(want, policy.Value{Key: "aws:RequestTag/text", Value: "text"}, policy.Value{Key: "aws:TagKeys", Value: "text"})
					want = append(want, want[len(want)-2:]...)
				case key == "TagKeys" && strings.Contains(row.keys, "RequestTag"):
				case key == "TagKeys":
					want = append(want, policy.Value{Key: "aws:TagKeys", Value: "text"}, policy.Value{Key: "aws:TagKeys", Value: "text"})
				case row.action == "CreateStateMachineAlias":
					want = append(want, policy.Value{Key: "states:StateMachineQualifier", Value: "text"}) // its name
				case thing.qualifier != "":
					want = append(want, policy.Value{Key: "states:StateMachineQualifier", Value: thing.qualifier})
				}
			}
			if !slices.Equal(first.Context, want) {
				t.Errorf("%s of %q: context %v, want %v", row.action, kind, first.Context, want)
			}
			var besides []string
			for _, r := range all[1:] {
				besides = append(besides, r.Action)
				switch {
				case r.Action == "iam:PassRole":
					if r.Resource != "arn:aws:iam::123456789012:role/r" || !slices.Contains(r.Context, policy.Value{Key: "iam:PassedToService", Value: "states.amazonaws.com"}) {
						t.Errorf("%s: passes %s with %v", row.action, r.Resource, r.Context)
					}
				case r.Resource != first.Resource || !slices.Equal(r.Context, first.Context):
					t.Errorf("%s: %s of %s", row.action, r.Action, r.Resource)
				}
			}
			if got := strings.Join(besides, " "); got != row.besides {
				t.Errorf("%s: besides %q, want %q", row.action, got, row.besides)
			}
		}
	}
	if offered != len(wire.Operations) || len(reference) != 37 {
		t.Errorf("%d actions of %d, the model offers %d", offered, len(reference), len(wire.Operations))
	}
	for _, op := range wire.Operations {
		if inputs[op.Name] == nil {
			t.Errorf("%s is offered, and asks nobody", op.Name)
		}
	}
}

// TestLeastRequests: what is not in a request is not asked for.
func TestLeastRequests(t *testing.T) {
	no := false
	for action, in := range map[string]any{
		"CreateActivity": &wire.CreateActivityInput{Name: "a"}, "UpdateStateMachine": &wire.UpdateStateMachineInput{StateMachineARN: prefix + "stateMachine:m", Publish: &no},
		"TestState": &wire.TestStateInput{}, "StartExecution": &wire.StartExecutionInput{StateMachineARN: prefix + "stateMachine:m"},
	} {
		n := permission.Call(action, in, region, account)
		if all := n.Requests(ann, nil); len(all) != 1 || len(all[0].Context) != 0 {
			t.Errorf("%s asks %+v", action, all)
		}
	}
}

func TestWhatIsNoARNIsAskedForAsItIs(t *testing.T) {
	for _, text := range []string{"no ARN", "*", "arn:aws:sqs:us-east-1:1:q", prefix + "stateMachine:m:1:2"} {
		n := permission.Call("DescribeStateMachine", &wire.DescribeStateMachineInput{StateMachineARN: text}, region, account)
		if all := n.Requests(ann, nil); len(all) != 1 || all[0].Resource != text || n.Tagged() {
			t.Errorf("%q asks %+v", text, all)
		}
	}
}

// TestTasks: calls about a task may be allowed for everything, or for the state machine
// whose task it is.
func TestTasks(t *testing.T) {
	n := permission.Call("SendTaskSuccess", &wire.SendTaskSuccessInput{TaskToken: "t"}, region, account)
	if all := n.Requests(ann, nil); all[0].Resource != "*" || all[0].Alias != "" {
		t.Errorf("of nobody's task it asks %+v", all)
	}
	n.Resource = resource.Of(region, account, resource.Machine, "m")
	r := n.Requests(ann, nil)[0]
	if r.Resource != "*" || r.Alias != prefix+"stateMachine:m" || n.Tagged() {
		t.Errorf("of a machine's task it asks %+v", r)
	}
	for document, want := range map[string]bool{
		`{"Effect":"Allow","Action":"states:SendTask*","Resource":"*"}`:                           true,
		`{"Effect":"Allow","Action":"states:SendTaskSuccess","Resource":"` + r.Alias + `"}`:       true,
		`{"Effect":"Allow","Action":"states:SendTaskSuccess","Resource":"` + r.Alias + `2"}`:      false,
		`{"Effect":"Allow","Action":"states:SendTaskFailure","Resource":"*"}`:                     false,
		`{"Effect":"Allow","Action":"states:*","Resource":"` + prefix + `activity:*"}`:            false,
		`{"Effect":"Allow","Action":"states:*","Resource":"arn:aws:states:*:*:stateMachine:*"}`:   true,
		`{"Effect":"Allow","NotAction":"states:SendTaskSuccess","Resource":"*"}`:                  false,
		`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:states:*:*:stateMachine:another"}`: true,
	} {
		if got := allowed(t, document, r); got != want {
			t.Errorf("%s: allowed %v", document, got)
		}
	}
}

func allowed(t *testing.T, statement string, r policy.Request) bool {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(&r, &policy.PolicySets{Identity: []policy.Attached{{Source: "p", Policy: p}}}).Allowed
}

// TestHTTPTasks: what a role must be allowed for a task that calls an endpoint.
func TestHTTPTasks(t *testing.T) {
	n := permission.InvokeHTTP("https://api.example/x", "POST", resource.Of(region, account, resource.Machine, "m"))
	r := n.Requests(policy.Principal{ARN: "arn:aws:iam::123456789012:role/r", Account: account}, nil)[0]
	if got, want := fmt.Sprint(r.Action, r.Resource, r.Context), "states:InvokeHTTPEndpoint"+prefix+"stateMachine:m[{states:HTTPEndpoint https://api.example/x} {states:HTTPMethod POST}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const can = `{"Effect":"Allow","Action":"states:InvokeHTTPEndpoint","Resource":"*","Condition":{"StringEquals":{"states:HTTPMethod":"METHOD"},"StringLike":{"states:HTTPEndpoint":"https://api.example/*"}}}`
	if !allowed(t, strings.Replace(can, "METHOD", "POST", 1), r) || allowed(t, strings.Replace(can, "METHOD", "GET", 1), r) {
		t.Error("conditions on method and endpoint do not count")
	}
}

// TestQualifiersOfTheManual is the manual's example: whoever may describe a state machine,
// but not its alias PROD nor its version 1.
func TestQualifiersOfTheManual(t *testing.T) {
	const statements = `{"Effect":"Allow","Action":"states:DescribeStateMachine","Resource":"*"},
		{"Effect":"Deny","Action":"states:DescribeStateMachine","Resource":"arn:aws:states:us-east-1:123456789012:stateMachine:myStateMachine",
		"Condition":{"ForAnyValue:StringEquals":{"states:StateMachineQualifier":["PROD","1"]}}}`
	for qualifier, want := range map[string]bool{"": true, ":PROD": false, ":1": false, ":2": true, ":BETA": true} {
		n := permission.Call("DescribeStateMachine", &wire.DescribeStateMachineInput{StateMachineARN: prefix + "stateMachine:myStateMachine" + qualifier}, region, account)
		if got := allowed(t, statements, n.Requests(ann, nil)[0]); got != want {
			t.Errorf("myStateMachine%s: allowed %v", qualifier, got)
		}
	}
}
