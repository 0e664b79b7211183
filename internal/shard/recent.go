package shard

import (
	"sync"

	"heddle/internal/engine"
)

// recentLenMax is how long a history may be, in bytes, to be kept in memory.
const recentLenMax = 8 << 10

// recent keeps the durable events of short histories whose state is cached, as the
// wire carries them: a decider's poll comes soon after the events that it shows.
type recent struct {
	mu   sync.Mutex // the shard writes; callers of AppendEvents read
	runs map[engine.RunID]*recentEvents
}

type recentEvents struct {
	public []byte // from event 1 on, with commas between
	ends   []int  // where each event ends
}

// add takes in events that have become durable.
func (r *recent) add(run engine.RunID, events []engine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.runs[run]
	if kept == nil && events[0].ID == 1 {
		kept = &recentEvents{}
		if r.runs == nil {
			r.runs = map[engine.RunID]*recentEvents{}
		}
		r.runs[run] = kept
	}
	if kept == nil || int64(len(kept.ends)) != events[0].ID-1 {
		return
	}
	for i := range events {
		if len(kept.public) > 0 {
			kept.public = append(kept.public, ',')
		}
		kept.public = append(kept.public, events[i].Public...)
		kept.ends = append(kept.ends, len(kept.public))
	}
	if len(kept.public) > recentLenMax {
		delete(r.runs, run)
	}
}

func (r *recent) drop(run engine.RunID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, run)
}

func (r *recent) dropAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = nil
}

// append appends the events first..last to b, if all of them are kept.
func (r *recent) append(b []byte, run engine.RunID, first, last int64) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.runs[run]
	if kept == nil || last > int64(len(kept.ends)) || first < 1 || first > last {
		return b, false
	}
	start := 0
	if first > 1 {
		start = kept.ends[first-2] + 1 // after the comma
	}
	return append(b, kept.public[start:kept.ends[last-1]]...), true
}
