package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"heddle/internal/operator/wire"
)

// AcceptLoss lists the shards that lack steps which were acknowledged, and has them served again.
type AcceptLoss struct {
	Shard  []uint16 `placeholder:"N" help:"A shard of those that are listed, which is to be served again without what it lacks."`
	All    bool     `help:"All of them."`
	Caller caller   `embed:""`
}

// Run lists them, or accepts what some have lost.
func (c *AcceptLoss) Run(ctx context.Context, p *Process) error {
	if c.All && len(c.Shard) > 0 {
		return &exitError{usage, errors.New("give --all or some --shard, not both")}
	}
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	var listed wire.ListLossesOutput
	raw, err := call(ctx, caller, "ListLosses", struct{}{}, &listed)
	if err != nil {
		return err
	}
	chosen := listed.Losses
	if !c.All {
		chosen = slices.DeleteFunc(slices.Clone(chosen), func(l wire.Loss) bool { return !slices.Contains(c.Shard, uint16(l.Shard)) })
	}
	for _, shard := range c.Shard {
		if !slices.ContainsFunc(chosen, func(l wire.Loss) bool { return l.Shard == int64(shard) }) {
			return fmt.Errorf("shard %d has lost nothing, as far as the servers know; nothing was accepted", shard)
		}
	}
	accepts := len(chosen) > 0
	if accepts {
		var out wire.AcceptLossOutput
		if _, err := call(ctx, caller, "AcceptLoss", map[string]any{"losses": json.RawMessage(lossesJSON(chosen))}, &out); err != nil {
			return err
		}
	}
	switch {
	case c.Caller.JSON && accepts:
		return p.writeJSON(map[string]any{"accepted": json.RawMessage(lossesJSON(chosen))})
	case c.Caller.JSON:
		return p.writeJSON(json.RawMessage(raw))
	case len(listed.Losses) == 0:
		_, err = fmt.Fprintln(p.Out, "nothing is lost, as far as the servers know")
		return err
	}
	for _, l := range listed.Losses {
		what := "is shut"
		if slices.Contains(chosen, l) {
			what = "is served again"
		}
		if _, err := fmt.Fprintf(p.Out, "shard %d lacks %d of %d acknowledged commits, and %s\n", l.Shard, l.Acknowledged-l.Has, l.Acknowledged, what); err != nil {
			return err
		}
	}
	if !accepts {
		_, err = fmt.Fprintln(p.Out, "find the database that has them; or accept that they are lost, by --all or --shard N")
	}
	return err
}

func lossesJSON(all []wire.Loss) []byte {
	b := []byte{'['}
	for i := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = all[i].AppendJSON(b)
	}
	return append(b, ']')
}
