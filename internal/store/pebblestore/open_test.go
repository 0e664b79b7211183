package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
)

// write commits one row.
func write(t testing.TB, s *Store, shard uint16, key, value string) {
	t.Helper()
	h, err := s.Acquire(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	section := store.Section{Shard: shard, Epoch: h.Epoch(), Seq: h.Seq() + 1,
		Ops: []store.Op{{Kind: store.Put, Key: []byte(key), Value: []byte(value)}}}
	if err := s.Commit(t.Context(), []store.Section{section})[0]; err != nil {
		t.Fatal(err)
	}
}

// get reads one row; nil is none.
func get(t testing.TB, v store.View, shard uint16, key string) []byte {
	t.Helper()
	values, err := v.Get(t.Context(), []store.Place{{Shard: shard, Key: []byte(key)}})
	if err != nil {
		t.Fatal(err)
	}
	return values[0]
}

func wantValue(t testing.TB, v store.View, shard uint16, key, value string) {
	t.Helper()
	if got := get(t, v, shard, key); got == nil || string(got) != value {
		t.Fatalf("shard %d, key %q: %q, want %q", shard, key, got, value)
	}
}

func wantRefused(t *testing.T, options Options, words ...string) error {
	t.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(options)
	if err == nil {
		s.Close()
		t.Fatalf("opened %q", options.Dir)
	}
	for _, word := range append(words, fmt.Sprintf("open store %q: ", options.Dir)) {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("error %q does not say %q", err, word)
		}
	}
	return err
}

func TestShardCountIsOfCreation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	for _, asked := range []uint16{12, 99, 0} {
		s := mustOpen(t, Options{Dir: dir, Shards: asked, Logger: quiet(t)})
		if s.Shards() != 12 {
			t.Fatalf("opened with %d: %d shards, want the 12 of its creation", asked, s.Shards())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s := mustOpen(t, Options{Dir: t.TempDir(), Logger: quiet(t)}); s.Shards() != 64 {
		t.Fatalf("%d shards by default", s.Shards())
	}
}

func TestLockedBySameProcess(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t)}
	s := mustOpen(t, options)
	err := wantRefused(t, options, fmt.Sprintf("held by another owner, process %d; stop it, or give another --data", os.Getpid()))
	if !errors.Is(err, store.ErrHeld) {
		t.Fatalf("%v is not ErrHeld", err)
	}
	write(t, s, 1, "key", "value") // the loser has not disturbed the holder
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, mustOpen(t, options), 1, "key", "value")
}

func TestForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letters.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, Options{Dir: dir}, `not a store, and not empty: it holds "letters.txt"`)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Fatalf("the refused directory holds %v, %v", left, err)
	}

	file := filepath.Join(dir, "letters.txt")
	wantRefused(t, Options{Dir: file}, "not a directory")

	other := t.TempDir()
	db, err := pebble.Open(other, &pebble.Options{Logger: pebbleLogger{log: slog.New(slog.DiscardHandler)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("theirs"), nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, Options{Dir: other}, "not a store of ours")
}

func TestFormats(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t)}
	s := mustOpen(t, options)
	write(t, s, 1, "key", "value")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ key, value, words string }{
		{formatKey, "4", "it has format 4, and this release reads up to 3; a newer release has written to it: use that, or put back a backup"},
		{formatKey, "2", "it has format 2, and this release reads from 3 on; begin with a new folder"},
		{formatKey, "blue", `format "blue": want a number`},
		{formatKey, "3", ""},
		{shardsKey, "0", `shard count "0": want 1 to 65535`},
		{shardsKey, "64", ""},
	} {
		db, err := pebble.Open(options.Dir, pebbleOptions(Options{Files: vfs.Default, Logger: quiet(t)}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Set(metaRow(test.key), []byte(test.value), pebble.Sync), db.Close()); err != nil {
			t.Fatal(err)
		}
		if test.words != "" {
			wantRefused(t, options, test.words)
		}
	}
	wantValue(t, mustOpen(t, options), 1, "key", "value")
}

// TestLaterReleases: a later release reads a store as it is, and makes it its own when it writes;
// then no earlier one opens it, not for reading either.
func TestLaterReleases(t *testing.T) {
	now := Options{Dir: t.TempDir(), Logger: quiet(t)}
	later := now
	later.Format = Format + 1
	open := func(o Options, readOnly bool) {
		t.Helper()
		o.ReadOnly = readOnly
		s := mustOpen(t, o)
		if !readOnly {
			write(t, s, 1, "key", "value")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	open(now, false)
	open(later, true)
	open(now, false)
	open(later, false)
	wantRefused(t, now, "it has format 4, and this release reads up to 3")
	now.ReadOnly = true
	wantRefused(t, now, "it has format 4, and this release reads up to 3")
	open(later, true)
}

// TestDamagedFiles spoils files far from their ends. At the end of a log or a
// manifest Pebble takes damage for a write that a crash has cut off, and must.
func TestDamagedFiles(t *testing.T) {
	large := strings.Repeat("value", 4000)
	for name, damage := range map[string]func(name string) bool{
		"manifest": func(name string) bool { return strings.HasPrefix(name, "MANIFEST-") },
		"table":    func(name string) bool { return strings.HasSuffix(name, ".sst") },
		"log":      func(name string) bool { return strings.HasSuffix(name, ".log") },
	} {
		t.Run(name, func(t *testing.T) {
			options := Options{Dir: t.TempDir(), Logger: quiet(t)}
			s := mustOpen(t, options)
			for i := range 20 {
				write(t, s, 1, fmt.Sprint("flushed ", i), large)
			}
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				write(t, s, 1, fmt.Sprint("logged ", i), large)
			}
			// Close would flush, and nothing would rest on the log.
			if err := s.db.Close(); err != nil {
				t.Fatal(err)
			}
			s.lock.release()
			s.closed = true
			entries, err := os.ReadDir(options.Dir)
			if err != nil {
				t.Fatal(err)
			}
			damaged := 0
			for _, entry := range entries {
				if damage(entry.Name()) {
					damaged++
					overwrite(t, filepath.Join(options.Dir, entry.Name()))
				}
			}
			if damaged == 0 {
				t.Fatalf("no such file among %v", entries)
			}
			wantRefused(t, options)
		})
	}
}

// overwrite spoils a part of a file near its beginning.
func overwrite(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 100), 20); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnly(t *testing.T) {
	options := Options{Dir: t.TempDir(), Logger: quiet(t), ReadOnly: true}
	wantRefused(t, options, "no store there")
	missing := options
	missing.Dir = filepath.Join(options.Dir, "missing")
	wantRefused(t, missing, "no such directory")

	options.ReadOnly = false
	s := mustOpen(t, options)
	write(t, s, 1, "key", "value")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	options.ReadOnly = true
	s = mustOpen(t, options)
	wantValue(t, s, 1, "key", "value")
	h, err := s.Acquire(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), []store.Section{{Shard: 1, Epoch: h.Epoch(), Seq: h.Seq() + 1}})[0]; !errors.Is(err, store.ErrFenced) {
		t.Fatalf("commit to a read-only store: %v, want ErrFenced", err)
	}
	if err := s.Meta().CompareAndSet(t.Context(), "key", nil, []byte{}); err == nil {
		t.Fatal("changed the meta space of a read-only store")
	}
}

func TestCheckpoint(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir(), Shards: 5, Logger: quiet(t)})
	write(t, s, 1, "key", "before")
	copied := Options{Dir: filepath.Join(t.TempDir(), "copy"), Logger: quiet(t)}
	if err := s.Checkpoint(copied.Dir); err != nil {
		t.Fatal(err)
	}
	write(t, s, 1, "key", "behind")
	if err := s.Checkpoint(copied.Dir); err == nil {
		t.Fatal("a checkpoint went over another")
	}
	c := mustOpen(t, copied)
	wantValue(t, c, 1, "key", "before")
	wantValue(t, s, 1, "key", "behind")
	if c.Shards() != 5 {
		t.Fatalf("the copy has %d shards", c.Shards())
	}
}
