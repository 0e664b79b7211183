package runlog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// SnapshotParts is how many parts a snapshot of so many bytes has.
func SnapshotParts(length int) int {
	return (length + keys.SnapshotPartBytes - 1) / keys.SnapshotPartBytes
}

// Fold makes a run's state from what is stored of it: the snapshot, then the events
// and notes after it. Nothing may be written of the run meanwhile, or the view must be
// of one moment.
func Fold(ctx context.Context, v store.View, rules *engine.Ruleset, h *Head) (engine.State, error) {
	state, err := FoldUnnoted(ctx, v, rules, h)
	if err != nil {
		return nil, err
	}
	return state, FoldNotes(ctx, v, rules, state, h.Run)
}

// FoldUnnoted is Fold of a run that is known to have no notes.
func FoldUnnoted(ctx context.Context, v store.View, rules *engine.Ruleset, h *Head) (engine.State, error) {
	state := rules.New(h.Identity)
	next := int64(1)
	if h.SnapshotAt > 0 {
		b, err := readSnapshot(ctx, v, h)
		if err == nil {
			state, err = rules.DecodeState(h.Identity, b)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		next = h.SnapshotAt
	}
	next, err := FoldEvents(ctx, v, rules, state, h.Run, next)
	if err != nil {
		return nil, err
	}
	if next != h.NextEvent {
		return nil, fmt.Errorf("log ends before event %d, record before event %d", next, h.NextEvent)
	}
	return state, nil
}

func readSnapshot(ctx context.Context, v store.View, h *Head) ([]byte, error) {
	places := make([]store.Place, SnapshotParts(h.SnapshotLen))
	for i := range places {
		places[i] = store.Place{Shard: h.Run.Shard(), Key: keys.AppendSnapshot(nil, h.Run, h.SnapshotSlot, uint32(i))}
	}
	parts, err := v.Get(ctx, places)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if part == nil {
			return nil, fmt.Errorf("part %d of %d is missing", i, len(parts))
		}
	}
	b := bytes.Join(parts, nil)
	if len(b) != h.SnapshotLen {
		return nil, fmt.Errorf("%d bytes, record says %d", len(b), h.SnapshotLen)
	}
	return b, nil
}

// FoldEvents applies a run's events from id next on, and gives the id after the last.
func FoldEvents(ctx context.Context, v store.View, rules *engine.Ruleset, state engine.State, id engine.RunID, next int64) (int64, error) {
	var failed error
	err := v.Scan(ctx, id.Shard(), store.Range{
		Start: keys.AppendHistory(nil, id, next),
		End:   keys.End(keys.AppendRun(nil, keys.History, id)),
	}, func(key, value []byte) bool {
		var t *Turn
		if t, failed = ReadTurn(value); failed != nil {
			return false
		}
		if t.First != next {
			failed = fmt.Errorf("event %d follows event %d", t.First, next-1)
			return false
		}
		failed = t.Events(rules, next, func(e engine.Event) error {
			rules.Apply(state, e)
			return nil
		})
		next = t.Last() + 1
		return failed == nil
	})
	return next, cmp.Or(err, failed)
}

// FoldNotes takes a run's notes into a state that has all its events.
func FoldNotes(ctx context.Context, v store.View, rules *engine.Ruleset, state engine.State, id engine.RunID) error {
	var failed error
	prefix := keys.AppendRun(nil, keys.Note, id)
	err := v.Scan(ctx, id.Shard(), store.Range{Start: prefix, End: keys.End(prefix)}, func(key, value []byte) bool {
		subject, kind := keys.NoteSubject(key)
		failed = rules.Note(state, engine.Note{Subject: subject, Kind: engine.NoteKind(kind), Value: bytes.Clone(value)})
		return failed == nil
	})
	return cmp.Or(err, failed)
}

// ScanKind visits all rows of a kind of a shard, or until visit fails.
func ScanKind(ctx context.Context, v store.View, shard uint16, kind byte, visit func(key, value []byte) error) error {
	var failed error
	err := v.Scan(ctx, shard, store.Range{Start: []byte{kind}, End: []byte{kind + 1}}, func(key, value []byte) bool {
		failed = visit(key, value)
		return failed == nil
	})
	return cmp.Or(err, failed)
}
