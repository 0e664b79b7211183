package execution

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// Trial is one state that is run by itself, in memory (Step Functions API Reference,
// TestState). It goes the way that it goes in an execution, which has this state alone; what
// values become on that way is kept. A Trial is used once: Begin, then, as long as it
// Waits, Task with Close, or Mock; then Outcome.
type Trial struct {
	Machine *asl.Machine
	State   *asl.State // of any flow of the machine
	World   engine.World
	// Name is what the context object calls the state machine, and Execution the execution.
	// Neither is anywhere else.
	Name, Execution string
	Role            string // ARN; "": none
	Input           any
	Variables       *jsonvalue.Object // nil: none
	Context         *jsonvalue.Object // $$ and $states.context; nil: one that is made up
	Retries         int64             // that have been
	ReaderItems     any               // what an ItemReader reads: a list, or an object whose members are items
	ReaderFailed    *string           // why it reads nothing; nil: it does
	Mocked          bool              // nothing is called
	Secret          [16]byte          // for random numbers and task tokens
	Now             engine.Time

	turn   *turn
	thread *thread
	seen   map[string]any // by the members of InspectionData
	source string         // of the items that an ItemReader reads
	failed *failure
}

// Mock is how what a state does ends, instead of its doing it.
type Mock struct {
	Result       any
	Failed       bool // with Error and Cause; each may be nil
	Error, Cause *string
	FailedItems  int64 // iterations of a Map state
}

// Statuses that a state may have beside Succeeded and Failed.
const (
	Retriable   = "RETRIABLE"
	CaughtError = "CAUGHT_ERROR"
)

// Outcome is how a Trial ended.
type Outcome struct {
	Status       string
	Output       any    // of Succeeded and CaughtError
	Next         string // the state that follows; "": none does
	Error, Cause *string
	Seen         map[string]any    // values, by the members of InspectionData
	Variables    *jsonvalue.Object // after the state
	Retrier      int               // index of that which is for the error; -1: none
	Catcher      int               // index of that which caught the error; -1: none
	DelaySeconds int64             // of Retriable
}

// context is what the caller has for a context object.
func (r *Trial) context(item *thread) any {
	if item == nil {
		return r.Context
	}
	o := r.Context.Clone()
	shown, _ := r.turn.s.item(item)
	o.Set("Map", shown)
	return o
}

// Begin runs the state as far as it goes by itself. A Wait state does not wait.
func (r *Trial) Begin() {
	id := engine.Identity{Name: Name(r.World, r.Name, r.Execution)}
	s := newState(id)
	s.named = resource.Of(r.World.Region, r.World.Account, resource.Express, r.Name).Qualified(r.Execution).String()
	r.seen = map[string]any{"input": r.Input}
	t := &turn{s: s, in: engine.Input{Now: r.Now}, rules: New(DefaultLimits(), nil), compiled: r.Machine, trial: r}
	r.turn = t
	settings := Settings{StartAt: r.State.Name, Secret: r.Secret, Role: r.Role}
	if res := r.State.Resource; r.Mocked && res != nil && res.Kind == asl.Activity {
		settings.Activities = []Activity{{ARN: res.ARN}}
	}
	t.emit(nil, &Body{Type: ExecutionStarted, Input: of(r.Input), Role: r.Role, hidden: hidden{settings: &settings}})
	th := s.threads[0]
	r.thread, th.flow = th, r.State.Flow.Number
	if r.Variables != nil {
		for name, v := range r.Variables.All() {
			th.vars = append(th.vars, variable{name, of(v)})
		}
	}
	th.retries = make([]int64, len(r.State.Retry))
	for i := range th.retries {
		th.retries[i] = r.Retries
	}
	th.retried = r.Retries
	t.step(th)
	switch {
	case r.State.Type == asl.Wait && th.wake != 0:
		e := &evaluation{t: t, th: th, st: r.State}
		e.waited()
		r.settle(e)
	case r.State.Type == asl.Map && r.Waits() && (r.State.ItemReader == nil || r.ReaderItems != nil):
		r.thread.group.source = r.source
		r.showItems()
	}
}

// settle takes in that an evaluation may have failed.
func (r *Trial) settle(e *evaluation) {
	if e.failed != nil {
		r.turn.evaluationFailed(r.thread, r.State, e.failed)
	}
}

// showItems shows what an ItemSelector and an ItemBatcher make of all items, as long as that is
// no more than a value may be.
func (r *Trial) showItems() {
	t, bytes := r.turn, 0
	items := make([]any, len(r.thread.group.outputs))
	for i := range items {
		e := &evaluation{t: t, th: r.thread, st: r.State}
		if items[i] = r.thread.group.item(int64(i)); r.State.ItemSelector != nil {
			items[i] = e.selected(int64(i))
		}
		if e.failed != nil {
			r.settle(e)
			return
		}
		if bytes += jsonvalue.Size(items[i]) + 1; bytes > dataBytesMax || t.spent() {
			return
		}
	}
	if r.State.ItemSelector != nil {
		r.seen["afterItemSelector"] = items
	}
	e := &evaluation{t: t, th: r.thread, st: r.State}
	if b := e.batch(e.input()); b != nil && e.failed == nil {
		batches := b.of(items)
		switch {
		case batches == nil:
			e.tooLarge(r.State.Name, 0)
		case jsonvalue.Size(batches) <= dataBytesMax:
			r.seen["afterItemBatcher"] = batches
		}
	}
	r.settle(e)
}

// of puts items together, as a map run does; nil: there is one that is too large.
func (b *Batch) of(items []any) []any {
	batches := []any{}
	for len(items) > 0 {
		input := jsonvalue.NewObject(2)
		if b.Input != "" {
			d := datum{text: b.Input}
			input.Set("BatchInput", d.Value())
		}
		n, bytes := 0, int64(jsonvalue.Size(input)+len(`,"Items":[]`))
		for ; n < len(items) && (b.Items == 0 || int64(n) < b.Items); n++ {
			if bytes += int64(jsonvalue.Size(items[n])) + 1; bytes-1 > b.BytesMax {
				break
			}
		}
		if n == 0 {
			return nil
		}
		input.Set("Items", items[:n:n])
		batches, items = append(batches, input), items[n:]
	}
	return batches
}

// Waits tells whether the state waits for what it has called, or begun.
func (r *Trial) Waits() bool {
	return r.turn.s.isOpen() && (r.thread.work != nil || r.thread.group != nil)
}

// Task is what a Task state that Waits has called, which is now started.
func (r *Trial) Task() *Task {
	err := r.turn.startTask(&StartTask{ScheduledEventID: r.thread.work.Scheduled})
	mustHold(err == nil, "a task of a trial can't be started: %v", err)
	return r.turn.reply.(*Task)
}

// Close goes on with how the task ended: body is a *Succeed or a *Fail.
func (r *Trial) Close(body any) {
	switch c := body.(type) {
	case *Succeed:
		v, err := jsonvalue.ParseString(c.Output)
		mustHold(err == nil, "an output that is no JSON: %v", err)
		r.Mock(&Mock{Result: v})
	case *Fail:
		r.Mock(&Mock{Failed: true, Error: c.Error, Cause: c.Cause})
	default:
		panic("execution: a trial's task can't end so")
	}
}

// TimeOut goes on as if the task's time were over.
func (r *Trial) TimeOut() { r.turn.taskTimedOut(r.thread, false) }

// Mock goes on as if what the state Waits for had ended so.
func (r *Trial) Mock(m *Mock) {
	t, th := r.turn, r.thread
	if th.work != nil {
		t.started(th)
		if m.Failed {
			t.taskFailed(th, failed, failure{name: m.Error, cause: m.Cause, task: true})
		} else {
			t.taskSucceeded(th, of(m.Result))
		}
		return
	}
	switch {
	case m.Failed:
		t.fail(th, r.State, failure{name: m.Error, cause: m.Cause, at: th.previous})
	case r.exceeds(m):
		name, cause := TooManyFailed()
		t.fail(th, r.State, failure{name: name, cause: cause, at: th.previous})
	default:
		e := &evaluation{t: t, th: th, st: r.State}
		e.leave(m.Result, th.previous, r.State.Name)
		r.settle(e)
	}
}

// Iterations is how many items a Map state has that Waits.
func (r *Trial) Iterations() int64 { return int64(len(r.thread.group.outputs)) }

// exceeds tells whether more iterations have failed than a Map state says that it
// tolerates. The service lets one that says nothing of it tolerate all.
func (r *Trial) exceeds(m *Mock) bool {
	count, counted := r.seen["toleratedFailureCount"].(float64)
	percent, shared := r.seen["toleratedFailurePercentage"].(float64)
	n := r.Iterations()
	if list, ok := m.Result.([]any); ok {
		n = max(n, int64(len(list)))
	}
	failed := float64(m.FailedItems)
	return counted && failed > count || shared && failed*100 > percent*float64(n)
}

// Outcome tells how the state ended. It does not Wait.
func (r *Trial) Outcome() *Outcome {
	t, th := r.turn, r.thread
	o := &Outcome{Status: Succeeded, Seen: r.seen, Retrier: -1, Catcher: -1}
	if f := r.failed; f != nil {
		o.Status, o.Error, o.Cause = CaughtError, f.name, f.cause
		if !f.uncatchable {
			o.Retrier = slices.IndexFunc(r.State.Retry, func(r asl.Retrier) bool { return f.among(r.Errors) })
		}
	}
	switch {
	case t.s.status == Failed:
		o.Status = Failed
	case th.state != "":
		o.Status, o.DelaySeconds = Retriable, int64(th.wake-r.Now)/1000
	default:
		o.Output, o.Next = th.input.Value(), th.next
		if f := r.failed; f != nil {
			o.Catcher = slices.IndexFunc(r.State.Catch, func(c asl.Catcher) bool { return f.among(c.Errors) })
		}
	}
	o.Variables = jsonvalue.NewObject(len(th.vars))
	for i := range th.vars {
		o.Variables.Set(th.vars[i].name, th.vars[i].value.Value())
	}
	r.hide()
	return o
}

// hide drops what the service does not show of a state, though it comes by.
func (r *Trial) hide() {
	st, hidden := r.State, []string(nil)
	switch st.Type {
	case asl.Pass:
		if !st.HasResult {
			hidden = append(hidden, "result")
			break
		}
		if st.InputPath == nil && !st.NullInputPath {
			hidden = append(hidden, "afterInputPath")
		}
		if st.Parameters == nil {
			hidden = append(hidden, "afterParameters")
		}
	case asl.Parallel:
		hidden = []string{"afterInputPath", "afterParameters", "afterArguments", "result"}
	case asl.Map:
		hidden = []string{"result"}
	}
	for _, field := range hidden {
		delete(r.seen, field)
	}
}
