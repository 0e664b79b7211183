package execution

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/jsonvalue"
)

// Status of an execution, as the API has it.
const (
	Running   = "RUNNING"
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	TimedOut  = "TIMED_OUT"
	Aborted   = "ABORTED"
)

// State is one execution, folded from its history and notes.
type State struct {
	id      engine.Identity
	machine string // part of id.Name.Key, as is
	name    string
	named   string // its ARN, once it was wanted
	of      string // ARN of the machine

	express   bool       // of an express state machine
	ephemeral bool       // in memory alone, and somebody waits for it
	rehearsed *Rehearsal // that it is: in memory alone, and calls nothing; else nil

	settings *Settings // those of its first event; never changed
	input    datum     // of the execution, as its caller wrote it
	last     int64     // id of the last event
	started  engine.Time
	closed   engine.Time
	status   string // "": it has not begun
	output   datum  // of one that has succeeded
	err      *datum // no JSON, as cause
	cause    *datum

	redrives  int64
	redriven  engine.Time
	redriveBy string // the client's token of the last redrive

	threads []*thread // in the order of their numbers; the first is the machine's own
	spawned int64     // threads that there ever were
	known   []known   // activities, by ARN
	noted   []change  // that came after the last event, in turns of their own

	// dataKeys are those that payloads are sealed under, and perhaps some that none is any
	// more; dataKeysNeeded is how many were needed when it was looked last.
	dataKeys       []string
	dataKeysNeeded int
	unlocked       bool         // all that is sealed is opened, too
	atHand         *asl.Machine // that was found for the command which is to be handled

	kept *registry.Revision // what settings.Revision says, once it was read

	// grown is what the state holds of payloads, in bytes of text, or more: see held.
	grown int64

	invoked []int64 // how often each state with a mock was

	// paced is until when no further state is entered and nothing tried again; then so many may be
	// as grants says. Zero: it is not. asked is when that was found out. See pace.go.
	paced  engine.Time
	grants int64
	asked  engine.Time
}

// heldMax is how much of payloads one execution may hold, in bytes of text.
const heldMax = 32 << 20

// held adds up what the state holds. Threads that follow each other with the same input, as
// those of branches do, share it.
func (s *State) held() int64 {
	n := 0
	before := ""
	for _, t := range s.threads {
		n += partBytes
		if input := t.input.stored(); input != before {
			n += len(input)
			before = input
		}
		for i := range t.vars {
			n += len(t.vars[i].name) + len(t.vars[i].value.stored())
		}
		if t.work != nil {
			n += len(t.work.input.stored()) + len(t.work.handed)
		}
		if g := t.group; g != nil {
			if g.items != nil {
				n += len(g.items.stored())
			}
			for _, d := range g.outputs {
				if n += 16; d != nil {
					n += len(d.stored())
				}
			}
		}
	}
	return int64(n)
}

// take makes d the thread's input. One with the same text stays, which other threads may
// share.
func (t *thread) take(d datum) {
	if t.input.loose || d.stored() != t.input.stored() {
		t.input = d
	}
}

// Settings are what an execution was started with, beside its input. Of the machine it
// keeps what there was then, whatever becomes of the machine.
type Settings struct {
	Definition     blob.ID
	StartAt        string // the first state
	Version        string // ARN, if it was started by one
	Alias          string // ARN, if it was started by one
	Role           string // ARN
	TimeoutSeconds int64  // 0: none
	Trace          string // the caller's trace header
	Revision       []byte // what the service shows of the machine
	Secret         [16]byte
	RetentionDays  int64
	Parent         Parent
	// Activities are those that tasks name and that were there at the start.
	Activities []Activity
	// Key is the machine's; DefinitionKey the data key that the definition is sealed under.
	Key           registry.Encryption
	DefinitionKey string
	// Mocks are those of the test case that it was started with; usually there are none.
	Mocks []StateMock
}

// Activity is an activity as executions know it.
type Activity struct {
	ARN        string
	Encryption registry.Encryption
}

// Parent is the task of another execution that started this one, or an item of a map run;
// zero: none did.
type Parent struct {
	Name      engine.Name
	Run       engine.RunID
	Scheduled int64 // of a map run: the number of the first item
	Waits     bool  // for this one's end
	// Of a map run.
	Flow    int // of the machine, that the execution runs
	Items   int64
	Express bool // it ends as early as executions of express machines do
}

// known tells when it was known last that an activity is there.
type known struct {
	arn string
	key registry.Encryption
	at  engine.Time
}

// variable is a variable of a state machine.
type variable struct {
	name  string
	value datum
}

// datum is a JSON value and its compact text, each made when it is first wanted.
type datum struct {
	text   string
	value  any
	read   bool   // value is there
	loose  bool   // text is as its writer wrote it, and not compact
	sealed string // what is stored of it, if that is sealed; then text may be missing
}

func of(value any) datum { return datum{value: value, read: true} }

// compacted is the same value, with a compact text once that is wanted, whatever text its writer
// wrote.
func (d *datum) compacted() datum {
	if d.read {
		return of(d.value)
	}
	return datum{text: d.text, loose: true}
}

// Text is the compact text, or for what was read from one, that.
func (d *datum) Text() string {
	if d.loose || d.text == "" && d.read {
		d.text, d.loose = jsonvalue.Text(d.Value()), false
	}
	mustHold(d.text != "" || d.sealed == "", "what is sealed was not opened")
	return d.text
}

// Value is the value.
func (d *datum) Value() any {
	if !d.read {
		mustHold(d.text != "" || d.sealed == "", "what is sealed was not opened")
		v, err := jsonvalue.ParseString(d.text)
		mustHold(err == nil, "a stored text is no JSON: %v", err)
		d.value, d.read = v, true
	}
	return d.value
}

// thread is a flow that is being run: that of the machine, of a branch, or of an iteration.
type thread struct {
	number int64
	owner  int64 // number of the thread whose Parallel or Map state it is part of; 0: none
	flow   int   // number in Machine.Flows
	index  int64 // of the branch, or the iteration

	previous int64  // the last event
	next     string // state to be entered with input; "": none
	halted   bool   // it failed, or was given up with what it is part of
	again    bool   // the state has to be run once more: it was redriven
	asked    bool   // it waits to hear whether its activity is there

	// Of the state that it is in. Outside of one they are empty.
	state     string
	entered   int64 // event id
	enteredAt engine.Time
	before    int64 // the event before entered
	retries   []int64
	retried   int64       // the sum of retries
	wake      engine.Time // when the wait ends or the retry begins; 0: neither
	work      *work       // an open task
	group     *group      // of Parallel and Map

	input datum // raw, of the state, or of the next one
	vars  []variable
}

// work is an open task of a state.
type work struct {
	task.Task
	kind      byte // asl.ResourceKind
	input     datum
	handed    string // the input sealed for workers, if their activity has a key
	timeout   int64  // seconds; 0: none
	heartbeat int64
	role      string // that calls, if not the machine's
	resource  string // ARN, or of an integration as events have it
	service   string // resourceType of an integration
	submitted int64  // event id of TaskSubmitted
	child     engine.RunID
	childName engine.Name
	pattern   byte // asl.Pattern
}

// group is what a Parallel or a Map state has under way.
type group struct {
	started     int64 // …StateStarted
	flow        int   // of iterations; distributed: a map run has them
	startAt     string
	items       *datum // of a Map
	next        int64  // the next iteration to begin
	concurrency int64  // iterations at a time; 0: all branches are begun
	tolerated   int64  // iterations that may fail
	failed      int64
	running     int64
	outputs     []*datum // by index
	done        int64
	last        int64  // the last event of what ended last
	freed       int64  // the last event within the iteration that ended last
	mapRun      string // ARN of the map run; "": it has not begun
	ended       bool   // the map run has
	source      string // of the items of a trial that an ItemReader has read; else "", and never stored
}

// New is an execution before its first event.
func (r *Rules) New(id engine.Identity) engine.State { return newState(id) }

// noSettings are those of an execution before its first event.
var noSettings Settings

func newState(id engine.Identity) *State {
	s := &State{id: id, settings: &noSettings}
	s.machine, s.name = Split(id.Name.Key)
	s.of = MachineARN(id.Name.World, s.machine)
	s.name, _, s.express = strings.Cut(s.name, ":")
	return s
}

// arn is the execution's.
func (s *State) arn() string {
	if s.named == "" {
		s.named = ARNOf(s.id.Name)
	}
	return s.named
}

func (s *State) isOpen() bool { return s.status == Running }

// thread gives a thread by its number, or nil.
func (s *State) thread(number int64) *thread {
	i, ok := slices.BinarySearchFunc(s.threads, number, func(t *thread, n int64) int { return cmp.Compare(t.number, n) })
	if !ok {
		return nil
	}
	return s.threads[i]
}

// spawn adds a thread.
func (s *State) spawn(t *thread) *thread {
	s.spawned++
	t.number = s.spawned
	s.threads = append(s.threads, t)
	return t
}

// remove takes threads away, with all below them.
func (s *State) remove(gone func(*thread) bool) {
	removed := map[int64]bool{}
	s.threads = slices.DeleteFunc(s.threads, func(t *thread) bool { // owners come first
		if removed[t.owner] || gone(t) {
			removed[t.number] = true
			return true
		}
		return false
	})
}

// below ranges over all threads that are part of a thread's state.
func (s *State) below(owner *thread, visit func(*thread)) {
	within := map[int64]bool{owner.number: true}
	for _, t := range s.threads {
		if within[t.owner] {
			within[t.number] = true
			visit(t)
		}
	}
}

// leave ends what a thread has of its state.
func (s *State) leave(t *thread) {
	if t.group != nil {
		s.remove(func(other *thread) bool { return other.owner == t.number })
	}
	t.state, t.entered, t.enteredAt, t.before = "", 0, 0, 0
	t.retries, t.retried, t.wake, t.work, t.group, t.again, t.halted, t.asked = nil, 0, 0, nil, nil, false, false, false
}

// working gives the thread with an open task by its Scheduled event, or nil.
func (s *State) working(scheduled int64) *thread {
	for _, t := range s.threads {
		if t.work != nil && t.work.Scheduled == scheduled {
			return t
		}
	}
	return nil
}

// ready tells whether a thread has something to do that waits for nobody.
func (t *thread) ready() bool {
	return !t.halted && (t.next != "" || t.again || t.group != nil && t.group.mayBegin())
}

// item is what an iteration of a Map is about.
func (g *group) item(index int64) any {
	if o, ok := g.items.Value().(*jsonvalue.Object); ok {
		return Pair(o.At(int(index)))
	}
	return g.items.Value().([]any)[index]
}

// shownItem is what the context object says of an item.
func (g *group) shownItem(index int64) any {
	if o, ok := g.items.Value().(*jsonvalue.Object); ok {
		key, value := o.At(int(index))
		return itemContext(index, &key, value, cmp.Or(g.source, stateData))
	}
	return itemContext(index, nil, g.item(index), cmp.Or(g.source, stateData))
}

// item is what a thread is about, if it is an iteration's.
func (s *State) item(t *thread) (shown any, is bool) {
	owner := s.thread(t.owner)
	if owner == nil || owner.group == nil || owner.group.items == nil {
		return nil, false
	}
	return owner.group.shownItem(t.index), true
}

// mayBegin tells whether another iteration may begin.
func (g *group) mayBegin() bool {
	return g.items != nil && g.next < int64(len(g.outputs)) && g.running < g.concurrency
}

// nextReady is a thread that is ready; nil: none is.
func (s *State) nextReady() *thread {
	for _, t := range s.threads {
		if t.ready() {
			return t
		}
	}
	return nil
}

// lookUp finds a variable as a thread sees it: its own, or those around it.
func (s *State) lookUp(t *thread, name string) (*datum, bool) {
	for t != nil {
		for i := range t.vars {
			if t.vars[i].name == name {
				return &t.vars[i].value, true
			}
		}
		t = s.thread(t.owner)
	}
	return nil, false
}

// assign sets variables of a thread.
func (t *thread) assign(assigned []variable) {
	for _, v := range assigned {
		i := slices.IndexFunc(t.vars, func(have variable) bool { return have.name == v.name })
		if i < 0 {
			t.vars = append(t.vars, v)
		} else {
			t.vars[i] = v
		}
	}
}

// stateFormat is the first byte of an encoded state.
const stateFormat = 1

func (s *State) code(c *pack.Coder) {
	c.Format(stateFormat)
	if c.Reads() {
		s.settings = new(Settings)
	}
	s.settings.code(c)
	s.input.code(c)
	c.Int(&s.last)
	s.started.Code(c)
	s.closed.Code(c)
	c.Text(&s.status)
	s.output.code(c)
	for _, words := range []**datum{&s.err, &s.cause} {
		codeSome(c, words, (*datum).codeText)
		if c.Reads() && *words != nil && s.settings.Key.Key != "" { // else they may be anything
			(*words).settle()
		}
	}
	c.Int(&s.redrives)
	s.redriven.Code(c)
	c.Text(&s.redriveBy)
	c.Int(&s.spawned)
	var before *thread
	pack.Pointers(c, &s.threads, func(t *thread, c *pack.Coder) {
		if t.code(c, before); c.Reads() && t.work != nil {
			t.work.Full = t.work.list()
		}
		before = t
	})
	pack.List(c, &s.known, func(k *known, c *pack.Coder) {
		c.Text(&k.arn)
		k.key.Code(c)
		k.at.Code(c)
	})
	pack.List(c, &s.noted, (*change).code)
	c.Int(&s.grown)
	c.Texts(&s.dataKeys)
	pack.Signed(c, &s.dataKeysNeeded)
	if !c.Tail(len(s.settings.Mocks) > 0 || s.paced != 0) {
		return
	}
	pack.List(c, &s.settings.Mocks, (*StateMock).code)
	pack.List(c, &s.invoked, func(n *int64, c *pack.Coder) { c.Int(n) })
	if c.Tail(s.paced != 0) {
		s.paced.Code(c)
		c.Int(&s.grants)
		s.asked.Code(c)
	}
}

func (s *Settings) code(c *pack.Coder) {
	c.Fixed(s.Definition[:])
	c.Text(&s.StartAt)
	c.Text(&s.Version)
	c.Text(&s.Alias)
	c.Text(&s.Role)
	c.Int(&s.TimeoutSeconds)
	c.Text(&s.Trace)
	c.Bytes(&s.Revision)
	c.Fixed(s.Secret[:])
	c.Int(&s.RetentionDays)
	s.Parent.code(c)
	pack.List(c, &s.Activities, func(a *Activity, c *pack.Coder) {
		c.Text(&a.ARN)
		a.Encryption.Code(c)
	})
	if s.Key.Code(c); s.Key.Key != "" {
		c.Text(&s.DefinitionKey)
	}
}

func (p *Parent) code(c *pack.Coder) {
	codeName(c, &p.Name)
	if p.Name.Key != "" {
		p.Run.Code(c)
		c.Int(&p.Scheduled)
		c.Bool(&p.Waits)
		if p.ofItem() {
			pack.Signed(c, &p.Flow)
			c.Int(&p.Items)
			c.Bool(&p.Express)
		}
	}
}

func codeName(c *pack.Coder, n *engine.Name) {
	c.Text(&n.Key)
	if n.Key != "" {
		c.Text((*string)(&n.Kind))
		c.Text(&n.World.Account)
		c.Text(&n.World.Region)
	}
}

// code writes what is stored of a payload.
func (d *datum) code(c *pack.Coder) {
	if d.codeText(c); c.Reads() {
		d.settle()
	}
}

func (d *datum) codeText(c *pack.Coder) {
	if c.Reads() {
		c.Text(&d.text)
		return
	}
	text := d.stored()
	c.Text(&text)
	if d.sealed != "" {
		c.Weigh(len(d.text)) // which is in memory besides
	}
	if d.read {
		c.Weigh(parsedWeight * len(text))
	}
}

// parsedWeight is how much more than its text a value takes of memory at most, of what JSON
// texts usually hold.
const parsedWeight = 8

func codeSome[T any](c *pack.Coder, v **T, code func(*T, *pack.Coder)) {
	there := *v != nil
	if c.Bool(&there); !there {
		return
	}
	if c.Reads() {
		*v = new(T)
	}
	code(*v, c)
}

func (v *variable) code(c *pack.Coder) {
	c.Text(&v.name)
	v.value.code(c)
}

// code writes a thread. It shares its input with the thread before it, if that has the same.
func (t *thread) code(c *pack.Coder, before *thread) {
	c.Weigh(int(unsafe.Sizeof(*t)) + len(t.vars)*int(unsafe.Sizeof(variable{})))
	c.Int(&t.number)
	c.Int(&t.owner)
	pack.Signed(c, &t.flow)
	c.Int(&t.index)
	c.Int(&t.previous)
	c.Text(&t.next)
	c.Bool(&t.halted)
	c.Bool(&t.again)
	c.Bool(&t.asked)
	c.Text(&t.state)
	if t.state != "" {
		c.Int(&t.entered)
		t.enteredAt.Code(c)
		c.Int(&t.before)
		pack.List(c, &t.retries, func(n *int64, c *pack.Coder) { c.Int(n) })
		c.Int(&t.retried)
		t.wake.Code(c)
		codeSome(c, &t.work, (*work).code)
		codeSome(c, &t.group, (*group).code)
	}
	shares := before != nil && !c.Reads() && t.input.stored() == before.input.stored()
	switch c.Bool(&shares); {
	case !shares:
		t.input.code(c)
	case c.Reads() && before != nil:
		t.input = before.input
	}
	pack.List(c, &t.vars, (*variable).code)
}

func (w *work) code(c *pack.Coder) {
	c.Weigh(int(unsafe.Sizeof(*w)))
	w.Task.Code(c)
	c.Byte(&w.kind)
	w.input.code(c)
	c.Text(&w.handed)
	c.Int(&w.timeout)
	c.Int(&w.heartbeat)
	c.Text(&w.role)
	c.Text(&w.resource)
	c.Text(&w.service)
	c.Int(&w.submitted)
	c.Fixed(w.child[:])
	codeName(c, &w.childName)
	c.Byte(&w.pattern)
	w.Beat.Code(c)
}

func (g *group) code(c *pack.Coder) {
	c.Weigh(int(unsafe.Sizeof(*g)) + len(g.outputs)*int(unsafe.Sizeof(datum{})+8))
	c.Int(&g.started)
	pack.Signed(c, &g.flow)
	c.Text(&g.startAt)
	codeSome(c, &g.items, (*datum).code)
	c.Int(&g.next)
	c.Int(&g.concurrency)
	c.Int(&g.tolerated)
	c.Int(&g.failed)
	c.Int(&g.running)
	pack.List(c, &g.outputs, func(d **datum, c *pack.Coder) { codeSome(c, d, (*datum).code) })
	c.Int(&g.done)
	c.Int(&g.last)
	c.Int(&g.freed)
	if g.flow == distributed {
		c.Text(&g.mapRun)
		c.Bool(&g.ended)
	}
}

// EncodeState writes a snapshot. Equal states give equal bytes.
func (r *Rules) EncodeState(st engine.State) []byte {
	c := pack.Writing(make([]byte, 0, 512))
	st.(*State).code(c)
	return c.Written()
}
