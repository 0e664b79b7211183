package shard

import (
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Snapshots.
//
// A snapshot is due when the tail of the log has outgrown the last one, so an event
// costs the same however long the log is. One of a single part takes the place of the
// last in the batch that makes it. A longer one is written into the run's other slot,
// part by part, by as many batches as it takes; the run goes on meanwhile. Only when all
// parts are there does the head name the new slot, and the old one is deleted. A crash
// in between leaves the old snapshot, and parts that the next one deletes first.

// snapshot is one that is being written in parts.
type snapshot struct {
	run     *run
	at      int64 // NextEvent when it was taken
	state   []byte
	slot    byte
	written int // parts
	tailLen int // what the tail had when it was taken
}

// largeLen is from where on a snapshot is made beside what the shard evaluates, and not
// as a part of writing the batch, which others wait for.
const largeLen = 256 << 10

// snapshotsBytesMax is how many bytes of snapshots all shards together have in memory from
// where on no other is begun: a batch writes one part, and many runs may grow at a time.
const snapshotsBytesMax = 32 << 20

// snapshotsFull tells whether no other snapshot is to be begun.
func (s *Shard) snapshotsFull() bool { return s.snapshotBytes.Load() >= snapshotsBytesMax }

// keepSnapshot has a snapshot wait to be written, dropSnapshot takes one away.
func (s *Shard) keepSnapshot(n *snapshot) {
	s.snapshots = append(s.snapshots, n)
	s.snapshotBytes.Add(int64(len(n.state)))
}

func (s *Shard) dropSnapshot(i int) {
	s.snapshotBytes.Add(-int64(len(s.snapshots[i].state)))
	s.snapshots = slices.Delete(s.snapshots, i, i+1)
}

// snapshotDue tells whether a run's tail has outgrown its snapshot.
func snapshotDue(r *run) bool { return r.TailLen >= max(snapshotLenMin, r.SnapshotLen) }

// settleSnapshot takes a snapshot of a run if it is due, and not large.
func (s *Shard) settleSnapshot(b *Batch, r *run, rules *engine.Ruleset) {
	if snapshotDue(r) && r.TailLen < largeLen && b.bytes <= snapshotRoomMax && !s.snapshotsFull() { // else the next batch has more room
		s.beginSnapshot(b, r, rules)
	}
}

// beginSnapshots takes the large snapshots that are due, as many as there is memory for. A
// run whose state has gone until its turn comes is due again with its next event.
func (s *Shard) beginSnapshots(b *Batch) {
	begun := 0
	for _, r := range s.due {
		if s.snapshotsFull() {
			break
		}
		begun++
		if r.state != nil && s.runs[r.Run] == r {
			s.at = r
			if s.beginSnapshot(b, r, s.kinds[r.Name.Kind]) {
				// The head must name it, whatever else the batch has or had of the run.
				r.change.settled, r.change.storedTo = false, 0
			}
		}
	}
	s.due = slices.Delete(s.due, 0, begun)
}

// beginSnapshot takes a snapshot, and tells whether the batch has all of it: then the
// head is to be written.
func (s *Shard) beginSnapshot(b *Batch, r *run, rules *engine.Ruleset) (whole bool) {
	if s.snapshotOf(r) >= 0 {
		return false // one is being written
	}
	n := &snapshot{run: r, at: r.NextEvent, state: rules.EncodeState(r.state), slot: r.SnapshotSlot, tailLen: r.TailLen}
	if len(n.state) < largeLen && runlog.SnapshotParts(r.SnapshotLen) <= 1 && r.change != nil {
		s.writePart(b, n)
		s.finishSnapshot(b, n)
		return true
	}
	n.slot = 1 - r.SnapshotSlot
	deleteSlot(b, r, n.slot)
	s.keepSnapshot(n)
	return false
}

func (s *Shard) snapshotOf(r *run) int {
	return slices.IndexFunc(s.snapshots, func(n *snapshot) bool { return n.run == r })
}

// writeSnapshots writes one part of the snapshots under way, so that the batch stays
// small and others need not wait for it.
func (s *Shard) writeSnapshots(b *Batch) {
	if len(s.snapshots) == 0 || b.bytes > snapshotRoomMax {
		return
	}
	n := s.snapshots[0]
	s.writePart(b, n)
	if n.written < runlog.SnapshotParts(len(n.state)) {
		return
	}
	s.dropSnapshot(0)
	if n.run.change == nil {
		s.touch(b, n.run).tells = false // nothing moved
	}
	deleteSlot(b, n.run, n.run.SnapshotSlot)
	s.finishSnapshot(b, n)
	s.putHead(b, n.run, keys.OpenRun)
}

func (s *Shard) writePart(b *Batch, n *snapshot) {
	from := n.written * keys.SnapshotPartBytes
	part := n.state[from:min(len(n.state), from+keys.SnapshotPartBytes)]
	key := b.cut(func(room []byte) []byte { return keys.AppendSnapshot(room, n.run.Run, n.slot, uint32(n.written)) })
	b.put(store.ShardSpace, key, part)
	n.written++
}

// finishSnapshot has the head name a snapshot that the batch has whole.
func (s *Shard) finishSnapshot(b *Batch, n *snapshot) {
	r := n.run
	r.SnapshotAt, r.SnapshotLen, r.SnapshotSlot = n.at, len(n.state), n.slot
	r.TailLen -= n.tailLen
	if s.kinds[r.Name.Kind].Traits.CutsLog {
		b.deleteRange(keys.AppendRun(nil, keys.History, r.Run), keys.AppendHistory(nil, r.Run, n.at))
	}
}

// abandonSnapshot ends the snapshot of a run that closes.
func (s *Shard) abandonSnapshot(b *Batch, r *run) {
	if i := s.snapshotOf(r); i >= 0 {
		deleteSlot(b, r, s.snapshots[i].slot)
		s.dropSnapshot(i)
	}
}

func deleteSlot(b *Batch, r *run, slot byte) {
	prefix := keys.AppendSnapshotSlot(nil, r.Run, slot)
	b.deleteRange(prefix, keys.End(prefix))
}
