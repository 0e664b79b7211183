package swf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	past "heddle/internal/swf/history"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// inspector shows operators executions and task lists: a service.Inspector.
type inspector struct{ *actions }

// Serves implements service.Inspector.
func (inspector) Serves(service string) bool { return service == "swf" }

// ToldSubject implements service.Teller: who is told of all domains is asked for a domain of any
// name.
func (i inspector) ToldSubject(ctx context.Context, within string, _ diagnose.Ref) (operation.Subject, error) {
	if within == "" {
		within = "*"
	}
	need := permission.Call("GetWorkflowExecutionHistory", &wire.GetWorkflowExecutionHistoryInput{Domain: within})
	return &subject{Need: need, actions: i.actions, world: worldOf(ctx)}, nil
}

// Told implements service.Teller.
func (inspector) Told(id engine.Identity, listing, public []byte) (told service.Told, ok bool) {
	if id.Name.Kind != execution.Kind {
		return told, false
	}
	told.Domain, told.WorkflowID = execution.Split(id.Name.Key)
	told.RunID = execution.FormatRun(id.Run)
	told.Within, told.Event = told.Domain, string(public)
	if l, err := execution.DecodeListing(listing); err == nil {
		told.Type = l.Type.Name + " " + l.Type.Version
	}
	return told, true
}

// Inspects implements service.Inspector.
func (inspector) Inspects(ref diagnose.Ref) bool { return ref.ARN == "" }

// inspection is the subject of who inspects an execution.
type inspection struct{ *subject }

// Questions implements operation.Subject: it is both, to describe an execution and to read
// its history.
func (i inspection) Questions(ctx context.Context) ([]policy.Request, error) {
	all, err := i.subject.Questions(ctx)
	for _, q := range all {
		q.Action = "swf:GetWorkflowExecutionHistory"
		all = append(all, q)
	}
	return all, err
}

// InspectSubject implements service.Inspector.
func (i inspector) InspectSubject(ctx context.Context, ref diagnose.Ref) (operation.Subject, error) {
	need := permission.Call("DescribeWorkflowExecution", &wire.DescribeWorkflowExecutionInput{
		Domain: ref.Domain, Execution: wire.WorkflowExecution{WorkflowID: ref.WorkflowID, RunID: ref.RunID},
	})
	return inspection{&subject{Need: need, actions: i.actions, world: worldOf(ctx)}}, nil
}

// Look implements service.Inspector.
func (i inspector) Look(ctx context.Context, ref diagnose.Ref) (*engine.RunView, error) {
	w := worldOf(ctx)
	if _, err := i.domainByName(ctx, w, ref.Domain); err != nil {
		return nil, err
	}
	cmd, ok := named(w, ref.Domain, ref.WorkflowID, ref.RunID)
	if !ok {
		return nil, unknownRun(ref.WorkflowID, ref.RunID)
	}
	view, err := i.Runs.View(ctx, cmd.Name, cmd.Run)
	if err != nil {
		return nil, runFault(err, ref.WorkflowID, ref.RunID)
	}
	return view, nil
}

// Inspect implements service.Inspector.
func (i inspector) Inspect(ctx context.Context, ref diagnose.Ref) (*diagnose.Execution, engine.RunID, error) {
	view, err := i.Look(ctx, ref)
	if err != nil {
		return nil, engine.RunID{}, err
	}
	reply, err := i.Runs.Do(ctx, engine.Command{Name: view.Name, Run: view.Run, Body: &execution.Inspect{}})
	if errors.Is(err, engine.ErrUnusable) {
		ref.RunID = execution.FormatRun(view.Run)
		e := &diagnose.Execution{
			Service: "swf", Ref: ref, Status: wire.ExecutionStatusOpen, IsOpen: view.Status == engine.Open,
			Started: view.Started, Closed: view.Closed, Events: view.LastEvent,
		}
		if listing, err := execution.DecodeListing(view.Listing); err == nil {
			e.Type = listing.Type.Name + " " + listing.Type.Version
		}
		return e, view.Run, engine.ErrUnusable
	}
	if err != nil {
		return nil, view.Run, runFault(err, ref.WorkflowID, ref.RunID)
	}
	e := reply.(*diagnose.Execution)
	if err := i.readPast(ctx, view.Run, e); err != nil {
		return nil, view.Run, runFault(err, ref.WorkflowID, ref.RunID)
	}
	return e, view.Run, nil
}

const (
	// tailEvents is how many of the last events are read, and tailBytes how much of them.
	tailEvents = 200
	tailBytes  = 512 << 10
	// holdersMax is of how many tasks it is read who has them.
	holdersMax = 200
)

// readPast fills in what only the history says.
func (i inspector) readPast(ctx context.Context, run engine.RunID, e *diagnose.Execution) error {
	find := func(id int64) *past.Event {
		b, err := i.Runs.AppendEvents(ctx, nil, run, id, id, false)
		var found past.Event
		if err != nil || json.Unmarshal(b, &found) != nil {
			return nil // the verdict says less
		}
		return &found
	}
	read := 0
	for n := range e.Tasks {
		if k := &e.Tasks[n]; k.Started != 0 && k.Kind != diagnose.Lambda && read < holdersMax {
			read++
			if started := find(k.Started); started != nil {
				k.Holder = started.Identity
			}
		}
	}
	events, err := i.tail(ctx, run, e.Events)
	if err != nil {
		return err
	}
	e.Loop = past.Loop(events)
	if e.IsOpen {
		e.Parked = past.Parked(events)
		if e.Context != 0 {
			if said := find(e.Context); said != nil {
				e.CodeWaits = past.CodeWaits(said.Context)
			}
		}
	}
	for n := range events {
		if events[n].Type == "DecisionTaskCompleted" {
			e.DecidedAt = events[n].At
		}
	}
	if !e.IsOpen {
		e.Failure = past.Failure(events, find)
	}
	return nil
}

// tail reads the last events, the oldest first.
func (i inspector) tail(ctx context.Context, run engine.RunID, last int64) ([]past.Event, error) {
	b, n, err := i.Runs.AppendPage(ctx, nil, run, max(1, last-tailEvents+1), last, true, tailBytes)
	if err != nil {
		return nil, err
	}
	events := make([]past.Event, 0, n)
	if err := json.Unmarshal(slices.Concat([]byte("["), b, []byte("]")), &events); err != nil {
		return nil, fmt.Errorf("read the last events of run %s: %w", run, err)
	}
	slices.Reverse(events)
	return events, nil
}

// listKinds are what full names of lists begin with.
var listKinds = map[diagnose.Kind]func(engine.World, string, string) string{
	diagnose.Decision: execution.DecisionList, diagnose.Activity: execution.ActivityList,
}

// ListPrefixes implements service.Inspector.
func (inspector) ListPrefixes(w engine.World, domain string) []string {
	all := []string{execution.ActivityList(w, domain, ""), execution.DecisionList(w, domain, "")}
	if domain == "" {
		for n := range all {
			all[n] = strings.TrimSuffix(all[n], "\x00\x00") + "\x00"
		}
	}
	return all
}

// ListOf implements service.Inspector.
func (inspector) ListOf(full string) (l service.TaskList, ok bool) {
	parts := strings.SplitN(full, "\x00", 5)
	if len(parts) != 5 || listKinds[diagnose.Kind(parts[0])] == nil {
		return l, false
	}
	l = service.TaskList{
		Service: "swf", World: engine.World{Account: parts[1], Region: parts[2]}, Kind: diagnose.Kind(parts[0]), Within: parts[3], Name: parts[4],
	}
	l.ARN = domainARN(l.World, l.Within)
	return l, true
}

// accountLen is how long an account's id is: the groups of other services begin with a word.
const accountLen = 12

// GroupOf implements service.Inspector.
func (i inspector) GroupOf(group string) (of service.Group, ok bool) {
	parts := strings.Split(group, "\x00")
	if len(parts) != 3 || len(parts[0]) != accountLen {
		return of, false
	}
	w := engine.World{Account: parts[0], Region: parts[1]}
	return service.Group{World: w, Within: parts[2], Limit: service.OpenExecutions, Most: i.options.Execution.OpenExecutionsMax}, true
}

// FullName implements service.Inspector.
func (inspector) FullName(w engine.World, l service.TaskList) string {
	of := listKinds[l.Kind]
	if of == nil || l.Service != "swf" || strings.Contains(l.Within+l.Name, "\x00") {
		return ""
	}
	return of(w, l.Within, l.Name)
}

// Execution implements service.Inspector.
func (i inspector) Execution(ctx context.Context, run engine.RunID) (ref diagnose.Ref, ok bool) {
	view, err := i.Runs.View(ctx, engine.Name{}, run)
	if err != nil || view.Name.Kind != execution.Kind || view.Name.World != worldOf(ctx) {
		return ref, false
	}
	ref.Domain, ref.WorkflowID = execution.Split(view.Name.Key)
	ref.RunID = execution.FormatRun(run)
	return ref, true
}
