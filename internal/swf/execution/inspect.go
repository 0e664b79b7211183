package execution

import (
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

// Inspect asks what is open and what it waits for; it changes nothing, and closed executions
// answer too. The reply is a *diagnose.Execution, without what only the history says.
type Inspect struct{}

// inspect answers Inspect. Of a closed execution it tells what was open when it closed.
func (t *turn) inspect() {
	s := t.s
	e := &diagnose.Execution{
		Service: "swf",
		Ref:     diagnose.Ref{Domain: s.domain, WorkflowID: s.workflowID, RunID: s.runID},
		Type:    s.settings.Type.Name + " " + s.settings.Type.Version,
		Status:  wire.ExecutionStatusOpen, IsOpen: s.closeStatus == "",
		Started: s.started, Closed: s.closed, Events: s.last, EventsMax: int64(t.limits.EventsMax),
		CancelRequested: s.cancelRequested, Context: s.context,
		OpenMax: map[diagnose.Kind]int{diagnose.Activity: t.limits.OpenActivitiesMax, diagnose.Lambda: t.limits.OpenLambdasMax},
	}
	if e.IsOpen {
		e.TimesOut = s.closeBy(t.limits.ExecutionSecondsMax)
	} else {
		e.Status = s.closeStatus
	}
	if k := &s.decision; k.Scheduled != 0 {
		shown := t.inspected(&k.Task, diagnose.Decision)
		shown.Deadlines = diagnose.Soonest(
			diagnose.Deadline{Timeout: "SCHEDULE_TO_START", At: k.startBy()},
			diagnose.Deadline{Timeout: "START_TO_CLOSE", At: k.Within(secondsOf(s.settings.TaskStartToCloseTimeout))},
		)
		e.Tasks = append(e.Tasks, shown)
	}
	for i := range s.activities {
		a := &s.activities[i]
		shown := t.inspected(&a.Task, diagnose.Activity)
		shown.Name, shown.ID, shown.CancelRequested = a.kind.Name, a.name, a.cancelRequested != 0
		shown.Deadlines = diagnose.Soonest(
			diagnose.Deadline{Timeout: "SCHEDULE_TO_START", At: a.startBy()},
			diagnose.Deadline{Timeout: "START_TO_CLOSE", At: a.Within(a.startToClose)},
			diagnose.Deadline{Timeout: "SCHEDULE_TO_CLOSE", At: engine.After(a.ScheduledAt, a.scheduleToClose)},
			diagnose.Deadline{Timeout: "HEARTBEAT", At: a.BeatBy(t.in.Up, a.heartbeat)},
		)
		shown.Lacking = a.lacking()
		e.Tasks = append(e.Tasks, shown)
	}
	for i := range s.lambdas {
		l := &s.lambdas[i]
		shown := t.inspected(&l.Task, diagnose.Lambda)
		shown.Name, shown.ID, shown.List = l.function, l.name, ""
		shown.Deadlines = diagnose.Soonest(diagnose.Deadline{Timeout: "START_TO_CLOSE", At: l.Within(secondsOf(l.startToClose))})
		e.Tasks = append(e.Tasks, shown)
	}
	for i := range s.timers {
		e.Waits = append(e.Waits, diagnose.Wait{Name: s.timers[i].name, Event: s.timers[i].started, Until: s.timers[i].fires})
	}
	for i := range s.children {
		k := &s.children[i]
		e.Children = append(e.Children, diagnose.Child{
			Ref: diagnose.Ref{Domain: s.domain, WorkflowID: k.workflowID}, Event: k.initiated, Started: k.started != 0,
		})
	}
	t.answer(e)
}

// inspected is what there is to be told of any task.
func (t *turn) inspected(k *task.Task, kind diagnose.Kind) diagnose.Task {
	return diagnose.Task{
		Kind: kind, List: k.List, Full: k.Full, Priority: k.Priority,
		Scheduled: k.Scheduled, ScheduledAt: k.ScheduledAt, Started: k.Started, Since: k.Since, Attempt: k.Attempt,
		Waits: k.Takeable(t.in.Up), BeatAt: k.Beat.At, BeatDetails: k.Beat.Details,
	}
}

// lacking are the timeouts that would end what the task waits for and are NONE.
func (a *activity) lacking() (lacking []string) {
	for _, of := range []struct {
		name    string
		seconds int64
		counts  bool
	}{
		{"scheduleToStart", a.scheduleToStart, a.Started == 0},
		{"startToClose", a.startToClose, a.Started != 0},
		{"scheduleToClose", a.scheduleToClose, true},
		{"heartbeat", a.heartbeat, a.Started != 0},
	} {
		if of.counts && of.seconds == engine.Unlimited {
			lacking = append(lacking, of.name)
		}
	}
	return lacking
}
