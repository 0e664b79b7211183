package registry

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
)

// long is a text of so many characters of four bytes that ends with a number.
func long(characters, n int) string {
	return strings.Repeat("\U00020000", characters-5) + fmt.Sprintf("%05d", n)
}

// full is a run that is filled as far as it goes.
type full struct {
	t     testing.TB
	rules engine.Rules
	state engine.State
	sizes enginetest.Sizes
}

func newFull(t testing.TB, rules engine.Rules, kind engine.Kind) *full {
	return &full{t: t, rules: rules, state: rules.New(engine.Identity{Name: engine.Name{World: world, Kind: kind, Key: long(80, 0)}})}
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

// end holds that the state is stored in no more bytes than it may be.
func (f *full) end(most int) {
	f.t.Helper()
	f.sizes.AddState(f.rules, f.state)
	f.t.Logf("largest turn %d, record %d, state %d bytes", f.sizes.Turn, f.sizes.Record, f.sizes.State)
	if f.sizes.State > most {
		f.t.Errorf("a state of %d bytes, want at most %d", f.sizes.State, most)
	}
}

func fullTags() (tags []collection.Tag) {
	for n := range TagsMax {
		tags = append(tags, collection.Tag{Key: long(collection.TagKeyMax, n), Value: long(collection.TagValueMax, n)})
	}
	return tags
}

func TestFullActivity(t *testing.T) {
	f := newFull(t, NewActivities(), KindActivity)
	f.do(CreateActivity{Encryption: Encryption{Key: long(2048, 0), ReuseSeconds: 900}, Tags: fullTags()})
	if n := f.do(Tag{[]collection.Tag{{Key: fullTags()[0].Key, Value: "x"}}}); n > 2048 {
		t.Errorf("one tag's event takes %d bytes", n)
	}
	f.end(1 << 17)
}

// TestFullMachine makes a machine with the most versions and aliases, each with the longest
// of everything.
func TestFullMachine(t *testing.T) {
	l := DefaultLimits()
	f := newFull(t, NewMachines(l), KindMachine)
	revision := func(n int) Revision {
		return Revision{
			Definition: Definition{ID: blob.ID{byte(n), byte(n >> 8)}, Bytes: 1 << 20, Digest: [32]byte{byte(n), byte(n >> 8)}, DataKey: long(300, n)},
			Role:       long(256, n), Encryption: Encryption{Key: long(2048, 0), ReuseSeconds: 900},
			Logging: Logging{Level: "ERROR", Data: true, Destinations: []string{long(256, n)}, Listed: true}, Tracing: true,
		}
	}
	f.do(CreateMachine{Revision: revision(0), Tags: fullTags(), Publish: true, Description: long(256, 0)})
	for n := 1; n < l.VersionsMax; n++ {
		r := revision(n)
		f.do(UpdateMachine{ID: fmt.Sprintf("%036d", n), Definition: &r.Definition, Sealed: r.Encryption, Role: &r.Role, Publish: true, Description: long(256, n)})
	}
	for n := range l.AliasesMax {
		f.do(CreateAlias{Name: fmt.Sprintf("A%079d", n), Description: long(256, n), Routes: []Route{{int64(n + 1), 50}, {int64(n + 2), 50}}})
	}
	r := revision(l.VersionsMax)
	f.do(UpdateMachine{ID: fmt.Sprintf("%036d", l.VersionsMax), Role: &r.Role})
	for _, body := range []any{PublishVersion{}, CreateAlias{Name: "more", Routes: []Route{{1, 100}}}} {
		if _, err := f.handle(body); !errors.As(err, new(*LimitError)) {
			t.Errorf("%T beyond the quota: %v", body, err)
		}
	}
	if n := f.do(DeleteVersion{int64(l.VersionsMax)}); n > 16 {
		t.Errorf("deleting a version takes %d bytes", n)
	}
	f.end(16 << 20)
}

// TestFullNames fills a list of names.
func TestFullNames(t *testing.T) {
	f := newFull(t, NewNames(), KindNames)
	for n := range DefaultLimits().MachinesMax {
		f.do(Enter{Entry{Name: long(80, n), Run: engine.RunID{byte(n), byte(n >> 8)}, Created: 1_700_000_000_000}})
	}
	turn, err := f.rules.Handle(f.state, ListNames{After: long(80, 4999), Limit: 2}, engine.Input{})
	if page := turn.Reply.(NamePage); err != nil || len(page.Entries) != 2 || page.Entries[0].Name != long(80, 5000) || !page.More {
		t.Errorf("got %+v, error %v", page, err)
	}
	f.end(4 << 20)
}

// BenchmarkEnter is what one more name costs a list of so many.
func BenchmarkEnter(b *testing.B) {
	f := newFull(b, NewNames(), KindNames)
	for n := range DefaultLimits().MachinesMax {
		f.do(Enter{Entry{Name: long(80, n), Run: engine.RunID{byte(n), byte(n >> 8)}}})
	}
	e := Entry{Name: "another"}
	for b.Loop() {
		f.do(Enter{e})
		f.do(Strike{e.Name, e.Run})
		f.rules.(engine.WeighedRules).Weigh(f.state)
	}
}
