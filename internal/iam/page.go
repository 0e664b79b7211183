package iam

import (
	"encoding/base64"
	"strings"

	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
)

// page is which part of a list is asked for.
type page struct {
	marker *string
	items  *int64
}

// rest tells whether there is more of a list, and how to get it.
type rest struct {
	truncated *bool
	marker    *string
}

func restAfter(marker string) rest {
	more := marker != ""
	return rest{&more, present(marker)}
}

const pageItemsDefault = 100

// cut gives the part of a list that is asked for. The items are in order of their keys.
func cut[T any](p page, items []T, key func(T) string) (shown []T, next rest, err error) {
	most := pageItemsDefault
	if p.items != nil {
		most = int(*p.items)
	}
	if p.marker != nil {
		after, err := base64.RawURLEncoding.DecodeString(*p.marker)
		if err != nil || len(after) == 0 {
			return nil, rest{}, fault.Invalid("Invalid Marker.")
		}
		for len(items) > 0 && key(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if len(items) <= most {
		return items, restAfter(""), nil
	}
	return items[:most], restAfter(markerOf(key(items[most-1]))), nil
}

// markerOf is the marker of the page that begins after a key.
func markerOf(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// pageBytesMax is how many bytes the items of a page have at most; the answer has 1 MiB.
const pageBytesMax = 1<<20 - 16<<10

// xmlWriter is a shape of answers.
type xmlWriter[Shown any] interface {
	*Shown
	AppendXML(*awsquery.XML)
}

// paged is cut for items as answers have them, each made of another. A page may be shorter
// than what is asked for.
func paged[T, Shown any, S xmlWriter[Shown]](p page, items []T, key func(T) string, show func(T) Shown) ([]Shown, rest, error) {
	items, next, err := cut(p, items, key)
	shown := within[T, Shown, S](pageBytesMax, items, show)
	if n := len(shown); n < len(items) {
		next = restAfter(markerOf(key(items[n-1])))
	}
	return shown, next, err
}

// within is each for as many items as most bytes of an answer have room for, but for one
// at least.
func within[T, Shown any, S xmlWriter[Shown]](most int, items []T, show func(T) Shown) []Shown {
	var x awsquery.XML
	shown := make([]Shown, 0, len(items))
	for _, item := range items {
		one := show(item)
		if S(&one).AppendXML(&x); len(shown) > 0 && x.Len()+len(shown)*len("<member></member>") > most {
			break
		}
		shown = append(shown, one)
	}
	return shown
}

func sameText(s string) string { return s }

// each makes a list of another, which is there even if it is empty.
func each[From, To any](list []From, of func(From) To) []To {
	made := make([]To, 0, len(list))
	for _, v := range list {
		made = append(made, of(v))
	}
	return made
}

// under keeps what has a path with a prefix.
func under[T any](prefix *string, all []T, path func(T) string) (kept []T) {
	for _, v := range all {
		if strings.HasPrefix(path(v), value(prefix)) {
			kept = append(kept, v)
		}
	}
	return kept
}
