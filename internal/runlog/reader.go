// Package runlog is the stored form of a run: its head, the turns of its history, its
// notes and snapshot, and the messages between shards. It reads and writes rows and
// folds them to a state; it starts no goroutine and owns no shard, so whoever has a view
// of a store reads runs through it: shards, lists, exports, checks.
package runlog

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Reader reads runs of a view past their shards.
type Reader struct {
	view   store.View
	shards uint16
}

// NewReader makes a Reader of a store with so many shards.
func NewReader(v store.View, shards uint16) Reader { return Reader{v, shards} }

// Stored gives what is stored of a run, open or closed; nil if nothing is.
func (r Reader) Stored(ctx context.Context, run engine.RunID) (*engine.RunView, error) {
	head, err := r.Head(ctx, run)
	if head == nil || err != nil {
		return nil, err
	}
	return head.View(), nil
}

// Head gives the head of a run, open or closed; nil if nothing is stored of it.
func (r Reader) Head(ctx context.Context, run engine.RunID) (*Head, error) {
	heads, err := r.read(ctx, []engine.RunID{run}, keys.OpenRun, keys.ClosedRun)
	if err != nil {
		return nil, err
	}
	return heads[0], nil
}

// OfStatus gives what is stored of the runs that have a status, by run; nil for one
// that has another, or of which nothing is stored. Zero is any status. All is read at one
// moment.
func (r Reader) OfStatus(ctx context.Context, runs []engine.RunID, status engine.Status) ([]*engine.RunView, error) {
	kinds := []byte{keys.OpenRun, keys.ClosedRun}
	switch status {
	case engine.Open:
		kinds = kinds[:1]
	case engine.Closed:
		kinds = kinds[1:]
	}
	heads, err := r.read(ctx, runs, kinds...)
	if err != nil {
		return nil, err
	}
	views := make([]*engine.RunView, len(runs))
	for i, h := range heads {
		if h != nil {
			views[i] = h.View()
		}
	}
	return views, nil
}

// read gives the head of each run, by the first kind of row that is there.
func (r Reader) read(ctx context.Context, runs []engine.RunID, kinds ...byte) ([]*Head, error) {
	const keyBytes = 1 + keys.RunSize
	places := make([]store.Place, 0, len(runs)*len(kinds))
	of := make([]int, 0, cap(places))
	room := make([]byte, 0, keyBytes*cap(places))
	for i, run := range runs {
		if run.Shard() >= r.shards { // a run id that this store never made
			continue
		}
		for _, kind := range kinds {
			from := len(room)
			room = keys.AppendRun(room, kind, run)
			places = append(places, store.Place{Shard: run.Shard(), Key: room[from:]})
			of = append(of, i)
		}
	}
	heads := make([]*Head, len(runs))
	if len(places) == 0 {
		return heads, nil
	}
	values, err := r.view.Get(ctx, places)
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		run := of[i]
		if value == nil || heads[run] != nil {
			continue
		}
		if heads[run], err = ReadHead(runs[run], value); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// AppendEvents appends the public bytes of a run's events; see the function.
func (r Reader) AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	if run.Shard() >= r.shards {
		return b, &engine.UnknownRunError{Run: run}
	}
	return AppendEvents(ctx, r.view, b, run, first, last, reverse)
}

// AppendPage appends as many of them as there is room for; see the function.
func (r Reader) AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error) {
	if run.Shard() >= r.shards {
		return b, 0, &engine.UnknownRunError{Run: run}
	}
	return AppendPage(ctx, r.view, b, run, first, last, reverse, most)
}
