package tasks

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
)

// TestTasksOutOfSightStarveNobody: tasks that can't be performed now stand before no others,
// and are performed when they can be, each once. More than may rest beside their workers
// keep those.
func TestTasksOutOfSightStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := matching.New(matching.Config{PollsPerListMax: 100})
		offer := func(run byte, n int) {
			for id := range n {
				m.Offer(engine.RunID{run}, engine.Offer{List: "list", ID: int64(id + 1)})
			}
		}
		var away atomic.Bool
		away.Store(true)
		var done [3]atomic.Int64 // by run
		p := &Performer{
			Kernel: &service.Kernel{Performed: m, Within: context.WithTimeout, PollsPerListMax: 100, Log: slog.New(slog.DiscardHandler)},
			List:   "list", Workers: 16, Failed: "not now",
			Perform: func(_ context.Context, claim *matching.Claim) (func(), error) {
				if claim.Run[0] == 1 && away.Load() {
					return claim.Return, errors.New("no data key")
				}
				claim.Accept()
				done[claim.Run[0]].Add(1)
				return nil, nil
			},
		}
		offer(1, 40)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		offer(2, 1)
		synctest.Wait()
		if n := done[2].Load(); n != 1 {
			t.Errorf("of the others %d were performed at once, want 1", n)
		}
		away.Store(false)
		time.Sleep(2 * time.Second)
		if n := done[1].Load(); n != 40 {
			t.Errorf("%d were performed, want 40", n)
		}
		away.Store(true)
		offer(1, 3*asideMax)
		time.Sleep(10 * time.Second)
		away.Store(false)
		time.Sleep(2 * time.Second)
		if n := done[1].Load(); n != 40+3*asideMax {
			t.Errorf("%d were performed, want %d", n, 40+3*asideMax)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestPerformerStops: what is handed back is so although the server stops, and nobody polls
// any more.
func TestPerformerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := matching.New(matching.Config{PollsPerListMax: 100})
		m.Offer(engine.RunID{1}, engine.Offer{List: "list", ID: 1})
		p := &Performer{
			Kernel: &service.Kernel{Performed: m, Within: context.WithTimeout, PollsPerListMax: 100, Log: slog.New(slog.DiscardHandler)},
			List:   "list", Workers: 2, Failed: "not now",
			Perform: func(ctx context.Context, claim *matching.Claim) (func(), error) {
				<-ctx.Done()
				return claim.Return, nil
			},
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if now := m.Totals(); now.Claims != 0 || now.Offers != 1 || now.Polls != 0 {
			t.Errorf("%+v, want the task on offer, and no polls", now)
		}
	})
}
