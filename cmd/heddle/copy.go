package main

import (
	"context"
	"fmt"

	"heddle/internal/server"
)

type copyCommand struct {
	Stored   storedFlags `embed:"" set:"about=The server must be stopped. Nothing in the store is changed."`
	From     string      `name:"from-postgres" placeholder:"DSN" help:"Where the store is, if it is in PostgreSQL: its database, or NAME=URL of each home; or @FILE that has them. All its servers must be stopped."`
	Postgres string      `required:"" env:"HEDDLE_POSTGRES" placeholder:"DSN" help:"The database to copy to, which must have no store; or @FILE that has its name. For several homes NAME=URL of each."`
}

func (c *copyCommand) Run(ctx context.Context) error {
	rows, err := server.CopyToPostgres(ctx, c.Stored.Data, c.From, c.Postgres, c.Stored.roots(), plainLog())
	if err != nil {
		return err
	}
	fmt.Printf("copied %d rows, and compared them; from now on: heddle serve --store postgres --postgres ... --data %s\n", rows, quoted(c.Stored.Data))
	return nil
}
