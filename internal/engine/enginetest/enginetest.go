// Package enginetest checks of any rules what a shard relies on: that a run's log
// alone gives its state again, and that what they write they can read. Only tests
// import it. Rules with notes need more than a Run.
package enginetest

import (
	"bytes"
	"testing"

	"heddle/internal/engine"
)

// Run is one run with its log.
type Run struct {
	Rules engine.Rules
	State engine.State
	Log   []engine.Event

	t  testing.TB
	id engine.Identity
}

// NewRun is a run without events.
func NewRun(t testing.TB, rules engine.Rules, id engine.Identity) *Run {
	return &Run{Rules: rules, State: rules.New(id), t: t, id: id}
}

// Handle gives a command to the run, and then checks it. State is afterwards what
// a restart would find.
func (r *Run) Handle(now engine.Time, body any) (engine.Turn, error) {
	r.t.Helper()
	before := r.Rules.EncodeState(r.State)
	turn, err := r.Rules.Handle(r.State, body, engine.Input{Now: now})
	if (err != nil || len(turn.Events) == 0) && !bytes.Equal(before, r.Rules.EncodeState(r.State)) {
		r.t.Errorf("%T: changed the state without an event", body)
	}
	if err == nil {
		r.Log = append(r.Log, turn.Events...)
		r.check()
	}
	return turn, err
}

// check folds the stored log again, and takes the state through its encoding:
// both must give the state that the commands gave.
func (r *Run) check() {
	r.t.Helper()
	want := r.Rules.EncodeState(r.State)
	folded := r.Rules.New(r.id)
	for _, e := range r.Log {
		decoded, err := r.Rules.DecodeEvent(e.ID, e.At, bytes.Clone(e.Public), e.Private)
		if err != nil {
			r.t.Fatalf("decode event %d: %v", e.ID, err)
		}
		r.Rules.Apply(folded, decoded)
	}
	if !bytes.Equal(r.Rules.EncodeState(folded), want) {
		r.t.Fatalf("replay gives another state:\n%+v\nwant\n%+v", folded, r.State)
	}
	decoded, err := r.Rules.DecodeState(r.id, want)
	if err != nil {
		r.t.Fatalf("decode state: %v", err)
	}
	if !bytes.Equal(r.Rules.EncodeState(decoded), want) {
		r.t.Fatalf("the state changes on its way through the store:\n%+v\nwant\n%+v", decoded, r.State)
	}
	r.State = decoded
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
