package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is how long the machine has been up, sleep included (which this system's
// monotonic clock counts, and Go's does not); 0: not known.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// bootName names the present boot.
func bootName() string {
	name, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "" // then nobody knows how long the server was down
	}
	return name
}
