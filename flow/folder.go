package flow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder is [Blobs] in a folder that all workers and starters see: KEY lies in KEY[:2]/KEY below
// it. The folder is made when needed. Nothing is deleted: do so when retention is over, by the files' times.
type Folder string

// Put implements [Blobs]. When it returns, the text is on the disk.
func (f Folder) Put(_ context.Context, key, text string) error {
	name, err := f.file(key)
	if err != nil {
		return err
	}
	if err := os.Chtimes(name, time.Time{}, time.Now()); err == nil {
		return nil // it is as new: another execution needs it for as long
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err == nil {
		err = syncFolders(dir, string(f))
	}
	return err
}

// syncFolders makes names last.
func syncFolders(names ...string) error {
	for _, name := range names {
		d, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Get implements [Blobs].
func (f Folder) Get(_ context.Context, key string) (string, error) {
	name, err := f.file(key)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("folder %s has no blob %s: was it deleted before its execution's retention was over, or is this another folder?", string(f), key)
	}
	return string(text), err
}

func (f Folder) file(key string) (string, error) {
	if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
		return "", fmt.Errorf("blob %q: want a hexadecimal SHA-256", key)
	}
	return filepath.Join(string(f), key[:2], key), nil
}
