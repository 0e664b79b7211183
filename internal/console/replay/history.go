// Package replay has a decider decide anew what executions have recorded, and finds where it
// decides otherwise: so any decider of any language proves that a change of it is safe for
// what is running.
//
// A History is cut into the decision tasks that were answered. A Server, which speaks enough
// of SWF for a decider, gives them out one after the other, each with the history as it was
// when it was started, and compares the decisions of each answer with the events that they had
// become.
package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// History is that of an execution, with the decision tasks that were answered in it.
type History struct {
	Name       string // for people
	WorkflowID string
	RunID      string

	events []json.RawMessage // from the first on, without a gap
	kind   json.RawMessage   // its workflow type
	tasks  []task
}

// task is a decision task that was answered.
type task struct {
	scheduled, started, previous, completed int64 // event ids
	decisions                               []Decision
}

// Decision is a decision, as a decider answers it or as an event has it.
type Decision struct {
	Event      int64          `json:"eventId,omitempty"`   // that it became; 0: it is an answer
	EventType  string         `json:"eventType,omitempty"` // of that
	Type       string         `json:"decisionType"`
	Attributes map[string]any `json:"attributes"`
}

// become is what a decision becomes: an event of a type, of which it has members: same are
// those that the decider alone says; given those that the server fills in if he does not.
type become struct {
	decision    string
	same, given []string
}

var becomes = map[string]become{}

func init() {
	words := strings.Fields
	for event, b := range map[string]become{
		"ActivityTaskScheduled": {"ScheduleActivityTask", words("activityId activityType control input"),
			words("heartbeatTimeout scheduleToCloseTimeout scheduleToStartTimeout startToCloseTimeout taskList taskPriority")},
		"ScheduleActivityTaskFailed":                      {"ScheduleActivityTask", words("activityId activityType"), nil},
		"ActivityTaskCancelRequested":                     {"RequestCancelActivityTask", words("activityId"), nil},
		"RequestCancelActivityTaskFailed":                 {"RequestCancelActivityTask", words("activityId"), nil},
		"TimerStarted":                                    {"StartTimer", words("timerId startToFireTimeout control"), nil},
		"StartTimerFailed":                                {"StartTimer", words("timerId"), nil},
		"TimerCanceled":                                   {"CancelTimer", words("timerId"), nil},
		"CancelTimerFailed":                               {"CancelTimer", words("timerId"), nil},
		"MarkerRecorded":                                  {"RecordMarker", words("markerName details"), nil},
		"RecordMarkerFailed":                              {"RecordMarker", words("markerName"), nil},
		"SignalExternalWorkflowExecutionInitiated":        {"SignalExternalWorkflowExecution", words("workflowId runId signalName input control"), nil},
		"SignalExternalWorkflowExecutionFailed":           {"SignalExternalWorkflowExecution", words("workflowId runId control"), nil},
		"RequestCancelExternalWorkflowExecutionInitiated": {"RequestCancelExternalWorkflowExecution", words("workflowId runId control"), nil},
		"RequestCancelExternalWorkflowExecutionFailed":    {"RequestCancelExternalWorkflowExecution", words("workflowId runId control"), nil},
		"StartChildWorkflowExecutionInitiated": {"StartChildWorkflowExecution", words("workflowId workflowType control input tagList"),
			words("childPolicy executionStartToCloseTimeout lambdaRole taskList taskPriority taskStartToCloseTimeout")},
		"StartChildWorkflowExecutionFailed":    {"StartChildWorkflowExecution", words("workflowId workflowType control"), nil},
		"LambdaFunctionScheduled":              {"ScheduleLambdaFunction", words("id name input control"), words("startToCloseTimeout")},
		"ScheduleLambdaFunctionFailed":         {"ScheduleLambdaFunction", words("id name"), nil},
		"WorkflowExecutionCompleted":           {"CompleteWorkflowExecution", words("result"), nil},
		"CompleteWorkflowExecutionFailed":      {"CompleteWorkflowExecution", nil, nil},
		"WorkflowExecutionFailed":              {"FailWorkflowExecution", words("reason details"), nil},
		"FailWorkflowExecutionFailed":          {"FailWorkflowExecution", nil, nil},
		"WorkflowExecutionCanceled":            {"CancelWorkflowExecution", words("details"), nil},
		"CancelWorkflowExecutionFailed":        {"CancelWorkflowExecution", nil, nil},
		"ContinueAsNewWorkflowExecutionFailed": {"ContinueAsNewWorkflowExecution", nil, nil},
		"WorkflowExecutionContinuedAsNew": {"ContinueAsNewWorkflowExecution", words("input tagList"),
			words("childPolicy executionStartToCloseTimeout lambdaRole taskList taskPriority taskStartToCloseTimeout workflowTypeVersion")},
	} {
		becomes[event] = b
	}
}

// New makes a History of its events, the first one first.
func New(name, workflowID, runID string, events []json.RawMessage) (*History, error) {
	h := &History{Name: name, WorkflowID: workflowID, RunID: runID, events: events}
	for i, raw := range events {
		e, err := read(raw)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		if e.id != int64(i+1) {
			return nil, fmt.Errorf("event %d is missing: want the whole history, from the first event on", i+1)
		}
		if err := h.take(e); err != nil {
			return nil, fmt.Errorf("event %d, %s: %w", e.id, e.kind, err)
		}
	}
	if h.kind == nil {
		return nil, errors.New("want the history of an execution of SWF: it begins with no WorkflowExecutionStarted")
	}
	return h, nil
}

// Tasks tells how many decision tasks were answered.
func (h *History) Tasks() int { return len(h.tasks) }

// Decisions tells how many decisions their answers had.
func (h *History) Decisions() (n int) {
	for i := range h.tasks {
		n += len(h.tasks[i].decisions)
	}
	return n
}

// event is an event as far as is needed here.
type event struct {
	id         int64
	kind       string
	attributes map[string]any
	raw        map[string]json.RawMessage // the same
}

func read(raw json.RawMessage) (e event, err error) {
	var all map[string]json.RawMessage
	if err = json.Unmarshal(raw, &all); err != nil {
		return e, err
	}
	if err = json.Unmarshal(all["eventId"], &e.id); err == nil {
		err = json.Unmarshal(all["eventType"], &e.kind)
	}
	if err != nil || e.kind == "" {
		return e, errors.New("want an event of SWF, with eventId and eventType")
	}
	if attributes, has := all[member(e.kind)+"EventAttributes"]; has {
		if err = json.Unmarshal(attributes, &e.attributes); err == nil {
			err = json.Unmarshal(attributes, &e.raw)
		}
	}
	return e, err
}

// member begins a name with a small letter.
func member(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// number is an attribute that is an event's id.
func (e *event) number(name string) int64 {
	n, _ := e.attributes[name].(float64)
	return int64(n)
}

// take takes in an event, in order.
func (h *History) take(e event) error {
	switch e.kind {
	case "WorkflowExecutionStarted":
		h.kind = e.raw["workflowType"]
		return nil
	case "DecisionTaskCompleted":
		t := task{scheduled: e.number("scheduledEventId"), started: e.number("startedEventId"), completed: e.id}
		if t.started <= 0 || t.started >= e.id {
			return errors.New("it tells of no startedEventId before it")
		}
		if n := len(h.tasks); n > 0 {
			t.previous = h.tasks[n-1].started
		}
		h.tasks = append(h.tasks, t)
		return nil
	}
	b, is := becomes[e.kind]
	completed := e.number("decisionTaskCompletedEventId")
	if !is || completed == 0 || e.number("initiatedEventId") != 0 {
		return nil // it is none of a decision, or what became of one later
	}
	i := slices.IndexFunc(h.tasks, func(t task) bool { return t.completed == completed })
	if i < 0 {
		return fmt.Errorf("it is of decision task %d, which is not there", completed)
	}
	d := Decision{Event: e.id, EventType: e.kind, Type: b.decision, Attributes: map[string]any{}}
	for _, name := range slices.Concat(b.same, b.given) {
		if value, has := e.attributes[name]; has {
			d.Attributes[name] = value
		}
	}
	if e.kind == "WorkflowExecutionContinuedAsNew" {
		if kind, is := e.attributes["workflowType"].(map[string]any); is {
			d.Attributes["workflowTypeVersion"] = kind["version"]
		}
	}
	h.tasks[i].decisions = append(h.tasks[i].decisions, d)
	return nil
}
