package main

import (
	"context"
	"fmt"

	"heddle/internal/console/command"
	"heddle/internal/server"
)

type checkCommand struct {
	Stored  storedFlags     `embed:"" set:"about=Nothing is written in it. If a server runs on it, it is asked for a copy of its store at one moment, which is checked."`
	Running command.Running `embed:""`

	Contents bool         `name:"blob-contents" group:"Blobs" help:"Read every blob too that an execution refers to, and verify it."`
	Blobs    server.Blobs `embed:""`
}

// Run checks a store, whether a server runs on it or not.
func (c *checkCommand) Run(ctx context.Context, p *command.Process) error {
	return c.Stored.withStore(ctx, p, &c.Running, func(ctx context.Context, o *server.Offline, _ storeMoment) error {
		return checkAll(ctx, o, checking{of: c.Stored.Data, blobs: c.Blobs, contents: c.Contents})
	})
}

// checking says what of a store is checked.
type checking struct {
	of       string // its folder, for the words of an error
	blobs    server.Blobs
	contents bool // of blobs
}

// checkAll tells what is wrong with a store.
func checkAll(ctx context.Context, o *server.Offline, c checking) error {
	found, err := o.Check(ctx)
	if err != nil {
		return err
	}
	for _, w := range found.Wrong {
		fmt.Println(w)
	}
	wrong := len(found.Wrong) + found.Untold
	fmt.Printf("checked %d open and %d closed runs, %d events, %d index entries, %d messages under way, %d notifications: %d wrong\n",
		found.Open, found.Closed, found.Events, found.Entries, found.Messages, found.Notified, wrong)
	wrong, err = c.checkBlobs(ctx, o, wrong)
	if wrong > 0 && err == nil {
		err = fmt.Errorf("check store %q: %d wrong, as said above", c.of, wrong)
	}
	return err
}

// faultsShown is how many faults are a line each, those of blobs included.
const faultsShown = 1000

// checkBlobs tells which blobs are not what they should be, and counts them to what is
// wrong besides.
func (c *checking) checkBlobs(ctx context.Context, o *server.Offline, others int) (wrong int, err error) {
	wrong = others
	found, err := o.CheckBlobs(ctx, c.blobs, c.contents, func(err error) {
		if wrong++; wrong <= faultsShown {
			fmt.Println(err)
		}
	})
	if err != nil || found.References+found.Blobs == 0 {
		return wrong, err
	}
	looked := "not read"
	if c.contents {
		looked = "read"
	}
	fmt.Printf("checked %d blobs of %d bytes, %s: %d referred to, %d missing, %d broken, %d that nothing refers to (%d bytes)\n",
		found.Blobs, found.Bytes, looked, found.References, found.Missing, found.Broken, found.Unreferenced, found.UnreferencedBytes)
	return wrong, nil
}
