package shard

import (
	"slices"
	"sync"
	"unsafe"

	"heddle/internal/engine"
)

// recentLenMax is how long a history may be, in bytes, to be kept in memory.
const recentLenMax = 8 << 10

// recent keeps the durable events of short histories whose state is cached, as the
// wire carries them, of kinds that show them to their workers: a poll comes soon after the
// events that it shows.
type recent struct {
	mu   sync.Mutex // the shard writes; callers of AppendEvents read
	runs map[engine.RunID]*recentEvents
}

type recentEvents struct {
	public [][]byte // from event 1 on
	len    int      // bytes of all
}

// add takes in events that have become durable, and tells how many bytes more are kept.
func (r *recent) add(run engine.RunID, events []engine.Event) (more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.runs[run]
	before := kept.bytes()
	if kept == nil && events[0].ID == 1 {
		kept = &recentEvents{public: make([][]byte, 0, 12)}
		if r.runs == nil {
			r.runs = map[engine.RunID]*recentEvents{}
		}
		r.runs[run] = kept
	}
	if kept == nil || int64(len(kept.public)) != events[0].ID-1 {
		return kept.bytes() - before
	}
	size := 0
	for i := range events {
		size += len(events[i].Public)
	}
	if kept.len += size; kept.len > recentLenMax {
		delete(r.runs, run)
		return -before
	}
	room := make([]byte, 0, size) // the events' own memory is larger, and would live on
	for i := range events {
		from := len(room)
		room = append(room, events[i].Public...)
		kept.public = append(kept.public, room[from:])
	}
	return kept.bytes() - before
}

// bytes is what is kept of a run.
func (r *recent) bytes(run engine.RunID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[run].bytes()
}

func (e *recentEvents) bytes() int {
	if e == nil {
		return 0
	}
	return e.len + cap(e.public)*int(unsafe.Sizeof(e.public[0])) + 64
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
	if kept == nil || last > int64(len(kept.public)) || first < 1 || first > last {
		return b, false
	}
	events := kept.public[first-1 : last]
	size := len(events)
	for _, e := range events {
		size += len(e)
	}
	b = slices.Grow(b, size)
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return b, true
}
