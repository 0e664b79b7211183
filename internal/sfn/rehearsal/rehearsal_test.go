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
