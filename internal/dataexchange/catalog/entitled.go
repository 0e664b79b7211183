package catalog

import (
	"crypto/aes"
	"crypto/sha256"
	"fmt"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// An entitled data set is what the receiver of a grant has of it: a run in the receiver's
// world, whose id is that of the data set. It holds no revision and no asset. Those of the
// source are looked at through it, under ids of their own: so nothing is copied, and what
// its owner revokes, deletes or takes back is gone for all at once.

// Commands for entitled data sets, beside Describe. The reply is the *Grant.
type (
	// Entitle makes one, and tells the grant.
	Entitle struct{ Grant Grant }
	// Accept accepts the grant. Errors: *StateError.
	Accept struct{}
	// Withdraw: the grant was deleted.
	Withdraw struct{}
	// publish: a revision of the source was published, or revoked.
	publish struct{ news }
)

// Code says the fields.
func (m *Entitle) Code(c *pack.Coder) { m.Grant.code(c) }

// Code says the fields.
func (*Withdraw) Code(*pack.Coder) {}

// entitledSeed is what the entitled data set of a grant grows from.
func entitledSeed(grant engine.RunID) engine.Seed {
	var seed engine.Seed
	copy(seed[:], grant[2:])
	return engine.DeriveSeed(seed.Time(), engine.NewRunID(0, seed), 1)
}

// entitledName is the name of the entitled data set of a grant, in the receiver's world.
func entitledName(receiver engine.World, grantKey string) engine.Name {
	run, _ := ParseID("0000" + grantKey)
	return engine.Name{World: receiver, Kind: KindEntitled, Key: KeyOf(entitledSeed(run))}
}

// GrantCommand addresses a command to a grant, for its receiver: to the entitled data set;
// false: no grant has that id.
func GrantCommand(receiver engine.World, id string, body any) (engine.Command, bool) {
	run, ok := ParseID(id)
	if !ok {
		return engine.Command{}, false
	}
	return engine.Command{Name: engine.Name{World: receiver, Kind: KindEntitled, Key: KeyOf(entitledSeed(run))}, Body: body}, true
}

// EntitleCommand addresses the command that makes the entitled data set of a grant, which
// need not wait for the grant's message.
func EntitleCommand(region string, g *Grant) engine.Command {
	run, _ := ParseID(g.ID)
	told := *g
	told.Tags = nil
	return CreateCommand(engine.World{Account: g.Receiver, Region: region}, KindEntitled, entitledSeed(run), &Entitle{told})
}

// Entitled is the id under which the receiver sees what the source has under another:
// enciphered, so that it is another in each grant, and tells nothing.
func (g *Grant) Entitled(id string) string {
	run, ok := ParseID(id)
	if !ok {
		return id
	}
	g.cipher(func(c block) { c.Encrypt(run[:], run[:]) })
	return run.String()
}

// SourceOf is the opposite of Entitled. What is no id of the grant's gives that of nothing.
func (g *Grant) SourceOf(id string) (source string, ok bool) {
	run, ok := ParseID(id)
	if !ok {
		return "", false
	}
	g.cipher(func(c block) { c.Decrypt(run[:], run[:]) })
	return run.String(), true
}

type block interface {
	Encrypt(dst, src []byte)
	Decrypt(dst, src []byte)
}

// cipher is a permutation of ids, by what only the owner knows of the source.
func (g *Grant) cipher(do func(block)) {
	key := sha256.Sum256([]byte(g.Source + g.DataSet))
	c, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(fmt.Sprintf("catalog: cipher of ids: %v", err)) // of a key of 16 bytes there is one
	}
	do(c)
}

type entitledState struct {
	collection.Log
	id        engine.Identity
	grant     *Grant // nil: it is yet to be made
	over      bool   // its end came
	withdrawn engine.Time
}

// Code says the fields.
func (s *entitledState) Code(c *pack.Coder) {
	made := s.grant != nil
	if c.Bool(&made); !made {
		return
	}
	if c.Reads() {
		s.grant = &Grant{}
	}
	c.Weigh(int(unsafe.Sizeof(*s.grant)))
	s.grant.code(c)
	c.Bool(&s.over)
	s.withdrawn.Code(c)
}

type (
	entitledMade      struct{ grant Grant }
	entitledAccepted  struct{}
	entitledOver      struct{}
	entitledWithdrawn struct{}
	entitledTold      struct{} // those outside were told of a revision
)

func (e *entitledMade) Code(c *pack.Coder)  { e.grant.code(c) }
func (*entitledAccepted) Code(*pack.Coder)  {}
func (*entitledOver) Code(*pack.Coder)      {}
func (*entitledWithdrawn) Code(*pack.Coder) {}
func (*entitledTold) Code(*pack.Coder)      {}
func (e *entitledMade) Apply(s *entitledState, _ engine.Time) {
	g := e.grant
	g.DataSet = s.id.Run.String()
	s.grant = &g
}
func (*entitledAccepted) Apply(s *entitledState, at engine.Time) {
	g := *s.grant
	g.Accepted, g.Updated = at, at
	s.grant = &g
}
func (*entitledOver) Apply(s *entitledState, _ engine.Time)       { s.over = true }
func (*entitledWithdrawn) Apply(s *entitledState, at engine.Time) { s.withdrawn = at }
func (*entitledTold) Apply(*entitledState, engine.Time)           {}

// Entitlements is the rules of KindEntitled.
type Entitlements struct {
	*collection.Rules[*entitledState]
	posted
}

var (
	_ engine.MessagedRules = (*Entitlements)(nil)
	_ engine.ListedRules   = (*Entitlements)(nil)
)

// NewEntitlements makes the rules of KindEntitled.
func NewEntitlements() *Entitlements { return &Entitlements{Rules: entitledRules} }

var entitledRules = collection.NewRules(collection.Config[*entitledState]{
	Package: "catalog",
	Of:      "entitled data sets",
	New:     func(id engine.Identity) *entitledState { return &entitledState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*entitledState]{
		1: &entitledMade{}, 2: &entitledAccepted{}, 3: &entitledOver{}, 4: &entitledWithdrawn{}, 5: &entitledTold{},
	},
})

// Traits implements engine.TraitsRules.
func (*Entitlements) Traits() engine.Traits { return keptNames }

// Record says that it wakes when the grant ends. The grant stays to be seen until it is
// deleted.
func (*Entitlements) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*entitledState)
	r := engine.Record{Status: engine.Open, Started: s.Started}
	switch {
	case s.grant == nil:
	case s.withdrawn != 0:
		r.Status, r.Closed, r.Forget = engine.Closed, s.withdrawn, s.withdrawn+tombstoneTime
	default:
		if !s.over {
			r.Wake = s.grant.EndsAt
		}
		r.Listing = listing(s.grant.SetDescription, func(c *pack.Coder) {
			s.grant.codeListed(c)
			c.Bool(&s.over)
		})
	}
	return r
}

// ReadEntitled reads a grant from a record of its receiver's. It is not whole if the data
// set's description is long; the grant's own it never has.
func ReadEntitled(v *engine.RunView) (g *Grant, whole bool, err error) {
	g, _, whole, err = readEntitled(v.Listing)
	return g, whole, err
}

func readEntitled(b []byte) (g *Grant, over, whole bool, err error) {
	g = &Grant{}
	whole, err = readListing(b, &g.SetDescription, func(c *pack.Coder) {
		g.codeListed(c)
		c.Bool(&over)
	})
	return g, over, whole, err
}

// Entries implements engine.ListedRules: it is a data set as long as its grant is accepted,
// and not over.
func (*Entitlements) Entries(id engine.Identity, r *engine.Record) []engine.Entry {
	if r.Listing == nil {
		return nil
	}
	g, over, _, err := readEntitled(r.Listing)
	if err != nil {
		panic(fmt.Sprintf("catalog: entries of entitled data set %s: %v", id.Run, err))
	}
	entries := []engine.Entry{{Family: ByState, Time: r.Started}, {Family: ByState, Value: g.State(), Time: r.Started}}
	if g.Accepted != 0 && !over {
		entries = append(entries, engine.Entry{Family: ByOwner, Time: r.Started})
	}
	return entries
}

// Handle decides a command.
func (r *Entitlements) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*entitledState)
	if c, ok := body.(*Entitle); ok && s.withdrawn == 0 {
		if s.grant == nil { // else by the grant's message, or before it
			r.Emit(&t, s, in.Now, &entitledMade{c.Grant})
			t.Messages = append(t.Messages, s.tell(&Entitled{s.grant.DataSet}))
		}
		t.Reply = s.grant
		return t, nil
	}
	if s.withdrawn != 0 {
		return t, &engine.UnknownRunError{Name: s.id.Name, Run: s.id.Run}
	}
	switch c := body.(type) {
	case *Describe:
	case *Accept:
		switch {
		case s.grant.Accepted != 0:
			return engine.Turn{}, &StateError{"The data grant is accepted already."}
		case s.grant.Over(in.Now):
			return engine.Turn{}, &StateError{"The data grant has ended."}
		}
		r.Emit(&t, s, in.Now, &entitledAccepted{})
		t.Messages = append(t.Messages, s.tell(&Accepted{s.grant.Accepted}))
	case *Withdraw:
		r.Emit(&t, s, in.Now, &entitledWithdrawn{})
		if s.grant.Accepted != 0 {
			s.grant.notify(&t, s.id, grantRevoked, in)
		}
	case *publish:
		if s.grant.Accepted != 0 && !s.grant.Over(in.Now) {
			r.publish(&t, s, &c.news, in)
		}
	case engine.Wake:
		if !s.over && s.grant.Over(in.Now) {
			r.Emit(&t, s, in.Now, &entitledOver{})
		}
	default:
		panic(fmt.Sprintf("catalog: no rule of entitled data sets for command %T", body))
	}
	t.Reply = s.grant
	return t, nil
}

// publish passes on what became of a revision, as the receiver sees it: to their account,
// and to those outside.
func (r *Entitlements) publish(t *engine.Turn, s *entitledState, n *news, in engine.Input) {
	g, shown := s.grant, *n
	shown.Revision = g.Entitled(n.Revision)
	if !n.Revoked {
		t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &published{g.DataSet, shown.Revision, captionsOf(g.SetName, n.Comment, in)}))
	}
	if in.Notify.Any(engine.NotifyPublic) {
		r.Emit(t, s, in.Now, &entitledTold{})
		shown.notify(t, s.id, g.DataSet, g.SetName, in)
	}
}

// tell makes a message to the grant.
func (s *entitledState) tell(m message) engine.Message {
	to, _ := Command(engine.World{Account: s.grant.Sender, Region: s.id.Name.World.Region}, KindGrant, s.grant.ID, nil)
	return send(to.Name, m)
}
