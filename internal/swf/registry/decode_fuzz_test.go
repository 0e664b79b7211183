package registry

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/golden"
)

// FuzzDecode reads bytes as a state and as an event of both kinds of registry.
// What can be read is written so that it reads the same.
func FuzzDecode(f *testing.F) {
	for _, text := range golden.Files(f, "testdata/*.txt") {
		s := newStory(f)
		golden.Lines(text, s.do)
		s.domains.AddSeeds(f)
		for _, types := range s.types {
			types.AddSeeds(f)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, rules := range []engine.Rules{NewDomains(DefaultLimits()), NewTypes(DefaultLimits())} {
			enginetest.StateReadsBack(t, rules, engine.Identity{}, b)
			enginetest.EventReadsBack(t, rules, 1, b, func(e engine.Event) []byte { return e.Body.(eventBody).pack() })
		}
	})
}
