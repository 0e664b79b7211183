package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/store"
)

// readOnlyDisk refuses all that would write, and counts it.
func readOnlyDisk(refused *atomic.Int32) vfs.FS {
	return errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose {
			refused.Add(1)
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.EROFS}
		}
		return nil
	}))
}

// TestSharedWritesNothing reads a store whose process was cut off, from a disk that
// takes no writes.
func TestSharedWritesNothing(t *testing.T) {
	made := Options{Dir: t.TempDir(), Logger: quiet(t)}
	s := mustOpen(t, made)
	write(t, s, 1, "key", "value")
	if err := s.Checkpoint(filepath.Join(made.Dir, "copy")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(made.Dir, "copy")
	var refused atomic.Int32
	shared := Options{Dir: dir, Logger: quiet(t), Files: readOnlyDisk(&refused), ReadOnly: true, Shared: true}

	// A copy without a lock file.
	s = mustOpen(t, shared)
	wantValue(t, s, 1, "key", "value")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// With what a killed process leaves. Two may read.
	for _, name := range []string{"LOCK", holderFile} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	first, second := mustOpen(t, shared), mustOpen(t, shared)
	wantValue(t, first, 1, "key", "value")
	wantValue(t, second, 1, "key", "value")
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	if n := refused.Load(); n != 0 {
		t.Errorf("it has tried to write %d times", n)
	}

	// The lock of who writes can't be had there.
	alone := shared
	alone.Shared = false
	wantRefused(t, alone, "read-only file system")
}

// TestSharedLock meets the lock of who writes, from both sides, in one process and
// in two.
func TestSharedLock(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t)}
	shared := options
	shared.ReadOnly, shared.Shared = true, true
	s := mustOpen(t, options)
	write(t, s, 1, "key", "value")
	ours := fmt.Sprintf("held by another owner, process %d; stop it, or give another --data", os.Getpid())
	if err := wantRefused(t, shared, ours); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("%v is not ErrHeld", err)
	}
	// The attempt has not let others in.
	if said := heldToChild(t, options.Dir); !strings.Contains(said, ours) {
		t.Fatalf("another process said %q", said)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	reader := mustOpen(t, shared)
	wantRefused(t, options, "held by another owner")
	if said := heldToChild(t, options.Dir); !strings.Contains(said, "held by another owner; stop it") {
		t.Fatalf("while somebody reads, another process said %q", said)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, mustOpen(t, options), 1, "key", "value")
}

// heldToChild is what another process says that finds the directory locked.
func heldToChild(t *testing.T, dir string) string {
	t.Helper()
	cmd, lines, errs := child(t, "hold", dir)
	if lines.Scan() {
		_ = cmd.Process.Kill()
		t.Errorf("another process has opened it too, and says %q", lines.Text())
	}
	_ = cmd.Wait() // it failed, as wanted
	return errs.String()
}
