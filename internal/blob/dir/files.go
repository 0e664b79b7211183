package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// Files is what a shelf needs of a file system. Errors for what is not there are
// fs.ErrNotExist.
type Files interface {
	// Create makes a file that must not exist, for its owner's eyes only.
	Create(path string) (File, error)
	// Open opens a file for reading.
	Open(path string) (File, error)
	// Mkdir makes a folder, for its owner's eyes only; one that exists will do.
	Mkdir(path string) error
	// Rename takes the place of a file that is there.
	Rename(from, to string) error
	Remove(path string) error
	// List gives the names in a folder, in any order.
	List(path string) ([]string, error)
	Stat(path string) (fs.FileInfo, error)
	// SetTime sets the time of a file's last change, which a sync of the file makes
	// durable.
	SetTime(path string, at time.Time) error
	// SyncDir makes durable which files are in a folder.
	SyncDir(path string) error
	// Lock locks a file, which it makes. Errors: blob.ErrHeld.
	Lock(path string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Sync() error
}

// disk is the system's files.
type disk struct{}

func (disk) Create(path string) (File, error) {
	return opened(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))
}

func (disk) Open(path string) (File, error) { return opened(os.Open(path)) }

// opened keeps a nil file from becoming a File.
func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (disk) Mkdir(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

func (disk) Rename(from, to string) error { return os.Rename(from, to) }
func (disk) Remove(path string) error     { return os.Remove(path) }

func (disk) List(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (disk) Stat(path string) (fs.FileInfo, error)   { return os.Stat(path) }
func (disk) SetTime(path string, at time.Time) error { return os.Chtimes(path, at, at) }

func (disk) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be opened there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (disk) Lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
