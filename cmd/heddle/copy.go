package main

import (
	"context"
	"fmt"

	"heddle/internal/server"
)

type copyCommand struct {
	Stored   storedFlags `embed:"" set:"about=The server must be stopped. Nothing in the store is changed."`
	Postgres string      `required:"" env:"HEDDLE_POSTGRES" placeholder:"DSN" help:"The database to copy to, which must have no store; or @FILE that has its name."`
}

func (c *copyCommand) Run(ctx context.Context) error {
	rows, err := server.CopyToPostgres(ctx, c.Stored.Data, c.Postgres, c.Stored.roots(), plainLog())
	if err != nil {
		return err
	}
	fmt.Printf("copied %d rows, and compared them; from now on: heddle serve --store postgres --postgres ... --data %s\n", rows, quoted(c.Stored.Data))
	return nil
}
