package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// statesTrust lets Step Functions assume a role.
const statesTrust = `{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}`

// machine creates a state machine of one task, with further members of the task.
func (a *authority) machine(role, resource, more string) (arn string) {
	a.t.Helper()
	definition := `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + resource + `","End":true` + more + `}}}`
	body, err := json.Marshal(map[string]string{"name": a.name("machine"), "roleArn": roleARN(role), "definition": definition})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
}

// runs tells how an execution of a machine ends. If it waits for its token, it gets that back.
func (a *authority) runs(machine string) string {
	a.t.Helper()
	arn := a.field("executionArn", a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+machine+`"}`)))
	for {
		var e struct{ Status, Error, Cause string }
		if err := json.Unmarshal([]byte(a.must(a.states(a.root, "DescribeExecution", `{"executionArn":"`+arn+`"}`))), &e); err != nil {
			a.t.Fatal(err)
		}
		if e.Status != "RUNNING" {
			return strings.TrimSpace(e.Status + " " + e.Error + " " + e.Cause)
		}
		history := a.must(a.states(a.root, "GetExecutionHistory", `{"executionArn":"`+arn+`"}`))
		if _, after, waits := strings.Cut(history, `\"token\":\"`); waits && strings.Contains(history, `"TaskSubmitted"`) {
			token, _, _ := strings.Cut(after, `\"`)
			a.ask(a.states(a.root, "SendTaskSuccess", `{"taskToken":"`+token+`","output":"{}"}`)) // it may have ended since
		}
	}
}

// TestMachineRoles: a function is invoked if the machine's role allows it, or may assume the
// role of the task's credentials, which does.
func TestMachineRoles(t *testing.T) {
	a := newAuthority(t)
	w := "arn:aws:lambda:" + defaults.Region + ":" + defaults.Account + ":function:"
	const invoke = "arn:aws:states:::lambda:invoke"
	sends := func(parameters string) string { return `,"Parameters":{` + parameters + `}` }
	denied := func(role, function, why string) string {
		return "FAILED Lambda.AWSLambdaException User: arn:aws:sts::" + defaults.Account + ":assumed-role/" + role +
			"/states is not authorized to perform: lambda:InvokeFunction on resource: " + function + " " + why + " (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: "
	}
	const noneAllows = "because no identity-based policy allows the lambda:InvokeFunction action"
	conditional := func(condition string) string {
		return `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"states.` + defaults.Region + `.amazonaws.com"},"Condition":` + condition + `}`
	}
	for _, c := range []struct {
		trust, policy  string
		resource, more string
		want           string // @role stands for its own name
	}{
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), w + "f", "", "SUCCEEDED"},
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), w + "g", "", denied("@role", w+"g", noneAllows)},
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), w + "f:live", "", denied("@role", w+"f:live", noneAllows)},
		{statesTrust, allow("lambda:InvokeFunction", w+"f:live"), w + "f:live", "", "SUCCEEDED"},
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), invoke, sends(`"FunctionName":"f"`), "SUCCEEDED"},
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), invoke, sends(`"FunctionName":"` + w + `f"`), "SUCCEEDED"},
		{statesTrust, allow("lambda:InvokeFunction", w+"f"), invoke, sends(`"FunctionName":"f","Qualifier":"live"`), denied("@role", w+"f:live", noneAllows)},
		{statesTrust, allow("lambda:InvokeFunction", w+"f:live"), invoke, sends(`"FunctionName":"f","Qualifier":"live"`), "SUCCEEDED"},
		{statesTrust, allow("lambda:InvokeFunction", w+"*"), invoke, sends(`"FunctionName":"f:live","Qualifier":"test"`), "FAILED Lambda.InvalidParameterValueException"},
		{statesTrust, allow("lambda:InvokeFunction", w+"*"), invoke, sends(`"FunctionName":"a/b"`), "FAILED Lambda.AWSLambdaException 1 validation error"},
		{statesTrust, everything + `,{"Effect":"Deny","Action":"lambda:*","Resource":"` + w + `f"}`, w + "f", "", denied("@role", w+"f", "with an explicit deny in an identity-based policy")},
		{statesTrust, `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*","Condition":{"ArnEquals":{"lambda:FunctionArn":"` + w + `f"}}}`, w + "f", "", "SUCCEEDED"},
		{conditional(`{"StringEquals":{"aws:SourceAccount":"` + defaults.Account + `"},"ArnLike":{"aws:SourceArn":"arn:aws:states:*:*:stateMachine:machine*"}}`), everything, w + "f", "", "SUCCEEDED"},
	} {
		role := a.name("role")
		a.role(role, c.trust, c.policy)
		before := a.invoked.Load()
		want := strings.ReplaceAll(c.want, "@role", role)
		if got := a.runs(a.machine(role, c.resource, c.more)); !strings.HasPrefix(got, want) {
			t.Errorf("%s\n%s\n%s%s\n got %s\nwant %s", c.trust, c.policy, c.resource, c.more, got, want)
		}
		if made := a.invoked.Load() - before; made != 0 != (want == "SUCCEEDED") {
			t.Errorf("%s: the endpoint was asked %d times", want, made)
		}
	}

	// A role that is no longer to be assumed.
	a.role("fickle", statesTrust, everything)
	fickle := a.machine("fickle", w+"f", "")
	a.must(a.iam(a.root, "UpdateAssumeRolePolicy", "RoleName", "fickle", "PolicyDocument", policyOf(trustsSWF)))
	if got := a.runs(fickle); !strings.HasPrefix(got, "FAILED States.Permissions role "+roleARN("fickle")+": ") {
		t.Errorf("with a role that trusts the service no more: %s", got)
	}
	if got := a.taskEvents(fickle); got != "LambdaFunctionStartFailed" {
		t.Errorf("with a role that trusts the service no more: %s", got)
	}

	// The credentials of a task: the machine's role assumes another.
	a.role("assuming", statesTrust, allow("sts:AssumeRole", roleARN("target*")))
	a.role("powerless", statesTrust, everything+`,{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}`)
	machine := func(target string) string {
		return a.machine("assuming", w+"f", `,"Credentials":{"RoleArn":"`+roleARN(target)+`"}`)
	}
	trustsRoot := trusts("arn:aws:iam::" + defaults.Account + ":root")
	a.role("target-open", trustsRoot, allow("lambda:InvokeFunction", w+"f"))
	a.role("target-poor", trustsRoot, allow("lambda:InvokeFunction", w+"g"))
	a.role("target-shut", trusts(roleARN("powerless")), everything)
	a.role("other", trustsRoot, everything)
	bound := machine("target-bound")
	a.role("target-bound", `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"`+roleARN("assuming")+`"},"Condition":{"StringEquals":{"sts:ExternalId":"`+bound+`"}}}`, everything)
	shut := "FAILED States.Permissions role "
	for machine, want := range map[string]string{
		machine("target-open"):  "SUCCEEDED",
		machine("target-poor"):  denied("target-poor", w+"f", noneAllows),
		machine("target-shut"):  shut + roleARN("target-shut"),
		machine("target-none"):  shut + roleARN("target-none"),
		machine("other"):        shut + roleARN("other"),
		machine("target-bound"): shut + roleARN("target-bound"), // by another machine than the one it names
		bound:                   "SUCCEEDED",
		a.machine("powerless", w+"f", `,"Credentials":{"RoleArn":"`+roleARN("target-open")+`"}`): shut + roleARN("target-open"),
		a.machine("powerless", w+"f", ""): "SUCCEEDED",
	} {
		if got := a.runs(machine); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", machine, got, want)
		}
	}
}

// TestNestedRoles: an execution is started if the machine's role allows it, or may assume the
// role of the task's credentials, which does; whatever the task waits for.
func TestNestedRoles(t *testing.T) {
	a := newAuthority(t)
	machine := func(name, role, definition string) string {
		body, err := json.Marshal(map[string]string{"name": name, "roleArn": roleARN(role), "definition": definition})
		if err != nil {
			t.Fatal(err)
		}
		return a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
	}
	a.role("child", statesTrust)
	child := machine("child", "child", `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`)
	a.role("starter", statesTrust, allow("states:StartExecution", child))
	a.role("other", statesTrust, allow("states:StartExecution", child+"2"), allow("sts:AssumeRole", "*"))
	a.role("fickle", statesTrust, everything)
	trustsRoot := trusts("arn:aws:iam::" + defaults.Account + ":root")
	a.role("target", trustsRoot, allow("states:StartExecution", child))
	a.role("target-poor", trustsRoot, allow("states:StartExecution", child+"2"))
	type parent struct {
		role, pattern, more string
		machine             string
		want                string // what the execution comes to, and its events between TaskScheduled and its end
	}
	denied := func(role string) string {
		return "FAILED StepFunctions.AWSStepFunctionsException User: arn:aws:sts::" + defaults.Account + ":assumed-role/" + role +
			"/states is not authorized to perform: states:StartExecution on resource: " + child +
			" because no identity-based policy allows the states:StartExecution action (Service: AWSStepFunctions; Status Code: 400; Error Code: AccessDeniedException; Request ID: "
	}
	var parents []parent
	for _, pattern := range []string{"", ".sync", ".sync:2", ".waitForTaskToken"} {
		refused := " TaskStarted TaskFailed"
		if pattern != "" {
			refused = " TaskStarted TaskSubmitFailed"
		}
		const result = "SUCCEEDED"
		began := " TaskStarted TaskSubmitted TaskSucceeded"
		if pattern == "" {
			began = " TaskStarted TaskSucceeded"
		}
		as := func(role string) string { return `,"Credentials":{"RoleArn":"` + roleARN(role) + `"}` }
		parents = append(parents,
			parent{"starter", pattern, "", "", result + began},
			parent{"other", pattern, "", "", denied("other") + refused},
			parent{"other", pattern, as("target"), "", result + began},
			parent{"other", pattern, as("target-poor"), "", denied("target-poor") + refused},
			parent{"other", pattern, as("none"), "", "FAILED States.Permissions role " + roleARN("none") + ": TaskStartFailed"},
			parent{"fickle", pattern, "", "", "FAILED States.Permissions role " + roleARN("fickle") + ": TaskStartFailed"},
		)
	}
	for i := range parents {
		p := &parents[i]
		more := `,"Parameters":{"StateMachineArn":"` + child + `"}` + p.more
		if p.pattern == ".waitForTaskToken" {
			more = strings.Replace(more, `"}`, `","Input":{"token.$":"$$.Task.Token"}}`, 1)
		}
		p.machine = a.machine(p.role, "arn:aws:states:::states:startExecution"+p.pattern, more)
	}
	a.must(a.iam(a.root, "UpdateAssumeRolePolicy", "RoleName", "fickle", "PolicyDocument", policyOf(trustsSWF)))
	for _, p := range parents {
		got, events := a.runs(p.machine), a.taskEvents(p.machine)
		result, want, _ := strings.Cut(p.want, " Task")
		if want = "Task" + want; !strings.HasPrefix(got, result) || events != want {
			t.Errorf("%s%s%s: %s, %s\nwant %s, %s", p.role, p.pattern, p.more, got, events, result, want)
		}
	}
}

// taskEvents are the types of events of the one execution of a machine, between that of its
// task's schedule and those of its end.
func (a *authority) taskEvents(machine string) string {
	a.t.Helper()
	list := a.must(a.states(a.root, "ListExecutions", `{"stateMachineArn":"`+machine+`"}`))
	_, after, _ := strings.Cut(list, `"executionArn":"`)
	arn, _, _ := strings.Cut(after, `"`)
	var history struct{ Events []struct{ Type string } }
	if err := json.Unmarshal([]byte(a.must(a.states(a.root, "GetExecutionHistory", `{"executionArn":"`+arn+`"}`))), &history); err != nil {
		a.t.Fatal(err)
	}
	var types []string
	for _, e := range history.Events[3:] {
		if strings.HasPrefix(e.Type, "TaskState") || strings.HasPrefix(e.Type, "Execution") {
			break
		}
		types = append(types, e.Type)
	}
	return strings.Join(types, " ")
}

// TestTrialRoles: a state that is tested does what it does in the role that the caller hands
// over, if that allows it.
func TestTrialRoles(t *testing.T) {
	a := newAuthority(t)
	function := "arn:aws:lambda:" + defaults.Region + ":" + defaults.Account + ":function:f"
	a.role("caller", statesTrust, allow("lambda:InvokeFunction", function))
	a.role("starter", statesTrust, allow("states:StartExecution", "*"))
	machine := a.machine("caller", function, "")
	calls := `{"Type":"Task","Resource":"` + function + `","End":true}`
	starts := `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn":"` + machine + `","Name":"one"},"End":true}`
	for _, c := range []struct{ role, definition, want string }{
		{"starter", calls, "FAILED Lambda.AWSLambdaException"},
		{"caller", calls, "SUCCEEDED"},
		{"caller", starts, "FAILED StepFunctions.AWSStepFunctionsException"},
		{"starter", starts, "SUCCEEDED"},
		{"starter", strings.Replace(starts, "one", "a b", 1), "FAILED StepFunctions.InvalidNameException"},
	} {
		body, err := json.Marshal(map[string]string{"definition": c.definition, "roleArn": roleARN(c.role)})
		if err != nil {
			t.Fatal(err)
		}
		before := a.invoked.Load()
		answer := a.must(a.states(a.root, "TestState", string(body)))
		var out struct{ Status, Error string }
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(out.Status + " " + out.Error); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.role, c.definition, answer, c.want)
		}
		if made := a.invoked.Load() - before; c.definition == calls && made != 0 != (c.want == "SUCCEEDED") {
			t.Errorf("%s: the endpoint was asked %d times", c.role, made)
		}
	}
	execution := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":one"
	a.must(a.states(a.root, "DescribeExecution", `{"executionArn":"`+execution+`"}`))
}

// TestMachinesWithoutAnEndpoint fail at once, and say why.
func TestMachinesWithoutAnEndpoint(t *testing.T) {
	cfg := memory()
	a := &authority{harness: &harness{t, start(t, cfg), aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}}}
	got := a.runs(a.machine("any", "arn:aws:lambda:"+defaults.Region+":"+defaults.Account+":function:f", ""))
	if want := "FAILED Lambda.SdkClientException Unable to execute HTTP request: this server has no Lambda endpoint (--lambda-endpoint)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
