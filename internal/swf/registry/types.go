package registry

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Types is the rules of KindTypes.
type Types struct {
	plain
	limits Limits
}

var (
	_ engine.Rules       = (*Types)(nil)
	_ engine.TraitsRules = (*Types)(nil)
)

// NewTypes makes the rules of KindTypes.
func NewTypes(l Limits) *Types { return &Types{limits: l} }

// typeList is the state of KindTypes.
type typeList struct {
	head
	entries []*entry // by TypeID
}

func byTypeID(e *entry, id TypeID) int { return e.ID.Compare(id) }

func (l *typeList) find(id TypeID) (*entry, error) {
	if i, ok := slices.BinarySearchFunc(l.entries, id, byTypeID); ok {
		return l.entries[i], nil
	}
	return nil, &UnknownTypeError{id}
}

// Events of KindTypes.
type (
	typeRegistered   struct{ entry *entry }
	typeDeprecated   struct{ id TypeID }
	typeUndeprecated struct {
		id   TypeID
		seen uint64
	}
	typeDeleted struct{ id TypeID }
)

// The first byte of a stored event says which it is.
const (
	markTypeRegistered byte = iota + 1
	markTypeDeprecated
	markTypeUndeprecated
	markTypeDeleted
)

func (e typeRegistered) pack() []byte { return packEntry([]byte{markTypeRegistered}, e.entry) }
func (e typeDeprecated) pack() []byte { return packTypeID([]byte{markTypeDeprecated}, e.id) }
func (e typeUndeprecated) pack() []byte {
	return pack.Uint(packTypeID([]byte{markTypeUndeprecated}, e.id), e.seen)
}
func (e typeDeleted) pack() []byte { return packTypeID([]byte{markTypeDeleted}, e.id) }

// New is a list of no types.
func (*Types) New(engine.Identity) engine.State { return &typeList{} }

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
func (t *Types) write(l *typeList, now engine.Time, id TypeID, s Sweep, body eventBody) (engine.Turn, error) {
	e := l.emit(now, body)
	t.Apply(l, e)
	turn, err := describeType(l, id, s)
	turn.Events = []engine.Event{e}
	return turn, err
}

func (t *Types) register(l *typeList, c RegisterType, now engine.Time) (engine.Turn, error) {
	if _, err := l.find(c.ID); err == nil {
		return engine.Turn{}, &TypeExistsError{c.ID}
	}
	if len(l.entries) >= t.limits.TypesPerDomainMax {
		return engine.Turn{}, &LimitError{"types", t.limits.TypesPerDomainMax}
	}
	return t.write(l, now, c.ID, c.Sweep, typeRegistered{&entry{
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
	return t.write(l, now, c.ID, c.Sweep, typeDeprecated{c.ID})
}

func (t *Types) undeprecate(l *typeList, c UndeprecateType, now engine.Time) (engine.Turn, error) {
	found, err := l.findShown(c.ID, c.Sweep)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.DeprecatedAt == 0 {
		return engine.Turn{}, &TypeExistsError{c.ID}
	}
	return t.write(l, now, c.ID, c.Sweep, typeUndeprecated{c.ID, c.Sweep.Count})
}

func (t *Types) delete(l *typeList, c DeleteType, now engine.Time) (engine.Turn, error) {
	found, err := l.findShown(c.ID, c.Sweep)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.DeprecatedAt == 0 {
		return engine.Turn{}, &TypeNotDeprecatedError{c.ID}
	}
	e := l.emit(now, typeDeleted{c.ID})
	t.Apply(l, e)
	return engine.Turn{Events: []engine.Event{e}}, nil
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
		after := TypeID{c.Kind, c.After.Name, c.After.Version}
		entries = follow(entries, after, byTypeID, c.Reverse)
	}
	first, _ := slices.BinarySearchFunc(entries, c, beforeList)
	end, _ := slices.BinarySearchFunc(entries, c, upToList)
	shown, more := page(entries[first:end], c.Reverse, c.Limit, func(e *entry) (Type, bool) {
		t := e.shown(c.Sweep)
		return t, (t.DeprecatedAt != 0) == c.Deprecated
	})
	return engine.Turn{Reply: TypePage{Types: shown, More: more}}
}

// beforeList tells where e stands to the types that a list may show: before
// (-1), among (0) or behind them (1).
func beforeList(e *entry, c ListTypes) int {
	byKind := cmp.Compare(e.ID.Kind, c.Kind)
	if c.Name == "" {
		return byKind
	}
	return cmp.Or(byKind, cmp.Compare(e.ID.Name, c.Name))
}

// upToList is beforeList with those among them counted as before.
func upToList(e *entry, c ListTypes) int {
	if at := beforeList(e, c); at != 0 {
		return at
	}
	return -1
}

// Apply folds an event into the list.
func (*Types) Apply(s engine.State, e engine.Event) {
	l := s.(*typeList)
	l.advance(e)
	place := func(id TypeID) int {
		i, ok := slices.BinarySearchFunc(l.entries, id, byTypeID)
		if !ok {
			panic(fmt.Sprintf("registry: event %d: no %s", e.ID, id))
		}
		return i
	}
	change := func(id TypeID) *entry {
		i := place(id)
		next := *l.entries[i]
		l.entries[i] = &next
		return &next
	}
	switch body := e.Body.(type) {
	case typeRegistered:
		i, found := slices.BinarySearchFunc(l.entries, body.entry.ID, byTypeID)
		if found {
			panic(fmt.Sprintf("registry: event %d: %s exists", e.ID, body.entry.ID))
		}
		l.entries = slices.Insert(l.entries, i, body.entry)
	case typeDeprecated:
		change(body.id).DeprecatedAt = e.At
	case typeUndeprecated:
		next := change(body.id)
		next.DeprecatedAt, next.seen = 0, body.seen
	case typeDeleted:
		i := place(body.id)
		l.entries = slices.Delete(l.entries, i, i+1)
	default:
		panic(fmt.Sprintf("registry: no rule of types for event %T", e.Body))
	}
}

// Record says that the list is open and wants nothing.
func (*Types) Record(s engine.State, _ engine.Time) engine.Record {
	return s.(*typeList).record()
}

// DecodeEvent reads an event back.
func (*Types) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	r := pack.Read(public)
	var body eventBody
	switch mark := r.Byte(); mark {
	case markTypeRegistered:
		body = typeRegistered{readEntry(r)}
	case markTypeDeprecated:
		body = typeDeprecated{readTypeID(r)}
	case markTypeUndeprecated:
		body = typeUndeprecated{readTypeID(r), r.Uint()}
	case markTypeDeleted:
		body = typeDeleted{readTypeID(r)}
	default:
		return engine.Event{}, fmt.Errorf("registry: decode event %d of types: unknown mark %d", id, mark)
	}
	if err := r.Done(); err != nil {
		return engine.Event{}, fmt.Errorf("registry: decode event %d of types: %w", id, err)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public}, nil
}

const typeListVersion = 1

// EncodeState packs the list.
func (*Types) EncodeState(s engine.State) []byte {
	l := s.(*typeList)
	b := l.packHead(typeListVersion)
	b = pack.Uint(b, uint64(len(l.entries)))
	for _, e := range l.entries {
		b = packEntry(b, e)
	}
	return b
}

// DecodeState unpacks a list.
func (*Types) DecodeState(_ engine.Identity, b []byte) (engine.State, error) {
	l := &typeList{}
	r, err := l.readHead(b, typeListVersion)
	if err == nil {
		for range r.Count() {
			l.entries = append(l.entries, readEntry(r))
		}
		err = r.Done()
	}
	if err != nil {
		return nil, fmt.Errorf("registry: decode state of types: %w", err)
	}
	return l, nil
}
