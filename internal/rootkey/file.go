package rootkey

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// fileBytesMax is far above what any file of root keys has.
const fileBytesMax = 64 << 10

// ReadFile reads the text of a file. It refuses one that others may read.
func ReadFile(path string) (string, error) {
	text, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("read root key %q: %w", path, err)
	}
	return text, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("mode %04o lets others read it; chmod it to 0600", mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax))
	return string(text), err
}

// CreateFile writes a new file, for its owner's eyes only. The file is there as
// a whole or not at all, even after a power cut, and never replaces another:
// fs.ErrExist.
func CreateFile(path, text string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make root key %q: %w", path, err)
		}
	}()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".root.key-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be opened there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
