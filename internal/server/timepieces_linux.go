package server

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// uptime is how long the machine has been up, sleep included; 0: not known.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// bootName names the present boot.
func bootName() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // then nobody knows how long the server was down
	}
	return strings.TrimSpace(string(b))
}
