package cluster

import (
	"sync"

	"heddle/internal/engine"
)

// historiesMax is how many bytes of histories are kept that came with answers, and nobody has shown yet.
const historiesMax = 4 << 20

// histories are short ones that came with the answer that started their task. Each is shown once, at once: so a
// poll reads nothing from the store.
type histories struct {
	mu    sync.Mutex // guards the fields below
	runs  map[engine.RunID]history
	bytes int
}

type history struct {
	last   int64
	events []byte
}

// keep keeps what came with an answer, of a run.
func (h *histories) keep(run engine.RunID, r *Reply) {
	shows, ok := r.Value.(engine.Showing)
	if !ok || len(r.History) == 0 || r.Err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs == nil || h.bytes+len(r.History) > historiesMax { // those that nobody came for: a poller had gone
		h.runs, h.bytes = map[engine.RunID]history{}, 0
	}
	h.bytes += len(r.History) - len(h.runs[run].events)
	h.runs[run] = history{shows.ShowsUpTo(), r.History}
}

// History gives the events of a run from the first up to one, as the wire carries them, if they came with the
// answer to the last command; it gives them once. Nil: read them from the store.
func (c *Cluster) History(run engine.RunID, last int64) []byte {
	h := &c.shown
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, there := h.runs[run]
	if !there {
		return nil
	}
	delete(h.runs, run)
	h.bytes -= len(kept.events)
	if kept.last != last {
		return nil
	}
	return kept.events
}
