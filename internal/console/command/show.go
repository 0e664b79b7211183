package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/past"
	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// Show tells why an execution does not move.
type Show struct {
	Execution string `arg:"" optional:"" help:"Its workflowId, or its ARN."`
	Domain    string `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Domain of the workflowId."`
	RunID     string `name:"run-id" placeholder:"ID" help:"Its run; otherwise the one that is open, or else the last that was."`
	History   bool   `help:"Write all events, too."`
	Follow    bool   `help:"Go on until it closes: on a terminal all is written anew when something has come, else a line for each event."`
	File      string `placeholder:"HISTORY.json" help:"Instead of asking a server read what aws swf get-workflow-execution-history or aws stepfunctions get-execution-history has written."`

	Caller caller `embed:""`
}

// Validate implements kong.Validatable.
func (c *Show) Validate() error {
	switch {
	case c.File != "" && (c.Execution != "" || c.RunID != "" || c.Follow):
		return errors.New("--file says all: it wants neither an execution, --run-id nor --follow")
	case c.File != "":
		return nil
	case !c.isARN() && (c.Domain == "" || c.Execution == ""):
		return errDomain
	case c.isARN() && (c.Domain != "" || c.RunID != ""):
		return errors.New("an ARN says all: it wants neither --domain nor --run-id")
	case c.Follow && c.Caller.JSON:
		return errors.New("--follow writes no JSON; heddle tail --json does")
	}
	return nil
}

var errDomain = errors.New("want the name with --domain, or an ARN")

func (c *Show) isARN() bool { return strings.HasPrefix(c.Execution, "arn:") }

// Run shows it.
func (c *Show) Run(ctx context.Context, p *Process) error {
	if c.File != "" {
		return c.file(p)
	}
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	return c.show(ctx, p, caller)
}

// show shows what a server tells.
func (c *Show) show(ctx context.Context, p *Process, caller *client.Client) error {
	now := &wire.InspectExecutionOutput{}
	raw, err := c.inspect(ctx, caller, now)
	if err != nil {
		return err
	}
	events, err := past.Read(ctx, caller, now)
	if err != nil {
		return err
	}
	if !c.Follow {
		return c.write(p, raw, now, events)
	}
	if err := c.write(p, nil, now, events); err != nil {
		return err
	}
	return c.follow(ctx, p, caller, now, events)
}

// file shows the history of a file.
func (c *Show) file(p *Process) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("read a history: %w", err)
	}
	defer func() { _ = f.Close() }()
	events, err := past.ReadFile(f)
	if err != nil {
		return fmt.Errorf("read a history of %q: %w", c.File, err)
	}
	shown, err := events.Inspection(filepath.Base(c.File), engine.Time(p.Now().UnixMilli()))
	if err != nil {
		return fmt.Errorf("read a history of %q: %w", c.File, err)
	}
	return c.write(p, shown.AppendJSON(nil), shown, events)
}

// write writes an execution once.
func (c *Show) write(p *Process, raw []byte, now *wire.InspectExecutionOutput, events *past.Events) error {
	if c.Caller.JSON {
		all := struct {
			Inspection json.RawMessage   `json:"inspection"`
			History    []json.RawMessage `json:"history,omitempty"`
		}{Inspection: raw}
		if c.History {
			all.History = events.Raw
		}
		return p.writeJSON(all)
	}
	shown := terminal.Shown{InspectExecutionOutput: now}
	var err error
	if shown.Lanes, err = events.Lanes(now); err != nil {
		return err
	}
	if c.History || c.Follow && !p.Terminal { // lines of further events follow
		if shown.History, err = events.Rows(); err != nil {
			return err
		}
	}
	if !c.Follow || !p.Terminal {
		return terminal.Show(p.Out, &shown, p.Style)
	}
	var b bytes.Buffer
	if err := terminal.Show(&b, &shown, p.Style); err != nil {
		return err
	}
	return p.screen(b.String())
}

const (
	// followEvery is how often what comes is shown at most.
	followEvery = time.Second
	// staleAfter is how old what a terminal shows may be, in seconds: ages and verdicts change
	// with time alone.
	staleAfter = 10
)

// follow goes on until the execution is closed.
func (c *Show) follow(ctx context.Context, p *Process, caller *client.Client, now *wire.InspectExecutionOutput, events *past.Events) error {
	if !c.isARN() {
		c.RunID = *now.Execution.RunID // not the next run of the same name
	}
	seen := now.Events
	for now.CloseTimestamp == nil {
		var err error
		if seen, err = c.await(ctx, caller, seen, p.Terminal); err != nil {
			return ended(ctx, err)
		}
		before := len(events.Raw)
		next := &wire.InspectExecutionOutput{}
		if _, err := c.inspect(ctx, caller, next); err != nil {
			return ended(ctx, err)
		}
		if next.Events != now.Events {
			if _, err := events.More(ctx, caller, next); err != nil {
				return ended(ctx, err)
			}
		}
		now = next
		if p.Terminal {
			if err := c.write(p, nil, now, events); err != nil {
				return err
			}
		} else if err := c.lines(p, now, events, before); err != nil {
			return err
		}
		if now.CloseTimestamp == nil && p.Wait(ctx, followEvery) != nil {
			return nil // whoever looks has seen enough
		}
	}
	return nil
}

// await waits until the execution has other events than those seen, or is closed, or what a
// terminal shows is too old; and tells how many it has then.
func (c *Show) await(ctx context.Context, caller *client.Client, seen int64, onTerminal bool) (int64, error) {
	in := c.ref()
	in["events"] = seen
	if onTerminal {
		in["waitTimeSeconds"] = staleAfter
	}
	var out wire.AwaitExecutionOutput
	_, err := call(ctx, caller, "AwaitExecution", in, &out)
	return out.Events, missing(err)
}

// lines writes a line for each event that has come, and at the end why it has.
func (c *Show) lines(p *Process, now *wire.InspectExecutionOutput, events *past.Events, before int) error {
	rows, err := events.Rows()
	if err == nil {
		err = terminal.Lines(p.Out, rows[before+1:])
	}
	if err == nil && now.CloseTimestamp != nil {
		err = terminal.Verdicts(p.Out, now.Verdicts, p.Style)
	}
	return err
}

// ended gives the error of a call, unless it is that whoever looks has seen enough.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// screen writes a text over what a terminal shows, so that nothing flickers; what it has no
// room for is left out.
func (p *Process) screen(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if room := p.Style.Height - 1; room > 0 && len(lines) > room {
		lines = lines[:room]
	}
	const home, restOfLine, below = "\x1b[H", "\x1b[K\n", "\x1b[J"
	_, err := io.WriteString(p.Out, home+strings.Join(lines, restOfLine)+restOfLine+below)
	return err
}

// ref names the execution in a call.
func (c *Show) ref() map[string]any {
	if c.isARN() {
		return map[string]any{"executionArn": c.Execution}
	}
	ref := map[string]any{"domain": c.Domain, "workflowId": c.Execution}
	if c.RunID != "" {
		ref["runId"] = c.RunID
	}
	return ref
}

// inspect asks the server; of a name without an open run about its last one.
func (c *Show) inspect(ctx context.Context, caller *client.Client, out *wire.InspectExecutionOutput) ([]byte, error) {
	ref := c.ref()
	raw, err := call(ctx, caller, "InspectExecution", ref, out)
	if isFault(err, wire.CodeResourceNotFoundException) && !c.isARN() && c.RunID == "" {
		run, last := past.LastRun(ctx, caller, c.Domain, c.Execution)
		if last != nil && !isFault(last, "UnknownResourceFault") {
			return nil, fmt.Errorf("no run of %q is open, and it can't be seen whether one was: %w", c.Execution, last)
		}
		if run != "" {
			ref["runId"] = run
			raw, err = call(ctx, caller, "InspectExecution", ref, out)
		}
	}
	return raw, missing(err)
}
