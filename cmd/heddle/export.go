package main

import (
	"context"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"heddle/internal/server"
	"heddle/internal/service"
)

// exportCommand has a sub-command for each service that can export.
type exportCommand struct {
	Stored   storedFlags  `embed:"" set:"about=The server must be stopped."`
	Database databaseFlag `embed:""`
	Services kong.Plugins `embed:""`

	offline *server.Offline
}

func newExportCommand() (c exportCommand) {
	for _, s := range server.Services() {
		if s.Export != nil {
			c.Services = append(c.Services, s.Export)
		}
	}
	return c
}

// AfterApply opens the store for the sub-command, once the flags are known.
func (c *exportCommand) AfterApply(ctx context.Context, k *kong.Context) error {
	k.BindTo(os.Stdout, (*io.Writer)(nil))
	return k.BindToProvider(func() (service.Stored, error) {
		var err error
		if c.offline, err = c.Database.open(ctx, &c.Stored); err != nil {
			return service.Stored{}, err
		}
		return c.offline.Stored(), nil
	})
}

// AfterRun closes it, if it was opened.
func (c *exportCommand) AfterRun() error {
	if c.offline == nil {
		return nil
	}
	return c.offline.Close()
}
