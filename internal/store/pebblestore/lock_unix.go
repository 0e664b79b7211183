//go:build unix

package pebblestore

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lockShared locks a file against the lock that Pebble takes. An fs.PathError says
// that the file system has no locks.
func lockShared(f *os.File) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart})
	if err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return err
	}
	return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
}
