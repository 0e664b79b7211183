package execution

import (
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// What CloudWatch has of Step Functions, as far as only the rules know it. Times are those of
// events, but a task that was handed out again counts from its latest attempt on. Executions of
// express state machines that somebody waits for count too.
//
// Source: Step Functions Developer Guide, "Monitoring Step Functions metrics using Amazon
// CloudWatch".
var (
	machineMeters = &engine.Meters{
		Labels: []string{"state_machine", "version", "alias"}, // the latter if it was started by one
		Meters: []engine.Meter{
			executionsStarted:  {Name: "heddle_sfn_executions_started_total", Help: "Executions that were started."},
			executionsClosed:   {Name: "heddle_sfn_executions_closed_total", Help: "Executions that were closed, each time; redriven: they had been closed before.", Labels: []string{"status", "redriven"}, Values: closings},
			executionsRedriven: {Name: "heddle_sfn_executions_redriven_total", Help: "Executions that were redriven."},
			executionTime:      {Name: "heddle_sfn_execution_seconds", Help: "How long executions ran that were closed; of those that were redriven, since then.", Timed: true},

			statesEntered:       {Name: "heddle_sfn_state_transitions_total", Help: "States that were entered, and retries."},
			executionsThrottled: {Name: "heddle_sfn_executions_throttled_total", Help: "States and retries that had to wait since there were too many of them for --throttle."},
		},
	}
	expressMeters = &engine.Meters{
		Labels: []string{"state_machine"},
		Meters: []engine.Meter{
			expressBilled: {Name: "heddle_sfn_express_billed_seconds", Help: "How long express executions ran that were closed, as they would be billed: in steps of 100 ms.", Timed: true},
			expressMemory: {Name: "heddle_sfn_express_memory_bytes_total", Help: "Bytes of inputs, outputs and variables that express executions handed on which were closed."},
		},
	}
	activityMeters    = taskMeters("activity", "activities", "activity")
	functionMeters    = taskMeters("function", "lambda_functions", "lambda_function")
	integrationMeters = taskMeters("integration", "integrations", "integration")
	mapRunMeters      = &engine.Meters{
		Labels: []string{"state_machine"},
		Meters: []engine.Meter{
			mapRunsStarted:  {Name: "heddle_sfn_map_runs_started_total", Help: "Map runs that were started."},
			mapRunsRedriven: {Name: "heddle_sfn_map_runs_redriven_total", Help: "Map runs that were redriven."},
			mapRunsClosed:   {Name: "heddle_sfn_map_runs_closed_total", Help: "Map runs that were closed, each time, but for those that ended with their execution.", Labels: []string{"status"}, Values: mapRunClosings},
		},
	}
	redeliveryMeters = &engine.Meters{
		Meters: []engine.Meter{{
			Name: "heddle_redeliveries_total", Help: "Tasks that were handed out again, since they may not have reached who had them.",
			Labels: []string{"kind"}, Values: [][]string{{"state_machine_task"}},
		}},
	}
)

// Meters are all that the rules measure by.
func Meters() []*engine.Meters {
	return []*engine.Meters{machineMeters, expressMeters, activityMeters, functionMeters, integrationMeters, mapRunMeters, redeliveryMeters}
}

// Of machineMeters.
const (
	executionsStarted = iota
	executionsClosed
	executionsRedriven
	executionTime
	statesEntered
	executionsThrottled
)

// Of expressMeters.
const (
	expressBilled = iota
	expressMemory
)

// Of mapRunMeters.
const (
	mapRunsStarted = iota
	mapRunsRedriven
	mapRunsClosed
)

// mapRunClosings are statuses, in the order of mapRunEvents.
var (
	mapRunClosings = [][]string{{"succeeded"}, {"failed"}, {"aborted"}}
	mapRunEvents   = []Type{MapRunSucceeded, MapRunFailed, MapRunAborted}
)

// Of taskMeters.
const (
	tasksScheduled = iota
	tasksStarted
	tasksClosed
	taskWaited
	taskTime
	taskWholeTime
)

// closings are statuses, and whether the execution had been redriven.
var closings = [][]string{
	{"succeeded", "false"}, {"failed", "false"}, {"timed_out", "false"}, {"aborted", "false"},
	{"succeeded", "true"}, {"failed", "true"}, {"timed_out", "true"}, {"aborted", "true"},
}

var taskOutcomes = []string{"succeeded", "failed", "start_failed", "timed_out", "heartbeat"}

// taskMeters are of tasks of one kind, told apart by a label.
func taskMeters(label, many, one string) *engine.Meters {
	var outcomes [][]string
	for _, o := range taskOutcomes {
		outcomes = append(outcomes, []string{o})
	}
	return &engine.Meters{
		Labels: []string{label},
		Meters: []engine.Meter{
			tasksScheduled: {Name: "heddle_sfn_" + many + "_scheduled_total", Help: "Tasks that were scheduled."},
			tasksStarted:   {Name: "heddle_sfn_" + many + "_started_total", Help: "Tasks that were started."},
			tasksClosed:    {Name: "heddle_sfn_" + many + "_total", Help: "Tasks that were closed; outcome is succeeded, failed, start_failed, or what was over: timed_out, heartbeat.", Labels: []string{"outcome"}, Values: outcomes},
			taskWaited:     {Name: "heddle_sfn_" + one + "_schedule_seconds", Help: "How long tasks waited for who performs them.", Timed: true},
			taskTime:       {Name: "heddle_sfn_" + one + "_run_seconds", Help: "How long tasks ran that were closed.", Timed: true},
			taskWholeTime:  {Name: "heddle_sfn_" + one + "_seconds", Help: "How long tasks took from their scheduling on.", Timed: true},
		},
	}
}

// metersOf are those of tasks of a kind, and their label.
func metersOf(kind asl.ResourceKind, resource, service string) (of *engine.Meters, labels engine.Of) {
	switch kind {
	case asl.Activity:
		return activityMeters, engine.Of{resource}
	case asl.Function:
		return functionMeters, engine.Of{resource}
	}
	return integrationMeters, engine.Of{service + ":" + resource}
}

// measure measures what an event says that the state is about to take in.
func (t *turn) measure(th *thread, e *Body) {
	if !t.in.Measure {
		return
	}
	s := t.s
	switch e.Type {
	case ExecutionStarted:
		t.count(machineMeters, engine.Of{s.of, qualifier(e.Version), qualifier(e.Alias)}, executionsStarted, 0) // the state has none yet
	case ExecutionRedriven:
		t.count(machineMeters, s.measured(), executionsRedriven, 0)
	case ExecutionSucceeded:
		t.measureClose("succeeded")
	case ExecutionFailed:
		t.measureClose("failed")
	case ExecutionTimedOut:
		t.measureClose("timed_out")
	case ExecutionAborted:
		t.measureClose("aborted")
	case MapRunStarted:
		t.count(mapRunMeters, engine.Of{s.of}, mapRunsStarted, 0)
	case MapRunRedriven:
		t.count(mapRunMeters, engine.Of{s.of}, mapRunsRedriven, 0)
	case MapRunSucceeded, MapRunFailed, MapRunAborted:
		t.count(mapRunMeters, engine.Of{s.of}, mapRunsClosed, slices.Index(mapRunEvents, e.Type))
	case ActivityScheduled, LambdaFunctionScheduled, TaskScheduled:
		of, labels := metersOf(asl.ResourceKind(e.hidden.task.kind), e.Resource, e.ResourceType)
		t.count(of, labels, tasksScheduled, 0)
	case ActivityStarted, LambdaFunctionStarted, TaskStarted:
		of, labels := th.work.meters()
		t.count(of, labels, tasksStarted, 0)
		t.took(of, labels, taskWaited, th.work.ScheduledAt)
	case ActivitySucceeded, LambdaFunctionSucceeded, TaskSucceeded:
		t.measureTask(th.work, "succeeded")
	case ActivityFailed, LambdaFunctionFailed, TaskFailed, TaskSubmitFailed:
		t.measureTask(th.work, "failed")
	case LambdaFunctionStartFailed, TaskStartFailed:
		t.measureTask(th.work, "start_failed")
	case ActivityTimedOut, LambdaFunctionTimedOut, TaskTimedOut:
		outcome := "timed_out"
		if t.silent {
			outcome = "heartbeat"
		}
		t.measureTask(th.work, outcome)
	}
}

func (w *work) meters() (of *engine.Meters, labels engine.Of) {
	return metersOf(asl.ResourceKind(w.kind), w.resource, w.service)
}

func (t *turn) count(of *engine.Meters, labels engine.Of, meter, values int) {
	t.measures = append(t.measures, engine.Measure{Meters: of, Of: labels, Meter: meter, Values: values})
}

func (t *turn) took(of *engine.Meters, labels engine.Of, meter int, since engine.Time) {
	t.measures = append(t.measures, engine.Measure{Meters: of, Of: labels, Meter: meter, Took: max(0, t.in.Now-since)})
}

func (t *turn) measureClose(status string) {
	s := t.s
	redriven := "false"
	if s.redrives > 0 {
		redriven = "true"
	}
	which := slices.IndexFunc(closings, func(c []string) bool { return c[0] == status && c[1] == redriven })
	t.measures = slices.Grow(t.measures, 3)
	of := s.measured()
	t.count(machineMeters, of, executionsClosed, which)
	t.took(machineMeters, of, executionTime, max(s.started, s.redriven))
	if s.express {
		t.measures = append(t.measures, engine.Measure{Meters: expressMeters, Of: engine.Of{s.of}, Meter: expressBilled, Took: Billed(s.started, t.in.Now)})
		t.times(expressMeters, engine.Of{s.of}, expressMemory, int(s.grown))
	}
}

// measured are the values of the labels of machineMeters.
func (s *State) measured() engine.Of {
	return engine.Of{s.of, qualifier(s.settings.Version), qualifier(s.settings.Alias)}
}

// qualifier is a version's number, or an alias' name.
func qualifier(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// Billed is for how long an express execution is billed: in steps of 100 ms.
func Billed(started, closed engine.Time) engine.Time {
	const step = 100
	return max(1, (closed-started+step-1)/step) * step
}

// measureEntered measures the states that were entered, and retries, once for all of the turn.
func (t *turn) measureEntered() {
	if t.entered > 0 && t.in.Measure {
		t.times(machineMeters, t.s.measured(), statesEntered, t.entered)
	}
}

// times counts several at once.
func (t *turn) times(of *engine.Meters, labels engine.Of, meter, times int) {
	if t.in.Measure && times > 0 {
		t.measures = append(t.measures, engine.Measure{Meters: of, Of: labels, Meter: meter, Times: times})
	}
}

func (t *turn) measureTask(w *work, outcome string) {
	of, labels := w.meters()
	t.count(of, labels, tasksClosed, slices.Index(taskOutcomes, outcome))
	if w.Started != 0 {
		t.took(of, labels, taskTime, w.Since)
	}
	t.took(of, labels, taskWholeTime, w.ScheduledAt)
}
