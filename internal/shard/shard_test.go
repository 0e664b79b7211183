package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
)

func TestReplyComesOnlyAfterTheCommit(t *testing.T) {
	h := newHarness(t, 1)
	c := h.give("a", toyAdd{})
	b := h.shards[0].Ready(h.now)
	select {
	case <-c.done:
		t.Fatal("answered before the commit")
	default:
	}
	later := h.give("a", toyRead{})
	if h.shards[0].Ready(h.now) != nil {
		t.Fatal("the shard evaluates while its batch is being committed")
	}
	if err := h.store.Commit(context.Background(), []store.Section{b.Section})[0]; err != nil {
		t.Fatal(err)
	}
	h.shards[0].Done(b, nil, 0)
	<-c.done
	h.step(h.shards[0])
	<-later.done
	if got := later.reply.(toyState).Added; got != 1 {
		t.Errorf("the read saw %d additions, want 1", got)
	}
}

func TestRefusalChangesNothing(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyAdd{})
	if _, err := h.do("a", toyFail{}); !errors.Is(err, errToy) {
		t.Errorf("got %v, want the rules' own error", err)
	}
	if _, err := h.do("b", toyFail{}); !errors.Is(err, errToy) {
		t.Errorf("got %v, want the rules' own error", err)
	}
	if n := h.groups.add("g", 0); n != 1 {
		t.Errorf("%d open runs are counted, want 1", n)
	}
	h.check()
}

func TestEverythingComesBackAfterAKill(t *testing.T) {
	h := newHarness(t, 4)
	for i := range 20 {
		for range i + 1 {
			h.must(fmt.Sprint(i), toyAdd{Text: strings.Repeat("x", 4000)}) // some have snapshots
		}
	}
	h.kill()
	for i := range 20 {
		if got := h.read(fmt.Sprint(i)).Added; got != i+1 {
			t.Errorf("run %d has %d additions, want %d", i, got, i+1)
		}
	}
	if n := h.groups.add("g", 0); n != 20 {
		t.Errorf("%d open runs are counted, want 20", n)
	}
	h.check()
}

func TestFailedCommitIsAnErrorAndTheStoreDecides(t *testing.T) {
	for _, written := range []bool{true, false} {
		h := newHarness(t, 1)
		h.must("a", toyAdd{})
		h.store.FailNextCommit(written)
		if _, err := h.do("a", toyAdd{}); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("got %v, want engine.ErrUnavailable", err)
		}
		want := 1
		if written {
			want = 2
		}
		if got := h.read("a").Added; got != want {
			t.Errorf("written %v: %d additions, want %d", written, got, want)
		}
		h.check()
	}
}

func TestPanicQuarantinesOneRun(t *testing.T) {
	h := newHarness(t, 1)
	h.must("good", toyAdd{})
	h.must("bad", toyAdd{})
	if _, err := h.do("bad", toyPanic{}); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v, want ErrQuarantined", err)
	}
	if _, err := h.do("bad", toyAdd{}); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v, want ErrQuarantined", err)
	}
	h.must("good", toyAdd{})
	if _, err := h.do("new", toyPanic{}); !errors.Is(err, ErrQuarantined) {
		t.Errorf("got %v, want ErrQuarantined", err)
	}
	if n := h.groups.add("g", 0); n != 2 {
		t.Errorf("%d open runs are counted, want 2", n)
	}
	h.check()
}

func TestWakesFireInOrderAndAfterAKill(t *testing.T) {
	h := newHarness(t, 1)
	h.must("late", toyWake{At: h.now + 200})
	h.must("early", toyWake{At: h.now + 100})
	if got := h.shards[0].NextWake(); got != h.now+100 {
		t.Errorf("next wake at %d, want %d", got, h.now+100)
	}
	h.now += 150
	h.settle()
	if h.read("early").Woken != 1 || h.read("late").Woken != 0 {
		t.Error("want the early run woken, the late one not")
	}
	h.kill()
	h.now += 100
	h.settle()
	if h.read("early").Woken != 1 || h.read("late").Woken != 1 {
		t.Error("want each run woken once")
	}
	h.check()
}

func TestStartedTaskIsOfferedAgainUnlessDelivered(t *testing.T) {
	h := newHarness(t, 1)
	id := h.must("a", toyOffer{}).(int64)
	key := offerKey(h.read("a").ID.Run, id)
	if got := h.onOffer(); len(got) != 1 || got[0] != key {
		t.Fatalf("on offer %v, want %s", got, key)
	}
	h.must("a", toyStart{id})
	if got := h.onOffer(); len(got) != 0 {
		t.Fatalf("on offer after its start: %v", got)
	}
	h.now += 10
	h.kill()
	if got := h.onOffer(); len(got) != 1 {
		t.Fatalf("a started task that nobody got is not offered again: %v", got)
	}
	h.must("a", toyAdd{}) // another event of the run must not take the offer away
	if got := h.onOffer(); len(got) != 1 {
		t.Fatalf("the offer went with another event: %v", got)
	}
	h.must("a", toyStart{id})
	if got := h.onOffer(); len(got) != 0 {
		t.Fatalf("on offer after its second start: %v", got)
	}
	h.must("a", toyReach{id})
	h.now += 10
	h.kill()
	if got := h.onOffer(); len(got) != 0 {
		t.Fatalf("a delivered task is offered again: %v", got)
	}
	h.check()
	h.must("a", toyFinish{id})
	h.check()
}

func TestSuccessorBeginsInTheBatchThatCloses(t *testing.T) {
	h := newHarness(t, 1)
	first := h.read("a").ID.Run
	h.must("a", toyRenew{})
	second := h.read("a").ID.Run
	if first == second || second != engine.NewRunID(0, engine.DeriveSeed(h.now, first, 2)) {
		t.Errorf("second run is %s", second)
	}
	if n := h.groups.add("g", 0); n != 1 {
		t.Errorf("%d open runs are counted, want 1", n)
	}
	h.kill()
	if got := h.read("a").ID.Run; got != second {
		t.Errorf("after the kill the open run is %s, want %s", got, second)
	}
	h.check()
}

func TestForgottenRunLeavesNothing(t *testing.T) {
	for _, when := range []engine.Time{1, 500} { // at once, and later
		h := newHarness(t, 1)
		empty := h.rows()
		for range 10 {
			h.must("a", toyAdd{Text: strings.Repeat("x", 4000)})
		}
		id := h.must("a", toyOffer{}).(int64)
		h.must("a", toyStart{id})
		h.must("a", toyReach{id})
		h.must("a", toyClose{Forget: h.now - 1 + when})
		h.check()
		h.now += 500
		h.settle()
		if n := h.rows(); n != empty {
			t.Errorf("forgotten after %d ms: %d rows are left", when, n-empty)
		}
		h.check()
	}
}

func TestHistoryPagesOfAnySizeAndDirection(t *testing.T) {
	h := newHarness(t, 1)
	for range 3 {
		for range 3 { // three turns in each batch
			h.give("a", toyAdd{})
		}
		h.step(h.shards[0])
	}
	s := h.read("a")
	run, last := s.ID.Run, s.Last
	event := func(id int64) string {
		b, err := runlog.AppendEvents(context.Background(), h.store, nil, run, id, id, false)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for from := int64(1); from <= last; from++ {
		for to := from; to <= last; to++ {
			var forward, backward []string
			for id := from; id <= to; id++ {
				forward = append(forward, event(id))
				backward = append([]string{event(id)}, backward...)
			}
			for _, c := range []struct {
				reverse bool
				want    []string
			}{{false, forward}, {true, backward}} {
				b, err := runlog.AppendEvents(context.Background(), h.store, nil, run, from, to, c.reverse)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := string(b), strings.Join(c.want, ","); got != want {
					t.Fatalf("events %d..%d, reverse %v:\n got %s\nwant %s", from, to, c.reverse, got, want)
				}
			}
		}
	}
	if _, err := runlog.AppendEvents(context.Background(), h.store, nil, run, 1, last+1, false); err == nil {
		t.Error("an event beyond the last was read without an error")
	}
}

// TestHistoryPagesOfAnyRoom reads a history in pages of every size in bytes, either way,
// from the store and through the node, which has it in memory.
func TestHistoryPagesOfAnyRoom(t *testing.T) {
	h := newHarness(t, 1)
	for range 3 {
		for range 3 {
			h.give("a", toyAdd{})
		}
		h.step(h.shards[0])
	}
	s := h.read("a")
	run, last := s.ID.Run, s.Last
	whole, err := runlog.AppendEvents(t.Context(), h.store, nil, run, 1, last, false)
	if err != nil {
		t.Fatal(err)
	}
	for most := range len(whole) + 2 {
		for _, reverse := range []bool{false, true} {
			want, err := runlog.AppendEvents(t.Context(), h.store, nil, run, 1, last, reverse)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			first, end := int64(1), last
			for first <= end {
				page, n, err := runlog.AppendPage(t.Context(), h.store, nil, run, first, end, reverse, most)
				if err != nil || n < 1 {
					t.Fatalf("%d events, %v", n, err)
				}
				if n > 1 && len(page) > most {
					t.Fatalf("%d events of %d bytes where there is room for %d", n, len(page), most)
				}
				from, to := first, end
				if reverse {
					end -= n
					from = end
				} else {
					first += n
					to = first
				}
				// One more would not have fitted.
				if more, err := runlog.AppendEvents(t.Context(), h.store, nil, run, max(from, 1), min(to, last), reverse); err != nil || first <= end && len(more) <= most {
					t.Fatalf("%d events where there is room for one more: %d of %d bytes, %v", n, len(more), most, err)
				}
				if len(got) > 0 {
					got = append(got, ',')
				}
				got = append(got, page...)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("pages of %d bytes, reverse %v:\n got %s\nwant %s", most, reverse, got, want)
			}
		}
	}
}

func TestQuotaGroupCountsWhatIsOpen(t *testing.T) {
	h := newHarness(t, 2)
	for i := range 5 {
		h.must(fmt.Sprint(i), toyBegin{})
	}
	h.must("0", toyClose{})
	h.kill()
	if n := h.groups.add("g", 0); n != 4 {
		t.Errorf("%d open runs are counted after a kill, want 4", n)
	}
	h.store.FailNextCommit(true)
	if _, err := h.do("1", toyClose{}); err == nil {
		t.Fatal("the failed commit was answered without an error")
	}
	if n := h.groups.add("g", 0); n != 3 {
		t.Errorf("%d open runs are counted after an unknown outcome, want 3", n)
	}
}

// TestMessagesAreHandledOnceUnderFaults lets counters tell each other under
// failed commits, fenced shards and kills, and then compares what the logs say
// was told, heard and answered.
func TestMessagesAreHandledOnceUnderFaults(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			h := newHarness(t, 4)
			const runs = 6
			for range 150 {
				a, b := fmt.Sprint(random.IntN(runs)), fmt.Sprint(random.IntN(runs))
				switch random.IntN(12) {
				case 0:
					h.store.FailNextCommit(random.IntN(2) == 0)
				case 1:
					h.store.Fence(uint16(random.IntN(4)))
				case 2:
					if random.IntN(4) == 0 {
						h.now += engine.Time(random.IntN(2000))
						h.kill()
					}
				case 3:
					h.give(a, toyWake{At: h.now + engine.Time(random.IntN(50))})
				case 4:
					h.give(a, toyOffer{})
				default:
					h.give(a, toyTell{To: b})
				}
				for range random.IntN(4) {
					h.step(h.shards[random.IntN(4)])
				}
				h.now += engine.Time(random.IntN(20))
			}
			_, _ = h.do("0", toyBegin{}) // takes a failure that is still due
			for range 3 {
				h.now += 5000
				h.settle()
			}
			told, heard, answered := 0, 0, 0
			for i := range runs {
				s := h.read(fmt.Sprint(i))
				told += s.Told
				heard += s.Heard
				answered += s.Answered
				if s.Wake != 0 {
					t.Errorf("run %d still waits for its wake at %d, and it is %d", i, s.Wake, h.now)
				}
			}
			if told == 0 || told != heard || told != answered {
				t.Errorf("told %d, heard %d, answered %d: want the same", told, heard, answered)
			}
			h.check()
			for _, s := range h.shards {
				for to, q := range s.out {
					if len(q.rows) > 0 || len(q.deletable) > 0 {
						t.Errorf("shard %d keeps %d messages to shard %d that were handled", s.id, len(q.rows), to)
					}
				}
			}
		})
	}
}

func TestMessageForAQuarantinedRunWaits(t *testing.T) {
	h := newHarness(t, 2)
	h.must("b", toyAdd{})
	if _, err := h.do("b", toyPanic{}); !errors.Is(err, ErrQuarantined) {
		t.Fatalf("got %v, want ErrQuarantined", err)
	}
	h.must("a", toyTell{To: "b"})
	h.settle()
	if s := h.read("a"); s.Answered != 0 {
		t.Errorf("the teller was answered %d times by a run that could not hear", s.Answered)
	}
	h.check()
	h.kill()
	h.settle()
	if s := h.read("b"); s.Heard != 1 {
		t.Errorf("after the restart the run has heard %d messages, want 1", s.Heard)
	}
	if s := h.read("a"); s.Answered != 1 {
		t.Errorf("after the restart the teller has %d answers, want 1", s.Answered)
	}
	h.check()
}

func TestBurstOfWakesFitsTheStore(t *testing.T) {
	h := newHarness(t, 1)
	const runs = 100
	for i := range runs {
		h.must(fmt.Sprint(i), toyWake{At: h.now + 1000, Size: 100 << 10})
	}
	h.now += 1000
	h.settle()
	for i := range runs {
		if h.read(fmt.Sprint(i)).Woken != 1 {
			t.Fatalf("run %d was not woken once", i)
		}
	}
	h.check()
}

func TestOfferMadeByANoteComesBackAfterAKill(t *testing.T) {
	h := newHarness(t, 1)
	id := h.must("a", toyOffer{}).(int64)
	h.must("a", toyStart{id})
	h.must("a", toyReach{id})
	h.must("a", toyAdd{}) // writes the record, without the offer
	h.must("a", toyLose{id})
	if got := h.onOffer(); len(got) != 1 {
		t.Fatalf("on offer %v, want the lost task", got)
	}
	h.kill()
	if got := h.onOffer(); len(got) != 1 {
		t.Errorf("after the kill on offer %v, want the lost task", got)
	}
	h.check()
}

// TestTakenOverOffersKeepTheirOrder: whoever waits for tasks while a shard is taken over gets
// those of the oldest runs, and a simulation repeats itself.
func TestTakenOverOffersKeepTheirOrder(t *testing.T) {
	h := newHarness(t, 1)
	for i := range 20 {
		h.must(fmt.Sprint(i), toyOffer{})
	}
	h.kill()
	h.settle()
	if came := h.offers.came; len(came) != 20 || !slices.IsSorted(came) {
		t.Errorf("offers came as %v, want 20 by the ids of their runs", came)
	}
}
