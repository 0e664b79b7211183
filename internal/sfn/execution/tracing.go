package execution

import (
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/tracing"
)

// Spans of an execution whose state machine wants traces: of the execution, each state that it
// was in, and each task, when they have ended. The execution is the parent of states, or the
// state that they are part of; a state is that of its tasks. After a redrive there is another
// span of the execution. Of states that an end of the execution has cut off there are as many
// as spansMax.
const spansMax = 100

// traced tells whether the execution has a trace that is recorded.
func (s *State) traced() bool {
	return s.revision().Tracing && !s.trace().Off
}

func (s *State) trace() tracing.Context {
	return tracing.Of(s.settings.Trace, s.logRun(), s.started)
}

// span is the id of a span since the execution was driven last: of what began with an event,
// or for 0 of the execution.
func (s *State) span(began int64) [8]byte { return tracing.ID(s.logRun(), s.redrives<<32+began) }

// within is the span that a thread's states are part of.
func (s *State) within(th *thread) [8]byte {
	if owner := s.thread(th.owner); owner != nil && owner.state != "" {
		return s.span(owner.entered)
	}
	return s.span(0)
}

// service is what a trace calls the state machine, whatever map run the execution is of.
func (s *State) service() string {
	name, _, _ := strings.Cut(s.machine, "/")
	return name
}

// handOn is the trace header for what is called by what began with an event: of an execution
// without a span the one that it was started with, perhaps "".
func (s *State) handOn(began int64) string {
	if s.revision().Tracing {
		return s.trace().XRay(s.span(began))
	}
	return s.settings.Trace
}

// handedOn are the settings for executions that a thread's state starts.
func (s *State) handedOn(th *thread) Settings {
	c := *s.settings
	c.Trace = s.handOn(th.entered)
	return c
}

func (t *turn) tracing() bool {
	return t.in.Notify.Any(engine.NotifySpans) && t.trial == nil && t.s.started != 0 && t.s.traced()
}

// traceFailure notes the span of a state that has failed, and that nothing is done about: the
// next event of the turn tells of it.
func (t *turn) traceFailure(th *thread, f *failure) {
	if t.tracing() && !th.halted {
		t.stateSpan(th, "failed", said(f.name), said(f.cause))
	}
}

// traceEvent notes the spans that an event ends which the state is about to take in, and tells
// of all that have ended.
func (t *turn) traceEvent(th *thread, e *Body) {
	s := t.s
	if !t.tracing() {
		return
	}
	switch e.Type {
	case ActivitySucceeded, LambdaFunctionSucceeded, TaskSucceeded:
		t.taskSpan(th, "", nil, nil)
	case ActivityFailed, LambdaFunctionFailed, LambdaFunctionStartFailed, TaskFailed, TaskStartFailed, TaskSubmitFailed:
		t.taskSpan(th, "failed", e.Error, e.Cause)
	case ActivityTimedOut, LambdaFunctionTimedOut, TaskTimedOut:
		t.taskSpan(th, "timed out", e.Error, e.Cause)
	case ExecutionSucceeded:
		t.executionSpan("", nil, nil)
	case ExecutionFailed:
		t.executionSpan("failed", e.Error, e.Cause)
	case ExecutionTimedOut, ExecutionAborted:
		how := "aborted"
		if e.Type == ExecutionTimedOut {
			how = "timed out"
		}
		for n, open := range s.threads {
			if n == spansMax {
				break
			}
			if !open.halted {
				t.stateSpan(open, how, nil, nil)
			}
		}
		t.executionSpan(how, e.Error, e.Cause)
	case TaskStateAborted, WaitStateAborted, ParallelStateAborted, MapStateAborted, MapIterationAborted:
		t.stateSpan(th, "aborted", nil, nil)
	default:
		if strings.HasSuffix(string(e.Type), "StateExited") {
			t.stateSpan(th, "", nil, nil)
		}
	}
	t.tellSpans(s.last + 1)
}

// tellSpans tells of spans that have ended with an event.
func (t *turn) tellSpans(event int64) {
	if len(t.spans) == 0 {
		return
	}
	s := t.s
	n := tracing.Told(s.id.Name.World, s.logRun(), event, t.in.Now, s.service(), s.of, t.spans)
	t.notifications = append(t.notifications, n)
	t.bytes += len(n.Body) + partBytes
	t.spans = t.spans[:0]
}

func (t *turn) addSpan(span *tracing.Span) {
	if len(t.spans) > 0 {
		t.spans = append(t.spans, ',')
	}
	t.spans = span.Append(t.spans)
}

// told is what may be said of why something failed.
func (s *State) told(how string, err, cause *datum) (failed bool, message string) {
	if how == "" {
		return false, ""
	}
	message = how
	for _, d := range []*datum{err, cause} {
		if d != nil && s.settings.Key.Key == "" {
			message += ": " + d.Text()
		}
	}
	return true, message
}

func (t *turn) executionSpan(how string, err, cause *datum) {
	s := t.s
	c := s.trace()
	span := tracing.Span{
		Context: c, ID: s.span(0), Name: s.service(), Kind: tracing.Server, From: max(s.started, s.redriven), To: t.in.Now,
		Attributes: []string{"aws.stepfunctions.execution.arn", s.arn(), "aws.stepfunctions.state_machine.arn", s.of},
	}
	span.Failed, span.Message = s.told(how, err, cause)
	t.addSpan(&span)
}

// stateSpan is that of the state that a thread is in, if it is in one.
func (t *turn) stateSpan(th *thread, how string, err, cause *datum) {
	s := t.s
	if th.state == "" || slices.Contains(t.spanned, th.entered) {
		return
	}
	t.spanned = append(t.spanned, th.entered)
	if th.work != nil {
		t.taskSpan(th, how, err, cause)
	}
	c := s.trace()
	c.Parent = s.within(th)
	span := tracing.Span{
		Context: c, ID: s.span(th.entered), Name: th.state, Kind: tracing.Internal, From: max(th.enteredAt, s.redriven), To: t.in.Now,
		Attributes: []string{"aws.stepfunctions.execution.arn", s.arn()},
	}
	span.Failed, span.Message = s.told(how, err, cause)
	t.addSpan(&span)
}

func (t *turn) taskSpan(th *thread, how string, err, cause *datum) {
	s, w := t.s, th.work
	c := s.trace()
	c.Parent = s.span(th.entered)
	name := w.resource
	if w.service != "" {
		name = w.service + ":" + w.resource
	}
	span := tracing.Span{
		Context: c, ID: s.span(w.Scheduled), Name: name, Kind: tracing.Client, From: w.ScheduledAt, To: t.in.Now, Started: w.Since,
		Attributes: []string{"aws.stepfunctions.execution.arn", s.arn()},
	}
	span.Failed, span.Message = s.told(how, err, cause)
	t.addSpan(&span)
}
