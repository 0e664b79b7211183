package live

import (
	"context"
	"slices"

	"heddle/internal/engine"
)

// Watch is somebody who waits for something to happen to a run.
type Watch struct {
	hub   *Hub
	run   engine.RunID
	moved chan struct{} // of one: something has happened
}

// Watch has a run watched from now on, until End.
func (h *Hub) Watch(run engine.RunID) *Watch {
	w := &Watch{hub: h, run: run, moved: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches.Add(1)
	h.watched[run] = append(h.watched[run], w)
	if h.closed {
		w.tell()
	}
	return w
}

// End ends it.
func (w *Watch) End() {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches.Add(-1)
	h.watched[w.run] = slices.DeleteFunc(h.watched[w.run], func(other *Watch) bool { return other == w })
	if len(h.watched[w.run]) == 0 {
		delete(h.watched, w.run)
	}
}

// Wait waits until something may have become durable of the run since the Watch began or Wait
// returned last, until the Hub is closed, or the context ends.
func (w *Watch) Wait(ctx context.Context) {
	select {
	case <-w.moved:
	case <-ctx.Done():
	}
}

func (w *Watch) tell() {
	select {
	case w.moved <- struct{}{}:
	default: // it is to wake already
	}
}

// moved wakes who watches a run.
func (h *Hub) moved(run engine.RunID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watched[run] {
		w.tell()
	}
}

// allMoved wakes all who watch.
func (h *Hub) allMoved() {
	if h.watches.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range h.watched {
		for _, w := range all {
			w.tell()
		}
	}
}
