package history

import (
	"fmt"

	"heddle/internal/console/timeline"
	"heddle/internal/engine"
)

// Lanes are the rows of a timeline of a whole history, in the order of their first events.
// An activity of the type and list of one that failed or timed out is its next attempt.
// What is open ends nowhere: see timeline.End.
func Lanes(events []Event) []timeline.Lane {
	l := lanes{open: map[int64]place{}, last: map[string]int{}}
	for i := range events {
		l.take(&events[i])
	}
	return l.all
}

// lanes are such that are being made.
type lanes struct {
	all  []timeline.Lane
	open map[int64]place // bars by the event that began them
	last map[string]int  // lanes by what another attempt would be of
}

type place struct{ lane, bar int }

// begin begins a bar, in the lane of key if that may go on.
func (l *lanes) begin(e *Event, key string, lane timeline.Lane, outcome timeline.Outcome, taken bool) {
	at, goes := l.last[key]
	if !goes {
		at = len(l.all)
		lane.Event = e.ID
		l.all = append(l.all, lane)
		l.last[key] = at
	}
	in := &l.all[at]
	in.Attempts++
	in.Outcome = outcome
	b := timeline.Bar{From: e.At, Outcome: outcome, Event: e.ID}
	if taken {
		b.Taken = e.At
	}
	in.Bars = append(in.Bars, b)
	l.open[e.ID] = place{at, len(in.Bars) - 1}
}

// take tells that somebody has what an event began.
func (l *lanes) taken(begun int64, at engine.Time, who string) {
	p, is := l.open[begun]
	if !is {
		return
	}
	b := &l.all[p.lane].Bars[p.bar]
	b.Taken, b.Who, b.Outcome = at, who, timeline.Running
	if p.bar == len(l.all[p.lane].Bars)-1 {
		l.all[p.lane].Outcome = timeline.Running
	}
}

// end tells how it ended what an event began. After what was in vain there may be another
// attempt; else its lane is done with.
func (l *lanes) end(begun int64, e *Event, outcome timeline.Outcome, key string) {
	p, is := l.open[begun]
	if !is {
		return
	}
	delete(l.open, begun)
	in := &l.all[p.lane]
	b := &in.Bars[p.bar]
	b.To, b.Outcome, b.Why = e.At, outcome, e.Reason+e.TimeoutType+e.Cause
	if p.bar == len(in.Bars)-1 {
		in.Outcome = outcome
	}
	if key != "" && outcome != timeline.Failed && outcome != timeline.TimedOut && l.last[key] == p.lane {
		delete(l.last, key)
	}
}

// point adds a moment to the lane of all such.
func (l *lanes) point(e *Event, kind timeline.Kind, name string) {
	l.begin(e, string(kind), timeline.Lane{Name: string(kind), Where: name, Kind: kind}, timeline.Fired, false)
	in := &l.all[l.last[string(kind)]]
	b := &in.Bars[len(in.Bars)-1]
	b.Point, b.To, b.Who = true, e.At, name
	in.Where = name // the last one
	delete(l.open, e.ID)
}

func (l *lanes) key(begun int64) string {
	p, is := l.open[begun]
	if !is {
		return ""
	}
	in := &l.all[p.lane]
	return activityKey(in.Name, in.Where, in.Kind)
}

func activityKey(name, where string, kind timeline.Kind) string {
	return fmt.Sprintf("%s\x00%s\x00%s", kind, name, where)
}

// ends are how what they are about ends by types of events.
var ends = map[string]timeline.Outcome{
	"ActivityTaskCompleted": timeline.Completed, "ActivityTaskFailed": timeline.Failed,
	"ActivityTaskTimedOut": timeline.TimedOut, "ActivityTaskCanceled": timeline.Canceled,
	"DecisionTaskCompleted": timeline.Completed, "DecisionTaskTimedOut": timeline.TimedOut,
	"LambdaFunctionCompleted": timeline.Completed, "LambdaFunctionFailed": timeline.Failed,
	"LambdaFunctionTimedOut": timeline.TimedOut, "StartLambdaFunctionFailed": timeline.Failed,
	"ChildWorkflowExecutionCompleted": timeline.Completed, "ChildWorkflowExecutionFailed": timeline.Failed,
	"ChildWorkflowExecutionTimedOut": timeline.TimedOut, "ChildWorkflowExecutionCanceled": timeline.Canceled,
	"ChildWorkflowExecutionTerminated": timeline.Canceled, "StartChildWorkflowExecutionFailed": timeline.Failed,
	"TimerFired": timeline.Fired, "TimerCanceled": timeline.Canceled,
}

func (l *lanes) take(e *Event) {
	const alone = "" // no lane goes on
	switch e.Type {
	case "ActivityTaskScheduled":
		lane := timeline.Lane{Name: e.ActivityType.Name, Where: e.TaskList.Name, Kind: timeline.Activity}
		key := activityKey(lane.Name, lane.Where, lane.Kind)
		if at, goes := l.last[key]; goes && l.all[at].Outcome.Open() {
			delete(l.last, key) // two at a time are two lanes
		}
		l.begin(e, key, lane, timeline.Waits, false)
	case "DecisionTaskScheduled":
		l.begin(e, "decisions", timeline.Lane{Name: "decisions", Where: e.TaskList.Name, Kind: timeline.Decisions}, timeline.Waits, false)
		l.all[l.last["decisions"]].Where = e.TaskList.Name
	case "LambdaFunctionScheduled":
		delete(l.last, "lambda "+e.Name)
		l.begin(e, "lambda "+e.Name, timeline.Lane{Name: e.Name, Where: "lambda", Kind: timeline.Function}, timeline.Waits, false)
	case "StartChildWorkflowExecutionInitiated":
		delete(l.last, "child")
		l.begin(e, "child", timeline.Lane{Name: e.WorkflowID, Where: e.WorkflowType.Name, Kind: timeline.Child}, timeline.Waits, false)
	case "TimerStarted":
		delete(l.last, "timer")
		l.begin(e, "timer", timeline.Lane{Name: e.TimerID, Where: "timer", Kind: timeline.Timer}, timeline.Running, true)
	case "ActivityTaskStarted", "DecisionTaskStarted", "LambdaFunctionStarted":
		l.taken(e.Scheduled, e.At, e.Identity)
	case "ChildWorkflowExecutionStarted":
		l.taken(e.Initiated, e.At, e.Execution.RunID)
	case "WorkflowExecutionSignaled":
		l.point(e, timeline.SignalLane, e.SignalName)
	case "MarkerRecorded":
		l.point(e, timeline.MarkerLane, e.MarkerName)
	case "TimerFired", "TimerCanceled":
		l.end(e.Started, e, ends[e.Type], alone)
	default:
		outcome, is := ends[e.Type]
		switch {
		case !is:
		case e.Initiated != 0:
			l.end(e.Initiated, e, outcome, alone)
		case e.Scheduled != 0 && e.Type[0] == 'A':
			l.end(e.Scheduled, e, outcome, l.key(e.Scheduled))
		case e.Scheduled != 0:
			l.end(e.Scheduled, e, outcome, alone)
		}
	}
}
