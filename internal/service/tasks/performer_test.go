package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
)

// accounts are runs whose account is their first byte.
type accounts struct{ service.Runs }

func (accounts) View(_ context.Context, _ engine.Name, run engine.RunID) (*engine.RunView, error) {
	name := engine.Name{World: engine.World{Account: strconv.Itoa(int(run[0]))}}
	return &engine.RunView{Identity: engine.Identity{Name: name, Run: run}}, nil
}

// performed is a performer of what is offered here.
type performed struct {
	*Performer
	*matching.Matcher
}

func newPerformed(places int, perform func(context.Context, Task) (func(), error)) *performed {
	m := matching.New(matching.Config{PollsPerListMax: 100})
	kernel := &service.Kernel{
		Runs: accounts{}, Performed: m, Within: context.WithTimeout, PollsPerListMax: 100, Log: slog.New(slog.DiscardHandler),
	}
	return &performed{&Performer{Kernel: kernel, List: "list", Places: places, Failed: "not now", Perform: perform}, m}
}

// offer offers n tasks of runs of an account.
func (p *performed) offer(account, run byte, n int) {
	for id := range n {
		p.Offer(engine.RunID{account, run}, engine.Offer{List: "list", ID: int64(id + 1)})
	}
}

func (p *performed) start(t *testing.T) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (p *performed) end(t *testing.T) {
	t.Helper()
	if err := p.Performer.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTasksOutOfSightStarveNobody: tasks that can't be performed now stand before no others,
// and are performed when they can be, each once. More than may rest beside those that have a
// place keep theirs.
func TestTasksOutOfSightStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		var done [3]atomic.Int64 // by run
		p := newPerformed(16, func(_ context.Context, task Task) (func(), error) {
			if task.Run[1] == 1 && away.Load() {
				return nil, errors.New("no data key")
			}
			done[task.Run[1]].Add(1)
			return nil, nil
		})
		p.offer(1, 1, 40)
		p.start(t)
		time.Sleep(10*time.Second + time.Millisecond)
		if p.Idle() {
			t.Error("it counts as idle though it has tasks")
		}
		p.offer(1, 2, 1)
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
		p.offer(1, 1, 3*asideMax)
		time.Sleep(10 * time.Second)
		away.Store(false)
		time.Sleep(2 * time.Second)
		if n := done[1].Load(); n != 40+3*asideMax {
			t.Errorf("%d were performed, want %d", n, 40+3*asideMax)
		}
		if !p.Idle() {
			t.Error("it does not count as idle though all is performed")
		}
		p.end(t)
	})
}

// TestAwayIsTold: of tasks whose runs can't be reached now nobody is told, since operators hear of that otherwise; of other
// troubles they are.
func TestAwayIsTold(t *testing.T) {
	for cause, told := range map[error]int{engine.ErrUnserved: 0, engine.ErrUnavailable: 0, engine.ErrUnread: 3} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p := newPerformed(2, func(context.Context, Task) (func(), error) { return nil, fmt.Errorf("do: %w", cause) })
			p.Log = slog.New(slog.NewTextHandler(&log, nil))
			p.offer(1, 1, 1)
			p.start(t)
			time.Sleep(2*time.Second + time.Millisecond)
			p.end(t)
			if n := strings.Count(log.String(), "not now"); n != told {
				t.Errorf("%v: told %d times, want %d: %s", cause, n, told, &log)
			}
		})
	}
}

// TestStallingAccountsLeavePlaces: one account after the other has tasks that never end, and
// whoever comes next finds a place, as often as is said here. Of those that come after that
// each is performed when a place is free.
func TestStallingAccountsLeavePlaces(t *testing.T) {
	for places, want := range map[int]int{2: 1, 4: 2, 16: 4, 64: 6} {
		synctest.Test(t, func(t *testing.T) {
			var stalled [40]atomic.Int64 // by account
			release := make(chan struct{})
			p := newPerformed(places, func(_ context.Context, task Task) (func(), error) {
				stalled[task.Run[0]].Add(1)
				<-release
				return nil, nil
			})
			p.start(t)
			for account := byte(1); ; account++ {
				p.offer(account, 1, 1000)
				synctest.Wait()
				if stalled[account].Load() > 0 {
					continue
				}
				if int(account) <= want {
					t.Errorf("of %d places account %d has none, want that of the first after %d", places, account, want)
				}
				break
			}
			if n := int(stalled[1].Load()); n != places/2 {
				t.Errorf("of %d places the first has %d, want half", places, n)
			}
			close(release)
			synctest.Wait()
			for account := range byte(want) {
				if n := stalled[account+1].Load(); n != 1000 {
					t.Errorf("of account %d %d were performed", account+1, n)
				}
			}
			p.end(t)
		})
	}
	if err := newPerformed(1, nil).Start(t.Context()); err == nil {
		t.Error("one place can't be shared")
	}
}

// TestHandedBack: a task that hands itself back is so after a rest, and not performed again
// before it is offered again.
func TestHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries, handed atomic.Int64
		p := newPerformed(2, func(context.Context, Task) (func(), error) {
			tries.Add(1)
			return func() { handed.Add(1) }, errors.New("not now")
		})
		p.offer(1, 1, 1)
		p.start(t)
		synctest.Wait()
		if tries.Load() != 1 || handed.Load() != 0 {
			t.Errorf("%d tries, and handed back %d times before it has rested", tries.Load(), handed.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tries.Load() != 1 || handed.Load() != 1 || !p.Idle() {
			t.Errorf("%d tries, and handed back %d times; idle: %v", tries.Load(), handed.Load(), p.Idle())
		}
		p.end(t)
	})
}

// TestPerformerStops: a stop ends what is under way, begins nothing of what waits, and hands
// back what must be.
func TestPerformerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, handed := 0, 0
		p := newPerformed(2, func(ctx context.Context, _ Task) (func(), error) {
			tries++
			<-ctx.Done()
			return func() { handed++ }, ctx.Err()
		})
		p.offer(1, 1, 5)
		p.start(t)
		synctest.Wait()
		p.end(t)
		if now := p.Totals(); tries != 1 || handed != 1 || now.Polls != 0 || now.Claims != 0 {
			t.Errorf("%d tries, handed back %d times, %+v", tries, handed, now)
		}
	})
}
