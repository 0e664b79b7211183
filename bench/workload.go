package main

import (
	"strconv"

	"heddle/bench/client"
)

// workload is what the load does with each workflow.
type workload struct {
	name       string
	activities int
	parallel   bool // all activities at once, not one after the other
	inFlight   int  // 0: as the flag says
	calls      int  // that a workflow takes when no decision is empty
	events     int  // of its history then
}

// workloads by name. A stub without rules, timers and visibility, measured on
// two cores that the load shares, did about 1,200 one-activity workflows a
// second at 64 in flight and took 4.4 ms for one alone, at 127 us of CPU a call.
var workloads = []workload{
	{name: "start-only", calls: 1, events: 2},
	{name: "one-activity", activities: 1, calls: 7, events: 11},
	{name: "three-in-sequence", activities: 3, calls: 15, events: 23},
	{name: "ten-parallel", activities: 10, parallel: true, calls: 25, events: 38},
	{name: "idle", activities: 1, inFlight: 1, calls: 7, events: 11},
}

// decide appends the decisions that a decision task's answer calls for.
func (w *workload) decide(b, task []byte) (_ []byte, closes bool) {
	completed := client.Events(task, "ActivityTaskCompleted")
	scheduled := client.Events(task, "ActivityTaskScheduled")
	switch {
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
func appendStart(b []byte, id []byte) []byte {
	b = append(b, `{"domain":"bench","workflowId":"`...)
	b = append(b, id...)
	return append(b, `","workflowType":{"name":"order","version":"1"},"input":"{\"order\":4711,\"lines\":[1,2,3]}","tagList":["bench"]}`...)
}

const (
	pollDecision = `{"domain":"bench","taskList":{"name":"orders"},"identity":"bench"}`
	pollActivity = `{"domain":"bench","taskList":{"name":"charges"},"identity":"bench"}`
)
