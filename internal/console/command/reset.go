package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heddle/internal/operator/wire"
)

// Reset has a server whose store is memory forget all that it has.
type Reset struct {
	Caller caller `embed:""`
}

// How long the server may take to be there anew, and how often it is asked.
const (
	resetTime  = 30 * time.Second
	resetEvery = 10 * time.Millisecond
)

// Run returns when the server takes requests again.
func (c *Reset) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	var gone wire.ResetServerOutput
	raw, err := call(ctx, caller, "ResetServer", struct{}{}, &gone)
	if err != nil {
		return err
	}
	for until := p.Now().Add(resetTime); ; {
		var status wire.GetServerStatusOutput
		_, err := call(ctx, caller, "GetServerStatus", struct{}{}, &status)
		if err == nil && status.StartTimestamp != gone.StartTimestamp {
			break
		}
		if p.Now().After(until) {
			return errors.Join(fmt.Errorf("the server forgets what it had, but is not back after %s", resetTime), err)
		}
		if err := p.Wait(ctx, resetEvery); err != nil {
			return err
		}
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	_, err = fmt.Fprintln(p.Out, "the server has begun anew; its keys are those that it had")
	return err
}
