package pebblestore

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
	last     lastSection
	released bool // under the store's mutex
}

func (h *handle) Shard() uint16 { return h.shard }
func (h *handle) Epoch() uint64 { return h.epoch }
func (h *handle) Seq() uint64   { return h.last.seq }
func (h *handle) Stamp() uint64 { return h.last.stamp }

// Lost is part of store.Handle: one folder is all that there is.
func (h *handle) Lost() uint64 { return 0 }

func (h *handle) Release(ctx context.Context) error {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if h.released || h.store.closed {
		return fmt.Errorf("release shard %d: %w", h.shard, store.ErrClosed)
	}
	h.released = true
	if sh := &h.store.shards[h.shard]; sh.epoch == h.epoch {
		sh.epoch = 0
	}
	return nil
}
