package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"heddle/internal/server"
)

// auditFlags say which calls are recorded, and where.
type auditFlags struct {
	Files   string `name:"audit" default:"auto" enum:"auto,file,off" env:"HEDDLE_AUDIT" help:"file: a line for each call, in CloudTrail's form, in files in DATA/audit. auto: file, unless --store is memory."`
	Events  string `name:"audit-events" default:"all" enum:"all,management" env:"HEDDLE_AUDIT_EVENTS" help:"management: no calls about executions and tasks."`
	Data    bool   `name:"audit-data" env:"HEDDLE_AUDIT_DATA" help:"Record inputs, results, details and the like too. Secrets and tokens never are."`
	FileMB  int    `name:"audit-file-mb" default:"100" env:"HEDDLE_AUDIT_FILE_MB" help:"A file of the trail is not larger; each day begins another."`
	Keep    int    `name:"audit-keep" default:"20" env:"HEDDLE_AUDIT_KEEP" help:"How many files of the trail are kept."`
	Webhook string `name:"audit-webhook" env:"HEDDLE_AUDIT_WEBHOOK" placeholder:"URL" help:"Where records are posted in batches, too. HEDDLE_AUDIT_WEBHOOK_TOKEN, if it is set, is sent as a bearer token."`
}

func (f *auditFlags) config() server.Audit {
	return server.Audit{
		Files: f.Files, Events: f.Events, Data: f.Data, FileMB: f.FileMB, Keep: f.Keep,
		WebhookURL: f.Webhook, WebhookToken: os.Getenv("HEDDLE_AUDIT_WEBHOOK_TOKEN"),
	}
}

// auditCommand reads a trail, also while the server runs.
type auditCommand struct {
	Data   string   `default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store. The server may run."`
	Since  whenFlag `placeholder:"TIME" help:"Only calls at this time or later: 2026-03-01T12:00:00Z, or how long ago, such as 90m."`
	Until  whenFlag `placeholder:"TIME" help:"Only calls before it."`
	Follow bool     `help:"Go on with the calls that come."`

	RootKeys rootKeyFlags `embed:""`
}

func (c *auditCommand) Run(ctx context.Context) error {
	return server.ReadAudit(ctx, server.AuditReading{
		Data: c.Data, RootKeys: c.RootKeys.config(),
		Since: time.Time(c.Since), Until: time.Time(c.Until), Follow: c.Follow,
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
