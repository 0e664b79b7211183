package operator

import (
	"context"
	"crypto/sha256"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

const (
	pageSizeMax = 1000
	// oldestShown is how many tasks of a list are shown.
	oldestShown = 20
)

func pageSize(asked *int64) int {
	if asked == nil || *asked == 0 {
		return pageSizeMax
	}
	return int(*asked)
}

func (s *actions) aboutLists(ctx context.Context, in *wire.ListTaskListsInput) (operation.Subject, error) {
	return allLists(worldOf(ctx), in.Service, text(in.Domain)), nil
}

// listTaskLists serves ListTaskLists: lists with tasks or polls, or that were polled lately,
// in order of name.
func (s *actions) listTaskLists(ctx context.Context, in *wire.ListTaskListsInput) (*wire.ListTaskListsOutput, error) {
	w := worldOf(ctx)
	sum := sha256.Sum256([]byte("task lists\x00" + in.Service + "\x00" + text(in.Domain)))
	query := [16]byte(sum[:16])
	after := ""
	if text(in.NextPageToken) != "" {
		position, err := s.Tokens.OpenPage(familyPage, w, query, *in.NextPageToken)
		if err != nil {
			return nil, fault.Invalid("The page token is not one of this list.")
		}
		after = string(position)
	}
	out := &wire.ListTaskListsOutput{TaskLists: []wire.TaskListSummary{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	room := pageSize(in.MaximumPageSize)
	for _, i := range s.Inspectors {
		if !i.Serves(in.Service) {
			continue
		}
		for _, prefix := range i.ListPrefixes(w, text(in.Domain)) { // in order
			if after > prefix && !strings.HasPrefix(after, prefix) {
				continue // its lists were shown
			}
			page, more := s.Overview.TaskLists(prefix, after, room-len(out.TaskLists))
			for _, l := range page {
				if of, ok := i.ListOf(l.List); ok {
					out.TaskLists = append(out.TaskLists, summary(of, &l))
				}
				after = l.List
			}
			if more {
				token, err := s.Tokens.SealPage(familyPage, w, query, []byte(after))
				out.NextPageToken = &token
				return out, err
			}
		}
	}
	return out, nil
}

func summary(of service.TaskList, l *matching.Listed) wire.TaskListSummary {
	return wire.TaskListSummary{
		Service: of.Service, Kind: string(of.Kind), Domain: present(of.Within), Name: of.Name,
		Backlog: int64(l.Backlog), OldestTimestamp: moment(l.Oldest), PollsWaiting: int64(l.Polls), Claims: int64(l.Claims),
		LastPollTimestamp: moment(l.Polled), OfferedLastMinute: int64(l.In), StartedLastMinute: int64(l.Out),
	}
}

// listOf is the list that a request names; ok is false if there can be none.
func (s *actions) listOf(ctx context.Context, in *wire.DescribeTaskListInput) (l service.TaskList, full string, ok bool) {
	w := worldOf(ctx)
	l = service.TaskList{Service: in.Service, World: w, Kind: diagnose.Kind(in.Kind), Within: text(in.Domain), Name: in.Name}
	for _, i := range s.Inspectors {
		if full = i.FullName(w, l); full != "" {
			l, ok = i.ListOf(full)
			return l, full, ok
		}
	}
	return l, "", false
}

func (s *actions) aboutList(ctx context.Context, in *wire.DescribeTaskListInput) (operation.Subject, error) {
	l, _, ok := s.listOf(ctx, in)
	if !ok {
		return nil, fault.Invalid("A task list of swf is named by kind, domain and name, one of states by kind activity and the activity's ARN.")
	}
	return ofList("heddle:DescribeTaskList", l), nil
}

// describeTaskList serves DescribeTaskList. A list that nobody uses is empty.
func (s *actions) describeTaskList(ctx context.Context, in *wire.DescribeTaskListInput) (*wire.DescribeTaskListOutput, error) {
	of, full, _ := s.listOf(ctx, in)
	v := s.Overview.TaskList(full, oldestShown)
	out := &wire.DescribeTaskListOutput{
		TaskList: summary(of, &v.Listed), Priorities: []wire.PriorityCount{}, Pollers: []wire.Poller{}, OldestTasks: []wire.TaskOfList{},
		ServerTimestamp: wire.Timestamp(s.Clock()),
	}
	for _, p := range v.Priorities {
		out.Priorities = append(out.Priorities, wire.PriorityCount{Priority: int64(p.Priority), Tasks: int64(p.Tasks)})
	}
	for _, p := range v.Pollers {
		shown := wire.Poller{
			Identity: present(p.Identity), Principal: present(p.Principal), Address: present(p.Address),
			PollsWaiting: int64(p.Waiting), LastPollTimestamp: wire.Timestamp(p.Last), LastTaskTimestamp: moment(p.TaskAt),
		}
		if p.TaskAt != 0 {
			task := s.taskOf(ctx, p.Task)
			shown.LastTask = &task
		}
		out.Pollers = append(out.Pollers, shown)
	}
	for _, t := range v.Oldest {
		out.OldestTasks = append(out.OldestTasks, s.taskOf(ctx, t))
	}
	return out, nil
}

func (s *actions) taskOf(ctx context.Context, t matching.Task) wire.TaskOfList {
	shown := wire.TaskOfList{ScheduledEventID: t.ID, ScheduledTimestamp: wire.Timestamp(t.At), Priority: int64(t.Priority)}
	for _, i := range s.Inspectors {
		if ref, ok := i.Execution(ctx, t.Run); ok {
			named := refOf(ref)
			shown.Execution = &named
		}
	}
	return shown
}

func refOf(r diagnose.Ref) wire.ExecutionRef {
	return wire.ExecutionRef{Domain: present(r.Domain), WorkflowID: present(r.WorkflowID), RunID: present(r.RunID), ExecutionARN: present(r.ARN)}
}

// Starved is a line for the log about a list on which tasks wait and that nobody polls.
func Starved(all service.Overview, by service.Inspector, of service.TaskList, l *matching.Listed, now engine.Time) (text string, args []any) {
	args = []any{"kind", string(of.Kind), "list", of.Name}
	if of.Within != "" {
		args = append(args, "domain", of.Within)
	}
	args = append(args, "account", of.World.Account, "region", of.World.Region, "tasks", l.Backlog, "oldest", diagnose.Span(now-l.Oldest))
	if l.Polled != 0 {
		args = append(args, "last_poll", diagnose.Span(now-l.Polled)+" ago")
	}
	if alike := Alike(all, by, of, now); len(alike) > 0 {
		var names []string
		for _, a := range alike {
			names = append(names, a.Name)
		}
		args = append(args, "polled_lists_of_like_name", names)
	}
	return "tasks wait on a task list that nobody polls: start a worker for it, or see whether its name is right", args
}
