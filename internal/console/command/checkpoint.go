package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/operator/wire"
)

// Running is how commands reach the server that runs on the data folder which they read.
type Running struct {
	Endpoint string `env:"AWS_ENDPOINT_URL" placeholder:"URL" help:"Where the server is, if one runs on the folder; otherwise what the profile says, or http://127.0.0.1:7930."`
	Profile  string `placeholder:"NAME" help:"Profile with the keys of who asks it; otherwise those of the environment, or of DATA/credentials."`
}

// keepEvery is how often a server is told that its checkpoint is still wanted.
const keepEvery = time.Minute

// Checkpoint is a copy of the store of a running server, at one moment. It is there until End.
type Checkpoint struct {
	Name    string
	At      time.Time
	Version string // of the server

	client  *client.Client
	process *Process
	stop    func()
	kept    sync.WaitGroup
	lost    func() error
}

// Hold has the server that runs on a data folder make a checkpoint, and keep it. The context
// that it gives ends with it.
func (r *Running) Hold(ctx context.Context, p *Process, data string) (*Checkpoint, context.Context, error) {
	caller, err := client.New(ctx, client.Config{Endpoint: r.Endpoint, Profile: r.Profile, Credentials: p.Credentials(data), Now: p.Now})
	if err != nil {
		return nil, nil, err
	}
	var out wire.CreateCheckpointOutput
	if _, err := call(ctx, caller, "CreateCheckpoint", struct{}{}, &out); err != nil {
		return nil, nil, fmt.Errorf("ask the server that runs on %q for a copy of its store: %w", data, err)
	}
	c := &Checkpoint{Name: out.Checkpoint, At: time.UnixMilli(int64(out.ServerTimestamp)), Version: out.Version, client: caller, process: p}
	held, stop := context.WithCancelCause(ctx)
	c.stop = func() { stop(nil) }
	c.lost = func() error { return context.Cause(held) }
	c.kept.Go(func() {
		for p.Wait(held, keepEvery) == nil {
			var kept wire.KeepCheckpointOutput
			_, err := call(held, caller, "KeepCheckpoint", map[string]string{"checkpoint": c.Name}, &kept)
			if isFault(err, wire.CodeResourceNotFoundException) {
				stop(fmt.Errorf("the copy of the store is not there any more; begin again: %w", err))
			}
		}
	})
	return c, held, nil
}

// End says that the checkpoint is not wanted any more. It gives the error of what was done with
// it, or why it was lost meanwhile.
func (c *Checkpoint) End(ctx context.Context, err error) error {
	lost := c.lost()
	if lost != nil && ctx.Err() == nil {
		err = lost
	}
	c.stop()
	c.kept.Wait()
	// Whoever was interrupted gives it up too.
	var out wire.DeleteCheckpointOutput
	_, gone := call(context.WithoutCancel(ctx), c.client, "DeleteCheckpoint", map[string]string{"checkpoint": c.Name}, &out)
	if gone != nil && lost == nil {
		fmt.Fprintf(c.process.Err, "the server could not be told that the copy of its store may go; it goes by itself in some minutes: %v\n", gone)
	}
	return err
}
