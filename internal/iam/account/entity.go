package account

import (
	"slices"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
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
	Trust             string // the policy that says who may assume it
	Description       string
	SessionSecondsMax int
}

// Inline is a policy that belongs to an entity alone.
type Inline struct{ Name, Document string }

// Tag is a tag of an entity or a policy.
type Tag struct{ Key, Value string }

// Key is an access key of a user.
type Key struct {
	ID        string
	Sealed    []byte // the secret; see Sealer
	Inactive  bool
	CreatedAt engine.Time
}

// ARN is the entity's name in policies.
func (e *Entity) ARN(account string) string {
	return ARN(account, e.Type.String(), e.Path, e.Name)
}

// ARN is the name of a user, group, role or policy.
func ARN(account, entityType, path, name string) string {
	return arn.ARN{Partition: "aws", Service: "iam", Account: account, Resource: entityType + path + name}.String()
}

func (e *Entity) shelved() string { return e.Name }

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

func packEntity(b []byte, e *Entity) []byte {
	b = append(b, byte(e.Type))
	for _, s := range [...]string{e.Name, e.Path, e.ID, e.Boundary, e.Trust, e.Description} {
		b = pack.Text(b, s)
	}
	b = pack.Int(b, int64(e.CreatedAt))
	b = pack.Int(b, int64(e.SessionSecondsMax))
	b = packTags(b, e.Tags)
	b = pack.Uint(b, uint64(len(e.Inline)))
	for _, p := range e.Inline {
		b = pack.Text(pack.Text(b, p.Name), p.Document)
	}
	b = packTexts(b, e.Attached)
	b = packTexts(b, e.Groups)
	b = pack.Uint(b, uint64(len(e.Keys)))
	for i := range e.Keys {
		b = packKey(b, &e.Keys[i])
	}
	return b
}

func packKey(b []byte, k *Key) []byte {
	b = pack.Text(pack.Text(b, k.ID), k.Sealed)
	return pack.Int(pack.Bool(b, k.Inactive), int64(k.CreatedAt))
}

func readKey(r *pack.Reader) Key {
	return Key{r.Text(), []byte(r.Text()), r.Bool(), engine.Time(r.Int())}
}

func readEntity(r *pack.Reader) *Entity {
	e := &Entity{}
	e.Type = EntityType(r.Byte())
	for _, s := range [...]*string{&e.Name, &e.Path, &e.ID, &e.Boundary, &e.Trust, &e.Description} {
		*s = r.Text()
	}
	e.CreatedAt = engine.Time(r.Int())
	e.SessionSecondsMax = int(r.Int())
	e.Tags = readTags(r)
	for range r.Count() {
		e.Inline = append(e.Inline, Inline{r.Text(), r.Text()})
	}
	e.Attached = readTexts(r)
	e.Groups = readTexts(r)
	for range r.Count() {
		e.Keys = append(e.Keys, readKey(r))
	}
	return e
}

func packTexts(b []byte, texts []string) []byte {
	b = pack.Uint(b, uint64(len(texts)))
	for _, s := range texts {
		b = pack.Text(b, s)
	}
	return b
}

func readTexts(r *pack.Reader) []string {
	var texts []string
	for range r.Count() {
		texts = append(texts, r.Text())
	}
	return texts
}

func packTags(b []byte, tags []Tag) []byte {
	b = pack.Uint(b, uint64(len(tags)))
	for _, t := range tags {
		b = pack.Text(pack.Text(b, t.Key), t.Value)
	}
	return b
}

func readTags(r *pack.Reader) []Tag {
	var tags []Tag
	for range r.Count() {
		tags = append(tags, Tag{r.Text(), r.Text()})
	}
	return tags
}
