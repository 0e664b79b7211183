package catalog

import (
	"fmt"
	"slices"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// DataSet is a data set. It is never changed, but replaced.
type DataSet struct {
	ID          string
	Name        string
	Description string
	Created     engine.Time
	Updated     engine.Time
	Tags        []collection.Tag // by key
	Grants      int              // how many of it are not over
}

func (d *DataSet) code(c *pack.Coder) {
	c.Text(&d.Name)
	c.Text(&d.Description)
	d.Created.Code(c)
	d.Updated.Code(c)
	collection.CodeTags(c, &d.Tags)
}

// Commands for data sets, beside Describe, Tag, Untag and Delete. The reply is the *DataSet.
type (
	// CreateDataSet creates a data set. Errors: *TagError, *TooManyTagsError.
	CreateDataSet struct {
		Name, Description string
		Tags              []collection.Tag
	}
	// UpdateDataSet changes what is given.
	UpdateDataSet struct{ Name, Description *string }
	// AddRevision counts a revision, and has it created. It has no reply. Errors: *LimitError.
	AddRevision struct {
		Seed   engine.Seed
		Create CreateRevision
	}
	// revisionGone: a revision was deleted.
	revisionGone struct{ Key string }
	// finalized: a revision was finalized for the first time; refinalized: once more.
	finalized   struct{ news }
	refinalized struct{ news }
	// revoked: one was revoked. It is said if somebody outside wants to hear of it.
	revoked struct{ news }
)

// Code says the fields.
func (m *CreateDataSet) Code(c *pack.Coder) {
	c.Text(&m.Name)
	c.Text(&m.Description)
	collection.CodeTags(c, &m.Tags)
}

// Code says the fields.
func (m *revisionGone) Code(c *pack.Coder) { c.Text(&m.Key) }

// granted is a grant of the data set that is not over.
type granted struct{ Key, Receiver string }

// SortKey orders grants by their keys.
func (g *granted) SortKey() collection.Name { return collection.Name(g.Key) }

func (g *granted) code(c *pack.Coder) {
	c.Text(&g.Key)
	c.Text(&g.Receiver)
}

// announcement is a revision of which receivers of grants are yet to be told.
type announcement struct {
	news
	After string // the key of the last grant whose receiver was; empty: none
}

func (a *announcement) code(c *pack.Coder) {
	c.Text(&a.Revision)
	c.Text(&a.After)
}

// child is a thing that another one counts, by its key.
type child string

// SortKey orders children by their keys.
func (k *child) SortKey() collection.Name { return collection.Name(*k) }

func (k *child) code(c *pack.Coder) { c.Text((*string)(k)) }

type children = collection.Set[collection.Name, *child]

func newChild(key string) *child { k := child(key); return &k }

type dataSetState struct {
	collection.Log
	id        engine.Identity
	set       *DataSet // nil: it is yet to be created
	revisions children
	published int64       // revisions, so far
	deleted   engine.Time // since when; its revisions go first
	closed    engine.Time // when the last had gone
	grants    collection.Set[collection.Name, *granted]
	upcoming  []announcement
}

// Code says the fields. The id is that of the identity.
func (s *dataSetState) Code(c *pack.Coder) {
	created := s.set != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.set = &DataSet{ID: s.id.Run.String()}
	}
	c.Weigh(int(unsafe.Sizeof(*s.set)))
	s.set.code(c)
	collection.Code(c, &s.revisions, (*child).code)
	c.Int(&s.published)
	s.deleted.Code(c)
	s.closed.Code(c)
	if c.Tail(len(s.grants)+len(s.upcoming) > 0) {
		collection.Code(c, &s.grants, (*granted).code)
		pack.List(c, &s.upcoming, (*announcement).code)
		if c.Tail(slices.ContainsFunc(s.upcoming, func(a announcement) bool { return a.hasMore() })) {
			for i := range s.upcoming {
				s.upcoming[i].codeMore(c)
			}
		}
	}
	s.set.Grants = len(s.grants)
}

func (s *dataSetState) change(f func(d *DataSet)) {
	d := *s.set
	f(&d)
	s.set = &d
}

type (
	dataSetCreated   struct{ CreateDataSet }
	dataSetUpdated   struct{ name, description string }
	dataSetTagged    struct{ collection.TagChange }
	revisionAdded    struct{ key string }
	revisionRemoved  struct{ key string }
	dataSetPublished struct{ revision string }
	dataSetDeleted   struct{}
	dataSetEmptied   struct{}
	grantAdded       struct{ grant granted }
	grantRemoved     struct{ key string }
	announcementCame struct{ news }
	announcementWent struct{ after string } // on; empty: it is done
	dataSetTold      struct{}               // those outside were told of a revision
)

func (e *dataSetUpdated) Code(c *pack.Coder) {
	c.Text(&e.name)
	c.Text(&e.description)
}
func (e *revisionAdded) Code(c *pack.Coder)    { c.Text(&e.key) }
func (e *revisionRemoved) Code(c *pack.Coder)  { c.Text(&e.key) }
func (e *dataSetPublished) Code(c *pack.Coder) { c.Text(&e.revision) }
func (*dataSetDeleted) Code(*pack.Coder)       {}
func (*dataSetEmptied) Code(*pack.Coder)       {}
func (e *grantAdded) Code(c *pack.Coder)       { e.grant.code(c) }
func (e *grantRemoved) Code(c *pack.Coder)     { c.Text(&e.key) }
func (e *announcementWent) Code(c *pack.Coder) { c.Text(&e.after) }
func (*dataSetTold) Code(*pack.Coder)          {}

func (e *dataSetCreated) Apply(s *dataSetState, at engine.Time) {
	s.set = &DataSet{ID: s.id.Run.String(), Name: e.Name, Description: e.Description, Created: at, Updated: at, Tags: e.Tags}
}
func (e *dataSetUpdated) Apply(s *dataSetState, at engine.Time) {
	s.change(func(d *DataSet) { d.Name, d.Description, d.Updated = e.name, e.description, at })
}
func (e *dataSetTagged) Apply(s *dataSetState, _ engine.Time) {
	s.change(func(d *DataSet) { d.Tags = e.Change(d.Tags) })
}
func (e *revisionAdded) Apply(s *dataSetState, _ engine.Time) { s.revisions.Put(newChild(e.key)) }
func (e *revisionRemoved) Apply(s *dataSetState, _ engine.Time) {
	s.revisions.Remove(collection.Name(e.key))
}
func (*dataSetPublished) Apply(s *dataSetState, _ engine.Time) { s.published++ }
func (*dataSetDeleted) Apply(s *dataSetState, at engine.Time)  { s.deleted = at }
func (*dataSetEmptied) Apply(s *dataSetState, at engine.Time)  { s.closed = at }
func (e *grantAdded) Apply(s *dataSetState, _ engine.Time) {
	s.grants.Put(&e.grant)
	s.change(func(d *DataSet) { d.Grants = len(s.grants) })
}
func (e *grantRemoved) Apply(s *dataSetState, _ engine.Time) {
	s.grants.Remove(collection.Name(e.key))
	s.change(func(d *DataSet) { d.Grants = len(s.grants) })
}
func (e *announcementCame) Apply(s *dataSetState, _ engine.Time) {
	s.upcoming = append(s.upcoming, announcement{news: e.news})
}
func (e *announcementWent) Apply(s *dataSetState, _ engine.Time) {
	if e.after == "" {
		s.upcoming = s.upcoming[1:]
		return
	}
	s.upcoming[0].After = e.after
}
func (*dataSetTold) Apply(*dataSetState, engine.Time) {}

// DataSets is the rules of KindDataSet.
type DataSets struct {
	*collection.Rules[*dataSetState]
	posted
	settings *Settings
}

var (
	_ engine.MessagedRules = (*DataSets)(nil)
	_ engine.ListedRules   = (*DataSets)(nil)
)

// NewDataSets makes the rules of KindDataSet.
func NewDataSets(s *Settings) *DataSets { return &DataSets{Rules: dataSetRules, settings: s} }

var dataSetRules = collection.NewRules(collection.Config[*dataSetState]{
	Package: "catalog",
	Of:      "data sets",
	New:     func(id engine.Identity) *dataSetState { return &dataSetState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*dataSetState]{
		1: &dataSetCreated{}, 2: &dataSetUpdated{}, 3: &dataSetTagged{}, 4: &revisionAdded{}, 5: &revisionRemoved{},
		6: &dataSetPublished{}, 7: &dataSetDeleted{}, 8: &dataSetEmptied{}, 9: &grantAdded{}, 10: &grantRemoved{},
		11: &announcementCame{}, 12: &announcementWent{}, 13: &dataSetTold{},
	},
})

// Traits implements engine.TraitsRules.
func (*DataSets) Traits() engine.Traits { return keptNames }

// Record tells whether the data set is there. One that is deleted wakes until its revisions
// have been told.
func (*DataSets) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*dataSetState)
	r := engine.Record{Status: engine.Open, Started: s.Started}
	switch {
	case s.closed != 0:
		r.Status, r.Closed, r.Forget = engine.Closed, s.closed, s.closed+tombstoneTime
	case s.deleted != 0:
		r.Wake = s.deleted
	case s.set != nil:
		r.Listing = listing(s.set.Description, s.set.codeListed)
		if len(s.upcoming) > 0 {
			r.Wake = 1
		}
	}
	return r
}

// ReadDataSet reads a data set from a record, without its tags. It is not whole if its
// description is long: then it is to be asked for.
func ReadDataSet(v *engine.RunView) (d *DataSet, whole bool, err error) {
	d = &DataSet{ID: v.Run.String()}
	whole, err = readListing(v.Listing, &d.Description, d.codeListed)
	return d, whole, err
}

// codeListed says what lists show, but for the long text.
func (d *DataSet) codeListed(c *pack.Coder) {
	c.Text(&d.Name)
	d.Created.Code(c)
	d.Updated.Code(c)
}

// Entries implements engine.ListedRules.
func (*DataSets) Entries(_ engine.Identity, r *engine.Record) []engine.Entry {
	if r.Listing == nil {
		return nil
	}
	return []engine.Entry{{Family: ByOwner, Time: r.Started}}
}

// Handle decides a command.
func (r *DataSets) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*dataSetState)
	if create, ok := body.(*CreateDataSet); ok {
		if s.set != nil { // by the account's message, or before it
			return engine.Turn{Reply: s.set}, nil
		}
		tags, err := withTags(nil, create.Tags)
		if err != nil {
			return engine.Turn{}, err
		}
		r.Emit(&t, s, in.Now, &dataSetCreated{CreateDataSet{create.Name, create.Description, tags}})
		t.Reply = s.set
		return t, nil
	}
	if s.deleted != 0 {
		return r.afterDeletion(s, body, in)
	}
	switch c := body.(type) {
	case *Describe:
	case *UpdateDataSet:
		e := &dataSetUpdated{s.set.Name, s.set.Description}
		set(&e.name, c.Name)
		set(&e.description, c.Description)
		r.Emit(&t, s, in.Now, e)
	case *Tag, *Untag:
		change, err := retag(s.set.Tags, c)
		if err != nil {
			return engine.Turn{}, err
		}
		if !change.IsEmpty() {
			r.Emit(&t, s, in.Now, &dataSetTagged{change})
		}
	case *AddRevision:
		if len(s.revisions) >= r.settings.RevisionsMax {
			return engine.Turn{}, &LimitError{LimitRevisions, r.settings.RevisionsMax}
		}
		if _, err := withTags(nil, c.Create.Tags); err != nil { // what is counted must come to be
			return engine.Turn{}, err
		}
		r.Emit(&t, s, in.Now, &revisionAdded{KeyOf(c.Seed)})
		t.Messages = append(t.Messages, begin(s.id.Name.World, KindRevision, c.Seed, &c.Create))
	case *revisionGone:
		if s.revisions.Has(collection.Name(c.Key)) {
			r.Emit(&t, s, in.Now, &revisionRemoved{c.Key})
		}
	case *finalized:
		r.Emit(&t, s, in.Now, &dataSetPublished{c.Revision})
		t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &published{s.set.ID, c.Revision, captionsOf(s.set.Name, c.Comment, in)}))
		r.publish(&t, s, &c.news, in)
	case *refinalized:
		r.publish(&t, s, &c.news, in)
	case *revoked:
		r.publish(&t, s, &c.news, in)
	case *AddGrant:
		r.grant(&t, s, c, in.Now)
	case *GrantOver:
		if s.grants.Has(collection.Name(c.Key)) {
			r.Emit(&t, s, in.Now, &grantRemoved{c.Key})
		}
	case *Delete:
		if len(s.grants) > 0 {
			return engine.Turn{}, &StateError{"There are data grants of the data set."}
		}
		r.Emit(&t, s, in.Now, &dataSetDeleted{})
		t.Messages = append(t.Messages, send(accountOf(s.id.Name.World), &dataSetGone{s.id.Name.Key}))
		r.purge(&t, s, in.Now)
	case engine.Wake:
		r.announce(&t, s, in.Now)
	default:
		panic(fmt.Sprintf("catalog: no rule of data sets for command %T", body))
	}
	t.Reply = s.set
	return t, nil
}

// afterDeletion decides a command for a data set that is deleted: nobody but its revisions
// finds it any more.
func (r *DataSets) afterDeletion(s *dataSetState, body any, in engine.Input) (t engine.Turn, err error) {
	switch body.(type) {
	case engine.Wake:
		if s.closed == 0 {
			r.purge(&t, s, in.Now)
		}
	case *revisionGone, *finalized, *refinalized, *revoked, *GrantOver:
	default:
		return t, &engine.UnknownRunError{Name: s.id.Name, Run: s.id.Run}
	}
	return t, nil
}

// purge has some of the revisions deleted; with the last of them the data set closes.
func (r *DataSets) purge(t *engine.Turn, s *dataSetState, now engine.Time) {
	for range min(fanOutMax, len(s.revisions)) {
		key := string(*s.revisions[0])
		r.Emit(t, s, now, &revisionRemoved{key})
		t.Messages = append(t.Messages, send(engine.Name{World: s.id.Name.World, Kind: KindRevision, Key: key}, &purge{}))
	}
	if len(s.revisions) == 0 {
		r.Emit(t, s, now, &dataSetEmptied{})
	}
}

// grant takes a grant of the data set in, and has it made; again, if it is there, so that
// its maker need not wait for the message.
func (r *DataSets) grant(t *engine.Turn, s *dataSetState, c *AddGrant, now engine.Time) {
	key := KeyOf(c.Seed)
	if s.grants.Has(collection.Name(key)) {
		return
	}
	r.Emit(t, s, now, &grantAdded{granted{key, c.Create.Receiver}})
	create := begin(s.id.Name.World, KindGrant, c.Seed, &c.Create)
	create.Begin = engine.IfAbsent // so that one which was deleted meanwhile says so
	t.Messages = append(t.Messages, create)
}

// publish tells of a revision those to whom the data set is granted, and those outside.
func (r *DataSets) publish(t *engine.Turn, s *dataSetState, n *news, in engine.Input) {
	if len(s.grants) > 0 {
		r.Emit(t, s, in.Now, &announcementCame{*n})
		r.announce(t, s, in.Now)
	}
	if in.Notify.Any(engine.NotifyPublic) {
		r.Emit(t, s, in.Now, &dataSetTold{})
		n.notify(t, s.id, s.set.ID, s.set.Name, in)
	}
}

// announce tells some of them; what is left wants a Wake.
func (r *DataSets) announce(t *engine.Turn, s *dataSetState, now engine.Time) {
	for n := 0; n < fanOutMax && len(s.upcoming) > 0; n++ {
		a := s.upcoming[0]
		n += len(a.Comment) / captionBytes
		rest := s.grants.After(collection.Name(a.After), false)
		if len(rest) == 0 {
			r.Emit(t, s, now, &announcementWent{})
			continue
		}
		to := entitledName(engine.World{Account: rest[0].Receiver, Region: s.id.Name.World.Region}, rest[0].Key)
		t.Messages = append(t.Messages, send(to, &publish{a.news}))
		r.Emit(t, s, now, &announcementWent{rest[0].Key})
	}
}

// Refused implements engine.MessagedRules: a grant of a data set that is gone is over before
// it began.
func (*DataSets) Refused(to engine.Name, body any, _ error) []engine.Message {
	if c, ok := body.(*AddGrant); ok {
		return []engine.Message{send(accountOf(to.World), &GrantOver{KeyOf(c.Seed)})}
	}
	return nil
}
