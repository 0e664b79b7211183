package pebblestore

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLogger hears what Pebble has to say and passes on the errors.
type pebbleLogger struct{ log *slog.Logger }

var _ pebble.Logger = pebbleLogger{}

func (l pebbleLogger) Infof(format string, args ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}

// Fatalf ends the process. Pebble calls it when a write or a sync of its log
// failed, and would take the commit for written if it returned.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.log.Error("store: the process ends, since what is on disk is not known: " + fmt.Sprintf(format, args...))
	os.Exit(1)
}

func (l pebbleLogger) listener() *pebble.EventListener {
	return &pebble.EventListener{
		// The read that met it returns an error; Pebble's own choice would be to
		// end the process, and one bad block is no reason for that.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			l.log.Error("store: damaged file", "path", info.Path, "cause", info.Details)
		},
		LowDiskSpace: func(info pebble.LowDiskSpaceInfo) {
			l.log.Warn("store: little disk space left", "availableBytes", info.AvailBytes, "totalBytes", info.TotalBytes)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			l.log.Warn("store: writes wait for the disk", "cause", info.Reason)
		},
	}
}
