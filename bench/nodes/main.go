// Command nodes runs a command for whom Heddle is a cluster: HEDDLE_BINARY names, in place of a
// server, three servers on one PostgreSQL.
//
//	HEDDLE_BINARY=./heddle go run ./bench/nodes compat/run python cli
//
// It starts a PostgreSQL in a temporary folder, and is itself that HEDDLE_BINARY. Its `serve` starts
// three servers, each with a folder in the --data that it was given, and listens in their place: each
// request goes to the next server, whoever sends it and by whichever connection. What people see of one
// server goes to the first: the console, numbers and health. Killed, it takes its servers with it; started
// again with the same --data, it goes on with them. `check`, `export` and `audit` are done with the
// folders of the servers, and all other commands by the server's own binary.
//
// What no cluster can do is done by one server: --time-skip, which --dev has too. A store in memory becomes
// one in PostgreSQL.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"heddle/internal/store/pgstore/pgtest"
)

// What the process that is HEDDLE_BINARY has from the one that started PostgreSQL. Not all pass on variables
// of Heddle's name.
const (
	binaryVariable   = "NODES_BINARY"
	postgresVariable = "NODES_POSTGRES"
)

func main() {
	var status int
	var err error
	if binary := os.Getenv(binaryVariable); binary != "" {
		status, err = beHeddle(binary, os.Getenv(postgresVariable), os.Args[1:])
	} else {
		status, err = run(os.Getenv("HEDDLE_BINARY"), os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodes:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// run runs a command beside a PostgreSQL, and gives its status.
func run(binary string, command []string) (status int, err error) {
	if binary == "" || len(command) == 0 {
		return 2, errors.New("usage: HEDDLE_BINARY=FILE nodes COMMAND [ARGUMENT]…")
	}
	if binary, err = exec.LookPath(binary); err != nil {
		return 2, err
	}
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	o := pgtest.InMemory()
	o.Settings = []string{"max_connections=1000"} // of 30 for each node
	database, err := pgtest.Start(o)
	if err != nil {
		return 1, err
	}
	defer database.Remove()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), "HEDDLE_BINARY="+self, binaryVariable+"="+binary, postgresVariable+"="+database.DSN())
	err = c.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
