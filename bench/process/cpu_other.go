//go:build !linux

package process

import (
	"errors"
	"time"
)

// processorTime is known only where the other figures of a process are, on Linux.
func processorTime(int) (time.Duration, error) {
	return 0, errors.New("a process's usage is read on Linux only")
}
