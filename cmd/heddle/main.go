// Command heddle is the workflow server and the tools for its store.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"heddle/internal/console/command"
)

// commands are the sub-commands; each has a file of its own.
type commands struct {
	Serve      serveCommand      `cmd:"" help:"Run the server."`
	Show       command.Show      `cmd:"" help:"Tell why an execution does not move: what is open, who has it or should have it, and what was when."`
	Lists      command.Lists     `cmd:"" help:"Show the task lists: what waits on them, who polls them."`
	Console    command.Console   `cmd:"" help:"Give a link to the console, which signs its user in once, within a minute, as who the keys stand for."`
	Events     command.Events    `cmd:"" help:"Show the targets of events: how far behind each is, and what it never took."`
	Search     command.Search    `cmd:"" help:"Look for executions by several things at once."`
	Top        command.Top       `cmd:"" help:"Show what the server does now: task lists, those that nobody polls, rates."`
	Tail       command.Tail      `cmd:"" help:"Write a line for each event as it becomes durable."`
	Replay     command.Replay    `cmd:"" help:"Tell whether a program decides as executions have recorded that it did."`
	Check      checkCommand      `cmd:"" help:"Verify a stopped store, and say exactly what is wrong with it."`
	Export     exportCommand     `cmd:"" help:"Write one execution's history, from a stopped store, as JSON."`
	Audit      auditCommand      `cmd:"" help:"Print the audit trail, a line of JSON for each call, also while the server runs."`
	Rekey      rekeyCommand      `cmd:"" help:"Write a stopped store anew, sealed under a new data key."`
	AcceptTime acceptTimeCommand `cmd:"" help:"Tell a server that the wall clock, which is far ahead of its own, is right."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func newCommands() *commands {
	return &commands{Serve: newServeCommand(), Export: newExportCommand()}
}

func main() {
	keepFilesPrivate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser, err := newParser(ctx, newCommands())
	if err == nil {
		err = unsetEmpty()
	}
	if err != nil {
		panic(err) // the flags are a mistake of ours
	}
	chosen, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(command.Usage(os.Args[1:], err))
	chosen.FatalIfErrorf(chosen.Run())
}
