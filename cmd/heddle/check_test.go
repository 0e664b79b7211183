package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/server"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/pebblestore"
)

// checked runs heddle check and gives what it prints and how it ends.
func checked(t *testing.T, data string) (string, error) {
	t.Helper()
	clearEnvironment(t)
	_, command, err := parse(t, "check", "--data", data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	failed := command.Run()
	os.Stdout = stdout
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), failed
}

// TestCheckTellsFaults: a store in which nothing is wrong is said to be so; of one in
// which much is, each fault is a line, up to a thousand, and the check fails.
func TestCheckTellsFaults(t *testing.T) {
	cfg := server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: server.AuthNone, Sealing: server.SealingOff}
	s, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := checked(t, cfg.Data); err != nil || strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, ": 0 wrong\n") {
		t.Errorf("of a whole store: %s, %v", out, err)
	}

	told := func(references int) (lines int, all string) {
		t.Helper()
		below, err := pebblestore.Open(pebblestore.Options{Dir: sealing.StoreDir(cfg.Data), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		h, err := below.Acquire(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		section := store.Section{Shard: 0, Epoch: h.Epoch(), Seq: h.Seq() + 1}
		for i := range references { // of runs that are not there, to blobs that are not
			run := engine.RunID{13: 1, 14: byte(i >> 8), 15: byte(i)}
			id := blob.ID{30: byte(i >> 8), 31: byte(i)}
			section.Ops = append(section.Ops,
				store.Op{Space: store.ShardSpace, Key: keys.AppendBlob(nil, run, id)},
				store.Op{Space: store.IndexSpace, Key: keys.AppendBlobIndex(nil, id, run)})
		}
		if err := below.Commit(t.Context(), []store.Section{section})[0]; err != nil {
			t.Fatal(err)
		}
		if err := below.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := checked(t, cfg.Data)
		if err == nil || !strings.Contains(err.Error(), " wrong, as said above") {
			t.Errorf("%d references: %v", references, err)
		}
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "checked ") {
				lines++
			}
		}
		return lines, out
	}
	if n, out := told(3); n != 2*3 {
		t.Errorf("%d lines of 6 faults\n%s", n, out)
	}
	n, out := told(1200)
	if n != 1000 || !strings.Contains(out, " notifications: 1200 wrong\n") || !strings.Contains(out, " 1200 missing, ") {
		t.Errorf("%d lines of 2,400 faults, the last\n%s", n, out[max(0, len(out)-1000):])
	}
}
