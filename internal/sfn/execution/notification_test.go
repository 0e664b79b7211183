package execution

import (
	"encoding/json"
	"slices"
	"testing"

	"heddle/internal/engine"
)

// TestEachStatusIsTold: of machines made at random, the statuses that are told are those of
// their histories, and each is told once, under an id of its own.
func TestEachStatusIsTold(t *testing.T) {
	statuses := map[Type]string{
		ExecutionStarted: Running, ExecutionRedriven: Running, ExecutionSucceeded: Succeeded, ExecutionFailed: Failed, ExecutionTimedOut: TimedOut, ExecutionAborted: Aborted,
	}
	for seed := range int64(30) {
		r := newRandomLife(t, seed, seed%2 == 0)
		r.notify = engine.NotifyPublic
		r.live()
		ids := map[string]bool{}
		for _, run := range r.order {
			var got, want []string
			for _, e := range run.events {
				if status := statuses[e.Body.(*Body).Type]; status != "" {
					want = append(want, status)
				}
			}
			for _, n := range run.notifications {
				var told struct {
					ID     string
					Detail struct{ Name, Status string }
				}
				if err := json.Unmarshal(n.Body, &told); err != nil {
					t.Fatal(err)
				}
				if ids[told.ID] || told.Detail.Name != run.state.(*State).name {
					t.Errorf("of %q is told %s", run.id.Name.Key, n.Body)
				}
				ids[told.ID] = true
				got = append(got, told.Detail.Status)
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: of %q is told %v, and its history says %v", seed, run.id.Name.Key, got, want)
			}
		}
	}
}
