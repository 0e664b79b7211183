package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"heddle/internal/store"
)

// readUntilKilled opens a store for reading and says what it reads.
func readUntilKilled() int {
	s, err := Open(Options{Dir: os.Getenv("PEBBLESTORE_TEST_DIR"), ReadOnly: true, Shared: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	values, err := s.Get(context.Background(), []store.Place{{Shard: 1, Key: []byte("key")}})
	fmt.Printf("%s %v\n", values, err)
	select {}
}

// TestReadersOfOtherProcesses: any number of processes may read a store at a time, and
// until the last of them has ended nobody opens it for writing.
func TestReadersOfOtherProcesses(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t)}
	s := mustOpen(t, options)
	write(t, s, 1, "key", "value")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var readers []*exec.Cmd
	for range 3 {
		cmd, lines, errs := child(t, "read", options.Dir)
		if !lines.Scan() || lines.Text() != "[value] <nil>" {
			t.Fatalf("reader %d says %q, %s", len(readers), lines.Text(), errs)
		}
		readers = append(readers, cmd)
	}
	shared := options
	shared.ReadOnly, shared.Shared = true, true
	reader := mustOpen(t, shared)
	wantValue(t, reader, 1, "key", "value")
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range readers {
		if err := wantRefused(t, options, "held by another owner"); !errors.Is(err, store.ErrHeld) {
			t.Fatalf("%v is not ErrHeld", err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, as wanted
	}
	wantValue(t, mustOpen(t, options), 1, "key", "value")
}
