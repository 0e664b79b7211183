package registry

import "heddle/internal/engine/collection"

// Tag is a resource tag of a domain.
type Tag = collection.Tag

// withTags gives the tags with more added; a key's new value replaces its old
// one. The result is sorted by key. Errors: TagError, TooManyTagsError.
func withTags(tags, more []Tag, limit int) ([]Tag, error) {
	for i, t := range more {
		if reason := t.Flaw(); reason != "" {
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
