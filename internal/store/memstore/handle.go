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
	lost     uint64
	released bool // under the store's mutex
}

func (h *handle) Shard() uint16 { return h.shard }
func (h *handle) Epoch() uint64 { return h.epoch }
func (h *handle) Seq() uint64   { return h.seq }
func (h *handle) Stamp() uint64 { return h.stamp }
func (h *handle) Lost() uint64  { return h.lost }

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
