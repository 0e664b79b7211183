package registry

import (
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
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
		domains, types := NewDomains(DefaultLimits()), NewTypes(DefaultLimits())
		enginetest.StateReadsBack(t, domains, engine.Identity{}, b)
		enginetest.StateReadsBack(t, types, engine.Identity{}, b)
		enginetest.EventReadsBack(t, domains, 1, b, func(e engine.Event) []byte { return domains.Pack(e.Body.(collection.Event[*domainList])) })
		enginetest.EventReadsBack(t, types, 1, b, func(e engine.Event) []byte { return types.Pack(e.Body.(collection.Event[*typeList])) })
	})
}
