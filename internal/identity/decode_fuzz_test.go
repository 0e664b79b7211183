package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"heddle/internal/engine"
)

// FuzzDecode reads bytes as the state of an account and as an event. What can be
// read is written so that it reads the same.
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
		f.Add(s.rules.EncodeState(s.state))
		for _, e := range s.log {
			f.Add(e.Public)
		}
	}
	rules := NewRules(DefaultLimits())
	id := engine.Identity{Name: command(storyAccount, nil).Name}
	f.Fuzz(func(t *testing.T, b []byte) {
		state := func(b []byte) ([]byte, error) {
			s, err := rules.DecodeState(id, b)
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
				t.Fatalf("%x was written as %x and then as %x, %v", b, first, second, err)
			}
		}
	})
}
