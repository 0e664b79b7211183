package execution

import (
	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// timer is an open timer.
type timer struct {
	name    string // timerId
	started int64
	fires   engine.Time
}

func (t *timer) id() int64 { return t.started }

func (t *timer) code(c *pack.Coder) {
	c.Text(&t.name)
	c.Int(&t.started)
	t.fires.Code(c)
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

func (t *turn) startTimer(d *wire.StartTimerDecisionAttributes, fact Fact, decided int64) {
	cause := ""
	switch {
	case fact.Denied:
		cause = wire.StartTimerFailedCauseOperationNotPermitted
	case t.s.timerNamed(d.TimerID) != nil:
		cause = wire.StartTimerFailedCauseTimerIDAlreadyInUse
	case len(t.s.timers) >= t.limits.OpenTimersMax:
		cause = wire.StartTimerFailedCauseOpenTimersLimitExceeded
	case fact.Throttled:
		cause = wire.StartTimerFailedCauseTimerCreationRateExceeded
	}
	if cause != "" {
		t.emit(&wire.StartTimerFailedEventAttributes{
			Cause: cause, DecisionTaskCompletedEventID: decided, TimerID: d.TimerID,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&wire.TimerStartedEventAttributes{
		Control: d.Control, DecisionTaskCompletedEventID: decided,
		StartToFireTimeout: d.StartToFireTimeout, TimerID: d.TimerID,
	})
}

func (t *turn) cancelTimer(d *wire.CancelTimerDecisionAttributes, fact Fact, decided int64) {
	open := t.s.timerNamed(d.TimerID)
	cause := ""
	switch {
	case fact.Denied:
		cause = wire.CancelTimerFailedCauseOperationNotPermitted
	case open == nil:
		cause = wire.CancelTimerFailedCauseTimerIDUnknown
	}
	if cause != "" {
		t.emit(&wire.CancelTimerFailedEventAttributes{
			Cause: cause, DecisionTaskCompletedEventID: decided, TimerID: d.TimerID,
		})
		t.wantsDecision = true
		return
	}
	t.emit(&wire.TimerCanceledEventAttributes{
		DecisionTaskCompletedEventID: decided, StartedEventID: open.started, TimerID: d.TimerID,
	})
}

func (t *turn) fireTimer(due *timer) {
	if t.emit(&wire.TimerFiredEventAttributes{StartedEventID: due.started, TimerID: due.name}) {
		t.wantsDecision = true
	}
}
