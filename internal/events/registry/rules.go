package registry

import (
	"bytes"
	"fmt"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

// Bodies of commands. Names and texts must be as the API has them. All fail with *Error.
// Those about a connection reply with the *Connection as it became, but where it says
// something else.
type (
	// Create makes a connection. Of New count what it is called, its Type, and whether it is to
	// be authorised by somebody else.
	Create struct {
		New    Connection
		Sealed []byte
	}
	// Change changes a connection. What is nil or empty stays. Sealed comes with a Type and
	// whether somebody else is to authorise it, and with a Secret if it had none.
	Change struct {
		Name        string
		Revision    int64 // that it must have
		Description *string
		Type        string
		State       State
		Secret      string
		Sealed      []byte
	}
	// Seed makes a connection, or has one be as New; nothing is done for one that New's Digest
	// made. Its ID stays, unless New has a certain one.
	Seed struct {
		New    Connection
		Sealed []byte
	}
	// Deauthorize takes away what a connection authorises by.
	Deauthorize struct{ Name string }
	// Delete replies with the connection as it was.
	Delete struct{ Name string }
	// Outcome tells whether a connection could be authorised by what it got by an event. It
	// does nothing, and replies with nil, if that is past.
	Outcome struct {
		Name   string
		Event  int64
		Reason string // "": it could
	}
)

// Bodies of commands that change nothing.
type (
	// Find replies with a *Connection; nil: there is none.
	Find struct{ Name string }
	// FindDue replies with the *Connection that an offer is about; nil: it is no more.
	FindDue struct{ Event int64 }
	// List replies with a Page of those that begin with a prefix, in a state, or any.
	List struct {
		Prefix string
		State  State // zero: any
		After  string
		Limit  int
	}
)

// Page is a part of a list, in order.
type Page struct {
	Items []*Connection
	More  bool
}

// Code is what an Error is called on the wire.
type Code string

// The codes of the rules' errors.
const (
	NotFound      Code = "ResourceNotFoundException"
	AlreadyExists Code = "ResourceAlreadyExistsException"
	LimitExceeded Code = "LimitExceededException"
	Concurrent    Code = "ConcurrentModificationException"
)

// Error refuses a command, in words for the caller.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func refuse(code Code, format string, a ...any) error { return &Error{code, fmt.Sprintf(format, a...)} }

// None refuses what is about a connection that is not there. Doing is what is done to it.
func None(doing, name string) error {
	return refuse(NotFound, "Failed to %s the connection(s). Connection '%s' does not exist.", doing, name)
}

// Rules are the rules of Kind.
type Rules struct {
	*collection.Rules[*book]
	limits Limits
}

var _ engine.Rules = (*Rules)(nil)

// NewRules makes the rules of Kind.
func NewRules(l Limits) *Rules { return &Rules{rules, l} }

var rules = collection.NewRules(collection.Config[*book]{Package: "events", Of: "connections", New: newBook, Version: 1, Events: events})

// noteSealed is the kind of a note that has what a connection authorises by. Its subject is the
// event by which the connection got it.
const noteSealed engine.NoteKind = 2

// offersAtOnce is how many connections are offered at a time.
const offersAtOnce = 50

// Record offers the connections that are to be authorised.
func (r *Rules) Record(s engine.State, up engine.Time) engine.Record {
	b, rec := s.(*book), r.Rules.Record(s, up)
	for _, o := range b.due[:min(len(b.due), offersAtOnce)] {
		rec.Offers = append(rec.Offers, engine.Offer{List: AuthorizationList, ID: o.event, At: o.at})
	}
	return rec
}

// Note takes in what a connection authorises by. A note about one that has something else says
// nothing.
func (*Rules) Note(s engine.State, n engine.Note) {
	b := s.(*book)
	holder, ok := b.holders[n.Subject]
	if !ok || n.Kind != noteSealed {
		return
	}
	old, _ := b.connections.Find(collection.Name(holder))
	c := *old
	c.Sealed = n.Value
	b.connections.Put(&c)
}

// Handle decides a command.
func (r *Rules) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := &turn{book: s.(*book), rules: r, now: in.Now}
	reply, err := t.handle(body)
	if err != nil {
		return engine.Turn{}, err
	}
	if c, is := reply.(*Connection); !is || c != nil { // none is no reply: a nil pointer does not reach another node
		t.done.Reply = reply
	}
	return t.done, nil
}

// turn is a command being handled.
type turn struct {
	*book
	rules *Rules
	now   engine.Time
	done  engine.Turn
}

func (t *turn) handle(body any) (any, error) {
	switch c := body.(type) {
	case Create:
		return t.create(c)
	case Change:
		return t.change(c)
	case Seed:
		return t.seed(c)
	case Deauthorize:
		return t.deauthorize(c)
	case Delete:
		return t.delete(c)
	case Outcome:
		return t.outcome(c), nil
	case Find:
		found, _ := t.connections.Find(collection.Name(c.Name))
		return found, nil
	case FindDue:
		o, _ := t.due.Find(number(c.Event))
		found, _ := t.connections.Find(collection.Name(o.name))
		return found, nil
	case List:
		return t.list(c), nil
	default:
		panic(fmt.Sprintf("events: no rule for command %T", body))
	}
}

// put writes what a connection became, with what it now authorises by, if that is new.
func (t *turn) put(c Connection, sealed []byte) *Connection {
	was := int64(0)
	if old, there := t.connections.Find(c.SortKey()); there {
		was = old.Event
	}
	if sealed != nil {
		c.Bytes = len(sealed)
	}
	t.rules.Emit(&t.done, t.book, t.now, &changed{c, sealed != nil})
	now, _ := t.connections.Find(c.SortKey())
	if was != 0 && was != now.Event {
		t.note(was, nil)
	}
	if sealed != nil {
		t.note(now.Event, sealed)
	}
	now, _ = t.connections.Find(c.SortKey())
	return now
}

// note keeps what is authorised by since an event, or with nil has it forgotten.
func (t *turn) note(event int64, sealed []byte) {
	n := engine.Note{Subject: event, Kind: noteSealed, Value: sealed}
	t.rules.Note(t.book, n)
	t.done.Notes = append(t.done.Notes, n)
}

func (t *turn) create(c Create) (*Connection, error) {
	if t.connections.Has(c.New.SortKey()) {
		return nil, refuse(AlreadyExists, "Connection %s already exists.", c.New.Name)
	}
	return t.begin(c.New, c.Sealed)
}

func (t *turn) begin(c Connection, sealed []byte) (*Connection, error) {
	if len(t.connections) >= t.rules.limits.ConnectionsMax {
		return nil, refuse(LimitExceeded, "The account has %d connections in this region, which is as many as there may be.", t.rules.limits.ConnectionsMax)
	}
	if err := t.room(len(sealed)); err != nil {
		return nil, err
	}
	c.CreatedAt, c.ModifiedAt, c.AuthorizedAt = t.now, t.now, 0
	t.settle(&c)
	return t.put(c, sealed), nil
}

// room refuses more bytes than there may be.
func (t *turn) room(more int) error {
	if t.bytes+more > t.rules.limits.BytesMax {
		return refuse(LimitExceeded, "The connections of the account in this region authorise by %d bytes, which leaves no room for %d.", t.bytes, more)
	}
	return nil
}

// settle says when a connection was authorised, if it need not be by somebody else.
func (t *turn) settle(c *Connection) {
	if c.Reason = ""; c.State == Authorized {
		c.AuthorizedAt = t.now
	}
}

func (t *turn) find(doing, name string) (Connection, error) {
	c, ok := t.connections.Find(collection.Name(name))
	if !ok {
		return Connection{}, None(doing, name)
	}
	return *c, nil
}

func (t *turn) change(c Change) (*Connection, error) {
	n, err := t.find("update", c.Name)
	if err != nil {
		return nil, err
	}
	if n.Revision != c.Revision {
		return nil, refuse(Concurrent, "Connection '%s' was modified concurrently.", c.Name)
	}
	if n.ModifiedAt = t.now; c.Description != nil {
		n.Description = *c.Description
	}
	if c.Sealed != nil {
		if err := t.room(len(c.Sealed) - n.Bytes); err != nil {
			return nil, err
		}
		n.Type, n.State = c.Type, c.State
		if c.Secret != "" {
			n.Secret = c.Secret
		}
		t.settle(&n)
	}
	return t.put(n, c.Sealed), nil
}

func (t *turn) seed(c Seed) (*Connection, error) {
	old, there := t.connections.Find(c.New.SortKey())
	switch {
	case !there:
		return t.begin(c.New, c.Sealed)
	case bytes.Equal(old.Digest, c.New.Digest):
		return old, nil
	}
	if err := t.room(len(c.Sealed) - old.Bytes); err != nil {
		return nil, err
	}
	n := c.New
	n.CreatedAt, n.ModifiedAt, n.AuthorizedAt = old.CreatedAt, t.now, old.AuthorizedAt
	if n.AnyID {
		n.ID = old.ID
	}
	if old.Event != 0 {
		n.Secret = old.Secret
	}
	t.settle(&n)
	return t.put(n, c.Sealed), nil
}

func (t *turn) deauthorize(c Deauthorize) (*Connection, error) {
	n, err := t.find("deauthorize", c.Name)
	if err != nil {
		return nil, err
	}
	n.State, n.Reason, n.Event, n.Bytes, n.ModifiedAt = Deauthorized, "", 0, 0, t.now
	return t.put(n, nil), nil
}

func (t *turn) delete(c Delete) (*Connection, error) {
	n, err := t.find("delete", c.Name)
	if err != nil {
		return nil, err
	}
	t.rules.Emit(&t.done, t.book, t.now, &removed{c.Name})
	if n.Event != 0 {
		t.note(n.Event, nil)
	}
	return &n, nil
}

// reasonBytesMax bounds why a connection is not authorised.
const reasonBytesMax = 512

func (t *turn) outcome(c Outcome) *Connection {
	old, ok := t.connections.Find(collection.Name(c.Name))
	if !ok || old.Event == 0 || old.Event != c.Event {
		return nil
	}
	n := *old
	if n.State = Authorized; c.Reason != "" {
		n.State = Deauthorized
	}
	if n.State == old.State && n.State == Deauthorized {
		return old
	}
	t.settle(&n)
	n.Reason = strings.ToValidUTF8(c.Reason[:min(len(c.Reason), reasonBytesMax)], "")
	return t.put(n, nil)
}

func (t *turn) list(c List) (p Page) {
	p.Items, p.More = collection.Page(t.connections.After(collection.Name(c.After), false), false, c.Limit, func(n *Connection) (*Connection, bool) {
		return n, strings.HasPrefix(n.Name, c.Prefix) && (c.State == 0 || c.State == n.State)
	})
	return p
}
