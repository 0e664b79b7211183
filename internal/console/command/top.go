package command

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/past"
	"heddle/internal/console/terminal"
	"heddle/internal/console/top"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Top shows what the server does now.
type Top struct {
	Domain string        `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Only its task lists."`
	Once   bool          `help:"Write it once, as where there is no terminal."`
	Every  time.Duration `default:"2s" help:"How often it is asked anew."`

	Caller caller `embed:""`
}

// Run shows it.
func (c *Top) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	if !c.Once && !c.Caller.JSON && p.Terminal {
		return top.Run(ctx, top.Source{
			Look: func(ctx context.Context) (*terminal.Overview, error) { return c.look(ctx, caller) },
			List: func(ctx context.Context, l *wire.TaskListSummary) (*wire.DescribeTaskListOutput, error) {
				domain := ""
				if l.Domain != nil {
					domain = *l.Domain
				}
				_, out, err := described(ctx, caller, l.Kind, domain, l.Name)
				return out, err
			},
			Show: func(ctx context.Context, e *wire.ExecutionRef, style terminal.Style) (string, error) {
				return execution(ctx, p, caller, e, style)
			},
		}, p.Style, c.Every)
	}
	o, err := c.look(ctx, caller)
	if err != nil {
		return err
	}
	terminal.Sort(o.Lists, terminal.ByOldest)
	if !c.Caller.JSON {
		return terminal.Top(p.Out, o, p.Style)
	}
	all := struct {
		Status  json.RawMessage   `json:"status,omitempty"`
		Lists   []json.RawMessage `json:"taskLists"`
		Targets []json.RawMessage `json:"eventTargets,omitempty"`
		Refused int               `json:"executionsRefused"`
	}{Lists: []json.RawMessage{}, Refused: o.Refused}
	if o.Status != nil {
		all.Status = o.Status.AppendJSON(nil)
	}
	for i := range o.Lists {
		all.Lists = append(all.Lists, o.Lists[i].AppendJSON(nil))
	}
	for i := range o.Targets {
		all.Targets = append(all.Targets, o.Targets[i].AppendJSON(nil))
	}
	return p.writeJSON(all)
}

// refusedWithin is how lately a decider's answer must have been refused to be counted.
const refusedWithin = engine.Time(5 * 60 * 1000)

// look asks for an overview: what the caller may not know is left out, but for the lists.
func (c *Top) look(ctx context.Context, caller *client.Client) (o *terminal.Overview, err error) {
	o = &terminal.Overview{}
	if o.Lists, o.Now, err = taskLists(ctx, caller, c.Domain); err != nil {
		return nil, err
	}
	status := &wire.GetServerStatusOutput{}
	if may, err := maybe(call(ctx, caller, "GetServerStatus", struct{}{}, status)); err != nil {
		return nil, err
	} else if may {
		o.Status = status
	}
	var targets wire.ListEventTargetsOutput
	if _, err := maybe(call(ctx, caller, "ListEventTargets", struct{}{}, &targets)); err != nil {
		return nil, err
	}
	o.Targets = targets.EventTargets
	var refusals wire.ListRefusalsOutput
	if _, err := maybe(call(ctx, caller, "ListRefusals", struct{}{}, &refusals)); err != nil {
		return nil, err
	}
	of := map[string]bool{}
	for _, r := range refusals.Refusals {
		if r.Action == "RespondDecisionTaskCompleted" && r.Execution != nil && o.Now-engine.Time(r.Timestamp) < refusedWithin {
			of[string(r.Execution.AppendJSON(nil))] = true
		}
	}
	o.Refused = len(of)
	return o, nil
}

// maybe tells whether a call was permitted; that it was not is no error.
func maybe(_ []byte, err error) (may bool, _ error) {
	if isFault(err, "AccessDeniedException") {
		return false, nil
	}
	return err == nil, err
}

// execution writes one as show does.
func execution(ctx context.Context, p *Process, caller *client.Client, e *wire.ExecutionRef, style terminal.Style) (string, error) {
	c := Show{}
	switch {
	case e.ExecutionARN != nil:
		c.Execution = *e.ExecutionARN
	case e.WorkflowID != nil && e.Domain != nil && e.RunID != nil:
		c.Execution, c.Domain, c.RunID = *e.WorkflowID, *e.Domain, *e.RunID
	}
	now := &wire.InspectExecutionOutput{}
	raw, err := c.inspect(ctx, caller, now)
	if err != nil {
		return "", err
	}
	events, err := past.Read(ctx, caller, now)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	once := *p
	once.Out, once.Style = &b, style
	err = c.write(&once, raw, now, events)
	return b.String(), err
}
