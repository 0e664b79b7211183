package memstore

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidwall/btree"

	"heddle/internal/store"
)

// disk is what survives a crash.
type disk struct {
	mu      sync.Mutex // guards what follows, and the Stores that have it open
	members map[string]*member
	joined  int                  // members ever, whose ids are counted
	clock   func() time.Duration // of memberships; nil: there are none

	shards []shard
	index  space
	meta   map[string][]byte
}

type shard struct {
	epoch uint64 // the last one given out
	seq   uint64 // of the last section written
	stamp uint64 // the same section's
	// member has it; empty: nobody, or who is no member.
	member string
	lost   uint64 // a sequence that was acknowledged, as somebody knew who was refused the shard; 0: none
	rows   space
}

func newDisk(shards uint16) *disk {
	return &disk{shards: make([]shard, shards), meta: map[string][]byte{}}
}

// copy is the rows of the disk as they are now, whatever is written later.
func (d *disk) copy() *disk {
	c := &disk{shards: make([]shard, len(d.shards)), index: *d.index.snapshot()}
	for i := range c.shards {
		c.shards[i].rows = *d.shards[i].rows.snapshot()
	}
	return c
}

// rowsOf is the space of a shard, or the one of the index.
func (d *disk) rowsOf(in store.Space, shard uint16) (*space, error) {
	if in == store.IndexSpace {
		return &d.index, nil
	}
	if int(shard) >= len(d.shards) {
		return nil, fmt.Errorf("the store has shards 0 to %d", len(d.shards)-1)
	}
	return &d.shards[shard].rows, nil
}

func (d *disk) apply(section *store.Section) {
	sh := &d.shards[section.Shard]
	for i := range section.Ops {
		op := &section.Ops[i]
		rows := &sh.rows
		if op.Space == store.IndexSpace {
			rows = &d.index
		}
		switch op.Kind {
		case store.Put:
			rows.Set(string(op.Key), copyOf(op.Value))
		case store.Delete:
			rows.Delete(string(op.Key))
		case store.DeleteRange:
			if op.Space != store.ShardSpace {
				panic("memstore: delete range outside of a shard's space")
			}
			rows.deleteRange(string(op.Key), string(op.Value))
		default:
			panic(fmt.Sprintf("memstore: operation of kind %d", op.Kind))
		}
	}
	sh.seq, sh.stamp = section.Seq, section.Stamp
}

// space is one ordered key space.
type space struct {
	btree.Map[string, []byte]
}

// snapshot is the space as it is now, whatever is written later. It costs
// nothing by itself; writers copy the nodes that they then touch.
func (s *space) snapshot() *space {
	return &space{*s.Copy()}
}

func (s *space) deleteRange(start, end string) {
	var doomed []string
	s.Ascend(start, func(key string, _ []byte) bool {
		if end != "" && key >= end {
			return false
		}
		doomed = append(doomed, key)
		return true
	})
	for _, key := range doomed {
		s.Delete(key)
	}
}

// scan visits a range of a snapshot. Visit gets copies of key and value, in
// memory that the next visit uses again.
func (s *space) scan(ctx context.Context, r store.Range, visit store.Visit) error {
	var key, value []byte
	visited := 0
	var err error
	each := func(k string, v []byte) bool {
		if visited++; visited%1024 == 0 {
			if err = ctx.Err(); err != nil {
				return false
			}
		}
		key, value = append(key[:0], k...), append(value[:0], v...)
		return visit(key, value) && visited != r.Limit
	}
	start, end := string(r.Start), string(r.End)
	if !r.Reverse {
		s.Ascend(start, func(k string, v []byte) bool {
			return (end == "" || k < end) && each(k, v)
		})
		return err
	}
	down := func(k string, v []byte) bool {
		if end != "" && k >= end {
			return true // the end itself, where the descent begins
		}
		return k >= start && each(k, v)
	}
	if end == "" {
		s.Reverse(down)
	} else {
		s.Descend(end, down)
	}
	return err
}

// copyOf is never nil: an empty value is a value.
func copyOf(b []byte) []byte {
	if len(b) == 0 {
		return []byte{}
	}
	return bytes.Clone(b)
}
