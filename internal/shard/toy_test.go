package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
)

// The toy kind of execution: a counter that tells other counters, offers tasks,
// wakes, closes and begins again. Its state is its events.
const toyKind engine.Kind = "toy"

type toyState struct {
	ID       engine.Identity
	Last     int64
	Started  engine.Time
	Added    int
	Heard    int // messages that other runs sent to this one
	Told     int // messages that this run sent
	Answered int // answers to them
	Wake     engine.Time
	Woken    int
	Size     int
	Tasks    []toyTask
	Closed   engine.Time
	Forget   engine.Time
}

type toyTask struct {
	ID        int64
	At        engine.Time
	Started   engine.Time
	Delivered bool
}

// toyEvent is an event's body and its public bytes.
type toyEvent struct {
	ID   int64       `json:"id"`
	What string      `json:"what"`
	At   engine.Time `json:"at,omitempty"`
	Task int64       `json:"task,omitempty"`
	Text string      `json:"text,omitempty"`
	Size int         `json:"size,omitempty"`
}

// Commands of the toy.
type (
	toyBegin struct{}
	toyAdd   struct{ Text string }
	toyFail  struct{}
	toyPanic struct{}
	toyTell  struct{ To string }
	toyWake  struct {
		At   engine.Time
		Size int // of the event when it wakes
	}
	toyLose   struct{ Task int64 }
	toyOffer  struct{}
	toyStart  struct{ Task int64 }
	toyReach  struct{ Task int64 }
	toyFinish struct{ Task int64 }
	toyClose  struct{ Forget engine.Time }
	toyRenew  struct{}
	toyRead   struct{}
	// Messages.
	toyTold   struct{ From engine.Identity }
	toyAnswer struct{}
)

var errToy = errors.New("toy refuses")

type toyRules struct{}

func (toyRules) New(id engine.Identity) engine.State { return &toyState{ID: id} }

func (r toyRules) Handle(st engine.State, body any, in engine.Input) (engine.Turn, error) {
	s := st.(*toyState)
	var turn engine.Turn
	emit := func(e toyEvent) {
		e.ID = s.Last + 1
		public, _ := json.Marshal(e)
		ev := engine.Event{ID: e.ID, At: in.Now, Body: e, Public: public, Private: []byte{byte(e.ID)}}
		r.Apply(s, ev)
		turn.Events = append(turn.Events, ev)
	}
	if s.Closed != 0 {
		switch body.(type) {
		case toyRead:
			turn.Reply = *s
			return turn, nil
		}
		return turn, errToy
	}
	if s.Last == 0 {
		emit(toyEvent{What: "begin"})
	}
	switch c := body.(type) {
	case toyBegin:
	case toyAdd:
		emit(toyEvent{What: "add", Text: c.Text})
		turn.Reply = s.Added
	case toyFail:
		return engine.Turn{}, errToy
	case toyPanic:
		emit(toyEvent{What: "add"})
		panic("toy panics")
	case toyTell:
		emit(toyEvent{What: "tell"})
		to := s.ID.Name
		to.Key = c.To
		b, _ := json.Marshal(toyTold{s.ID})
		turn.Messages = append(turn.Messages, engine.Message{To: to, Begin: engine.IfAbsent, Group: "g",
			Seed: engine.DeriveSeed(in.Now, s.ID.Run, s.Last), Body: append([]byte("t"), b...)})
	case toyTold:
		emit(toyEvent{What: "heard"})
		turn.Messages = append(turn.Messages, engine.Message{To: c.From.Name, Run: c.From.Run, Body: []byte(`a{}`)})
	case toyAnswer:
		emit(toyEvent{What: "answered"})
	case toyWake:
		emit(toyEvent{What: "wake-at", At: c.At, Size: c.Size})
	case engine.Wake:
		if s.Wake != 0 && s.Wake <= in.Now {
			emit(toyEvent{What: "woken", Text: strings.Repeat("x", s.Size)})
		}
	case toyOffer:
		emit(toyEvent{What: "task"})
		turn.Reply = s.Last
	case toyStart:
		i := slices.IndexFunc(s.Tasks, func(k toyTask) bool { return k.ID == c.Task && !k.Delivered })
		if i < 0 {
			return engine.Turn{}, errToy
		}
		if s.Tasks[i].Started == 0 {
			emit(toyEvent{What: "start", Task: c.Task})
		} else {
			at, _ := json.Marshal(in.Now)
			n := engine.Note{Subject: c.Task, Kind: engine.NoteDelivered + 1, Value: at}
			r.Note(s, n)
			turn.Notes = append(turn.Notes, n)
		}
	case toyReach:
		n := engine.Note{Subject: c.Task, Kind: engine.NoteDelivered, Value: []byte{1}}
		r.Note(s, n)
		turn.Notes = append(turn.Notes, n)
	case toyLose:
		turn.Notes = append(turn.Notes, engine.Note{Subject: c.Task, Kind: engine.NoteDelivered})
		n := engine.Note{Subject: c.Task, Kind: engine.NoteDelivered + 1, Value: []byte("1")} // long before
		r.Note(s, n)
		turn.Notes = append(turn.Notes, n)
	case toyFinish:
		emit(toyEvent{What: "finish", Task: c.Task})
		turn.Notes = append(turn.Notes,
			engine.Note{Subject: c.Task, Kind: engine.NoteDelivered},
			engine.Note{Subject: c.Task, Kind: engine.NoteDelivered + 1})
	case toyClose:
		emit(toyEvent{What: "close", At: c.Forget})
	case toyRenew:
		emit(toyEvent{What: "close"})
		turn.Successor = &engine.Command{Name: s.ID.Name, Begin: engine.Always, Group: "g",
			Seed: engine.DeriveSeed(in.Now, s.ID.Run, s.Last), Body: toyBegin{}}
	case toyRead:
		turn.Reply = *s
	default:
		return turn, fmt.Errorf("toy: no rule for %T", body)
	}
	return turn, nil
}

func (toyRules) Apply(st engine.State, e engine.Event) {
	s := st.(*toyState)
	if e.ID != s.Last+1 {
		panic(fmt.Sprintf("toy: event %d after event %d", e.ID, s.Last))
	}
	if len(e.Private) != 1 || e.Private[0] != byte(e.ID) {
		panic(fmt.Sprintf("toy: event %d has private bytes %v", e.ID, e.Private))
	}
	s.Last = e.ID
	b := e.Body.(toyEvent)
	switch b.What {
	case "begin":
		s.Started = e.At
	case "add":
		s.Added++
	case "tell":
		s.Told++
	case "heard":
		s.Heard++
	case "answered":
		s.Answered++
	case "wake-at":
		s.Wake, s.Size = b.At, b.Size
	case "woken":
		s.Wake = 0
		s.Woken++
	case "task":
		s.Tasks = append(s.Tasks, toyTask{ID: e.ID, At: e.At})
	case "start":
		s.Tasks[slices.IndexFunc(s.Tasks, func(k toyTask) bool { return k.ID == b.Task })].Started = e.At
	case "finish":
		s.Tasks = slices.DeleteFunc(s.Tasks, func(k toyTask) bool { return k.ID == b.Task })
	case "close":
		s.Closed = e.At
		s.Forget = b.At
	}
}

func (toyRules) Note(st engine.State, n engine.Note) {
	s := st.(*toyState)
	for i := range s.Tasks {
		if k := &s.Tasks[i]; k.ID == n.Subject {
			if n.Kind == engine.NoteDelivered {
				k.Delivered = true
			} else if err := json.Unmarshal(n.Value, &k.Started); err != nil {
				panic(err)
			} else if k.Started == 1 {
				k.Delivered = false
			}
		}
	}
}

func (toyRules) Record(st engine.State, up engine.Time) engine.Record {
	s := st.(*toyState)
	r := engine.Record{Status: engine.Open, Group: "g", Started: s.Started, Closed: s.Closed, Wake: s.Wake, Timer: s.Wake, Listing: []byte(s.ID.Name.Key)}
	if s.Closed != 0 {
		return engine.Record{Status: engine.Closed, Group: "g", Started: s.Started, Closed: s.Closed, Forget: s.Forget, Listing: r.Listing}
	}
	for _, k := range s.Tasks {
		if !k.Delivered {
			r.Offers = append(r.Offers, engine.Offer{List: "toys", ID: k.ID, At: k.At, Held: k.Started != 0 && k.Started >= up})
		}
	}
	return r
}

func (toyRules) Entries(id engine.Identity, r *engine.Record) []engine.Entry {
	if r.Status == engine.Open {
		return []engine.Entry{{Family: 1, Value: "all", Time: r.Started}}
	}
	return []engine.Entry{{Family: 2, Value: "all", Time: r.Started}, {Family: 3, Value: id.Name.Key, Time: r.Closed}}
}

func (toyRules) DecodeEvent(id int64, at engine.Time, public, private []byte) (engine.Event, error) {
	var b toyEvent
	err := json.Unmarshal(public, &b)
	return engine.Event{ID: id, At: at, Body: b, Public: public, Private: private}, err
}

func (toyRules) DecodeMessage(b []byte) (any, error) {
	if b[0] == 't' {
		var m toyTold
		err := json.Unmarshal(b[1:], &m)
		return m, err
	}
	return toyAnswer{}, nil
}

func (toyRules) Refused(to engine.Name, body any, why error) []engine.Message {
	if m, ok := body.(toyTold); ok {
		return []engine.Message{{To: m.From.Name, Run: m.From.Run, Body: []byte(`a{}`)}}
	}
	return nil // the teller has closed
}

func (toyRules) EncodeState(st engine.State) []byte {
	b, err := json.Marshal(st)
	if err != nil {
		panic(err)
	}
	return b
}

func (toyRules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	s := &toyState{}
	return s, json.Unmarshal(b, s)
}
