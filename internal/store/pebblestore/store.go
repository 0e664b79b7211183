// Package pebblestore keeps a store in one directory, by Pebble, a log-structured
// merge tree: every commit is one write to its log and one sync, and commits
// that meet share the sync.
//
// One process has the directory at a time, so the check of epoch and sequence
// is made in memory. What is acknowledged was synced. A sync that fails ends
// the process: nobody knows what the disk then holds, and the next start reads
// it. Package comment of store says what is promised; docs/STORAGE.md draws the
// keys.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// Store is a store.Store.
type Store struct {
	db       *pebble.DB
	lock     *directoryLock
	room     *room
	readOnly bool
	opens    uint64 // how often the store has been opened, this time too

	mu        sync.Mutex // guards the fields below, up to users; the length of shards is set once
	shards    []shard
	acquired  uint32                     // how often any shard was acquired since the store was opened
	inFlight  map[chan struct{}]struct{} // one for each write under way; closed when it is durable
	snapshots map[*snapshot]struct{}     // that Pebble must be told to close
	closed    bool
	users     sync.WaitGroup // calls under way, added to under mu; Close waits for them

	metaMu sync.Mutex // held from a read of the meta space until what followed is durable
}

var _ store.Store = (*Store)(nil)

// shard is what a check needs to know.
type shard struct {
	epoch   uint64        // who may write; 0 is nobody
	last    lastSection   // that is durable
	unknown bool          // a write failed: last may be behind what is on disk
	writing chan struct{} // not nil while a section is under way; closed after it
}

// Shards is the number of shards, as the store was created.
func (s *Store) Shards() uint16 { return uint16(len(s.shards)) }

// Limits is part of store.Store.
func (s *Store) Limits() store.Limits {
	return store.Limits{SectionOps: sectionOpsMax, SectionBytes: sectionBytesMax}
}

// Acquire is part of store.Store. It is never refused: this process has the
// whole directory. It waits for what the earlier owner is just writing.
func (s *Store) Acquire(ctx context.Context, number uint16) (store.Handle, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", number, err)
	}
	defer s.users.Done()
	if err := s.hasShard(number); err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", number, err)
	}
	sh := &s.shards[number]

	s.mu.Lock()
	// One row counts the opens, so epochs rise without a write for each shard.
	s.acquired++
	epoch := s.opens<<32 | uint64(s.acquired)
	sh.epoch = epoch
	writing := sh.writing
	s.mu.Unlock()

	if writing != nil {
		select {
		case <-writing:
		case <-ctx.Done():
			return nil, fmt.Errorf("acquire shard %d: %w", number, ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh.unknown {
		last, err := readLast(s.db, len(s.shards))
		if err != nil {
			return nil, fmt.Errorf("acquire shard %d: %w", number, err)
		}
		sh.last, sh.unknown = last[number], false
	}
	return &handle{store: s, shard: number, epoch: epoch, last: sh.last}, nil
}

// Current is part of store.Store: this process has the whole directory.
func (*Store) Current(uint16) error { return nil }

// Meta is part of store.Store.
func (s *Store) Meta() store.Meta { return meta{s} }

// Checkpoint writes a copy of the store, as it is now, to a directory that does
// not exist yet. It shares files with the store by hard links where it can, and
// opens as a store.
func (s *Store) Checkpoint(dir string) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("checkpoint to %q: %w", dir, err)
	}
	defer s.users.Done()
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("checkpoint to %q: %w", dir, err)
	}
	return nil
}

// Close is part of store.Store. It waits for the calls under way, scans too.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	s.room.bePatient(false) // the process is to end, room or not
	s.users.Wait()
	for v := range s.snapshots { // left open by their callers; nobody can use them any more
		_ = v.rows.Close() // it never fails
	}
	var flushed error
	if !s.readOnly {
		// After a clean stop nothing rests on the log, whose damaged tail would look
		// like a write that was cut off.
		flushed = s.db.Flush()
	}
	err := errors.Join(flushed, s.db.Close())
	s.lock.release()
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// enter begins a call; s.users.Done ends it.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.users.Add(1)
	return nil
}
