package account

import (
	"slices"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// EntityType is one of the types of entities, as IAM calls them.
type EntityType uint8

const (
	User EntityType = iota + 1
	Group
	Role
)

var entityNames = [...]string{User: "user", Group: "group", Role: "role"}

// String is the type's name in ARNs.
func (s EntityType) String() string { return entityNames[s] }

func (s EntityType) valid() bool { return User <= s && s <= Role }

// title is the type's name at the start of a sentence.
func (s EntityType) title() string { return strings.ToUpper(s.String()[:1]) + s.String()[1:] }

// Ref names an entity.
type Ref struct {
	Type EntityType
	Name string
}

// Entity is a user, a group or a role. It never changes.
type Entity struct {
	Ref
	Path      string
	ID        string // never given to another, whatever its name
	CreatedAt engine.Time
	Boundary  string // the ARN of the policy that bounds a user or role; empty: none
	Tags      []Tag  // in order of key
	Inline    []Inline
	Attached  []string // ARNs of policies, sorted

	// Of a user.
	Groups []string // their IDs, since groups may be renamed
	Keys   []Key

	// Of a role.
	Trust             string // the policy that says who may assume it, with ids for names
	named             string // the same with names, for readers; empty: it is the same. It is not stored
	Description       string
	SessionSecondsMax int
}

// Inline is a policy that belongs to an entity alone.
type Inline struct{ Name, Document string }

// Tag is a tag of an entity or a policy.
type Tag = collection.Tag

// Key is an access key of a user.
type Key struct {
	ID        string
	Sealed    []byte // the secret; see Sealer
	Inactive  bool
	CreatedAt engine.Time
}

// listed is what lists show of an entity. The rest may be a hundred times that, and there may be
// thousands: a list goes to another node as one frame.
func (e *Entity) listed() *Entity {
	return &Entity{
		Ref: e.Ref, Path: e.Path, ID: e.ID, CreatedAt: e.CreatedAt,
		Trust: e.Trust, named: e.named, Description: e.Description, SessionSecondsMax: e.SessionSecondsMax,
	}
}

// ARN is the entity's name in policies.
func (e *Entity) ARN(o arn.Owner) string {
	return ARN(o, e.Type.String(), e.Path, e.Name)
}

// ARN is the name of a user, group, role or policy.
func ARN(o arn.Owner, entityType, path, name string) string {
	return o.Name("iam", entityType+path+name)
}

// SortKey is what lists of entities are sorted by.
func (e *Entity) SortKey() collection.Folded { return collection.Fold(e.Name) }

// document gives an inline policy.
func (e *Entity) document(name string) (string, bool) {
	for _, p := range e.Inline {
		if p.Name == name {
			return p.Document, true
		}
	}
	return "", false
}

// key gives the place of an access key; -1: the user has none such.
func (e *Entity) key(id string) int {
	return slices.IndexFunc(e.Keys, func(k Key) bool { return k.ID == id })
}

func (r *Ref) code(c *pack.Coder) {
	c.Byte((*byte)(&r.Type))
	c.Text(&r.Name)
}

func (e *Entity) code(c *pack.Coder) {
	e.Ref.code(c)
	codeTexts(c, &e.Path, &e.ID, &e.Boundary, &e.Trust, &e.Description)
	e.CreatedAt.Code(c)
	pack.Signed(c, &e.SessionSecondsMax)
	collection.CodeTags(c, &e.Tags)
	pack.List(c, &e.Inline, func(p *Inline, c *pack.Coder) { codeTexts(c, &p.Name, &p.Document) })
	c.Texts(&e.Attached)
	c.Texts(&e.Groups)
	pack.List(c, &e.Keys, (*Key).code)
}

func (k *Key) code(c *pack.Coder) {
	c.Text(&k.ID)
	c.Bytes(&k.Sealed)
	c.Bool(&k.Inactive)
	k.CreatedAt.Code(c)
}
