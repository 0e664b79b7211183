package execution

import (
	"errors"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
	"heddle/internal/tracing"
)

// Spans of an execution that is traced: since whoever started it handed it a trace that is
// recorded, or since it is among Limits.TracePercent. They end with the execution, and with each
// of its decision tasks, activity tasks and Lambda functions, which are the execution's children. Of
// tasks that its end cuts off there are as many as spansMax. Children and successors are of the
// same trace.
const (
	spansMax = 20
	// spanBytes is the most that a span takes, and spansBytes what those of a turn with one decision
	// task take.
	spanBytes  = 16 << 10
	spansBytes = (spansMax + 2) * spanBytes
)

// codeTrace codes a trace header, at the end of what has it.
func codeTrace(c *pack.Coder, header *string) {
	if c.Tail(*header != "") {
		if c.Text(header); *header == "" {
			c.Fail(errors.New("a trace without a header"))
		}
	}
}

func (s *State) traceOf() tracing.Context { return tracing.Of(s.trace, s.id.Run, s.started) }

// traced tells whether the execution has a trace that is recorded.
func (t *turn) traced() bool {
	switch {
	case !t.in.Notify.Any(engine.NotifySpans) || t.s.started == 0:
		return false
	case t.s.trace != "":
		return !t.s.traceOf().Off
	}
	return t.limits.TracePercent > 0 && t.s.traceOf().Sampled(float64(t.limits.TracePercent)/100)
}

// handOn is the trace header for what is called by what began with an event; 0: the execution.
func (t *turn) handOn(began int64) string {
	if !t.traced() {
		return t.s.trace
	}
	return t.s.traceOf().W3C(tracing.ID(t.s.id.Run, began))
}

// traceEvent tells of the spans that an event ends which the state is about to take in.
func (t *turn) traceEvent(id int64, body wire.EventBody) {
	if !t.traced() {
		return
	}
	s := t.s
	var all []tracing.Span
	add := func(span tracing.Span, wrong string, why ...*string) {
		span.To = t.in.Now
		if span.Failed = wrong != ""; span.Failed {
			span.Message = wrong
			for _, w := range why {
				if value(w) != "" {
					span.Message += ": " + *w
				}
			}
		}
		all = append(all, span)
	}
	switch a := body.(type) {
	case *wire.DecisionTaskCompletedEventAttributes:
		add(t.decisionSpan(), "")
	case *wire.DecisionTaskTimedOutEventAttributes:
		add(t.decisionSpan(), "timed out: "+a.TimeoutType)
	case *wire.ActivityTaskCompletedEventAttributes:
		add(t.activitySpan(s.activity(a.ScheduledEventID)), "")
	case *wire.ActivityTaskFailedEventAttributes:
		add(t.activitySpan(s.activity(a.ScheduledEventID)), "failed", a.Reason)
	case *wire.ActivityTaskCanceledEventAttributes:
		add(t.activitySpan(s.activity(a.ScheduledEventID)), "canceled")
	case *wire.ActivityTaskTimedOutEventAttributes:
		add(t.activitySpan(s.activity(a.ScheduledEventID)), "timed out: "+a.TimeoutType)
	case *wire.LambdaFunctionCompletedEventAttributes:
		add(t.lambdaSpan(a.ScheduledEventID), "")
	case *wire.LambdaFunctionFailedEventAttributes:
		add(t.lambdaSpan(a.ScheduledEventID), "failed", a.Reason)
	case *wire.LambdaFunctionTimedOutEventAttributes:
		add(t.lambdaSpan(a.ScheduledEventID), "timed out")
	case *wire.StartLambdaFunctionFailedEventAttributes:
		if a.ScheduledEventID != nil {
			add(t.lambdaSpan(*a.ScheduledEventID), "failed", a.Cause)
		}
	}
	if closes(body) {
		for i := 0; i < len(s.activities) && len(all) < spansMax; i++ {
			add(t.activitySpan(&s.activities[i]), "the execution was closed")
		}
		for i := 0; i < len(s.lambdas) && len(all) < spansMax; i++ {
			add(t.lambdaSpan(s.lambdas[i].Scheduled), "the execution was closed")
		}
		root := t.span(0, s.settings.Type.Name, s.started)
		root.Context, root.Kind = s.traceOf(), tracing.Server
		root.Attributes = append(root.Attributes, "aws.swf.workflow_id", s.workflowID, "aws.swf.domain", s.domain)
		switch a := body.(type) {
		case *wire.WorkflowExecutionFailedEventAttributes:
			add(root, "failed", a.Reason)
		case *wire.WorkflowExecutionTerminatedEventAttributes:
			add(root, "terminated", a.Reason)
		case *wire.WorkflowExecutionTimedOutEventAttributes:
			add(root, "timed out")
		case *wire.WorkflowExecutionCanceledEventAttributes:
			add(root, "canceled")
		default:
			add(root, "")
		}
	}
	if len(all) == 0 {
		return
	}
	var spans []byte
	for i := range all {
		if i > 0 {
			spans = append(spans, ',')
		}
		spans = all[i].Append(spans)
	}
	n := tracing.Told(s.id.Name.World, s.id.Run, id, t.in.Now, s.domain, "/domain/"+s.domain, spans)
	t.notifications = append(t.notifications, n)
	t.others += len(n.Body)
}

// span is one of the execution's, that began with an event; 0: the execution.
func (t *turn) span(began int64, name string, from engine.Time) tracing.Span {
	s := t.s
	c := s.traceOf()
	c.Parent = tracing.ID(s.id.Run, 0)
	return tracing.Span{
		Context: c, ID: tracing.ID(s.id.Run, began), Name: name, Kind: tracing.Consumer, From: from, Attributes: []string{"aws.swf.run_id", s.runID},
	}
}

func (t *turn) decisionSpan() tracing.Span {
	d := &t.s.decision
	span := t.span(d.Scheduled, "decide "+t.s.settings.Type.Name, d.ScheduledAt)
	span.Started = d.Since
	return span
}

func (t *turn) activitySpan(a *activity) tracing.Span {
	span := t.span(a.Scheduled, a.kind.Name, a.ScheduledAt)
	span.Started = a.Since
	span.Attributes = append(span.Attributes, "aws.swf.activity_id", a.name)
	return span
}

func (t *turn) lambdaSpan(scheduled int64) tracing.Span {
	l := at(t.s.lambdas, scheduled, (*lambda).id)
	span := t.span(scheduled, l.function, l.ScheduledAt)
	span.Kind, span.Started = tracing.Client, l.Since
	return span
}
