package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// lastSection is what is kept of the last section of a shard.
type lastSection struct{ seq, stamp uint64 }

// The last sections of all shards are one row. Each commit merges into it what
// its own sections change, so that it costs one row, however many shards the
// commit has; Pebble joins the pieces when it flushes and compacts. A piece is a
// row of shard, sequence and stamp, as varints; of one shard the highest sequence
// counts.

// mergerName stands in Pebble's files: it opens them with this merger only.
const mergerName = "heddle.last-sections"

var merger = &pebble.Merger{
	Name: mergerName,
	Merge: func(_, piece []byte) (pebble.ValueMerger, error) {
		m := &lastMerger{}
		return m, m.add(piece)
	},
}

// lastMerger joins pieces; their order does not matter.
type lastMerger struct{ shards []lastSection }

func (m *lastMerger) add(piece []byte) error {
	for len(piece) > 0 {
		var fields [3]uint64
		for i := range fields {
			n, size := binary.Uvarint(piece)
			if size <= 0 {
				return errors.New("row of last sections: malformed")
			}
			fields[i], piece = n, piece[size:]
		}
		if fields[0] > 1<<16 {
			return fmt.Errorf("row of last sections: shard %d", fields[0])
		}
		for uint64(len(m.shards)) <= fields[0] {
			m.shards = append(m.shards, lastSection{})
		}
		if last := &m.shards[fields[0]]; fields[1] > last.seq {
			*last = lastSection{fields[1], fields[2]}
		}
	}
	return nil
}

func (m *lastMerger) MergeNewer(piece []byte) error { return m.add(piece) }
func (m *lastMerger) MergeOlder(piece []byte) error { return m.add(piece) }

func (m *lastMerger) Finish(bool) ([]byte, io.Closer, error) {
	var row []byte
	for shard, last := range m.shards {
		if last.seq > 0 {
			row = appendLast(row, uint16(shard), last)
		}
	}
	return row, nil, nil
}

// lastBytesMax is what a shard takes in a piece.
const lastBytesMax = 3 * binary.MaxVarintLen64

func appendLast(piece []byte, shard uint16, last lastSection) []byte {
	piece = binary.AppendUvarint(piece, uint64(shard))
	piece = binary.AppendUvarint(piece, last.seq)
	return binary.AppendUvarint(piece, last.stamp)
}

// readLast reads the last sections of all shards.
func readLast(db *pebble.DB, shards int) ([]lastSection, error) {
	row, err := read(db, []byte{lastRow})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read last sections: %w", err)
	}
	m := &lastMerger{shards: make([]lastSection, shards)}
	if err := m.add(row); err != nil {
		return nil, err
	}
	if len(m.shards) > shards {
		return nil, fmt.Errorf("row of last sections: shard %d of %d", len(m.shards)-1, shards)
	}
	return m.shards, nil
}
