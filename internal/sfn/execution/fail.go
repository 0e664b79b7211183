package execution

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/jsonvalue"
)

// Names of errors (Amazon States Language, Appendix A).
const (
	errAll       = "States.ALL"
	errRuntime   = "States.Runtime"
	errQuery     = "States.QueryEvaluationError"
	errTimeout   = "States.Timeout"
	errHeartbeat = "States.HeartbeatTimeout"
	errTask      = "States.TaskFailed"
	errDataLimit = "States.DataLimitExceeded"
)

// failure is why a state has failed.
type failure struct {
	name, cause *string
	at          int64 // the event that failed; 0: the last of the thread
	location    string
	queried     bool // EvaluationFailed says so
	uncatchable bool
	task        bool    // its task did
	heartbeat   bool    // because a heartbeat was late
	within      *thread // of a branch or an iteration; nil: it failed itself
}

// causeIn is a cause with the state in which it happened.
func (t *turn) causeIn(th *thread, cause string) string {
	if t.trial != nil {
		return cause // it has no events
	}
	return fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", th.state, th.entered, cause)
}

// How long what failures say may be, in bytes; the rest is cut off (Step Functions API
// Reference, HistoryEvent: so many characters).
const (
	errorMax = 256
	causeMax = 32_768
)

// cut shortens a text, between characters.
func cut(s *string, limit int) *string {
	if s == nil || len(*s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart((*s)[limit]) {
		limit--
	}
	return text((*s)[:limit])
}

// heldCause says why an execution ends that holds too much.
var heldCause = fmt.Sprintf("The execution holds more than %d bytes of inputs, outputs and variables at a time.", heldMax)

func fullCause(limit int) string {
	return fmt.Sprintf("The execution reached the maximum number of history events (%d).", limit)
}

// tooLarge fails because what a state gives is too large.
func (e *evaluation) tooLarge(label string, at int64) {
	f := TooLarge(label)
	e.failed = &failure{name: &f.Name, cause: &f.Cause, at: at}
}

// TooLarge is the failure of what gives more than a value may have.
func TooLarge(label string) *asl.Failure {
	return &asl.Failure{Name: errDataLimit, Cause: "The state/task '" + label + "' returned a result with a size exceeding the maximum number of bytes service limit."}
}

// evaluationFailed fails a thread whose state could not be evaluated.
func (t *turn) evaluationFailed(th *thread, st *asl.State, f *failure) {
	if f.queried {
		previous := th.before
		if st.Type == asl.Wait {
			previous = th.entered
		}
		body := &Body{Type: EvaluationFailed, Previous: previous, Error: said(f.name), Cause: said(f.cause), State: st.Name}
		if f.location != "" {
			body.Location = &f.location
		}
		f.at = t.emit(th, body)
	} else if f.at == 0 {
		f.at = th.previous
	}
	t.fail(th, st, *f)
}

// fail has what failed in a thread's state tried again, or caught; or else the thread fails,
// and with it the state that it is part of, or the execution.
func (t *turn) fail(th *thread, st *asl.State, f failure) {
	if t.trial != nil {
		t.trial.failed = &f
	}
	if th.group != nil && !th.halted {
		t.abortBelow(th, f.within)
	}
	if t.retry(th, st, &f) || t.catch(th, st, &f) {
		return
	}
	s := t.s
	t.traceFailure(th, &f)
	t.giveUpBelow(th)
	last := f.at
	if th.group.begun() && !th.halted { // else a Catcher has said so already
		last = t.emit(th, &Body{Type: Type(st.Type.String() + "StateFailed"), Previous: f.at})
	} else if st.Type == asl.Map && f.queried {
		last = t.emit(th, &Body{Type: MapStateFailed, Previous: f.at})
	}
	owner := s.thread(th.owner)
	if owner == nil {
		t.end(Failed, f.name, f.cause, last)
		return
	}
	f.task, f.heartbeat, f.queried, f.within = false, false, false, th
	outer := t.state(owner)
	if owner.group.items != nil {
		g := owner.group
		failed := &Body{Type: MapIterationFailed, Previous: f.at, Name: outer.Name, Index: th.index}
		asMapRun := s.rehearsed != nil && outer.Distributed
		if asMapRun { // what its executions end of counts alike, and is in the output
			f.uncatchable, failed.hidden.input = false, t.rehearsedFailure(owner, outer, th.index, &f)
		}
		t.emit(th, failed)
		if g.failed <= g.tolerated && !f.uncatchable {
			t.iterationEnded(owner)
			return
		}
		if (g.tolerated > 0 || asMapRun) && g.failed > g.tolerated && !f.uncatchable {
			f.name, f.cause = TooManyFailed()
		}
	}
	t.fail(owner, outer, f)
}

// TooManyFailed is the error of a Map state of which more iterations failed than it tolerates.
func TooManyFailed() (name, cause *string) {
	return text("States.ExceedToleratedFailureThreshold"), text("The specified tolerated failure threshold was exceeded")
}

// abortBelow tells of what is under way in a thread's state, which has failed, as far as the
// turn has room: of what failed in it first, and then from the inside out.
func (t *turn) abortBelow(owner, first *thread) {
	var below []*thread
	t.s.below(owner, func(th *thread) {
		if th != first {
			below = append(below, th)
		}
	})
	if first != nil {
		below = append(below, first)
	}
	for _, th := range slices.Backward(below) {
		within := t.s.thread(th.owner)
		switch {
		case th.halted || t.spent():
		case within.group.items != nil:
			t.emit(th, &Body{Type: MapIterationAborted, Previous: th.previous, Name: t.state(within).Name, Index: th.index})
		case th.state != "":
			if g := th.group; g != nil && g.runs() {
				t.stopMapRun(th)
				t.emit(th, &Body{Type: MapRunAborted, Previous: th.previous})
			}
			of := Type(t.state(th).Type.String() + "StateAborted")
			if _, there := shapes[of]; there {
				t.emit(th, &Body{Type: of, Previous: th.previous})
			}
		}
	}
}

// giveUpBelow ends the open tasks of a thread and of all that is part of its state.
func (t *turn) giveUpBelow(th *thread) {
	t.giveUp(th)
	t.s.below(th, t.giveUp)
}

// retry tries once more what a Retrier is for.
func (t *turn) retry(th *thread, st *asl.State, f *failure) bool {
	if f.uncatchable {
		return false
	}
	for i := range st.Retry {
		r := &st.Retry[i]
		if !f.among(r.Errors) {
			continue
		}
		counts := slices.Clone(th.retries)
		if len(counts) < len(st.Retry) {
			counts = append(counts, make([]int64, len(st.Retry)-len(counts))...)
		}
		if counts[i] >= r.MaxAttempts {
			return false
		}
		counts[i]++
		delay := float64(r.IntervalSeconds) * math.Pow(r.BackoffRate, float64(counts[i]-1))
		if r.MaxDelaySeconds > 0 {
			delay = min(delay, float64(r.MaxDelaySeconds))
		}
		millis := min(delay, waitSecondsMax) * 1000
		if r.FullJitter {
			millis *= float64(t.next()>>11) / (1 << 53)
		}
		t.giveUpBelow(th)
		t.change(change{kind: changeRetry, thread: th.number, at: t.in.Now + engine.Time(max(1, millis)), retries: counts, failed: f.at})
		return true
	}
	return false
}

// among tells whether names of errors mean this one.
func (f *failure) among(names []string) bool {
	for _, name := range names {
		switch {
		case name == errAll,
			f.name != nil && name == *f.name,
			name == errHeartbeat && f.heartbeat,
			name == errTask && f.task && (f.name == nil || *f.name != errTimeout):
			return true
		}
	}
	return false
}

// catch goes on where a Catcher says.
func (t *turn) catch(th *thread, st *asl.State, f *failure) bool {
	if f.uncatchable {
		return false
	}
	i := slices.IndexFunc(st.Catch, func(c asl.Catcher) bool { return f.among(c.Errors) })
	if i < 0 {
		return false
	}
	c := &st.Catch[i]
	caught := jsonvalue.NewObject(2)
	caught.Set("Error", some(f.name))
	caught.Set("Cause", some(f.cause))
	if f.name != nil && *f.name == errTimeout && f.cause == nil {
		caught.Set("Cause", "")
	}
	e := &evaluation{t: t, th: th, st: st}
	var output any = caught
	raw := th.input.Value()
	var vars []variable
	if e.jsonata() {
		e.caught = caught
		field := fmt.Sprintf("Catch[%d]/", i)
		if c.Output != nil {
			output = e.evaluate(c.Output, field+"Output", raw)
		}
		vars = e.assignedAt(c.Assign, field+"Assign/", raw)
	} else {
		output = e.place(c.ResultPath, c.NullResultPath, raw, caught)
		vars = e.assigned(c.Assign, caught)
	}
	if e.failed != nil {
		e.failed.uncatchable = true
		t.evaluationFailed(th, st, e.failed)
		return true
	}
	t.giveUpBelow(th)
	previous := f.at
	if th.group.begun() {
		previous = t.emit(th, &Body{Type: Type(st.Type.String() + "StateFailed"), Previous: f.at})
	} else if st.Type == asl.Map && f.queried {
		previous = t.emit(th, &Body{Type: MapStateFailed, Previous: f.at})
	}
	e.exit(output, vars, c.Next, previous, st.Name)
	if e.failed != nil {
		e.failed.uncatchable = true
		t.evaluationFailed(th, st, e.failed)
	}
	return true
}

func some(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}
