package sealed

import (
	"context"
	"fmt"

	"heddle/internal/store"
)

// view opens what it reads.
type view struct {
	below store.View
	keys  *keyring
}

// Get is part of store.Store.
func (s *Store) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	return s.view().Get(ctx, places)
}

// Scan is part of store.Store.
func (s *Store) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	return s.view().Scan(ctx, shard, r, visit)
}

// ScanIndex is part of store.Store.
func (s *Store) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	return s.view().ScanIndex(ctx, r, visit)
}

func (s *Store) view() view { return view{s.Store, s.keys} }

// snapshot is a view that is closed by what lies below.
type snapshot struct {
	view
	below store.Snapshot
}

// Snapshot is part of store.Store.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	below, err := s.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot{view{below, s.keys}, below}, nil
}

func (s snapshot) Close() error { return s.below.Close() }

func (v view) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	values, err := v.below.Get(ctx, places)
	if err != nil {
		return nil, err
	}
	var r room
	for i, value := range values {
		if value == nil {
			continue
		}
		p := &places[i]
		if p.Space == store.IndexSpace {
			values[i], err = v.openIndex(&r, []byte{}, p.Key, value) // and not nil, if it stays so
		} else if values[i], err = r.openOwn(v.keys, r.shardPlace(p.Shard, p.Key), value); err != nil {
			err = shardError(p.Shard, p.Key, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (v view) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	o := opening{visit: visit}
	err := v.below.Scan(ctx, shard, r, func(key, value []byte) bool {
		o.opened, o.broken = v.openShard(&o.room, o.opened[:0], shard, key, value)
		return o.show(key)
	})
	return o.end(err)
}

func (v view) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	o := opening{visit: visit}
	err := v.below.ScanIndex(ctx, r, func(key, value []byte) bool {
		o.opened, o.broken = v.openIndex(&o.room, o.opened[:0], key, value)
		return o.show(key)
	})
	return o.end(err)
}

// openShard appends the value of a shard's row.
func (v view) openShard(r *room, b []byte, shard uint16, key, value []byte) ([]byte, error) {
	opened, err := r.open(b, v.keys, r.shardPlace(shard, key), value)
	if err != nil {
		return opened, shardError(shard, key, err)
	}
	return opened, nil
}

func shardError(shard uint16, key []byte, err error) error {
	return fmt.Errorf("read shard %d, key %x: %w", shard, key, err)
}

// openIndex appends the value of a row of the index, where few rows have one, or
// none.
func (v view) openIndex(r *room, b, key, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return append(b, value...), nil
	}
	opened, err := r.open(b, v.keys, r.indexPlace(key), value)
	if err != nil {
		return opened, fmt.Errorf("read index, key %x: %w", key, err)
	}
	return opened, nil
}

// opening is what a scan needs from row to row.
type opening struct {
	room
	visit  store.Visit
	opened []byte
	broken error // of the last row; it ends the scan
}

func (o *opening) show(key []byte) bool { return o.broken == nil && o.visit(key, o.opened) }

// end is what the scan returns.
func (o *opening) end(err error) error {
	if o.broken != nil {
		return o.broken
	}
	return err
}
