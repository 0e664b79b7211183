package registry

import (
	"slices"
	"unsafe"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Machine is a state machine. It is never changed, but replaced; so are its parts.
type Machine struct {
	Entry
	Updated  engine.Time
	Current  Revision
	Versions []*Version // by number
	Last     int64      // the highest number that a version ever had
	Aliases  collection.Set[collection.Name, *Alias]
	Tags     []collection.Tag // by key
	// Deleting is since when the machine is being deleted: it goes when no execution of it
	// runs any more. Zero: it is not.
	Deleting engine.Time

	checks int64       // how often was looked whether executions still run
	check  engine.Time // when it is looked again; zero: now
}

// Revision is what a machine is made of, at one time.
type Revision struct {
	ID         string // a UUID; empty: the first, of the machine's creation
	Definition Definition
	Role       string
	Logging    Logging
	Tracing    bool
	Encryption Encryption
}

// Initial is what callers call the first revision.
const Initial = "INITIAL"

// Called is what callers call the revision.
func (r *Revision) Called() string {
	if r.ID == "" {
		return Initial
	}
	return r.ID
}

// Same tells whether two revisions are the same but for their ids.
func (r *Revision) Same(o *Revision) bool {
	return r.Definition.Digest == o.Definition.Digest && r.Role == o.Role && r.sameSettings(o)
}

func (r *Revision) sameSettings(o *Revision) bool {
	return r.Logging.same(&o.Logging) && r.Tracing == o.Tracing && r.Encryption == o.Encryption
}

// Logging is where the history of executions is logged.
type Logging struct {
	Level        string // OFF, ALL, ERROR or FATAL
	Data         bool   // inputs and outputs too
	Destinations []string
	Listed       bool // the caller gave a list of destinations, though perhaps an empty one
}

func (l *Logging) same(o *Logging) bool {
	return l.Level == o.Level && l.Data == o.Data && l.Listed == o.Listed && slices.Equal(l.Destinations, o.Destinations)
}

// Version is a revision under a number, for good.
type Version struct {
	Number      int64
	Description string
	Created     engine.Time
	Revision
}

// Alias points to one or two versions.
type Alias struct {
	Name        string
	Description string
	Created     engine.Time
	Updated     engine.Time
	Routes      []Route
}

// Route is how much of 100 executions go to a version.
type Route struct{ Version, Weight int64 }

// SortKey orders aliases by name, bytewise.
func (a *Alias) SortKey() collection.Name { return collection.Name(a.Name) }

// Pick gives the version for a number from 0 to 99.
func (a *Alias) Pick(n int64) int64 {
	for _, r := range a.Routes {
		if n < r.Weight {
			return r.Version
		}
		n -= r.Weight
	}
	return a.Routes[len(a.Routes)-1].Version
}

// Main is the version that most executions go to, of equals the first.
func (a *Alias) Main() int64 {
	most := a.Routes[0]
	for _, r := range a.Routes {
		if r.Weight > most.Weight {
			most = r
		}
	}
	return most.Version
}

// FindVersion gives a version by its number, or nil.
func (m *Machine) FindVersion(number int64) *Version {
	i, there := slices.BinarySearchFunc(m.Versions, number, func(v *Version, n int64) int { return int(v.Number - n) })
	if !there {
		return nil
	}
	return m.Versions[i]
}

// FindAlias gives an alias by its name, or nil.
func (m *Machine) FindAlias(name string) *Alias {
	a, _ := m.Aliases.Find(collection.Name(name))
	return a
}

// Published is the version of the current revision, or nil.
func (m *Machine) Published() *Version { return m.ofRevision(m.Current.ID) }

// ofRevision gives the version that was made of a revision, or nil.
func (m *Machine) ofRevision(id string) *Version {
	for _, v := range slices.Backward(m.Versions) {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// aliasesOf are the names of the aliases that point to a version.
func (m *Machine) aliasesOf(version int64) (names []string) {
	for _, a := range m.Aliases {
		if slices.ContainsFunc(a.Routes, func(r Route) bool { return r.Version == version }) {
			names = append(names, a.Name)
		}
	}
	return names
}

// definitions are the blobs that the machine needs.
func (m *Machine) definitions() map[blob.ID]bool {
	needed := map[blob.ID]bool{m.Current.Definition.ID: true}
	for _, v := range m.Versions {
		needed[v.Definition.ID] = true
	}
	return needed
}

// Commands for state machines, beside Describe, Tag, Untag and Delete. All reply a
// *Machine, as it is then.
type (
	// CreateMachine creates a machine, and perhaps its first version. One that is there
	// with the same definition, type and settings is replied as it is, if it has the version
	// that is asked for. Errors: *ExistsError, *DeletingError, *TagError, *TooManyTagsError.
	CreateMachine struct {
		Express     bool
		Revision    Revision
		Tags        []collection.Tag
		Publish     bool
		Description string // of the version
	}
	// UpdateMachine changes what is given. ID is that of the new revision, which comes only
	// if definition or role change. The definition is Sealed as the machine's data is to be
	// then; so it is given with another Encryption, too. The reply is an Updated. Errors:
	// *DeletingError, *LimitError, *SealedError.
	UpdateMachine struct {
		ID          string
		Definition  *Definition
		Sealed      Encryption
		Role        *string
		Logging     *Logging
		Tracing     *bool
		Encryption  *Encryption
		Publish     bool
		Description string
	}
	// PublishVersion makes a version of the current revision, unless there is one. The reply
	// is a *Version. Errors: *DeletingError, *RevisionError, *LimitError.
	PublishVersion struct {
		Revision    *string // the id that the current one must have; nil: any
		Description string
	}
	// DeleteVersion deletes a version, if it is there. Errors: *VersionInUseError.
	DeleteVersion struct{ Number int64 }
	// CreateAlias creates an alias; one that is there just so stays. The reply is an *Alias.
	// Errors: *DeletingError, *AliasExistsError, *MissingError, *LimitError.
	CreateAlias struct {
		Name, Description string
		Routes            []Route
	}
	// UpdateAlias changes what is given. The reply is an *Alias. Errors: *DeletingError,
	// *MissingError.
	UpdateAlias struct {
		Name        string
		Description *string
		Routes      []Route // nil: as they are
	}
	// DeleteAlias deletes an alias, if it is there.
	DeleteAlias struct{ Name string }
	// BeginDelete lets the machine go when no execution of it runs any more.
	BeginDelete struct{}
	// PutOff says that executions still run of a machine that is being deleted. It has no
	// reply.
	PutOff struct{}
)

// Definition is a definition's text. If its machine has a key it is sealed.
type Definition struct {
	ID      blob.ID
	Bytes   int64
	Digest  [32]byte // tells texts apart
	DataKey string   // that it is sealed under, as its key has it sealed
}

func (d *Definition) code(c *pack.Coder) {
	c.Fixed(d.ID[:])
	c.Int(&d.Bytes)
	c.Fixed(d.Digest[:])
	c.Text(&d.DataKey)
}

// Updated is the reply to UpdateMachine.
type Updated struct {
	Machine *Machine
	Version *Version // that was asked for; nil: none was
}

func (r *Revision) code(c *pack.Coder) {
	c.Text(&r.ID)
	r.Definition.code(c)
	c.Text(&r.Role)
	r.Logging.code(c)
	c.Bool(&r.Tracing)
	r.Encryption.Code(c)
}

func (l *Logging) code(c *pack.Coder) {
	c.Text(&l.Level)
	c.Bool(&l.Data)
	c.Texts(&l.Destinations)
	c.Bool(&l.Listed)
}

func (v *Version) code(c *pack.Coder) {
	c.Int(&v.Number)
	c.Text(&v.Description)
	v.Created.Code(c)
	v.Revision.code(c)
}

func (a *Alias) code(c *pack.Coder) {
	c.Text(&a.Name)
	c.Text(&a.Description)
	a.Created.Code(c)
	a.Updated.Code(c)
	pack.List(c, &a.Routes, func(r *Route, c *pack.Coder) {
		c.Int(&r.Version)
		c.Int(&r.Weight)
	})
}

func (m *Machine) code(c *pack.Coder) {
	m.Created.Code(c)
	c.Bool(&m.Express)
	m.Updated.Code(c)
	m.Current.code(c)
	pack.Pointers(c, &m.Versions, (*Version).code)
	c.Int(&m.Last)
	collection.Code(c, &m.Aliases, (*Alias).code)
	collection.CodeTags(c, &m.Tags)
	m.Deleting.Code(c)
	c.Int(&m.checks)
	m.check.Code(c)
}

// Weight is how much memory the machine takes, in bytes, rather too much than too little.
func (m *Machine) Weight() int {
	c := pack.Weighing()
	c.Weigh(int(unsafe.Sizeof(*m)) + len(m.Name))
	m.code(c)
	return c.Weight()
}

// shownFormat is the first byte of what Shown gives.
const shownFormat = 1

// Shown is what an execution keeps of a revision, to show it when the machine has another
// or has gone: all but the definition and the role, which it has besides.
func (r *Revision) Shown(updated engine.Time) []byte {
	c := pack.Writing(nil)
	r.codeShown(c, &updated)
	return c.Written()
}

// ReadShown reads what Shown gives.
func ReadShown(b []byte) (r Revision, updated engine.Time, err error) {
	c := pack.Reading(b)
	r.codeShown(c, &updated)
	return r, updated, c.Done()
}

func (r *Revision) codeShown(c *pack.Coder, updated *engine.Time) {
	c.Format(shownFormat)
	updated.Code(c)
	c.Text(&r.ID)
	r.Logging.code(c)
	c.Bool(&r.Tracing)
	r.Encryption.Code(c)
}
