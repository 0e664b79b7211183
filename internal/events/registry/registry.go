// Package registry keeps the connections of EventBridge: what is known of each, and which are
// to be authorised.
//
// The connections of an account in a region are one execution of kind "events-connections",
// begun by the first and never closed. Reads are commands too, so they answer what is durable.
// An event says what a connection has become; the state is everything, since the log behind a
// snapshot is cut (engine.Traits).
//
// What a connection authorises by comes to the rules sealed, and is no part of events and
// state: it is a note about the event that the connection got it by. So it goes the moment that
// the connection gets others, is deauthorised or deleted, with the row that held it.
//
// What the rules hand out never changes; a change makes a new one. Rules make no requests, so a
// connection that is to be authorised by somebody else is offered as a task (AuthorizationList).
package registry

import (
	"cmp"
	"fmt"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Kind is the kind of an execution of connections. Its key is empty.
const Kind engine.Kind = "events-connections"

// AuthorizationList is where connections are offered that are to be authorised. The id of an
// offer is the Event of its connection.
const AuthorizationList = "events authorizations"

// Name is what the connections of a world are called.
func Name(w engine.World) engine.Name { return engine.Name{World: w, Kind: Kind} }

// Command addresses a command to the connections of a world.
func Command(w engine.World, body any) engine.Command {
	makes := false
	switch body.(type) {
	case Create, Seed:
		makes = true
	}
	return collection.Command(Name(w), body, makes)
}

// ARN is the name of a connection in a world; without an ID what policies call it by.
func ARN(w engine.World, name, id string) string {
	resource := "connection/" + name
	if id != "" {
		resource += "/" + id
	}
	return arn.Of("events", w.Region, w.Account, resource).String()
}

// SecretARN is the name of the secret in which AWS keeps what a connection authorises by; "":
// there is none.
func (c *Connection) SecretARN(w engine.World) string {
	if c.Event == 0 {
		return ""
	}
	return arn.Of("secretsmanager", w.Region, w.Account, "secret:events!connection/"+c.Name+"/"+c.Secret).String()
}

// Limits are what the rules hold users to.
type Limits struct {
	ConnectionsMax int // in a world
	BytesMax       int // of what they authorise by, sealed, in a world
}

// DefaultLimits are the service's own ("Amazon EventBridge quotas"), and ours for bytes.
func DefaultLimits() Limits { return Limits{ConnectionsMax: 3000, BytesMax: 16 << 20} }

// State is whether a connection is authorised.
type State byte

// The states.
const (
	Authorizing State = iota + 1
	Authorized
	Deauthorized
)

// Connection is a connection as it is now.
type Connection struct {
	Name        string
	ID          string
	AnyID       bool // it is found by any ID
	Secret      string
	Description string
	Type        string // of its authorization
	State       State
	Reason      string // for the state
	Digest      []byte // of what a file says of it that it was made by; empty: none does
	CreatedAt   engine.Time
	ModifiedAt  engine.Time
	// AuthorizedAt is when it was last; zero: never.
	AuthorizedAt engine.Time
	// Revision is the event by which it became as it is, Event the one by which it got what it
	// authorises by, and Bytes are how much that is; zero: it has nothing.
	Revision int64
	Event    int64
	Bytes    int
	Sealed   []byte // of the note about Event
}

// SortKey is what connections are sorted by.
func (c *Connection) SortKey() collection.Name { return collection.Name(c.Name) }

func (c *Connection) code(p *pack.Coder) {
	for _, text := range []*string{&c.Name, &c.ID, &c.Secret, &c.Description, &c.Type, &c.Reason} {
		p.Text(text)
	}
	p.Bool(&c.AnyID)
	p.Byte((*byte)(&c.State))
	p.Bytes(&c.Digest)
	for _, at := range []*engine.Time{&c.CreatedAt, &c.ModifiedAt, &c.AuthorizedAt} {
		at.Code(p)
	}
	p.Int(&c.Revision)
	p.Int(&c.Event)
	pack.Unsigned(p, &c.Bytes)
	p.Weigh(len(c.Sealed))
	if p.Reads() && p.Err() == nil && (c.Name == "" || c.State < Authorizing || c.State > Deauthorized) {
		p.Fail(fmt.Errorf("connection %q makes no sense", c.Name))
	}
}

// book is the state of Kind.
type book struct {
	collection.Log
	world       engine.World
	connections collection.Set[collection.Name, *Connection]

	// What follows from the connections, and is not stored.
	bytes   int // of all that they authorise by
	holders map[int64]string
	due     collection.Set[number, offer]
}

// offer is a connection that is to be authorised.
type offer struct {
	event int64
	name  string
	at    engine.Time
}

func (o offer) SortKey() number { return number(o.event) }

type number int64

// Compare orders numbers.
func (n number) Compare(other number) int { return cmp.Compare(n, other) }

func newBook(id engine.Identity) *book {
	return &book{world: id.Name.World, holders: map[int64]string{}}
}

// What each takes in what follows from the connections, in bytes.
const (
	holderBytes = 64
	offerBytes  = 48
)

// Code says the fields that are stored.
func (b *book) Code(c *pack.Coder) {
	collection.Code(c, &b.connections, (*Connection).code)
	c.Weigh(len(b.holders)*holderBytes + len(b.due)*offerBytes)
	if !c.Reads() || c.Err() != nil {
		return
	}
	for _, of := range b.connections {
		b.follow(of, 1)
	}
}

// follow adds what follows from a connection, or with -1 takes it away.
func (b *book) follow(c *Connection, sign int) {
	b.bytes += sign * c.Bytes
	o := offer{c.Event, c.Name, c.ModifiedAt}
	switch {
	case c.Event == 0:
	case sign > 0:
		b.holders[c.Event] = c.Name
		if c.State == Authorizing {
			b.due.Add(o)
		}
	default:
		delete(b.holders, c.Event)
		b.due.Remove(o.SortKey())
	}
}

// events are all there are, by the first byte of what is stored.
var events = map[byte]collection.Event[*book]{1: &changed{}, 2: &removed{}}

// changed says what a connection has become. Fresh: it authorises by what the note about this
// event has.
type changed struct {
	connection Connection
	fresh      bool
}

func (e *changed) Code(c *pack.Coder) {
	e.connection.code(c)
	c.Bool(&e.fresh)
}

func (e *changed) Apply(b *book, _ engine.Time) {
	c := e.connection
	old, there := b.connections.Find(c.SortKey())
	if there {
		b.follow(old, -1)
		c.Sealed = old.Sealed
	}
	if c.Revision = b.LastEventID; e.fresh {
		c.Event, c.Sealed = b.LastEventID, nil
	}
	if c.Event == 0 {
		c.Sealed = nil
	}
	b.connections.Put(&c)
	b.follow(&c, 1)
}

type removed struct{ name string }

func (e *removed) Code(c *pack.Coder) { c.Text(&e.name) }

func (e *removed) Apply(b *book, _ engine.Time) {
	c, ok := b.connections.Find(collection.Name(e.name))
	if !ok {
		return
	}
	b.follow(c, -1)
	b.connections.Remove(c.SortKey())
}
