package shard

import (
	"context"
	"maps"
	"math"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// pointDeletesMax is the longest history, in turns, that is deleted key by key;
// a longer one is worth a range deletion.
const pointDeletesMax = 256

// doomed is a closed run that is due to be deleted, and all that is stored of it.
type doomed struct {
	at         engine.Time
	run        engine.RunID
	head       *runlog.Head  // nil: there is no such run
	keys       [][]byte      // rows of the shard
	ranges     []store.Range // of rows
	blobs      [][keys.BlobSize]byte
	some       bool // these are not all: they go first
	waits      bool // for messages that are parked with it
	unreadable bool
}

// blobDeletesMax is how many references of a run are deleted in one batch.
const blobDeletesMax = 4096

// forgetDue has the closed runs looked up whose retention is over. The batch must hold
// nothing yet: what it closes the store does not have, and would be taken for looked up.
func (s *Shard) forgetDue(b *Batch) {
	until := min(b.confirmed, s.keptUntil())
	if s.forgetAt == 0 || s.forgetAt > until || s.forgetting != nil || s.peers.holds() {
		return
	}
	s.forgetting = &fetch{do: (*fetch).readDue, long: true, now: until, spared: maps.Clone(s.spared)}
	s.forgetAt = 0 // what closes meanwhile sets it anew
	s.fetch(s.forgetting)
}

// keptUntil is up to which end of their retention runs may be deleted.
func (s *Shard) keptUntil() engine.Time {
	if s.Kept == nil {
		return math.MaxInt64
	}
	return s.Kept(s.id)
}

// ForgetMore has a shard look which closed runs it may delete now.
func (n *Node) ForgetMore(shard uint16) { n.kick(n.shards[shard]) }

// forgetWake is when a closed run is to be deleted, if nobody looks already, and if it may be.
func (s *Shard) forgetWake() engine.Time {
	if s.forgetting != nil || s.forgetAt > s.keptUntil() {
		return 0
	}
	return s.forgetAt
}

// readDue finds the runs to forget, and all rows of theirs.
func (f *fetch) readDue(ctx context.Context) error {
	err := f.shard.Store.Scan(ctx, f.shard.id, store.Range{
		Start: []byte{keys.Forget}, End: []byte{keys.Forget + 1}, Limit: batchForgetMax + 1 + len(f.spared),
	}, func(key, _ []byte) bool {
		at, id := keys.ForgetTime(key)
		if f.spared[id] {
			return true
		}
		if engine.Time(at) > f.now || len(f.doomed) == batchForgetMax {
			f.next = engine.Time(at)
			return false
		}
		f.doomed = append(f.doomed, doomed{at: engine.Time(at), run: id})
		return true
	})
	for i := range f.doomed {
		if err == nil {
			err = f.readDoomed(ctx, &f.doomed[i])
		}
	}
	return err
}

func (f *fetch) readDoomed(ctx context.Context, d *doomed) error {
	s := f.shard
	key := keys.AppendRun(nil, keys.ClosedRun, d.run)
	values, err := s.Store.Get(ctx, []store.Place{{Shard: s.id, Key: key}})
	if err != nil || values[0] == nil {
		return err
	}
	head, err := runlog.ReadHead(d.run, values[0])
	if err != nil || s.kinds[head.Name.Kind] == nil {
		// It stays, and so does the row that says when to forget it.
		s.Log.Error("a closed run can't be forgotten", "run", d.run, "cause", err)
		d.unreadable = true
		return nil
	}
	d.head = head
	parked := keys.AppendRun(nil, keys.Parked, d.run)
	err = s.Store.Scan(ctx, s.id, store.Range{Start: parked, End: keys.End(parked), Limit: 1}, func(_, _ []byte) bool {
		d.waits = true
		return false
	})
	if err != nil || d.waits {
		return err
	}
	d.keys = append(d.keys, key)
	for _, kind := range []byte{keys.History, keys.Note, keys.Snapshot, keys.Blob} {
		prefix := keys.AppendRun(nil, kind, d.run)
		all := store.Range{Start: prefix, End: keys.End(prefix)}
		var found [][]byte
		some := all
		some.Limit = pointDeletesMax + 1
		if kind == keys.Blob {
			some.Limit = blobDeletesMax + 1
		}
		err := s.Store.Scan(ctx, s.id, some, func(key, _ []byte) bool {
			found = append(found, slices.Clone(key))
			if kind == keys.Blob {
				d.blobs = append(d.blobs, keys.BlobID(key))
			}
			return true
		})
		if err != nil {
			return err
		}
		if d.some = len(d.blobs) > blobDeletesMax; d.some {
			d.blobs = d.blobs[:blobDeletesMax]
			return nil
		}
		if len(found) > pointDeletesMax {
			d.ranges = append(d.ranges, all)
		} else {
			d.keys = append(d.keys, found...)
		}
	}
	if !s.keepsNames(head.Name.Kind) {
		return nil
	}
	key = keys.AppendName(nil, s.Hash.Name(runlog.NameParts(head.Name)))
	values, err = s.Store.Get(ctx, []store.Place{{Shard: s.id, Key: key}})
	if err == nil && string(values[0]) == string(d.run[:]) { // else the name is a later run's
		d.keys = append(d.keys, key)
	}
	return err
}

// eraseDue deletes the runs that were found, but those that the shard has changed
// meanwhile.
func (s *Shard) eraseDue(b *Batch, f *fetch) {
	s.forgetAt = earlier(s.forgetAt, f.next)
	for i := range f.doomed {
		d := &f.doomed[i]
		changed := slices.ContainsFunc(f.changed, func(id engine.Identity) bool {
			return id.Run == d.run || d.head != nil && id.Name == d.head.Name
		})
		switch {
		case changed || b.full():
			s.forgetAt = earlier(s.forgetAt, d.at)
		case d.unreadable || d.waits || s.sick[d.run]:
			if s.spared == nil {
				s.spared = map[engine.RunID]bool{}
			}
			s.spared[d.run] = true
		default:
			s.erase(b, d)
		}
	}
}

// erase deletes all of a run: index entries, head, log, the name that it keeps, and its
// references to blobs.
func (s *Shard) erase(b *Batch, d *doomed) {
	if d.some {
		for _, id := range d.blobs {
			b.delete(store.ShardSpace, keys.AppendBlob(nil, d.run, id))
			b.delete(store.IndexSpace, keys.AppendBlobIndex(nil, id, d.run))
		}
		b.erased = append(b.erased, &run{Head: *d.head, place: -1})
		s.forgetAt = earlier(s.forgetAt, d.at)
		return
	}
	b.delete(store.ShardSpace, keys.AppendForget(nil, int64(d.at), d.run))
	if d.head == nil {
		return
	}
	r := &run{Head: *d.head, place: -1}
	s.at = r // its rules are asked
	for _, e := range s.kinds[r.Name.Kind].Entries(r.Identity, &r.Record) {
		b.delete(store.IndexSpace, s.indexKey(b, r, e))
	}
	s.at = nil
	for _, key := range d.keys {
		b.delete(store.ShardSpace, key)
	}
	for _, rows := range d.ranges {
		b.deleteRange(rows.Start, rows.End)
	}
	for _, id := range d.blobs {
		b.delete(store.IndexSpace, keys.AppendBlobIndex(nil, id, r.Run))
	}
	// Until the batch is durable, a fetch would still find it.
	b.erased = append(b.erased, r)
	s.disbelieve(r)
	if s.cold == nil {
		s.cold = map[engine.RunID]*run{}
	}
	s.cold[r.Run] = nil
	if s.kept[r.Name] == r.Run {
		s.kept[r.Name] = engine.RunID{}
	}
}
