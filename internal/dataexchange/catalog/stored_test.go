package catalog

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// told plays the stories, and visits each run that they had.
func told(t testing.TB, visit func(file, name string, run *enginetest.Run), posted func(body []byte)) {
	for file, text := range stories(t) {
		s := newStory(t)
		s.sent = posted
		golden.Lines(text, s.do)
		var names []engine.Name
		for name := range s.runs {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b engine.Name) int {
			return cmp.Or(strings.Compare(string(a.Kind)+a.Key, string(b.Kind)+b.Key), strings.Compare(a.World.Account, b.World.Account))
		})
		for _, name := range names {
			visit(filepath.Base(file), strings.TrimSpace(string(name.Kind)+" "+name.Key), s.runs[name])
		}
	}
}

// stories are all there are.
func stories(t testing.TB) iter.Seq2[string, string] {
	return func(yield func(file, text string) bool) {
		for _, pattern := range []string{"testdata/*.txt", "testdata/notifications/*.txt"} {
			for file, text := range golden.Files(t, pattern) {
				if !yield(file, text) {
					return
				}
			}
		}
	}
}

// TestStoredBytesStay compares every event, message and last state of all stories with the
// bytes that stores have of them. The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	var b strings.Builder
	marks, messages := map[string]bool{}, map[byte]bool{}
	told(t, func(file, name string, run *enginetest.Run) {
		fmt.Fprintf(&b, "%s %s\n", file, name)
		for _, e := range run.Log {
			fmt.Fprintf(&b, "  event %x\n", e.Public)
			marks[fmt.Sprintf("%s %d", strings.Fields(name)[0], e.Public[0])] = true
		}
		fmt.Fprintf(&b, "  state %x\n  listing %x\n", run.Rules.EncodeState(run.State), run.Rules.Record(run.State, 0).Listing)
	}, func(body []byte) {
		if !messages[body[0]] {
			fmt.Fprintf(&b, "message %x\n", body)
		}
		messages[body[0]] = true
	})
	if len(marks) != len(accountRules.Events)+len(dataSetRules.Events)+len(revisionRules.Events)+len(jobRules.Events)+len(grantRules.Events)+len(entitledRules.Events) {
		t.Errorf("the stories have %d events: %v", len(marks), marks)
	}
	if len(messages) != 23 {
		t.Errorf("the stories have %d messages: %v", len(messages), messages)
	}
	golden.Compare(t, "testdata/stored.hex", b.String())
}

// FuzzDecode reads bytes as a state, as an event and as a message of each kind. What can be
// read is written so that it reads the same.
func FuzzDecode(f *testing.F) {
	told(f, func(_, _ string, run *enginetest.Run) { run.AddSeeds(f) }, func(body []byte) { f.Add(body) })
	f.Fuzz(func(t *testing.T, b []byte) {
		settings := &Settings{Limits: DefaultLimits()}
		accounts, sets, revisions, jobs := NewAccounts(settings), NewDataSets(settings), NewRevisions(settings), NewJobs(settings)
		grants, entitled := NewGrants(), NewEntitlements()
		for _, rules := range []engine.Rules{accounts, sets, revisions, jobs, grants, entitled} {
			enginetest.StateReadsBack(t, rules, engine.Identity{}, b)
		}
		enginetest.EventReadsBack(t, accounts, 1, b, func(e engine.Event) []byte { return accounts.Pack(e.Body.(collection.Event[*accountState])) })
		enginetest.EventReadsBack(t, sets, 1, b, func(e engine.Event) []byte { return sets.Pack(e.Body.(collection.Event[*dataSetState])) })
		enginetest.EventReadsBack(t, revisions, 1, b, func(e engine.Event) []byte { return revisions.Pack(e.Body.(collection.Event[*revisionState])) })
		enginetest.EventReadsBack(t, jobs, 1, b, func(e engine.Event) []byte { return jobs.Pack(e.Body.(collection.Event[*jobState])) })
		enginetest.EventReadsBack(t, grants, 1, b, func(e engine.Event) []byte { return grants.Pack(e.Body.(collection.Event[*grantState])) })
		enginetest.EventReadsBack(t, entitled, 1, b, func(e engine.Event) []byte { return entitled.Pack(e.Body.(collection.Event[*entitledState])) })
		_, _ = posted{}.DecodeMessage(b)
	})
}

// TestStatesTellWhatTheyWeigh compares what rules say with what states take.
func TestStatesTellWhatTheyWeigh(t *testing.T) {
	told(t, func(_, name string, run *enginetest.Run) {
		enginetest.Weighed(t, run.Rules, engine.Identity{}, run.State)
	}, nil)
}

// TestOlderBytesAreRead reads a finalized revision as it was stored before it knew since when
// it is one: no grant shows it before it is finalized again.
func TestOlderBytesAreRead(t *testing.T) {
	const state = "01d00f06010163203030303030303030303030303030303030303030303030303030303030303431d00fda0f01000001000120623435343036386265363264336631323733373739393537643435633531646201785800000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000da0fda0f0000"
	const listed = "01010163203030303030303030303030303030303030303030303030303030303030303431d00fda0f010000"
	rules := NewRevisions(&Settings{Limits: DefaultLimits()})
	b, err := hex.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	s, err := rules.DecodeState(engine.Identity{}, b)
	if err != nil {
		t.Fatal(err)
	}
	r := rules.Record(s, 0)
	if got := hex.EncodeToString(r.Listing); got != listed || len(rules.Entries(engine.Identity{}, &r)) != 1 {
		t.Errorf("its record has %s, %+v", got, rules.Entries(engine.Identity{}, &r))
	}
	if got := hex.EncodeToString(rules.EncodeState(s)); got != state {
		t.Errorf("it is written as %s", got)
	}
}
