package swf

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/outbound"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// lambdaTasks is the lambda.Source of the functions that deciders schedule. A domain is a
// group.
type lambdaTasks struct{ *actions }

// Bounds of what an event can hold, in characters.
const (
	dataMax    = 32768
	reasonMax  = 256
	messageMax = 1728
)

// Reasons of failures that are not the function's nor the service's own.
const (
	reasonUnreachable = "EndpointUnreachable" // the function did not run
	reasonEndpoint    = "EndpointFailed"      // nobody knows whether it ran
	reasonTooLarge    = "ResultTooLarge"
	reasonName        = "ValidationException" // the service's words
	reasonDenied      = "AccessDeniedException"
)

// List implements lambda.Source.
func (s *lambdaTasks) List() string { return execution.LambdaList }

// Place implements lambda.Source.
func (s *lambdaTasks) Place(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, error) {
	at, _, err := s.look(ctx, run, scheduled)
	return at, err
}

// look tells where a task belongs, and what the decider said of it.
func (s *lambdaTasks) look(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, *wire.LambdaFunctionScheduledEventAttributes, error) {
	view, err := s.Runs.View(ctx, engine.Name{}, run)
	if err != nil {
		return outbound.Place{}, nil, err
	}
	event, err := s.event(ctx, run, scheduled)
	if err != nil {
		return outbound.Place{}, nil, err
	}
	a := event.LambdaFunctionScheduledEventAttributes
	if a == nil {
		return outbound.Place{}, nil, fmt.Errorf("read event %d: it is %s", scheduled, event.EventType)
	}
	domain, _ := execution.Split(view.Name.Key)
	return outbound.Place{World: view.Name.World, Group: domain, Target: a.Name}, a, nil
}

// Start implements lambda.Source. What is read for a task comes first, so that once it is
// started it needs nothing more of the store.
func (s *lambdaTasks) Start(ctx context.Context, run engine.RunID, scheduled int64) (*lambda.Call, error) {
	at, asked, err := s.look(ctx, run, scheduled)
	if err != nil {
		return nil, err
	}
	function, named := lambda.FunctionOf(at.World, at.Target)
	var verdict service.Verdict
	if named {
		if verdict, err = s.authorise(ctx, run, at, function); err != nil {
			return nil, err
		}
	}
	if verdict.NotAssumed != "" {
		return nil, s.tell(ctx, run, &execution.StartLambdaFailed{ScheduledEventID: scheduled, Message: lambda.Cut(verdict.NotAssumed, messageMax)})
	}
	reply, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.StartLambda{ScheduledEventID: scheduled}})
	if err != nil {
		return nil, err
	}
	task, ok := reply.(*execution.LambdaTask)
	switch {
	case !ok: // the execution has no role
		return nil, nil
	case !named:
		return nil, s.tell(ctx, run, failLambda(task, reasonName, fmt.Sprintf("%q can't be the name of a function", task.Name)))
	case verdict.Denied != "":
		return nil, s.tell(ctx, run, failLambda(task, reasonDenied, verdict.Denied))
	}
	input := text(asked.Input)
	if input == "" {
		input = "{}"
	}
	seconds, _ := wire.Seconds(task.StartToCloseTimeout) // NONE, from before it was refused: 0
	return &lambda.Call{
		Invocation: lambda.Invocation{Region: at.World.Region, Function: function.Sent, Payload: []byte(input), Trace: task.Trace},
		Timeout:    time.Duration(seconds) * time.Second,
		Report:     func(o *lambda.Outcome) any { return lambdaReport(task, o) },
		About:      []any{"workflowId", task.WorkflowID, "runId", task.RunID, "function", task.Name, "attempt", task.Attempt},
	}, nil
}

// tell gives a run a command without a reply.
func (s *lambdaTasks) tell(ctx context.Context, run engine.RunID, body any) error {
	_, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: body})
	return err
}

// authorise asks whether the execution's role allows what a task asks for. An execution
// without a role is for the rules to refuse.
func (s *lambdaTasks) authorise(ctx context.Context, run engine.RunID, at outbound.Place, function lambda.Function) (service.Verdict, error) {
	if !s.asksRoles() {
		return service.Verdict{}, nil
	}
	first, err := s.event(ctx, run, 1)
	if err != nil {
		return service.Verdict{}, err
	}
	a := first.WorkflowExecutionStartedEventAttributes
	if a == nil {
		return service.Verdict{}, fmt.Errorf("read event 1: it is %s", first.EventType)
	}
	role := text(a.LambdaRole)
	if role == "" {
		return service.Verdict{}, nil
	}
	return s.May(ctx, &service.Errand{
		World: at.World, Role: role, Since: engine.Time(first.EventTimestamp),
		Services: []string{permission.Service}, Session: "swf", Source: domainARN(at.World, at.Group),
		Action: "lambda:InvokeFunction", Resource: function.ARN,
		Context: policy.Context{{Key: "lambda:FunctionArn", Value: function.ARN}},
	})
}

// lambdaReport is the command that tells the execution of an outcome.
func lambdaReport(task *execution.LambdaTask, o *lambda.Outcome) any {
	reason, details := lambdaFailure(o)
	switch {
	case reason == "":
		return &execution.CompleteLambda{
			ScheduledEventID: task.ScheduledEventID, StartedEventID: task.StartedEventID, Result: present(valid(o.Payload)),
		}
	case o.Failure != lambda.NoFailure && o.Status == http.StatusForbidden: // the role could not be used
		return &execution.StartLambdaFailed{ScheduledEventID: task.ScheduledEventID, Message: lambda.Cut(reason+": "+details, messageMax)}
	}
	return failLambda(task, reason, details)
}

// lambdaFailure says why there is no result, in words for the decider. The reason is
// empty if there is one.
func lambdaFailure(o *lambda.Outcome) (reason, details string) {
	payload := valid(o.Payload)
	switch {
	case o.FunctionError != "":
		return errorType(o), payload
	case o.Failure == lambda.TooLarge, utf8.RuneCountInString(payload) > dataMax:
		return reasonTooLarge, fmt.Sprintf("the function's result has more than %d characters", dataMax)
	case o.Failure == lambda.NoFailure:
		return "", ""
	case o.Failure == lambda.Refused:
		return o.Code, o.Message
	case o.Failure == lambda.Unreachable:
		return reasonUnreachable, o.Message
	case o.Failure == lambda.Unexpected && o.Status == http.StatusForbidden:
		return reasonDenied, o.Message
	}
	return reasonEndpoint, o.Message
}

// errorType is what a function's error says that it is, or the service's word for it.
func errorType(o *lambda.Outcome) string {
	var said struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(o.Payload, &said) != nil || said.ErrorType == "" {
		return o.FunctionError
	}
	return said.ErrorType
}

func failLambda(task *execution.LambdaTask, reason, details string) *execution.FailLambda {
	reason, details = lambda.Cut(reason, reasonMax), lambda.Cut(details, dataMax)
	return &execution.FailLambda{
		ScheduledEventID: task.ScheduledEventID, StartedEventID: task.StartedEventID, Reason: &reason, Details: &details,
	}
}

// valid makes text of what a function wrote.
func valid(payload []byte) string {
	return strings.ToValidUTF8(string(payload), string(utf8.RuneError))
}
