package registry

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Names is the rules of KindNames.
type Names struct{ *collection.Rules[*nameList] }

var (
	_ engine.Rules         = (*Names)(nil)
	_ engine.MessagedRules = (*Names)(nil)
)

// NewNames makes the rules of KindNames.
func NewNames() *Names { return &Names{nameRules} }

var nameRules = collection.NewRules(collection.Config[*nameList]{
	Package: "registry",
	Of:      "names",
	New:     func(engine.Identity) *nameList { return &nameList{} },
	Version: 1,
	Events: map[byte]collection.Event[*nameList]{
		1: &nameEntered{},
		2: &nameStruck{},
	},
})

// Entry is a name in a list.
type Entry struct {
	Name    string
	Run     engine.RunID // of what has it
	Created engine.Time
	Express bool // of a state machine
}

// SortKey orders entries by name, bytewise.
func (e *Entry) SortKey() collection.Name { return collection.Name(e.Name) }

func (e *Entry) code(c *pack.Coder) {
	c.Text(&e.Name)
	e.Run.Code(c)
	e.Created.Code(c)
	c.Bool(&e.Express)
}

// Commands for a list of names. Enter and Strike come as messages of what they are about,
// and from whoever does not want to wait for those; each says the same once more, or comes
// late, without harm. They have no reply.
type (
	// Enter puts a name into the list.
	Enter struct{ Entry Entry }
	// Strike takes the name of a run out.
	Strike struct {
		Name string
		Run  engine.RunID
	}
	// ListNames reads a page, by name; the reply is a NamePage.
	ListNames struct {
		After string
		Limit int
	}
	// CountNames: the reply is how many there are.
	CountNames struct{}
)

// NamePage is a page of a list.
type NamePage struct {
	Entries []Entry
	More    bool
}

type nameList struct {
	collection.Log
	entries collection.Set[collection.Name, *Entry]
}

// Code says the fields.
func (l *nameList) Code(c *pack.Coder) { collection.Code(c, &l.entries, (*Entry).code) }

type (
	nameEntered struct{ entry Entry }
	nameStruck  struct{ name string }
)

func (e *nameEntered) Code(c *pack.Coder) { e.entry.code(c) }
func (e *nameStruck) Code(c *pack.Coder)  { c.Text(&e.name) }

func (e *nameEntered) Apply(l *nameList, _ engine.Time) { l.entries.Put(&e.entry) }
func (e *nameStruck) Apply(l *nameList, _ engine.Time)  { l.entries.Remove(collection.Name(e.name)) }

// Handle decides a command.
func (n *Names) Handle(s engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	l := s.(*nameList)
	switch c := body.(type) {
	case Enter:
		// Of two that had the name, one after the other, the later counts: the news of the
		// earlier may come last.
		old, there := l.entries.Find(c.Entry.SortKey())
		if !there || old.Run != c.Entry.Run && old.Created <= c.Entry.Created {
			n.Emit(&t, l, in.Now, &nameEntered{c.Entry})
		}
	case Strike:
		if old, there := l.entries.Find(collection.Name(c.Name)); there && old.Run == c.Run {
			n.Emit(&t, l, in.Now, &nameStruck{c.Name})
		}
	case ListNames:
		entries := l.entries
		if c.After != "" {
			entries = entries.After(collection.Name(c.After), false)
		}
		var page NamePage
		page.Entries, page.More = collection.Page(entries, false, pageLimit(c.Limit), func(e *Entry) (Entry, bool) { return *e, true })
		t.Reply = page
	case CountNames:
		t.Reply = len(l.entries)
	default:
		panic(fmt.Sprintf("registry: no rule of names for command %T", body))
	}
	return t, nil
}

// What the first byte of a message says that it is.
const (
	messageEnter byte = iota + 1
	messageStrike
	messageAsk
)

// entering tells a list of the name of something new.
func entering(world engine.World, kind engine.Kind, e Entry) engine.Message {
	c := pack.Writing([]byte{messageEnter})
	e.code(c)
	to := namesOf(world, kind)
	return engine.Message{To: to, Begin: engine.IfAbsent, Seed: engine.NameSeed(to), Body: c.Written()}
}

// striking tells a list that something has gone.
func striking(id engine.Identity) engine.Message {
	c := pack.Writing([]byte{messageStrike})
	c.Text(&id.Name.Key)
	id.Run.Code(c)
	return engine.Message{To: namesOf(id.Name.World, id.Name.Kind), Body: c.Written()}
}

// DecodeMessage implements engine.MessagedRules.
func (*Names) DecodeMessage(body []byte) (any, error) {
	c := pack.Reading(body)
	var what byte
	switch c.Byte(&what); what {
	case messageEnter:
		var m Enter
		m.Entry.code(c)
		return m, c.Done()
	case messageStrike:
		var m Strike
		c.Text(&m.Name)
		m.Run.Code(c)
		return m, c.Done()
	}
	return nil, fmt.Errorf("registry: decode message: unknown mark %d", what)
}

// Refused implements engine.MessagedRules: nobody waits for an answer.
func (*Names) Refused(engine.Name, any, error) []engine.Message { return nil }
