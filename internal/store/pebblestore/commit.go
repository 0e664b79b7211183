package pebblestore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

const (
	sectionOpsMax   = 1 << 16
	sectionBytesMax = 16 << 20
	// batchBytesMax ends a Pebble batch, which may not reach 4 GiB. Only a commit
	// of giant sections meets it; it takes more than one write and sync.
	batchBytesMax = 256 << 20
	// opBytesMax is what a row takes in a batch above its key and value: kind,
	// two lengths, and our prefix.
	opBytesMax = 1 + 5 + 5 + shardPrefixBytes
)

// Commit is part of store.Engine.
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

	bytes := 0
	for i := range sections {
		n, err := sizeOf(&sections[i])
		bytes += n
		errs[i] = err
	}
	durable := make(chan struct{})
	if !s.admit(sections, errs, durable) {
		return errs
	}
	err := s.write(sections, errs, bytes)
	s.settle(sections, errs, durable, err)
	return errs
}

// sizeOf is the space that a section takes in a batch.
func sizeOf(section *store.Section) (int, error) {
	bytes := 0
	for i := range section.Ops {
		bytes += len(section.Ops[i].Key) + len(section.Ops[i].Value)
	}
	if len(section.Ops) > sectionOpsMax || bytes > sectionBytesMax {
		return 0, fmt.Errorf("commit to shard %d: %w: %d operations, %d bytes", section.Shard, store.ErrTooLarge, len(section.Ops), bytes)
	}
	return bytes + (len(section.Ops)+1)*opBytesMax + 8, nil
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
		if section.Epoch == 0 || section.Epoch != sh.epoch || section.Seq != sh.seq+1 || sh.writing != nil {
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
func (s *Store) write(sections []store.Section, errs []error, bytes int) error {
	batch := s.db.NewBatchWithSize(min(bytes, batchBytesMax) + 64)
	defer func() { batch.Close() }()
	for i := range sections {
		if errs[i] != nil {
			continue
		}
		if err := encode(batch, &sections[i]); err != nil {
			return err
		}
		if batch.Len() >= batchBytesMax {
			if err := s.db.Apply(batch, pebble.Sync); err != nil {
				return err
			}
			batch.Close()
			batch = s.db.NewBatch()
		}
	}
	return s.db.Apply(batch, pebble.Sync)
}

// encode writes a section straight into the batch's memory.
func encode(batch *pebble.Batch, section *store.Section) error {
	for i := range section.Ops {
		op := &section.Ops[i]
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
			end := join(shardPrefix(shardRows, section.Shard), op.Value)
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
			putShardPrefix(row.Key, shardRows, section.Shard)
		}
		copy(row.Key[prefix:], op.Key)
		if err := row.Finish(); err != nil {
			return err
		}
	}
	row := batch.SetDeferred(shardPrefixBytes, 8)
	putShardPrefix(row.Key, seqRows, section.Shard)
	binary.BigEndian.PutUint64(row.Value, section.Seq)
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
			sh.epoch = 0
			continue
		}
		sh.seq = sections[i].Seq
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
