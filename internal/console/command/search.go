package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// within is what executions are in.
type within struct {
	Domain  string `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Their domain."`
	Machine string `placeholder:"ARN" help:"Their state machine, in place of a domain."`
}

var errWithin = errors.New("want --domain, or the ARN of a state machine as --machine")

// Validate implements kong.Validatable.
func (w *within) Validate() error {
	if w.Machine == "" && w.Domain == "" {
		return errWithin
	}
	return nil
}

// members say it as calls have it, with what else is given: the domain may be of the environment.
func (w *within) members(more map[string]any) map[string]any {
	if w.Machine != "" {
		more["stateMachineArn"] = w.Machine
	} else {
		more["domain"] = w.Domain
	}
	return more
}

// option is it as an option of a command.
func (w *within) option() string {
	if w.Machine != "" {
		return " --machine " + w.Machine
	}
	return " --domain " + w.Domain
}

// filters say which executions are meant.
type filters struct {
	Within      within `embed:""`
	ID          string `name:"id" placeholder:"ID" help:"Their workflowId, or name."`
	Prefix      string `placeholder:"TEXT" help:"What their workflowIds or names begin with."`
	Part        string `placeholder:"TEXT" help:"What is in their workflowIds or names."`
	Type        string `placeholder:"NAME" help:"Their type of workflow."`
	TypeVersion string `placeholder:"VERSION" help:"The version of their type."`
	Tag         string `placeholder:"TAG" help:"A tag that they have."`
	From        string `placeholder:"TIME" help:"They began at this time or later, such as 2026-03-01T12:00:00Z, or 2h ago."`
	To          string `placeholder:"TIME" help:"They began at this time or before."`

	from, to time.Time
	ago      [2]time.Duration
}

// Search looks for executions.
type Search struct {
	Filters filters `embed:""`
	Closed  bool    `help:"Look for closed executions; otherwise for open ones."`
	Status  string  `placeholder:"STATUS" help:"How they closed, such as FAILED. It means --closed."`
	Oldest  bool    `help:"The oldest first; otherwise the newest."`
	Limit   int     `default:"100" help:"How many are found at most."`

	Caller caller `embed:""`
}

// Validate implements kong.Validatable.
func (c *filters) Validate() error {
	for i, of := range []struct {
		text string
		at   *time.Time
	}{{c.From, &c.from}, {c.To, &c.to}} {
		if of.text == "" {
			continue
		}
		var err error
		if c.ago[i], err = time.ParseDuration(of.text); err == nil && c.ago[i] > 0 {
			continue
		}
		c.ago[i] = 0
		if *of.at, err = time.Parse(time.RFC3339, of.text); err != nil {
			return errors.New("--from and --to want a time such as 2026-03-01T12:00:00Z, or how long ago it was, such as 2h")
		}
	}
	return nil
}

// members are the filters as calls have them.
func (c *filters) members(p *Process) map[string]any {
	in := c.Within.members(map[string]any{})
	for name, value := range map[string]string{"workflowId": c.ID, "workflowIdPrefix": c.Prefix, "workflowIdPart": c.Part, "typeName": c.Type, "typeVersion": c.TypeVersion, "tag": c.Tag} {
		if value != "" {
			in[name] = value
		}
	}
	for i, name := range []string{"startedFrom", "startedTo"} {
		at := [2]time.Time{c.from, c.to}[i]
		if c.ago[i] > 0 {
			at = p.Now().Add(-c.ago[i])
		}
		if !at.IsZero() {
			in[name] = json.Number(fmt.Sprintf("%d.%03d", at.Unix(), at.Nanosecond()/1e6))
		}
	}
	return in
}

// Run looks.
func (c *Search) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	in := c.Filters.members(p)
	in["status"], in["oldestFirst"] = "OPEN", c.Oldest
	if c.Closed || c.Status != "" {
		in["status"] = "CLOSED"
	}
	if c.Status != "" {
		in["closeStatus"] = c.Status
	}
	var all []wire.FoundExecution
	looked, more, now := int64(0), true, engine.Time(0)
	for more && len(all) < c.Limit {
		in["maximumPageSize"] = min(1000, c.Limit-len(all))
		var out wire.SearchExecutionsOutput
		if _, err := call(ctx, caller, "SearchExecutions", in, &out); err != nil {
			return missing(err)
		}
		all, looked, now = append(all, out.Executions...), looked+out.LookedAt, engine.Time(out.ServerTimestamp)
		if more = out.NextPageToken != nil; more {
			in["nextPageToken"] = *out.NextPageToken
		}
	}
	if !c.Caller.JSON {
		return terminal.Found(p.Out, all, looked, more, now)
	}
	raw := make([]json.RawMessage, len(all))
	for i := range all {
		raw[i] = all[i].AppendJSON(nil)
	}
	return p.writeJSON(map[string]any{"executions": raw, "lookedAt": looked, "more": more})
}
