package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/internal/sfn"
	"heddle/internal/sfn/mock"
)

// TestMocks runs test cases as Step Functions Local does: their name stands behind the ARN of
// the state machine, whoever may start executions of that. Waits and delays of retries are
// jumped over. The file may change while the server runs.
func TestMocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mocks.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const responses = `"MockedResponses":{
		"Busy":{"0":{"Throw":{"Error":"Busy","Cause":"c"}},"1-2":{"Return":{"sent":true}}},
		"Sent":{"0-9":{"Return":{"sent":true}}}}}`
	write(`{"StateMachines":{"orders":{"TestCases":{"Retry":{"Send":"Busy"}}}},` + responses)
	services := Services()
	for _, s := range services {
		if o, ours := s.Options.(*sfn.Options); ours {
			o.MockConfig = file
		}
	}
	a := newAuthorityWith(t, func(c *Config) { c.Services, c.TimeSkip = services, SkipTimers })
	a.role("r", statesTrust, allow("states:*", "*"))
	machine := func(name, kind, definition string) string {
		body, err := json.Marshal(map[string]string{"name": name, "type": kind, "roleArn": roleARN("r"), "definition": definition})
		if err != nil {
			t.Fatal(err)
		}
		return a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
	}
	const (
		send   = `"Send":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"m"},"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":86400}],"Next":"Wait"},"Wait":{"Type":"Wait","Seconds":2592000,"End":true}`
		sender = `{"StartAt":"Send","States":{` + send + `}}`
	)
	orders := machine("orders", "STANDARD", sender)
	user := a.user("starter", allow("states:StartExecution", orders), allow("states:DescribeExecution", "*"))

	output := func(arn string) string {
		t.Helper()
		for {
			answer := a.must(a.states(user, "DescribeExecution", `{"executionArn":"`+arn+`"}`))
			if !strings.Contains(answer, `"RUNNING"`) {
				return answer
			}
		}
	}
	begin := func(arn string) string {
		t.Helper()
		return a.field("executionArn", a.must(a.states(user, "StartExecution", `{"stateMachineArn":"`+arn+`"}`)))
	}
	if arn := begin(orders + "#Retry"); strings.Contains(arn, "#") || !strings.Contains(output(arn+"#Retry"), `{\"sent\":true}`) {
		t.Errorf("%s: %s", arn, output(arn))
	}
	if answer := a.ask(a.states(user, "StartExecution", `{"stateMachineArn":"`+orders+`#Nope"}`)); answer.fault != "ValidationException" || !strings.Contains(answer.text, "no test case Nope, but Retry") {
		t.Errorf("an unknown test case: %s", answer.text)
	}
	if answer := a.ask(a.states(a.user("nobody"), "StartExecution", `{"stateMachineArn":"`+orders+`#Retry"}`)); answer.fault != "AccessDeniedException" {
		t.Errorf("without a permission: %s", answer.text)
	}

	write(`{"StateMachines":{"mapping":{"TestCases":{"Items":{"Send":"Sent"}}},"quick":{"TestCases":{"Sync":{"Send":"Sent"}}}},` + responses)
	mapping := machine("mapping", "STANDARD", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemsPath":"$.list","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`+sender[1:]+`}}}`)
	user = a.user("mapper", allow("states:StartExecution", mapping), allow("states:DescribeExecution", "*"))
	arn := a.field("executionArn", a.must(a.states(user, "StartExecution", `{"stateMachineArn":"`+mapping+`#Items","input":"{\"list\":[1,2]}"}`)))
	if got := output(arn); !strings.Contains(got, `[{\"sent\":true},{\"sent\":true}]`) {
		t.Errorf("executions of items: %s", got)
	}
	quick := machine("quick", "EXPRESS", `{"StartAt":"Send","States":{"Send":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"m"},"End":true}}}`)
	if got := a.ask(a.states(a.root, "StartSyncExecution", `{"stateMachineArn":"`+quick+`#Sync"}`)); !strings.Contains(got.text, `{\"sent\":true}`) {
		t.Errorf("an express execution: %s", got.text)
	}

	write(`{"StateMachines":1}`)
	if got := a.ask(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+orders+`#Retry"}`)); !strings.Contains(got.text, "StateMachines: want an object, not number") {
		t.Errorf("with a broken file: %s", got.text)
	}
	if _, err := mock.Parse([]byte(`{"StateMachines":1}`)); err == nil {
		t.Error("a broken file is taken")
	}
	for _, s := range services {
		if s.Check != nil && s.Name == "states" && s.Check() == nil {
			t.Error("a server starts with a broken file")
		}
	}
}
