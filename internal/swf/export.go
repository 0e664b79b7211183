package swf

import (
	"context"
	"errors"
	"fmt"
	"io"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	"heddle/internal/visibility"
)

// exports are the commands that write what a stopped store has of SWF.
type exports struct {
	Execution Export `cmd:"" name:"swf" default:"withargs" help:"An execution of SWF, in the shape that GetWorkflowExecutionHistory has."`
}

// Export writes the history of an execution.
type Export struct {
	Account    string `default:"123456789012" env:"HEDDLE_ACCOUNT" help:"Account of the execution."`
	Region     string `default:"us-east-1" env:"HEDDLE_REGION" help:"Region of the execution."`
	Domain     string `required:"" help:"Domain of the execution."`
	WorkflowID string `required:"" help:"workflowId of the execution."`
	RunID      string `help:"runId; without it the open run, else the one that closed last."`
}

// Run writes the history as JSON.
func (e *Export) Run(ctx context.Context, s service.Stored, out io.Writer) error {
	b, err := e.history(ctx, s)
	if err != nil {
		return fmt.Errorf("export %q of domain %q: %w", e.WorkflowID, e.Domain, err)
	}
	_, err = fmt.Fprintf(out, "{\"events\":[%s]}\n", b)
	return err
}

func (e *Export) history(ctx context.Context, s service.Stored) ([]byte, error) {
	view, err := e.find(ctx, s)
	if err != nil {
		return nil, err
	}
	return s.Runs.AppendEvents(ctx, nil, view.Run, 1, view.LastEvent, false)
}

func (e *Export) find(ctx context.Context, s service.Stored) (*engine.RunView, error) {
	w := engine.World{Account: e.Account, Region: e.Region}
	name := execution.Name(w, e.Domain, e.WorkflowID)
	if e.RunID != "" {
		id, ok := execution.ParseRun(e.RunID)
		if !ok {
			return nil, fmt.Errorf("runId %q is none of this store", e.RunID)
		}
		view, err := s.Runs.Stored(ctx, id)
		if err == nil && (view == nil || view.Name != name) {
			return nil, fmt.Errorf("no run %q", e.RunID)
		}
		return view, err
	}
	for _, p := range []struct {
		order  byte
		status engine.Status
	}{{execution.OpenByStart, engine.Open}, {execution.ClosedByClose, engine.Closed}} {
		page, err := s.Visibility.List(ctx, visibility.Place{
			Kind: execution.Kind, World: w, Family: p.order | execution.FilterWorkflowID, Value: execution.IndexValue(e.Domain, e.WorkflowID),
		}, p.status, true, nil, 1, 1)
		if err != nil {
			return nil, err
		}
		if len(page.Runs) > 0 {
			return page.Runs[0], nil
		}
	}
	return nil, errors.New("no such execution")
}
