package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"heddle/internal/runlog"
	"heddle/internal/sealing"
	"heddle/internal/store"
)

// Folders of a rekeying, and the key of the trail; see package sealing.
const (
	rekeyedName  = "store.rekey-new"
	replacedName = "store.rekey-old"
)

func trailKey(data string) string { return filepath.Join(AuditDir(data), "key") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rekey rekeys a stopped store, and wants nothing left of the one before.
func rekey(t *testing.T, cfg sealing.RekeyConfig) {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	if rows, err := sealing.Rekey(t.Context(), cfg); err != nil || rows == 0 {
		t.Fatalf("rekeyed %d rows, %v", rows, err)
	}
	wantNothingLeft(t, cfg.Data)
}

func wantNothingLeft(t *testing.T, data string) {
	t.Helper()
	for _, path := range []string{
		filepath.Join(data, rekeyedName), filepath.Join(data, replacedName),
		filepath.Join(AuditDir(data), "rekey-new"), filepath.Join(AuditDir(data), "rekey-moved"),
	} {
		if exists(path) {
			t.Errorf("left behind: %s", path)
		}
	}
}

// planted is a stopped store with planted texts, and what a check finds in it.
func planted(t *testing.T, mode string) (Config, *runlog.Findings) {
	t.Helper()
	cfg := onDisk(t)
	cfg.Sealing = mode
	cfg.EventsConfig = deadTarget(t) // of what it does not take the store is full
	s := start(t, cfg)
	plant(t, s)
	closeServer(t, s)
	found, err := check(t, cfg)
	if err != nil || len(found.Wrong) > 0 || found.Events < 30 {
		t.Fatalf("check: %+v, %v", found, err)
	}
	return cfg, found
}

// wantSame wants a check of a stopped store to find what it had found before,
// and a server to start on it.
func wantSame(t *testing.T, cfg Config, before *runlog.Findings) {
	t.Helper()
	if found, err := check(t, cfg); err != nil || !reflect.DeepEqual(found, before) {
		t.Fatalf("check: %+v, %v, want %+v", found, err, before)
	}
	s := start(t, cfg)
	mustCall(t, s, "DescribeWorkflowType", `{"domain":"`+coded("planted-domain")+`","workflowType":{"name":"`+coded("planted-type")+`","version":"`+coded("planted-version")+`"}}`)
	closeServer(t, s)
}

// TestRekeySealsAPlainStore, and nothing is left of what lay in the clear.
func TestRekeySealsAPlainStore(t *testing.T) {
	cfg, before := planted(t, SealingOff)
	cfg.Sealing = SealingOn
	refused(t, cfg, "it is not sealed", "heddle rekey", "--sealing off")
	rekey(t, sealing.RekeyConfig{Data: cfg.Data})
	if found := plantedIn(t, cfg.Data); len(found) > 0 {
		t.Errorf("sealed, found %v", found)
	}
	wantSame(t, cfg, before)

	// And back.
	rekey(t, sealing.RekeyConfig{Data: cfg.Data, Off: true})
	refused(t, cfg, "it is not sealed")
	cfg.Sealing = SealingOff
	wantSame(t, cfg, before)
}

// TestRekeyUnderAnotherRootKey: after it the old one opens nothing.
func TestRekeyUnderAnotherRootKey(t *testing.T) {
	cfg, before := planted(t, SealingOn)
	oldFile := sealing.RootKeyFile(cfg.Data)
	moved := filepath.Join(t.TempDir(), "new.key")
	rekey(t, sealing.RekeyConfig{Data: cfg.Data, Keys: sealing.RootKeys{File: moved}, Old: sealing.RootKeys{File: oldFile}})
	refused(t, cfg, "give it too") // by the old file, which is still there
	cfg.RootKeys.File = moved
	wantSame(t, cfg, before)
}

// TestRekeyRefuses what it can't do, and leaves the store alone.
func TestRekeyRefuses(t *testing.T) {
	cfg, before := planted(t, SealingOn)
	log := slog.New(slog.DiscardHandler)
	s := start(t, cfg)
	if _, err := sealing.Rekey(t.Context(), sealing.RekeyConfig{Data: cfg.Data, Log: log}); !errors.Is(err, store.ErrHeld) {
		t.Errorf("while a server runs: %v, want ErrHeld", err)
	}
	closeServer(t, s)
	text, keys := newRootKeys(t)
	if _, err := sealing.Rekey(t.Context(), sealing.RekeyConfig{Data: cfg.Data, Keys: sealing.RootKeys{Text: text}, Log: log}); err == nil || !strings.Contains(err.Error(), keys.Name()) {
		t.Errorf("without the old root key: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sealing.Rekey(ctx, sealing.RekeyConfig{Data: cfg.Data, Log: log}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantNothingLeft(t, cfg.Data)
	wantSame(t, cfg, before)
}

// TestRekeyCutOff stands at each point where the process may end.
func TestRekeyCutOff(t *testing.T) {
	cfg, before := planted(t, SealingOn)
	rekeyed, replaced := filepath.Join(cfg.Data, rekeyedName), filepath.Join(cfg.Data, replacedName)
	copyStoreTo := func(dir string) {
		t.Helper()
		if err := errors.Join(os.CopyFS(dir, os.DirFS(sealing.StoreDir(cfg.Data))), os.Chmod(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}

	// While it wrote: half a store lies there, of no use.
	if err := os.Mkdir(rekeyed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rekeyed, "000002.log"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSame(t, cfg, before)
	rekey(t, sealing.RekeyConfig{Data: cfg.Data})

	// Between the renames: each opening ends them.
	for name, open := range map[string]func(){
		"server": func() { closeServer(t, start(t, cfg)) },
		"check":  func() { wantSame(t, cfg, before) },
		"rekey":  func() { rekey(t, sealing.RekeyConfig{Data: cfg.Data}) },
	} {
		copyStoreTo(rekeyed)
		rename(sealing.StoreDir(cfg.Data), replaced)
		open()
		wantSame(t, cfg, before)
		wantNothingLeft(t, cfg.Data)
		if t.Failed() {
			t.Fatalf("cut off between the renames, and opened by %s", name)
		}
	}

	// Before the old store was deleted.
	copyStoreTo(replaced)
	wantSame(t, cfg, before)
	wantNothingLeft(t, cfg.Data)
}
