package runlog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// SnapshotParts is how many parts a snapshot of so many bytes has.
func SnapshotParts(length int) int {
	return (length + keys.SnapshotPartBytes - 1) / keys.SnapshotPartBytes
}

// Ahead is what is read of a run before it is folded: its snapshot, and the turn behind it,
// which most runs have no more than. Of many runs it is read by one look-up, which costs a
// fraction of one for each.
type Ahead struct {
	snapshot [][]byte // its parts
	turn     []byte   // nil: there is none, or it is missing
}

// next is the event before which a run's snapshot was taken; the first, if it has none.
func next(h *Head) int64 { return max(1, h.SnapshotAt) }

// historyKeyBytes is the length of the key of a turn.
const historyKeyBytes = 1 + keys.RunSize + 8

// ReadAhead reads what is read of runs of any shards before they are folded.
func ReadAhead(ctx context.Context, v store.View, heads []*Head) ([]Ahead, error) {
	places := make([]store.Place, 0, len(heads))
	room := make([]byte, 0, len(heads)*historyKeyBytes)
	add := func(h *Head, longer []byte) {
		places = append(places, store.Place{Shard: h.Run.Shard(), Key: longer[len(room):len(longer):len(longer)]})
		room = longer
	}
	for _, h := range heads {
		if h.SnapshotAt > 0 {
			for part := range SnapshotParts(h.SnapshotLen) {
				add(h, keys.AppendSnapshot(room, h.Run, h.SnapshotSlot, uint32(part)))
			}
		}
		if next(h) < h.NextEvent {
			add(h, keys.AppendHistory(room, h.Run, next(h)))
		}
	}
	values, err := v.Get(ctx, places)
	if err != nil {
		return nil, err
	}
	read := make([]Ahead, len(heads))
	for i, h := range heads {
		if h.SnapshotAt > 0 {
			n := SnapshotParts(h.SnapshotLen)
			read[i].snapshot, values = values[:n], values[n:]
		}
		if next(h) < h.NextEvent {
			read[i].turn, values = values[0], values[1:]
		}
	}
	return read, nil
}

// Fold makes a run's state from what is stored of it: the snapshot, then the events
// and notes after it. Nothing may be written of the run meanwhile, or the view must be
// of one moment.
func Fold(ctx context.Context, v store.View, rules *engine.Ruleset, h *Head) (engine.State, error) {
	read, err := ReadAhead(ctx, v, []*Head{h})
	if err != nil {
		return nil, err
	}
	return read[0].Fold(ctx, v, rules, h, true)
}

// Fold is Fold of a run of which this was read. Noted says whether it may have notes.
func (a *Ahead) Fold(ctx context.Context, v store.View, rules *engine.Ruleset, h *Head, noted bool) (engine.State, error) {
	state, at := rules.New(h.Identity), next(h)
	if h.SnapshotAt > 0 {
		b, err := a.joined(h)
		if err == nil {
			state, err = rules.DecodeState(h.Identity, b)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
	}
	var err error
	if a.turn != nil {
		at, err = foldTurn(rules, state, a.turn, at)
	}
	if err == nil && at < h.NextEvent {
		at, err = FoldEvents(ctx, v, rules, state, h.Run, at)
	}
	if err != nil {
		return nil, err
	}
	if at != h.NextEvent {
		return nil, fmt.Errorf("log ends before event %d, record before event %d", at, h.NextEvent)
	}
	if noted {
		err = FoldNotes(ctx, v, rules, state, h.Run)
	}
	return state, err
}

// joined is the snapshot.
func (a *Ahead) joined(h *Head) ([]byte, error) {
	for i, part := range a.snapshot {
		if part == nil {
			return nil, fmt.Errorf("part %d of %d is missing", i, len(a.snapshot))
		}
	}
	b := bytes.Join(a.snapshot, nil)
	if len(b) != h.SnapshotLen {
		return nil, fmt.Errorf("%d bytes, record says %d", len(b), h.SnapshotLen)
	}
	return b, nil
}

// folding is what folding a turn needs for its time. A state keeps nothing of the bytes that its
// events were read from, so they may lie in a room that the next turn is read into.
type folding struct {
	turn   Turn
	room   []byte
	rules  *engine.Ruleset // of the kind that was folded last
	folder engine.Folder   // of these
}

var foldings = sync.Pool{New: func() any { return &folding{room: make([]byte, 0, foldingBytes)} }}

// Most turns have no more bytes, unpacked, and no more events. Others are read into memory of
// their own.
const (
	foldingBytes  = 16 << 10
	foldingEvents = 1 << 10
)

func (f *folding) release() {
	if cap(f.turn.lens) <= foldingEvents {
		f.turn = Turn{lens: f.turn.lens[:0], privs: f.turn.privs[:0]}
		foldings.Put(f)
	}
}

// of has the folding fold runs of a kind.
func (f *folding) of(rules *engine.Ruleset) engine.Folder {
	if f.rules != rules {
		f.rules, f.folder = rules, rules.NewFolder()
	}
	return f.folder
}

// foldTurn applies the events of a turn, of which the first is next, and gives the id after
// the last.
func foldTurn(rules *engine.Ruleset, state engine.State, turn []byte, next int64) (int64, error) {
	f := foldings.Get().(*folding)
	defer f.release()
	t, folder := &f.turn, f.of(rules)
	if err := t.read(turn, f.room); err != nil {
		return next, err
	}
	if t.First != next {
		return next, fmt.Errorf("event %d follows event %d", t.First, next-1)
	}
	err := t.Each(next, func(id int64, public, private []byte) error {
		return folder.Fold(state, id, t.At, public, private)
	})
	return t.Last() + 1, err
}

// FoldEvents applies a run's events from id next on, and gives the id after the last.
func FoldEvents(ctx context.Context, v store.View, rules *engine.Ruleset, state engine.State, id engine.RunID, next int64) (int64, error) {
	var failed error
	err := v.Scan(ctx, id.Shard(), store.Range{
		Start: keys.AppendHistory(nil, id, next),
		End:   keys.End(keys.AppendRun(nil, keys.History, id)),
	}, func(key, value []byte) bool {
		next, failed = foldTurn(rules, state, value, next)
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
