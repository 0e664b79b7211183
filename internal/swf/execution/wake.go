package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// What may be due.
type due uint8

const (
	dueExecution     due = iota // the execution's START_TO_CLOSE
	dueDecisionStart            // SCHEDULE_TO_START of a decision task on an overriding list
	dueDecision                 // a decision task's START_TO_CLOSE
	dueActivityStart            // an activity task's SCHEDULE_TO_START
	dueActivityRun              // its START_TO_CLOSE
	dueActivityClose            // its SCHEDULE_TO_CLOSE
	dueHeartbeat                // its HEARTBEAT
	dueTimer                    // a timer
	dueLambda                   // a Lambda task's START_TO_CLOSE
)

// deadline is the moment at which something of an event is due; at zero: never.
type deadline struct {
	at    engine.Time
	what  due
	event int64
}

// earliest keeps a deadline if it comes before the one that d holds. Of equal ones
// the first stays.
func (d *deadline) earliest(at engine.Time, what due, event int64) {
	if at != 0 && (d.at == 0 || at < d.at) {
		*d = deadline{at, what, event}
	}
}

// closeBy is when the execution times out: at its own timeout, or after as many
// seconds as any may run.
func (s *State) closeBy(secondsMax int64) engine.Time {
	timeout := secondsOf(s.settings.ExecutionStartToCloseTimeout)
	if timeout == engine.Unlimited || timeout > secondsMax {
		timeout = secondsMax
	}
	return engine.After(s.started, timeout)
}

// next gives the earliest deadline of an open execution.
func (s *State) next(up engine.Time, limits *Limits) deadline {
	var d deadline
	d.earliest(s.closeBy(limits.ExecutionSecondsMax), dueExecution, 1)
	k := &s.decision
	d.earliest(k.startBy(), dueDecisionStart, k.Scheduled)
	d.earliest(k.Within(secondsOf(s.settings.TaskStartToCloseTimeout)), dueDecision, k.Scheduled)
	for i := range s.activities {
		a := &s.activities[i]
		d.earliest(a.startBy(), dueActivityStart, a.Scheduled)
		d.earliest(a.Within(a.startToClose), dueActivityRun, a.Scheduled)
		d.earliest(engine.After(a.ScheduledAt, a.scheduleToClose), dueActivityClose, a.Scheduled)
		d.earliest(a.BeatBy(up, a.heartbeat), dueHeartbeat, a.Scheduled)
	}
	for i := range s.timers {
		d.earliest(s.timers[i].fires, dueTimer, s.timers[i].started)
	}
	for i := range s.lambdas {
		l := &s.lambdas[i]
		d.earliest(l.Within(secondsOf(l.startToClose)), dueLambda, l.Scheduled)
	}
	return d
}

// wake does what is due, in the order of its deadlines. What an earlier one ended is
// due no more. If it is much, the rest stays due, and so wants a wake at once.
func (t *turn) wake() {
	s := t.s
	for s.isOpen() && t.bytes() < wakeBytes {
		d := s.next(t.in.Up, t.limits)
		if d.at == 0 || d.at > t.in.Now {
			return
		}
		switch d.what {
		case dueExecution:
			t.timeOut()
		case dueDecisionStart:
			t.timeOutDecision(wire.DecisionTaskTimeoutTypeScheduleToStart)
		case dueDecision:
			t.timeOutDecision(wire.DecisionTaskTimeoutTypeStartToClose)
		case dueActivityStart:
			t.timeOutActivity(s.activity(d.event), wire.ActivityTaskTimeoutTypeScheduleToStart)
		case dueActivityRun:
			t.timeOutActivity(s.activity(d.event), wire.ActivityTaskTimeoutTypeStartToClose)
		case dueActivityClose:
			t.timeOutActivity(s.activity(d.event), wire.ActivityTaskTimeoutTypeScheduleToClose)
		case dueHeartbeat:
			t.timeOutActivity(s.activity(d.event), wire.ActivityTaskTimeoutTypeHeartbeat)
		case dueTimer:
			t.fireTimer(at(s.timers, d.event, (*timer).id))
		case dueLambda:
			t.timeOutLambda(at(s.lambdas, d.event, (*lambda).id))
		}
	}
}
