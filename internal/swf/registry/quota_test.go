package registry

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/internal/pack"
)

// long is a text of so many characters of four bytes that ends with a number.
func long(characters, n int) string {
	return strings.Repeat("\U00020000", characters-5) + fmt.Sprintf("%05d", n)
}

// full is a registry that is filled as far as it goes.
type full struct {
	t     testing.TB
	rules engine.Rules
	state engine.State
	sizes enginetest.Sizes
}

func newFull(t testing.TB, rules engine.Rules) *full {
	return &full{t: t, rules: rules, state: rules.New(engine.Identity{})}
}

func (f *full) handle(body any) (events int, err error) {
	f.t.Helper()
	turn, err := f.rules.Handle(f.state, body, engine.Input{Now: 1_700_000_000_000})
	f.sizes.Add(f.t, &turn)
	for _, e := range turn.Events {
		events += len(e.Public)
	}
	return events, err
}

// do gives a command that must be taken, and tells how many bytes of events it made.
func (f *full) do(body any) int {
	f.t.Helper()
	n, err := f.handle(body)
	if err != nil {
		f.t.Fatalf("%T: %v", body, err)
	}
	return n
}

func (f *full) end() {
	f.t.Helper()
	f.sizes.AddState(f.rules, f.state)
	f.t.Logf("largest turn %d, record %d, state %d bytes", f.sizes.Turn, f.sizes.Record, f.sizes.State)
}

// TestQuotasOfDomains fills a world with domains, each with the longest of everything.
func TestQuotasOfDomains(t *testing.T) {
	l := DefaultLimits()
	f := newFull(t, NewDomains(l))
	var tags []Tag
	for n := range l.TagsPerDomainMax {
		tags = append(tags, Tag{Key: long(collection.TagKeyMax, n), Value: long(collection.TagValueMax, n)})
	}
	for n := range l.DomainsMax {
		f.do(RegisterDomain{Name: long(256, n), Description: long(1024, 0), Retention: "90", Tags: tags})
	}
	if _, err := f.handle(RegisterDomain{Name: "more", Retention: "90"}); !isLimit(err) {
		t.Errorf("a domain beyond the quota: %v", err)
	}
	name := long(256, 1)
	if _, err := f.handle(TagDomain{name, []Tag{{Key: "more", Value: ""}}}); !isTooMany(err) {
		t.Errorf("a tag beyond the quota: %v", err)
	}
	one := f.do(TagDomain{name, []Tag{{Key: tags[0].Key, Value: "x"}}})
	none := f.do(TagDomain{name, []Tag{{Key: tags[0].Key, Value: "x"}}})
	short := f.do(TagDomain{name, []Tag{{Key: tags[0].Key, Value: tags[0].Value}}})
	if one > 2048 || none != 0 {
		t.Errorf("one tag's event takes %d bytes, that of a tag which was there %d", one, none)
	}
	c := pack.Writing(nil)
	collection.CodeTags(c, &tags)
	whole := len(c.Written())
	t.Logf("one tag changes by %d bytes, to the longest value by %d; all tags take %d", one, short, whole)
	t.Logf("deprecating a domain takes %d bytes", f.do(DeprecateDomain{name}))
	f.end()
}

// TestQuotasOfTypes fills a domain with types, each with the longest of everything.
func TestQuotasOfTypes(t *testing.T) {
	l := DefaultLimits()
	if testing.Short() {
		l.TypesPerDomainMax = 1000
	}
	f := newFull(t, NewTypes(l))
	name, description := long(256, 0), long(1024, 0)
	defaults := Defaults{
		ExecutionStartToCloseTimeout: "31536000", ChildPolicy: "REQUEST_CANCEL", LambdaRole: long(1600, 0),
		TaskStartToCloseTimeout: "31536000", TaskList: long(256, 0), TaskPriority: "-2147483648",
	}
	id := func(n int) TypeID { return TypeID{WorkflowType, name, long(64, n)} }
	for n := range l.TypesPerDomainMax {
		f.do(RegisterType{ID: id(n), Description: description, Defaults: defaults})
	}
	if _, err := f.handle(RegisterType{ID: id(l.TypesPerDomainMax)}); !isLimit(err) {
		t.Errorf("a type beyond the quota: %v", err)
	}
	n := f.do(DeprecateType{ID: id(1)})
	if n > 2048 {
		t.Errorf("deprecating a type takes %d bytes", n)
	}
	t.Logf("deprecating a type takes %d bytes, undeprecating it %d", n, f.do(UndeprecateType{ID: id(1)}))
	f.end()
}

func isLimit(err error) bool {
	_, ok := errors.AsType[*LimitError](err)
	return ok
}
