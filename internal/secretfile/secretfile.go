// Package secretfile writes and reads small files that hold secrets. A file is for
// its owner's eyes only, and is there as a whole or not at all, even after a power
// cut: it is written beside its place, synced, put there in one step, and its folder
// is synced too. A failure leaves nothing half-written behind; a kill or a power cut may
// leave a file whose name begins with a dot, which Tidy removes at the next start. It also
// looks at the folder that holds all that a server keeps: CheckFolder.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Create writes a new file, and its folder if there is none. It never takes
// another's place: fs.ErrExist.
func Create(path string, text []byte) error { return write(path, text, 0o600, os.Link) }

// Replace writes a file, and its folder if there is none. It takes the place of the
// one before.
func Replace(path string, text []byte) error { return write(path, text, 0o600, os.Rename) }

// ReplacePublic is Replace for what all may read, such as a certificate beside its
// key.
func ReplacePublic(path string, text []byte) error { return write(path, text, 0o644, os.Rename) }

func write(path string, text []byte, mode fs.FileMode, put func(from, to string) error) error {
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if mode != 0o600 {
		err = errors.Join(err, f.Chmod(mode))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = put(f.Name(), path)
	}
	if removed := os.Remove(f.Name()); !errors.Is(removed, fs.ErrNotExist) { // a rename has left none
		err = errors.Join(err, removed)
	}
	if err != nil {
		return err
	}
	return SyncDir(dir)
}

// makeDir makes a folder, and those above it, for their owner only.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // somebody else was as quick
		return err
	}
	return SyncDir(above)
}

// SyncDir makes what was renamed, made or deleted in a folder outlast a power cut,
// where the system can.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be opened there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// bytesMax is far above what any of these files has; the rest is not read.
const bytesMax = 64 << 10

// Read reads a file. It refuses one that others may read, as PostgreSQL does: it is for its owner
// alone or, if it is the system's, for one group too, as what is mounted into a container.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	owner, known := ownerOf(info)
	if mode := info.Mode().Perm(); !isPrivate(mode, known && owner == 0) && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("mode %04o lets others read it; chmod it to 0600, or to 0640 if it belongs to root and this runs in its group", mode)
	}
	return io.ReadAll(io.LimitReader(f, bytesMax))
}

// isPrivate tells whether a file of a mode is for few enough.
func isPrivate(mode fs.FileMode, ofRoot bool) bool {
	if ofRoot {
		return mode&0o037 == 0
	}
	return mode&0o077 == 0
}
