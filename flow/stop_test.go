package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/flow"
	"heddle/flow/flowtest"
)

// An activity that is stopped with its worker says so, and another worker has the next attempt.
func TestStoppedActivityIsTold(t *testing.T) {
	var Serve = flow.Workflow[string, string]{Name: "Serve", Version: "1"}
	wait := flow.Activity[string, string]{Name: "Wait", Version: "1", StartToClose: 24 * time.Hour, TaskList: "waits"}
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		began := make(chan bool)
		ctx, stop := context.WithCancel(t.Context())
		w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "waits", BreakPolls: true, StopTimeout: time.Minute}, wait.By(func(ctx context.Context, _ string) (string, error) {
			close(began)
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), flow.ErrStopping) {
				t.Errorf("it ended with %v", context.Cause(ctx))
			}
			return "", ctx.Err()
		}))
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		run, err := Serve.Start(t.Context(), c, "serve", "")
		if err != nil {
			t.Fatal(err)
		}
		<-began
		at := time.Now()
		stop()
		if _, err := run.Result(t.Context()); !errors.Is(err, flow.ErrStopping) {
			t.Errorf("got %v, want that the worker stopped", err)
		}
		if err := <-ended; err != nil || time.Since(at) < time.Minute {
			t.Errorf("Run ended with %v after %s", err, time.Since(at))
		}
	}, Serve.By(func(ctx flow.Context, in string) (string, error) { return wait.Call(ctx, in) }))
}

// What SWF refuses as a whole parks the run, and so does a continuation that SWF does not have: a run that said
// nothing would be asked again until its history is full.
func TestRefusedAnswersPark(t *testing.T) {
	var Odd = flow.Workflow[string, string]{Name: "Odd", Version: "1"}
	var why sync.Map // of a workflow id
	cfg := flowtest.Config{Worker: flow.WorkerConfig{Deciders: 1, Hooks: flow.Hooks{Parked: func(_ context.Context, r flow.RunInfo, text string) { why.Store(r.WorkflowID, text) }}}}
	cfg.Test(t, func(t *testing.T, c *flow.Client) {
		for id, want := range map[string]string{"child": "SWF refuses what the code decides", "name": "SWF changes the version, not the name"} {
			if _, err := Odd.Start(t.Context(), c, id, id); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got, _ := why.Load(id); !strings.Contains(fmt.Sprint(got), want) {
				t.Errorf("%s: parked because of %v, want %q", id, got, want)
			}
		}
	}, Odd.By(func(ctx flow.Context, how string) (string, error) {
		if how == "name" {
			return "", Trip.ContinueAsNew(ctx, 1)
		}
		odd := Odd
		odd.Tags = []string{"a", "b", "c", "d", "e", "one more than SWF takes"}
		return odd.Call(ctx, "tagged", "")
	}))
}
