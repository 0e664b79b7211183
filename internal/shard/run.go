package shard

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// run is a run in memory. Open runs stay there with their record; their state is
// loaded when a command needs it, and may be dropped between batches.
type run struct {
	stored
	state        engine.State
	change       *change // by the batch in progress; nil: it has not touched the run
	place        int     // in the wake queue; -1: not there
	newer, older *run    // in the cache
}

// change is what a batch must know to settle a run. It is apart from the run,
// since there may be a million of those.
type change struct {
	settled  bool          // the batch has all that it did to the run
	before   engine.Record // when the batch last settled it, or first touched it
	storedTo int64         // NextEvent of the record that the store or the batch has
	stalled  engine.Time   // a Wake that did nothing comes again no earlier
}

// load makes sure that r has its state: the snapshot, then the events and notes
// after it.
func (s *Shard) load(r *run, rules engine.Rules) error {
	if r.state != nil {
		s.cache.use(r)
		return nil
	}
	if r.NextEvent == 1 {
		r.state = rules.New(r.Identity)
		return nil
	}
	state, err := fold(s.handle, rules, &r.stored)
	if err != nil {
		return fmt.Errorf("load run %s: %w", r.Run, err)
	}
	r.state = state
	if r.Status == engine.Open {
		s.cache.add(r)
	}
	return nil
}

// fold makes a run's state from what is stored of it.
func fold(h store.Handle, rules engine.Rules, rec *stored) (engine.State, error) {
	ctx := context.Background()
	state := rules.New(rec.Identity)
	next := int64(1)
	if rec.SnapshotAt > 0 {
		v, err := h.Get(ctx, keys.AppendRun(nil, keys.Snapshot, rec.Run))
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		if state, err = rules.DecodeState(rec.Identity, v); err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		next = rec.SnapshotAt
	}
	next, err := foldEvents(h, rules, state, rec.Run, next)
	if err != nil {
		return nil, err
	}
	if next != rec.NextEvent {
		return nil, fmt.Errorf("log ends before event %d, record before event %d", next, rec.NextEvent)
	}
	return state, foldNotes(h, rules, state, rec.Run)
}

// foldEvents applies a run's events from id next on, and gives the id after the
// last.
func foldEvents(h store.Handle, rules engine.Rules, state engine.State, id engine.RunID, next int64) (int64, error) {
	var failed error
	err := h.Scan(context.Background(), store.Range{
		Start: keys.AppendHistory(nil, id, next),
		End:   keys.End(keys.AppendRun(nil, keys.History, id)),
	}, func(key, value []byte) bool {
		var t *storedTurn
		if t, failed = readTurn(value); failed != nil {
			return false
		}
		if t.First != next {
			failed = fmt.Errorf("event %d follows event %d", t.First, next-1)
			return false
		}
		failed = t.events(rules, next, func(e engine.Event) error {
			rules.Apply(state, e)
			return nil
		})
		next = t.Last() + 1
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return next, err
}

func foldNotes(h store.Handle, rules engine.Rules, state engine.State, id engine.RunID) error {
	prefix := keys.AppendRun(nil, keys.Note, id)
	return h.Scan(context.Background(), store.Range{Start: prefix, End: keys.End(prefix)}, func(key, value []byte) bool {
		subject, kind := keys.NoteSubject(key)
		rules.Note(state, engine.Note{Subject: subject, Kind: engine.NoteKind(kind), Value: bytes.Clone(value)})
		return true
	})
}

// settle brings a touched run's record, index entries, offers, deadline and
// snapshot into the batch. A run whose successor begins is settled early.
//
// A turn of notes alone does not rewrite the record, unless it makes an offer.
// What the stored record then has is safe to recover from: its Wake comes too
// early, and an offer is taken back because of its NoteDelivered. So notes must
// not bring a Wake forward.
func (s *Shard) settle(b *Batch, r *run) {
	c := r.change
	if c.settled {
		return
	}
	c.settled = true
	s.at = r
	if r.state == nil { // it could not be loaded: only its deadline may have moved
		s.settleWake(r)
		return
	}
	rules := s.Rules[r.Name.Kind]
	group := r.Group
	r.Record = rules.Record(r.state, s.up)
	r.Group = group
	for i := range r.Offers {
		r.Offers[i].List = intern(r.Offers[i].List)
	}
	s.working.Add(int64(r.Working - c.before.Working))
	s.settleIndex(b, r, rules)
	offered := s.settleOffers(b, r)
	switch r.Status {
	case engine.Open:
		if r.NextEvent > c.storedTo || offered {
			s.settleSnapshot(b, r, rules)
			s.putRecord(b, r, keys.OpenRun)
		}
		s.settleWake(r)
	case engine.Closed:
		s.close(b, r)
	default:
		panic(fmt.Sprintf("run %s has status %d", r.Run, r.Status))
	}
	c.before = r.Record
}

func (s *Shard) settleWake(r *run) {
	if r.Wake != 0 {
		r.Wake = max(r.Wake, r.change.stalled)
	}
	if s.sick[r.Run] {
		s.wakes.remove(r)
		return
	}
	s.wakes.settle(r)
}

func (s *Shard) putRecord(b *Batch, r *run, kind byte) {
	from := len(b.room)
	key := b.cut(keys.AppendRun(b.room, kind, r.Run), from)
	from = len(b.room)
	value := b.cut(r.stored.append(b.room), from)
	b.put(store.ShardSpace, key, value)
	r.change.storedTo = r.NextEvent
}

func (s *Shard) settleSnapshot(b *Batch, r *run, rules engine.Rules) {
	if r.TailLen < max(snapshotLenMin, r.SnapshotLen) || b.bytes > snapshotRoomMax {
		return // not yet due, or the next batch has more room
	}
	value := rules.EncodeState(r.state)
	r.SnapshotAt, r.SnapshotLen, r.TailLen = r.NextEvent, len(value), 0
	from := len(b.room)
	b.put(store.ShardSpace, b.cut(keys.AppendRun(b.room, keys.Snapshot, r.Run), from), value)
}

// close moves a run from the open to the closed ones.
func (s *Shard) close(b *Batch, r *run) {
	if s.runs[r.Run] == r {
		delete(s.runs, r.Run)
		s.names.drop(r)
		s.wakes.remove(r)
		s.cache.remove(r)
		s.groups.add(r.Group, -1)
		if b.closed == nil {
			b.closed = map[engine.RunID]*run{}
		}
		b.closed[r.Run] = r
		from := len(b.room)
		b.delete(store.ShardSpace, b.cut(keys.AppendRun(b.room, keys.OpenRun, r.Run), from))
	}
	if r.Forget != 0 && r.Forget <= b.now {
		s.erase(b, r)
		return
	}
	s.putRecord(b, r, keys.ClosedRun)
	if r.Forget != 0 && r.change.before.Status != engine.Closed {
		from := len(b.room)
		b.put(store.ShardSpace, b.cut(keys.AppendForget(b.room, int64(r.Forget), r.Run), from), nil)
		if s.forgetAt == 0 || r.Forget < s.forgetAt {
			s.forgetAt = r.Forget
		}
	}
}

func (s *Shard) settleIndex(b *Batch, r *run, rules engine.Rules) {
	before := &r.change.before
	if r.Status == before.Status && bytes.Equal(r.Listing, before.Listing) {
		return
	}
	var old []engine.Entry
	if before.Status != 0 {
		old = rules.Entries(r.Identity, before)
	}
	now := rules.Entries(r.Identity, &r.Record)
	for _, e := range old {
		if !slices.Contains(now, e) {
			b.delete(store.IndexSpace, s.indexKey(b, r, e))
		}
	}
	for _, e := range now {
		if !slices.Contains(old, e) {
			b.put(store.IndexSpace, s.indexKey(b, r, e), nil)
		}
	}
}

func (s *Shard) indexKey(b *Batch, r *run, e engine.Entry) []byte {
	from := len(b.room)
	equal := s.Hash.Index(r.Name.World.Account, r.Name.World.Region, e.Value)
	return b.cut(keys.AppendIndex(b.room, e.Family, equal, int64(e.Time), r.Run), from)
}

// settleOffers notes which tasks are newly offered and which are no longer, and
// tells whether any is.
func (s *Shard) settleOffers(b *Batch, r *run) (offered bool) {
	old, now := r.change.before.Offers, r.Offers
	add := func(o engine.Offer) {
		if !o.Held {
			b.offers = append(b.offers, offerChange{r.Run, o, true})
			offered = true
		}
	}
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].ID < now[0].ID:
			if !old[0].Held {
				b.offers = append(b.offers, offerChange{r.Run, old[0], false})
			}
			old = old[1:]
		case len(old) == 0 || now[0].ID < old[0].ID:
			add(now[0])
			now = now[1:]
		default:
			if old[0] != now[0] {
				if !old[0].Held {
					b.offers = append(b.offers, offerChange{r.Run, old[0], false})
				}
				add(now[0])
			}
			old, now = old[1:], now[1:]
		}
	}
	return offered
}

// cache lists the open runs that have their state in memory, last used first.
type cache struct {
	newest, oldest *run
	len            int
}

func (c *cache) add(r *run) {
	r.older, r.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = r
	} else {
		c.oldest = r
	}
	c.newest = r
	c.len++
}

func (c *cache) remove(r *run) {
	if c.newest != r && r.newer == nil && r.older == nil {
		return
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		c.newest = r.older
	}
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		c.oldest = r.newer
	}
	r.newer, r.older = nil, nil
	c.len--
}

func (c *cache) use(r *run) {
	if c.newest != r && (r.newer != nil || r.older != nil) {
		c.remove(r)
		c.add(r)
	}
}

// trim drops the states that were used longest ago, and tells whose.
func (c *cache) trim(most int) (dropped []*run) {
	for c.len > most && c.oldest.change == nil {
		r := c.oldest
		c.remove(r)
		r.state = nil
		dropped = append(dropped, r)
	}
	return dropped
}
