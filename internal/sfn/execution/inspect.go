package execution

import (
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// Inspect asks which states an execution is in and what they wait for; it changes nothing,
// and closed ones answer too. The reply is a *diagnose.Execution, without what only the
// history says. What is sealed stays so.
type Inspect struct{}

// inspect answers Inspect.
func (t *turn) inspect() {
	s := t.s
	e := &diagnose.Execution{
		Service: "states", Ref: diagnose.Ref{ARN: s.arn()}, Type: s.machine, Status: s.status, IsOpen: s.isOpen(),
		Started: s.started, Closed: s.closed, Events: s.last, EventsMax: int64(t.rules.limits.EventsMax),
	}
	if e.IsOpen {
		e.TimesOut = s.closeBy()
	}
	e.Failure.Reason, e.Failure.Details = plain(s.err), plain(s.cause)
	for _, th := range s.threads {
		switch {
		case th.halted:
		case th.work != nil:
			t.inspectWork(e, th)
		case th.wake != 0:
			e.Waits = append(e.Waits, diagnose.Wait{Name: th.state, Event: th.entered, Until: th.wake, Retry: th.retried})
		case th.group != nil && th.group.flow == distributed:
			if g := th.group; g.runs() {
				e.Children = append(e.Children, diagnose.Child{Ref: diagnose.Ref{ARN: g.mapRun}, Event: g.last, Started: true})
			}
		case th.group != nil:
			g := th.group
			e.Groups = append(e.Groups, diagnose.Group{
				State: th.state, Event: th.entered, Running: g.running, Done: g.done, Total: int64(len(g.outputs)),
			})
		}
	}
	t.reply = e
}

// plain is what is stored of somebody's words, unless it is sealed.
func plain(d *datum) string {
	if d == nil || Sealed(d.stored()) {
		return ""
	}
	return d.stored()
}

// inspectWork adds an open task, or the execution that runs for it.
func (t *turn) inspectWork(e *diagnose.Execution, th *thread) {
	w := th.work
	if w.childName.Key != "" {
		e.Children = append(e.Children, diagnose.Child{
			Ref: diagnose.Ref{ARN: ARNOf(w.childName)}, Event: w.Scheduled, Started: true,
		})
		return
	}
	k := diagnose.Task{
		Kind: diagnose.Integration, Name: th.state, Full: w.Full,
		Scheduled: w.Scheduled, ScheduledAt: w.ScheduledAt, Started: w.Started, Since: w.Since, Attempt: w.Attempt,
		Waits: w.Takeable(t.in.Up), BeatAt: w.Beat.At,
	}
	switch {
	case asl.ResourceKind(w.kind) == asl.Activity:
		k.Kind, k.ID, k.List = diagnose.Activity, w.resource[strings.LastIndexByte(w.resource, ':')+1:], w.resource
	case asl.ResourceKind(w.kind) == asl.Function:
		k.Kind, k.ID = diagnose.Lambda, w.resource
	case asl.Pattern(w.pattern) == asl.WaitForToken && w.submitted != 0:
		k.Kind = diagnose.Callback
	}
	var timeout engine.Time
	if w.timeout > 0 {
		timeout = w.ScheduledAt + engine.Seconds(w.timeout)
	} else {
		k.Lacking = append(k.Lacking, "TimeoutSeconds")
	}
	if w.heartbeat == 0 && k.Started != 0 {
		k.Lacking = append(k.Lacking, "HeartbeatSeconds")
	}
	k.Deadlines = diagnose.Soonest(
		diagnose.Deadline{Timeout: "TimeoutSeconds", At: timeout},
		diagnose.Deadline{Timeout: "HeartbeatSeconds", At: w.beatBy(t.in.Up)},
	)
	e.Tasks = append(e.Tasks, k)
}
