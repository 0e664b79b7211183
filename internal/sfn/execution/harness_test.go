package execution

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
)

var testWorld = engine.World{Account: "123456789012", Region: "us-east-1"}

const houseStart = engine.Time(1_700_000_000_000)

// harness runs executions as the kernel does, one command at a time. After every command
// it folds the log anew and compares.
type harness struct {
	t     testing.TB
	rules *Rules
	now   engine.Time
	up    engine.Time
	blobs map[blob.ID][]byte
	runs  map[engine.Name]*harnessRun
	order []*harnessRun
	queue []engine.Message
	open  int // executions of the account, beside these
	// quick: the log is folded now and then only.
	quick bool
	// activities that are there beside those that an execution knew at its start.
	activities map[string]registry.Encryption
	// key is that of the machines.
	key   registry.Encryption
	keys  *toyKeys
	turns int
	watch func(*harnessRun) // after each turn; nil: nobody does

	notify engine.Notify
	kept   registry.Revision // of the machines
	putOff int               // how often the pace put an execution off
}

type noteKey struct {
	subject int64
	kind    engine.NoteKind
}

// harnessRun is one run with its log.
type harnessRun struct {
	id     engine.Identity
	state  engine.State
	events []engine.Event
	notes  map[noteKey][]byte
	record engine.Record

	notifications []engine.Notification
}

func newHarness(t testing.TB, limits Limits) *harness {
	rules := New(limits, asl.NewCache(1<<20))
	enginetest.CheckParts(t, rules)
	return &harness{
		t: t, rules: rules, now: houseStart, up: houseStart, blobs: map[blob.ID][]byte{}, activities: map[string]registry.Encryption{}, runs: map[engine.Name]*harnessRun{},
		keys: &toyKeys{t: t, refused: map[string]error{}},
	}
}

// paced has all executions go on by a rate: a burst, and then one state each so many ms.
func (h *harness) paced(burst, each engine.Time) {
	h.rules.Paced(&harnessPace{h: h, burst: burst, each: each})
}

type harnessPace struct {
	h           *harness
	burst, each engine.Time
	full        engine.Time
}

func (p *harnessPace) Reserve(_ engine.World, now engine.Time, n int) engine.Time {
	p.full = max(p.full, now) + engine.Time(n)*p.each
	at := max(now, p.full-p.burst*p.each)
	if at > now {
		p.h.putOff++
	}
	return at
}

func (p *harnessPace) Return(_ engine.World, n int) { p.full -= engine.Time(n) * p.each }

// put stores a definition.
func (h *harness) put(definition string) blob.ID {
	id := blob.ID(sha256.Sum256([]byte(definition)))
	h.blobs[id] = []byte(definition)
	return id
}

// begin starts an execution.
func (h *harness) begin(machine, name, definition, input string, change func(*Start)) *harnessRun {
	h.t.Helper()
	run, err := h.tryBegin(machine, name, definition, input, change)
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

// tryBegin is begin, which may be refused.
func (h *harness) tryBegin(machine, name, definition, input string, change func(*Start)) (*harnessRun, error) {
	h.t.Helper()
	start := &Start{Input: input, Settings: Settings{
		Definition: h.put(definition),
		Role:       "arn:aws:iam::123456789012:role/states", Secret: [16]byte{1, 2, 3},
	}}
	if h.kept.Logging.Level != "" {
		start.Revision = h.kept.Shown(h.now)
	}
	if change != nil {
		change(start)
	}
	if start.Key = h.key; h.key.Key != "" {
		key := &toyKey{h.keys, "of definitions", ""}
		start.Definition = h.put(string(key.Seal([]byte(definition))))
		start.DefinitionKey = key.blob
	}
	id := engine.Identity{Name: Name(testWorld, machine, name), Run: engine.NewRunID(7, engine.NameSeed(Name(testWorld, machine, name)))}
	run := &harnessRun{id: id, state: h.rules.New(id), notes: map[noteKey][]byte{}}
	if _, err := h.do(run, start); err != nil {
		return nil, err
	}
	h.runs[id.Name] = run
	h.order = append(h.order, run)
	h.settle()
	return run, nil
}

// do gives a command to a run, and checks what came of it.
func (h *harness) do(r *harnessRun, body any) (any, error) {
	h.t.Helper()
	in := engine.Input{Now: h.now, Up: h.up, OpenInGroup: h.open, Notify: h.notify, Measure: true, Blob: func(id blob.ID) []byte { return h.blobs[id] }}
	h.keys.want(h.rules.Wants(r.state, body).DataKeys)
	in.DataKey = h.keys.find
	var before []byte
	_, woken := body.(engine.Wake)
	checked := !h.quick || h.turns%10 == 0
	if checked {
		before = h.rules.EncodeState(r.state)
	}
	turn, err := h.rules.Handle(r.state, body, in)
	if err != nil {
		if checked && !bytes.Equal(before, h.rules.EncodeState(r.state)) {
			h.t.Fatalf("%T was refused (%v), and changed the state", body, err)
		}
		return nil, err
	}
	enginetest.CheckTurn(h.t, &turn)
	r.events = append(r.events, turn.Events...)
	r.notifications = append(r.notifications, turn.Notifications...)
	for _, n := range turn.Notes {
		key := noteKey{n.Subject, n.Kind}
		if len(n.Value) == 0 {
			delete(r.notes, key)
		} else {
			r.notes[key] = n.Value
		}
	}
	h.queue = append(h.queue, turn.Messages...)
	r.record = h.rules.Record(r.state, h.up)
	if woken && checked {
		enginetest.CheckProgress(h.t, h.rules, before, r.state, in)
	}
	if h.turns++; !h.quick || h.turns%100 == 0 {
		h.verify(r)
	}
	if h.watch != nil {
		h.watch(r)
	}
	if err, refused := turn.Reply.(error); refused {
		return nil, err
	}
	return turn.Reply, nil
}

// verify folds the log of a run, and takes its state through the store: both must give the
// state that it has.
func (h *harness) verify(r *harnessRun) {
	h.t.Helper()
	want := h.rules.EncodeState(r.state)
	folded := h.folded(r)
	decoded, err := h.rules.DecodeState(r.id, want)
	if err != nil {
		h.t.Fatal(err)
	}
	for what, s := range map[string]engine.State{"a replay": folded, "a snapshot": decoded} {
		h.renote(r, s)
		if got := h.rules.EncodeState(s); !bytes.Equal(got, want) {
			h.t.Fatalf("%s gives another state:\n%+v\nwant\n%+v", what, s, r.state)
		}
	}
}

// settle delivers messages and wakes what is due at once, until all is quiet.
func (h *harness) settle() {
	h.t.Helper()
	for range 100_000 {
		if len(h.queue) > 0 {
			m := h.queue[0]
			h.queue = h.queue[1:]
			if m.To.Kind == registry.KindActivity {
				h.answer(m)
				continue
			}
			body, err := h.rules.DecodeMessage(m.Body)
			if err != nil {
				h.t.Fatal(err)
			}
			to := h.runs[m.To]
			if to == nil || to.id.Run != m.Run {
				h.queue = append(h.queue, h.rules.Refused(m.To, body, &engine.UnknownRunError{})...)
			} else if _, err := h.do(to, body); err != nil {
				h.t.Fatal(err)
			}
			continue
		}
		i := slices.IndexFunc(h.order, func(r *harnessRun) bool { return r.record.Wake != 0 && r.record.Wake <= h.now })
		if i < 0 {
			return
		}
		if _, err := h.do(h.order[i], engine.Wake{}); err != nil {
			h.t.Fatal(err)
		}
	}
	h.t.Fatal("it never gets quiet")
}

// answer has an activity answer who asks for it.
func (h *harness) answer(m engine.Message) {
	h.t.Helper()
	rules := registry.NewActivities()
	body, err := rules.DecodeMessage(m.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	encryption, there := h.activities[m.To.Key]
	if !there {
		h.queue = append(h.queue, rules.Refused(m.To, body, nil)...)
		return
	}
	st := rules.New(engine.Identity{Name: m.To})
	in := engine.Input{Now: h.now}
	if _, err := rules.Handle(st, registry.CreateActivity{Encryption: encryption}, in); err != nil {
		h.t.Fatal(err)
	}
	turn, err := rules.Handle(st, body, in)
	if err != nil {
		h.t.Fatal(err)
	}
	h.queue = append(h.queue, turn.Messages...)
}

// tick goes to the next moment at which something is due; false: nothing ever is.
func (h *harness) tick() bool {
	h.t.Helper()
	var next engine.Time
	for _, r := range h.order {
		if w := r.record.Wake; w != 0 && (next == 0 || w < next) {
			next = w
		}
	}
	if next == 0 {
		return false
	}
	h.now = max(h.now, next)
	h.settle()
	return true
}

// advance goes on for so long, and does what is due when it is due.
func (h *harness) advance(by engine.Time) {
	h.t.Helper()
	until := h.now + by
	for {
		next := engine.Time(0)
		for _, r := range h.order {
			if w := r.record.Wake; w != 0 && (next == 0 || w < next) {
				next = w
			}
		}
		if next == 0 || next > until {
			break
		}
		h.tick()
	}
	h.now = until
}

// restart takes every run's state from a snapshot, or anew from its log, as a server does
// that was down until now.
func (h *harness) restart(snapshot bool) {
	h.t.Helper()
	h.up = h.now
	for _, r := range h.order {
		var err error
		if snapshot {
			if r.state, err = h.rules.DecodeState(r.id, h.rules.EncodeState(r.state)); err != nil {
				h.t.Fatal(err)
			}
		} else {
			r.state = h.folded(r)
		}
		h.renote(r, r.state)
		r.record = h.rules.Record(r.state, h.up)
	}
	h.settle()
}

// folded is the state that the log of a run gives, without its notes.
func (h *harness) folded(r *harnessRun) engine.State {
	h.t.Helper()
	s := h.rules.New(r.id)
	for _, e := range r.events {
		enginetest.ApplyStored(h.t, h.rules, s, e)
	}
	return s
}

// renote folds a run's notes.
func (h *harness) renote(r *harnessRun, s engine.State) {
	for _, key := range slices.SortedFunc(maps.Keys(r.notes), func(a, b noteKey) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.kind, b.kind))
	}) {
		h.rules.Note(s, engine.Note{Subject: key.subject, Kind: key.kind, Value: r.notes[key]})
	}
}

// history is the events of a run as the wire has them.
func (r *harnessRun) history() string {
	var b []byte
	for _, e := range r.events {
		b = append(append(b, e.Public...), '\n')
	}
	return string(b)
}

func (r *harnessRun) String() string {
	return fmt.Sprintf("%s %s", r.id.Name.Key, r.state.(*State).status)
}
