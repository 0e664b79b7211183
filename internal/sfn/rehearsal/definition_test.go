package rehearsal

import (
	"strings"
	"testing"
)

// TestSubstitutions runs a definition as templates of SAM and CloudFormation have it, in JSON and
// in YAML: what it has for names comes from the file of test cases.
func TestSubstitutions(t *testing.T) {
	cases := `{
		"Substitutions": {"Table": "a \"b\"", "Seconds": 60, "Most": "2", "Rush": true},
		"TestCases": {"All": {
			"Input": {"items": [1, 2, 3]},
			"Mocks": {"Read": "Ok", "Call": "Ok", "Function": "Ok", "Versioned": "Ok", "Put": "Ok"},
			"Expect": {"Output": {"table": "a \"b\"", "count": 3, "rush": true, "left": "${Left}"}}}},
		"MockedResponses": {"Ok": {"0-9": {"Return": {}}}}}`
	json := `{
		"StartAt": "Read", "TimeoutSeconds": ${Seconds},
		"States": {
			"Read": {"Type": "Task", "Resource": "arn:${AWS::Partition}:states:::dynamodb:getItem", "Parameters": {"TableName": "${Table}", "Key": {}}, "ResultPath": null, "Next": "Call"},
			"Call": {"Type": "Task", "Resource": "arn:${Partition}:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "${Queue.Url}", "MessageBody": "b"}, "ResultPath": null, "Next": "Function"},
			"Function": {"Type": "Task", "Resource": "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${Function}", "ResultPath": null, "Next": "Versioned"},
			"Versioned": {"Type": "Task", "Resource": "${Function.Arn}:$LATEST", "ResultPath": null, "Next": "Each"},
			"Each": {"Type": "Map", "MaxConcurrency": ${Most}, "ItemsPath": "$.items", "ItemProcessor": {"StartAt": "Put", "States": {"Put": {"Type": "Task", "Resource": "${Put}", "End": true}}}, "ResultPath": "$.put", "Next": "Done"},
			"Done": {"Type": "Pass", "Parameters": {"table": "${Table}", "count.$": "States.ArrayLength($.put)", "rush": ${Rush}, "left": "${Left}"}, "End": true}}}`
	yaml := `
StartAt: Read
TimeoutSeconds: ${Seconds}
States:
  Read: {Type: Task, Resource: "arn:${AWS::Partition}:states:::dynamodb:getItem", Parameters: {TableName: '${Table}', Key: {}}, ResultPath: null, Next: Call}
  Call: {Type: Task, Resource: "arn:${Partition}:states:::sqs:sendMessage", Parameters: {QueueUrl: "${Queue.Url}", MessageBody: b}, ResultPath: null, Next: Function}
  Function: {Type: Task, Resource: !!str "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${Function}", ResultPath: ~, Next: Versioned}
  Versioned:
    Type: Task
    Resource: ${Function.Arn}:$LATEST
    ResultPath: null
    Next: Each
  Each:
    Type: Map
    MaxConcurrency: ${Most}
    ItemsPath: $.items
    ItemProcessor:
      StartAt: Put
      States:
        Put: &put
          Type: Task
          Resource: ${Put}
          End: true
    ResultPath: $.put
    Next: Done
  Done:
    Type: Pass
    Parameters:
      table: '${Table}'
      count.$: States.ArrayLength($.put)
      rush: ${Rush}
      left: ${Left}
    End: true
`
	s, err := ReadSubstitutions([]byte(cases))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"JSON": json, "YAML": yaml} {
		m, err := ReadMachine([]byte(text), what == "YAML", s)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if m.TimeoutSeconds != 60 {
			t.Errorf("%s: a timeout of %d s", what, m.TimeoutSeconds)
		}
		if got := run(t, m, cases); len(got) != 0 {
			t.Errorf("%s goes otherwise: %q", what, got)
		}
	}
}

// TestReadMachineRefuses has definitions with one thing wrong each.
func TestReadMachineRefuses(t *testing.T) {
	for _, c := range []struct {
		text   string
		isYAML bool
		want   string
	}{
		{`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":${Delay},"End":true}}}`, false, "${Delay} stands where no text can: give its value in Substitutions"},
		{`{"StartAt":"W","States":{"W":{"Type":"Wait","Comment":"${A}","Seconds":${Delay},"End":true}}}`, false, "${Delay} stands"},
		{`{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}`, false, "Unexpected end-of-input"},
		{"StartAt: P\nStates:\n  P: {Type: Pass, End: true}\n  P: {Type: Pass, End: true}\n", true, `line 4: member "P" is there twice`},
		{"StartAt: [", true, "yaml"},
		{"StartAt: P\nStates:\n  P:\n    Type: Wait\n    Seconds: ${Delay}\n    End: true\n", true, "/States/P/Seconds"},
		{"- 1", true, "must be a valid JSON object"},
	} {
		if _, err := ReadMachine([]byte(c.text), c.isYAML, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	for text, want := range map[string]string{
		`{"Substitutions":1}`:            "Substitutions: want an object",
		`{"Substitutions":{"A":["x"]}}`:  "Substitutions.A: want a text, a number or a boolean, not array",
		`{"Substitutions":{"A":null}}`:   "Substitutions.A: want a text",
		`{"Substitutions":{"A":1},"A":1`: "Unexpected end",
	} {
		if _, err := ReadSubstitutions([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
