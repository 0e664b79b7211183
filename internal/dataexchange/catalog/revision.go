package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"unsafe"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Revision is a revision, without its assets. It is never changed, but replaced.
type Revision struct {
	ID        string
	DataSet   string
	Comment   string
	Created   engine.Time
	Updated   engine.Time
	Finalized bool
	// Published: it was finalized before, and its data set was told. That is done once.
	Published bool
	// PublishedAt is since when it has been finalized; zero: it is not. Who is granted its
	// data set sees it as made then.
	PublishedAt    engine.Time
	RevokedAt      engine.Time // zero: it is not revoked
	RevokedComment string
	Assets         int              // how many
	Tags           []collection.Tag // by key
}

func (r *Revision) code(c *pack.Coder) {
	c.Text(&r.Comment)
	r.codeListed(c)
	c.Bool(&r.Published)
	collection.CodeTags(c, &r.Tags)
}

// codeListed says what lists show, but for the long text.
func (r *Revision) codeListed(c *pack.Coder) {
	c.Text(&r.DataSet)
	r.Created.Code(c)
	r.Updated.Code(c)
	c.Bool(&r.Finalized)
	r.RevokedAt.Code(c)
	c.Text(&r.RevokedComment)
}

// codePublished says since when it is finalized, at the end of what is stored: a draft has
// nothing there.
func (r *Revision) codePublished(c *pack.Coder) {
	if c.Tail(r.PublishedAt != 0) {
		r.PublishedAt.Code(c)
	}
}

// ReadRevision reads a revision from a record, without its tags. It is not whole if its
// comment is long: then it is to be asked for.
func ReadRevision(v *engine.RunView) (r *Revision, whole bool, err error) {
	r = &Revision{ID: v.Run.String()}
	whole, err = readListing(v.Listing, &r.Comment, func(c *pack.Coder) {
		r.codeListed(c)
		r.codePublished(c)
	})
	return r, whole, err
}

// Asset is an asset of a revision. It is never changed, but replaced.
type Asset struct {
	ID          string
	Name        string
	Blob        blob.Ref
	MD5         [16]byte
	ContentType string // of the source; exports have it again
	Created     engine.Time
	Updated     engine.Time
	Tags        []collection.Tag // by key
}

func (a *Asset) code(c *pack.Coder) {
	c.Text(&a.ID)
	a.codeSource(c)
	a.Created.Code(c)
	a.Updated.Code(c)
	collection.CodeTags(c, &a.Tags)
}

// codeSource says what an import knows.
func (a *Asset) codeSource(c *pack.Coder) {
	c.Text(&a.Name)
	c.Fixed(a.Blob.ID[:])
	c.Int(&a.Blob.Size)
	c.Fixed(a.MD5[:])
	c.Text(&a.ContentType)
}

// AssetKey orders assets: by name, then by id.
type AssetKey struct{ Name, ID string }

// Compare orders keys by their bytes.
func (k AssetKey) Compare(other AssetKey) int {
	return cmp.Or(cmp.Compare(k.Name, other.Name), cmp.Compare(k.ID, other.ID))
}

// SortKey orders assets.
func (a *Asset) SortKey() AssetKey { return AssetKey{a.Name, a.ID} }

// Commands for revisions, beside Describe, Tag, Untag and Delete. The reply is the *Revision,
// if not said otherwise.
type (
	// CreateRevision creates a revision. Errors: *TagError, *TooManyTagsError.
	CreateRevision struct {
		DataSet string // its id
		Comment string
		Tags    []collection.Tag
	}
	// UpdateRevision changes what is given. Errors: *StateError, *InvalidError.
	UpdateRevision struct {
		Comment   *string
		Finalized *bool
	}
	// Revoke revokes a finalized revision. Errors: *StateError.
	Revoke struct{ Comment string }
	// FindAsset, RenameAsset, DeleteAsset and TagAsset are about one asset, which is the
	// reply; an *Asset. Errors: *MissingError, *StateError; of TagAsset those of Tag.
	FindAsset   struct{ ID string }
	RenameAsset struct{ ID, Name string }
	DeleteAsset struct{ ID string }
	TagAsset    struct {
		ID     string
		Change any // *Tag or *Untag
	}
	// ListAssets reads a page, by name and then id, or the other way; the reply is an
	// AssetPage.
	ListAssets struct {
		After   *AssetKey // nil: from the end that comes first
		Reverse bool
		Limit   int
	}
	// addAssets brings what a job has imported; the revision answers the job.
	addAssets struct {
		Job    string // its key
		Tags   []collection.Tag
		Assets []*Asset
	}
	// purge: the data set was deleted.
	purge struct{}
)

// AssetPage is a page of a revision's assets, and what is known of the revision.
type AssetPage struct {
	Revision *Revision
	Assets   []*Asset
	More     bool
}

// Code says the fields.
func (m *CreateRevision) Code(c *pack.Coder) {
	c.Text(&m.DataSet)
	c.Text(&m.Comment)
	collection.CodeTags(c, &m.Tags)
}

// Code says the fields.
func (m *addAssets) Code(c *pack.Coder) {
	c.Text(&m.Job)
	collection.CodeTags(c, &m.Tags)
	pack.Pointers(c, &m.Assets, (*Asset).codeNew)
}

// codeNew says what an asset has when it comes: its tags are those of the job.
func (a *Asset) codeNew(c *pack.Coder) {
	c.Text(&a.ID)
	a.codeSource(c)
}

// Code says the fields.
func (*purge) Code(*pack.Coder) {}

type revisionState struct {
	collection.Log
	id       engine.Identity
	revision *Revision // nil: it is yet to be created
	assets   collection.Set[AssetKey, *Asset]
	deleted  engine.Time
}

// Code says the fields. The id is that of the identity.
func (s *revisionState) Code(c *pack.Coder) {
	created := s.revision != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.revision = &Revision{ID: s.id.Run.String()}
	}
	c.Weigh(int(unsafe.Sizeof(*s.revision)))
	s.revision.code(c)
	collection.Code(c, &s.assets, (*Asset).code)
	s.revision.Assets = len(s.assets)
	s.deleted.Code(c)
	s.revision.codePublished(c)
}

func (s *revisionState) change(at engine.Time, f func(r *Revision)) {
	r := *s.revision
	f(&r)
	r.Updated, r.Assets = at, len(s.assets)
	s.revision = &r
}

// asset finds an asset. Ids are not in order.
func (s *revisionState) asset(id string) *Asset {
	if i := slices.IndexFunc(s.assets, func(a *Asset) bool { return a.ID == id }); i >= 0 {
		return s.assets[i]
	}
	return nil
}

type (
	revisionCreated struct{ CreateRevision }
	revisionUpdated struct {
		comment   string
		finalized bool
	}
	revisionRevoked struct{ comment string }
	revisionTagged  struct{ collection.TagChange }
	revisionDeleted struct{}
	assetsAdded     struct {
		tags   []collection.Tag
		assets []*Asset
	}
	assetRenamed struct{ id, name string }
	assetTagged  struct {
		id string
		collection.TagChange
	}
	assetDeleted struct{ id string }
)

func (e *revisionUpdated) Code(c *pack.Coder) {
	c.Text(&e.comment)
	c.Bool(&e.finalized)
}
func (e *revisionRevoked) Code(c *pack.Coder) { c.Text(&e.comment) }
func (*revisionDeleted) Code(*pack.Coder)     {}
func (e *assetsAdded) Code(c *pack.Coder) {
	collection.CodeTags(c, &e.tags)
	pack.Pointers(c, &e.assets, (*Asset).codeNew)
}
func (e *assetRenamed) Code(c *pack.Coder) {
	c.Text(&e.id)
	c.Text(&e.name)
}
func (e *assetTagged) Code(c *pack.Coder) {
	c.Text(&e.id)
	e.TagChange.Code(c)
}
func (e *assetDeleted) Code(c *pack.Coder) { c.Text(&e.id) }

func (e *revisionCreated) Apply(s *revisionState, at engine.Time) {
	s.revision = &Revision{ID: s.id.Run.String(), DataSet: e.DataSet, Comment: e.Comment, Created: at, Updated: at, Tags: e.Tags}
}
func (e *revisionUpdated) Apply(s *revisionState, at engine.Time) {
	s.change(at, func(r *Revision) {
		r.Comment, r.Finalized, r.Published, r.PublishedAt = e.comment, e.finalized, r.Published || e.finalized, 0
		if e.finalized {
			r.PublishedAt = at
		}
	})
}
func (e *revisionRevoked) Apply(s *revisionState, at engine.Time) {
	s.change(at, func(r *Revision) {
		r.RevokedComment = e.comment
		if r.RevokedAt == 0 {
			r.RevokedAt = at
		}
	})
}
func (e *revisionTagged) Apply(s *revisionState, _ engine.Time) {
	s.change(s.revision.Updated, func(r *Revision) { r.Tags = e.Change(r.Tags) })
}
func (*revisionDeleted) Apply(s *revisionState, at engine.Time) { s.deleted, s.assets = at, nil }
func (e *assetsAdded) Apply(s *revisionState, at engine.Time) {
	for _, a := range e.assets {
		added := *a
		added.Created, added.Updated, added.Tags = at, at, e.tags
		s.assets.Put(&added)
	}
	s.change(at, func(*Revision) {})
}
func (e *assetRenamed) Apply(s *revisionState, at engine.Time) {
	renamed := *s.asset(e.id)
	s.assets.Remove(renamed.SortKey())
	renamed.Name, renamed.Updated = e.name, at
	s.assets.Put(&renamed)
}
func (e *assetTagged) Apply(s *revisionState, _ engine.Time) {
	tagged := *s.asset(e.id)
	tagged.Tags = e.Change(tagged.Tags)
	s.assets.Put(&tagged)
}
func (e *assetDeleted) Apply(s *revisionState, at engine.Time) {
	s.assets.Remove(s.asset(e.id).SortKey())
	s.change(at, func(*Revision) {})
}

// Revisions is the rules of KindRevision.
type Revisions struct {
	*collection.Rules[*revisionState]
	posted
	settings *Settings
}

var (
	_ engine.MessagedRules = (*Revisions)(nil)
	_ engine.ListedRules   = (*Revisions)(nil)
)

// NewRevisions makes the rules of KindRevision.
func NewRevisions(s *Settings) *Revisions { return &Revisions{Rules: revisionRules, settings: s} }

var revisionRules = collection.NewRules(collection.Config[*revisionState]{
	Package: "catalog",
	Of:      "revisions",
	New:     func(id engine.Identity) *revisionState { return &revisionState{id: id} },
	Version: 1,
	Events: map[byte]collection.Event[*revisionState]{
		1: &revisionCreated{}, 2: &revisionUpdated{}, 3: &revisionRevoked{}, 4: &revisionTagged{}, 5: &revisionDeleted{},
		6: &assetsAdded{}, 7: &assetRenamed{}, 8: &assetTagged{}, 9: &assetDeleted{},
	},
})

// Traits implements engine.TraitsRules.
func (*Revisions) Traits() engine.Traits { return keptNames }

// Record says that a revision is closed as long as it is finalized: nothing is expected of
// it then, and its state need not be in memory.
func (*Revisions) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*revisionState)
	r := engine.Record{Status: engine.Open, Started: s.Started}
	if s.revision == nil {
		return r
	}
	if s.deleted != 0 {
		r.Status, r.Closed, r.Forget = engine.Closed, s.deleted, s.deleted+tombstoneTime
		return r
	}
	if s.revision.Finalized {
		r.Status, r.Closed = engine.Closed, s.revision.Updated
	}
	r.Listing = listing(s.revision.Comment, func(c *pack.Coder) {
		s.revision.codeListed(c)
		s.revision.codePublished(c)
	})
	return r
}

// Entries implements engine.ListedRules.
func (*Revisions) Entries(id engine.Identity, rec *engine.Record) []engine.Entry {
	if rec.Listing == nil {
		return nil
	}
	r, _, err := ReadRevision(&engine.RunView{Identity: id, Record: *rec})
	if err != nil {
		panic(fmt.Sprintf("catalog: entries of revision %s: %v", id.Run, err))
	}
	entries := []engine.Entry{{Family: ByDataSet, Value: r.DataSet, Time: rec.Started}}
	if r.PublishedAt != 0 {
		entries = append(entries, engine.Entry{Family: ByPublication, Value: r.DataSet, Time: r.PublishedAt})
	}
	return entries
}

// Refused implements engine.MessagedRules: a job hears that there is no revision for what it
// has imported.
func (*Revisions) Refused(to engine.Name, body any, _ error) []engine.Message {
	m, ok := body.(*addAssets)
	if !ok {
		return nil
	}
	return []engine.Message{answer(to.World, m, &JobError{Code: ErrorNotFound, Message: "The revision does not exist.", ResourceType: "REVISION"})}
}

// answer tells a job what became of its assets.
func answer(w engine.World, m *addAssets, why *JobError) engine.Message {
	return send(engine.Name{World: w, Kind: KindJob, Key: m.Job}, &added{why})
}

// Handle decides a command.
func (r *Revisions) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*revisionState)
	if create, ok := body.(*CreateRevision); ok {
		if s.revision != nil { // by the data set's message, or before it
			return engine.Turn{Reply: s.revision}, nil
		}
		tags, err := withTags(nil, create.Tags)
		if err != nil {
			return engine.Turn{}, err
		}
		r.Emit(&t, s, in.Now, &revisionCreated{CreateRevision{create.DataSet, create.Comment, tags}})
		t.Reply = s.revision
		return t, nil
	}
	if s.deleted != 0 {
		return t, &engine.UnknownRunError{Name: s.id.Name, Run: s.id.Run}
	}
	switch c := body.(type) {
	case *Describe:
	case *UpdateRevision:
		err = r.update(&t, s, c, in)
	case *Revoke:
		if !s.revision.Finalized {
			err = &StateError{"A revision that is not finalized can't be revoked."}
			break
		}
		known := s.revision.RevokedAt != 0
		r.Emit(&t, s, in.Now, &revisionRevoked{c.Comment})
		if !known && in.Notify.Any(engine.NotifyPublic) {
			n := s.news(in)
			n.Revoked, n.RevokedComment = true, c.Comment
			t.Messages = append(t.Messages, send(s.dataSet(), &revoked{n}))
		}
	case *Tag, *Untag:
		var change collection.TagChange
		if change, err = retag(s.revision.Tags, c); err == nil && !change.IsEmpty() {
			r.Emit(&t, s, in.Now, &revisionTagged{change})
		}
	case *Delete:
		if s.revision.Finalized {
			err = &StateError{"A finalized revision can't be deleted."}
			break
		}
		r.Emit(&t, s, in.Now, &revisionDeleted{})
		t.Messages = append(t.Messages, send(s.dataSet(), &revisionGone{s.id.Name.Key}))
	case *purge:
		r.Emit(&t, s, in.Now, &revisionDeleted{})
	case *addAssets:
		r.add(&t, s, c, in.Now)
	case *ListAssets:
		t.Reply = s.page(c)
	case *FindAsset, *RenameAsset, *DeleteAsset, *TagAsset:
		err = r.asset(&t, s, c, in.Now)
	case engine.Wake:
	default:
		panic(fmt.Sprintf("catalog: no rule of revisions for command %T", body))
	}
	if err != nil {
		return engine.Turn{}, err
	}
	if t.Reply == nil {
		t.Reply = s.revision
	}
	return t, nil
}

// dataSet is the run of the data set that the revision is of.
func (s *revisionState) dataSet() engine.Name {
	to, _ := Command(s.id.Name.World, KindDataSet, s.revision.DataSet, nil)
	return to.Name
}

// news is what its data set hears of the revision.
func (s *revisionState) news(in engine.Input) news {
	n := news{Revision: s.revision.ID}
	if in.Notify.Any(engine.NotifyPublic) {
		n.Comment = s.revision.Comment
	}
	return n
}

func (r *Revisions) update(t *engine.Turn, s *revisionState, c *UpdateRevision, in engine.Input) error {
	was := s.revision
	e := &revisionUpdated{was.Comment, was.Finalized}
	set(&e.comment, c.Comment)
	set(&e.finalized, c.Finalized)
	switch {
	case e.comment == was.Comment && e.finalized == was.Finalized:
		return nil
	case was.Finalized && e.finalized:
		return &StateError{"The comment of a finalized revision can't be changed."}
	case e.finalized && len(s.assets) == 0:
		return &InvalidError{"A revision without assets can't be finalized."}
	}
	r.Emit(t, s, in.Now, e)
	if e.finalized {
		var told message = &finalized{s.news(in)}
		if was.Published {
			told = &refinalized{s.news(in)}
		}
		t.Messages = append(t.Messages, send(s.dataSet(), told))
	}
	return nil
}

// add takes in what a job has imported: all of it, or nothing.
func (r *Revisions) add(t *engine.Turn, s *revisionState, c *addAssets, now engine.Time) {
	w := s.id.Name.World
	switch {
	case s.revision.Finalized:
		t.Messages = append(t.Messages, answer(w, c, &JobError{Code: ErrorValidation, Message: "The revision is finalized.", ResourceType: "REVISION", ResourceID: s.revision.ID}))
		return
	case len(s.assets)+len(c.Assets) > r.settings.AssetsMax:
		t.Messages = append(t.Messages, answer(w, c, &JobError{
			Code: ErrorQuota, Message: "The revision has too many assets.", ResourceType: "REVISION", ResourceID: s.revision.ID,
			LimitName: LimitAssets, LimitValue: int64(r.settings.AssetsMax),
		}))
		return
	}
	t.Keep = blobs(s.assets, c.Assets)
	r.Emit(t, s, now, &assetsAdded{c.Tags, c.Assets})
	t.Messages = append(t.Messages, answer(w, c, nil))
}

// blobs are those of assets that others do not have, each once.
func blobs(others, assets []*Asset) (ids []blob.ID) {
	had := map[blob.ID]bool{}
	for _, a := range others {
		had[a.Blob.ID] = true
	}
	for _, a := range assets {
		if !had[a.Blob.ID] {
			had[a.Blob.ID] = true
			ids = append(ids, a.Blob.ID)
		}
	}
	slices.SortFunc(ids, blob.ID.Compare)
	return ids
}

func (s *revisionState) page(c *ListAssets) AssetPage {
	assets := s.assets
	if c.After != nil {
		assets = assets.After(*c.After, c.Reverse)
	}
	page := AssetPage{Revision: s.revision}
	page.Assets, page.More = collection.Page(assets, c.Reverse, c.Limit, func(a *Asset) (*Asset, bool) { return a, true })
	return page
}

// asset decides a command about one asset.
func (r *Revisions) asset(t *engine.Turn, s *revisionState, body any, now engine.Time) error {
	var id string
	switch c := body.(type) {
	case *FindAsset:
		id = c.ID
	case *RenameAsset:
		id = c.ID
	case *DeleteAsset:
		id = c.ID
	case *TagAsset:
		id = c.ID
	}
	a := s.asset(id)
	if a == nil {
		return &MissingError{id}
	}
	switch c := body.(type) {
	case *RenameAsset:
		if s.revision.Finalized {
			return &StateError{"An asset of a finalized revision can't be changed."}
		}
		r.Emit(t, s, now, &assetRenamed{id, c.Name})
	case *DeleteAsset:
		if s.revision.Finalized && s.revision.RevokedAt == 0 {
			return &StateError{"An asset of a finalized revision can't be deleted."}
		}
		r.Emit(t, s, now, &assetDeleted{id})
		t.Drop = blobs(s.assets, []*Asset{a})
		t.Reply = a
		return nil
	case *TagAsset:
		change, err := retag(a.Tags, c.Change)
		if err != nil {
			return err
		}
		if !change.IsEmpty() {
			r.Emit(t, s, now, &assetTagged{id, change})
		}
	}
	t.Reply = s.asset(id)
	return nil
}
