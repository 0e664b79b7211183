package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/sealing"
)

// readTrail reads the trail of a data folder, and wants nothing wrong with it.
func readTrail(t *testing.T, cfg Config) string {
	t.Helper()
	var out bytes.Buffer
	err := ReadAudit(t.Context(), AuditReading{
		Data: cfg.Data, RootKeys: cfg.RootKeys,
		Wrong: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler),
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// recorded is how many records a trail has.
func recorded(t *testing.T, cfg Config) int {
	t.Helper()
	return len(recordsOf(t, readTrail(t, cfg)))
}

// unreadable wants the reading of a trail to fail, and its error to hold words.
func unreadable(t *testing.T, cfg Config, words ...string) {
	t.Helper()
	var all []error
	err := ReadAudit(t.Context(), AuditReading{
		Data: cfg.Data, RootKeys: cfg.RootKeys,
		Wrong: func(err error) { all = append(all, err) }, Log: slog.New(slog.DiscardHandler),
	}, new(bytes.Buffer))
	err = errors.Join(append(all, err)...)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("read the trail: %v\nwant %q in it", err, word)
		}
	}
}

// trailFiles are the files of a trail with one of the suffixes.
func trailFiles(t *testing.T, data, suffix string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(AuditDir(data), "audit-*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReadAudit reads a trail of which the store has another owner, and goes on.
func TestReadAudit(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	lines := make(chan string, 100)
	ended := make(chan error)
	go func() {
		ended <- ReadAudit(ctx, AuditReading{
			Data: cfg.Data, Follow: true, Wrong: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler),
		}, toChannel(lines))
	}()
	want := func(action string) {
		t.Helper()
		if line := <-lines; !strings.Contains(line, `"eventName":"`+action+`"`) {
			t.Errorf("read %s, want %s", line, action)
		}
	}
	want("RegisterDomain")
	want("RegisterWorkflowType")
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	want("StartWorkflowExecution")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	closeServer(t, s)

	// The next server goes on in the same files.
	s = start(t, cfg)
	mustCall(t, s, "DescribeDomain", `{"name":"shop"}`)
	closeServer(t, s)
	if n, files := recorded(t, cfg), trailFiles(t, cfg.Data, ".sealed"); n != 4 || len(files) != 3 {
		t.Errorf("%d records in %v", n, files)
	}
	var out bytes.Buffer
	if err := ReadAudit(t.Context(), AuditReading{Data: cfg.Data, Until: time.Unix(0, 0), Log: slog.New(slog.DiscardHandler)}, &out); err != nil || out.Len() > 0 {
		t.Errorf("of before: %s, %v", out.String(), err)
	}

	b, err := os.ReadFile(trailFiles(t, cfg.Data, "")[0])
	if err != nil {
		t.Fatal(err)
	}
	second := slices.Collect(bytes.Lines(b))[1]
	second[40] ^= 1 // of b
	if err := os.WriteFile(trailFiles(t, cfg.Data, "")[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	unreadable(t, cfg, AuditDir(cfg.Data), filepath.Base(trailFiles(t, cfg.Data, "")[0])+`", line 2: `, ": 1 wrong, as said above")
	unreadable(t, Config{Data: t.TempDir()}, "read audit trail", "no such file")
}

// toChannel gives lines that are written to it.
type toChannel chan<- string

func (c toChannel) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		c <- line
	}
	return len(b), nil
}

// TestATrailWantsItsKey takes away the root key, then the trail's own.
func TestATrailWantsItsKey(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
	key := trailKey(cfg.Data)
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the trail's key: %v, %v", info, err)
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}

	root := sealing.RootKeyFile(cfg.Data)
	move(root, root+".away")
	unreadable(t, cfg, "read audit trail", "put the file back", root)
	otherText, other := newRootKeys(t)
	otherwise := cfg
	otherwise.RootKeys.Text = otherText
	unreadable(t, otherwise, key, other.Name(), "give it too")
	move(root+".away", root)

	move(key, key+".away")
	unreadable(t, cfg, "is sealed, and the key of the trail is not there")
	refused(t, cfg, key, "put it back")
	if exists(key) {
		t.Error("a new key was made for a sealed trail")
	}
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, key)
	move(key+".away", key)
	if n := recorded(t, cfg); n != 2 {
		t.Errorf("%d records", n)
	}

	// A server that records nothing takes the key along to another root key.
	text, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	writeRootKeys(t, root, otherText+string(text))
	silent := cfg
	silent.Audit.Files = AuditOff
	closeServer(t, start(t, silent))
	writeRootKeys(t, root, otherText)
	if n := recorded(t, cfg); n != 2 {
		t.Errorf("%d records under the other root key", n)
	}
}

// TestRekeyedTrail: files of before are read under the new root key only, and
// other files in the folder stay.
func TestRekeyedTrail(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
	note := filepath.Join(AuditDir(cfg.Data), "notes.txt")
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	trail := readTrail(t, cfg)
	want := func(cfg Config, suffix string) {
		t.Helper()
		if got := readTrail(t, cfg); got != trail {
			t.Errorf("read\n%s\nwant\n%s", got, trail)
		}
		if all, those := trailFiles(t, cfg.Data, ""), trailFiles(t, cfg.Data, suffix); len(all) != 3 || len(those) != 3 {
			t.Errorf("files %v, want one of each kind with %s", all, suffix)
		}
		if !exists(note) {
			t.Error("another file is gone")
		}
	}
	key := trailKey(cfg.Data)
	exchange := func(path string, b []byte) (before []byte) {
		t.Helper()
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return before
	}
	before := exchange(key, nil)
	moved := cfg
	moved.RootKeys.File = filepath.Join(t.TempDir(), "new.key")
	rekey(t, sealing.RekeyConfig{Data: cfg.Data, Keys: moved.RootKeys, Old: sealing.RootKeys{File: sealing.RootKeyFile(cfg.Data)}})
	want(moved, ".sealed")
	unreadable(t, cfg, "give it too")
	// The key is another one too: the one of before opens nothing.
	after := exchange(key, before)
	unreadable(t, cfg, "line 1: it was changed, or is from another file or trail")
	exchange(key, after)

	file := trailFiles(t, cfg.Data, "")[1] // of changes
	changed := exchange(file, nil)
	changed[40] ^= 1
	exchange(file, changed)
	if _, err := sealing.Rekey(t.Context(), sealing.RekeyConfig{Data: cfg.Data, Keys: moved.RootKeys, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "move the file away") {
		t.Errorf("a trail that can't be read was rekeyed: %v", err)
	}
	wantNothingLeft(t, cfg.Data)
}

func TestRekeyedTrailInTheClear(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
	trail := readTrail(t, cfg)
	for _, how := range []string{SealingOff, SealingOff, SealingOn} {
		rekey(t, sealing.RekeyConfig{Data: cfg.Data, Off: how == SealingOff})
		if got := readTrail(t, cfg); got != trail {
			t.Errorf("read\n%s\nwant\n%s", got, trail)
		}
		plain := len(trailFiles(t, cfg.Data, ".jsonl")) == 3
		if plain != (how == SealingOff) || exists(trailKey(cfg.Data)) == plain || len(trailFiles(t, cfg.Data, "")) != 3 {
			t.Errorf("with sealing %s there is %v", how, trailFiles(t, cfg.Data, ""))
		}
	}
}
