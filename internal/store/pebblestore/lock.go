package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
)

// holderFile tells who has the lock. It is only for the words of an error: the
// lock itself is Pebble's, and the kernel drops it when the process ends.
const holderFile = "HOLDER"

// locked are the directories that this process has on the system's disk. It asks
// here first, since the system forgets all of a process's locks of a file when the
// process closes any descriptor of it.
var locked sync.Map

// directoryLock keeps other processes out of a directory.
type directoryLock struct {
	files  vfs.FS
	dir    string
	lock   *pebble.Lock
	shared bool
}

// lockDirectory locks a directory: for this process alone, or shared with others
// that read. Shared, it writes nothing.
func lockDirectory(files vfs.FS, dir string, shared bool) (_ *directoryLock, err error) {
	if files == vfs.Default {
		if _, ours := locked.LoadOrStore(dir, true); ours {
			return nil, heldBy(os.Getpid())
		}
		defer func() {
			if err != nil {
				locked.Delete(dir)
			}
		}()
	}
	l := &directoryLock{files: files, dir: dir, shared: shared}
	if shared {
		files = sharing{files}
	}
	l.lock, err = pebble.LockDirectory(dir, files)
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return nil, err // the lock could not be asked for
	}
	if err != nil {
		pid, _ := l.readHolder() // without it the error says less
		return nil, heldBy(pid)
	}
	if shared {
		return l, nil
	}
	if err := l.writeHolder(); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func heldBy(pid int) error {
	who := ""
	if pid != 0 {
		who = fmt.Sprintf(", process %d", pid)
	}
	return fmt.Errorf("%w%s; stop it, or give another --data", store.ErrHeld, who)
}

// release lets others in. Errors are of no use: the process is about to end, or
// has not begun.
func (l *directoryLock) release() {
	if !l.shared {
		_ = l.files.Remove(l.holder())
	}
	_ = l.lock.Close()
	if l.files == vfs.Default {
		locked.Delete(l.dir)
	}
}

func (l *directoryLock) holder() string { return l.files.PathJoin(l.dir, holderFile) }

func (l *directoryLock) writeHolder() error {
	f, err := l.files.Create(l.holder(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, strconv.Itoa(os.Getpid())+"\n")
	return errors.Join(err, f.Close())
}

func (l *directoryLock) readHolder() (int, error) {
	f, err := l.files.Open(l.holder())
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

// sharing are files whose lock is for reading: many may have it, and while one
// does nobody has the other. A directory without a lock file is a copy that nobody
// has opened, and is read without a lock.
type sharing struct{ vfs.FS }

func (sharing) Lock(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	if err != nil {
		return nil, err
	}
	if err := lockShared(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
