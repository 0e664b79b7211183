package collection

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/pack"
)

// shelf is the state of a kind.
type shelf struct {
	Log
	things things
}

func (s *shelf) Code(c *pack.Coder) { Code(c, &s.things, (*thing).code) }

type (
	put   struct{ thing thing }
	taken struct{ name string }
	other struct{ taken }
)

func (e *put) Code(c *pack.Coder)              { e.thing.code(c) }
func (e *put) Apply(s *shelf, _ engine.Time)   { s.things.Put(&e.thing) }
func (e *taken) Code(c *pack.Coder)            { c.Text(&e.name) }
func (e *taken) Apply(s *shelf, _ engine.Time) { s.things.Remove(Fold(e.name)) }

type shelves struct{ *Rules[*shelf] }

func newShelves(of string) shelves {
	return shelves{NewRules(Config[*shelf]{
		Package: "toys", Of: of, Version: 3,
		New:    func(engine.Identity) *shelf { return &shelf{} },
		Events: map[byte]Event[*shelf]{1: &put{}, 7: &taken{}},
	})}
}

// Handle takes the events that are to be written.
func (r shelves) Handle(s engine.State, body any, in engine.Input) (turn engine.Turn, err error) {
	for _, e := range body.([]Event[*shelf]) {
		r.Emit(&turn, s.(*shelf), in.Now, e)
	}
	return turn, nil
}

func TestRunOfACollection(t *testing.T) {
	r := enginetest.NewRun(t, newShelves(""), engine.Identity{})
	for n := range 10 {
		turn, err := r.Handle(engine.Time(1000+n), []Event[*shelf]{&put{thing{fmt.Sprint(n), "first"}}, &taken{fmt.Sprint(n - 2)}})
		if err != nil || len(turn.Events) != 2 {
			t.Fatalf("%d events, %v", len(turn.Events), err)
		}
	}
	if got := r.State.(*shelf); len(got.things) != 2 || got.Started != 1000 || got.LastEventID != 20 {
		t.Errorf("got %+v", got)
	}
	if got := r.Rules.Record(r.State, 0); got.Status != engine.Open || got.Started != 1000 || got.Wake != 0 {
		t.Errorf("record %+v", got)
	}
	if got := r.Log[1].Public; !bytes.Equal(got, []byte{7, 2, '-', '2'}) {
		t.Errorf("an event is stored as %x", got)
	}
}

func TestDamagedCollections(t *testing.T) {
	for of, want := range map[string][]string{
		"": {
			"toys: decode event 5: unknown mark 2", "toys: decode event 5: malformed record",
			"toys: decode state: version 4, want 3", "toys: decode state: malformed record", "toys: decode state: things are not in order",
		},
		"shelves": {
			"toys: decode event 5 of shelves: unknown mark 2", "toys: decode event 5 of shelves: malformed record",
			"toys: decode state of shelves: version 4, want 3", "toys: decode state of shelves: malformed record", "toys: decode state of shelves: things are not in order",
		},
	} {
		r := newShelves(of)
		event := func(b ...byte) error {
			_, err := r.DecodeEvent(5, 1, b, nil)
			return err
		}
		state := func(b ...byte) error {
			_, err := r.DecodeState(engine.Identity{}, b)
			return err
		}
		for i, err := range []error{event(2, 0), event(7, 1), state(4, 0, 0, 0), state(3, 0, 0, 0, 0), state(3, 0, 0, 2, 1, 'b', 0, 1, 'a', 0)} {
			if err == nil || err.Error() != want[i] {
				t.Errorf("got %v, want %s", err, want[i])
			}
		}
	}
}

func TestBrokenLogsPanic(t *testing.T) {
	r := newShelves("shelves")
	for want, e := range map[string]engine.Event{
		"toys: event 2 applied after event 0":       {ID: 2, Body: &taken{"a"}},
		"toys: no rule of shelves for event string": {ID: 1, Body: "taken"},
		"pack: *collection.other has no mark":       {Body: &other{}},
	} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), want) {
					t.Errorf("panic %v, want %s", p, want)
				}
			}()
			if e.ID == 0 {
				r.Pack(e.Body.(Event[*shelf]))
			}
			r.Apply(&shelf{}, e)
		}()
	}
}

func TestCommandsBeginOneRun(t *testing.T) {
	name := engine.Name{World: engine.World{Account: "1"}, Kind: "toys"}
	makes, reads := Command(name, "put", true), Command(name, "read", false)
	if makes.Begin != engine.IfAbsent || makes.Seed != engine.NameSeed(name) || makes.Name != name || makes.Body != "put" {
		t.Errorf("got %+v", makes)
	}
	if reads.Begin != engine.Never || reads.Seed != (engine.Seed{}) || reads.Name != name || reads.Body != "read" {
		t.Errorf("got %+v", reads)
	}
}
