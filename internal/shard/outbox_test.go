package shard

import (
	"testing"

	"heddle/internal/runlog"
	"heddle/internal/store"
)

// TestNothingIsSentBeforeItIsDurable: a receiver that was taken over is sent again what
// is durable, and not what an open batch has sent.
func TestNothingIsSentBeforeItIsDurable(t *testing.T) {
	for _, fails := range []bool{false, true} {
		h := newHarness(t, 2)
		to := h.elsewhere("a")
		a, b := runlog.Route(h.cfg.Hash, 2, toyName("a")), runlog.Route(h.cfg.Hash, 2, toyName(to))
		h.must("a", toyAdd{})
		h.must(to, toyAdd{})
		h.give("a", toyTell{to})
		h.Evaluate(a)
		h.give(to, toyAdd{})
		batch := h.Ready(b)
		h.Done(b, batch, store.ErrUnknown) // the receiver forgets, and asks for all
		h.step(h.shards[b])
		h.step(h.shards[b])
		h.Evaluate(a)
		h.step(h.shards[b])
		if s := h.shards[b]; len(s.applied) > 0 && s.applied[a] > 0 {
			t.Error("a message was handled before it was durable")
		}
		batch = h.Ready(a)
		if fails {
			h.Done(a, batch, store.ErrUnknown)
		} else {
			h.Done(a, batch, h.commit(batch))
		}
		h.settle()
		want := 1
		if fails {
			want = 0
		}
		if s, r := h.read("a"), h.read(to); s.Told != want || r.Heard != want || s.Answered != want {
			t.Errorf("told %d, heard %d, answered %d; want %d", s.Told, r.Heard, s.Answered, want)
		}
		h.check()
	}
}

// TestHandledMessagesAreDeletedUnderLoad: also if every batch takes as many calls as it
// can.
func TestHandledMessagesAreDeletedUnderLoad(t *testing.T) {
	h := newHarness(t, 2)
	h.must("a", toyBulk{Messages: 100})
	h.settle()
	from := h.read("a").ID.Run.Shard()
	run := h.names(toyName("a"))
	for range 5 {
		h.now += ackDelay
		for range batchCallsMax {
			h.to(run, toyPut{"1"})
		}
		h.step(h.shards[from])
	}
	for to, q := range h.shards[from].out {
		if n := len(q.rows) + len(q.deletable); n > 0 {
			t.Errorf("%d messages to shard %d are left", n, to)
		}
	}
}
