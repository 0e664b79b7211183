package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const queue = "orders"

// The payloads are as long as those of the other servers' workload.
type (
	order struct {
		Order int   `json:"order"`
		Lines []int `json:"lines"`
	}
	charge struct {
		Order int `json:"order"`
		Cents int `json:"cents"`
	}
	receipt struct {
		Receipt string `json:"receipt"`
	}
)

func chargeCard(_ context.Context, c charge) (receipt, error) {
	return receipt{fmt.Sprintf("R-%d", c.Order)}, nil
}

// fulfil charges as often as asked, one after the other.
func fulfil(ctx workflow.Context, o order, activities int) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute, ScheduleToStartTimeout: 5 * time.Minute, ScheduleToCloseTimeout: 10 * time.Minute,
	})
	for range activities {
		var r receipt
		if err := workflow.ExecuteActivity(ctx, chargeCard, charge{o.Order, 1999}).Get(ctx, &r); err != nil {
			return "", err
		}
	}
	return "done", nil
}

// result is what the bench reads.
type result struct {
	Workflows           int64
	P50, P95, P99, P999 float64 // ms
}

func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	addr := flags.String("addr", "", "of the server")
	activities := flags.Int("activities", 1, "that a workflow has, one after the other")
	inFlight := flags.Int("inflight", 64, "workflows in flight")
	warmUp := flags.Duration("warmup", 2*time.Second, "how long to load the server before")
	duration := flags.Duration("duration", 10*time.Second, "how long to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	c, err := client.Dial(client.Options{HostPort: *addr, Namespace: namespace, Logger: quiet})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: max(2, min(16, *inFlight)),
		MaxConcurrentActivityTaskPollers: max(2, min(16, *inFlight)),
	})
	w.RegisterWorkflow(fulfil)
	w.RegisterActivity(chargeCard)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	l := loop{client: c, activities: *activities}
	if err := l.ready(); err != nil {
		return err
	}
	var slots sync.WaitGroup
	for i := range *inFlight {
		slots.Go(func() { l.run(i) })
	}
	time.Sleep(*warmUp)
	fmt.Println("begin")
	l.measured.Store(true)
	time.Sleep(*duration)
	l.measured.Store(false)
	fmt.Println("end")
	l.halted.Store(true)
	slots.Wait()
	if l.failed != nil {
		return l.failed
	}
	slices.Sort(l.latencies)
	return json.NewEncoder(os.Stdout).Encode(result{
		int64(len(l.latencies)), l.percentile(0.5), l.percentile(0.95), l.percentile(0.99), l.percentile(0.999),
	})
}

// loop keeps workflows in flight: a closed loop. A workflow has ended when its
// starter has been told.
type loop struct {
	client     client.Client
	activities int
	measured   atomic.Bool
	halted     atomic.Bool

	mu        sync.Mutex
	latencies []time.Duration
	failed    error
}

// ready waits for the server's services to have found one another.
func (l *loop) ready() (err error) {
	for range 60 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = l.one(ctx, fmt.Sprintf("ready-%d", time.Now().UnixNano()))
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return errors.Join(errors.New("the server does not run workflows"), err)
}

func (l *loop) one(ctx context.Context, id string) error {
	run, err := l.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, fulfil, order{4711, []int{1, 2, 3}}, l.activities)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

func (l *loop) run(slot int) {
	for n := 0; !l.halted.Load(); n++ {
		began := time.Now()
		err := l.one(context.Background(), fmt.Sprintf("%d-%d", slot, n))
		took := time.Since(began)
		l.mu.Lock()
		if err != nil {
			l.failed = err
			l.halted.Store(true)
		} else if l.measured.Load() {
			l.latencies = append(l.latencies, took)
		}
		l.mu.Unlock()
	}
}

func (l *loop) percentile(p float64) float64 {
	if len(l.latencies) == 0 {
		return 0
	}
	return float64(l.latencies[min(len(l.latencies)-1, int(p*float64(len(l.latencies))))].Microseconds()) / 1000
}
