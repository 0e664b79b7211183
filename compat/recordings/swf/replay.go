package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heddle/compat/heddle"
)

// Limits of a replay.
const (
	replayTime = 60 * time.Second
	eventTime  = 15 * time.Second // for what the service does by itself
	lookEvery  = 5 * time.Millisecond
)

// result is what a replay found.
type result struct {
	what        string
	differences []difference
}

// replayer does what the recorded clients did.
type replayer struct {
	server   *heddle.Server
	recorded []event
	domain   string
	workflow string // workflowId
	run      string // our runId

	decisions  map[int64]string    // token by id of the DecisionTaskScheduled event
	activities map[int64]string    // token by id of the ActivityTaskScheduled event
	waiting    map[string][]string // tokens of other executions' decision tasks, by workflowId
}

func replay(ctx context.Context, server *heddle.Server, calls []call) (result, error) {
	r := &replayer{server: server, decisions: map[int64]string{}, activities: map[int64]string{}, waiting: map[string][]string{}}
	last := calls[len(calls)-1]
	if last.Operation != "GetWorkflowExecutionHistory" {
		return r.replayCalls(ctx, calls)
	}
	answer, err := last.answer()
	if err != nil {
		return result{}, err
	}
	if r.recorded, err = readEvents(answer); err != nil {
		return result{}, err
	}
	found := result{what: fmt.Sprintf("%d events", len(r.recorded))}
	if err := r.prepare(ctx, calls); err != nil {
		return found, err
	}
	failed := r.drive(ctx, calls)
	ours, answer, err := r.history(ctx)
	if err != nil {
		return found, err
	}
	found.differences = compareHistories(r.recorded, ours)
	found.differences = append(found.differences, compareValues("", "GetWorkflowExecutionHistory.nextPageToken", absent, value(answer, "nextPageToken"), nil)...)
	if failed == nil {
		more, err := r.compareDescriptions(ctx, calls, &clocks{timesOf(r.recorded), timesOf(ours)})
		found.differences = append(found.differences, more...)
		return found, err
	}
	return found, failed
}

// call calls an operation that must succeed.
func (r *replayer) call(ctx context.Context, operation string, in map[string]any) (map[string]any, error) {
	answer, err := r.server.Call(ctx, operation, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	if answer.Status != 200 {
		return nil, fmt.Errorf("%s: %d %s", operation, answer.Status, answer.Body)
	}
	if len(answer.Body) == 0 {
		return map[string]any{}, nil
	}
	return decode(answer.Body)
}

// prepare registers the domain and the types that the recording uses.
func (r *replayer) prepare(ctx context.Context, calls []call) error {
	r.domain = text(calls[0].Request, "domain")
	_, err := r.call(ctx, "RegisterDomain", map[string]any{"name": r.domain, "workflowExecutionRetentionPeriodInDays": "1"})
	if err != nil {
		return err
	}
	registered := map[string]bool{}
	register := func(operation string, in map[string]any) error {
		key := operation + " " + text(in, "name") + " " + text(in, "version")
		if registered[key] {
			return nil
		}
		registered[key] = true
		in["domain"] = r.domain
		_, err := r.call(ctx, operation, in)
		return err
	}
	for _, c := range calls {
		if c.Operation != "DescribeWorkflowType" {
			continue
		}
		answer, err := c.answer()
		if err != nil {
			return err
		}
		configuration, _ := answer["configuration"].(map[string]any)
		in := without(configuration)
		in["name"], in["version"] = text(c.Request, "workflowType", "name"), text(c.Request, "workflowType", "version")
		if err := register("RegisterWorkflowType", in); err != nil {
			return err
		}
	}
	for _, e := range r.recorded {
		switch e.kind {
		case "ActivityTaskScheduled":
			t, _ := e.attributes["activityType"].(map[string]any)
			err = register("RegisterActivityType", without(t))
		case "StartChildWorkflowExecutionInitiated":
			t, _ := e.attributes["workflowType"].(map[string]any)
			err = register("RegisterWorkflowType", without(t))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drive does what made each recorded event, in order.
func (r *replayer) drive(ctx context.Context, calls []call) error {
	for _, e := range r.recorded {
		if err := r.cause(ctx, calls, e); err != nil {
			return fmt.Errorf("%s: %w", name(e), err)
		}
	}
	return r.await(ctx, r.recorded[len(r.recorded)-1].id)
}

// cause does what a client did to make an event; what the service does by itself
// it leaves alone.
func (r *replayer) cause(ctx context.Context, calls []call, e event) error {
	if e.kind == "WorkflowExecutionStarted" {
		return r.start(ctx, calls)
	}
	act := r.actionFor(e)
	if act == nil {
		return nil
	}
	// Events of the service come between those of clients.
	if err := r.await(ctx, e.id-1); err != nil {
		return err
	}
	return act(ctx, e)
}

// actionFor gives what a client does for an event; nil if it comes by itself or
// with a decision.
func (r *replayer) actionFor(e event) func(context.Context, event) error {
	switch e.kind {
	case "DecisionTaskStarted":
		return r.pollDecision
	case "DecisionTaskCompleted":
		return r.decide
	case "ActivityTaskStarted":
		return r.pollActivity
	case "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskCanceled":
		return r.respond
	case "WorkflowExecutionSignaled":
		return r.signal
	case "WorkflowExecutionCancelRequested":
		return r.requestCancel
	case "ChildWorkflowExecutionCompleted", "ChildWorkflowExecutionFailed", "ChildWorkflowExecutionCanceled":
		return r.closeChild
	}
	return nil
}

func (r *replayer) start(ctx context.Context, calls []call) error {
	for _, c := range calls {
		if c.Operation != "StartWorkflowExecution" {
			continue
		}
		answer, err := r.call(ctx, c.Operation, c.Request)
		r.workflow, r.run = text(c.Request, "workflowId"), text(answer, "runId")
		return err
	}
	return fmt.Errorf("the recording has no StartWorkflowExecution")
}

// await waits until our history has an event.
func (r *replayer) await(ctx context.Context, id int64) error {
	give := time.Now().Add(eventTime)
	for {
		answer, err := r.call(ctx, "GetWorkflowExecutionHistory", map[string]any{
			"domain": r.domain, "execution": r.execution(), "reverseOrder": true, "maximumPageSize": 1,
		})
		if err != nil {
			return err
		}
		events, err := readEvents(answer)
		if err != nil {
			return err
		}
		if len(events) == 1 && events[0].id >= id {
			return nil
		}
		if time.Now().After(give) {
			return fmt.Errorf("event %d did not come within %s", id, eventTime)
		}
		time.Sleep(lookEvery)
	}
}

func (r *replayer) execution() map[string]any {
	return map[string]any{"workflowId": r.workflow, "runId": r.run}
}

func (r *replayer) history(ctx context.Context) ([]event, map[string]any, error) {
	answer, err := r.call(ctx, "GetWorkflowExecutionHistory", map[string]any{"domain": r.domain, "execution": r.execution()})
	if err != nil {
		return nil, nil, err
	}
	events, err := readEvents(answer)
	for _, e := range events {
		r.restoreList(e)
	}
	return events, answer, err
}

// recordedEvent gives the recorded event with an id.
func (r *replayer) recordedEvent(id int64) event { return r.recorded[id-1] }

func (r *replayer) pollDecision(ctx context.Context, e event) error {
	scheduled := number(e.attributes, "scheduledEventId")
	token, err := r.taskOf(ctx, r.workflow, text(r.recordedEvent(scheduled).attributes, "taskList", "name"), text(e.attributes, "identity"))
	r.decisions[scheduled] = token
	return err
}

// taskOf polls a list until it gives a task of an execution. Tasks of other
// executions are kept for their turn.
func (r *replayer) taskOf(ctx context.Context, workflow, list, identity string) (token string, err error) {
	for len(r.waiting[workflow]) == 0 {
		in := map[string]any{"domain": r.domain, "taskList": map[string]any{"name": list}}
		if identity != "" {
			in["identity"] = identity
		}
		task, err := r.call(ctx, "PollForDecisionTask", in)
		if err != nil {
			return "", err
		}
		if text(task, "taskToken") == "" {
			return "", fmt.Errorf("no decision task of %q", workflow)
		}
		whose := text(task, "workflowExecution", "workflowId")
		r.waiting[whose] = append(r.waiting[whose], text(task, "taskToken"))
	}
	token = r.waiting[workflow][0]
	r.waiting[workflow] = r.waiting[workflow][1:]
	return token, nil
}

// Polls take tasks in an order that is the service's affair, so each activity
// goes to a list of its own, and the recorded order is a matter of the order of
// polls.
func listOf(activityID string) string { return " for " + activityID }

// restoreList undoes listOf in our history.
func (r *replayer) restoreList(e event) {
	if list, is := e.attributes["taskList"].(map[string]any); is && e.kind == "ActivityTaskScheduled" {
		list["name"] = strings.TrimSuffix(text(list, "name"), listOf(text(e.attributes, "activityId")))
	}
}

func (r *replayer) pollActivity(ctx context.Context, e event) error {
	scheduled := r.recordedEvent(number(e.attributes, "scheduledEventId"))
	in := map[string]any{
		"domain":   r.domain,
		"taskList": map[string]any{"name": text(scheduled.attributes, "taskList", "name") + listOf(text(scheduled.attributes, "activityId"))},
	}
	if identity := text(e.attributes, "identity"); identity != "" {
		in["identity"] = identity
	}
	task, err := r.call(ctx, "PollForActivityTask", in)
	if err != nil {
		return err
	}
	r.activities[scheduled.id] = text(task, "taskToken")
	if text(task, "taskToken") == "" || text(task, "activityId") != text(scheduled.attributes, "activityId") {
		return fmt.Errorf("the poll gave %v", task)
	}
	return nil
}

func (r *replayer) respond(ctx context.Context, e event) error {
	in := without(e.attributes, "scheduledEventId", "startedEventId", "latestCancelRequestedEventId")
	in["taskToken"] = r.activities[number(e.attributes, "scheduledEventId")]
	_, err := r.call(ctx, "Respond"+e.kind, in)
	return err
}

func (r *replayer) signal(ctx context.Context, e event) error {
	in := without(e.attributes, "externalInitiatedEventId")
	in["domain"], in["workflowId"], in["runId"] = r.domain, r.workflow, r.run
	_, err := r.call(ctx, "SignalWorkflowExecution", in)
	return err
}

func (r *replayer) requestCancel(ctx context.Context, _ event) error {
	_, err := r.call(ctx, "RequestCancelWorkflowExecution", map[string]any{"domain": r.domain, "workflowId": r.workflow, "runId": r.run})
	return err
}

// closeChild closes a child by its first decision; what else it did is not in
// its parent's history.
func (r *replayer) closeChild(ctx context.Context, e event) error {
	child := text(e.attributes, "workflowExecution", "workflowId")
	initiated := r.recordedEvent(number(e.attributes, "initiatedEventId"))
	token, err := r.taskOf(ctx, child, text(initiated.attributes, "taskList", "name"), "")
	if err != nil {
		return err
	}
	decision := map[string]string{
		"ChildWorkflowExecutionCompleted": "CompleteWorkflowExecution",
		"ChildWorkflowExecutionFailed":    "FailWorkflowExecution",
		"ChildWorkflowExecutionCanceled":  "CancelWorkflowExecution",
	}[e.kind]
	attributes := without(e.attributes, "initiatedEventId", "startedEventId", "workflowExecution", "workflowType")
	_, err = r.call(ctx, "RespondDecisionTaskCompleted", map[string]any{
		"taskToken": token,
		"decisions": []any{decisionOf(decision, attributes)},
	})
	return err
}

func decisionOf(kind string, attributes map[string]any) map[string]any {
	return map[string]any{
		"decisionType": kind,
		strings.ToLower(kind[:1]) + kind[1:] + "DecisionAttributes": attributes,
	}
}

// decisionEvents tells which decision makes an event, and which attributes of
// the event are not the decision's.
var decisionEvents = map[string]struct {
	decision string
	not      []string
}{
	"ActivityTaskScheduled":                {"ScheduleActivityTask", nil},
	"ActivityTaskCancelRequested":          {"RequestCancelActivityTask", nil},
	"TimerStarted":                         {"StartTimer", nil},
	"TimerCanceled":                        {"CancelTimer", []string{"startedEventId"}},
	"MarkerRecorded":                       {"RecordMarker", nil},
	"StartChildWorkflowExecutionInitiated": {"StartChildWorkflowExecution", nil},
	"WorkflowExecutionCompleted":           {"CompleteWorkflowExecution", nil},
	"WorkflowExecutionFailed":              {"FailWorkflowExecution", nil},
	"WorkflowExecutionCanceled":            {"CancelWorkflowExecution", nil},
}

// decide completes a decision task with the decisions that the recorded events
// tell of.
func (r *replayer) decide(ctx context.Context, e event) error {
	decisions := []any{}
	for _, made := range r.recorded {
		if number(made.attributes, "decisionTaskCompletedEventId") != e.id {
			continue
		}
		how, known := decisionEvents[made.kind]
		if !known {
			return fmt.Errorf("nobody told this command which decision makes a %s", made.kind)
		}
		attributes := without(made.attributes, append(how.not, "decisionTaskCompletedEventId")...)
		if made.kind == "ActivityTaskScheduled" {
			attributes["taskList"] = map[string]any{"name": text(attributes, "taskList", "name") + listOf(text(attributes, "activityId"))}
		}
		decisions = append(decisions, decisionOf(how.decision, attributes))
	}
	in := map[string]any{"taskToken": r.decisions[number(e.attributes, "scheduledEventId")], "decisions": decisions}
	if _, present := e.attributes["executionContext"]; present {
		in["executionContext"] = e.attributes["executionContext"]
	}
	_, err := r.call(ctx, "RespondDecisionTaskCompleted", in)
	return err
}

// compareDescriptions compares what the recorded clients saw beside the history:
// the type, and the execution after it was closed.
func (r *replayer) compareDescriptions(ctx context.Context, calls []call, at *clocks) ([]difference, error) {
	var list []difference
	for _, c := range calls {
		recorded, err := c.answer()
		if err != nil {
			return list, err
		}
		in := c.Request
		switch {
		case c.Operation == "DescribeWorkflowType":
		case c.Operation == "DescribeWorkflowExecution" && text(recorded, "executionInfo", "executionStatus") == "CLOSED":
			in = map[string]any{"domain": r.domain, "execution": r.execution()}
		default:
			continue
		}
		ours, err := r.call(ctx, c.Operation, in)
		if err != nil {
			return list, err
		}
		list = append(list, compareValues("", c.Operation, recorded, ours, at)...)
	}
	return list, nil
}

// replayCalls repeats the calls of a recording without a history, as far as they
// tell what was done.
func (r *replayer) replayCalls(ctx context.Context, calls []call) (result, error) {
	found := result{what: fmt.Sprintf("%d calls", len(calls))}
	if err := r.prepare(ctx, calls); err != nil {
		return found, err
	}
	for i, c := range calls {
		if c.Operation == "DescribeWorkflowExecution" {
			found.what = fmt.Sprintf("%d of %d calls; nothing tells what its decider did", i, len(calls))
			return found, nil
		}
		in := without(c.Request)
		if _, present := in["runId"]; present {
			in["runId"] = r.run
		}

		ours, err := r.call(ctx, c.Operation, in)
		if err != nil {
			return found, err
		}
		if run := text(ours, "runId"); run != "" {
			r.run = run
		}
		recorded, err := c.answer()
		if err != nil {
			return found, err
		}
		found.differences = append(found.differences, compareValues("", c.Operation, recorded, ours, nil)...)
	}
	return found, nil
}
