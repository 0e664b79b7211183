package execution

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
	"heddle/internal/tracing"
)

type testSpan struct {
	TraceID      string
	SpanID       string
	ParentSpanID string
	Name         string
	Start        string `json:"startTimeUnixNano"`
	End          string `json:"endTimeUnixNano"`
	Events       []struct{ TimeUnixNano string }
}

func (r *harnessRun) spans(t *testing.T) (all []testSpan) {
	t.Helper()
	for _, n := range r.notifications {
		if _, of := eventbridge.Head(n.Body); of != eventbridge.TypeSpans {
			t.Fatalf("it tells %s", n.Body)
		}
		var told struct {
			Service string
			Spans   []testSpan
		}
		if err := json.Unmarshal(eventbridge.Detail(n.Body), &told); err != nil || told.Service != testDomain {
			t.Fatalf("%s: %v", n.Body, err)
		}
		all = append(all, told.Spans...)
	}
	return all
}

// endsSpan are the events that end a task.
var endsSpan = []string{
	"DecisionTaskCompleted", "DecisionTaskTimedOut", "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskCanceled", "ActivityTaskTimedOut",
	"LambdaFunctionCompleted", "LambdaFunctionFailed", "LambdaFunctionTimedOut", "StartLambdaFunctionFailed",
}

// TestEachTaskHasASpan: in random lives each task that ends has a span, and each execution that
// closes has one; they begin and end when the history says, children and successors are of their parent's trace,
// and no id comes twice.
func TestEachTaskHasASpan(t *testing.T) {
	families, tasks := 0, 0
	for seed := range uint64(30) {
		limits := DefaultLimits()
		limits.EventsMax, limits.TracePercent = 60, 100
		h := newHarness(t, limits)
		h.quiet, h.quick = true, true
		h.notify = engine.NotifySpans
		m := &monkey{harness: h, rand: rand.New(rand.NewPCG(seed, 7))}
		for range 600 {
			m.act()
		}
		h.deliver()
		roots, ids := map[string]testSpan{}, map[string]bool{}
		for _, r := range h.runs {
			own := fmt.Sprintf("%x", tracing.ID(r.id.Run, 0))
			for _, s := range r.spans(t) {
				if ids[s.SpanID] || s.Start > s.End || s.Name == "" {
					t.Errorf("seed %d: %s tells %+v", seed, r.label, s)
				}
				ids[s.SpanID] = true
				if s.SpanID == own {
					roots[r.id.Run.String()] = s
				} else if s.ParentSpanID != own {
					t.Errorf("seed %d: %s: the parent of %+v is not its execution", seed, r.label, s)
				}
			}
		}
		for _, r := range h.runs {
			s := r.state.(*State)
			_, closed := roots[r.id.Run.String()]
			if closed == r.open() {
				t.Errorf("seed %d: %s, of which open is %t, has a span: %t", seed, r.label, r.open(), closed)
			}
			begun := r.events[0].Body.(*wire.WorkflowExecutionStartedEventAttributes)
			from := s.parent.Run
			if begun.ContinuedExecutionRunID != nil {
				from, _ = ParseRun(*begun.ContinuedExecutionRunID)
			}
			for _, other := range h.runs {
				if other.id.Run != from {
					continue
				}
				families++
				if c := s.traceOf(); c.Trace != other.state.(*State).traceOf().Trace || c.Parent != tracing.ID(from, 0) {
					t.Errorf("seed %d: %s is in the trace %x, below %x", seed, r.label, c.Trace, c.Parent)
				}
			}
			ended := 0
			for _, e := range r.events {
				if slices.Contains(endsSpan, e.Body.(wire.EventBody).EventType()) {
					ended++
				}
			}
			tasks += ended
			cut := 0
			if closed {
				cut = 1 + len(s.activities) + len(s.lambdas)
				ended += cut
			}
			if got := len(r.spans(t)); got != ended {
				t.Errorf("seed %d: %s has %d spans, and its history %d ends (%d at its close)", seed, r.label, got, ended, cut)
			}
		}
	}
	if families < 10 || tasks < 800 {
		t.Errorf("%d families and %d tasks show little", families, tasks)
	}
}

// TestWhoIsTraced: what a caller hands over is traced as that says; of others the part that is
// asked for.
func TestWhoIsTraced(t *testing.T) {
	const on, off = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	for _, c := range []struct {
		percent  int
		trace    string
		least, n int // of 200
	}{
		{0, "", 0, 0}, {100, "", 200, 200}, {30, "", 35, 85}, {0, on, 200, 200}, {100, off, 0, 0},
	} {
		limits := DefaultLimits()
		limits.TracePercent = c.percent
		h := newHarness(t, limits)
		h.quiet, h.quick = true, true
		h.notify = engine.NotifySpans
		for i := range 200 {
			if _, err := h.command(engine.Command{
				Name: Name(testWorld, testDomain, fmt.Sprint(i)), Begin: engine.Always, Seed: engine.Seed{byte(i), byte(c.percent), 1}, Group: Group(testWorld, testDomain),
				Body: &Start{Trace: c.trace, RetentionDays: 1, Settings: Settings{
					Type: wire.WorkflowType{Name: "t", Version: "1"}, TaskList: "l", ExecutionStartToCloseTimeout: "3600", TaskStartToCloseTimeout: "60", ChildPolicy: "TERMINATE",
				}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		traced := 0
		for _, r := range h.runs {
			if _, err := h.handle(r, &Terminate{}); err != nil {
				t.Fatal(err)
			}
			all := r.spans(t)
			traced += len(all)
			if c.trace == on && (!strings.HasPrefix(on, "00-"+all[0].TraceID) || all[0].ParentSpanID != "00f067aa0ba902b7") {
				t.Errorf("it is told as %+v", all[0])
			}
		}
		if traced < c.least || traced > c.n {
			t.Errorf("%d percent, %q: %d of 200 are traced", c.percent, c.trace, traced)
		}
	}
}

// TestSpansStayInBounds: a span with the longest names is no larger than is reckoned with.
func TestSpansStayInBounds(t *testing.T) {
	long := strings.Repeat("\x01", textBytesMax)
	span := tracing.Span{Name: long, Failed: true, Message: long, Attributes: []string{"aws.swf.run_id", long[:64], "aws.swf.workflow_id", long, "aws.swf.domain", long[:256]}}
	if n := len(span.Append(nil)); n > spanBytes {
		t.Errorf("a span takes %d bytes", n)
	}
}
