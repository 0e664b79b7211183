package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// Failure is how an activity, a child, a signal or a Lambda function ended that did not succeed.
type Failure struct {
	Event    types.EventType
	Name     string // of the type: Charge@1
	ID       string
	Attempt  int
	Reason   string // or cause, or type of the timeout
	Details  string
	Canceled bool
}

func (f *Failure) Error() string { return fmt.Sprintf("%s of %s: %s", f.Event, f.ID, f.Reason) }

// op is something that the code has begun, and waits for.
type op struct {
	run     *Run
	scope   *Scope
	kind    types.DecisionType
	base    string // id of the first attempt
	of      string // type
	attempt int
	future  *Future
	began   *Future // of children
	make    func(id string) types.Decision
	again   func(f *Failure, attempt int) (time.Duration, bool)
	abandon bool

	at       *place   // the call
	command  *command // that began it, or the present attempt
	placed   bool     // it counts among those that are open
	waits    *command // timer before another attempt
	asked    *command // to cancel
	asks     *command // timer before that is asked again
	canceled error    // its scope ended
	refused  int      // how often it was refused for now
}

// begin makes an operation of the scope, unless that has ended.
func (r *Run) beginOp(o *op) *Future {
	o.run, o.attempt, o.at = r, 1, here()
	o.future = r.NewFuture(o.scope)
	if o.scope.since != 0 {
		o.future.Settle("", o.scope.err)
		return o.future
	}
	r.Aside(func() {
		if o.scope.ops == nil {
			o.scope.ops = map[*op]uint64{}
		}
		o.scope.ops[o] = r.tick()
		r.place(o.kind, o.send)
	})
	return o.future
}

// place has go run when there is room for one more of a kind.
func (r *Run) place(kind types.DecisionType, do func()) {
	most := mostOpen
	switch kind {
	case types.DecisionTypeStartTimer:
		most = mostTimers
	case types.DecisionTypeSignalExternalWorkflowExecution:
		do()
		return
	}
	if r.counts[kind] >= most {
		if r.line == nil {
			r.line = map[types.DecisionType][]func(){}
		}
		r.line[kind] = append(r.line[kind], do)
		return
	}
	do()
}

func (o *op) id() string {
	if o.attempt == 1 {
		return o.base
	}
	return o.base + "." + strconv.Itoa(o.attempt)
}

// send decides to begin it.
func (o *op) send() {
	if o.future.since != 0 {
		o.run.next(o.kind)
		return
	}
	o.placed = true
	o.run.counts[o.kind]++
	o.command = o.run.decideAt(o.at, identity{string(o.kind), o.id(), o.of}, o.make(o.id()), o.heard)
}

// leave gives its place to the next.
func (o *op) leave() {
	if o.placed {
		o.placed = false
		o.run.counts[o.kind]--
		o.run.next(o.kind)
	}
}

func (r *Run) next(kind types.DecisionType) {
	if line := r.line[kind]; len(line) > 0 {
		r.line[kind] = line[1:]
		line[0]()
	}
}

// end settles it.
func (o *op) end(text string, err error) {
	delete(o.scope.ops, o)
	if o.asked != nil {
		o.run.takeOut(o.asked) // it crossed the end
		o.asked = nil
	}
	if o.asks != nil {
		o.run.dropTimer(o.asks)
		o.asks = nil
	}
	if o.began != nil {
		o.began.Settle("", err)
		delete(o.run.children, o.base)
	}
	o.future.Settle(text, err)
	o.leave()
}

// cancel is called when its scope ends.
func (o *op) cancel(why error) {
	r := o.run
	o.canceled = why
	switch {
	case o.waits != nil: // for another attempt
		r.dropTimer(o.waits)
		o.waits = nil
		o.end("", why)
	case o.command == nil: // in line
		o.end("", why)
	case r.takeOut(o.command):
		o.end("", why)
	case o.abandon:
		o.end("", why)
	default:
		switch o.kind {
		case types.DecisionTypeStartTimer:
			r.dropTimer(o.command)
			o.end("", why)
		case types.DecisionTypeScheduleActivityTask:
			o.asked = r.decide(identity{string(types.DecisionTypeRequestCancelActivityTask), o.id(), ""}, types.Decision{
				DecisionType: types.DecisionTypeRequestCancelActivityTask,
				RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: aws.String(o.id())},
			}, nil)
			o.asked.began = o.at
		case types.DecisionTypeStartChildWorkflowExecution:
			o.ask()
		}
	}
}

// ask requests that a child be canceled; later again, if that is refused for its rate.
func (o *op) ask() {
	o.asked = o.run.decide(identity{string(types.DecisionTypeRequestCancelExternalWorkflowExecution), o.base, ""}, types.Decision{
		DecisionType: types.DecisionTypeRequestCancelExternalWorkflowExecution,
		RequestCancelExternalWorkflowExecutionDecisionAttributes: &types.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowId: aws.String(o.base)},
	}, func(e *types.HistoryEvent) {
		a := e.RequestCancelExternalWorkflowExecutionFailedEventAttributes
		if o.future.since != 0 || a == nil || !strings.HasSuffix(string(a.Cause), "_RATE_EXCEEDED") {
			return // it was asked, or has ended
		}
		id := o.base + ".cancel-" + strconv.Itoa(o.refused+1)
		o.asks = o.run.decideAt(o.at, identity{string(types.DecisionTypeStartTimer), id, ""}, StartTimer(id, o.patience()), func(e *types.HistoryEvent) {
			o.asks = nil
			if _, never := neverWaits(e); !never {
				o.ask()
			}
		})
	})
	o.asked.began = o.at
}

// dropTimer cancels a timer, sent or not.
func (r *Run) dropTimer(c *command) {
	c.on = nil
	if r.takeOut(c) {
		return
	}
	r.decide(identity{string(types.DecisionTypeCancelTimer), c.id, ""}, types.Decision{
		DecisionType:                  types.DecisionTypeCancelTimer,
		CancelTimerDecisionAttributes: &types.CancelTimerDecisionAttributes{TimerId: aws.String(c.id)},
	}, nil).began = c.at
}

// heard is told of the events of its decision.
func (o *op) heard(e *types.HistoryEvent) {
	if o.future.since != 0 {
		return
	}
	fail := func(reason, details *string) {
		o.failed(&Failure{Event: e.EventType, Reason: aws.ToString(reason), Details: aws.ToString(details)})
	}
	cause := func(c string) {
		if !o.postponed(c) {
			o.failed(&Failure{Event: e.EventType, Reason: c})
		}
	}
	switch e.EventType {
	case types.EventTypeActivityTaskCompleted:
		o.end(aws.ToString(e.ActivityTaskCompletedEventAttributes.Result), nil)
	case types.EventTypeActivityTaskFailed:
		fail(e.ActivityTaskFailedEventAttributes.Reason, e.ActivityTaskFailedEventAttributes.Details)
	case types.EventTypeActivityTaskTimedOut:
		a := e.ActivityTaskTimedOutEventAttributes
		o.failed(&Failure{Event: e.EventType, Reason: string(a.TimeoutType), Details: aws.ToString(a.Details)})
	case types.EventTypeActivityTaskCanceled:
		o.failed(&Failure{Event: e.EventType, Reason: "Canceled", Details: aws.ToString(e.ActivityTaskCanceledEventAttributes.Details), Canceled: true})
	case types.EventTypeScheduleActivityTaskFailed:
		cause(string(e.ScheduleActivityTaskFailedEventAttributes.Cause))

	case types.EventTypeTimerFired:
		o.end("", nil)
	case types.EventTypeStartTimerFailed:
		cause(string(e.StartTimerFailedEventAttributes.Cause))

	case types.EventTypeChildWorkflowExecutionStarted:
		o.began.Text = aws.ToString(e.ChildWorkflowExecutionStartedEventAttributes.WorkflowExecution.RunId)
		o.began.Settle(o.began.Text, nil)
	case types.EventTypeChildWorkflowExecutionCompleted:
		o.end(aws.ToString(e.ChildWorkflowExecutionCompletedEventAttributes.Result), nil)
	case types.EventTypeChildWorkflowExecutionFailed:
		fail(e.ChildWorkflowExecutionFailedEventAttributes.Reason, e.ChildWorkflowExecutionFailedEventAttributes.Details)
	case types.EventTypeChildWorkflowExecutionCanceled:
		o.failed(&Failure{Event: e.EventType, Reason: "Canceled", Details: aws.ToString(e.ChildWorkflowExecutionCanceledEventAttributes.Details), Canceled: true})
	case types.EventTypeChildWorkflowExecutionTimedOut:
		o.failed(&Failure{Event: e.EventType, Reason: string(e.ChildWorkflowExecutionTimedOutEventAttributes.TimeoutType)})
	case types.EventTypeChildWorkflowExecutionTerminated:
		o.failed(&Failure{Event: e.EventType, Reason: "Terminated"})
	case types.EventTypeStartChildWorkflowExecutionFailed:
		cause(string(e.StartChildWorkflowExecutionFailedEventAttributes.Cause))

	case types.EventTypeExternalWorkflowExecutionSignaled:
		o.end("", nil)
	case types.EventTypeSignalExternalWorkflowExecutionFailed:
		cause(string(e.SignalExternalWorkflowExecutionFailedEventAttributes.Cause))

	case types.EventTypeLambdaFunctionCompleted:
		o.end(aws.ToString(e.LambdaFunctionCompletedEventAttributes.Result), nil)
	case types.EventTypeLambdaFunctionFailed:
		fail(e.LambdaFunctionFailedEventAttributes.Reason, e.LambdaFunctionFailedEventAttributes.Details)
	case types.EventTypeLambdaFunctionTimedOut:
		o.failed(&Failure{Event: e.EventType, Reason: string(e.LambdaFunctionTimedOutEventAttributes.TimeoutType)})
	case types.EventTypeScheduleLambdaFunctionFailed:
		cause(string(e.ScheduleLambdaFunctionFailedEventAttributes.Cause))
	case types.EventTypeStartLambdaFunctionFailed:
		a := e.StartLambdaFunctionFailedEventAttributes
		o.failed(&Failure{Event: e.EventType, Reason: string(a.Cause), Details: aws.ToString(a.Message)})
	}
}

// failed ends it, or has it tried again.
func (o *op) failed(f *Failure) {
	f.Name, f.ID, f.Attempt = o.of, o.id(), o.attempt
	if o.again == nil || f.Canceled || o.canceled != nil || f.Event != types.EventTypeActivityTaskFailed && f.Event != types.EventTypeActivityTaskTimedOut {
		o.end("", f)
		return
	}
	wait, again := o.again(f, o.attempt)
	if !again {
		o.end("", f)
		return
	}
	o.attempt++
	o.later(o.id(), wait)
}

// later sends it again after a timer.
func (o *op) later(timer string, wait time.Duration) {
	o.command = nil
	o.waits = o.run.decideAt(o.at, identity{string(types.DecisionTypeStartTimer), timer, ""}, StartTimer(timer, wait), func(e *types.HistoryEvent) {
		o.waits = nil
		if cause, never := neverWaits(e); never {
			o.failed(&Failure{Event: e.EventType, Reason: cause})
			return
		}
		if e.EventType == types.EventTypeTimerFired || e.EventType == types.EventTypeStartTimerFailed {
			o.command = o.run.decideAt(o.at, identity{string(o.kind), o.id(), o.of}, o.make(o.id()), o.heard)
		}
	})
}

// neverWaits tells whether a timer was refused for good: who waited by it would be woken at once, for ever.
func neverWaits(e *types.HistoryEvent) (cause string, never bool) {
	a := e.StartTimerFailedEventAttributes
	if a == nil || a.Cause != types.StartTimerFailedCauseOperationNotPermitted {
		return "", false
	}
	return string(a.Cause), true
}

// How long what was refused for now waits: doubling.
const (
	refusedFirst = time.Second
	refusedMost  = 30 * time.Second
)

// postponed has what was refused for now tried later: when one of its kind closes, or by a timer.
func (o *op) postponed(cause string) bool {
	limit := strings.HasPrefix(cause, "OPEN_") && strings.HasSuffix(cause, "_LIMIT_EXCEEDED") && cause != "OPEN_WORKFLOWS_LIMIT_EXCEEDED"
	switch {
	case limit && o.run.counts[o.kind] > 1:
		o.command = nil
		o.placed = false
		o.run.counts[o.kind]--
		if o.run.line == nil {
			o.run.line = map[types.DecisionType][]func(){}
		}
		o.run.line[o.kind] = slices.Insert(o.run.line[o.kind], 0, o.send)
		return true
	case limit, strings.HasSuffix(cause, "_RATE_EXCEEDED"), strings.HasSuffix(cause, "_TYPE_DOES_NOT_EXIST"), cause == "OPEN_WORKFLOWS_LIMIT_EXCEEDED":
		wait := o.patience()
		o.later(o.id()+".wait-"+strconv.Itoa(o.refused), wait)
		return true
	}
	return false
}

// patience is how long it waits this time.
func (o *op) patience() time.Duration {
	o.refused++
	return min(refusedFirst<<min(o.refused-1, 10), refusedMost)
}

// StartTimer is that decision. Durations are seconds, rounded up.
func StartTimer(id string, d time.Duration) types.Decision {
	return types.Decision{
		DecisionType:                 types.DecisionTypeStartTimer,
		StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{TimerId: aws.String(id), StartToFireTimeout: aws.String(Seconds(d))},
	}
}

// Seconds are those of a duration, rounded up.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64((max(d, 0)+time.Second-1)/time.Second), 10)
}

// Activity schedules one. again tells whether and when it is tried again after a failure; it may be nil.
func (r *Run) Activity(s *Scope, name string, d types.ScheduleActivityTaskDecisionAttributes, abandon bool, again func(f *Failure, attempt int) (time.Duration, bool)) *Future {
	of := aws.ToString(d.ActivityType.Name) + "@" + aws.ToString(d.ActivityType.Version)
	return r.beginOp(&op{
		scope: s, kind: types.DecisionTypeScheduleActivityTask, base: r.Next(name), of: of, again: again, abandon: abandon,
		make: func(id string) types.Decision {
			d := d
			d.ActivityId = aws.String(id)
			return types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: &d}
		},
	})
}

// Timer starts one; what it settles with has no text.
func (r *Run) Timer(s *Scope, name string, d time.Duration) *Future {
	return r.beginOp(&op{
		scope: s, kind: types.DecisionTypeStartTimer, base: r.Next(name),
		make: func(id string) types.Decision { return StartTimer(id, d) },
	})
}

// Child starts a workflow execution. began is settled when it runs.
func (r *Run) Child(s *Scope, d types.StartChildWorkflowExecutionDecisionAttributes, abandon bool) (began, ended *Future) {
	id := aws.ToString(d.WorkflowId)
	began = r.NewFuture(s)
	o := &op{
		scope: s, kind: types.DecisionTypeStartChildWorkflowExecution, base: id, began: began, abandon: abandon,
		of: aws.ToString(d.WorkflowType.Name) + "@" + aws.ToString(d.WorkflowType.Version),
		make: func(string) types.Decision {
			return types.Decision{DecisionType: types.DecisionTypeStartChildWorkflowExecution, StartChildWorkflowExecutionDecisionAttributes: &d}
		},
	}
	if r.children[id] {
		ended = r.NewFuture(s)
		err := fmt.Errorf("child %q: this run has one of that id open", id)
		began.Settle("", err)
		ended.Settle("", err)
		return began, ended
	}
	if r.children == nil {
		r.children = map[string]bool{}
	}
	r.children[id] = true
	ended = r.beginOp(o)
	if ended.since != 0 {
		began.Settle("", ended.Err)
		delete(r.children, id)
	}
	return began, ended
}

// Signal sends one to another execution.
func (r *Run) Signal(s *Scope, name string, d types.SignalExternalWorkflowExecutionDecisionAttributes) *Future {
	return r.beginOp(&op{
		scope: s, kind: types.DecisionTypeSignalExternalWorkflowExecution, base: r.Next(name), of: aws.ToString(d.WorkflowId),
		make: func(id string) types.Decision {
			d := d
			d.Control = aws.String(id)
			return types.Decision{DecisionType: types.DecisionTypeSignalExternalWorkflowExecution, SignalExternalWorkflowExecutionDecisionAttributes: &d}
		},
	})
}

// Lambda calls a function.
func (r *Run) Lambda(s *Scope, d types.ScheduleLambdaFunctionDecisionAttributes) *Future {
	return r.beginOp(&op{
		scope: s, kind: types.DecisionTypeScheduleLambdaFunction, base: r.Next(aws.ToString(d.Name)), of: aws.ToString(d.Name),
		make: func(id string) types.Decision {
			d := d
			d.Id = aws.String(id)
			return types.Decision{DecisionType: types.DecisionTypeScheduleLambdaFunction, ScheduleLambdaFunctionDecisionAttributes: &d}
		},
	})
}

// Go runs f as a coroutine of its own; what it returns settles the future.
func (r *Run) Go(s *Scope, call string, f func() (any, error)) (*Future, *any) {
	r.MustRun(call)
	future, value := r.NewFuture(s), new(any)
	r.start(func() {
		v, err := f()
		*value = v
		future.Settle("", err)
	})
	return future, value
}

func (r *Run) record(name, id string, value json.RawMessage) {
	var b []byte
	r.Aside(func() { b, _ = json.Marshal(mark{ID: id, Value: value}) })
	r.decide(identity{string(types.DecisionTypeRecordMarker), id, name}, types.Decision{
		DecisionType: types.DecisionTypeRecordMarker,
		RecordMarkerDecisionAttributes: &types.RecordMarkerDecisionAttributes{
			MarkerName: aws.String(name), Details: aws.String(string(b)),
		},
	}, nil)
}

// Effect gives the value that make gave when the code came here first.
func (r *Run) Effect(make func() (json.RawMessage, error)) (json.RawMessage, error) {
	r.MustRun("flow.Effect")
	id := r.Next("Effect")
	value, had := r.marks[identity{string(types.DecisionTypeRecordMarker), id, MarkerEffect}]
	if !had {
		var err error
		if value, err = make(); err != nil {
			return nil, err
		}
	}
	r.record(MarkerEffect, id, value)
	return value, nil
}

// Version gives newest if the code comes here for the first time, and what it gave then if not; zero for runs
// that passed here when nobody asked.
func (r *Run) Version(change string, newest int) int {
	r.MustRun("flow.Version")
	if v, asked := r.versions[change]; asked {
		return v
	}
	value, had := r.marks[identity{string(types.DecisionTypeRecordMarker), change, MarkerVersion}]
	v := 0
	switch {
	case had:
		_ = json.Unmarshal(value, &v)
	case r.live:
		v = newest
	}
	if r.versions == nil {
		r.versions = map[string]int{}
	}
	r.versions[change] = v
	if had || r.live {
		r.record(MarkerVersion, change, json.RawMessage(strconv.Itoa(v)))
	}
	return v
}

// about is the event of the decision that an event tells of.
func about(e *types.HistoryEvent) int64 {
	switch e.EventType {
	case types.EventTypeActivityTaskCompleted:
		return e.ActivityTaskCompletedEventAttributes.ScheduledEventId
	case types.EventTypeActivityTaskFailed:
		return e.ActivityTaskFailedEventAttributes.ScheduledEventId
	case types.EventTypeActivityTaskTimedOut:
		return e.ActivityTaskTimedOutEventAttributes.ScheduledEventId
	case types.EventTypeActivityTaskCanceled:
		return e.ActivityTaskCanceledEventAttributes.ScheduledEventId
	case types.EventTypeTimerFired:
		return e.TimerFiredEventAttributes.StartedEventId
	case types.EventTypeChildWorkflowExecutionStarted:
		return e.ChildWorkflowExecutionStartedEventAttributes.InitiatedEventId
	case types.EventTypeChildWorkflowExecutionCompleted:
		return e.ChildWorkflowExecutionCompletedEventAttributes.InitiatedEventId
	case types.EventTypeChildWorkflowExecutionFailed:
		return e.ChildWorkflowExecutionFailedEventAttributes.InitiatedEventId
	case types.EventTypeChildWorkflowExecutionCanceled:
		return e.ChildWorkflowExecutionCanceledEventAttributes.InitiatedEventId
	case types.EventTypeChildWorkflowExecutionTimedOut:
		return e.ChildWorkflowExecutionTimedOutEventAttributes.InitiatedEventId
	case types.EventTypeChildWorkflowExecutionTerminated:
		return e.ChildWorkflowExecutionTerminatedEventAttributes.InitiatedEventId
	case types.EventTypeExternalWorkflowExecutionSignaled:
		return e.ExternalWorkflowExecutionSignaledEventAttributes.InitiatedEventId
	case types.EventTypeLambdaFunctionCompleted:
		return e.LambdaFunctionCompletedEventAttributes.ScheduledEventId
	case types.EventTypeLambdaFunctionFailed:
		return e.LambdaFunctionFailedEventAttributes.ScheduledEventId
	case types.EventTypeLambdaFunctionTimedOut:
		return e.LambdaFunctionTimedOutEventAttributes.ScheduledEventId
	case types.EventTypeStartLambdaFunctionFailed:
		return e.StartLambdaFunctionFailedEventAttributes.ScheduledEventId
	case types.EventTypeStartChildWorkflowExecutionFailed:
		if id := e.StartChildWorkflowExecutionFailedEventAttributes.InitiatedEventId; id != 0 {
			return id
		}
	case types.EventTypeExternalWorkflowExecutionCancelRequested:
		return e.ExternalWorkflowExecutionCancelRequestedEventAttributes.InitiatedEventId
	case types.EventTypeRequestCancelExternalWorkflowExecutionFailed:
		if id := e.RequestCancelExternalWorkflowExecutionFailedEventAttributes.InitiatedEventId; id != 0 {
			return id
		}
	case types.EventTypeSignalExternalWorkflowExecutionFailed:
		if id := e.SignalExternalWorkflowExecutionFailedEventAttributes.InitiatedEventId; id != 0 {
			return id
		}
	}
	return e.EventId // a decision that failed at once
}

// ends tells whether nothing more will be heard of a decision.
func ends(e *types.HistoryEvent) bool {
	return e.EventType != types.EventTypeChildWorkflowExecutionStarted
}

// says tells whether a decision has the input or the duration that stands in the history.
func (c *command) says(e *types.HistoryEvent) bool {
	had, decides := c.payloads(e)
	return had == decides
}

// payloads are the input, the result or the duration of an event and of the decision that fits it.
func (c *command) payloads(e *types.HistoryEvent) (had, decides string) {
	d := &c.decision
	both := func(had, decides *string) (string, string) { return aws.ToString(had), aws.ToString(decides) }
	switch {
	case e.ActivityTaskScheduledEventAttributes != nil:
		return both(e.ActivityTaskScheduledEventAttributes.Input, d.ScheduleActivityTaskDecisionAttributes.Input)
	case e.TimerStartedEventAttributes != nil:
		had, decides = both(e.TimerStartedEventAttributes.StartToFireTimeout, d.StartTimerDecisionAttributes.StartToFireTimeout)
		return had + " s", decides + " s"
	case e.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
		return both(e.StartChildWorkflowExecutionInitiatedEventAttributes.Input, d.StartChildWorkflowExecutionDecisionAttributes.Input)
	case e.SignalExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return both(e.SignalExternalWorkflowExecutionInitiatedEventAttributes.Input, d.SignalExternalWorkflowExecutionDecisionAttributes.Input)
	case e.LambdaFunctionScheduledEventAttributes != nil:
		return both(e.LambdaFunctionScheduledEventAttributes.Input, d.ScheduleLambdaFunctionDecisionAttributes.Input)
	case e.WorkflowExecutionCompletedEventAttributes != nil:
		return both(e.WorkflowExecutionCompletedEventAttributes.Result, d.CompleteWorkflowExecutionDecisionAttributes.Result)
	case e.WorkflowExecutionFailedEventAttributes != nil:
		return both(e.WorkflowExecutionFailedEventAttributes.Reason, d.FailWorkflowExecutionDecisionAttributes.Reason)
	case e.WorkflowExecutionContinuedAsNewEventAttributes != nil:
		return both(e.WorkflowExecutionContinuedAsNewEventAttributes.Input, d.ContinueAsNewWorkflowExecutionDecisionAttributes.Input)
	}
	return "", ""
}

// size is about how many bytes a decision has on the wire.
func size(d *types.Decision) int {
	n := 300
	for _, s := range Payloads(d) {
		n += len(aws.ToString(*s))
	}
	return n
}

// Payloads are the texts of users in a decision.
func Payloads(d *types.Decision) (all []**string) {
	switch {
	case d.ScheduleActivityTaskDecisionAttributes != nil:
		return []**string{&d.ScheduleActivityTaskDecisionAttributes.Input}
	case d.StartChildWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.StartChildWorkflowExecutionDecisionAttributes.Input}
	case d.SignalExternalWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.SignalExternalWorkflowExecutionDecisionAttributes.Input}
	case d.RecordMarkerDecisionAttributes != nil:
		return []**string{&d.RecordMarkerDecisionAttributes.Details}
	case d.ScheduleLambdaFunctionDecisionAttributes != nil:
		return []**string{&d.ScheduleLambdaFunctionDecisionAttributes.Input}
	case d.CompleteWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.CompleteWorkflowExecutionDecisionAttributes.Result}
	case d.FailWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.FailWorkflowExecutionDecisionAttributes.Details}
	case d.CancelWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.CancelWorkflowExecutionDecisionAttributes.Details}
	case d.ContinueAsNewWorkflowExecutionDecisionAttributes != nil:
		return []**string{&d.ContinueAsNewWorkflowExecutionDecisionAttributes.Input}
	}
	return nil
}

// EventPayloads are the texts of users in an event, those that code may see.
func EventPayloads(e *types.HistoryEvent) (all []**string) {
	switch {
	case e.WorkflowExecutionStartedEventAttributes != nil:
		return []**string{&e.WorkflowExecutionStartedEventAttributes.Input}
	case e.WorkflowExecutionSignaledEventAttributes != nil:
		return []**string{&e.WorkflowExecutionSignaledEventAttributes.Input}
	case e.ActivityTaskCompletedEventAttributes != nil:
		return []**string{&e.ActivityTaskCompletedEventAttributes.Result}
	case e.ActivityTaskFailedEventAttributes != nil:
		return []**string{&e.ActivityTaskFailedEventAttributes.Details}
	case e.ActivityTaskCanceledEventAttributes != nil:
		return []**string{&e.ActivityTaskCanceledEventAttributes.Details}
	case e.MarkerRecordedEventAttributes != nil:
		return []**string{&e.MarkerRecordedEventAttributes.Details}
	case e.ChildWorkflowExecutionCompletedEventAttributes != nil:
		return []**string{&e.ChildWorkflowExecutionCompletedEventAttributes.Result}
	case e.ChildWorkflowExecutionFailedEventAttributes != nil:
		return []**string{&e.ChildWorkflowExecutionFailedEventAttributes.Details}
	case e.ChildWorkflowExecutionCanceledEventAttributes != nil:
		return []**string{&e.ChildWorkflowExecutionCanceledEventAttributes.Details}
	case e.LambdaFunctionCompletedEventAttributes != nil:
		return []**string{&e.LambdaFunctionCompletedEventAttributes.Result}
	case e.WorkflowExecutionCompletedEventAttributes != nil:
		return []**string{&e.WorkflowExecutionCompletedEventAttributes.Result}
	case e.WorkflowExecutionFailedEventAttributes != nil:
		return []**string{&e.WorkflowExecutionFailedEventAttributes.Details}
	}
	return nil
}

// DecidedPayloads are the texts of users in an event that a decision wrote, which code does not see but decides again.
func DecidedPayloads(e *types.HistoryEvent) (all []**string) {
	switch {
	case e.ActivityTaskScheduledEventAttributes != nil:
		return []**string{&e.ActivityTaskScheduledEventAttributes.Input}
	case e.StartChildWorkflowExecutionInitiatedEventAttributes != nil:
		return []**string{&e.StartChildWorkflowExecutionInitiatedEventAttributes.Input}
	case e.SignalExternalWorkflowExecutionInitiatedEventAttributes != nil:
		return []**string{&e.SignalExternalWorkflowExecutionInitiatedEventAttributes.Input}
	case e.LambdaFunctionScheduledEventAttributes != nil:
		return []**string{&e.LambdaFunctionScheduledEventAttributes.Input}
	case e.WorkflowExecutionContinuedAsNewEventAttributes != nil:
		return []**string{&e.WorkflowExecutionContinuedAsNewEventAttributes.Input}
	}
	return nil
}
