package identity

import (
	"errors"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Rules are the rules of Kind.
type Rules struct{ limits Limits }

var _ engine.Rules = (*Rules)(nil)

// NewRules makes the rules of Kind.
func NewRules(l Limits) *Rules { return &Rules{limits: l} }

// account is the state of Kind.
type account struct {
	id          string
	started     engine.Time
	lastEventID int64

	entities [Role + 1]shelf[*Entity]
	policies shelf[*Policy]
	owners   map[string]string // of access keys: users' names by key id
}

func newAccount(id engine.Identity) *account {
	return &account{id: id.Name.World.Account, owners: map[string]string{}}
}

// New is an account with nobody but its root user in it.
func (*Rules) New(id engine.Identity) engine.State { return newAccount(id) }

// Events of Kind.
type (
	entityPut struct {
		entity *Entity
		was    string // its name before, if it has another now
	}
	entityRemoved struct{ of Ref }
	policyPut     struct{ policy *Policy }
	policyRemoved struct{ name string }
)

// The first byte of a stored event says which it is.
const (
	markEntityPut byte = iota + 1
	markEntityRemoved
	markPolicyPut
	markPolicyRemoved
)

type eventBody interface{ pack() []byte }

func (e entityPut) pack() []byte {
	return packEntity(pack.Text([]byte{markEntityPut}, e.was), e.entity)
}
func (e entityRemoved) pack() []byte {
	return pack.Text([]byte{markEntityRemoved, byte(e.of.Type)}, e.of.Name)
}
func (e policyPut) pack() []byte     { return packPolicy([]byte{markPolicyPut}, e.policy) }
func (e policyRemoved) pack() []byte { return pack.Text([]byte{markPolicyRemoved}, e.name) }

// Handle decides a command; command.go lists them.
func (r *Rules) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := &turn{limits: &r.limits, account: s.(*account), rules: r, now: in.Now}
	reply, err := t.handle(body)
	if err != nil {
		return engine.Turn{}, err
	}
	return engine.Turn{Events: t.events, Reply: reply}, nil
}

// turn is a command being handled.
type turn struct {
	*account
	limits *Limits
	rules  *Rules
	now    engine.Time
	events []engine.Event
}

func (t *turn) handle(body any) (reply any, err error) {
	switch c := body.(type) {
	case CreateEntity:
		return t.createEntity(c)
	case UpdateEntity:
		return t.updateEntity(c)
	case DeleteEntity:
		return t.deleteEntity(c)
	case PutInline:
		return t.putInline(c)
	case DeleteInline:
		return t.deleteInline(c)
	case Attach:
		return t.attach(c)
	case Detach:
		return t.detach(c)
	case SetBoundary:
		return t.setBoundary(c)
	case TagEntity:
		return t.tagEntity(c)
	case UntagEntity:
		return t.untagEntity(c)
	case Join:
		return t.join(c)
	case Leave:
		return t.leave(c)
	case CreateKey:
		return t.createKey(c)
	case UpdateKey:
		return t.updateKey(c)
	case DeleteKey:
		return t.deleteKey(c)
	case CreatePolicy:
		return t.createPolicy(c)
	case CreateVersion:
		return t.createVersion(c)
	case SetDefaultVersion:
		return t.setDefaultVersion(c)
	case DeleteVersion:
		return t.deleteVersion(c)
	case DeletePolicy:
		return t.deletePolicy(c)
	case TagPolicy:
		return t.tagPolicy(c)
	case UntagPolicy:
		return t.untagPolicy(c)
	case GetEntity:
		return t.entity(c.Of)
	case ListEntities:
		return t.list(c.Type), nil
	case ListGroups:
		return t.listGroups(c)
	case ListMembers:
		return t.listMembers(c)
	case GetPolicy:
		return t.getPolicy(c)
	case ListPolicies:
		return t.listPolicies(), nil
	case ListHolders:
		return t.listHolders(c)
	case Resolve:
		return t.resolve(c)
	case Summarize:
		return t.summarize(), nil
	default:
		panic(fmt.Sprintf("identity: no rule for command %T", body))
	}
}

// emit records what became true. The account moves with it.
func (t *turn) emit(body eventBody) {
	e := engine.Event{ID: t.lastEventID + 1, At: t.now, Body: body, Public: body.pack()}
	t.rules.Apply(t.account, e)
	t.events = append(t.events, e)
}

// put records what an entity became, and is the answer to a command.
func (t *turn) put(e *Entity) (*Entity, error) {
	t.emit(entityPut{entity: e})
	return e, nil
}

func (t *turn) putPolicy(p *Policy) (*Policy, error) {
	t.emit(policyPut{p})
	return p, nil
}

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
	switch body := e.Body.(type) {
	case entityPut:
		before := body.entity.Ref
		if body.was != "" {
			before.Name = body.was
		}
		a.take(before)
		a.place(body.entity)
	case entityRemoved:
		a.take(body.of)
	case policyPut:
		a.policies.put(body.policy)
	case policyRemoved:
		a.policies.remove(body.name)
	default:
		panic(fmt.Sprintf("identity: no rule for event %T", e.Body))
	}
}

func (a *account) place(e *Entity) {
	a.entities[e.Type].put(e)
	for _, k := range e.Keys {
		a.owners[k.ID] = e.Name
	}
}

// take takes an entity out, if it is there.
func (a *account) take(of Ref) {
	e, ok := a.entities[of.Type].find(of.Name)
	if !ok {
		return
	}
	for _, k := range e.Keys {
		delete(a.owners, k.ID)
	}
	a.entities[of.Type].remove(of.Name)
}

// Note is never called: the rules write no notes.
func (*Rules) Note(engine.State, engine.Note) { panic("identity: no rule for notes") }

// Record says that the account is open and wants nothing.
func (*Rules) Record(s engine.State, _ engine.Time) engine.Record {
	return engine.Record{Status: engine.Open, Started: s.(*account).started}
}

// Entries gives none: accounts are not listed as executions.
func (*Rules) Entries(engine.Identity, *engine.Record) []engine.Entry { return nil }

// DecodeMessage refuses: nothing sends messages to an account.
func (*Rules) DecodeMessage([]byte) (any, error) {
	return nil, errors.New("identity: decode message: an account takes none")
}

// Refused answers nothing: nothing sends messages to an account.
func (*Rules) Refused(engine.Name, any, error) []engine.Message { return nil }

// DecodeEvent reads an event back.
func (*Rules) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	r := pack.Read(public)
	var body eventBody
	entityType := User
	switch mark := r.Byte(); mark {
	case markEntityPut:
		put := entityPut{was: r.Text(), entity: readEntity(r)}
		body, entityType = put, put.entity.Type
	case markEntityRemoved:
		entityType = EntityType(r.Byte())
		body = entityRemoved{Ref{entityType, r.Text()}}
	case markPolicyPut:
		body = policyPut{readPolicy(r)}
	case markPolicyRemoved:
		body = policyRemoved{r.Text()}
	default:
		return engine.Event{}, fmt.Errorf("identity: decode event %d: unknown mark %d", id, mark)
	}
	if err := r.Done(); err != nil {
		return engine.Event{}, fmt.Errorf("identity: decode event %d: %w", id, err)
	}
	if !entityType.valid() {
		return engine.Event{}, fmt.Errorf("identity: decode event %d: unknown entity type %d", id, entityType)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public}, nil
}

const stateVersion = 1

// EncodeState packs the account.
func (*Rules) EncodeState(s engine.State) []byte {
	a := s.(*account)
	b := []byte{stateVersion}
	b = pack.Int(b, int64(a.started))
	b = pack.Int(b, a.lastEventID)
	for entityType := User; entityType <= Role; entityType++ {
		b = pack.Uint(b, uint64(len(a.entities[entityType])))
		for _, e := range a.entities[entityType] {
			b = packEntity(b, e)
		}
	}
	b = pack.Uint(b, uint64(len(a.policies)))
	for _, p := range a.policies {
		b = packPolicy(b, p)
	}
	return b
}

// DecodeState unpacks an account.
func (*Rules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	a := newAccount(id)
	r := pack.Read(b)
	if version := r.Byte(); r.Err() == nil && version != stateVersion {
		return nil, fmt.Errorf("identity: decode state: version %d, want %d", version, stateVersion)
	}
	a.started = engine.Time(r.Int())
	a.lastEventID = r.Int()
	for entityType := User; entityType <= Role; entityType++ {
		for range r.Count() {
			e := readEntity(r)
			if r.Err() == nil && e.Type != entityType {
				return nil, fmt.Errorf("identity: decode state: entity type %d, want %d", e.Type, entityType)
			}
			if r.Err() == nil {
				a.place(e)
			}
		}
	}
	for range r.Count() {
		a.policies.put(readPolicy(r))
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("identity: decode state: %w", err)
	}
	return a, nil
}
