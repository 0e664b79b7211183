package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// TestFaultyRulesHurtOnlyTheirRun lets the rules of one run panic or make too much at
// each place, with and without an earlier turn of the run in the batch, between
// neighbours in the same batch. These are answered as if nothing had been.
func TestFaultyRulesHurtOnlyTheirRun(t *testing.T) {
	for what, bad := range map[string]any{
		"a panic":          toyPanic{},
		"a large event":    toyExcess{},
		"many messages":    toyExcess{Many: true},
		"a broken record":  toyFall{"record"},
		"a broken outcome": toyFall{"outcome"},
		"broken wants":     toyFall{"wants"},
		"a long dead turn": toySkip{},
	} {
		for _, earlier := range []bool{false, true} {
			for _, fresh := range []bool{false, true} {
				what := fmt.Sprintf("%s, earlier turn %v, fresh %v", what, earlier, fresh)
				h := newHarness(t, 1)
				var quarantined []string
				h.listener.Quarantined = func(id engine.Identity, why error) { quarantined = append(quarantined, id.Name.Key) }
				dropped := false
				h.listener.Dropped = func(uint16, error) { dropped = true }
				h.must("before", toyPut{"1"})
				h.must("after", toyPut{"1"})
				h.must("refused", toyPut{"1"})
				if !fresh {
					h.must("bad", toyPut{"1"})
				}
				var calls []*call
				say := func(key string, body any) *call {
					c := h.give(key, body)
					calls = append(calls, c)
					return c
				}
				say("before", toyPut{"2"})
				say("new before", toyPut{"2"})
				refused := h.give("refused", toyFail{})
				if earlier {
					h.give("bad", toyPut{"2"})
				}
				faulty := h.give("bad", bad)
				var awaiting *call
				if _, outcome := bad.(toyFall); outcome && bad.(toyFall).Sick == "outcome" {
					awaiting = h.awaits(toyName("bad"), engine.Never, engine.Peek{})
					h.give("bad", toyClose{})
				}
				say("bad", toyRead{}) // and is refused
				say("after", toyPut{"2"})
				say("new after", toyPut{"2"})
				h.settle()
				for _, c := range calls {
					_, err := h.answer(c)
					if c.cmd.Name.Key != "bad" && err != nil {
						t.Errorf("%s: %q is answered %v", what, c.cmd.Name.Key, err)
					}
				}
				if _, err := h.answer(refused); !errors.Is(err, errToy) {
					t.Errorf("%s: the refused one is answered %v", what, err)
				}
				if _, err := h.answer(faulty); !errors.Is(err, ErrQuarantined) && err != nil {
					t.Errorf("%s: the faulty one is answered %v", what, err)
				}
				if awaiting != nil {
					if _, err := h.answer(awaiting); !errors.Is(err, ErrQuarantined) && !fresh {
						t.Errorf("%s: who awaits the faulty one is answered %v", what, err)
					}
				}
				if len(quarantined) == 0 || quarantined[0] != "bad" || dropped {
					t.Errorf("%s: quarantined %q, dropped %v", what, quarantined, dropped)
				}
				for _, q := range quarantined {
					if q != "bad" {
						t.Errorf("%s: quarantined %q", what, quarantined)
					}
				}
				for _, key := range []string{"before", "after", "new before", "new after"} {
					s := h.read(key)
					if want := 2 - strings.Count(key, "new"); len(s.Tokens) != want {
						t.Errorf("%s: run %q has %q", what, key, s.Tokens)
					}
				}
				h.check()
				h.quiet()
				h.kill()
				h.check()
				want := 5
				if fresh {
					want = 4 // or 5, if it began before it fell
				}
				if n := h.groups.add("g", 0); n < want || n > 6 {
					t.Errorf("%s: %d open runs are counted", what, n)
				}
				if n := h.rows(); n > 0 && !fresh {
					if s := h.read("bad"); len(s.Tokens) == 0 {
						t.Errorf("%s: the run lost what it had", what)
					}
				}
			}
		}
	}
}

// TestPanicInAFoldIsOfItsRun: a run whose events can't be applied is quarantined when
// it is fetched, and others go on.
func TestPanicInAFoldIsOfItsRun(t *testing.T) {
	h := newHarness(t, 2)
	h.must("bad", toyPut{"1"})
	h.must("closed", toyPut{"1"})
	closed := h.read("closed").ID.Run
	h.must("closed", toyClose{Forget: h.now + 1<<30})
	h.must("good", toyPut{"1"})
	h.kill()
	h.trips["apply bad"], h.trips["apply closed"] = true, true
	bad, gone, good := h.give("bad", toyPut{"2"}), h.to(closed, toyRead{}), h.give("good", toyPut{"2"})
	for _, c := range []*call{bad, gone} {
		if _, err := h.answer(c); !errors.Is(err, engine.ErrUnusable) {
			t.Errorf("got %v, want engine.ErrUnusable", err)
		}
	}
	h.ok(good)
	h.must("good", toyTell{"bad"}) // it is parked
	h.settle()
	clear(h.trips)
	h.check()
	if _, err := h.do("bad", toyPut{"3"}); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v, want ErrQuarantined", err)
	}
	h.kill()
	h.settle()
	if s := h.read("bad"); s.Heard != 1 || len(s.Tokens) != 1 {
		t.Errorf("the run has heard %d and has %q", s.Heard, s.Tokens)
	}
	if s := h.read("good"); s.Answered != 1 {
		t.Errorf("the teller has %d answers", s.Answered)
	}
	h.check()
	h.quiet()
}

// TestPoisonedMessageHurtsNobody: one that panics where it is read, and one that panics
// where it is refused, are dropped.
func TestPoisonedMessageHurtsNobody(t *testing.T) {
	h := newHarness(t, 2)
	var quarantined []string
	h.listener.Quarantined = func(id engine.Identity, why error) { quarantined = append(quarantined, id.Name.Key) }
	h.must("a", toyAdd{})
	h.must("b", toyAdd{})
	for _, body := range []string{"p", "q"} {
		h.must("a", toySend{[]engine.Message{
			{To: toyName("b"), Body: []byte(body)}, {To: toyName("nobody"), Body: []byte(body)},
		}})
		told := h.give("a", toyTell{"b"})
		good := h.give("b", toyPut{"1"})
		h.settle()
		h.ok(told)
		h.ok(good)
	}
	for range 3 {
		h.now += 2 * ackDelay
		h.settle()
	}
	if s := h.read("a"); s.Answered != 2 {
		t.Errorf("%d answers, want 2: later messages must go on", s.Answered)
	}
	if len(quarantined) > 0 {
		t.Errorf("quarantined %q", quarantined)
	}
	h.check()
	h.quiet()
}

// TestMessageThatBeginsAFaultyRunComesAgain: it is parked with the run that it would
// have begun, and begins it after a restart.
func TestMessageThatBeginsAFaultyRunComesAgain(t *testing.T) {
	h := newHarness(t, 2)
	h.trips["apply b"] = true
	h.must("a", toyTell{"b"})
	h.settle()
	h.check()
	clear(h.trips)
	h.kill()
	h.settle()
	if s := h.read("b"); s.Heard != 1 {
		t.Errorf("it heard %d", s.Heard)
	}
	if s := h.read("a"); s.Answered != 1 {
		t.Errorf("%d answers", s.Answered)
	}
	h.check()
}

// TestParkedMessagesAreHandledOnce gives more of them back than a batch takes, and has
// the batch taken back.
func TestParkedMessagesAreHandledOnce(t *testing.T) {
	h := newHarness(t, 1)
	h.must("b", toyAdd{})
	h.must("bad", toyAdd{})
	if _, err := h.do("b", toyPanic{}); !errors.Is(err, ErrQuarantined) {
		t.Fatal(err)
	}
	const many = batchCallsMax + 100
	for range many / 100 {
		for range 100 {
			h.give("a", toyTell{"b"})
		}
		h.settle()
	}
	told := h.read("a").Told
	h.kill()
	bad := h.give("bad", toyFall{"record"})
	h.shards[0].inbox = append([]*call{bad}, h.shards[0].inbox[:len(h.shards[0].inbox)-1]...)
	for range 20 {
		h.settle()
	}
	if _, err := h.answer(bad); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v", err)
	}
	if s := h.read("b"); s.Heard != told {
		t.Errorf("heard %d, told %d", s.Heard, told)
	}
	if s := h.read("a"); s.Answered != told {
		t.Errorf("answered %d, told %d", s.Answered, told)
	}
	h.check()
	h.quiet()
}

// TestParkedMessageOutlivesTheRetentionOfItsRun: a closed run that messages wait for is
// kept until they were given to it, or refused.
func TestParkedMessageOutlivesTheRetentionOfItsRun(t *testing.T) {
	h := newHarness(t, 2)
	h.must("b", toyAdd{})
	run := h.read("b").ID.Run
	h.must("b", toyClose{Forget: h.now + 1000})
	if _, err := h.answer(h.to(run, toyPanic{})); !errors.Is(err, ErrQuarantined) {
		t.Fatal(err)
	}
	h.must("a", toySend{[]engine.Message{{To: toyName("b"), Run: run, Body: fmt.Appendf(nil, "r0")}}})
	h.settle()
	h.check()
	h.now += 5000
	h.settle()
	h.check()
	h.kill()
	for range 3 {
		h.now += 5000
		h.settle()
		h.check()
	}
	if view, err := h.Stored(context.Background(), run); view != nil || err != nil {
		t.Errorf("got %v, %v: it is never forgotten", view, err)
	}
}

// TestFullestBatchesFit has batches hold as much as bounds allow.
func TestFullestBatchesFit(t *testing.T) {
	var full engine.Turn // of references
	for i := 0; full.Bytes() < engine.TurnBytesMax-8<<10; i++ {
		full.Keep = append(full.Keep, blob.ID{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	for what, body := range map[string]any{
		"keeps":    toyBulk{Keep: full.Keep},
		"events":   toyBulk{Events: engine.TurnBytesMax / 600},
		"messages": toyBulk{Messages: engine.TurnBytesMax / 600},
		"bytes":    toyBulk{Bytes: engine.TurnBytesMax - 1<<10},
	} {
		h := newHarness(t, 1)
		h.listener.Quarantined = func(id engine.Identity, why error) { t.Errorf("%s: quarantined %q: %v", what, id.Name.Key, why) }
		h.must("a", toyAdd{})
		bulk := body.(toyBulk)
		bulk.Renew = true
		// Until the batch is just not full.
		var calls []*call
		for i := range 4 {
			small := bulk
			small.Renew, small.Keep = false, small.Keep[:len(small.Keep)/4]
			small.Events, small.Messages, small.Bytes = bulk.Events/4, bulk.Messages/4, bulk.Bytes/4
			calls = append(calls, h.give(fmt.Sprint(i), small))
		}
		calls = append(calls, h.give("a", bulk))
		if b := h.Ready(0); b != nil {
			err := h.commit(b)
			if err != nil {
				t.Errorf("%s: %d operations: %v", what, len(b.Section.Ops), err)
			}
			h.Done(0, b, err)
		}
		for range 5 {
			h.settle()
		}
		for _, c := range calls {
			if _, err := h.answer(c); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if what != "messages" {
			h.check()
		}
	}
}

// TestRunWithManyBlobsIsForgotten: what it refers to goes in several batches.
func TestRunWithManyBlobsIsForgotten(t *testing.T) {
	h := newHarness(t, 1)
	h.must("good", toyAdd{})
	h.listener.Quarantined = func(id engine.Identity, why error) { t.Errorf("quarantined %q: %v", id.Name.Key, why) }
	const each, turns = 7000, 10
	for n := range turns {
		ids := make([]blob.ID, each)
		for i := range ids {
			ids[i] = blob.ID{byte(n), byte(i), byte(i >> 8)}
		}
		h.must("a", toyBulk{Keep: ids})
	}
	h.must("a", toyClose{Forget: h.now + 1})
	h.check()
	h.now++
	for range 20 {
		h.settle()
	}
	h.must("good", toyClose{Forget: h.now})
	h.now++
	h.settle()
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	h.quiet()
}

// TestLongestTailOfMessagesFitsTheStore: what is handled is deleted in batches.
func TestHandledMessagesAreDeletedInBatches(t *testing.T) {
	h := newHarness(t, 2)
	from := runlog.Route(h.cfg.Hash, 2, toyName("a"))
	for range 3 {
		h.must("a", toyBulk{Messages: 12000})
	}
	for range 10 {
		h.now += 2 * ackDelay
		h.settle()
	}
	if q := h.shards[from].out; len(q) == 0 {
		t.Fatal("nothing was sent")
	} else {
		for to, q := range q {
			if len(q.rows)+len(q.deletable) > 0 {
				t.Errorf("%d and %d messages to shard %d are left", len(q.rows), len(q.deletable), to)
			}
		}
	}
	n := 0
	if err := h.store.Scan(context.Background(), from, store.Range{Start: []byte{keys.Outgoing}, End: []byte{keys.Outgoing + 1}}, func(_, _ []byte) bool { n++; return true }); err != nil || n > 0 {
		t.Errorf("%d rows, %v", n, err)
	}
	h.quiet()
}
