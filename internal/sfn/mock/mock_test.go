package mock

import (
	"strings"
	"testing"

	"heddle/internal/sfn/execution"
)

// guide is the file of the Developer Guide, in short.
const guide = `{
	"Assert": {"HappyPath": "for whoever runs the tests"},
	"StateMachines": {"LambdaSQSIntegration": {"TestCases": {
		"HappyPath": {"LambdaState": "MockedLambdaSuccess", "SQSState": "MockedSQSSuccess"},
		"RetryPath": {"LambdaState": "MockedLambdaRetry"},
		"Nothing": {"SQSState": "Empty"}}}},
	"MockedResponses": {
		"MockedLambdaSuccess": {"0": {"Return": {"StatusCode": 200}}},
		"MockedSQSSuccess": {"0": {"Return": "any JSON"}},
		"Empty": {},
		"MockedLambdaRetry": {
			"0": {"Throw": {"Error": "Lambda.ResourceNotReadyException", "Cause": "Lambda resource is not ready."}},
			"1-2": {"Throw": {"Error": "Lambda.TimeoutException"}},
			"3": {"Return": null}}}}`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(guide))
	if err != nil {
		t.Fatal(err)
	}
	happy, err := c.Case("LambdaSQSIntegration", "HappyPath")
	if err != nil || len(happy) != 2 || happy[0].State != "LambdaState" || happy[0].Answers[0] != (execution.Answer{Output: `{"StatusCode":200}`}) || happy[1].Answers[0].Output != `"any JSON"` {
		t.Errorf("HappyPath: %+v, %v", happy, err)
	}
	retry, err := c.Case("LambdaSQSIntegration", "RetryPath")
	want := []execution.Answer{
		{Failed: true, Error: "Lambda.ResourceNotReadyException", Cause: "Lambda resource is not ready."},
		{From: 1, To: 2, Failed: true, Error: "Lambda.TimeoutException"},
		{From: 3, To: 3, Output: "null"},
	}
	if err != nil || len(retry) != 1 || len(retry[0].Answers) != 3 || retry[0].Answers[0] != want[0] || retry[0].Answers[1] != want[1] || retry[0].Answers[2] != want[2] {
		t.Errorf("RetryPath: %+v, %v", retry, err)
	}
	for _, of := range [][2]string{{"Other", "HappyPath"}, {"LambdaSQSIntegration", "Other"}} {
		if _, err := c.Case(of[0], of[1]); err == nil {
			t.Errorf("%v is there", of)
		}
	}
}

// TestParseRefuses has files with one thing wrong each.
func TestParseRefuses(t *testing.T) {
	one := func(response string) string {
		return `{"StateMachines":{"M":{"TestCases":{"C":{"S":"R"}}}},"MockedResponses":{"R":` + response + `}}`
	}
	for text, want := range map[string]string{
		`[]`:                   "the file: want an object, not array",
		`{"StateMachine":{}}`:  "want StateMachines",
		`{"StateMachines":[]}`: "StateMachines: want an object",
		`{"StateMachines":{"M":{"TestCases":{"C":{"S":"None"}}}}}`: "StateMachines.M.TestCases.C.S: there is no mocked response None",
		one(`{"0":{}}`): "want either Return or Throw",
		one(`{"0":{"Return":1,"Throw":{"Error":"E"}}}`):              "want either Return or Throw",
		one(`{"0":{"Throw":{"Cause":"c"}}}`):                         "want an Error",
		one(`{"0":{"Throw":{"Error":1}}}`):                           "want a text",
		one(`{"0":{"Throw":{"Error":"E","Reason":""}}}`):             "Reason is not known",
		one(`{"first":{"Return":1}}`):                                "want the number of an invocation",
		one(`{"2-1":{"Return":1}}`):                                  "want the number of an invocation",
		one(`{"-1":{"Return":1}}`):                                   "want the number of an invocation",
		one(`{"0-3":{"Return":1},"3":{"Return":2}}`):                 "another member has the same invocations",
		one(`{"0":{"Return":"` + strings.Repeat("x", 1<<20) + `"}}`): "at most 1048576 are allowed",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %s", text, err, want)
		}
	}
	if _, err := Parse([]byte(one(`{"0":{"Return":"` + strings.Repeat("x", 1<<20-10) + `"}}`))); err != nil {
		t.Error(err)
	}
}
