package flowcheck

import (
	"regexp"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
)

// testdata/src/mistakes is the table of mistakes: a function and a message each.
func TestRules(t *testing.T) {
	said := 0
	for _, r := range analysistest.Run(t, analysistest.TestData(), Analyzer, "other", "helper", "mistakes", "fine", "twice") {
		for _, d := range r.Diagnostics {
			if said++; !remedy.MatchString(d.Message) || !d.Pos.IsValid() {
				t.Errorf("%s: it lacks a place or a remedy: %s", r.Pass.Fset.Position(d.Pos), d.Message)
			}
		}
	}
	if said < 80 {
		t.Errorf("%d mistakes were found, want 80", said)
	}
}

// remedy is what each message ends with.
var remedy = regexp.MustCompile(`[;:] (use|do|give|keep|range|sort|put|call|read|take|ask|wait)\b`)
