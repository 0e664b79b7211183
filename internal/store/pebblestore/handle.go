package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// handle is an owned shard. Its reads wait for no sync: a shard reads only between
// its commits, and who reads at other times passes the Barrier before he answers.
type handle struct {
	store    *Store
	shard    uint16
	epoch    uint64
	last     lastSection
	released atomic.Bool
}

func (h *handle) Shard() uint16 { return h.shard }
func (h *handle) Epoch() uint64 { return h.epoch }
func (h *handle) Seq() uint64   { return h.last.seq }
func (h *handle) Stamp() uint64 { return h.last.stamp }

// enter begins a call on a handle that is still held.
func (h *handle) enter() error {
	if h.released.Load() {
		return store.ErrClosed
	}
	return h.store.enter()
}

func (h *handle) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := h.enter(); err != nil {
		return nil, fmt.Errorf("get from shard %d: %w", h.shard, err)
	}
	defer h.store.users.Done()
	row := make([]byte, shardPrefixBytes+len(key))
	putShardPrefix(row, shardRows, h.shard)
	copy(row[shardPrefixBytes:], key)
	value, err := read(h.store.db, row)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("get from shard %d: %w", h.shard, err)
	}
	return value, err
}

func (h *handle) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	if err := h.enter(); err != nil {
		return fmt.Errorf("scan shard %d: %w", h.shard, err)
	}
	defer h.store.users.Done()
	rows, err := newRows(h.store.db, shardPrefix(shardRows, h.shard), r)
	if err == nil {
		err = rows.visit(ctx, visit)
	}
	if err != nil {
		return fmt.Errorf("scan shard %d: %w", h.shard, err)
	}
	return nil
}

func (h *handle) Release(ctx context.Context) error {
	if err := h.enter(); err != nil {
		return fmt.Errorf("release shard %d: %w", h.shard, err)
	}
	defer h.store.users.Done()
	h.released.Store(true)
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if sh := &h.store.shards[h.shard]; sh.epoch == h.epoch {
		sh.epoch = 0
	}
	return nil
}

// index reads the index space.
type index struct{ store *Store }

func (x index) Scan(ctx context.Context, r store.Range, visit store.Visit) error {
	if err := x.store.enter(); err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	defer x.store.users.Done()
	rows, err := newRows(x.store.db, []byte{indexRows}, r)
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	writes := x.store.underWay()
	if err = rows.visit(ctx, visit); err == nil {
		err = await(ctx, writes)
	}
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

func (x index) Barrier(ctx context.Context) error {
	if err := x.store.enter(); err != nil {
		return fmt.Errorf("pass barrier: %w", err)
	}
	defer x.store.users.Done()
	if err := await(ctx, x.store.underWay()); err != nil {
		return fmt.Errorf("pass barrier: %w", err)
	}
	return nil
}

// await waits until writes are durable.
func await(ctx context.Context, writes []chan struct{}) error {
	for _, durable := range writes {
		select {
		case <-durable:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// read returns a copy of a row's value.
func read(db *pebble.DB, row []byte) ([]byte, error) {
	value, closer, err := db.Get(row)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte{}, value...) // not nil, even when empty
	return value, closer.Close()
}

// rows is a view of a range, taken when it was made. It keeps no rows in
// memory, only the files that hold them.
type rows struct {
	iterator *pebble.Iterator
	prefix   int // bytes that the visitor must not see
	reverse  bool
}

func newRows(db *pebble.DB, prefix []byte, r store.Range) (*rows, error) {
	end := after(prefix)
	if len(r.End) > 0 {
		end = join(prefix, r.End)
	}
	iterator, err := db.NewIter(&pebble.IterOptions{LowerBound: join(prefix, r.Start), UpperBound: end})
	if err != nil {
		return nil, err
	}
	return &rows{iterator: iterator, prefix: len(prefix), reverse: r.Reverse}, nil
}

// visit shows each row to the visitor and closes the view.
func (r *rows) visit(ctx context.Context, visit store.Visit) error {
	defer r.iterator.Close()
	first, next := r.iterator.First, r.iterator.Next
	if r.reverse {
		first, next = r.iterator.Last, r.iterator.Prev
	}
	visited := 0
	for ok := first(); ok; ok = next() {
		if visited++; visited%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		value, err := r.iterator.ValueAndErr()
		if err != nil {
			return err
		}
		if !visit(r.iterator.Key()[r.prefix:], value) {
			return nil
		}
	}
	return r.iterator.Error()
}
