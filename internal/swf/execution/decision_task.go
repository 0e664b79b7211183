package execution

import (
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// decisionTask is a task for the decider. An execution has at most one that is
// scheduled or started, and one more that was scheduled while the first was
// started and waits for its end.
type decisionTask struct {
	task.Task
	// scheduleToStart limits the wait on a task list that overrides the
	// execution's; never: the list is its own.
	scheduleToStart int64
	offered         engine.Time // when a poller could first take the task
}

func (d *decisionTask) code(c *pack.Coder) {
	d.Task.Code(c)
	if d.Scheduled == 0 {
		return
	}
	c.Int(&d.scheduleToStart)
	d.offered.Code(c)
}

// startBy is when an override ends that nobody has taken the task from; zero:
// never.
func (d *decisionTask) startBy() engine.Time {
	if d.Scheduled == 0 || d.Started != 0 {
		return 0
	}
	return engine.After(d.offered, d.scheduleToStart)
}

func (s *State) decisionList(name string) string {
	if name == "" {
		return ""
	}
	return DecisionList(s.id.Name.World, s.domain, name)
}

var none = wire.None

// scheduleDecision makes sure that a decision task comes after what this turn
// wrote. One that has not started yet will show it.
func (t *turn) scheduleDecision() {
	s := t.s
	if s.closeStatus != "" || s.queued.Scheduled != 0 || s.decision.Scheduled != 0 && s.decision.Started == 0 {
		return
	}
	a := &wire.DecisionTaskScheduledEventAttributes{
		ScheduleToStartTimeout: &none,
		StartToCloseTimeout:    &s.settings.TaskStartToCloseTimeout,
		TaskList:               wire.TaskList{Name: s.list},
		TaskPriority:           text(s.settings.TaskPriority),
	}
	if s.override != "" {
		a.TaskList.Name = s.override
		wait := s.overrideStart // the event outlives the override
		a.ScheduleToStartTimeout = &wait
	}
	t.emit(a)
}

func (s *State) applyDecisionScheduled(e *engine.Event, a *wire.DecisionTaskScheduledEventAttributes) {
	d := &s.decision
	if d.Scheduled != 0 {
		d = &s.queued
	}
	mustHold(d.Scheduled == 0, "event %d schedules a third decision task", e.ID)
	*d = decisionTask{
		Task: task.Task{
			Scheduled: e.ID, ScheduledAt: e.At, List: a.TaskList.Name, Full: s.decisionList(a.TaskList.Name),
			Priority: wire.Priority(value(a.TaskPriority)),
		},
		scheduleToStart: seconds(a.ScheduleToStartTimeout),
		offered:         e.At,
	}
}

// startDecision gives a decision task to a poller: for the first time, or once
// more if it was not delivered.
func (t *turn) startDecision(c *StartDecision) error {
	s := t.s
	d := &s.decision
	if d.Scheduled != c.ScheduledEventID || !d.Takeable(t.in.Up) {
		return &UnknownDecisionTaskError{c.ScheduledEventID}
	}
	if d.Started != 0 {
		d.StartAgain(t.in.Now, t.note)
		t.measureAgain("decision")
	} else if !t.emit(&wire.DecisionTaskStartedEventAttributes{Identity: c.Identity, ScheduledEventID: d.Scheduled}) {
		return nil
	}
	t.answer(&DecisionTask{
		WorkflowID: s.workflowID, RunID: s.runID, Type: s.settings.Type, DomainNumber: s.domainNumber,
		ScheduledEventID: d.Scheduled, StartedEventID: d.Started, PreviousStartedEventID: s.handled, Attempt: d.Attempt,
		Trace: t.handOn(d.Scheduled),
	})
	return nil
}

// completeDecision takes a decider's answer.
func (t *turn) completeDecision(c *CompleteDecision) error {
	d := &t.s.decision
	if d.Scheduled != c.ScheduledEventID || d.Started == 0 || d.Started != c.StartedEventID {
		return &UnknownDecisionTaskError{c.ScheduledEventID}
	}
	if flaw := wire.DecisionsFlaw(c.Decisions); flaw != "" {
		return &ValidationError{flaw}
	}
	if !t.fits(c) {
		return &ValidationError{decisionsTooLarge}
	}
	t.takeDecisions(c)
	return nil
}

// takeDecisions ends the decision task that is started, by its decisions.
func (t *turn) takeDecisions(c *CompleteDecision) {
	d := &t.s.decision
	a := &wire.DecisionTaskCompletedEventAttributes{
		ExecutionContext: c.ExecutionContext,
		ScheduledEventID: d.Scheduled,
		StartedEventID:   d.Started,
	}
	if c.TaskList != "" {
		a.TaskList = &wire.TaskList{Name: c.TaskList}
		a.TaskListScheduleToStartTimeout = c.TaskListScheduleToStartTimeout
	}
	gone := d.Task
	if !t.emit(a) {
		return
	}
	gone.Drop(t.note)
	t.measureDecisions(c.Decisions)
	t.deciding = true
	t.decide(c, t.s.last)
	t.deciding = false
	if t.s.isOpen() && t.s.last >= int64(t.limits.EventsMax) {
		t.closeFull()
	}
}

func (s *State) applyDecisionCompleted(e *engine.Event, a *wire.DecisionTaskCompletedEventAttributes) {
	s.handled = a.StartedEventID
	if a.ExecutionContext != nil {
		s.context = e.ID
	}
	if a.TaskList != nil {
		if seconds(a.TaskListScheduleToStartTimeout) == engine.Unlimited {
			s.list, s.override, s.overrideStart = a.TaskList.Name, "", ""
		} else {
			s.override, s.overrideStart = a.TaskList.Name, *a.TaskListScheduleToStartTimeout
		}
	}
	s.nextDecision(e.At)
}

// nextDecision lets the queued decision task, if there is one, come forward.
func (s *State) nextDecision(now engine.Time) {
	s.decision, s.queued = s.queued, decisionTask{}
	s.decision.offered = now
	if s.decision.Scheduled == 0 {
		s.decision.offered = 0
	}
}

// timeOutDecision ends a decision task that was late. A task on an overriding task
// list takes the override with it.
func (t *turn) timeOutDecision(timeoutType string) {
	gone := t.s.decision.Task
	if t.emit(&wire.DecisionTaskTimedOutEventAttributes{
		ScheduledEventID: gone.Scheduled, StartedEventID: gone.Started, TimeoutType: timeoutType,
	}) {
		gone.Drop(t.note)
		t.wantsDecision = true
	}
}

func (s *State) applyDecisionTimedOut(now engine.Time) {
	if s.decision.scheduleToStart != engine.Unlimited {
		s.override, s.overrideStart = "", ""
	}
	s.nextDecision(now)
}
