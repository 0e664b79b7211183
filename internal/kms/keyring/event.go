package keyring

import (
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// eventBody is something that became true.
type eventBody = collection.Event[*ring]

// events are all there are, by the first byte of what is stored.
var events = map[byte]eventBody{
	1:  &keyCreated{},
	2:  &keyUpdated{},
	3:  &keyTagged{},
	4:  &deletionSet{},
	5:  &keyRemoved{},
	6:  &aliasPut{},
	7:  &aliasRemoved{},
	8:  &grantCreated{},
	9:  &grantRemoved{},
	10: &rotationSet{},
	11: &rotationDue{},
	12: &rotated{},
}

// ring is the state of Kind.
type ring struct {
	collection.Log
	world engine.World

	keys    collection.Set[collection.Name, *Key]
	aliases collection.Set[collection.Name, *Alias]

	// What follows from the keys, and is not stored.
	grants    int // of all keys
	deletions collection.Set[moment, moment]
	rotations collection.Set[moment, moment] // that have not become due
	due       collection.Set[number, task]
	holders   map[int64]string // of materials: keys by the event
}

func newRing(id engine.Identity) *ring {
	return &ring{world: id.Name.World, holders: map[int64]string{}}
}

// Code says the fields that are stored.
func (r *ring) Code(c *pack.Coder) {
	collection.Code(c, &r.keys, (*Key).code)
	collection.Code(c, &r.aliases, (*Alias).code)
	c.Weigh(len(r.holders) * holderBytes)
	c.Weigh(len(r.aliases) * aliasBytes)
	c.Weigh((len(r.deletions) + len(r.rotations) + len(r.due)) * momentBytes)
	if !c.Reads() || c.Err() != nil {
		return
	}
	for _, k := range r.keys {
		if len(k.Materials) == 0 || k.State < Enabled || k.State > PendingDeletion || !slices.IsSortedFunc(k.Grants, byID) {
			c.Fail(fmt.Errorf("key %q makes no sense", k.ID))
			return
		}
		r.follow(k, 1)
	}
	for _, a := range r.aliases {
		k, ok := r.keys.Find(collection.Name(a.Key))
		if !ok {
			c.Fail(fmt.Errorf("alias %q of no key", a.Name))
			return
		}
		k.Aliases = append(k.Aliases, a.Name)
	}
}

// What each takes in what follows from the keys, in bytes.
const (
	holderBytes = 64
	aliasBytes  = 40
	momentBytes = 48
)

func byID(a, b *Grant) int { return a.SortKey().Compare(b.SortKey()) }

// follow adds what follows from a key, or with -1 takes it away.
func (r *ring) follow(k *Key, sign int) {
	r.grants += sign * len(k.Grants)
	change := func(set *collection.Set[moment, moment], at engine.Time) {
		if m := (moment{at, k.ID}); sign > 0 {
			set.Add(m)
		} else {
			set.Remove(m)
		}
	}
	if k.State == PendingDeletion {
		change(&r.deletions, max(k.Deletion.At, k.Deletion.Again))
	}
	if k.State == Enabled && k.Rotation.Days > 0 && k.Rotation.Due == 0 {
		change(&r.rotations, k.NextRotation())
	}
	if t := (task{k.Rotation.Due, k.ID, k.Rotation.Since}); t.event != 0 && sign > 0 {
		r.due.Add(t)
	} else if t.event != 0 {
		r.due.Remove(t.SortKey())
	}
	for _, m := range k.Materials {
		if sign > 0 {
			r.holders[m.Event] = k.ID
		} else {
			delete(r.holders, m.Event)
		}
	}
}

// change puts in a key's place what f makes of a copy. f must not write into the copy's
// lists, which are the key's own.
func (r *ring) change(id string, f func(k *Key)) {
	old, ok := r.keys.Find(collection.Name(id))
	if !ok {
		panic(fmt.Sprintf("keys: event %d: no key %q", r.LastEventID, id))
	}
	k := *old
	f(&k)
	r.follow(old, -1)
	r.keys.Put(&k)
	r.follow(&k, 1)
}

type keyCreated struct{ key Key }

func (e *keyCreated) Code(c *pack.Coder) {
	if e.key.code(c); len(e.key.Materials) != 1 {
		c.Fail(fmt.Errorf("a new key with %d materials", len(e.key.Materials)))
	}
}

func (e *keyCreated) Apply(r *ring, at engine.Time) {
	k := e.key
	k.CreatedAt = at
	k.Materials = []Material{{ID: k.Materials[0].ID, At: at, Event: r.LastEventID}}
	r.keys.Put(&k)
	r.follow(&k, 1)
}

// keyUpdated has what is new; what stays as it is, is nil.
type keyUpdated struct {
	id                  string
	description, policy *string
	state               State // zero: it stays
}

func (e *keyUpdated) Code(c *pack.Coder) {
	c.Text(&e.id)
	c.Optional(&e.description)
	c.Optional(&e.policy)
	c.Byte((*byte)(&e.state))
}

func (e *keyUpdated) Apply(r *ring, _ engine.Time) {
	r.change(e.id, func(k *Key) {
		if e.description != nil {
			k.Description = *e.description
		}
		if e.policy != nil {
			k.Policy = *e.policy
		}
		if e.state != 0 {
			k.rest(e.state)
		}
	})
}

// rest gives a key a state. A rotation that was due comes again when it is enabled.
func (k *Key) rest(s State) {
	k.State = s
	k.Rotation.Due, k.Rotation.Since = 0, 0
}

type keyTagged struct {
	id string
	collection.TagChange
}

func (e *keyTagged) Code(c *pack.Coder) {
	c.Text(&e.id)
	e.TagChange.Code(c)
}

func (e *keyTagged) Apply(r *ring, _ engine.Time) {
	r.change(e.id, func(k *Key) { k.Tags = e.Change(k.Tags) })
}

// deletionSet says when a key will be deleted, or that it will not.
type deletionSet struct {
	id string
	Deletion
}

func (e *deletionSet) Code(c *pack.Coder) {
	c.Text(&e.id)
	e.At.Code(c)
	pack.Unsigned(c, &e.Days)
	e.Again.Code(c)
}

func (e *deletionSet) Apply(r *ring, _ engine.Time) {
	r.change(e.id, func(k *Key) {
		k.Deletion = e.Deletion
		if e.At == 0 {
			k.rest(Disabled)
		} else {
			k.rest(PendingDeletion)
		}
	})
}

// keyRemoved takes a key away, with its aliases and grants.
type keyRemoved struct{ id string }

func (e *keyRemoved) Code(c *pack.Coder) { c.Text(&e.id) }

func (e *keyRemoved) Apply(r *ring, _ engine.Time) {
	k, ok := r.keys.Find(collection.Name(e.id))
	if !ok {
		return
	}
	for _, name := range k.Aliases {
		r.aliases.Remove(collection.Name(name))
	}
	r.follow(k, -1)
	r.keys.Remove(k.SortKey())
}

// aliasPut is of a new alias, or of one that gets another key.
type aliasPut struct{ name, key string }

func (e *aliasPut) Code(c *pack.Coder) {
	c.Text(&e.name)
	c.Text(&e.key)
}

func (e *aliasPut) Apply(r *ring, at engine.Time) {
	a := &Alias{Name: e.name, Key: e.key, CreatedAt: at, UpdatedAt: at}
	if old, ok := r.aliases.Find(a.SortKey()); ok {
		a.CreatedAt = old.CreatedAt
		r.change(old.Key, func(k *Key) { k.Aliases = without(k.Aliases, e.name) })
	}
	r.aliases.Put(a)
	r.change(e.key, func(k *Key) {
		k.Aliases = append(slices.Clone(k.Aliases), e.name)
		slices.Sort(k.Aliases)
	})
}

type aliasRemoved struct{ name string }

func (e *aliasRemoved) Code(c *pack.Coder) { c.Text(&e.name) }

func (e *aliasRemoved) Apply(r *ring, _ engine.Time) {
	a, ok := r.aliases.Find(collection.Name(e.name))
	if !ok {
		return
	}
	r.aliases.Remove(a.SortKey())
	r.change(a.Key, func(k *Key) { k.Aliases = without(k.Aliases, e.name) })
}

func without(list []string, gone string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == gone })
}

type grantCreated struct {
	key   string
	grant Grant
}

func (e *grantCreated) Code(c *pack.Coder) {
	c.Text(&e.key)
	e.grant.code(c)
}

func (e *grantCreated) Apply(r *ring, at engine.Time) {
	r.change(e.key, func(k *Key) {
		g := e.grant
		g.CreatedAt = at
		grants := collection.Set[collection.Name, *Grant](slices.Clone(k.Grants))
		grants.Put(&g)
		k.Grants = grants
	})
}

type grantRemoved struct{ key, id string }

func (e *grantRemoved) Code(c *pack.Coder) {
	c.Text(&e.key)
	c.Text(&e.id)
}

func (e *grantRemoved) Apply(r *ring, _ engine.Time) {
	r.change(e.key, func(k *Key) {
		k.Grants = slices.DeleteFunc(slices.Clone(k.Grants), func(g *Grant) bool { return g.ID == e.id })
	})
}

// rotationSet says how often a key gets new material; zero: not by itself.
type rotationSet struct {
	key  string
	days int
}

func (e *rotationSet) Code(c *pack.Coder) {
	c.Text(&e.key)
	pack.Unsigned(c, &e.days)
}

func (e *rotationSet) Apply(r *ring, at engine.Time) {
	r.change(e.key, func(k *Key) {
		from := at
		if k.Rotation.Days > 0 {
			from = k.Rotation.From // the period goes on, though it may be another
		}
		k.Rotation = Rotation{Days: e.days}
		if e.days > 0 {
			k.Rotation.From = from
		}
	})
}

// rotationDue says that a key is to get new material.
type rotationDue struct{ key string }

func (e *rotationDue) Code(c *pack.Coder) { c.Text(&e.key) }

func (e *rotationDue) Apply(r *ring, at engine.Time) {
	r.change(e.key, func(k *Key) { k.Rotation.Due, k.Rotation.Since = r.LastEventID, at })
}

// rotated is of new material.
type rotated struct {
	key      string
	id       MaterialID
	onDemand bool
}

func (e *rotated) Code(c *pack.Coder) {
	c.Text(&e.key)
	c.Fixed(e.id[:])
	c.Bool(&e.onDemand)
}

func (e *rotated) Apply(r *ring, at engine.Time) {
	r.change(e.key, func(k *Key) {
		k.Materials = append(slices.Clone(k.Materials), Material{ID: e.id, At: at, OnDemand: e.onDemand, Event: r.LastEventID})
		if !e.onDemand {
			k.Rotation.From, k.Rotation.Due, k.Rotation.Since = at, 0, 0
		}
	})
}
