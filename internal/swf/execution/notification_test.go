package execution

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// sentTypes are the event types that SWF tells EventBridge of, as the guide lists them. It
// has one more, which no history ever has: StartActivityTaskFailed.
var sentTypes = strings.Fields(`
	WorkflowExecutionStarted WorkflowExecutionCompleted WorkflowExecutionFailed WorkflowExecutionTimedOut WorkflowExecutionCanceled
	WorkflowExecutionTerminated WorkflowExecutionContinuedAsNew CompleteWorkflowExecutionFailed FailWorkflowExecutionFailed
	CancelWorkflowExecutionFailed ContinueAsNewWorkflowExecutionFailed ChildWorkflowExecutionFailed ChildWorkflowExecutionTimedOut
	StartChildWorkflowExecutionFailed SignalExternalWorkflowExecutionFailed RequestCancelExternalWorkflowExecutionFailed
	RecordMarkerFailed DecisionTaskTimedOut ActivityTaskFailed ActivityTaskTimedOut ActivityTaskCanceled ScheduleActivityTaskFailed
	RequestCancelActivityTaskFailed StartTimerFailed CancelTimerFailed TimerCanceled LambdaFunctionFailed LambdaFunctionTimedOut
	ScheduleLambdaFunctionFailed StartLambdaFunctionFailed`)

func TestTypesThatAreSent(t *testing.T) {
	for _, name := range wire.EventTypeValues {
		if changesState(name) != slices.Contains(sentTypes, name) {
			t.Errorf("%s: sent is %v", name, changesState(name))
		}
	}
	if len(sentTypes) != 30 {
		t.Errorf("%d types", len(sentTypes))
	}
}

// checkNotifications compares a run's notifications with what Describe says of it when its
// log is folded up to their events.
func (h *harness) checkNotifications(r *harnessRun) {
	h.t.Helper()
	left := r.notifications
	for i, e := range r.events {
		kind := e.Body.(wire.EventBody).EventType()
		told := "Simple Workflow Execution State Change"
		source := "aws.swf"
		if !slices.Contains(sentTypes, kind) {
			if h.notify != engine.NotifyAll {
				continue
			}
			told, source = "Heddle Execution Event", "heddle.swf"
		}
		if len(left) == 0 || left[0].Event != e.ID {
			h.t.Fatalf("%s: event %d, %s, has no notification", r.label, e.ID, kind)
		}
		var got map[string]any
		if err := json.Unmarshal(left[0].Body, &got); err != nil {
			h.t.Fatal(err)
		}
		left = left[1:]
		id, _ := got["id"].(string)
		want := map[string]any{
			"version": "0", "id": id, "detail-type": told, "source": source, "account": testWorld.Account, "region": testWorld.Region,
			"time":      time.UnixMilli(int64(e.At)).UTC().Format("2006-01-02T15:04:05Z"),
			"resources": []any{"arn:aws:swf:" + testWorld.Region + ":" + testWorld.Account + ":/domain/" + testDomain},
			"detail":    map[string]any{"eventId": float64(e.ID), "eventType": kind, "workflowExecutionDetail": h.described(r, i+1)},
		}
		if len(id) != 36 || !reflect.DeepEqual(got, want) {
			h.t.Fatalf("%s: event %d, %s, is told as\n%v\nwant\n%v", r.label, e.ID, kind, got, want)
		}
	}
	if len(left) > 0 {
		h.t.Errorf("%s: a notification of event %d", r.label, left[0].Event)
	}
}

// described is what Describe says of a run that has so many events, in the form of
// EventBridge.
func (h *harness) described(r *harnessRun, events int) any {
	s := h.rules.New(r.id)
	for _, e := range r.events[:events] {
		h.rules.Apply(s, e)
	}
	turn, err := h.rules.Handle(s, &Describe{}, engine.Input{Now: h.now, Up: h.up})
	if err != nil {
		h.t.Fatal(err)
	}
	d := turn.Reply.(*Description).Detail
	millis := func(at *wire.Timestamp) any {
		if at == nil {
			return nil
		}
		return float64(*at)
	}
	orNull := func(text *string) any {
		if text == nil {
			return nil
		}
		return *text
	}
	info, config, counts := &d.ExecutionInfo, &d.ExecutionConfiguration, &d.OpenCounts
	var parent, tags any
	if p := info.Parent; p != nil {
		parent = map[string]any{"workflowId": p.WorkflowID, "runId": p.RunID}
	}
	if info.TagList != nil {
		all := []any{}
		for _, tag := range info.TagList {
			all = append(all, tag)
		}
		tags = all
	}
	return map[string]any{
		"executionInfo": map[string]any{
			"execution":      map[string]any{"workflowId": info.Execution.WorkflowID, "runId": info.Execution.RunID},
			"workflowType":   map[string]any{"name": info.WorkflowType.Name, "version": info.WorkflowType.Version},
			"startTimestamp": float64(info.StartTimestamp), "closeTimestamp": millis(info.CloseTimestamp),
			"executionStatus": info.ExecutionStatus, "closeStatus": orNull(info.CloseStatus),
			"parent": parent, "parentExecutionArn": nil, "tagList": tags, "cancelRequested": *info.CancelRequested,
		},
		"executionConfiguration": map[string]any{
			"taskStartToCloseTimeout": config.TaskStartToCloseTimeout, "executionStartToCloseTimeout": config.ExecutionStartToCloseTimeout,
			"taskList": map[string]any{"name": config.TaskList.Name}, "taskPriority": orNull(config.TaskPriority),
			"childPolicy": config.ChildPolicy, "lambdaRole": orNull(config.LambdaRole),
		},
		"openCounts": map[string]any{
			"openActivityTasks": float64(counts.OpenActivityTasks), "openDecisionTasks": float64(counts.OpenDecisionTasks),
			"openTimers": float64(counts.OpenTimers), "openChildWorkflowExecutions": float64(counts.OpenChildWorkflowExecutions),
			"openLambdaFunctions": float64(*counts.OpenLambdaFunctions),
		},
		"latestActivityTaskTimestamp": millis(d.LatestActivityTaskTimestamp),
	}
}

// TestNotificationsStayInBounds: of an execution with the longest names, whose texts take
// most as JSON, as many decisions as one request holds.
func TestNotificationsStayInBounds(t *testing.T) {
	long := strings.Repeat("\x01", textBytesMax)
	h := newHarness(t, DefaultLimits())
	h.quiet, h.quick = true, true
	for _, h.notify = range []engine.Notify{engine.NotifyPublic, engine.NotifyAll} {
		s := &story{harness: h}
		_, err := h.command(engine.Command{Name: Name(testWorld, testDomain, long+s.t.Name()), Begin: engine.Always, Seed: engine.Seed{byte(h.notify)}, Group: Group(testWorld, testDomain), Body: &Start{
			Settings: Settings{
				Type: wire.WorkflowType{Name: long, Version: long[:64]}, TaskList: long, Tags: []string{long, long, long, long, long},
				ExecutionStartToCloseTimeout: "3600", TaskStartToCloseTimeout: "60", ChildPolicy: "TERMINATE",
			},
			RetentionDays: 1,
		}})
		if err != nil {
			t.Fatal(err)
		}
		r := h.runs[len(h.runs)-1]
		if n, most := len(r.notifications[0].Body)+partBytes, r.state.(*State).notificationBytes(); n > most {
			t.Errorf("a notification takes %d bytes, and at most %d were expected", n, most)
		}
		if _, err := h.handle(r, &StartDecision{ScheduledEventID: 2}); err != nil {
			t.Fatal(err)
		}
		taken := false
		for _, n := range []int{14_000, 100, 10} {
			c := &CompleteDecision{ScheduledEventID: 2, StartedEventID: 3}
			for range n {
				c.Decisions = append(c.Decisions, wire.Decision{
					DecisionType:                  wire.DecisionTypeCancelTimer,
					CancelTimerDecisionAttributes: &wire.CancelTimerDecisionAttributes{TimerID: "none"},
				})
			}
			_, err := h.handle(r, c) // the harness holds that the turn is in bounds
			if err == nil {
				taken = true
				break
			}
		}
		if !taken {
			t.Error("not even ten decisions were taken")
		}
		h.checkNotifications(r)
		if h.notify == engine.NotifyPublic {
			h.runs = nil
		}
	}
}
