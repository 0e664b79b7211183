package account

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// eventBody is something that became true. It says what has changed, and no more,
// since what has may be large.
type eventBody interface {
	pack() []byte
	apply(a *account, at engine.Time)
}

// The first byte of a stored event says which it is.
const (
	markEntityCreated byte = iota + 1
	markEntityUpdated
	markEntityTagged
	markEntityRemoved
	markInlinePut
	markInlineRemoved
	markAttached
	markDetached
	markJoined
	markLeft
	markKeyPut
	markKeyRemoved
	markPolicyCreated
	markPolicyTagged
	markPolicyRemoved
	markVersionCreated
	markVersionRemoved
	markDefaultSet
)

// Apply folds an event into the account.
func (*Rules) Apply(s engine.State, e engine.Event) {
	a := s.(*account)
	if e.ID != a.lastEventID+1 {
		panic(fmt.Sprintf("identity: event %d applied after event %d", e.ID, a.lastEventID))
	}
	if e.ID == 1 {
		a.started = e.At
	}
	a.lastEventID = e.ID
	e.Body.(eventBody).apply(a, e.At)
}

// DecodeEvent reads an event back.
func (*Rules) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	r := pack.Read(public)
	body, err := readEvent(r)
	if err == nil {
		err = r.Done()
	}
	if err != nil {
		return engine.Event{}, fmt.Errorf("identity: decode event %d: %w", id, err)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public}, nil
}

func readEvent(r *pack.Reader) (body eventBody, err error) {
	ref := func() Ref {
		of := Ref{EntityType(r.Byte()), r.Text()}
		if !of.Type.valid() {
			err = fmt.Errorf("unknown entity type %d", of.Type)
		}
		return of
	}
	switch mark := r.Byte(); mark {
	case markEntityCreated:
		e := readEntity(r)
		if !e.Type.valid() {
			err = fmt.Errorf("unknown entity type %d", e.Type)
		}
		body = entityCreated{e}
	case markEntityUpdated:
		e := entityUpdated{of: ref()}
		for _, text := range e.texts() {
			*text = readOptional(r)
		}
		if r.Bool() {
			seconds := int(r.Uint())
			e.sessionSecondsMax = &seconds
		}
		body = e
	case markEntityTagged:
		body = entityTagged{ref(), readTagChange(r)}
	case markEntityRemoved:
		body = entityRemoved{ref()}
	case markInlinePut:
		body = inlinePut{ref(), Inline{r.Text(), r.Text()}}
	case markInlineRemoved:
		body = inlineRemoved{ref(), r.Text()}
	case markAttached:
		body = attached{ref(), r.Text()}
	case markDetached:
		body = detached{ref(), r.Text()}
	case markJoined:
		body = joined{r.Text(), r.Text()}
	case markLeft:
		body = left{r.Text(), r.Text()}
	case markKeyPut:
		body = keyPut{r.Text(), readKey(r)}
	case markKeyRemoved:
		body = keyRemoved{r.Text(), r.Text()}
	case markPolicyCreated:
		body = policyCreated{readPolicy(r)}
	case markPolicyTagged:
		body = policyTagged{r.Text(), readTagChange(r)}
	case markPolicyRemoved:
		body = policyRemoved{r.Text()}
	case markVersionCreated:
		body = versionCreated{r.Text(), r.Text(), r.Bool()}
	case markVersionRemoved:
		body = versionRemoved{r.Text(), int(r.Uint())}
	case markDefaultSet:
		body = defaultSet{r.Text(), int(r.Uint())}
	default:
		err = fmt.Errorf("unknown mark %d", mark)
	}
	return body, err
}

// change puts in an entity's place what f makes of a copy. f must not write into the
// copy's lists, which are the entity's own.
func (a *account) change(of Ref, f func(e *Entity)) {
	old, ok := a.entities[of.Type].find(of.Name)
	if !ok {
		panic(fmt.Sprintf("identity: event %d: no %s %q", a.lastEventID, of.Type, of.Name))
	}
	e := *old
	f(&e)
	a.take(old)
	a.place(&e)
}

// changePolicy is change for a policy.
func (a *account) changePolicy(name string, f func(p *Policy)) {
	old, ok := a.policies.find(name)
	if !ok {
		panic(fmt.Sprintf("identity: event %d: no policy %q", a.lastEventID, name))
	}
	p := *old
	f(&p)
	a.policies.put(&p)
}

// packRef begins the event of a mark that is about an entity.
func packRef(mark byte, of Ref) []byte { return pack.Text([]byte{mark, byte(of.Type)}, of.Name) }

// packName begins the event of a mark that is about a user or a policy.
func packName(mark byte, name string) []byte { return pack.Text([]byte{mark}, name) }

func packOptional(b []byte, s *string) []byte {
	b = pack.Bool(b, s != nil)
	if s != nil {
		b = pack.Text(b, *s)
	}
	return b
}

func readOptional(r *pack.Reader) *string {
	if !r.Bool() {
		return nil
	}
	s := r.Text()
	return &s
}

// with adds to a list, and without takes from it; the list stays as it is.
func with[T any](list []T, more ...T) []T { return append(slices.Clone(list), more...) }

func without[T any](list []T, gone func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), gone)
}

// tagChange is what has become of the tags of one.
type tagChange struct {
	set     []Tag // new ones, and those with another value
	removed []string
}

// tagsBetween gives what has to change in tags so that they become others.
func tagsBetween(old, now []Tag) (c tagChange) {
	for _, t := range now {
		if !slices.Contains(old, t) {
			c.set = append(c.set, t)
		}
	}
	for _, t := range old {
		if !slices.ContainsFunc(now, func(u Tag) bool { return u.Key == t.Key }) {
			c.removed = append(c.removed, t.Key)
		}
	}
	return c
}

func (c *tagChange) isEmpty() bool { return len(c.set)+len(c.removed) == 0 }

func (c *tagChange) tags(old []Tag) []Tag {
	tags := without(old, func(t Tag) bool {
		return slices.Contains(c.removed, t.Key) || slices.ContainsFunc(c.set, func(u Tag) bool { return u.Key == t.Key })
	})
	return sortTags(append(tags, c.set...))
}

func sortTags(tags []Tag) []Tag {
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	return tags
}

func (c *tagChange) pack(b []byte) []byte { return packTexts(packTags(b, c.set), c.removed) }

func readTagChange(r *pack.Reader) tagChange { return tagChange{readTags(r), readTexts(r)} }

type entityCreated struct{ entity *Entity }

func (e entityCreated) pack() []byte { return packEntity([]byte{markEntityCreated}, e.entity) }

func (e entityCreated) apply(a *account, _ engine.Time) { a.place(e.entity) }

// entityUpdated has what is new; what stays as it is, is nil.
type entityUpdated struct {
	of                Ref
	name              *string
	path              *string
	boundary          *string // empty: none any more
	trust             *string
	description       *string
	sessionSecondsMax *int
}

func (e *entityUpdated) texts() [5]**string {
	return [...]**string{&e.name, &e.path, &e.boundary, &e.trust, &e.description}
}

func (e entityUpdated) pack() []byte {
	b := packRef(markEntityUpdated, e.of)
	for _, text := range e.texts() {
		b = packOptional(b, *text)
	}
	b = pack.Bool(b, e.sessionSecondsMax != nil)
	if e.sessionSecondsMax != nil {
		b = pack.Uint(b, uint64(*e.sessionSecondsMax))
	}
	return b
}

func (e entityUpdated) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		for i, field := range [...]*string{&x.Name, &x.Path, &x.Boundary, &x.Trust, &x.Description} {
			if text := *e.texts()[i]; text != nil {
				*field = *text
			}
		}
		if e.sessionSecondsMax != nil {
			x.SessionSecondsMax = *e.sessionSecondsMax
		}
	})
}

type entityTagged struct {
	of Ref
	tagChange
}

func (e entityTagged) pack() []byte { return e.tagChange.pack(packRef(markEntityTagged, e.of)) }

func (e entityTagged) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) { x.Tags = e.tags(x.Tags) })
}

type entityRemoved struct{ of Ref }

func (e entityRemoved) pack() []byte { return packRef(markEntityRemoved, e.of) }

func (e entityRemoved) apply(a *account, _ engine.Time) {
	if x, ok := a.entities[e.of.Type].find(e.of.Name); ok {
		a.take(x)
	}
}

// inlinePut is of a new inline policy, or the one that has its name.
type inlinePut struct {
	of Ref
	Inline
}

func (e inlinePut) pack() []byte {
	return pack.Text(pack.Text(packRef(markInlinePut, e.of), e.Name), e.Document)
}

func (e inlinePut) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) { x.Inline = e.among(x.Inline) })
}

// among puts an inline policy into a list, in the place of the one that has its name.
func (p Inline) among(list []Inline) []Inline {
	list = append(withoutInline(list, p.Name), p)
	slices.SortFunc(list, func(a, b Inline) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func withoutInline(list []Inline, name string) []Inline {
	return without(list, func(p Inline) bool { return p.Name == name })
}

type inlineRemoved struct {
	of   Ref
	name string
}

func (e inlineRemoved) pack() []byte { return pack.Text(packRef(markInlineRemoved, e.of), e.name) }

func (e inlineRemoved) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) { x.Inline = withoutInline(x.Inline, e.name) })
}

type attached struct {
	of     Ref
	policy string // ARN
}

func (e attached) pack() []byte { return pack.Text(packRef(markAttached, e.of), e.policy) }

func (e attached) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		x.Attached = with(x.Attached, e.policy)
		slices.Sort(x.Attached)
	})
}

type detached struct {
	of     Ref
	policy string // ARN
}

func (e detached) pack() []byte { return pack.Text(packRef(markDetached, e.of), e.policy) }

func (e detached) apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		x.Attached = without(x.Attached, func(policy string) bool { return policy == e.policy })
	})
}

// joined and left have the group's id.
type joined struct{ user, group string }

func (e joined) pack() []byte { return pack.Text(packName(markJoined, e.user), e.group) }

func (e joined) apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) { u.Groups = with(u.Groups, e.group) })
}

type left struct{ user, group string }

func (e left) pack() []byte { return pack.Text(packName(markLeft, e.user), e.group) }

func (e left) apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) {
		u.Groups = without(u.Groups, func(group string) bool { return group == e.group })
	})
}

// keyPut is of a new access key, or the one that has its id.
type keyPut struct {
	user string
	Key
}

func (e keyPut) pack() []byte { return packKey(packName(markKeyPut, e.user), &e.Key) }

func (e keyPut) apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) {
		i := u.key(e.ID)
		if i < 0 {
			u.Keys = with(u.Keys, e.Key)
			return
		}
		u.Keys = slices.Clone(u.Keys)
		u.Keys[i] = e.Key
	})
}

type keyRemoved struct{ user, id string }

func (e keyRemoved) pack() []byte { return pack.Text(packName(markKeyRemoved, e.user), e.id) }

func (e keyRemoved) apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) {
		u.Keys = without(u.Keys, func(k Key) bool { return k.ID == e.id })
	})
}

type policyCreated struct{ policy *Policy }

func (e policyCreated) pack() []byte { return packPolicy([]byte{markPolicyCreated}, e.policy) }

func (e policyCreated) apply(a *account, _ engine.Time) { a.policies.put(e.policy) }

type policyTagged struct {
	name string
	tagChange
}

func (e policyTagged) pack() []byte { return e.tagChange.pack(packName(markPolicyTagged, e.name)) }

func (e policyTagged) apply(a *account, _ engine.Time) {
	a.changePolicy(e.name, func(p *Policy) { p.Tags = e.tags(p.Tags) })
}

type policyRemoved struct{ name string }

func (e policyRemoved) pack() []byte { return packName(markPolicyRemoved, e.name) }

func (e policyRemoved) apply(a *account, _ engine.Time) { a.policies.remove(e.name) }

// versionCreated is of the version that has the next number.
type versionCreated struct {
	policy, document string
	counts           bool // it is the default
}

func (e versionCreated) pack() []byte {
	return pack.Bool(pack.Text(packName(markVersionCreated, e.policy), e.document), e.counts)
}

func (e versionCreated) apply(a *account, at engine.Time) {
	a.changePolicy(e.policy, func(p *Policy) {
		p.Last++
		p.Versions = with(p.Versions, Version{p.Last, e.document, at})
		if e.counts {
			p.Default = p.Last
		}
		p.UpdatedAt = at
	})
}

type versionRemoved struct {
	policy string
	number int
}

func (e versionRemoved) pack() []byte {
	return pack.Uint(packName(markVersionRemoved, e.policy), uint64(e.number))
}

func (e versionRemoved) apply(a *account, at engine.Time) {
	a.changePolicy(e.policy, func(p *Policy) {
		p.Versions = without(p.Versions, func(v Version) bool { return v.Number == e.number })
		p.UpdatedAt = at
	})
}

type defaultSet struct {
	policy string
	number int
}

func (e defaultSet) pack() []byte {
	return pack.Uint(packName(markDefaultSet, e.policy), uint64(e.number))
}

func (e defaultSet) apply(a *account, at engine.Time) {
	a.changePolicy(e.policy, func(p *Policy) { p.Default, p.UpdatedAt = e.number, at })
}
