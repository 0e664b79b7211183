package catalog

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"unsafe"

	"heddle/internal/dataexchange/keypattern"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// EventAction is what is to be done whenever a revision of a data set is published. It is
// never changed, but replaced.
type EventAction struct {
	ID      string
	Number  int64 // in order of creation
	DataSet string
	Action  Action
	Created engine.Time
	Updated engine.Time
	Tags    []collection.Tag // by key
}

// Action is an export to S3.
type Action struct {
	Bucket     string
	KeyPattern *string // absent: keypattern.DefaultOfEventAction
	Encryption Encryption
}

// Pattern is the key pattern that the action's jobs use.
func (a *Action) Pattern() string {
	if a.KeyPattern != nil {
		return *a.KeyPattern
	}
	return keypattern.DefaultOfEventAction
}

// Code says the fields.
func (a *Action) Code(c *pack.Coder) {
	c.Text(&a.Bucket)
	c.Optional(&a.KeyPattern)
	a.Encryption.Code(c)
}

// Number orders event actions: the oldest first.
type Number int64

// Compare orders numbers.
func (n Number) Compare(other Number) int { return cmp.Compare(n, other) }

// SortKey orders event actions.
func (e *EventAction) SortKey() Number { return Number(e.Number) }

func (e *EventAction) code(c *pack.Coder) {
	c.Text(&e.ID)
	c.Int(&e.Number)
	c.Text(&e.DataSet)
	e.Action.Code(c)
	e.Created.Code(c)
	e.Updated.Code(c)
	collection.CodeTags(c, &e.Tags)
}

// Commands for the account.
type (
	// AddDataSet counts a data set, and has it created. It has no reply. Errors: *LimitError.
	AddDataSet struct {
		Seed   engine.Seed
		Create CreateDataSet
	}
	// CreateEventAction, FindEventAction, UpdateEventAction and TagEventAction are about one
	// event action, which is the reply; DeleteEventAction has none. Errors: *MissingError, and
	// *LimitError; of tags those of Tag.
	CreateEventAction struct {
		ID      string
		DataSet string
		Action  Action
		Tags    []collection.Tag
	}
	FindEventAction   struct{ ID string }
	UpdateEventAction struct {
		ID     string
		Action *Action // nil: as it is
	}
	TagEventAction struct {
		ID     string
		Change any // *Tag or *Untag
	}
	DeleteEventAction struct{ ID string }
	// ListEventActions reads a page, the oldest first; the reply is an EventActionPage.
	ListEventActions struct {
		DataSet string // empty: of all
		After   int64  // the number of one; 0: from the first
		Limit   int
	}
	// Admit lets a job be in progress, which hears of it. It has no reply. Errors:
	// *LimitError.
	Admit struct{ Job Place }
	// InProgress: the reply tells whether jobs of a data set are, or imports into a revision of
	// it.
	InProgress struct{ DataSet, Revision string }
	// dataSetGone: a data set was deleted.
	dataSetGone struct{ Key string }
	// published: a revision of a data set was published.
	published struct {
		DataSet, Revision string
		captions
	}
	// release: a job is in progress no more.
	release struct{ Key string }
)

// EventActionPage is a page of event actions.
type EventActionPage struct {
	Actions []*EventAction
	More    bool
}

// Code says the fields.
func (m *dataSetGone) Code(c *pack.Coder) { c.Text(&m.Key) }

// Code says the fields.
func (m *published) Code(c *pack.Coder) {
	c.Text(&m.DataSet)
	c.Text(&m.Revision)
	m.codeTail(c)
}

// Code says the fields.
func (m *release) Code(c *pack.Coder) { c.Text(&m.Key) }

// Place is a job's among those that are in progress, or in line.
type Place struct {
	Key      string // of the job
	Type     string
	DataSet  string // ids
	Revision string
}

// SortKey orders places by the keys of their jobs.
func (p *Place) SortKey() collection.Name { return collection.Name(p.Key) }

func (p *Place) code(c *pack.Coder) {
	for _, text := range []*string{&p.Key, &p.Type, &p.DataSet, &p.Revision} {
		c.Text(text)
	}
}

// publication is a revision for which event actions are yet to be done.
type publication struct {
	published
	after int64 // the last event action whose job was begun; 0: none
}

func (p *publication) code(c *pack.Coder) {
	c.Text(&p.DataSet)
	c.Text(&p.Revision)
	c.Int(&p.after)
}

type accountState struct {
	collection.Log
	id       engine.Identity
	sets     children
	actions  collection.Set[Number, *EventAction]
	created  int64 // event actions, so far
	places   collection.Set[collection.Name, *Place]
	line     []*Place // jobs of event actions that wait for a place
	upcoming []publication
	grants   collection.Set[collection.Name, *countedGrant] // that are not over
}

// countedGrant is a grant that the account has made.
type countedGrant struct {
	Key, Receiver string
	Accepted      bool
}

// SortKey orders grants by their keys.
func (g *countedGrant) SortKey() collection.Name { return collection.Name(g.Key) }

func (g *countedGrant) code(c *pack.Coder) {
	c.Text(&g.Key)
	c.Text(&g.Receiver)
	c.Bool(&g.Accepted)
}

// Code says the fields.
func (s *accountState) Code(c *pack.Coder) {
	collection.Code(c, &s.sets, (*child).code)
	collection.Code(c, &s.actions, (*EventAction).code)
	c.Int(&s.created)
	collection.Code(c, &s.places, (*Place).code)
	pack.Pointers(c, &s.line, (*Place).code)
	pack.List(c, &s.upcoming, (*publication).code)
	captioned := slices.ContainsFunc(s.upcoming, func(p publication) bool { return p.captions != captions{} })
	if c.Tail(len(s.grants) > 0 || captioned) {
		collection.Code(c, &s.grants, (*countedGrant).code)
		if c.Tail(captioned) {
			for i := range s.upcoming {
				s.upcoming[i].captions.code(c)
			}
		}
	}
	c.Weigh(int(unsafe.Sizeof(*s)))
}

type (
	dataSetAdded       struct{ key string }
	dataSetRemoved     struct{ key string }
	eventActionCreated struct{ CreateEventAction }
	eventActionUpdated struct {
		id     string
		action Action
	}
	eventActionTagged struct {
		id string
		collection.TagChange
	}
	eventActionDeleted struct{ id string }
	jobAdmitted        struct{ place Place }
	jobInLine          struct{ place Place }
	jobReleased        struct{ key string }
	publicationCame    struct{ published }
	publicationWent    struct{ after int64 } // on; 0: it is done
	grantCounted       struct{ grant countedGrant }
	grantUncounted     struct{ key string }
)

func (e *dataSetAdded) Code(c *pack.Coder)   { c.Text(&e.key) }
func (e *dataSetRemoved) Code(c *pack.Coder) { c.Text(&e.key) }
func (e *eventActionCreated) Code(c *pack.Coder) {
	c.Text(&e.ID)
	c.Text(&e.DataSet)
	e.Action.Code(c)
	collection.CodeTags(c, &e.Tags)
}
func (e *eventActionUpdated) Code(c *pack.Coder) {
	c.Text(&e.id)
	e.action.Code(c)
}
func (e *eventActionTagged) Code(c *pack.Coder) {
	c.Text(&e.id)
	e.TagChange.Code(c)
}
func (e *eventActionDeleted) Code(c *pack.Coder) { c.Text(&e.id) }
func (e *jobAdmitted) Code(c *pack.Coder)        { e.place.code(c) }
func (e *jobInLine) Code(c *pack.Coder)          { e.place.code(c) }
func (e *jobReleased) Code(c *pack.Coder)        { c.Text(&e.key) }
func (e *publicationWent) Code(c *pack.Coder)    { c.Int(&e.after) }
func (e *grantCounted) Code(c *pack.Coder)       { e.grant.code(c) }
func (e *grantUncounted) Code(c *pack.Coder)     { c.Text(&e.key) }

func (e *dataSetAdded) Apply(s *accountState, _ engine.Time) { s.sets.Put(newChild(e.key)) }
func (e *dataSetRemoved) Apply(s *accountState, _ engine.Time) {
	s.sets.Remove(collection.Name(e.key))
}
func (e *eventActionCreated) Apply(s *accountState, at engine.Time) {
	s.created++
	s.actions.Put(&EventAction{e.ID, s.created, e.DataSet, e.Action, at, at, e.Tags})
}
func (e *eventActionUpdated) Apply(s *accountState, at engine.Time) {
	s.changeAction(e.id, func(a *EventAction) { a.Action, a.Updated = e.action, at })
}
func (e *eventActionTagged) Apply(s *accountState, _ engine.Time) {
	s.changeAction(e.id, func(a *EventAction) { a.Tags = e.Change(a.Tags) })
}
func (e *eventActionDeleted) Apply(s *accountState, _ engine.Time) {
	s.actions.Remove(s.action(e.id).SortKey())
}
func (e *jobAdmitted) Apply(s *accountState, _ engine.Time) {
	s.leaveLine(e.place.Key)
	s.places.Put(&e.place)
}
func (e *jobInLine) Apply(s *accountState, _ engine.Time) { s.line = append(s.line, &e.place) }
func (e *jobReleased) Apply(s *accountState, _ engine.Time) {
	s.leaveLine(e.key)
	s.places.Remove(collection.Name(e.key))
}
func (e *publicationCame) Apply(s *accountState, _ engine.Time) {
	s.upcoming = append(s.upcoming, publication{published: e.published})
}
func (e *publicationWent) Apply(s *accountState, _ engine.Time) {
	if e.after == 0 {
		s.upcoming = s.upcoming[1:]
		return
	}
	s.upcoming[0].after = e.after
}

func (e *grantCounted) Apply(s *accountState, _ engine.Time) { s.grants.Put(&e.grant) }
func (e *grantUncounted) Apply(s *accountState, _ engine.Time) {
	s.grants.Remove(collection.Name(e.key))
}

func (s *accountState) changeAction(id string, f func(a *EventAction)) {
	changed := *s.action(id)
	f(&changed)
	s.actions.Put(&changed)
}

// action finds an event action. Ids are not in order.
func (s *accountState) action(id string) *EventAction {
	if i := slices.IndexFunc(s.actions, func(a *EventAction) bool { return a.ID == id }); i >= 0 {
		return s.actions[i]
	}
	return nil
}

func (s *accountState) inLine(key string) bool {
	return slices.ContainsFunc(s.line, func(p *Place) bool { return p.Key == key })
}

func (s *accountState) leaveLine(key string) {
	s.line = slices.DeleteFunc(s.line, func(p *Place) bool { return p.Key == key })
}

// Accounts is the rules of KindAccount.
type Accounts struct {
	*collection.Rules[*accountState]
	posted
	settings *Settings
}

var _ engine.MessagedRules = (*Accounts)(nil)

// NewAccounts makes the rules of KindAccount.
func NewAccounts(s *Settings) *Accounts { return &Accounts{Rules: accountRules, settings: s} }

var accountRules = collection.NewRules(collection.Config[*accountState]{
	Package: "catalog",
	Of:      "accounts",
	New:     func(id engine.Identity) *accountState { return &accountState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*accountState]{
		1: &dataSetAdded{}, 2: &dataSetRemoved{}, 3: &eventActionCreated{}, 4: &eventActionUpdated{}, 5: &eventActionTagged{},
		6: &eventActionDeleted{}, 7: &jobAdmitted{}, 8: &jobInLine{}, 9: &jobReleased{}, 10: &publicationCame{}, 11: &publicationWent{},
		12: &grantCounted{}, 13: &grantUncounted{},
	},
})

// Record says that the account wakes at once as long as event actions are to be done.
func (r *Accounts) Record(state engine.State, up engine.Time) engine.Record {
	rec := r.Rules.Record(state, up)
	if len(state.(*accountState).upcoming) > 0 {
		rec.Wake = 1
	}
	return rec
}

// Handle decides a command.
func (r *Accounts) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s, w := state.(*accountState), state.(*accountState).id.Name.World
	switch c := body.(type) {
	case *AddDataSet:
		if len(s.sets) >= r.settings.DataSetsMax {
			return t, &LimitError{LimitDataSets, r.settings.DataSetsMax}
		}
		if _, err := withTags(nil, c.Create.Tags); err != nil { // what is counted must come to be
			return t, err
		}
		r.Emit(&t, s, in.Now, &dataSetAdded{KeyOf(c.Seed)})
		t.Messages = append(t.Messages, begin(w, KindDataSet, c.Seed, &c.Create))
	case *dataSetGone:
		if s.sets.Has(collection.Name(c.Key)) {
			r.Emit(&t, s, in.Now, &dataSetRemoved{c.Key})
		}
	case *AddGrant:
		err = r.addGrant(&t, s, c, in.Now)
	case *grantAccepted:
		if g, ok := s.grants.Find(collection.Name(c.Key)); ok && !g.Accepted {
			r.Emit(&t, s, in.Now, &grantCounted{countedGrant{g.Key, g.Receiver, true}})
		}
	case *GrantOver:
		if s.grants.Has(collection.Name(c.Key)) {
			r.Emit(&t, s, in.Now, &grantUncounted{c.Key})
		}
	case *Admit:
		err = r.admit(&t, s, &c.Job, in.Now)
	case *InProgress:
		t.Reply = slices.ContainsFunc(s.places, func(p *Place) bool {
			return p.DataSet == c.DataSet && (c.Revision == "" || c.Revision == p.Revision && (&Order{Type: p.Type}).Imports())
		})
	case *release:
		r.release(&t, s, c.Key, in.Now)
	case *published:
		r.Emit(&t, s, in.Now, &publicationCame{*c})
		r.publish(&t, s, in.Now)
	case engine.Wake:
		r.publish(&t, s, in.Now)
	default:
		err = r.eventAction(&t, s, body, in.Now)
	}
	if err != nil {
		return engine.Turn{}, err
	}
	return t, nil
}

// limits are how many jobs of a type may be in progress, and what that quota is called.
func (r *Accounts) limit(typ string) (most int, name string) {
	l := &r.settings.Limits
	switch typ {
	case wire.TypeImportAssetsFromS3:
		return l.ImportJobsMax, limitImport
	case wire.TypeImportAssetFromSignedUrl:
		return l.ImportURLJobsMax, limitImportURL
	case wire.TypeExportAssetsToS3:
		return l.ExportJobsMax, limitExport
	case wire.TypeExportAssetToSignedUrl:
		return l.ExportURLJobsMax, limitExportURL
	}
	return l.ExportRevisionJobsMax, limitExportRevisions
}

// inProgress counts the jobs of a type.
func (s *accountState) inProgress(typ string) (n int) {
	for _, p := range s.places {
		if p.Type == typ {
			n++
		}
	}
	return n
}

func (r *Accounts) admit(t *engine.Turn, s *accountState, p *Place, now engine.Time) error {
	if s.places.Has(p.SortKey()) {
		return nil
	}
	if most, name := r.limit(p.Type); s.inProgress(p.Type) >= most {
		return &LimitError{name, most}
	}
	r.start(t, s, p, now)
	return nil
}

// start gives a job its place, and tells it.
func (r *Accounts) start(t *engine.Turn, s *accountState, p *Place, now engine.Time) {
	r.Emit(t, s, now, &jobAdmitted{*p})
	t.Messages = append(t.Messages, send(engine.Name{World: s.id.Name.World, Kind: KindJob, Key: p.Key}, &Start{}))
}

// release frees a job's place, for the next in line.
func (r *Accounts) release(t *engine.Turn, s *accountState, key string, now engine.Time) {
	if !s.inLine(key) && !s.places.Has(collection.Name(key)) {
		return
	}
	r.Emit(t, s, now, &jobReleased{key})
	for n := 0; n < fanOutMax && len(s.line) > 0 && r.hasRoom(s, s.line[0].Type); n++ {
		r.start(t, s, s.line[0], now)
	}
}

func (r *Accounts) hasRoom(s *accountState, typ string) bool {
	most, _ := r.limit(typ)
	return s.inProgress(typ) < most
}

// publish begins jobs of event actions: one for each event action and revision, ever, since
// its run grows from both. What is left wants a Wake.
func (r *Accounts) publish(t *engine.Turn, s *accountState, now engine.Time) {
	for n := 0; n < fanOutMax && len(s.upcoming) > 0; n++ {
		p := s.upcoming[0]
		n += len(p.Comment) / captionBytes
		rest := s.actions.After(Number(p.after), false)
		i := slices.IndexFunc(rest, func(a *EventAction) bool { return a.DataSet == p.DataSet })
		if i < 0 {
			r.Emit(t, s, now, &publicationWent{})
			continue
		}
		r.export(t, s, rest[i], &p.published, now)
		r.Emit(t, s, now, &publicationWent{rest[i].Number})
	}
}

// export begins the job of an event action for a revision: at once, or it waits in line.
func (r *Accounts) export(t *engine.Turn, s *accountState, a *EventAction, p *published, now engine.Time) {
	w, pattern := s.id.Name.World, a.Action.Pattern()
	o := Order{
		Type: wire.TypeExportRevisionsToS3, DataSet: a.DataSet, Revision: p.Revision, Items: []Item{{Bucket: a.Action.Bucket, Key: &pattern}},
		Encryption: a.Action.Encryption, EventAction: resource.Of(w.Region, w.Account, resource.EventAction, a.ID).String(),
	}
	seed := engine.NameSeed(engine.Name{World: w, Kind: KindJob, Key: a.ID + p.Revision})
	place := Place{KeyOf(seed), o.Type, o.DataSet, o.Revision}
	if s.places.Has(place.SortKey()) || s.inLine(place.Key) {
		return // it was published before, and its job is not yet done
	}
	start := len(s.line) == 0 && r.hasRoom(s, o.Type)
	if start {
		r.Emit(t, s, now, &jobAdmitted{place})
	} else {
		r.Emit(t, s, now, &jobInLine{place})
	}
	t.Messages = append(t.Messages, begin(w, KindJob, seed, &createJob{o, start, p.captions}))
}

// NewEventActionID makes the id of an event action.
func NewEventActionID(seed engine.Seed, random [2]byte) string {
	return hex.EncodeToString(append(seed[:], random[:]...))
}

// eventAction decides a command about event actions.
func (r *Accounts) eventAction(t *engine.Turn, s *accountState, body any, now engine.Time) error {
	var id string
	switch c := body.(type) {
	case *CreateEventAction:
		id = c.ID
		if err := r.createEventAction(t, s, c, now); err != nil {
			return err
		}
	case *ListEventActions:
		t.Reply = s.page(c)
		return nil
	case *FindEventAction:
		id = c.ID
	case *UpdateEventAction:
		id = c.ID
	case *TagEventAction:
		id = c.ID
	case *DeleteEventAction:
		id = c.ID
	default:
		panic(fmt.Sprintf("catalog: no rule of accounts for command %T", body))
	}
	a := s.action(id)
	if a == nil {
		return &MissingError{id}
	}
	switch c := body.(type) {
	case *UpdateEventAction:
		if c.Action != nil {
			r.Emit(t, s, now, &eventActionUpdated{id, *c.Action})
		}
	case *TagEventAction:
		change, err := retag(a.Tags, c.Change)
		if err != nil {
			return err
		}
		if !change.IsEmpty() {
			r.Emit(t, s, now, &eventActionTagged{id, change})
		}
	case *DeleteEventAction:
		r.Emit(t, s, now, &eventActionDeleted{id})
		return nil
	}
	t.Reply = s.action(id)
	return nil
}

func (r *Accounts) createEventAction(t *engine.Turn, s *accountState, c *CreateEventAction, now engine.Time) error {
	of := 0
	for _, a := range s.actions {
		if a.DataSet == c.DataSet {
			of++
		}
	}
	switch {
	case of >= r.settings.DataSetActionsMax:
		return &LimitError{LimitDataSetActions, r.settings.DataSetActionsMax}
	case len(s.actions) >= r.settings.EventActionsMax:
		return &LimitError{LimitEventActions, r.settings.EventActionsMax}
	}
	tags, err := withTags(nil, c.Tags)
	if err != nil {
		return err
	}
	r.Emit(t, s, now, &eventActionCreated{CreateEventAction{c.ID, c.DataSet, c.Action, tags}})
	return nil
}

func (s *accountState) page(c *ListEventActions) (page EventActionPage) {
	actions := s.actions.After(Number(c.After), false)
	page.Actions, page.More = collection.Page(actions, false, c.Limit, func(a *EventAction) (*EventAction, bool) {
		return a, c.DataSet == "" || a.DataSet == c.DataSet
	})
	return page
}

// addGrant counts a grant, and tells its data set. Errors: *LimitError; of tags those of
// Tag.
func (r *Accounts) addGrant(t *engine.Turn, s *accountState, c *AddGrant, now engine.Time) error {
	pending := 0
	for _, g := range s.grants {
		if !g.Accepted && g.Receiver == c.Create.Receiver {
			pending++
		}
	}
	switch l := &r.settings.Limits; {
	case len(s.grants) >= l.GrantsMax:
		return &LimitError{LimitGrants, l.GrantsMax}
	case pending >= l.PendingGrantsMax:
		return &LimitError{LimitPendingGrants, l.PendingGrantsMax}
	}
	if _, err := withTags(nil, c.Create.Tags); err != nil { // what is counted must come to be
		return err
	}
	r.Emit(t, s, now, &grantCounted{countedGrant{Key: KeyOf(c.Seed), Receiver: c.Create.Receiver}})
	to, _ := Command(s.id.Name.World, KindDataSet, c.Create.Source, nil)
	t.Messages = append(t.Messages, send(to.Name, c))
	return nil
}
