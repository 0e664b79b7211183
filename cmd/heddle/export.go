package main

import (
	"context"
	"os"

	"heddle/internal/engine"
)

type exportCommand struct {
	Data       string `default:"heddle-data" env:"HEDDLE_DATA" type:"folder" help:"Folder of the store. The server must be stopped."`
	Account    string `default:"123456789012" env:"HEDDLE_ACCOUNT" help:"Account of the execution."`
	Region     string `default:"us-east-1" env:"HEDDLE_REGION" help:"Region of the execution."`
	Domain     string `required:"" help:"Domain of the execution."`
	WorkflowID string `required:"" help:"workflowId of the execution."`
	RunID      string `help:"runId; without it the open run, else the one that closed last."`

	RootKeys rootKeyFlags `embed:""`
}

func (c *exportCommand) Run(ctx context.Context) error {
	o, err := openOffline(ctx, c.Data, c.RootKeys)
	if err != nil {
		return err
	}
	defer o.Close()
	return o.Export(ctx, os.Stdout, engine.World{Account: c.Account, Region: c.Region}, c.Domain, c.WorkflowID, c.RunID)
}
