package shard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
)

// hanging is a store of two homes, of which the second answers nobody from some moment to another.
type hanging struct {
	store.Store
	hangs  atomic.Bool
	waits  atomic.Int64
	resume chan struct{}
}

func (h *hanging) wait(shard uint16) {
	if shard%2 == 1 && h.hangs.Load() {
		h.waits.Add(1)
		<-h.resume
	}
}

func (h *hanging) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	h.wait(places[0].Shard)
	return h.Store.Get(ctx, places)
}

func (h *hanging) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	h.wait(shard)
	return h.Store.Scan(ctx, shard, r, visit)
}

func (h *hanging) Commit(ctx context.Context, sections []store.Section) []error {
	h.wait(sections[0].Shard)
	return h.Store.Commit(ctx, sections)
}

// TestNobodyWaitsForAnotherHome: while one home answers nobody, whatever is asked of it, shards of the other one read
// and write; no group has sections of both.
func TestNobodyWaitsForAnotherHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, 8)
		home := func(name string) uint16 { return runlog.Route(h.cfg.Hash, 8, toyName(name)) % 2 }
		var by [2][]string
		for i := 0; len(by[0]) < 20 || len(by[1]) < 20; i++ {
			name := fmt.Sprint("n", i)
			by[home(name)] = append(by[home(name)], name)
			h.must(name, toyAdd{})
		}
		st := &hanging{Store: h.store, resume: make(chan struct{})}
		n, clock := h.openNode(func(c *Config) {
			c.Store, c.Homes, c.ReadersMax, c.Committers = st, 2, 2, 1
		})
		var all sync.WaitGroup
		var answered [2]atomic.Int64 // by home
		do := func(name string) {
			all.Go(func() {
				_, err := n.Do(t.Context(), engine.Command{Name: toyName(name), Begin: engine.IfAbsent, Group: "g", Seed: engine.RootSeed(clock.Now(), [8]byte{1}), Body: toyAdd{}})
				if err != nil {
					t.Error(err)
				}
				answered[home(name)].Add(1)
			})
		}
		st.hangs.Store(true)
		asked := 0
		for i := range by[1] {
			name := by[1][i] // whose state has to be read
			if i%2 == 1 {
				name += " is new"
			}
			if home(name) == 1 {
				asked++
				do(name)
			}
		}
		synctest.Wait()
		if waits := st.waits.Load(); waits < 3 || answered[1].Load() > 0 {
			t.Errorf("%d readers and committers wait for the home that hangs, and it has answered %d; want two readers and a committer, and nothing", waits, answered[1].Load())
		}
		for _, name := range by[0] {
			do(name) // read, and written
		}
		synctest.Wait()
		if got := answered[0].Load(); got != int64(len(by[0])) {
			t.Errorf("the home that does not hang has answered %d of %d: the others wait for the one that does", got, len(by[0]))
		}
		st.hangs.Store(false)
		close(st.resume)
		all.Wait()
		if got := answered[1].Load(); got != int64(asked) {
			t.Errorf("the home that hung has answered %d of %d", got, asked)
		}
		if err := n.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
