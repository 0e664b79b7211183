package execution

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

// BenchmarkOneActivity is the plainest life: seven commands and three words of
// delivery, eleven events, with a record after each turn as the kernel asks for it.
func BenchmarkOneActivity(b *testing.B) {
	rules := New(DefaultLimits())
	id := engine.Identity{Name: Name(testWorld, testDomain, "wf"), Run: engine.NewRunID(7, engine.Seed{1})}
	text := func(s string) *string { return &s }
	start := &Start{
		Settings: Settings{
			Type: wire.WorkflowType{Name: "order", Version: "1"}, TaskList: "deciders",
			ExecutionStartToCloseTimeout: "3600", TaskStartToCloseTimeout: "60", ChildPolicy: "TERMINATE",
		},
		Input: text("input"), RetentionDays: 1,
	}
	schedule := []wire.Decision{{
		DecisionType: wire.DecisionTypeScheduleActivityTask,
		ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{
			ActivityID: "a", ActivityType: wire.ActivityType{Name: "pay", Version: "1"}, Input: text("input"),
		},
	}}
	complete := []wire.Decision{{
		DecisionType: wire.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &wire.CompleteWorkflowExecutionDecisionAttributes{Result: text("done")},
	}}
	facts := decideFacts(schedule)
	commands := []any{
		start,
		&StartDecision{ScheduledEventID: 2, Identity: text("decider")},
		&task.Delivered{ScheduledEventID: 2, Attempt: 1},
		&CompleteDecision{ScheduledEventID: 2, StartedEventID: 3, Decisions: schedule, Facts: facts},
		&StartActivity{ScheduledEventID: 5, Identity: text("worker")},
		&task.Delivered{ScheduledEventID: 5, Attempt: 1},
		&CompleteActivity{ActivityRef: ActivityRef{5, 6}, Result: text("result")},
		&StartDecision{ScheduledEventID: 8, Identity: text("decider")},
		&task.Delivered{ScheduledEventID: 8, Attempt: 1},
		&CompleteDecision{ScheduledEventID: 8, StartedEventID: 9, Decisions: complete},
	}
	for name, measure := range map[string]bool{"plain": false, "measured": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := rules.New(id)
				now := houseStart
				for _, c := range commands {
					now += 10
					if _, err := rules.Handle(s, c, engine.Input{Now: now, Up: houseStart, Measure: measure}); err != nil {
						b.Fatal(err)
					}
					rules.Record(s, houseStart)
				}
				if st := s.(*State); st.last != 11 || st.isOpen() {
					b.Fatalf("ended after event %d, %q", st.last, st.closeStatus)
				}
			}
		})
	}
}
