package terminal

import (
	"fmt"
	"io"
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Lists writes task lists, those that want somebody first.
func Lists(w io.Writer, lists []wire.TaskListSummary, now engine.Time, style Style) error {
	if len(lists) == 0 {
		_, err := fmt.Fprintln(w, "no task list has tasks, or was polled in the last 15 min")
		return err
	}
	rows := [][]string{{"domain", "list", "kind", "tasks", "oldest", "polls", "last poll", "in/min", "out/min", ""}}
	for _, l := range lists {
		oldest, polled, note := "", "", ""
		if l.OldestTimestamp != nil {
			oldest = diagnose.Span(now - engine.Time(*l.OldestTimestamp))
		}
		switch {
		case l.PollsWaiting > 0:
			polled = "now"
		case l.LastPollTimestamp != nil:
			polled = diagnose.Span(now-engine.Time(*l.LastPollTimestamp)) + " ago"
		default:
			polled = "none in 15 min"
		}
		if l.Backlog > 0 && unpolled(&l, now) {
			note = style.paint(bad, "! nobody polls it")
		}
		rows = append(rows, []string{
			cut(text(l.Domain), 30), cut(l.Name[strings.LastIndexByte(l.Name, ':')+1:], 40), l.Kind, fmt.Sprint(l.Backlog), oldest,
			fmt.Sprint(l.PollsWaiting), polled, fmt.Sprint(l.OfferedLastMinute), fmt.Sprint(l.StartedLastMinute), note,
		})
	}
	return table(w, "lllrrrrrrl", rows)
}

// unpolled tells whether nobody polls a list, nor has in the last minute.
func unpolled(l *wire.TaskListSummary, now engine.Time) bool {
	return l.PollsWaiting == 0 && (l.LastPollTimestamp == nil || now-engine.Time(*l.LastPollTimestamp) > 60*1000)
}

// List writes one task list with its pollers and its oldest tasks.
func List(w io.Writer, l *wire.DescribeTaskListOutput, style Style) error {
	now := engine.Time(l.ServerTimestamp)
	out := &errWriter{w: w}
	if out.err = Lists(w, []wire.TaskListSummary{l.TaskList}, now, style); out.err != nil {
		return out.err
	}
	if len(l.Priorities) > 1 {
		rows := [][]string{{"priority", "tasks"}}
		for _, p := range l.Priorities {
			rows = append(rows, []string{fmt.Sprint(p.Priority), fmt.Sprint(p.Tasks)})
		}
		out.line("")
		out.err = cmpErr(out.err, table(w, "rr", rows))
	}
	if len(l.Pollers) > 0 {
		rows := [][]string{{"poller", "from", "as", "polls", "last poll", "last task"}}
		for _, p := range l.Pollers {
			polled, task := "now", ""
			if p.PollsWaiting == 0 {
				polled = diagnose.Span(now-engine.Time(p.LastPollTimestamp)) + " ago"
			}
			if p.LastTask != nil && p.LastTaskTimestamp != nil {
				task = execution(p.LastTask.Execution) + " " + diagnose.Span(now-engine.Time(*p.LastTaskTimestamp)) + " ago"
			}
			identity := text(p.Identity)
			if identity == "" {
				identity = "(no identity)"
			}
			rows = append(rows, []string{cut(identity, 40), cut(text(p.Address), 40), cut(text(p.Principal), 60), fmt.Sprint(p.PollsWaiting), polled, cut(task, 50)})
		}
		out.line("")
		out.err = cmpErr(out.err, table(w, "lllrrl", rows))
	}
	if len(l.OldestTasks) > 0 {
		rows := [][]string{{"oldest tasks of", "waits", "priority"}}
		for _, k := range l.OldestTasks {
			rows = append(rows, []string{cut(execution(k.Execution), 80), diagnose.Span(now - engine.Time(k.ScheduledTimestamp)), fmt.Sprint(k.Priority)})
		}
		out.line("")
		out.err = cmpErr(out.err, table(w, "lrr", rows))
	}
	return out.err
}

func execution(r *wire.ExecutionRef) string {
	if r == nil {
		return "(gone)"
	}
	return text(r.WorkflowID) + text(r.ExecutionARN)
}
