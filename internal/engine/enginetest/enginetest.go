// Package enginetest checks of any rules what a shard relies on: that a turn is small
// enough, that a run's log alone gives its state again (or, of a kind that cuts its
// log, a snapshot and what came after it), that a wake which is due gets on, that
// what the rules write they can read, and that they have each optional part whole or
// not at all. Only tests import it. That notes and events
// of one turn are folded in their order by a store is more than a Run checks.
package enginetest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"heddle/internal/engine"
)

// Run is one run with its log.
type Run struct {
	Rules engine.Rules
	State engine.State
	Log   []engine.Event
	Notes []engine.Note // that have not been taken away

	Notify engine.Notify // of the commands to come

	t   testing.TB
	set *engine.Ruleset
	id  engine.Identity

	cut   []byte // a snapshot, of the time when the log had cutAt events
	cutAt int
}

// tailMax is how many events a snapshot leaves behind it before the next is taken.
const tailMax = 3

// NewRun is a run without events.
func NewRun(t testing.TB, rules engine.Rules, id engine.Identity) *Run {
	t.Helper()
	CheckParts(t, rules)
	s := rules.New(id)
	return &Run{Rules: rules, State: s, t: t, set: engine.NewRuleset(rules), id: id, cut: rules.EncodeState(s)}
}

// Handle gives a command to the run, and then checks it. State is afterwards what
// a restart would find.
func (r *Run) Handle(now engine.Time, body any) (engine.Turn, error) {
	r.t.Helper()
	before := r.Rules.EncodeState(r.State)
	turn, err := r.Rules.Handle(r.State, body, engine.Input{Now: now, Confirmed: now, Notify: r.Notify})
	if (err != nil || len(turn.Events) == 0) && !bytes.Equal(before, r.Rules.EncodeState(r.State)) {
		r.t.Errorf("%T: changed the state without an event", body)
	}
	if err == nil {
		CheckTurn(r.t, &turn)
		if err := r.set.CheckNotes(turn.Notes); err != nil {
			r.t.Errorf("%T writes %v", body, err)
		}
		r.Log = append(r.Log, turn.Events...)
		r.note(turn.Notes)
		r.check()
	}
	if _, woken := body.(engine.Wake); woken {
		CheckProgress(r.t, r.Rules, before, r.State, engine.Input{Now: now})
	}
	return turn, err
}

// CheckParts checks that the rules have each optional part whole or not at all: a method
// with a name of a part's is of that part.
func CheckParts(t testing.TB, rules engine.Rules) {
	t.Helper()
	of := reflect.TypeOf(rules)
	for _, part := range []reflect.Type{
		reflect.TypeFor[engine.TraitsRules](), reflect.TypeFor[engine.NotingRules](), reflect.TypeFor[engine.ListedRules](),
		reflect.TypeFor[engine.MessagedRules](), reflect.TypeFor[engine.WantingRules](), reflect.TypeFor[engine.OutcomeRules](), reflect.TypeFor[engine.FoldingRules](),
	} {
		for method := range part.Methods() {
			if _, has := of.MethodByName(method.Name); has && !of.Implements(part) {
				t.Errorf("%s has a method %s, and is no %s", of, method.Name, part)
			}
		}
	}
}

// CheckTurn checks that a turn is no larger than a turn may be, that its reply can go to another node,
// that its notifications are of its events and in their order, and that its measures are what their
// meters say.
func CheckTurn(t testing.TB, turn *engine.Turn) {
	t.Helper()
	if n := turn.Bytes(); n > engine.TurnBytesMax {
		t.Errorf("a turn of %d bytes: %d events, %d notes, %d messages; at most %d bytes are taken",
			n, len(turn.Events), len(turn.Notes), len(turn.Messages), engine.TurnBytesMax)
	}
	if v := reflect.ValueOf(turn.Reply); v.Kind() == reflect.Pointer && v.IsNil() {
		t.Errorf("the reply is a nil %T, which can't go to another node; reply nothing", turn.Reply)
	}
	left := turn.Events
	for _, n := range turn.Notifications {
		for len(left) > 0 && left[0].ID != n.Event {
			left = left[1:]
		}
		if len(left) == 0 {
			t.Fatalf("a notification of event %d, which is not the turn's, or comes too late: %s", n.Event, n.Body)
		}
		if !json.Valid(n.Body) {
			t.Errorf("the notification of event %d is no JSON: %s", n.Event, n.Body)
		}
	}
	if len(turn.Measures) > 0 && len(turn.Events) == 0 && len(turn.Notes) == 0 {
		t.Errorf("a turn that does nothing measures %v", turn.Measures)
	}
	for _, m := range turn.Measures {
		meter := &m.Meters.Meters[m.Meter]
		if m.Values != 0 && m.Values >= len(meter.Values) || m.Values < 0 || m.Took < 0 || m.Times < 0 || meter.Timed && m.Times != 0 || !meter.Timed && m.Took != 0 {
			t.Errorf("%s: measured %+v", meter.Name, m)
		}
		for i, value := range m.Of { // of things of one sort those behind the first may be without
			if value == "" && i == 0 && len(m.Meters.Labels) > 0 || value != "" && i >= len(m.Meters.Labels) {
				t.Errorf("%s: labels %q for %q", meter.Name, m.Of, m.Meters.Labels)
			}
		}
	}
}

// CheckProgress checks of a run that was woken, and was before as encoded: if it is to
// be woken at once, something has changed. Else it would be woken for ever.
func CheckProgress(t testing.TB, rules engine.Rules, before []byte, s engine.State, in engine.Input) {
	t.Helper()
	wake := rules.Record(s, in.Up).Wake
	if wake != 0 && wake <= in.Now && bytes.Equal(before, rules.EncodeState(s)) {
		t.Fatalf("the wake of %d, at %d, did nothing", wake, in.Now)
	}
}

// check folds the stored log again, and takes the state through its encoding:
// both must give the state that the commands gave. So must a snapshot and the log
// behind it, if nothing else will be left.
func (r *Run) check() {
	r.t.Helper()
	want := r.Rules.EncodeState(r.State)
	same := func(what string, s engine.State) {
		r.t.Helper()
		if !bytes.Equal(r.Rules.EncodeState(s), want) {
			r.t.Fatalf("%s gives another state:\n%+v\nwant\n%+v", what, s, r.State)
		}
	}
	same("replay", r.fold(r.Rules.New(r.id), r.Log))
	decoded := r.decode(want)
	same("its way through the store", decoded)
	if r.set.Traits.CutsLog {
		same("a cut log", r.fold(r.decode(r.cut), r.Log[r.cutAt:]))
		if len(r.Log)-r.cutAt > tailMax {
			r.cut, r.cutAt = want, len(r.Log)
		}
	}
	for _, n := range r.Notes {
		if err := r.set.Note(decoded, n); err != nil {
			r.t.Fatalf("fold a note: %v", err)
		}
	}
	r.State = decoded
}

// note keeps the notes of a turn: the last one of a subject and kind counts, and one without
// a value takes it away.
func (r *Run) note(notes []engine.Note) {
	for _, n := range notes {
		r.Notes = slices.DeleteFunc(r.Notes, func(old engine.Note) bool { return old.Subject == n.Subject && old.Kind == n.Kind })
		if len(n.Value) > 0 {
			r.Notes = append(r.Notes, n)
		}
	}
}

// fold applies events as they were stored.
func (r *Run) fold(s engine.State, log []engine.Event) engine.State {
	r.t.Helper()
	for _, e := range log {
		ApplyStored(r.t, r.Rules, s, e)
	}
	return s
}

// ApplyStored folds an event as it was stored, and gives what it was read as. The bytes that it
// was read from are then overwritten: a state keeps none of them.
func ApplyStored(t testing.TB, rules engine.Rules, s engine.State, e engine.Event) engine.Event {
	t.Helper()
	public, private := bytes.Clone(e.Public), bytes.Clone(e.Private)
	decoded, err := rules.DecodeEvent(e.ID, e.At, public, private)
	if err == nil {
		err = engine.NewRuleset(rules).NewFolder().Fold(s, e.ID, e.At, public, private)
	}
	if err != nil {
		t.Fatalf("decode event %d: %v", e.ID, err)
	}
	for _, b := range [][]byte{public, private} {
		for i := range b {
			b[i] = 0xff
		}
	}
	return decoded
}

func (r *Run) decode(state []byte) engine.State {
	r.t.Helper()
	s, err := r.Rules.DecodeState(r.id, state)
	if err != nil {
		r.t.Fatalf("decode state: %v", err)
	}
	return s
}

// Sizes are the largest of each that a test has seen, in bytes.
type Sizes struct{ Turn, Record, State int }

// Add takes in a turn, which it checks.
func (z *Sizes) Add(t testing.TB, turn *engine.Turn) {
	t.Helper()
	CheckTurn(t, turn)
	z.Turn = max(z.Turn, turn.Bytes())
}

// AddState takes in a state as it is stored, and its record.
func (z *Sizes) AddState(rules engine.Rules, s engine.State) {
	z.State = max(z.State, len(rules.EncodeState(s)))
	rec := rules.Record(s, 0)
	z.Record = max(z.Record, RecordBytes(&rec))
}

// RecordBytes is what a record takes in a store, or a little more: its name and numbers
// are taken for long, and no two offers to be on one list.
func RecordBytes(rec *engine.Record) int {
	const fixed, offer = 4096, 32
	n := fixed + len(rec.Group) + len(rec.Listing)
	for i := range rec.Offers {
		n += offer + len(rec.Offers[i].List)
	}
	return n
}

// AddSeeds gives a fuzzer of bytes the run's state and its events.
func (r *Run) AddSeeds(f *testing.F) {
	f.Add(r.Rules.EncodeState(r.State))
	for _, e := range r.Log {
		f.Add(e.Public)
	}
}

// ReadsBack checks that what can be read of any bytes is written so that it reads
// the same; take reads bytes and writes what it read.
func ReadsBack(t testing.TB, b []byte, take func([]byte) ([]byte, error)) {
	t.Helper()
	first, err := take(b)
	if err != nil {
		return
	}
	if second, err := take(first); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%x was written as %x and then as %x, %v", b, first, second, err)
	}
}

// StateReadsBack takes the bytes for a state of the run id.
func StateReadsBack(t testing.TB, rules engine.Rules, id engine.Identity, b []byte) {
	t.Helper()
	ReadsBack(t, b, func(b []byte) ([]byte, error) {
		s, err := rules.DecodeState(id, b)
		if err != nil {
			return nil, err
		}
		return rules.EncodeState(s), nil
	})
}

// EventReadsBack takes the bytes for the public ones of an event.
func EventReadsBack(t testing.TB, rules engine.Rules, id int64, b []byte, write func(engine.Event) []byte) {
	t.Helper()
	ReadsBack(t, b, func(b []byte) ([]byte, error) {
		e, err := rules.DecodeEvent(id, 1_700_000_000_123, b, nil)
		if err != nil {
			return nil, err
		}
		return write(e), nil
	})
}

// Weighed compares what rules say that a state weighs with what it takes of the heap when it
// is read from a snapshot.
func Weighed(t testing.TB, rules engine.Rules, id engine.Identity, s engine.State) {
	t.Helper()
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	snapshot := rules.EncodeState(s)
	copies := make([]engine.State, 1+(1<<20)/(len(snapshot)+1000))
	before := heap()
	for i := range copies {
		var err error
		if copies[i], err = rules.DecodeState(id, snapshot); err != nil {
			t.Fatal(err)
		}
	}
	taken := (heap() - before) / len(copies)
	told := engine.NewRuleset(rules).Weigh(copies[0], len(snapshot))
	runtime.KeepAlive(copies)
	runtime.KeepAlive(snapshot)
	t.Logf("a state of %d bytes in the store takes %d of memory; %d are told", len(snapshot), taken, told)
	if taken > told+told/10+1024 || told > 2*taken+4096 {
		t.Errorf("a state takes %d bytes, and says that it weighs %d", taken, told)
	}
}
