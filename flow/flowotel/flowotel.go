// Package flowotel tells OpenTelemetry what a worker of package flow does:
//
//	hooks, err := flowotel.Hooks(otel.GetMeterProvider(), otel.GetTracerProvider())
//	w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "orders", Hooks: hooks}, code...)
//
// Instruments, with their attributes; a Prometheus exporter appends the units, as in flow_decision_seconds:
//
//	flow.decision         s   decision tasks: type, replayed, outcome (answered, parked, lost)
//	flow.activity         s   activity tasks: type, outcome (completed, failed, canceled, pending)
//	flow.effect           s   effects that were made: type
//	flow.polls                polls that came back: kind, found
//	flow.slots                tasks under way: kind
//	flow.slots.most           and how many there may be: kind
//	flow.evictions            runs that are no longer at hand: type
//	flow.parked               decision tasks whose code could not decide: type
//	flow.payload          By  payloads: direction (in, out)
//	flow.unread_signals       signals that nobody had read when their run closed: type, signal
//	flow.long_histories       runs whose history came to 15,000 events: type
//
// Spans: one for each decision task and each activity task, named by their types. All spans of a run are of one trace, whose id
// follows from the run id: so nothing need travel through SWF, and what one worker traces joins what others do. Calls that an activity
// makes with its context are below its span. A sampler of the parent keeps every run; for a part of them, give
// sdktrace.ParentBased(sdktrace.AlwaysSample(), sdktrace.WithRemoteParentSampled(sdktrace.TraceIDRatioBased(0.1))).
package flowotel

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"heddle/flow"
)

// scope is the name of the instrumentation.
const scope = "heddle/flow"

// seconds are the bounds of histograms of durations.
var seconds = metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)

// Hooks makes a worker's hooks.
func Hooks(meters metric.MeterProvider, traces trace.TracerProvider) (flow.Hooks, error) {
	m, t := meters.Meter(scope), traces.Tracer(scope)
	var failed []error
	histogram := func(name, unit, what string, o ...metric.Float64HistogramOption) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, append(o, metric.WithUnit(unit), metric.WithDescription(what))...)
		failed = append(failed, err)
		return h
	}
	counter := func(name, what string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithDescription(what))
		failed = append(failed, err)
		return c
	}
	gauge := func(name, what string) metric.Int64Gauge {
		g, err := m.Int64Gauge(name, metric.WithDescription(what))
		failed = append(failed, err)
		return g
	}
	decision := histogram("flow.decision", "s", "Time that decision tasks took, from their arrival to their answer.", seconds)
	activity := histogram("flow.activity", "s", "Time that activities took.", seconds)
	effect := histogram("flow.effect", "s", "Time that effects took.", seconds)
	payload := histogram("flow.payload", "By", "Length of payloads in clear.", metric.WithExplicitBucketBoundaries(100, 1000, 10_000, 32_768, 100_000, 1_000_000, 10_000_000))
	polls := counter("flow.polls", "Polls that came back.")
	evictions := counter("flow.evictions", "Runs that are no longer at hand.")
	parked := counter("flow.parked", "Decision tasks whose code could not decide.")
	unread := counter("flow.unread_signals", "Signals that nobody had read when their run closed.")
	long := counter("flow.long_histories", "Runs whose history came to 15,000 events.")
	slots := gauge("flow.slots", "Tasks under way.")
	most := gauge("flow.slots.most", "Tasks that may be under way.")
	if err := errors.Join(failed...); err != nil {
		return flow.Hooks{}, err
	}
	return flow.Hooks{
		DecisionStart: func(ctx context.Context, d flow.DecisionInfo) context.Context {
			ctx, _ = t.Start(within(ctx, d.Run), typeOf(d.Run), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(append(about(d.Run),
				attribute.Int64("flow.started_event_id", d.Attempt), attribute.Int("flow.events", d.Events), attribute.Bool("flow.replayed", d.Replayed))...))
			return ctx
		},
		DecisionEnd: func(ctx context.Context, d flow.DecisionInfo, o flow.DecisionOutcome) {
			span, outcome := trace.SpanFromContext(ctx), "answered"
			span.SetAttributes(attribute.Int("flow.decisions", o.Decisions))
			switch {
			case o.Err != nil:
				outcome = "lost"
				fail(span, o.Err.Error())
			case o.Parked != "":
				outcome = "parked"
				fail(span, o.Parked)
			}
			span.End()
			decision.Record(ctx, o.Took.Seconds(), metric.WithAttributes(attribute.String("type", typeOf(d.Run)), attribute.Bool("replayed", d.Replayed), attribute.String("outcome", outcome)))
		},
		ActivityStart: func(ctx context.Context, a flow.ActivityInfo) context.Context {
			ctx, _ = t.Start(within(ctx, a.Run), a.Activity+"@"+a.Version, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(append(about(a.Run),
				attribute.String("flow.activity_id", a.ActivityID), attribute.Int("flow.attempt", a.Attempt))...))
			return ctx
		},
		ActivityEnd: func(ctx context.Context, a flow.ActivityInfo, err error, took time.Duration) {
			span, outcome := trace.SpanFromContext(ctx), "completed"
			switch {
			case errors.Is(err, flow.Pending):
				outcome = "pending"
			case err != nil && errors.Is(context.Cause(ctx), flow.ErrCanceled):
				outcome = "canceled"
			case err != nil:
				outcome = "failed"
				fail(span, err.Error())
			}
			span.End()
			activity.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("type", a.Activity+"@"+a.Version), attribute.String("outcome", outcome)))
		},
		Effect: func(ctx context.Context, r flow.RunInfo, took time.Duration) {
			effect.Record(ctx, took.Seconds(), ofType(r))
		},
		Polled: func(ctx context.Context, kind string, found bool) {
			polls.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", kind), attribute.Bool("found", found)))
		},
		Slots: func(ctx context.Context, kind string, used, of int) {
			slots.Record(ctx, int64(used), metric.WithAttributes(attribute.String("kind", kind)))
			most.Record(ctx, int64(of), metric.WithAttributes(attribute.String("kind", kind)))
		},
		Evicted: func(ctx context.Context, r flow.RunInfo) { evictions.Add(ctx, 1, ofType(r)) },
		Parked:  func(ctx context.Context, r flow.RunInfo, _ string) { parked.Add(ctx, 1, ofType(r)) },
		Long:    func(ctx context.Context, r flow.RunInfo, _ int64) { long.Add(ctx, 1, ofType(r)) },
		Closed: func(ctx context.Context, r flow.RunInfo, names []string) {
			for _, name := range names {
				unread.Add(ctx, 1, metric.WithAttributes(attribute.String("type", typeOf(r)), attribute.String("signal", name)))
			}
		},
		Payload: func(ctx context.Context, direction string, bytes int) {
			payload.Record(ctx, float64(bytes), metric.WithAttributes(attribute.String("direction", direction)))
		},
	}, nil
}

func typeOf(r flow.RunInfo) string { return r.Workflow + "@" + r.Version }

func ofType(r flow.RunInfo) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("type", typeOf(r)))
}

func fail(span trace.Span, why string) { span.SetStatus(codes.Error, why) }

// about says which run a span is of.
func about(r flow.RunInfo) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("flow.domain", r.Domain), attribute.String("flow.workflow_id", r.WorkflowID), attribute.String("flow.run_id", r.RunID)}
}

// within is a context whose spans are of the run's trace.
func within(ctx context.Context, r flow.RunInfo) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, RunOf(r.RunID))
}

// RunOf is the span that stands for a run: the parent of all that workers trace of it. Its ids follow from the run id alone.
func RunOf(runID string) trace.SpanContext {
	sum := sha256.Sum256([]byte("flow run " + runID))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}
