package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/api"
)

// timer is an open timer.
type timer struct {
	name    string // timerId
	started int64
	fires   engine.Time
}

func (t *timer) id() int64 { return t.started }

func (t *timer) code(c *coder) {
	c.text(&t.name)
	c.int(&t.started)
	c.time(&t.fires)
}

// timerNamed gives the open timer with a timerId, or nil.
func (s *State) timerNamed(name string) *timer {
	for i := range s.timers {
		if s.timers[i].name == name {
			return &s.timers[i]
		}
	}
	return nil
}

func (t *turn) startTimer(d *api.StartTimerDecisionAttributes, fact Fact, decided int64) {
	cause := ""
	switch {
	case fact.Denied:
		cause = api.StartTimerFailedCauseOperationNotPermitted
	case t.s.timerNamed(d.TimerID) != nil:
		cause = api.StartTimerFailedCauseTimerIDAlreadyInUse
	case len(t.s.timers) >= t.limits.OpenTimersMax:
		cause = api.StartTimerFailedCauseOpenTimersLimitExceeded
	case fact.Throttled:
		cause = api.StartTimerFailedCauseTimerCreationRateExceeded
	}
	if cause != "" {
		t.emit(&api.StartTimerFailedEventAttributes{
			Cause: cause, DecisionTaskCompletedEventID: decided, TimerID: d.TimerID,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&api.TimerStartedEventAttributes{
		Control: d.Control, DecisionTaskCompletedEventID: decided,
		StartToFireTimeout: d.StartToFireTimeout, TimerID: d.TimerID,
	})
}

func (t *turn) cancelTimer(d *api.CancelTimerDecisionAttributes, fact Fact, decided int64) {
	open := t.s.timerNamed(d.TimerID)
	cause := ""
	switch {
	case fact.Denied:
		cause = api.CancelTimerFailedCauseOperationNotPermitted
	case open == nil:
		cause = api.CancelTimerFailedCauseTimerIDUnknown
	}
	if cause != "" {
		t.emit(&api.CancelTimerFailedEventAttributes{
			Cause: cause, DecisionTaskCompletedEventID: decided, TimerID: d.TimerID,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&api.TimerCanceledEventAttributes{
		DecisionTaskCompletedEventID: decided, StartedEventID: open.started, TimerID: d.TimerID,
	})
}

func (t *turn) fireTimer(due *timer) {
	if t.emit(&api.TimerFiredEventAttributes{StartedEventID: due.started, TimerID: due.name}) {
		t.wantsDecision = true
	}
}
