package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// TestCommitsGather: where each commit has a cost of its own, those of many callers share a few, and who is alone, and waits
// for the answer of each step before the next one, does not wait for others that do not come.
func TestCommitsGather(t *testing.T) {
	const thinks = 500 * time.Microsecond
	for callers, steps := range map[int]int{1: 640, 24: 100} {
		t.Run(fmt.Sprint(callers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, 32)
				commits := 0
				h.listener.CommitDone = func(int, time.Duration) { commits++ }
				began := time.Now()
				n, _ := h.openNode(func(c *Config) {
					c.Committers, c.Pause = 1, time.Sleep
					c.Stopwatch = func() time.Duration { return time.Since(began) }
				})
				commits = 0
				var all sync.WaitGroup
				for caller := range callers {
					all.Go(func() {
						for step := range steps {
							cmd := engine.Command{Name: toyName(fmt.Sprint(caller)), Begin: engine.IfAbsent, Seed: engine.RootSeed(engine.Time(1+caller), [8]byte{byte(caller)}), Body: toyAdd{}}
							if _, err := n.Do(context.Background(), cmd); err != nil {
								t.Errorf("step %d: %v", step, err)
							}
							time.Sleep(thinks)
						}
					})
				}
				all.Wait()
				took := time.Since(began)
				if err := n.Stop(context.Background()); err != nil {
					t.Error(err)
				}
				if callers == 1 {
					if most := time.Duration(steps)*thinks + time.Duration(steps/pauseTry+1)*commitEvery; took > most {
						t.Errorf("one caller took %v, want %v at most", took, most)
					}
				} else if most := int(took/commitEvery) + 2*pauseTry; commits > most {
					t.Errorf("%d commits in %v, want %d at most", commits, took, most)
				}
			})
		})
	}
}

// TestGive: who gives a command for another node hears the outcome once, when it is durable, or at once that nothing is done.
func TestGive(t *testing.T) {
	h := newHarness(t, 1)
	var told []error
	then := func(_ any, err error) { told = append(told, err) }
	cmd := engine.Command{Name: toyName("a"), Begin: engine.IfAbsent, Seed: h.seed(), Body: toyPut{"1"}, Await: true}
	stop, err := h.Give("b", cmd, then)
	if err != nil || len(told) != 0 {
		t.Fatal(err, told)
	}
	h.settle()
	stop() // the run stays open
	h.settle()
	if len(told) != 1 || told[0] != nil {
		t.Errorf("a caller who left was told %v", told)
	}
	cmd.Await, cmd.Body = false, toyAdd{}
	if _, err = h.Give("b", cmd, then); err != nil {
		t.Fatal(err)
	}
	b := h.Ready(0)
	if len(told) != 1 {
		t.Error("it is told before it is durable")
	}
	h.Done(0, b, h.commit(b))
	if len(told) != 2 || told[1] != nil {
		t.Errorf("told %v", told)
	}
	h.shards[0].presence = away
	if _, err := h.Give("b", cmd, then); !errors.Is(err, ErrMoved) {
		t.Errorf("of a shard that is away: %v", err)
	}
	h.shards[0].presence = here
	var unknown *engine.UnknownRunError
	if _, err := h.Give("b", engine.Command{Run: engine.RunID{0xff, 0xff}}, then); !errors.As(err, &unknown) {
		t.Errorf("of a shard that never was: %v", err)
	}
	h.settle()
	if len(told) != 2 {
		t.Errorf("told %v", told)
	}
	h.quiet()
}
