package shard

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// elsewhere gives a name of another shard than that of a.
func (h *harness) elsewhere(a string) string {
	for i := 0; ; i++ {
		key := fmt.Sprint("elsewhere ", i)
		if runlog.Route(h.cfg.Hash, h.cfg.Shards, toyName(key)) != runlog.Route(h.cfg.Hash, h.cfg.Shards, toyName(a)) {
			return key
		}
	}
}

// TestWantedEventsAndBlobsAreGiven from the open batch, memory and the store; what is not
// there is nil.
func TestWantedEventsAndBlobsAreGiven(t *testing.T) {
	h := newHarness(t, 1)
	id, large := h.putBlob("hello"), h.putBlob(strings.Repeat("x", blobCacheBytesMax/4+1)[:900_000])
	for i := range 3 {
		h.must("a", toyPut{fmt.Sprint(i)})
	}
	ask := func(name engine.Name) toyGot {
		t.Helper()
		got := h.ok(h.begin(engine.Never, name, toyWant{Events: []int64{-1, 0, 1, 2, 4, 5, 6, 1 << 40}, Blobs: []blob.ID{id, large}})).(toyGot)
		if len(got.Blobs) != 2 || got.Blobs[id] != "hello" || len(got.Blobs[large]) != 900_000 {
			t.Errorf("got blobs of %d bytes, %q", len(got.Blobs[large]), got.Blobs[id])
		}
		for event, b := range got.Events {
			if !strings.HasPrefix(b, fmt.Sprintf(`{"id":%d,`, event)) {
				t.Errorf("event %d is %s", event, b)
			}
		}
		return got
	}
	if got := ask(toyName("a")); len(got.Events) != 3 {
		t.Errorf("got %v, want events 1, 2, 4", got.Events)
	}
	// The last one is only in the batch.
	h.give("a", toyPut{"in the batch"})
	h.Evaluate(0)
	if got := ask(toyName("a")); len(got.Events) != 4 {
		t.Errorf("got %v, want events 1, 2, 4, 5", got.Events)
	}
	h.kill()
	if got := ask(toyName("a")); len(got.Events) != 4 {
		t.Errorf("got %v, want events 1, 2, 4, 5", got.Events)
	}
	// A new run has none.
	got := h.ok(h.begin(engine.Always, toyName("new"), toyWant{Events: []int64{1}, Blobs: []blob.ID{id}})).(toyGot)
	if len(got.Events) != 0 || got.Blobs[id] != "hello" {
		t.Errorf("a new run got %+v", got)
	}
	// What is cut from the log is not there either.
	cut := nameOf(cutKind, "c")
	for range 30 {
		h.ok(h.begin(engine.IfAbsent, cut, toyAdd{Text: strings.Repeat("x", 1000)}))
	}
	h.ok(h.begin(engine.IfAbsent, cut, toyPile{Size: 1}))
	h.kill()
	if got := h.ok(h.begin(engine.Never, cut, toyWant{Events: []int64{1, 32}})).(toyGot); len(got.Events) != 1 {
		t.Errorf("a cut log gave %v, want event 32", got.Events)
	}
	h.check()
	h.quiet()
}

// toyDataKeys has data keys that are named by their uses: known ones begin with "known".
type toyDataKeys struct {
	asked []engine.KeyUse
	wrong map[engine.KeyUse]error
}

type toyDataKey string

func (k toyDataKey) Seal([]byte) []byte          { return []byte(k) }
func (k toyDataKey) Open([]byte) ([]byte, error) { return nil, nil }

func (k *toyDataKeys) Known(use engine.KeyUse) engine.DataKey {
	if name := use.(string); strings.HasPrefix(name, "known") {
		return toyDataKey(name)
	}
	return nil
}

func (k *toyDataKeys) Find(_ context.Context, use engine.KeyUse) (engine.DataKey, error) {
	k.asked = append(k.asked, use)
	return toyDataKey(use.(string)), k.wrong[use]
}

type toyRefusal struct{ error }

func (toyRefusal) KeyRefused() {}

// TestDataKeysAreGiven: those at hand at once, others when they were asked for. Rules are
// told what is refused; of any other error, who calls is.
func TestDataKeysAreGiven(t *testing.T) {
	h := newHarness(t, 1)
	keys := &toyDataKeys{wrong: map[engine.KeyUse]error{"refused": toyRefusal{errors.New("no")}, "throttled": errRead}}
	h.dataKeys = map[engine.Kind]engine.DataKeys{toyKind: keys}
	h.kill()
	h.must("a", toyAdd{})
	want := func(uses ...engine.KeyUse) (toyGot, error) {
		reply, err := h.answer(h.begin(engine.Never, toyName("a"), toyWant{Keys: uses}))
		got, _ := reply.(toyGot)
		return got, err
	}
	if got, err := want("known a", "known b"); err != nil || fmt.Sprint(got.Keys) != "map[known a:known a known b:known b]" || len(keys.asked) > 0 {
		t.Errorf("got %v, %v, and asked for %v", got.Keys, err, keys.asked)
	}
	if got, err := want("known a", "new", "refused"); err != nil || fmt.Sprint(got.Keys) != "map[known a:known a new:new refused:no]" || fmt.Sprint(keys.asked) != "[new refused]" {
		t.Errorf("got %v, %v, and asked for %v", got.Keys, err, keys.asked)
	}
	if _, err := want("new", "throttled"); !errors.Is(err, errRead) || !errors.Is(err, engine.ErrUnread) {
		t.Errorf("got %v", err)
	}
	delete(keys.wrong, "throttled")
	if got, err := want("throttled"); err != nil || got.Keys["throttled"] != "throttled" {
		t.Errorf("got %v, %v", got.Keys, err)
	}
	// A kind without any is refused all.
	if got := h.ok(h.begin(engine.IfAbsent, nameOf(cutKind, "c"), toyWant{Keys: []engine.KeyUse{"new"}})).(toyGot); got.Keys["new"] != errNoDataKeys.Error() {
		t.Errorf("got %v", got.Keys)
	}
	h.quiet()
}

// TestCommandsGoOnWhileAWakeWaitsForADataKey, and messages do: who calls is answered, and
// when the key is there they get the one that is wanted by then.
func TestCommandsGoOnWhileAWakeWaitsForADataKey(t *testing.T) {
	h := newHarness(t, 2)
	keys := &toyDataKeys{wrong: map[engine.KeyUse]error{"after 1": errRead, "after 2": errRead, "after 3": errRead}}
	h.dataKeys = map[engine.Kind]engine.DataKeys{toyKind: keys}
	h.kill()
	other := h.elsewhere("locked")
	h.must("locked", toyAdd{})
	h.must("locked", toyWake{At: h.now + 5})
	h.must(other, toyAdd{})
	s := h.shards[runlog.Route(h.cfg.Hash, h.cfg.Shards, toyName("locked"))]
	for i := range 3 {
		h.now += retryDelay + 10
		h.Advance()
		h.settle()
		if i == 1 {
			h.must(other, toyTell{"locked"})
			h.settle()
		}
		if s := h.read("locked"); s.Added != i+1 || s.Woken != 0 || s.Heard != 0 {
			t.Fatalf("meanwhile: %+v", s)
		}
		if want := 1 + min(i, 1); len(s.waiting) != want {
			t.Errorf("%d calls wait, want %d", len(s.waiting), want)
		}
		if i < 2 {
			h.must("locked", toyAdd{})
		}
	}
	delete(keys.wrong, "after 3")
	h.now += retryDelay + 10
	h.Advance()
	h.settle()
	if s := h.read("locked"); s.Woken != 1 || s.Heard != 1 {
		t.Errorf("with the key: %+v", s)
	}
	h.check()
	h.quiet()
}

// hangingKeys has data keys that nobody gets before the end.
type hangingKeys struct {
	toyDataKeys
	end chan struct{}
}

func (k *hangingKeys) Find(context.Context, engine.KeyUse) (engine.DataKey, error) {
	<-k.end
	return toyDataKey("late"), nil
}

// TestWhoNeedsNoDataKeyDoesNotWaitForThem, however many others do.
func TestWhoNeedsNoDataKeyDoesNotWaitForThem(t *testing.T) {
	h := newHarness(t, 8)
	h.must("a", toyAdd{})
	hanging := &hangingKeys{end: make(chan struct{})}
	n, clock := h.openNode(func(c *Config) {
		c.ReadersMax = 2
		c.DataKeys = map[engine.Kind]engine.DataKeys{toyKind: hanging}
	})
	do := func(i byte, name string, body any) error {
		_, err := n.Do(t.Context(), engine.Command{Name: toyName(name), Begin: engine.IfAbsent, Group: "g", Seed: engine.RootSeed(clock.Now(), [8]byte{i}), Body: body})
		return err
	}
	var all sync.WaitGroup
	for i := range byte(20) {
		all.Go(func() {
			if err := do(i, fmt.Sprint("waits", i), toyWant{Keys: []engine.KeyUse{"hanging"}}); err != nil {
				t.Error(err)
			}
		})
	}
	for asking := false; !asking; {
		n.lanes[0].asking.mu.Lock()
		asking = n.lanes[0].asking.running+len(n.lanes[0].asking.queue) == 20
		n.lanes[0].asking.mu.Unlock()
		runtime.Gosched()
	}
	if err := do(99, "a", toyAdd{}); err != nil { // its state has to be read
		t.Error(err)
	}
	close(hanging.end)
	all.Wait()
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestWhatIsWantedIsOfTheRunThatHandles: while a call waits, another run takes the name.
func TestWhatIsWantedIsOfTheRunThatHandles(t *testing.T) {
	h := newHarness(t, 1)
	id := h.putBlob("hello")
	h.must("a", toyPut{"1"})
	run := h.names(toyName("a"))
	h.must("a", toyClose{Forget: h.now + 1000})
	c := h.begin(engine.IfAbsent, toyName("a"), toyWant{Events: []int64{2}, Blobs: []blob.ID{id}})
	h.Ready(0)
	reopen := h.to(run, toyReopen{})
	h.Ready(0)
	for h.Fetches() > 1 {
		h.Fetch(context.Background(), 1)
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.commit(b))
		}
	}
	h.ok(reopen)
	if got := h.ok(c).(toyGot); !strings.Contains(got.Events[2], `"put"`) {
		t.Errorf("got %+v, want event 2 of the run that opened again", got)
	}
	// A run that is only still to be deleted is asked nothing.
	kept := nameOf(keptKind, "k")
	h.ok(h.begin(engine.Once, kept, toyPut{"1"}))
	h.ok(h.begin(engine.Never, kept, toyClose{Forget: h.now + 10}))
	h.now += 10
	c = h.begin(engine.Once, kept, toyWant{Events: []int64{1}, Blobs: []blob.ID{h.putBlob("other")}})
	if got := h.ok(c).(toyGot); len(got.Events) > 0 || len(got.Blobs) != 1 {
		t.Errorf("the next run of the name got %+v", got)
	}
	h.quiet()
}

// TestUnreadIsSaidOrTriedAgain: whoever asks hears that something can't be read, and
// asks again; messages and wakes are tried some times.
func TestUnreadIsSaidOrTriedAgain(t *testing.T) {
	h := newHarness(t, 2)
	other := h.elsewhere("a")
	h.must("a", toyPut{"1"})
	h.must("a", toyWake{At: h.now + 10})
	h.must(other, toyAdd{})
	h.kill()
	h.failRead = func(kind byte) bool { return kind == keys.History }
	if _, err := h.do("a", toyPut{"2"}); !errors.Is(err, engine.ErrUnread) || errors.Is(err, engine.ErrUnusable) {
		t.Errorf("got %v, want engine.ErrUnread", err)
	}
	h.failRead = nil
	h.must(other, toyTell{"a"})
	h.kill()
	h.must(other, toyTell{"a"}) // in front of it
	h.kill()
	h.failRead = func(kind byte) bool { return kind == keys.History }
	h.now += 10
	h.Advance()
	h.settle()
	h.failRead = nil
	h.now += retryDelay
	h.Advance()
	h.settle()
	if s := h.read("a"); s.Woken != 1 || s.Heard != 2 || len(s.Tokens) != 1 {
		t.Errorf("after the disk came back: %+v", s)
	}
	h.check()
	h.quiet()
}

// TestMessageIsParkedWhenItsRunCantBeRead in fetchTries times, retryDelay apart: others
// from its shard go on, and it is handled when its run can be read again.
func TestMessageIsParkedWhenItsRunCantBeRead(t *testing.T) {
	for _, restart := range []bool{false, true} {
		testUnreadable(t, restart)
	}
}

func testUnreadable(t *testing.T, restart bool) {
	h := newHarness(t, 2)
	other := h.elsewhere("a")
	to := runlog.Route(h.cfg.Hash, 2, toyName("a"))
	h.must("a", toyPut{"1"})
	more := "b" // of the same shard as a
	for runlog.Route(h.cfg.Hash, 2, toyName(more)) != to {
		more += "b"
	}
	h.must(other, toyAdd{})
	h.kill()
	tries := 0
	h.must(other, toyAdd{}) // it has its state in memory
	h.failRead = func(kind byte) bool {
		if kind == keys.History {
			tries++
		}
		return kind == keys.History
	}
	h.must(other, toyTell{"a"})
	h.settle()
	for try := 1; try <= fetchTries; try++ {
		if tries != try || !h.Waits(to) {
			t.Errorf("%d tries, waits %v; want %d", tries, h.Waits(to), try)
		}
		h.now += retryDelay + 10 // a shard that was taken over is some milliseconds ahead
		h.Advance()
		h.settle()
	}
	h.must(other, toyTell{more}) // it is behind the one that is parked now
	h.settle()
	if s := h.read(more); s.Heard != 1 {
		t.Error("a message that can't be handled holds up others of its sender for ever")
	}
	h.check()
	if restart {
		h.failRead = nil
		h.kill()
		h.settle()
	} else {
		h.now += retryDelay + 10
		h.Advance()
		h.settle()
		if s := h.read(other); s.Answered != 1 {
			t.Errorf("%d messages were answered, want the other one", s.Answered)
		}
		h.failRead = nil
		h.now += retryDelay + 10
		h.Advance()
		h.settle()
	}
	if s := h.read("a"); s.Heard != 1 {
		t.Errorf("restart %v: heard %d", restart, s.Heard)
	}
	if s := h.read(other); s.Answered != 2 {
		t.Errorf("restart %v: %d messages were answered", restart, s.Answered)
	}
	h.check()
	h.quiet()
}

// TestCallsOfARunKeepTheirOrder also when only the first lacks something.
func TestCallsOfARunKeepTheirOrder(t *testing.T) {
	h := newHarness(t, 1)
	id := h.putBlob("hello")
	h.must("a", toyPut{"1"})
	run := h.read("a").ID.Run
	h.must("b", toyPut{"1"})
	want := h.begin(engine.Never, toyName("a"), toyWant{Blobs: []blob.ID{id}})
	put := h.to(run, toyPut{"2"}) // the same run, called otherwise
	other := h.begin(engine.Never, toyName("b"), toyPut{"2"})
	for range 3 {
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.store.Commit(t.Context(), []store.Section{b.Section})[0])
		}
	}
	if !answered(other) || answered(want) || answered(put) {
		t.Errorf("answered: the other run's command %v, want yes; what lacks a blob %v and what is behind it %v, want no",
			answered(other), answered(want), answered(put))
	}
	h.ok(want)
	h.ok(put)
}

// TestMissingBlobIsAnErrorOfItsCall, and of no other.
func TestMissingBlobIsAnErrorOfItsCall(t *testing.T) {
	h := newHarness(t, 1)
	id := h.putBlob("hello")
	h.must("a", toyAdd{})
	missing := h.begin(engine.Never, toyName("a"), toyWant{Blobs: []blob.ID{{1}}})
	good := h.begin(engine.Never, toyName("a"), toyPut{"1"})
	if _, err := h.answer(missing); !errors.Is(err, engine.ErrUnread) || !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	h.ok(good)
	h.shelf.FailNext(1, errRead)
	if _, err := h.answer(h.begin(engine.Never, toyName("a"), toyWant{Blobs: []blob.ID{id}})); !errors.Is(err, engine.ErrUnread) {
		t.Errorf("got %v", err)
	}
	if got := h.ok(h.begin(engine.Never, toyName("a"), toyWant{Blobs: []blob.ID{id}})).(toyGot); got.Blobs[id] != "hello" {
		t.Errorf("got %+v", got)
	}
	h.quiet()
}

// TestCallsKeepTheirOrderWhileOneWaits: those of one run do, and messages of one sender
// do; others overtake.
func TestCallsKeepTheirOrderWhileOneWaits(t *testing.T) {
	h := newHarness(t, 2)
	sender := h.elsewhere("a")
	to := runlog.Route(h.cfg.Hash, 2, toyName("a"))
	var same []string // of a's shard
	for i := 0; len(same) < 3; i++ {
		if key := fmt.Sprint(i); runlog.Route(h.cfg.Hash, 2, toyName(key)) == to {
			same = append(same, key)
		}
	}
	cold, warm, quick := same[0], same[1], same[2]
	for _, key := range []string{cold, warm, quick, sender} {
		h.must(key, toyPut{"0"})
	}
	h.kill()
	h.must(warm, toyPut{"1"})
	h.must(quick, toyPut{"1"})
	h.must(sender, toySend{[]engine.Message{
		{To: toyName(cold), Body: []byte("u1")}, {To: toyName(warm), Body: []byte("u2")}, {To: toyName(cold), Body: []byte("u3")},
	}})
	h.Ready(to) // the first message waits
	if h.Fetches() != 1 {
		t.Fatalf("%d fetches", h.Fetches())
	}
	after := h.give(cold, toyPut{"4"})
	quickly, warmly := h.give(quick, toyPut{"2"}), h.give(warm, toyPut{"2"})
	b := h.Ready(to)
	h.Done(to, b, h.commit(b))
	if !answered(quickly) {
		t.Error("a call of another run waits")
	}
	if answered(after) || answered(warmly) {
		t.Error("a call has overtaken a message of its run")
	}
	h.settle()
	if s := h.read(cold); strings.Join(s.Tokens, " ") != "0 u1 u3 4" {
		t.Errorf("got %q", s.Tokens)
	}
	if s := h.read(warm); strings.Join(s.Tokens, " ") != "0 1 u2 2" {
		t.Errorf("got %q", s.Tokens)
	}
	h.quiet()
	h.check()
}

// TestWhatChangesWhileItIsFetchedIsNotBelieved: the fetch has read the store, and then a
// batch changes what it read.
func TestWhatChangesWhileItIsFetchedIsNotBelieved(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	// The name: it is read as that of nobody, and then a run takes it.
	once := h.begin(engine.Never, name, toyRead{})
	h.Ready(0)
	h.fetchAll()
	h.ok2(h.begin(engine.Always, name, toyPut{"1"}), once)
	run := h.names(name)
	h.ok(h.to(run, toyClose{Forget: h.now + 1000}))
	// The closed run: it is read as closed, and then it opens, gets on, and closes.
	h.kill()
	peek := h.to(run, engine.Peek{})
	h.Ready(0)
	h.Fetch(context.Background(), 0)
	h.listener.Quarantined = func(id engine.Identity, why error) { t.Error(why) }
	reopen := h.to(run, toyReopen{})
	put := h.to(run, toyPut{"2"})
	h.ok2(peek, reopen, put)
	h.ok(h.to(run, toyClose{Forget: h.now + 1000}))
	if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); strings.Join(got.Tokens, " ") != "1 2" {
		t.Errorf("got %q", got.Tokens)
	}
	h.check()
	h.quiet()
}

// TestNameThatMovesWhileItIsFetchedIsNotBelieved: the name's row is read, and then an
// earlier run of the name opens and closes again, and has it.
func TestNameThatMovesWhileItIsFetchedIsNotBelieved(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	var runs []engine.RunID
	for _, token := range []string{"1", "2"} {
		h.ok(h.begin(engine.Always, name, toyPut{token}))
		runs = append(runs, h.names(name))
		h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}))
	}
	h.kill()
	refused[*engine.UnknownRunError](h, h.begin(engine.Never, nameOf(keptKind, "b"), toyRead{})) // has the filter made
	c := h.begin(engine.Never, name, toyRead{})
	h.Ready(0)
	h.to(runs[0], toyReopen{})
	h.to(runs[0], engine.Peek{})
	h.to(runs[0], toyClose{Forget: h.now + 1000})
	h.Ready(0)
	if h.Fetches() != 2 {
		t.Fatalf("%d fetches, want those of the name and of the run", h.Fetches())
	}
	h.Fetch(context.Background(), 1)
	b := h.Ready(0)
	h.Fetch(context.Background(), 0) // reads the store before the commit
	h.Done(0, b, h.commit(b))
	if got := h.ok(c).(toyState); got.ID.Run != runs[0] {
		t.Errorf("the name finds run %s, want %s", got.ID.Run, runs[0])
	}
	h.check()
	h.quiet()
}

// ok2 answers calls, one of which may be refused since it came too early.
func (h *harness) ok2(calls ...*call) {
	h.t.Helper()
	for _, c := range calls {
		if _, err := h.answer(c); err != nil {
			if _, unknown := errors.AsType[*engine.UnknownRunError](err); !unknown {
				h.t.Fatalf("%T: %v", c.cmd.Body, err)
			}
		}
	}
}

// TestShardThatCantBeReadAnswersAndTriesAgain, after retryDelay or with a command.
func TestShardThatCantBeReadAnswersAndTriesAgain(t *testing.T) {
	for _, alarm := range []bool{false, true} {
		h := newHarness(t, 2)
		h.must("a", toyPut{"1"})
		s := h.shards[runlog.Route(h.cfg.Hash, 2, toyName("a"))]
		h.store.FailNextCommit(false)
		lost := h.give("a", toyPut{"2"})
		h.failRead = func(kind byte) bool { return kind == keys.Note } // where the scan of open runs begins
		b := h.Ready(s.id)
		waits := h.give("a", toyPut{"3"})
		h.Done(s.id, b, h.commit(b))
		if !errors.Is(lost.err, engine.ErrUnavailable) || !answered(lost) {
			t.Errorf("got %v", lost.err)
		}
		comes := h.give("a", toyPut{"4"})
		h.step(s)
		h.step(s)
		for _, c := range []*call{waits, comes} {
			if !answered(c) || !errors.Is(c.err, engine.ErrUnavailable) {
				t.Errorf("answered %v with %v", answered(c), c.err)
			}
		}
		if !h.Lost(s.id) {
			t.Error("it has a memory")
		}
		h.failRead = nil
		if alarm {
			if w := h.NextWake(); w > h.now+retryDelay || w == 0 {
				t.Errorf("it wants to be stepped at %d, and it is %d", w, h.now)
			}
			h.now += retryDelay
			h.Advance()
			h.settle()
			if h.Lost(s.id) {
				t.Error("it has no memory yet")
			}
		}
		h.must("a", toyPut{"5"})
		if got := h.read("a"); strings.Join(got.Tokens, " ") != "1 5" {
			t.Errorf("got %q", got.Tokens)
		}
		h.check()
		h.quiet()
	}
}

// TestRunThatCantBeFoldedIsSetAside as one whose rules panic later: who awaits its end
// hears that it won't come, and its tasks are no longer on offer.
func TestRunThatCantBeFoldedIsSetAside(t *testing.T) {
	h := newHarness(t, 1)
	h.must("bad", toyOffer{})
	h.kill()
	awaiting := h.awaits(toyName("bad"), engine.Never, engine.Peek{})
	h.settle()
	if answered(awaiting) || len(h.onOffer()) != 1 {
		t.Fatalf("answered %v, %d offers", answered(awaiting), len(h.onOffer()))
	}
	h.trips["apply bad"] = true
	if _, err := h.do("bad", toyPut{"1"}); !errors.Is(err, engine.ErrUnusable) {
		t.Errorf("got %v", err)
	}
	if _, err := h.answer(awaiting); !errors.Is(err, ErrQuarantined) {
		t.Errorf("who awaits it is answered %v", err)
	}
	if n := len(h.onOffer()); n != 0 {
		t.Errorf("%d tasks are on offer that can't be started", n)
	}
	h.quiet()
}

// TestFailedReadsAreTriedAgainAfterAWhile, and not whenever another read fails.
func TestFailedReadsAreTriedAgainAfterAWhile(t *testing.T) {
	h := newHarness(t, 1)
	for _, key := range []string{"a", "b", "c"} {
		h.must(key, toyWake{At: h.now + 10})
	}
	h.must("teller", toyAdd{})
	h.kill()
	h.must("teller", toySend{[]engine.Message{{To: toyName("a"), Body: []byte("u1")}, {To: toyName("b"), Body: []byte("u2")}}})
	tries := 0
	h.failRead = func(kind byte) bool {
		if kind == keys.History {
			tries++
		}
		return kind == keys.History
	}
	h.now += 20
	h.Advance()
	for try := 1; try <= 2; try++ {
		for range 20 { // reads fail: one of all that are due, then one of each
			if b := h.Ready(0); b != nil {
				h.Done(0, b, h.commit(b))
			}
			if h.Fetches() > 0 {
				h.Fetch(context.Background(), 0)
			}
		}
		if tries != 4*try {
			t.Errorf("%d reads of three runs, want %d", tries, 4*try)
		}
		h.now += retryDelay + 10
		h.Advance()
	}
	h.failRead = nil
	h.settle()
	for _, key := range []string{"a", "b", "c"} {
		if s := h.read(key); s.Woken != 1 || (len(s.Tokens) == 1) != (key != "c") {
			t.Errorf("%q was woken %d times and has %q", key, s.Woken, s.Tokens)
		}
	}
	h.check()
	h.quiet()
}

// TestStatesAreFetchedOnceAheadOfTheirTurn: calls that wait behind one that is tried again
// and again lack more states than are kept.
func TestStatesAreFetchedOnceAheadOfTheirTurn(t *testing.T) {
	h := newHarness(t, 1)
	messages := []engine.Message{{To: nameOf(keptKind, "a"), Body: []byte("u1")}}
	for i := range 5 {
		h.must(fmt.Sprint(i), toyAdd{})
		messages = append(messages, engine.Message{To: toyName(fmt.Sprint(i)), Body: []byte("u2")})
	}
	h.must("teller", toyAdd{})
	h.kill()
	h.must("teller", toySend{messages})
	reads := 0
	h.failRead = func(kind byte) bool {
		if kind == keys.History {
			reads++
		}
		return kind == keys.Name
	}
	for range 40 {
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.commit(b))
		}
		if h.Fetches() > 0 {
			h.Fetch(context.Background(), 0)
		}
	}
	if reads > 5 {
		t.Errorf("%d reads of 5 runs", reads)
	}
	h.failRead = nil
	h.now += retryDelay + 10
	h.Advance()
	h.settle()
	for i := range 5 {
		if s := h.read(fmt.Sprint(i)); len(s.Tokens) != 1 {
			t.Errorf("run %d has %q", i, s.Tokens)
		}
	}
	h.quiet()
}

// TestLookUpsAreForgottenWhileOthersWait: a shard that always has a call waiting doesn't
// keep all that it ever looked up.
func TestLookUpsAreForgottenWhileOthersWait(t *testing.T) {
	h := newHarness(t, 1)
	const many = lookupsMax + 100
	var runs []engine.RunID
	for i := range many {
		name := nameOf(keptKind, fmt.Sprint(i))
		c := h.begin(engine.Once, name, toyPut{"1"})
		h.begin(engine.Never, name, toyClose{Forget: h.now + 1<<30})
		if i%100 == 0 {
			h.settle()
		}
		runs = append(runs, h.ok(c).(toyDone).Run)
	}
	h.kill()
	s := h.shards[0]
	waits := h.to(runs[0], toyRead{})
	h.Ready(0) // its fetch is slow
	for _, run := range runs[1:] {
		c := h.to(run, toyRead{})
		h.Ready(0)
		h.Fetch(context.Background(), 1)
		h.Ready(0)
		if !answered(c) {
			t.Fatal("not answered")
		}
		if n := max(len(s.cold), len(s.kept)); n > lookupsMax+1 {
			t.Fatalf("%d look-ups are kept", n)
		}
	}
	h.ok(waits)
	h.quiet()
}

// TestLookingNeedsNoState: what is known of a run is told, also just when its state could
// not be read.
func TestLookingNeedsNoState(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyPut{"1"})
	run := h.names(toyName("a"))
	h.kill()
	h.failRead = func(kind byte) bool { return kind == keys.History }
	put := h.give("a", toyPut{"2"})
	peek := h.to(run, engine.Peek{})
	if _, err := h.answer(put); !errors.Is(err, engine.ErrUnread) {
		t.Errorf("got %v", err)
	}
	h.ok(peek)
	h.quiet()
}

// TestGroupsOfStates: the states of runs that come to be due together are read together, and
// what can't be read of one holds up none of the others.
func TestGroupsOfStates(t *testing.T) {
	const runs = groupMax + 20
	h := newHarness(t, 1)
	for i := range runs {
		h.must(fmt.Sprint(i), toyWake{At: h.now + 10})
	}
	h.kill()
	bad := h.shards[0].names.get(toyName("7")).Run
	h.failRow = func(key []byte) bool {
		return len(key) > keys.RunSize && key[0] == keys.History && engine.RunID(keys.Run(key)) == bad
	}
	h.now += 20
	h.Advance()
	fetches := 0
	for range 20 {
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.commit(b))
		}
		for ; h.Fetches() > 0; fetches++ {
			h.Fetch(context.Background(), 0)
		}
	}
	if fetches != 2 {
		t.Errorf("%d fetches of %d states, want 2", fetches, runs)
	}
	for i := range runs {
		if i == 7 {
			continue
		}
		if s := h.read(fmt.Sprint(i)); s.Woken != 1 {
			t.Errorf("run %d was woken %d times", i, s.Woken)
		}
	}
	h.failRow = nil
	h.now += retryDelay + 10
	h.Advance()
	h.settle()
	if s := h.read("7"); s.Woken != 1 {
		t.Errorf("the last was woken %d times", s.Woken)
	}
	h.check()
	h.quiet()
}
