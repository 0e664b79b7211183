package registry

import (
	"fmt"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Activities is the rules of KindActivity.
type Activities struct {
	*collection.Rules[*activityState]
}

var _ engine.MessagedRules = (*Activities)(nil)

// NewActivities makes the rules of KindActivity.
func NewActivities() *Activities { return &Activities{activityRules} }

var activityRules = collection.NewRules(collection.Config[*activityState]{
	Package: "registry",
	Of:      "activities",
	New:     func(id engine.Identity) *activityState { return &activityState{life: life{id: id}} },
	Version: 1,
	Events: map[byte]collection.Event[*activityState]{
		1: &activityCreated{},
		2: &activityTagged{},
		3: &activityDeleted{},
	},
})

// Activity is an activity. It is never changed, but replaced.
type Activity struct {
	Entry
	Encryption Encryption
	Tags       []collection.Tag // by key
}

// Weight is how much memory the activity takes, in bytes, rather too much than too little.
func (a *Activity) Weight() int {
	c := pack.Weighing()
	c.Weigh(int(unsafe.Sizeof(*a)) + len(a.Name))
	a.Encryption.Code(c)
	collection.CodeTags(c, &a.Tags)
	return c.Weight()
}

// CreateActivity creates an activity; the reply is it. One that is there with the same
// encryption is replied as it is. Errors: *ExistsError, *TagError, *TooManyTagsError.
type CreateActivity struct {
	Encryption Encryption
	Tags       []collection.Tag
}

// Delete deletes an activity, or a state machine that nobody runs any more. Its run closes.
// It has no reply.
type Delete struct{}

// life is what activities and state machines have in common: they begin and end.
type life struct {
	id      engine.Identity
	deleted engine.Time // zero: it is there
}

// record is closed when the thing is deleted, and forgotten then.
func (l *life) record(started engine.Time) engine.Record {
	r := engine.Record{Status: engine.Open, Started: started}
	if l.deleted != 0 {
		r.Status, r.Closed, r.Forget = engine.Closed, l.deleted, l.deleted
	}
	return r
}

// entry is that of the thing in the list of names.
func (l *life) entry(created engine.Time) Entry {
	return Entry{Name: l.id.Name.Key, Run: l.id.Run, Created: created}
}

type activityState struct {
	collection.Log
	life
	activity *Activity // nil: it is yet to be created
}

// Code says the fields. Name and run are those of the identity.
func (s *activityState) Code(c *pack.Coder) {
	s.deleted.Code(c)
	created := s.activity != nil
	if c.Bool(&created); !created {
		return
	}
	if c.Reads() {
		s.activity = &Activity{Entry: s.entry(0)}
	}
	s.activity.Created.Code(c)
	s.activity.Encryption.Code(c)
	collection.CodeTags(c, &s.activity.Tags)
}

type (
	activityCreated struct {
		encryption Encryption
		tags       []collection.Tag
	}
	activityTagged  struct{ collection.TagChange }
	activityDeleted struct{}
)

func (e *activityCreated) Code(c *pack.Coder) {
	e.encryption.Code(c)
	collection.CodeTags(c, &e.tags)
}
func (e *activityDeleted) Code(*pack.Coder) {}

func (e *activityCreated) Apply(s *activityState, at engine.Time) {
	s.activity = &Activity{s.entry(at), e.encryption, e.tags}
}

func (e *activityTagged) Apply(s *activityState, _ engine.Time) {
	changed := *s.activity
	changed.Tags = e.Change(changed.Tags)
	s.activity = &changed
}

func (e *activityDeleted) Apply(s *activityState, at engine.Time) { s.deleted = at }

// Record tells whether the activity is there.
func (*Activities) Record(s engine.State, _ engine.Time) engine.Record {
	a := s.(*activityState)
	return a.record(a.Started)
}

// Handle decides a command.
func (a *Activities) Handle(state engine.State, body any, in engine.Input) (t engine.Turn, err error) {
	s := state.(*activityState)
	switch c := body.(type) {
	case CreateActivity:
		err = a.create(&t, s, c, in.Now)
	case Describe:
	case *ask:
		yes := pack.Writing(c.yes)
		s.activity.Encryption.Code(yes)
		t.Messages = append(t.Messages, c.answer(yes.Written()))
	case Tag:
		err = a.tag(&t, s, c, in.Now)
	case Untag:
		a.setTags(&t, s, collection.Exactly.Without(s.activity.Tags, c.Keys), in.Now)
	case Delete:
		a.Emit(&t, s, in.Now, &activityDeleted{})
		t.Messages = append(t.Messages, striking(s.id))
	default:
		panic(fmt.Sprintf("registry: no rule of activities for command %T", body))
	}
	if err != nil {
		return engine.Turn{}, err
	}
	t.Reply = s.activity
	return t, nil
}

func (a *Activities) create(t *engine.Turn, s *activityState, c CreateActivity, now engine.Time) error {
	if s.activity != nil {
		if s.activity.Encryption != c.Encryption {
			return &ExistsError{}
		}
		return nil
	}
	tags, err := withTags(nil, c.Tags)
	if err != nil {
		return err
	}
	a.Emit(t, s, now, &activityCreated{c.Encryption, tags})
	t.Messages = append(t.Messages, entering(s.id.Name.World, KindActivity, s.activity.Entry))
	return nil
}

func (a *Activities) tag(t *engine.Turn, s *activityState, c Tag, now engine.Time) error {
	tags, err := withTags(s.activity.Tags, c.Tags)
	if err != nil {
		return err
	}
	a.setTags(t, s, tags, now)
	return nil
}

func (a *Activities) setTags(t *engine.Turn, s *activityState, tags []collection.Tag, now engine.Time) {
	if change := collection.TagsBetween(s.activity.Tags, tags); !change.IsEmpty() {
		a.Emit(t, s, now, &activityTagged{change})
	}
}
