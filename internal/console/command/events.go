package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"heddle/internal/console/client"
	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Events shows the targets of events, or one of them, or has it sent again what it refused.
type Events struct {
	Target    string `arg:"" optional:"" help:"One target: with the events that it never took. Otherwise all."`
	Redeliver bool   `help:"Send the events again that the target never took."`

	Caller caller `embed:""`
}

// Validate implements kong.Validatable.
func (c *Events) Validate() error {
	if c.Redeliver && c.Target == "" {
		return errors.New("--redeliver wants the name of a target")
	}
	return nil
}

// Run shows them.
func (c *Events) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	switch {
	case c.Redeliver:
		return c.redeliver(ctx, p, caller)
	case c.Target != "":
		return c.one(ctx, p, caller)
	}
	var out wire.ListEventTargetsOutput
	raw, err := call(ctx, caller, "ListEventTargets", struct{}{}, &out)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.Targets(p.Out, out.EventTargets, engine.Time(out.ServerTimestamp), p.Style)
}

func (c *Events) one(ctx context.Context, p *Process, caller *client.Client) error {
	var out wire.DescribeEventTargetOutput
	raw, err := call(ctx, caller, "DescribeEventTarget", map[string]string{"name": c.Target}, &out)
	if err != nil {
		return missing(err)
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.Target(p.Out, &out, p.Style)
}

func (c *Events) redeliver(ctx context.Context, p *Process, caller *client.Client) error {
	var out wire.RedeliverEventsOutput
	raw, err := call(ctx, caller, "RedeliverEvents", map[string]string{"name": c.Target}, &out)
	if err != nil {
		return missing(err)
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	_, err = fmt.Fprintf(p.Out, "%d events are sent to %s again; heddle events %s says what becomes of them\n", out.Events, c.Target, c.Target)
	return err
}

// missing gives an error about what is not there its exit code.
func missing(err error) error {
	if isFault(err, wire.CodeResourceNotFoundException) {
		return &exitError{notFound, err}
	}
	return err
}
