package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
)

// holderFile tells who has the lock. It is only for the words of an error: the
// lock itself is Pebble's, and the kernel drops it when the process ends.
const holderFile = "HOLDER"

// directoryLock keeps other processes out of a directory.
type directoryLock struct {
	files  vfs.FS
	lock   *pebble.Lock
	holder string // path of the holder file
}

func lockDirectory(files vfs.FS, dir string) (*directoryLock, error) {
	holder := files.PathJoin(dir, holderFile)
	lock, err := pebble.LockDirectory(dir, files)
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return nil, err // the lock file could not even be made
	}
	if err != nil {
		who := "another process"
		if pid, err := readHolder(files, holder); err == nil {
			who = fmt.Sprintf("process %d", pid)
		}
		return nil, fmt.Errorf("locked by %s; stop it, or give another --data: %w", who, store.ErrHeld)
	}
	l := &directoryLock{files: files, lock: lock, holder: holder}
	if err := writeHolder(files, holder); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// release lets others in. Errors are of no use: the process is about to end, or
// has not begun.
func (l *directoryLock) release() {
	_ = l.files.Remove(l.holder)
	_ = l.lock.Close()
}

func writeHolder(files vfs.FS, path string) error {
	f, err := files.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, strconv.Itoa(os.Getpid())+"\n")
	return errors.Join(err, f.Close())
}

func readHolder(files vfs.FS, path string) (int, error) {
	f, err := files.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
