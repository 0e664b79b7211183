package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
)

// disk is the store as one process sees it: it may die at any operation, and it
// shows what was written before that is durable, as Pebble does.
type disk struct {
	w        *world
	under    *memstore.Store
	dead     bool
	dieIn    int // operations from now at which the process dies; 0: it lives
	judging  bool
	fetching bool // a reader is at work, whose reads may fail
	// unsynced are commits that can be read and may be lost, in their order.
	unsynced []*flight
}

var _ store.Store = (*disk)(nil)

// op counts an operation of the process.
func (d *disk) op() error {
	if d.judging {
		return nil
	}
	if d.dieIn > 0 {
		if d.dieIn--; d.dieIn == 0 {
			d.w.struck(crashInStore)
			d.dead = true
		}
	}
	if d.dead {
		return store.ErrClosed
	}
	return nil
}

// read counts a read, which may fail if a reader does it.
func (d *disk) read() error {
	if err := d.op(); err != nil {
		return err
	}
	if d.fetching && d.w.strikes(failedRead) {
		return errRead
	}
	return nil
}

var errRead = errors.New("the disk does not answer")

func (d *disk) Limits() store.Limits       { return d.under.Limits() }
func (d *disk) Meta() store.Meta           { return d.under.Meta() }
func (d *disk) Current(shard uint16) error { return d.under.Current(shard) }
func (d *disk) Close() error               { return nil }

func (d *disk) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	if err := d.op(); err != nil {
		return nil, err
	}
	if d.w.harness != nil && d.w.strikes(refusedShard) {
		return nil, fmt.Errorf("acquire shard %d: %w", shard, store.ErrHeld)
	}
	h, err := d.under.Acquire(ctx, shard)
	if err != nil {
		return nil, err
	}
	d.w.owners[shard] = h.Epoch()
	return h, nil
}

// Commit is not for processes: the scheduler writes their batches.
func (d *disk) Commit(context.Context, []store.Section) []error {
	panic("sim: a process commits by itself")
}

// sync makes durable what was visible to an index scan, as the barrier does.
func (d *disk) sync() {
	for _, f := range d.unsynced {
		f.settle(d.under.Commit(context.Background(), f.sections))
	}
	d.unsynced = nil
}

// ScanIndex is store.View's.
func (d *disk) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	if err := d.op(); err != nil {
		return err
	}
	if err := scanOver(ctx, d.under.ScanIndex, d.ops(store.IndexSpace, 0), r, visit); err != nil {
		return err
	}
	return d.Barrier(ctx)
}

// Barrier is store.Store's.
func (d *disk) Barrier(context.Context) error {
	if d.dead && !d.judging {
		return store.ErrClosed
	}
	if !d.judging && !d.w.sabotage.noBarrier {
		d.sync()
	}
	return nil
}

// ops are those of a space that are visible and not durable.
func (d *disk) ops(space store.Space, shard uint16) []store.Op {
	var ops []store.Op
	for _, f := range d.unsynced {
		for i := range f.sections {
			if space == store.ShardSpace && f.sections[i].Shard != shard {
				continue
			}
			for _, op := range f.sections[i].Ops {
				if op.Space == space {
					ops = append(ops, op)
				}
			}
		}
	}
	return ops
}

// Get is store.View's.
func (d *disk) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	if err := d.read(); err != nil {
		return nil, err
	}
	values, err := d.under.Get(ctx, places)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		for _, op := range d.ops(place.Space, place.Shard) {
			switch {
			case op.Kind == store.Put && bytes.Equal(op.Key, place.Key):
				values[i] = append([]byte{}, op.Value...)
			case covers(&op, place.Key):
				values[i] = nil
			}
		}
	}
	return values, nil
}

// Scan is store.View's.
func (d *disk) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	if err := d.read(); err != nil {
		return err
	}
	scan := func(ctx context.Context, r store.Range, visit store.Visit) error {
		return d.under.Scan(ctx, shard, r, visit)
	}
	return scanOver(ctx, scan, d.ops(store.ShardSpace, shard), r, visit)
}

// Snapshot is read while the world stands still.
func (d *disk) Snapshot(ctx context.Context) (store.Snapshot, error) { return d.under.Snapshot(ctx) }

// covers tells whether op takes a key away.
func covers(op *store.Op, key []byte) bool {
	switch op.Kind {
	case store.Delete:
		return bytes.Equal(op.Key, key)
	case store.DeleteRange:
		return bytes.Compare(key, op.Key) >= 0 && (len(op.Value) == 0 || bytes.Compare(key, op.Value) < 0)
	}
	return false
}

// scanOver scans a range as it is with further operations applied.
func scanOver(ctx context.Context, scan func(context.Context, store.Range, store.Visit) error, ops []store.Op, r store.Range, visit store.Visit) error {
	if len(ops) == 0 {
		return scan(ctx, r, visit)
	}
	type row struct{ key, value []byte }
	var rows []row
	all := r
	all.Reverse, all.Limit = false, 0
	if err := scan(ctx, all, func(key, value []byte) bool {
		rows = append(rows, row{bytes.Clone(key), bytes.Clone(value)})
		return true
	}); err != nil {
		return err
	}
	for i := range ops {
		op := &ops[i]
		if op.Kind != store.Put {
			rows = slices.DeleteFunc(rows, func(x row) bool { return covers(op, x.key) })
			continue
		}
		if bytes.Compare(op.Key, r.Start) < 0 || len(r.End) > 0 && bytes.Compare(op.Key, r.End) >= 0 {
			continue
		}
		at, found := slices.BinarySearchFunc(rows, op.Key, func(x row, key []byte) int { return bytes.Compare(x.key, key) })
		if found {
			rows[at].value = bytes.Clone(op.Value)
		} else {
			rows = slices.Insert(rows, at, row{bytes.Clone(op.Key), bytes.Clone(op.Value)})
		}
	}
	if r.Reverse {
		slices.Reverse(rows)
	}
	for i, x := range rows {
		if r.Limit > 0 && i == r.Limit || !visit(x.key, x.value) {
			break
		}
	}
	return nil
}

// flight is a commit on its way: batches of several shards in one write.
type flight struct {
	harness  *harness
	shards   []uint16
	batches  []*batch
	sections []store.Section
	errs     []error // what the commit said; nil: it is not decided
	steps    int     // how long it still takes
}

// settle takes in what the store said.
func (f *flight) settle(errs []error) {
	f.errs = errs
	for i, err := range errs {
		if err == nil {
			f.harness.w.judge.stored(&f.sections[i])
		} else if !errors.Is(err, store.ErrFenced) {
			f.harness.w.judge.fail("commit to shard %d: %v", f.shards[i], err)
		}
	}
}
