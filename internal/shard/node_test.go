package shard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/store"
)

// ticker is a clock that goes on a millisecond whenever it is looked at.
type ticker struct{ now atomic.Int64 }

func (c *ticker) Now() engine.Time       { return engine.Time(c.now.Add(1)) }
func (c *ticker) Confirmed() engine.Time { return engine.Time(c.now.Load()) }

// silent is told of offers, by many shards at once.
type silent struct{}

func (silent) Offer(engine.RunID, engine.Offer)     {}
func (silent) Withdraw(string, engine.RunID, int64) {}
func (silent) WithdrawShard(uint16)                 {}

// openNode runs the shards of a harness's store.
func (h *harness) openNode(change func(*Config)) (*Node, *ticker) {
	h.t.Helper()
	cfg := h.config()
	cfg.Offers = silent{}
	if change != nil {
		change(&cfg)
	}
	clock := &ticker{}
	clock.now.Store(int64(h.now))
	n, err := OpenNode(context.Background(), cfg, clock)
	if err != nil {
		h.t.Fatal(err)
	}
	return n, clock
}

// released fails the test unless the shards of a node belong to nobody.
func (h *harness) released(handles []store.Handle) {
	h.t.Helper()
	for _, handle := range handles {
		section := store.Section{Shard: handle.Shard(), Epoch: handle.Epoch(), Seq: handle.Seq() + 1}
		if err := h.store.Commit(context.Background(), []store.Section{section})[0]; !errors.Is(err, store.ErrFenced) {
			h.t.Errorf("shard %d is not released: %v", handle.Shard(), err)
		}
	}
}

func handles(n *Node) (all []store.Handle) {
	for _, s := range n.shards {
		all = append(all, s.handle)
	}
	return all
}

// alone fails the test unless goroutines have ended.
func alone(t *testing.T, before int) {
	t.Helper()
	for range 100_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	b := make([]byte, 1<<16)
	t.Errorf("%d goroutines, want %d\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
}

// TestManyCallersAndAStop: callers use many shards, with fetches, awaits, cancelled
// contexts and lost commits; the node stops in the middle. Every call returns, and nothing
// is left running.
func TestManyCallersAndAStop(t *testing.T) {
	for round := range uint64(4) {
		h := newHarness(t, 8)
		before := runtime.NumGoroutine()
		n, clock := h.openNode(nil)
		owned := handles(n)
		const callers, runs = 12, 40
		var done atomic.Int64
		var stopping atomic.Bool
		var all sync.WaitGroup
		for caller := range uint64(callers) {
			all.Go(func() {
				r := rand.New(rand.NewPCG(round, caller))
				for i := 0; ; i++ {
					kind := []engine.Kind{toyKind, keptKind, cutKind}[r.IntN(3)]
					cmd := engine.Command{
						Name: nameOf(kind, fmt.Sprint(r.IntN(runs))), Begin: engine.IfAbsent, Group: "g",
						Seed: engine.RootSeed(clock.Now(), [8]byte{byte(round), byte(caller), byte(i), byte(i >> 8)}),
					}
					ctx, cancel := context.WithCancel(context.Background())
					switch r.IntN(12) {
					case 0:
						cmd.Body, cmd.Begin = toyClose{Forget: clock.Now() + 100}, engine.Never
					case 1:
						cmd.Body, cmd.Await = toyPut{}, true
						if caller > 3 || r.IntN(2) == 0 { // some wait, most do not
							cancel()
						}
					case 2:
						cmd.Body, cmd.Begin, cmd.Await = engine.Peek{}, engine.Never, true
						cancel()
					case 3:
						cmd.Body = toyTell{To: fmt.Sprint(r.IntN(runs))}
					case 4:
						cmd.Body, cmd.Patient = toyPut{}, true
						cancel()
					case 5:
						cmd.Body = toyPut{}
						n.Advance()
						if r.IntN(20) == 0 {
							h.store.FailNextCommit(r.IntN(2) == 0)
						}
					default:
						cmd.Body = toyPut{"1"}
					}
					if cmd.Await && i%3 > 0 { // somebody closes it
						all.Go(func() {
							_, _ = n.Do(context.Background(), engine.Command{Name: cmd.Name, Body: toyClose{Forget: clock.Now() + 100}})
						})
					}
					_, err := n.Do(ctx, cmd)
					cancel()
					done.Add(1)
					if errors.Is(err, engine.ErrUnavailable) && stopping.Load() {
						return
					}
				}
			})
		}
		for done.Load() < 3000 {
			n.Advance()
			runtime.Gosched()
		}
		stopping.Store(true)
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
		all.Wait()
		for _, await := range []bool{false, true} {
			if _, err := n.Do(context.Background(), engine.Command{Name: toyName("late"), Begin: engine.Always, Body: toyPut{}, Await: await}); !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("a command after the stop is answered %v", err)
			}
		}
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("a second stop: %v", err)
		}
		alone(t, before)
		h.released(owned)
		for _, s := range n.shards {
			if len(s.awaiting)+len(s.inbox)+len(s.patient)+len(s.waiting) > 0 {
				t.Errorf("shard %d holds calls", s.id)
			}
		}
		if p := n.pending.n.Load(); p != 0 {
			t.Errorf("%d commands count as unfinished", p)
		}
		h.check()
		h.now = clock.Now()
		h.start()
		h.settle()
		h.check()
	}
}

// TestStopAnswersEverybody stops a node right when callers come, over and over; in a
// bubble, so that one who waits for ever is found.
func TestStopAnswersEverybody(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, 3)
			n, clock := h.openNode(nil)
			owned := handles(n)
			var all sync.WaitGroup
			for caller := range 6 {
				all.Go(func() {
					for i := 0; ; i++ {
						_, err := n.Do(context.Background(), engine.Command{
							Name: toyName(fmt.Sprint(caller % 3)), Begin: engine.IfAbsent, Group: "g", Body: toyPut{}, Await: caller == 5, Patient: caller == 4,
							Seed: engine.RootSeed(clock.Now(), [8]byte{byte(caller), byte(i)}),
						})
						if errors.Is(err, engine.ErrUnavailable) {
							return
						}
					}
				})
			}
			if err := n.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			all.Wait()
			h.released(owned)
		})
	}
}

// TestStopLeavesWhatHangs: a blob that can't be read in time does not hold up a stop whose
// context ends, and who waits for it is answered.
func TestStopLeavesWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, 2)
		reading := make(chan struct{})
		n, clock := h.openNode(func(c *Config) {
			c.Blobs = func(ctx context.Context, id blob.ID) ([]byte, error) {
				close(reading)
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		owned := handles(n)
		do := func(body any, await bool) error {
			_, err := n.Do(context.Background(), engine.Command{
				Name: toyName("a"), Begin: engine.IfAbsent, Group: "g", Seed: engine.RootSeed(clock.Now(), [8]byte{}), Body: body, Await: await,
			})
			return err
		}
		if err := do(toyPut{}, false); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			if err := do(toyPut{}, true); !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("who awaits is answered %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if err := do(toyWant{Blobs: []blob.ID{{1}}}, false); err == nil {
				t.Error("it was given what nobody could read")
			}
		})
		<-reading
		all.Go(func() { // waits behind it
			if err := do(toyPut{}, false); err != nil && !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("who waits behind it is answered %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := n.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("stop: %v", err)
		}
		all.Wait()
		if n.pending.n.Load() != 0 {
			t.Errorf("%d commands count as unfinished", n.pending.n.Load())
		}
		h.released(owned)
	})
}
