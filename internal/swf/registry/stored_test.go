package registry

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// TestStoredBytesStay compares every event and the last states of all stories with the
// bytes that stores have of them. The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	var told strings.Builder
	marks := map[string]bool{}
	for file, text := range golden.Files(t, "testdata/*.txt") {
		s := newStory(t)
		golden.Lines(text, s.do)
		tell := func(list string, run *enginetest.Run) {
			fmt.Fprintf(&told, "%s %s\n", filepath.Base(file), list)
			for _, e := range run.Log {
				fmt.Fprintf(&told, "  event %x\n", e.Public)
				marks[fmt.Sprintf("%s %d", strings.Fields(list)[0], e.Public[0])] = true
			}
			fmt.Fprintf(&told, "  state %x\n", run.Rules.EncodeState(run.State))
		}
		tell("domains", s.domains.Run)
		for _, name := range slices.Sorted(maps.Keys(s.types)) {
			tell("types of "+name, s.types[name].Run)
		}
	}
	if len(marks) != 8 {
		t.Errorf("the stories have events %v, want four of each list", slices.Sorted(maps.Keys(marks)))
	}
	golden.Compare(t, "testdata/stored.hex", told.String())
}
