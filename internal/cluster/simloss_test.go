package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/store"
)

// TestWorldsThatLose simulates a store that fails over to one which is behind by up to a second: steps, memberships
// and owners of that time are gone. Nobody is ever answered less than somebody before, though the nodes
// go on. When an operator has accepted the loss, jobs that begin then are done soon.
func TestWorldsThatLose(t *testing.T) {
	var lost atomic.Int64
	for i := range max(1, *seeds/4) {
		seed := *seed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lost.Add(int64(lose(t, seed, 1))) })
		})
	}
	if lost.Load() == 0 {
		t.Error("nothing was ever lost")
	}
}

// lose simulates a world, and gives how many shards have lost something.
func lose(t *testing.T, seed uint64, homes int) int {
	w := newWorld(t, seed, homes)
	defer func() {
		if t.Failed() {
			t.Logf("what befell them:\n%s", strings.Join(w.faults, "\n"))
		}
	}()
	for _, name := range []string{"x", "y", "z"} {
		w.open(name)
	}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range simWorkers {
		clients.Go(func() { w.work(ctx, i) })
	}
	for s := range 4 {
		clients.Go(func() { w.read(ctx) })
		clients.Go(func() {
			for n := s; ctx.Err() == nil; n += 4 {
				w.begin(ctx, n)
				time.Sleep(time.Duration(w.random(300)) * time.Millisecond)
			}
		})
	}
	time.Sleep(4*time.Second + time.Duration(w.random(2000))*time.Millisecond)
	note := func(what ...any) {
		w.faults = append(w.faults, fmt.Sprintf("%8.3f %s", w.elapsed().Seconds(), fmt.Sprint(what...)))
	}
	note("what comes now is not on the standby")
	h := w.any()
	behind := h.anyHome().home
	regress := w.disks[behind].Remember()
	switch w.random(3) {
	case 0: // shards change hands
		h.takeLife()
		note("stop ", h.name)
		h.leave(func() bool { return true })
		w.open(h.name)
	case 1:
		h.net.mu.Lock()
		for _, key := range sortedWays(h.net.ends) {
			if h.net.ends[key].house == h {
				h.net.ends[key].hangUp(0)
			}
		}
		h.net.mu.Unlock()
	}
	time.Sleep(time.Duration(w.random(1000)) * time.Millisecond)
	cut := func(is bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, h := range w.houses {
			h.homes[behind].cut = is
		}
	}
	cut(true)
	note("the store fails over")
	regress()
	time.Sleep(time.Duration(w.random(4000)) * time.Millisecond) // memberships live on, or don't
	cut(false)
	note("it is there")
	time.Sleep(6 * time.Second)
	stop()
	clients.Wait()

	_, operator := w.all()
	accepted := []uint16{}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		losses, err := operator.Losses(t.Context())
		if err == nil {
			err = operator.AcceptLoss(t.Context(), losses)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) { // a node has just found another one
			t.Error(err)
		}
		for _, l := range losses {
			if int(l.Shard)%homes != behind {
				t.Errorf("home %d was behind, and shard %d, which is of another one, has lost something: %+v", behind, l.Shard, l)
			}
			if err == nil && slices.Contains(accepted, l.Shard) {
				t.Errorf("shard %d had to be accepted again: %+v", l.Shard, l)
			}
			accepted = append(accepted, l.Shard)
		}
	}
	note("accepted is the loss of ", accepted)

	// From here on nothing befalls anybody.
	after, stop := context.WithTimeout(t.Context(), doneWithin)
	for i := range simWorkers {
		clients.Go(func() { w.work(after, i) })
	}
	for n := range simLate {
		w.beginFor(after, 1_000_000+n, fmt.Sprint("after", n%simTallies))
	}
	told := 0
	for ; told != simLate && after.Err() == nil; time.Sleep(100 * time.Millisecond) {
		told = 0
		for n := range simTallies {
			told += w.readOne(after, fmt.Sprint("after", n))
		}
	}
	if told != simLate {
		t.Errorf("%d of %d jobs are done %v after the loss was accepted", told, simLate, doneWithin)
		w.dump()
	}
	stop()
	clients.Wait()
	for _, h := range w.houses {
		if !h.Settled() {
			t.Errorf("node %s does not reach every shard", h.name)
		}
	}
	for _, h := range w.houses {
		h.die()
	}
	time.Sleep(time.Minute) // what hears that links have ended
	return len(accepted)
}
