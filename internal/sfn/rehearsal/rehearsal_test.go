package rehearsal

import (
	"os"
	"strings"
	"testing"

	"heddle/internal/sfn/asl"
)

// TestExample runs the test cases of the example: once as they are, and once for each thing
// that they expect, when that is another.
func TestExample(t *testing.T) {
	const folder = "../../../examples/order-sfn/"
	definition, err := os.ReadFile(folder + "order.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(folder + "order.cases.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadMachine(definition, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // and again the same
		if got := run(t, m, string(text)); len(got) != 0 {
			t.Errorf("the example goes otherwise: %q", got)
		}
	}
	for _, c := range []struct{ expected, instead, want string }{
		{`"Hold", "ShipOrder", "Shipped"]`, `"ShipOrder", "Shipped"]`, "\n    IsExpress\n  + Hold\n    ShipOrder\n"},
		{`"IsExpress", "ShipOrder", "Shipped"]`, `"IsExpress", "Hold", "ShipOrder", "Shipped"]`, "\n    IsExpress\n  - Hold\n    ShipOrder\n"},
		{`"total": 55`, `"total": 54`, "output.total: want 54, got 55"},
		{`"total": 55`, `"total": 55, "list": [1]`, "output.list: want [1], got none"},
		{`, "total": 55`, ``, "output.total: want none, got 55"},
		{`"Error": "CardDeclined"`, `"Error": "Other"`, "error: want Other, got CardDeclined"},
		{`"Error": "CardDeclined", "Cause": "the bank declines the card"`, `"Status": "SUCCEEDED"`, "status: want SUCCEEDED, got FAILED: CardDeclined: the bank declines the card"},
		{`"ShipOrder": "Shipped"},`, `"ShipOrder": "Shipped", "ReserveItems": {}},`, "The mock of this state says nothing of invocation 0."},
		{`"VerifyOrder": "Done", "ReserveItem": "Reserved",`, `"VerifyOrder": "Done",`, "the test case has no mock of it"},
	} {
		// Of what follows the expected text, the first is another.
		at := strings.LastIndex(string(text), c.expected)
		if !strings.Contains(string(text), c.expected) {
			t.Fatalf("the example expects no %s", c.expected)
		}
		got := run(t, m, string(text)[:at]+c.instead+string(text)[at+len(c.expected):])
		if !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s instead of %s: got %q, want %q", c.instead, c.expected, got, c.want)
		}
	}
}

// run gives all differences of a file's test cases.
func run(t *testing.T, m *asl.Machine, text string) (all []string) {
	t.Helper()
	cases, err := ReadCases([]byte(text), m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		r, err := Run("Order", m, &cases[i])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Differences...)
	}
	return all
}

// TestTolerated: of a Map state in distributed mode so many iterations may fail as it says, whatever they
// fail of, and the output has what is told of them; one more, and it is the state's own error.
func TestTolerated(t *testing.T) {
	const failed = `{
		"Cause":"late","Error":"Late","ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:Order/each:380d3da8-8a91-4509-9a60-3bc15ee6fa56","Input":"{\"item\":2}","InputDetails":{"Included":true},
		"Name":"380d3da8-8a91-4509-9a60-3bc15ee6fa56","RedriveCount":0,"RedriveStatus":"REDRIVABLE","StartDate":"2026-01-01T00:01:00.000Z","StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:Order/each","Status":"FAILED","StopDate":"2026-01-01T00:02:00.000Z"}`
	for _, c := range []struct{ tolerated, items, want string }{
		{`"ToleratedFailureCount":1`, `[1,2,3]`, `{"Output":[{"got":1},FAILED,{"got":3}],"Path":["M","Wait","Call","Get","Wait","Call","Late","Wait","Call","Get","Done","End"]}`},
		{`"ToleratedFailurePercentage":33.4`, `[1,2,3]`, `{"Output":[{"got":1},FAILED,{"got":3}]}`},
		{`"ToleratedFailureCount":1`, `[1,2,3,2]`, `{"Error":"States.ExceedToleratedFailureThreshold","Cause":"The specified tolerated failure threshold was exceeded"}`},
		{`"ToleratedFailurePercentage":33.3`, `[1,2,3]`, `{"Error":"States.ExceedToleratedFailureThreshold"}`},
		{`"ToleratedFailurePercentage":29`, strings.Replace("["+strings.Repeat("2,", 29)+strings.Repeat("1,", 71)+"]", ",]", "]", 1), `{}`},
		{`"ToleratedFailureCount":2,"ToleratedFailurePercentage":10`, `[1,2,3]`, `{"Error":"States.ExceedToleratedFailureThreshold"}`},
		{`"Comment":"none"`, `[1,2]`, `{"Error":"States.ExceedToleratedFailureThreshold"}`},
		{`"Comment":"none"`, `[1,null]`, `{"Error":"States.ExceedToleratedFailureThreshold"}`}, // States.Runtime within
		{`"ToleratedFailureCount":1,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}]`, `[null,null]`, `{"Output":"caught"}`},
	} {
		m, err := ReadMachine([]byte(`{"StartAt":"M","States":{"M":{"Type":"Map","Label":"each",`+c.tolerated+`,"MaxConcurrency":1,"ItemSelector":{"item.$":"$$.Map.Item.Value"},
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Wait","States":{
				"Wait":{"Type":"Wait","Seconds":60,"Next":"Call"},
				"Call":{"Type":"Choice","Choices":[{"Variable":"$.item","NumericEquals":2,"Next":"Late"},{"Variable":"$.item","IsNull":true,"Next":"Lost"}],"Default":"Get"},
				"Late":{"Type":"Fail","Error":"Late","Cause":"late"},
				"Lost":{"Type":"Pass","InputPath":"$.nowhere","End":true},
				"Get":{"Type":"Pass","Parameters":{"got.$":"$.item"},"End":true}}},"Next":"Done"},
			"Done":{"Type":"Choice","Choices":[{"Variable":"$.Error","IsPresent":true,"Next":"Caught"}],"Default":"End"},"Caught":{"Type":"Pass","Result":"caught","End":true},"End":{"Type":"Succeed"}}}`), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(c.want, "FAILED", failed)
		if got := run(t, m, `{"TestCases":{"C":{"Input":`+c.items+`,"Expect":`+want+`}}}`); len(got) > 0 {
			t.Errorf("%s of %s: %q", c.tolerated, c.items, got)
		}
	}
}

// TestReadCasesRefuses has files with one thing wrong each.
func TestReadCasesRefuses(t *testing.T) {
	m, err := ReadMachine([]byte(`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{`:                               "Unexpected end",
		`{}`:                              "there is no test case",
		`{"Cases":{}}`:                    "member Cases is not known",
		`{"TestCases":{"C":{"Mock":{}}}}`: "TestCases.C: member Mock is not known",
		`{"TestCases":{"C":{"Mocks":{"P":"None"}}}}`:                      "there is no mocked response None",
		`{"TestCases":{"C":{"Mocks":{"Q":{}}}}}`:                          "the state machine has no state Q",
		`{"TestCases":{"C":{"Expect":{"Path":["Q"]}}}}`:                   "the state machine has no state Q",
		`{"TestCases":{"C":{"Expect":{"Path":"P"}}}}`:                     "want a list of the names of states",
		`{"TestCases":{"C":{"Expect":{"Path":[1]}}}}`:                     "want a list of the names of states",
		`{"TestCases":{"C":{"Expect":{"Status":"DONE"}}}}`:                "want SUCCEEDED, FAILED or TIMED_OUT",
		`{"TestCases":{"C":{"Expect":{"Error":1}}}}`:                      "want a text",
		`{"TestCases":{"C":{"Expect":{"Result":1}}}}`:                     "member Result is not known",
		`{"TestCases":{"C":{}},"MockedResponses":{"R":{"0":{"Back":1}}}}`: "want either Return or Throw",
	} {
		if _, err := ReadCases([]byte(text), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadMachine([]byte(`{"StartAt":"P","States":{"P":{"Type":"Pass"}}}`), false, nil); err == nil {
		t.Error("a machine that goes nowhere is taken")
	}
}
