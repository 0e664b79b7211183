package blobtest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/blob"
	"heddle/internal/blob/dir"
)

// Files gives a folder's shelf the files of a disk in memory, as Pebble has them.
// Since those have no times that can be set, it keeps them itself: after a power cut,
// which is another Files over a crashed disk, all times are lost.
func Files(disk vfs.FS) dir.Files {
	return &files{disk: disk, times: map[string]time.Time{}}
}

type files struct {
	disk  vfs.FS
	mu    sync.Mutex
	times map[string]time.Time
}

func (f *files) Create(path string) (dir.File, error) {
	if _, err := f.disk.Stat(path); err == nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	file, err := f.disk.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	return written{file}, err
}

// written is a file that leaves what is written to it as it is, as an io.Writer must, and a
// vfs.File need not.
type written struct{ vfs.File }

func (w written) Write(p []byte) (int, error) { return w.File.Write(bytes.Clone(p)) }

func (w written) WriteAt(p []byte, offset int64) (int, error) {
	return w.File.WriteAt(bytes.Clone(p), offset)
}

func (f *files) Open(path string) (dir.File, error) { return f.disk.Open(path) }

func (f *files) Mkdir(path string) error {
	if _, err := f.disk.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	return f.disk.MkdirAll(path, 0o700)
}

func (f *files) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.disk.Rename(from, to); err != nil {
		return err
	}
	f.times[to] = f.times[from]
	delete(f.times, from)
	return nil
}

func (f *files) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.times, path)
	return f.disk.Remove(path)
}

func (f *files) List(path string) ([]string, error) { return f.disk.List(path) }

func (f *files) Stat(path string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := f.disk.Stat(path)
	if err != nil {
		return nil, err
	}
	return timed{info, f.times[path]}, nil
}

type timed struct {
	fs.FileInfo
	at time.Time
}

func (t timed) ModTime() time.Time { return t.at }

func (f *files) SetTime(path string, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times[path] = at
	return nil
}

func (f *files) SyncDir(path string) error {
	d, err := f.disk.OpenDir(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		_ = d.Close()
		return err
	}
	return d.Close()
}

func (f *files) Lock(path string) (io.Closer, error) {
	lock, err := f.disk.Lock(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", blob.ErrHeld, err)
	}
	return lock, nil
}
