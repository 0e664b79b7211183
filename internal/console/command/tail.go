package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/console/past"
	"heddle/internal/console/terminal"
	"heddle/internal/operator/wire"
)

// Tail writes events as they become durable.
type Tail struct {
	Domain     string `env:"HEDDLE_DOMAIN" placeholder:"NAME" help:"Only of this domain; otherwise of all, and of all state machines."`
	Machine    string `placeholder:"ARN" help:"Only of this state machine, in place of a domain."`
	Execution  string `placeholder:"ARN" help:"Only of this execution of a state machine, likewise."`
	Service    string `placeholder:"NAME" enum:",swf,states" default:"" help:"Only of this service: swf or states. Who asks for neither this nor any other of these must be allowed to read both."`
	Type       string `placeholder:"NAME" help:"Only of executions of this type of workflow, or of the state machine of this name."`
	WorkflowID string `name:"workflow-id" placeholder:"ID" help:"Only of executions of this workflowId."`
	Failures   bool   `help:"Only what went wrong: events whose type ends in Failed or TimedOut, and what was terminated or aborted."`

	Caller caller `embed:""`
}

// members say which events are meant; the domain may be of the environment.
func (c *Tail) members() map[string]string {
	in := map[string]string{}
	states := c.Machine != "" || c.Execution != "" || c.Service == "states"
	for name, value := range map[string]string{
		"service": c.Service, "domain": c.Domain, "workflowId": c.WorkflowID, "stateMachineArn": c.Machine, "executionArn": c.Execution,
	} {
		if value != "" && !(states && name == "domain") {
			in[name] = value
		}
	}
	return in
}

// againAfter is how long it is waited before a server is called again that did not answer.
const againAfter = time.Second

// Run writes until it is interrupted.
func (c *Tail) Run(ctx context.Context, p *Process) error {
	caller, err := c.Caller.client(ctx, p)
	if err != nil {
		return err
	}
	in := c.members()
	told := false // that the server does not answer
	for {
		var out wire.StreamEventsOutput
		_, err := call(ctx, caller, "StreamEvents", in, &out)
		switch f, refused := errors.AsType[*client.Fault](err); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			told = false
			if err := c.write(p, &out); err != nil {
				return err
			}
			in["nextPageToken"] = out.NextPageToken
			continue
		case in["nextPageToken"] == "" || refused && f.Status < 500 && f.Code != "ThrottlingException":
			return err // it never answered, or would answer the same again
		case !told:
			told = true
			_, _ = fmt.Fprintln(p.Err, "heddle:", err, "- tried again until it answers")
		}
		if p.Wait(ctx, againAfter) != nil {
			return nil
		}
	}
}

// write writes what has come.
func (c *Tail) write(p *Process, out *wire.StreamEventsOutput) error {
	if out.Missed {
		const gap = "events were missed here: they came faster than they were read, or the server was started anew"
		if c.Caller.JSON {
			if err := p.writeLine(map[string]any{"missed": true}); err != nil {
				return err
			}
		} else if err := terminal.Gap(p.Out, gap, p.Style); err != nil {
			return err
		}
	}
	for i := range out.Events {
		live := &out.Events[i]
		e, err := past.EntryOf(&live.Execution, live.Event)
		if err != nil {
			return fmt.Errorf("read an event of %s: %w", terminal.NameOf(&live.Execution), err)
		}
		if c.Type != "" && terminal.TypeName(live.Type) != c.Type || c.Failures && !e.Bad {
			continue
		}
		if c.Caller.JSON {
			of := "workflowType"
			if live.Execution.ExecutionARN != nil {
				of = "stateMachine"
			}
			err = p.writeLine(map[string]any{"execution": json.RawMessage(live.Execution.AppendJSON(nil)), of: live.Type, "event": json.RawMessage(live.Event)})
		} else {
			err = terminal.Event(p.Out, live, &e, c.Domain == "", p.Style)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeLine writes a value for programs, on a line.
func (p *Process) writeLine(v any) error {
	e := json.NewEncoder(p.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
