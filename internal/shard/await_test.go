package shard

import (
	"errors"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store"
)

// awaits submits a command that is answered when its run closes.
func (h *harness) awaits(name engine.Name, begin engine.Begin, body any) *call {
	return h.submit(engine.Command{Name: name, Begin: begin, Group: "g", Seed: h.seed(), Body: body, Await: true})
}

// has fails the test unless a call was answered with the outcome of a run that has these
// tokens.
func (h *harness) has(c *call, tokens ...string) {
	h.t.Helper()
	got, ok := h.ok(c).(toyOutcome)
	if !ok || len(got.Tokens) != len(tokens) {
		h.t.Fatalf("%T: got %+v, want the outcome of a run with %q", c.cmd.Body, c.reply, tokens)
	}
	for i, token := range tokens {
		if got.Tokens[i] != token {
			h.t.Fatalf("%T: got %+v, want the outcome of a run with %q", c.cmd.Body, got, tokens)
		}
	}
}

// one steps shard 0 through a batch whose commit ends like this.
func (h *harness) one(err error) {
	h.t.Helper()
	b := h.Ready(0)
	if b == nil {
		h.t.Fatal("nothing to commit")
	}
	if err == nil {
		err = h.commit(b)
	}
	h.Done(0, b, err)
}

// TestAwaitingIsAnsweredByTheClose has callers await a run from before, in and after the
// batch that closes it.
func TestAwaitingIsAnsweredByTheClose(t *testing.T) {
	h := newHarness(t, 1)
	name := toyName("a")
	begun := h.awaits(name, engine.Always, toyPut{"1"})
	h.settle()
	if answered(begun) {
		t.Fatal("answered while the run is open")
	}
	if h.pending.n.Load() != 0 {
		t.Error("who awaits a close counts as unfinished although the command is durable")
	}
	before := h.awaits(name, engine.Never, engine.Peek{})
	refused := h.awaits(name, engine.Never, toyFail{})
	refusedToBegin := h.awaits(name, engine.Always, toyPut{"no"})
	h.settle()
	if !answered(refused) || !errors.Is(refused.err, errToy) {
		t.Errorf("a refused command is answered %v", refused.err)
	}
	if !answered(refusedToBegin) {
		t.Error("a refused begin is not answered at once")
	}
	if answered(before) {
		t.Fatal("answered while the run is open")
	}
	// All in the batch that closes the run.
	early := h.awaits(name, engine.Never, toyPut{"2"})
	peek := h.awaits(name, engine.Never, engine.Peek{})
	run := h.names(name)
	closing := h.awaits(name, engine.Never, toyClose{})
	late := h.submit(engine.Command{Run: run, Body: engine.Peek{}, Await: true})
	b := h.Ready(0)
	for _, c := range []*call{begun, before, early, peek, closing, late} {
		if answered(c) {
			t.Error("answered before the commit")
		}
	}
	h.Done(0, b, h.commit(b))
	for _, c := range []*call{begun, before, early, peek, closing, late} {
		if !answered(c) {
			t.Fatalf("%T is not answered by the close", c.cmd.Body)
		}
		h.has(c, "1", "2")
	}
	// And after it.
	h.has(h.submit(engine.Command{Run: run, Body: engine.Peek{}, Await: true}), "1", "2")
	h.has(h.submit(engine.Command{Run: run, Body: toyRead{}, Await: true}), "1", "2")
	h.quiet()
	h.check()
}

func (h *harness) names(name engine.Name) engine.RunID {
	h.t.Helper()
	for _, s := range h.shards {
		if r := s.names.get(name); r != nil {
			return r.Run
		}
	}
	h.t.Fatalf("no open run of %q", name.Key)
	return engine.RunID{}
}

// TestAwaitedRunIsSucceeded has the command that is awaited begin the next run.
func TestAwaitedRunIsSucceeded(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyPut{"1"})
	earlier := h.awaits(toyName("a"), engine.Never, engine.Peek{})
	h.has(h.awaits(toyName("a"), engine.Never, toyRenew{}), "1")
	h.has(earlier, "1")
	h.quiet()
	h.check()
}

// TestAwaitOfWhatNeverBegan answers a command that began no run.
func TestAwaitOfWhatNeverBegan(t *testing.T) {
	h := newHarness(t, 1)
	refused[*engine.UnknownRunError](h, h.awaits(toyName("a"), engine.Never, toyPut{}))
	if _, err := h.answer(h.awaits(toyName("a"), engine.Always, toyFail{})); !errors.Is(err, errToy) {
		t.Errorf("got %v", err)
	}
	h.quiet()
}

// TestAwaitingIsAnsweredWhenMemoryGoes fails commits at each place.
func TestAwaitingIsAnsweredWhenMemoryGoes(t *testing.T) {
	for _, closes := range []bool{false, true} {
		h := newHarness(t, 1)
		begun := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
		h.settle()
		also := h.awaits(toyName("a"), engine.Never, toyPut{"2"})
		if closes {
			h.begin(engine.Never, toyName("a"), toyClose{})
		}
		h.one(store.ErrUnknown)
		for _, c := range []*call{begun, also} {
			if !answered(c) || !errors.Is(c.err, engine.ErrUnavailable) {
				t.Errorf("closes %v: %T is answered %v, %v; want engine.ErrUnavailable", closes, c.cmd.Body, answered(c), c.err)
			}
		}
		h.quiet()
		again := h.awaits(toyName("a"), engine.Never, engine.Peek{})
		h.settle()
		h.must("a", toyClose{})
		h.has(again, "1")
		h.quiet()
		h.check()
	}
}

// TestAwaitingOutlivesATakenBackBatch has a batch taken back that closed an awaited run.
func TestAwaitingOutlivesATakenBackBatch(t *testing.T) {
	h := newHarness(t, 1)
	h.must("bad", toyAdd{})
	begun := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
	h.settle()
	fresh := h.awaits(toyName("b"), engine.Always, toyPut{"b"})
	same := h.awaits(toyName("a"), engine.Never, toyPut{"2"})
	closing := h.awaits(toyName("a"), engine.Never, toyClose{})
	bad := h.begin(engine.Never, toyName("bad"), toyFall{"record"})
	h.settle()
	for _, c := range []*call{begun, same, closing} {
		if !answered(c) {
			t.Fatalf("%T is not answered", c.cmd.Body)
		}
		h.has(c, "1", "2")
	}
	if _, err := h.answer(bad); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v", err)
	}
	if answered(fresh) {
		t.Error("answered while its run is open")
	}
	h.must("b", toyClose{})
	h.has(fresh, "b")
	h.quiet()
	h.check()
}

// TestAwaitingOfAQuarantinedRunIsAnswered: such a run does not close any more.
func TestAwaitingOfAQuarantinedRunIsAnswered(t *testing.T) {
	for _, body := range []any{toyPanic{}, toyFall{"record"}, toyExcess{}} {
		h := newHarness(t, 1)
		begun := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
		h.settle()
		same := h.awaits(toyName("a"), engine.Never, toyPut{"2"})
		h.begin(engine.Never, toyName("a"), body)
		h.settle()
		later := h.awaits(toyName("a"), engine.Never, engine.Peek{})
		h.settle()
		for _, c := range []*call{begun, same, later} {
			if !answered(c) || !errors.Is(c.err, ErrQuarantined) {
				t.Errorf("%T: answered %v with %v, want ErrQuarantined", body, answered(c), c.err)
			}
		}
		h.quiet()
		h.check()
	}
}

// TestAwaitingCallerMayLeave has the caller go at each moment.
func TestAwaitingCallerMayLeave(t *testing.T) {
	leave := func(h *harness, c *call) {
		h.Stepped.submit(&call{cmd: engine.Command{Name: c.cmd.Name, Run: c.cmd.Run}, leaves: c})
	}
	for what, story := range map[string]func(h *harness) *call{
		"while the run is open": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			h.settle()
			leave(h, c)
			return c
		},
		"before it is evaluated": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			leave(h, c)
			return c
		},
		"in the open batch": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			h.Evaluate(0)
			leave(h, c)
			h.Evaluate(0)
			return c
		},
		"in a batch that is taken back": func(h *harness) *call {
			h.must("bad", toyAdd{})
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			leave(h, c)
			h.begin(engine.Never, toyName("bad"), toyFall{"record"})
			return c
		},
		"while the batch is written": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			b := h.Ready(0)
			leave(h, c)
			h.Done(0, b, h.commit(b))
			return c
		},
		"after it was answered": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			h.settle()
			h.must("a", toyClose{})
			leave(h, c)
			return c
		},
		"in the batch that closes the run": func(h *harness) *call {
			c := h.awaits(toyName("a"), engine.Always, toyPut{"1"})
			h.settle()
			h.begin(engine.Never, toyName("a"), toyClose{})
			h.begin(engine.Never, toyName("a"), engine.Peek{})
			h.Evaluate(0)
			leave(h, c)
			h.Evaluate(0)
			return c
		},
		"while it waits for a fetch": func(h *harness) *call {
			h.must("a", toyPut{"1"})
			h.kill()
			c := h.awaits(toyName("a"), engine.Never, toyPut{"2"})
			h.Ready(0)
			leave(h, c)
			h.Ready(0)
			return c
		},
		"while it is patient, and memory goes": func(h *harness) *call {
			h.give("other", toyAdd{})
			b := h.Ready(0)
			c := h.submit(engine.Command{Name: toyName("a"), Begin: engine.Always, Group: "g", Seed: h.seed(), Body: toyPut{"1"}, Await: true, Patient: true})
			leave(h, c)
			h.Done(0, b, store.ErrUnknown)
			return c
		},
		"while it is patient": func(h *harness) *call {
			c := h.submit(engine.Command{Name: toyName("a"), Begin: engine.Always, Group: "g", Seed: h.seed(), Body: toyPut{"1"}, Await: true, Patient: true})
			leave(h, c)
			h.settle()
			h.now += patientDelay
			h.Advance()
			return c
		},
	} {
		h := newHarness(t, 1)
		h.must("other", toyAdd{})
		c := story(h)
		h.settle()
		if !answered(c) {
			t.Errorf("a caller who leaves %s is still remembered", what)
		}
		h.quiet()
		h.must("other", toyAdd{})
		h.check()
	}
}

func TestAwaitingIsForgottenWithTheProcess(t *testing.T) {
	h := newHarness(t, 1)
	h.awaits(toyName("a"), engine.Always, toyPut{"1"})
	h.settle()
	h.kill()
	c := h.awaits(toyName("a"), engine.Never, engine.Peek{})
	h.settle()
	h.must("a", toyClose{})
	h.has(c, "1")
	h.quiet()
}

// TestAwaitByKeptName asks again by name after the close, from the store.
func TestAwaitByKeptName(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	h.ok(h.begin(engine.Once, name, toyPut{"1"}))
	h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}))
	h.kill()
	h.has(h.awaits(name, engine.Never, engine.Peek{}), "1")
	h.now += 1000
	refused[*engine.UnknownRunError](h, h.awaits(name, engine.Never, engine.Peek{}))
	h.quiet()
}

// TestOutcomeThatPanicsIsOfTheRunThatClosed, and not of its successor.
func TestOutcomeThatPanicsIsOfTheRunThatClosed(t *testing.T) {
	h := newHarness(t, 1)
	var quarantined []engine.RunID
	h.listener.Quarantined = func(id engine.Identity, why error) { quarantined = append(quarantined, id.Run) }
	name := toyName("a")
	h.ok(h.begin(engine.Always, name, toyFall{"outcome"}))
	run := h.names(name)
	if _, err := h.answer(h.awaits(name, engine.Never, toyRenew{})); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v", err)
	}
	if len(quarantined) != 1 || quarantined[0] != run {
		t.Errorf("quarantined %v, want %v", quarantined, run)
	}
	h.quiet()
}
