package catalog

import (
	"errors"
	"fmt"
	"unsafe"

	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Terms are what a grant says from its beginning on.
type Terms struct {
	Name, Description string
	Scope             string // GrantDistributionScope of the model; it changes nothing
	Receiver          string // an account
	Source            string // the id of the data set that is granted
	// SetName and SetDescription are what that was called when the grant was made, which its
	// receiver goes on seeing.
	SetName, SetDescription string
	EndsAt                  engine.Time // zero: it has no end
}

func (g *Terms) code(c *pack.Coder) {
	for _, text := range []*string{&g.Name, &g.Description, &g.Scope, &g.Receiver, &g.Source, &g.SetName, &g.SetDescription} {
		c.Text(text)
	}
	g.EndsAt.Code(c)
}

// Grant is a data grant, as both its sender and its receiver have it. It is never changed,
// but replaced.
type Grant struct {
	ID      string
	Sender  string // an account
	DataSet string // the id of the entitled data set; empty: that is yet to be made
	Terms
	Created  engine.Time
	Updated  engine.Time
	Accepted engine.Time      // zero: it is pending
	Tags     []collection.Tag // by key; its receiver has none
}

func (g *Grant) code(c *pack.Coder) {
	g.codeListed(c)
	c.Text(&g.Description)
	c.Text(&g.SetDescription)
	collection.CodeTags(c, &g.Tags)
}

// codeListed says what lists show, but for the long texts.
func (g *Grant) codeListed(c *pack.Coder) {
	for _, text := range []*string{&g.ID, &g.Sender, &g.DataSet, &g.Name, &g.Scope, &g.Receiver, &g.Source, &g.SetName} {
		c.Text(text)
	}
	for _, at := range []*engine.Time{&g.EndsAt, &g.Created, &g.Updated, &g.Accepted} {
		at.Code(c)
	}
}

// State is the grant's, as the model has it.
func (g *Grant) State() string {
	if g.Accepted != 0 {
		return wire.DataGrantAcceptanceStateAccepted
	}
	return wire.DataGrantAcceptanceStatePendingReceiverAcceptance
}

// hasTaker tells whether the grant is known to be accepted, and its entitled data set, too:
// either may be heard of first.
func (g *Grant) hasTaker() bool { return g.Accepted != 0 && g.DataSet != "" }

// Over tells whether the grant has ended.
func (g *Grant) Over(now engine.Time) bool { return g.EndsAt != 0 && now >= g.EndsAt }

// Commands for grants, beside Describe, Tag, Untag and Delete. The reply is the *Grant.
type (
	// AddGrant has a grant made. The account counts it, then its data set takes it in: each
	// sends the same on, so that whoever asks may give it to the next himself. It has no reply.
	// Errors: *LimitError, and those of Tag.
	AddGrant struct {
		Seed   engine.Seed
		Create CreateGrant
	}
	// CreateGrant creates a grant.
	CreateGrant struct {
		Terms
		Tags []collection.Tag
	}
	// Entitled: its receiver has it, as a data set of that id.
	Entitled struct{ DataSet string }
	// Accepted: its receiver has accepted it.
	Accepted struct{ At engine.Time }
	// GrantOver: a grant ended, or was deleted. It is for the account that has made it, and
	// for the data set.
	GrantOver struct{ Key string }
	// grantAccepted: a grant is pending no more. It is for the account.
	grantAccepted struct{ Key string }
)

// Code says the fields.
func (m *AddGrant) Code(c *pack.Coder) {
	c.Fixed(m.Seed[:])
	m.Create.Code(c)
}

// Code says the fields.
func (m *CreateGrant) Code(c *pack.Coder) {
	m.code(c)
	collection.CodeTags(c, &m.Tags)
}

// Code says the fields.
func (m *Entitled) Code(c *pack.Coder) { c.Text(&m.DataSet) }

// Code says the fields.
func (m *Accepted) Code(c *pack.Coder) { m.At.Code(c) }

// Code says the fields.
func (m *GrantOver) Code(c *pack.Coder) { c.Text(&m.Key) }

// Code says the fields.
func (m *grantAccepted) Code(c *pack.Coder) { c.Text(&m.Key) }

type grantState struct {
	collection.Log
	id      engine.Identity
	grant   *Grant // nil: it is yet to be created
	over    bool   // its end came, and all were told
	deleted engine.Time
}

// Code says the fields.
func (s *grantState) Code(c *pack.Coder) {
	created := s.grant != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.grant = &Grant{}
	}
	c.Weigh(int(unsafe.Sizeof(*s.grant)))
	s.grant.code(c)
	c.Bool(&s.over)
	s.deleted.Code(c)
}

func (s *grantState) change(f func(g *Grant)) {
	g := *s.grant
	f(&g)
	s.grant = &g
}

type (
	grantCreated  struct{ CreateGrant }
	grantEntitled struct{ dataSet string }
	grantTaken    struct{ at engine.Time } // accepted
	grantTagged   struct{ collection.TagChange }
	grantOver     struct{}
	grantDeleted  struct{}
)

func (e *grantEntitled) Code(c *pack.Coder) { c.Text(&e.dataSet) }
func (e *grantTaken) Code(c *pack.Coder)    { e.at.Code(c) }
func (*grantOver) Code(*pack.Coder)         {}
func (*grantDeleted) Code(*pack.Coder)      {}

func (e *grantCreated) Apply(s *grantState, at engine.Time) {
	s.grant = &Grant{ID: s.id.Run.String(), Sender: s.id.Name.World.Account, Terms: e.Terms, Created: at, Updated: at, Tags: e.Tags}
}
func (e *grantEntitled) Apply(s *grantState, _ engine.Time) {
	s.change(func(g *Grant) { g.DataSet = e.dataSet })
}
func (e *grantTaken) Apply(s *grantState, _ engine.Time) {
	s.change(func(g *Grant) { g.Accepted, g.Updated = e.at, e.at })
}
func (e *grantTagged) Apply(s *grantState, _ engine.Time) {
	s.change(func(g *Grant) { g.Tags = e.Change(g.Tags) })
}
func (*grantOver) Apply(s *grantState, _ engine.Time)     { s.over = true }
func (*grantDeleted) Apply(s *grantState, at engine.Time) { s.deleted = at }

// Grants is the rules of KindGrant.
type Grants struct {
	*collection.Rules[*grantState]
	posted
}

var (
	_ engine.MessagedRules = (*Grants)(nil)
	_ engine.ListedRules   = (*Grants)(nil)
)

// NewGrants makes the rules of KindGrant.
func NewGrants() *Grants { return &Grants{Rules: grantRules} }

var grantRules = collection.NewRules(collection.Config[*grantState]{
	Package: "catalog",
	Of:      "grants",
	New:     func(id engine.Identity) *grantState { return &grantState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*grantState]{
		1: &grantCreated{}, 2: &grantEntitled{}, 3: &grantTaken{}, 4: &grantTagged{}, 5: &grantOver{}, 6: &grantDeleted{},
	},
})

// Traits implements engine.TraitsRules.
func (*Grants) Traits() engine.Traits { return keptNames }

// Record says that a grant wakes when it ends. It stays until it is deleted.
func (*Grants) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*grantState)
	r := engine.Record{Status: engine.Open, Started: s.Started}
	switch {
	case s.grant == nil:
	case s.deleted != 0:
		r.Status, r.Closed, r.Forget = engine.Closed, s.deleted, s.deleted+tombstoneTime
	default:
		if !s.over {
			r.Wake = s.grant.EndsAt
		}
		r.Listing = listing("", s.grant.codeListed)
	}
	return r
}

// ReadGrant reads a grant from a record of its sender's, without its descriptions and tags.
func ReadGrant(v *engine.RunView) (g *Grant, err error) {
	var none string
	g = &Grant{}
	_, err = readListing(v.Listing, &none, g.codeListed)
	return g, err
}

// Entries implements engine.ListedRules. A grant without its entitled data set is not whole,
// and not shown.
func (*Grants) Entries(id engine.Identity, r *engine.Record) []engine.Entry {
	if r.Listing == nil {
		return nil
	}
	g, err := ReadGrant(&engine.RunView{Identity: id, Record: *r})
	if err != nil {
		panic(fmt.Sprintf("catalog: entries of grant %s: %v", id.Run, err))
	}
	if g.DataSet == "" {
		return nil
	}
	return []engine.Entry{{Family: ByOwner, Time: r.Started}, {Family: ByEntitled, Value: g.DataSet, Time: r.Started}}
}

// Handle decides a command.
func (r *Grants) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*grantState)
	if create, ok := body.(*CreateGrant); ok && s.deleted == 0 {
		if s.grant == nil { // else by the data set's message, or before it
			tags, err := withTags(nil, create.Tags)
			if err != nil {
				return engine.Turn{}, err
			}
			r.Emit(&t, s, in.Now, &grantCreated{CreateGrant{create.Terms, tags}})
			to := entitledName(s.receiver(), s.id.Name.Key)
			t.Messages = append(t.Messages, begin(to.World, KindEntitled, entitledSeed(s.id.Run), s.entitle()))
		}
		t.Reply = s.grant
		return t, nil
	}
	if s.deleted != 0 {
		return t, &engine.UnknownRunError{Name: s.id.Name, Run: s.id.Run}
	}
	was := s.grant
	switch c := body.(type) {
	case *Describe:
	case *Entitled:
		if s.grant.DataSet == "" {
			r.Emit(&t, s, in.Now, &grantEntitled{c.DataSet})
		}
	case *Accepted:
		if s.grant.Accepted == 0 {
			r.Emit(&t, s, in.Now, &grantTaken{c.At})
			t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &grantAccepted{s.id.Name.Key}))
		}
	case *Tag, *Untag:
		change, err := retag(s.grant.Tags, c)
		if err != nil {
			return engine.Turn{}, err
		}
		if !change.IsEmpty() {
			r.Emit(&t, s, in.Now, &grantTagged{change})
		}
	case *Delete:
		r.Emit(&t, s, in.Now, &grantDeleted{})
		t.Messages = append(t.Messages, send(entitledName(s.receiver(), s.id.Name.Key), &Withdraw{}))
		r.tell(&t, s)
	case engine.Wake:
		if !s.over && s.grant.Over(in.Now) {
			r.Emit(&t, s, in.Now, &grantOver{})
			r.tell(&t, s)
		}
	default:
		panic(fmt.Sprintf("catalog: no rule of grants for command %T", body))
	}
	if s.grant.hasTaker() && !was.hasTaker() {
		s.grant.notify(&t, s.id, grantWasAccepted, in)
	}
	t.Reply = s.grant
	return t, nil
}

// receiver is the world of who receives the grant.
func (s *grantState) receiver() engine.World {
	return engine.World{Account: s.grant.Receiver, Region: s.id.Name.World.Region}
}

// entitle is what makes the entitled data set: all that its receiver is told.
func (s *grantState) entitle() *Entitle {
	g := *s.grant
	g.Tags = nil
	return &Entitle{g}
}

// tell tells those who count the grant that it is over.
func (r *Grants) tell(t *engine.Turn, s *grantState) {
	over := &GrantOver{s.id.Name.Key}
	set, _ := Command(s.id.Name.World, KindDataSet, s.grant.Source, nil)
	t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), over), send(set.Name, over))
}

// Refused implements engine.MessagedRules: a data set took a grant in that was deleted
// meanwhile, since who asked for it had it made before the message came.
func (*Grants) Refused(to engine.Name, body any, why error) []engine.Message {
	c, ok := body.(*CreateGrant)
	if _, deleted := errors.AsType[*engine.UnknownRunError](why); !ok || !deleted {
		return nil
	}
	set, _ := Command(to.World, KindDataSet, c.Source, nil)
	return []engine.Message{send(set.Name, &GrantOver{to.Key})}
}
