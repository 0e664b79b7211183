package pebblestore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/store"
)

// TestMain lets tests start this binary as another process; see child.
func TestMain(m *testing.M) {
	if role := os.Getenv("PEBBLESTORE_TEST_CHILD"); role != "" {
		os.Exit(childRoles[role]())
	}
	os.Exit(m.Run())
}

var childRoles = map[string]func() int{
	"hold":      holdUntilKilled,
	"read":      readUntilKilled,
	"fail sync": commitWithFailingSync,
}

// child starts this binary in a role.
func child(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "PEBBLESTORE_TEST_CHILD="+role, "PEBBLESTORE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs := new(bytes.Buffer)
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), errs
}

// holdUntilKilled commits to all shards and prints each section that was
// acknowledged.
func holdUntilKilled() int {
	s, err := Open(Options{Dir: os.Getenv("PEBBLESTORE_TEST_DIR"), Shards: 4})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for shard := range s.Shards() {
		go func() {
			h, err := s.Acquire(context.Background(), shard)
			for seq := uint64(1); err == nil; seq++ {
				value := fmt.Appendf(nil, "%d", seq)
				err = s.Commit(context.Background(), []store.Section{{Shard: shard, Epoch: h.Epoch(), Seq: seq, Ops: []store.Op{{Key: []byte("last"), Value: value}}}})[0]
				if err == nil {
					fmt.Println(shard, seq)
				}
			}
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}()
	}
	select {}
}

// TestKilled kills a process in the midst of its commits, and meets its lock
// before that.
func TestKilled(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t)}
	cmd, lines, errs := child(t, "hold", options.Dir)
	acknowledged := map[uint16]uint64{}
	read := func() bool {
		var shard uint16
		var seq uint64
		if !lines.Scan() {
			return false
		}
		// The kill may cut the last line.
		if n, err := fmt.Sscanf(lines.Text()+"\n", "%d %d\n", &shard, &seq); err != nil || n != 2 {
			return false
		}
		acknowledged[shard] = seq
		return true
	}
	for range 200 {
		if !read() {
			t.Fatalf("the other process ended: %s", errs)
		}
	}
	err := wantRefused(t, options, fmt.Sprintf("held by another owner, process %d", cmd.Process.Pid))
	if !errors.Is(err, store.ErrHeld) {
		t.Fatalf("%v is not ErrHeld", err)
	}
	shared := options
	shared.ReadOnly, shared.Shared = true, true
	if err := wantRefused(t, shared, fmt.Sprintf("process %d", cmd.Process.Pid)); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("to read it: %v is not ErrHeld", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for read() {
	}
	_ = cmd.Wait() // it was killed, as wanted

	s := mustOpen(t, options)
	for shard, seq := range acknowledged {
		h, err := s.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		// One more may have been written that was not acknowledged any more.
		if h.Seq() != seq && h.Seq() != seq+1 {
			t.Fatalf("shard %d: sequence %d, acknowledged %d", shard, h.Seq(), seq)
		}
		wantValue(t, s, shard, "last", fmt.Sprint(h.Seq()))
	}
}

// commitWithFailingSync says what it was told of two commits; the log cannot be
// synced for the second.
func commitWithFailingSync() int {
	var broken atomic.Bool
	files := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if broken.Load() && sync && strings.HasSuffix(op.Path, ".log") {
			return errorfs.ErrInjected
		}
		return nil
	}))
	ctx := context.Background()
	s, err := Open(Options{Dir: "/store", Files: files})
	if err != nil {
		fmt.Println(err)
		return 0
	}
	h, err := s.Acquire(ctx, 1)
	if err != nil {
		fmt.Println(err)
		return 0
	}
	fmt.Println("first", s.Commit(ctx, []store.Section{{Shard: 1, Epoch: h.Epoch(), Seq: 1}}))
	broken.Store(true)
	fmt.Println("second", s.Commit(ctx, []store.Section{{Shard: 1, Epoch: h.Epoch(), Seq: 2}}))
	return 0
}

func TestFailedSyncEndsTheProcess(t *testing.T) {
	cmd, lines, errs := child(t, "fail sync", "")
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("the process ended with %v, want exit status 1; it said %q", err, said)
	}
	if strings.Join(said, ", ") != "first [<nil>]" {
		t.Fatalf("it said %q, want only that the first commit succeeded", said)
	}
	if !strings.Contains(errs.String(), "injected error") {
		t.Fatalf("it logged %q, without the cause", errs)
	}
}
