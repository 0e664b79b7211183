// Package flowtest tests workflows of package flow against the server itself, in memory, where time
// is free:
//
//	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
//		run, err := ProcessOrder.Start(t.Context(), c, "o-1", order)
//		time.Sleep(72 * time.Hour) // takes no time
//		ShipNow.Send(t.Context(), c, "o-1", flow.None{})
//		got, err := run.Result(t.Context())
//	}, code...)
//
// The test and its worker run in a bubble of [testing/synctest]: time passes when all of them wait,
// at once and exactly, so activities and tests use time.Sleep and deadlines as they are. What passes
// here passes against the binary: there is no second implementation of the rules.
//
// [Replay] runs workflow code over histories that were kept; Record in [Config] keeps them. Faults in
// [Config] lets go wrong what does when processes die.
package flowtest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/heddletest"
)

// Domain and TaskList are what a test's client and worker have.
const (
	Domain   = "flowtest"
	TaskList = "flowtest"
)

// Config says how a test runs. The zero value is that of [Test].
type Config struct {
	// Client may change the client before the worker begins: to give it a Crypt or Blobs.
	Client func(c *flow.Client)
	// Worker is how the worker works; what it leaves empty is filled in.
	Worker flow.WorkerConfig
	// Record is a folder that keeps the histories of the test's executions that have closed, by their workflow
	// ids: go test -flowtest.record writes them; without that flag the code is replayed over those that
	// were written, so a change that would park running executions fails the test. Empty: none are kept.
	Record string
	// Faults is the seed of faults that the worker has to live with: answers are lost, before they were
	// taken or after, and tasks come twice. Activities may then run more than once, and what was lost waits
	// for its timeout. Zero: there are none.
	Faults uint64
}

var rewrite = flag.Bool("flowtest.record", false, "write the histories anew that flowtest.Config.Record keeps")

// Test calls f beside a worker that has the code.
func Test(t *testing.T, f func(t *testing.T, c *flow.Client), code ...flow.Implementation) {
	t.Helper()
	Config{}.Test(t, f, code...)
}

// Test calls f beside a worker that has the code.
func (cfg Config) Test(t *testing.T, f func(t *testing.T, c *flow.Client), code ...flow.Implementation) {
	t.Helper()
	cfg.test(t, func(t *testing.T, _ *swf.Client, c *flow.Client) { f(t, c) }, code)
}

// test gives f the SDK's client, too.
func (cfg Config) test(t *testing.T, f func(t *testing.T, api *swf.Client, c *flow.Client), code []flow.Implementation) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Start(t)
		c := flow.New(s.AWS(), Domain)
		c.AskMost = time.Hour // the worker is beside it; the end by a timeout is seen within that
		if cfg.Client != nil {
			cfg.Client(c)
		}
		if cfg.Faults != 0 {
			c.API = faults(c.API, cfg.Faults)
		}
		worker := cfg.Worker
		if worker.TaskList == "" {
			worker.TaskList = TaskList
		}
		if worker.RetentionDays == 0 {
			worker.RetentionDays = 7
		}
		if worker.Log == nil {
			worker.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
		}
		worker.BreakPolls, worker.Check = true, true
		w := flow.NewWorker(c, worker, code...)
		if err := w.Register(t.Context()); err != nil {
			t.Fatalf("flowtest: %v", err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := w.Run(ctx); err != nil {
				t.Errorf("flowtest: the worker: %v", err)
			}
		})
		defer func() {
			if cfg.Record != "" && !t.Failed() {
				if err := cfg.record(s.SWF(), c, code); err != nil {
					t.Errorf("flowtest: %v", err)
				}
			}
			stop()
			running.Wait()
		}()
		f(t, s.SWF(), c)
	})
}

// File is a history as it is kept: what get-workflow-execution-history prints, and the run id, which
// flow.Rand and flow.UUID need.
type File struct {
	RunID  string            `json:"runId,omitempty"`
	Events []json.RawMessage `json:"events"`
}

// record keeps the histories of all closed executions, or replays those that it has kept.
func (cfg Config) record(api *swf.Client, c *flow.Client, code []flow.Implementation) error {
	ctx := context.Background()
	var all []types.WorkflowExecutionInfo
	pages := swf.NewListClosedWorkflowExecutionsPaginator(api, &swf.ListClosedWorkflowExecutionsInput{
		Domain: &c.Domain, StartTimeFilter: &types.ExecutionTimeFilter{OldestDate: &epoch},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list executions: %w", err)
		}
		all = append(all, page.ExecutionInfos...)
	}
	var failed []error
	for _, e := range all {
		file := filepath.Join(cfg.Record, name(e))
		if !*rewrite {
			if _, err := os.Stat(file); err != nil {
				failed = append(failed, fmt.Errorf("the history of workflow %q is not kept: go test -flowtest.record keeps it: %w", *e.Execution.WorkflowId, err))
			} else if err := (Replayer{Client: c}).replay(file, code); err != nil {
				failed = append(failed, err)
			}
			continue
		}
		var events []types.HistoryEvent
		in := &swf.GetWorkflowExecutionHistoryInput{Domain: &c.Domain, Execution: e.Execution}
		for {
			page, err := api.GetWorkflowExecutionHistory(ctx, in)
			if err != nil {
				return fmt.Errorf("read the history of %q: %w", *e.Execution.WorkflowId, err)
			}
			events = append(events, page.Events...)
			if page.NextPageToken == nil {
				break
			}
			in.NextPageToken = page.NextPageToken
		}
		if err := Write(file, *e.Execution.RunId, events); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// name is that of a history's file: the workflow id, and for what was continued the time besides.
func name(e types.WorkflowExecutionInfo) string {
	if e.CloseStatus == types.CloseStatusContinuedAsNew {
		return *e.Execution.WorkflowId + "." + e.StartTimestamp.UTC().Format("20060102T150405.000") + ".json"
	}
	return *e.Execution.WorkflowId + ".json"
}

// Write keeps a history in a file.
func Write(name, runID string, events []types.HistoryEvent) error {
	file := File{RunID: runID}
	for i := range events {
		b, err := marshal(&events[i])
		if err != nil {
			return fmt.Errorf("write history %s: %w", name, err)
		}
		file.Events = append(file.Events, b)
	}
	b, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("write history %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// Replay runs workflow code over the histories in files that match the pattern, and fails the test
// where it does not decide what stands there: as a running execution would be parked.
func Replay(t *testing.T, pattern string, code ...flow.Implementation) {
	t.Helper()
	Replayer{}.Replay(t, pattern, code...)
}

// Replayer says how histories are replayed. The zero value is that of [Replay].
type Replayer struct {
	Strict bool         // compare inputs and durations, too
	Client *flow.Client // whose Codec, Crypt and Blobs read payloads; nil: JSON
}

// Replay likewise.
func (r Replayer) Replay(t *testing.T, pattern string, code ...flow.Implementation) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("flowtest: no history matches %s (%v)", pattern, err)
	}
	for _, name := range names {
		if err := r.replay(name, code); err != nil {
			t.Error(err)
		}
	}
}

func (r Replayer) replay(name string, code []flow.Implementation) error {
	runID, events, err := Read(name)
	if err != nil {
		return err
	}
	if err := flow.Replay(r.Client, runID, events, r.Strict, code...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Read reads a history that was kept.
func Read(name string) (runID string, events []types.HistoryEvent, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", nil, fmt.Errorf("read a history: %w", err)
	}
	var file File
	if err := json.Unmarshal(b, &file); err != nil {
		return "", nil, fmt.Errorf("read history %s: %w", name, err)
	}
	for i, raw := range file.Events {
		e, err := unmarshal(raw)
		if err != nil {
			return "", nil, fmt.Errorf("read history %s, event %d: %w", name, i+1, err)
		}
		events = append(events, e)
	}
	return file.RunID, events, nil
}
