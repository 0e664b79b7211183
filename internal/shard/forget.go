package shard

import (
	"context"
	"errors"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// pointDeletesMax is the longest history, in turns, that is deleted key by key;
// a longer one is worth a range deletion.
const pointDeletesMax = 256

// forgetDue deletes closed runs whose retention is over.
func (s *Shard) forgetDue(b *Batch) {
	var due []engine.RunID
	var at []int64
	s.forgetAt = 0
	err := s.handle.Scan(context.Background(), store.Range{
		Start: []byte{keys.Forget}, End: []byte{keys.Forget + 1},
	}, func(key, _ []byte) bool {
		t, id := keys.ForgetTime(key)
		if engine.Time(t) > b.now || len(due) == batchForgetMax {
			s.forgetAt = engine.Time(t)
			return false
		}
		due, at = append(due, id), append(at, t)
		return true
	})
	if err != nil {
		s.Log.Error("read the runs to forget", "shard", s.id, "cause", err)
		s.forgetAt = b.now + ackDelay
		return
	}
	for i, id := range due {
		if b.full() {
			s.forgetAt = engine.Time(at[i])
			return
		}
		r, err := s.byID(b, id)
		switch {
		case err == nil && s.Rules[r.Name.Kind] != nil:
			s.erase(b, r)
		case !errors.Is(err, store.ErrNotFound):
			s.Log.Error("a closed run can't be forgotten", "run", id, "cause", err)
			continue // it stays until the next restart looks again
		}
		b.delete(store.ShardSpace, keys.AppendForget(nil, at[i], id))
	}
}

// erase deletes all of a run: index entries, record and log.
func (s *Shard) erase(b *Batch, r *run) {
	for _, e := range s.Rules[r.Name.Kind].Entries(r.Identity, &r.Record) {
		b.delete(store.IndexSpace, s.indexKey(b, r, e))
	}
	b.delete(store.ShardSpace, keys.AppendRun(nil, keys.ClosedRun, r.Run))
	s.eraseLog(b, r)
}

// eraseLog deletes history, notes and snapshot, those that the batch itself
// holds included.
func (s *Shard) eraseLog(b *Batch, r *run) {
	if r.SnapshotAt > 0 {
		b.delete(store.ShardSpace, keys.AppendRun(nil, keys.Snapshot, r.Run))
	}
	for _, kind := range []byte{keys.History, keys.Note} {
		prefix := keys.AppendRun(nil, kind, r.Run)
		all := store.Range{Start: prefix, End: keys.End(prefix)}
		var found [][]byte
		err := s.handle.Scan(context.Background(), all, func(key, _ []byte) bool {
			found = append(found, append([]byte(nil), key...))
			return len(found) <= pointDeletesMax
		})
		for i := range b.Section.Ops {
			op := &b.Section.Ops[i]
			if op.Kind == store.Put && op.Space == store.ShardSpace && len(op.Key) > len(prefix) && string(op.Key[:len(prefix)]) == string(prefix) {
				found = append(found, op.Key)
			}
		}
		if err != nil || len(found) > pointDeletesMax {
			b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.DeleteRange, Key: all.Start, Value: all.End})
			continue
		}
		for _, key := range found {
			b.delete(store.ShardSpace, key)
		}
	}
}
