package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/internal/engine/collection"
)

// Tag is a resource tag of a domain.
type Tag = collection.Tag

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
		if collection.Exactly.Twice(more, i) {
			return nil, &TagError{t.Key, "given twice"}
		}
		if i >= limit { // also bounds the search for twins
			return nil, &TooManyTagsError{limit}
		}
	}
	all := collection.Exactly.With(tags, more)
	if len(all) > limit {
		return nil, &TooManyTagsError{limit}
	}
	return all, nil
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
