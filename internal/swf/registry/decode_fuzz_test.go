package registry

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"heddle/internal/engine"
)

// FuzzDecode reads bytes as a state and as an event of both kinds of registry.
// What can be read is written so that it reads the same.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		s := newStory(f)
		s.tell(string(script))
		ledgers := []*ledger{s.domains}
		for _, l := range s.types {
			ledgers = append(ledgers, l)
		}
		for _, l := range ledgers {
			f.Add(l.rules.EncodeState(l.state))
			for _, e := range l.log {
				f.Add(e.Public)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, rules := range []engine.Rules{NewDomains(DefaultLimits()), NewTypes(DefaultLimits())} {
			state := func(b []byte) ([]byte, error) {
				s, err := rules.DecodeState(engine.Identity{}, b)
				if err != nil {
					return nil, err
				}
				return rules.EncodeState(s), nil
			}
			event := func(b []byte) ([]byte, error) {
				e, err := rules.DecodeEvent(1, 5, b, nil)
				if err != nil {
					return nil, err
				}
				return e.Body.(eventBody).pack(), nil
			}
			for _, take := range []func([]byte) ([]byte, error){state, event} {
				first, err := take(b)
				if err != nil {
					continue
				}
				if second, err := take(first); err != nil || !bytes.Equal(first, second) {
					t.Fatalf("%T: %x was written as %x and then as %x, %v", rules, b, first, second, err)
				}
			}
		}
	})
}
