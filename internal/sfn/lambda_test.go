package sfn

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/sfn/execution"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:f"

// byARN, byInvoke and withToken are tasks that call a function in the three ways there are.
func byARN(input string) *execution.Task {
	return &execution.Task{ScheduledEventID: 3, Resource: functionARN, Input: input}
}

func byInvoke(parameters string) *execution.Task {
	return &execution.Task{ScheduledEventID: 3, Resource: "invoke", Service: "lambda", Input: parameters}
}

func withToken() *execution.Task {
	return &execution.Task{ScheduledEventID: 3, Resource: "invoke.waitForTaskToken", Service: "lambda", Input: "{}"}
}

// TestInvocations is what functions are called with.
func TestInvocations(t *testing.T) {
	for _, c := range []struct {
		task *execution.Task
		want string // name, qualifier, type, log type, client context, payload
	}{
		{byARN(`{"a":1.0}`), functionARN + ` "" "" "" "" {"a":1.0}`},
		{byARN(`null`), functionARN + ` "" "" "" "" null`},
		{byInvoke(`{"FunctionName":"f"}`), `f "" "" "" "" {}`},
		{byInvoke(`{"FunctionName":"f","Payload":null}`), `f "" "" "" "" {}`},
		{byInvoke(`{"FunctionName":"f","Payload":{"b":[1.0,"x"],"a":null}}`), `f "" "" "" "" {"b":[1.0,"x"],"a":null}`},
		{byInvoke(`{"FunctionName":"f","Payload":"{\"n\": 1}"}`), `f "" "" "" "" {"n": 1}`},
		{byInvoke(`{"FunctionName":"f","Payload":"\"x\""}`), `f "" "" "" "" "x"`},
		{byInvoke(`{"FunctionName":"f","Payload":"no JSON"}`), `f "" "" "" "" "no JSON"`},
		{byInvoke(`{"FunctionName":"f","Payload":7}`), `f "" "" "" "" 7`},
		{
			byInvoke(`{"FunctionName":"f","Qualifier":"live","InvocationType":"Event","LogType":"Tail","ClientContext":"e30="}`),
			`f "live" "Event" "Tail" "e30=" {}`,
		},
		{byInvoke(`{"FunctionName":8}`), ` "" "" "" "" {}`},
		{byInvoke(`[]`), ` "" "" "" "" `},
	} {
		name, i := invocationOf(c.task)
		if got := fmt.Sprintf("%s %q %q %q %q %s", name, i.Qualifier, i.Type, i.LogType, i.ClientContext, i.Payload); got != c.want {
			t.Errorf("%s: %s, want %s", c.task.Input, got, c.want)
		}
	}
}

// TestFunctionsThatAreNone are refused in the words of Lambda.
func TestFunctionsThatAreNone(t *testing.T) {
	w := engine.World{Account: "123456789012", Region: "us-east-1"}
	for name, want := range map[string]string{
		"f": "", "f:live": "", functionARN: "",
		"":       "Lambda.AWSLambdaException (Service: AWSLambda; Status Code: 400; Error Code: ValidationException; Request ID: null; Proxy: null)",
		"a/b":    "Lambda.AWSLambdaException (Service: AWSLambda; Status Code: 400; Error Code: ValidationException; Request ID: null; Proxy: null)",
		"f:test": "Lambda.InvalidParameterValueException The derived qualifier from the function name does not match the specified qualifier. (Service: AWSLambda; Status Code: 400; Error Code: InvalidParameterValueException; Request ID: null; Proxy: null)",
	} {
		_, refused := functionOf(w, name, "live")
		got := ""
		if refused != nil {
			got = refused.name() + " " + refused.cause()
		}
		if (got == "") != (want == "") || !strings.HasSuffix(got, want[strings.Index(want, " ")+1:]) || !strings.HasPrefix(got, strings.Split(want, " ")[0]) {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// TestReports is what executions are told of outcomes.
func TestReports(t *testing.T) {
	say := func(body any) string {
		switch c := body.(type) {
		case *execution.Succeed:
			return fmt.Sprintf("%d succeeds: %s", c.ScheduledEventID, c.Output)
		case *execution.Submit:
			return fmt.Sprintf("%d is submitted: %s", c.ScheduledEventID, c.Output)
		case *execution.Fail:
			return fmt.Sprintf("%d fails: %s: %s", c.ScheduledEventID, *c.Error, *c.Cause)
		}
		return fmt.Sprintf("%T", body)
	}
	ok := func(payload string) *lambda.Outcome {
		return &lambda.Outcome{
			Status: 200, RequestID: "r-1", ExecutedVersion: "$LATEST", Payload: []byte(payload),
			Header: http.Header{"X-Amzn-Requestid": {"r-1"}, "Content-Type": {"application/json"}, "Via": {"a", "b"}},
		}
	}
	const metadata = `"SdkHttpMetadata":{"AllHttpHeaders":{"Content-Type":["application/json"],"Via":["a","b"],"x-amzn-RequestId":["r-1"]},` +
		`"HttpHeaders":{"Content-Type":"application/json","Via":"a","x-amzn-RequestId":"r-1"},"HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"r-1"},"StatusCode":200}`
	raised := func(payload string) *lambda.Outcome {
		return &lambda.Outcome{Status: 200, FunctionError: "Unhandled", Payload: []byte(payload)}
	}
	withLog := ok("1")
	withLog.LogResult = "bG9n"
	refused := func(status int, code, message string) *lambda.Outcome {
		return &lambda.Outcome{Failure: lambda.Refused, Status: status, Code: code, Message: message, RequestID: "r-1"}
	}
	python := `{"errorMessage": "no", "errorType": "E", "stackTrace": ["a, b"]}`
	for _, c := range []struct {
		what string
		task *execution.Task
		kind string
		of   *lambda.Outcome
		want string
	}{
		{"a result, as it is", byARN("{}"), "", ok(`{ "b": 1.0, "a": [ ] }`), `3 succeeds: { "b": 1.0, "a": [ ] }`},
		{"nothing", byARN("{}"), "", ok(""), "3 succeeds: null"},
		{"no JSON", byARN("{}"), "", ok("<html>"), "3 fails: Lambda.Unknown: The function's result is no JSON. Returned payload: <html>"},
		{"invoke", byInvoke("{}"), "", ok(`{ "b": 1.0 }`), `3 succeeds: {"ExecutedVersion":"$LATEST","Payload":{"b":1.0},` + metadata},
		{"invoke and its log", byInvoke("{}"), "RequestResponse", withLog, `3 succeeds: {"ExecutedVersion":"$LATEST","LogResult":"bG9n","Payload":1,` + metadata},
		{"invoke of nothing", byInvoke("{}"), "", ok(""), `3 succeeds: {"ExecutedVersion":"$LATEST","Payload":null,` + metadata},
		{"invoke later", byInvoke("{}"), "Event", &lambda.Outcome{Status: 202, RequestID: "r-2"}, `3 succeeds: {"SdkHttpMetadata":{"AllHttpHeaders":{},"HttpHeaders":{},"HttpStatusCode":202},"SdkResponseMetadata":{"RequestId":"r-2"},"StatusCode":202}`},
		{"invoke and wait", withToken(), "", ok(`1`), `3 is submitted: {"ExecutedVersion":"$LATEST","Payload":1,` + metadata},
		{"raised, by the ARN", byARN("{}"), "", raised(python), "3 fails: E: " + python},
		{"raised, by invoke", byInvoke("{}"), "", raised(python), `3 fails: E: {"errorMessage":"no","errorType":"E","stackTrace":["a, b"]}`},
		{"raised, and waited for", withToken(), "", raised(python), `3 fails: E: {"errorMessage":"no","errorType":"E","stackTrace":["a, b"]}`},
		{"raised without a type", byARN("{}"), "", raised(`{"errorMessage": "late"}`), `3 fails: Lambda.Unknown: The cause could not be determined because Lambda did not return an error type. Returned payload: {"errorMessage": "late"}`},
		{"raised as a text", byInvoke("{}"), "", raised(`oops`), `3 fails: Lambda.Unknown: The cause could not be determined because Lambda did not return an error type. Returned payload: oops`},
		{"raised at length", byARN("{}"), "", raised(`{"errorType":"` + strings.Repeat("€", 300) + `","x":"` + strings.Repeat("x", 40_000) + `"}`), "3 fails: " + strings.Repeat("€", 256) + `: {"errorType":"` + strings.Repeat("€", 300) + `","x":"` + strings.Repeat("x", 32_768-len(`{"errorType":"","x":"`)-300)},
		{"not there", byARN("{}"), "", refused(404, "ResourceNotFoundException", "Function not found: f:$LATEST"), "3 fails: Lambda.ResourceNotFoundException: Function not found: f:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)"},
		{"too many calls", byInvoke("{}"), "", refused(429, "TooManyRequestsException", "Rate Exceeded."), "3 fails: Lambda.TooManyRequestsException: Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: r-1; Proxy: null)"},
		{"denied", byInvoke("{}"), "", refused(403, "AccessDeniedException", "no"), "3 fails: Lambda.AWSLambdaException: no (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: r-1; Proxy: null)"},
		{"no answer of Lambda's", byARN("{}"), "", &lambda.Outcome{Failure: lambda.Unexpected, Status: 502, Message: "answered 502"}, "3 fails: Lambda.AWSLambdaException: answered 502 (Service: AWSLambda; Status Code: 502; Error Code: null; Request ID: null; Proxy: null)"},
		{"nobody there", byARN("{}"), "", &lambda.Outcome{Failure: lambda.Unreachable, Message: "no connection"}, "3 fails: Lambda.SdkClientException: Unable to execute HTTP request: no connection"},
		{"no endpoint", byARN("{}"), "", &lambda.Outcome{Failure: lambda.NoEndpoint, Message: "none"}, "3 fails: Lambda.SdkClientException: Unable to execute HTTP request: none"},
		{"lost", byARN("{}"), "", &lambda.Outcome{Failure: lambda.Lost}, "3 fails: States.TaskFailed: An attempt was made to invoke the Lambda function. Step Functions cannot determine whether Lambda successfully received the call and executed the function."},
		{"too long", byARN("{}"), "", &lambda.Outcome{Failure: lambda.TooLong, Message: "15m"}, "3 fails: Lambda.ClientExecutionTimeoutException: 15m"},
		{"too large, by the ARN", byARN("{}"), "", &lambda.Outcome{Failure: lambda.TooLarge}, "3 fails: States.DataLimitExceeded: The state/task '" + functionARN + "' returned a result with a size exceeding the maximum number of bytes service limit."},
		{"too large, by invoke", byInvoke("{}"), "", &lambda.Outcome{Failure: lambda.TooLarge}, "3 fails: States.DataLimitExceeded: The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."},
	} {
		if got := say(lambdaReport(c.task, c.kind, c.of)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}
