// Package live tells those who listen what happens to executions, as it becomes durable: a
// Hub keeps the last events in memory while somebody listens, and each listener reads on
// from a place of his own. Nobody waits for a listener. One who is too slow, or was away for
// too long, loses his place and is told so: he hears of a gap, and no events twice.
//
// A Watch hears only that something has happened to one run, of whatever kind, and nothing is
// kept for it: so pages wait for what they show.
//
// While nobody listens or watches a turn costs two atomic loads.
package live

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"heddle/internal/engine"
)

// Bounds of what is kept.
const (
	eventsMax = 10_000
	bytesMax  = 16 << 20
	// awayMax is how long a listener may be away between two reads.
	awayMax = engine.Time(60 * 1000)
)

// Event is an event of a run.
type Event struct {
	engine.Identity
	Listing []byte // of the run's record
	ID      int64
	Public  []byte // as the wire carries it
}

// size is what it takes in memory, about.
func (e *Event) size() int { return len(e.Public) + len(e.Listing) + len(e.Name.Key) + 200 }

// Place is where a listener is: what he hears next. It is of one span of time in which the
// Hub has kept all; its zero value is no place.
type Place struct{ Span, Next uint64 }

// Hub keeps events. Its functions may be called by several goroutines.
type Hub struct {
	kinds []engine.Kind
	clock func() engine.Time

	listens atomic.Bool  // somebody does, or did so lately
	watches atomic.Int64 // how many there are

	mu sync.Mutex // guards what follows
	// span begins with the time, so that places of a process before count for nothing.
	span    uint64
	kept    []Event       // the last ones
	first   uint64        // number of the first of them
	bytes   int           // of them
	until   engine.Time   // when the last listener has been away for too long
	waiting int           // listeners that wait
	came    chan struct{} // closed when something has come; nil: nobody waits
	closed  bool
	watched map[engine.RunID][]*Watch
}

// New makes a Hub of the runs of some kinds.
func New(clock func() engine.Time, kinds ...engine.Kind) *Hub {
	return &Hub{kinds: kinds, clock: clock, span: uint64(clock()), watched: map[engine.RunID][]*Watch{}}
}

// TurnDone takes in what became durable, as engine.Listener has it.
func (h *Hub) TurnDone(t *engine.TurnDone) {
	if len(t.Events) > 0 && h.watches.Load() > 0 {
		h.moved(t.Run)
	}
	if !h.listens.Load() || len(t.Events) == 0 || !slices.Contains(h.kinds, t.Name.Kind) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == 0 && h.clock() > h.until {
		h.forget()
		h.listens.Store(false)
		return
	}
	listing := bytes.Clone(t.After.Listing)
	for i := range t.Events {
		e := Event{Identity: t.Identity, Listing: listing, ID: t.Events[i].ID, Public: bytes.Clone(t.Events[i].Public)}
		h.kept = append(h.kept, e)
		h.bytes += e.size()
	}
	for len(h.kept) > eventsMax || h.bytes > bytesMax && len(h.kept) > 1 {
		h.bytes -= h.kept[0].size()
		h.kept[0] = Event{}
		h.kept, h.first = h.kept[1:], h.first+1
	}
	h.wake()
}

// Gap says that something may have become durable of which the Hub has not heard.
func (h *Hub) Gap() {
	h.allMoved()
	if !h.listens.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	h.wake()
}

// forget begins another span. The caller has the lock.
func (h *Hub) forget() {
	h.span++
	h.kept, h.first, h.bytes = nil, 0, 0
}

// wake wakes those that wait. The caller has the lock.
func (h *Hub) wake() {
	if h.came != nil {
		close(h.came)
		h.came = nil
	}
}

// Close answers all who wait; nobody waits any more.
func (h *Hub) Close() {
	defer h.allMoved()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// Now is the place of what comes from now on. The Hub keeps it for a minute.
func (h *Hub) Now() Place {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listen()
	return h.end()
}

func (h *Hub) end() Place { return Place{h.span, h.first + uint64(len(h.kept))} }

// listen has the Hub keep what comes. The caller has the lock.
func (h *Hub) listen() {
	h.until = h.clock() + awayMax
	h.listens.Store(true)
}

// Read gives events from a place on that are wanted, as many and of as many bytes at most, but
// one at least; it waits for the first until the context ends. Next is where to read on. With
// missed the place was lost: there may have been others before these. Want is called under a
// lock, so it must be quick; the events are shared and must not be changed.
func (h *Hub) Read(ctx context.Context, from Place, most, bytesMax int, want func(*Event) bool) (events []Event, next Place, missed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.listen() // from when he has his answer on
	next = from
	for {
		h.listen()
		if next.Span != h.span || next.Next < h.first {
			missed = true
			next = Place{h.span, h.first}
		}
		read := 0
		for next != h.end() && len(events) < most && read < bytesMax {
			if e := &h.kept[next.Next-h.first]; want(e) {
				events = append(events, *e)
				read += e.size()
			}
			next.Next++
		}
		if len(events) > 0 || missed || h.closed || ctx.Err() != nil {
			return events, next, missed
		}
		if h.came == nil {
			h.came = make(chan struct{})
		}
		came := h.came
		h.waiting++
		h.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-came:
		}
		h.mu.Lock()
		h.waiting--
	}
}
