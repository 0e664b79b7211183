package matching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// run names the n-th run of a shard.
func run(shard uint16, n byte) engine.RunID {
	return engine.NewRunID(shard, engine.Seed{n})
}

func offerOf(list string, id int64) engine.Offer {
	return engine.Offer{List: list, ID: id, At: engine.Time(id)}
}

// mustPoll polls in a place where the limit is no question.
func mustPoll(t *testing.T, m *Matcher, ctx context.Context, list string) *Claim {
	t.Helper()
	c, err := m.Poll(ctx, list, Poller{})
	if err != nil {
		t.Fatalf("poll %q: %v", list, err)
	}
	return c
}

// wantID checks which offer a claim is about; 0 means no claim.
func wantID(t *testing.T, c *Claim, want int64) {
	t.Helper()
	var got int64
	if c != nil {
		got = c.ID
	}
	if got != want {
		t.Fatalf("claimed offer %d, want %d", got, want)
	}
}

func wantTotals(t *testing.T, m *Matcher, want Totals) {
	t.Helper()
	got := m.Totals()
	got.Pairings = want.Pairings
	if got != want {
		t.Fatalf("totals %+v, want %+v", got, want)
	}
}

// waiting polls in a goroutine and returns once the poll waits or was answered.
func waiting(m *Matcher, ctx context.Context, list string) <-chan *Claim {
	answer := make(chan *Claim, 1)
	go func() {
		c, err := m.Poll(ctx, list, Poller{})
		if err != nil {
			panic(err)
		}
		answer <- c
	}()
	synctest.Wait()
	return answer
}

// refusing refuses in a goroutine and returns once the poll waits again.
func refusing(m *Matcher, c *Claim, ctx context.Context) <-chan *Claim {
	answer := make(chan *Claim, 1)
	go func() { answer <- m.Refuse(ctx, c) }()
	synctest.Wait()
	return answer
}

func answered(answer <-chan *Claim) bool {
	synctest.Wait()
	return len(answer) > 0
}

func TestOffersGoByPriorityThenAgeThenName(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	for _, o := range []engine.Offer{
		{List: "l", ID: 1, Priority: 0, At: 50},
		{List: "l", ID: 2, Priority: 0, At: 40},
		{List: "l", ID: 3, Priority: 7, At: 90},
		{List: "l", ID: 4, Priority: -1, At: 10},
		{List: "l", ID: 5, Priority: 7, At: 80},
		{List: "l", ID: 7, Priority: 0, At: 60},
		{List: "l", ID: 6, Priority: 0, At: 60},
	} {
		m.Offer(run(1, 2), o)
	}
	m.Offer(run(1, 1), engine.Offer{List: "l", ID: 8, At: 60})
	for _, want := range []int64{5, 3, 2, 1, 8, 6, 7, 4} {
		c := mustPoll(t, m, t.Context(), "l")
		wantID(t, c, want)
		c.Accept()
	}
	wantTotals(t, m, Totals{})
}

func TestPollsAreServedInTheOrderTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		var polls []<-chan *Claim
		for range 5 {
			polls = append(polls, waiting(m, t.Context(), "l"))
		}
		elsewhere := waiting(m, t.Context(), "other")
		for i, p := range polls {
			m.Offer(run(1, 1), offerOf("l", int64(i+1)))
			wantID(t, <-p, int64(i+1))
		}
		if answered(elsewhere) {
			t.Fatal("a poll was given another list's task")
		}
		m.Drain()
		wantID(t, <-elsewhere, 0)
	})
}

func TestRepeatedOffersMerge(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	for range 3 {
		m.Offer(run(1, 1), engine.Offer{List: "l", ID: 1, At: 10})
	}
	m.Offer(run(1, 2), engine.Offer{List: "l", ID: 1, At: 20})
	if n := m.Backlog("l"); n != 2 {
		t.Fatalf("backlog %d, want 2", n)
	}
	// A repeat may change the task's place.
	m.Offer(run(1, 2), engine.Offer{List: "l", ID: 1, At: 20, Priority: 1})
	first := mustPoll(t, m, t.Context(), "l")
	if first.Run != run(1, 2) {
		t.Fatalf("first claim is on run %s, want the one of higher priority", first.Run)
	}
	// So may one that comes while the task is claimed.
	m.Offer(run(1, 2), engine.Offer{List: "l", ID: 1, At: 20, Priority: -1})
	if n := m.Backlog("l"); n != 2 {
		t.Fatalf("backlog %d, want 2: a claimed task counts once", n)
	}
	first.Return()
	second := mustPoll(t, m, t.Context(), "l")
	if second.Run != run(1, 1) {
		t.Fatalf("second claim is on run %s, want the one of higher priority", second.Run)
	}
}

func TestHeldOffersAreWithdrawn(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	o := offerOf("l", 1)
	m.Offer(run(1, 1), o)
	o.Held = true
	m.Offer(run(1, 1), o)
	wantTotals(t, m, Totals{})
	m.Offer(run(1, 1), o) // nothing is there to withdraw
	wantTotals(t, m, Totals{})
}

func TestDeadlineEmptiesAWaitingPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		wantID(t, mustPoll(t, m, ctx, "l"), 0)
		if took := time.Since(start); took != time.Minute {
			t.Fatalf("the poll waited %s, want 1m", took)
		}
		wantTotals(t, m, Totals{})
		m.Offer(run(1, 1), offerOf("l", 1))
		wantID(t, mustPoll(t, m, ctx, "l"), 0) // its time is over before it begins
		wantTotals(t, m, Totals{Lists: 1, Offers: 1})
	})
}

func TestDeadlineDoesNotEmptyAClaimedPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // whichever the poll sees first, claim or deadline
			m := New(Config{PollsPerListMax: 10})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			p := waiting(m, ctx, "l")
			s := m.stripe("l")
			s.mu.Lock() // the poll can't leave while it is being claimed
			l := s.lists["l"]
			l.put(task{run(1, 1), 1}, 0, 1)
			time.Sleep(time.Minute)
			l.pair(true, 0)
			s.mu.Unlock()
			c := <-p
			wantID(t, c, 1)
			c.Accept()
			wantTotals(t, m, Totals{})
			cancel()
		}
	})
}

func TestDeadPollersSwallowNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		for id := int64(1); id <= 100; id++ {
			// One that went away before the offer.
			ctx, cancel := context.WithCancel(t.Context())
			gone := waiting(m, ctx, "l")
			cancel()
			wantID(t, <-gone, 0)

			// One that goes while it is being claimed: it may see either first.
			ctx, cancel = context.WithCancel(t.Context())
			going := waiting(m, ctx, "l")
			next := waiting(m, t.Context(), "l")
			s := m.stripe("l")
			s.mu.Lock()
			cancel()
			s.lists["l"].put(task{run(1, 1), id}, 0, 1)
			s.lists["l"].pair(true, 0)
			s.mu.Unlock()
			wantID(t, <-going, 0)
			c := <-next
			wantID(t, c, id)
			c.Accept()
		}
		wantTotals(t, m, Totals{})
	})
}

func TestReturnPutsTheTaskBackAtItsPlace(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	m.Offer(run(1, 1), offerOf("l", 1))
	m.Offer(run(1, 1), offerOf("l", 2))
	c := mustPoll(t, m, t.Context(), "l")
	wantID(t, c, 1)
	c.Return()
	c.Return() // a second end does nothing
	c.Accept()
	c = mustPoll(t, m, t.Context(), "l")
	wantID(t, c, 1)
	c.Accept()
	c.Return()
	wantTotals(t, m, Totals{Lists: 1, Offers: 1})
}

func TestRefusedPollsKeepTheFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		a, b := waiting(m, t.Context(), "l"), waiting(m, t.Context(), "l")
		m.Offer(run(1, 1), offerOf("l", 1))
		m.Offer(run(1, 1), offerOf("l", 2))
		claimA, claimB := <-a, <-b
		c := waiting(m, t.Context(), "l")
		d := waiting(m, t.Context(), "l")
		b = refusing(m, claimB, t.Context())
		a = refusing(m, claimA, t.Context())
		if n := m.Backlog("l"); n != 0 {
			t.Fatalf("backlog %d, want 0: what was refused is gone", n)
		}
		for i, p := range []<-chan *Claim{a, b, c, d} {
			m.Offer(run(1, 1), offerOf("l", int64(10+i)))
			wantID(t, <-p, int64(10+i))
		}
	})
}

func TestRefusedPollTakesTheNextTask(t *testing.T) {
	m := New(Config{PollsPerListMax: 1})
	for id := range int64(5) {
		m.Offer(run(1, 1), offerOf("l", id+1))
	}
	c := mustPoll(t, m, t.Context(), "l")
	for id := range int64(5) {
		wantID(t, c, id+1)
		if id < 4 {
			c = m.Refuse(t.Context(), c) // at the limit of one poll, too
		}
	}
	c.Accept()
	wantTotals(t, m, Totals{})
}

func TestRefusedPollStillHasItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		m.Offer(run(1, 1), offerOf("l", 1))
		c := mustPoll(t, m, ctx, "l")
		time.Sleep(2 * time.Minute) // start task took long
		m.Offer(run(1, 1), offerOf("l", 2))
		wantID(t, m.Refuse(ctx, c), 0)
		wantTotals(t, m, Totals{Lists: 1, Offers: 1})
	})
}

func TestRefusingAnEndedClaimPanics(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	m.Offer(run(1, 1), offerOf("l", 1))
	c := mustPoll(t, m, t.Context(), "l")
	c.Accept()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		wantTotals(t, m, Totals{}) // and the lock is free
	}()
	m.Refuse(t.Context(), c)
}

func TestWithdrawnWhileClaimedStaysAway(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(*Claim)
	}{{"Return", (*Claim).Return}, {"Accept", (*Claim).Accept}} {
		t.Run(end.name, func(t *testing.T) {
			m := New(Config{PollsPerListMax: 10})
			m.Offer(run(1, 1), offerOf("l", 1))
			c := mustPoll(t, m, t.Context(), "l")
			m.Withdraw("l", run(1, 1), 1)
			if n := m.Backlog("l"); n != 0 {
				t.Fatalf("backlog %d, want 0", n)
			}
			end.end(c)
			wantTotals(t, m, Totals{})

			// Offered anew while the old claim is open: the old claim can't touch it.
			m.Offer(run(1, 1), offerOf("l", 1))
			c = mustPoll(t, m, t.Context(), "l")
			m.Withdraw("l", run(1, 1), 1)
			m.Offer(run(1, 1), offerOf("l", 1))
			end.end(c)
			wantTotals(t, m, Totals{Lists: 1, Offers: 1})
		})
	}
}

func TestWithdrawWaiting(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	for id := range int64(9) {
		m.Offer(run(1, 1), offerOf("l", id+1))
	}
	for _, id := range []int64{5, 1, 9, 9, 77} {
		m.Withdraw("l", run(1, 1), id)
	}
	m.Withdraw("nowhere", run(1, 1), 1)
	var got []int64
	for m.Backlog("l") > 0 {
		c := mustPoll(t, m, t.Context(), "l")
		got = append(got, c.ID)
		c.Accept()
	}
	if want := []int64{2, 3, 4, 6, 7, 8}; !slices.Equal(got, want) {
		t.Fatalf("claimed %v, want %v", got, want)
	}
}

func TestForgetTakesTheOffersOfOneShard(t *testing.T) {
	m := New(Config{PollsPerListMax: 10})
	for n := range byte(40) {
		list := fmt.Sprintf("l%d", n%4)
		m.Offer(run(1, n), offerOf(list, 1))
		m.Offer(run(2, n), offerOf(list, 1))
	}
	c := mustPoll(t, m, t.Context(), "l0")
	if c.Run.Shard() != 1 {
		t.Fatalf("claimed a run of shard %d, want 1", c.Run.Shard())
	}
	m.WithdrawShard(1)
	c.Return()
	wantTotals(t, m, Totals{Lists: 4, Offers: 40})
	m.WithdrawShard(2)
	wantTotals(t, m, Totals{})
}

// somebody is a user.
var somebody = Poller{Account: "123456789012"}

func TestLimitOfPollsPerList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 1000})
		ctx, cancel := context.WithCancel(t.Context())
		for range 999 {
			go m.Poll(ctx, "l", Poller{})
		}
		synctest.Wait()
		last := waiting(m, t.Context(), "l")
		wantTotals(t, m, Totals{Lists: 1, Polls: 1000})
		if _, err := m.Poll(t.Context(), "l", somebody); !errors.Is(err, ErrTooManyPolls) {
			t.Fatalf("poll 1001: error %v, want ErrTooManyPolls", err)
		}
		own := waiting(m, ctx, "l") // of the server itself
		wantTotals(t, m, Totals{Lists: 1, Polls: 1001})
		elsewhere := waiting(m, t.Context(), "other")
		cancel()
		wantID(t, <-own, 0)
		synctest.Wait()
		// A claimed poll counts until its claim ends.
		m.Offer(run(1, 1), offerOf("l", 1))
		c := <-last
		for range 999 {
			waiting(m, t.Context(), "l")
		}
		if _, err := m.Poll(t.Context(), "l", somebody); !errors.Is(err, ErrTooManyPolls) {
			t.Fatalf("poll 1001: error %v, want ErrTooManyPolls", err)
		}
		c.Accept()
		if p := waiting(m, t.Context(), "l"); answered(p) {
			t.Fatal("the poll did not wait")
		}
		m.Drain()
		wantID(t, <-elsewhere, 0)
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		m.Offer(run(1, 1), offerOf("l", 1))
		claim := mustPoll(t, m, t.Context(), "l")
		polls := []<-chan *Claim{
			waiting(m, t.Context(), "l"), waiting(m, t.Context(), "l"), waiting(m, t.Context(), "other"),
		}
		m.Drain()
		m.Drain()
		for _, p := range polls {
			wantID(t, <-p, 0)
		}
		wantTotals(t, m, Totals{Lists: 1, Claims: 1})
		m.Offer(run(1, 1), offerOf("l", 2))
		wantID(t, mustPoll(t, m, t.Context(), "l"), 0)
		wantID(t, m.Refuse(t.Context(), claim), 0)
		wantTotals(t, m, Totals{Lists: 1, Offers: 1})
	})
}

// TestDrainedPollsAreAnswered also where there would be no place for them.
func TestDrainedPollsAreAnswered(t *testing.T) {
	m := New(Config{PollsPerListMax: 1})
	m.Offer(run(1, 1), offerOf("l", 1))
	claim := mustPoll(t, m, t.Context(), "l")
	if _, err := m.Poll(t.Context(), "l", somebody); !errors.Is(err, ErrTooManyPolls) {
		t.Errorf("poll 2: %v, want ErrTooManyPolls", err)
	}
	m.Drain()
	wantID(t, mustPoll(t, m, t.Context(), "l"), 0)
	m.Offer(run(1, 1), offerOf("l", 2))
	wantID(t, mustPoll(t, m, t.Context(), "l"), 0)
	claim.Return() // what is offered waits for the next start
	wantTotals(t, m, Totals{Lists: 1, Offers: 2})
}

func TestListsAndTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: 10})
		if n := m.Backlog("b"); n != 0 {
			t.Fatalf("backlog of an unknown list: %d", n)
		}
		waiting(m, t.Context(), "a")
		m.Offer(run(1, 1), engine.Offer{List: "b", ID: 1, At: 900})
		m.Offer(run(1, 1), engine.Offer{List: "b", ID: 2, At: 800, Priority: -1})
		c := mustPoll(t, m, t.Context(), "b")
		got, _ := m.Lists("", "", 10)
		want := []Listed{
			{List: "a", Polls: 1},
			{List: "b", Claims: 1, Backlog: 2, Oldest: 800, In: 2},
		}
		if !slices.Equal(got, want) {
			t.Fatalf("lists %+v, want %+v", got, want)
		}
		if got, want := m.Totals(), (Totals{Lists: 2, Polls: 1, Offers: 1, Claims: 1, Pairings: 1}); got != want {
			t.Fatalf("totals %+v, want %+v", got, want)
		}
		c.Accept()
		if got, want := m.Totals(), (Totals{Lists: 2, Polls: 1, Offers: 1, Pairings: 1}); got != want {
			t.Fatalf("totals %+v, want %+v", got, want)
		}
		m.Drain()
	})
}
