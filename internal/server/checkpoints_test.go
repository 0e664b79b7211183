package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/internal/backup"
	"heddle/internal/sealing"
	"heddle/internal/service"
)

// TestCheckpointsEnd holds that there is one checkpoint at a time, for as long as it is kept, that
// it can be read meanwhile, and that none outlasts the server.
func TestCheckpointsEnd(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cfg := Config{Listen: "127.0.0.1:0", Data: data, Auth: AuthNone}
	left := filepath.Join(CheckpointDir(data), "left", "file")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o700), os.Chmod(data, 0o700), os.WriteFile(left, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg)
	if _, err := os.Stat(CheckpointDir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("what a killed server has left is there: %v", err)
	}
	register(t, s)
	c := s.checkpoints
	passed := time.Duration(0)
	pass := func(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); passed += d }
	c.mu.Lock() // its loop may look
	c.since = func() time.Duration { return passed }
	c.mu.Unlock()
	first, err := c.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context()); !errors.Is(err, service.ErrNoCheckpoint) || !strings.Contains(err.Error(), "somebody backs the store up") {
		t.Errorf("a second one: %v", err)
	}
	if !c.held() {
		t.Error("blobs are swept while there is a checkpoint")
	}
	mustCall(t, s, "StartWorkflowExecution", startOrder) // which is not in it
	o, err := OpenCheckpoint(t.Context(), data, first.Name, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	found, err := o.Check(t.Context())
	if err != nil || len(found.Wrong) > 0 || found.Open != 2 { // domains, and the types of one
		t.Errorf("%+v, %v", found, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	pass(checkpointLease - 1)
	c.look()
	if _, ok := c.Keep(first.Name); !ok {
		t.Fatal("it is gone before its time")
	}
	pass(checkpointLease - 1)
	c.look()
	if _, ok := c.Keep("another"); ok || !c.held() {
		t.Fatal("it is gone though it was kept")
	}
	pass(1)
	c.look()
	if _, ok := c.Keep(first.Name); ok || c.held() || c.Delete(first.Name) {
		t.Error("it is there after its time")
	}
	if _, err := os.Stat(CheckpointDir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its files are there: %v", err)
	}
	second, err := c.Create(t.Context())
	if err != nil || !c.Delete(second.Name) || c.held() {
		t.Fatal("it can't be deleted", err)
	}
	if _, err := c.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	used, err := overview{s}.DiskUsage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]service.DiskUse{}
	for _, u := range used.Uses {
		sums[u.Name] = u
	}
	if sums[logsThing].Bytes == 0 || !strings.Contains(sums[logsThing].Explanation, "1 that a start would read") || sums["audit"].Files == 0 || sums["checkpoints"].Files == 0 || sums["others"].Files == 0 {
		t.Errorf("%+v", used)
	}
	closeServer(t, s)
	if _, err := os.Stat(CheckpointDir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the server's end: %v", err)
	}

	// A backup that is not all there starts no server, and is not checked.
	if err := os.Mkdir(filepath.Join(data, backup.UnfinishedName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, backup.ErrUnfinished) {
		t.Errorf("start: %v", err)
	}
	if _, err := OpenOffline(t.Context(), data, sealing.RootKeys{}, slog.New(slog.DiscardHandler)); !errors.Is(err, backup.ErrUnfinished) {
		t.Errorf("check: %v", err)
	}
}

// TestCheckpointsWantAPermission, and are for the server's own account.
func TestCheckpointsWantAPermission(t *testing.T) {
	h := newHarness(t) // its store is in memory
	reader := h.user("reader", `{"Effect":"Allow","Action":"heddle:GetServerStatus","Resource":"*"}`)
	for _, action := range []string{"CreateCheckpoint", "GetDiskUsage"} {
		h.refused("AccessDeniedException", h.operator(reader, action, `{}`))
	}
	for _, action := range []string{"KeepCheckpoint", "DeleteCheckpoint"} {
		h.refused("AccessDeniedException", h.operator(reader, action, `{"checkpoint":"x"}`))
		h.refused("ResourceNotFoundException", h.operator(h.root, action, `{"checkpoint":"x"}`))
	}
	h.refused("CheckpointUnavailableException", h.operator(h.root, "CreateCheckpoint", `{}`))
	if got := h.must(h.operator(h.root, "GetDiskUsage", `{}`)); !strings.HasPrefix(got, `{"uses":[],"serverTimestamp":`) {
		t.Errorf("of a store in memory: %s", got)
	}
}
