package flowcheck

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
)

// testdata/src/mistakes is the table of mistakes: a function and a message each.
func TestRules(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), Analyzer, "other", "helper", "mistakes", "fine", "twice")
}
