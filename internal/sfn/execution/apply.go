package execution

import (
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/sfn/registry"
)

// hidden is what an event says that the wire does not show.
type hidden struct {
	thread   int64     // whose event it is
	settings *Settings // of ExecutionStarted
	next     string    // of …Exited: the state that follows; "": none does
	task     *work     // of …Scheduled
	child    *childRef // of TaskSubmitted
	group    *begun    // of ParallelStateStarted and MapStateStarted
	input    *datum    // of ExecutionStarted and MapIterationStarted: what it begins with, if not with what there is
	client   string    // of ExecutionRedriven: its token
	before   []change  // what was noted since the event before
	after    []change  // what the turn did besides, once the event had happened
}

type childRef struct {
	run  engine.RunID
	name engine.Name
}

// begun is how a Parallel or a Map state begins.
type begun struct {
	flows       []int // of the branches; of a Map the one of its iterations
	starts      []string
	input       *datum // of branches; nil: that of the state
	items       *datum // of a Map
	concurrency int64
	tolerated   int64
}

// change is what no event says. It is written with the event before it in its turn, and folded
// after it. If its turn has none, a note has it until the next event does, which is folded
// after it: so a change that is made twice is made once.
type change struct {
	kind    byte
	thread  int64
	at      engine.Time
	retries []int64
	failed  int64 // the event that failed
	arn     string
	key     registry.Encryption
	grants  int64 // how many states may be entered
	asked   engine.Time
}

const (
	// changeRetry: what failed in the thread's state is tried again, at a time.
	changeRetry byte = iota + 1
	// changeWait: the thread waits in its state until a time.
	changeWait
	// changeKnown: an activity was there at a time.
	changeKnown
	// changeAsked: the thread asks whether its activity is there.
	changeAsked
	// changePaced: no thread goes on until a time, and then some may; or, at zero, they have been
	// told that they may.
	changePaced
)

func (c *change) code(p *pack.Coder) {
	p.Byte(&c.kind)
	p.Int(&c.thread)
	c.at.Code(p)
	pack.List(p, &c.retries, func(n *int64, p *pack.Coder) { p.Int(n) })
	p.Int(&c.failed)
	if p.Text(&c.arn); c.arn != "" {
		c.key.Code(p)
	}
	if c.kind == changePaced {
		p.Int(&c.grants)
		c.asked.Code(p)
	}
}

// bytes is about what the payloads take that only private bytes have.
func (h *hidden) bytes() int {
	n := 0
	if h.input != nil {
		n += len(h.input.stored())
	}
	if h.task != nil {
		n += len(h.task.handed)
	}
	if g := h.group; g != nil {
		for _, d := range []*datum{g.input, g.items} {
			if d != nil {
				n += len(d.stored())
			}
		}
		for _, start := range g.starts {
			n += len(start) + 8
		}
	}
	return n
}

// code is for events of a type.
func (h *hidden) code(c *pack.Coder, of Type) {
	c.Int(&h.thread)
	switch {
	case of == ExecutionStarted:
		codeSome(c, &h.settings, (*Settings).code)
		codeSome(c, &h.input, (*datum).code)
	case strings.HasSuffix(string(of), "StateExited"):
		c.Text(&h.next)
	case of == ActivityScheduled, of == LambdaFunctionScheduled, of == TaskScheduled:
		codeSome(c, &h.task, (*work).codeScheduled)
	case of == TaskSubmitted:
		codeSome(c, &h.child, func(r *childRef, c *pack.Coder) {
			r.run.Code(c)
			codeName(c, &r.name)
		})
	case of == ParallelStateStarted, of == MapStateStarted:
		codeSome(c, &h.group, (*begun).code)
	case of == MapIterationStarted:
		codeSome(c, &h.input, (*datum).code)
	case of == ExecutionRedriven:
		c.Text(&h.client)
	}
	pack.List(c, &h.before, (*change).code)
	pack.List(c, &h.after, (*change).code)
	if h.settings != nil {
		h.settings.codeMocks(c)
	}
}

// noteChanges has the changes since the event that it is about.
const noteChanges = task.NoteHeartbeat + 1

func changesNote(about int64, changes []change) engine.Note {
	c := pack.Writing(nil)
	pack.List(c, &changes, (*change).code)
	return engine.Note{Subject: about, Kind: noteChanges, Value: c.Written()}
}

func (w *work) codeScheduled(c *pack.Coder) {
	c.Byte(&w.kind)
	c.Text(&w.role)
	c.Byte(&w.pattern)
	c.Text(&w.handed)
}

func (b *begun) code(c *pack.Coder) {
	pack.List(c, &b.flows, func(n *int, c *pack.Coder) { pack.Signed(c, n) })
	c.Texts(&b.starts)
	codeSome(c, &b.input, (*datum).code)
	codeSome(c, &b.items, (*datum).code)
	c.Int(&b.concurrency)
	c.Int(&b.tolerated)
}

// DecodeEvent reads an event back.
func (*Rules) DecodeEvent(id int64, at engine.Time, public, private []byte) (engine.Event, error) {
	e := &Body{}
	if err := new(reader).decode(e, id, public, private); err != nil {
		return engine.Event{}, err
	}
	return engine.Event{ID: id, At: at, Body: e, Public: public, Private: private}, nil
}

// folder is engine.Folder: nobody keeps its event.
type folder struct {
	rules *Rules
	reader
	body Body
}

// NewFolder gives what folds stored events.
func (r *Rules) NewFolder() engine.Folder { return &folder{rules: r} }

func (f *folder) Fold(st engine.State, id int64, at engine.Time, public, private []byte) error {
	defer f.forget()
	if err := f.decode(&f.body, id, public, private); err != nil {
		return err
	}
	f.rules.Apply(st, engine.Event{ID: id, At: at, Body: &f.body})
	return nil
}

// forget keeps the room alone.
func (f *folder) forget() {
	f.body = Body{}
	f.json.ResetBytes(nil)
	f.pack = pack.Coder{}
	if cap(f.text) > engine.FolderBytesMax {
		f.text = nil
	}
}

// decode reads an event, which is zero before.
func (r *reader) decode(e *Body, id int64, public, private []byte) error {
	stored, _, err := r.decodePublic(e, public)
	if err == nil && stored != id {
		err = fmt.Errorf("it is event %d", stored)
	}
	if err == nil {
		r.pack = *pack.Reading(private)
		e.hidden.code(&r.pack, e.Type)
		err = r.pack.Done()
		e.eachPayload((*datum).settle)
	}
	if err != nil {
		return fmt.Errorf("decode event %d of an execution: %w", id, err)
	}
	return nil
}

// Apply folds an event into the state.
func (r *Rules) Apply(st engine.State, e engine.Event) {
	s, body := st.(*State), e.Body.(*Body)
	s.unlocked = false
	if s.settings.Key.Key != "" { // else they may be anything
		body.eachWord((*datum).settle)
	}
	s.apply(e.ID, e.At, body)
	for i := range body.hidden.after {
		s.change(&body.hidden.after[i])
	}
}

// Note folds a note into the state.
func (r *Rules) Note(st engine.State, n engine.Note) { st.(*State).note(n) }

func (s *State) note(n engine.Note) {
	if len(n.Value) == 0 {
		return // its task has closed, or a further note says what holds instead
	}
	if n.Kind == noteChanges {
		mustHold(n.Subject == s.last, "a note of changes after event %d, after event %d", n.Subject, s.last)
		c := pack.Reading(n.Value)
		s.noted = nil
		pack.List(c, &s.noted, (*change).code)
		mustHold(c.Done() == nil, "a note of changes: %v", c.Err())
		for i := range s.noted {
			s.change(&s.noted[i])
		}
		return
	}
	t := s.working(n.Subject)
	mustHold(t != nil, "note %d about event %d, of which no task is open", n.Kind, n.Subject)
	t.work.Fold(n)
}

// change folds what no event says.
func (s *State) change(c *change) {
	t := s.thread(c.thread)
	if t == nil && c.kind != changeKnown && c.kind != changePaced {
		return // a later change has taken the thread away
	}
	switch c.kind {
	case changeRetry:
		s.drop(t)
		t.halted, t.again, t.wake, t.retries, t.retried = false, false, c.at, c.retries, 0
		for _, n := range c.retries {
			t.retried += n
		}
		t.previous = c.failed
	case changeWait:
		t.wake, t.again = c.at, false
	case changePaced:
		s.paced, s.grants, s.asked = c.at, c.grants, c.asked
	case changeAsked:
		t.asked, t.again, t.wake = true, false, 0
	case changeKnown:
		i := slices.IndexFunc(s.known, func(k known) bool { return k.arn == c.arn })
		if i < 0 {
			i, s.known = len(s.known), append(s.known, known{arn: c.arn})
		}
		s.known[i].key, s.known[i].at = c.key, c.at
	}
}

// drop gives up what a thread has under way in its state.
func (s *State) drop(t *thread) {
	if t.group != nil {
		s.remove(func(other *thread) bool { return other.owner == t.number })
	}
	t.group, t.work, t.wake = nil, nil, 0
}

// apply is the only place, beside note and change, that writes the state.
func (s *State) apply(id int64, at engine.Time, e *Body) {
	s.applyEvent(id, at, e)
	if s.settings.Key.Key != "" {
		s.noteKeys(e)
	}
	s.grown += int64(len(e.Input.stored()) + len(e.Output.stored()) + len(e.Parameters.stored()) + e.hidden.bytes() + partBytes)
	for i := range e.Assigned {
		s.grown += int64(len(e.Assigned[i].value.stored()))
	}
	if s.grown > heldMax {
		s.grown = s.held()
	}
}

func (s *State) applyEvent(id int64, at engine.Time, e *Body) {
	if id != s.last+1 {
		panic(fmt.Sprintf("execution: event %d applied after event %d", id, s.last))
	}
	s.last, s.noted = id, nil
	for i := range e.hidden.before {
		s.change(&e.hidden.before[i])
	}
	t := s.thread(e.hidden.thread)
	if e.Type == ExecutionStarted {
		s.applyStarted(at, e)
		return
	}
	mustHold(t != nil, "event %d, a %s, is of no thread", id, e.Type)
	switch e.Type {
	case ExecutionSucceeded:
		s.close(at, Succeeded)
		s.output = e.Output
	case ExecutionFailed:
		s.close(at, Failed)
		s.err, s.cause = e.Error, e.Cause
	case ExecutionTimedOut:
		s.close(at, TimedOut)
	case ExecutionAborted:
		s.close(at, Aborted)
		s.err, s.cause = e.Error, e.Cause
	case ExecutionRedriven:
		s.applyRedriven(at, e)
	case ActivityScheduled, LambdaFunctionScheduled, TaskScheduled:
		s.applyScheduled(t, id, at, e)
	case ActivityStarted, LambdaFunctionStarted, TaskStarted:
		t.work.Start(id, at)
	case TaskSubmitted:
		t.work.submitted = id
		if c := e.hidden.child; c != nil {
			t.work.child, t.work.childName = c.run, c.name
		}
	case ActivitySucceeded, ActivityFailed, ActivityTimedOut, LambdaFunctionStartFailed, LambdaFunctionSucceeded, LambdaFunctionFailed,
		LambdaFunctionTimedOut, TaskStartFailed, TaskSubmitFailed, TaskSucceeded, TaskFailed, TaskTimedOut:
		t.work = nil
	case ParallelStateStarted:
		s.applyParallel(t, id, e)
	case MapStateStarted:
		s.applyMap(t, id, e)
	case MapRunStarted, MapRunRedriven:
		t.group.mapRun, t.group.last, t.group.ended, t.again = e.MapRun, id, false, false
	case MapRunSucceeded, MapRunFailed, MapRunAborted:
		t.group.ended = true
	case MapIterationStarted:
		s.applyIteration(t, id, e)
		return // its thread has the event
	case MapIterationSucceeded:
		output := t.input
		s.endIteration(t, id, e, &output)
		return
	case MapIterationFailed:
		s.endIteration(t, id, e, nil)
		s.thread(t.owner).group.outputs[t.index] = e.hidden.input
		return
	case ParallelStateFailed, MapStateFailed:
		s.halt(t)
	case EvaluationFailed, ActivityScheduleFailed, TaskStateAborted, WaitStateAborted, ParallelStateAborted, MapStateAborted, MapIterationAborted, ParallelStateSucceeded, MapStateSucceeded:
	default:
		if strings.HasSuffix(string(e.Type), "StateEntered") {
			t.state, t.entered, t.enteredAt, t.before = e.Name, id, at, e.Previous
			t.next = ""
			t.take(e.Input)
		} else {
			s.applyExited(t, id, e)
		}
	}
	t.previous = id
}

func (s *State) applyStarted(at engine.Time, e *Body) {
	s.settings = e.hidden.settings
	s.input, s.started, s.status = e.Input, at, Running
	s.invoked = make([]int64, len(s.settings.Mocks))
	input := e.Input.compacted()
	if e.hidden.input != nil {
		input = *e.hidden.input
	}
	s.spawn(&thread{flow: s.settings.Parent.Flow, next: s.settings.StartAt, input: input})
	for _, a := range s.settings.Activities {
		s.known = append(s.known, known{a.ARN, a.Encryption, at})
	}
}

func (s *State) close(at engine.Time, status string) {
	s.closed, s.status, s.paced, s.grants, s.asked = at, status, 0, 0, 0
	for _, t := range s.threads {
		t.work, t.wake = nil, 0
	}
}

func (s *State) applyScheduled(t *thread, id int64, at engine.Time, e *Body) {
	w := *e.hidden.task
	w.Scheduled, w.ScheduledAt = id, at
	w.timeout, w.heartbeat, w.resource, w.service = e.Timeout, e.Heartbeat, e.Resource, e.ResourceType
	w.Full = w.list()
	if w.input = e.Input; e.Type == TaskScheduled {
		w.input = e.Parameters
	}
	t.work, t.wake, t.again, t.asked = &w, 0, false, false
	s.invoke(t)
}

func (s *State) applyExited(t *thread, id int64, e *Body) {
	s.leave(t)
	t.assign(e.Assigned)
	t.take(e.Output)
	t.next = e.hidden.next
	owner := s.thread(t.owner)
	if t.next != "" || owner == nil || owner.group.items != nil {
		return // MapIterationSucceeded follows
	}
	g, output := owner.group, t.input
	g.outputs[t.index] = &output
	g.done++
	g.last = id
	s.remove(func(other *thread) bool { return other == t })
}

func (s *State) applyParallel(t *thread, id int64, e *Body) {
	b := e.hidden.group
	s.invoke(t)
	t.again, t.wake = false, 0
	t.group = &group{started: id, outputs: make([]*datum, len(b.flows)), last: id}
	input := t.input
	if b.input != nil {
		input = *b.input
	}
	for i, flow := range b.flows {
		s.spawn(&thread{owner: t.number, flow: flow, index: int64(i), next: b.starts[i], input: input, previous: id})
	}
}

func (s *State) applyMap(t *thread, id int64, e *Body) {
	b := e.hidden.group
	s.invoke(t)
	t.again, t.wake = false, 0
	t.group = &group{
		started: id, flow: b.flows[0], startAt: b.starts[0], items: b.items,
		concurrency: b.concurrency, tolerated: b.tolerated, last: id,
	}
	if t.group.flow != distributed {
		t.group.outputs = make([]*datum, e.Length)
	}
}

// applyIteration begins an iteration; t is the thread of the Map state.
func (s *State) applyIteration(t *thread, id int64, e *Body) {
	g := t.group
	var input datum
	if e.hidden.input != nil {
		input = *e.hidden.input
	} else {
		input = of(g.item(e.Index))
	}
	s.spawn(&thread{owner: t.number, flow: g.flow, index: e.Index, next: g.startAt, input: input, previous: id})
	g.next, g.running = e.Index+1, g.running+1
}

// endIteration takes the end of an iteration in; output is nil if it failed.
func (s *State) endIteration(t *thread, id int64, e *Body, output *datum) {
	owner := s.thread(t.owner)
	g := owner.group
	g.freed = e.Previous
	g.running--
	g.done++
	if output == nil {
		g.failed++
		s.halt(t)
		t.halted = true
		t.previous = id
		return
	}
	g.outputs[t.index] = output
	g.last = id
	s.remove(func(other *thread) bool { return other == t })
}

// halt stops what a thread has under way, and keeps it for a redrive.
func (s *State) halt(t *thread) {
	t.halted, t.work, t.wake = true, nil, 0
	s.below(t, func(other *thread) { other.halted, other.work, other.wake = true, nil, 0 })
}

// applyRedriven has all that is not finished run again.
func (s *State) applyRedriven(at engine.Time, e *Body) {
	s.status, s.closed, s.err, s.cause = Running, 0, nil, nil
	s.redrives, s.redriven, s.redriveBy = e.RedriveCount, at, e.hidden.client
	for _, t := range s.threads {
		t.halted, t.asked = false, false
		t.retries, t.retried, t.wake, t.work = nil, 0, 0, nil
		if g := t.group; g != nil {
			g.running, g.done, g.failed = 0, 0, 0
			for _, output := range g.outputs {
				if output != nil {
					g.done++
				}
			}
			for _, other := range s.threads {
				if other.owner == t.number && g.items != nil {
					g.running++
				}
			}
			t.again = g.done == int64(len(g.outputs)) // what they gave could not be used, or a map run goes on
			if g.flow == distributed && g.mapRun == "" {
				t.group = nil
			}
		} else if t.state != "" {
			t.again = true
		}
	}
}
