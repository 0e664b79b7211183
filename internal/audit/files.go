package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	Key      *Key          // seals them; nil: they are in the clear
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
	torn  bool // there may be a part of a line after size
	room  room
}

// fileName is the name of a file: audit-20260301T120000.000Z.jsonl, or with
// .sealed, by when it was begun.
type fileName struct {
	began  time.Time
	sealed bool
}

const (
	namePrefix   = "audit-"
	plainSuffix  = ".jsonl"
	sealedSuffix = ".sealed"
	nameTime     = "20060102T150405.000Z"
)

func (n fileName) String() string {
	suffix := plainSuffix
	if n.sealed {
		suffix = sealedSuffix
	}
	return namePrefix + n.began.Format(nameTime) + suffix
}

func parseName(text string) (n fileName, ok bool) {
	began, ok := strings.CutSuffix(text, sealedSuffix)
	n.sealed = ok
	if !ok {
		began = strings.TrimSuffix(text, plainSuffix)
	}
	var err error
	n.began, err = time.Parse(namePrefix+nameTime, began)
	return n, err == nil && n.String() == text
}

// listFiles gives the files of a folder, in order.
func listFiles(dir string) ([]fileName, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the files of the trail: %w", err)
	}
	var all []fileName
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b fileName) int { return a.began.Compare(b.began) })
	return all, nil
}

// Sealed tells whether a folder has sealed files.
func Sealed(dir string) (bool, error) {
	all, err := listFiles(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return slices.ContainsFunc(all, func(n fileName) bool { return n.sealed }), err
}

// openFiles goes on in the newest file, or begins the first one.
func openFiles(c Files, now func() time.Time, log *slog.Logger) (*files, error) {
	f := &files{Files: c, now: now, log: log}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the trail: %w", err)
	}
	all, err := listFiles(c.Dir)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return f, f.begin()
	}
	newest := all[len(all)-1]
	if err := f.open(newest, os.O_RDWR); err != nil {
		return nil, err
	}
	if err := f.mend(); err != nil {
		return nil, errors.Join(err, f.file.Close())
	}
	if newest.sealed != (f.Key != nil) {
		if err := f.begin(); err != nil {
			return nil, errors.Join(err, f.file.Close())
		}
	}
	return f, nil
}

// begin makes a new file, and deletes those that are too many.
func (f *files) begin() error {
	name := fileName{f.now().UTC().Truncate(time.Millisecond), f.Key != nil}
	if !name.began.After(f.began) { // the clock was set back; names stay in order
		name.began = f.began.Add(time.Millisecond)
	}
	if err := f.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	all, err := listFiles(f.Dir)
	if err != nil {
		return err
	}
	for _, old := range all[:max(0, len(all)-f.Keep)] {
		// A file that stays costs room and no record.
		if err := os.Remove(filepath.Join(f.Dir, old.String())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("delete an old file of the audit trail", "cause", err)
		}
	}
	return nil
}

// open makes a file the one that is written.
func (f *files) open(name fileName, flags int) error {
	file, err := os.OpenFile(filepath.Join(f.Dir, name.String()), flags|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open a file of the trail: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open a file of the trail: %w", err), file.Close())
	}
	if f.file != nil {
		if err := f.close(); err != nil {
			f.log.Warn("close a file of the audit trail", "cause", err)
		}
	}
	f.file, f.began, f.size = file, name.began, info.Size()
	return nil
}

// mend takes away the part of a line that a crash left at the end of the file.
func (f *files) mend() error {
	whole, err := wholeLines(f.file, f.size)
	if err != nil {
		return fmt.Errorf("read the end of a file of the trail: %w", err)
	}
	f.torn = whole < f.size
	f.size = whole
	return f.cut()
}

// wholeLines is how many bytes of a file are whole lines.
func wholeLines(file io.ReaderAt, size int64) (int64, error) {
	var block [32 << 10]byte
	for size > 0 {
		b := block[:min(size, int64(len(block)))]
		size -= int64(len(b))
		if _, err := file.ReadAt(b, size); err != nil {
			return 0, err
		}
		if end := bytes.LastIndexByte(b, '\n'); end >= 0 {
			return size + int64(end) + 1, nil
		}
	}
	return 0, nil
}

// cut takes away what may stand after the whole lines.
func (f *files) cut() error {
	if !f.torn {
		return nil
	}
	if err := f.file.Truncate(f.size); err != nil {
		return fmt.Errorf("cut half a line off a file of the trail: %w", err)
	}
	f.torn = false
	return nil
}

// write implements sink. It takes all or nothing.
func (f *files) write(_ context.Context, lines []byte) (int, error) {
	if err := f.cut(); err != nil {
		return 0, err
	}
	packed := f.pack(lines)
	size := len(packed)
	if f.Key != nil {
		size = sealedLen(size)
	}
	if f.size > 0 && (f.size+int64(size) > f.BytesMax || f.now().Sub(f.began) >= f.AgeMax) {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	if err := f.add(packed); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// pack gives lines as add takes them.
func (f *files) pack(lines []byte) []byte {
	if f.Key == nil {
		return lines
	}
	return f.room.pack(lines)
}

// add appends what was packed to the file.
func (f *files) add(packed []byte) error {
	line := packed
	if f.Key != nil {
		line = f.Key.seal(&f.room, place{filepath.Base(f.file.Name()), f.size}, packed)
	}
	n, err := f.file.Write(line)
	if err != nil {
		f.torn = n > 0
		return err
	}
	f.size += int64(n)
	return nil
}

// close implements sink.
func (f *files) close() error { return errors.Join(f.file.Sync(), f.file.Close()) }
