package operator

import (
	"context"
	"errors"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

const (
	// rowsMax is how many open tasks, timers or children an answer shows, the oldest; all
	// count for the verdicts.
	rowsMax = 200
	// listsMax is of how many lists that tasks wait on more is told than whether somebody
	// polls them.
	listsMax = 50
	// alikeFrom is among how many lists those with a like name are looked for.
	alikeFrom = 1000
)

func refIn(in *wire.InspectExecutionInput) diagnose.Ref {
	return diagnose.Ref{Domain: text(in.Domain), WorkflowID: text(in.WorkflowID), RunID: text(in.RunID), ARN: text(in.ExecutionARN)}
}

func (s *actions) inspectorOf(ref diagnose.Ref) service.Inspector {
	for _, i := range s.Inspectors {
		if i.Inspects(ref) {
			return i
		}
	}
	return nil
}

var errWhich = fault.Invalid("An execution is named by executionArn, or by domain and workflowId, and perhaps runId.")

func (s *actions) aboutExecution(ctx context.Context, in *wire.InspectExecutionInput) (operation.Subject, error) {
	ref := refIn(in)
	i := s.inspectorOf(ref)
	if i == nil || (ref.ARN == "") != (ref.Domain != "" && ref.WorkflowID != "") {
		return nil, errWhich
	}
	return i.InspectSubject(ctx, ref)
}

// inspectExecution serves InspectExecution.
func (s *actions) inspectExecution(ctx context.Context, in *wire.InspectExecutionInput) (*wire.InspectExecutionOutput, error) {
	e, verdicts, err := s.inspect(ctx, refIn(in), true)
	if err != nil {
		return nil, err
	}
	return s.shown(e, verdicts), nil
}

func (s *actions) aboutVerdicts(ctx context.Context, in *wire.ListVerdictsInput) (operation.Subject, error) {
	ref := diagnose.Ref{Domain: in.Domain, WorkflowID: in.Executions[0].WorkflowID, RunID: in.Executions[0].RunID}
	return s.inspectorOf(ref).InspectSubject(ctx, ref)
}

// listVerdicts serves ListVerdicts: the first verdict of each execution, in their order. What
// is not there is left out.
func (s *actions) listVerdicts(ctx context.Context, in *wire.ListVerdictsInput) (*wire.ListVerdictsOutput, error) {
	out := &wire.ListVerdictsOutput{Verdicts: []wire.FirstVerdict{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	for i := range in.Executions {
		v, err := s.firstVerdict(ctx, diagnose.Ref{Domain: in.Domain, WorkflowID: in.Executions[i].WorkflowID, RunID: in.Executions[i].RunID})
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.Verdicts = append(out.Verdicts, *v)
		}
	}
	return out, nil
}

// firstVerdict is that of an execution; nil: it is not there.
func (s *actions) firstVerdict(ctx context.Context, ref diagnose.Ref) (*wire.FirstVerdict, error) {
	e, verdicts, err := s.inspect(ctx, ref, false)
	if f, ours := errors.AsType[*fault.Fault](err); ours && f.Code == wire.CodeResourceNotFoundException {
		return nil, nil
	}
	if err != nil || len(verdicts) == 0 {
		return nil, err
	}
	v := &verdicts[0]
	return &wire.FirstVerdict{Execution: refOf(e.Ref), Code: string(v.Code), Text: v.Text, Severe: v.Code.Severe(), Reason: present(e.Failure.Reason)}, nil
}

// inspect finds out why an execution does not move; children tells whether also why the
// first one that it waits for does not.
func (s *actions) inspect(ctx context.Context, ref diagnose.Ref, children bool) (*diagnose.Execution, []diagnose.Verdict, error) {
	e, run, err := s.inspectorOf(ref).Inspect(ctx, ref)
	unusable := e != nil && errors.Is(err, engine.ErrUnusable)
	if f, ours := errors.AsType[*fault.Fault](err); ours && f.Kind == 0 {
		return nil, nil, &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: f.Message}
	}
	if err != nil && !unusable {
		return nil, nil, err
	}
	if children && len(e.Children) > 0 {
		s.inspectChild(ctx, &e.Children[0])
	}
	facts := &diagnose.Facts{
		Execution: e, Now: s.Clock(), Quarantined: unusable, Up: s.Overview.Up(), PollHold: engine.Time(s.PollHold.Milliseconds()),
		Lists: map[string]diagnose.List{}, Holders: map[string]diagnose.Seen{}, Refusals: s.refusalsOf(ctx, run),
	}
	for n := range e.Tasks {
		k := &e.Tasks[n]
		if _, known := facts.Lists[k.Full]; k.Waits && k.List != "" && !known {
			facts.Lists[k.Full] = s.list(ctx, k.Full, len(facts.Lists) < listsMax)
		}
		if _, known := facts.Holders[k.Holder]; k.Holder != "" && !known {
			last, waits := s.Overview.IdentitySeen(operation.CallerOf(ctx).Account, k.Holder)
			facts.Holders[k.Holder] = diagnose.Seen{Waits: waits, Last: last}
		}
	}
	return e, diagnose.Diagnose(facts), nil
}

// inspectChild tells of a child why it does not move, if its caller may know.
func (s *actions) inspectChild(ctx context.Context, c *diagnose.Child) {
	i := s.inspectorOf(c.Ref)
	subject, err := i.InspectSubject(ctx, c.Ref)
	if err != nil {
		return
	}
	all, err := subject.Questions(ctx)
	if err != nil || !allowed(ctx, all) {
		return
	}
	if _, verdicts, err := s.inspect(ctx, c.Ref, false); err == nil && len(verdicts) > 0 {
		c.Verdict = verdicts[0]
	}
}

// list tells of a list what its caller may know: whether somebody polls it tells the verdict
// whose executions he may inspect; how many tasks it has and who polls it is for those who
// may see the list, and which others there are for those who may see them all.
func (s *actions) list(ctx context.Context, full string, more bool) diagnose.List {
	v := s.Overview.TaskList(full, 0)
	l := diagnose.List{Polls: v.Polls, Polled: v.Polled}
	var of service.TaskList
	var by service.Inspector
	for _, i := range s.Inspectors {
		if found, ok := i.ListOf(full); ok {
			of, by = found, i
		}
	}
	if by == nil || !more {
		return l
	}
	if may(ctx, ofList("heddle:DescribeTaskList", of)) {
		l.Told, l.Backlog, l.OutAMinute, l.Ahead = true, v.Backlog, v.Out, v.Ahead
		if len(v.Pollers) > 0 {
			l.Last = v.Pollers[0].Identity
			if l.Last == "" {
				l.Last = v.Pollers[0].Principal
			}
		}
	}
	if l.Polls == 0 && may(ctx, allLists(of.World, of.Service, of.Within)) {
		l.Alike = Alike(s.Overview, by, of, s.Clock())
	}
	return l
}

// Alike are lists of the same tasks that somebody polls and whose names are like one's.
func Alike(all service.Overview, by service.Inspector, of service.TaskList, now engine.Time) (alike []diagnose.Alike) {
	for _, prefix := range by.ListPrefixes(of.World, of.Within) {
		page, _ := all.TaskLists(prefix, "", alikeFrom)
		for i := range page {
			other, ok := by.ListOf(page[i].List)
			polled := page[i].Polls > 0 || page[i].Polled != 0 && now < page[i].Polled+alikeWithin
			if ok && polled && other.Kind == of.Kind && other.Name != of.Name && diagnose.IsLike(of.Name, other.Name) {
				alike = append(alike, diagnose.Alike{Name: other.Name, Polls: page[i].Polls})
			}
			if len(alike) == alikeMax {
				return alike
			}
		}
	}
	return alike
}

const (
	// alikeMax is how many lists with like names are told.
	alikeMax = 3
	// alikeWithin is how lately somebody must have polled them.
	alikeWithin = engine.Time(2 * 60 * 1000)
)

// shown is an inspection as the wire has it.
func (s *actions) shown(e *diagnose.Execution, verdicts []diagnose.Verdict) *wire.InspectExecutionOutput {
	out := &wire.InspectExecutionOutput{
		Service: e.Service, Execution: refOf(e.Ref), Type: e.Type, Status: e.Status,
		StartTimestamp: wire.Timestamp(e.Started), CloseTimestamp: moment(e.Closed), TimeoutTimestamp: moment(e.TimesOut),
		ServerTimestamp: wire.Timestamp(s.Clock()), Events: e.Events, EventsMax: present(e.EventsMax), CancelRequested: present(e.CancelRequested),
		CodeWaits: e.CodeWaits,
		Verdicts:  []wire.Verdict{}, Tasks: []wire.OpenTask{}, Waits: []wire.OpenWait{}, Children: []wire.OpenChild{}, Groups: []wire.OpenGroup{},
	}
	for _, v := range verdicts {
		shown := wire.Verdict{
			Code: string(v.Code), Text: v.Text, Advice: present(v.Do), Severe: v.Code.Severe(), EventID: present(v.Event),
			TaskList: present(v.List), Until: moment(v.Until), More: present(int64(v.More)),
		}
		if v.Child != (diagnose.Ref{}) {
			child := refOf(v.Child)
			shown.Child = &child
		}
		out.Verdicts = append(out.Verdicts, shown)
	}
	if !e.IsOpen {
		return out // what was open then is nobody's any more
	}
	out.OpenCounts = wire.OpenCounts{Tasks: int64(len(e.Tasks)), Waits: int64(len(e.Waits)), Children: int64(len(e.Children))}
	for i := range e.Tasks[:min(len(e.Tasks), rowsMax)] {
		out.Tasks = append(out.Tasks, taskShown(&e.Tasks[i]))
	}
	for _, w := range e.Waits[:min(len(e.Waits), rowsMax)] {
		out.Waits = append(out.Waits, wire.OpenWait{Name: w.Name, EventID: w.Event, Until: wire.Timestamp(w.Until), Retry: present(w.Retry)})
	}
	for _, c := range e.Children[:min(len(e.Children), rowsMax)] {
		out.Children = append(out.Children, wire.OpenChild{Execution: refOf(c.Ref), EventID: c.Event, Started: present(c.Started)})
	}
	for _, g := range e.Groups[:min(len(e.Groups), rowsMax)] {
		out.Groups = append(out.Groups, wire.OpenGroup{State: g.State, EventID: g.Event, Running: g.Running, Done: g.Done, Total: g.Total})
	}
	return out
}

// detailsMax is how much of a heartbeat's details is shown, in bytes.
const detailsMax = 1024

func taskShown(k *diagnose.Task) wire.OpenTask {
	shown := wire.OpenTask{
		Kind: string(k.Kind), Name: present(k.Name), ID: present(k.ID), TaskList: present(k.List), Priority: present(int64(k.Priority)),
		State: "held", ScheduledEventID: k.Scheduled, ScheduledTimestamp: wire.Timestamp(k.ScheduledAt),
		StartedEventID: present(k.Started), StartedTimestamp: moment(k.Since), Attempt: present(k.Attempt), Holder: present(k.Holder),
		HeartbeatTimestamp: moment(k.BeatAt), CancelRequested: present(k.CancelRequested),
	}
	if k.Waits {
		shown.State = "waits"
	}
	if k.BeatDetails != nil {
		details := diagnose.Short(*k.BeatDetails, detailsMax)
		shown.HeartbeatDetails = &details
	}
	for _, d := range k.Deadlines {
		shown.Deadlines = append(shown.Deadlines, wire.Deadline{Timeout: d.Timeout, At: wire.Timestamp(d.At)})
	}
	return shown
}
