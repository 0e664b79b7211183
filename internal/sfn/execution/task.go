package execution

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// timeoutMax is the timeout of a task that asks for none, in seconds.
const timeoutMax = 99_999_999

// knownFor is how long an activity that was there is believed to be.
const knownFor = 60

// task schedules what a Task state calls.
func (e *evaluation) task() {
	t, th, st := e.t, e.th, e.st
	answer := e.mock()
	in := th.input.Value()
	if !e.jsonata() {
		in = e.effective()
	}
	timeout := e.seconds(st.TimeoutSeconds, "TimeoutSeconds", st.TimeoutSecondsPath, "TimeoutSecondsPath", in)
	heartbeat := e.seconds(st.HeartbeatSeconds, "HeartbeatSeconds", st.HeartbeatSecondsPath, "HeartbeatSecondsPath", in)
	var role *string
	if st.CredentialsRole != nil && e.failed == nil {
		got := e.evaluate(st.CredentialsRole, "Credentials/RoleArn", in)
		arn, ok := got.(string)
		if e.failed == nil && !ok {
			e.wrongType("Credentials/RoleArn", "string", got)
		}
		role = &arn
	}
	arguments := of(e.arguments())
	if e.failed != nil {
		return
	}
	if len(arguments.Text()) > dataBytesMax {
		e.tooLarge(st.Name, th.previous)
		return
	}
	r := st.Resource
	if r.Kind == asl.Integration {
		if why := st.Refuses(arguments.Value()); why != "" {
			e.runtime("The Parameters '" + arguments.Text() + "' could not be used to start the Task: [" + why + "]")
			return
		}
	}
	body := &Body{
		Previous: th.previous, Input: arguments, Resource: r.ARN, Timeout: timeout, Heartbeat: heartbeat, Credentials: role,
		hidden: hidden{task: &work{kind: byte(r.Kind), pattern: byte(r.Pattern)}},
	}
	w := body.hidden.task
	if role != nil {
		w.role = *role
	}
	world := t.s.id.Name.World
	switch r.Kind {
	case asl.Activity:
		known := e.vouched
		if answer != nil {
			known = &registry.Encryption{}
		}
		if known == nil {
			known = t.s.activity(r.ARN, t.in.Now)
		}
		if known == nil {
			e.ask(r.ARN)
			return
		}
		body.Type, body.Credentials = ActivityScheduled, nil
		if known.Key != "" {
			key, refused := t.in.DataKey(t.s.settings.activityUse(t.s.id, r.ARN, *known))
			if refused != nil {
				e.notScheduled(ActivityScheduleFailed, refused)
				return
			}
			w.handed = Seal(key, arguments.Text())
		}
	case asl.Function:
		body.Type = LambdaFunctionScheduled
	default:
		body.Type, body.Input, body.Parameters = TaskScheduled, datum{}, arguments
		body.ResourceType, body.Resource, body.Region = r.Service, r.Name(), world.Region
	}
	t.emit(th, body)
	if answer != nil {
		e.answerTask(answer)
	}
}

// list is the full name of the task list that a task is offered on.
func (w *work) list() string {
	switch {
	case asl.ResourceKind(w.kind) == asl.Activity:
		return ActivityList(w.resource)
	case asl.ResourceKind(w.kind) == asl.Function, w.service == "lambda":
		return LambdaList
	case w.service == "states":
		return IntegrationList
	}
	return CallList
}

// notScheduled fails a task whose input could not be sealed.
func (e *evaluation) notScheduled(as Type, refused error) {
	t, th := e.t, e.th
	name, cause := KeyFailure(refused)
	at := t.emit(th, &Body{Type: as, Previous: th.previous, Error: said(&name), Cause: said(&cause)})
	t.fail(th, e.st, failure{name: &name, cause: &cause, at: at, task: true})
}

// activity gives an activity's encryption, if it was there a short while ago; else nil.
func (s *State) activity(arn string, now engine.Time) *registry.Encryption {
	i := slices.IndexFunc(s.known, func(k known) bool { return k.arn == arn })
	if i < 0 || now >= s.known[i].at+engine.Seconds(knownFor) {
		return nil
	}
	return &s.known[i].key
}

// ask asks whether an activity is there, before a task of it is scheduled.
func (e *evaluation) ask(activity string) {
	t, th := e.t, e.th
	n, err := resource.ParseAs(activity, resource.Activity)
	w := t.s.id.Name.World
	if err != nil || !n.In(w.Region, w.Account) {
		e.noActivity()
		return
	}
	answer := func(there bool) []byte {
		return encodeMessage(&ActivityFound{Thread: th.number, Entered: th.entered, ARN: activity, There: there})
	}
	t.send(registry.Ask(w, n.Base, t.s.id, answer(true), answer(false)))
	t.change(change{kind: changeAsked, thread: th.number})
}

func (e *evaluation) noActivity() { e.runtime("The activity ARN does not exist.") }

// activityFound goes on with a state that has asked.
func (t *turn) activityFound(c *ActivityFound) {
	th := t.s.thread(c.Thread)
	if th == nil || th.halted || !th.asked || th.entered != c.Entered {
		return
	}
	st := t.state(th)
	e := &evaluation{t: t, th: th, st: st, vouched: &c.Encryption}
	if c.There {
		e.task()
	} else {
		e.noActivity()
	}
	if e.failed != nil {
		t.evaluationFailed(th, st, e.failed)
	} else {
		t.change(change{kind: changeKnown, arn: st.Resource.ARN, key: c.Encryption, at: t.in.Now})
	}
	t.run()
}

// seconds is a timeout that a state asks for; 0: none.
func (e *evaluation) seconds(v asl.Value, field string, path asl.Value, pathField string, in any) int64 {
	if v == nil {
		v, field = path, pathField
	}
	n := e.count(v, field, nil, "", in)
	if e.failed == nil && v != nil && (n <= 0 || n > timeoutMax) {
		e.runtime("The " + field + " field must be a positive integer.")
	}
	return n
}

// open finds an open task.
func (t *turn) open(ref Ref) (*thread, error) {
	if token := ref.Token; token != nil {
		if ref.World != t.s.id.Name.World || !t.s.knows(*token) {
			return nil, &TokenError{}
		}
		ref.ScheduledEventID = token.Scheduled
	}
	th := t.s.working(ref.ScheduledEventID)
	if th == nil || !t.s.isOpen() {
		return nil, &UnknownTaskError{ref.ScheduledEventID}
	}
	return th, nil
}

// startTask gives a task to who asked for one: for the first time, or once more if it was
// not delivered.
func (t *turn) startTask(c *StartTask) error {
	s := t.s
	th, err := t.open(Ref{ScheduledEventID: c.ScheduledEventID})
	if err != nil {
		return err
	}
	w := th.work
	if !w.Takeable(t.in.Up) {
		return &UnknownTaskError{c.ScheduledEventID}
	}
	if w.Started != 0 {
		w.StartAgain(t.in.Now, t.note)
		if t.in.Measure {
			t.count(redeliveryMeters, engine.Of{}, 0, 0)
		}
	} else {
		t.recordStart(th, c.Worker)
	}
	t.reply = s.shown(w)
	return nil
}

// shown is a task for its worker or performer.
func (s *State) shown(w *work) *Task {
	role := s.settings.Role
	if w.role != "" {
		role = w.role
	}
	input := w.input
	if w.handed != "" {
		input = datum{text: w.handed}
	}
	return &Task{
		ScheduledEventID: w.Scheduled, StartedEventID: w.Started, Attempt: w.Attempt, Token: s.token(w.Scheduled).String(), Trace: s.handOn(w.Scheduled),
		Input: input.Text(), Resource: w.resource, Service: w.service, Role: role, Credentials: w.role != "", MachineRole: s.settings.Role,
		Machine: s.roleFor(), Execution: s.arn(), Name: s.id.Name, Started: s.started, Since: w.Since, Submitted: w.submitted, TimeoutSeconds: w.timeout, ScheduledAt: w.ScheduledAt,
	}
}

func (t *turn) look(c *Look) error {
	th, err := t.open(Ref{ScheduledEventID: c.ScheduledEventID})
	if err == nil {
		t.reply = t.s.shown(th.work)
	}
	return err
}

// recordStart records that a task was started.
func (t *turn) recordStart(th *thread, worker *string) {
	w := th.work
	body := &Body{Previous: w.Scheduled, Resource: w.resource, ResourceType: w.service, Worker: worker}
	body.Type = [...]Type{asl.Activity: ActivityStarted, asl.Function: LambdaFunctionStarted, asl.Integration: TaskStarted}[w.kind]
	t.emit(th, body)
}

// started has a task started, of which the outcome is known already.
func (t *turn) started(th *thread) {
	if th.work.Started == 0 {
		t.recordStart(th, nil)
	}
}

func (t *turn) heartbeat(c *Heartbeat) error {
	th, err := t.open(c.Ref)
	if err == nil && th.work.Started != 0 { // else its token is known from the history, and nobody works on it yet
		th.work.Heartbeat(t.in.Now, nil, t.note)
	}
	return err
}

// delivered takes in that an attempt's answer was written, or that it did not arrive.
func (t *turn) delivered(scheduled, attempt int64, reached bool) {
	th := t.s.working(scheduled)
	switch {
	case th == nil:
	case reached:
		th.work.Reached(attempt, t.note)
	default:
		th.work.Missed(attempt, t.note)
	}
}

// submit records that what a task asks for has begun.
func (t *turn) submit(c *Submit) error {
	th, err := t.open(c.Ref)
	if err != nil {
		return err
	}
	if th.work.submitted != 0 {
		return &UnknownTaskError{th.work.Scheduled}
	}
	t.started(th)
	t.submitted(th, c.Output, nil, c.Asked)
	return nil
}

func (t *turn) submitted(th *thread, output string, child *childRef, asked bool) {
	w := th.work
	t.emit(th, &Body{
		Type: TaskSubmitted, Previous: w.Started, Resource: w.resource, ResourceType: w.service, Output: datum{text: output},
		hidden: hidden{child: child},
	})
	if !w.Delivered && !asked { // its outcome comes by itself: no other performer may take it
		w.Reached(w.Attempt, t.note)
	}
}

// succeed closes a task with its output.
func (t *turn) succeed(c *Succeed) error {
	th, err := t.open(c.Ref)
	if err != nil {
		return err
	}
	v, wrong := jsonvalue.ParseString(c.Output)
	mustHold(wrong == nil, "an output that is no JSON: %v", wrong)
	t.started(th)
	t.taskSucceeded(th, of(v))
	t.run()
	return nil
}

// failTask closes a task as failed.
func (t *turn) failTask(c *Fail) error {
	th, err := t.open(c.Ref)
	if err != nil {
		return err
	}
	of := failed
	switch w := th.work; {
	case c.Unstarted && w.Started == 0:
		of = startFailed
	case c.Token == nil && w.submitted == 0: // who was to submit it says so
		of = w.refused()
	}
	if of != startFailed {
		t.started(th)
	}
	t.taskFailed(th, of, failure{name: c.Error, cause: c.Cause, task: true})
	t.run()
	return nil
}

// ends are the types of an event of a task's end, by asl.ResourceKind.
type ends [4]Type

var (
	succeeded    = &ends{asl.Activity: ActivitySucceeded, asl.Function: LambdaFunctionSucceeded, asl.Integration: TaskSucceeded}
	failed       = &ends{asl.Activity: ActivityFailed, asl.Function: LambdaFunctionFailed, asl.Integration: TaskFailed}
	startFailed  = &ends{asl.Function: LambdaFunctionStartFailed, asl.Integration: TaskStartFailed}
	submitFailed = &ends{asl.Integration: TaskSubmitFailed}
	timedOut     = &ends{asl.Activity: ActivityTimedOut, asl.Function: LambdaFunctionTimedOut, asl.Integration: TaskTimedOut}
)

// refused is how a task ends whose call was made and refused.
func (w *work) refused() *ends {
	if asl.Pattern(w.pattern) == asl.RequestResponse {
		return failed
	}
	return submitFailed
}

// ended is the event of a started task's end: it comes after that of its submission, if
// there was one.
func (t *turn) ended(w *work, of *ends) *Body {
	body := &Body{Type: of[w.kind], Previous: w.Started, Resource: w.resource, ResourceType: w.service}
	switch {
	case w.submitted != 0:
		body.Previous = w.submitted
	case w.Started == 0:
		body.Previous = w.Scheduled
	}
	return body
}

// taskSucceeded goes on with what a task gave.
func (t *turn) taskSucceeded(th *thread, output datum) {
	st := t.state(th)
	e := &evaluation{t: t, th: th, st: st}
	gone := *th.work
	label := gone.resource
	if asl.ResourceKind(gone.kind) == asl.Integration {
		label = gone.service
	}
	if len(output.Text()) > dataBytesMax {
		e.tooLarge(label, 0)
		f := *e.failed
		f.task = true
		t.taskFailed(th, failed, f)
		return
	}
	body := t.ended(&gone, succeeded)
	body.Output = output
	id := t.emit(th, body)
	gone.Drop(t.note)
	e.leave(output.Value(), id, st.Name)
	if e.failed != nil {
		t.evaluationFailed(th, st, e.failed)
	}
}

// taskFailed goes on with a task that failed.
func (t *turn) taskFailed(th *thread, of *ends, f failure) {
	gone := *th.work
	body := t.ended(&gone, of)
	body.Error, body.Cause = said(f.name), said(f.cause)
	f.at = t.emit(th, body)
	gone.Drop(t.note)
	t.stopChild(&gone)
	t.fail(th, t.state(th), f)
}

// taskTimedOut goes on with a task whose time is over, or whose heartbeat is late.
func (t *turn) taskTimedOut(th *thread, heartbeat bool) {
	gone := *th.work
	body := t.ended(&gone, timedOut)
	f := failure{name: text(errTimeout), task: true, heartbeat: heartbeat}
	body.Error = said(f.name)
	t.silent = heartbeat
	f.at = t.emit(th, body)
	gone.Drop(t.note)
	t.stopChild(&gone)
	t.fail(th, t.state(th), f)
}

// beatBy is when the next heartbeat of a task is late; zero: never. Of what waits for its
// token the time begins when it is scheduled.
func (w *work) beatBy(up engine.Time) engine.Time {
	if w.heartbeat == 0 {
		return 0
	}
	if asl.ResourceKind(w.kind) == asl.Integration {
		return max(w.ScheduledAt, w.Beat.At, up) + engine.Seconds(w.heartbeat)
	}
	return w.BeatBy(up, w.heartbeat)
}
