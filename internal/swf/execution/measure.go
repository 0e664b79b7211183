package execution

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// What CloudWatch has of SWF, as far as only the rules know it. Times are those of events,
// but a task that was handed out again counts from its latest attempt on.
//
// Source: SWF Developer Guide, "Amazon SWF metrics for CloudWatch".
var (
	workflowMeters = &engine.Meters{
		Labels: []string{"domain", "type", "version"},
		Meters: []engine.Meter{
			workflowsStarted: {Name: "heddle_swf_workflows_started_total", Help: "Workflow executions that were started, children and those that continue another too."},
			workflowsClosed:  {Name: "heddle_swf_workflows_closed_total", Help: "Workflow executions that were closed; cause is of those that were terminated.", Labels: []string{"status", "cause"}, Values: closings},
			workflowTime:     {Name: "heddle_swf_workflow_start_to_close_seconds", Help: "How long workflow executions were open that were closed.", Timed: true},
			decisionsClosed:  {Name: "heddle_swf_decisions_total", Help: "Decision tasks that were completed or timed out.", Labels: []string{"outcome"}, Values: values(decisionOutcomes)},
			decisionWaited:   {Name: "heddle_swf_decision_schedule_to_start_seconds", Help: "How long decision tasks waited for a decider.", Timed: true},
			decisionTime:     {Name: "heddle_swf_decision_start_to_close_seconds", Help: "How long deciders had decision tasks that were closed.", Timed: true},
		},
	}
	activityMeters = &engine.Meters{
		Labels: []string{"domain", "type", "version"},
		Meters: []engine.Meter{
			activitiesClosed:  {Name: "heddle_swf_activities_total", Help: "Activity tasks that were closed; outcome is completed, failed, canceled, or the timeout.", Labels: []string{"outcome"}, Values: values(activityOutcomes)},
			activityWaited:    {Name: "heddle_swf_activity_schedule_to_start_seconds", Help: "How long activity tasks waited for a worker.", Timed: true},
			activityTime:      {Name: "heddle_swf_activity_start_to_close_seconds", Help: "How long workers had activity tasks that were closed.", Timed: true},
			activityWholeTime: {Name: "heddle_swf_activity_schedule_to_close_seconds", Help: "How long activity tasks took from their scheduling on.", Timed: true},
		},
	}
	decisionMeters = &engine.Meters{
		Meters: []engine.Meter{{
			Name: "heddle_swf_decision_requests_total", Help: "Decisions in answers of deciders that were accepted, whether or not they failed.",
			Labels: []string{"decision"}, Values: values(wire.DecisionTypeValues),
		}},
	}
	redeliveryMeters = &engine.Meters{
		Meters: []engine.Meter{{
			Name: "heddle_redeliveries_total", Help: "Tasks that were handed out again, since they may not have reached who had them.",
			Labels: []string{"kind"}, Values: values(redelivered),
		}},
	}
)

// Meters are all that the rules measure by.
func Meters() []*engine.Meters {
	return []*engine.Meters{workflowMeters, activityMeters, decisionMeters, redeliveryMeters}
}

// Of workflowMeters.
const (
	workflowsStarted = iota
	workflowsClosed
	workflowTime
	decisionsClosed
	decisionWaited
	decisionTime
)

// Of activityMeters.
const (
	activitiesClosed = iota
	activityWaited
	activityTime
	activityWholeTime
)

var (
	decisionOutcomes = []string{"completed", "start_to_close", "schedule_to_start"}
	activityOutcomes = []string{"completed", "failed", "canceled", "schedule_to_start", "schedule_to_close", "start_to_close", "heartbeat"}
	redelivered      = []string{"decision", "activity", "lambda"}
	// closings are statuses and causes.
	closings = [][]string{
		{"completed", ""}, {"failed", ""}, {"canceled", ""}, {"continued_as_new", ""}, {"timed_out", ""},
		{"terminated", "operator_initiated"}, {"terminated", "child_policy_applied"}, {"terminated", "event_limit_exceeded"},
	}
)

func values(of []string) (all [][]string) {
	for _, v := range of {
		all = append(all, []string{v})
	}
	return all
}

// measure measures what an event says that the state is about to take in.
func (t *turn) measure(body wire.EventBody) {
	if !t.in.Measure {
		return
	}
	switch a := body.(type) {
	case *wire.WorkflowExecutionStartedEventAttributes:
		t.count(workflowMeters, t.s.of(a.WorkflowType.Name, a.WorkflowType.Version), workflowsStarted, 0)
	case *wire.WorkflowExecutionCompletedEventAttributes:
		t.measureClose("completed", "")
	case *wire.WorkflowExecutionFailedEventAttributes:
		t.measureClose("failed", "")
	case *wire.WorkflowExecutionCanceledEventAttributes:
		t.measureClose("canceled", "")
	case *wire.WorkflowExecutionContinuedAsNewEventAttributes:
		t.measureClose("continued_as_new", "")
	case *wire.WorkflowExecutionTimedOutEventAttributes:
		t.measureClose("timed_out", "")
	case *wire.WorkflowExecutionTerminatedEventAttributes:
		cause := "operator_initiated"
		switch value(a.Cause) {
		case wire.WorkflowExecutionTerminatedCauseChildPolicyApplied:
			cause = "child_policy_applied"
		case wire.WorkflowExecutionTerminatedCauseEventLimitExceeded:
			cause = "event_limit_exceeded"
		}
		t.measureClose("terminated", cause)

	case *wire.DecisionTaskStartedEventAttributes:
		t.took(workflowMeters, t.s.ofType(), decisionWaited, t.s.decision.ScheduledAt)
	case *wire.DecisionTaskCompletedEventAttributes:
		t.count(workflowMeters, t.s.ofType(), decisionsClosed, 0)
		t.took(workflowMeters, t.s.ofType(), decisionTime, t.s.decision.Since)
	case *wire.DecisionTaskTimedOutEventAttributes:
		outcome := "start_to_close"
		if a.TimeoutType == wire.DecisionTaskTimeoutTypeScheduleToStart {
			outcome = "schedule_to_start"
		}
		t.count(workflowMeters, t.s.ofType(), decisionsClosed, slices.Index(decisionOutcomes, outcome))
		if a.StartedEventID != 0 {
			t.took(workflowMeters, t.s.ofType(), decisionTime, t.s.decision.Since)
		}

	case *wire.ActivityTaskStartedEventAttributes:
		k := t.s.activity(a.ScheduledEventID)
		t.took(activityMeters, t.s.of(k.kind.Name, k.kind.Version), activityWaited, k.ScheduledAt)
	case *wire.ActivityTaskCompletedEventAttributes:
		t.measureActivity(a.ScheduledEventID, "completed")
	case *wire.ActivityTaskFailedEventAttributes:
		t.measureActivity(a.ScheduledEventID, "failed")
	case *wire.ActivityTaskCanceledEventAttributes:
		t.measureActivity(a.ScheduledEventID, "canceled")
	case *wire.ActivityTaskTimedOutEventAttributes:
		outcome := "start_to_close"
		switch a.TimeoutType {
		case wire.ActivityTaskTimeoutTypeScheduleToStart:
			outcome = "schedule_to_start"
		case wire.ActivityTaskTimeoutTypeScheduleToClose:
			outcome = "schedule_to_close"
		case wire.ActivityTaskTimeoutTypeHeartbeat:
			outcome = "heartbeat"
		}
		t.measureActivity(a.ScheduledEventID, outcome)
	}
}

// of are the labels of a type in the execution's domain.
func (s *State) of(name, version string) engine.Of { return engine.Of{s.domain, name, version} }

// ofType are those of the execution's own type.
func (s *State) ofType() engine.Of { return s.of(s.settings.Type.Name, s.settings.Type.Version) }

func (t *turn) count(of *engine.Meters, labels engine.Of, meter, values int) {
	t.add(engine.Measure{Meters: of, Of: labels, Meter: meter, Values: values})
}

func (t *turn) took(of *engine.Meters, labels engine.Of, meter int, since engine.Time) {
	t.add(engine.Measure{Meters: of, Of: labels, Meter: meter, Took: max(0, t.in.Now-since)})
}

func (t *turn) add(m engine.Measure) {
	if t.measures == nil {
		t.measures = make([]engine.Measure, 0, 6) // as many as most turns have
	}
	t.measures = append(t.measures, m)
}

func (t *turn) measureClose(status, cause string) {
	labels := t.s.ofType()
	which := slices.IndexFunc(closings, func(c []string) bool { return c[0] == status && c[1] == cause })
	t.count(workflowMeters, labels, workflowsClosed, which)
	t.took(workflowMeters, labels, workflowTime, t.s.started)
}

func (t *turn) measureActivity(scheduled int64, outcome string) {
	k := t.s.activity(scheduled)
	labels := t.s.of(k.kind.Name, k.kind.Version)
	t.count(activityMeters, labels, activitiesClosed, slices.Index(activityOutcomes, outcome))
	if k.Started != 0 {
		t.took(activityMeters, labels, activityTime, k.Since)
	}
	t.took(activityMeters, labels, activityWholeTime, k.ScheduledAt)
}

// measureDecisions counts what a decider has decided.
func (t *turn) measureDecisions(decisions []wire.Decision) {
	if !t.in.Measure {
		return
	}
	var by [32]int // there are 13
	for i := range decisions {
		by[slices.Index(wire.DecisionTypeValues, decisions[i].DecisionType)]++
	}
	for which, n := range by {
		if n > 0 {
			t.add(engine.Measure{Meters: decisionMeters, Values: which, Times: n})
		}
	}
}

// measureAgain counts a task that is handed out again.
func (t *turn) measureAgain(kind string) {
	if t.in.Measure {
		t.count(redeliveryMeters, engine.Of{}, 0, slices.Index(redelivered, kind))
	}
}
