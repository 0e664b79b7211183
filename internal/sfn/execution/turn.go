package execution

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/sfn/asl"
)

// turn is what a command does, while it is being decided.
type turn struct {
	s        *State
	in       engine.Input
	rules    *Rules
	compiled *asl.Machine
	trial    *Trial // nil: it is an execution's
	// key seals what users gave; nil: the execution has none, or it is refused.
	key engine.DataKey

	events   []engine.Event
	public   []byte // the events' Public, one after the other
	ends     []int  // where each ends
	notes    []engine.Note
	messages []engine.Message
	reply    any

	notifications []engine.Notification
	measures      []engine.Measure
	spans         []byte  // that have ended, and that no event has told of
	spanned       []int64 // states that have, by the events with which they were entered

	bytes   int   // about what the turn has
	steps   int64 // that evaluation took
	random  *rand.Rand
	starts  bool  // keeps the definition
	grants  int64 // states that may be entered, or tried again
	entered int   // that were
	silent  bool  // what times out has sent no heartbeat
}

// Bounds of a turn; what is left goes on in the next.
const (
	turnBytes  = 768 << 10
	turnEvents = 1000
	turnSteps  = 4_000_000
	partBytes  = 256 // what an event or a note counts beside its own
	eventsRoom = 4

	// What most turns need for their events, and what those need besides that begin an execution.
	publicRoom, publicStart = 512, 512
	privateRoom             = 16 // of each
	privateStart            = 512
)

// spent tells whether the turn has no room for another state.
func (t *turn) spent() bool {
	return t.bytes > turnBytes || len(t.events) > turnEvents || t.steps > turnSteps
}

// fullHistory is what emit panics with when the history has one place left, which is for
// its end.
type fullHistory struct{}

// emit records an event of a thread. The state moves with it. Only the time of an express
// execution is limited, not its history.
func (t *turn) emit(th *thread, e *Body) int64 {
	s := t.s
	if !s.express && s.last+1 >= int64(t.rules.limits.EventsMax) && !strings.HasPrefix(string(e.Type), "Execution") {
		panic(fullHistory{})
	}
	if th != nil {
		e.hidden.thread = th.number
	}
	if len(s.noted) > 0 {
		e.hidden.before = s.noted
		t.notes = append(t.notes, engine.Note{Subject: s.last, Kind: noteChanges})
	}
	t.measure(th, e)
	t.traceEvent(th, e)
	t.seal(e)
	id := s.last + 1
	s.apply(id, t.in.Now, e)
	if t.public == nil {
		t.events, t.ends = make([]engine.Event, 0, eventsRoom), make([]int, 0, eventsRoom)
		room := publicRoom
		if t.starts {
			room += publicStart
		}
		t.public = make([]byte, 0, room)
	}
	t.events = append(t.events, engine.Event{ID: id, At: t.in.Now, Body: e})
	before := len(t.public)
	t.public = appendEvent(t.public, id, t.in.Now, e, true)
	t.ends = append(t.ends, len(t.public))
	t.bytes += len(t.public) - before + e.hidden.bytes() + partBytes
	t.notify(id, t.in.Now, e.Type)
	t.log(id, e)
	return id
}

// change does what no event says: it goes with the last event of the turn, or into a note.
func (t *turn) change(c change) {
	s := t.s
	if len(t.events) == 0 {
		noted := slices.DeleteFunc(slices.Clone(s.noted), func(old change) bool {
			return old.thread == c.thread && old.kind == c.kind
		})
		n := changesNote(s.last, append(noted, c))
		s.note(n)
		t.notes = append(t.notes, n)
		t.bytes += len(n.Value) + partBytes
		return
	}
	s.change(&c)
	e := t.events[len(t.events)-1].Body.(*Body)
	e.hidden.after = append(e.hidden.after, c)
}

// note records a note; the state moves with it.
func (t *turn) note(n engine.Note) {
	if t.s.working(n.Subject) != nil {
		t.s.note(n)
	}
	t.notes = append(t.notes, n)
	t.bytes += len(n.Value)
}

func (t *turn) send(m engine.Message) {
	t.messages = append(t.messages, m)
	t.bytes += len(m.To.Key) + len(m.Body)
}

func (t *turn) finish() engine.Turn {
	room := privateRoom * len(t.ends)
	if t.starts {
		room += privateStart
	}
	from, private := 0, pack.Writing(make([]byte, 0, room))
	for i, end := range t.ends {
		e, hidden := &t.events[i], len(private.Written())
		body := e.Body.(*Body)
		body.hidden.code(private, body.Type)
		e.Public, e.Private = t.public[from:end:end], private.Written()[hidden:len(private.Written()):len(private.Written())]
		from = end
	}
	t.tellSpans(t.s.last)
	t.measureEntered()
	if t.grants > 0 {
		t.unpace()
	}
	turn := engine.Turn{Events: t.events, Notes: t.notes, Messages: t.messages, Notifications: t.notifications, Measures: t.measures, Reply: t.reply}
	if t.starts {
		turn.Keep = append(turn.Keep, t.s.settings.Definition)
	}
	return turn
}

// next is a random number of the execution's own: a repeated turn has the same.
func (t *turn) next() uint64 {
	if t.random == nil {
		var b [24]byte
		copy(b[:], t.s.settings.Secret[:])
		binary.BigEndian.PutUint64(b[16:], uint64(t.s.last))
		sum := sha256.Sum256(b[:])
		t.random = rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))
	}
	return t.random.Uint64()
}

// closeFull ends an execution whose history is full.
func (t *turn) closeFull() {
	t.end(Failed, text(errRuntime), text(fullCause(t.rules.limits.EventsMax)), t.s.last)
}

func text(s string) *string { return &s }
