package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Batch does one thing to all open executions that a search finds, and shows how far that is.
type Batch struct {
	Signal    batchSignal    `cmd:"" help:"Send each a signal."`
	Cancel    batchCancel    `cmd:"" help:"Ask the decider of each to cancel it."`
	Terminate batchTerminate `cmd:"" help:"Terminate each at once."`
	Abort     batchAbort     `cmd:"" help:"Stop each execution of a state machine."`
	Redrive   batchRedrive   `cmd:"" help:"Have each execution of a state machine that has failed go on from where it did."`
	List      batchList      `cmd:"" help:"List the batches of a domain or a state machine."`
	Show      batchShow      `cmd:"" help:"Show how far a batch is, and to which executions it could not be done."`
	Stop      batchStop      `cmd:"" help:"Stop a batch; what was done stays done."`
}

// order is what all that begin a batch have.
type order struct {
	Filters filters `embed:""`
	Yes     bool    `help:"Begin. Otherwise it is counted alone to how many executions it would be done."`
	Detach  bool    `help:"Do not wait until it is done."`
	Token   string  `placeholder:"TEXT" help:"A text of your own, by which the same batch is begun once, however often this is called."`

	Caller caller `embed:""`

	closed string // how they closed; empty: they are open
}

// search is which executions are meant.
func (o *order) search(p *Process) map[string]any {
	in := o.Filters.members(p)
	if o.closed != "" {
		in["closeStatus"] = o.closed
	}
	return in
}

type batchSignal struct {
	Order order  `embed:""`
	Name  string `required:"" placeholder:"NAME" help:"Name of the signal."`
	Input string `placeholder:"TEXT" help:"What is sent with it."`
}

type batchCancel struct {
	Order order `embed:""`
}

type batchTerminate struct {
	Order       order  `embed:""`
	Reason      string `placeholder:"TEXT" help:"Why, for their histories."`
	Details     string `placeholder:"TEXT" help:"More of it."`
	ChildPolicy string `placeholder:"POLICY" enum:",TERMINATE,REQUEST_CANCEL,ABANDON" default:"" help:"What becomes of their children: TERMINATE, REQUEST_CANCEL or ABANDON; otherwise what each was started with."`
}

type batchAbort struct {
	Order order  `embed:""`
	Error string `placeholder:"TEXT" help:"An error, for their histories."`
	Cause string `placeholder:"TEXT" help:"Why."`
}

type batchRedrive struct {
	Order  order  `embed:""`
	Failed string `placeholder:"STATUS" enum:"FAILED,TIMED_OUT,ABORTED" default:"FAILED" help:"How they closed: FAILED, TIMED_OUT or ABORTED."`
}

// ofBatch names one.
type ofBatch struct {
	ID     string `arg:"" help:"Id of the batch."`
	Within within `embed:""`

	Caller caller `embed:""`
}

type batchShow struct {
	Batch  ofBatch `embed:""`
	Follow bool    `help:"Wait until it is done."`
}

type batchStop struct {
	Batch ofBatch `embed:""`
}

type batchList struct {
	Within within `embed:""`

	Caller caller `embed:""`
}

// Run sends signals.
func (c *batchSignal) Run(ctx context.Context, p *Process) error {
	return c.Order.run(ctx, p, "SignalWorkflowExecution", map[string]string{"signalName": c.Name, "input": c.Input})
}

// Run asks to cancel.
func (c *batchCancel) Run(ctx context.Context, p *Process) error {
	return c.Order.run(ctx, p, "RequestCancelWorkflowExecution", nil)
}

// Run terminates.
func (c *batchTerminate) Run(ctx context.Context, p *Process) error {
	return c.Order.run(ctx, p, "TerminateWorkflowExecution", map[string]string{"reason": c.Reason, "details": c.Details, "childPolicy": c.ChildPolicy})
}

// Run stops executions.
func (c *batchAbort) Run(ctx context.Context, p *Process) error {
	return c.Order.run(ctx, p, wire.BatchActionStopExecution, map[string]string{"error": c.Error, "cause": c.Cause})
}

// Run has executions go on.
func (c *batchRedrive) Run(ctx context.Context, p *Process) error {
	c.Order.closed = c.Failed
	return c.Order.run(ctx, p, wire.BatchActionRedriveExecution, nil)
}

// countedMax is up to how many executions are counted before a batch.
const countedMax = 10_000

// run begins a batch, or counts what it would be done to.
func (o *order) run(ctx context.Context, p *Process, action string, members map[string]string) error {
	caller, err := o.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	if !o.Yes {
		return o.count(ctx, p, caller)
	}
	in := map[string]any{"search": o.search(p), "action": action}
	if o.Token != "" {
		in["clientToken"] = o.Token
	}
	for name, value := range members {
		if value != "" {
			in[name] = value
		}
	}
	var out wire.StartBatchOutput
	raw, err := call(ctx, caller, "StartBatch", in, &out)
	if err != nil {
		return missing(err)
	}
	if o.Detach && o.Caller.JSON {
		return p.writeJSON(json.RawMessage(raw))
	}
	if !o.Caller.JSON {
		_, err = fmt.Fprintf(p.Out, "batch %s has begun; heddle batch stop %s%s stops it\n", out.BatchID, out.BatchID, o.Filters.Within.option())
	}
	if err != nil || o.Detach {
		return err
	}
	return follow(ctx, p, caller, &o.Filters.Within, out.BatchID, o.Caller.JSON)
}

// count tells to how many executions it would be done.
func (o *order) count(ctx context.Context, p *Process, caller *client.Client) error {
	in, status := o.search(p), wire.SearchStatusOpen
	if o.closed != "" {
		status = wire.SearchStatusClosed
	}
	in["status"], in["maximumPageSize"] = status, 1000
	found, more := 0, true
	for more && found < countedMax {
		var out wire.SearchExecutionsOutput
		if _, err := call(ctx, caller, "SearchExecutions", in, &out); err != nil {
			return missing(err)
		}
		found += len(out.Executions)
		if more = out.NextPageToken != nil; more {
			in["nextPageToken"] = *out.NextPageToken
		}
	}
	if o.Caller.JSON {
		return p.writeJSON(map[string]any{"executions": found, "more": more})
	}
	plus := ""
	if more {
		plus = "more than "
	}
	_, err := fmt.Fprintf(p.Out, "it would be done to %s%d %s executions; --yes begins it\n", plus, found, strings.ToLower(status))
	return err
}

// lookAfter is how long it waits before it looks again how far a batch is.
const lookAfter = time.Second

var errBatch = errors.New("it was not done to all of them")

// follow shows how far a batch is until it has ended. Error: it was not done to all.
func follow(ctx context.Context, p *Process, caller *client.Client, of *within, id string, asJSON bool) error {
	for told := ""; ; {
		out, raw, err := describe(ctx, caller, "DescribeBatch", of, id)
		if err != nil {
			return err
		}
		b := &out.Batch
		if b.Status != wire.BatchStatusRunning {
			if asJSON {
				err = p.writeJSON(json.RawMessage(raw))
			} else {
				err = terminal.Batch(p.Out, b, engine.Time(out.ServerTimestamp), p.Style)
			}
			if err == nil && (b.Status != wire.BatchStatusCompleted || b.Failed > 0) {
				err = errBatch
			}
			return err
		}
		if line := terminal.Progress(b); !asJSON && line != told && p.Terminal {
			told = line
			if _, err := fmt.Fprintln(p.Out, line); err != nil {
				return err
			}
		}
		if err := p.Wait(ctx, lookAfter); err != nil {
			return fmt.Errorf("the batch goes on: heddle batch show %s: %w", id, err)
		}
	}
}

// describe calls an action that answers with a batch.
func describe(ctx context.Context, caller *client.Client, action string, of *within, id string) (out wire.DescribeBatchOutput, raw []byte, err error) {
	raw, err = call(ctx, caller, action, of.members(map[string]any{"batchId": id}), &out)
	return out, raw, missing(err)
}

func (o *ofBatch) show(ctx context.Context, p *Process, action string) error {
	caller, err := o.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	out, raw, err := describe(ctx, caller, action, &o.Within, o.ID)
	switch {
	case err != nil:
		return err
	case o.Caller.JSON:
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.Batch(p.Out, &out.Batch, engine.Time(out.ServerTimestamp), p.Style)
}

// Run shows a batch.
func (c *batchShow) Run(ctx context.Context, p *Process) error {
	if !c.Follow {
		return c.Batch.show(ctx, p, "DescribeBatch")
	}
	caller, err := c.Batch.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	return follow(ctx, p, caller, &c.Batch.Within, c.Batch.ID, c.Batch.Caller.JSON)
}

// Run stops a batch.
func (c *batchStop) Run(ctx context.Context, p *Process) error {
	return c.Batch.show(ctx, p, "StopBatch")
}

// Run lists batches.
func (c *batchList) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	var out wire.ListBatchesOutput
	raw, err := call(ctx, caller, "ListBatches", c.Within.members(map[string]any{}), &out)
	switch {
	case err != nil:
		return missing(err)
	case c.Caller.JSON:
		return p.writeJSON(json.RawMessage(raw))
	}
	return terminal.Batches(p.Out, out.Batches, engine.Time(out.ServerTimestamp))
}
