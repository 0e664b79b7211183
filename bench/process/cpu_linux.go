package process

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is the processor time that a process has used, to the nanosecond: /proc/PID/stat
// tells it in ticks of 10 ms, which what an idle server does in a second does not fill.
func processorTime(pid int) (time.Duration, error) {
	var used unix.Timespec
	// The clock of a process's processor time, as clock_getcpuclockid of the C library makes it.
	err := unix.ClockGettime(int32(^pid<<3|2), &used)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESRCH) {
		return 0, os.ErrNotExist // the process has ended
	}
	return time.Duration(used.Nano()), err
}
