package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/history"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/internal/visibility"
)

// inspector shows operators executions and activities: a service.Inspector.
type inspector struct{ *actions }

// Serves implements service.Inspector.
func (inspector) Serves(service string) bool { return service == resource.Service }

// Inspects implements service.Inspector.
func (inspector) Inspects(ref diagnose.Ref) bool { return ref.ARN != "" }

// inspection is the subject of who inspects an execution.
type inspection struct{ *subject }

// Questions implements operation.Subject: it is both, to describe an execution and to read
// its history.
func (i inspection) Questions(ctx context.Context) ([]policy.Request, error) {
	all, err := i.subject.Questions(ctx)
	for _, q := range all {
		q.Action = "states:GetExecutionHistory"
		all = append(all, q)
	}
	return all, err
}

// listedInspection is the subject of who inspects a map run.
type listedInspection struct{ *subject }

// Questions implements operation.Subject: it is both, to describe a map run and to list its
// executions.
func (i listedInspection) Questions(ctx context.Context) ([]policy.Request, error) {
	all, err := i.subject.Questions(ctx)
	for _, q := range all {
		q.Action = "states:ListExecutions"
		all = append(all, q)
	}
	return all, err
}

// ToldSubject implements service.Teller: that of GetExecutionHistory, of executions of all names.
func (i inspector) ToldSubject(ctx context.Context, within string, ref diagnose.Ref) (operation.Subject, error) {
	w := worldOf(ctx)
	of := execution.ARN(w, "*", "*")
	switch {
	case ref.ARN != "":
		if _, err := resource.ParseAs(ref.ARN, resource.Execution); err != nil {
			return nil, fault.Invalid("It is not the ARN of an execution of a standard state machine: " + ref.ARN)
		}
		of = ref.ARN
	case within != "":
		n, err := resource.ParseAs(within, resource.Machine)
		if err != nil {
			return nil, fault.Invalid("It is not the ARN of a state machine: " + within)
		}
		of = resource.Of(n.Region, n.Account, resource.Execution, n.Labelled()).Qualified("*").String()
	}
	return &subject{permission.Call("GetExecutionHistory", &wire.GetExecutionHistoryInput{ExecutionARN: of}, w.Region, w.Account), i.actions, w}, nil
}

// Told implements service.Teller. What a key of the machine's seals is not told. Express
// executions have no history to read, and those that end at once have no events in the store.
func (inspector) Told(id engine.Identity, _, public []byte) (told service.Told, ok bool) {
	if id.Name.Kind != execution.Kind || execution.IsExpress(id.Name) {
		return told, false
	}
	machine, _ := execution.Split(id.Name.Key)
	told.ARN, told.Within, told.Type = execution.ARNOf(id.Name), execution.MachineARN(id.Name.World, machine), machine
	if execution.HasSealed(public) {
		var err error
		if public, err = execution.WithoutData(public, true); err != nil {
			return told, false
		}
	}
	told.Event = string(public)
	return told, true
}

func isMapRun(arn string) bool {
	_, err := resource.ParseAs(arn, resource.MapRun)
	return err == nil
}

// InspectSubject implements service.Inspector.
func (i inspector) InspectSubject(ctx context.Context, ref diagnose.Ref) (operation.Subject, error) {
	w := worldOf(ctx)
	if isMapRun(ref.ARN) {
		need := permission.Call("DescribeMapRun", &wire.DescribeMapRunInput{MapRunARN: ref.ARN}, w.Region, w.Account)
		return listedInspection{&subject{need, i.actions, w}}, nil
	}
	need := permission.Call("DescribeExecution", &wire.DescribeExecutionInput{ExecutionARN: ref.ARN}, w.Region, w.Account)
	return inspection{&subject{need, i.actions, w}}, nil
}

// inspected reads the ARN of an execution, also of one of an express state machine, which is there
// as long as it runs.
func (i inspector) inspected(ctx context.Context, arn string) (engine.Name, error) {
	n, err := resource.ParseAs(arn, resource.Express)
	if w := worldOf(ctx); err == nil && n.In(w.Region, w.Account) {
		return execution.ExpressName(w, n.Base, n.Qualifier, n.ID), nil
	}
	return i.executionOf(ctx, arn)
}

// Look implements service.Inspector.
func (i inspector) Look(ctx context.Context, ref diagnose.Ref) (*engine.RunView, error) {
	named := i.inspected
	if isMapRun(ref.ARN) {
		named = mapRunNamed
	}
	name, err := named(ctx, ref.ARN)
	if err != nil {
		return nil, err
	}
	view, err := i.Runs.View(ctx, name, engine.RunID{})
	if err != nil {
		return nil, executionFault(err, ref.ARN)
	}
	return view, nil
}

// Inspect implements service.Inspector. What a key of the machine's seals is not told.
func (i inspector) Inspect(ctx context.Context, ref diagnose.Ref) (*diagnose.Execution, engine.RunID, error) {
	if isMapRun(ref.ARN) {
		return i.inspectMapRun(ctx, ref)
	}
	view, err := i.Look(ctx, ref)
	if err != nil {
		return nil, engine.RunID{}, err
	}
	name := view.Name
	reply, err := i.Runs.Do(ctx, engine.Command{Name: name, Run: view.Run, Body: &execution.Inspect{}})
	if errors.Is(err, engine.ErrUnusable) {
		machine, _ := execution.Split(name.Key)
		return &diagnose.Execution{
			Service: resource.Service, Ref: ref, Type: machine, Status: execution.Running, IsOpen: view.Status == engine.Open,
			Started: view.Started, Closed: view.Closed, Events: view.LastEvent,
		}, view.Run, engine.ErrUnusable
	}
	if err != nil {
		return nil, view.Run, executionFault(err, ref.ARN)
	}
	e := reply.(*diagnose.Execution)
	i.readPast(ctx, view.Run, e)
	return e, view.Run, nil
}

const (
	// holdersMax is of how many tasks it is read who has them, and failedWithin how far back
	// it is looked for the state that failed.
	holdersMax   = 200
	failedWithin = 50
)

// readPast fills in what only the history says. What can't be read is not told.
func (i inspector) readPast(ctx context.Context, run engine.RunID, e *diagnose.Execution) {
	reads := holdersMax
	find := func(id int64) *history.Event {
		if reads--; id == 0 || reads < 0 {
			return nil
		}
		b, err := i.Runs.AppendEvents(ctx, nil, run, id, id, false)
		var found history.Event
		if err != nil || json.Unmarshal(b, &found) != nil {
			return nil
		}
		if execution.HasSealed(b) {
			found.Error, found.Cause = "", ""
		}
		return &found
	}
	for n := range e.Tasks {
		if k := &e.Tasks[n]; k.Started != 0 && k.Kind == diagnose.Activity {
			if started := find(k.Started); started != nil {
				k.Holder = started.Worker
			}
		}
	}
	if e.IsOpen {
		return
	}
	reads = failedWithin
	if last := find(e.Events); last != nil {
		e.Failure = history.Failure([]history.Event{*last}, find)
	}
}

// ListPrefixes implements service.Inspector. Activities have no domains.
func (inspector) ListPrefixes(w engine.World, domain string) []string {
	if domain != "" {
		return nil
	}
	return []string{execution.ActivityList(resource.Of(w.Region, w.Account, resource.Activity, "").String())}
}

// ListOf implements service.Inspector.
func (inspector) ListOf(full string) (l service.TaskList, ok bool) {
	arn, is := strings.CutPrefix(full, execution.ActivityList(""))
	if !is {
		return l, false
	}
	n, err := resource.ParseAs(arn, resource.Activity)
	if err != nil {
		return l, false
	}
	return service.TaskList{
		Service: resource.Service, World: engine.World{Account: n.Account, Region: n.Region}, Kind: diagnose.Activity, Name: arn, ARN: arn,
	}, true
}

// GroupOf implements service.Inspector. Executions are in nothing but their account and region.
func (i inspector) GroupOf(group string) (of service.Group, ok bool) {
	parts := strings.Split(group, "\x00")
	if len(parts) != 3 {
		return of, false
	}
	w := engine.World{Account: parts[1], Region: parts[2]}
	limits := &i.options.Execution
	switch group {
	case execution.Group(w):
		return service.Group{World: w, Limit: service.OpenExecutions, Most: limits.OpenExecutionsMax}, true
	case execution.MapRunGroup(w):
		return service.Group{World: w, Limit: "open_map_runs", Most: limits.OpenMapRunsMax}, true
	case execution.WaitingMapRunGroup(w):
		return service.Group{World: w, Limit: "waiting_map_runs"}, true
	}
	return of, false
}

// FullName implements service.Inspector.
func (i inspector) FullName(w engine.World, l service.TaskList) string {
	if l.Service != resource.Service || l.Kind != diagnose.Activity {
		return ""
	}
	n, err := resource.ParseAs(l.Name, resource.Activity)
	if err != nil || !n.In(w.Region, w.Account) {
		return ""
	}
	return execution.ActivityList(l.Name)
}

// Execution implements service.Inspector.
func (i inspector) Execution(ctx context.Context, run engine.RunID) (ref diagnose.Ref, ok bool) {
	view, err := i.Runs.View(ctx, engine.Name{}, run)
	if err != nil || view.Name.Kind != execution.Kind || view.Name.World != worldOf(ctx) {
		return ref, false
	}
	ref.ARN = execution.ARNOf(view.Name)
	return ref, true
}

// runningShown is how many executions of a map run an inspection tells of: those that have been
// running longest.
const runningShown = 20

// inspectMapRun tells which executions a map run waits for.
func (i inspector) inspectMapRun(ctx context.Context, ref diagnose.Ref) (*diagnose.Execution, engine.RunID, error) {
	d, err := i.mapRun(ctx, ref.ARN)
	if err != nil {
		return nil, engine.RunID{}, err
	}
	machine, _ := execution.Split(d.Name.Key)
	e := &diagnose.Execution{
		Service: resource.Service, Ref: ref, Type: machine, Status: d.Status, IsOpen: d.Closed == 0, Started: d.Started, Closed: d.Closed,
	}
	if !e.IsOpen {
		return e, engine.RunID{}, nil
	}
	n := &d.Executions
	e.Groups = []diagnose.Group{{State: machine, Running: n.Running, Done: n.Written, Total: n.Total}}
	p := visibility.Place{Kind: execution.Kind, World: worldOf(ctx), Family: execution.ByMapRunStatus, Value: execution.IndexValue(execution.MapRunARN(d.Name), execution.Running)}
	page, err := i.Visibility.List(ctx, p, engine.Open, false, nil, runningShown, pageBytesMax)
	if err != nil {
		return nil, engine.RunID{}, err
	}
	for _, r := range page.Runs {
		e.Children = append(e.Children, diagnose.Child{Ref: diagnose.Ref{ARN: execution.ARNOf(r.Name)}, Started: true})
	}
	return e, engine.RunID{}, nil
}
