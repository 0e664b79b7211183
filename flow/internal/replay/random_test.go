package replay_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/flow/flowtest"
)

var (
	programs = flag.Int("programs", 12, "how many random programs are run")
	firstOne = flag.Int("first", 0, "the seed of the first")
)

// step of a random program: what it does, and with which steps within.
type step struct {
	Kind string
	N    int
	Sub  []step
}

var kinds = []string{"call", "call", "fail", "retry", "sleep", "signal", "effect", "version", "sequence", "fan", "group", "timeout", "first", "abandon", "child", "map", "go"}

// random makes a program of about so many steps.
func random(r *rand.Rand, depth int) (all []step) {
	for range 1 + r.IntN(4) {
		s := step{Kind: kinds[r.IntN(len(kinds))], N: r.IntN(5)}
		switch s.Kind {
		case "sequence", "fan", "group", "timeout", "go":
			if depth == 0 {
				continue
			}
			s.Sub = random(r, depth-1)
		}
		all = append(all, s)
	}
	return all
}

type task struct{ Fail, Sleep int } // the attempts that fail; seconds

var (
	program = flow.Workflow[[]step, string]{Name: "Program", Version: "1"}
	leaf    = flow.Workflow[int, int]{Name: "Leaf", Version: "1"}
	work    = flow.Activity[task, int]{Name: "Work", Version: "1", StartToClose: time.Minute}
	poke    = flow.Signal[int]{Name: "Poke"}
)

func perform(ctx context.Context, t task) (int, error) {
	time.Sleep(time.Duration(t.Sleep) * time.Second)
	if flow.ActivityOf(ctx).Attempt <= t.Fail {
		return 0, fmt.Errorf("attempt %d: %w", flow.ActivityOf(ctx).Attempt, flow.Code("Broken"))
	}
	return t.Sleep, nil
}

func runLeaf(ctx flow.Context, n int) (int, error) {
	return n, flow.Sleep(ctx, time.Duration(n)*time.Second)
}

func runProgram(ctx flow.Context, all []step) (string, error) {
	flow.SetStatus(ctx, len(all))
	err := perhaps(ctx, all)
	if errors.Is(err, flow.ErrCanceled) {
		return "", err
	}
	return fmt.Sprintf("%v %d %s", err, flow.Rand(ctx).IntN(1000), flow.UUID(ctx)), nil
}

// perhaps runs steps until one fails.
func perhaps(ctx flow.Context, all []step) error {
	for _, s := range all {
		if err := perform1(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func perform1(ctx flow.Context, s step) error {
	switch s.Kind {
	case "call":
		_, err := work.Call(ctx, task{Sleep: s.N})
		return err
	case "fail":
		_, err := work.Call(ctx, task{Fail: 1, Sleep: s.N})
		if s.N < 3 {
			return nil
		}
		return err
	case "retry":
		w := work
		w.Retry = flow.Retry{Attempts: 3, First: time.Second}
		_, err := w.Call(ctx, task{Fail: s.N})
		if s.N < 4 {
			return nil
		}
		return err
	case "sleep":
		return flow.Sleep(ctx, time.Duration(s.N)*time.Second)
	case "signal":
		in := poke.Inbox(ctx)
		flow.First(ctx, in, flow.After(ctx, time.Duration(s.N)*time.Second))
		if in.Len() > 0 {
			_, err := in.Receive(ctx)
			return err
		}
	case "effect":
		n := flow.Effect(ctx, func() int { return rand.IntN(3) })
		_, err := work.Call(ctx, task{Sleep: n})
		return err
	case "version":
		if flow.Version(ctx, fmt.Sprint("v", s.N), 2) == 2 {
			return flow.Sleep(ctx, time.Second)
		}
	case "sequence":
		return perhaps(ctx, s.Sub)
	case "fan":
		var all []*flow.Future[int]
		for i := range s.Sub {
			all = append(all, flow.Go(ctx, func(ctx flow.Context) (int, error) { return i, perform1(ctx, s.Sub[i]) }))
		}
		_, err := flow.All(ctx, all...)
		return err
	case "group":
		g, _ := flow.NewGroup(ctx)
		for _, sub := range s.Sub {
			g.Go(func(ctx flow.Context) error { return perform1(ctx, sub) })
		}
		if err := g.Wait(); err != nil && ctx.Err() != nil {
			return err
		}
	case "timeout":
		scope, cancel := flow.WithTimeout(ctx, time.Duration(s.N)*time.Second)
		defer cancel()
		err := perhaps(scope, s.Sub)
		if ctx.Err() != nil {
			return err
		}
	case "first":
		a, b := work.Go(ctx, task{Sleep: s.N}), flow.After(ctx, 2*time.Second)
		if flow.First(ctx, a, b) == nil {
			return ctx.Err()
		}
	case "abandon":
		scope, cancel := flow.WithCancel(ctx)
		w := work
		w.Cancel = flow.Abandon
		f := w.Go(scope, task{Sleep: s.N})
		if s.N > 2 {
			flow.Sleep(ctx, time.Second)
		}
		cancel()
		_, err := f.Get(scope)
		if ctx.Err() != nil {
			return err
		}
	case "child":
		_, err := leaf.Call(ctx, fmt.Sprintf("%s-%d", flow.UUID(ctx), s.N), s.N)
		return err
	case "map":
		_, err := flow.Map(ctx, 2, []int{1, s.N, 2}, func(ctx flow.Context, n int) (int, error) { return work.Call(ctx, task{Sleep: n}) })
		return err
	case "go":
		done := 0
		for _, sub := range s.Sub {
			flow.Go(ctx, func(ctx flow.Context) (int, error) {
				err := perform1(ctx, sub)
				done++
				return 0, err
			})
		}
		return flow.Await(ctx, func() bool { return done == len(s.Sub) })
	}
	return nil
}

func code() []flow.Implementation {
	return []flow.Implementation{program.By(runProgram), leaf.By(runLeaf), work.By(perform)}
}

// Random programs, with a cache of one run, so that many tasks are replayed; none is parked, and the
// whole history, and every prefix of it, is decided again as it was.
func TestRandomPrograms(t *testing.T) {
	var tasks, parked atomic.Int64
	for seed := *firstOne; seed < *firstOne+*programs; seed++ {
		r := rand.New(rand.NewPCG(uint64(seed), 18))
		cfg := flowtest.Config{Worker: flow.WorkerConfig{Cached: []int{-1, 1, 100}[seed%3], Hooks: flow.Hooks{
			Parked: func(_ context.Context, r flow.RunInfo, why string) {
				parked.Add(1)
				t.Errorf("seed %d, %s: %s", seed, r.WorkflowID, why)
			},
			DecisionEnd: func(context.Context, flow.DecisionInfo, flow.DecisionOutcome) { tasks.Add(1) },
		}}}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cfg.Test(t, func(t *testing.T, c *flow.Client) {
				var runs []*flow.Run[string]
				for i := range 4 {
					run, err := program.Start(t.Context(), c, fmt.Sprint("p-", i), random(r, 3))
					if err != nil {
						t.Fatal(err)
					}
					runs = append(runs, run)
				}
				for i := range 6 {
					time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
					id := fmt.Sprint("p-", r.IntN(len(runs)))
					if i == 5 && seed%2 == 0 {
						_ = runs[0].Cancel(t.Context())
					} else {
						_ = poke.Send(t.Context(), c, id, i) // it may have closed
					}
				}
				for _, run := range runs {
					if _, err := run.Result(t.Context()); err != nil && !errors.Is(err, flow.ErrCanceled) {
						t.Errorf("seed %d: %v", seed, err)
					}
					events := history(t, c, run.WorkflowID, run.RunID)
					if err := flow.Replay(c, run.RunID, events, true, code()...); err != nil {
						t.Errorf("seed %d, %s: %v", seed, run.WorkflowID, err)
					}
				}
			}, code()...)
		})
	}
	t.Logf("%d decision tasks", tasks.Load())
	if tasks.Load() == 0 || parked.Load() > 0 {
		t.Errorf("%d decision tasks, %d parked", tasks.Load(), parked.Load())
	}
}

func history(t *testing.T, c *flow.Client, id, runID string) (all []types.HistoryEvent) {
	in := &swf.GetWorkflowExecutionHistoryInput{Domain: &c.Domain, Execution: &types.WorkflowExecution{WorkflowId: &id, RunId: &runID}}
	for {
		page, err := c.API.GetWorkflowExecutionHistory(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Events...)
		if page.NextPageToken == nil {
			return all
		}
		in.NextPageToken = page.NextPageToken
	}
}
