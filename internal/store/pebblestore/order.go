package pebblestore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"heddle/internal/store"
)

// order puts the operations of a commit in the order of their rows. Pebble's
// memtable looks for the place of each row; from the row before, it finds it
// sooner. Operations on one row keep their order.
type order struct{ rows []row }

type row struct {
	op    *store.Op
	head  uint64 // the first bytes of the row's key
	place uint32 // among all
	shard uint16
}

var orders = sync.Pool{New: func() any { return &order{} }}

// add takes in a section. It has no DeleteRange.
func (o *order) add(section *store.Section) {
	for i := range section.Ops {
		op := &section.Ops[i]
		var head [8]byte
		if op.Space == store.IndexSpace {
			head[0] = indexRows
			copy(head[1:], op.Key)
		} else {
			putShardPrefix(head[:], shardRows, section.Shard)
			copy(head[shardPrefixBytes:], op.Key)
		}
		o.rows = append(o.rows, row{op, binary.BigEndian.Uint64(head[:]), uint32(len(o.rows)), section.Shard})
	}
}

func (o *order) sort() {
	slices.SortFunc(o.rows, func(a, b row) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		if c := bytes.Compare(a.op.Key, b.op.Key); c != 0 {
			return c
		}
		return cmp.Compare(a.place, b.place)
	})
}

// orderRowsKept is how many rows an order may have room for that is used again.
const orderRowsKept = 256 << 10

// release forgets the operations.
func (o *order) release() {
	clear(o.rows)
	if o.rows = o.rows[:0]; cap(o.rows) <= orderRowsKept {
		orders.Put(o)
	}
}
