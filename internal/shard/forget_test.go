package shard

import (
	"context"
	"fmt"
	"testing"

	"heddle/internal/engine"
)

// TestOnlyWhatIsDueIsForgotten closes more executions than one batch forgets, some
// to be kept for longer: when the time of the first has come the others stay, also
// if the server was down meanwhile.
func TestOnlyWhatIsDueIsForgotten(t *testing.T) {
	for _, down := range []bool{false, true} {
		h := newHouse(t, 1)
		kept := map[engine.RunID]engine.Time{}
		for i := range 3 * (batchForgetMax + 10) {
			key := fmt.Sprint(i)
			forget := h.now + 1000*engine.Time(1+i%3)
			h.must(key, toyAdd{})
			kept[h.read(key).ID.Run] = forget
			h.must(key, toyClose{Forget: forget})
		}
		for _, pass := range []engine.Time{999, 1, 500, 500, 1000} {
			h.now += pass
			if down {
				h.kill()
			}
			h.settle()
			for run, forget := range kept {
				view, err := h.Stored(context.Background(), run)
				if err != nil {
					t.Fatal(err)
				}
				if gone := view == nil; gone != (forget <= h.now) {
					t.Fatalf("at %d, down %v: a run that is kept until %d is gone: %v", h.now, down, forget, gone)
				}
			}
			h.check()
		}
	}
}
