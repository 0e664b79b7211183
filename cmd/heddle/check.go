package main

import (
	"context"
	"fmt"

	"heddle/internal/server"
)

// openOffline opens a stopped store for the commands that read one.
func openOffline(ctx context.Context, data string, roots rootKeyFlags) (*server.Offline, error) {
	return server.OpenOffline(ctx, data, roots.config(), plainLog())
}

type checkCommand struct {
	Data string `default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store. The server must be stopped. Nothing is written."`

	RootKeys rootKeyFlags `embed:""`
}

func (c *checkCommand) Run(ctx context.Context) error {
	o, err := openOffline(ctx, c.Data, c.RootKeys)
	if err != nil {
		return err
	}
	defer o.Close()
	found, err := o.Check(ctx)
	if err != nil {
		return err
	}
	for _, w := range found.Wrong {
		fmt.Println(w)
	}
	fmt.Printf("checked %d open and %d closed runs, %d events, %d index entries, %d messages under way: %d wrong\n",
		found.Open, found.Closed, found.Events, found.Entries, found.Messages, len(found.Wrong))
	if len(found.Wrong) > 0 {
		return fmt.Errorf("check store %q: %d wrong, as said above", c.Data, len(found.Wrong))
	}
	return nil
}
