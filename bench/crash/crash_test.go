package crash

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"heddle/bench/process"
)

var (
	kills      = flag.Int("kills", 5, "how often each test kills the server")
	executions = flag.Int("executions", 1000, "how many executions the largest test runs")
	seed       = flag.Uint64("seed", 0, "seed of when the kills come; 0: another one each time")
)

func TestCrash(t *testing.T) {
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		workflows     workflows
		share         int // of the executions: one in so many
		retentionDays int
	}{
		{"orders", orders(), 1, 7},
		{"orders kept for no time", orders(), 2, 0},
		{"lates", lates(), 2, 7},
		{"families", families(), 4, 7},
		{"families kept for no time", families(), 4, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			crash(t, binary, test.workflows, max(1, *executions/test.share), *kills, test.retentionDays)
		})
	}
}

// Pollers vanish while they wait or just as they are answered; nothing is killed.
// (Both at once may cost a timeout: a server that is killed can't see that an
// answer it has sent was never read.)
func TestVanishingPollers(t *testing.T) {
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := orders()
	w.fickle = true
	crash(t, binary, w, max(1, *executions/2), 0, 7)
}

func crash(t *testing.T, binary string, w workflows, executions, kills, retentionDays int) {
	// Tasks time out after ten hours. Whatever waits for that, or for a poll to
	// end, is too late here.
	allowed := 30*time.Second + time.Duration(kills)*time.Second + time.Duration(executions)*20*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), allowed)
	defer cancel()
	var once sync.Once
	fail := func(err error) {
		t.Error(err)
		once.Do(cancel)
	}
	v := newVictim(t, binary, fail)
	c := newCrowd(v, w, executions, fail)
	if err := c.declare(ctx, retentionDays); err != nil {
		t.Fatal(err)
	}
	random := *seed
	if random == 0 {
		random = rand.Uint64()
	}
	var killer sync.WaitGroup
	killer.Go(func() {
		v.killRandomly(ctx, rand.New(rand.NewPCG(random, 0)), kills, int64(executions*w.stepsMin)*9/10, fail)
	})
	began := time.Now()
	c.run(ctx)
	took := time.Since(began)
	timedOut := ctx.Err() == context.DeadlineExceeded
	if timedOut {
		t.Errorf("%d of %d executions did not complete in %s", c.left.Load(), executions, allowed)
	}
	cancelled := ctx.Err() != nil
	killer.Wait()
	t.Logf("seed %d: %d executions, %d kills, %s; %d steps acknowledged; %d tasks delivered again",
		random, executions, v.kills, took.Round(time.Millisecond), v.acknowledged.Load(), c.ledger.twice)
	if timedOut && v.wait(t.Context()) == nil {
		t.Log(c.stuck(t.Context()))
	}
	if cancelled {
		return
	}
	if v.kills < kills {
		t.Errorf("%d kills, want %d", v.kills, kills)
	}
	if err := c.inspect(ctx, retentionDays > 0); err != nil {
		t.Error(err)
	}
	v.check(t)
}
