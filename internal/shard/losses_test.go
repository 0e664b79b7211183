package shard

import (
	"context"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// TestMendedCounts: a shard whose loss was accepted sends nothing under a number that others have handled,
// and waits for no message that others have deleted; what it makes of that is written.
func TestMendedCounts(t *testing.T) {
	const shards = 4
	h := newHarness(t, shards)
	h.kill() // all shards are nobody's
	write := func(shard uint16, ops ...store.Op) {
		t.Helper()
		handle, err := h.store.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.store.Commit(t.Context(), []store.Section{{Shard: shard, Epoch: handle.Epoch(), Seq: handle.Seq() + 1, Ops: ops}})[0]; err != nil {
			t.Fatal(err)
		}
	}
	mark := func(kind byte, shard uint16, number uint64) store.Op {
		return store.Op{Key: keys.AppendShard(nil, kind, shard), Value: runlog.AppendMark(nil, number)}
	}
	row := func(to uint16, number uint64) store.Op {
		m := engine.Message{To: toyName("nobody"), Body: []byte("x")}
		return store.Op{Key: keys.AppendOutgoing(nil, to, number), Value: runlog.AppendMessage(nil, &m)}
	}
	write(0, mark(keys.Sent, 1, 9), mark(keys.Applied, 1, 15), mark(keys.Sent, 3, 4), mark(keys.Applied, 3, 4))
	write(1, mark(keys.Applied, 0, 12), mark(keys.Sent, 0, 20), row(0, 19), row(0, 20))
	write(2, mark(keys.Applied, 0, 3), mark(keys.Sent, 0, 7))
	write(3, mark(keys.Applied, 0, 4), mark(keys.Sent, 0, 6), row(0, 5), row(0, 6))

	members := h.store.Members()
	members.Heard([]uint64{8})
	if _, err := h.store.Acquire(t.Context(), 0); err == nil {
		t.Fatal("a shard that lacks seven sections was acquired")
	}
	losses, err := members.Losses(t.Context())
	if err == nil {
		err = members.AcceptLoss(t.Context(), losses)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := func(m *recovered, other uint16, sent, applied uint64) {
		t.Helper()
		last := uint64(0)
		if q := m.out[other]; q != nil {
			last = q.last
		}
		if last != sent || m.applied[other] != applied {
			t.Errorf("of shard %d: it has sent %d and handled %d, want %d and %d", other, last, m.applied[other], sent, applied)
		}
	}
	m, err := readMemory(context.Background(), h.store, 0, shards)
	if err != nil {
		t.Fatal(err)
	}
	want(m, 1, 12, 18)
	want(m, 2, 3, 7)
	want(m, 3, 4, 4)

	h.start()
	h.settle()
	if m, err = readMemory(context.Background(), h.store, 0, shards); err != nil {
		t.Fatal(err)
	}
	if len(m.mended.sent)+len(m.mended.applied) != 0 {
		t.Errorf("what was mended is not written: %+v", m.mended)
	}
	want(m, 2, 3, 7)
}
