package sfn

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
	"heddle/internal/sfn/execution"
)

// outOfSight is runs of which those of run 1 can't be looked at while they are away. What
// can be is over.
type outOfSight struct {
	service.Runs
	away   atomic.Bool
	looked [3]atomic.Int64 // by run
}

func (r *outOfSight) Do(_ context.Context, cmd engine.Command) (any, error) {
	if cmd.Run[0] == 1 && r.away.Load() {
		return nil, errors.New("no data key")
	}
	r.looked[cmd.Run[0]].Add(1)
	return nil, &execution.UnknownTaskError{}
}

// TestTasksOutOfSightStarveNobody: tasks that nobody can look at stand before no others, and
// are taken when somebody can.
func TestTasksOutOfSightStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := matching.New(matching.Config{PollsPerListMax: 100})
		offer := func(run byte, n int) {
			for id := range n {
				m.Offer(engine.RunID{run}, engine.Offer{List: execution.IntegrationList, ID: int64(id + 1)})
			}
		}
		runs := &outOfSight{}
		runs.away.Store(true)
		offer(1, 40)
		i := newIntegrations(&actions{Kernel: &service.Kernel{
			Runs: runs, Performed: m, Within: context.WithTimeout, PollsPerListMax: 100, Log: slog.New(slog.DiscardHandler),
		}})
		if err := i.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		offer(2, 1)
		synctest.Wait()
		if n := runs.looked[2].Load(); n != 1 {
			t.Errorf("of the others %d were looked at at once, want 1", n)
		}
		runs.away.Store(false)
		time.Sleep(2 * time.Second)
		if n := runs.looked[1].Load(); n != 40 {
			t.Errorf("%d were looked at, want 40", n)
		}
		if err := i.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
