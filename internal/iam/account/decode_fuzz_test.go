package account

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// FuzzDecode reads bytes as the state of an account and as an event. What can be
// read is written so that it reads the same.
func FuzzDecode(f *testing.F) {
	for _, text := range golden.Files(f, "testdata/*.txt") {
		s := newStory(f)
		golden.Lines(text, s.do)
		s.AddSeeds(f)
	}
	rules := NewRules(DefaultLimits())
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, rules, storyID, b)
		enginetest.EventReadsBack(t, rules, 1, b, func(e engine.Event) []byte { return rules.Pack(e.Body.(eventBody)) })
	})
}
