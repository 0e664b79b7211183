package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestExpress starts executions of express state machines, by calls and by tasks. Each runs;
// nobody can ask for them.
func TestExpress(t *testing.T) {
	a := newAuthority(t)
	a.role("r", statesTrust, allow("states:StartExecution", "*"), allow("states:StartSyncExecution", "*"), allow("lambda:InvokeFunction", "*"))
	machine := func(name, kind, resource, more string) string {
		body, err := json.Marshal(map[string]string{
			"name": name, "type": kind, "roleArn": roleARN("r"),
			"definition": `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + resource + `","End":true` + more + `}}}`,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
	}
	invoked := func(n int64) {
		t.Helper()
		for a.invoked.Load() < n { // as soon as they have come so far
			a.must(a.states(a.root, "ListStateMachines", `{}`))
		}
		if got := a.invoked.Load(); got != n {
			t.Errorf("%d functions were invoked, want %d", got, n)
		}
	}
	quick := machine("quick", "EXPRESS", "arn:aws:lambda:"+defaults.Region+":"+defaults.Account+":function:f", "")

	var arns []string
	for range 2 { // each call starts one
		arns = append(arns, a.field("executionArn", a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+quick+`","name":"same"}`))))
	}
	if arns[0] == arns[1] || !strings.HasPrefix(arns[0], strings.Replace(quick, ":stateMachine:", ":express:", 1)+":same:") {
		t.Errorf("executions are called %v", arns)
	}
	invoked(2)
	for action, body := range map[string]string{
		"DescribeExecution": `{"executionArn":"` + arns[0] + `"}`, "StopExecution": `{"executionArn":"` + arns[0] + `"}`,
		"GetExecutionHistory": `{"executionArn":"` + arns[0] + `"}`, "RedriveExecution": `{"executionArn":"` + arns[0] + `"}`,
	} {
		if answer := a.ask(a.states(a.root, action, body)); answer.fault != "InvalidArn" || !strings.Contains(answer.text, "Resource type not valid in this context: express") {
			t.Errorf("%s: %s", action, answer.text)
		}
	}
	if answer := a.ask(a.states(a.root, "ListExecutions", `{"stateMachineArn":"`+quick+`"}`)); answer.fault != "StateMachineTypeNotSupported" {
		t.Errorf("ListExecutions: %s", answer.text)
	}

	const start = "arn:aws:states:::states:startExecution"
	input := `,"Parameters":{"StateMachineArn":"` + quick + `"}`
	if got := a.runs(machine("parent", "STANDARD", start, input)); got != "SUCCEEDED" {
		t.Errorf("a standard execution that starts an express one: %s", got)
	}
	invoked(3)
	if got := a.runs(machine("waiting", "STANDARD", start+".sync:2", input)); !strings.HasPrefix(got, "FAILED StepFunctions.AWSStepFunctionsException This operation is not supported by this type of state machine") {
		t.Errorf("a standard execution that waits for an express one: %s", got)
	}
	const startSync = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
	for _, kind := range []string{"STANDARD", "EXPRESS"} { // which wait for it, and have what it gives
		outer := machine("waits-"+strings.ToLower(kind), kind, startSync, input+`,"ResultSelector":{"status.$":"$.Status","billed.$":"$.BillingDetails.BilledMemoryUsedInMB"}`)
		if kind == "STANDARD" {
			if got := a.runs(outer); got != "SUCCEEDED" {
				t.Errorf("a standard execution that waits for an express one: %s", got)
			}
		} else if got := a.must(a.states(a.root, "StartSyncExecution", `{"stateMachineArn":"`+outer+`"}`)); !strings.Contains(got, `"output":"{\"status\":\"SUCCEEDED\",\"billed\":64}"`) {
			t.Errorf("an express execution that waits for another: %s", got)
		}
	}
	invoked(5)
	// One that begins itself comes to an end.
	self := strings.Replace(quick, ":quick", ":self", 1)
	machine("self", "EXPRESS", startSync, `,"Parameters":{"StateMachineArn":"`+self+`"},"ResultSelector":{"status.$":"$.Status"}`)
	if got := a.must(a.states(a.root, "StartSyncExecution", `{"stateMachineArn":"`+self+`"}`)); !strings.Contains(got, `"SUCCEEDED"`) {
		t.Errorf("an execution that begins itself: %.2000s", got)
	}
	sync := machine("caller", "EXPRESS", start, input)
	if got := a.must(a.states(a.root, "StartSyncExecution", `{"stateMachineArn":"`+sync+`"}`)); !strings.Contains(got, `"SUCCEEDED"`) {
		t.Errorf("an express execution that starts another: %s", got)
	}
	invoked(6)
	a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+sync+`"}`))
	invoked(7)
}
