package sealed

import (
	"context"
	"fmt"

	"heddle/internal/store"
)

// handle reads a shard's rows.
type handle struct {
	store.Handle
	keys *keyring
}

func (h *handle) Get(ctx context.Context, key []byte) ([]byte, error) {
	value, err := h.Handle.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	var r room
	opened, err := r.open(nil, h.keys, r.shardPlace(h.Shard(), key), value)
	if err != nil {
		return nil, h.broken(key, err)
	}
	return opened, nil
}

func (h *handle) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	var room room
	var opened []byte
	var broken error
	err := h.Handle.Scan(ctx, r, func(key, value []byte) bool {
		var err error
		if opened, err = room.open(opened[:0], h.keys, room.shardPlace(h.Shard(), key), value); err != nil {
			broken = h.broken(key, err)
			return false
		}
		return visit(key, opened)
	})
	if broken != nil {
		return broken
	}
	return err
}

func (h *handle) broken(key []byte, err error) error {
	return fmt.Errorf("read shard %d, key %x: %w", h.Shard(), key, err)
}

// index reads the index space, where few rows have a value, or none.
type index struct {
	store.Index
	keys *keyring
}

func (x index) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	var room room
	var opened []byte
	var broken error
	err := x.Index.Scan(ctx, r, func(key, value []byte) bool {
		if len(value) == 0 {
			return visit(key, value)
		}
		var err error
		if opened, err = room.open(opened[:0], x.keys, room.indexPlace(key), value); err != nil {
			broken = fmt.Errorf("read index, key %x: %w", key, err)
			return false
		}
		return visit(key, opened)
	})
	if broken != nil {
		return broken
	}
	return err
}
