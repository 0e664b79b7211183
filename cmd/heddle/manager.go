package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tell tells the service manager that started the process, if one did and wants to know, how it is.
func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("tell the service manager", "state", state, "cause", err)
	}
}

// keepAlive tells the service manager that the process lives, twice as often as it wants to
// hear of it, until ctx ends.
func keepAlive(ctx context.Context, log *slog.Logger) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("WATCHDOG_USEC is not understood: the service manager will take the server for dead", "cause", err)
	}
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			tell(log, daemon.SdNotifyWatchdog)
		case <-ctx.Done():
			return
		}
	}
}
