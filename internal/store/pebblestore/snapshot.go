package pebblestore

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// snapshot is a store.Snapshot. Pebble may not be asked for a snapshot that was
// closed, so the last one to use it closes it.
type snapshot struct {
	store *Store
	rows  *pebble.Snapshot
	// Under the store's mutex:
	users  int // calls under way, and one for being open
	closed bool
}

// Snapshot is part of store.Store. It waits for the writes that were under way
// when it was taken, of which it may show some.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	defer s.users.Done()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	rows := s.db.NewSnapshot()
	if err := await(ctx, s.underWay()); err != nil {
		_ = rows.Close() // it never fails
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	v := &snapshot{store: s, rows: rows, users: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots[v] = struct{}{}
	return v, nil
}

func (v *snapshot) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	if err := v.enter(); err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	defer v.leave()
	return v.store.get(ctx, v.rows, places)
}

func (v *snapshot) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	if err := v.enter(); err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	defer v.leave()
	return v.store.scan(ctx, v.rows, shard, r, visit)
}

func (v *snapshot) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	err := v.enter()
	if err == nil {
		defer v.leave()
		if err = ctx.Err(); err == nil {
			err = scanRows(ctx, v.rows, []byte{indexRows}, r, visit)
		}
	}
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

// Close is part of store.Snapshot. It does not wait for calls under way, so that
// a visitor may close what it is shown.
func (v *snapshot) Close() error {
	v.store.mu.Lock()
	if v.closed || v.store.closed {
		v.store.mu.Unlock()
		return fmt.Errorf("close snapshot: %w", store.ErrClosed)
	}
	v.closed = true
	v.store.users.Add(1) // leave ends that
	v.store.mu.Unlock()
	v.leave()
	return nil
}

// enter begins a call; leave ends it.
func (v *snapshot) enter() error {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	if v.closed || v.store.closed {
		return store.ErrClosed
	}
	v.users++
	v.store.users.Add(1)
	return nil
}

func (v *snapshot) leave() {
	defer v.store.users.Done()
	v.store.mu.Lock()
	v.users--
	last := v.users == 0
	if last {
		delete(v.store.snapshots, v)
	}
	v.store.mu.Unlock()
	if last {
		_ = v.rows.Close() // it never fails
	}
}
