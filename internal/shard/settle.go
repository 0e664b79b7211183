package shard

import (
	"bytes"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// settle brings a touched run's record, index entries, offers, deadline and
// snapshot into the batch. A run whose successor begins is settled early.
//
// A turn of notes alone does not rewrite the record, unless it makes an offer, or moves what
// its user waits for. What the stored record then has is safe to recover from: its Wake comes too
// early, and an offer is taken back because of its NoteDelivered. So notes must
// not bring a Wake forward.
func (s *Shard) settle(b *Batch, r *run) {
	c := r.change
	if c.settled {
		return
	}
	c.settled = true
	s.at = r
	rules := s.kinds[r.Name.Kind]
	group := r.Group
	r.Record = rules.Record(r.state, s.up)
	if r.Group == group {
		r.Group = group // the one that is kept
	} else if r.Group = intern(r.Group); s.runs[r.Run] == r {
		s.groups.add(group, -1)
		s.groups.add(r.Group, 1)
	}
	for i := range r.Offers {
		r.Offers[i].List = intern(r.Offers[i].List)
	}
	s.working.Add(int64(r.Working - c.before.Working))
	s.held += heldOf(r.Offers) - heldOf(c.before.Offers)
	s.settleIndex(b, r, rules)
	offered := s.settleOffers(b, r)
	if s.Far != nil {
		s.settleStarted(b, r)
	}
	switch r.Status {
	case engine.Open:
		s.cache.weigh(r, s.weightOf(r))
		if r.NextEvent > c.storedTo || offered || r.Timer != c.before.Timer || c.before.Status == engine.Closed {
			s.settleSnapshot(b, r, rules)
			s.putHead(b, r, keys.OpenRun)
		}
		if c.before.Status == engine.Closed {
			s.leaveClosed(b, r)
		}
		if r.Wake != 0 {
			r.Wake = max(r.Wake, c.stalled)
		}
		s.queueWake(r)
	case engine.Closed:
		s.close(b, r, rules)
	default:
		panic(fmt.Sprintf("run %s has status %d", r.Run, r.Status))
	}
	c.before = r.Record
}

// weightOf is what a run weighs in the cache. Rules that look at a whole state to tell are
// asked when an eighth more or less of it is stored than when they were asked last; between
// that it is believed to grow by as much as they would be if they did not tell.
func (s *Shard) weightOf(r *run) int {
	rules, stored := s.kinds[r.Name.Kind], r.SnapshotLen+r.TailLen
	if was := r.weighed.stored; r.weighed.weight == 0 || stored < was-was/8 || stored > was+was/8 {
		r.weighed = weighing{stored, rules.Weigh(r.state, stored)}
	}
	return stateBytes + r.weighed.weight + 4*max(0, stored-r.weighed.stored) + s.recent.bytes(r.Run)
}

// queueWake puts a run where its Wake belongs.
func (s *Shard) queueWake(r *run) {
	if s.sick[r.Run] {
		s.wakes.remove(r)
		return
	}
	s.wakes.settle(r)
}

func (s *Shard) putHead(b *Batch, r *run, kind byte) {
	key := b.cut(func(room []byte) []byte { return keys.AppendRun(room, kind, r.Run) })
	b.put(store.ShardSpace, key, b.cut(r.Head.Append))
	r.change.storedTo = r.NextEvent
}

// close moves a run from the open to the closed ones.
func (s *Shard) close(b *Batch, r *run, rules *engine.Ruleset) {
	if s.runs[r.Run] == r {
		delete(s.runs, r.Run)
		s.names.drop(r)
		s.wakes.remove(r)
		s.cache.remove(r)
		s.groups.add(r.Group, -1)
		s.abandonSnapshot(b, r)
		if b.closed == nil {
			b.closed = map[engine.RunID]*run{}
		}
		b.closed[r.Run] = r
		if rules.Traits.KeepsNames {
			if s.kept == nil {
				s.kept = map[engine.Name]engine.RunID{}
			}
			s.kept[r.Name] = r.Run
		}
		s.answerAwaiting(b, r, rules)
		if r.change.before.Status == engine.Open { // else it has no such row
			b.delete(store.ShardSpace, b.cut(func(room []byte) []byte { return keys.AppendRun(room, keys.OpenRun, r.Run) }))
		}
	}
	s.putHead(b, r, keys.ClosedRun)
	before := &r.change.before
	was := engine.Time(0)
	if before.Status == engine.Closed {
		was = before.Forget
	}
	if was == r.Forget {
		return
	}
	if was != 0 {
		b.delete(store.ShardSpace, forgetKey(b, was, r))
	}
	if r.Forget != 0 {
		b.put(store.ShardSpace, forgetKey(b, r.Forget, r), nil)
		s.forgetAt = earlier(s.forgetAt, r.Forget)
	}
}

// leaveClosed takes a run that opens again from among the closed ones.
func (s *Shard) leaveClosed(b *Batch, r *run) {
	b.delete(store.ShardSpace, b.cut(func(room []byte) []byte { return keys.AppendRun(room, keys.ClosedRun, r.Run) }))
	if was := r.change.before.Forget; was != 0 {
		b.delete(store.ShardSpace, forgetKey(b, was, r))
	}
}

func forgetKey(b *Batch, at engine.Time, r *run) []byte {
	return b.cut(func(room []byte) []byte { return keys.AppendForget(room, int64(at), r.Run) })
}

func (s *Shard) settleIndex(b *Batch, r *run, rules *engine.Ruleset) {
	before := &r.change.before
	if r.Status == before.Status && r.Closed == before.Closed && bytes.Equal(r.Listing, before.Listing) {
		return
	}
	old, now := rules.Entries(r.Identity, before), rules.Entries(r.Identity, &r.Record)
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
	equal := s.Hash.Index(string(r.Name.Kind), r.Name.World.Account, r.Name.World.Region, e.Value)
	return b.cut(func(room []byte) []byte { return keys.AppendIndex(room, e.Family, equal, int64(e.Time), r.Run) })
}

// heldOf is how many offers are of tasks on their way to workers.
func heldOf(offers []engine.Offer) (n int) {
	for i := range offers {
		if offers[i].Held {
			n++
		}
	}
	return n
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
