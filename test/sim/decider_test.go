package sim

import (
	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// decideAll is the life of a decider.
func (c *client) decideAll(identity string) {
	w := c.w
	for !w.ending {
		w.sleep(c.t, engine.Time(w.random.IntN(300)))
		d, list := w.someList("decision")
		in := &wire.PollForDecisionTaskInput{Domain: d, TaskList: wire.TaskList{Name: list}, Identity: &identity}
		if w.chance(3) {
			in.MaximumPageSize = ptr(int64(1 + w.random.IntN(6)))
		}
		if w.chance(3) && !w.draining {
			in.StartAtPreviousStartedEvent = ptr(true)
		}
		if w.chance(4) {
			in.ReverseOrder = ptr(true)
		}
		var task wire.DecisionTask
		o := c.call("PollForDecisionTask", in, &task)
		if !o.ok() || task.TaskToken == "" {
			c.rest(o)
			continue
		}
		opened, err := tasks.OpenToken(w.tokens, "swf.decision", here, task.TaskToken)
		if err != nil {
			w.judge.fail("PollForDecisionTask gave token %q: %v", task.TaskToken, err)
			continue
		}
		w.judge.got(opened, o.disruptions)
		events, whole := c.pages(in, &task)
		if whole {
			w.judge.shown(opened.Run, events, in, &task)
		}
		if w.strikes(lostWorker) {
			continue
		}
		w.sleep(c.t, engine.Time(w.random.IntN(2000)))
		c.decide(&task)
	}
}

// pages reads the further pages of a decision task, if it can.
func (c *client) pages(in *wire.PollForDecisionTaskInput, task *wire.DecisionTask) (events []wire.HistoryEvent, whole bool) {
	events = task.Events
	next := task.NextPageToken
	for next != nil {
		further := *in
		further.NextPageToken = next
		var page wire.DecisionTask
		if !c.call("PollForDecisionTask", &further, &page).ok() {
			return nil, false
		}
		events = append(events, page.Events...)
		next = page.NextPageToken
	}
	return events, true
}

// shown holds the history that came with a decision task against what is stored.
func (j *judge) shown(run engine.RunID, events []wire.HistoryEvent, in *wire.PollForDecisionTaskInput, task *wire.DecisionTask) {
	j.settled(func() {
		l := j.lives[run]
		if l == nil || l.gone {
			return // nothing of it is left to compare with
		}
		first, last := int64(1), task.StartedEventID
		if in.StartAtPreviousStartedEvent != nil {
			first = max(1, *task.PreviousStartedEventID)
		}
		if int64(len(events)) != last-first+1 {
			j.fail("run %s: a decision task shows %d events, want %d to %d", run, len(events), first, last)
			return
		}
		for i := range events {
			want := first + int64(i)
			if in.ReverseOrder != nil {
				want = last - int64(i)
			}
			if e := &events[i]; e.EventID != want || want > l.history.last || l.history.types[want-1] != e.EventType {
				j.fail("run %s: a decision task shows event %d %s in place of event %d", run, e.EventID, e.EventType, want)
				return
			}
		}
	})
}

func (c *client) decide(task *wire.DecisionTask) {
	w := c.w
	mark := w.judge.mark()
	in := &wire.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, ExecutionContext: w.text(mark)}
	if w.draining {
		in.Decisions = c.finish(task)
	} else {
		for range w.random.IntN(4) {
			in.Decisions = append(in.Decisions, c.decision())
		}
		if w.chance(6) {
			in.Decisions = append(in.Decisions, c.closing())
		}
		if w.chance(8) {
			in.TaskList = &wire.TaskList{Name: w.one(lists...)}
			in.TaskListScheduleToStartTimeout = w.maybe("1", "10")
		}
	}
	for i := range in.Decisions {
		w.coverage.decision(&in.Decisions[i])
	}
	w.judge.answers(mark, task.StartedEventID)
	c.write("RespondDecisionTaskCompleted", in, nil, mark)
}

// finish closes an execution that has nothing open; else it waits for that.
func (c *client) finish(task *wire.DecisionTask) []wire.Decision {
	w := c.w
	run, _ := execution.ParseRun(task.WorkflowExecution.RunID)
	if l := w.judge.lives[run]; l != nil && !l.history.quiet() {
		return nil
	}
	return []wire.Decision{{
		DecisionType: wire.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &wire.CompleteWorkflowExecutionDecisionAttributes{},
	}}
}

func (c *client) decision() wire.Decision {
	w := c.w
	mark := w.judge.mark()
	w.judge.sent(mark, 1)
	switch w.random.IntN(16) {
	case 0, 1, 2, 3:
		a := &wire.ScheduleActivityTaskDecisionAttributes{
			ActivityID: w.one("a1", "a2", "a3"), ActivityType: wire.ActivityType{Name: w.typeName(), Version: "1"}, Input: w.text(mark),
			HeartbeatTimeout: w.maybe("2", "NONE"), ScheduleToStartTimeout: w.maybe("1", "10", "NONE"),
			ScheduleToCloseTimeout: w.maybe("5", "60"), StartToCloseTimeout: w.maybe("3", "20", "NONE"), TaskPriority: w.maybe("1", "-1"),
		}
		if w.chance(2) {
			a.TaskList = &wire.TaskList{Name: w.one(lists...)}
		}
		return wire.Decision{DecisionType: wire.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: a}
	case 4:
		return wire.Decision{
			DecisionType: wire.DecisionTypeRequestCancelActivityTask,
			RequestCancelActivityTaskDecisionAttributes: &wire.RequestCancelActivityTaskDecisionAttributes{ActivityID: w.one("a1", "a2", "a3")},
		}
	case 5, 6:
		return wire.Decision{
			DecisionType: wire.DecisionTypeStartTimer,
			StartTimerDecisionAttributes: &wire.StartTimerDecisionAttributes{
				TimerID: w.one("t1", "t2", "t3"), StartToFireTimeout: w.one("0", "1", "5", "30"), Control: w.maybe("c"),
			},
		}
	case 7:
		return wire.Decision{
			DecisionType:                  wire.DecisionTypeCancelTimer,
			CancelTimerDecisionAttributes: &wire.CancelTimerDecisionAttributes{TimerID: w.one("t1", "t2", "t3")},
		}
	case 8, 9, 10:
		return wire.Decision{
			DecisionType: wire.DecisionTypeStartChildWorkflowExecution,
			StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{
				WorkflowID: w.one(workflowIDs...), WorkflowType: wire.WorkflowType{Name: w.typeName(), Version: "1"}, Input: w.text(mark),
				ChildPolicy: w.maybe(policies...), ExecutionStartToCloseTimeout: w.maybe(w.executionTimeout()), Control: w.maybe("c"),
			},
		}
	case 11, 12:
		return wire.Decision{
			DecisionType: wire.DecisionTypeSignalExternalWorkflowExecution,
			SignalExternalWorkflowExecutionDecisionAttributes: &wire.SignalExternalWorkflowExecutionDecisionAttributes{
				WorkflowID: w.one(workflowIDs...), SignalName: signal, Input: w.text(mark), RunID: c.anyRun(),
			},
		}
	case 13:
		return wire.Decision{
			DecisionType: wire.DecisionTypeRequestCancelExternalWorkflowExecution,
			RequestCancelExternalWorkflowExecutionDecisionAttributes: &wire.RequestCancelExternalWorkflowExecutionDecisionAttributes{
				WorkflowID: w.one(workflowIDs...), RunID: c.anyRun(),
			},
		}
	case 14:
		return wire.Decision{
			DecisionType:                   wire.DecisionTypeRecordMarker,
			RecordMarkerDecisionAttributes: &wire.RecordMarkerDecisionAttributes{MarkerName: "m", Details: w.text(mark)},
		}
	}
	return wire.Decision{
		DecisionType: wire.DecisionTypeScheduleLambdaFunction,
		ScheduleLambdaFunctionDecisionAttributes: &wire.ScheduleLambdaFunctionDecisionAttributes{
			ID: w.one("l1", "l2"), Name: "f", Input: w.text(mark), StartToCloseTimeout: w.maybe("3", "60"),
		},
	}
}

// anyRun names no run, the run of somebody, or nobody's.
func (c *client) anyRun() *string {
	w := c.w
	switch w.random.IntN(6) {
	case 0:
		return ptr("nobody")
	case 1:
		if n := len(w.judge.order); n > 0 {
			return ptr(execution.FormatRun(w.judge.order[w.random.IntN(n)].Run))
		}
	}
	return nil
}

func (c *client) closing() wire.Decision {
	w := c.w
	mark := w.judge.mark()
	w.judge.sent(mark, 1)
	switch w.random.IntN(6) {
	case 0:
		return wire.Decision{
			DecisionType:                            wire.DecisionTypeFailWorkflowExecution,
			FailWorkflowExecutionDecisionAttributes: &wire.FailWorkflowExecutionDecisionAttributes{Reason: w.maybe("r"), Details: w.text(mark)},
		}
	case 1:
		return wire.Decision{
			DecisionType: wire.DecisionTypeCancelWorkflowExecution,
			CancelWorkflowExecutionDecisionAttributes: &wire.CancelWorkflowExecutionDecisionAttributes{Details: w.text(mark)},
		}
	case 2, 3:
		a := &wire.ContinueAsNewWorkflowExecutionDecisionAttributes{
			Input: w.text(mark), ChildPolicy: w.maybe(policies...), ExecutionStartToCloseTimeout: w.maybe(w.executionTimeout()),
		}
		if w.chance(3) {
			a.TaskList = &wire.TaskList{Name: w.one(lists...)}
		}
		if w.chance(8) {
			a.WorkflowTypeVersion = ptr("2")
		}
		return wire.Decision{DecisionType: wire.DecisionTypeContinueAsNewWorkflowExecution, ContinueAsNewWorkflowExecutionDecisionAttributes: a}
	}
	return wire.Decision{
		DecisionType: wire.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &wire.CompleteWorkflowExecutionDecisionAttributes{Result: w.text(mark)},
	}
}
