package matching

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// owedTask is a task as its run sees it: the authority on whether it may start.
type owedTask struct {
	list    string
	run     engine.RunID
	id      int64
	claims  atomic.Int32 // claims open at this moment
	mu      sync.Mutex
	started bool
	closed  bool
}

// start is what a run answers to start task.
func (w *owedTask) start() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.closed {
		return false
	}
	w.started = true
	return true
}

// TestStress lets runs and pollers do everything to each other that they may do,
// and checks that each task is started once, or closed before, and that nothing
// is left over.
func TestStress(t *testing.T) {
	const lists, shards, tasks, pollers = 5, 4, 2000, 60
	synctest.Test(t, func(t *testing.T) {
		var told counters
		m := New(Config{PollsPerListMax: 1000, Listener: told.listener()})
		owed := make([]*owedTask, tasks)
		index := map[task]*owedTask{}
		for i := range owed {
			w := &owedTask{
				list: fmt.Sprintf("list %d", i%lists),
				run:  run(uint16(i%shards), byte(i%7)),
				id:   int64(i + 1),
			}
			owed[i], index[task{w.run, w.id}] = w, w
		}

		var offering sync.WaitGroup
		for shard := range shards {
			offering.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(shard)))
				for i := shard; i < tasks; i += shards {
					w := owed[i]
					o := engine.Offer{List: w.list, ID: w.id, Priority: random.Int32N(3), At: engine.Time(i)}
					m.Offer(w.run, o)
					switch random.IntN(6) {
					case 0: // repeated, unless it was started meanwhile: a shard knows what it owes
						w.mu.Lock()
						if !w.started {
							o.Priority++
							m.Offer(w.run, o)
						}
						w.mu.Unlock()
					case 1: // closed
						w.mu.Lock()
						w.closed = !w.started
						m.Withdraw(w.list, w.run, w.id)
						w.mu.Unlock()
					case 2:
						time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
					}
				}
			})
		}

		ctx, stop := context.WithCancel(t.Context())
		var polling sync.WaitGroup
		for n := range pollers {
			polling.Go(func() {
				random := rand.New(rand.NewPCG(2, uint64(n)))
				list := fmt.Sprintf("list %d", n%lists)
				for ctx.Err() == nil {
					hold := time.Duration(random.IntN(4000)) * time.Microsecond
					held, cancel := context.WithTimeout(ctx, hold)
					if random.IntN(3) == 0 {
						time.AfterFunc(hold/2, cancel) // the client goes away
					}
					c, err := m.Poll(held, list, Poller{})
					if err != nil {
						t.Error(err)
					}
					for c != nil {
						w := index[task{c.Run, c.ID}]
						if w.list != list {
							t.Errorf("task %d of %q came from %q", w.id, w.list, list)
						}
						if w.claims.Add(1) > 1 {
							t.Errorf("task %d is claimed twice at once", w.id)
						}
						if random.IntN(8) == 0 {
							time.Sleep(time.Millisecond)
						}
						w.claims.Add(-1)
						switch {
						case random.IntN(5) == 0:
							c.Return()
							c = nil
						case w.start():
							c.Accept()
							c = nil
						default:
							c = m.Refuse(held, c)
						}
					}
					cancel()
				}
			})
		}

		offering.Wait()
		for m.Totals().Offers > 0 || m.Totals().Claims > 0 {
			time.Sleep(time.Millisecond)
		}
		stop()
		polling.Wait()
		for _, w := range owed {
			if w.started == w.closed {
				t.Errorf("task %d: started %v, closed %v", w.id, w.started, w.closed)
			}
		}
		wantTotals(t, m, Totals{})
		told.want(t, Totals{Pairings: m.pairings()})
		if n := told.offered.Load(); n < tasks || told.refused.Load() == 0 || told.returned.Load() == 0 || told.polls[PollGone].Load() == 0 || told.polls[PollOver].Load() == 0 {
			t.Errorf("told %+v", &told)
		}
	})
}

// TestIdlePollsOnManyLists keeps more polls waiting than a list may have, on
// many lists, and serves them all.
func TestIdlePollsOnManyLists(t *testing.T) {
	const lists, pollsPerList = 500, 10
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{PollsPerListMax: pollsPerList})
		var served atomic.Int32
		for n := range lists * pollsPerList {
			go func() {
				if c, err := m.Poll(t.Context(), fmt.Sprint(n%lists), Poller{}); err == nil && c != nil {
					c.Accept()
					served.Add(1)
				}
			}()
		}
		synctest.Wait()
		wantTotals(t, m, Totals{Lists: lists, Polls: lists * pollsPerList})
		for n := range lists * pollsPerList {
			m.Offer(run(uint16(n), 1), offerOf(fmt.Sprint(n%lists), int64(n)))
		}
		synctest.Wait()
		if n := served.Load(); n != lists*pollsPerList {
			t.Fatalf("served %d polls, want %d", n, lists*pollsPerList)
		}
		wantTotals(t, m, Totals{})
	})
}

// BenchmarkOfferPollAccept is a task's whole way when no poll waits.
func BenchmarkOfferPollAccept(b *testing.B) {
	b.Run("nobody listens", func(b *testing.B) { offerPollAccept(b, nil) })
	b.Run("counted", func(b *testing.B) { offerPollAccept(b, new(counters).listener()) })
}

func offerPollAccept(b *testing.B, l *Listener) {
	m := New(Config{PollsPerListMax: 1000, Listener: l})
	var lists atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		n := lists.Add(1)
		list := fmt.Sprint("list ", n)
		ctx := context.Background()
		r := run(1, byte(n))
		for id := int64(1); pb.Next(); id++ {
			m.Offer(r, engine.Offer{List: list, ID: id, At: engine.Time(id)})
			c, err := m.Poll(ctx, list, Poller{})
			if err != nil {
				b.Error(err)
				return
			}
			c.Accept()
		}
	})
}

// BenchmarkHandover is the time from an offer to a poll that waits for it.
func BenchmarkHandover(b *testing.B) {
	b.Run("nobody listens", func(b *testing.B) { handover(b, nil) })
	b.Run("counted", func(b *testing.B) { handover(b, new(counters).listener()) })
}

func handover(b *testing.B, l *Listener) {
	m := New(Config{PollsPerListMax: 1000, Listener: l})
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan struct{})
	go func() {
		for {
			c, err := m.Poll(ctx, "l", Poller{})
			if c == nil || err != nil {
				close(got)
				return
			}
			c.Accept()
			got <- struct{}{}
		}
	}()
	for id := int64(1); b.Loop(); id++ {
		m.Offer(run(1, 1), offerOf("l", id))
		<-got
	}
	cancel()
	<-got
}

// BenchmarkDeepBacklog offers and claims on a list where many tasks wait.
func BenchmarkDeepBacklog(b *testing.B) {
	m := New(Config{PollsPerListMax: 1000})
	const depth = 100_000
	for id := range int64(depth) {
		m.Offer(run(1, 1), offerOf("l", id))
	}
	for id := int64(depth); b.Loop(); id++ {
		m.Offer(run(1, 1), offerOf("l", id))
		c, err := m.Poll(context.Background(), "l", Poller{})
		if err != nil {
			b.Fatal(err)
		}
		c.Accept()
	}
}
