package memstore

import (
	"maps"

	"heddle/internal/store"
)

// BeforeCommit sets what each Commit calls before anything of it is checked or
// written. While the hook runs the commit is in flight: blocking in it delays
// this commit and no other. Nil takes the hook away.
func (s *Store) BeforeCommit(hook func(sections []store.Section)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// FailNextCommit makes the next commit that leaves its hook answer ErrUnknown
// for all sections, and says whether they were written in truth. Their shards
// must be acquired again. A hook may call it, to fail its own commit.
func (s *Store) FailNextCommit(written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = failUnwritten
	if written {
		s.fault = failWritten
	}
}

// Fence takes a shard from its owner, as another process would that acquired it.
func (s *Store) Fence(shard uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.shards[shard].epoch++
	s.owners[shard] = 0
}

// Regress has a shard lose its last section, as far as anybody can tell by its sequence.
func (s *Store) Regress(shard uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.shards[shard].seq--
}

// Remember gives what puts the disk back to how it is now, memberships and all, as a standby is
// that had not got what came later. Those who have it open go on.
func (s *Store) Remember() (regress func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.disk
	then := d.copy()
	for i := range then.shards {
		rows := then.shards[i].rows
		then.shards[i] = d.shards[i]
		then.shards[i].rows = rows
	}
	then.meta, then.members = maps.Clone(d.meta), map[string]*member{}
	for id, m := range d.members {
		one := *m
		then.members[id] = &one
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.shards, d.index, d.meta, d.members = then.shards, then.index, then.meta, then.members
	}
}

// InFlight is the number of commits that wait in their hook.
func (s *Store) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight)
}

// Crash ends this store as a power cut would and returns what starts after it.
// Every acknowledged commit survives; of those in flight the first so many, in
// the order of their calls, as a log that is cut somewhere keeps them. All in
// flight answer ErrUnknown when their hook lets them.
func (s *Store) Crash(survivors int) *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.inFlight {
		f.crashed = true
		if i >= survivors {
			continue
		}
		for j := range f.sections {
			// An error here is a check that failed; the caller cannot learn of it.
			_ = s.write(&f.sections[j])
		}
	}
	s.inFlight = nil
	s.closed = true
	return open(s.disk)
}

// Reopen opens the data of a closed store again.
func (s *Store) Reopen() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		panic("memstore: reopen of an open store")
	}
	return open(s.disk)
}
