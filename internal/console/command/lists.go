package command

import (
	"context"
	"encoding/json"
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
	all, now, err := taskLists(ctx, caller, c.Domain)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		raw := make([]json.RawMessage, len(all))
		for i := range all {
			raw[i] = all[i].AppendJSON(nil)
		}
		return p.writeJSON(map[string]any{"taskLists": raw})
	}
	terminal.Sort(all, terminal.ByOldest)
	return terminal.Lists(p.Out, all, now, p.Style)
}

// taskLists are all task lists, or those of a domain, and when that was.
func taskLists(ctx context.Context, caller *client.Client, domain string) (all []wire.TaskListSummary, now engine.Time, err error) {
	services := []string{"swf", "states"}
	if domain != "" {
		services = services[:1]
	}
	for _, service := range services {
		for next := ""; ; {
			in := map[string]any{"service": service}
			if domain != "" {
				in["domain"] = domain
			}
			if next != "" {
				in["nextPageToken"] = next
			}
			var out wire.ListTaskListsOutput
			if _, err := call(ctx, caller, "ListTaskLists", in, &out); err != nil {
				return nil, 0, err
			}
			all, now = append(all, out.TaskLists...), engine.Time(out.ServerTimestamp)
			if out.NextPageToken == nil {
				break
			}
			next = *out.NextPageToken
		}
	}
	return all, now, nil
}

// described is one list, with its pollers and its oldest tasks.
func described(ctx context.Context, caller *client.Client, kind, domain, name string) (raw []byte, out *wire.DescribeTaskListOutput, err error) {
	in := map[string]string{"service": "swf", "kind": kind, "name": name, "domain": domain}
	if strings.HasPrefix(name, "arn:") {
		in = map[string]string{"service": "states", "kind": "activity", "name": name}
	}
	out = &wire.DescribeTaskListOutput{}
	raw, err = call(ctx, caller, "DescribeTaskList", in, out)
	return raw, out, err
}

func (c *Lists) one(ctx context.Context, p *Process, caller *client.Client) error {
	raw, out, err := described(ctx, caller, c.Kind, c.Domain, c.Name)
	if err != nil {
		return err
	}
	if c.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.List(p.Out, out, p.Style)
}

// Validate implements kong.Validatable.
func (c *Lists) Validate() error {
	if c.Name != "" && !strings.HasPrefix(c.Name, "arn:") && c.Domain == "" {
		return errDomain
	}
	return nil
}
