package main

import (
	"os"

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
