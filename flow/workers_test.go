package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/flow/flowtest"
	"heddle/heddletest"
)

// When the worker that has a run at hand is gone, another has its next task after Sticky, at once
// if it is there; and a worker that stops leaves no goroutine and no task.
func TestAnotherWorkerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Start(t)
		c := flow.New(s.AWS(), "shop")
		start := func() (stop func()) {
			w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "orders", RetentionDays: 1, BreakPolls: true}, code(&bank{})...)
			if err := w.Register(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}
		stop := start()
		run, err := ProcessOrder.Start(t.Context(), c, "o-1", Order{ID: "o-1", Hold: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		defer start()()
		began := time.Now()
		if err := ShipNow.Send(t.Context(), c, "o-1", flow.None{}); err != nil {
			t.Fatal(err)
		}
		if got, err := run.Result(t.Context()); err != nil || got != "parcel of o-1" || time.Since(began) != 5*time.Second {
			t.Errorf("got %q, %v after %s", got, err, time.Since(began))
		}
	})
}

// What is encrypted stands nowhere in the histories, nor in what an execution says of itself; and
// long payloads go by blobs.
func TestSealedPayloads(t *testing.T) {
	const secret = "planted-string"
	var Secret = flow.Workflow[string, string]{Name: "Secret", Version: "1"}
	echo := flow.Activity[string, string]{Name: "Echo", Version: "1", StartToClose: time.Minute}
	tell := flow.Signal[string]{Name: "Tell"}
	folder := t.TempDir()
	flowtest.Config{Client: func(c *flow.Client) {
		crypt, err := flow.NewGCM("test", map[string][]byte{"test": make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		c.Crypt, c.Blobs = crypt, flow.Folder(folder)
	}}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Secret.Start(t.Context(), c, "s-1", secret+strings.Repeat("x", 400_000))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		var status string
		if _, err := run.Status(t.Context(), &status); err != nil || status != secret {
			t.Errorf("status %q, %v", status, err)
		}
		for _, how := range []string{secret, "fail"} {
			if err := tell.Send(t.Context(), c, "s-1", how); err != nil {
				t.Fatal(err)
			}
			got, err := run.Result(t.Context())
			if how == "fail" {
				if err == nil || !strings.Contains(err.Error(), secret) {
					t.Errorf("got %v", err)
				}
			} else if err != nil || len(got) != 2*len(secret)+400_000 {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			for _, e := range history(t, c, run.WorkflowID, run.RunID) {
				if strings.Contains(e, secret) {
					t.Errorf("it stands in %.200s", e)
				}
			}
			if run, err = Secret.Start(t.Context(), c, "s-1", secret); err != nil {
				t.Fatal(err)
			}
		}
	}, Secret.By(func(ctx flow.Context, in string) (string, error) {
		flow.SetStatus(ctx, secret)
		flow.Effect(ctx, func() string { return secret })
		said, err := tell.Receive(ctx)
		if err != nil {
			return "", err
		}
		out, err := echo.Call(ctx, said)
		return in + out, err
	}), echo.By(func(ctx context.Context, in string) (string, error) {
		flow.Progress(ctx, secret)
		if in == "fail" {
			return "", fmt.Errorf("%s: %w", secret, ErrDeclined)
		}
		return in, nil
	}))
}

// events are those of a run.
func events(t *testing.T, c *flow.Client, id, runID string) (all []types.HistoryEvent) {
	t.Helper()
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

// history is that of a run, an event after the other as text.
func history(t *testing.T, c *flow.Client, id, runID string) (all []string) {
	for _, e := range events(t, c, id, runID) {
		all = append(all, asText(t, e))
	}
	return all
}

func asText(t *testing.T, e types.HistoryEvent) string {
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
