package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/sdk"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/kms/datakey"
	"heddle/internal/outbound"
	"heddle/internal/service"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/httptask"
	"heddle/internal/sfn/integration"
	"heddle/internal/sfn/permission"
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

// known tells whether there is an action of a service, and which parameters it takes and wants, as
// far as there is a model of it.
func (s *calls) known(service, action string) (takes asl.Structure, known bool) {
	of, called := integration.Of(service, action)
	if !called {
		return nil, true
	}
	if of.SDK {
		listed, supported := sdk.Listed(of.Service, of.Operation)
		if listed && !supported {
			return nil, false
		}
		known = listed
	}
	model, err := s.models.Service(of.Service)
	if err != nil || model == nil { // why it can't be read the operator is told when it is called
		return nil, err != nil || known || !of.SDK
	}
	o := model.Operation(of.Operation)
	if o == nil {
		return nil, !of.SDK
	}
	if p := of.Takes(o); p != nil {
		return structure{p}, true
	}
	return nil, true
}

// structure is an asl.Structure.
type structure struct{ *integration.Structure }

// Member implements asl.Structure.
func (s structure) Member(name string) (asl.Structure, bool) {
	in, ok := s.Structure.Member(name)
	if in == nil {
		return nil, ok
	}
	return structure{in}, ok
}

// List implements outbound.Source.
func (s *calls) List() string { return execution.CallList }

// Place implements outbound.Source.
func (s *calls) Place(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, error) {
	task, err := s.look(ctx, run, scheduled)
	if err != nil {
		return outbound.Place{}, err
	}
	at := outbound.Place{World: task.Name.World, Group: task.Machine, Target: task.Service}
	if task.Service == httpService {
		at.After = s.untilHTTP(at.World)
	}
	return at, nil
}

// untilHTTP is how long an HTTP task has to wait, for there are many. It asks once for each.
func (s *calls) untilHTTP(w engine.World) time.Duration {
	if s.Reserve == nil {
		return 0
	}
	now := s.Clock()
	return time.Duration(s.Reserve(w, httpTask, now, 1)-now) * time.Millisecond
}

// Start implements outbound.Source. All that is asked comes first, so that once the task is
// started nothing else can go wrong before the call. Without its role it is not started. A
// task whose job was begun, before a restart or by the call before, asks after it; if the task
// is over by then and the job may not be, the job is stopped.
func (s *calls) Start(ctx context.Context, run engine.RunID, scheduled int64, again bool) (*outbound.Call, error) {
	task, err := s.look(ctx, run, scheduled)
	if again && engine.IsGone(err) {
		return s.stopping(ctx, run, scheduled)
	}
	if err != nil {
		return nil, err
	}
	prepared, refused, err := s.prepare(ctx, run, task)
	if err != nil {
		return nil, err
	}
	if !again && (refused == nil || !refused.Unstarted) {
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
	if h := prepared.web; h != nil {
		c.Max, c.TooLong = httptask.Max, func() any { return h.tooLong(task) }
	}
	if prepared.asks && prepared.web == nil {
		c.Do = func(ctx context.Context) outbound.Ended { return prepared.ask(ctx, s.Clock()) }
		c.TooLong = func() any { return nil } // it asks again
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
	lookup *sdk.Invocation   // of what finds out what call lacks; nil: it lacks nothing
	job    *integration.Job  // that it begins, and waits for; nil: none
	asks   bool              // the job was begun, and the call asks after it
	answer *jsonvalue.Object // when it asks: what was answered when the job began
	// undo stops the job, whose beginning was answered so.
	undo func(ctx context.Context, answer *jsonvalue.Object) outbound.Ended
	// web is the call of a task that calls no service of AWS's, and has nothing of the above but
	// the task; nil: it is none.
	web webCall
}

// webCall is a call of what has no model: an HTTP task's, or that of an API.
type webCall interface {
	// do sends the request, and says how the task ends by it.
	do(ctx context.Context, task *execution.Task) outbound.Ended
	// tooLong is the command that tells that it took longer than it may.
	tooLong(task *execution.Task) any
}

// fails is the command by which the task fails, with an error of the SDK itself.
func (c *prepared) fails(class, cause string) *execution.Fail {
	return failTask(c.task, c.of.Prefix(c.model)+"."+class, cause)
}

// prepare finds out what a task calls, where, and whether it may. It is refused if it may
// not, or if there is no such thing.
func (s *calls) prepare(ctx context.Context, run engine.RunID, task *execution.Task) (*prepared, *execution.Fail, error) {
	of, served := integration.Of(task.Service, task.Resource)
	c := &prepared{task: task, of: of, client: s.client}
	switch task.Service {
	case httpService:
		return s.prepareHTTP(ctx, c)
	case apiService:
		return s.prepareAPI(ctx, c)
	case clusterService:
		if task.Resource == "call" || strings.HasPrefix(task.Resource, "runJob") {
			return s.prepareCluster(ctx, run, c)
		}
	}
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
	if strings.HasSuffix(task.Resource, ".sync") {
		if c.job = integration.JobOf(task.Service, task.Resource); c.job == nil {
			return nil, failTask(task, "States.TaskFailed", "This server does not wait for "+task.Service+":"+task.Resource+"."), nil
		}
		c.undo = func(ctx context.Context, answer *jsonvalue.Object) outbound.Ended {
			return s.stopJob(ctx, task, answer)
		}
	}
	if task.Submitted == 0 {
		parameters = of.Parameters(parameters)
		if l := of.Lookup; l != nil {
			lists := c.model.Operation(l.Operation)
			if lists == nil {
				return unmade("the model of " + of.Service + " has no operation " + l.Operation + " (--models)")
			}
			c.lookup = &sdk.Invocation{Operation: lists, Naming: of.Naming, Parameters: l.Parameters(parameters)}
		}
	} else {
		if c.answer, err = s.begun(ctx, run, task); err != nil {
			return nil, nil, err
		}
		if parameters, ok = c.job.Parameters(parameters, c.answer); !ok {
			return nil, failTask(task, "States.TaskFailed", "The answer does not say what has begun: "+jsonvalue.Text(c.answer)), nil
		}
		if operation = c.model.Operation(c.job.Describe); operation == nil {
			return unmade("the model of " + of.Service + " has no operation " + c.job.Describe + " (--models)")
		}
		c.asks = true
	}
	return s.reach(ctx, c, operation, parameters)
}

// reach finds out where an operation is called, and whether a task may.
func (s *calls) reach(ctx context.Context, c *prepared, operation *sdk.Operation, parameters *jsonvalue.Object) (*prepared, *execution.Fail, error) {
	task, of, w := c.task, c.of, c.task.Name.World
	c.call = sdk.Invocation{
		Operation: operation, Naming: of.Naming, Parameters: parameters, Region: w.Region,
		Token: derivedUUID(task.Execution, task.ScheduledEventID), Trace: task.Trace,
	}
	if at := s.options.Integrations.Named(of.Service, c.model, w.Region); at != "" {
		return s.outside(ctx, c, at)
	}
	if s.Serves != nil && s.Serves(c.model.SigningName(), operation.Name) {
		return s.inside(ctx, c)
	}
	if at := s.options.Integrations.Named("*", c.model, w.Region); at != "" {
		return s.outside(ctx, c, at)
	}
	return nil, c.fails("SdkClientException", "Unable to execute HTTP request: this server has no endpoint for "+of.Service+" (--integration "+of.Service+"=URL)"), nil
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
	id, secret, lacking := s.operatorKeys(c.task, c.of.Service)
	if lacking != "" {
		return nil, c.fails("SdkClientException", lacking), nil
	}
	c.call.Endpoint, c.call.AccessKey, c.call.SecretKey = at, id, secret
	return c, nil, nil
}

// operatorKeys is the operator's key pair for calls of a service that a task makes. Lacking says why there is none, for
// who set the task up.
func (s *calls) operatorKeys(task *execution.Task, service string) (id, secret, lacking string) {
	account := task.Name.World.Account
	pair, err := s.options.Integrations.Keys(account, service)
	if err != nil {
		s.Log.Error("call a service", "service", service, "account", account, "cause", err)
		lacking = "Unable to load credentials: this server has no keys for calls of account " + account
	}
	return pair.KeyID, string(pair.Secret), lacking
}

// mayCall asks the role of a task.
func (s *calls) mayCall(ctx context.Context, c *prepared) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	w := c.task.Name.World
	asks := integration.Asks(c.model, c.call.Operation, w.Region, w.Account, c.call.Parameters)
	if l := c.lookup; l != nil {
		asks = append(asks, integration.Asks(c.model, l.Operation, w.Region, w.Account, l.Parameters)...)
	}
	for _, ask := range asks {
		refused, err := s.may(ctx, c.task, errand(c.task, ask.Action, ask.Resource), func(denied string) *execution.Fail {
			name, cause := c.of.Denied(c.model, denied, c.call.Token)
			return failTask(c.task, name, cause)
		})
		if refused != nil || err != nil {
			return refused, err
		}
	}
	return nil, nil
}

// may asks whether the role of a task may do something, and gives the task's failure if not:
// what is denied fails as the target would have it.
func (s *calls) may(ctx context.Context, task *execution.Task, e *service.Errand, refuse func(denied string) *execution.Fail) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	verdict, err := s.May(ctx, e)
	switch {
	case err != nil:
		return nil, err
	case verdict.NotAssumed != "":
		return notAssumed(task, verdict.NotAssumed), nil
	case verdict.Denied != "":
		return refuse(verdict.Denied), nil
	}
	return nil, nil
}

// inside has a call answered by this server, in the right of the task's role.
func (s *calls) inside(ctx context.Context, c *prepared) (*prepared, *execution.Fail, error) {
	e := errand(c.task, "", "")
	caller, _, err := s.Acting(ctx, e)
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		return nil, notAssumed(c.task, refused.Error()), nil
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
	return i.Inside(i.caller, i.region, r.WithContext(fromTask(r.Context()))), nil
}

// do makes the call, and says how the task ends by it.
func (c *prepared) do(ctx context.Context) outbound.Ended {
	if c.web != nil {
		return c.web.do(ctx, c.task)
	}
	if c.lookup != nil {
		if err := c.complete(ctx); err != nil {
			return c.failed(err)
		}
	}
	answer, err := c.client.Do(ctx, &c.call)
	if err != nil {
		return c.failed(err)
	}
	if name, cause := c.of.Entries(answer.Result); name != "" {
		return outbound.Ended{Report: failTask(c.task, name, cause)}
	}
	result := c.of.Result(answer.Result)
	if !c.of.SDK {
		addMetadata(result, answer.Status, answer.Header, answer.RequestID)
	}
	ref := execution.Ref{ScheduledEventID: c.task.ScheduledEventID}
	output := jsonvalue.Text(result)
	if c.job != nil {
		if cause, ok := c.job.Began(result); !ok {
			return outbound.Ended{Report: failTask(c.task, "States.TaskFailed", cause)}
		}
		return outbound.Ended{
			Report: &execution.Submit{Ref: ref, Output: output, Asked: true}, Again: askFirst,
			Undo: func(ctx context.Context) outbound.Ended { return c.undo(ctx, result) },
		}
	}
	if waitsForToken(c.task) {
		return outbound.Ended{Report: &execution.Submit{Ref: ref, Output: output}}
	}
	return outbound.Ended{Report: &execution.Succeed{Ref: ref, Output: output}}
}

// complete finds out what the call lacks: it asks for one page of a list after the other.
func (c *prepared) complete(ctx context.Context) error {
	look := *c.lookup
	look.Region, look.Endpoint, look.AccessKey, look.SecretKey, look.Trace = c.call.Region, c.call.Endpoint, c.call.AccessKey, c.call.SecretKey, c.call.Trace
	for range lookupPagesMax {
		answer, err := c.client.Do(ctx, &look)
		if err != nil {
			return err
		}
		whole, next, found := c.of.Lookup.Found(c.call.Parameters, answer.Result)
		if found {
			c.call.Parameters = whole
			return nil
		}
		if next == "" {
			break
		}
		look.Parameters = c.of.Lookup.Next(c.call.Parameters, next)
	}
	return &sdk.Fault{Status: http.StatusBadRequest, Code: "ValidationException", Message: c.of.Lookup.Missing(c.call.Parameters), RequestID: c.call.Token}
}

// lookupPagesMax bounds the pages of a list that are asked for.
const lookupPagesMax = 20

// Whoever waits for a job asks after it: soon, and ever more rarely, a quarter of the time
// since it began.
const (
	askFirst = 2 * time.Second
	askMost  = 30 * time.Second
)

// askAgain is how long to wait with the next question after a job that began so long ago.
func askAgain(running time.Duration) time.Duration { return min(max(askFirst, running/4), askMost) }

// ask asks what became of a job, and says how the task ends by it, or when to ask again.
func (c *prepared) ask(ctx context.Context, now engine.Time) outbound.Ended {
	again := askAgain(time.Duration(now-c.task.Since) * time.Millisecond)
	answer, err := c.client.Do(ctx, &c.call)
	if f, refused := errors.AsType[*sdk.Fault](err); refused && integration.Passing(f) || err != nil && !refused {
		return outbound.Ended{Unanswered: true, Cause: fmt.Errorf("ask after a job: %w", err), Again: again}
	} else if refused && c.job.IsGone(f) {
		return outbound.Ended{Report: &execution.Succeed{Ref: execution.Ref{ScheduledEventID: c.task.ScheduledEventID}, Output: jsonvalue.Text(c.answer)}}
	}
	if err != nil {
		return c.failed(err)
	}
	switch state, output := c.job.Ended(answer.Result); state {
	case integration.Succeeded:
		if c.job.Answer {
			output = c.answer
		}
		return outbound.Ended{Report: &execution.Succeed{Ref: execution.Ref{ScheduledEventID: c.task.ScheduledEventID}, Output: jsonvalue.Text(output)}}
	case integration.Failed:
		return outbound.Ended{Report: failTask(c.task, "States.TaskFailed", jsonvalue.Text(output))}
	}
	return outbound.Ended{Again: again}
}

// begun is what was answered when the job of a task began: the history has it.
func (s *calls) begun(ctx context.Context, run engine.RunID, task *execution.Task) (*jsonvalue.Object, error) {
	var event struct {
		Details struct {
			Output string `json:"output"`
		} `json:"taskSubmittedEventDetails"`
	}
	if err := s.event(ctx, run, task, task.Submitted, &event); err != nil {
		return nil, err
	}
	v, err := jsonvalue.ParseString(event.Details.Output)
	answer, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return nil, fmt.Errorf("read event %d: its output is no object", task.Submitted)
	}
	return answer, nil
}

// event reads an event of a task, opened.
func (s *calls) event(ctx context.Context, run engine.RunID, task *execution.Task, id int64, into any) error {
	b, err := s.Runs.AppendEvents(ctx, nil, run, id, id, false)
	if err == nil && execution.HasSealed(b) {
		b, err = s.opened(ctx, run, task, b)
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("read event %d: %w", id, err)
	}
	return nil
}

// opened opens an event that is sealed under the machine's key, in the right of its role.
func (s *calls) opened(ctx context.Context, run engine.RunID, task *execution.Task, event []byte) ([]byte, error) {
	reply, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.Describe{}})
	if err != nil {
		return nil, err
	}
	role := *task
	role.Credentials = false
	caller, known, err := s.Acting(ctx, errand(&role, "", ""))
	if err != nil {
		return nil, err
	}
	d, w := reply.(*execution.Description), task.Name.World
	use := datakey.Use{
		Request: datakey.Request{World: w, Key: d.Settings.Key.Key, Caller: caller, Known: known, Via: permission.Regional(w.Region), Context: contextOf(d.Machine)},
		Reuse:   time.Duration(d.Settings.Key.ReuseSeconds) * time.Second,
	}
	return execution.ViewHistory(event, func(stored string) (string, error) {
		if !execution.Sealed(stored) {
			return stored, nil
		}
		b, err := execution.Unseal(stored)
		if err == nil {
			b, err = s.openSealed(ctx, use, b)
		}
		return string(b), err
	})
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
