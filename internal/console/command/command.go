// Package command is the commands of the command line that ask a running server: show, lists,
// search, batch, events, top, tail, replay and console. The main program gives them what is the process's: output, clock and terminal.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-faster/jx"

	"heddle/internal/console/client"
	"heddle/internal/console/terminal"
)

// Process is what commands have of the process that they run in.
type Process struct {
	Out   io.Writer
	Err   io.Writer // of what else there is to say
	Style terminal.Style
	Now   func() time.Time
	// Terminal: what is written is shown on one, which can be written anew.
	Terminal bool
	// Wait waits so long, or until the context ends, with its error.
	Wait func(ctx context.Context, d time.Duration) error
	// Credentials is the file with the root key pairs that a data folder has.
	Credentials func(data string) string
	// Browse opens an address in a browser.
	Browse func(ctx context.Context, url string) error
}

// caller is how commands reach a server.
type caller struct {
	Endpoint string `env:"AWS_ENDPOINT_URL" placeholder:"URL" help:"Where the server is; otherwise what the profile says, or http://127.0.0.1:7930."`
	Region   string `placeholder:"NAME" help:"Region that is asked about; otherwise that of the environment or the profile, or us-east-1."`
	Profile  string `placeholder:"NAME" help:"Profile with the keys; otherwise those of the environment, or of AWS_PROFILE."`
	Data     string `default:"${data}" env:"HEDDLE_DATA" type:"folder" help:"Folder of the server, whose credentials file is used if there are no other keys."`
	JSON     bool   `name:"json" help:"Write what the server answers, as JSON."`
}

func (f *caller) client(ctx context.Context, p *Process) (*client.Client, error) {
	return client.New(ctx, client.Config{
		Endpoint: f.Endpoint, Region: f.Region, Profile: f.Profile, Credentials: p.Credentials(f.Data), Now: p.Now,
	})
}

// Exit codes of these commands, beside 0 and 1.
const (
	usage    = 2
	notFound = 3
)

// exitError is an error with an exit code, for kong.
type exitError struct {
	code int
	error
}

// ExitCode implements kong.ExitCoder.
func (e *exitError) ExitCode() int { return e.code }

// Unwrap gives the error.
func (e *exitError) Unwrap() error { return e.error }

// Usage gives an error of the command line, of one of these commands, its exit code.
func Usage(args []string, err error) error {
	if err != nil && len(args) > 0 && slices.Contains([]string{"show", "lists", "events", "replay", "tail", "top", "search", "batch", "stats", "reset", "accept-loss", "console"}, args[0]) {
		return &exitError{usage, err}
	}
	return err
}

// call calls an action and reads its answer.
func call(ctx context.Context, c *client.Client, action string, in any, out interface{ Decode(*jx.Decoder) error }) (raw []byte, err error) {
	if raw, err = c.Call(ctx, client.Operator, action, in); err != nil {
		return nil, err
	}
	if err := out.Decode(jx.DecodeBytes(raw)); err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", action, err)
	}
	return raw, nil
}

// isFault tells whether an error is a fault of a code.
func isFault(err error, code string) bool {
	f, is := errors.AsType[*client.Fault](err)
	return is && f.Code == code
}

// writeJSON writes a value for programs.
func (p *Process) writeJSON(v any) error {
	e := json.NewEncoder(p.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
