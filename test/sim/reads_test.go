package sim

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// read reads something and holds it against what is stored.
func (c *client) read(d, id string) {
	w := c.w
	switch w.random.IntN(8) {
	case 0:
		c.describe(d)
	case 1:
		c.readHistory(d)
	case 2, 3:
		for range 1 + w.random.IntN(4) { // again while what was looked up for the first is still known
			c.listOpen(d, id)
		}
	case 4:
		for range 1 + w.random.IntN(2) {
			c.listClosed(d, id)
		}
	case 5:
		c.count(d)
	case 6:
		c.call("CountPendingDecisionTasks", &wire.CountPendingDecisionTasksInput{Domain: d, TaskList: wire.TaskList{Name: w.one(lists...)}}, &wire.PendingTaskCount{})
	case 7:
		c.call("CountPendingActivityTasks", &wire.CountPendingActivityTasksInput{Domain: d, TaskList: wire.TaskList{Name: w.one(lists...)}}, &wire.PendingTaskCount{})
	}
}

// someRun gives a run that was seen in a domain.
func (c *client) someRun(d string) *life {
	w := c.w
	var lives []*life
	for _, l := range w.judge.order {
		if l.domain == d {
			lives = append(lives, l)
		}
	}
	if len(lives) == 0 {
		return nil
	}
	return lives[w.random.IntN(len(lives))]
}

func (l *life) execution() wire.WorkflowExecution {
	return wire.WorkflowExecution{WorkflowID: l.workflowID, RunID: execution.FormatRun(l.Run)}
}

func (c *client) describe(d string) {
	w := c.w
	l := c.someRun(d)
	if l == nil {
		return
	}
	var detail wire.WorkflowExecutionDetail
	before := w.steps
	o := c.call("DescribeWorkflowExecution", &wire.DescribeWorkflowExecutionInput{Domain: d, Execution: l.execution()}, &detail)
	after := o.at
	if !o.known {
		return
	}
	w.judge.settled(func() {
		if o.fault != "" {
			if !l.mayBeGone() {
				w.judge.fail("DescribeWorkflowExecution of run %s: %s", l.Run, o.fault)
			}
			return
		}
		t := w.judge.times[l.Run]
		open := detail.ExecutionInfo.ExecutionStatus == wire.ExecutionStatusOpen
		if open && !t.wasOpen(before, after) || !open && t.stayedOpen(before, after) {
			w.judge.fail("DescribeWorkflowExecution says that run %s is %s", l.Run, detail.ExecutionInfo.ExecutionStatus)
		}
	})
}

// readHistory reads all pages of a history, in either direction.
func (c *client) readHistory(d string) {
	w := c.w
	l := c.someRun(d)
	if l == nil {
		return
	}
	known := l.history.last
	in := &wire.GetWorkflowExecutionHistoryInput{Domain: d, Execution: l.execution(), MaximumPageSize: ptr(int64(w.random.IntN(8)))}
	reverse := w.chance(2)
	if reverse {
		in.ReverseOrder = &reverse
	}
	var events []wire.HistoryEvent
	for {
		var page wire.History
		o := c.call("GetWorkflowExecutionHistory", in, &page)
		if !o.ok() {
			if o.known && in.NextPageToken == nil {
				w.judge.settled(func() {
					if !l.mayBeGone() {
						w.judge.fail("GetWorkflowExecutionHistory of run %s: %s", l.Run, o.fault)
					}
				})
			}
			return
		}
		events = append(events, page.Events...)
		if in.NextPageToken = page.NextPageToken; in.NextPageToken == nil {
			break
		}
	}
	if reverse {
		slices.Reverse(events)
	}
	w.judge.settled(func() {
		// Pages are of runs as they grow: newer events may be missing.
		if reverse && len(events) > 0 && int64(len(events)) < events[len(events)-1].EventID || !reverse && int64(len(events)) < known {
			w.judge.fail("GetWorkflowExecutionHistory of run %s gave %d events, there were %d", l.Run, len(events), known)
		}
		for i := range events {
			if e := &events[i]; e.EventID != int64(i+1) || !l.gone && (i >= len(l.history.types) || e.EventType != l.history.types[i]) {
				w.judge.fail("GetWorkflowExecutionHistory of run %s gave event %d %s as event %d", l.Run, e.EventID, e.EventType, i+1)
				return
			}
		}
	})
}

// filter is one that lists and counts take.
type filter struct {
	execution *wire.WorkflowExecutionFilter
	workflow  *wire.WorkflowTypeFilter
	tag       *wire.TagFilter
	status    *wire.CloseStatusFilter
}

func (c *client) filter(id string, closed bool) filter {
	w := c.w
	switch n := w.random.IntN(6); {
	case n == 0:
		return filter{execution: &wire.WorkflowExecutionFilter{WorkflowID: id}}
	case n == 1:
		return filter{workflow: &wire.WorkflowTypeFilter{Name: w.one(whole, bare), Version: w.maybe("1", "2")}}
	case n == 2:
		return filter{tag: &wire.TagFilter{Tag: w.one("red", "blue")}}
	case n == 3 && closed:
		return filter{status: &wire.CloseStatusFilter{Status: w.one(wire.CloseStatusValues...)}}
	}
	return filter{}
}

// takes tells whether a run passes the filter.
func (f filter) takes(l *life) bool {
	s := l.history.started
	switch {
	case f.execution != nil:
		return l.workflowID == f.execution.WorkflowID
	case f.workflow != nil:
		return s.WorkflowType.Name == f.workflow.Name && (f.workflow.Version == nil || s.WorkflowType.Version == *f.workflow.Version)
	case f.tag != nil:
		return slices.Contains(s.TagList, f.tag.Tag)
	case f.status != nil:
		return l.history.closeStatus == f.status.Status
	}
	return true
}

var always = wire.ExecutionTimeFilter{OldestDate: 0}

func (c *client) listOpen(d, id string) {
	w := c.w
	f := c.filter(id, false)
	var infos wire.WorkflowExecutionInfos
	before := w.steps
	o := c.call("ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{
		Domain: d, StartTimeFilter: always, ExecutionFilter: f.execution, TypeFilter: f.workflow, TagFilter: f.tag,
		ReverseOrder: ptr(w.chance(2)),
	}, &infos)
	if !o.ok() {
		return
	}
	c.listed("ListOpenWorkflowExecutions", d, f, &infos, o.at, func(l *life, t *times) (may, must bool) {
		return t.wasOpen(before, o.at), t.stayedOpen(before, o.at)
	})
}

func (c *client) listClosed(d, id string) {
	w := c.w
	f := c.filter(id, true)
	in := &wire.ListClosedWorkflowExecutionsInput{
		Domain: d, ExecutionFilter: f.execution, TypeFilter: f.workflow, TagFilter: f.tag, CloseStatusFilter: f.status,
		ReverseOrder: ptr(w.chance(2)),
	}
	if w.chance(2) {
		in.StartTimeFilter = &always
	} else {
		in.CloseTimeFilter = &always
	}
	var infos wire.WorkflowExecutionInfos
	before := w.steps
	o := c.call("ListClosedWorkflowExecutions", in, &infos)
	if !o.ok() {
		return
	}
	c.listed("ListClosedWorkflowExecutions", d, f, &infos, o.at, func(l *life, t *times) (may, must bool) {
		return t.closed != 0 && t.closed <= o.at, t.closed != 0 && t.closed < before && !l.gone
	})
}

// listed holds a list against what is stored. An answer rests on what was durable
// when it came, in the step at, and on nothing else.
func (c *client) listed(name, d string, f filter, infos *wire.WorkflowExecutionInfos, at int, wants func(*life, *times) (may, must bool)) {
	j := c.w.judge
	seen := map[engine.RunID]bool{}
	var order []engine.RunID
	for i := range infos.ExecutionInfos {
		run, ok := execution.ParseRun(infos.ExecutionInfos[i].Execution.RunID)
		if !ok || seen[run] {
			j.fail("%s lists run %q twice, or it is none", name, infos.ExecutionInfos[i].Execution.RunID)
		}
		seen[run] = true
		order = append(order, run)
		if t := j.times[run]; t == nil || t.opened > at {
			j.fail("%s listed run %s before anything of it was durable", name, run)
		}
	}
	type verdict struct {
		l         *life
		may, must bool
	}
	now := map[engine.RunID]verdict{}
	for _, l := range j.order {
		if l.domain == d && l.history != nil && !l.gone && l.history.started != nil {
			may, must := wants(l, j.times[l.Run])
			must = must && !l.mayBeGone()
			now[l.Run] = verdict{l, may, must}
			if must && !seen[l.Run] && f.takes(l) && !j.dirty[l.Run] {
				j.fail("%s of %q does not list run %s of %q", name, d, l.Run, l.workflowID)
			}
		}
	}
	for _, run := range order {
		if v, ok := now[run]; ok && !v.may {
			j.fail("%s of %q lists run %s of %q, which it should not", name, d, run, v.l.workflowID)
		}
	}
	j.settled(func() {
		for _, run := range order {
			l := j.lives[run]
			if l != nil && (l.domain != d || f.status == nil && !f.takes(l)) {
				j.fail("%s of %q lists run %s of %q in domain %q, which the filter does not take", name, d, run, l.workflowID, l.domain)
			}
		}
	})
}

// count counts, and holds the number against what is stored.
func (c *client) count(d string) {
	w := c.w
	j := w.judge
	var n wire.WorkflowExecutionCount
	before := w.steps
	name, open := "CountOpenWorkflowExecutions", w.chance(2)
	var o outcome
	if open {
		o = c.call(name, &wire.CountOpenWorkflowExecutionsInput{Domain: d, StartTimeFilter: always}, &n)
	} else {
		name = "CountClosedWorkflowExecutions"
		o = c.call(name, &wire.CountClosedWorkflowExecutionsInput{Domain: d, CloseTimeFilter: &always}, &n)
	}
	if !o.ok() {
		return
	}
	after := o.at
	j.settled(func() {
		least, most := 0, 0
		for _, l := range j.order {
			if l.domain != d || l.mayBeGone() && !open {
				continue
			}
			t := j.times[l.Run]
			if open && t.stayedOpen(before, after) || !open && t.closed != 0 && t.closed < before {
				least++
			}
			if open && t.wasOpen(before, after) || !open && t.closed != 0 && t.closed <= after {
				most++
			}
		}
		if d == domainDrop {
			most = len(j.times) // some were never seen
		}
		if n.Count < int64(least) || n.Count > int64(most) {
			j.fail("%s of %q says %d, want %d to %d", name, d, n.Count, least, most)
		}
	})
}
