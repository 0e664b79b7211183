package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-faster/jx"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/internal/sfn/wire"
	"heddle/jsonvalue"
)

var here = engine.World{Account: "123456789012", Region: "us-east-1"}

const testRole = "arn:aws:iam::123456789012:role/r"

// tryState answers a request of TestState: the JSON of the answer, or the code of the fault
// with its message.
func tryState(t *testing.T, request string) string {
	t.Helper()
	s := &actions{Kernel: &service.Kernel{
		Clock: func() engine.Time { return 1_700_000_000_000 }, Random: rand.NewChaCha8([32]byte{1}), Trusting: true,
		Lambda: lambda.New(lambda.Config{Options: lambda.Options{Concurrent: 1}}),
		Within: context.WithTimeout,
	}, options: &Options{}}
	s.calls = newCalls(s)
	var in wire.TestStateInput
	if err := in.Decode(jx.DecodeStr(request)); err != nil {
		t.Fatal(err)
	}
	out, err := s.try(t.Context(), here, &in)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		code := f.Code[strings.LastIndexByte(f.Code, '#')+1:]
		if f.Kind == fault.Validation {
			code = "ValidationException"
		}
		return code + ": " + f.Message
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out.AppendJSON(nil))
}

// asked makes a request of a definition, an input, and further members.
func asked(definition, input, more string) string {
	quote := func(s string) string { return jsonvalue.Text(s) }
	return `{"definition":` + quote(definition) + `,"input":` + quote(input) + more + `}`
}

// unquoted shows the JSON texts in an answer as JSON.
func unquoted(t *testing.T, answer string) string {
	t.Helper()
	v, err := jsonvalue.ParseString(answer)
	if err != nil {
		return answer // a fault
	}
	var open func(v any, in string) any
	open = func(v any, in string) any {
		switch v := v.(type) {
		case string:
			if in != "cause" && in != "nextState" && in != "status" && in != "error" {
				if parsed, err := jsonvalue.ParseString(v); err == nil {
					return parsed
				}
			}
		case *jsonvalue.Object:
			o := jsonvalue.NewObject(v.Len())
			for name, item := range v.All() {
				o.Set(name, open(item, name))
			}
			return o
		}
		return v
	}
	return jsonvalue.Text(open(v, ""))
}

type trialCase struct {
	name, definition, input, more string
	want                          string
}

func (c *trialCase) run(t *testing.T) {
	t.Helper()
	got := unquoted(t, tryState(t, asked(c.definition, c.input, c.more)))
	want := c.want
	if v, err := jsonvalue.ParseString(want); err == nil {
		w, wrong := jsonvalue.ParseString(got)
		if wrong == nil && jsonvalue.Equal(v, w) {
			return
		}
	}
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
	}
}

const debug = `,"inspectionLevel":"DEBUG"`

func mocked(result, more string) string {
	return `,"mock":{"result":` + jsonvalue.Text(result) + more + `}`
}

const failing = `,"mock":{"errorOutput":{"error":"E","cause":"C"}}`

const (
	invoke   = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"}`
	inline   = `"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`
	spread   = `"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`
	branches = `"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}]`
)

// TestTrialInspection: what is shown of each type of state, in both languages.
func TestTrialInspection(t *testing.T) {
	for _, c := range []trialCase{
		{"level INFO", `{"Type":"Pass","End":true}`, `{"a":1}`, "", `{"output":{"a":1},"status":"SUCCEEDED"}`},
		{"a state without Type", `{"End":true}`, `1`, "", `{"output":1,"status":"SUCCEEDED"}`},
		{"Next", `{"Type":"Pass","Next":"N"}`, `1`, "", `{"nextState":"N","output":1,"status":"SUCCEEDED"}`},
		{"TRACE is DEBUG", `{"Type":"Succeed"}`, `1`, `,"inspectionLevel":"TRACE"`, `{"inspectionData":{"input":1,"afterInputPath":1},"output":1,"status":"SUCCEEDED"}`},
		{"Pass", `{"Type":"Pass","InputPath":"$.a","Parameters":{"b.$":"$"},"ResultPath":"$.r","OutputPath":"$.r","End":true}`, `{"a":1}`, debug,
			`{"inspectionData":{"input":{"a":1},"afterInputPath":1,"afterParameters":{"b":1},"afterResultSelector":{"b":1},"afterResultPath":{"a":1,"r":{"b":1}}},"output":{"b":1},"status":"SUCCEEDED"}`},
		{"Pass with Result", `{"Type":"Pass","Result":2,"End":true}`, `1`, debug,
			`{"inspectionData":{"input":1,"result":2,"afterResultSelector":2,"afterResultPath":2},"output":2,"status":"SUCCEEDED"}`},
		{"Pass with Result and filters", `{"Type":"Pass","InputPath":"$.a","Parameters":{},"Result":2,"End":true}`, `{"a":1}`, debug,
			`{"inspectionData":{"input":{"a":1},"afterInputPath":1,"afterParameters":{},"result":2,"afterResultSelector":2,"afterResultPath":2},"output":2,"status":"SUCCEEDED"}`},
		{"Pass of JSONata", `{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input + 1 %}","End":true}`, `1`, debug,
			`{"inspectionData":{"input":1},"output":2,"status":"SUCCEEDED"}`},
		{"Choice", `{"Type":"Choice","InputPath":"$.a","Choices":[{"Variable":"$","NumericEquals":1,"Next":"One"}],"Default":"Other"}`, `{"a":1}`, debug,
			`{"inspectionData":{"input":{"a":1},"afterInputPath":1},"nextState":"One","output":1,"status":"SUCCEEDED"}`},
		{"no choice", `{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"One"}]}`, `2`, "",
			`{"cause":"Failed to transition out of the state. The state does not point to a next state.","error":"States.NoChoiceMatched","status":"FAILED"}`},
		{"Fail", `{"Type":"Fail","Error":"E","CausePath":"$.c"}`, `{"c":"C"}`, debug,
			`{"cause":"C","error":"E","inspectionData":{"input":{"c":"C"},"afterInputPath":{"c":"C"}},"status":"FAILED"}`},
		{"Wait does not", `{"Type":"Wait","Seconds":86400,"Next":"N"}`, `1`, debug,
			`{"inspectionData":{"input":1,"afterInputPath":1},"nextState":"N","output":1,"status":"SUCCEEDED"}`},
		{"Wait for what is none", `{"Type":"Wait","SecondsPath":"$.s","Next":"N"}`, `{}`, "",
			`{"cause":"The SecondsPath parameter does not reference an input value: $.s","error":"States.Runtime","status":"FAILED"}`},
		{"Task", `{` + invoke + `,"ResultSelector":{"p.$":"$.Payload"},"ResultPath":"$.r","End":true}`, `{}`, debug + mocked(`{"Payload":1}`, ""),
			`{"inspectionData":{"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"},"result":{"Payload":1},"afterResultSelector":{"p":1},"afterResultPath":{"r":{"p":1}}},"output":{"r":{"p":1}},"status":"SUCCEEDED"}`},
		{"Task of JSONata", `{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $states.input %}"},"Output":"{% $states.result.Payload %}","End":true}`, `"f"`, debug + mocked(`{"Payload":1}`, ""),
			`{"inspectionData":{"input":"f","afterArguments":{"FunctionName":"f"},"result":{"Payload":1}},"output":1,"status":"SUCCEEDED"}`},
		{"Parallel", `{"Type":"Parallel",` + branches + `,"InputPath":"$.a","Parameters":{"x.$":"$"},"ResultSelector":{"first.$":"$[0]"},"ResultPath":"$.r","End":true}`, `{"a":1}`, debug + mocked(`[1,2]`, ""),
			`{"inspectionData":{"input":{"a":1},"afterResultSelector":{"first":1},"afterResultPath":{"a":1,"r":{"first":1}}},"output":{"a":1,"r":{"first":1}},"status":"SUCCEEDED"}`},
		{"Parallel of JSONata", `{"Type":"Parallel","QueryLanguage":"JSONata",` + branches + `,"Arguments":1,"Output":"{% $states.result[1] %}","End":true}`, `{}`, debug + mocked(`[1,2]`, ""),
			`{"inspectionData":{"input":{}},"output":2,"status":"SUCCEEDED"}`},
		{"Map", `{"Type":"Map",` + inline + `,"InputPath":"$.m","ItemsPath":"$.l","ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value"},"MaxConcurrencyPath":"$.c","ToleratedFailureCount":1,"ToleratedFailurePercentage":1.5,"End":true}`,
			`{"m":{"l":[7,8],"c":"3"}}`, debug + mocked(`[1,2]`, ""),
			`{"inspectionData":{"input":{"m":{"l":[7,8],"c":"3"}},"afterInputPath":{"l":[7,8],"c":"3"},"afterItemsPath":[7,8],"afterItemSelector":[{"i":0,"v":7},{"i":1,"v":8}],"maxConcurrency":3,"toleratedFailureCount":1,"toleratedFailurePercentage":1.5,"afterResultSelector":[1,2],"afterResultPath":[1,2]},"output":[1,2],"status":"SUCCEEDED"}`},
		{"Map of JSONata", `{"Type":"Map","QueryLanguage":"JSONata",` + inline + `,"Items":"{% [1,2] %}","ItemSelector":{"v":"{% $states.context.Map.Item.Value * 2 %}"},"End":true}`, `{}`, debug + mocked(`[1,2]`, ""),
			`{"inspectionData":{"input":{},"afterItemSelector":[{"v":2},{"v":4}],"maxConcurrency":0},"output":[1,2],"status":"SUCCEEDED"}`},
		{"a Map of nothing takes the mock too", `{"Type":"Map",` + inline + `,"End":true}`, `[]`, mocked(`[1]`, ""), `{"output":[1],"status":"SUCCEEDED"}`},
		{"no items", `{"Type":"Map",` + inline + `,"ItemsPath":"$$.Execution.Input","MaxConcurrency":1,"End":true}`, `{}`, debug + mocked(`[1]`, ""),
			`{"cause":"Reference path \"$.Execution.Input\" must point to array.","error":"States.Runtime","inspectionData":{"input":{},"afterInputPath":{}},"status":"FAILED"}`},
		{"an ItemSelector that fails", `{"Type":"Map",` + inline + `,"ItemSelector":{"v.$":"$.none"},"End":true}`, `[1]`, mocked(`[1]`, ""),
			`{"cause":"The JSONPath '$.none' specified for the field 'v.$' could not be found in the input '[1]'","error":"States.Runtime","status":"FAILED"}`},
		{"a path that leads nowhere", `{"Type":"Pass","InputPath":"$.a","End":true}`, `{}`, debug,
			`{"cause":"Invalid path '$.a' : No results for path: $['a']","error":"States.Runtime","inspectionData":{"input":{}},"status":"FAILED"}`},
		{"a state of a machine", `{"StartAt":"A","States":{"A":{"Type":"Map",` + inline + `,"End":true}}}`, `5`, `,"stateName":"I"`, `{"output":5,"status":"SUCCEEDED"}`},
		{"variables", `{"Type":"Pass","Assign":{"b.$":"$a"},"End":true}`, `1`, debug + `,"variables":"{\"a\":[1]}"`,
			`{"inspectionData":{"input":1,"afterInputPath":1,"afterParameters":1,"afterResultSelector":1,"afterResultPath":1,"variables":{"a":[1],"b":[1]}},"output":1,"status":"SUCCEEDED"}`},
		{"a result that is too large", `{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}`, `"` + strings.Repeat("x", 140_000) + `"`, "",
			`{"cause":"The state/task 'StateName' returned a result with a size exceeding the maximum number of bytes service limit.","error":"States.DataLimitExceeded","status":"FAILED"}`},
	} {
		c.run(t)
	}
}

// TestTrialTexts: JSON texts of answers have blanks.
func TestTrialTexts(t *testing.T) {
	got := tryState(t, asked(`{"Type":"Pass","Result":[1,{"a":1.0,"b":"x,y:z"}],"End":true}`, `{}`, ""))
	if want := `{"output":"[1, {\"a\": 1.0, \"b\": \"x,y:z\"}]","status":"SUCCEEDED"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestTrialErrors: what becomes of errors, by Retry, Catch and what was before.
func TestTrialErrors(t *testing.T) {
	const (
		retry = `,"Retry":[{"ErrorEquals":["Other"]},{"ErrorEquals":["E"],"IntervalSeconds":2,"MaxAttempts":3,"BackoffRate":3,"MaxDelaySeconds":10}]`
		catch = `,"Catch":[{"ErrorEquals":["Other"],"Next":"X"},{"ErrorEquals":["States.TaskFailed"],"ResultPath":"$.e","Next":"Y"}]`
	)
	after := func(n int) string {
		return fmt.Sprintf(`,"stateConfiguration":{"retrierRetryCount":%d}`, n)
	}
	task := func(more string) string { return `{` + invoke + more + `,"End":true}` }
	for _, c := range []trialCase{
		{"nobody is for it", task(""), `{}`, failing + debug, `{"cause":"C","error":"E","inspectionData":{"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"}},"status":"FAILED"}`},
		{"retried", task(retry + catch), `{}`, failing, `{"cause":"C","error":"E","status":"RETRIABLE"}`},
		{"first delay", task(retry), `{}`, failing + debug,
			`{"cause":"C","error":"E","inspectionData":{"errorDetails":{"retryIndex":1,"retryBackoffIntervalSeconds":2},"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"}},"status":"RETRIABLE"}`},
		{"second delay", task(retry), `{}`, failing + debug + after(1),
			`{"cause":"C","error":"E","inspectionData":{"errorDetails":{"retryIndex":1,"retryBackoffIntervalSeconds":6},"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"}},"status":"RETRIABLE"}`},
		{"the longest delay", task(retry), `{}`, failing + debug + after(2),
			`{"cause":"C","error":"E","inspectionData":{"errorDetails":{"retryIndex":1,"retryBackoffIntervalSeconds":10},"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"}},"status":"RETRIABLE"}`},
		{"attempts are used up", task(retry), `{}`, failing + debug + after(3),
			`{"cause":"C","error":"E","inspectionData":{"errorDetails":{"retryIndex":1},"input":{},"afterInputPath":{},"afterParameters":{"FunctionName":"f"}},"status":"FAILED"}`},
		{"caught", task(retry + catch), `{"a":1}`, failing + debug + after(3),
			`{"cause":"C","error":"E","inspectionData":{"errorDetails":{"catchIndex":1,"retryIndex":1},"input":{"a":1},"afterInputPath":{"a":1},"afterParameters":{"FunctionName":"f"}},"nextState":"Y","output":{"a":1,"e":{"Error":"E","Cause":"C"}},"status":"CAUGHT_ERROR"}`},
		{"neither error nor cause", task(`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y"}]`), `{}`, `,"mock":{"errorOutput":{}}`,
			`{"nextState":"Y","output":{"Error":null,"Cause":null},"status":"CAUGHT_ERROR"}`},
		{"a Catcher that fails", task(`,"Catch":[{"ErrorEquals":["E"],"Assign":{"x.$":"$.none"},"Next":"Y"}]`), `{}`, failing,
			`{"cause":"The JSONPath '$.none' specified for the field 'x.$' could not be found in the input '{\"Error\":\"E\",\"Cause\":\"C\"}'","error":"States.Runtime","status":"FAILED"}`},
		{"States.Runtime is not caught", `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","InputPath":"$.none","Parameters":{"FunctionName":"f"},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y"}],"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}`, `{}`, failing + debug,
			`{"cause":"Invalid path '$.none' : No results for path: $['none']","error":"States.Runtime","inspectionData":{"input":{}},"status":"FAILED"}`},
		{"an expression that fails, caught", `{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $states.input.none %}"},"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Output":1,"Next":"Y"}],"End":true}`, `{}`, mocked(`{}`, ""),
			`{"cause":"The JSONata expression '$states.input.none' specified for the field 'Arguments/FunctionName' returned nothing (undefined).","error":"States.QueryEvaluationError","nextState":"Y","output":1,"status":"CAUGHT_ERROR"}`},
		{"RetryCount", task(`,"ResultSelector":{"n.$":"$$.State.RetryCount"}`), `{}`, mocked(`{}`, "") + after(2), `{"output":{"n":2},"status":"SUCCEEDED"}`},
		{"an error in a Parallel state", `{"Type":"Parallel",` + branches + `,"Catch":[{"ErrorEquals":["E"],"Next":"Y"}],"End":true}`, `{}`, failing + `,"stateConfiguration":{"errorCausedByState":"B"}`,
			`{"cause":"C","error":"E","nextState":"Y","output":{"Error":"E","Cause":"C"},"status":"CAUGHT_ERROR"}`},
	} {
		c.run(t)
	}
}

// TestTrialFailedItems: iterations of a Map state that fail.
func TestTrialFailedItems(t *testing.T) {
	const exceeded = `{"cause":"The specified tolerated failure threshold was exceeded","error":"States.ExceedToleratedFailureThreshold","status":"FAILED"}`
	const tooMany = "ValidationException: Map iteration failure count must be less than or equal to the number of Map iterations"
	const well = `{"output":[1,2,3,4],"status":"SUCCEEDED"}`
	for _, c := range []struct {
		tolerated string
		failed    int
		want      string
	}{
		{``, 4, well}, // as recorded: nothing is said of it
		{``, 5, tooMany},
		{`"ToleratedFailureCount":2,`, 2, well},
		{`"ToleratedFailureCount":2,`, 3, exceeded},
		{`"ToleratedFailureCount":0,`, 1, exceeded},
		{`"ToleratedFailurePercentage":50,`, 2, well},
		{`"ToleratedFailurePercentage":50,`, 3, exceeded},
		{`"ToleratedFailurePercentage":0,`, 0, well},
		{`"ToleratedFailureCount":3,"ToleratedFailurePercentage":25,`, 2, exceeded},
	} {
		(&trialCase{
			fmt.Sprintf("%s %d failed", c.tolerated, c.failed), `{"Type":"Map",` + c.tolerated + spread + `,"End":true}`, `[1,2,3,4]`,
			mocked(`[1,2,3,4]`, "") + fmt.Sprintf(`,"stateConfiguration":{"mapIterationFailureCount":%d}`, c.failed), c.want,
		}).run(t)
	}
	reader := `{"Type":"Map",` + spread + `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"%s"},"Parameters":{"Bucket":"b","Key":"k"}},"ItemSelector":{"v.$":"$$.Map.Item.Value"},"ToleratedFailurePercentage":50,"End":true}`
	spreads := []trialCase{
		{"members", `{"Type":"Map",` + spread + `,"ItemSelector":{"k.$":"$$.Map.Item.Key","v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","s.$":"$$.Map.Item.Source"},"End":true}`, `{"a":1,"b":[]}`, debug + mocked(`[1,2]`, ""),
			`{"inspectionData":{"input":{"a":1,"b":[]},"afterInputPath":{"a":1,"b":[]},"afterItemsPath":{"a":1,"b":[]},"afterItemSelector":[{"k":"a","v":1,"i":0,"s":"STATE_DATA"},{"k":"b","v":[],"i":1,"s":"STATE_DATA"}],"maxConcurrency":0,"afterResultSelector":[1,2],"afterResultPath":[1,2]},"output":[1,2],"status":"SUCCEEDED"}`},
		{"members of JSONata", `{"Type":"Map","QueryLanguage":"JSONata",` + spread + `,"Items":"{% {'a':1} %}","ItemSelector":"{% $states.context.Map.Item %}","End":true}`, `{}`, debug + mocked(`[1]`, ""),
			`{"inspectionData":{"input":{},"afterItemSelector":[{"Index":0,"Key":"a","Value":1,"Source":"STATE_DATA"}],"maxConcurrency":0},"output":[1],"status":"SUCCEEDED"}`},
		{"members inline", `{"Type":"Map",` + inline + `,"End":true}`, `{"a":1}`, mocked(`[1]`, ""), `{"cause":"Reference path \"$\" must point to array.","error":"States.Runtime","status":"FAILED"}`},
	}
	for i := range spreads {
		spreads[i].run(t)
	}
	(&trialCase{
		"members that are read", fmt.Sprintf(reader, `JSON","ItemsPointer":"/o`), `{}`,
		debug + mocked(`[1]`, "") + `,"stateConfiguration":{"mapItemReaderData":` + jsonvalue.Text(`{"o":{"a":1}}`) + `}`,
		`{"inspectionData":{"input":{},"afterInputPath":{},"afterItemsPointer":{"a":1},"afterItemSelector":[{"v":1}],"maxConcurrency":0,"toleratedFailurePercentage":50,"afterResultSelector":[1],"afterResultPath":[1]},"output":[1],"status":"SUCCEEDED"}`,
	}).run(t)
	for kind, data := range map[string]string{"JSON": `[1,2]`, "JSON\",\"ItemsPointer\":\"/a": `{"b":[3],"a":[1,2]}`, "JSONL": "1\n\n2\n", "JSON\",\"MaxItemsPath\":\"$.most": `[1,2,3]`} {
		(&trialCase{
			kind, fmt.Sprintf(reader, kind), `{"most":2}`,
			debug + `,"mock":{"errorOutput":{"error":"E"}},"stateConfiguration":{"mapIterationFailureCount":2,"mapItemReaderData":` + jsonvalue.Text(data) + `}`,
			`{"error":"E","inspectionData":{"input":{"most":2},"afterInputPath":{"most":2},"afterItemSelector":[{"v":1},{"v":2}],` + map[bool]string{true: `"afterItemsPointer":[1,2],`}[strings.Contains(kind, "Pointer")] +
				`"maxConcurrency":0,"toleratedFailurePercentage":50},"status":"FAILED"}`,
		}).run(t)
	}
	of := func(config string) string {
		return `{"Type":"Map",` + spread + `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":` + config + `},"Parameters":{"Bucket":"b","Key":"k"}},%s"End":true}`
	}
	for _, c := range []struct{ name, state, data, want string }{
		{"headers in the first row", fmt.Sprintf(of(`"CSV","CSVHeaderLocation":"FIRST_ROW","CSVDelimiter":"PIPE"`), `"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"x.$":"$.x"}},`), "a|b\n1|2\n3\n5|6|7\n",
			`{"inspectionData":{"input":{"x":9},"afterInputPath":{"x":9},"afterItemBatcher":[{"BatchInput":{"x":9},"Items":[{"a":"1","b":"2"},{"a":"3","b":""}]},{"BatchInput":{"x":9},"Items":[{"a":"5","b":"6"}]}],"maxConcurrency":0,"afterResultSelector":[],"afterResultPath":[]},"output":[],"status":"SUCCEEDED"}`},
		{"headers that are given", fmt.Sprintf(of(`"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["h"]`), `"ItemSelector":{"v.$":"$$.Map.Item.Value.h"},"ItemBatcher":{"MaxInputBytesPerBatch":30},`), "1\n2\n3\n",
			`{"inspectionData":{"input":{"x":9},"afterInputPath":{"x":9},"afterItemSelector":[{"v":"1"},{"v":"2"},{"v":"3"}],"afterItemBatcher":[{"Items":[{"v":"1"}]},{"Items":[{"v":"2"}]},{"Items":[{"v":"3"}]}],"maxConcurrency":0,"afterResultSelector":[],"afterResultPath":[]},"output":[],"status":"SUCCEEDED"}`},
		{"a batch that is too small", fmt.Sprintf(of(`"JSON"`), `"ItemBatcher":{"MaxInputBytesPerBatch":5},`), "[1]",
			`{"cause":"The state/task 'StateName' returned a result with a size exceeding the maximum number of bytes service limit.","error":"States.DataLimitExceeded","inspectionData":{"input":{"x":9},"afterInputPath":{"x":9},"maxConcurrency":0},"status":"FAILED"}`},
		{"where items come from", fmt.Sprintf(of(`"JSON"`), `"ItemSelector":{"s.$":"$$.Map.Item.Source"},`), "[1]",
			`{"inspectionData":{"input":{"x":9},"afterInputPath":{"x":9},"afterItemSelector":[{"s":"S3://b/k"}],"maxConcurrency":0,"afterResultSelector":[],"afterResultPath":[]},"output":[],"status":"SUCCEEDED"}`},
		{"no list", fmt.Sprintf(of(`"JSON"`), ""), "{}",
			`{"cause":"Attempting to map over non-iterable node.","error":"States.ItemReaderFailed","inspectionData":{"input":{"x":9},"afterInputPath":{"x":9}},"status":"FAILED"}`},
		{"headers twice", fmt.Sprintf(of(`"CSV","CSVHeaderLocation":"FIRST_ROW"`), ""), "a,a\n",
			`{"cause":"CSV headers cannot contain duplicates.","error":"States.ItemReaderFailed","inspectionData":{"input":{"x":9},"afterInputPath":{"x":9}},"status":"FAILED"}`},
	} {
		(&trialCase{c.name, c.state, `{"x":9}`, debug + mocked(`[]`, "") + `,"stateConfiguration":{"mapItemReaderData":` + jsonvalue.Text(c.data) + `}`, c.want}).run(t)
	}
	(&trialCase{
		"where results can't go", `{"Type":"Map",` + spread + `,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket.$":"$.nowhere"}},"End":true}`, `[1]`, mocked(`{}`, ""),
		`{"cause":"The JSONPath '$.nowhere' specified for the field 'Bucket.$' could not be found in the input '[1]'","error":"States.Runtime","status":"FAILED"}`,
	}).run(t)
}

// TestTrialContext: the context object, made up or given.
func TestTrialContext(t *testing.T) {
	task := `{` + invoke + `,"ResultSelector":{"c.$":"$$"},"End":true}`
	var out struct{ Output string }
	if err := json.Unmarshal([]byte(tryState(t, asked(task, `{"a":1}`, mocked(`{}`, "")+`,"roleArn":"`+testRole+`"`))), &out); err != nil {
		t.Fatal(err)
	}
	var made struct {
		C struct {
			Execution    map[string]any
			State        map[string]any
			StateMachine map[string]string
		}
	}
	if err := json.Unmarshal([]byte(out.Output), &made); err != nil {
		t.Fatal(err)
	}
	c := made.C
	name, _ := c.Execution["Name"].(string)
	if want := "arn:aws:states:us-east-1:123456789012:express:" + c.StateMachine["Name"] + ":" + name; name == "" || c.Execution["Id"] != want {
		t.Errorf("Execution.Id is %v, want %s", c.Execution["Id"], want)
	}
	if _, there := c.Execution["RedriveCount"]; there {
		t.Error("there is a RedriveCount")
	}
	if c.State["Name"] != "StateName" || c.State["RetryCount"] != 0.0 || c.State["EnteredTime"] != "2023-11-14T22:13:20.000Z" || c.Execution["RoleArn"] != testRole {
		t.Errorf("made up: %+v", c)
	}

	const wrong = "ValidationException: Invalid Context object provided: "
	const waiting = `{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"u","MessageBody.$":"$$.Task.Token"},"End":true}`
	given := func(context string) string { return mocked(`{}`, "") + `,"context":` + jsonvalue.Text(context) }
	for _, c := range []trialCase{
		{"empty", task, `{}`, given(`{}`), `{"output":{"c":{}},"status":"SUCCEEDED"}`},
		{"as it is", task, `{}`, given(`{"Execution":{"Input":[1],"RedriveCount":2},"State":{"RetryCount":3}}`),
			`{"output":{"c":{"Execution":{"Input":[1],"RedriveCount":2},"State":{"RetryCount":3}}},"status":"SUCCEEDED"}`},
		{"no object", task, `{}`, given(`[]`), wrong + "Context must be a valid JSON object"},
		{"no JSON", task, `{}`, given(`{`), wrong + "Context must be a valid JSON object"},
		{"unknown", task, `{}`, given(`{"X":{}}`), wrong + "Field 'X' is not allowed"},
		{"unknown within", task, `{}`, given(`{"State":{"X":1}}`), wrong + "Field 'State.X' is not allowed"},
		{"no text", task, `{}`, given(`{"Execution":{"Id":1}}`), wrong + "Execution.Id must be a string"},
		{"no number", task, `{}`, given(`{"State":{"RetryCount":"1"}}`), wrong + "State.RetryCount must be a number"},
		{"no object within", task, `{}`, given(`{"State":1}`), wrong + "State must be an object"},
		{"Map", task, `{}`, given(`{"Map":{}}`), wrong + "'Map' field is not supported when mocking a Context object"},
		{"Task where there is no token", task, `{}`, given(`{"Task":{"Token":"t"}}`), wrong + "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"},
		{"Task", waiting, `{}`, debug + given(`{"Task":{"Token":"t"}}`),
			`{"inspectionData":{"input":{},"afterInputPath":{},"afterParameters":{"QueueUrl":"u","MessageBody":"t"},"result":{},"afterResultSelector":{},"afterResultPath":{}},"output":{},"status":"SUCCEEDED"}`},
	} {
		c.run(t)
	}
}

// TestTrialRefusals: requests that are refused before anything runs.
func TestTrialRefusals(t *testing.T) {
	const invalid = "ValidationException: "
	task := `{` + invoke + `,"End":true}`
	mapping := `{"Type":"Map",` + inline + `,"End":true}`
	written := `{"Type":"Map",` + spread + `,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"p"}},"End":true}`
	parallel := `{"Type":"Parallel",` + branches + `,"End":true}`
	role := `,"roleArn":"` + testRole + `"`
	only := "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
	for _, c := range []trialCase{
		{"both", task, `{}`, `,"mock":{"result":"{}","errorOutput":{}}`, invalid + "A test mock should have only one of the following fields: [result, errorOutput]."},
		{"neither", task, `{}`, `,"mock":{}`, invalid + "A test mock should have only one of the following fields: [result, errorOutput]."},
		{"secrets", task, `{}`, mocked(`{}`, "") + `,"revealSecrets":true`, invalid + "TestState does not support RevealSecrets when a mock is specified."},
		{"no mock", mapping, `[]`, `,"stateConfiguration":{"mapIterationFailureCount":1}`, invalid + "TestState does not support MapIterationFailureCount when a mock is not specified."},
		{"no role", task, `{}`, "", invalid + "RoleArn must be specified when testing a Task state"},
		{"role", task, `{}`, `,"roleArn":"me"`, "InvalidArn: Invalid Arn: 'Invalid ARN prefix: me'"},
		{"role beside a mock", task, `{}`, mocked(`{}`, "") + `,"roleArn":"me"`, "InvalidArn: Invalid Arn: 'Invalid ARN prefix: me'"},
		{"state", `{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, `{}`, `,"stateName":"B"`, invalid + "State not found in definition"},
		{"definition", `{"Type":"Parallel","Branches":[],"End":true}`, `{}`, mocked(`[]`, ""), "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches'"},
		{"Map", mapping, `[]`, role, "InvalidDefinition: " + only},
		{"Parallel", parallel, `[]`, role, "InvalidDefinition: " + only},
		{"activity", `{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}`, `{}`, role, "InvalidDefinition: TestState API does not support Activity tasks unless a mock is specified"},
		{"sync", `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync","Parameters":{"StateMachineArn":"m"},"End":true}`, `{}`, role, "InvalidDefinition: TestState API does not support '.sync' and '.waitForTaskToken' service integration patterns unless a mock is specified"},
		{"Pass", `{"Type":"Pass","End":true}`, `{}`, mocked(`{}`, ""), invalid + "State type 'Pass' is not supported when a mock is specified"},
		{"Choice", `{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"N"}]}`, `{}`, failing, invalid + "State type 'Choice' is not supported when a mock is specified"},
		{"no JSON", task, `{}`, mocked(`{`, ""), invalid + "Mocked result must be valid JSON"},
		{"no array of a Map", mapping, `[]`, mocked(`{}`, ""), invalid + "Mocked result must be an array."},
		{"no object of a writer", written, `[]`, mocked(`[]`, ""), invalid + "Mocked result must be a JSON object."},
		{"no array of a Parallel", parallel, `[]`, mocked(`{}`, ""), invalid + "Mocked result must be an array."},
		{"wrong number", parallel, `[]`, mocked(`[1]`, ""), invalid + "Mocked result must contain the same number of items as number of Parallel branches."},
		{"input", `{"Type":"Succeed"}`, ` `, "", "InvalidExecutionInput: Invalid State Machine Execution Input: 'Invalid execution input.'"},
		{"variables", `{"Type":"Succeed"}`, `1`, `,"variables":"[]"`, invalid + "Variables must be a valid JSON object"},
		{"error of no state", mapping, `[]`, failing + `,"stateConfiguration":{"errorCausedByState":"X"}`, invalid + "State not found in definition"},
		{"reader", `{"Type":"Map",` + spread + `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"PARQUET"},"Parameters":{"Bucket":"b","Key":"k"}},"End":true}`, `{}`,
			mocked(`[]`, "") + `,"stateConfiguration":{"mapItemReaderData":"{}"}`, invalid + "This server does not read MapItemReaderData of type PARQUET"},
	} {
		c.run(t)
	}
}

// TestTrialMockValidation: mocked results against what services answer.
func TestTrialMockValidation(t *testing.T) {
	starting := func(pattern string) string {
		return `{"Type":"Task","Resource":"arn:aws:states:::states:startExecution` + pattern + `","Parameters":{"StateMachineArn":"m"},"End":true}`
	}
	const wrong = "ValidationException: Mock result schema validation error: "
	for _, c := range []trialCase{
		{"strict by default", starting(""), `{}`, mocked(`{}`, ""), wrong + "Required field 'ExecutionArn' is missing"},
		{"PRESENT", starting(""), `{}`, mocked(`{}`, `,"fieldValidationMode":"PRESENT"`), `{"output":{},"status":"SUCCEEDED"}`},
		{"PRESENT, wrong", starting(""), `{}`, mocked(`{"StartDate":1}`, `,"fieldValidationMode":"PRESENT"`), wrong + "Field 'StartDate' must be a string"},
		{"NONE", starting(""), `{}`, mocked(`[{"StartDate":1}]`, `,"fieldValidationMode":"NONE"`), `{"output":[{"StartDate":1}],"status":"SUCCEEDED"}`},
		{"a job describes its execution", starting(".sync"), `{}`, mocked(`{"ExecutionArn":"a"}`, ""), wrong + "Required field 'StartDate' is missing"},
		{"whose data are texts", starting(".sync"), `{}`, mocked(`{"Output":{}}`, `,"fieldValidationMode":"PRESENT"`), wrong + "Field 'Output' must be a string"},
		{"or values", starting(".sync:2"), `{}`, mocked(`{"Output":{}}`, `,"fieldValidationMode":"PRESENT"`), `{"output":{"Output":{}},"status":"SUCCEEDED"}`},
		{"a token brings anything", starting(".waitForTaskToken"), `{}`, mocked(`1`, ""), `{"output":1,"status":"SUCCEEDED"}`},
		{"a function gives anything", `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}`, `{}`, mocked(`1`, ""), `{"output":1,"status":"SUCCEEDED"}`},
		{"so does an activity", `{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}`, `{}`, mocked(`1`, ""), `{"output":1,"status":"SUCCEEDED"}`},
		{"and what is not known", `{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:neptune:doIt","Parameters":{},"End":true}`, `{}`, mocked(`1`, ""), `{"output":1,"status":"SUCCEEDED"}`},
	} {
		c.run(t)
	}
}

// TestTrialCalls: what is called without a mock, and fails.
func TestTrialCalls(t *testing.T) {
	role := `,"roleArn":"` + testRole + `"`
	for _, c := range []trialCase{
		{"no Lambda here", `{` + invoke + `,"End":true}`, `{}`, role,
			`{"cause":"Unable to execute HTTP request: this server has no Lambda endpoint (--lambda-endpoint)","error":"Lambda.SdkClientException","status":"FAILED"}`},
		{"caught", `{` + invoke + `,"Catch":[{"ErrorEquals":["Lambda.SdkClientException"],"ResultPath":null,"Next":"N"}],"End":true}`, `{}`, role,
			`{"cause":"Unable to execute HTTP request: this server has no Lambda endpoint (--lambda-endpoint)","error":"Lambda.SdkClientException","nextState":"N","output":{},"status":"CAUGHT_ERROR"}`},
		{"what nobody calls here", `{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"u","MessageBody":"m"},"End":true}`, `{}`, role,
			`{"cause":"Unable to execute HTTP request: this server has no endpoint for sqs (--integration sqs=URL)","error":"SQS.SdkClientException","status":"FAILED"}`},
		{"an HTTP task without parameters", `{"Type":"Task","Resource":"arn:aws:states:::http:invoke","Parameters":{},"End":true}`, `{}`, role,
			`{"cause":"The field 'ApiEndpoint' is required and must be a string","error":"States.Runtime","status":"FAILED"}`},
	} {
		c.run(t)
	}
}

// TestTrialTime: a task that takes too long.
func TestTrialTime(t *testing.T) {
	for _, c := range []struct {
		timeout string
		want    time.Duration
	}{{"", 5 * time.Minute}, {`,"TimeoutSeconds":3`, 3 * time.Second}, {`,"TimeoutSeconds":3000`, 5 * time.Minute}} {
		var asked time.Duration
		s := &actions{Kernel: &service.Kernel{
			Clock: func() engine.Time { return 1 }, Random: rand.NewChaCha8([32]byte{1}), Trusting: true,
			Lambda: lambda.New(lambda.Config{Options: lambda.Options{Concurrent: 1}}),
			Within: func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				asked = d
				ctx, cancel := context.WithCancel(ctx)
				cancel() // it is over before there is an answer
				return ctx, cancel
			},
		}}
		role := testRole
		out, err := s.try(t.Context(), here, &wire.TestStateInput{Definition: `{` + invoke + c.timeout + `,"End":true}`, RoleARN: &role})
		if err != nil || text(out.Error) != "States.Timeout" || text(out.Status) != "FAILED" || asked != c.want {
			t.Errorf("%q: %v, error %q, %s; want %s", c.timeout, err, text(out.Error), asked, c.want)
		}
	}
}

// TestTrialExchange: what an HTTP task sent and got is there at TRACE alone.
func TestTrialExchange(t *testing.T) {
	saw := &httptask.Exchange{
		Request:  &httptask.Asked{Protocol: "https", Method: "GET", URL: "https://x.example/a", Headers: "[A: b]"},
		Response: &httptask.Heard{Protocol: "https", StatusCode: "200", StatusMessage: "OK", Headers: "[]", Body: "{}"},
	}
	for level, want := range map[string]string{
		"INFO":  `{"status":"SUCCEEDED"}`,
		"DEBUG": `{"inspectionData":{},"status":"SUCCEEDED"}`,
		"TRACE": `{"inspectionData":{"request":{"headers":"[A: b]","method":"GET","protocol":"https","url":"https://x.example/a"},"response":{"body":"{}","headers":"[]","protocol":"https","statusCode":"200","statusMessage":"OK"}},"status":"SUCCEEDED"}`,
	} {
		o := trialOutput(&execution.Outcome{Status: execution.Succeeded, Retrier: -1, Catcher: -1, Variables: jsonvalue.NewObject(0)}, level, saw)
		o.Output = nil
		if got := string(o.AppendJSON(nil)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", level, got, want)
		}
	}
}
