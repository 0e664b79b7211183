package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"heddle/internal/console/client"
	"heddle/internal/console/past"
	"heddle/internal/console/terminal"
	"heddle/internal/operator/wire"
)

// Show tells why an execution does not move.
type Show struct {
	Execution string `arg:"" help:"Its workflowId, or its ARN."`
	Domain    string `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Domain of the workflowId."`
	RunID     string `name:"run-id" placeholder:"ID" help:"Its run; otherwise the one that is open, or else the last that was."`
	History   bool   `help:"Write all events, too."`

	Caller caller `embed:""`
}

// Validate implements kong.Validatable.
func (c *Show) Validate() error {
	if !c.isARN() && c.Domain == "" {
		return errDomain
	}
	if c.isARN() && (c.Domain != "" || c.RunID != "") {
		return errors.New("an ARN says all: it wants neither --domain nor --run-id")
	}
	return nil
}

var errDomain = errors.New("want --domain, unless it is an ARN")

func (c *Show) isARN() bool { return strings.HasPrefix(c.Execution, "arn:") }

// Run shows it.
func (c *Show) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	shown := terminal.Shown{InspectExecutionOutput: &wire.InspectExecutionOutput{}}
	raw, err := c.inspect(ctx, caller, shown.InspectExecutionOutput)
	if err != nil {
		return err
	}
	events, err := past.Read(ctx, caller, shown.InspectExecutionOutput)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		all := struct {
			Inspection json.RawMessage   `json:"inspection"`
			History    []json.RawMessage `json:"history,omitempty"`
		}{Inspection: raw}
		if c.History {
			all.History = events.Raw
		}
		return p.writeJSON(all)
	}
	if shown.Lanes, err = events.Lanes(shown.InspectExecutionOutput); err != nil {
		return err
	}
	if c.History {
		if shown.History, err = events.Rows(); err != nil {
			return err
		}
	}
	return terminal.Show(p.Out, &shown, p.Style)
}

// inspect asks the server; of a name without an open run about its last one.
func (c *Show) inspect(ctx context.Context, caller *client.Client, out *wire.InspectExecutionOutput) ([]byte, error) {
	ref := map[string]string{"executionArn": c.Execution}
	if !c.isARN() {
		ref = map[string]string{"domain": c.Domain, "workflowId": c.Execution}
		if c.RunID != "" {
			ref["runId"] = c.RunID
		}
	}
	raw, err := call(ctx, caller, "InspectExecution", ref, out)
	if isFault(err, wire.CodeResourceNotFoundException) && !c.isARN() && c.RunID == "" {
		run, last := past.LastRun(ctx, caller, c.Domain, c.Execution)
		if last != nil && !isFault(last, "UnknownResourceFault") {
			return nil, fmt.Errorf("no run of %q is open, and it can't be seen whether one was: %w", c.Execution, last)
		}
		if run != "" {
			ref["runId"] = run
			raw, err = call(ctx, caller, "InspectExecution", ref, out)
		}
	}
	return raw, missing(err)
}
