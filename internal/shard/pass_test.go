package shard

import (
	"testing"

	"heddle/internal/engine"
)

// TestRunsThatPassAreNotWritten begins runs that end in their first turn. Of one that is to be
// kept for no time nothing is written, though it is answered, told of and awaited as all others,
// and the count of open runs is as before. One that is to be kept is written.
func TestRunsThatPassAreNotWritten(t *testing.T) {
	for _, kind := range []engine.Kind{toyKind, keptKind} {
		h := newHarness(t, 1)
		var told []engine.TurnDone
		ops := 0
		h.listener = engine.Listener{
			TurnDone: func(d *engine.TurnDone) {
				done := *d
				after := *d.After
				done.After = &after
				told = append(told, done)
			},
			BatchDone: func(d *engine.BatchDone) { ops += d.Ops },
		}
		h.settle()
		rows := h.rows()
		for _, await := range []bool{false, true} {
			for range 2 { // the name is free again
				told, ops = nil, 0
				c := h.submit(engine.Command{Name: nameOf(kind, "passes"), Begin: engine.Always, Seed: h.seed(), Group: "g", Body: toyClose{Forget: 1}, Await: await})
				h.ok(c)
				if ops != 0 || h.rows() != rows {
					t.Errorf("%s: %d rows were written, %d are there, want %d", kind, ops, h.rows(), rows)
				}
				if len(told) != 1 || len(told[0].Events) != 2 || told[0].Before.Status != 0 || told[0].After.Status != engine.Closed {
					t.Errorf("%s: the listener was told %+v", kind, told)
				}
			}
		}
		if open := h.ok(h.begin(engine.Always, nameOf(kind, "open"), toyAdd{})); open == nil {
			t.Errorf("%s: no answer", kind)
		}
		if n := h.shards[0].groups.add("g", 0); n != 1 {
			t.Errorf("%s: %d runs are open, want 1", kind, n)
		}
		ops = 0
		h.ok(h.begin(engine.Always, nameOf(kind, "stays"), toyClose{Forget: h.now + 1000}))
		if ops == 0 {
			t.Errorf("%s: a run that is to be kept was not written", kind)
		}
		h.kill()
		h.settle()
		h.check()
	}
}

// TestRunsThatPassSpeak has a run that passes tell others: what it has said is delivered once.
func TestRunsThatPassSpeak(t *testing.T) {
	h := newHarness(t, 2)
	h.must("other", toyAdd{})
	other := h.read("other").ID
	for range 3 {
		h.ok(h.begin(engine.Always, toyName("passes"), toyPass{[]engine.Message{{To: other.Name, Run: other.Run, Body: []byte("a{}")}}}))
	}
	h.kill()
	h.settle()
	if got := h.read("other").Answered; got != 3 {
		t.Errorf("%d messages have come, want 3", got)
	}
	h.check()
}
