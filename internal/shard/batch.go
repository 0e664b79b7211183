package shard

import (
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/store"
)

// Batch is what was evaluated: a section to commit, and what Done lets out.
type Batch struct {
	Section    store.Section
	now        engine.Time
	confirmed  engine.Time // by which closed runs are over
	began      time.Duration
	calls      []*call // all that were evaluated
	far        []*call // those of them that came from other nodes
	outcomes   []*call // that awaited a run which closed
	touched    []*run
	closed     map[engine.RunID]*run // closed in this batch
	erased     []*run                // deleted in this batch
	room       []byte                // keys and values of the section
	lent       *room                 // where room and Section.Ops come from; nil: the batch is let out
	events     []runEvents
	offers     []offerChange
	sent       []uint16 // shards that have new messages
	marks      map[uint16]uint64
	notified   bool // it has notifications
	succeeding bool // a successor begins: it has none of its own
	states     int  // see engine.BatchDone
	read       int
	late       []engine.Time
	bytes      int // of values and of what is still to come; it ends the batch in time
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

// room is what the section of a batch takes. Batches of all shards share them: a shard that rests
// has none, and one that has much to do at once finds one that has grown.
type room struct {
	bytes []byte
	ops   []store.Op
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// roomBytesKept and roomOpsKept are how large a room may be that is used again.
const (
	roomBytesKept = 2 << 20
	roomOpsKept   = 32 << 10
)

func (b *Batch) reset() {
	clear(b.closed)
	clear(b.marks)
	if b.lent == nil {
		b.lent = rooms.Get().(*room)
		b.room, b.Section.Ops = b.lent.bytes, b.lent.ops
	}
	clear(b.Section.Ops)
	*b = Batch{
		lent:    b.lent,
		Section: store.Section{Ops: b.Section.Ops[:0]},
		calls:   b.calls[:0], far: b.far[:0], outcomes: b.outcomes[:0], touched: b.touched[:0], closed: b.closed, erased: b.erased[:0],
		room: b.room[:0], events: b.events[:0], offers: b.offers[:0], sent: b.sent[:0], marks: b.marks, late: b.late[:0],
	}
}

// release lets go what the batch holds.
func (b *Batch) release() {
	if b.lent != nil {
		clear(b.Section.Ops)
		b.lent.bytes, b.lent.ops = b.room[:0], b.Section.Ops[:0]
		if cap(b.room) <= roomBytesKept && cap(b.Section.Ops) <= roomOpsKept {
			rooms.Put(b.lent)
		}
		b.lent, b.room, b.Section.Ops = nil, nil, nil
	}
	clear(b.calls)
	clear(b.far)
	clear(b.outcomes)
	clear(b.touched)
	clear(b.erased)
	clear(b.closed)
	clear(b.events)
	b.calls, b.far, b.outcomes, b.touched, b.erased, b.events = b.calls[:0], b.far[:0], b.outcomes[:0], b.touched[:0], b.erased[:0], b.events[:0]
}

// full tells whether the batch should take no further turn. A turn is bounded, so
// a batch that was not full before it stays below the store's limits.
func (b *Batch) full() bool { return b.large() || len(b.calls) >= batchCallsMax }

// large tells whether the batch should take nothing more to write.
func (b *Batch) large() bool { return b.bytes > batchBytesMax || len(b.Section.Ops) > batchOpsMax }

// put adds a mutation. Keys and values are mostly parts of the batch's room, so
// that a batch is a few allocations, not thousands.
func (b *Batch) put(space store.Space, key, value []byte) {
	b.bytes += len(key) + len(value)
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Put, Space: space, Key: key, Value: value})
}

func (b *Batch) delete(space store.Space, key []byte) {
	b.bytes += len(key)
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Delete, Space: space, Key: key})
}

// deleteRange deletes the rows of the shard from start on, without end.
func (b *Batch) deleteRange(start, end []byte) {
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.DeleteRange, Key: start, Value: end})
}

// cut gives what is appended to the batch's room.
func (b *Batch) cut(append func(room []byte) []byte) []byte {
	from := len(b.room)
	b.room = append(b.room)
	return b.room[from:len(b.room):len(b.room)]
}

// opsBytes is how many bytes the section has.
func (b *Batch) opsBytes() (n int) {
	for i := range b.Section.Ops {
		n += len(b.Section.Ops[i].Key) + len(b.Section.Ops[i].Value)
	}
	return n
}

// Empty tells whether the batch has nothing to commit.
func (b *Batch) Empty() bool { return len(b.Section.Ops) == 0 }
