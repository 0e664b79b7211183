package registry

import (
	"fmt"
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
func told(t testing.TB, visit func(file string, run *enginetest.Run)) {
	for file, text := range golden.Files(t, "testdata/*.txt") {
		s := newStory(t)
		golden.Lines(text, s.do)
		runs := slices.Clone(s.ended)
		for _, run := range s.runs {
			runs = append(runs, run)
		}
		slices.SortFunc(runs, func(a, b *enginetest.Run) int { return strings.Compare(nameOf(a), nameOf(b)) })
		for _, run := range runs {
			visit(filepath.Base(file), run)
		}
	}
}

// nameOf is a run's name, and the number that it was given.
func nameOf(run *enginetest.Run) string {
	var id engine.Identity
	switch s := run.State.(type) {
	case *activityState:
		id = s.id
	case *machineState:
		id = s.id
	case *nameList:
		return "names"
	}
	return fmt.Sprintf("%s %s %d", id.Name.Kind, id.Name.Key, id.Run[15])
}

// TestStoredBytesStay compares every event and the last states of all stories with the
// bytes that stores have of them. The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	var b strings.Builder
	marks := map[string]bool{}
	told(t, func(file string, run *enginetest.Run) {
		name := nameOf(run)
		fmt.Fprintf(&b, "%s %s\n", file, name)
		for _, e := range run.Log {
			fmt.Fprintf(&b, "  event %x\n", e.Public)
			marks[fmt.Sprintf("%s %d", strings.Fields(name)[0], e.Public[0])] = true
		}
		fmt.Fprintf(&b, "  state %x\n", run.Rules.EncodeState(run.State))
	})
	if len(marks) != 3+11+2 {
		t.Errorf("the stories have %d events: %v", len(marks), marks)
	}
	for _, m := range []engine.Message{
		entering(world, KindMachine, Entry{Name: "m", Run: engine.RunID{1, 2}, Created: 1_700_000_000_000, Express: true}),
		striking(engine.Identity{Name: engine.Name{World: world, Kind: KindMachine, Key: "m"}, Run: engine.RunID{1, 2}}),
	} {
		fmt.Fprintf(&b, "message %x\n", m.Body)
	}
	golden.Compare(t, "testdata/stored.hex", b.String())
}

// FuzzDecode reads bytes as a state, as an event and as a message of each kind. What can
// be read is written so that it reads the same.
func FuzzDecode(f *testing.F) {
	told(f, func(_ string, run *enginetest.Run) { run.AddSeeds(f) })
	f.Add(entering(world, KindMachine, Entry{Name: "m"}).Body)
	f.Fuzz(func(t *testing.T, b []byte) {
		activities, machines, names := NewActivities(), NewMachines(DefaultLimits()), NewNames()
		for _, rules := range []engine.Rules{activities, machines, names} {
			enginetest.StateReadsBack(t, rules, engine.Identity{}, b)
		}
		enginetest.EventReadsBack(t, activities, 1, b, func(e engine.Event) []byte { return activities.Pack(e.Body.(collection.Event[*activityState])) })
		enginetest.EventReadsBack(t, machines, 1, b, func(e engine.Event) []byte { return machines.Pack(e.Body.(collection.Event[*machineState])) })
		enginetest.EventReadsBack(t, names, 1, b, func(e engine.Event) []byte { return names.Pack(e.Body.(collection.Event[*nameList])) })
		_, _ = names.DecodeMessage(b)
	})
}
