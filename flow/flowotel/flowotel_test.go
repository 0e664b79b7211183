package flowotel_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"heddle/flow"
	"heddle/flow/flowotel"
	"heddle/flow/flowtest"
)

var (
	trip = flow.Workflow[string, string]{Name: "Trip", Version: "1"}
	book = flow.Activity[string, string]{Name: "Book", Version: "1", StartToClose: time.Minute}
	rest = flow.Workflow[string, string]{Name: "Rest", Version: "1"}
	more = flow.Signal[string]{Name: "More"}
)

// points are all that was measured, as "name{attributes} number": the count of a histogram, the value of others.
func points(t *testing.T, reader sdkmetric.Reader) (all []string) {
	t.Helper()
	var said metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &said); err != nil {
		t.Fatal(err)
	}
	show := func(name string, set attribute.Set, n any) {
		var pairs []string
		for _, kv := range set.ToSlice() {
			pairs = append(pairs, string(kv.Key)+"="+kv.Value.String())
		}
		all = append(all, fmt.Sprintf("%s{%s} %v", name, strings.Join(pairs, ","), n))
	}
	for _, scope := range said.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					show(m.Name, p.Attributes, p.Count)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					show(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					show(m.Name, p.Attributes, p.Value)
				}
			}
		}
	}
	return all
}

func TestHooks(t *testing.T) {
	reader, spans := sdkmetric.NewManualReader(), tracetest.NewInMemoryExporter()
	hooks, err := flowotel.Hooks(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	if err != nil {
		t.Fatal(err)
	}
	var right atomic.Bool
	var runID string
	flowtest.Config{Worker: flow.WorkerConfig{Deciders: 1, Cached: 1, Hooks: hooks}}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := trip.Start(t.Context(), c, "t-1", "rome")
		if err != nil {
			t.Fatal(err)
		}
		runID = run.RunID
		time.Sleep(time.Second) // it is parked
		right.Store(true)
		for range 2 {
			if err := more.Send(t.Context(), c, "t-1", "x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // each has a decision of its own
		}
		if _, err := run.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"r-1", "r-2"} { // there is room for one, and for none when the worker has ended
			if _, err := rest.Start(t.Context(), c, id, ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
	}, rest.By(func(ctx flow.Context, _ string) (string, error) { return more.Receive(ctx) }), trip.By(func(ctx flow.Context, where string) (string, error) {
		if !right.Load() {
			panic("a bug")
		}
		if _, err := book.Call(ctx, "nowhere"); err == nil {
			return "", fmt.Errorf("booked nowhere")
		}
		flow.Effect(ctx, func() int { return 1 })
		return book.Call(ctx, where)
	}), book.By(func(ctx context.Context, where string) (string, error) {
		if trace.SpanContextFromContext(ctx).TraceID() != flowotel.RunOf(runID).TraceID() {
			t.Errorf("an activity's context has the trace %s", trace.SpanContextFromContext(ctx).TraceID())
		}
		time.Sleep(time.Second)
		if where == "nowhere" {
			return "", fmt.Errorf("no such place: %s", where)
		}
		return "booked " + where, nil
	}))
	got := points(t, reader)
	for _, want := range []string{
		"flow.activity{outcome=completed,type=Book@1} 1", "flow.activity{outcome=failed,type=Book@1} 1", "flow.parked{type=Trip@1} 1",
		"flow.decision{outcome=parked,replayed=true,type=Trip@1} 1", "flow.decision{outcome=answered,replayed=true,type=Trip@1} 1", "flow.decision{outcome=answered,replayed=false,type=Trip@1} 3",
		"flow.unread_signals{signal=More,type=Trip@1} 2", "flow.polls{found=true,kind=decision} 7", "flow.polls{found=true,kind=activity} 2",
		"flow.slots{kind=activity} 0", "flow.slots{kind=decision} 0", "flow.slots.most{kind=decision} 1", "flow.evictions{type=Rest@1} 2", "flow.effect{type=Trip@1} 1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s was not measured", want)
		}
	}
	for _, want := range []string{"flow.payload{direction=in} ", "flow.payload{direction=out} "} {
		if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, want) }) {
			t.Errorf("%s was not measured", want)
		}
	}
	if t.Failed() {
		t.Logf("measured:\n%s", strings.Join(got, "\n"))
	}
	failed := 0
	all := slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.Name == "Rest@1" })
	for _, s := range all {
		if s.SpanContext.TraceID() != flowotel.RunOf(runID).TraceID() || s.Parent.SpanID() != flowotel.RunOf(runID).SpanID() {
			t.Errorf("span %s is of trace %s, below %s", s.Name, s.SpanContext.TraceID(), s.Parent.SpanID())
		}
		if s.Status.Code == codes.Error {
			failed++
			if !strings.Contains(s.Status.Description, "a bug") && !strings.Contains(s.Status.Description, "no such place") {
				t.Errorf("span %s failed with %q", s.Name, s.Status.Description)
			}
		}
	}
	if len(all) != 7 || failed != 2 {
		t.Errorf("%d spans, %d failed; want 7 and 2", len(all), failed)
	}
}
