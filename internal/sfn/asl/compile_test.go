package asl

import (
	"fmt"
	"strings"
	"testing"

	"heddle/internal/blob"
)

// one is a machine of one state, X; a state after it is named End.
func one(state string) string {
	end := ""
	if strings.Contains(state, `"End1"`) {
		end = `,"End1":{"Type":"Succeed"}`
	}
	return `{"StartAt":"X","States":{"X":` + state + end + `}}`
}

// oneJSONata is one, in JSONata.
func oneJSONata(state string) string {
	return strings.Replace(one(state), "{", `{"QueryLanguage":"JSONata",`, 1)
}

// scoped is a machine of flows in flows, in which states assign: a Parallel state, when it fails; a
// state of its first branch, before a Map state; and a state of that one's iterations. The second
// branch assigns y.
func scoped(outer, branch, iteration string) string {
	return one(`{"Type":"Parallel","Branches":[
		{"StartAt":"B","States":{"B":{"Type":"Pass","Assign":` + branch + `,"Next":"M"},
			"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{"C":{"Type":"Pass","Assign":` + iteration + `,"End":true}}},"End":true}}},
		{"StartAt":"D","States":{"D":{"Type":"Pass","Assign":{"y":1},"End":true}}}],
		"Catch":[{"ErrorEquals":["E"],"Assign":` + outer + `,"Next":"End1"}],"End":true}`)
}

// said writes diagnostics one a line.
func said(diagnostics []Diagnostic) string {
	var lines []string
	for _, d := range diagnostics {
		code := d.Code
		if code == SchemaFailed {
			code = "SCHEMA"
		}
		if d.Severity == Warning {
			code = "warning " + code
		}
		location := d.Location
		if location == "" {
			location = "-"
		}
		lines = append(lines, code+" "+location+" "+d.Message)
	}
	return strings.Join(lines, "\n")
}

func TestDiagnostics(t *testing.T) {
	for _, group := range []struct {
		what  string
		cases map[string]string // what is said, by definition
	}{
		{"form goes before transitions", map[string]string{
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"Z","Foo":1},"B":{"Type":"Pass","Bar":1,"End":true}}}`: "SCHEMA /States/A Field 'Foo' is not supported\nSCHEMA /States/B Field 'Bar' is not supported",
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"Z"},"B":{"Type":"Pass","End":true}}}`:                 "MISSING_TRANSITION_TARGET /States/A/Next Missing 'Next' target: Z\nMISSING_TRANSITION_TARGET /States/B State \"B\" is not reachable.",
			`{"States":{"A":{"Type":"Pass","Next":"Z"}}}`:                                                              `SCHEMA / These fields are required: [StartAt]`,
		}},
		{"a machine", map[string]string{
			``:                                 `SCHEMA - Definition must be a valid JSON object`,
			"\n ":                              `SCHEMA - Definition must be a valid JSON object`,
			`[]`:                               `SCHEMA - Definition must be a valid JSON object`,
			`"{}"`:                             `SCHEMA - Definition must be a valid JSON object`,
			`{}`:                               `SCHEMA / These fields are required: [States, StartAt]`,
			`{"StartAt":"A"}`:                  `SCHEMA / These fields are required: [States]`,
			`{"StartAt":"A"`:                   "INVALID_JSON_DESCRIPTION [Source: (String)\"{\"StartAt\":\"A\"\"; line: 1, column: 15] Unexpected end-of-input: expected close marker for Object (start marker at line: 1, column: 1)\n at [Source: (String)\"{\"StartAt\":\"A\"\"; line: 1, column: 15]",
			`{"a":1,"a":2}`:                    "INVALID_JSON_DESCRIPTION [Source: (String)\"{\"a\":1,\"a\":2}\"; line: 1, column: 8] Duplicate field 'a'\n at [Source: (String)\"{\"a\":1,\"a\":2}\"; line: 1, column: 8]",
			`{"States":{"X":7},"StartAt":"X"}`: `SCHEMA /States/X Expected value of type Object`,
			`{"States":[],"StartAt":"X"}`:      `SCHEMA /States Expected value of type Object`,
			`{"States":{},"StartAt":"X"}`:      `SCHEMA /States Value cannot be empty`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":1}`:                                                    `SCHEMA /StartAt Expected value of type String`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","Retry":[]}`:                                       `SCHEMA / Field 'Retry' is not supported`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","TimeoutSeconds":0}`:                               `SCHEMA /TimeoutSeconds Minimum value is 1`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","TimeoutSeconds":1e9}`:                             `SCHEMA /TimeoutSeconds Maximum value is 99999999`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","TimeoutSeconds":"9"}`:                             `SCHEMA /TimeoutSeconds Expected value of type Integer`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","Comment":{}}`:                                     `SCHEMA /Comment Expected value of type String`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","QueryLanguage":"SQL"}`:                            `SCHEMA /QueryLanguage The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]`,
			`{"States":{"X":{"Type":"Succeed"}},"StartAt":"X","Version":"1.0","Comment":"c","TimeoutSeconds":9}`: ``,
		}},
		{"transitions", map[string]string{
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","End":true}}}`: ``,
			`{"StartAt":"pass1","States":{"pass1":{"Type":"Pass","Next":"pass3"},"pass2":{"Type":"Pass","End":true}}}`: "MISSING_TRANSITION_TARGET /States/pass1/Next Missing 'Next' target: pass3\n" +
				`MISSING_TRANSITION_TARGET /States/pass2 State "pass2" is not reachable.`,
			`{"StartAt":"Not sure","States":{"Pass One":{"Type":"Pass","Next":"Success"},"Success":{"Type":"Succeed"}}}`: "MISSING_TRANSITION_TARGET /StartAt Missing 'Next' target: Not sure\n" +
				`MISSING_TRANSITION_TARGET /States/Pass One State "Pass One" is not reachable.`,
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`:                                                  `MISSING_END_STATE - Workflow has no terminal state`,
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"},"D":{"Type":"Pass","Next":"A"}}}`:                   `MISSING_END_STATE - Workflow has no terminal state`,
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"},"C":{"Type":"Pass","End":true}}}`:                   `MISSING_TRANSITION_TARGET /States/C State "C" is not reachable.`,
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"NOPE"}}}`:                                                                              "MISSING_TRANSITION_TARGET /States/A/Next Missing 'Next' target: NOPE\nMISSING_END_STATE - Workflow has no terminal state",
			`{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"NO"}],"Default":"E"},"E":{"Type":"Fail"}}}`: `MISSING_TRANSITION_TARGET /States/C/Choices[0]/Next Missing 'Next' target: NO`,
			`{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"E"}],"Default":"NO"},"E":{"Type":"Fail"}}}`: `MISSING_TRANSITION_TARGET /States/C/Default Missing 'Next' target: NO`,
			`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"P"}}}],"End":true}}}`: "MISSING_TRANSITION_TARGET /States/P/Branches[0]/States/B/Next Missing 'Next' target: P\n" +
				"MISSING_END_STATE - Workflow has no terminal state",
			`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}}}`: `DUPLICATE_STATE_NAME /States/P/Branches[1]/States/B Duplicate State name: B`,
			one(`{"Type":"Pass"}`):                       `SCHEMA /States/X There must be one of the following fields: [Next, End]`,
			one(`{"Type":"Pass","End":false}`):           `SCHEMA /States/X There must be one of the following fields: [Next, End]`,
			one(`{"Type":"Pass","End":true,"Next":"X"}`): `SCHEMA /States/X There should only be one of the following fields: [Next, End]`,
			one(`{"Type":"Pass","End":"true"}`):          "SCHEMA /States/X/End Expected value of type Boolean\nSCHEMA /States/X There must be one of the following fields: [Next, End]",
			one(`{"Type":"Succeed","End":true}`):         `SCHEMA /States/X Field 'End' is not supported`,
			one(`{"Type":"Pass","Next":null}`):           `SCHEMA /States/X/Next Expected value of type String`,
		}},
		{"states", map[string]string{
			one(`{}`):                                         `SCHEMA /States/X These fields are required: [Type]`,
			one(`{"Type":"Loop"}`):                            `SCHEMA /States/X/Type The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]`,
			one(`{"Type":7}`):                                 `SCHEMA /States/X/Type Expected value of type String`,
			one(`{"Type":"Succeed","Resul":1}`):               `SCHEMA /States/X Field 'Resul' is not supported`,
			one(`{"Type":"Succeed","Comment":1}`):             `SCHEMA /States/X/Comment Expected value of type String`,
			`{"StartAt":"","States":{"":{"Type":"Succeed"}}}`: `INVALID_STATE_NAME /States/ State name cannot be empty`,
			`{"StartAt":"` + strings.Repeat("ü", 80) + `","States":{"` + strings.Repeat("ü", 80) + `":{"Type":"Succeed"}}}`: ``,
			`{"StartAt":"` + strings.Repeat("n", 81) + `","States":{"` + strings.Repeat("n", 81) + `":{"Type":"Succeed"}}}`: `INVALID_STATE_NAME /States/` + strings.Repeat("n", 81) + ` State name cannot exceed 80 characters`,
			one(`{"Type":"Succeed","InputPath":"$.a","OutputPath":"$$.Execution"}`):                                         ``,
			one(`{"Type":"Succeed","InputPath":null,"OutputPath":null}`):                                                    ``,
			one(`{"Type":"Succeed","InputPath":"a"}`):                                                                       `SCHEMA /States/X/InputPath Value must be a valid JSONPath.`,
			one(`{"Type":"Succeed","InputPath":"States.UUID()"}`):                                                           `SCHEMA /States/X/InputPath Value must be a valid JSONPath.`,
			one(`{"Type":"Succeed","OutputPath":7}`):                                                                        `SCHEMA /States/X/OutputPath Expected value of type String`,
			one(`{"Type":"Pass","ResultPath":"$.a[*]","End":true}`):                                                         `SCHEMA /States/X/ResultPath Value is not a Reference Path`,
			one(`{"Type":"Pass","ResultPath":"$$.a","End":true}`):                                                           `SCHEMA /States/X/ResultPath Value is not a Reference Path`,
			one(`{"Type":"Pass","ResultPath":null,"End":true}`):                                                             ``,
			one(`{"Type":"Pass","Result":{"a.$":"$.b"},"End":true}`):                                                        `warning PASS_RESULT_IS_STATIC /States/X/Result The Result of a Pass state is taken as it is: paths and intrinsic functions in it are not evaluated`,
			one(`{"Type":"Pass","Parameters":{"a":"$.b"},"End":true}`):                                                      `warning NO_DOLLAR /States/X/Parameters The value of the field 'a' looks like a JSONPath or an intrinsic function call, but the field's name does not end with '.$'`,
			one(`{"Type":"Pass","Parameters":{"a.$":"b"},"End":true}`):                                                      `SCHEMA /States/X/Parameters The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call`,
			one(`{"Type":"Pass","Parameters":{"a.$":"States.Nothing()"},"End":true}`):                                       `SCHEMA /States/X/Parameters The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call`,
			one(`{"Type":"Pass","Assign":{"a.$":"b"},"End":true}`):                                                          `SCHEMA /States/X/Assign The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call`,
			one(`{"Type":"Pass","Assign":[],"End":true}`):                                                                   `SCHEMA /States/X/Assign Expected value of type Object`,
			one(`{"Type":"Pass","Assign":{"1a":1},"End":true}`):                                                             `SCHEMA /States/X/Assign Variable name '1a' is invalid`,
			one(`{"Type":"Pass","Assign":{"states":1},"End":true}`):                                                         `SCHEMA /States/X/Assign Variable name 'states' is invalid`,
			one(`{"Type":"Pass","Assign":{"` + strings.Repeat("v", 81) + `":1},"End":true}`):                                `SCHEMA /States/X/Assign Variable name '` + strings.Repeat("v", 81) + `' is invalid`,
			one(`{"Type":"Pass","Assign":{"größe_1":1},"End":true}`):                                                        ``,
			one(`{"Type":"Fail","Error":"E","ErrorPath":"$.e"}`):                                                            `SCHEMA /States/X There should only be one of the following fields: [Error, ErrorPath]`,
			one(`{"Type":"Fail","CausePath":"States.Format('{}',$.a)"}`):                                                    ``,
			one(`{"Type":"Fail","CausePath":"States.Hash($.a,'MD5')"}`):                                                     ``,
			one(`{"Type":"Fail","CausePath":"cause"}`):                                                                      `SCHEMA /States/X/CausePath Value must be a valid JSONPath.`,
			one(`{"Type":"Fail","Cause":"$.cause"}`):                                                                        `warning NO_PATH /States/X/Cause The value of the field 'Cause' looks like a path, but the field's name does not end with 'Path'`,
			one(`{"Type":"Fail","Next":"X"}`):                                                                               `SCHEMA /States/X Field 'Next' is not supported`,
			one(`{"Type":"Wait","Seconds":-1,"End":true}`):                                                                  `SCHEMA /States/X/Seconds Minimum value is 0`,
			one(`{"Type":"Wait","Seconds":1.5,"End":true}`):                                                                 `SCHEMA /States/X/Seconds Expected value of type Integer`,
			one(`{"Type":"Wait","Seconds":0,"End":true}`):                                                                   ``,
			one(`{"Type":"Wait","End":true}`):                                                                               `SCHEMA /States/X There must be one of the following fields: [Seconds, Timestamp, SecondsPath, TimestampPath]`,
			one(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.s","End":true}`):                                               `SCHEMA /States/X There should only be one of the following fields: [Seconds, SecondsPath]`,
			one(`{"Type":"Wait","Timestamp":"2016-12-05T21:29:29","End":true}`):                                             `SCHEMA /States/X/Timestamp String does not match RFC3339 timestamp`,
			one(`{"Type":"Wait","TimestampPath":"$.a[*]","End":true}`):                                                      `SCHEMA /States/X/TimestampPath Value is not a Reference Path`,
		}},
		{"languages", map[string]string{
			one(`{"Type":"Pass","Output":1,"End":true}`):                                                                                                    `SCHEMA /States/X The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage`,
			oneJSONata(`{"Type":"Pass","InputPath":"$","End":true}`):                                                                                        `SCHEMA /States/X The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage`,
			oneJSONata(`{"Type":"Pass","Result":1,"End":true}`):                                                                                             `SCHEMA /States/X The QueryLanguage is set to 'JSONata', but field 'Result' is only supported for the 'JSONPath' QueryLanguage`,
			oneJSONata(`{"Type":"Pass","QueryLanguage":"JSONPath","InputPath":"$","End":true}`):                                                             `SCHEMA /States/X 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine`,
			one(`{"Type":"Pass","QueryLanguage":"JSONata","Output":1,"End":true}`):                                                                          ``,
			one(`{"Type":"Map","QueryLanguage":"JSONata","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","Output":1,"End":true}}},"End":true}`): `SCHEMA /States/X/ItemProcessor/States/P The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage`,
			one(`{"Type":"Map","ItemProcessor":{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}`):                    `SCHEMA /States/X/ItemProcessor Field 'QueryLanguage' is not supported`,
			one(`{"Type":"Map","Iterator":{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}`):                         `SCHEMA /States/X/Iterator Field 'QueryLanguage' is not supported`,
			oneJSONata(`{"Type":"Wait","SecondsPath":"$.a","End":true}`):                                                                                    "SCHEMA /States/X The QueryLanguage is set to 'JSONata', but field 'SecondsPath' is only supported for the 'JSONPath' QueryLanguage\nSCHEMA /States/X There must be one of the following fields: [Seconds, Timestamp]",
		}},
		{"JSONata", map[string]string{
			output(`"{% $states.input.a %}"`):              ``,
			output(`"{%$states.input.a%}"`):                ``,
			output(`" {% states.input %} "`):               ``,
			output(`{"a":[1,"{% $v %}","$.x"],"b.$":"$"}`): ``,
			output(`"{% 1"`):                               `INVALID_JSONATA_EXPRESSION /States/X/Output A JSONata expression must begin with '{%' and end with '%}'`,
			output(`"1 %}"`):                               `INVALID_JSONATA_EXPRESSION /States/X/Output A JSONata expression must begin with '{%' and end with '%}'`,
			output(`"{% a[1,2) %}"`):                       `INVALID_JSONATA_EXPRESSION /States/X/Output Expected "]", got ","`,
			output(`{"v":"{% 1 + %}"}`):                    `INVALID_JSONATA_EXPRESSION /States/X/Output/v Unexpected end of expression`,
			output(`"{% \"unterminated %}"`):               `INVALID_JSONATA_EXPRESSION /States/X/Output String literal must be terminated by a matching quote`,
			output(`{"v":"{% phone %}"}`):                  `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Output/v Reference to 'phone' at the top level is not supported.`,
			output(`["{% $sum(a.b) + c[d=1] + a %}"]`):     "UNSUPPORTED_JSONATA_EXPRESSION /States/X/Output[0] Reference to 'a' at the top level is not supported.\nUNSUPPORTED_JSONATA_EXPRESSION /States/X/Output[0] Reference to 'c' at the top level is not supported.",
			output(`"{% $$.a %}"`):                         `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Output Reference to '$$' at the top level is not supported.`,
			output(`"{% $states.errorOutput %}"`):          `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Output Field '$states.errorOutput' does not exist.`,
			output(`"{% $states.result %}"`):               `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Output Field '$states.result' does not exist.`,
			output(`"{% $states %}"`):                      ``,
			output(`"{% $doesNotExist %}"`):                ``,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","Arguments":"{% $states.result %}","End":true}`):                                                                                    `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Arguments Field '$states.result' does not exist.`,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","Output":{"a":"{% $states.result %}"},"Assign":{"r":"{% $states.result %}"},"End":true}`):                                           ``,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","Catch":[{"ErrorEquals":["E"],"Next":"X","Output":"{% $states.errorOutput %}","Assign":{"a":"{% $states.result %}"}}],"End":true}`): `UNSUPPORTED_JSONATA_EXPRESSION /States/X/Catch[0]/Assign/a Field '$states.result' does not exist.`,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","TimeoutSeconds":"{% 5 %}","HeartbeatSeconds":"{% 4 %}","Credentials":{"RoleArn":"{% $r %}"},"End":true}`):                          ``,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","TimeoutSeconds":"5","End":true}`):                                                                                                  `SCHEMA /States/X/TimeoutSeconds Expected value of type Integer`,
			oneJSONata(`{"Type":"Wait","Timestamp":"{% $t %}","End":true}`):                                                                                                                                                   ``,
			oneJSONata(`{"Type":"Wait","Timestamp":"soon","End":true}`):                                                                                                                                                       `SCHEMA /States/X/Timestamp String does not match RFC3339 timestamp`,
			oneJSONata(`{"Type":"Fail","Error":"{% $e %}","Cause":"c"}`):                                                                                                                                                      ``,
			oneJSONata(`{"Type":"Choice","Choices":[{"Condition":"{% ) %}","Next":"End1"}]}`):                                                                                                                                 `INVALID_JSONATA_EXPRESSION /States/X/Choices[0]/Condition The symbol ")" cannot be used as a unary operator`,
			oneJSONata(`{"Type":"Map","Items":[1,"{% $a %}"],"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}`):                                                                                  ``,
			oneJSONata(`{"Type":"Map","Items":"list","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}`):                                                                                          `SCHEMA /States/X/Items Expected value of type Array`,
		}},
		{"tasks", map[string]string{
			one(`{"Type":"Task","End":true}`): `SCHEMA /States/X These fields are required: [Resource]`,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","TimeoutSeconds":5,"HeartbeatSeconds":5,"End":true}`):           `SCHEMA /States/X HeartbeatSeconds must be smaller than TimeoutSeconds`,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","TimeoutSeconds":0,"End":true}`):                                `SCHEMA /States/X/TimeoutSeconds Minimum value is 1`,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","TimeoutSeconds":1,"TimeoutSecondsPath":"$.t","End":true}`):     `SCHEMA /States/X There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]`,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","Credentials":{},"End":true}`):                                  `SCHEMA /States/X/Credentials The field 'RoleArn' is required but was missing`,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","Credentials":{"RoleArn.$":"$.r"},"End":true}`):                 ``,
			one(`{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","Credentials":{"RoleArn":"arn:aws:iam::1:role/r"},"End":true}`): ``,
			one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":1},"End":true}`):                               `SCHEMA /States/X/Parameters The field 'FunctionName' is required but was missing`,
			one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`):                                                          `SCHEMA /States/X Parameters field is required for resource ARN: arn:aws:states:::lambda:invoke`,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:s3:listBuckets","End":true}`):                                          `SCHEMA /States/X Arguments field is required for resource ARN: arn:aws:states:::aws-sdk:s3:listBuckets`,
			one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","payload":{}},"End":true}`):           `SCHEMA /States/X/Parameters The field "payload" is not supported by Step Functions`,
			one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","payload.$":"$"},"End":true}`):        ``,
			one(`{"Type":"Task","Resource":"arn:aws:states:::glue:startJobRun.sync","Parameters":{"Anything":"f"},"End":true}`):                    ``,
			one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName.$":"$.f"},"End":true}`):                    ``,
			oneJSONata(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName.$":"f"},"End":true}`):                "SCHEMA /States/X/Arguments The field \"FunctionName.$\" is not supported by Step Functions\n" + `SCHEMA /States/X/Arguments The field 'FunctionName' is required but was missing`,
		}},
		{"scopes", map[string]string{
			scoped(`{"x":1}`, `{"y":1}`, `{"v":2}`):       ``,
			scoped(`{"x":1}`, `{"x.$":"$.a"}`, `{"v":2}`): `SCHEMA /States/X/Branches[0]/States/B/Assign Variable 'x' is assigned in an outer scope`,
			scoped(`{"x":1}`, `{"y":1}`, `{"x":2}`):       `SCHEMA /States/X/Branches[0]/States/M/ItemProcessor/States/C/Assign Variable 'x' is assigned in an outer scope`,
			scoped(`{"z":1}`, `{"x":1}`, `{"x":2}`):       `SCHEMA /States/X/Branches[0]/States/M/ItemProcessor/States/C/Assign Variable 'x' is assigned in an outer scope`,
		}},
		{"retriers and catchers", map[string]string{
			task(`"Retry":[]`): ``,
			task(`"Retry":[{"Comment":"c","ErrorEquals":["States.ALL"],"IntervalSeconds":2,"MaxAttempts":0,"BackoffRate":1,"MaxDelaySeconds":9,"JitterStrategy":"FULL"}]`): ``,
			task(`"Retry":[{}]`):                  `SCHEMA /States/X/Retry[0] These fields are required: [ErrorEquals]`,
			task(`"Retry":{}`):                    `SCHEMA /States/X/Retry Expected value of type Array`,
			task(`"Retry":[7]`):                   `SCHEMA /States/X/Retry[0] Expected value of type Object`,
			task(`"Retry":[{"ErrorEquals":[]}]`):  `SCHEMA /States/X/Retry[0]/ErrorEquals Value cannot be empty`,
			task(`"Retry":[{"ErrorEquals":[1]}]`): `SCHEMA /States/X/Retry[0]/ErrorEquals[0] Expected value of type String`,
			task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}]`):          `SCHEMA /States/X/Retry[0]/ErrorEquals[0] States.ALL must appear alone and at end of list`,
			task(`"Retry":[{"ErrorEquals":["E","States.ALL"]}]`):                            `SCHEMA /States/X/Retry[0]/ErrorEquals[1] States.ALL must appear alone and at end of list`,
			task(`"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":0}]`):                     `SCHEMA /States/X/Retry[0]/IntervalSeconds Minimum value is 1`,
			task(`"Retry":[{"ErrorEquals":["E"],"MaxAttempts":-1}]`):                        `SCHEMA /States/X/Retry[0]/MaxAttempts Minimum value is 0`,
			task(`"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]`):                       `SCHEMA /States/X/Retry[0]/BackoffRate Minimum value is 1.0`,
			task(`"Retry":[{"ErrorEquals":["E"],"MaxDelaySeconds":31622401}]`):              `SCHEMA /States/X/Retry[0]/MaxDelaySeconds Maximum value is 31622400`,
			task(`"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}]`): `SCHEMA /States/X/Retry[0]/MaxDelaySeconds MaxDelaySeconds must be greater than IntervalSeconds`,
			task(`"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"SOME"}]`):                 `SCHEMA /States/X/Retry[0]/JitterStrategy The field 'JitterStrategy' should have one of these values: [FULL, NONE]`,
			task(`"Retry":[{"ErrorEquals":["E"],"Next":"X"}]`):                              `SCHEMA /States/X/Retry[0] Field 'Next' is not supported`,
			task(`"Catch":[]`):                                                            ``,
			task(`"Catch":[{"ErrorEquals":["E"]}]`):                                       `SCHEMA /States/X/Catch[0] These fields are required: [Next]`,
			task(`"Catch":[{"ErrorEquals":["E"],"Next":"NO"}]`):                           `MISSING_TRANSITION_TARGET /States/X/Catch[0]/Next Missing 'Next' target: NO`,
			task(`"Catch":[{"ErrorEquals":["E"],"Next":"X","ResultPath":"$[*]"}]`):        `SCHEMA /States/X/Catch[0]/ResultPath Value is not a Reference Path`,
			task(`"Catch":[{"ErrorEquals":["E"],"Next":"X","Output":1}]`):                 `SCHEMA /States/X/Catch[0] The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage`,
			task(`"Catch":[{"ErrorEquals":["E"],"Next":"X","Assign":{"a.$":"$.Error"}}]`): ``,
			one(`{"Type":"Pass","Retry":[],"End":true}`):                                  `SCHEMA /States/X Field 'Retry' is not supported`,
			one(`{"Type":"Wait","Seconds":1,"Catch":[],"End":true}`):                      `SCHEMA /States/X Field 'Catch' is not supported`,
		}},
		{"choices", map[string]string{
			one(`{"Type":"Choice"}`):                                                                                 `SCHEMA /States/X These fields are required: [Choices]`,
			one(`{"Type":"Choice","Choices":[]}`):                                                                    `SCHEMA /States/X/Choices Value cannot be empty`,
			choice(`"Variable":"$.a","StringEquals":"b"`):                                                            ``,
			choice(`"Variable":"$.a"`):                                                                               `SCHEMA /States/X/Choices[0] A comparison operator is required`,
			choice(`"StringEquals":"a"`):                                                                             `SCHEMA /States/X/Choices[0] These fields are required: [Variable]`,
			choice(`"Comment":"c"`):                                                                                  `SCHEMA /States/X/Choices[0] There must be one of the following fields: [Variable, And, Or, Not]`,
			choice(`"Variable":"$.a","StringEquals":"b","IsNull":true`):                                              `SCHEMA /States/X/Choices[0] There should only be one of the following fields: [StringEquals, IsNull]`,
			choice(`"Variable":"$.a","StringEquals":7`):                                                              `SCHEMA /States/X/Choices[0]/StringEquals Expected value of type String`,
			choice(`"Variable":"$.a","NumericEquals":"7"`):                                                           `SCHEMA /States/X/Choices[0]/NumericEquals Expected value of type Number`,
			choice(`"Variable":"$.a","BooleanEquals":"true"`):                                                        `SCHEMA /States/X/Choices[0]/BooleanEquals Expected value of type Boolean`,
			choice(`"Variable":"$.a","TimestampEquals":"today"`):                                                     `SCHEMA /States/X/Choices[0]/TimestampEquals String does not match RFC3339 timestamp`,
			choice(`"Variable":"$.a","StringEqualsPath":"b"`):                                                        `SCHEMA /States/X/Choices[0]/StringEqualsPath Value is not a Reference Path: Reference path didn't start with '$'`,
			choice(`"Variable":"a","StringEquals":"b"`):                                                              `SCHEMA /States/X/Choices[0]/Variable Value is not a Reference Path: Reference path didn't start with '$'`,
			choice(`"Variable":"States.ArrayLength($.a)","NumericEquals":0`):                                         `SCHEMA /States/X/Choices[0]/Variable Value is not a Reference Path: Reference path didn't start with '$'`,
			choice(`"Variable":"$.a[?(@.b==1)]","IsPresent":true`):                                                   `SCHEMA /States/X/Choices[0]/Variable Value is not a Reference Path`,
			choice(`"Variable":"$.a.length()","NumericEquals":0`):                                                    `SCHEMA /States/X/Choices[0]/Variable Value is not a Reference Path`,
			choice(`"Variable":"$.a","StringEqualsPath":"$.b[*]"`):                                                   `SCHEMA /States/X/Choices[0]/StringEqualsPath Value is not a Reference Path`,
			choice(`"Variable":"$$.Execution.Input['a'].b","StringEqualsPath":"$v[0]"`):                              ``,
			choice(`"Variable":"$.a","StringEquals":"$.b"`):                                                          `warning NO_PATH /States/X/Choices[0]/StringEquals The value of the field 'StringEquals' looks like a path, but the field's name does not end with 'Path'`,
			choice(`"Variable":"$.a","StringLike":"b"`):                                                              "SCHEMA /States/X/Choices[0] Field 'StringLike' is not supported\nSCHEMA /States/X/Choices[0] A comparison operator is required",
			choice(`"Condition":"{% true %}"`):                                                                       `SCHEMA /States/X/Choices[0] The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' QueryLanguage`,
			choice(`"And":[]`):                                                                                       `SCHEMA /States/X/Choices[0]/And Value cannot be empty`,
			choice(`"And":[{"Variable":"$","IsNull":true,"Next":"End1"}]`):                                           `SCHEMA /States/X/Choices[0]/And[0] Field 'Next' is not supported`,
			choice(`"Or":[{"Not":{"Variable":"$","IsNull":1}}]`):                                                     `SCHEMA /States/X/Choices[0]/Or[0]/Not/IsNull Expected value of type Boolean`,
			choice(`"Not":[]`):                                                                                       `SCHEMA /States/X/Choices[0]/Not Expected value of type Object`,
			choice(`"Variable":"$","Not":{"Variable":"$","IsNull":true}`):                                            `SCHEMA /States/X/Choices[0] Field 'Variable' is not supported`,
			one(`{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true}],"Default":"End1"}`):                     `SCHEMA /States/X/Choices[0] These fields are required: [Next]`,
			oneJSONata(`{"Type":"Choice","Choices":[{"Condition":true,"Next":"End1","Output":1,"Assign":{"a":1}}]}`): ``,
			oneJSONata(`{"Type":"Choice","Choices":[{"Condition":"yes","Next":"End1"}]}`):                            `SCHEMA /States/X/Choices[0]/Condition Expected value of type Boolean`,
			oneJSONata(`{"Type":"Choice","Choices":[{"Next":"End1"}]}`):                                              `SCHEMA /States/X/Choices[0] These fields are required: [Condition]`,
			oneJSONata(`{"Type":"Choice","Choices":[{"Condition":true,"Variable":"$","Next":"End1"}]}`):              `SCHEMA /States/X/Choices[0] Field 'Variable' is not supported`,
		}},
		{"parallel and map", map[string]string{
			one(`{"Type":"Parallel","End":true}`):                 `SCHEMA /States/X These fields are required: [Branches]`,
			one(`{"Type":"Parallel","Branches":[],"End":true}`):   `SCHEMA /States/X/Branches Value cannot be empty`,
			one(`{"Type":"Parallel","Branches":[{}],"End":true}`): `SCHEMA /States/X/Branches[0] These fields are required: [States, StartAt]`,
			one(`{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}},"TimeoutSeconds":1}],"End":true}`): `SCHEMA /States/X/Branches[0] Field 'TimeoutSeconds' is not supported`,
			one(`{"Type":"Parallel","TimeoutSeconds":1,"Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true}`): `SCHEMA /States/X Field 'TimeoutSeconds' is not supported`,
			one(`{"Type":"Map","End":true}`): `SCHEMA /States/X These fields are required: [ItemProcessor]`,
			one(`{"Type":"Map","Iterator":{},"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`): `SCHEMA /States/X There should only be one of the following fields: [ItemProcessor, Iterator]`,
			mapOf(``, `"MaxConcurrency":-1`):                                                                              `SCHEMA /States/X/MaxConcurrency Minimum value is 0`,
			mapOf(``, `"MaxConcurrency":1,"MaxConcurrencyPath":"$.a"`):                                                    `SCHEMA /States/X There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath]`,
			mapOf(``, `"MaxConcurrencyPath":"$$.Execution.Input.n"`):                                                      `SCHEMA /States/X/MaxConcurrencyPath Value is not a Reference Path`,
			mapOf(``, `"ItemsPath":"$$.Execution.Input","Label":"inline"`):                                                ``,
			mapOf(``, `"ItemsPath":"$.a[*]"`):                                                                             `SCHEMA /States/X/ItemsPath Value is not a Reference Path`,
			mapOf(``, `"ToleratedFailurePercentage":100.5`):                                                               `SCHEMA /States/X/ToleratedFailurePercentage Maximum value is 100.0`,
			mapOf(``, `"ToleratedFailurePercentage":-1`):                                                                  `SCHEMA /States/X/ToleratedFailurePercentage Minimum value is 0.0`,
			mapOf(``, `"ItemSelector":{},"Parameters":{}`):                                                                `SCHEMA /States/X There should only be one of the following fields: [ItemSelector, Parameters]`,
			mapOf(``, `"ItemBatcher":{"MaxItemsPerBatch":1}`):                                                             `SCHEMA /States/X Field 'ItemBatcher' is not supported`,
			mapOf(`"Mode":"SPREAD"`, ``):                                                                                  `SCHEMA /States/X/ItemProcessor/ProcessorConfig/Mode The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]`,
			mapOf(`"Mode":"DISTRIBUTED"`, ``):                                                                             `SCHEMA /States/X/ItemProcessor/ProcessorConfig These fields are required: [ExecutionType]`,
			mapOf(`"Mode":"DISTRIBUTED","ExecutionType":"FAST"`, ``):                                                      `SCHEMA /States/X/ItemProcessor/ProcessorConfig/ExecutionType The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]`,
			distributed(`"ItemBatcher":{"MaxItemsPerBatch":0,"MaxInputBytesPerBatch":262144,"BatchInput":{"a.$":"$.b"}}`): ``,
			distributed(`"ItemBatcher":{}`):                                                                               `SCHEMA /States/X/ItemBatcher There must be one of the following fields: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]`,
			distributed(`"ItemBatcher":{"MaxItemsPerBatch":1,"MaxItemsPerBatchPath":"$.a"}`):                              `SCHEMA /States/X/ItemBatcher There should only be one of the following fields: [MaxItemsPerBatch, MaxItemsPerBatchPath]`,
			distributed(`"ItemBatcher":{"MaxInputBytesPerBatch":262145}`):                                                 `SCHEMA /States/X/ItemBatcher/MaxInputBytesPerBatch Maximum value is 262144`,
			distributed(`"ItemReader":{}`):                                                                                `SCHEMA /States/X/ItemReader These fields are required: [Resource]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a"],"CSVDelimiter":"TAB","MaxItems":5},"Parameters":{"Bucket":"b"}}`): ``,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"CSVHeaderLocation":"GIVEN"}}`):                                                                                                    `SCHEMA /States/X/ItemReader/ReaderConfig These fields are required: [CSVHeaders]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"MaxItems":100000001}}`):                                                                                                           `SCHEMA /States/X/ItemReader/ReaderConfig/MaxItems Maximum value is 100000000`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"MaxItems":1,"MaxItemsPath":"$.m"}}`):                                                                                              `SCHEMA /States/X/ItemReader/ReaderConfig There should only be one of the following fields: [MaxItems, MaxItemsPath]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::sqs:receiveMessage"}`):                                                                                                                                           `SCHEMA /States/X/ItemReader/Resource The resource provided arn:aws:states:::sqs:receiveMessage is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.`,
			distributed(`"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"},"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}}`):                                                  ``,
			distributed(`"ResultWriter":{"WriterConfig":{"OutputType":"XML"}}`):                                                                                                                                                      `SCHEMA /States/X/ResultWriter/WriterConfig/OutputType The field 'OutputType' should have one of these values: [JSON, JSONL]`,
			distributed(`"ResultWriter":{}`): `SCHEMA /States/X/ResultWriter There must be one of the following fields: [WriterConfig, Resource]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{"Transformation":"LOAD_AND_FLATTEN"}}`):                       `SCHEMA /States/X/ItemReader/ReaderConfig These fields are required: [InputType]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{"Transformation":"LOAD_AND_FLATTEN","InputType":"PARQUET"}}`): ``,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"ManifestType":"ATHENA_DATA"}}`):                                  `SCHEMA /States/X/ItemReader/ReaderConfig These fields are required: [InputType]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"ManifestType":"S3_INVENTORY","InputType":"CSV"}}`):               `SCHEMA /States/X/ItemReader/ReaderConfig There should only be one of the following fields: [InputType, ManifestType]`,
			distributed(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"ManifestType":"S3_INVENTORY"}}`):                                 ``,
			distributed(`"Label":"l?"`):                              `INVALID_LABEL_NAME /States/X/Label Label contains invalid character: '?'`,
			distributed(`"Label":"a` + "`" + `\u0001"`):              "INVALID_LABEL_NAME /States/X/Label Label contains invalid character: '`'",
			distributed(`"Label":""`):                                `INVALID_LABEL_NAME /States/X/Label Label cannot be empty`,
			distributed(`"Label":"` + strings.Repeat("l", 41) + `"`): `INVALID_LABEL_NAME /States/X/Label Label cannot exceed 40 characters`,
			distributed(`"Label":"` + strings.Repeat("l", 40) + `"`): ``,
		}},
	} {
		for definition, want := range group.cases {
			m, diagnostics := Compile([]byte(definition), Options{})
			if got := said(diagnostics); got != want {
				t.Errorf("%s: %s\n got %s\nwant %s", group.what, definition, got, want)
			}
			if (m == nil) != Failed(diagnostics) {
				t.Errorf("%s: %s: a machine: %t", group.what, definition, m != nil)
			}
		}
	}
}

// output is a state of JSONata with an Output.
func output(v string) string {
	return oneJSONata(`{"Type":"Pass","Output":` + v + `,"End":true}`)
}

// parametersFor are those that an integration needs.
func parametersFor(arn string) string {
	r := parseResource(arn)
	if r == nil {
		return ""
	}
	var members []string
	for _, name := range parameters[r.Service+":"+r.Action].needed {
		members = append(members, `"`+name+`":"v"`)
	}
	return `"Parameters":{` + strings.Join(members, ",") + `},`
}

func task(field string) string {
	return one(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",` + field + `,"End":true}`)
}

func choice(rule string) string {
	return one(`{"Type":"Choice","Choices":[{` + rule + `,"Next":"End1"}],"Default":"End1"}`)
}

func mapOf(config, fields string) string {
	if config != "" {
		config = `"ProcessorConfig":{` + config + `},`
	}
	if fields != "" {
		fields += ","
	}
	return one(`{"Type":"Map",` + fields + `"ItemProcessor":{` + config + `"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}`)
}

func distributed(fields string) string {
	return mapOf(`"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"`, fields)
}

func TestExpress(t *testing.T) {
	resource := func(arn string) string {
		return one(`{"Type":"Task","Resource":"` + arn + `",` + parametersFor(arn) + `"End":true}`)
	}
	for _, c := range []struct {
		definition, want string
		standard         bool // fine there
	}{
		{resource("arn:aws:states:us-east-1:1:activity:a"), `SCHEMA /States/X/Resource Express state machine does not support Activity ARN`, true},
		{resource("arn:aws:states:::lambda:invoke.waitForTaskToken"), `SCHEMA /States/X/Resource Express state machine does not support '.waitForTaskToken' service integration `, true},
		{resource("arn:aws:states:::aws-sdk:s3:getObject.waitForTaskToken"), `SCHEMA /States/X/Resource Express state machine does not support '.waitForTaskToken' service integration `, true},
		{resource("arn:aws:states:::states:startExecution.sync"), `SCHEMA /States/X/Resource Express state machine does not support '.sync' service integration`, true},
		{resource("arn:aws:states:::states:startExecution.sync:2"), `SCHEMA /States/X/Resource Express state machine does not support '.sync:2' service integration`, true},
		{resource("arn:aws:states:::lambda:invoke"), ``, true},
		{distributed(``), `SCHEMA /States/X/ItemProcessor/ProcessorConfig/Mode Express state machine does not support Distributed Map`, true},
	} {
		if _, diagnostics := Compile([]byte(c.definition), Options{Express: true}); said(diagnostics) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.definition, said(diagnostics), c.want)
		}
		if m, diagnostics := Compile([]byte(c.definition), Options{}); (m != nil) != c.standard {
			t.Errorf("%s: %s", c.definition, said(diagnostics))
		}
	}
	// Child executions of a distributed Map may be express ones, while the machine is not.
	inner := func(kind string) string {
		return one(`{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"` + kind + `"},"StartAt":"P","States":{"P":{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:a","End":true}}},"Next":"End1"}`)
	}
	if m, diagnostics := Compile([]byte(inner("STANDARD")), Options{}); m == nil || !m.Find("X").Distributed || m.Find("X").ExpressItems {
		t.Errorf("standard items: %s", said(diagnostics))
	}
	_, diagnostics := Compile([]byte(inner("EXPRESS")), Options{})
	if got, want := said(diagnostics), `SCHEMA /States/X/ItemProcessor/States/P/Resource Express state machine does not support Activity ARN`; got != want {
		t.Errorf("express items: got %s, want %s", got, want)
	}
}

func TestMessage(t *testing.T) {
	for definition, want := range map[string]string{
		`{}`: `Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'`,
		`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"NOPE"}}}`: `Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next, MISSING_END_STATE: Workflow has no terminal state at null'`,
		`not a definition`: "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4] at [Source: (String)\"not a definition\"; line: 1, column: 4]'",
	} {
		_, diagnostics := Compile([]byte(definition), Options{})
		got := Message(definition, diagnostics)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", definition, got, want)
		}
	}
	for label, want := range map[string]string{
		`?`:      `["Label contains invalid character: '?'"]`,
		`\"`:     `['Label contains invalid character: \'"\'']`,
		`\\`:     `["Label contains invalid character: '\\\\'"]`,
		`\u0002`: `["Label contains invalid character: '\\x02'"]`,
		`\n`:     `["Label contains invalid character: '\\n'"]`,
		`\u009f`: `["Label contains invalid character: '\\x9f'"]`,
		``:       `['Label cannot be empty']`,
	} {
		definition := distributed(`"Label":"` + label + `"`)
		_, diagnostics := Compile([]byte(definition), Options{})
		if got, want := Message(definition, diagnostics), "Error=ValueError Args="+want+" in definition '"+definition+"'."; got != want {
			t.Errorf("label %s:\n got %s\nwant %s", label, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	_, all := Compile([]byte(`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"a":"$.b"},"Resul":1,"Nex":"A","End":true}}}`), Options{})
	for _, c := range []struct {
		least     Severity
		most      int
		want      int
		truncated bool
	}{{Warning, 100, 3, false}, {Error, 100, 2, false}, {Warning, 3, 3, false}, {Warning, 2, 2, true}, {Error, 2, 2, false}, {Error, 1, 1, true}} {
		got, truncated := Select(all, c.least, c.most)
		if len(got) != c.want || truncated != c.truncated {
			t.Errorf("%s, %d at most: %d, truncated: %t", c.least, c.most, len(got), truncated)
		}
	}
}

func TestResources(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:states:us-east-1:123456789012:activity:work":         "activity",
		"arn:aws-cn:states:cn-north-1:123456789012:activity:work":     "activity",
		"arn:aws:states:us-east-1:123456789012:activity:a b":          "",
		"arn:aws:states:us-east-1:123456789012:activity:":             "",
		"arn:aws:states:us-east-1:123456789012:stateMachine:m":        "",
		"arn:aws:lambda:us-east-1:123456789012:function:f":            "function",
		"arn:aws:lambda:us-east-1:123456789012:function:f:7":          "function",
		"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST":    "function",
		"arn:aws:lambda:us-east-1:123456789012:function:f:a:b":        "",
		"arn:aws:lambda:us-east-1:123456789012:layer:f":               "",
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f": "function",
		"arn:aws:lambda:::function:f":                                 "",
		"arn:aws:states:::lambda:invoke":                              "lambda invoke",
		"arn:aws:states:::lambda:invoke.waitForTaskToken":             "lambda invoke.waitForTaskToken",
		"arn:aws:states:::lambda:invoke.sync":                         "",
		"arn:aws:states:::states:startExecution.sync":                 "states startExecution.sync",
		"arn:aws:states:::states:startExecution.sync:2":               "states startExecution.sync:2",
		"arn:aws:states:::batch:submitJob.sync:2":                     "",
		"arn:aws:states:us-east-1:123456789012:aws-sdk:s3:getObject":  "aws-sdk:s3 getObject",
		"arn:aws:states:us-east-1:123456789012:sns:publish":           "sns publish",
		"arn:aws:states:us-east-1::sns:publish":                       "",
		"arn:aws:states:::activity:a":                                 "",
		"arn:aws:states:::bedrockagentcore:invokeHarness":             "bedrockagentcore invokeHarness",
		"arn:aws:states:::bedrockagentcore:invokeHarness.sync":        "",
		"arn:aws:states:::ecs:runTask.sync":                           "ecs runTask.sync",
		"arn:aws:states:::dynamodb:query":                             "",
		"arn:aws:states:::sqs:sendMessage.wait":                       "",
		"arn:aws:states:::sqs":                                        "",
		"arn:aws:states:::aws-sdk:s3:getObject":                       "aws-sdk:s3 getObject",
		"arn:aws:states:::aws-sdk:dynamodb:query.waitForTaskToken":    "aws-sdk:dynamodb query.waitForTaskToken",
		"arn:aws:states:::aws-sdk:s3:getObject.sync":                  "",
		"arn:aws:states:::aws-sdk:s3:GetObject":                       "",
		"arn:aws:states:::aws-sdk:s3":                                 "",
		"arn:aws:sqs:us-east-1:123456789012:queue":                    "",
		"arn:AWS:lambda:us-east-1:123456789012:function:f":            "",
		"createToken": "",
		"":            "",
	} {
		got := ""
		switch r := parseResource(arn); {
		case r == nil:
		case r.ARN != arn:
			t.Errorf("%s: its ARN is %s", arn, r.ARN)
		case r.Kind == Activity:
			got = "activity"
		case r.Kind == Function:
			got = "function"
		default:
			got = r.Service + " " + r.Name()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", arn, got, want)
		}
		m, diagnostics := Compile([]byte(one(`{"Type":"Task","Resource":"`+arn+`",`+parametersFor(arn)+`"End":true}`)), Options{})
		if refusal := "The resource provided " + arn + " is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."; want == "" &&
			said(diagnostics) != "SCHEMA /States/X/Resource "+refusal || want != "" && m == nil {
			t.Errorf("%s: %s", arn, said(diagnostics))
		}
	}
}

func TestMachine(t *testing.T) {
	m, diagnostics := Compile([]byte(`{
		"Comment": "c", "TimeoutSeconds": 60, "StartAt": "P",
		"States": {
			"P": {"Type": "Parallel", "Branches": [
				{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:1:activity:w", "End": true}}},
				{"StartAt": "B", "States": {
					"B": {"Type": "Map", "Parameters": {"v.$": "$x"}, "Iterator": {"StartAt": "C", "States": {"C": {"Type": "Pass", "Parameters": {"a.$": "States.Format('{}{}', $z, $y)", "b": "$literal"}, "End": true}}}, "Next": "D"},
					"D": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:1:activity:w", "End": true,
						"Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}], "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "D"}]}}}
			], "Assign": {"n.$": "$.a", "o": {"p.$": "$n"}}, "ResultPath": "$", "Next": "E"},
			"E": {"Type": "Fail", "ErrorPath": "$x", "CausePath": "States.JsonToString($y)"}
		}}`), Options{})
	if m == nil {
		t.Fatal(said(diagnostics))
	}
	if m.Comment != "c" || m.TimeoutSeconds != 60 || len(m.Flows) != 4 || m.Flow != m.Flows[0] || m.Bytes < 1000 {
		t.Errorf("machine %+v", m)
	}
	if len(m.Activities) != 1 || m.Activities[0] != "arn:aws:states:us-east-1:1:activity:w" {
		t.Errorf("activities %v", m.Activities)
	}
	if got, want := fmt.Sprint(m.Reads), "map[B:[x] C:[y z] E:[x y] P:[n]]"; got != want {
		t.Errorf("reads %s, want %s", got, want)
	}
	var owners []string
	for i, f := range m.Flows {
		if f.Number != i || f.StartAt == nil {
			t.Errorf("flow %d: %+v", i, f)
		}
		if f.Owner != nil {
			owners = append(owners, f.Owner.Name)
		}
		for _, s := range f.States {
			if s.Flow != f || m.State(s.Name) != s || f.Find(s.Name) != s {
				t.Errorf("state %s", s.Name)
			}
		}
	}
	if strings.Join(owners, " ") != "P P B" {
		t.Errorf("owners %v", owners)
	}
	p, b, c, d := m.Find("P"), m.State("B"), m.State("C"), m.State("D")
	if p.ResultPath != nil || p.NullResultPath || p.Next != m.Find("E") || len(p.Branches) != 2 || fmt.Sprint(p.Assign.Names) != "[n o]" {
		t.Errorf("P: %+v", p)
	}
	if b.Iterator.StartAt != c || b.Iterator.Owner != b || b.ItemSelector == nil || b.Parameters != nil || b.Distributed {
		t.Errorf("B: %+v", b)
	}
	if r := d.Retry[0]; r.IntervalSeconds != 1 || r.MaxAttempts != 3 || r.BackoffRate != 2 || r.MaxDelaySeconds != 0 || !r.FullJitter {
		t.Errorf("retrier %+v", r)
	}
	if k := d.Catch[0]; k.Next != d || k.ResultPath != nil || !k.NullResultPath {
		t.Errorf("catcher %+v", k)
	}
	if m.Find("E").Source["ErrorPath"] != "$x" {
		t.Errorf("sources %v", m.Find("E").Source)
	}
	if m.State("F") != nil {
		t.Error("a state that is not there")
	}
}

func TestSingleState(t *testing.T) {
	single := func(definition string) (*Machine, string) {
		m, diagnostics := Compile([]byte(definition), Options{Single: true})
		return m, said(diagnostics)
	}
	m, _ := single(`{"Type":"Task","Resource":"arn:aws:lambda:your-region:your-account-id:function:f","Catch":[{"ErrorEquals":["E"],"Next":"Handler"}],"Next":"After"}`)
	if m == nil || m.StartAt.Name != SingleState || m.StartAt.Next.Name != "After" || m.StartAt.Catch[0].Next.Name != "Handler" {
		t.Errorf("a task: %+v", m)
	}
	if m, _ := single(`{"Result":1,"End":true}`); m == nil || m.StartAt.Type != Pass {
		t.Errorf("no type: %+v", m)
	}
	if m, _ := single(`{"Type":"Choice","QueryLanguage":"JSONata","Choices":[{"Condition":true,"Next":"A"}],"Default":"B"}`); m == nil || m.StartAt.Rules[0].Next.Name != "A" || m.StartAt.Default.Name != "B" {
		t.Errorf("a choice: %+v", m)
	}
	for definition, want := range map[string]string{
		`{"Type":"Parallel","Branches":[],"End":true}`:                                                          `SCHEMA /States/StateName/Branches Value cannot be empty`,
		`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}],"End":true}`: "MISSING_TRANSITION_TARGET /States/StateName/Branches[0]/States/A/Next Missing 'Next' target: B\nMISSING_END_STATE - Workflow has no terminal state",
		`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"End":true}}}],"End":true}`:               `SCHEMA /States/StateName/Branches[0]/States/A These fields are required: [Type]`,
	} {
		if _, got := single(definition); got != want {
			t.Errorf("%s\n got %s\nwant %s", definition, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	deep := func(n int) string {
		inner := `{"Type":"Succeed"}`
		for i := range n {
			inner = fmt.Sprintf(`{"Type":"Parallel","Branches":[{"StartAt":"S%d","States":{"S%[1]d":%s}}],"End":true}`, i, inner)
		}
		return one(inner)
	}
	if m, diagnostics := Compile([]byte(deep(nestingMax)), Options{}); m == nil {
		t.Error(said(diagnostics))
	}
	_, diagnostics := Compile([]byte(deep(nestingMax+1)), Options{})
	if len(diagnostics) != 1 || diagnostics[0].Code != TooDeep {
		t.Errorf("too deep: %s", said(diagnostics))
	}
	if _, diagnostics := Compile([]byte(`{"Comment":"`+strings.Repeat("c", DefinitionBytesMax)+`"}`), Options{}); !Failed(diagnostics) {
		t.Error("too long: taken")
	}
	if _, diagnostics := Compile([]byte(strings.Repeat("[", 1<<20)), Options{}); !Failed(diagnostics) {
		t.Error("deep lists: taken")
	}
	// What is said is bounded, whatever is wrong.
	var b strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&b, `,"f%d":{"Type":1}`, i)
	}
	_, diagnostics = Compile([]byte(`{"StartAt":"a","States":{`+b.String()[1:]+`}}`), Options{})
	if len(diagnostics) != diagnosticsMax {
		t.Errorf("%d diagnostics", len(diagnostics))
	}
}

func TestParseTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		"2016-12-05T21:29:29Z":              "2016-12-05 21:29:29 +0000 UTC",
		"2016-12-05T21:29:29.1Z":            "2016-12-05 21:29:29.1 +0000 UTC",
		"2016-12-05T21:29:29.123456789123Z": "2016-12-05 21:29:29.123456789 +0000 UTC",
		"2016-12-05T21:29:29+01:30":         "2016-12-05 19:59:29 +0000 UTC",
		"2016-12-05T21:29:29":               "",
		"2016-13-05T21:29:29Z":              "",
		"2016-12-05T25:29:29Z":              "",
		"2016-02-30T21:29:29Z":              "",
		"05-12-2016T21:29:29Z":              "",
		"2016-12-05t21:29:29z":              "",
		"2016-12-05 21:29:29Z":              "",
		"2016-12-05T21:29:29.Z":             "",
		"2016-12-05T21:29:29,5Z":            "",
		"2016-12-05T21:29Z":                 "",
		"2016-12-05T21:29:29+0130":          "",
		"2016-12-05":                        "",
		"":                                  "",
	} {
		got := ""
		if at, ok := ParseTimestamp(text); ok {
			got = at.UTC().String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestStored: what was stored once is compiled for good, though who writes it now is told more.
func TestStored(t *testing.T) {
	takesNothing := func(string, string) (Structure, bool) { return nothing{}, true }
	for name, definition := range map[string]string{
		"a service takes less":   `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"Nope":1},"End":true}}}`,
		"parameters are wanted":  `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}}}`,
		"a parameter is wanted":  `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl.$":"$.u"},"End":true}}}`,
		"a Choice compares many": `{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$..a","StringEqualsPath":"$..b","Next":"B"}]},"B":{"Type":"Succeed"}}}`,
		"a variable is assigned again": `{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"P"},"P":{"Type":"Parallel","End":true,"Branches":[
{"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"v":2},"End":true}}}]}}}`,
	} {
		if m, _ := Compile([]byte(definition), Options{Calls: takesNothing}); m != nil {
			t.Errorf("%s: a new definition is taken", name)
		}
		if _, err := NewCache(1<<20).Add(blob.ID{}, []byte(definition)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nothing is a Structure without members.
type nothing struct{}

func (nothing) Member(string) (Structure, bool) { return nil, false }
func (nothing) Lacks(map[string]bool) []string  { return nil }
