package crash

import (
	"fmt"
	"slices"
	"strings"
)

// workflows are executions of one form, and what must be true of them.
type workflows struct {
	signaled bool // by their starter
	stepsMin int  // steps of an execution that is started
	lists    []string
	fickle   bool // those who poll hang up on many polls
	silent   bool // there are workers who take tasks of the list silent and never answer
	decide   func(workflowID, mark string, h history) (decisions []string, closes bool, err error)
	// inspect checks all histories, by workflowId in the order of their runs.
	inspect func(all map[string][]history) error
}

func decision(kind, attributes string) string {
	return fmt.Sprintf(`{"decisionType":%q,%q:%s}`, kind, strings.ToLower(kind[:1])+kind[1:]+"DecisionAttributes", attributes)
}

func scheduleActivity(id string) string {
	return decision("ScheduleActivityTask", fmt.Sprintf(`{"activityType":{"name":"work","version":"1"},"activityId":%q}`, id))
}

func signalExternal(workflowID, name, input string) string {
	return decision("SignalExternalWorkflowExecution", fmt.Sprintf(`{"workflowId":%q,"signalName":%q,"input":%q}`, workflowID, name, input))
}

var complete = decision("CompleteWorkflowExecution", `{"result":"done"}`)

// orders do two activities in sequence, wait for a timer and for a signal that
// their starter sends.
func orders() workflows {
	return workflows{
		signaled: true, stepsMin: 6, lists: []string{"orders"},
		decide: func(_, _ string, h history) (decisions []string, closes bool, err error) {
			scheduled, completed := h.count("ActivityTaskScheduled"), h.count("ActivityTaskCompleted")
			switch {
			case scheduled == 0:
				return []string{scheduleActivity("first"), decision("StartTimer", `{"timerId":"t","startToFireTimeout":"1"}`)}, false, nil
			case scheduled == 1 && completed == 1:
				return []string{scheduleActivity("second")}, false, nil
			case completed == 2 && h.count("TimerFired") == 1 && h.signals("go") > 0:
				return []string{complete}, true, nil
			}
			return nil, false, nil
		},
		inspect: func(all map[string][]history) error {
			for id, runs := range all {
				if len(runs) != 1 {
					return fmt.Errorf("workflow %s has %d runs", id, len(runs))
				}
				h := runs[0]
				if err := h.closed("WorkflowExecutionCompleted"); err != nil {
					return fmt.Errorf("workflow %s: %w\n%s", id, err, h)
				}
				if n := h.count("ActivityTaskCompleted"); n != 2 {
					return fmt.Errorf("workflow %s has %d completed activities", id, n)
				}
			}
			return nil
		},
	}
}

// lates schedule activities that nobody takes, or whose workers never answer, and
// go on when each has timed out, once and not before its time.
func lates() workflows {
	return workflows{
		stepsMin: 3, lists: []string{"orders"}, silent: true,
		decide: func(_, _ string, h history) (decisions []string, closes bool, err error) {
			switch h.count("ActivityTaskTimedOut") {
			case len(lateActivities):
				return []string{complete}, true, nil
			case 0:
				if h.count("ActivityTaskScheduled") > 0 {
					return nil, false, nil
				}
				for _, a := range lateActivities {
					decisions = append(decisions, decision("ScheduleActivityTask", fmt.Sprintf(
						`{"activityType":{"name":"work","version":"1"},"activityId":%q,"taskList":{"name":%q},%q:"%d"}`, a.timeoutType, a.list, a.member, lateSeconds)))
				}
			}
			return decisions, false, nil
		},
		inspect: func(all map[string][]history) error {
			for id, runs := range all {
				if len(runs) != 1 {
					return fmt.Errorf("workflow %s has %d runs", id, len(runs))
				}
				if err := inspectLate(runs[0]); err != nil {
					return fmt.Errorf("workflow %s: %w\n%s", id, err, runs[0])
				}
			}
			return nil
		},
	}
}

const lateSeconds = 2

var lateActivities = []struct{ timeoutType, list, member, from string }{
	{"SCHEDULE_TO_START", "nobody", "scheduleToStartTimeout", "ActivityTaskScheduled"},
	{"START_TO_CLOSE", "silent", "startToCloseTimeout", "ActivityTaskStarted"},
	{"SCHEDULE_TO_CLOSE", "silent", "scheduleToCloseTimeout", "ActivityTaskScheduled"},
	{"HEARTBEAT", "silent", "heartbeatTimeout", "ActivityTaskStarted"},
}

func inspectLate(h history) error {
	if err := h.dense(); err != nil {
		return err
	}
	if err := h.onceEach(chains[1], "ActivityTaskTimedOut"); err != nil {
		return err
	}
	if n := h.count("ActivityTaskTimedOut"); n != len(lateActivities) {
		return fmt.Errorf("%d activities timed out", n)
	}
	began := map[int64]map[string]float64{} // times of Scheduled and Started by the Scheduled event
	late := map[int64]string{}
	for _, e := range h {
		id := e.number("scheduledEventId")
		switch e.Type {
		case "ActivityTaskScheduled":
			late[e.ID] = e.text("activityId")
			began[e.ID] = map[string]float64{e.Type: e.At}
		case "ActivityTaskStarted":
			if began[id][e.Type] != 0 {
				return fmt.Errorf("event %d starts an activity again", e.ID)
			}
			began[id][e.Type] = e.At
		case "ActivityTaskTimedOut":
			i := slices.IndexFunc(lateActivities, func(a struct{ timeoutType, list, member, from string }) bool { return a.timeoutType == late[id] })
			want := lateActivities[i]
			if e.text("timeoutType") != want.timeoutType {
				return fmt.Errorf("event %d has type %s, want %s", e.ID, e.text("timeoutType"), want.timeoutType)
			}
			from := began[id][want.from]
			if after := e.At - from; from == 0 || after < lateSeconds-0.0005 {
				return fmt.Errorf("event %d comes %.3f s after %s", e.ID, after, want.from)
			}
		case "DecisionTaskTimedOut", "WorkflowExecutionTimedOut":
			return fmt.Errorf("event %d is %s", e.ID, e.Type)
		}
	}
	return nil
}

const childPrefix = "child-of-"

// families are parents with one child each. The child greets its parent,
// continues as a new run, says that it is ready, waits for the parent's word and
// does an activity. So there are messages in both directions, and each must come
// exactly once.
func families() workflows {
	return workflows{
		stepsMin: 6, lists: []string{"orders", "children"},
		decide: func(id, mark string, h history) ([]string, bool, error) {
			for _, e := range h {
				if strings.HasSuffix(e.Type, "Failed") && !strings.HasPrefix(e.Type, "CompleteWorkflow") && !strings.HasPrefix(e.Type, "ContinueAsNew") {
					return nil, false, fmt.Errorf("workflow %s: event %d %s: %v", id, e.ID, e.Type, e.Attributes)
				}
			}
			if parent, isChild := strings.CutPrefix(id, childPrefix); isChild {
				return decideChild(parent, mark, h)
			}
			return decideParent(id, mark, h)
		},
		inspect: inspectFamilies,
	}
}

func decideParent(id, mark string, h history) (decisions []string, closes bool, err error) {
	if h.count("StartChildWorkflowExecutionInitiated") == 0 {
		return []string{decision("StartChildWorkflowExecution", fmt.Sprintf(
			`{"workflowId":%q,"workflowType":{"name":"child","version":"1"},"input":%q}`, childPrefix+id, mark))}, false, nil
	}
	if h.signals("ready") > 0 && h.count("SignalExternalWorkflowExecutionInitiated") == 0 {
		return []string{signalExternal(childPrefix+id, "go", mark)}, false, nil
	}
	if h.count("ChildWorkflowExecutionCompleted") == 1 && h.count("ExternalWorkflowExecutionSignaled") == 1 {
		return []string{complete}, true, nil
	}
	return nil, false, nil
}

func decideChild(parent, mark string, h history) (decisions []string, closes bool, err error) {
	signaled := h.count("ExternalWorkflowExecutionSignaled") == 1
	said := h.count("SignalExternalWorkflowExecutionInitiated") == 1
	if h[0].text("continuedExecutionRunId") == "" {
		switch {
		case !said:
			return []string{signalExternal(parent, "hello", mark)}, false, nil
		case signaled:
			return []string{decision("ContinueAsNewWorkflowExecution", `{}`)}, true, nil
		}
		return nil, false, nil
	}
	switch {
	case !said:
		return []string{signalExternal(parent, "ready", mark)}, false, nil
	case h.signals("go") > 0 && h.count("ActivityTaskScheduled") == 0:
		return []string{scheduleActivity("only")}, false, nil
	case h.count("ActivityTaskCompleted") == 1 && signaled:
		return []string{complete}, true, nil
	}
	return nil, false, nil
}

func inspectFamilies(all map[string][]history) error {
	for id, runs := range all {
		if strings.HasPrefix(id, childPrefix) {
			continue
		}
		if len(runs) != 1 {
			return fmt.Errorf("workflow %s has %d runs", id, len(runs))
		}
		parent, children := runs[0], all[childPrefix+id]
		if err := parent.closed("WorkflowExecutionCompleted"); err != nil {
			return fmt.Errorf("workflow %s: %w\n%s", id, err, parent)
		}
		if hello, ready := parent.signals("hello"), parent.signals("ready"); hello != 1 || ready != 1 {
			return fmt.Errorf("workflow %s was signaled hello %d times and ready %d times", id, hello, ready)
		}
		if len(children) != 2 {
			return fmt.Errorf("workflow %s has %d runs of its child", id, len(children))
		}
		for i, by := range []string{"WorkflowExecutionContinuedAsNew", "WorkflowExecutionCompleted"} {
			if err := children[i].closed(by); err != nil {
				return fmt.Errorf("run %d of the child of workflow %s: %w\n%s", i, id, err, children[i])
			}
			if n := children[i].signals("go"); n != i {
				return fmt.Errorf("run %d of the child of workflow %s was signaled %d times", i, id, n)
			}
		}
		if n := children[1].count("ActivityTaskCompleted"); n != 1 {
			return fmt.Errorf("the child of workflow %s has %d completed activities", id, n)
		}
	}
	return nil
}
