package memstore

import (
	"context"
	"fmt"

	"heddle/internal/store"
)

// handle is an owned shard.
type handle struct {
	store    *Store
	shard    uint16
	epoch    uint64
	seq      uint64
	stamp    uint64
	released bool // under the store's mutex
}

func (h *handle) Shard() uint16 { return h.shard }
func (h *handle) Epoch() uint64 { return h.epoch }
func (h *handle) Seq() uint64   { return h.seq }
func (h *handle) Stamp() uint64 { return h.stamp }

func (h *handle) Get(ctx context.Context, key []byte) ([]byte, error) {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if h.released || h.store.closed {
		return nil, fmt.Errorf("get from shard %d: %w", h.shard, store.ErrClosed)
	}
	value, found := h.store.disk.shards[h.shard].rows.Get(string(key))
	if !found {
		return nil, store.ErrNotFound
	}
	return copyOf(value), nil
}

func (h *handle) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	h.store.mu.Lock()
	if h.released || h.store.closed {
		h.store.mu.Unlock()
		return fmt.Errorf("scan shard %d: %w", h.shard, store.ErrClosed)
	}
	rows := h.store.disk.shards[h.shard].rows.snapshot()
	h.store.mu.Unlock()
	return rows.scan(ctx, r, visit)
}

func (h *handle) Release(ctx context.Context) error {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if h.released || h.store.closed {
		return fmt.Errorf("release shard %d: %w", h.shard, store.ErrClosed)
	}
	h.released = true
	h.store.unseat(h.shard, h.epoch)
	return nil
}

// index reads the index space.
type index struct{ store *Store }

func (x index) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	x.store.mu.Lock()
	if x.store.closed {
		x.store.mu.Unlock()
		return fmt.Errorf("scan index: %w", store.ErrClosed)
	}
	rows := x.store.disk.index.snapshot()
	x.store.mu.Unlock()
	return rows.scan(ctx, r, visit)
}

// Barrier has nothing to wait for: what can be read is as durable as it gets.
func (x index) Barrier(context.Context) error {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	if x.store.closed {
		return fmt.Errorf("pass barrier: %w", store.ErrClosed)
	}
	return nil
}
