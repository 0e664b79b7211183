package main

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/internal/server"
)

// Each scenario against a running server: what is shown of the history without
// the events of decision tasks and of starts.
func TestScenarios(t *testing.T) {
	data := t.TempDir()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Store: server.StoreMemory, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", server.CredentialsFile(data))
	for _, c := range []struct {
		name string
		scenario
		want []string
	}{
		{"ships after its hold time", scenario{hold: 1}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted Hold for 1 s", "TimerFired Hold",
			"ActivityTaskCompleted parcel of ORDER",
			"ActivityTaskCompleted recorded",
			"WorkflowExecutionCompleted shipped: parcel of ORDER",
		}},
		{"ships at once", scenario{signal: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted Hold for 60 s", "WorkflowExecutionSignaled ShipNow", "TimerCanceled Hold",
			"ActivityTaskCompleted parcel of ORDER",
			"ActivityTaskCompleted recorded",
			"WorkflowExecutionCompleted shipped: parcel of ORDER",
		}},
		{"is canceled", scenario{cancel: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskCompleted receipt of ORDER",
			"TimerStarted Hold for 60 s", "WorkflowExecutionCancelRequested", "TimerCanceled Hold",
			"ActivityTaskCompleted nothing is owed for ORDER",
			"WorkflowExecutionCanceled the customer canceled",
		}},
		{"is declined", scenario{decline: true, hold: 60}, []string{
			"ActivityTaskCompleted in stock",
			"ActivityTaskFailed card declined",
			"ActivityTaskCompleted nothing is owed for ORDER",
			"WorkflowExecutionCompleted declined: card declined",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			client, err := newClient(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := run(t.Context(), client, c.scenario, io.MultiWriter(&out, t.Output())); err != nil {
				t.Fatal(err)
			}
			if got := shown(out.String()); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

var (
	eventLine = regexp.MustCompile(`(?m)^ *\d+ +[\d:.]+ +(\w+) *(.*)$`)
	orderID   = regexp.MustCompile(`order-[\d.-]+`)
)

func shown(table string) []string {
	var lines []string
	for _, m := range eventLine.FindAllStringSubmatch(table, -1) {
		event, about := m[1], strings.TrimSpace(orderID.ReplaceAllString(m[2], "ORDER"))
		switch {
		case strings.HasPrefix(event, "DecisionTask"), event == "WorkflowExecutionStarted",
			event == "ActivityTaskScheduled", event == "ActivityTaskStarted":
		default:
			lines = append(lines, strings.TrimSpace(event+" "+about))
		}
	}
	return lines
}

// The decider needs no server: a history in, decisions out.
func TestDecide(t *testing.T) {
	started := types.HistoryEvent{EventId: 1, EventType: types.EventTypeWorkflowExecutionStarted,
		WorkflowExecutionStartedEventAttributes: &types.WorkflowExecutionStartedEventAttributes{Input: aws.String(`{"holdSeconds":9}`)}}
	scheduled := func(id int64, activity string) types.HistoryEvent {
		return types.HistoryEvent{EventId: id, EventType: types.EventTypeActivityTaskScheduled,
			ActivityTaskScheduledEventAttributes: &types.ActivityTaskScheduledEventAttributes{ActivityType: &types.ActivityType{Name: &activity}}}
	}
	done := func(scheduled int64) types.HistoryEvent {
		return types.HistoryEvent{EventType: types.EventTypeActivityTaskCompleted,
			ActivityTaskCompletedEventAttributes: &types.ActivityTaskCompletedEventAttributes{ScheduledEventId: scheduled, Result: aws.String("ok")}}
	}
	late := func(scheduled int64) types.HistoryEvent {
		return types.HistoryEvent{EventType: types.EventTypeActivityTaskTimedOut,
			ActivityTaskTimedOutEventAttributes: &types.ActivityTaskTimedOutEventAttributes{ScheduledEventId: scheduled}}
	}
	refused := types.HistoryEvent{EventType: types.EventTypeScheduleActivityTaskFailed,
		ScheduleActivityTaskFailedEventAttributes: &types.ScheduleActivityTaskFailedEventAttributes{
			ActivityType: &types.ActivityType{Name: aws.String(verifyOrder)}, Cause: types.ScheduleActivityTaskFailedCauseActivityTypeDoesNotExist}}
	signaled := types.HistoryEvent{EventType: types.EventTypeWorkflowExecutionSignaled,
		WorkflowExecutionSignaledEventAttributes: &types.WorkflowExecutionSignaledEventAttributes{SignalName: aws.String(shipNowSignal)}}
	cancelAsked := types.HistoryEvent{EventType: types.EventTypeWorkflowExecutionCancelRequested}
	onHold := types.HistoryEvent{EventType: types.EventTypeTimerStarted}

	paid := []types.HistoryEvent{started, scheduled(5, verifyOrder), done(5), scheduled(11, chargeCreditCard), done(11)}
	after := func(h []types.HistoryEvent, more ...types.HistoryEvent) []types.HistoryEvent {
		return append(slices.Clone(h), more...)
	}
	for _, c := range []struct {
		name    string
		history []types.HistoryEvent
		want    string
	}{
		{"new", after(nil, started), "ScheduleActivityTask VerifyOrder-1"},
		{"verifying", after(nil, started, scheduled(5, verifyOrder)), ""},
		{"verified late", after(nil, started, scheduled(5, verifyOrder), late(5)), "ScheduleActivityTask VerifyOrder-2"},
		{"late three times", after(nil, started, scheduled(5, verifyOrder), late(5), scheduled(9, verifyOrder), late(9), scheduled(13, verifyOrder), late(13)), "FailWorkflowExecution"},
		{"not registered", after(nil, started, refused), "FailWorkflowExecution"},
		{"paid", paid, "StartTimer Hold 9"},
		{"on hold", after(paid, onHold), ""},
		{"signal before the hold", after(paid, signaled), "ScheduleActivityTask ShipOrder-1"},
		{"signal on hold", after(paid, onHold, signaled), "ScheduleActivityTask ShipOrder-1, CancelTimer"},
		{"canceled before payment", after(nil, started, scheduled(5, verifyOrder), done(5), cancelAsked), "CancelWorkflowExecution"},
		{"canceled while paying", after(nil, started, scheduled(5, verifyOrder), done(5), scheduled(11, chargeCreditCard), cancelAsked), ""},
		{"canceled on hold", after(paid, onHold, cancelAsked), "ScheduleActivityTask CancelOrder-1, CancelTimer"},
		{"canceled too late", after(paid, signaled, scheduled(17, shipOrder), done(17), cancelAsked), "ScheduleActivityTask RecordCompletion-1"},
	} {
		var got []string
		for _, d := range decide(c.history) {
			line := string(d.DecisionType)
			if a := d.ScheduleActivityTaskDecisionAttributes; a != nil {
				line += " " + *a.ActivityId
			}
			if a := d.StartTimerDecisionAttributes; a != nil {
				line += " " + *a.TimerId + " " + *a.StartToFireTimeout
			}
			got = append(got, line)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: decided %q, want %q", c.name, got, c.want)
		}
	}
}
