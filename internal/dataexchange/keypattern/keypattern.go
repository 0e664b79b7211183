// Package keypattern makes the keys that exported assets have in a bucket, by the
// pattern that a job or an event action says (AWS Data Exchange User Guide, Key patterns
// when exporting revisions). It is pure.
//
// A pattern is text with references: ${Asset.Id}, ${Asset.Name}, ${DataSet.Id},
// ${DataSet.Name}, ${Revision.Id}, ${Revision.CreatedAt}, ${Revision.CreatedAt.Year},
// ${Revision.CreatedAt.Month}, ${Revision.CreatedAt.Day}. All else stands for itself, and
// nothing that a reference gives is looked at again.
package keypattern

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Error says to a user what is wrong with a pattern, or with the keys that it makes.
type Error string

func (e Error) Error() string { return string(e) }

func flaw(format string, values ...any) error { return Error(fmt.Sprintf(format, values...)) }

// What a pattern is if none is said.
const (
	DefaultOfJob         = "${Asset.Name}"
	DefaultOfEventAction = "${Revision.CreatedAt}/${Asset.Name}"
)

// KeyBytesMax is the length of a key at most, in bytes of UTF-8.
const KeyBytesMax = 1024

// patternBytesMax is far above what makes a key that is not too long.
const patternBytesMax = 64 << 10

// Revision is what references tell of the revision that is exported, and of its data set:
// of an entitled one, the entitled copies'.
type Revision struct {
	DataSetID   string
	DataSetName string
	ID          string
	CreatedAt   time.Time
}

// Asset is what they tell of an asset.
type Asset struct{ ID, Name string }

// reference is one of those that there are.
type reference struct {
	name  string
	value func(*Revision, *Asset) string
}

func created(layout string) func(*Revision, *Asset) string {
	return func(r *Revision, _ *Asset) string { return r.CreatedAt.UTC().Format(layout) }
}

const (
	assetID     = "Asset.Id"
	assetName   = "Asset.Name"
	dataSetName = "DataSet.Name"
)

var references = []reference{
	{assetID, func(_ *Revision, a *Asset) string { return a.ID }},
	{assetName, func(_ *Revision, a *Asset) string { return a.Name }},
	{"DataSet.Id", func(r *Revision, _ *Asset) string { return r.DataSetID }},
	{dataSetName, func(r *Revision, _ *Asset) string { return r.DataSetName }},
	{"Revision.Id", func(r *Revision, _ *Asset) string { return r.ID }},
	{"Revision.CreatedAt", created("2006-01-02T15:04:05.000Z")},
	{"Revision.CreatedAt.Year", created("2006")},
	{"Revision.CreatedAt.Month", created("01")},
	{"Revision.CreatedAt.Day", created("02")},
}

// Pattern is a pattern that was understood.
type Pattern struct{ parts []part }

// part is text, or a reference.
type part struct {
	text      string
	reference *reference // nil: text
}

// Parse understands a pattern. Errors: Error.
func Parse(text string) (Pattern, error) {
	switch {
	case !utf8.ValidString(text):
		return Pattern{}, flaw("The key pattern is not valid UTF-8.")
	case len(text) > patternBytesMax:
		return Pattern{}, flaw("The key pattern is longer than %d bytes.", patternBytesMax)
	}
	var p Pattern
	literal, unique := 0, false
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "${")
		if before != "" {
			p.parts = append(p.parts, part{text: before})
			literal += len(before)
		}
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed {
			return Pattern{}, flaw("The key pattern has a dynamic reference that does not end: ${%s", abridged(after))
		}
		i := slices.IndexFunc(references, func(r reference) bool { return r.name == name })
		if i < 0 {
			return Pattern{}, flaw("The key pattern has an unknown dynamic reference: ${%s}", abridged(name))
		}
		unique = unique || name == assetID || name == assetName
		p.parts = append(p.parts, part{reference: &references[i]})
		rest = behind
	}
	switch {
	case !unique:
		return Pattern{}, flaw("The key pattern must have at least one of ${%s} and ${%s}.", assetID, assetName)
	case literal >= KeyBytesMax: // an asset's id or name comes to it
		return Pattern{}, flaw("The key pattern makes keys that are longer than %d bytes.", KeyBytesMax)
	}
	return p, nil
}

// abridged keeps a message short.
func abridged(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "..."
}

// NamesDataSet tells whether keys have the name of the data set in them.
func (p Pattern) NamesDataSet() bool {
	return slices.ContainsFunc(p.parts, func(q part) bool { return q.reference != nil && q.reference.name == dataSetName })
}

// Key makes the key of an asset. Errors: Error.
func (p Pattern) Key(r *Revision, a *Asset) (string, error) {
	var key strings.Builder
	for _, q := range p.parts {
		text := q.text
		if q.reference != nil {
			text = q.reference.value(r, a)
		}
		if key.Len()+len(text) > KeyBytesMax {
			return "", flaw("The key of asset %s is longer than %d bytes.", a.ID, KeyBytesMax)
		}
		key.WriteString(text)
	}
	if key.Len() == 0 {
		return "", flaw("The key of asset %s is empty.", a.ID)
	}
	return key.String(), nil
}

// Check makes the keys of all assets of a revision, and refuses a key that can't be, or
// that two assets would have. It holds all keys meanwhile. Errors: Error.
func (p Pattern) Check(r *Revision, assets iter.Seq[Asset]) error {
	taken := map[string]string{} // who has a key
	for a := range assets {
		key, err := p.Key(r, &a)
		if err != nil {
			return err
		}
		if other, found := taken[key]; found {
			return flaw("The assets %s and %s have the same key: %s", other, a.ID, key)
		}
		taken[key] = a.ID
	}
	return nil
}
