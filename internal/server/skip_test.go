package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestTimeSkipNeedsItsOwnStore tries all pairs of lives: time skipping is refused on a store
// that was made without it, before anything there has moved, and on no other.
func TestTimeSkipNeedsItsOwnStore(t *testing.T) {
	modes := []string{SkipOff, SkipTimers, SkipAll}
	for _, sealing := range []string{SealingOn, SealingOff} {
		for _, made := range modes {
			data := t.TempDir()
			for life, mode := range append([]string{made}, modes...) {
				name := fmt.Sprintf("sealing %s: made with %s, start %d with %s", sealing, made, life, mode)
				s, err := Start(t.Context(), Config{
					Listen: "127.0.0.1:0", Data: data, Auth: AuthNone, Sealing: sealing, TimeSkip: mode,
				})
				if refused := made == SkipOff && mode != SkipOff; !refused {
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if err := s.Close(t.Context()); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				} else if err == nil || !strings.Contains(err.Error(), "was made without it") {
					t.Fatalf("%s: %v, want a refusal", name, err)
				}
			}
		}
	}
}
