package shard

import (
	"heddle/internal/engine"
	"heddle/internal/store"
)

// Batch is what Ready evaluated: a section to commit, and what Done lets out.
type Batch struct {
	Section store.Section
	now     engine.Time
	calls   []*call // all that were evaluated
	touched []*run
	closed  map[engine.RunID]*run // closed in this batch
	room    []byte                // keys and values of the section
	events  []runEvents
	offers  []offerChange
	sent    []uint16 // shards that have new messages
	marks   map[uint16]uint64
	bytes   int
}

type runEvents struct {
	run    engine.RunID
	events []engine.Event
}

type offerChange struct {
	run   engine.RunID
	offer engine.Offer
	made  bool
}

func (b *Batch) reset() {
	clear(b.calls)
	clear(b.touched)
	clear(b.closed)
	clear(b.marks)
	clear(b.events)
	clear(b.Section.Ops)
	*b = Batch{
		Section: store.Section{Ops: b.Section.Ops[:0]},
		calls:   b.calls[:0], touched: b.touched[:0], closed: b.closed, room: b.room[:0],
		events: b.events[:0], offers: b.offers[:0], sent: b.sent[:0], marks: b.marks,
	}
	if cap(b.room) > 1<<20 {
		b.room = nil
	}
}

// full tells whether the batch should take no further turn. A turn is bounded, so
// a batch that was not full before it stays below the store's limits.
func (b *Batch) full() bool {
	return b.bytes > batchBytesMax || len(b.Section.Ops) > batchOpsMax
}

// put adds a mutation. Keys and values are mostly parts of the batch's room, so
// that a batch is a few allocations, not thousands.
func (b *Batch) put(space store.Space, key, value []byte) {
	b.bytes += len(key) + len(value)
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Put, Space: space, Key: key, Value: value})
}

func (b *Batch) delete(space store.Space, key []byte) {
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Delete, Space: space, Key: key})
}

// cut gives what was appended to room since it had the length from.
func (b *Batch) cut(room []byte, from int) []byte {
	b.room = room
	return room[from:len(room):len(room)]
}

// Empty tells whether the batch has nothing to commit.
func (b *Batch) Empty() bool { return len(b.Section.Ops) == 0 }
