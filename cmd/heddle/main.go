// Command heddle is the workflow server and the tools for its store.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the sub-commands; each has a file of its own.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Check   checkCommand   `cmd:"" help:"Verify a stopped store, and say exactly what is wrong with it."`
	Export  exportCommand  `cmd:"" help:"Write one execution's history, from a stopped store, as JSON."`
	Audit   auditCommand   `cmd:"" help:"Print the audit trail, a line of JSON for each call, also while the server runs."`
	Rekey   rekeyCommand   `cmd:"" help:"Write a stopped store anew, sealed under a new data key."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	parsed := kong.Parse(&c,
		kong.Name("heddle"),
		kong.Description("A durable workflow server that speaks Amazon SWF."),
		kong.ShortUsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	parsed.FatalIfErrorf(parsed.Run())
}
