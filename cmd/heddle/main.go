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
	Config     configCommand             `cmd:"" help:"Print the settings in force, and where each comes from, as a file that serve --config takes."`
	Show       command.Show              `cmd:"" help:"Tell why an execution does not move: what is open, who has it or should have it, and what was when."`
	Lists      command.Lists             `cmd:"" help:"Show the task lists: what waits on them, who polls them."`
	Console    command.Console           `cmd:"" help:"Give a link to the console, which signs its user in once, within a minute, as who the keys stand for."`
	Events     command.Events            `cmd:"" help:"Show the targets of events: how far behind each is, and what it never took."`
	Search     command.Search            `cmd:"" help:"Look for executions by several things at once."`
	Batch      command.Batch             `cmd:"" help:"Signal, cancel or terminate all open executions that a search finds."`
	Top        command.Top               `cmd:"" help:"Show what the server does now: task lists, those that nobody polls, rates."`
	Tail       command.Tail              `cmd:"" help:"Write a line for each event as it becomes durable."`
	Replay     command.Replay            `cmd:"" help:"Tell whether a program decides as executions have recorded that it did."`
	Test       testCommand               `cmd:"" help:"Run test cases of a state machine, with mocks and without a server."`
	Stats      command.Stats             `cmd:"" help:"Show what the server has on the disk, and why."`
	Reset      command.Reset             `cmd:"" help:"Have a server whose store is memory forget all that it has, and wait until it takes requests again."`
	AcceptLoss command.AcceptLoss        `cmd:"" help:"Tell which shards lack steps that were acknowledged, and have them served again without those."`
	Check      checkCommand              `cmd:"" help:"Verify a store, whether a server runs on it or not, and say exactly what is wrong with it."`
	Backup     backupCommand             `cmd:"" help:"Back a data folder up, whether a server runs on it or not, to a folder or to S3."`
	Restore    restoreCommand            `cmd:"" help:"Put a backup back, and check it."`
	Export     exportCommand             `cmd:"" help:"Write one execution's history, from a stopped store, as JSON."`
	Archive    archiveCommand            `cmd:"" help:"Read the histories that a server has written to its archive."`
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
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
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

// endSignals are those that end what runs in order. A hang-up is none where it was to be
// ignored, as under nohup.
func endSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// asked makes of "help COMMAND", as people ask, what the parser knows.
func asked(arguments []string) []string {
	if len(arguments) > 0 && arguments[0] == "help" {
		return append(slices.Clone(arguments[1:]), "--help")
	}
	return arguments
}
