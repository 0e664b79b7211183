package keyring

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

// Rules are the rules of Kind.
type Rules struct {
	*collection.Rules[*ring]
	limits Limits
}

var _ engine.Rules = (*Rules)(nil)

// NewRules makes the rules of Kind.
func NewRules(l Limits) *Rules { return &Rules{rules, l} }

var rules = collection.NewRules(collection.Config[*ring]{
	Package: "keys", New: newRing, Version: 1, Events: events,
})

// noteMaterial is the kind of a note that has sealed material. Its subject is the event by
// which a key got it.
const noteMaterial engine.NoteKind = 2

// How much one turn does of what has come, and how many rotations are offered at a time.
// The rest goes on in the next turn.
const (
	removalsPerTurn = 50
	rotationsAtOnce = 50
)

// Record says when something comes, and offers the rotations that have come.
func (r *Rules) Record(s engine.State, up engine.Time) engine.Record {
	ring, rec := s.(*ring), r.Rules.Record(s, up)
	if len(ring.deletions) > 0 {
		rec.Wake = ring.deletions[0].at
	}
	if len(ring.rotations) > 0 && len(ring.due) < rotationsAtOnce {
		if at := ring.rotations[0].at; rec.Wake == 0 || at < rec.Wake {
			rec.Wake = at
		}
	}
	for _, t := range ring.due {
		rec.Offers = append(rec.Offers, engine.Offer{List: RotationList, ID: t.event, At: t.at})
	}
	return rec
}

// Note takes in sealed material. A note about a key that is no more says nothing.
func (*Rules) Note(s engine.State, n engine.Note) {
	ring := s.(*ring)
	holder, ok := ring.holders[n.Subject]
	if !ok || n.Kind != noteMaterial {
		return
	}
	old, _ := ring.keys.Find(collection.Name(holder))
	k := *old
	k.Materials = slices.Clone(k.Materials)
	for i := range k.Materials {
		if k.Materials[i].Event == n.Subject {
			k.Materials[i].Sealed = n.Value
		}
	}
	ring.keys.Put(&k)
}

// Handle decides a command; command.go lists them.
func (r *Rules) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := &turn{ring: s.(*ring), rules: r, limits: &r.limits, now: in.Now, confirmed: in.Confirmed}
	reply, err := t.handle(body)
	if err != nil {
		return engine.Turn{}, err
	}
	t.done.Reply = reply
	return t.done, nil
}

// turn is a command being handled.
type turn struct {
	*ring
	rules  *Rules
	limits *Limits
	now    engine.Time
	// confirmed is a time that nobody doubts: a key is deleted by it alone.
	confirmed engine.Time
	done      engine.Turn
}

func (t *turn) handle(body any) (reply any, err error) {
	switch c := body.(type) {
	case CreateKey:
		return t.createKey(c)
	case Update:
		return t.update(c)
	case SetEnabled:
		return t.setEnabled(c)
	case ScheduleDeletion:
		return t.scheduleDeletion(c)
	case CancelDeletion:
		return t.cancelDeletion(c)
	case TagKey:
		return t.tag(c.Key, func(tags []Tag) []Tag { return collection.Exactly.With(tags, c.Tags) })
	case UntagKey:
		return t.tag(c.Key, func(tags []Tag) []Tag { return collection.Exactly.Without(tags, c.Keys) })
	case SetRotation:
		return t.setRotation(c)
	case Rotate:
		if c.Due != 0 && !t.due.Has(number(c.Due)) {
			return nil, nil // it was done meanwhile
		}
		return t.rotate(c)
	case PutAlias:
		return t.putAlias(c)
	case DeleteAlias:
		return t.deleteAlias(c)
	case CreateGrant:
		return t.createGrant(c)
	case DeleteGrant:
		return t.deleteGrant(c)
	case Find:
		return t.find(c), nil
	case FindDue:
		due, _ := t.due.Find(number(c.Due))
		return due.key, nil
	case ListKeys:
		return t.listKeys(c), nil
	case ListAliases:
		return t.listAliases(c)
	case ListRetirable:
		return t.listRetirable(c), nil
	case engine.Wake:
		t.wake()
		return nil, nil
	default:
		panic(fmt.Sprintf("keys: no rule for command %T", body))
	}
}

// emit records what became true. The ring moves with it.
func (t *turn) emit(body eventBody) { t.rules.Emit(&t.done, t.ring, t.now, body) }

// note keeps material of the event that was last, or with nil has it forgotten.
func (t *turn) note(event int64, sealed []byte) {
	n := engine.Note{Subject: event, Kind: noteMaterial, Value: sealed}
	t.rules.Note(t.ring, n)
	t.done.Notes = append(t.done.Notes, n)
}

// record writes what became of a key; its result answers a command.
func (t *turn) record(id string, body eventBody) (*Key, error) {
	t.emit(body)
	return t.key(id)
}

func (t *turn) arn(id string) string { return KeyARN(t.world, id) }

// key finds a key.
func (t *turn) key(id string) (*Key, error) {
	k, ok := t.keys.Find(collection.Name(id))
	if !ok {
		return nil, NoKey(t.arn(id))
	}
	return k, nil
}

// standing finds a key that will not be deleted, and usable one that is enabled.
func (t *turn) standing(id string) (*Key, error) {
	k, err := t.key(id)
	if err != nil {
		return nil, err
	}
	return k, k.Standing(t.arn(id))
}

func (t *turn) usable(id string) (*Key, error) {
	k, err := t.key(id)
	if err != nil {
		return nil, err
	}
	return k, k.Usable(t.arn(id))
}

func (t *turn) createKey(c CreateKey) (*Key, error) {
	switch {
	case t.keys.Has(c.New.SortKey()):
		return nil, refuse(AlreadyExists, "%s already exists", t.arn(c.New.ID))
	case len(t.keys) >= t.limits.KeysMax:
		return nil, refuse(LimitExceeded, "The account has %d keys in this region, which is as many as there may be.", t.limits.KeysMax)
	}
	if err := t.checkTags(c.New.Tags); err != nil {
		return nil, err
	}
	t.emit(&keyCreated{Key{
		ID: c.New.ID, Description: c.New.Description, State: Enabled, Policy: c.New.Policy,
		Tags: collection.Exactly.With(nil, c.New.Tags), Materials: []Material{{ID: c.Material.ID}},
	}})
	t.note(t.LastEventID, c.Material.Sealed)
	return t.key(c.New.ID)
}

func (t *turn) update(c Update) (*Key, error) {
	k, err := t.key(c.Key)
	if err == nil && c.Description != nil {
		err = k.Standing(t.arn(c.Key))
	}
	if err != nil {
		return nil, err
	}
	return t.record(c.Key, &keyUpdated{id: c.Key, description: c.Description, policy: c.Policy})
}

func (t *turn) setEnabled(c SetEnabled) (*Key, error) {
	k, err := t.standing(c.Key)
	if err != nil {
		return nil, err
	}
	to := Disabled
	if c.Enabled {
		to = Enabled
	}
	if k.State == to {
		return k, nil
	}
	return t.record(c.Key, &keyUpdated{id: c.Key, state: to})
}

func (t *turn) scheduleDeletion(c ScheduleDeletion) (*Key, error) {
	if _, err := t.standing(c.Key); err != nil {
		return nil, err
	}
	return t.record(c.Key, &deletionSet{c.Key, Deletion{At: t.now + days(c.Days), Days: c.Days}})
}

func (t *turn) cancelDeletion(c CancelDeletion) (*Key, error) {
	k, err := t.key(c.Key)
	if err != nil {
		return nil, err
	}
	if k.State != PendingDeletion {
		return nil, refuse(InvalidState, "%s is not pending deletion.", t.arn(c.Key))
	}
	return t.record(c.Key, &deletionSet{id: c.Key})
}

func (t *turn) tag(id string, change func([]Tag) []Tag) (*Key, error) {
	k, err := t.standing(id)
	if err != nil {
		return nil, err
	}
	to := change(k.Tags)
	if err := t.checkTags(to); err != nil {
		return nil, err
	}
	e := &keyTagged{id, collection.TagsBetween(k.Tags, to)}
	if e.IsEmpty() {
		return k, nil
	}
	return t.record(id, e)
}

// checkTags refuses too many tags, and keys that differ in case alone: they are one key to
// conditions, which would be content with either's value.
func (t *turn) checkTags(tags []Tag) error {
	for i := range tags {
		if collection.AnyCase.Twice(tags, i) {
			return refuse(WrongTag, "Duplicate tag keys")
		}
	}
	if len(tags) > t.limits.TagsMax {
		return refuse(LimitExceeded, "A key has at most %d tags.", t.limits.TagsMax)
	}
	return nil
}

func (t *turn) setRotation(c SetRotation) (*Key, error) {
	k, err := t.usable(c.Key)
	if err != nil || k.Rotation.Days == c.Days {
		return k, err
	}
	return t.record(c.Key, &rotationSet{c.Key, c.Days})
}

func (t *turn) rotate(c Rotate) (*Key, error) {
	if c.Due != 0 {
		due, _ := t.due.Find(number(c.Due))
		c.Key = due.key
	}
	k, err := t.usable(c.Key)
	if err != nil {
		return nil, err
	}
	if asked := count(k.Materials, func(m Material) bool { return m.OnDemand }); c.Due == 0 && asked >= t.limits.OnDemandMax {
		return nil, refuse(LimitExceeded, "%s was rotated on demand %d times, which is as often as that may be.", t.arn(c.Key), asked)
	}
	t.emit(&rotated{c.Key, c.Material.ID, c.Due == 0})
	t.note(t.LastEventID, c.Material.Sealed)
	return t.key(c.Key)
}

func count[T any](list []T, counts func(T) bool) (n int) {
	for _, v := range list {
		if counts(v) {
			n++
		}
	}
	return n
}

func (t *turn) aliasARN(name string) string { return ARN(t.world, name) }

func (t *turn) putAlias(c PutAlias) (*Key, error) {
	old, there := t.aliases.Find(collection.Name(c.Name))
	switch {
	case there && !c.Move:
		return nil, refuse(AlreadyExists, "An alias with the name %s already exists", t.aliasARN(c.Name))
	case !there && c.Move:
		return nil, NoAlias(t.aliasARN(c.Name))
	}
	k, err := t.standing(c.Key)
	if err != nil {
		return nil, err
	}
	if there && old.Key == c.Key {
		return k, nil
	}
	if len(k.Aliases) >= t.limits.AliasesPerKeyMax {
		return nil, refuse(LimitExceeded, "%s has %d aliases, which is as many as there may be.", t.arn(c.Key), len(k.Aliases))
	}
	return t.record(c.Key, &aliasPut{c.Name, c.Key})
}

func (t *turn) deleteAlias(c DeleteAlias) (*Key, error) {
	a, ok := t.aliases.Find(collection.Name(c.Name))
	if !ok {
		return nil, NoAlias(t.aliasARN(c.Name))
	}
	return t.record(a.Key, &aliasRemoved{c.Name})
}

func (t *turn) createGrant(c CreateGrant) (*Grant, error) {
	k, err := t.usable(c.Key)
	if err != nil {
		return nil, err
	}
	for _, g := range k.Grants {
		if c.New.Name != "" && g.same(&c.New) {
			return g, nil
		}
	}
	if len(k.Grants) >= t.limits.GrantsPerKeyMax || t.grants >= t.limits.GrantsMax {
		return nil, refuse(LimitExceeded, "There are %d grants of %s, and %d in all, which is as many as there may be.", len(k.Grants), t.arn(c.Key), t.grants)
	}
	t.emit(&grantCreated{c.Key, c.New})
	k, err = t.key(c.Key)
	if err != nil {
		return nil, err
	}
	g, _ := k.Grant(c.New.ID)
	return g, nil
}

func (t *turn) deleteGrant(c DeleteGrant) (*Key, error) {
	k, err := t.key(c.Key)
	if err != nil {
		return nil, err
	}
	if _, ok := k.Grant(c.ID); !ok {
		return nil, refuse(NotFound, "Grant ID %s not found", c.ID)
	}
	return t.record(c.Key, &grantRemoved{c.Key, c.ID})
}

func (t *turn) find(c Find) (f Found) {
	if c.Alias != "" {
		a, ok := t.aliases.Find(collection.Name(c.Alias))
		if !ok {
			return f
		}
		f.Alias, c.Key = a, a.Key
	}
	f.Key, _ = t.keys.Find(collection.Name(c.Key))
	return f
}

func (t *turn) listKeys(c ListKeys) (p Page[string]) {
	p.Items, p.More = collection.Page(t.keys.After(collection.Name(c.After), false), false, c.Limit,
		func(k *Key) (string, bool) { return k.ID, true })
	return p
}

func (t *turn) listAliases(c ListAliases) (p Page[*Alias], err error) {
	all := t.aliases
	if c.Key != "" {
		k, err := t.key(c.Key)
		if err != nil {
			return p, err
		}
		all = nil
		for _, name := range k.Aliases {
			a, _ := t.aliases.Find(collection.Name(name))
			all = append(all, a)
		}
	}
	p.Items, p.More = collection.Page(all.After(collection.Name(c.After), false), false, c.Limit,
		func(a *Alias) (*Alias, bool) { return a, true })
	return p, nil
}

func (t *turn) listRetirable(c ListRetirable) (p Page[GrantOf]) {
	first, _ := slices.BinarySearchFunc(t.keys, c.After[0], func(k *Key, id string) int { return cmp.Compare(k.ID, id) })
	for _, k := range t.keys[first:] {
		grants := collection.Set[collection.Name, *Grant](k.Grants)
		if k.ID == c.After[0] {
			grants = grants.After(collection.Name(c.After[1]), false)
		}
		for _, g := range grants {
			if g.Retiring != c.Principal {
				continue
			}
			if p.More = len(p.Items) == c.Limit; p.More {
				return p
			}
			p.Items = append(p.Items, GrantOf{k.ID, g})
		}
	}
	return p
}

// wake does what has come: it deletes keys and says which rotations are due.
func (t *turn) wake() {
	for range removalsPerTurn {
		if len(t.deletions) == 0 || t.deletions[0].at > t.now {
			break
		}
		t.remove(t.deletions[0].key)
	}
	for len(t.rotations) > 0 && t.rotations[0].at <= t.now && len(t.due) < rotationsAtOnce {
		t.emit(&rotationDue{t.rotations[0].key})
	}
}

// doubtPause is how long a deletion waits that has come by a time which is in doubt.
const doubtPause = engine.Time(60 * 60 * 1000)

// remove deletes a key, and its material at once.
func (t *turn) remove(id string) {
	k, err := t.key(id)
	if err != nil {
		panic(fmt.Sprintf("keys: key %q is to be deleted, and is not there", id))
	}
	if k.Deletion.At > t.confirmed {
		later := k.Deletion
		later.Again = t.now + doubtPause
		t.emit(&deletionSet{id, later})
		return
	}
	t.emit(&keyRemoved{id})
	for _, m := range k.Materials {
		t.note(m.Event, nil)
	}
}
