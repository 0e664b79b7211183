package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/secretfile"
)

// Files are where lines go, oldest to newest by their names; the newest of each kind
// is being written.
type Files struct {
	Dir string // made if it is not there
	// Account is in the names of the files: those of one account take no room from those of
	// another. Empty: they have none in their names, which are those of the default account.
	Account  string
	Key      *Key          // seals them; nil: they are in the clear
	BytesMax int64         // of one file
	AgeMax   time.Duration // of one file; a record that comes later begins another
	Keep     int           // how many files of a kind there are at most
	// ChangesAge is how long a record of a change is kept at least, whatever Keep says.
	ChangesAge time.Duration
	// ChangesRoom is how many bytes the files of changes have at most; at least
	// BytesMax times Keep. When it is used up by files that are not old enough to go, changes
	// are refused.
	ChangesRoom int64
	// Confirmed is a time that nobody doubts, by which files of changes are old enough.
	Confirmed func() time.Time
}

// files writes those of one kind.
type files struct {
	Files
	kind Kind
	now  func() time.Time
	log  *slog.Logger

	ready bool // it is open: Confirmed may be asked

	file    *os.File
	began   time.Time
	size    int64
	torn    bool // there may be something after size
	nameNew bool // the folder was not synced since the file was made
	room    room

	tidying sync.Mutex   // one looks at the other files at a time, and file stays meanwhile
	used    atomic.Int64 // bytes of all files of the kind
	deleted atomic.Int64 // files
}

// fileName is the name of a file: audit-changes-20260301T120000.000Z.jsonl, or with
// .sealed, by its kind and when it was begun; audit-111122223333-changes-… of an account
// that is not the default one.
type fileName struct {
	kind    Kind
	began   time.Time
	sealed  bool
	account string
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
	prefix := namePrefix
	if n.account != "" {
		prefix += n.account + "-"
	}
	if n.kind != unsorted {
		prefix += n.kind.String() + "-"
	}
	return prefix + n.began.Format(nameTime) + suffix
}

func parseName(text string) (n fileName, ok bool) {
	began, ok := strings.CutSuffix(text, sealedSuffix)
	n.sealed = ok
	if !ok {
		began = strings.TrimSuffix(text, plainSuffix)
	}
	began = strings.TrimPrefix(began, namePrefix)
	if account, rest, ok := strings.Cut(began, "-"); ok && len(account) == 12 && strings.Trim(account, "0123456789") == "" {
		n.account, began = account, rest
	}
	for n.kind = range Kind(kinds) {
		if rest, ok := strings.CutPrefix(began, n.kind.String()+"-"); ok {
			began = rest
			break
		}
		n.kind = unsorted
	}
	var err error
	n.began, err = time.Parse(nameTime, began)
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
	slices.SortStableFunc(all, func(a, b fileName) int {
		return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.kind, b.kind), cmp.Compare(a.account, b.account))
	})
	return all, nil
}

// row is what files follow each other in: those of an account that have a kind.
type row struct {
	account string
	kind    Kind
}

func (n fileName) row() row { return row{n.account, n.kind} }

// in are the files of a list that are of a row, in order.
func in(all []fileName, r row) []fileName {
	var some []fileName
	for _, n := range all {
		if n.row() == r {
			some = append(some, n)
		}
	}
	return some
}

// Sealed tells whether a folder has sealed files.
func Sealed(dir string) (bool, error) {
	all, err := listFiles(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return slices.ContainsFunc(all, func(n fileName) bool { return n.sealed }), err
}

// openFiles goes on in the newest file of a kind, or begins the first one.
func openFiles(c Files, kind Kind, now func() time.Time, log *slog.Logger) (*files, error) {
	f := &files{Files: c, kind: kind, now: now, log: log}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the trail: %w", err)
	}
	if err := secretfile.SyncDir(filepath.Dir(c.Dir)); err != nil {
		return nil, fmt.Errorf("sync the folder of the trail: %w", err)
	}
	all, err := listFiles(c.Dir)
	if err != nil {
		return nil, err
	}
	own := in(all, row{c.Account, kind})
	defer func() { f.ready = true }()
	if len(own) == 0 {
		return f, f.begin()
	}
	newest := own[len(own)-1]
	if err := f.open(newest, os.O_RDWR); err != nil {
		return nil, err
	}
	f.nameNew = true // nobody knows whether a crash came before the folder was synced
	err = f.mend()
	if err == nil && newest.sealed != (f.Key != nil) {
		err = f.begin()
	}
	if err == nil {
		err = f.tidy()
	}
	if err != nil {
		return nil, errors.Join(err, f.file.Close())
	}
	return f, nil
}

// begin makes a new file, and deletes those that are too many.
func (f *files) begin() error {
	name := fileName{f.kind, f.now().UTC().Truncate(time.Millisecond), f.Key != nil, f.Account}
	if !name.began.After(f.began) { // the clock was set back; names stay in order
		name.began = f.began.Add(time.Millisecond)
	}
	if err := f.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	f.nameNew = true
	return errors.Join(f.syncName(), f.tidy())
}

// syncName makes the name of a new file outlast a power cut.
func (f *files) syncName() error {
	if !f.nameNew {
		return nil
	}
	if err := secretfile.SyncDir(f.Dir); err != nil {
		return fmt.Errorf("sync the folder of the trail: %w", err)
	}
	f.nameNew = false
	return nil
}

// tidy deletes files that are too many, and old enough, and adds up the others.
func (f *files) tidy() error {
	f.tidying.Lock()
	defer f.tidying.Unlock()
	all, err := listFiles(f.Dir)
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(n fileName) bool {
		return n.account != f.Account || n.kind != f.kind && (n.kind != unsorted || f.kind != Changes)
	})
	writing, _ := parseName(filepath.Base(f.file.Name()))
	var used int64
	for i, n := range own {
		info, err := os.Stat(filepath.Join(f.Dir, n.String()))
		if errors.Is(err, fs.ErrNotExist) { // the operator took it
			continue
		}
		if err != nil {
			return fmt.Errorf("look at a file of the trail: %w", err)
		}
		// One that others were set after, by a clock that was wrong, may be the one that is written.
		if i < len(own)-f.Keep && n != writing && f.mayGo(own[i+1].began) && f.delete(n, own[i+1].began, info.Size()) {
			continue
		}
		used += info.Size()
	}
	f.used.Store(used)
	if room := f.changesRoom(); f.kind == Changes && used > room/2 {
		f.log.Warn("the audit trail's files of changes have filled more than half of their room; when it is full, changes are refused", "bytes", used, "bytes_max", room)
	}
	return nil
}

// mayGo tells whether a file may be deleted whose last record is from before a time.
func (f *files) mayGo(last time.Time) bool {
	return f.kind != Changes || f.ready && f.Confirmed().Sub(last) >= f.ChangesAge
}

// delete deletes a file, whose records are from before a time.
func (f *files) delete(n fileName, last time.Time, bytes int64) bool {
	// A file that stays costs room and no record.
	if err := os.Remove(filepath.Join(f.Dir, n.String())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Warn("delete an old file of the audit trail", "file", n.String(), "cause", err)
		return false
	}
	f.deleted.Add(1)
	f.log.Info("deleted an old file of the audit trail", "file", n.String(), "records_from", n.began, "records_until", last, "bytes", bytes)
	return true
}

// changesRoom is how many bytes files of changes have at most.
func (f *files) changesRoom() int64 {
	all := int64(math.MaxInt64)
	if int64(f.Keep) < all/max(1, f.BytesMax) {
		all = int64(f.Keep) * f.BytesMax
	}
	return max(all, f.ChangesRoom)
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
	f.tidying.Lock()
	defer f.tidying.Unlock()
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

// write implements sink. It takes all or nothing. What it took of changes is synced.
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
	if err := f.syncName(); err != nil {
		return 0, err
	}
	before := f.size
	if err := f.add(packed); err != nil {
		return 0, err
	}
	if f.kind == Changes {
		// After a failure nobody knows what the disk has, so it is written again.
		if err := f.file.Sync(); err != nil {
			f.size, f.torn = before, true
			return 0, err
		}
	}
	f.used.Add(f.size - before)
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
