package server

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/internal/audit"
	"heddle/internal/engine"
	"heddle/internal/lambda"
	"heddle/internal/matching"
)

// TestFailedStart fails late: what was started before is stopped, so that a start on
// the same folder and port succeeds when the cause is mended.
func TestFailedStart(t *testing.T) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listen: port.Addr().String(), Data: t.TempDir(), Lambda: lambda.Options{Endpoint: "http://127.0.0.1:1"}}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	file := CredentialsFile(cfg.Data)
	if err := errors.Join(os.Chmod(cfg.Data, 0o700), os.WriteFile(file, []byte("[default]\nnonsense"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), filepath.Base(file)) {
			t.Fatalf("started: %v, %v", s, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(gone, cfg); !errors.Is(err, context.Canceled) {
		t.Fatalf("started in a context that is over: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	closeServer(t, start(t, cfg))
}

// TestAfterTheEnd asks a server that was closed, and closed again. Everybody gets an
// answer.
func TestAfterTheEnd(t *testing.T) {
	cfg := onDisk(t)
	cfg.Lambda.Endpoint = "http://127.0.0.1:1"
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
	closeServer(t, s)
	if claim, err := s.matcher.Poll(t.Context(), "l", matching.Poller{}); claim != nil || err != nil {
		t.Errorf("poll: %v, %v", claim, err)
	}
	if _, err := s.node.Do(t.Context(), engine.Command{Name: engine.Name{Kind: "x"}}); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("command: %v", err)
	}
	s.auditor.Record(&audit.Call{})
	if err := errors.Join(s.auditor.Stop(t.Context()), s.performers.Stop(t.Context()), s.node.Stop(t.Context())); err != nil {
		t.Error(err)
	}
}
