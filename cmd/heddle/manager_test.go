package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// TestServiceManagerHears: who started the process hears that it is ready, and lives, until
// it ends.
func TestServiceManagerHears(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	hears := func(want string) {
		t.Helper()
		var b [100]byte
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(b[:])
		if err != nil || string(b[:n]) != want {
			t.Fatalf("heard %q and %v, want %q", b[:n], err, want)
		}
	}
	tell(slog.Default(), daemon.SdNotifyReady) // to nobody
	t.Setenv("NOTIFY_SOCKET", address)
	tell(slog.Default(), daemon.SdNotifyReady)
	hears("READY=1")
	keepAlive(t.Context(), slog.Default()) // nobody waits for it
	t.Setenv("WATCHDOG_USEC", "2000")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepAlive(ctx, slog.Default())
	}()
	for range 3 {
		hears("WATCHDOG=1")
	}
	cancel()
	<-ended
}
