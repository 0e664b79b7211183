package registry

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/internal/pack"
)

// Tag is a resource tag of a domain.
type Tag struct{ Key, Value string }

const (
	tagKeyMax   = 128 // characters
	tagValueMax = 256 // characters
)

// withTags gives the tags with more added; a key's new value replaces its old
// one. The result is sorted by key. Errors: TagError, TooManyTagsError.
func withTags(tags, more []Tag, limit int) ([]Tag, error) {
	for i, t := range more {
		if reason := tagFlaw(t); reason != "" {
			return nil, &TagError{t.Key, reason}
		}
		if slices.ContainsFunc(more[:i], func(u Tag) bool { return u.Key == t.Key }) {
			return nil, &TagError{t.Key, "given twice"}
		}
		if i >= limit { // also bounds the search for twins
			return nil, &TooManyTagsError{limit}
		}
	}
	all := slices.Clone(more)
	for _, t := range tags {
		if !slices.ContainsFunc(more, func(u Tag) bool { return u.Key == t.Key }) {
			all = append(all, t)
		}
	}
	if len(all) > limit {
		return nil, &TooManyTagsError{limit}
	}
	return sortTags(all), nil
}

func sortTags(tags []Tag) []Tag {
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	return tags
}

// withoutTags gives the tags that have none of the keys.
func withoutTags(tags []Tag, keys []string) []Tag {
	var left []Tag
	for _, t := range tags {
		if !slices.Contains(keys, t.Key) {
			left = append(left, t)
		}
	}
	return left
}

// tagChange is what has become of a domain's tags.
type tagChange struct {
	set     []Tag // new ones, and those with another value
	removed []string
}

// tagsBetween gives what has to change in tags so that they become others.
func tagsBetween(old, now []Tag) (c tagChange) {
	for _, t := range now {
		if !slices.Contains(old, t) {
			c.set = append(c.set, t)
		}
	}
	for _, t := range old {
		if !slices.ContainsFunc(now, func(u Tag) bool { return u.Key == t.Key }) {
			c.removed = append(c.removed, t.Key)
		}
	}
	return c
}

// tags gives what old ones become.
func (c *tagChange) tags(old []Tag) []Tag {
	left := withoutTags(old, c.removed)
	left = slices.DeleteFunc(left, func(t Tag) bool {
		return slices.ContainsFunc(c.set, func(u Tag) bool { return u.Key == t.Key })
	})
	return sortTags(append(left, c.set...))
}

func (c *tagChange) pack(b []byte) []byte {
	b = packTags(b, c.set)
	b = pack.Uint(b, uint64(len(c.removed)))
	for _, key := range c.removed {
		b = pack.Text(b, key)
	}
	return b
}

func readTagChange(r *pack.Reader) tagChange {
	c := tagChange{set: readTags(r)}
	for range r.Count() {
		c.removed = append(c.removed, r.Text())
	}
	return c
}

// tagFlaw tells what is wrong with a tag; nothing is "".
func tagFlaw(t Tag) string {
	switch n := utf8.RuneCountInString(t.Key); {
	case n == 0:
		return "the key is empty"
	case n > tagKeyMax:
		return "the key is too long"
	case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
		return "keys that begin with aws: are reserved"
	case utf8.RuneCountInString(t.Value) > tagValueMax:
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

func packTags(b []byte, tags []Tag) []byte {
	b = pack.Uint(b, uint64(len(tags)))
	for _, t := range tags {
		b = pack.Text(b, t.Key)
		b = pack.Text(b, t.Value)
	}
	return b
}

func readTags(r *pack.Reader) []Tag {
	var tags []Tag
	for range r.Count() {
		tags = append(tags, Tag{Key: r.Text(), Value: r.Text()})
	}
	return tags
}
