package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files are where lines go, oldest to newest by their names; the newest is being
// written.
type Files struct {
	Dir      string        // made if it is not there
	BytesMax int64         // of one file
	AgeMax   time.Duration // of one file; a record that comes later begins another
	Keep     int           // how many files there are at most
}

// files writes them.
type files struct {
	Files
	now func() time.Time
	log *slog.Logger

	file  *os.File
	began time.Time
	size  int64
	torn  bool // the last line is not whole
}

// Names of files: audit-20260301T120000.000Z.jsonl, by when they were begun.
const (
	namePrefix = "audit-"
	nameSuffix = ".jsonl"
	nameTime   = "20060102T150405.000Z"
)

func nameOf(began time.Time) string { return namePrefix + began.Format(nameTime) + nameSuffix }

// beganOf reads the time from a file's name.
func beganOf(name string) (time.Time, bool) {
	text, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return time.Time{}, false
	}
	if text, ok = strings.CutSuffix(text, nameSuffix); !ok {
		return time.Time{}, false
	}
	began, err := time.Parse(nameTime, text)
	return began, err == nil && nameOf(began) == name
}

// openFiles goes on in the newest file, or begins the first one.
func openFiles(c Files, now func() time.Time, log *slog.Logger) (*files, error) {
	f := &files{Files: c, now: now, log: log}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the trail: %w", err)
	}
	all, err := f.list()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return f, f.begin()
	}
	return f, f.open(all[len(all)-1], os.O_RDWR)
}

// list gives when the files were begun, in order.
func (f *files) list() ([]time.Time, error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the files of the trail: %w", err)
	}
	var all []time.Time
	for _, e := range entries {
		if began, ok := beganOf(e.Name()); ok {
			all = append(all, began)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all, nil
}

// begin makes a new file, and deletes those that are too many.
func (f *files) begin() error {
	began := f.now().UTC().Truncate(time.Millisecond)
	if !began.After(f.began) { // the clock was set back; names stay in order
		began = f.began.Add(time.Millisecond)
	}
	if err := f.open(began, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	all, err := f.list()
	if err != nil {
		return err
	}
	for _, old := range all[:max(0, len(all)-f.Keep)] {
		// A file that stays costs room and no record.
		if err := os.Remove(filepath.Join(f.Dir, nameOf(old))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("delete an old file of the audit trail", "cause", err)
		}
	}
	return nil
}

// open goes on in the file that was begun at a time. If a crash left half a line
// there, the next one does not continue it.
func (f *files) open(began time.Time, flags int) error {
	name := filepath.Join(f.Dir, nameOf(began))
	file, err := os.OpenFile(name, flags|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open a file of the trail: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open a file of the trail: %w", err), file.Close())
	}
	size := info.Size()
	if size > 0 {
		var last [1]byte
		if _, err := file.ReadAt(last[:], size-1); err != nil {
			return errors.Join(fmt.Errorf("read the end of %q: %w", name, err), file.Close())
		}
		if last[0] != '\n' {
			if _, err := file.Write([]byte{'\n'}); err != nil {
				return errors.Join(fmt.Errorf("end a line of %q: %w", name, err), file.Close())
			}
			size++
		}
	}
	if f.file != nil {
		if err := f.close(); err != nil {
			f.log.Warn("close a file of the audit trail", "cause", err)
		}
	}
	f.file, f.began, f.size = file, began, size
	return nil
}

// write implements sink.
func (f *files) write(_ context.Context, lines []byte) (int, error) {
	if !f.torn && f.size > 0 && (f.size+int64(len(lines)) > f.BytesMax || f.now().Sub(f.began) >= f.AgeMax) {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(lines)
	f.size += int64(n)
	if n > 0 {
		f.torn = lines[n-1] != '\n'
	}
	return n, err
}

// close implements sink.
func (f *files) close() error { return errors.Join(f.file.Sync(), f.file.Close()) }
