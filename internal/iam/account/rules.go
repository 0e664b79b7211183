package account

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Rules are the rules of Kind.
type Rules struct{ limits Limits }

var (
	_ engine.Rules       = (*Rules)(nil)
	_ engine.TraitsRules = (*Rules)(nil)
)

// NewRules makes the rules of Kind.
func NewRules(l Limits) *Rules { return &Rules{limits: l} }

// Traits says that an account is its state: nobody reads its log.
func (*Rules) Traits() engine.Traits { return engine.Traits{CutsLog: true} }

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

// record writes what became of an entity; its result answers a command.
func (t *turn) record(of Ref, body eventBody) (*Entity, error) {
	t.emit(body)
	return t.entity(of)
}

// recordPolicy is record for a policy of the customer's.
func (t *turn) recordPolicy(name string, body eventBody) (*Policy, error) {
	t.emit(body)
	p, _ := t.policies.find(name)
	return p, nil
}

func (a *account) place(e *Entity) {
	a.entities[e.Type].put(e)
	for _, k := range e.Keys {
		a.owners[k.ID] = e.Name
	}
}

// take takes an entity out.
func (a *account) take(e *Entity) {
	for _, k := range e.Keys {
		delete(a.owners, k.ID)
	}
	a.entities[e.Type].remove(e.Name)
}

// Record says that the account is open and wants nothing.
func (*Rules) Record(s engine.State, _ engine.Time) engine.Record {
	return engine.Record{Status: engine.Open, Started: s.(*account).started}
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
