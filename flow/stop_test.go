package flow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
		return Odd.Call(ctx, strings.Repeat("longer than SWF takes ", 20), "")
	}))
}

// Code that does not wait is told of after a second, with its stack; when its task has timed out, its place is
// another's.
func TestCodeThatDoesNotWait(t *testing.T) {
	var Spin = flow.Workflow[bool, string]{Name: "Spin", Version: "1", DecisionTimeout: 10 * time.Second}
	var lines lockedLines
	spins := make(chan struct{})
	cfg := flow.WorkerConfig{Deciders: 1, StopTimeout: time.Minute, Log: slog.New(slog.NewTextHandler(&lines, nil))}
	flowtest.Config{Worker: cfg}.Test(t, func(t *testing.T, c *flow.Client) {
		if _, err := Spin.Start(t.Context(), c, "spins", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if said := lines.String(); !strings.Contains(said, "runs and does not wait") || !strings.Contains(said, "spinForLong") {
			t.Errorf("the log has %s", said)
		}
		run, err := Spin.Start(t.Context(), c, "beside", false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if got, err := run.Result(t.Context()); err != nil || got != "did not spin" || time.Since(began) != 8*time.Second {
			t.Errorf("got %q, %v after %s", got, err, time.Since(began))
		}
		if said := lines.String(); !strings.Contains(said, "others have its place") {
			t.Errorf("the log has %s", said)
		}
		close(spins)
		time.Sleep(2 * time.Minute) // it comes to its end
	}, Spin.By(func(_ flow.Context, spin bool) (string, error) {
		if spin {
			spinForLong(spins)
		}
		return "did not spin", nil
	}))
}

// spinForLong is what workflow code must not do.
func spinForLong(until chan struct{}) {
	for {
		select {
		case <-until:
			return
		default:
			time.Sleep(time.Minute)
		}
	}
}

type lockedLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A run that a later version of the package leads is not for this one.
func TestFormat(t *testing.T) {
	runID, events, err := flowtest.Read("testdata/histories/o-1.json")
	if err != nil {
		t.Fatal(err)
	}
	replay := func(said string) error {
		changed := slices.Clone(events)
		for i, e := range changed {
			if a := e.DecisionTaskCompletedEventAttributes; a != nil {
				b := *a
				b.ExecutionContext = &said
				changed[i].DecisionTaskCompletedEventAttributes = &b
				break
			}
		}
		return flow.Replay(nil, runID, changed, true, code(&bank{})...)
	}
	for _, said := range []string{`{"flow":1}`, `{"flow":0}`, "of another decider"} {
		if err := replay(said); err != nil {
			t.Errorf("%s: %v", said, err)
		}
	}
	if err := replay(`{"flow":2}`); err == nil || !strings.Contains(err.Error(), "led by format 2 of package flow, this worker knows 1") {
		t.Errorf("got %v", err)
	}
}
