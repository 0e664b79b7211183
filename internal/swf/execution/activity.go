package execution

import (
	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// activity is an open activity task.
type activity struct {
	task
	name string // activityId
	kind wire.ActivityType

	scheduleToStart int64
	scheduleToClose int64
	startToClose    int64
	heartbeat       int64

	beatAt          engine.Time // of the last heartbeat; zero: none
	beatDetails     *string
	cancelRequested int64 // the last ActivityTaskCancelRequested
}

func (a *activity) id() int64 { return a.scheduled }

func (a *activity) code(c *pack.Coder) {
	a.task.code(c)
	c.Text(&a.name)
	c.Text(&a.kind.Name)
	c.Text(&a.kind.Version)
	c.Int(&a.scheduleToStart)
	c.Int(&a.scheduleToClose)
	c.Int(&a.startToClose)
	c.Int(&a.heartbeat)
	codeHeartbeat(c, &a.beatAt, &a.beatDetails)
	c.Int(&a.cancelRequested)
}

func codeHeartbeat(c *pack.Coder, at *engine.Time, details **string) {
	at.Code(c)
	c.Optional(details)
}

// startBy is when the wait for a worker ends; zero: never.
func (a *activity) startBy() engine.Time {
	if a.started != 0 {
		return 0
	}
	return after(a.scheduledAt, a.scheduleToStart)
}

// beatBy is when the next heartbeat is late; zero: never. While the server was
// down, until up, no worker could send one.
func (a *activity) beatBy(up engine.Time) engine.Time {
	if a.started == 0 {
		return 0
	}
	return after(max(a.since, a.beatAt, up), a.heartbeat)
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
		task: task{
			scheduled: e.ID, scheduledAt: e.At, list: a.TaskList.Name, full: s.activityList(a.TaskList.Name),
			priority: wire.Priority(value(a.TaskPriority)),
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
	if a == nil || !a.onOffer() || a.held(t.in.Up) {
		return &UnknownActivityError{c.ScheduledEventID}
	}
	if a.started != 0 {
		t.startAgain(&a.task)
	} else if !t.emit(&wire.ActivityTaskStartedEventAttributes{Identity: c.Identity, ScheduledEventID: a.scheduled}) {
		return nil
	}
	t.answer(&ActivityTask{
		WorkflowID: s.workflowID, RunID: s.runID, ActivityID: a.name, Type: a.kind, DomainNumber: s.domainNumber,
		ScheduledEventID: a.scheduled, StartedEventID: a.started, Attempt: a.attempt,
	})
	return nil
}

// startedActivity finds the open activity task that a token names.
func (s *State) startedActivity(ref ActivityRef) (*activity, error) {
	a := s.activity(ref.ScheduledEventID)
	if a == nil || a.started == 0 || a.started != ref.StartedEventID {
		return nil, &UnknownActivityError{ref.ScheduledEventID}
	}
	return a, nil
}

func (t *turn) heartbeat(c *Heartbeat) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	k := pack.Writing(nil)
	now, details := t.in.Now, c.Details
	codeHeartbeat(k, &now, &details)
	t.note(engine.Note{Subject: a.scheduled, Kind: noteHeartbeat, Value: k.Written()})
	if !a.delivered { // whatever became of the answer: a worker has the task
		t.noteDelivered(&a.task)
	}
	t.answer(&HeartbeatReply{CancelRequested: a.cancelRequested != 0})
	return nil
}

func (t *turn) completeActivity(c *CompleteActivity) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	t.closeActivity(a, &wire.ActivityTaskCompletedEventAttributes{
		Result: c.Result, ScheduledEventID: a.scheduled, StartedEventID: a.started,
	})
	return nil
}

func (t *turn) failActivity(c *FailActivity) error {
	a, err := t.s.startedActivity(c.ActivityRef)
	if err != nil {
		return err
	}
	t.closeActivity(a, &wire.ActivityTaskFailedEventAttributes{
		Details: c.Details, Reason: c.Reason, ScheduledEventID: a.scheduled, StartedEventID: a.started,
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
		Details: details, ScheduledEventID: a.scheduled, StartedEventID: a.started,
	}
	if requested := a.cancelRequested; requested != 0 {
		body.LatestCancelRequestedEventID = &requested
	}
	t.closeActivity(a, body)
}

func (t *turn) timeOutActivity(a *activity, timeoutType string) {
	t.closeActivity(a, &wire.ActivityTaskTimedOutEventAttributes{
		Details: a.beatDetails, ScheduledEventID: a.scheduled, StartedEventID: a.started, TimeoutType: timeoutType,
	})
}

// closeActivity records how an activity task ended.
func (t *turn) closeActivity(a *activity, body wire.EventBody) {
	gone, beat := a.task, a.beatAt != 0
	if !t.emit(body) {
		return
	}
	t.dropNotes(&gone)
	if beat {
		t.notes = append(t.notes, engine.Note{Subject: gone.scheduled, Kind: noteHeartbeat})
	}
	t.wantsDecision = true
}

// applyActivityClosed ends an activity task. The end of one that no worker had is no
// sign that the work goes on.
func (s *State) applyActivityClosed(scheduled int64, now engine.Time) {
	if s.activity(scheduled).started != 0 {
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
	}) && a.started == 0 {
		t.closeActivityCanceled(a, nil)
	}
}
