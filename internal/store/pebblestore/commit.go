package pebblestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

const (
	sectionOpsMax   = 1 << 16
	sectionBytesMax = 16 << 20
	// batchBytesMax ends a Pebble batch, which may not reach 4 GiB. Only a commit
	// of giant sections meets it; it takes more than one write and sync.
	batchBytesMax = 256 << 20
	// batchBytesKept is how large a Pebble batch may be that is used again: commits of many
	// shards come one after another when there is much to do.
	batchBytesKept = 16 << 20
	// opBytesMax is what a row takes in a batch above its key and value: kind,
	// two lengths, and our prefix.
	opBytesMax = 1 + 5 + 5 + shardPrefixBytes
)

// Commit is part of store.Store.
//
// Sections are admitted under the mutex: the check, and the mark that their
// shards are being written. Then they are written and synced outside of it,
// beside other commits; Pebble groups the syncs. Then the sequences advance.
// A shard that is being written admits nothing, since a section must not be
// acknowledged before the one under it.
func (s *Store) Commit(ctx context.Context, sections []store.Section) []error {
	errs := make([]error, len(sections))
	if err := ctx.Err(); err != nil {
		return fill(errs, err)
	}
	if err := s.enter(); err != nil {
		return fill(errs, err)
	}
	defer s.users.Done()

	for i := range sections {
		errs[i] = checkSize(&sections[i])
	}
	durable := make(chan struct{})
	if !s.admit(sections, errs, durable) {
		return errs
	}
	err := s.write(sections, errs)
	s.settle(sections, errs, durable, err)
	return errs
}

func checkSize(section *store.Section) error {
	bytes := dataBytes(section)
	if len(section.Ops) > sectionOpsMax || bytes > sectionBytesMax {
		return fmt.Errorf("commit to shard %d: %w: %d operations, %d bytes", section.Shard, store.ErrTooLarge, len(section.Ops), bytes)
	}
	return nil
}

func dataBytes(section *store.Section) int {
	bytes := 0
	for i := range section.Ops {
		bytes += len(section.Ops[i].Key) + len(section.Ops[i].Value)
	}
	return bytes
}

// sizeOf is the space that a section takes in a batch.
func sizeOf(section *store.Section) int {
	return dataBytes(section) + len(section.Ops)*opBytesMax + lastBytesMax + 32
}

// admit sets the error of each section that fails its check and tells whether
// any passed.
func (s *Store) admit(sections []store.Section, errs []error, durable chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	admitted := false
	for i := range sections {
		section := &sections[i]
		if errs[i] != nil {
			continue
		}
		if s.readOnly || int(section.Shard) >= len(s.shards) {
			errs[i] = store.ErrFenced
			continue
		}
		sh := &s.shards[section.Shard]
		if section.Epoch == 0 || section.Epoch != sh.epoch || section.Seq != sh.last.seq+1 || sh.writing != nil {
			errs[i] = store.ErrFenced
			continue
		}
		sh.writing = durable
		admitted = true
	}
	if admitted {
		s.inFlight[durable] = struct{}{}
	}
	return admitted
}

// write puts the admitted sections into one batch and returns when it is synced.
func (s *Store) write(sections []store.Section, errs []error) error {
	bytes, first := 0, 0
	for i := range sections {
		if errs[i] != nil {
			continue
		}
		n := sizeOf(&sections[i])
		if bytes+n > batchBytesMax && bytes > 0 {
			if err := s.writeBatch(sections[first:i], errs[first:i], bytes); err != nil {
				return err
			}
			bytes, first = 0, i
		}
		bytes += n
	}
	return s.writeBatch(sections[first:], errs[first:], bytes)
}

// writeBatch writes and syncs the admitted ones of some sections.
func (s *Store) writeBatch(sections []store.Section, errs []error, bytes int) error {
	batch := s.db.NewBatchWithSize(bytes, pebble.WithMaxRetainedSizeBytes(batchBytesKept))
	defer batch.Close()
	sorted := orders.Get().(*order)
	defer sorted.release()
	rows := 0
	for i := range sections {
		rows += len(sections[i].Ops)
	}
	sorted.rows = slices.Grow(sorted.rows, rows)
	last := make([]byte, 0, len(sections)*lastBytesMax)
	for i := range sections {
		section := &sections[i]
		if errs[i] != nil {
			continue
		}
		last = appendLast(last, section.Shard, lastSection{section.Seq, section.Stamp})
		if !slices.ContainsFunc(section.Ops, func(op store.Op) bool { return op.Kind == store.DeleteRange }) {
			sorted.add(section)
			continue
		}
		for j := range section.Ops { // what a range deletes depends on what comes before
			if err := encode(batch, section.Shard, &section.Ops[j]); err != nil {
				return err
			}
		}
	}
	sorted.sort()
	for _, row := range sorted.rows {
		if err := encode(batch, row.shard, row.op); err != nil {
			return err
		}
	}
	if err := batch.Merge([]byte{lastRow}, last, nil); err != nil {
		return err
	}
	return s.db.Apply(batch, pebble.Sync)
}

// encode writes an operation straight into the batch's memory.
func encode(batch *pebble.Batch, shard uint16, op *store.Op) error {
	prefix := shardPrefixBytes
	if op.Space == store.IndexSpace {
		prefix = 1
	}
	// Deferred operations are slices of the batch, filled in place.
	var row *pebble.DeferredBatchOp
	switch op.Kind {
	case store.Put:
		row = batch.SetDeferred(prefix+len(op.Key), len(op.Value))
		copy(row.Value, op.Value)
	case store.Delete:
		row = batch.DeleteDeferred(prefix + len(op.Key))
	case store.DeleteRange:
		if op.Space != store.ShardSpace {
			panic("pebblestore: delete range outside of a shard's space")
		}
		end := join(shardPrefix(shardRows, shard), op.Value)
		if len(op.Value) == 0 {
			end = after(end)
		}
		row = batch.DeleteRangeDeferred(prefix+len(op.Key), len(end))
		copy(row.Value, end)
	default:
		panic(fmt.Sprintf("pebblestore: operation of kind %d", op.Kind))
	}
	if op.Space == store.IndexSpace {
		row.Key[0] = indexRows
	} else {
		putShardPrefix(row.Key, shardRows, shard)
	}
	copy(row.Key[prefix:], op.Key)
	return row.Finish()
}

// settle ends what admit began. After an error, which is not a failed sync since
// that ends the process, the owners lose their shards and must acquire again.
func (s *Store) settle(sections []store.Section, errs []error, durable chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range sections {
		if errs[i] != nil {
			continue
		}
		sh := &s.shards[sections[i].Shard]
		sh.writing = nil
		if err != nil {
			errs[i] = fmt.Errorf("commit to shard %d: %w: %w", sections[i].Shard, store.ErrUnknown, err)
			sh.epoch, sh.unknown = 0, true
			continue
		}
		sh.last = lastSection{sections[i].Seq, sections[i].Stamp}
	}
	delete(s.inFlight, durable)
	close(durable)
}

// underWay is the writes that are not yet durable. Pebble shows a batch before
// it is synced, so a reader that took its view before this call and waits for
// these has seen only what is on disk. Writes that begin later don't hold it up.
func (s *Store) underWay() []chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inFlight) == 0 {
		return nil
	}
	writes := make([]chan struct{}, 0, len(s.inFlight))
	for durable := range s.inFlight {
		writes = append(writes, durable)
	}
	return writes
}

func fill(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}
