package registry

import (
	"fmt"
	"slices"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Machines is the rules of KindMachine.
type Machines struct {
	*collection.Rules[*machineState]
	limits Limits
}

var _ engine.Rules = (*Machines)(nil)

// NewMachines makes the rules of KindMachine.
func NewMachines(l Limits) *Machines { return &Machines{machineRules, l} }

var machineRules = collection.NewRules(collection.Config[*machineState]{
	Package: "registry",
	Of:      "machines",
	New:     func(id engine.Identity) *machineState { return &machineState{life: life{id: id}} },
	Version: 1,
	Events: map[byte]collection.Event[*machineState]{
		1: &machineCreated{},
		2: &machineUpdated{},
		3: &versionPublished{},
		4: &versionDeleted{},
		5: &aliasPut{},
		6: &aliasDeleted{},
		7: &machineTagged{},
		8: &machineDeleting{},
		9: &deletionPutOff{},
		// 10 is what Wake writes, so that a machine which is woken gets on.
		10: &deletionDue{},
		11: &machineDeleted{},
	},
})

// DeletionsList is the task list on which machines wait that are being deleted. Whoever
// takes one looks whether executions of it run, and says PutOff or Delete.
const DeletionsList = "sfn-deletions"

// How long it is waited before somebody looks again; it doubles from the first to the last.
const (
	firstCheck = engine.Time(1000)
	lastCheck  = engine.Time(60_000)
)

type machineState struct {
	collection.Log
	life
	machine *Machine // nil: it is yet to be created
}

// Code says the fields. Name and run are those of the identity.
func (s *machineState) Code(c *pack.Coder) {
	s.deleted.Code(c)
	created := s.machine != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.machine = &Machine{Entry: s.entry(0)}
	}
	s.machine.code(c)
}

// change puts in the machine's place what f makes of a copy.
func (s *machineState) change(f func(m *Machine)) {
	m := *s.machine
	f(&m)
	s.machine = &m
}

type (
	machineCreated struct {
		express  bool
		revision Revision
		tags     []collection.Tag
	}
	machineUpdated   struct{ revision Revision }
	versionPublished struct{ description string }
	versionDeleted   struct{ number int64 }
	aliasPut         struct{ alias Alias }
	aliasDeleted     struct{ name string }
	machineTagged    struct{ collection.TagChange }
	machineDeleting  struct{}
	deletionPutOff   struct{}
	deletionDue      struct{}
	machineDeleted   struct{}
)

func (e *machineCreated) Code(c *pack.Coder) {
	c.Bool(&e.express)
	e.revision.code(c)
	collection.CodeTags(c, &e.tags)
}
func (e *machineUpdated) Code(c *pack.Coder)   { e.revision.code(c) }
func (e *versionPublished) Code(c *pack.Coder) { c.Text(&e.description) }
func (e *versionDeleted) Code(c *pack.Coder)   { c.Int(&e.number) }
func (e *aliasPut) Code(c *pack.Coder)         { e.alias.code(c) }
func (e *aliasDeleted) Code(c *pack.Coder)     { c.Text(&e.name) }
func (*machineDeleting) Code(*pack.Coder)      {}
func (*deletionPutOff) Code(*pack.Coder)       {}
func (*deletionDue) Code(*pack.Coder)          {}
func (*machineDeleted) Code(*pack.Coder)       {}

func (e *machineCreated) Apply(s *machineState, at engine.Time) {
	entry := s.entry(at)
	entry.Express = e.express
	s.machine = &Machine{Entry: entry, Updated: at, Current: e.revision, Tags: e.tags}
}

func (e *machineUpdated) Apply(s *machineState, at engine.Time) {
	s.change(func(m *Machine) { m.Current, m.Updated = e.revision, at })
}

func (e *versionPublished) Apply(s *machineState, at engine.Time) {
	s.change(func(m *Machine) {
		m.Last++
		m.Versions = append(slices.Clip(m.Versions), &Version{m.Last, e.description, at, m.Current})
	})
}

func (e *versionDeleted) Apply(s *machineState, _ engine.Time) {
	s.change(func(m *Machine) {
		m.Versions = slices.DeleteFunc(slices.Clone(m.Versions), func(v *Version) bool { return v.Number == e.number })
	})
}

func (e *aliasPut) Apply(s *machineState, _ engine.Time) {
	s.change(func(m *Machine) {
		m.Aliases = slices.Clone(m.Aliases)
		m.Aliases.Put(&e.alias)
	})
}

func (e *aliasDeleted) Apply(s *machineState, _ engine.Time) {
	s.change(func(m *Machine) {
		m.Aliases = slices.Clone(m.Aliases)
		m.Aliases.Remove(collection.Name(e.name))
	})
}

func (e *machineTagged) Apply(s *machineState, _ engine.Time) {
	s.change(func(m *Machine) { m.Tags = e.Change(m.Tags) })
}

func (e *machineDeleting) Apply(s *machineState, at engine.Time) {
	s.change(func(m *Machine) { m.Deleting = at })
}

func (e *deletionPutOff) Apply(s *machineState, at engine.Time) {
	s.change(func(m *Machine) {
		m.check = at + min(firstCheck<<min(m.checks, 16), lastCheck)
		m.checks++
	})
}

func (e *deletionDue) Apply(s *machineState, _ engine.Time) {
	s.change(func(m *Machine) { m.check = 0 })
}

func (e *machineDeleted) Apply(s *machineState, at engine.Time) { s.deleted = at }

// Record tells whether the machine is there. One that is being deleted is offered to
// whoever looks after it, or wakes when it is to be offered again.
func (*Machines) Record(state engine.State, _ engine.Time) engine.Record {
	s := state.(*machineState)
	r := s.record(s.Started)
	m := s.machine
	switch {
	case m == nil || m.Deleting == 0 || s.deleted != 0:
	case m.check != 0:
		r.Wake = m.check
	default:
		r.Offers = []engine.Offer{{List: DeletionsList, ID: 1 + m.checks, At: m.Deleting}}
	}
	return r
}

// Handle decides a command.
func (r *Machines) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*machineState)
	m := s.machine
	if create, ok := body.(CreateMachine); ok {
		if err := r.create(&t, s, create, in.Now); err != nil {
			return engine.Turn{}, err
		}
		t.Reply = s.machine
		return t, nil
	}
	switch c := body.(type) {
	case Describe:
	case UpdateMachine:
		err = r.update(&t, s, c, in.Now)
	case PublishVersion:
		t.Reply, err = r.publish(&t, s, c, in.Now)
	case DeleteVersion:
		err = r.deleteVersion(&t, s, c, in.Now)
	case CreateAlias:
		t.Reply, err = r.createAlias(&t, s, c, in.Now)
	case UpdateAlias:
		t.Reply, err = r.updateAlias(&t, s, c, in.Now)
	case DeleteAlias:
		if m.Aliases.Has(collection.Name(c.Name)) {
			r.Emit(&t, s, in.Now, &aliasDeleted{c.Name})
		}
	case Tag:
		var tags []collection.Tag
		if tags, err = withTags(m.Tags, c.Tags); err == nil {
			r.setTags(&t, s, tags, in.Now)
		}
	case Untag:
		r.setTags(&t, s, collection.Exactly.Without(m.Tags, c.Keys), in.Now)
	case BeginDelete:
		if m.Deleting == 0 {
			r.Emit(&t, s, in.Now, &machineDeleting{})
		}
	case PutOff:
		if m.Deleting != 0 && m.check == 0 {
			r.Emit(&t, s, in.Now, &deletionPutOff{})
		}
	case engine.Wake:
		if m.check != 0 && m.check <= in.Now {
			r.Emit(&t, s, in.Now, &deletionDue{})
		}
	case Delete:
		r.Emit(&t, s, in.Now, &machineDeleted{})
		t.Messages = append(t.Messages, striking(s.id))
		t.Reply = s.machine
		return t, nil // its blobs go with the run
	default:
		panic(fmt.Sprintf("registry: no rule of machines for command %T", body))
	}
	if err != nil {
		return engine.Turn{}, err
	}
	if t.Reply == nil {
		t.Reply = s.machine
	}
	if s.machine != m {
		t.Keep, t.Drop = changes(m.definitions(), s.machine.definitions())
	}
	return t, nil
}

// changes tells which blobs are needed that were not, and which are no longer.
func changes(before, now map[blob.ID]bool) (keep, drop []blob.ID) {
	for id := range now {
		if !before[id] {
			keep = append(keep, id)
		}
	}
	for id := range before {
		if !now[id] {
			drop = append(drop, id)
		}
	}
	slices.SortFunc(keep, blob.ID.Compare)
	slices.SortFunc(drop, blob.ID.Compare)
	return keep, drop
}

func (r *Machines) create(t *engine.Turn, s *machineState, c CreateMachine, now engine.Time) error {
	if m := s.machine; m != nil {
		switch {
		case m.Deleting != 0:
			return &DeletingError{}
		case m.Current.Definition.Digest != c.Revision.Definition.Digest, m.Express != c.Express, !m.Current.sameSettings(&c.Revision):
			return &ExistsError{}
		case c.Publish:
			if v := m.ofRevision(m.Current.ID); v == nil || v.Description != c.Description {
				return &ExistsError{}
			}
		}
		return nil
	}
	tags, err := withTags(nil, c.Tags)
	if err != nil {
		return err
	}
	r.Emit(t, s, now, &machineCreated{c.Express, c.Revision, tags})
	if c.Publish {
		r.Emit(t, s, now, &versionPublished{c.Description})
	}
	t.Keep = append(t.Keep, c.Revision.Definition.ID)
	t.Messages = append(t.Messages, entering(s.id.Name.World, KindMachine, s.machine.Entry))
	return nil
}

func (r *Machines) update(t *engine.Turn, s *machineState, c UpdateMachine, now engine.Time) error {
	if s.machine.Deleting != 0 {
		return &DeletingError{}
	}
	next := s.machine.Current
	set(&next.Encryption, c.Encryption)
	sealedAnew := next.Encryption != s.machine.Current.Encryption
	if c.Definition != nil && c.Sealed != next.Encryption || c.Definition == nil && sealedAnew {
		return &SealedError{}
	}
	if c.Definition != nil && (sealedAnew || c.Definition.Digest != next.Definition.Digest) {
		next.Definition = *c.Definition
	}
	set(&next.Role, c.Role)
	if next.Definition.Digest != s.machine.Current.Definition.Digest || next.Role != s.machine.Current.Role {
		next.ID = c.ID
	}
	set(&next.Logging, c.Logging)
	set(&next.Tracing, c.Tracing)
	if c.Publish && s.machine.ofRevision(next.ID) == nil && len(s.machine.Versions) >= r.limits.VersionsMax {
		return &LimitError{"versions", r.limits.VersionsMax}
	}
	if !next.Same(&s.machine.Current) {
		r.Emit(t, s, now, &machineUpdated{next})
	}
	reply := Updated{}
	if c.Publish {
		reply.Version = r.version(t, s, c.Description, now)
	}
	reply.Machine = s.machine
	t.Reply = reply
	return nil
}

func set[T any](v *T, given *T) {
	if given != nil {
		*v = *given
	}
}

// version gives the version of the current revision, and makes it if there is none.
func (r *Machines) version(t *engine.Turn, s *machineState, description string, now engine.Time) *Version {
	if v := s.machine.ofRevision(s.machine.Current.ID); v != nil {
		return v
	}
	r.Emit(t, s, now, &versionPublished{description})
	return s.machine.Versions[len(s.machine.Versions)-1]
}

func (r *Machines) publish(t *engine.Turn, s *machineState, c PublishVersion, now engine.Time) (any, error) {
	m := s.machine
	switch {
	case m.Deleting != 0:
		return nil, &DeletingError{}
	case c.Revision != nil && *c.Revision != m.Current.Called():
		return nil, &RevisionError{*c.Revision, m.Current.Called()}
	case m.ofRevision(m.Current.ID) == nil && len(m.Versions) >= r.limits.VersionsMax:
		return nil, &LimitError{"versions", r.limits.VersionsMax}
	}
	return r.version(t, s, c.Description, now), nil
}

func (r *Machines) deleteVersion(t *engine.Turn, s *machineState, c DeleteVersion, now engine.Time) error {
	if s.machine.FindVersion(c.Number) == nil {
		return nil
	}
	if names := s.machine.aliasesOf(c.Number); names != nil {
		return &VersionInUseError{names}
	}
	r.Emit(t, s, now, &versionDeleted{c.Number})
	return nil
}

func (r *Machines) createAlias(t *engine.Turn, s *machineState, c CreateAlias, now engine.Time) (any, error) {
	m := s.machine
	if m.Deleting != 0 {
		return nil, &DeletingError{}
	}
	if a, there := m.Aliases.Find(collection.Name(c.Name)); there {
		if a.Description != c.Description || !slices.Equal(a.Routes, c.Routes) {
			return nil, &AliasExistsError{}
		}
		return a, nil
	}
	if !m.hasAll(c.Routes) {
		return nil, &MissingError{}
	}
	if len(m.Aliases) >= r.limits.AliasesMax {
		return nil, &LimitError{"aliases", r.limits.AliasesMax}
	}
	return r.putAlias(t, s, Alias{c.Name, c.Description, now, now, c.Routes}, now), nil
}

func (r *Machines) updateAlias(t *engine.Turn, s *machineState, c UpdateAlias, now engine.Time) (any, error) {
	if s.machine.Deleting != 0 {
		return nil, &DeletingError{}
	}
	old, there := s.machine.Aliases.Find(collection.Name(c.Name))
	if !there || !s.machine.hasAll(c.Routes) {
		return nil, &MissingError{}
	}
	next := *old
	set(&next.Description, c.Description)
	if c.Routes != nil {
		next.Routes = c.Routes
	}
	if next.Description == old.Description && slices.Equal(next.Routes, old.Routes) {
		return old, nil
	}
	next.Updated = now
	return r.putAlias(t, s, next, now), nil
}

func (r *Machines) putAlias(t *engine.Turn, s *machineState, a Alias, now engine.Time) *Alias {
	r.Emit(t, s, now, &aliasPut{a})
	made, _ := s.machine.Aliases.Find(a.SortKey())
	return made
}

// hasAll tells whether the machine has all versions that routes lead to.
func (m *Machine) hasAll(routes []Route) bool {
	return !slices.ContainsFunc(routes, func(r Route) bool { return m.FindVersion(r.Version) == nil })
}

func (r *Machines) setTags(t *engine.Turn, s *machineState, tags []collection.Tag, now engine.Time) {
	if change := collection.TagsBetween(s.machine.Tags, tags); !change.IsEmpty() {
		r.Emit(t, s, now, &machineTagged{change})
	}
}
