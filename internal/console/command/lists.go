package command

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"heddle/internal/console/client"
	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Lists shows task lists, or one of them.
type Lists struct {
	Name   string `arg:"" optional:"" help:"One task list, or an activity's ARN: its pollers and oldest tasks. Otherwise all lists."`
	Domain string `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Only its lists. One list wants it, unless it is an activity's."`
	Kind   string `default:"activity" enum:"activity,decision" help:"Of one list: whether activity tasks or decision tasks are meant."`

	Caller caller `embed:""`
}

// Run shows them.
func (c *Lists) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.one(ctx, p, caller)
	}
	var all []wire.TaskListSummary
	var now engine.Time
	services := []string{"swf", "states"}
	if c.Domain != "" {
		services = services[:1]
	}
	for _, service := range services {
		for next := ""; ; {
			in := map[string]any{"service": service}
			if c.Domain != "" {
				in["domain"] = c.Domain
			}
			if next != "" {
				in["nextPageToken"] = next
			}
			var out wire.ListTaskListsOutput
			if _, err := call(ctx, caller, "ListTaskLists", in, &out); err != nil {
				return err
			}
			all, now = append(all, out.TaskLists...), engine.Time(out.ServerTimestamp)
			if out.NextPageToken == nil {
				break
			}
			next = *out.NextPageToken
		}
	}
	if c.Caller.JSON {
		raw := make([]json.RawMessage, len(all))
		for i := range all {
			raw[i] = all[i].AppendJSON(nil)
		}
		return p.writeJSON(map[string]any{"taskLists": raw})
	}
	// Those whose oldest task waits longest come first.
	slices.SortStableFunc(all, func(a, b wire.TaskListSummary) int { return int(oldest(a, now) - oldest(b, now)) })
	return terminal.Lists(p.Out, all, now, p.Style)
}

func oldest(l wire.TaskListSummary, now engine.Time) engine.Time {
	if l.OldestTimestamp == nil {
		return now
	}
	return engine.Time(*l.OldestTimestamp)
}

func (c *Lists) one(ctx context.Context, p *Process, caller *client.Client) error {
	in := map[string]string{"service": "swf", "kind": c.Kind, "name": c.Name, "domain": c.Domain}
	if strings.HasPrefix(c.Name, "arn:") {
		in = map[string]string{"service": "states", "kind": "activity", "name": c.Name}
	}
	var out wire.DescribeTaskListOutput
	raw, err := call(ctx, caller, "DescribeTaskList", in, &out)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.List(p.Out, &out, p.Style)
}

// Validate implements kong.Validatable.
func (c *Lists) Validate() error {
	if c.Name != "" && !strings.HasPrefix(c.Name, "arn:") && c.Domain == "" {
		return errDomain
	}
	return nil
}
