package account

import (
	"fmt"
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Rules are the rules of Kind.
type Rules struct {
	*collection.Rules[*account]
	limits Limits
}

var _ engine.Rules = (*Rules)(nil)

// NewRules makes the rules of Kind.
func NewRules(l Limits) *Rules { return &Rules{rules, l} }

var rules = collection.NewRules(collection.Config[*account]{
	Package: "identity", New: newAccount, Version: 1, Events: events,
})

// account is the state of Kind. Names that differ by case only are one.
type account struct {
	collection.Log
	owner arn.Owner

	entities [Role + 1]collection.Set[collection.Folded, *Entity]
	policies policySet
	owners   map[string]string  // of access keys: users' names by key id
	ids      map[string]*Entity // all entities by their ids, which are never given again
}

type policySet = collection.Set[collection.Folded, *Policy]

func newAccount(id engine.Identity) *account {
	return &account{owner: ownerIn(id.Name.World), owners: map[string]string{}, ids: map[string]*Entity{}}
}

// Code says the fields that are stored.
func (a *account) Code(c *pack.Coder) {
	for entityType := User; entityType <= Role; entityType++ {
		collection.Code(c, &a.entities[entityType], (*Entity).code)
		if !c.Reads() {
			continue
		}
		for _, e := range a.entities[entityType] {
			if e.Type != entityType {
				c.Fail(fmt.Errorf("entity type %d, want %d", e.Type, entityType))
			}
			a.own(e)
		}
	}
	collection.Code(c, &a.policies, (*Policy).code)
	if c.Reads() {
		a.bindAll()
	}
}

// bindAll binds the trust policies of a state that was stored with names.
func (a *account) bindAll() {
	for _, role := range slices.Clone(a.entities[Role]) {
		if bound := a.bindStored(role.Trust); bound != role.Trust {
			a.change(role.Ref, func(e *Entity) { e.Trust = bound })
		}
	}
}

// find finds by the exact name.
func (a *account) find(of Ref) (*Entity, bool) {
	e, ok := a.entities[of.Type].Find(collection.Fold(of.Name))
	return e, ok && e.Name == of.Name
}

// findPolicy finds by the exact name.
func findPolicy(kept policySet, name string) (*Policy, bool) {
	p, ok := kept.Find(collection.Fold(name))
	return p, ok && p.Name == name
}

// place puts an entity in.
func (a *account) place(e *Entity) {
	a.entities[e.Type].Put(e)
	a.own(e)
}

func (a *account) own(e *Entity) {
	a.ids[e.ID] = e
	for _, k := range e.Keys {
		a.owners[k.ID] = e.Name
	}
}

// take takes an entity out.
func (a *account) take(e *Entity) {
	for _, k := range e.Keys {
		delete(a.owners, k.ID)
	}
	delete(a.ids, e.ID)
	a.entities[e.Type].Remove(e.SortKey())
}

// Handle decides a command; command.go lists them.
func (r *Rules) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := &turn{account: s.(*account), rules: r, limits: &r.limits, now: in.Now}
	reply, err := t.handle(body)
	if err != nil {
		return engine.Turn{}, err
	}
	switch v := reply.(type) {
	case *Entity:
		reply = t.shown(v)
	case []*Entity:
		for i := range v {
			v[i] = t.shown(v[i]).listed()
		}
	}
	t.done.Reply = reply
	return t.done, nil
}

// turn is a command being handled.
type turn struct {
	*account
	rules  *Rules
	limits *Limits
	now    engine.Time
	done   engine.Turn
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
	case BindPrincipals:
		return t.bindPrincipals(c), nil
	case NamePrincipals:
		return t.namePrincipals(c), nil
	default:
		panic(fmt.Sprintf("identity: no rule for command %T", body))
	}
}

// emit records what became true. The account moves with it.
func (t *turn) emit(body eventBody) { t.rules.Emit(&t.done, t.account, t.now, body) }

// record writes what became of an entity; its result answers a command.
func (t *turn) record(of Ref, body eventBody) (*Entity, error) {
	t.emit(body)
	return t.entity(of)
}

// recordPolicy is record for a policy of the customer's.
func (t *turn) recordPolicy(name string, body eventBody) (*Policy, error) {
	t.emit(body)
	p, _ := findPolicy(t.policies, name)
	return p, nil
}
