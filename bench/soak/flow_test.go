package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/bench/process"
	"heddle/flow"
)

// workerOf has this test's binary be a worker of package flow, until it is killed: its server and key.
const workerOf = "HEDDLE_SOAK_WORKER"

func TestMain(m *testing.M) {
	if where := strings.Fields(os.Getenv(workerOf)); len(where) == 3 {
		fmt.Fprintln(os.Stderr, flowWorker(flowClient(where[0], where[1], where[2]), nil).Run(context.Background()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func flowClient(addr, keyID, secret string) *flow.Client {
	c := flow.New(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + addr), Credentials: awscredentials.NewStaticCredentialsProvider(keyID, secret, ""),
	}, "gone")
	c.AskMost = 200 * time.Millisecond
	return c
}

var (
	tour    = flow.Workflow[int, int]{Name: "Tour", Version: "1", TaskList: "flow", DecisionTimeout: 5 * time.Second}
	side    = flow.Workflow[int, int]{Name: "Side", Version: "1", TaskList: "flow", DecisionTimeout: 5 * time.Second}
	double  = flow.Activity[int, int]{Name: "Double", Version: "1", StartToClose: 5 * time.Second, Retry: flow.Retry{Attempts: -1, First: time.Second, Factor: 1}}
	proceed = flow.Signal[int]{Name: "Proceed"}
)

// few runs are kept at hand, so that many are pushed out and replayed.
const fewCached = 20

func flowWorker(c *flow.Client, evicted *atomic.Int64) *flow.Worker {
	cfg := flow.WorkerConfig{TaskList: "flow", Cached: fewCached, Sticky: time.Second, BreakPolls: true, Log: slog.New(slog.DiscardHandler)}
	if evicted != nil {
		cfg.Hooks.Evicted = func(context.Context, flow.RunInfo) { evicted.Add(1) }
	}
	return flow.NewWorker(c, cfg, tour.By(func(ctx flow.Context, n int) (int, error) {
		n += flow.Effect(ctx, func() int { return 1 })
		doubled, err := flow.Map(ctx, 2, []int{n, n}, func(ctx flow.Context, n int) (int, error) { return double.Call(ctx, n) })
		if err != nil {
			return 0, err
		}
		if err := flow.Sleep(ctx, time.Second); err != nil {
			return 0, err
		}
		if _, err := proceed.Receive(ctx); err != nil {
			return 0, err
		}
		got, err := side.Call(ctx, "side-of-"+flow.Info(ctx).WorkflowID, doubled[0]+doubled[1])
		return got, err
	}), side.By(func(ctx flow.Context, n int) (int, error) {
		if n > 0 && flow.Rand(ctx).IntN(2) == 0 {
			return 0, side.ContinueAsNew(ctx, -n)
		}
		return max(n, -n), nil
	}), double.By(func(_ context.Context, n int) (int, error) { return 2 * n, nil }))
}

// killEvery is how long a second worker lives.
const killEvery = 20 * time.Second

// TestSoakFlow has workers of package flow under steady load: one stays, and what it has must not grow; another is killed again and again.
func TestSoakFlow(t *testing.T) {
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, binary)
	takes := time.Duration(*minutes * float64(time.Minute))
	key := s.load.credentials
	c := flowClient(s.Addr, key.AccessKey, key.SecretKey)
	before := runtime.NumGoroutine()
	working, stop := context.WithCancel(t.Context())
	defer stop()
	var evicted, finished atomic.Int64
	var workers sync.WaitGroup
	workers.Go(func() {
		if err := flowWorker(c, &evicted).Run(working); err != nil {
			t.Error(err)
		}
	})
	killed := 0
	workers.Go(func() {
		for working.Err() == nil {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), workerOf+"="+strings.Join([]string{s.Addr, key.AccessKey, key.SecretKey}, " "))
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-time.After(min(killEvery, takes/2)):
				killed++
			case <-working.Done():
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	began := time.Now()
	loaded, cancel := context.WithTimeout(t.Context(), takes)
	defer cancel()
	var all sync.WaitGroup
	for slot := range 2 * fewCached {
		all.Go(func() {
			for n := 0; loaded.Err() == nil; n++ {
				if err := tourOnce(t.Context(), c, fmt.Sprintf("tour-%d-%d", slot, n), n); err != nil {
					t.Error(err)
					cancel()
					return
				}
				finished.Add(1)
			}
		})
	}
	ended := make(chan struct{})
	go func() { defer close(ended); all.Wait() }()
	var at []float64
	series := map[string][]float64{}
	for look, more := time.NewTicker(min(sampleEvery, takes/20)), true; more; {
		select {
		case <-look.C:
			at = append(at, time.Since(began).Seconds())
			for name, v := range ownSample() {
				series[name] = append(series[name], v)
			}
		case <-ended:
			look.Stop()
			more = false
		}
	}
	open, err := s.load.caller().call("CountOpenWorkflowExecutions", `{"domain":"gone","startTimeFilter":{"oldestDate":0}}`)
	if err != nil || !strings.Contains(string(open), `"count":0`) {
		t.Errorf("open executions: %s, %v", open, err)
	}
	stop()
	workers.Wait()
	http := 2 * 512 // goroutines of connections that are kept
	if left := runtime.NumGoroutine(); left > before+http {
		t.Errorf("%d goroutines are left, before there were %d", left, before)
	}
	t.Logf("%d workflows in %s, %d runs pushed out, %d workers killed", finished.Load(), time.Since(began).Round(time.Second), evicted.Load(), killed)
	if finished.Load() == 0 || evicted.Load() == 0 || killed == 0 {
		t.Errorf("%d workflows, %d pushed out, %d killed", finished.Load(), evicted.Load(), killed)
	}
	half := len(at) / 2
	for name, values := range series {
		growth, mean := fit(at[half:], values[half:])
		t.Logf("%s: mean %.1f, grows by %.1f in the second half", name, mean, growth)
		if bound := 0.1*mean + flowNoise[name]; takes >= heldMin && (growth > bound || math.IsNaN(growth)) {
			t.Errorf("%s grows by %.1f in the second half, want at most %.1f", name, growth, bound)
		}
	}
}

// flowNoise is what may come and go of what a worker has, beside a tenth.
var flowNoise = map[string]float64{"live heap, MB": 4, "stacks, MB": 4, "goroutines": 64}

// ownSample is what this process has.
func ownSample() map[string]float64 {
	read := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(read)
	return map[string]float64{
		"live heap, MB": float64(read[0].Value.Uint64()) / (1 << 20), "stacks, MB": float64(read[1].Value.Uint64()) / (1 << 20), "goroutines": float64(runtime.NumGoroutine()),
	}
}

// tourOnce runs a workflow, and looks at what it gives.
func tourOnce(ctx context.Context, c *flow.Client, id string, n int) error {
	var run *flow.Run[int]
	for { // until a worker has registered the type
		var err error
		run, err = tour.Start(ctx, c, id, n)
		if _, unknown := errors.AsType[*types.UnknownResourceFault](err); unknown {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if err := proceed.Send(ctx, c, id, 1); err != nil {
		return err
	}
	for ended := false; !ended; { // its domain keeps nothing of it then
		out, err := c.API.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{Domain: &c.Domain, Execution: &types.WorkflowExecution{WorkflowId: &id, RunId: &run.RunID}})
		if _, gone := errors.AsType[*types.UnknownResourceFault](err); gone {
			return nil
		}
		if err != nil {
			return err
		}
		if ended = out.ExecutionInfo.ExecutionStatus == types.ExecutionStatusClosed; ended && out.ExecutionInfo.CloseStatus != types.CloseStatusCompleted {
			return fmt.Errorf("workflow %s ended as %s", id, out.ExecutionInfo.CloseStatus)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}
