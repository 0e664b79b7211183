package shard

import (
	"context"
	"errors"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Archive reads the runs of a store that nobody writes: a stopped one.
type Archive struct {
	store   store.Store
	handles []store.Handle
	hash    *keys.Hash
	rules   map[engine.Kind]engine.Rules
}

// OpenArchive acquires the shards of a store for reading.
func OpenArchive(ctx context.Context, s store.Store, shards uint16, hash *keys.Hash, rules map[engine.Kind]engine.Rules) (*Archive, error) {
	a := &Archive{store: s, hash: hash, rules: rules}
	for id := range shards {
		h, err := s.Acquire(ctx, id)
		if err != nil {
			return nil, err
		}
		a.handles = append(a.handles, h)
	}
	return a, nil
}

// Stored gives what is stored of a run. Errors: store.ErrNotFound.
func (a *Archive) Stored(ctx context.Context, run engine.RunID) (*engine.RunView, error) {
	rec, err := a.record(ctx, run)
	if err != nil {
		return nil, err
	}
	return rec.view(), nil
}

func (a *Archive) record(ctx context.Context, run engine.RunID) (*stored, error) {
	if int(run.Shard()) >= len(a.handles) {
		return nil, store.ErrNotFound
	}
	return readStored(ctx, a.handles[run.Shard()], run)
}

// AppendEvents appends the events first..last of a run; see Node.AppendEvents.
func (a *Archive) AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64) ([]byte, error) {
	if int(run.Shard()) >= len(a.handles) {
		return b, store.ErrNotFound
	}
	return appendEvents(ctx, a.handles[run.Shard()], b, run, first, last, false)
}

// readStored reads a run's record, open or closed. Errors: store.ErrNotFound.
func readStored(ctx context.Context, h store.Handle, run engine.RunID) (*stored, error) {
	var room [1 + keys.RunSize]byte
	for _, kind := range []byte{keys.ClosedRun, keys.OpenRun, keys.ClosedRun} { // it may close meanwhile
		v, err := h.Get(ctx, keys.AppendRun(room[:0], kind, run))
		if err == nil {
			return readRecord(run, v)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return nil, store.ErrNotFound
}

func (s *stored) view() *engine.RunView {
	return &engine.RunView{Identity: s.Identity, Record: s.Record, LastEvent: s.NextEvent - 1}
}
