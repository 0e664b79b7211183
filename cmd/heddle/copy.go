package main

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/server"
)

type copyCommand struct {
	Stored storedFlags `embed:"" set:"about=The server must be stopped. Nothing in the store is changed."`
}

func (c *copyCommand) Run(ctx context.Context) error {
	if c.Stored.Postgres == "" {
		return errors.New("copy: give --postgres, the database to copy to")
	}
	rows, err := server.CopyToPostgres(ctx, c.Stored.Data, c.Stored.Postgres, c.Stored.roots(), plainLog())
	if err != nil {
		return err
	}
	fmt.Printf("copied %d rows, and compared them; from now on: heddle serve --store postgres --postgres ... --data %s\n", rows, quoted(c.Stored.Data))
	return nil
}
