package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"heddle/internal/archive"
	"heddle/internal/bucket/place"
	"heddle/internal/options"
	"heddle/internal/server"
)

// archiveCommand reads the executions of an archive. No server is asked.
type archiveCommand struct {
	List  archiveList  `cmd:"" help:"Show executions of an archive, a line each."`
	Get   archiveGet   `cmd:"" help:"Write the history of one execution as JSON, with the events as the API shows them."`
	Query archiveQuery `cmd:"" help:"Write executions with their histories, a line of JSON each, as for jq."`
}

// archiveFlags say which archive is read, and what of it.
type archiveFlags struct {
	Archive string        `arg:"" name:"place" help:"Where the archive is, as --archive of serve says it."`
	Service string        `placeholder:"NAME" help:"Service of the executions, as policies name it; otherwise all."`
	Account string        `placeholder:"ID" help:"Account of the executions; otherwise all."`
	Region  string        `placeholder:"NAME" help:"Region of the executions; otherwise all."`
	In      string        `name:"in" placeholder:"NAME" help:"What the executions are in: of Step Functions the name of a state machine. Otherwise all."`
	From    time.Time     `format:"2006-01-02" placeholder:"DAY" help:"First day on which they closed, as 2026-03-01, in UTC."`
	To      time.Time     `format:"2006-01-02" placeholder:"DAY" help:"Last day, included."`
	ID      string        `name:"id" help:"Id or name of the execution."`
	RunID   string        `help:"runId, or ARN of the execution."`
	Status  string        `help:"How they closed, as COMPLETED or SUCCEEDED."`
	Type    string        `help:"Type: its name, or name and version with a space between."`
	Tag     string        `help:"A tag that they have."`
	S3      place.Options `embed:"" prefix:"archive-" envprefix:"HEDDLE_ARCHIVE_" group:"Archive"`
}

func (f *archiveFlags) read(ctx context.Context, visit func(*archive.Line) (bool, error)) (err error) {
	options.ReadSecrets(f, os.Getenv)
	if err := f.S3.Check("archive-"); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	p, err := place.Open(ctx, f.Archive, place.Archive, f.S3, server.PlaceClock(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return archive.Read(ctx, p, archive.Query{
		Service: f.Service, Account: f.Account, Region: f.Region, In: f.In, From: f.From, To: f.To,
		ID: f.ID, Run: f.RunID, Status: f.Status, Type: f.Type, Tag: f.Tag,
	}, visit)
}

type archiveList struct {
	archiveFlags `embed:""`
}

// Run shows them.
func (c *archiveList) Run(ctx context.Context) error {
	return c.read(ctx, func(l *archive.Line) (bool, error) {
		run := l.Run
		if run == "" {
			run = l.ARN
		}
		_, err := fmt.Printf("%s  %-10s %-6s %q %q %s %s\n", l.Closed.Format(time.RFC3339), l.Status, l.Service, l.In, l.ID, run, l.Type)
		return true, err
	})
}

type archiveGet struct {
	archiveFlags `embed:""`
}

// Run writes the one that closed last of those that fit.
func (c *archiveGet) Run(ctx context.Context) error {
	if c.ID == "" && c.RunID == "" {
		return errors.New("which execution? want --id or --run-id")
	}
	var last *archive.Line
	err := c.read(ctx, func(l *archive.Line) (bool, error) {
		if last == nil || l.Closed.After(last.Closed) {
			last = l
		}
		return c.RunID == "", nil
	})
	if err == nil && last == nil {
		err = errors.New("no such execution in the archive")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Printf("{\"events\":%s}\n", last.Events)
	return err
}

type archiveQuery struct {
	archiveFlags `embed:""`
}

// Run writes them.
func (c *archiveQuery) Run(ctx context.Context) error {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	return c.read(ctx, func(l *archive.Line) (bool, error) { return true, out.Encode(l) })
}
