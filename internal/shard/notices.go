package shard

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Notifications for those outside.
//
// The batch of a turn writes each of its notifications as a row Notification{number};
// numbers are dense, and so are the rows: from Told.First to Told.Last. Once the batch is
// durable whoever delivers hears of it (engine.Notices), reads the rows past the shard, and
// says how far each target has come (Had). The positions are written with the next batch, or
// on their own after ackDelay, and what is behind all of them is deleted with them.
//
// So a kill loses none; what was delivered since the positions were written is delivered
// again. A target that no position is known of begins at the end: the first batch that
// writes a notification writes that position, too. Without targets nothing is written, and
// what is there stays as it is.

// notices is what a shard knows of its notifications.
type notices struct {
	runlog.Told
	due engine.Time // when the positions are to be written on their own; zero: they are
}

// had says how far a target has come.
type had struct {
	generation uint64
	target     int // flush: nothing but that positions are to be written now
	engine.Position
}

const flush = -1

// notify writes the notifications of a turn that somebody wants.
func (s *Shard) notify(b *Batch, r *run, all []engine.Notification) {
	if s.Notices == nil {
		return
	}
	for i := range all {
		if !s.Notices.Wants(&all[i]) {
			continue
		}
		last := &s.notices.Last
		last.Number++
		last.Bytes += uint64(len(all[i].Body))
		n := engine.Notified{Number: last.Number, Bytes: last.Bytes, Run: r.Run, At: b.now, Notification: all[i]}
		key := b.cut(func(room []byte) []byte { return keys.AppendNotification(room, n.Number) })
		b.put(store.ShardSpace, key, b.cut(func(room []byte) []byte { return runlog.AppendNotified(room, &n) }))
		b.notified = true
	}
}

// takeHad takes in how far targets have come.
func (s *Shard) takeHad(b *Batch, all []had) {
	for i := range all {
		h := &all[i]
		if h.target == flush {
			s.notices.due = min(s.notices.due, b.now)
			continue
		}
		if h.generation != s.generation || s.Notices == nil {
			continue
		}
		s.notices.Targets[h.target].Position = h.Position
		if s.notices.due == 0 {
			s.notices.due = b.now + ackDelay
		}
	}
}

// writeTold brings the positions into the batch, and deletes what all have had.
func (s *Shard) writeTold(b *Batch) {
	n := &s.notices
	if !b.notified && (n.due == 0 || b.Empty() && b.now < n.due) {
		return
	}
	if least := n.Least(); least >= n.First {
		if least-n.First < pointDeletesMax {
			for number := n.First; number <= least; number++ {
				b.delete(store.ShardSpace, b.cut(func(room []byte) []byte { return keys.AppendNotification(room, number) }))
			}
		} else {
			b.deleteRange(keys.AppendNotification(nil, n.First), keys.AppendNotification(nil, least+1))
		}
		n.First = least + 1
	}
	b.put(store.ShardSpace, []byte{keys.Told}, b.cut(n.Append))
	n.due = 0
}

// openNotices gives each target its position, and lets those hear of it who deliver.
func (s *Shard) openNotices() {
	if s.Notices == nil {
		return
	}
	n := &s.notices
	known := n.Targets
	n.Targets = nil
	var positions []engine.Position
	for _, name := range s.Notices.Targets() {
		at := n.Last
		for i := range known {
			if known[i].Name == name {
				at = known[i].Position
			}
		}
		n.Targets = append(n.Targets, runlog.ToldTarget{Name: name, Position: at})
		positions = append(positions, at)
	}
	s.Notices.Opened(s.id, s.generation, positions, n.Last)
}

// Had says how far a target has come with the notifications of a shard. The generation is
// the one with which the shard was opened; what was of another counts no more.
func (n *Node) Had(shard uint16, generation uint64, target int, p engine.Position) {
	s := n.shards[shard]
	s.mu.Lock()
	s.had = append(s.had, had{generation, target, p})
	first := len(s.had) == 1 && !s.closed
	s.mu.Unlock()
	if first {
		n.kick(s)
	}
}

// flushHad has the shards write how far targets have come, before they are released: else
// what they have had would come again.
func (n *Node) flushHad() {
	if n.cfg.Notices == nil {
		return
	}
	for _, s := range n.shards {
		s.mu.Lock()
		s.had = append(s.had, had{target: flush})
		s.mu.Unlock()
		n.kick(s)
	}
}

// Notified visits the notifications of a shard after one number, up to another, of which
// engine.Notices was told that it is durable. A body is the visitor's only until it returns;
// returning false ends it.
func (n *Node) Notified(ctx context.Context, shard uint16, after, last uint64, visit func(*engine.Notified) bool) error {
	var failed error
	rows := store.Range{Start: keys.AppendNotification(nil, after+1), End: keys.AppendNotification(nil, last+1)}
	err := n.cfg.Store.Scan(ctx, shard, rows, func(key, value []byte) bool {
		var row engine.Notified
		if row, failed = runlog.ReadNotified(key, value); failed != nil {
			return false
		}
		return visit(&row)
	})
	if err == nil {
		err = failed
	}
	return err
}
