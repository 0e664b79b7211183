package sfn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/bucket"
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/internal/sfn/itemreader"
	"heddle/internal/sfn/reply"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/jsonvalue"
)

func (s *actions) trialRows() []operation.Operation {
	return []operation.Operation{row(s, "TestState", s.testState, trialBody)}
}

// trialBody bounds the bodies of TestState: a definition, and input, variables, context,
// a mock and what an ItemReader reads.
var trialBody = operation.WithBodyMax(2<<20 + 5*512<<10)

// trialMax is how long a test runs (Step Functions API Reference, TestState).
const trialMax = 5 * time.Minute

// testState serves TestState.
func (s *actions) testState(ctx context.Context, in *wire.TestStateInput) (*wire.TestStateOutput, error) {
	return s.try(ctx, worldOf(ctx), in)
}

// try tests a state in a world.
func (s *actions) try(ctx context.Context, w engine.World, in *wire.TestStateInput) (*wire.TestStateOutput, error) {
	if err := checkTrial(in); err != nil {
		return nil, err
	}
	t, err := s.tested(in)
	if err != nil {
		return nil, err
	}
	t.World, t.Now, t.Role = w, s.Clock(), text(in.RoleARN)
	if t.Name, err = newUUID(s.Random); err != nil {
		return nil, err
	}
	if t.Execution, err = newUUID(s.Random); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(s.Random, t.Secret[:]); err != nil {
		return nil, fmt.Errorf("test a state: %w", err)
	}
	if err := s.checkTrialRole(ctx, in, t); err != nil {
		return nil, err
	}
	if err := readTrial(ctx, in, t); err != nil {
		return nil, err
	}
	mock, err := mockOf(in, t.State)
	if err != nil {
		return nil, err
	}
	t.Begin()
	saw := &httptask.Exchange{Secrets: value(in.RevealSecrets)}
	switch {
	case !t.Waits():
	case mock == nil:
		if err := s.performTrial(ctx, t, saw); err != nil {
			return nil, err
		}
	default:
		if err := checkFailedItems(t, mock); err != nil {
			return nil, err
		}
		t.Mock(mock)
	}
	return trialOutput(t.Outcome(), text(in.InspectionLevel), saw), nil
}

// checkTrial looks at what members say of each other.
func checkTrial(in *wire.TestStateInput) error {
	c := in.StateConfiguration
	if c == nil {
		c = &wire.TestStateConfiguration{}
	}
	if m := in.Mock; m != nil {
		switch {
		case (m.Result == nil) == (m.ErrorOutput == nil):
			return invalid("A test mock should have only one of the following fields: [result, errorOutput].")
		case value(in.RevealSecrets):
			return invalid("TestState does not support RevealSecrets when a mock is specified.")
		}
		return nil
	}
	for _, needs := range []struct {
		name string
		is   bool
	}{
		{"MapIterationFailureCount", c.MapIterationFailureCount != nil},
		{"RetrierRetryCount", c.RetrierRetryCount != nil},
		{"ErrorCausedByState", c.ErrorCausedByState != nil},
		{"MapItemReaderData", c.MapItemReaderData != nil},
	} {
		if needs.is {
			return invalid("TestState does not support " + needs.name + " when a mock is not specified.")
		}
	}
	return nil
}

// tested finds the state that is meant, and refuses what can't be tested. Errors:
// InvalidDefinition, ValidationException.
func (s *actions) tested(in *wire.TestStateInput) (*execution.Trial, error) {
	m, found := asl.Compile([]byte(in.Definition), asl.Options{Single: in.StateName == nil, Calls: s.calls.known})
	if m == nil {
		return nil, refusal(wire.CodeInvalidDefinition, asl.Message(in.Definition, found))
	}
	t := &execution.Trial{Machine: m, State: m.StartAt, Mocked: in.Mock != nil}
	if in.StateName != nil {
		t.State = m.State(*in.StateName)
	}
	if c := in.StateConfiguration; t.State == nil || c != nil && c.ErrorCausedByState != nil && m.State(*c.ErrorCausedByState) == nil {
		return nil, invalid("State not found in definition")
	}
	kind := t.State.Type
	switch {
	case t.Mocked && kind != asl.Task && kind != asl.Map && kind != asl.Parallel:
		return nil, invalid("State type '" + kind.String() + "' is not supported when a mock is specified")
	case t.Mocked:
	case kind == asl.Map || kind == asl.Parallel:
		return nil, refusal(wire.CodeInvalidDefinition, "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
	case kind == asl.Task && t.State.Resource.Kind == asl.Activity:
		return nil, refusal(wire.CodeInvalidDefinition, "TestState API does not support Activity tasks unless a mock is specified")
	case kind == asl.Task && t.State.Resource.Pattern != asl.RequestResponse:
		return nil, refusal(wire.CodeInvalidDefinition, "TestState API does not support '.sync' and '.waitForTaskToken' service integration patterns unless a mock is specified")
	}
	return t, nil
}

// checkTrialRole looks at the role. Nothing is done in it if there is a mock. Errors:
// ValidationException, InvalidArn, AccessDeniedException.
func (s *actions) checkTrialRole(ctx context.Context, in *wire.TestStateInput, t *execution.Trial) error {
	switch {
	case in.RoleARN == nil && !t.Mocked && t.State.Type == asl.Task:
		return invalid("RoleArn must be specified when testing a Task state")
	case in.RoleARN == nil:
		return nil
	case t.Mocked:
		return checkRole(*in.RoleARN)
	}
	return s.mustTrust(ctx, *in.RoleARN, name(t.World, resource.Machine, t.Name))
}

// readTrial reads what the state is to see. Errors: InvalidExecutionInput,
// ValidationException.
func readTrial(ctx context.Context, in *wire.TestStateInput, t *execution.Trial) error {
	t.Input = jsonvalue.NewObject(0)
	if in.Input != nil {
		if err := checkInput(*in.Input); err != nil {
			return err
		}
		t.Input, _ = jsonvalue.ParseString(*in.Input)
	}
	if in.Variables != nil {
		v, err := jsonvalue.ParseString(*in.Variables)
		variables, ok := v.(*jsonvalue.Object)
		if err != nil || !ok {
			return invalid("Variables must be a valid JSON object")
		}
		t.Variables = variables
	}
	if in.Context != nil {
		var err error
		if t.Context, err = trialContext(*in.Context, t.State); err != nil {
			return err
		}
	}
	if c := in.StateConfiguration; c != nil {
		t.Retries = value(c.RetrierRetryCount)
		if c.MapItemReaderData != nil && t.State.ItemReader != nil {
			var err error
			if t.ReaderItems, t.ReaderFailed, err = readItems(ctx, *c.MapItemReaderData, t.State.ItemReader); err != nil {
				return err
			}
		}
	}
	return nil
}

// readItems reads the items that an ItemReader finds in what its source holds: a list, or an object
// whose members are items; failed says why it finds none. Errors: ValidationException.
func readItems(ctx context.Context, data string, r *asl.ItemReader) (found any, failed *string, err error) {
	var (
		items   []any
		members *jsonvalue.Object
	)
	from := itemreader.Reader{
		Store: source{data: data}, May: func(context.Context, string, string, string) error { return nil },
		InputType: r.InputType, Pointer: r.ItemsPointer, HeadersGiven: r.CSVHeaderLocation == "GIVEN", Headers: r.CSVHeaders, Delimiter: r.CSVDelimiter,
		Describe: func(_, _ string, member *string, text string) string {
			v, err := jsonvalue.ParseString(text)
			switch {
			case err != nil: // the reader has parsed it
			case member == nil:
				items = append(items, v)
			case members == nil:
				members = jsonvalue.NewObject(1)
				fallthrough
			default:
				members.Set(*member, v)
			}
			return text
		},
	}
	if from.InputType == "MANIFEST" || from.InputType == "PARQUET" || r.ManifestType != "" {
		return nil, nil, invalid("This server does not read MapItemReaderData of type " + cmp.Or(r.InputType, "MANIFEST"))
	}
	for part := (&itemreader.Part{}); !part.Done; {
		part, err = from.Next(ctx, part.Position, math.MaxInt64)
		if flaw, ok := errors.AsType[*itemreader.Error](err); ok {
			return nil, &flaw.Cause, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the items of a test: %w", err)
		}
	}
	if members != nil {
		return members, nil, nil
	}
	return items, nil, nil
}

// source is a store of one object, of which is read what a caller has given.
type source struct {
	bucket.Store
	data string
}

// Get implements bucket.Store.
func (s source) Get(_ context.Context, _, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	from := min(r.Offset, int64(len(s.data)))
	return bucket.Object{Key: key, Size: int64(len(s.data))}, io.NopCloser(strings.NewReader(s.data[from:])), nil
}

// contextFields are the members that a context object may have, and the types of theirs.
var contextFields = map[string]map[string]string{
	"Execution": {
		"Id": "string", "Input": "", "Name": "string", "RoleArn": "string", "StartTime": "string",
		"RedriveCount": "number", "RedriveTime": "string",
	},
	"State":        {"EnteredTime": "string", "Name": "string", "RetryCount": "number"},
	"StateMachine": {"Id": "string", "Name": "string"},
	"Task":         {"Token": "string"},
}

// trialContext reads the context object that a state is to see. Errors:
// ValidationException.
func trialContext(given string, st *asl.State) (*jsonvalue.Object, error) {
	v, err := jsonvalue.ParseString(given)
	o, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, wrongContext("Context must be a valid JSON object")
	}
	for part, v := range o.All() {
		members, known := contextFields[part]
		switch {
		case part == "Map":
			return nil, wrongContext("'Map' field is not supported when mocking a Context object")
		case !known:
			return nil, wrongContext("Field '" + part + "' is not allowed")
		case part == "Task" && (st.Type != asl.Task || st.Resource.Pattern == asl.RequestResponse):
			return nil, wrongContext("Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern")
		}
		inner, ok := v.(*jsonvalue.Object)
		if !ok {
			return nil, wrongContext(part + " must be an object")
		}
		for name, v := range inner.All() {
			want, known := members[name]
			_, isText := v.(string)
			_, isNumber := jsonvalue.Float(v)
			switch {
			case !known:
				return nil, wrongContext("Field '" + part + "." + name + "' is not allowed")
			case want == "string" && !isText, want == "number" && !isNumber:
				return nil, wrongContext(part + "." + name + " must be a " + want)
			}
		}
	}
	return o, nil
}

func wrongContext(why string) error { return invalid("Invalid Context object provided: " + why) }

// mockOf reads the mock; nil: there is none. Errors: ValidationException.
func mockOf(in *wire.TestStateInput, st *asl.State) (*execution.Mock, error) {
	if in.Mock == nil {
		return nil, nil
	}
	mock := &execution.Mock{}
	if c := in.StateConfiguration; c != nil {
		mock.FailedItems = value(c.MapIterationFailureCount)
	}
	if e := in.Mock.ErrorOutput; e != nil {
		mock.Failed, mock.Error, mock.Cause = true, e.Error, e.Cause
		return mock, nil
	}
	v, err := jsonvalue.ParseString(*in.Mock.Result)
	if err != nil {
		return nil, invalid("Mocked result must be valid JSON")
	}
	mock.Result = v
	list, isList := v.([]any)
	_, isObject := v.(*jsonvalue.Object)
	switch {
	case st.Type == asl.Map && st.ResultWriter != nil:
		if !isObject {
			return nil, invalid("Mocked result must be a JSON object.")
		}
	case st.Type != asl.Task && !isList:
		return nil, invalid("Mocked result must be an array.")
	case st.Type == asl.Parallel && len(list) != len(st.Branches):
		return nil, invalid("Mocked result must contain the same number of items as number of Parallel branches.")
	case st.Type == asl.Task && st.Resource.Kind == asl.Integration:
		mode := wire.MockResponseValidationModeStrict
		if in.Mock.FieldValidationMode != nil {
			mode = *in.Mock.FieldValidationMode
		}
		if mode == wire.MockResponseValidationModeNone {
			break
		}
		if wrong := reply.Check(st.Resource.Service, st.Resource.Name(), v, mode == wire.MockResponseValidationModeStrict); wrong != "" {
			return nil, invalid("Mock result schema validation error: " + wrong)
		}
	}
	return mock, nil
}

// checkFailedItems refuses more failed iterations than a Map state has.
func checkFailedItems(t *execution.Trial, mock *execution.Mock) error {
	if t.State.Type != asl.Map {
		return nil
	}
	n := t.Iterations()
	if list, ok := mock.Result.([]any); ok {
		n = int64(len(list))
	}
	if mock.FailedItems > n {
		return invalid("Map iteration failure count must be less than or equal to the number of Map iterations")
	}
	return nil
}

// performTrial does what a Task state asks for, as for an execution. What an HTTP task sends and
// gets is told to saw.
func (s *actions) performTrial(ctx context.Context, t *execution.Trial, saw *httptask.Exchange) error {
	task := t.Task()
	limit := trialMax
	if n := task.TimeoutSeconds; n > 0 && n < int64(trialMax/time.Second) {
		limit = time.Duration(n) * time.Second
	}
	within, cancel := s.Within(ctx, limit)
	defer cancel()
	body, err := s.callTask(within, task, saw)
	switch {
	case ctx.Err() == nil && within.Err() != nil:
		t.TimeOut()
		return nil
	case err != nil:
		return err
	}
	t.Close(body)
	return nil
}

// callTask calls what a task without an execution asks for, and gives its end.
func (s *actions) callTask(ctx context.Context, task *execution.Task, saw *httptask.Exchange) (any, error) {
	switch task.Service {
	case "states":
	case "", "lambda":
		_, call, refused, err := (&lambdaTasks{s}).asked(ctx, task)
		if err != nil || refused != nil {
			return refused, err
		}
		return lambdaReport(task, call.Type, s.Lambda.Invoke(ctx, &call)), nil
	default:
		if task.Service == httpService {
			if err := s.rest(ctx, s.calls.untilHTTP(task.Name.World)); err != nil {
				return nil, err
			}
		}
		c, refused, err := s.calls.prepare(ctx, engine.RunID{}, task)
		if err != nil || refused != nil {
			return refused, err
		}
		if h, ok := c.web.(*httpCall); ok {
			h.saw = saw
		}
		return c.do(ctx).Report, nil
	}
	if refused, err := s.unassumable(ctx, task); err != nil || refused != nil {
		return refused, err
	}
	i, ref := &integrations{actions: s}, execution.Ref{ScheduledEventID: task.ScheduledEventID}
	body, err := i.perform(ctx, engine.RunID{}, task, ref)
	if f, theirs := errors.AsType[*fault.Fault](err); theirs {
		name, cause := integrationError(f, task)
		return &execution.Fail{Ref: ref, Error: &name, Cause: &cause}, nil
	}
	return body, err
}

// rest waits for a while.
func (s *actions) rest(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return nil
	}
	done, cancel := s.Within(ctx, pause)
	defer cancel()
	<-done.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// trialOutput is what TestState answers.
func trialOutput(o *execution.Outcome, level string, saw *httptask.Exchange) *wire.TestStateOutput {
	out := &wire.TestStateOutput{Status: &o.Status, Error: o.Error, Cause: o.Cause, NextState: present(o.Next)}
	if o.Status == execution.Succeeded || o.Status == execution.CaughtError {
		output := jsonvalue.Spaced(o.Output)
		out.Output = &output
	}
	if level != wire.InspectionLevelDebug && level != wire.InspectionLevelTrace {
		return out
	}
	said := func(field string) *string {
		v, ok := o.Seen[field]
		if !ok {
			return nil
		}
		s := jsonvalue.Spaced(v)
		return &s
	}
	counted := func(field string) *int64 {
		f, ok := o.Seen[field].(float64)
		if !ok {
			return nil
		}
		n := int64(min(f, math.MaxInt32))
		return &n
	}
	data := &wire.InspectionData{
		Input: said("input"), AfterInputPath: said("afterInputPath"), AfterParameters: said("afterParameters"),
		AfterArguments: said("afterArguments"), AfterItemsPath: said("afterItemsPath"), AfterItemSelector: said("afterItemSelector"),
		AfterItemsPointer: said("afterItemsPointer"), AfterItemBatcher: said("afterItemBatcher"),
		Result: said("result"), AfterResultSelector: said("afterResultSelector"), AfterResultPath: said("afterResultPath"),
		MaxConcurrency: counted("maxConcurrency"), ToleratedFailureCount: counted("toleratedFailureCount"),
	}
	if percent, ok := o.Seen["toleratedFailurePercentage"].(float64); ok {
		data.ToleratedFailurePercentage = &percent
	}
	if o.Variables.Len() > 0 {
		variables := jsonvalue.Spaced(o.Variables)
		data.Variables = &variables
	}
	if o.Retrier >= 0 || o.Catcher >= 0 {
		data.ErrorDetails = &wire.InspectionErrorDetails{CatchIndex: index(o.Catcher), RetryIndex: index(o.Retrier)}
		if o.Status == execution.Retriable {
			data.ErrorDetails.RetryBackoffIntervalSeconds = &o.DelaySeconds
		}
	}
	if level == wire.InspectionLevelTrace {
		data.Request, data.Response = exchanged(saw)
	}
	out.InspectionData = data
	return out
}

// exchanged is what an HTTP task sent and got.
func exchanged(saw *httptask.Exchange) (asked *wire.InspectionDataRequest, heard *wire.InspectionDataResponse) {
	if q := saw.Request; q != nil {
		asked = &wire.InspectionDataRequest{Protocol: &q.Protocol, Method: &q.Method, Url: &q.URL, Headers: &q.Headers, Body: present(q.Body)}
	}
	if a := saw.Response; a != nil {
		heard = &wire.InspectionDataResponse{Protocol: &a.Protocol, StatusCode: &a.StatusCode, StatusMessage: &a.StatusMessage, Headers: &a.Headers, Body: present(a.Body)}
	}
	return asked, heard
}

// index makes an optional member of an index; -1 is absent.
func index(i int) *int64 {
	if i < 0 {
		return nil
	}
	n := int64(i)
	return &n
}
