package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"heddle/internal/blob"
	"heddle/internal/engine"
)

// The toy kind of execution: a counter that tells other counters, offers tasks,
// wakes, closes and begins again. Its state is its events.
//
// All toys have the same rules: those of keptKind keep their names, those of cutKind cut
// their log.
const (
	toyKind  engine.Kind = "toy"
	keptKind engine.Kind = "kept"
	cutKind  engine.Kind = "cut"
)

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
	Reopened int
	Tokens   []string        `json:",omitempty"` // what was put, in order
	Kept     []string        `json:",omitempty"` // blobs
	Pile     string          `json:",omitempty"` // makes the state large, and not the log
	Sick     string          `json:",omitempty"` // where its rules panic
	Parent   engine.Identity // of a child
	Child    int
	Children int         // that it starts in all
	Window   int         // how many in a turn
	Begun    int         // children
	BeginAt  engine.Time // the next ones
	Reports  []byte      `json:",omitempty"` // how often each child has reported
}

type toyTask struct {
	ID        int64
	At        engine.Time
	Started   engine.Time
	Delivered bool
}

// toyEvent is an event's body and its public bytes.
type toyEvent struct {
	ID   int64            `json:"id"`
	What string           `json:"what"`
	At   engine.Time      `json:"at,omitempty"`
	Task int64            `json:"task,omitempty"`
	Text string           `json:"text,omitempty"`
	Size int              `json:"size,omitempty"`
	From *engine.Identity `json:"from,omitempty"`
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
	toyClose  struct{ Forget, Keep engine.Time } // it is kept until then, or for so long
	toyRenew  struct{ Forget, Keep engine.Time }
	toyRead   struct{}
	toyPut    struct{ Token string } // is answered with a toyDone
	toyReopen struct{}               // is answered with how many others are open
	toySend   struct{ Messages []engine.Message }
	toyPass   struct{ Messages []engine.Message } // closes, to be kept for no time
	toyForce  struct{}                            // reopens although the name is taken
	toyRevive struct{}                            // reopens by a note alone
	toyKeep   struct{ IDs []blob.ID }
	toyDrop   struct{ IDs []blob.ID }
	toyWant   struct { // is answered with a toyGot
		Events []int64
		Blobs  []blob.ID
		Keys   []engine.KeyUse
	}
	toyPile   struct{ Size int }
	toyExcess struct{ Many bool }   // makes too much: one event, or many
	toyFall   struct{ Sick string } // falls sick
	toyParent struct{ Children, Window int }
	toySkip   struct{} // makes an event with a wrong id
	toyBulk   struct { // makes much, within bounds
		Keep                    []blob.ID
		Events, Messages, Bytes int
		Renew                   bool // and begins a successor that does so too
	}
	// Messages.
	toyChild struct {
		Parent engine.Identity
		Child  int
	}
	toyReport struct{ Child int }
	toyTold   struct{ From engine.Identity }
	toyAnswer struct{}
)

var (
	errToy   = errors.New("toy refuses")
	errTaken = errors.New("toy can't open again: its name is taken")
)

// toyDone answers what changed a run.
type toyDone struct{ Run engine.RunID }

// toyGot is what a run was given.
type toyGot struct {
	Events map[int64]string
	Blobs  map[blob.ID]string
	Keys   map[engine.KeyUse]string // what each seals of nothing, or why it was refused
}

// toyOutcome is what those hear who await a close.
type toyOutcome struct {
	Run    engine.RunID
	Tokens []string
}

type toyRules struct {
	traits engine.Traits
	trips  map[string]bool // "where key": the rules panic there
}

func (r toyRules) trip(where string, s *toyState) {
	if s.Sick == where || r.trips[where+" "+s.ID.Name.Key] {
		panic("toy panics in " + where)
	}
}

func (r toyRules) Traits() engine.Traits { return r.traits }

func (r toyRules) Wants(st engine.State, body any) engine.Want {
	r.trip("wants", st.(*toyState))
	if c, ok := body.(toyWant); ok {
		return engine.Want{Events: c.Events, Blobs: c.Blobs, DataKeys: c.Keys}
	}
	return engine.Want{DataKeys: r.needs(st.(*toyState), body)}
}

// needs are the data keys that a run needs that is called "locked" when it wakes or hears of
// another: each time that something was added it is another one.
func (toyRules) needs(s *toyState, body any) []engine.KeyUse {
	switch body.(type) {
	case engine.Wake, toyTold:
		if s.ID.Name.Key == "locked" {
			return []engine.KeyUse{fmt.Sprint("after ", s.Added)}
		}
	}
	return nil
}

func (r toyRules) Outcome(st engine.State) any {
	s := st.(*toyState)
	r.trip("outcome", s)
	return toyOutcome{s.ID.Run, slices.Clone(s.Tokens)}
}

func (toyRules) New(id engine.Identity) engine.State { return &toyState{ID: id} }

func (r toyRules) Handle(st engine.State, body any, in engine.Input) (engine.Turn, error) {
	s := st.(*toyState)
	for _, use := range r.needs(s, body) {
		if key, err := in.DataKey(use); key == nil || err != nil {
			panic(fmt.Sprintf("toy is not given %v: %v", use, err))
		}
	}
	var turn engine.Turn
	emit := func(e toyEvent) {
		e.ID = s.Last + 1
		public, _ := json.Marshal(e)
		ev := engine.Event{ID: e.ID, At: in.Now, Body: e, Public: public, Private: []byte{byte(e.ID)}}
		r.Apply(s, ev)
		turn.Events = append(turn.Events, ev)
		if in.Notify == engine.NotifyAll || in.Notify == engine.NotifyPublic && e.What == "put" {
			turn.Notifications = append(turn.Notifications, engine.Notification{Event: e.ID, Body: []byte(e.What + " " + e.Text)})
		}
	}
	if s.Closed != 0 {
		switch c := body.(type) {
		case toyRead:
			turn.Reply = *s
			return turn, nil
		case toyReport: // a run hears its children after its end
			emit(toyEvent{What: "report", Size: c.Child})
			return turn, nil
		case toyReopen:
			if in.NameTaken {
				return turn, errTaken
			}
			emit(toyEvent{What: "reopen"})
			turn.Reply = in.OpenInGroup
			return turn, nil
		case toyForce:
			emit(toyEvent{What: "reopen"})
			return turn, nil
		case toyRevive:
			n := engine.Note{Subject: 1, Kind: noteOpen, Value: []byte{1}}
			r.Note(s, n)
			turn.Notes = append(turn.Notes, n)
			return turn, nil
		case toyPanic:
			panic("toy panics")
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
		if s.BeginAt != 0 {
			from := s.Begun
			emit(toyEvent{What: "begun", Size: min(s.Window, s.Children-s.Begun)})
			for i := from; i < s.Begun; i++ { // Apply has counted them
				to := s.ID.Name
				to.Key = fmt.Sprintf("%s/%d", s.ID.Name.Key, i)
				b, _ := json.Marshal(toyChild{s.ID, i})
				turn.Messages = append(turn.Messages, engine.Message{To: to, Begin: engine.Always, Group: "g",
					Seed: engine.DeriveSeed(in.Now, s.ID.Run, int64(-1-i)), Body: append([]byte("c"), b...)}) // not that of an event
			}
		}
		if s.Wake != 0 && s.Wake <= in.Now {
			emit(toyEvent{What: "woken", Text: strings.Repeat("x", s.Size)})
		}
	case toySend:
		emit(toyEvent{What: "send"})
		turn.Messages = append(turn.Messages, c.Messages...)
	case toyPass:
		emit(toyEvent{What: "close", At: 1})
		turn.Messages = append(turn.Messages, c.Messages...)
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
		emit(toyEvent{What: "close", At: keptUntil(c.Forget, c.Keep, in.Now)})
	case toyRenew:
		emit(toyEvent{What: "close", At: keptUntil(c.Forget, c.Keep, in.Now)})
		turn.Successor = &engine.Command{Name: s.ID.Name, Begin: engine.Always, Group: "g",
			Seed: engine.DeriveSeed(in.Now, s.ID.Run, s.Last), Body: toyBegin{}}
	case toyRead:
		turn.Reply = *s
	case toyPut:
		emit(toyEvent{What: "put", Text: c.Token})
		turn.Reply = toyDone{s.ID.Run}
	case toyReopen, toyForce, toyRevive:
		return engine.Turn{}, errToy
	case toyKeep:
		for _, id := range c.IDs {
			emit(toyEvent{What: "keep", Text: id.String()})
		}
		turn.Keep = c.IDs
		turn.Reply = toyDone{s.ID.Run}
	case toyDrop:
		for _, id := range c.IDs {
			emit(toyEvent{What: "drop", Text: id.String()})
		}
		turn.Drop = c.IDs
	case toyWant:
		got := toyGot{map[int64]string{}, map[blob.ID]string{}, map[engine.KeyUse]string{}}
		for _, id := range c.Events {
			if b := in.Event(id); b != nil {
				got.Events[id] = string(b)
			}
		}
		for _, id := range c.Blobs {
			got.Blobs[id] = string(in.Blob(id))
		}
		for _, use := range c.Keys {
			if key, err := in.DataKey(use); err != nil {
				got.Keys[use] = err.Error()
			} else {
				got.Keys[use] = string(key.Seal(nil))
			}
		}
		turn.Reply = got
	case toyPile:
		emit(toyEvent{What: "pile", Size: c.Size})
	case toyExcess:
		emit(toyEvent{What: "add"})
		if !c.Many {
			emit(toyEvent{What: "add", Text: strings.Repeat("x", engine.TurnBytesMax)})
		}
		for n := 0; c.Many && n <= engine.TurnBytesMax/256; n++ {
			turn.Messages = append(turn.Messages, engine.Message{To: s.ID.Name})
		}
	case toySkip:
		emit(toyEvent{What: "add"})
		turn.Events[0].ID++
	case toyBulk:
		emit(toyEvent{What: "bulk", Text: noise(c.Bytes)})
		for range c.Events {
			emit(toyEvent{What: "add"})
		}
		turn.Keep = c.Keep
		for i := range c.Messages {
			to := s.ID.Name
			to.Key = fmt.Sprint("nobody ", i)
			turn.Messages = append(turn.Messages, engine.Message{To: to, Body: []byte("a{}")})
		}
		if c.Renew {
			c.Renew = false
			emit(toyEvent{What: "close"})
			turn.Successor = &engine.Command{Name: s.ID.Name, Begin: engine.Always, Group: "g",
				Seed: engine.DeriveSeed(in.Now, s.ID.Run, s.Last), Body: c}
		}
	case toyFall:
		emit(toyEvent{What: "sick", Text: c.Sick})
	case toyParent:
		if s.Children > 0 {
			return engine.Turn{}, errToy
		}
		emit(toyEvent{What: "parent", Task: int64(c.Window), Size: c.Children})
	case toyChild:
		emit(toyEvent{What: "child", Size: c.Child, From: &c.Parent})
		turn.Messages = append(turn.Messages, engine.Message{To: c.Parent.Name, Run: c.Parent.Run, Body: fmt.Appendf(nil, "r%d", c.Child)})
		emit(toyEvent{What: "close", At: in.Now + 1})
	case toyReport:
		emit(toyEvent{What: "report", Size: c.Child})
	default:
		return turn, fmt.Errorf("toy: no rule for %T", body)
	}
	return turn, nil
}

// noteOpen opens a run again.
const noteOpen = engine.NoteDelivered + 2

func (r toyRules) Apply(st engine.State, e engine.Event) {
	s := st.(*toyState)
	r.trip("apply", s)
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
		s.Children, s.BeginAt = s.Begun, 0
	case "reopen":
		s.Closed, s.Forget = 0, 0
		s.Reopened++
	case "put":
		s.Tokens = append(s.Tokens, b.Text)
	case "keep":
		s.Kept = append(s.Kept, b.Text)
	case "drop":
		s.Kept = slices.DeleteFunc(s.Kept, func(id string) bool { return id == b.Text })
	case "pile":
		s.Pile = strings.Repeat("x", b.Size)
	case "sick":
		s.Sick = b.Text
	case "parent":
		s.Children, s.Window, s.BeginAt = b.Size, int(b.Task), e.At
		s.Reports = make([]byte, b.Size)
	case "begun":
		s.Begun += b.Size
		if s.BeginAt = e.At; s.Begun == s.Children {
			s.BeginAt = 0
		}
	case "child":
		s.Parent, s.Child = *b.From, b.Size
	case "report":
		if b.Size < len(s.Reports) { // else it is of an earlier run with the seed of this one
			s.Reports[b.Size]++
		}
	}
}

func (toyRules) Note(st engine.State, n engine.Note) {
	s := st.(*toyState)
	if n.Kind == noteOpen {
		s.Closed, s.Forget = 0, 0
		return
	}
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

func (rules toyRules) Record(st engine.State, up engine.Time) engine.Record {
	s := st.(*toyState)
	rules.trip("record", s)
	r := engine.Record{Status: engine.Open, Group: "g", Started: s.Started, Closed: s.Closed, Wake: earlier(s.Wake, s.BeginAt), Timer: s.Wake, Listing: []byte(s.ID.Name.Key)}
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

func (rules toyRules) Entries(id engine.Identity, r *engine.Record) []engine.Entry {
	rules.trip("entries", &toyState{ID: id})
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
	switch b[0] {
	case 'p': // a poisoned one
		panic("toy panics in decode")
	case 'q': // one whose refusal panics
		return toyPoison{}, nil
	case 'c':
		var m toyChild
		err := json.Unmarshal(b[1:], &m)
		return m, err
	case 'u':
		return toyPut{string(b)}, nil
	case 'r':
		var m toyReport
		_, err := fmt.Sscanf(string(b), "r%d", &m.Child)
		return m, err
	case 't':
		var m toyTold
		err := json.Unmarshal(b[1:], &m)
		return m, err
	}
	return toyAnswer{}, nil
}

// toyPoison can't be handled, nor refused.
type toyPoison struct{}

func (toyRules) Refused(to engine.Name, body any, why error) []engine.Message {
	switch m := body.(type) {
	case toyPoison:
		panic("toy panics in refused")
	case toyChild: // its name is taken
		return []engine.Message{{To: m.Parent.Name, Run: m.Parent.Run, Body: fmt.Appendf(nil, "r%d", m.Child)}}
	case toyTold:
		return []engine.Message{{To: m.From.Name, Run: m.From.Run, Body: []byte(`a{}`)}}
	}
	return nil // the teller has closed
}

func (r toyRules) EncodeState(st engine.State) []byte {
	r.trip("encode", st.(*toyState))
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

// noise is letters that nothing packs.
func noise(n int) string {
	letters := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(letters.IntN(26))
	}
	return string(b)
}

// keptUntil gives until when a run is kept that closes now.
func keptUntil(until, keep, now engine.Time) engine.Time {
	if keep != 0 {
		return now + keep // so no run of a name is forgotten before those that had it earlier
	}
	return until
}
