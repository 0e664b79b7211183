// Package memstore keeps a store in memory: for tests, for simulation, and for
// servers that may forget.
//
// It keeps every promise of store.Store but durability. What a test wants to
// happen to a store, it can make happen: commits that wait or fail, a shard
// taken by somebody else, a crash that loses what had not been acknowledged.
// The package starts no goroutine and knows no time, so a seed decides all.
package memstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"heddle/internal/store"
)

// The limits are those of pebblestore, so that what passes here passes there.
const (
	sectionOpsMax   = 1 << 16
	sectionBytesMax = 16 << 20
)

// Store is a store.Store.
type Store struct {
	mu       *sync.Mutex // of the disk; guards all below; disk is set once, mu guards what it holds
	disk     *disk
	owners   []uint64      // by shard: the epoch that may write here, if it is the disk's; 0 is nobody
	told     []uint64      // by shard: the last sequence that was acknowledged, here or elsewhere
	member   string        // the id of this opening's membership; empty: it has none
	lease    time.Duration // until when others can't have its shards, by the disk's clock
	inFlight []*flight
	closed   bool
	fault    fault
	hook     func([]store.Section)
}

var _ store.Store = (*Store)(nil)

// fault is what FailNextCommit has ordered.
type fault uint8

const (
	noFault fault = iota
	failWritten
	failUnwritten
)

// flight is a Commit between its call and its return.
type flight struct {
	sections []store.Section
	crashed  bool // the store crashed meanwhile; its fate is decided
}

// New returns an empty store.
func New(shards uint16) *Store {
	return open(newDisk(shards))
}

func open(d *disk) *Store {
	return &Store{mu: &d.mu, disk: d, owners: make([]uint64, len(d.shards)), told: make([]uint64, len(d.shards))}
}

// Shards is the number of shards.
func (s *Store) Shards() uint16 { return uint16(len(s.disk.shards)) }

// Limits is part of store.Store.
func (s *Store) Limits() store.Limits {
	return store.Limits{SectionOps: sectionOpsMax, SectionBytes: sectionBytesMax}
}

// Acquire is part of store.Store. It never waits, and nobody who is
// no member is refused.
func (s *Store) Acquire(ctx context.Context, number uint16) (store.Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("acquire shard %d: %w", number, store.ErrClosed)
	}
	if _, err := s.disk.rowsOf(store.ShardSpace, number); err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", number, err)
	}
	sh := &s.disk.shards[number]
	if err := s.mayTake(sh); err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", number, err)
	}
	sh.epoch = max(sh.epoch+1, s.disk.epochNow())
	sh.member = s.member
	s.owners[number] = sh.epoch
	s.told[number] = max(s.told[number], sh.lost)
	if sh.seq < s.told[number] {
		sh.lost = s.told[number]
		return nil, fmt.Errorf("acquire shard %d: %w", number, store.ErrRegressed)
	}
	s.told[number] = sh.seq
	return &handle{store: s, shard: number, epoch: sh.epoch, seq: sh.seq, stamp: sh.stamp, lost: sh.lost}, nil
}

// Commit is part of store.Store. A section meets its check only after the hook
// of BeforeCommit has returned.
func (s *Store) Commit(ctx context.Context, sections []store.Section) []error {
	errs := make([]error, len(sections))
	f := &flight{sections: sections}
	s.mu.Lock()
	hook, closed, err := s.hook, s.closed, ctx.Err()
	if closed {
		err = store.ErrClosed
	}
	if err == nil {
		s.inFlight = append(s.inFlight, f)
	}
	s.mu.Unlock()
	if err != nil {
		return fill(errs, err)
	}

	if hook != nil {
		hook(sections)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.crashed:
		return fill(errs, store.ErrUnknown)
	case s.closed:
		return fill(errs, store.ErrClosed)
	}
	s.inFlight = slices.DeleteFunc(s.inFlight, func(other *flight) bool { return other == f })
	ordered := s.fault
	s.fault = noFault
	if ordered != failUnwritten {
		for i := range sections {
			errs[i] = s.write(&sections[i])
			if errs[i] == nil && ordered == noFault {
				s.told[sections[i].Shard] = max(s.told[sections[i].Shard], sections[i].Seq)
			}
		}
	}
	if ordered != noFault {
		// An owner that does not know what is written must ask by Acquire.
		for i := range sections {
			s.unseat(sections[i].Shard, sections[i].Epoch)
		}
		return fill(errs, store.ErrUnknown)
	}
	return errs
}

// write checks one section and applies it.
func (s *Store) write(section *store.Section) error {
	if err := tooLarge(section); err != nil {
		return err
	}
	if int(section.Shard) >= len(s.owners) || section.Epoch == 0 ||
		section.Epoch != s.owners[section.Shard] || section.Epoch != s.disk.shards[section.Shard].epoch ||
		section.Seq != s.disk.shards[section.Shard].seq+1 {
		return store.ErrFenced
	}
	s.disk.apply(section)
	return nil
}

func tooLarge(section *store.Section) error {
	bytes := 0
	for i := range section.Ops {
		bytes += len(section.Ops[i].Key) + len(section.Ops[i].Value)
	}
	if len(section.Ops) > sectionOpsMax || bytes > sectionBytesMax {
		return fmt.Errorf("commit to shard %d: %w: %d operations, %d bytes", section.Shard, store.ErrTooLarge, len(section.Ops), bytes)
	}
	return nil
}

// unseat takes the shard from the owner with that epoch.
func (s *Store) unseat(shard uint16, epoch uint64) {
	if int(shard) < len(s.owners) && s.owners[shard] == epoch {
		s.owners[shard] = 0
		if sh := &s.disk.shards[shard]; sh.epoch == epoch {
			sh.member = ""
		}
	}
}

func fill(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Meta is part of store.Store.
func (s *Store) Meta() store.Meta { return meta{s} }

// Close is part of store.Store. The data stay for Reopen.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.closed = true
	return nil
}
