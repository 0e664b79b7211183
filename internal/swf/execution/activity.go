package execution

import (
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// activity is an open activity task.
type activity struct {
	task.Task
	name string // activityId
	kind wire.ActivityType

	scheduleToStart int64
	scheduleToClose int64
	startToClose    int64
	heartbeat       int64
	cancelRequested int64 // the last ActivityTaskCancelRequested
}

func (a *activity) id() int64 { return a.Scheduled }

func (a *activity) code(c *pack.Coder) {
	a.Task.Code(c)
	c.Text(&a.name)
	c.Text(&a.kind.Name)
	c.Text(&a.kind.Version)
	c.Int(&a.scheduleToStart)
	c.Int(&a.scheduleToClose)
	c.Int(&a.startToClose)
	c.Int(&a.heartbeat)
	a.Beat.Code(c)
	c.Int(&a.cancelRequested)
}

// startBy is when the wait for a worker ends; zero: never.
func (a *activity) startBy() engine.Time {
	if a.Started != 0 {
		return 0
	}
	return engine.After(a.ScheduledAt, a.scheduleToStart)
}

func (s *State) activityList(name string) string {
	return ActivityList(s.id.Name.World, s.domain, name)
}

func (s *State) activity(scheduled int64) *activity {
	return at(s.activities, scheduled, (*activity).id)
}

// activityNamed gives the open activity task with an activityId, or nil.
func (s *State) activityNamed(name string) *activity {
	for i := range s.activities {
		if s.activities[i].name == name {
			return &s.activities[i]
		}
	}
	return nil
}

func (t *turn) scheduleActivity(d *wire.ScheduleActivityTaskDecisionAttributes, fact Fact, decided int64) {
	a := &wire.ActivityTaskScheduledEventAttributes{
		ActivityID:                   d.ActivityID,
		ActivityType:                 d.ActivityType,
		Control:                      d.Control,
		DecisionTaskCompletedEventID: decided,
		Input:                        d.Input,
	}
	cause := t.resolveActivity(a, d, fact)
	if cause != "" {
		t.emit(&wire.ScheduleActivityTaskFailedEventAttributes{
			ActivityID: d.ActivityID, ActivityType: d.ActivityType, Cause: cause, DecisionTaskCompletedEventID: decided,
		})
		t.wantsDecision = true
		return
	}
	t.emitWith(a, isActivity)
}

// isActivity rides with ActivityTaskScheduled: it counts as the latest activity. Older
// logs don't have it, and fold to what they did, which their snapshots hold.
var isActivity = []byte{1}

// resolveActivity fills a in from decision and defaults, or gives the cause why
// the activity task can't be scheduled.
func (t *turn) resolveActivity(a *wire.ActivityTaskScheduledEventAttributes, d *wire.ScheduleActivityTaskDecisionAttributes, fact Fact) (cause string) {
	switch {
	case fact.Denied:
		return wire.ScheduleActivityTaskFailedCauseOperationNotPermitted
	case fact.Type == TypeUnknown:
		return wire.ScheduleActivityTaskFailedCauseActivityTypeDoesNotExist
	case fact.Type == TypeDeprecated:
		return wire.ScheduleActivityTaskFailedCauseActivityTypeDeprecated
	case t.s.activityNamed(d.ActivityID) != nil:
		return wire.ScheduleActivityTaskFailedCauseActivityIDAlreadyInUse
	case len(t.s.activities) >= t.limits.OpenActivitiesMax, !t.s.mayOfferOneMore():
		return wire.ScheduleActivityTaskFailedCauseOpenActivitiesLimitExceeded
	}
	defaults := fact.Activity
	if defaults == nil {
		defaults = &wire.ActivityTypeConfiguration{}
	}
	list := d.TaskList
	if list == nil {
		list = defaults.DefaultTaskList
	}
	a.ScheduleToCloseTimeout = either(d.ScheduleToCloseTimeout, defaults.DefaultTaskScheduleToCloseTimeout)
	a.ScheduleToStartTimeout = either(d.ScheduleToStartTimeout, defaults.DefaultTaskScheduleToStartTimeout)
	a.StartToCloseTimeout = either(d.StartToCloseTimeout, defaults.DefaultTaskStartToCloseTimeout)
	a.HeartbeatTimeout = either(d.HeartbeatTimeout, defaults.DefaultTaskHeartbeatTimeout)
	a.TaskPriority = either(d.TaskPriority, defaults.DefaultTaskPriority)
	switch {
	case a.ScheduleToCloseTimeout == nil:
		return wire.ScheduleActivityTaskFailedCauseDefaultScheduleToCloseTimeoutUndefined
	case list == nil:
		return wire.ScheduleActivityTaskFailedCauseDefaultTaskListUndefined
	case a.ScheduleToStartTimeout == nil:
		return wire.ScheduleActivityTaskFailedCauseDefaultScheduleToStartTimeoutUndefined
	case a.StartToCloseTimeout == nil:
		return wire.ScheduleActivityTaskFailedCauseDefaultStartToCloseTimeoutUndefined
	case a.HeartbeatTimeout == nil:
		return wire.ScheduleActivityTaskFailedCauseDefaultHeartbeatTimeoutUndefined
	case fact.Throttled:
		return wire.ScheduleActivityTaskFailedCauseActivityCreationRateExceeded
	}
	a.TaskList = *list
	return ""
}

// either gives what a decision says or, if it says nothing, the default.
func either(said, otherwise *string) *string {
	if said != nil {
		return said
	}
	return otherwise
}

func (s *State) applyActivityScheduled(e *engine.Event, a *wire.ActivityTaskScheduledEventAttributes) {
	if len(e.Private) > 0 {
		s.latestActivity = e.At
	}
	s.activities = append(s.activities, activity{
		Task: task.Task{
			Scheduled: e.ID, ScheduledAt: e.At, List: a.TaskList.Name, Full: s.activityList(a.TaskList.Name),
			Priority: wire.Priority(value(a.TaskPriority)),
		},
		name:            a.ActivityID,
		kind:            a.ActivityType,
		scheduleToStart: seconds(a.ScheduleToStartTimeout),
		scheduleToClose: seconds(a.ScheduleToCloseTimeout),
		startToClose:    seconds(a.StartToCloseTimeout),
		heartbeat:       seconds(a.HeartbeatTimeout),
	})
}

// startActivity gives an activity task to a poller: for the first time, or once
// more if it was not delivered.
func (t *turn) startActivity(c *StartActivity) error {
	s := t.s
	a := s.activity(c.ScheduledEventID)
	if a == nil || !a.Takeable(t.in.Up) {
		return &UnknownActivityError{c.ScheduledEventID}
	}
	if a.Started != 0 {
		a.StartAgain(t.in.Now, t.note)
		t.measureAgain("activity")
	} else if !t.emit(&wire.ActivityTaskStartedEventAttributes{Identity: c.Identity, ScheduledEventID: a.Scheduled}) {
		return nil
	}
	t.answer(&ActivityTask{
		WorkflowID: s.workflowID, RunID: s.runID, ActivityID: a.name, Type: a.kind, DomainNumber: s.domainNumber,
		ScheduledEventID: a.Scheduled, StartedEventID: a.Started, Attempt: a.Attempt,
		Trace: t.handOn(a.Scheduled),
	})
	return nil
}

// startedActivity finds the open activity task that a token names.
func (s *State) startedActivity(ref ActivityRef) (*activity, error) {
	a := s.activity(ref.ScheduledEventID)
	if a == nil || a.Started == 0 || a.Started != ref.StartedEventID {
		return nil, &UnknownActivityError{ref.ScheduledEventID}
	}
	return a, nil
}

func (t *turn) heartbeat(c *Heartbeat) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	a.Heartbeat(t.in.Now, c.Details, t.note)
	t.answer(&HeartbeatReply{CancelRequested: a.cancelRequested != 0})
	return nil
}

func (t *turn) completeActivity(c *CompleteActivity) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	t.closeActivity(a, &wire.ActivityTaskCompletedEventAttributes{
		Result: c.Result, ScheduledEventID: a.Scheduled, StartedEventID: a.Started,
	})
	return nil
}

func (t *turn) failActivity(c *FailActivity) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	t.closeActivity(a, &wire.ActivityTaskFailedEventAttributes{
		Details: c.Details, Reason: c.Reason, ScheduledEventID: a.Scheduled, StartedEventID: a.Started,
	})
	return nil
}

func (t *turn) cancelActivity(c *CancelActivity) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	t.closeActivityCanceled(a, c.Details)
	return nil
}

func (t *turn) closeActivityCanceled(a *activity, details *string) {
	body := &wire.ActivityTaskCanceledEventAttributes{
		Details: details, ScheduledEventID: a.Scheduled, StartedEventID: a.Started,
	}
	if requested := a.cancelRequested; requested != 0 {
		body.LatestCancelRequestedEventID = &requested
	}
	t.closeActivity(a, body)
}

func (t *turn) timeOutActivity(a *activity, timeoutType string) {
	t.closeActivity(a, &wire.ActivityTaskTimedOutEventAttributes{
		Details: a.Beat.Details, ScheduledEventID: a.Scheduled, StartedEventID: a.Started, TimeoutType: timeoutType,
	})
}

// closeActivity records how an activity task ended.
func (t *turn) closeActivity(a *activity, body wire.EventBody) {
	gone := a.Task
	if !t.emit(body) {
		return
	}
	gone.Drop(t.note)
	t.wantsDecision = true
}

// applyActivityClosed ends an activity task. The end of one that no worker had is no
// sign that the work goes on.
func (s *State) applyActivityClosed(scheduled int64, now engine.Time) {
	if s.activity(scheduled).Started != 0 {
		s.latestActivity = now
	}
	s.activities = without(s.activities, scheduled, (*activity).id)
}

// requestCancelActivity cancels an activity task that no worker has yet; a worker
// that has it learns of the request by its next heartbeat.
func (t *turn) requestCancelActivity(d *wire.RequestCancelActivityTaskDecisionAttributes, fact Fact, decided int64) {
	a := t.s.activityNamed(d.ActivityID)
	cause := ""
	switch {
	case fact.Denied:
		cause = wire.RequestCancelActivityTaskFailedCauseOperationNotPermitted
	case a == nil:
		cause = wire.RequestCancelActivityTaskFailedCauseActivityIDUnknown
	}
	if cause != "" {
		t.emit(&wire.RequestCancelActivityTaskFailedEventAttributes{
			ActivityID: d.ActivityID, Cause: cause, DecisionTaskCompletedEventID: decided,
		})
		t.wantsDecision = true
		return
	}
	if t.emit(&wire.ActivityTaskCancelRequestedEventAttributes{
		ActivityID: d.ActivityID, DecisionTaskCompletedEventID: decided,
	}) && a.Started == 0 {
		t.closeActivityCanceled(a, nil)
	}
}
