package command

import (
	"context"
	"encoding/json"

	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Stats shows what the server has on the disk, and how its archive is.
type Stats struct {
	Caller caller `embed:""`
}

// Run shows it.
func (c *Stats) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	var out wire.GetDiskUsageOutput
	raw, err := call(ctx, caller, "GetDiskUsage", struct{}{}, &out)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.DiskUsage(p.Out, &out, engine.Time(out.ServerTimestamp), p.Style)
}
