package main

import (
	"context"
	"strconv"

	"heddle/bench/client"
)

// workload is what the load does with each workflow.
type workload struct {
	name       string
	activities int
	parallel   bool   // all activities at once, not one after the other
	chain      int    // runs, each of which continues as the next
	lists      int    // of decision tasks, over which workflows are spread; 0: the type's own
	pollers    int    // deciders; 0: as many as workflows in flight
	signals    bool   // what is counted are signals to one workflow in each slot
	inFlight   int    // 0: as the flag says
	machine    string // executions of a state machine of this definition, in place of workflows
	express    bool   // the state machine is an express one
	action     string // of Step Functions, that each is; empty: StartExecution
	calls      int    // that a workflow takes when no decision is empty
	events     int    // of its history then
}

// workloads by name.
var workloads = []workload{
	{name: "start-only", calls: 1, events: 2},
	{name: "one-activity", activities: 1, calls: 7, events: 11},
	{name: "three-in-sequence", activities: 3, calls: 15, events: 23},
	{name: "ten-parallel", activities: 10, parallel: true, calls: 25, events: 38},
	{name: "signal-storm", signals: true, calls: 1, events: 1},
	{name: "poll-fanout", lists: 500, pollers: 1000, calls: 3, events: 5},
	{name: "continue-as-new", chain: 10, calls: 21, events: 50},
	{name: "idle", activities: 1, inFlight: 1, calls: 7, events: 11},
	{name: "machine-start", machine: passMachine, calls: 1, events: 4},
	{name: "express-start", machine: passMachine, express: true, calls: 1, events: 4},
	{name: "express-sync", machine: passMachine, express: true, action: "StartSyncExecution", calls: 1, events: 4},
	{name: "machine-describe", machine: passMachine, action: "DescribeStateMachine", calls: 1},
	{name: "machine-activity", machine: activityMachine, activities: 1, calls: 3, events: 7},
}

// special workloads are not a number of workflows in flight.
var special = map[string]func(*bench, context.Context, *measured, int) error{
	"open":         (*bench).measureOpen,
	"10k-timers":   (*bench).measureTimers,
	"long-history": (*bench).measureLongHistory,
	"visibility":   (*bench).measureVisibility,
	"console":      (*bench).measureConsole,

	"flow-one-activity": measureFlow("flow-one-activity", 1),
	"flow-sequence":     measureFlow("flow-sequence", 20),

	"machine-loop":    measureLoops("machine-loop"),
	"machine-jsonata": measureLoops("machine-jsonata"),
	"machine-map":     measureLoops("machine-map"),
	"machine-waits":   (*bench).measureWaits,
	"map-run":         (*bench).measureMapRuns,
}

func workloadNames() (names []string) {
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return names
}

// decided tells whether workflows have a decider, which completes them.
func (w *workload) decided() bool { return w.machine == "" && w.decides() }

func (w *workload) decides() bool { return w.activities > 0 || w.chain > 0 || w.lists > 0 }

// list is the task list of the n-th workflow or poller; empty: the type's own.
func (w *workload) list(n int64) string {
	if w.lists == 0 {
		return ""
	}
	return "orders-" + strconv.FormatInt(n%int64(w.lists), 10)
}

// input of a workflow, as it stands in JSON. In a chain it says how many runs are
// to follow.
func (w *workload) input() string {
	if w.chain > 0 {
		return strconv.Itoa(w.chain - 1)
	}
	return `{\"order\":4711,\"lines\":[1,2,3]}`
}

// decide appends the decisions that a decision task's answer calls for.
func (w *workload) decide(b, task []byte) (_ []byte, closes bool) {
	completed := client.Events(task, "ActivityTaskCompleted")
	scheduled := client.Events(task, "ActivityTaskScheduled")
	follow, _ := strconv.Atoi(string(client.Text(task, "input"))) // 0 if there is no chain
	switch {
	case w.chain > 0 && follow > 0:
		b = append(b, `{"decisionType":"ContinueAsNewWorkflowExecution","continueAsNewWorkflowExecutionDecisionAttributes":{"input":"`...)
		b = strconv.AppendInt(b, int64(follow-1), 10)
		return append(b, `"}}`...), false
	case completed == w.activities:
		return append(b, `{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{"result":"done"}}`...), true
	case w.parallel && scheduled == 0:
		for i := range w.activities {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendActivity(b, i)
		}
	case !w.parallel && scheduled == completed:
		b = appendActivity(b, scheduled)
	}
	return b, false
}

func appendActivity(b []byte, i int) []byte {
	b = append(b, `{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityType":{"name":"charge","version":"1"},"activityId":"charge-`...)
	b = strconv.AppendInt(b, int64(i), 10)
	return append(b, `","input":"{\"order\":4711,\"cents\":1999}"}}`...)
}

// declarations are the calls that make the domain and the types. The task lists
// are the types' defaults.
var declarations = []struct{ action, body string }{
	{"RegisterDomain", `{"name":"bench","workflowExecutionRetentionPeriodInDays":"7"}`},
	{"RegisterWorkflowType", `{"domain":"bench","name":"order","version":"1","defaultTaskList":{"name":"orders"},"defaultChildPolicy":"TERMINATE","defaultTaskStartToCloseTimeout":"300","defaultExecutionStartToCloseTimeout":"86400"}`},
	{"RegisterActivityType", `{"domain":"bench","name":"charge","version":"1","defaultTaskList":{"name":"charges"},"defaultTaskStartToCloseTimeout":"300","defaultTaskScheduleToStartTimeout":"300","defaultTaskScheduleToCloseTimeout":"600","defaultTaskHeartbeatTimeout":"NONE"}`},
}

// appendStart appends the body that starts a workflow.
func appendStart(b, id []byte, input, list string) []byte {
	b = append(b, `{"domain":"bench","workflowId":"`...)
	b = append(b, id...)
	if list != "" {
		b = append(b, `","taskList":{"name":"`...)
		b = append(b, list...)
		b = append(b, `"},"workflowType":{"name":"order","version":"1"},"input":"`...)
	} else {
		b = append(b, `","workflowType":{"name":"order","version":"1"},"input":"`...)
	}
	b = append(b, input...)
	return append(b, `","tagList":["bench"]}`...)
}

// appendSignal appends the body that signals a workflow.
func appendSignal(b, id []byte) []byte {
	b = append(b, `{"domain":"bench","workflowId":"`...)
	b = append(b, id...)
	return append(b, `","signalName":"paid","input":"{\"order\":4711,\"cents\":1999}"}`...)
}

// appendPoll appends the body that polls for decision tasks; an empty list is the
// type's own.
func appendPoll(b []byte, list string) []byte {
	if list == "" {
		list = "orders"
	}
	b = append(b, `{"domain":"bench","taskList":{"name":"`...)
	b = append(b, list...)
	return append(b, `"},"identity":"bench"}`...)
}

const pollActivity = `{"domain":"bench","taskList":{"name":"charges"},"identity":"bench"}`
