// Package collection is what kinds of execution share that are nothing but sets of
// things, each with its key: registries, accounts and the like. Such a run never closes
// and its log is cut, so that its state is everything; its commands change single things
// or read, and it is listed nowhere.
//
// A kind says what it holds and how that is stored: a State with a Log in it, and the
// Events that change it. Rules makes of these all of engine.Rules but Handle. Set keeps
// things in order of their keys and gives pages of them; Tags are tags.
//
// Things in a Set are never changed, but replaced by changed copies: whoever was handed
// one may keep it.
package collection

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Log is what a state remembers of its log. States embed it.
type Log struct {
	Started     engine.Time
	LastEventID int64
}

func (l *Log) log() *Log { return l }

// State is the state of a kind, a pointer. Code says its fields, without the Log's.
type State interface {
	log() *Log
	Code(c *pack.Coder)
}

// Event is the body of an event of the states S, a pointer. It says what has changed, and
// no more, since what has may be large.
type Event[S State] interface {
	// Code says its fields.
	Code(c *pack.Coder)
	// Apply changes the state. The Log has the event already.
	Apply(s S, at engine.Time)
}

// Config describes a kind.
type Config[S State] struct {
	Package string // where its rules are, for errors
	Of      string // of what they are, if the package has others
	New     func(engine.Identity) S
	Version byte // of the encoded state: its first byte
	// Events are all there are: an empty one by the first byte that says in the store
	// which it is.
	Events map[byte]Event[S]
}

// Rules are the rules of a kind but for Handle.
type Rules[S State] struct {
	Config[S]
	events *pack.Types[Event[S]]
}

// NewRules makes the rules of a kind.
func NewRules[S State](c Config[S]) *Rules[S] { return &Rules[S]{c, pack.NewTypes(c.Events)} }

// of says what the rules are about to do.
func (r *Rules[S]) of(what string) string {
	if r.Of != "" {
		what += " of " + r.Of
	}
	return r.Package + ": " + what
}

// Traits says that a collection is its state: nobody reads its log.
func (*Rules[S]) Traits() engine.Traits { return engine.Traits{CutsLog: true, Needed: true} }

// New is an empty state.
func (r *Rules[S]) New(id engine.Identity) engine.State { return r.Config.New(id) }

// Emit adds an event to a turn. The state moves with it.
func (r *Rules[S]) Emit(t *engine.Turn, s S, now engine.Time, body Event[S]) {
	e := engine.Event{ID: s.log().LastEventID + 1, At: now, Body: body, Public: r.Pack(body)}
	r.Apply(s, e)
	t.Events = append(t.Events, e)
}

// Apply folds an event into the state.
func (r *Rules[S]) Apply(s engine.State, e engine.Event) {
	state, log := s.(S), s.(S).log()
	body, ok := e.Body.(Event[S])
	if !ok {
		panic(fmt.Sprintf("%s for event %T", r.of("no rule"), e.Body))
	}
	if e.ID != log.LastEventID+1 {
		panic(fmt.Sprintf("%s: event %d applied after event %d", r.Package, e.ID, log.LastEventID))
	}
	if e.ID == 1 {
		log.Started = e.At
	}
	log.LastEventID = e.ID
	body.Apply(state, e.At)
}

// Record says that the run is open and wants nothing.
func (*Rules[S]) Record(s engine.State, _ engine.Time) engine.Record {
	return engine.Record{Status: engine.Open, Started: s.(S).log().Started}
}

// Pack writes an event's body.
func (r *Rules[S]) Pack(body Event[S]) []byte {
	c := pack.Writing([]byte{r.events.Mark(body)})
	body.Code(c)
	return c.Written()
}

// DecodeEvent reads an event back.
func (r *Rules[S]) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	c := pack.Reading(public)
	var mark byte
	c.Byte(&mark)
	body, ok := r.events.New(mark)
	if !ok {
		return engine.Event{}, fmt.Errorf("%s: unknown mark %d", r.of(fmt.Sprintf("decode event %d", id)), mark)
	}
	if body.Code(c); c.Done() != nil {
		return engine.Event{}, fmt.Errorf("%s: %w", r.of(fmt.Sprintf("decode event %d", id)), c.Err())
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public}, nil
}

// EncodeState packs the state.
func (r *Rules[S]) EncodeState(s engine.State) []byte {
	c := pack.Writing(nil)
	r.code(c, s.(S))
	return c.Written()
}

// Weigh tells how much memory a state takes.
func (r *Rules[S]) Weigh(s engine.State) int {
	c := pack.Weighing()
	r.code(c, s.(S))
	return c.Weight()
}

// DecodeState unpacks a state.
func (r *Rules[S]) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	c, s := pack.Reading(b), r.Config.New(id)
	if r.code(c, s); c.Done() != nil {
		return nil, fmt.Errorf("%s: %w", r.of("decode state"), c.Err())
	}
	return s, nil
}

func (r *Rules[S]) code(c *pack.Coder, s S) {
	version := r.Version
	if c.Byte(&version); version != r.Version {
		c.Fail(fmt.Errorf("version %d, want %d", version, r.Version))
	}
	s.log().Started.Code(c)
	c.Int(&s.log().LastEventID)
	s.Code(c)
}

// Command addresses a command to a collection, which is the only run of its name, ever.
// The first that makes something begins it.
func Command(name engine.Name, body any, makes bool) engine.Command {
	c := engine.Command{Name: name, Body: body}
	if makes {
		c.Begin, c.Seed = engine.IfAbsent, engine.NameSeed(name)
	}
	return c
}
