package flow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/flow"
	"heddle/flow/flowtest"
)

// Code that was changed without flow.Version parks the executions that began before, and says where; with it they end as they
// began, and new ones have the change.
func TestVersionGuardsAChange(t *testing.T) {
	Staged := flow.Workflow[int, string]{Name: "Staged", Version: "1"}
	const before, unguarded, guarded = 0, 1, 2
	var stage atomic.Int64
	staged := func(ctx flow.Context, n int) (string, error) {
		said := "old"
		if stage.Load() == unguarded || stage.Load() == guarded && flow.Version(ctx, "double", 1) >= 1 {
			said = "new"
			if _, err := Double.Call(ctx, n); err != nil {
				return "", err
			}
		}
		if err := flow.Sleep(ctx, time.Minute); err != nil {
			return "", err
		}
		if stage.Load() == guarded && flow.Version(ctx, "double", 1) >= 1 != (said == "new") {
			return "", fmt.Errorf("a run of %s code has changed its mind", said)
		}
		_, err := Add.Receive(ctx)
		return said, err
	}
	var mu sync.Mutex
	var reasons []string
	hooks := flow.Hooks{Parked: func(_ context.Context, _ flow.RunInfo, why string) {
		mu.Lock()
		defer mu.Unlock()
		reasons = append(reasons, why)
	}}
	parked := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(reasons)
	}
	flowtest.Config{Worker: flow.WorkerConfig{Cached: -1, Hooks: hooks}}.Test(t, func(t *testing.T, c *flow.Client) {
		end := func(id string, run *flow.Run[string], want string) {
			t.Helper()
			if err := Add.Send(t.Context(), c, id, 1); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // rather than for ever, if it is parked
			defer cancel()
			if got, err := run.Result(ctx); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", id, got, err, want)
			}
		}
		started := func(id string) *flow.Run[string] {
			t.Helper()
			run, err := Staged.Start(t.Context(), c, id, 1)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return run
		}
		old := started("old")
		stage.Store(unguarded)
		time.Sleep(62 * time.Second)
		if len(parked()) == 0 {
			t.Fatal("it was not parked")
		}
		for _, want := range []string{`the history has  StartTimer "After-1", event 5`, `the code decides ScheduleActivityTask "Double-1" (Double@1), at versions_test.go:`, "flow.Version"} {
			if !strings.Contains(parked()[0], want) {
				t.Errorf("it was parked with %q, want %s", parked()[0], want)
			}
		}
		stage.Store(guarded)
		parks := len(parked())
		if err := (flow.Signal[flow.None]{Name: "flow.retry"}).Send(t.Context(), c, "old", flow.None{}); err != nil {
			t.Fatal(err)
		}
		end("old", old, "old")
		end("new", started("new"), "new")
		if len(parked()) != parks {
			t.Errorf("parked with the guard: %s", parked()[parks])
		}
	}, Staged.By(staged), longCode()[2])
}
