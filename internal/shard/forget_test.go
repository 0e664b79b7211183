package shard

import (
	"context"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
)

// TestOnlyWhatIsDueIsForgotten closes more executions than one batch forgets, some
// to be kept for longer: when the time of the first has come the others stay, also
// if the server was down meanwhile.
func TestOnlyWhatIsDueIsForgotten(t *testing.T) {
	for _, down := range []bool{false, true} {
		h := newHarness(t, 1)
		kept := map[engine.RunID]engine.Time{}
		for i := range 3 * (batchForgetMax + 10) {
			key := fmt.Sprint(i)
			forget := h.now + 1000*engine.Time(1+i%3)
			h.must(key, toyAdd{})
			kept[h.read(key).ID.Run] = forget
			h.must(key, toyClose{Forget: forget})
		}
		for _, pass := range []engine.Time{999, 1, 500, 500, 1000} {
			h.now += pass
			if down {
				h.kill()
			}
			h.settle()
			for run, forget := range kept {
				view, err := h.Stored(context.Background(), run)
				if err != nil {
					t.Fatal(err)
				}
				if gone := view == nil; gone != (forget <= h.now) {
					t.Fatalf("at %d, down %v: a run that is kept until %d is gone: %v", h.now, down, forget, gone)
				}
			}
			h.check()
		}
	}
}

// TestNothingIsForgottenByATimeThatIsDoubted steps the clock by a year: deadlines fire,
// and what is closed stays, can be asked for, and goes when the time is confirmed. A run
// that was to be kept for no time is over at once, and goes with the others.
func TestNothingIsForgottenByATimeThatIsDoubted(t *testing.T) {
	const year = 365 * 24 * 3600 * 1000
	for _, down := range []bool{false, true} {
		h := newHarness(t, 1)
		h.must("kept", toyAdd{})
		kept := h.read("kept").ID.Run
		h.must("kept", toyClose{Forget: h.now + 1000})
		h.settle()
		h.now, h.doubt = h.now+year, year
		h.must("none", toyAdd{})
		none := h.read("none").ID.Run
		h.must("none", toyClose{Forget: h.now})
		if down {
			h.kill()
		}
		h.settle() // which ends, though something is due by a doubted time
		look := func(run engine.RunID) bool {
			t.Helper()
			view, err := h.Stored(context.Background(), run)
			if err != nil {
				t.Fatal(err)
			}
			return view != nil
		}
		if !look(kept) || !look(none) {
			t.Fatalf("down %v: by a doubted time something was deleted: %v, %v are there", down, look(kept), look(none))
		}
		if kicked := h.Kicked(); len(kicked) > 0 {
			t.Fatalf("down %v: shards %v go on for ever", down, kicked)
		}
		h.ok(h.to(kept, engine.Peek{}))
		refused[*engine.UnknownRunError](h, h.to(none, engine.Peek{}))
		if want := h.now + 1000; h.NextWake() > want {
			t.Errorf("it wants to be stepped at %d, want by %d, when the retention ends by the confirmed time", h.NextWake(), want)
		}
		h.doubt = year - 1000 // as if that had passed
		h.Advance()
		h.settle()
		if look(kept) || !look(none) {
			t.Errorf("down %v: when its time has come by the confirmed clock, the first is there: %v; the other: %v", down, look(kept), look(none))
		}
		h.doubt = 0
		h.Advance()
		h.settle()
		if look(none) {
			t.Error("a run is left although its time is confirmed")
		}
		h.check()
	}
}

// TestRunThatClosesWhileOthersAreForgottenIsForgotten too, at its time.
func TestRunThatClosesWhileOthersAreForgottenIsForgotten(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyClose{Forget: h.now + 10})
	h.must("b", toyAdd{})
	h.now += 10
	h.Ready(0) // looks for what is due
	if h.Fetches() != 1 {
		t.Fatalf("%d fetches", h.Fetches())
	}
	h.give("b", toyClose{Forget: h.now + 10})
	b := h.Ready(0)
	h.fetchAll() // before it is written
	h.Done(0, b, h.commit(b))
	h.settle()
	h.now += 10
	h.Advance()
	h.settle()
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	h.check()
}

// TestRunThatTheBatchOpensAgainIsNotForgotten although the store still has it closed when
// it is due.
func TestRunThatTheBatchOpensAgainIsNotForgotten(t *testing.T) {
	for _, change := range []any{toyReopen{}, toyReport{}} {
		h := newHarness(t, 1)
		h.must("a", toyParent{Children: 1, Window: 0})
		run := h.names(toyName("a"))
		h.must("a", toyClose{Forget: h.now + 10})
		c := h.to(run, change)
		h.Evaluate(0)
		h.fetchAll()
		h.Evaluate(0)
		if h.HasOpenBatch(0); !h.shards[0].dirty() {
			t.Fatal("the batch has nothing of the run")
		}
		h.now += 10
		h.Evaluate(0)
		if h.Fetches() != 0 {
			t.Fatalf("%d fetches: what is due is looked up while the batch holds what the store does not", h.Fetches())
		}
		h.one(nil)
		h.ok(c)
		h.settle()
		h.check()
		_, err := h.answer(h.to(run, toyRead{}))
		if _, reopened := change.(toyReopen); reopened && err != nil {
			t.Errorf("the run that opened again can't be read: %v", err)
		}
	}
}

// TestForgettingSparesTheNameOfTheNextRun, which begins between the look and the deletion.
func TestForgettingSparesTheNameOfTheNextRun(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	h.ok(h.begin(engine.Once, name, toyPut{"1"}))
	h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 10}))
	h.now += 10
	next := h.begin(engine.Once, name, toyPut{"2"})
	h.Ready(0) // looks for the name, and for what is due
	if h.Fetches() != 2 {
		t.Fatalf("%d fetches, want those of the name and of what is due", h.Fetches())
	}
	h.Fetch(context.Background(), 0)
	for h.Ready(0) == nil && h.Fetches() > 1 { // the look stays under way
		h.Fetch(context.Background(), 1)
	}
	h.Fetch(context.Background(), 0)
	b := &h.shards[0].batch // it was sealed
	h.Done(0, b, h.commit(b))
	h.ok(next)
	h.settle()
	for range 2 {
		if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); len(got.Tokens) != 1 || got.Tokens[0] != "2" {
			t.Errorf("the name finds %+v", got)
		}
		h.check()
		h.kill()
	}
}

// TestForgettingGoesOnAfterAFailedRead and takes no row twice.
func TestForgettingGoesOnAfterAFailedRead(t *testing.T) {
	h := newHarness(t, 1)
	for i := range 3 * batchForgetMax {
		h.must(fmt.Sprint(i), toyClose{Forget: h.now + 10})
	}
	h.now += 10
	for _, kind := range []byte{keys.Forget, keys.ClosedRun, keys.History, keys.Blob} {
		h.failRead = func(k byte) bool { return k == kind }
		rows := h.rows()
		h.Advance()
		h.settle()
		if n := h.rows(); n != rows {
			t.Errorf("%d rows of %d are left although %q can't be read", n, rows, kind)
		}
		h.check()
		h.now += retryDelay
	}
	h.failRead = nil
	ops := 0
	h.listener.BatchDone = func(b *engine.BatchDone) { ops += b.Ops }
	rows := h.rows()
	h.Advance()
	h.settle()
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if ops > rows {
		t.Errorf("%d rows were deleted by %d operations", rows, ops)
	}
	h.quiet()
}

// TestRunThatClosesInAnOpenBatchIsForgotten, also if somebody looks at it, and the shard
// goes on evaluating, before that batch is durable.
func TestRunThatClosesInAnOpenBatchIsForgotten(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyAdd{})
	run := h.read("a").ID.Run
	closes := h.give("a", toyClose{Forget: h.now})
	h.Evaluate(0)
	look := h.to(run, engine.Peek{})
	h.Evaluate(0)
	h.fetchAll()
	h.Evaluate(0)
	h.ok(closes)
	h.ok(look)
	h.now++
	h.settle()
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left of a run that was to be kept for no time", n)
	}
	h.check()
}

// TestHeldShardsDoNothingByThemselves: neither a deadline nor a retention, though commands
// are handled, until they are let go.
func TestHeldShardsDoNothingByThemselves(t *testing.T) {
	for _, down := range []bool{false, true} {
		h := newHarness(t, 1)
		h.must("timed", toyWake{At: h.now + 10})
		h.must("closed", toyAdd{})
		closed := h.read("closed").ID.Run
		h.must("closed", toyClose{Forget: h.now + 10})
		h.settle()
		if down {
			h.kill()
		}
		h.Hold(true)
		h.now += 20
		h.Advance()
		h.settle()
		if kicked := h.Kicked(); len(kicked) > 0 {
			t.Fatalf("down %v: held shards %v go on for ever", down, kicked)
		}
		if wake := h.NextWake(); !down && wake != 0 {
			t.Errorf("held shards want to be stepped at %d", wake)
		}
		view, err := h.Stored(context.Background(), closed)
		if err != nil || view == nil {
			t.Errorf("down %v: a held shard has deleted a run: %v, %v", down, view, err)
		}
		if n := h.read("timed").Woken; n != 0 {
			t.Errorf("a held shard has handled a deadline %d times", n)
		}
		before := h.rows()
		h.must("other", toyAdd{})
		if h.rows() == before {
			t.Error("a held shard handles no command")
		}
		h.Hold(false)
		h.settle()
		if n := h.read("timed").Woken; n != 1 {
			t.Errorf("down %v: the deadline was handled %d times after the shards were let go", down, n)
		}
		if view, err := h.Stored(context.Background(), closed); err != nil || view != nil {
			t.Errorf("down %v: what was due is there after the shards were let go: %v, %v", down, view, err)
		}
		h.check()
	}
}
