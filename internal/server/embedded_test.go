package server

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
)

// busied is a service.Sleeper that does so much.
type busied struct{ atomic.Int64 }

func (b *busied) Working() (busy, waiters int) { return int(b.Load()), 0 }
func (*busied) Timer() engine.Time             { return 0 }
func (*busied) Wake() engine.Time              { return 0 }
func (*busied) Skipped()                       {}

// TestSettleWaitsForWhatIsDone: however long what the server does itself takes, as a call to the outside that an execution
// in memory makes, Settle waits for it; for what somebody else has in his hands only for a while.
func TestSettleWaitsForWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Start(t.Context(), Config{Store: StoreMemory, Auth: AuthNone, Console: ConsoleOff, Embedded: &Embedded{Still: true}})
		if err != nil {
			t.Fatal(err)
		}
		defer closeServer(t, s)
		settles := func() *atomic.Bool {
			settled := &atomic.Bool{}
			go func() {
				if err := s.Settle(context.Background()); err != nil {
					t.Error(err)
				}
				settled.Store(true)
			}()
			return settled
		}
		var calls busied
		s.sleepers = append(s.sleepers, &calls)
		calls.Store(1)
		settled := settles()
		time.Sleep(10 * settleQuiet * settleLook)
		if synctest.Wait(); settled.Load() {
			t.Error("it did not wait for a call")
		}
		calls.Store(0)
		time.Sleep(time.Second)
		if synctest.Wait(); !settled.Load() {
			t.Error("it waits, though the call has ended")
		}
		s.requests.Add(netip.Prefix{}, 1)
		settled = settles()
		time.Sleep(settleLook)
		if synctest.Wait(); settled.Load() {
			t.Error("it did not wait for a request at all")
		}
		time.Sleep(2 * settleQuiet * settleLook)
		if synctest.Wait(); !settled.Load() {
			t.Error("it waits for a request that does nothing")
		}
		s.requests.Add(netip.Prefix{}, -1)
	})
}
