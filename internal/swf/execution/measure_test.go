package execution

import (
	"maps"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// checkMeasures compares what a turn measured with its events: how often each metric, and of
// which type. What the values are is held by the server's tests against histories.
func (h *harness) checkMeasures(r *harnessRun, turn *engine.Turn) {
	h.t.Helper()
	want, got := map[string]int{}, map[string]int{}
	workflow := r.state.(*State).settings.Type.Name
	at := func(id int64) wire.EventBody {
		for _, all := range [][]engine.Event{r.events, turn.Events} {
			for i := range all {
				if all[i].ID == id {
					return all[i].Body.(wire.EventBody)
				}
			}
		}
		return nil
	}
	for i := range turn.Events {
		body := turn.Events[i].Body.(wire.EventBody)
		kind := body.EventType()
		expect := func(metrics, of string) {
			for metric := range strings.FieldsSeq(metrics) {
				want["heddle_swf_"+metric+" "+of]++
			}
		}
		activity := func(scheduled, started int64, metrics string) {
			if started == 0 {
				metrics = strings.ReplaceAll(metrics, "activity_start_to_close_seconds", "")
			}
			expect(metrics, at(scheduled).(*wire.ActivityTaskScheduledEventAttributes).ActivityType.Name)
		}
		const closed = "activities_total activity_start_to_close_seconds activity_schedule_to_close_seconds"
		switch a := body.(type) {
		case *wire.WorkflowExecutionStartedEventAttributes:
			expect("workflows_started_total", workflow)
		case *wire.DecisionTaskStartedEventAttributes:
			expect("decision_schedule_to_start_seconds", workflow)
		case *wire.DecisionTaskCompletedEventAttributes:
			expect("decisions_total decision_start_to_close_seconds", workflow)
		case *wire.DecisionTaskTimedOutEventAttributes:
			if expect("decisions_total", workflow); a.StartedEventID != 0 {
				expect("decision_start_to_close_seconds", workflow)
			}
		case *wire.ActivityTaskStartedEventAttributes:
			activity(a.ScheduledEventID, 1, "activity_schedule_to_start_seconds")
		case *wire.ActivityTaskCompletedEventAttributes:
			activity(a.ScheduledEventID, a.StartedEventID, closed)
		case *wire.ActivityTaskFailedEventAttributes:
			activity(a.ScheduledEventID, a.StartedEventID, closed)
		case *wire.ActivityTaskCanceledEventAttributes:
			activity(a.ScheduledEventID, a.StartedEventID, closed)
		case *wire.ActivityTaskTimedOutEventAttributes:
			activity(a.ScheduledEventID, a.StartedEventID, closed)
		default:
			if closes(body) {
				expect("workflows_closed_total workflow_start_to_close_seconds", workflow)
			} else if kind == "" {
				h.t.Errorf("%T has no type", body)
			}
		}
	}
	for i := range turn.Measures {
		m := &turn.Measures[i]
		if m.Meters == workflowMeters || m.Meters == activityMeters {
			got[m.Meters.Meters[m.Meter].Name+" "+m.Of[1]]++
			if m.Of[0] != testDomain {
				h.t.Errorf("%s: measured in domain %q", r.label, m.Of[0])
			}
		}
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("%s: measured %v, want %v", r.label, got, want)
	}
}
