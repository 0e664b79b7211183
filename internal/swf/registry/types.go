package registry

import (
	"cmp"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Types is the rules of KindTypes.
type Types struct {
	*collection.Rules[*typeList]
	limits Limits
}

var _ engine.Rules = (*Types)(nil)

// NewTypes makes the rules of KindTypes.
func NewTypes(l Limits) *Types { return &Types{typeRules, l} }

var typeRules = collection.NewRules(collection.Config[*typeList]{
	Package: "registry",
	Of:      "types",
	New:     func(engine.Identity) *typeList { return &typeList{} },
	Version: 1,
	Events: map[byte]collection.Event[*typeList]{
		1: &typeRegistered{},
		2: &typeDeprecated{},
		3: &typeUndeprecated{},
		4: &typeDeleted{},
	},
})

// typeList is the state of KindTypes.
type typeList struct {
	collection.Log
	entries collection.Set[TypeID, *entry]
}

// Code says the fields.
func (l *typeList) Code(c *pack.Coder) { collection.Code(c, &l.entries, (*entry).code) }

func (l *typeList) find(id TypeID) (*entry, error) {
	if e, ok := l.entries.Find(id); ok {
		return e, nil
	}
	return nil, &UnknownTypeError{id}
}

// mustFind finds what an event is about.
func (l *typeList) mustFind(id TypeID) *entry {
	e, err := l.find(id)
	if err != nil {
		panic(fmt.Sprintf("registry: event %d: %v", l.LastEventID, err))
	}
	return e
}

// Events of KindTypes.
type (
	typeRegistered   struct{ entry entry }
	typeDeprecated   struct{ id TypeID }
	typeUndeprecated struct {
		id   TypeID
		seen uint64
	}
	typeDeleted struct{ id TypeID }
)

func (e *typeRegistered) Code(c *pack.Coder) { e.entry.code(c) }
func (e *typeDeprecated) Code(c *pack.Coder) { e.id.code(c) }
func (e *typeUndeprecated) Code(c *pack.Coder) {
	e.id.code(c)
	c.Uint(&e.seen)
}
func (e *typeDeleted) Code(c *pack.Coder) { e.id.code(c) }

func (e *typeRegistered) Apply(l *typeList, _ engine.Time) {
	if !l.entries.Add(&e.entry) {
		panic(fmt.Sprintf("registry: event %d: %s exists", l.LastEventID, e.entry.ID))
	}
}

func (e *typeDeprecated) Apply(l *typeList, at engine.Time) {
	next := *l.mustFind(e.id)
	next.DeprecatedAt = at
	l.entries.Put(&next)
}

func (e *typeUndeprecated) Apply(l *typeList, _ engine.Time) {
	next := *l.mustFind(e.id)
	next.DeprecatedAt, next.seen = 0, e.seen
	l.entries.Put(&next)
}

func (e *typeDeleted) Apply(l *typeList, _ engine.Time) { l.entries.Remove(l.mustFind(e.id).ID) }

// Handle decides a command; type.go lists them.
func (t *Types) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	l := s.(*typeList)
	switch c := body.(type) {
	case RegisterType:
		return t.register(l, c, in.Now)
	case DeprecateType:
		return t.deprecate(l, c, in.Now)
	case UndeprecateType:
		return t.undeprecate(l, c, in.Now)
	case DeleteType:
		return t.delete(l, c, in.Now)
	case DescribeType:
		return describeType(l, c.ID, c.Sweep)
	case ListTypes:
		return listTypes(l, c), nil
	default:
		panic(fmt.Sprintf("registry: no rule of types for command %T", body))
	}
}

// write makes a turn of one event, which leaves the type id in the list.
func (t *Types) write(l *typeList, now engine.Time, id TypeID, s Sweep, body collection.Event[*typeList]) (engine.Turn, error) {
	var turn engine.Turn
	t.Emit(&turn, l, now, body)
	found, err := l.findShown(id, s)
	turn.Reply = found
	return turn, err
}

func (t *Types) register(l *typeList, c RegisterType, now engine.Time) (engine.Turn, error) {
	if _, err := l.find(c.ID); err == nil {
		return engine.Turn{}, &TypeExistsError{c.ID}
	}
	if len(l.entries) >= t.limits.TypesPerDomainMax {
		return engine.Turn{}, &LimitError{"types", t.limits.TypesPerDomainMax}
	}
	return t.write(l, now, c.ID, c.Sweep, &typeRegistered{entry{
		Type: Type{ID: c.ID, Description: c.Description, Defaults: c.Defaults, CreatedAt: now},
		seen: c.Sweep.Count,
	}})
}

// findShown finds a type as one who knows the sweep sees it.
func (l *typeList) findShown(id TypeID, s Sweep) (Type, error) {
	e, err := l.find(id)
	if err != nil {
		return Type{}, err
	}
	return e.shown(s), nil
}

func (t *Types) deprecate(l *typeList, c DeprecateType, now engine.Time) (engine.Turn, error) {
	found, err := l.findShown(c.ID, c.Sweep)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.DeprecatedAt != 0 {
		return engine.Turn{}, &TypeDeprecatedError{c.ID}
	}
	return t.write(l, now, c.ID, c.Sweep, &typeDeprecated{c.ID})
}

func (t *Types) undeprecate(l *typeList, c UndeprecateType, now engine.Time) (engine.Turn, error) {
	found, err := l.findShown(c.ID, c.Sweep)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.DeprecatedAt == 0 {
		return engine.Turn{}, &TypeExistsError{c.ID}
	}
	return t.write(l, now, c.ID, c.Sweep, &typeUndeprecated{c.ID, c.Sweep.Count})
}

func (t *Types) delete(l *typeList, c DeleteType, now engine.Time) (engine.Turn, error) {
	found, err := l.findShown(c.ID, c.Sweep)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.DeprecatedAt == 0 {
		return engine.Turn{}, &TypeNotDeprecatedError{c.ID}
	}
	var turn engine.Turn
	t.Emit(&turn, l, now, &typeDeleted{c.ID})
	return turn, nil
}

func describeType(l *typeList, id TypeID, s Sweep) (engine.Turn, error) {
	found, err := l.findShown(id, s)
	if err != nil {
		return engine.Turn{}, err
	}
	return engine.Turn{Reply: found}, nil
}

func listTypes(l *typeList, c ListTypes) engine.Turn {
	entries := l.entries
	if c.After.Name != "" {
		entries = entries.After(TypeID{c.Kind, c.After.Name, c.After.Version}, c.Reverse)
	}
	entries = entries.Range(func(id TypeID) int {
		byKind := cmp.Compare(id.Kind, c.Kind)
		if c.Name == "" {
			return byKind
		}
		return cmp.Or(byKind, cmp.Compare(id.Name, c.Name))
	})
	shown, more := collection.Page(entries, c.Reverse, pageLimit(c.Limit), func(e *entry) (Type, bool) {
		t := e.shown(c.Sweep)
		return t, (t.DeprecatedAt != 0) == c.Deprecated
	})
	return engine.Turn{Reply: TypePage{Types: shown, More: more}}
}
