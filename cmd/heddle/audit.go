package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"heddle/internal/server"
)

// auditCommand reads a trail, also while the server runs.
type auditCommand struct {
	Stored storedFlags `embed:"" set:"about=The server may run."`

	Account string `placeholder:"ID" help:"Only what is recorded of this account; otherwise of all."`

	Since  whenFlag `placeholder:"TIME" help:"Only calls at this time or later: 2026-03-01T12:00:00Z, or how long ago, such as 90m."`
	Until  whenFlag `placeholder:"TIME" help:"Only calls before it."`
	Follow bool     `help:"Go on with the calls that come."`
}

func (c *auditCommand) Run(ctx context.Context) error {
	return server.ReadAudit(ctx, server.AuditReading{
		Data: c.Stored.Data, RootKeys: c.Stored.roots(),
		Account: c.Account,
		Since:   time.Time(c.Since), Until: time.Time(c.Until), Follow: c.Follow,
		Wrong: func(err error) { fmt.Fprintln(os.Stderr, "heddle:", err) },
		Log:   plainLog(),
	}, os.Stdout)
}

// whenFlag is a time, or how long ago it was.
type whenFlag time.Time

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *whenFlag) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		*f = whenFlag(time.Now().Add(-ago))
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("want a time such as 2026-03-01T12:00:00Z, or how long ago, such as 90m")
	}
	*f = whenFlag(at)
	return nil
}
