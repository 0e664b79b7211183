package execution

import (
	"time"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/jsonvalue"
)

// dataBytesMax is how large what states hand over may be, as a JSON text (Step Functions
// Developer Guide, Quotas).
const dataBytesMax = 262_144

// run takes all threads that wait for nobody on, until none is left or the turn has no
// room. Record then wants a wake at once.
func (t *turn) run() {
	for t.s.isOpen() {
		if t.s.grown > heldMax {
			t.end(Failed, text(errDataLimit), text(heldCause), t.s.last)
			return
		}
		th := t.s.nextReady()
		if th == nil || t.spent() || t.s.paced > t.in.Now {
			return
		}
		for !t.spent() && t.s.isOpen() && t.s.grown <= heldMax && th.ready() && t.s.thread(th.number) == th && t.mayStep(th) {
			t.step(th)
		}
	}
}

func (t *turn) step(th *thread) {
	switch {
	case th.next != "":
		st := t.flow(th).Find(th.next)
		mustHold(st != nil, "%s has no state %q", t.s.of, th.next)
		th.input.Text() // once, for the event and the thread
		t.emit(th, &Body{Type: entered(st.Type.String()), Previous: th.previous, Name: st.Name, Input: th.input})
		t.execute(th, st)
	case th.again && th.group != nil && th.group.flow == distributed:
		t.redriveMapRun(th)
	case th.again && th.group != nil:
		t.gathered(th, th.group.last)
	case th.again:
		t.execute(th, t.state(th))
	default:
		t.beginIteration(th)
	}
}

func (t *turn) flow(th *thread) *asl.Flow { return t.machine().Flows[th.flow] }

// state is the state that a thread is in.
func (t *turn) state(th *thread) *asl.State { return t.flow(th).Find(th.state) }

// execute runs the state that a thread is in, as far as it goes without waiting.
func (t *turn) execute(th *thread, st *asl.State) {
	e := &evaluation{t: t, th: th, st: st}
	switch st.Type {
	case asl.Pass:
		e.pass()
	case asl.Choice:
		e.choose()
	case asl.Succeed:
		e.succeed()
	case asl.Fail:
		e.failState()
	case asl.Wait:
		e.wait()
	case asl.Task:
		e.task()
	case asl.Parallel:
		e.parallel()
	case asl.Map:
		e.mapState()
	}
	if f := e.failed; f != nil {
		t.evaluationFailed(th, st, f)
	}
}

// evaluation computes what a state takes and gives. After something has failed its steps do
// nothing.
type evaluation struct {
	t      *turn
	th     *thread
	st     *asl.State
	failed *failure

	steps, bytes int64 // what it has cost

	result    any // of JSONata: $states.result
	hasResult bool
	item      *thread              // of ItemSelector: the iteration that is to begin
	vouched   *registry.Encryption // of the activity, which was found to be there
	caught    any                  // of JSONata, for a Catcher: $states.errorOutput
}

func (e *evaluation) jsonata() bool { return e.st.Language == asl.JSONata }

// env is what expressions see; input is "$" or $states.input.
func (e *evaluation) env(input any) *asl.Env {
	return &asl.Env{
		Input: input, Context: func() any { return e.t.context(e.th, e.st, e.item) },
		Result: e.result, HasResult: e.hasResult, Error: e.caught, HasError: e.caught != nil,
		Variable: func(name string) (any, bool) {
			d, ok := e.t.s.lookUp(e.th, name)
			if !ok {
				return nil, false
			}
			return d.Value(), true
		},
		Random: e.t.next, Now: time.UnixMilli(int64(e.t.in.Now)).UTC(),
		Steps: evaluationSteps - e.steps, Bytes: evaluationBytes - e.bytes,
	}
}

// pay takes in what was spent of an env.
func (e *evaluation) pay(env *asl.Env) {
	e.t.steps += evaluationSteps - e.steps - env.Steps
	e.steps, e.bytes = evaluationSteps-env.Steps, evaluationBytes-env.Bytes
}

// Bounds of all expressions of a state, each time that it is evaluated.
const (
	evaluationSteps = 2_000_000
	evaluationBytes = 8 << 20
)

// evaluate gives what an expression of the definition's field gives.
func (e *evaluation) evaluate(v asl.Value, field string, input any) any {
	if e.failed != nil {
		return nil
	}
	env := e.env(input)
	got, err := v.Evaluate(env)
	e.pay(env)
	if err != nil {
		e.failWith(err, field)
	}
	return got
}

// failWith takes in why something can't be evaluated.
func (e *evaluation) failWith(err error, field string) {
	f, ok := err.(*asl.Failure)
	mustHold(ok, "evaluation of %s: %v", field, err)
	if e.failed != nil {
		return
	}
	cause := *cut(&f.Cause, causeMax)
	if !f.Plain {
		cause = e.t.causeIn(e.th, f.Cause)
	}
	e.failed = &failure{
		name: &f.Name, cause: &cause, location: f.Field, uncatchable: f.Name == errRuntime, queried: f.Name == errQuery,
	}
}

// runtime fails with States.Runtime, which nothing catches.
func (e *evaluation) runtime(cause string) {
	e.failWith(&asl.Failure{Name: errRuntime, Cause: cause}, "")
}

// query fails as an expression of JSONata does.
func (e *evaluation) query(field, cause string) {
	e.failWith(&asl.Failure{Name: errQuery, Cause: cause, Field: field}, field)
}

// effective is the input after InputPath.
func (e *evaluation) effective() any {
	raw := e.th.input.Value()
	switch {
	case e.failed != nil:
		return nil
	case e.st.NullInputPath:
		raw = jsonvalue.NewObject(0)
	case e.st.InputPath != nil:
		raw = e.evaluate(e.st.InputPath, "InputPath", raw)
	}
	return e.saw("afterInputPath", raw)
}

// arguments are what the state's work gets.
func (e *evaluation) arguments() any {
	if e.jsonata() {
		in := e.th.input.Value()
		if e.st.Arguments != nil {
			in = e.evaluate(e.st.Arguments, "Arguments", in)
		}
		return e.saw("afterArguments", in)
	}
	in := e.effective()
	if e.st.Parameters != nil {
		in = e.evaluate(e.st.Parameters, "Parameters", in)
	}
	return e.saw("afterParameters", in)
}

// saw tells a trial of a value on its way, and gives it back.
func (e *evaluation) saw(where string, v any) any {
	if e.t.trial != nil && e.failed == nil {
		e.t.trial.seen[where] = v
	}
	return v
}

// leave exits the state with what its work gave: through ResultSelector, ResultPath and
// OutputPath, or through Output. previous is the event before the exit; label stands for
// the state in what is said when that is too large.
func (e *evaluation) leave(result any, previous int64, label string) {
	if e.failed != nil {
		return
	}
	raw := e.th.input.Value()
	e.saw("result", result)
	var output, seen any
	if e.jsonata() {
		e.result, e.hasResult = result, e.st.Type == asl.Task || e.st.Type == asl.Parallel || e.st.Type == asl.Map
		if output = result; e.st.Output != nil {
			output = e.evaluate(e.st.Output, "Output", raw)
		}
		seen = raw
	} else {
		if e.st.ResultSelector != nil {
			result = e.evaluate(e.st.ResultSelector, "ResultSelector", result)
		}
		seen = e.saw("afterResultSelector", result)
		output = e.outputPath(e.saw("afterResultPath", e.place(e.st.ResultPath, e.st.NullResultPath, raw, result)))
	}
	e.exit(output, e.assigned(e.st.Assign, seen), e.st.Next, previous, label)
}

// place puts a result into the input, as a ResultPath says.
func (e *evaluation) place(path *asl.ResultPath, null bool, raw, result any) any {
	switch {
	case e.failed != nil:
		return nil
	case null:
		return raw
	case path == nil:
		return result
	}
	out, err := path.Set(raw, result)
	if err != nil {
		e.failWith(err, "ResultPath")
	}
	return out
}

func (e *evaluation) outputPath(out any) any {
	switch {
	case e.failed != nil:
		return nil
	case e.st.NullOutputPath:
		return jsonvalue.NewObject(0)
	case e.st.OutputPath == nil:
		return out
	}
	return e.evaluate(e.st.OutputPath, "OutputPath", out)
}

// assigned evaluates variables, all as they see things before any of them is set.
func (e *evaluation) assigned(a *asl.Assign, input any) []variable {
	return e.assignedAt(a, "Assign/", input)
}

func (e *evaluation) assignedAt(a *asl.Assign, field string, input any) []variable {
	if a == nil || e.failed != nil {
		return nil
	}
	vars := make([]variable, 0, len(a.Names))
	for i, name := range a.Names {
		vars = append(vars, variable{name, of(e.evaluate(a.Values[i], field+name, input))})
	}
	return vars
}

// exit leaves the state. Without a next one its thread has ended.
func (e *evaluation) exit(output any, vars []variable, next *asl.State, previous int64, label string) {
	if e.failed != nil {
		return
	}
	t, th := e.t, e.th
	out := th.input
	if !same(output, out.Value()) {
		out = of(output)
		if len(out.Text()) > dataBytesMax {
			e.tooLarge(label, previous)
			return
		}
	}
	if !t.mayAssign(th, vars) {
		e.tooLarge(label, previous)
		return
	}
	e.handOn(out, vars, next, previous)
}

// passOn exits a state that gives its input on as it is, which nobody has to read for that. It
// tells false of one that does more.
func (e *evaluation) passOn() bool {
	st := e.st
	if e.t.trial != nil || st.HasResult || st.Assign != nil ||
		st.InputPath != nil || st.NullInputPath || st.Parameters != nil || st.Arguments != nil ||
		st.ResultSelector != nil || st.ResultPath != nil || st.NullResultPath || st.OutputPath != nil || st.NullOutputPath || st.Output != nil {
		return false
	}
	e.handOn(e.th.input, nil, st.Next, e.th.entered)
	return true
}

// handOn leaves the state with what the next one gets.
func (e *evaluation) handOn(out datum, vars []variable, next *asl.State, previous int64) {
	t, th := e.t, e.th
	body := &Body{Type: exited(e.st.Type.String()), Previous: previous, Name: e.st.Name, Output: out, Assigned: vars}
	if next != nil {
		body.hidden.next = next.Name
	}
	id := t.emit(th, body)
	if next == nil {
		t.finished(th, id)
	}
}

// mayAssign tells whether there is room for variables: as much as for what states hand over
// in one Assign, and variablesMax for all that a state sees.
func (t *turn) mayAssign(th *thread, vars []variable) bool {
	n := 0
	for i := range vars {
		n += len(vars[i].value.Text())
	}
	if n <= dataBytesMax && n > 0 {
		all := n
		for ; th != nil; th = t.s.thread(th.owner) {
			for i := range th.vars {
				all += len(th.vars[i].value.Text())
			}
		}
		return all <= variablesMax
	}
	return n == 0
}

// variablesMax is how much variables hold in all, in bytes (Step Functions Developer Guide,
// Quotas related to variables).
const variablesMax = 10 << 20

// same tells of two values, quickly, whether they are one. It may miss that.
func same(a, b any) bool {
	switch a := a.(type) {
	case *jsonvalue.Object:
		return a == b
	case []any:
		b, ok := b.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case string, float64, bool, nil, jsonvalue.Number:
		return a == b
	}
	return false
}

// finished ends a thread that has left its last state.
func (t *turn) finished(th *thread, exit int64) {
	s := t.s
	owner := s.thread(th.owner)
	switch {
	case owner == nil:
		t.emit(th, &Body{Type: ExecutionSucceeded, Previous: exit, Output: th.input})
		t.tellParent()
	case owner.group.items == nil:
		if g := owner.group; g.done == int64(len(g.outputs)) {
			t.emit(owner, &Body{Type: ParallelStateSucceeded, Previous: g.last})
			t.gathered(owner, g.last)
		}
	default:
		st := t.state(owner)
		t.emit(th, &Body{Type: MapIterationSucceeded, Previous: exit, Name: st.Name, Index: th.index})
		t.iterationEnded(owner)
	}
}

// gathered leaves a Parallel or Map state whose group is through.
func (t *turn) gathered(th *thread, previous int64) {
	outputs := make([]any, 0, len(th.group.outputs))
	for _, d := range th.group.outputs {
		if d != nil {
			outputs = append(outputs, d.Value())
		}
	}
	st := t.state(th)
	e := &evaluation{t: t, th: th, st: st}
	e.leave(outputs, previous, st.Name)
	if e.failed != nil {
		t.evaluationFailed(th, st, e.failed)
	}
}

// context is the context object.
func (t *turn) context(th *thread, st *asl.State, item *thread) any {
	if t.trial != nil && t.trial.Context != nil {
		return t.trial.context(item)
	}
	s := t.s
	execution := jsonvalue.NewObject(8)
	execution.Set("Id", s.arn())
	execution.Set("Input", s.input.Value())
	execution.Set("StartTime", timeText(s.started))
	execution.Set("Name", s.name)
	if s.settings.Role != "" {
		execution.Set("RoleArn", s.settings.Role)
	}
	if t.trial == nil && !s.ephemeral {
		execution.Set("RedriveCount", float64(s.redrives))
	}
	if s.redrives > 0 {
		execution.Set("RedriveTime", timeText(s.redriven))
	}
	machine := jsonvalue.NewObject(2)
	machine.Set("Id", s.of)
	machine.Set("Name", s.machine)
	state := jsonvalue.NewObject(4)
	state.Set("Name", th.state)
	state.Set("EnteredTime", timeText(th.enteredAt))
	if st.Type == asl.Task || st.Type == asl.Parallel || st.Type == asl.Map {
		state.Set("RetryCount", float64(th.retried))
	}
	o := jsonvalue.NewObject(6)
	o.Set("Execution", execution)
	o.Set("StateMachine", machine)
	o.Set("State", state)
	if st.Type == asl.Task && st.Resource.Pattern != asl.RequestResponse {
		its := jsonvalue.NewObject(1)
		its.Set("Token", s.token(s.last+1).String()) // its Scheduled event is the next
		o.Set("Task", its)
	}
	at := th
	if item != nil {
		at = item
	}
	for ; at != nil; at = s.thread(at.owner) {
		if shown, is := s.item(at); is {
			o.Set("Map", shown)
			break
		}
	}
	return o
}

// stateData is where items come from that no ItemReader has read.
const stateData = "STATE_DATA"

// itemContext is what the context object says of an item: its key is that of the member of an
// object that it is, nil if it is none.
//
// Source: Step Functions Developer Guide, "Context object data for Map states".
func itemContext(index int64, key *string, value any, source string) any {
	item := jsonvalue.NewObject(4)
	item.Set("Index", float64(index))
	if key != nil {
		item.Set(pairKey, *key)
	}
	item.Set(pairValue, value)
	item.Set("Source", source)
	of := jsonvalue.NewObject(1)
	of.Set("Item", item)
	return of
}

// timeText is a time as texts have it.
func timeText(at engine.Time) string {
	return time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
