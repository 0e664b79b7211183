package maprun

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// Commands, beside the messages of package execution.
type (
	// Describe asks what a map run is; it changes nothing. The reply is a *Description.
	Describe struct{}
	// Update changes how a map run goes on; nil: stays. The reply is nil. Errors: *ClosedError.
	Update struct {
		Concurrency *int64
		Count       *int64
		Percent     *float64
	}
)

// TakePlace has a map run that waits take a place, if there is one. The reply is a *Place. Errors:
// *ClosedError if it does not wait.
type (
	TakePlace struct{}
	Place     struct{ Full bool } // there was none
)

// For who reads items. Read asks what is to be read; the reply is a *Reading. Took brings
// items, ReadFailed says why there will be none. Errors: *ClosedError if that is not wanted.
type (
	Read struct {
		Read       int64
		Definition bool // it is wanted, too
	}
	Took struct {
		Read     int64
		Items    []string // JSON texts, of ItemBytes at most
		Position []byte   // where the next Read goes on
		Done     bool     // there are no more
		Selected []int64  // which of them, in order, are already what the ItemSelector makes
	}
	ReadFailed struct {
		Read        int64
		Name, Cause string
	}
)

// Reading is what is to be read.
type Reading struct {
	Order    execution.MapRunOrder
	Position []byte // nil: from the beginning
	Known    int64  // items that were read already
	Started  engine.Time
	// Definition is the text of the state machine, if it was asked for.
	Definition []byte
}

// ItemBytes is what an item may have that is brought. Of a larger one the reader brings what the
// ItemSelector makes of it (Reading.Select).
const ItemBytes = dataBytesMax

// Gone says that there is nothing to be tried again: it makes it an engine.GoneError.
func (*ClosedError) Gone() {}

// ClosedError says that a map run has ended.
type ClosedError struct{}

func (*ClosedError) Error() string { return "the map run has ended" }

// Description is the reply to Describe.
type Description struct {
	Order      execution.MapRunOrder
	Status     string
	Started    engine.Time
	Closed     engine.Time // zero: open
	Items      Counts
	Executions Counts
	Redrives   int64
	Redriven   engine.Time
}

// Counts are those of items or of executions.
type Counts struct{ Pending, Running, Succeeded, Failed, TimedOut, Aborted, Total, Written, PendingRedrive int64 }

func (n *counts) shown(pending, running, redrive int64) Counts {
	return Counts{
		Pending: pending, Running: running, Succeeded: n.succeeded, Failed: n.failed, TimedOut: n.timedOut, Aborted: n.aborted,
		Total: pending + running + redrive + n.ended(), Written: n.ended(), PendingRedrive: redrive,
	}
}

func items(list []span) (n int64) {
	for i := range list {
		n += list[i].items
	}
	return n
}

func (s *State) describe() *Description {
	d := &Description{
		Order: s.order, Status: s.status, Started: s.Started, Closed: s.closed, Redrives: s.redrives, Redriven: s.redriven,
	}
	if s.wantsPlace() && s.redrives == 0 { // it is not known yet what there is
		return d
	}
	back, window := int64(len(s.back)), int64(len(s.window))
	for i := range s.back {
		window += s.back[i].items
	}
	d.Items = s.items.shown(window, items(s.open), items(s.todo))
	pending := back + int64(len(s.window)) // of batches it is not known yet how many there will be
	if b := s.order.Batch; b != nil && b.Items > 0 {
		pending = back + (int64(len(s.window))+b.Items-1)/b.Items
	}
	d.Executions = s.executions.shown(pending, int64(len(s.open)), int64(len(s.todo)))
	return d
}

// Bounds of a turn; what is left goes on in the next.
const (
	turnBytes  = 768 << 10
	turnParts  = 250
	turnSteps  = 4_000_000
	partBytes  = 512 // what a message counts beside its own
	itemSteps  = 2_000_000
	takeSteps  = 20_000_000 // of all items of an execution
	itemMemory = 8 << 20
)

// turn is what a command does, while it is being decided.
type turn struct {
	engine.Turn
	rules *Rules
	s     *State
	in    engine.Input

	bytes, parts int
	steps        int64 // that evaluation took
	taken        int64 // of them, for the execution that is to begin

	key   engine.DataKey // to seal with; nil: nothing is sealed, or the key is refused
	noKey error          // why it is refused

	selector *selector // once it was wanted
}

func (t *turn) spent() bool { return t.bytes > turnBytes || t.parts > turnParts || t.steps > turnSteps }

func (t *turn) emit(body event) { t.rules.Emit(&t.Turn, t.s, t.in.Now, body) }

func (t *turn) send(m engine.Message) {
	t.Messages = append(t.Messages, m)
	t.bytes += len(m.Body) + len(m.To.Key) + partBytes
	t.parts++
}

// Wants is the definition, if items are evaluated and its machine is not at hand.
func (r *Rules) Wants(st engine.State, body any) (want engine.Want) {
	s := st.(*State)
	order := &s.order
	switch c := body.(type) {
	case *Describe:
		return want
	case *Read, *Write: // which begin nothing
		want.DataKeys = s.uses(&order.Settings, body)
		if read, ok := c.(*Read); ok && read.Definition {
			want.Blobs = []blob.ID{order.Settings.Definition}
			if locks(&order.Settings, body) {
				want.DataKeys = append(want.DataKeys, order.Settings.OpenUse(s.id, order.Settings.DefinitionKey))
			}
		}
		return want
	case *execution.BeginMapRun:
		order = &c.Order
	}
	want.DataKeys = s.uses(&order.Settings, body)
	if order.SelectedItems && r.machines.Find(order.Settings.Definition) == nil {
		want.Blobs = []blob.ID{order.Settings.Definition}
		if locks(&order.Settings, body) {
			want.DataKeys = append(want.DataKeys, order.Settings.OpenUse(s.id, order.Settings.DefinitionKey))
		}
	}
	return want
}

// Handle decides what a command does.
func (r *Rules) Handle(st engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := &turn{rules: r, s: st.(*State), in: in}
	s := t.s
	settings := &s.order.Settings
	if c, ok := body.(*execution.BeginMapRun); ok {
		settings = &c.Order.Settings
	}
	defer func() { s.opens = nil }()
	if refused := t.unlock(settings, body); refused != nil {
		return t.locked(body, refused)
	}
	switch c := body.(type) {
	case *Describe:
		t.Reply = s.describe()
		return t.Turn, nil
	case *Update:
		if !s.isOpen() {
			return engine.Turn{}, &ClosedError{}
		}
		t.update(c)
	case *Read:
		if !s.wanted(c.Read) {
			return engine.Turn{}, &ClosedError{}
		}
		reading := &Reading{Order: s.plain(), Known: s.total(), Started: s.Started}
		if c.Definition {
			reading.Definition = t.definition()
		}
		if s.position != nil {
			reading.Position = []byte(s.text(string(s.position)))
		}
		t.Reply = reading
		return t.Turn, nil
	case *Took:
		if !s.wanted(c.Read) {
			return engine.Turn{}, &ClosedError{}
		}
		e := &itemsRead{c.Items, c.Position, c.Done, c.Selected}
		if t.key != nil {
			e.position, e.items = []byte(t.seal(string(c.Position))), slices.Clone(c.Items)
			for i := range e.items {
				e.items[i] = t.seal(e.items[i])
			}
		}
		t.emit(e)
	case *ReadFailed:
		if !s.wanted(c.Read) {
			return engine.Turn{}, &ClosedError{}
		}
		t.fail(c.Name, c.Cause)
	case *TakePlace:
		if !s.wantsPlace() {
			return engine.Turn{}, &ClosedError{}
		}
		if t.openIn(execution.MapRunGroup) >= r.limits.OpenMapRunsMax {
			t.Reply = &Place{Full: true}
			return t.Turn, nil
		}
		t.emit(&gotPlace{placed})
		t.Reply = &Place{}
	case *Write:
		if !s.writable(c.Write) {
			return engine.Turn{}, &ClosedError{}
		}
		t.Reply = s.toWrite()
		return t.Turn, nil
	case *Wrote:
		if !s.writable(c.Write) {
			return engine.Turn{}, &ClosedError{}
		}
		t.wrote(c)
	case *WriteFailed:
		if !s.writable(c.Write) {
			return engine.Turn{}, &ClosedError{}
		}
		t.emit(&notWritten{})
		if s.ending == "" {
			t.fail(c.Name, c.Cause)
		}
	case *execution.BeginMapRun:
		t.emit(t.sealed(c.Order))
		if r := c.Order.Reader; r != nil {
			if why := r.Refused(); why != "" {
				t.fail(execution.ReaderFailed, why)
			}
		}
		t.Keep = append(t.Keep, c.Order.Settings.Definition)
		t.place(in.OpenInGroup)
	case *execution.ChildClosed:
		if _, ok := find(s.open, c.Scheduled); ok && s.isOpen() {
			e := &itemEnded{first: c.Scheduled, status: c.Status}
			if c.ARN != "" || c.Status == execution.Succeeded { // else it is gone
				transformation := s.order.Transformation
				if w := s.order.Writer; w != nil {
					transformation = w.Transformation
				}
				e.output = c.Result(transformation)
			}
			if t.key != nil {
				e.size, e.output = int64(len(e.output)), t.seal(e.output)
			}
			t.emit(e)
		}
	case *execution.ItemRefused:
		t.refused(c)
	case *execution.StopMapRun:
		t.stop()
	case *execution.RedriveMapRun:
		t.redrive(c)
	case engine.Wake:
	default:
		panic(fmt.Sprintf("maprun: no rule for command %T", body))
	}
	t.goOn()
	return t.Turn, nil
}

// wrote takes in what was written.
func (t *turn) wrote(c *Wrote) {
	e := &written{results: c.Results, listed: c.Listed}
	for _, f := range c.Files {
		e.files = append(e.files, file{f.Status, f.Size})
	}
	t.emit(e)
}

func (t *turn) stop() {
	if s := t.s; s.isOpen() && s.ending != execution.Aborted {
		t.emit(&stopping{status: execution.Aborted})
	}
}

func (t *turn) redrive(c *execution.RedriveMapRun) {
	switch s := t.s; {
	case s.status == execution.Succeeded:
		t.tell()
	case c.Redrives > redrivesMost:
		name, cause := "States.Runtime", fmt.Sprintf("The Map Run was redriven %d times, and can't be redriven once more.", redrivesMost)
		t.tellExecution(&execution.MapRunClosed{ARN: execution.MapRunARN(s.id.Name), Error: &name, Cause: &cause})
	case s.isOpen():
		t.emit(&putOff{c.Redrives})
	default:
		t.emit(&redriven{c.Redrives})
		t.place(t.openIn(execution.MapRunGroup))
	}
}

// place gives the map run a place, or has it wait for one, behind those that do.
func (t *turn) place(open int) {
	its := placed
	if open >= t.rules.limits.OpenMapRunsMax || t.openIn(execution.WaitingMapRunGroup) > 0 {
		its = waiting
	}
	t.emit(&gotPlace{its})
}

// openIn counts the open map runs of a group of the world.
func (t *turn) openIn(group func(engine.World) string) int {
	if t.in.OpenIn == nil {
		return 0
	}
	return t.in.OpenIn(group(t.s.id.Name.World))
}

// wanted tells whether a Read is what is wanted now.
func (s *State) wanted(read int64) bool { return s.wantsItems() && read == s.nextRead() }

func (t *turn) update(c *Update) {
	e := &updated{t.s.order.Concurrency, t.s.order.Tolerance}
	if c.Concurrency != nil {
		e.concurrency = *c.Concurrency
	}
	if c.Count != nil {
		e.tolerance.Count = c.Count
	}
	if c.Percent != nil {
		e.tolerance.Percent = c.Percent
	}
	t.emit(e)
}

// refused takes in that an execution could not begin: it is begun later, or has failed.
func (t *turn) refused(c *execution.ItemRefused) {
	if _, ok := find(t.s.open, c.Index); !ok || !t.s.isOpen() {
		return
	}
	if c.Full || t.s.ending != "" {
		input := c.Input
		if !execution.Sealed(input) {
			input = t.seal(input)
		}
		t.emit(&itemBack{c.Index, input, t.in.Now + engine.Seconds(restSeconds)})
	} else {
		t.emit(&itemEnded{first: c.Index, status: execution.Failed})
	}
}

// allItems is how many items there are; 0: it is not known yet.
func (s *State) allItems() int64 {
	if !s.read {
		return 0
	}
	return s.total()
}

// goOn does what waits for nobody, as far as the turn has room. Record then wants a wake at
// once.
func (t *turn) goOn() {
	s := t.s
	for s.isOpen() && !t.spent() {
		if s.ending == "" && s.order.Tolerance.Exceeded(s.items.unsuccessful(), s.allItems()) {
			name, cause := execution.TooManyFailed()
			t.fail(*name, *cause)
		}
		switch {
		case s.mayTell():
			t.stopItems()
		case s.mayEnd():
			t.end()
		case s.mayBegin() && t.in.Now >= s.rest:
			t.begin()
		default:
			return
		}
	}
}

func (t *turn) fail(name, cause string) {
	name, cause = t.seal(name), t.seal(cause)
	t.emit(&stopping{execution.Failed, &name, &cause})
}

// stopItems stops executions, as many as the turn has room for.
func (t *turn) stopItems() {
	s := t.s
	from, _ := find(s.open, s.told)
	for _, its := range s.open[from:] {
		t.send(engine.Message{
			To: t.name(its.first), Body: execution.EncodeMessage(&execution.StopChild{Run: s.id.Run, Scheduled: its.first}),
		})
		if t.spent() || its.first == s.open[len(s.open)-1].first {
			t.emit(&toldTo{its.first + 1})
			return
		}
	}
}

// end closes the map run, and tells the execution, unless that has stopped it; or goes on at
// once, if it is to be redriven.
func (t *turn) end() {
	s := t.s
	again := s.again
	t.emit(&ended{})
	switch {
	case again != 0 && s.status != execution.Succeeded:
		t.emit(&redriven{again})
		t.failLocked()
	case s.status != execution.Aborted || again != 0:
		t.tell()
	}
}

// tell tells the execution how the map run has ended.
func (t *turn) tell() {
	s := t.s
	m := &execution.MapRunClosed{
		ARN: execution.MapRunARN(s.id.Name), Succeeded: s.status == execution.Succeeded, TooLarge: s.outputTooLarge(), Error: s.word(s.err), Cause: s.word(s.cause),
	}
	if t.noKey != nil {
		name, cause := execution.KeyFailure(t.noKey)
		m.Succeeded, m.Error, m.Cause = false, &name, &cause
	} else if s.order.Writer != nil {
		bucket, prefix := s.plain().Writer.Place(s.id.Name)
		at, all := jsonvalue.NewObject(2), jsonvalue.NewObject(2)
		at.Set("Bucket", bucket)
		at.Set("Key", prefix+Manifest)
		all.Set("MapRunArn", m.ARN)
		all.Set("ResultWriterDetails", at)
		m.Output = jsonvalue.Text(all)
	} else if m.Succeeded && !m.TooLarge {
		texts, failures := make([]string, 0, len(s.outputs)+len(s.failures)), s.failures
		for i := range s.outputs {
			for len(failures) > 0 && failures[0].first < s.outputs[i].first {
				texts, failures = append(texts, s.text(failures[0].text)), failures[1:]
			}
			texts = append(texts, flattened(s.text(s.outputs[i].text), s.order.Transformation)...)
		}
		for i := range failures {
			texts = append(texts, s.text(failures[i].text))
		}
		m.Output = "[" + strings.Join(texts, ",") + "]"
	}
	t.tellExecution(m)
}

func (t *turn) tellExecution(m *execution.MapRunClosed) {
	t.send(engine.Message{To: t.s.order.Name, Run: t.s.order.Run, Body: execution.EncodeMessage(m)})
}

// word is what a stored word says.
func (s *State) word(stored *string) *string {
	if stored == nil {
		return nil
	}
	text := s.text(*stored)
	return &text
}

// name is that of the execution of an item.
func (t *turn) name(first int64) engine.Name {
	machine, _ := execution.Split(t.s.id.Name.Key)
	return execution.Name(t.s.id.Name.World, machine, execution.DerivedUUID(fmt.Sprintf("%x item %d", t.s.id.Run[:], first)))
}

// begin begins the next execution: one that is to be redriven, one that was refused, or one of
// the items in the window.
func (t *turn) begin() {
	s := t.s
	switch {
	case len(s.todo) > 0:
		its := s.todo[0]
		t.emit(&itemBegun{its, fromTodo})
		t.send(engine.Message{To: t.name(its.first), Body: execution.EncodeMessage(&execution.RedriveItem{Name: s.id.Name, Run: s.id.Run, Index: its.first})})
	case len(s.back) > 0:
		its := s.back[0]
		t.emit(&itemBegun{its.span, fromBack})
		t.start(its.span, s.text(its.input), its.input)
	default:
		n, input := t.take()
		if s.ending != "" {
			return
		}
		its := span{first: s.next, items: n}
		t.emit(&itemBegun{its, fromWindow})
		t.start(its, input, t.seal(input))
	}
}

// start begins the execution of an item; stored is its input as it is stored.
func (t *turn) start(its span, input, stored string) {
	s := t.s
	settings := s.order.Settings
	settings.Secret = secret(settings.Secret, s.id.Run, its.first)
	settings.Parent = execution.Parent{
		Name: s.id.Name, Run: s.id.Run, Scheduled: its.first, Waits: true,
		Flow: s.order.Flow, Items: its.items, Express: s.order.Express,
	}
	m := &execution.StartItem{Start: execution.Start{Settings: settings, Input: input}}
	if stored != input {
		m.Sealed = stored
	}
	t.send(engine.Message{
		To: t.name(its.first), Begin: engine.Always, Seed: engine.DeriveSeed(t.in.Now, s.id.Run, s.LastEventID), Group: execution.Group(s.id.Name.World),
		Body: execution.EncodeMessage(m),
	})
}

// secret is that of the execution of an item.
func secret(of [16]byte, run engine.RunID, first int64) (own [16]byte) {
	b := append(append([]byte(nil), of[:]...), run[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(first)))
	copy(own[:], sum[:])
	return own
}

// take gives the input of the next execution, and how many items are in it. The map run fails
// if there can be none.
func (t *turn) take() (n int64, input string) {
	s := t.s
	t.taken = 0
	defer func() { t.steps += t.taken }()
	b := s.order.Batch
	if b == nil {
		text := t.item(0)
		if s.ending == "" && len(text) > dataBytesMax {
			t.tooLarge()
		}
		return 1, text
	}
	input = "{"
	if b.Input != "" {
		input += `"BatchInput":` + s.text(b.Input) + ","
	}
	input += `"Items":[`
	texts, bytes := []string{}, int64(len(input)+2)
	for i := range s.window {
		if b.Items > 0 && n == b.Items {
			break
		}
		text := t.item(i)
		if s.ending != "" {
			return 0, ""
		}
		if bytes += int64(len(text)) + 1; bytes-1 > b.BytesMax {
			break
		}
		texts = append(texts, text)
		n++
	}
	if n == 0 {
		t.tooLarge()
		return 0, ""
	}
	return n, input + strings.Join(texts, ",") + "]}"
}

func (t *turn) tooLarge() {
	f := execution.TooLarge(t.s.order.State)
	t.fail(f.Name, f.Cause)
}

// item is the text of an item in the window, after the ItemSelector. The map run fails if that
// can't be evaluated.
func (t *turn) item(at int) string {
	s := t.s
	index := s.next + int64(at)
	if !s.order.SelectedItems || s.isSelected(index) {
		return s.text(s.window[at])
	}
	if t.selector == nil {
		t.selector = newSelector(t.compiled(), s.plain(), s.id.Run)
	}
	env := t.selector.env(index, min(itemSteps, takeSteps-t.taken), t.in.Now)
	before := env.Steps
	selected, failed := execution.SelectItem(t.selector.machine, &t.selector.order, env, index, value(s.text(s.window[at])), t.selector.source)
	t.taken += before - env.Steps
	if failed != nil {
		t.fail(failed.Name, failed.Cause)
		return ""
	}
	return jsonvalue.Text(selected)
}

func (t *turn) compiled() *asl.Machine {
	id := t.s.order.Settings.Definition
	if m := t.rules.machines.Find(id); m != nil {
		return m
	}
	m, err := t.rules.machines.Add(id, t.definition())
	mustHold(err == nil, "%v", err)
	return m
}

// definition is the text of the definition, which is wanted.
func (t *turn) definition() []byte {
	settings := &t.s.order.Settings
	text := t.in.Blob(settings.Definition)
	if settings.Key.Key == "" {
		return text
	}
	key, err := t.in.DataKey(settings.OpenUse(t.s.id, settings.DefinitionKey))
	if err == nil {
		text, err = key.Open(text)
	}
	mustHold(err == nil, "open the definition: %v", err)
	return text
}

func value(text string) any {
	v, err := jsonvalue.ParseString(text)
	mustHold(err == nil, "a stored text is no JSON: %v", err)
	return v
}
