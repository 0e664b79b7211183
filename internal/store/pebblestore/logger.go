package pebblestore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLogger hears what Pebble has to say and passes on the errors.
type pebbleLogger struct {
	log     *slog.Logger
	exit    func(code int)
	stalled func()
}

var _ pebble.Logger = pebbleLogger{}

func (l pebbleLogger) Infof(format string, args ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}

// Fatalf ends the process. Pebble calls it when a write or a sync of its log
// failed, and would take the commit for written if it returned.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.log.Error("store: the process ends, since what is on disk is not known: " + fmt.Sprintf(format, args...))
	l.exit(1)
}

// backgroundErrorsMax is how often a flush or compaction may fail in a row. Pebble
// tries again at once, for ever; a supervisor's restart is slower and is noticed.
const backgroundErrorsMax = 100

func (l pebbleLogger) listener() *pebble.EventListener {
	var failures atomic.Int32
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			n := failures.Add(1)
			if n == 1 {
				l.log.Error("store: flush or compaction failed; trying again", "cause", err)
			}
			if n >= backgroundErrorsMax || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS) {
				l.log.Error("store: the process ends, since flushes and compactions can't be written; mend the disk and start again", "cause", err)
				l.exit(1)
			}
		},
		FlushEnd: func(info pebble.FlushInfo) {
			if info.Err == nil {
				failures.Store(0)
			}
		},
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
			l.stalled()
		},
	}
}
