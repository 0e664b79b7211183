package execution

import (
	"testing"

	"heddle/internal/engine"
)

const loopDefinition = `{"StartAt":"Begin","States":{
	"Begin":{"Type":"Pass","Result":{"n":0},"Next":"More"},
	"More":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":4000,"Next":"Add"}],"Default":"Done"},
	"Add":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"More"},
	"Done":{"Type":"Succeed"}}}`

// BenchmarkLoop is a loop of Pass and Choice: what a state costs without a store.
func BenchmarkLoop(b *testing.B) {
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		h := newHarness(b, DefaultLimits())
		h.quick = true
		r := h.begin("m", "e", loopDefinition, "{}", nil)
		events += len(r.events)
		if r.state.(*State).status != Succeeded {
			b.Fatal(r.history()[max(0, len(r.history())-500):])
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

const activityDefinition = `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}`

// BenchmarkActivity is an execution with one activity.
func BenchmarkActivity(b *testing.B) {
	b.ReportAllocs()
	h := newHarness(b, DefaultLimits())
	h.quick, h.turns = true, 1
	for n := range b.N {
		h.runs, h.order = map[engine.Name]*harnessRun{}, nil
		h.turns = 1
		r := h.begin("m", "e", activityDefinition, `{"order":4711,"lines":[1,2,3]}`, func(s *Start) {
			s.Activities = []Activity{{ARN: "arn:aws:states:us-east-1:123456789012:activity:a"}}
		})
		_ = n
		for _, body := range []any{
			&StartTask{ScheduledEventID: 3},
			&Succeed{Ref: Ref{ScheduledEventID: 3}, Output: `{"receipt":"R-4711"}`},
		} {
			if _, err := h.do(r, body); err != nil {
				b.Fatal(err)
			}
		}
	}
}

const waitDefinition = `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","TimestampPath":"$.until","End":true}}}`

// BenchmarkFiring is the end of a wait, of an execution whose state is not at hand: what it costs
// without a store.
func BenchmarkFiring(b *testing.B) {
	b.ReportAllocs()
	h := newHarness(b, DefaultLimits())
	r := h.begin("m", "e", waitDefinition, `{"until":"2023-11-15T00:00:00Z"}`, nil)
	rules := engine.NewRuleset(h.rules)
	in := engine.Input{Now: houseStart + engine.Seconds(24*60*60), Measure: true}
	folder := rules.NewFolder()
	for b.Loop() {
		s := rules.New(r.id)
		for _, e := range r.events {
			if err := folder.Fold(s, e.ID, e.At, e.Public, e.Private); err != nil {
				b.Fatal(err)
			}
		}
		rules.Wants(s, engine.Wake{})
		if _, err := rules.Handle(s, engine.Wake{}, in); err != nil {
			b.Fatal(err)
		}
		if rec := rules.Record(s, houseStart); rec.Status != engine.Closed {
			b.Fatalf("it waits until %d", rec.Wake)
		}
	}
}
