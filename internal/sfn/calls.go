package sfn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"heddle/internal/aws/sdk"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/integration"
	"heddle/jsonvalue"
)

// calls is the outbound.Source of the services that Task states call: those that the operator
// has named an endpoint of, and those that this server has itself. A state machine is a
// group, a service a target.
type calls struct {
	*actions
	models *sdk.Models
	client *sdk.Client
}

// callMax bounds a call of a service.
const callMax = 5 * time.Minute

func newCalls(s *actions) *calls {
	o := &s.options.Integrations
	return &calls{
		actions: s, models: sdk.NewModels(o.Folder()),
		client: &sdk.Client{HTTP: sdk.NewTransport(o.Concurrent), Now: s.Now, Within: s.Within},
	}
}

// newCaller makes the performer of calls.
func newCaller(s *actions) *outbound.Performer {
	o, began := &s.options.Integrations, s.Now()
	p := outbound.New(outbound.Config{
		What: "task that calls a service", Concurrent: o.Concurrent, Runs: s.Runs, Tasks: s.Performed, PollsMax: s.PollsPerListMax, Within: s.Within, Log: s.Log,
		Stopwatch: func() time.Duration { return s.Now().Sub(began) },
	})
	p.Add(s.calls)
	return p
}

// List implements outbound.Source.
func (s *calls) List() string { return execution.CallList }

// Place implements outbound.Source.
func (s *calls) Place(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, error) {
	task, err := s.look(ctx, run, scheduled)
	if err != nil {
		return outbound.Place{}, err
	}
	return outbound.Place{World: task.Name.World, Group: task.Machine, Target: task.Service}, nil
}

// Start implements outbound.Source. All that is asked comes first, so that once the task is
// started nothing else can go wrong before the call. Without its role it is not started.
func (s *calls) Start(ctx context.Context, run engine.RunID, scheduled int64, _ bool) (*outbound.Call, error) {
	task, err := s.look(ctx, run, scheduled)
	if err != nil {
		return nil, err
	}
	prepared, refused, err := s.prepare(ctx, task)
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
	c := &outbound.Call{
		Do: prepared.do, Max: callMax,
		TooLong: func() any {
			return prepared.fails("SdkClientException", fmt.Sprintf("Unable to execute HTTP request: no answer came within %s", callMax))
		},
		About: []any{"executionArn", task.Execution, "service", task.Service, "action", task.Resource, "attempt", task.Attempt},
	}
	if task.TimeoutSeconds > 0 {
		left := task.ScheduledAt + engine.Seconds(task.TimeoutSeconds) - s.Clock()
		c.Timeout = max(1, time.Duration(left)) * time.Millisecond
	}
	return c, nil
}

// prepared is a call that may be made.
type prepared struct {
	task   *execution.Task
	of     integration.Integration
	model  *sdk.Service
	client *sdk.Client
	call   sdk.Invocation
}

// fails is the command by which the task fails, with an error of the SDK itself.
func (c *prepared) fails(class, cause string) *execution.Fail {
	return failTask(c.task, c.of.Prefix(c.model)+"."+class, cause)
}

// prepare finds out what a task calls, where, and whether it may. It is refused if it may
// not, or if there is no such thing.
func (s *calls) prepare(ctx context.Context, task *execution.Task) (*prepared, *execution.Fail, error) {
	of, served := integration.Of(task.Service, task.Resource)
	c := &prepared{task: task, of: of, client: s.client}
	if !served {
		return nil, failTask(task, "States.TaskFailed", "This server does not call "+task.Service+":"+task.Resource+"."), nil
	}
	unmade := func(why string) (*prepared, *execution.Fail, error) {
		return nil, c.fails("SdkClientException", "Unable to execute HTTP request: "+why), nil
	}
	var err error
	if c.model, err = s.models.Service(of.Service); err != nil {
		s.Log.Error("read a model", "service", of.Service, "cause", err)
		return unmade("the model of " + of.Service + " can't be read (--models)")
	}
	if c.model == nil {
		return unmade("this server has no model of " + of.Service + " (--models)")
	}
	operation := c.model.Operation(of.Operation)
	if operation == nil {
		return unmade("the model of " + of.Service + " has no operation " + of.Operation + " (--models)")
	}
	v, err := jsonvalue.ParseString(task.Input)
	parameters, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, notParameters(task, "the parameters are not an object"), nil
	}
	w := task.Name.World
	c.call = sdk.Invocation{
		Operation: operation, Naming: of.Naming, Parameters: parameters, Region: w.Region,
		Token: derivedUUID(task.Execution, task.ScheduledEventID),
	}
	if at := s.options.Integrations.Named(of.Service, c.model, w.Region); at != "" {
		return s.outside(ctx, c, at)
	}
	if s.Serves != nil && s.Serves(c.model.SigningName()) {
		return s.inside(ctx, c)
	}
	if at := s.options.Integrations.Named("*", c.model, w.Region); at != "" {
		return s.outside(ctx, c, at)
	}
	return unmade("this server has no endpoint for " + of.Service + " (--integration " + of.Service + "=URL)")
}

// notParameters is how a task fails whose parameters the operation does not take.
func notParameters(task *execution.Task, why string) *execution.Fail {
	return failTask(task, "States.Runtime", "The Parameters '"+task.Input+"' could not be used to start the Task: ["+why+"]")
}

// outside has a call made at an endpoint of the operator's, with the operator's keys, if the
// task's role may.
func (s *calls) outside(ctx context.Context, c *prepared, at string) (*prepared, *execution.Fail, error) {
	if refused, err := s.mayCall(ctx, c); refused != nil || err != nil {
		return nil, refused, err
	}
	w := c.task.Name.World
	pair, err := s.options.Integrations.Keys(w.Account, c.of.Service)
	if err != nil {
		s.Log.Error("call a service", "service", c.of.Service, "account", w.Account, "cause", err)
		return nil, c.fails("SdkClientException", "Unable to load credentials: this server has no keys for calls of account "+w.Account), nil
	}
	c.call.Endpoint, c.call.AccessKey, c.call.SecretKey = at, pair.KeyID, string(pair.Secret)
	return c, nil, nil
}

// mayCall asks the role of a task.
func (s *calls) mayCall(ctx context.Context, c *prepared) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	w := c.task.Name.World
	for _, ask := range integration.Asks(c.model, c.call.Operation, w.Region, w.Account, c.call.Parameters) {
		verdict, err := s.May(ctx, errand(c.task, ask.Action, ask.Resource))
		switch {
		case err != nil:
			return nil, err
		case verdict.NotAssumed != "":
			f := failTask(c.task, permissions, verdict.NotAssumed)
			f.Unstarted = true
			return f, nil
		case verdict.Denied != "":
			name, cause := c.of.Denied(c.model, verdict.Denied, c.call.Token)
			return failTask(c.task, name, cause), nil
		}
	}
	return nil, nil
}

// inside has a call answered by this server, in the right of the task's role.
func (s *calls) inside(ctx context.Context, c *prepared) (*prepared, *execution.Fail, error) {
	e := errand(c.task, "", "")
	caller, _, err := s.Acting(ctx, e)
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		f := failTask(c.task, permissions, refused.Error())
		f.Unstarted = true
		return nil, f, nil
	}
	if err != nil {
		return nil, nil, err
	}
	own := *s.client
	own.HTTP = &insider{s, caller, c.task.Name.World.Region}
	c.client, c.call.Endpoint = &own, "http://localhost"
	return c, nil, nil
}

// insider is a transport to this server itself.
type insider struct {
	*calls
	caller *account.Caller
	region string
}

// RoundTrip implements http.RoundTripper.
func (i *insider) RoundTrip(r *http.Request) (*http.Response, error) {
	r.RemoteAddr = "states.amazonaws.com" // whom the trail shows as the sender
	return i.Inside(i.caller, i.region, r), nil
}

// do makes the call, and says how the task ends by it.
func (c *prepared) do(ctx context.Context) outbound.Ended {
	answer, err := c.client.Do(ctx, &c.call)
	if err != nil {
		return c.failed(err)
	}
	if name, cause := c.of.Entries(answer.Result); name != "" {
		return outbound.Ended{Report: failTask(c.task, name, cause)}
	}
	result := answer.Result
	if !c.of.SDK {
		addMetadata(result, answer.Status, answer.Header, answer.RequestID)
	}
	ref := execution.Ref{ScheduledEventID: c.task.ScheduledEventID}
	output := jsonvalue.Text(result)
	if waitsForToken(c.task) {
		return outbound.Ended{Report: &execution.Submit{Ref: ref, Output: output}}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: ref, Output: output}}
}

func (c *prepared) failed(err error) outbound.Ended {
	if wrong, ok := errors.AsType[*sdk.ParameterError](err); ok {
		return outbound.Ended{Report: notParameters(c.task, wrong.Message)}
	}
	if f, ok := errors.AsType[*sdk.Fault](err); ok {
		name, cause := c.of.Failure(c.model, f)
		return outbound.Ended{Report: failTask(c.task, name, cause)}
	}
	if errors.Is(err, sdk.ErrTooLarge) {
		return outbound.Ended{Report: failTask(c.task, "States.DataLimitExceeded",
			"The state/task '"+c.task.Service+"' returned a result with a size exceeding the maximum number of bytes service limit.")}
	}
	cause := "Unable to execute HTTP request: no answer from the endpoint; what was asked for may have been done"
	if errors.Is(err, sdk.ErrUnsent) {
		cause = "Unable to execute HTTP request: no connection to the endpoint; nothing was done"
	}
	return outbound.Ended{Report: c.fails("SdkClientException", cause), Unanswered: true, Cause: err}
}
