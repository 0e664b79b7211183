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
	head  [2]uint64 // the first bytes of the row's key, which tell most apart
	place uint32    // among all
	shard uint16
}

var orders = sync.Pool{New: func() any { return &order{} }}

// add takes in a section. It has no DeleteRange.
func (o *order) add(section *store.Section) {
	for i := range section.Ops {
		op := &section.Ops[i]
		var head [16]byte
		if op.Space == store.IndexSpace {
			head[0] = indexRows
			copy(head[1:], op.Key)
		} else {
			putShardPrefix(head[:], shardRows, section.Shard)
			copy(head[shardPrefixBytes:], op.Key)
		}
		o.rows = append(o.rows, row{op, [2]uint64{binary.BigEndian.Uint64(head[:]), binary.BigEndian.Uint64(head[8:])}, uint32(len(o.rows)), section.Shard})
	}
}

func (o *order) sort() {
	slices.SortFunc(o.rows, func(a, b row) int {
		for i := range a.head {
			if a.head[i] != b.head[i] {
				return cmp.Compare(a.head[i], b.head[i])
			}
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
