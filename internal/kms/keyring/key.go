// Package keyring keeps the keys of a key management service: what is known of each, its
// aliases and its grants, and when what is promised of it comes.
//
// The keys of an account in a region are one execution of kind "kms-keys", begun by the
// first key and never closed. Reads are commands too, so they answer what is durable. An
// event says what has changed; the state is everything, since the log behind a snapshot
// is cut (engine.Traits).
//
// Key material comes to the rules sealed, and is no part of events and state: it is a note
// about the event that a key got it by. So it goes the moment that a key is deleted, with
// the row that held it, whatever of the log is still there.
//
// What the rules hand out never changes; a change makes a new one. Rules have no
// randomness, so a rotation that has come is offered as a task (RotationList), and whoever
// does it brings the material.
package keyring

import (
	"bytes"
	"cmp"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Kind is the kind of a ring's execution. Its key is empty.
const Kind engine.Kind = "kms-keys"

// RotationList is where rotations are offered that have come. The id of an offer is what
// Rotate calls Due.
const RotationList = "kms rotations"

// Name is what the keys of a world are called.
func Name(w engine.World) engine.Name { return engine.Name{World: w, Kind: Kind} }

// Command addresses a command to the keys of a world.
func Command(w engine.World, body any) engine.Command {
	_, makes := body.(CreateKey)
	return collection.Command(Name(w), body, makes)
}

// ARN is the name of a key, or of an alias, in a world.
func ARN(w engine.World, resource string) string {
	return arn.Of("kms", w.Region, w.Account, resource).String()
}

// KeyARN is the name of a key.
func KeyARN(w engine.World, id string) string { return ARN(w, "key/"+id) }

// Limits are what the rules hold users to.
type Limits struct {
	KeysMax          int // in a world
	AliasesPerKeyMax int
	GrantsPerKeyMax  int
	GrantsMax        int // of all keys of a world
	TagsMax          int // of a key
	OnDemandMax      int // rotations of a key
}

// DefaultLimits are the service's own ("AWS KMS quotas"), but for keys and grants: of those
// the service has ten times as many, and 50,000 of a key.
func DefaultLimits() Limits {
	return Limits{KeysMax: 10_000, AliasesPerKeyMax: 50, GrantsPerKeyMax: 10_000, GrantsMax: 20_000, TagsMax: 50, OnDemandMax: 25}
}

// State is what a key may be used for.
type State byte

// The states.
const (
	Enabled State = iota + 1
	Disabled
	PendingDeletion
)

// Tag is a tag of a key. Case counts in its key.
type Tag = collection.Tag

// Key is a key as it is now.
type Key struct {
	ID          string
	Description string
	State       State
	Policy      string // of the key, with ids for names of users and roles
	CreatedAt   engine.Time
	Tags        []Tag
	Materials   []Material // oldest first: the last one encrypts
	Deletion    Deletion
	Rotation    Rotation
	Aliases     []string // in order
	Grants      []*Grant // in order of their ids
}

// Deletion is when a key will be deleted; zero: not at all.
type Deletion struct {
	At    engine.Time
	Days  int         // how long that was put off
	Again engine.Time // when to look again, since the time was in doubt when it came; zero: it was not
}

// Rotation is how a key gets new material by itself.
type Rotation struct {
	Days  int         // the period; zero: it does not
	From  engine.Time // when the period began that goes on
	Due   int64       // the event by which one became due that nobody has done yet; zero: none is
	Since engine.Time // when that was
}

// MaterialID names key material for good.
type MaterialID [32]byte

// Material is what a key encrypts with, or has encrypted with.
type Material struct {
	ID       MaterialID
	At       engine.Time
	OnDemand bool   // a user asked for it
	Event    int64  // that the key got it by: the note about it has the material
	Sealed   []byte // of the note
}

// Current is the material that a key encrypts with.
func (k *Key) Current() *Material { return &k.Materials[len(k.Materials)-1] }

// Material finds material by its number, from 1.
func (k *Key) Material(number uint32) (*Material, bool) {
	if number == 0 || number > uint32(len(k.Materials)) {
		return nil, false
	}
	return &k.Materials[number-1], true
}

// NextRotation is when the key gets new material by itself; zero: never.
func (k *Key) NextRotation() engine.Time {
	if k.Rotation.Days == 0 {
		return 0
	}
	return k.Rotation.From + days(k.Rotation.Days)
}

// Grant finds a grant by its id.
func (k *Key) Grant(id string) (*Grant, bool) {
	return collection.Set[collection.Name, *Grant](k.Grants).Find(collection.Name(id))
}

// SortKey is what keys are sorted by.
func (k *Key) SortKey() collection.Name { return collection.Name(k.ID) }

func (k *Key) code(c *pack.Coder) {
	c.Text(&k.ID)
	c.Text(&k.Description)
	c.Byte((*byte)(&k.State))
	c.Text(&k.Policy)
	k.CreatedAt.Code(c)
	collection.CodeTags(c, &k.Tags)
	pack.List(c, &k.Materials, (*Material).code)
	k.Deletion.At.Code(c)
	pack.Unsigned(c, &k.Deletion.Days)
	k.Deletion.Again.Code(c)
	pack.Unsigned(c, &k.Rotation.Days)
	k.Rotation.From.Code(c)
	c.Int(&k.Rotation.Due)
	k.Rotation.Since.Code(c)
	pack.Pointers(c, &k.Grants, (*Grant).code)
}

func (m *Material) code(c *pack.Coder) {
	c.Fixed(m.ID[:])
	m.At.Code(c)
	c.Bool(&m.OnDemand)
	c.Int(&m.Event)
	c.Weigh(cap(m.Sealed))
}

// Alias is another name of a key.
type Alias struct {
	Name      string // with "alias/"
	Key       string // id
	CreatedAt engine.Time
	UpdatedAt engine.Time
}

// SortKey is what aliases are sorted by.
func (a *Alias) SortKey() collection.Name { return collection.Name(a.Name) }

func (a *Alias) code(c *pack.Coder) {
	c.Text(&a.Name)
	c.Text(&a.Key)
	a.CreatedAt.Code(c)
	a.UpdatedAt.Code(c)
}

// Grant allows a principal some operations with a key.
type Grant struct {
	ID         string
	Name       string
	Grantee    string // id of a user or role, or else an ARN
	Retiring   string // the same; empty: nobody
	Operations []string
	Equals     []Pair // the encryption context must be these
	Subset     []Pair // it must have these
	Issuer     string // account
	CreatedAt  engine.Time
}

// Pair is a member of an encryption context. Pairs are in order of their keys.
type Pair struct{ Key, Value string }

// SortKey is what grants are sorted by.
func (g *Grant) SortKey() collection.Name { return collection.Name(g.ID) }

// same tells whether a grant says what another says.
func (g *Grant) same(other *Grant) bool {
	a, b := *g, *other
	a.ID, a.CreatedAt, b.ID, b.CreatedAt = "", 0, "", 0
	return bytes.Equal(written(&a), written(&b))
}

func written(g *Grant) []byte {
	c := pack.Writing(nil)
	g.code(c)
	return c.Written()
}

func (g *Grant) code(c *pack.Coder) {
	for _, text := range []*string{&g.ID, &g.Name, &g.Grantee, &g.Retiring, &g.Issuer} {
		c.Text(text)
	}
	c.Texts(&g.Operations)
	for _, pairs := range []*[]Pair{&g.Equals, &g.Subset} {
		pack.List(c, pairs, func(p *Pair, c *pack.Coder) {
			c.Text(&p.Key)
			c.Text(&p.Value)
		})
	}
	g.CreatedAt.Code(c)
}

func days(n int) engine.Time { return engine.Seconds(int64(n) * 24 * 60 * 60) }

// moment is when something of a key has come.
type moment struct {
	at  engine.Time
	key string
}

func (m moment) SortKey() moment { return m }

// Compare orders moments by time.
func (m moment) Compare(other moment) int {
	return cmp.Or(cmp.Compare(m.at, other.at), cmp.Compare(m.key, other.key))
}

// task is a rotation that waits to be done.
type task struct {
	event int64
	key   string
	at    engine.Time
}

func (t task) SortKey() number { return number(t.event) }

type number int64

// Compare orders numbers.
func (n number) Compare(other number) int { return cmp.Compare(n, other) }
