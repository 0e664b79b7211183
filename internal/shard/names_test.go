package shard

import (
	"errors"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
)

// TestNameIsUsedOnce begins runs of one name at all times.
func TestNameIsUsedOnce(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	once := func() *call { return h.begin(engine.Once, name, toyPut{"1"}) }
	first, second := once(), once() // in one batch
	h.ok(first)
	refused[*engine.AlreadyOpenError](h, second)
	h.kill()
	refused[*engine.AlreadyOpenError](h, once())
	run := h.names(name)
	third, closing, fourth := once(), h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}), once()
	refused[*engine.AlreadyOpenError](h, third)
	h.ok(closing)
	if _, err := h.answer(fourth); err == nil {
		t.Error("began in the batch that closed the last run of its name")
	}
	refused[*engine.NameKeptError](h, once())
	if _, err := h.answer(once()); err.(*engine.NameKeptError).Run != run {
		t.Errorf("got %v, want run %s", err, run)
	}
	h.kill()
	refused[*engine.NameKeptError](h, once())
	if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); got.ID.Run != run {
		t.Errorf("the name finds run %s, want %s", got.ID.Run, run)
	}
	if got := h.ok(h.begin(engine.Never, name, engine.Peek{})).(*engine.RunView); got.Run != run || got.Status != engine.Closed {
		t.Errorf("the name finds %+v, want run %s", got, run)
	}
	if _, err := h.answer(h.begin(engine.IfAbsent, name, toyPut{"2"})); !errors.Is(err, errToy) {
		t.Errorf("got %v, want the kept run to refuse it", err)
	}
	h.check()
	h.now += 1000 // it is due, and still there
	h.ok(once())
	h.settle()
	if h.names(name) == run {
		t.Error("the run that is to be forgotten is open")
	}
	refused[*engine.AlreadyOpenError](h, once())
	h.check()
	h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}))
	refused[*engine.NameKeptError](h, once())
	h.now += 1000
	h.settle() // it is forgotten
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	refused[*engine.UnknownRunError](h, h.begin(engine.Never, name, toyRead{}))
	h.ok(once())
	h.quiet()
	h.check()
}

func TestOnceIsForKindsThatKeepNames(t *testing.T) {
	h := newHarness(t, 1)
	if _, err := h.answer(h.begin(engine.Once, toyName("a"), toyPut{"1"})); err == nil {
		t.Error("a kind that keeps no names has begun a run once")
	}
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestUnreadNameBeginsNothing: while nobody can tell whether a name is kept, it is not
// used.
func TestUnreadNameBeginsNothing(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	h.ok(h.begin(engine.Once, name, toyPut{"1"}))
	h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}))
	run := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState).ID.Run
	h.failRead = func(kind byte) bool { return kind == keys.Name }
	for _, begin := range []engine.Begin{engine.Never, engine.IfAbsent, engine.Once} {
		if _, err := h.answer(h.begin(begin, name, toyPut{"2"})); !errors.Is(err, engine.ErrUnread) {
			t.Errorf("begin %d: got %v, want engine.ErrUnread", begin, err)
		}
	}
	h.failRead = nil
	if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); got.ID.Run != run {
		t.Errorf("the name finds run %s, want %s", got.ID.Run, run)
	}
	h.quiet()
	h.check()
}

// TestSeedThatExists gives each kind of begin the seed of a run that is there: open,
// closed in the batch, closed and in the store; known to be new or not.
func TestSeedThatExists(t *testing.T) {
	for _, kind := range []engine.Kind{toyKind, keptKind} {
		for _, begin := range []engine.Begin{engine.IfAbsent, engine.Always, engine.Once} {
			if begin == engine.Once && kind != keptKind {
				continue
			}
			for _, age := range []engine.Time{0, 20_000} { // of the seed when it is used again
				for _, when := range []string{"open", "closed in the batch", "closed", "closed, after a kill"} {
					what := fmt.Sprintf("%s begin %d %s, seed %d ms old", kind, begin, when, age)
					h := newHarness(t, 1)
					seed := h.seed()
					a, b := nameOf(kind, "a"), nameOf(kind, "b")
					h.ok(h.submit(engine.Command{Name: a, Begin: engine.Always, Group: "g", Seed: seed, Body: toyPut{"1"}}))
					h.now += age
					closing := engine.Command{Name: a, Body: toyClose{Forget: h.now + 1_000_000}}
					if when != "open" {
						h.submit(closing)
						if when != "closed in the batch" {
							h.settle()
						} else {
							h.begin(engine.Never, a, engine.Peek{}) // the run is settled
						}
					}
					if when == "closed, after a kill" {
						h.kill()
					}
					again := func(name engine.Name) *call {
						return h.submit(engine.Command{Name: name, Begin: begin, Group: "g", Seed: seed, Body: toyPut{"2"}})
					}
					other, same := again(b), again(a)
					refused[*engine.RunExistsError](h, other)
					_, err := h.answer(same)
					switch {
					case when == "open" && begin == engine.IfAbsent:
						if err != nil {
							t.Errorf("%s: %v", what, err)
						}
					case when == "open":
						refused[*engine.AlreadyOpenError](h, same)
					case kind == keptKind && begin == engine.IfAbsent:
						if !errors.Is(err, errToy) {
							t.Errorf("%s: %v, want the closed run's refusal", what, err)
						}
					case begin == engine.Once:
						refused[*engine.NameKeptError](h, same)
					default:
						refused[*engine.RunExistsError](h, same)
					}
					h.check()
					h.quiet()
					if t.Failed() {
						t.Fatal(what)
					}
				}
			}
		}
	}
}

// TestNameSeedIsUsedOnceAtATime begins a run whose seed has no time.
func TestNameSeedIsUsedOnceAtATime(t *testing.T) {
	h := newHarness(t, 1)
	name := toyName("a")
	begin := func() *call {
		return h.submit(engine.Command{Name: name, Begin: engine.IfAbsent, Group: "g", Seed: engine.NameSeed(name), Body: toyPut{"1"}})
	}
	h.ok(begin())
	h.kill()
	h.ok(begin())
	h.must("a", toyClose{Forget: h.now + 10})
	refused[*engine.RunExistsError](h, begin())
	h.kill()
	refused[*engine.RunExistsError](h, begin())
	h.now += 10
	h.settle()
	h.ok(begin())
	if got := h.read("a"); len(got.Tokens) != 1 {
		t.Errorf("got %q", got.Tokens)
	}
	h.check()
	h.quiet()
}

// TestRunOfTodayIsBegunWithoutAFetch: a new run costs no look into the store, unless its
// seed is not of now.
func TestRunOfTodayIsBegunWithoutAFetch(t *testing.T) {
	h := newHarness(t, 1)
	h.now += 100_000
	for _, c := range []struct {
		at      engine.Time
		fetches bool
	}{{h.now, false}, {h.now - begunFor, false}, {h.now - begunFor - 1, true}, {h.now + 1, true}, {h.shards[0].up - 1, true}} {
		seed := engine.RootSeed(c.at, [8]byte{byte(c.at)})
		h.submit(engine.Command{Name: toyName(fmt.Sprint(c.at)), Begin: engine.Always, Group: "g", Seed: seed, Body: toyBegin{}})
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.commit(b))
		}
		if fetches := h.Fetches() > 0; fetches != c.fetches {
			t.Errorf("a seed of %d at %d: fetches %v, want %v", c.at, h.now, fetches, c.fetches)
		}
		h.settle()
	}
	h.check()
	h.quiet()
}

// TestCommandsAfterACloseInOneBatch: what comes after a close finds the name free.
func TestCommandsAfterACloseInOneBatch(t *testing.T) {
	for _, begin := range []engine.Begin{engine.IfAbsent, engine.Always} {
		h := newHarness(t, 1)
		h.must("a", toyAdd{})
		first := h.names(toyName("a"))
		h.begin(engine.Never, toyName("a"), toyClose{})
		next := h.begin(begin, toyName("a"), toyPut{"1"})
		if _, err := h.answer(next); err != nil {
			t.Errorf("begin %d: %v", begin, err)
		} else if h.names(toyName("a")) == first {
			t.Errorf("begin %d: the closed run is open", begin)
		}
		h.check()
	}
}

func TestReopenedRunIsOpen(t *testing.T) {
	for _, batches := range []string{"one", "several", "several, and kills"} {
		h := newHarness(t, 1)
		h.must("other", toyAdd{})
		h.must("a", toyPut{"1"})
		run := h.names(toyName("a"))
		next := func() {
			if batches != "one" {
				h.settle()
			}
			if batches == "several, and kills" {
				h.kill()
			}
			h.check()
		}
		var calls []*call
		say := func(body any) {
			calls = append(calls, h.to(run, body))
			if batches == "one" { // settles the run
				calls = append(calls, h.to(run, engine.Peek{}))
			}
			next()
		}
		say(toyClose{Forget: h.now + 1000})
		reopening := h.to(run, toyReopen{})
		calls = append(calls, reopening)
		if batches == "one" {
			calls = append(calls, h.to(run, engine.Peek{}))
		}
		next()
		calls = append(calls, h.begin(engine.Never, toyName("a"), toyPut{"2"}))
		say(toyOffer{})
		h.settle()
		for _, c := range calls {
			if answered(c) && c.err != nil || !answered(c) && batches != "several, and kills" {
				t.Errorf("%s: %T: answered %v, %v", batches, c.cmd.Body, answered(c), c.err)
			}
		}
		if answered(reopening) && reopening.reply != 1 {
			t.Errorf("%s: %v others are open, want 1", batches, reopening.reply)
		}
		if n := h.groups.add("g", 0); n != 2 {
			t.Errorf("%s: %d open runs are counted, want 2", batches, n)
		}
		if h.names(toyName("a")) != run {
			t.Errorf("%s: the name finds another run", batches)
		}
		h.check() // index entries too
		h.now += 2000
		h.settle() // the time at which it was to be forgotten is over
		if got := h.read("a"); len(got.Tokens) != 2 || got.Reopened != 1 {
			t.Errorf("%s: got %+v", batches, got)
		}
		h.check()
		h.ok(h.to(run, toyClose{Forget: h.now + 10}))
		h.ok(h.to(run, toyReopen{}))
		h.ok(h.to(run, toyClose{Forget: h.now + 10}))
		h.now += 10
		h.settle()
		refused[*engine.UnknownRunError](h, h.to(run, toyReopen{})) // forgotten
		h.must("other", toyClose{Forget: h.now})
		h.now++
		h.settle()
		if n := h.rows(); n != 0 {
			t.Errorf("%s: %d rows are left", batches, n)
		}
		if n := h.groups.add("g", 0); n != 0 {
			t.Errorf("%s: %d open runs are counted, want none", batches, n)
		}
		h.quiet()
	}
}

func TestReopeningIsRefusedWhileTheNameIsTaken(t *testing.T) {
	for _, kill := range []bool{false, true} {
		h := newHarness(t, 1)
		h.must("a", toyPut{"1"})
		first := h.names(toyName("a"))
		h.must("a", toyClose{Forget: h.now + 1000})
		h.must("a", toyPut{"2"})
		if kill {
			h.kill()
		}
		if _, err := h.answer(h.to(first, toyReopen{})); !errors.Is(err, errTaken) {
			t.Errorf("got %v", err)
		}
		h.must("good", toyAdd{})
		forced, good := h.to(first, toyForce{}), h.begin(engine.Never, toyName("good"), toyAdd{})
		if _, err := h.answer(forced); !errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v, want the run whose rules do it nevertheless quarantined", err)
		}
		h.ok(good)
		if h.names(toyName("a")) == first {
			t.Error("the name is the first run's")
		}
		h.must("a", toyClose{})
		h.check()
		h.kill()
		h.ok(h.to(first, toyReopen{}))
		h.check()
		h.quiet()
	}
}

// TestReopenedByANote opens a run again without an event.
func TestReopenedByANote(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyPut{"1"})
	run := h.names(toyName("a"))
	h.must("a", toyClose{Forget: h.now + 1000})
	h.ok(h.to(run, toyRevive{}))
	h.check()
	h.kill()
	if got := h.read("a"); got.ID.Run != run {
		t.Errorf("the open run is %s", got.ID.Run)
	}
	h.check()
}

// TestReopenedKeptRunHasItsName: the name finds it, and still does when it has closed.
func TestReopenedKeptRunHasItsName(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	h.ok(h.begin(engine.Once, name, toyPut{"1"}))
	run := h.names(name)
	for range 2 {
		h.ok(h.to(run, toyClose{Forget: h.now + 1000}))
		refused[*engine.NameKeptError](h, h.begin(engine.Once, name, toyBegin{}))
		h.kill()
		h.ok(h.begin(engine.Never, name, toyReopen{}))
		refused[*engine.AlreadyOpenError](h, h.begin(engine.Once, name, toyBegin{}))
		h.check()
	}
	// Another run takes the name; the first one opens again and has it once more.
	h.ok(h.to(run, toyClose{Forget: h.now + 1000}))
	h.ok(h.begin(engine.Always, name, toyPut{"2"}))
	second := h.names(name)
	h.ok(h.to(second, toyClose{Forget: h.now + 1000}))
	h.ok(h.to(run, toyReopen{}))
	h.ok(h.to(run, toyClose{Forget: h.now + 1000}))
	h.kill()
	if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); got.ID.Run != run {
		t.Errorf("the name finds run %s, want the one that closed last", got.ID.Run)
	}
	h.check()
	h.now += 1000
	h.settle()
	if n := h.rows(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	h.quiet()
}
