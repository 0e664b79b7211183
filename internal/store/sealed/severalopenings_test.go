package sealed

import (
	"fmt"
	"testing"
	"time"

	"heddle/internal/store/memstore"
	"heddle/internal/store/storetest"
)

// TestSeveralOpenings: those who share a store each begin data keys of their own, some at the
// same time, and all read what the others wrote with them.
func TestSeveralOpenings(t *testing.T) {
	const openings, rounds = 3, 4
	root, below := newRoot(t), memstore.New(storetest.Shards)
	var all []*Store
	var writers []*writer
	for i := range openings {
		s := mustOpen(t, below.Share(func() time.Duration { return 0 }), root) // none has begun a key yet
		s.keys.sealsMax = 2                                                    // so that each round begins another one
		all = append(all, s)
		writers = append(writers, acquire(t, s, uint16(i)))
	}
	for round := range rounds {
		for i, w := range writers {
			w.put(fmt.Sprint(round), fmt.Appendf(nil, "%d of %d", round, i))
			w.put(fmt.Sprint(round, " again"), []byte("more"))
		}
		for reader, s := range all {
			for i := range writers {
				other := &writer{t: t, below: s, handle: writers[i].handle}
				if got := string(other.get(fmt.Sprint(round))); got != fmt.Sprintf("%d of %d", round, i) {
					t.Errorf("opening %d reads %q of opening %d", reader, got, i)
				}
			}
		}
	}
	if keys := *all[0].keys.keys.Load(); len(keys) < openings*rounds {
		t.Errorf("%d data keys were begun, fewer than the openings needed", len(keys))
	}
}
