package command

import (
	"context"
	"encoding/json"
	"fmt"

	"heddle/internal/operator/wire"
)

// Console gives a link to the console.
type Console struct {
	Open bool `help:"Open it in a browser, too."`

	Caller caller `embed:""`
}

// Run writes a link that signs its user in once, within a minute, as who the keys stand for.
func (c *Console) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	var out wire.CreateConsoleLinkOutput
	raw, err := call(ctx, caller, "CreateConsoleLink", map[string]string{}, &out)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		err = p.writeJSON(json.RawMessage(raw))
	} else {
		_, err = fmt.Fprintln(p.Out, out.ConsoleURL)
	}
	if err == nil && c.Open {
		if err = p.Browse(ctx, out.ConsoleURL); err != nil {
			err = fmt.Errorf("open a browser: %w; the link is above", err)
		}
	}
	return err
}
