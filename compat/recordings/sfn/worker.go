package main

import (
	"context"
	"fmt"
	"time"
)

// beat is how long a worker that heartbeats waits before the heartbeat, and then
// before it succeeds.
const beat = 2 * time.Second

// startWorker starts a worker beside the steps.
func (g *game) startWorker(ctx context.Context, i int, w *worker) error {
	arn, err := g.names.fill(w.ActivityArn)
	if err != nil {
		return err
	}
	g.workers.Go(func() {
		// When the case ends, so do its workers.
		if err := g.work(ctx, w, arn); err != nil && ctx.Err() == nil {
			g.note(i, "worker", difference{path: w.Does, want: "success", got: err.Error()})
		}
	})
	return nil
}

// work polls until there is a task, and does it.
func (g *game) work(ctx context.Context, w *worker, arn string) error {
	in := map[string]any{"activityArn": arn}
	if w.WorkerName != "" {
		in["workerName"] = w.WorkerName
	}
	var token string
	var input any
	for token == "" {
		task, err := g.must(ctx, "GetActivityTask", in)
		if err != nil {
			return err
		}
		token, _ = task["taskToken"].(string)
		input = task["input"]
	}
	answer := map[string]any{"taskToken": token}
	switch w.Does {
	case "nothing":
		return nil
	case "fail":
		answer["error"], answer["cause"] = w.Error, input
		_, err := g.must(ctx, "SendTaskFailure", answer)
		return err
	case "heartbeat":
		if err := sleep(ctx, beat); err != nil {
			return err
		}
		if _, err := g.must(ctx, "SendTaskHeartbeat", answer); err != nil {
			return err
		}
		if err := sleep(ctx, beat); err != nil {
			return err
		}
	case "succeed":
	default:
		return fmt.Errorf("nobody told this command how to do that")
	}
	answer["output"] = input
	_, err := g.must(ctx, "SendTaskSuccess", answer)
	return err
}
