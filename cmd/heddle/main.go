// Command heddle is the workflow server and the tools for its store.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	kongcompletion "github.com/jotaen/kong-completion"

	"heddle/internal/console/command"
)

// commands are the sub-commands; each has a file of its own.
type commands struct {
	Serve      serveCommand              `cmd:"" help:"Run the server."`
	Show       command.Show              `cmd:"" help:"Tell why an execution does not move: what is open, who has it or should have it, and what was when."`
	Lists      command.Lists             `cmd:"" help:"Show the task lists: what waits on them, who polls them."`
	Console    command.Console           `cmd:"" help:"Give a link to the console, which signs its user in once, within a minute, as who the keys stand for."`
	Events     command.Events            `cmd:"" help:"Show the targets of events: how far behind each is, and what it never took."`
	Search     command.Search            `cmd:"" help:"Look for executions by several things at once."`
	Top        command.Top               `cmd:"" help:"Show what the server does now: task lists, those that nobody polls, rates."`
	Tail       command.Tail              `cmd:"" help:"Write a line for each event as it becomes durable."`
	Replay     command.Replay            `cmd:"" help:"Tell whether a program decides as executions have recorded that it did."`
	Check      checkCommand              `cmd:"" help:"Verify a stopped store, and say exactly what is wrong with it."`
	Export     exportCommand             `cmd:"" help:"Write one execution's history, from a stopped store, as JSON."`
	Audit      auditCommand              `cmd:"" help:"Print the audit trail, a line of JSON for each call, also while the server runs."`
	Rekey      rekeyCommand              `cmd:"" help:"Write a stopped store anew, sealed under a new data key."`
	Copy       copyCommand               `cmd:"" help:"Copy a stopped store from its folder to PostgreSQL, and compare the two."`
	AcceptTime acceptTimeCommand         `cmd:"" help:"Tell a server that the wall clock, which is far ahead of its own, is right."`
	Completion kongcompletion.Completion `cmd:"" help:"Tell how a shell completes commands and flags; with -c, the code for it."`
	Manual     manualCommand             `cmd:"" help:"Print the manual page, for man -l -."`
	Ready      readyCommand              `cmd:"" help:"Tell by the exit code whether a server takes requests."`
	Version    versionCommand            `cmd:"" help:"Print the version, the commit it was built from, and the format of its stores."`

	VersionFlag versionFlag `name:"version" help:"Print the version, and what it was built from."`
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
	kongcompletion.Register(parser) // answers who completes a command line, and ends
	arguments := asked(os.Args[1:])
	chosen, err := parser.Parse(arguments)
	parser.FatalIfErrorf(command.Usage(arguments, err))
	chosen.FatalIfErrorf(chosen.Run())
}

// asked makes of "help COMMAND", as people ask, what the parser knows.
func asked(arguments []string) []string {
	if len(arguments) > 0 && arguments[0] == "help" {
		return append(slices.Clone(arguments[1:]), "--help")
	}
	return arguments
}
