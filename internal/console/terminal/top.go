package terminal

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Overview is what a server does now, as far as whoever asks may know.
type Overview struct {
	Now     engine.Time
	Status  *wire.GetServerStatusOutput // nil: he may not
	Lists   []wire.TaskListSummary
	Targets []wire.EventTarget // of events; nil: there are none, or he may not
	Refused int                // executions whose decider's answers were refused in the last 5 minutes
}

// Order is that of task lists.
type Order int

// Values of Order.
const (
	ByOldest Order = iota // whose oldest task waits longest
	ByTasks
	ByIn
	ByOut
	ByName
	orders
)

// Next is the order after it.
func (o Order) Next() Order { return (o + 1) % orders }

func (o Order) String() string {
	return [...]string{"oldest task", "tasks", "in/min", "out/min", "name"}[o]
}

// Sort puts task lists in order.
func Sort(lists []wire.TaskListSummary, by Order) {
	name := func(l *wire.TaskListSummary) string { return text(l.Domain) + "\x00" + l.Name + "\x00" + l.Kind }
	slices.SortStableFunc(lists, func(a, b wire.TaskListSummary) int {
		c := 0
		switch by {
		case ByOldest:
			c = cmp.Compare(oldest(&a), oldest(&b))
		case ByTasks:
			c = -cmp.Compare(a.Backlog, b.Backlog)
		case ByIn:
			c = -cmp.Compare(a.OfferedLastMinute, b.OfferedLastMinute)
		case ByOut:
			c = -cmp.Compare(a.StartedLastMinute, b.StartedLastMinute)
		}
		return cmp.Or(c, strings.Compare(name(&a), name(&b)))
	})
}

// oldest is when the oldest task came; a list without any comes last.
func oldest(l *wire.TaskListSummary) engine.Time {
	if l.OldestTimestamp == nil {
		return engine.Time(1<<63 - 1)
	}
	return engine.Time(*l.OldestTimestamp)
}

// Filter are the lists whose domain, name or kind has a text in it.
func Filter(lists []wire.TaskListSummary, by string) []wire.TaskListSummary {
	by = strings.ToLower(by)
	return slices.DeleteFunc(slices.Clone(lists), func(l wire.TaskListSummary) bool {
		return !strings.Contains(strings.ToLower(text(l.Domain)+" "+l.Name+" "+l.Kind), by)
	})
}

// Top writes an overview: how the server is, what is stuck, and the lists as they stand.
func Top(w io.Writer, o *Overview, style Style) error {
	out := &errWriter{w: w}
	for _, line := range TopHead(o, style) {
		out.line(line)
	}
	out.line("")
	return cmpErr(out.err, Lists(w, o.Lists, o.Now, style))
}

// TopHead are the lines of an overview above its lists.
func TopHead(o *Overview, style Style) (lines []string) {
	var tasks, in, started, polls int64
	for i := range o.Lists {
		l := &o.Lists[i]
		tasks, polls, in, started = tasks+l.Backlog, polls+l.PollsWaiting, in+l.OfferedLastMinute, started+l.StartedLastMinute
	}
	rates := fmt.Sprintf("%d task lists  %d tasks wait  %d polls wait  %d in/min  %d out/min", len(o.Lists), tasks, polls, in, started)
	if s := o.Status; s != nil {
		line := fmt.Sprintf("heddle %s  up %s  store %s, %d shards  disk %s  %d requests", s.Version, diagnose.Span(engine.Time(s.ServerTimestamp-s.StartTimestamp)), s.Store, s.Shards, s.DiskRoom, s.RequestsInFlight)
		if s.CommitP99Microseconds != nil {
			line += fmt.Sprintf("  commit p99 %.1f ms", float64(*s.CommitP99Microseconds)/1000)
		}
		if s.AuditFails {
			line += "  " + style.paint(bad, "! the audit trail can't be written")
		}
		lines = append(lines, line)
		if s.Node != nil {
			lines = append(lines, nodes(s, style))
		}
		for i := range s.Homes {
			if h := &s.Homes[i]; h.Away {
				lines = append(lines, style.paint(bad, fmt.Sprintf("! home %s of the store does not answer: calls for its executions fail, %d shards of %d", clean(h.Name), h.Shards, s.Shards)))
			}
		}
	}
	lines = append(lines, rates)
	if len(o.Targets) > 0 {
		lines = append(lines, events(o, style))
	}
	return append(lines, stuck(o, style))
}

// nodes says in a line how the nodes of a cluster are.
func nodes(s *wire.GetServerStatusOutput, style Style) string {
	line := fmt.Sprintf("%d nodes ", len(s.Members))
	for i := range s.Members {
		m := &s.Members[i]
		line += fmt.Sprintf(" %s %d shards", clean(m.Name), m.Shards)
		if m.Error != nil {
			line += " " + style.paint(bad, "! does not answer")
		}
	}
	if s.ShardsVacant != nil && *s.ShardsVacant > 0 {
		line += "  " + style.paint(bad, fmt.Sprintf("! %d shards are served by nobody", *s.ShardsVacant))
	}
	return line
}

// events says in a line how far behind the targets of events are.
func events(o *Overview, style Style) string {
	var lag engine.Time
	var failing []string
	dead := int64(0)
	for i := range o.Targets {
		t := &o.Targets[i]
		if t.OldestTimestamp != nil {
			lag = max(lag, o.Now-engine.Time(*t.OldestTimestamp))
		}
		if dead += t.Dead; t.Error != nil {
			failing = append(failing, clean(t.Name))
		}
	}
	line := fmt.Sprintf("events  lag %s  %d dead", diagnose.Span(lag), dead)
	if len(failing) > 0 {
		line += "  " + style.paint(bad, "! fails: "+strings.Join(failing, ", "))
	}
	return line
}

// stuck says by verdict what does not move, as far as lists and refusals tell it.
func stuck(o *Overview, style Style) string {
	var none, nobodys, behind, slow int64
	for i := range o.Lists {
		switch l := &o.Lists[i]; {
		case l.Backlog == 0:
		case unpolled(l, o.Now):
			none, nobodys = none+l.Backlog, nobodys+1
		case l.PollsWaiting == 0:
			behind, slow = behind+l.Backlog, slow+1
		}
	}
	var all []string
	if none > 0 {
		all = append(all, fmt.Sprintf("NO_WORKER %d tasks on %d lists", none, nobodys))
	}
	if o.Refused > 0 {
		all = append(all, fmt.Sprintf("DECISION_REFUSED %d executions", o.Refused))
	}
	if behind > 0 {
		all = append(all, fmt.Sprintf("BACKLOG %d tasks on %d lists", behind, slow))
	}
	if len(all) == 0 {
		return "nothing is known to be stuck"
	}
	return style.paint(bad, "! stuck  "+strings.Join(all, "  "))
}
