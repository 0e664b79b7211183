//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize is that of standard output; 0: nobody knows.
func terminalSize() (width, height int) {
	size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
