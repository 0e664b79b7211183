package sfn

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// lambdaTasks is the lambda.Source of the functions that state machines call: by their
// ARN, or by lambda:invoke. A state machine is a group.
type lambdaTasks struct{ *actions }

// List implements lambda.Source.
func (s *lambdaTasks) List() string { return execution.LambdaList }

// Place implements lambda.Source.
func (s *lambdaTasks) Place(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, error) {
	task, err := s.look(ctx, run, scheduled)
	if err != nil {
		return outbound.Place{}, err
	}
	function, _ := invocationOf(task)
	return outbound.Place{World: task.Name.World, Group: task.Machine, Target: function}, nil
}

// waitsForToken tells whether a task ends by its token.
func waitsForToken(task *execution.Task) bool {
	return strings.HasSuffix(task.Resource, ".waitForTaskToken")
}

// look gives a task that nobody need have yet.
func (s *actions) look(ctx context.Context, run engine.RunID, scheduled int64) (*execution.Task, error) {
	reply, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.Look{ScheduledEventID: scheduled}})
	if err != nil {
		return nil, err
	}
	return reply.(*execution.Task), nil
}

// Start implements lambda.Source. All that is asked comes first, so that once the task is
// started nothing else can go wrong before the call. Without its role it is not started.
func (s *lambdaTasks) Start(ctx context.Context, run engine.RunID, scheduled int64) (*lambda.Call, error) {
	task, err := s.look(ctx, run, scheduled)
	if err != nil {
		return nil, err
	}
	name, call, refused, err := s.asked(ctx, task)
	if err != nil {
		return nil, err
	}
	if refused == nil || !refused.Unstarted {
		if _, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.StartTask{ScheduledEventID: scheduled}}); err != nil {
			return nil, err
		}
	}
	if refused != nil {
		_, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: refused})
		return nil, err
	}
	c := &lambda.Call{
		Invocation: call,
		Report:     func(o *lambda.Outcome) any { return lambdaReport(task, call.Type, o) },
		About:      []any{"executionArn", task.Execution, "function", name, "attempt", task.Attempt},
	}
	if task.TimeoutSeconds > 0 {
		left := task.ScheduledAt + engine.Seconds(task.TimeoutSeconds) - s.Clock()
		c.Timeout = max(1, time.Duration(left)) * time.Millisecond
	}
	return c, nil
}

// asked finds out what a task asks for. It is refused if it may not, or if there is no
// such function.
func (s *lambdaTasks) asked(ctx context.Context, task *execution.Task) (name string, call lambda.Invocation, refused *execution.Fail, err error) {
	name, call = invocationOf(task)
	w := task.Name.World
	function, wrong := functionOf(w, name, call.Qualifier)
	if wrong == nil {
		if wrong, err = s.authorise(ctx, task, function); err != nil {
			return name, call, nil, err
		}
	}
	if wrong != nil {
		if wrong.request, err = newUUID(s.Random); err != nil {
			return name, call, nil, err
		}
		return name, call, wrong.fails(task), nil
	}
	call.Region, call.Function, call.Trace = w.Region, function.Sent, task.Trace
	return name, call, nil, nil
}

// invocationOf is what a task asks for, and the name of the function, which may be none.
func invocationOf(task *execution.Task) (name string, i lambda.Invocation) {
	if task.Service == "" { // by the function's ARN
		return task.Resource, lambda.Invocation{Payload: []byte(task.Input)}
	}
	given, _ := jsonvalue.ParseString(task.Input)
	parameters, ok := given.(*jsonvalue.Object)
	if !ok {
		return "", i
	}
	said := func(name string) string {
		v, _ := parameters.Get(name)
		text, _ := v.(string)
		return text
	}
	payload, _ := parameters.Get("Payload")
	return said("FunctionName"), lambda.Invocation{
		Qualifier: said("Qualifier"), Type: said("InvocationType"), LogType: said("LogType"), ClientContext: said("ClientContext"),
		Payload: payloadOf(payload),
	}
}

// payloadOf is what a Payload sends: a text that is JSON stands for what it says.
func payloadOf(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte("{}")
	case string:
		if _, err := jsonvalue.ParseString(v); err == nil {
			return []byte(v)
		}
	}
	return jsonvalue.Append(nil, v)
}

// serviceError is an answer of Lambda's that is an error, or one that we give for it.
type serviceError struct {
	status  int
	code    string
	message string
	request string // id
}

// name is that of the error in an execution: the class that the Java SDK has for it.
func (e *serviceError) name() string {
	switch {
	case e.code == "": // the role can't be assumed, and Lambda was not asked
		return permissions
	case slices.Contains(lambdaErrors, e.code):
		return "Lambda." + e.code
	}
	return "Lambda.AWSLambdaException"
}

// fails is the command that tells the execution of it.
func (e *serviceError) fails(task *execution.Task) *execution.Fail {
	f := failTask(task, e.name(), e.cause())
	f.Unstarted = e.code == ""
	return f
}

func (e *serviceError) cause() string {
	if e.code == "" {
		return e.message
	}
	return fmt.Sprintf("%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		e.message, e.status, e.code, cmp.Or(e.request, "null"))
}

// lambdaErrors are the errors that Lambda has of its own (Lambda API Reference, Invoke).
var lambdaErrors = []string{
	"EC2AccessDeniedException", "EC2ThrottledException", "EC2UnexpectedException",
	"EFSIOException", "EFSMountConnectivityException", "EFSMountFailureException", "EFSMountTimeoutException",
	"ENILimitReachedException", "InvalidParameterValueException", "InvalidRequestContentException", "InvalidRuntimeException",
	"InvalidSecurityGroupIDException", "InvalidSubnetIDException", "InvalidZipFileException",
	"KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException",
	"RecursiveInvocationException", "RequestTooLargeException", "ResourceConflictException", "ResourceNotFoundException",
	"ResourceNotReadyException", "ServiceException", "SnapStartException", "SnapStartNotReadyException", "SnapStartTimeoutException",
	"SubnetIPAddressLimitReachedException", "TooManyRequestsException", "UnsupportedMediaTypeException",
}

// functionOf finds out which function is meant, or why none can be.
func functionOf(w engine.World, name, qualifier string) (lambda.Function, *serviceError) {
	f, ok := lambda.FunctionOf(w, name)
	if !ok {
		return f, &serviceError{
			status: http.StatusBadRequest, code: "ValidationException",
			message: "1 validation error detected: Value '" + name + "' at 'functionName' failed to satisfy constraint: Member must be the name or the ARN of a function",
		}
	}
	if f, ok = f.Qualified(qualifier); !ok {
		return f, &serviceError{
			status: http.StatusBadRequest, code: "InvalidParameterValueException",
			message: "The derived qualifier from the function name does not match the specified qualifier.",
		}
	}
	return f, nil
}

// authorise asks whether the role of a task may invoke a function. It gives the error if
// not.
func (s *lambdaTasks) authorise(ctx context.Context, task *execution.Task, function lambda.Function) (*serviceError, error) {
	if s.Trusting {
		return nil, nil
	}
	e := errand(task, "lambda:InvokeFunction", function.ARN)
	e.Context = policy.Context{{Key: "lambda:FunctionArn", Value: function.ARN}}
	verdict, err := s.May(ctx, e)
	switch {
	case err != nil:
		return nil, err
	case verdict.NotAssumed != "":
		return &serviceError{message: verdict.NotAssumed}, nil
	case verdict.Denied != "":
		return &serviceError{status: http.StatusForbidden, code: "AccessDeniedException", message: verdict.Denied}, nil
	}
	return nil, nil
}

// Bounds of what an event holds of a failure, in characters.
const (
	errorMax = 256
	causeMax = 32_768
)

func failTask(task *execution.Task, name, cause string) *execution.Fail {
	name, cause = lambda.Cut(name, errorMax), lambda.Cut(cause, causeMax)
	return &execution.Fail{Ref: execution.Ref{ScheduledEventID: task.ScheduledEventID}, Error: &name, Cause: &cause}
}

// lambdaReport is the command that tells the execution of an outcome.
func lambdaReport(task *execution.Task, kind string, o *lambda.Outcome) any {
	if name, cause := lambdaFailure(task, o); name != "" {
		return failTask(task, name, cause)
	}
	result, err := jsonvalue.Parse(o.Payload)
	if len(o.Payload) > 0 && err != nil {
		return failTask(task, "Lambda.Unknown", "The function's result is no JSON. Returned payload: "+string(o.Payload))
	}
	ref := execution.Ref{ScheduledEventID: task.ScheduledEventID}
	if task.Service == "" {
		return &execution.Succeed{Ref: ref, Output: cmp.Or(string(o.Payload), "null")}
	}
	output := jsonvalue.Text(invokeResult(kind, result, o))
	if waitsForToken(task) {
		return &execution.Submit{Ref: ref, Output: output}
	}
	return &execution.Succeed{Ref: ref, Output: output}
}

// lambdaFailure is why a call failed; name is empty if it did not.
func lambdaFailure(task *execution.Task, o *lambda.Outcome) (name, cause string) {
	label := cmp.Or(task.Service, task.Resource)
	switch o.Failure {
	case lambda.NoFailure:
		if o.FunctionError == "" {
			return "", ""
		}
		return functionError(task, o)
	case lambda.TooLarge:
		return "States.DataLimitExceeded", "The state/task '" + label + "' returned a result with a size exceeding the maximum number of bytes service limit."
	case lambda.Refused, lambda.Unexpected:
		e := &serviceError{o.Status, cmp.Or(o.Code, "null"), o.Message, o.RequestID}
		return e.name(), e.cause()
	case lambda.TooLong:
		return "Lambda.ClientExecutionTimeoutException", o.Message
	case lambda.Lost:
		return "States.TaskFailed", "An attempt was made to invoke the Lambda function. Step Functions cannot determine whether Lambda successfully received the call and executed the function."
	}
	return "Lambda.SdkClientException", "Unable to execute HTTP request: " + o.Message
}

// functionError is what a function said that failed: as it wrote it, or for lambda:invoke
// without spaces.
func functionError(task *execution.Task, o *lambda.Outcome) (name, cause string) {
	v, err := jsonvalue.Parse(o.Payload)
	if cause = string(o.Payload); task.Service != "" && err == nil {
		cause = jsonvalue.Text(v)
	}
	if said, ok := v.(*jsonvalue.Object); ok {
		kind, _ := said.Get("errorType")
		name, _ = kind.(string)
	}
	if name == "" {
		return "Lambda.Unknown", "The cause could not be determined because Lambda did not return an error type. Returned payload: " + cause
	}
	return name, cause
}

// invokeResult is the result of lambda:invoke.
func invokeResult(kind string, payload any, o *lambda.Outcome) *jsonvalue.Object {
	result := jsonvalue.NewObject(6)
	if o.ExecutedVersion != "" {
		result.Set("ExecutedVersion", o.ExecutedVersion)
	}
	if o.LogResult != "" {
		result.Set("LogResult", o.LogResult)
	}
	if len(o.Payload) > 0 || kind == "" || kind == "RequestResponse" {
		result.Set("Payload", payload)
	}
	addMetadata(result, o.Status, o.Header, o.RequestID)
	result.Set("StatusCode", float64(o.Status))
	return result
}

// addMetadata adds what results of optimised integrations have of the answer.
func addMetadata(result *jsonvalue.Object, status int, h http.Header, request string) {
	all, first := jsonvalue.NewObject(len(h)), jsonvalue.NewObject(len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		var values []any
		for _, v := range h[name] {
			values = append(values, v)
		}
		name = cmp.Or(headerNames[name], name)
		all.Set(name, values)
		first.Set(name, values[0])
	}
	answer := jsonvalue.NewObject(3)
	answer.Set("AllHttpHeaders", all)
	answer.Set("HttpHeaders", first)
	answer.Set("HttpStatusCode", float64(status))
	response := jsonvalue.NewObject(1)
	response.Set("RequestId", request)
	result.Set("SdkHttpMetadata", answer)
	result.Set("SdkResponseMetadata", response)
}

// headerNames are headers as Lambda spells them, by the names that HTTP libraries make of
// them.
var headerNames = map[string]string{
	"X-Amzn-Requestid": "x-amzn-RequestId", "X-Amzn-Remapped-Content-Length": "x-amzn-Remapped-Content-Length",
}
