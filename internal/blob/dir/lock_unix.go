//go:build unix

package dir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"heddle/internal/blob"
)

// lock locks a file until it is closed, against this process too.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w; stop it, or give another folder", blob.ErrHeld)
	}
	if err != nil {
		return fmt.Errorf("lock %q: %w", f.Name(), err)
	}
	return nil
}
