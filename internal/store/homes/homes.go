// Package homes makes one store of several, of which each has its part of the shards: shard n
// is in home n mod their number. So one database is no bound, and one that fails takes its own
// shards alone.
//
// A section is of one shard, so it is in one home, whole, with the entries of the index that it
// writes; nothing is ever written to two homes at once. What goes from shard to shard is a
// message, which is a row of its sender until its receiver has it. The meta space is the first
// home's.
//
// The homes of a store are fixed when it is created: the first home has their names, in order,
// and the ids of their stores; each other one says whose it is. Where they are may change.
//
// A home that can't be reached, or was not heard of for as long as a membership lasts, is away:
// calls for it fail at once (store.ErrAway), so that nobody who has to do with others waits for
// it. Whoever opens the store sees to it that memberships are renewed, and that a home is opened
// again that was away from the start.
package homes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"heddle/internal/store"
)

// Below is the store of a home.
type Below interface {
	store.Store
	ID() string
	Shards() uint16
	Members() store.Members
	// Silent tells why it is taken to answer nobody now; nil: it answers.
	Silent() error
}

// home is one of them.
type home struct {
	Home
	at atomic.Pointer[Below] // nil: it is away since the start
}

// reach gives the store of a home, unless it is away.
func (h *home) reach() (Below, error) {
	b := h.at.Load()
	if b == nil {
		return nil, fmt.Errorf("home %q: %w", h.Name, store.ErrAway)
	}
	if err := (*b).Silent(); err != nil {
		return nil, fmt.Errorf("home %q: %w", h.Name, store.ErrAway)
	}
	return *b, nil
}

// Store is a store.Store.
type Store struct {
	homes  []*home
	shards uint16

	mu     sync.Mutex // guards closed
	closed bool
}

var _ store.Store = (*Store)(nil)

// Count is how many homes there are.
func (s *Store) Count() int { return len(s.homes) }

// Shards is the number of all shards.
func (s *Store) Shards() uint16 { return s.shards }

// Names are those of the homes, in order.
func (s *Store) Names() (names []string) {
	for _, h := range s.homes {
		names = append(names, h.Name)
	}
	return names
}

// Home is which one has a shard.
func (s *Store) Home(shard uint16) int { return int(shard) % len(s.homes) }

// At is the store of a home; nil: it was never opened.
func (s *Store) At(home int) Below {
	if b := s.homes[home].at.Load(); b != nil {
		return *b
	}
	return nil
}

// Away tells why a home is away; nil: it is not.
func (s *Store) Away(home int) error {
	_, err := s.homes[home].reach()
	return err
}

// of is the store of a shard.
func (s *Store) of(shard uint16) (Below, error) { return s.homes[s.Home(shard)].reach() }

// ID is that of the first home.
func (s *Store) ID() string { return s.At(0).ID() }

// Limits is part of store.Store.
func (s *Store) Limits() store.Limits { return s.At(0).Limits() }

// Meta is part of store.Store.
func (s *Store) Meta() store.Meta { return s.At(0).Meta() }

// Acquire is part of store.Store.
func (s *Store) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	below, err := s.of(shard)
	if err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", shard, err)
	}
	h, err := below.Acquire(ctx, shard)
	if err != nil {
		return nil, err
	}
	return &handle{h, s.homes[s.Home(shard)]}, nil
}

// handle is an owned shard of a home.
type handle struct {
	store.Handle
	home *home
}

// Release is part of store.Handle.
func (h *handle) Release(ctx context.Context) error {
	if _, err := h.home.reach(); err != nil {
		return fmt.Errorf("release shard %d: %w", h.Shard(), err)
	}
	return h.Handle.Release(ctx)
}

// Current is part of store.Store.
func (s *Store) Current(shard uint16) error {
	below, err := s.of(shard)
	if err != nil {
		return err
	}
	return below.Current(shard)
}

// Commit is part of store.Store. Each home writes its sections, at the same time as the others.
func (s *Store) Commit(ctx context.Context, sections []store.Section) []error {
	errs := make([]error, len(sections))
	of := s.split(len(sections), func(i int) int { return s.Home(sections[i].Shard) })
	each(of, func(home int, group []int) {
		below, err := s.homes[home].reach()
		own := sections
		if len(group) != len(sections) {
			own = make([]store.Section, len(group))
			for i, at := range group {
				own[i] = sections[at]
			}
		}
		var said []error
		if err == nil {
			said = below.Commit(ctx, own)
		}
		for i, at := range group {
			if err != nil {
				errs[at] = fmt.Errorf("commit to shard %d: %w", sections[at].Shard, err)
			} else {
				errs[at] = said[i]
			}
		}
	})
	return errs
}

// split gives, by home, which of n things are its own.
func (s *Store) split(n int, home func(i int) int) [][]int {
	of := make([][]int, len(s.homes))
	for i := range n {
		h := home(i)
		of[h] = append(of[h], i)
	}
	return of
}

// each does something for every home that has a part, at the same time.
func each(of [][]int, do func(home int, part []int)) {
	last := -1
	var others sync.WaitGroup
	for home, part := range of {
		if len(part) == 0 {
			continue
		}
		if before := last; before >= 0 {
			others.Go(func() { do(before, of[before]) })
		}
		last = home
	}
	if last >= 0 {
		do(last, of[last])
	}
	others.Wait()
}

// Barrier is part of store.Store. What is away shows nothing that could be waited for.
func (s *Store) Barrier(ctx context.Context) error {
	var errs []error
	for _, h := range s.homes {
		if below, err := h.reach(); err == nil {
			errs = append(errs, below.Barrier(ctx))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}

// Close is part of store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	errs := make([]error, len(s.homes))
	var all sync.WaitGroup
	for i := range s.homes {
		if below := s.At(i); below != nil {
			all.Go(func() { errs[i] = below.Close() })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}
