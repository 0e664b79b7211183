package memstore

import (
	"context"
	"fmt"

	"heddle/internal/store"
)

// view reads a disk: the store's own, which shows what is there now, or a copy.
// The store's mutex guards both.
type view struct {
	store  *Store
	disk   *disk
	closed bool
}

// Get is part of store.Store.
func (s *Store) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	return s.now().Get(ctx, places)
}

// Scan is part of store.Store.
func (s *Store) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	return s.now().Scan(ctx, shard, r, visit)
}

// ScanIndex is part of store.Store. It has nothing to wait for: a commit that is
// in flight shows nothing yet.
func (s *Store) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	return s.now().ScanIndex(ctx, r, visit)
}

// Barrier is part of store.Store. What can be read is as durable as it gets.
func (s *Store) Barrier(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.now().readable(ctx); err != nil {
		return fmt.Errorf("pass barrier: %w", err)
	}
	return nil
}

// Snapshot is part of store.Store.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.now().readable(ctx); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	return &view{store: s, disk: s.disk.copy()}, nil
}

func (s *Store) now() *view { return &view{store: s, disk: s.disk} }

// readable tells what keeps a read from beginning. The mutex is held.
func (v *view) readable(ctx context.Context) error {
	if v.closed || v.store.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

func (v *view) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	if err := v.readable(ctx); err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	values := make([][]byte, len(places))
	for i := range places {
		if err := v.hasAll(places[i].Space, places[i].Shard); err != nil {
			return nil, fmt.Errorf("get from shard %d: %w", places[i].Shard, err)
		}
		rows, err := v.disk.rowsOf(places[i].Space, places[i].Shard)
		if err != nil {
			return nil, fmt.Errorf("get from shard %d: %w", places[i].Shard, err)
		}
		if value, found := rows.Get(string(places[i].Key)); found {
			values[i] = copyOf(value)
		}
	}
	return values, nil
}

func (v *view) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	if err := v.scan(ctx, store.ShardSpace, shard, r, visit); err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	return nil
}

func (v *view) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	if err := v.scan(ctx, store.IndexSpace, 0, r, visit); err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

func (v *view) scan(ctx context.Context, in store.Space, shard uint16, r store.Range, visit store.Visit) error {
	rows, err := v.rows(ctx, in, shard)
	if err != nil {
		return err
	}
	return rows.scan(ctx, r, visit) // without the mutex: the visitor may call the store
}

// rows is a space as it is now.
func (v *view) rows(ctx context.Context, in store.Space, shard uint16) (*space, error) {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	if err := v.readable(ctx); err != nil {
		return nil, err
	}
	rows, err := v.disk.rowsOf(in, shard)
	if err == nil {
		err = v.hasAll(in, shard)
	}
	if err != nil {
		return nil, err
	}
	return rows.snapshot(), nil
}

// hasAll tells whether a shard has all that is known here to be acknowledged. The mutex is held.
func (v *view) hasAll(in store.Space, shard uint16) error {
	if s := v.store; in == store.ShardSpace && v.disk == s.disk && int(shard) < len(s.told) && s.disk.shards[shard].seq < s.told[shard] {
		return store.ErrRegressed
	}
	return nil
}

// Close is part of store.Snapshot.
func (v *view) Close() error {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	if v.closed || v.store.closed {
		return fmt.Errorf("close snapshot: %w", store.ErrClosed)
	}
	v.closed, v.disk = true, nil
	return nil
}
