package sfn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/jsonvalue"
)

// integrations performs the tasks of state machines that start executions here.
//
// What it was doing when the server stopped is offered again, as the next attempt. So what
// it starts is found again: by the task that it was started for.
type integrations struct{ *actions }

// integrationsMax is how many tasks are performed at a time. Each is a few commands for
// runs, none of which waits for anybody outside.
const integrationsMax = 32

func newIntegrations(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: execution.IntegrationList, Places: integrationsMax, Perform: integrations{s}.take,
		Failed: "a task that starts an execution could not be performed",
	}
}

// take performs a task, to its end even while the server stops.
func (i integrations) take(ctx context.Context, t tasks.Task) (handBack func(), err error) {
	ctx = context.WithoutCancel(ctx)
	task, err := i.begin(ctx, t)
	switch {
	case engine.IsGone(err) || isMissing(err) || errors.Is(err, engine.ErrUnusable):
		return nil, nil
	case err != nil || task == nil:
		return nil, err
	}
	ref := execution.Ref{ScheduledEventID: task.ScheduledEventID}
	body, err := i.perform(ctx, t.Run, task, ref)
	if err != nil {
		return i.failed(ctx, t.Run, task, err)
	}
	if body == nil {
		return nil, nil
	}
	return i.tell(ctx, t.Run, task, body)
}

// tell tells a run what became of a task.
func (i integrations) tell(ctx context.Context, run engine.RunID, task *execution.Task, body any) (handBack func(), err error) {
	_, err = i.Runs.Do(ctx, engine.Command{Run: run, Body: body})
	if err == nil || engine.IsGone(err) || isMissing(err) {
		return nil, nil // it was stopped meanwhile, or the execution that it waits for has ended
	}
	return i.handBack(run, task), err
}

// handBack has a task offered again that was started.
func (i integrations) handBack(run engine.RunID, task *execution.Task) func() {
	return func() { i.Runs.Cast(engine.Command{Run: run, Body: undelivered(task)}) }
}

// begin starts a task. Without its role it fails unstarted, and there is none.
func (i integrations) begin(ctx context.Context, t tasks.Task) (*execution.Task, error) {
	reply, err := i.Runs.Do(ctx, engine.Command{Run: t.Run, Body: &execution.Look{ScheduledEventID: t.ID}})
	if err != nil {
		return nil, err
	}
	refused, err := i.unassumable(ctx, reply.(*execution.Task))
	if err != nil {
		return nil, err
	}
	if refused != nil {
		_, err := i.Runs.Do(ctx, engine.Command{Run: t.Run, Body: refused})
		return nil, err
	}
	reply, err = i.Runs.Do(ctx, engine.Command{Run: t.Run, Body: &execution.StartTask{ScheduledEventID: t.ID}})
	if err != nil {
		return nil, err
	}
	return reply.(*execution.Task), nil
}

// failed tells a run that a task failed, if that is the task's own fault. Else the task is to
// be handed back.
func (i integrations) failed(ctx context.Context, run engine.RunID, task *execution.Task, why error) (handBack func(), err error) {
	f, theirs := errors.AsType[*fault.Fault](keyFault(why))
	if !theirs {
		return i.handBack(run, task), why
	}
	name, cause := integrationError(f, task)
	return i.tell(ctx, run, task, &execution.Fail{
		Ref: execution.Ref{ScheduledEventID: task.ScheduledEventID}, Error: &name, Cause: &cause,
	})
}

// permissions is the error of a task whose role can't be assumed.
const permissions = "States.Permissions"

// integrationError is a fault as tasks of the integration fail with it: called like the
// class that the Java SDK has for it.
func integrationError(f *fault.Fault, task *execution.Task) (name, cause string) {
	code := f.Name()
	name = "StepFunctions.AWSStepFunctionsException"
	if code == "ValidationException" || slices.ContainsFunc(startFaults, func(declared string) bool { return strings.HasSuffix(declared, "#"+code) }) {
		name = "StepFunctions." + strings.TrimSuffix(code, "Exception") + "Exception"
	}
	return name, fmt.Sprintf("%s (Service: AWSStepFunctions; Status Code: 400; Error Code: %s; Request ID: %s; Proxy: null)",
		f.Message, code, derivedUUID(task.Execution, task.ScheduledEventID))
}

// startFaults are those that StartExecution has of its own.
var startFaults = func() []string {
	for _, o := range wire.Operations {
		if o.Name == "StartExecution" {
			return o.Faults
		}
	}
	return nil
}()

// derivedUUID is a UUID that is the same whenever it is asked for.
func derivedUUID(arn string, scheduled int64) string {
	return execution.DerivedUUID(fmt.Sprintf("%s %d", arn, scheduled))
}

// parameters are those of states:startExecution.
type parameters struct {
	StateMachineArn string
	Name            string
	Input           json.RawMessage
	TraceHeader     string
}

// perform starts the execution that a task asks for, and gives what its run is to be told;
// nil: nothing.
func (i integrations) perform(ctx context.Context, run engine.RunID, task *execution.Task, ref execution.Ref) (any, error) {
	var p parameters
	if err := json.Unmarshal([]byte(task.Input), &p); err != nil {
		return nil, invalid("The parameters of startExecution can't be read: " + err.Error())
	}
	input := string(p.Input)
	if quoted, ok := textOf(p.Input); ok {
		input = quoted
	}
	if input == "" || input == "null" {
		input = "{}"
	}
	name := p.Name
	if name == "" {
		name = derivedUUID(task.Execution, task.ScheduledEventID)
	} else if err := checkName(name); err != nil {
		return nil, err
	}
	if err := checkInput(input); err != nil {
		return nil, err
	}
	w := task.Name.World
	machine, _ := i.options.untested(p.StateMachineArn)
	if err := i.mayStart(ctx, task, machine); err != nil {
		return nil, err
	}
	t, err := i.target(ctx, w, p.StateMachineArn)
	if err != nil {
		return nil, err
	}
	_, pattern, _ := strings.Cut(task.Resource, ".")
	waits := strings.HasPrefix(pattern, "sync")
	parent := execution.Parent{Name: task.Name, Run: run, Scheduled: task.ScheduledEventID, Waits: waits}
	begun, err := i.start(ctx, w, t, name, &execution.Start{Input: input, Settings: execution.Settings{Trace: cmp.Or(p.TraceHeader, task.Trace), Parent: parent}})
	if f, ok := errors.AsType[*fault.Fault](err); ok && f.Code == wire.CodeExecutionAlreadyExists {
		begun, err = i.earlier(ctx, begun, parent, err)
	}
	if err != nil {
		return nil, err
	}
	output := execution.StartOutput(begun.ARN, begun.At, task.ScheduledEventID)
	switch {
	case pattern == "":
		return &execution.Succeed{Ref: ref, Output: output}, nil
	case waits: // the child has told its parent
		return nil, nil
	}
	return &execution.Submit{Ref: ref, Output: output}, nil
}

// textOf reads a JSON text.
func textOf(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	v, err := jsonvalue.Parse(raw)
	s, ok := v.(string)
	return s, err == nil && ok
}

// earlier finds the execution that an attempt before this one has started for the task; if
// it is another one, why stands.
func (i integrations) earlier(ctx context.Context, found *started, parent execution.Parent, why error) (*started, error) {
	view, err := i.Runs.View(ctx, found.Name, engine.RunID{})
	if engine.IsGone(err) || isMissing(err) {
		return nil, why
	}
	if err != nil {
		return nil, err
	}
	reply, err := i.Runs.Do(ctx, engine.Command{Name: found.Name, Run: view.Run, Body: &execution.Describe{}})
	if err != nil {
		return nil, err
	}
	if d := reply.(*execution.Description); d.Settings.Parent.Run != parent.Run || d.Settings.Parent.Scheduled != parent.Scheduled {
		return nil, why
	}
	found.Run, found.At = view.Run, view.Started
	return found, nil
}

// unassumable asks whether the role of a task can't be assumed. It gives the command that
// says so.
func (s *actions) unassumable(ctx context.Context, task *execution.Task) (*execution.Fail, error) {
	if s.Trusting {
		return nil, nil
	}
	verdict, err := s.May(ctx, errand(task, "", ""))
	if err != nil || verdict.NotAssumed == "" {
		return nil, err
	}
	return notAssumed(task, verdict.NotAssumed), nil
}

// notAssumed fails a task whose role can't be assumed, so that nothing was begun.
func notAssumed(task *execution.Task, why string) *execution.Fail {
	f := failTask(task, permissions, why)
	f.Unstarted = true
	return f
}

// mayStart asks whether the role of a task may start executions of a machine.
func (i integrations) mayStart(ctx context.Context, task *execution.Task, machine string) error {
	if i.Trusting {
		return nil
	}
	verdict, err := i.May(ctx, errand(task, resource.Service+":StartExecution", machine))
	if err != nil {
		return err
	}
	if why := cmp.Or(verdict.NotAssumed, verdict.Denied); why != "" {
		return &fault.Fault{Code: "AccessDeniedException", Message: why}
	}
	return nil
}

// undelivered hands a task back, so that it is offered again.
func undelivered(k *execution.Task) any {
	return &task.Undelivered{ScheduledEventID: k.ScheduledEventID, Attempt: k.Attempt}
}
