package account

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// eventBody is something that became true.
type eventBody = collection.Event[*account]

// events are all there are, by the first byte of what is stored.
var events = map[byte]eventBody{
	1:  &entityCreated{},
	2:  &entityUpdated{},
	3:  &entityTagged{},
	4:  &entityRemoved{},
	5:  &inlinePut{},
	6:  &inlineRemoved{},
	7:  &attached{},
	8:  &detached{},
	9:  &joined{},
	10: &left{},
	11: &keyPut{},
	12: &keyRemoved{},
	13: &policyCreated{},
	14: &policyTagged{},
	15: &policyRemoved{},
	16: &versionCreated{},
	17: &versionRemoved{},
	18: &defaultSet{},
}

// change puts in an entity's place what f makes of a copy. f must not write into the
// copy's lists, which are the entity's own.
func (a *account) change(of Ref, f func(e *Entity)) {
	old, ok := a.find(of)
	if !ok {
		panic(fmt.Sprintf("identity: event %d: no %s %q", a.LastEventID, of.Type, of.Name))
	}
	e := *old
	f(&e)
	a.take(old)
	a.place(&e)
}

// changePolicy is change for a policy.
func (a *account) changePolicy(name string, f func(p *Policy)) {
	old, ok := findPolicy(a.policies, name)
	if !ok {
		panic(fmt.Sprintf("identity: event %d: no policy %q", a.LastEventID, name))
	}
	p := *old
	f(&p)
	a.policies.Put(&p)
}

// codeOf says the fields of an event that is about an entity.
func codeOf(c *pack.Coder, of *Ref, texts ...*string) {
	of.code(c)
	if !of.Type.valid() {
		c.Fail(fmt.Errorf("unknown entity type %d", of.Type))
	}
	codeTexts(c, texts...)
}

func codeTexts(c *pack.Coder, texts ...*string) {
	for _, text := range texts {
		c.Text(text)
	}
}

// with adds to a list, and without takes from it; the list stays as it is.
func with[T any](list []T, more ...T) []T { return append(slices.Clone(list), more...) }

func without[T any](list []T, gone func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), gone)
}

type entityCreated struct{ entity Entity }

func (e *entityCreated) Code(c *pack.Coder) {
	e.entity.code(c)
	if !e.entity.Type.valid() {
		c.Fail(fmt.Errorf("unknown entity type %d", e.entity.Type))
	}
}

func (e *entityCreated) Apply(a *account, _ engine.Time) {
	made := e.entity
	made.Trust = a.bindStored(made.Trust)
	a.place(&made)
}

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

func (e *entityUpdated) Code(c *pack.Coder) {
	codeOf(c, &e.of)
	for _, text := range e.texts() {
		c.Optional(text)
	}
	c.OptionalUint(&e.sessionSecondsMax)
}

func (e *entityUpdated) Apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		for i, field := range [...]*string{&x.Name, &x.Path, &x.Boundary, &x.Trust, &x.Description} {
			if text := *e.texts()[i]; text != nil {
				*field = *text
			}
		}
		if e.trust != nil {
			x.Trust = a.bindStored(*e.trust)
		}
		if e.sessionSecondsMax != nil {
			x.SessionSecondsMax = *e.sessionSecondsMax
		}
	})
}

type entityTagged struct {
	of Ref
	collection.TagChange
}

func (e *entityTagged) Code(c *pack.Coder) {
	codeOf(c, &e.of)
	e.TagChange.Code(c)
}

func (e *entityTagged) Apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) { x.Tags = e.Change(x.Tags) })
}

type entityRemoved struct{ of Ref }

func (e *entityRemoved) Code(c *pack.Coder) { codeOf(c, &e.of) }

func (e *entityRemoved) Apply(a *account, _ engine.Time) {
	if x, ok := a.find(e.of); ok {
		a.take(x)
	}
}

// inlinePut is of a new inline policy, or the one that has its name.
type inlinePut struct {
	of Ref
	Inline
}

func (e *inlinePut) Code(c *pack.Coder) { codeOf(c, &e.of, &e.Name, &e.Document) }

func (e *inlinePut) Apply(a *account, _ engine.Time) {
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

func (e *inlineRemoved) Code(c *pack.Coder) { codeOf(c, &e.of, &e.name) }

func (e *inlineRemoved) Apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) { x.Inline = withoutInline(x.Inline, e.name) })
}

type attached struct {
	of     Ref
	policy string // ARN
}

func (e *attached) Code(c *pack.Coder) { codeOf(c, &e.of, &e.policy) }

func (e *attached) Apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		x.Attached = with(x.Attached, e.policy)
		slices.Sort(x.Attached)
	})
}

type detached struct {
	of     Ref
	policy string // ARN
}

func (e *detached) Code(c *pack.Coder) { codeOf(c, &e.of, &e.policy) }

func (e *detached) Apply(a *account, _ engine.Time) {
	a.change(e.of, func(x *Entity) {
		x.Attached = without(x.Attached, func(policy string) bool { return policy == e.policy })
	})
}

// joined and left have the group's id.
type joined struct{ user, group string }

func (e *joined) Code(c *pack.Coder) { codeTexts(c, &e.user, &e.group) }

func (e *joined) Apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) { u.Groups = with(u.Groups, e.group) })
}

type left struct{ user, group string }

func (e *left) Code(c *pack.Coder) { codeTexts(c, &e.user, &e.group) }

func (e *left) Apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) {
		u.Groups = without(u.Groups, func(group string) bool { return group == e.group })
	})
}

// keyPut is of a new access key, or the one that has its id.
type keyPut struct {
	user string
	Key
}

func (e *keyPut) Code(c *pack.Coder) {
	c.Text(&e.user)
	e.Key.code(c)
}

func (e *keyPut) Apply(a *account, _ engine.Time) {
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

func (e *keyRemoved) Code(c *pack.Coder) { codeTexts(c, &e.user, &e.id) }

func (e *keyRemoved) Apply(a *account, _ engine.Time) {
	a.change(Ref{User, e.user}, func(u *Entity) {
		u.Keys = without(u.Keys, func(k Key) bool { return k.ID == e.id })
	})
}

type policyCreated struct{ policy Policy }

func (e *policyCreated) Code(c *pack.Coder) { e.policy.code(c) }

func (e *policyCreated) Apply(a *account, _ engine.Time) { a.policies.Put(&e.policy) }

type policyTagged struct {
	name string
	collection.TagChange
}

func (e *policyTagged) Code(c *pack.Coder) {
	c.Text(&e.name)
	e.TagChange.Code(c)
}

func (e *policyTagged) Apply(a *account, _ engine.Time) {
	a.changePolicy(e.name, func(p *Policy) { p.Tags = e.Change(p.Tags) })
}

type policyRemoved struct{ name string }

func (e *policyRemoved) Code(c *pack.Coder) { c.Text(&e.name) }

func (e *policyRemoved) Apply(a *account, _ engine.Time) { a.policies.Remove(collection.Fold(e.name)) }

// versionCreated is of the version that has the next number.
type versionCreated struct {
	policy, document string
	counts           bool // it is the default
}

func (e *versionCreated) Code(c *pack.Coder) {
	codeTexts(c, &e.policy, &e.document)
	c.Bool(&e.counts)
}

func (e *versionCreated) Apply(a *account, at engine.Time) {
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

func (e *versionRemoved) Code(c *pack.Coder) {
	c.Text(&e.policy)
	pack.Unsigned(c, &e.number)
}

func (e *versionRemoved) Apply(a *account, at engine.Time) {
	a.changePolicy(e.policy, func(p *Policy) {
		p.Versions = without(p.Versions, func(v Version) bool { return v.Number == e.number })
		p.UpdatedAt = at
	})
}

type defaultSet struct {
	policy string
	number int
}

func (e *defaultSet) Code(c *pack.Coder) {
	c.Text(&e.policy)
	pack.Unsigned(c, &e.number)
}

func (e *defaultSet) Apply(a *account, at engine.Time) {
	a.changePolicy(e.policy, func(p *Policy) { p.Default, p.UpdatedAt = e.number, at })
}
