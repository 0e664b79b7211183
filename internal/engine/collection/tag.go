package collection

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/internal/pack"
)

// Tag is a resource tag.
type Tag struct{ Key, Value string }

// Code says the fields.
func (t *Tag) Code(c *pack.Coder) {
	c.Text(&t.Key)
	c.Text(&t.Value)
}

// How many characters a tag has at most.
const (
	TagKeyMax   = 128
	TagValueMax = 256
)

// Flaw tells what is wrong with a tag, by the rules that AWS has for those of resources;
// nothing is "".
func (t *Tag) Flaw() string {
	switch n := utf8.RuneCountInString(t.Key); {
	case n == 0:
		return "the key is empty"
	case n > TagKeyMax:
		return "the key is too long"
	case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
		return "keys that begin with aws: are reserved"
	case utf8.RuneCountInString(t.Value) > TagValueMax:
		return "the value is too long"
	case strings.ContainsFunc(t.Key, notInTags):
		return "the key has a character that tags may not have"
	case strings.ContainsFunc(t.Value, notInTags):
		return "the value has a character that tags may not have"
	}
	return ""
}

func notInTags(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r)
}

// CodeTags codes a list of tags.
func CodeTags(c *pack.Coder, tags *[]Tag) { pack.List(c, tags, (*Tag).Code) }

// SameKey tells whether two keys of tags are one.
type SameKey func(a, b string) bool

// AnyCase is for keys whose case does not count, Exactly for those whose case does.
var (
	AnyCase SameKey = strings.EqualFold
	Exactly SameKey = func(a, b string) bool { return a == b }
)

// in tells whether tags have a key.
func (same SameKey) in(tags []Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return same(t.Key, key) })
}

// Twice tells whether the i-th of tags has the key of one before it.
func (same SameKey) Twice(tags []Tag, i int) bool { return same.in(tags[:i], tags[i].Key) }

// With gives tags with more added, by key; a new value takes the place of the old.
func (same SameKey) With(tags, more []Tag) []Tag {
	all := slices.Clone(more)
	for _, t := range tags {
		if !same.in(more, t.Key) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Without gives the tags that have none of the keys.
func (same SameKey) Without(tags []Tag, keys []string) []Tag {
	var left []Tag
	for _, t := range tags {
		if !slices.ContainsFunc(keys, func(key string) bool { return same(t.Key, key) }) {
			left = append(left, t)
		}
	}
	return left
}

// TagChange is what has become of the tags of one thing: what an event says of them.
type TagChange struct {
	Set     []Tag // new ones, and those with another value
	Removed []string
}

// TagsBetween gives what has to change in tags so that they become others.
func TagsBetween(old, now []Tag) (c TagChange) {
	for _, t := range now {
		if !slices.Contains(old, t) {
			c.Set = append(c.Set, t)
		}
	}
	for _, t := range old {
		if !Exactly.in(now, t.Key) {
			c.Removed = append(c.Removed, t.Key)
		}
	}
	return c
}

// IsEmpty tells whether nothing changes.
func (c *TagChange) IsEmpty() bool { return len(c.Set)+len(c.Removed) == 0 }

// Change gives what old tags become.
func (c *TagChange) Change(old []Tag) []Tag {
	return Exactly.With(Exactly.Without(old, c.Removed), c.Set)
}

// Code says the fields.
func (c *TagChange) Code(p *pack.Coder) {
	CodeTags(p, &c.Set)
	p.Texts(&c.Removed)
}
