package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/store"
)

const (
	// Format is of our keys and values; Pebble counts the formats of its files. It rises with
	// every change that an earlier release could not read, wherever in the store that is.
	Format = 3
	// formatOldest is the oldest that is read. Opened for writing, a store gets Format, so that
	// no earlier release takes it up again.
	formatOldest = 3

	formatKey = "store/format"
	shardsKey = "store/shards"

	shardsDefault     = 64
	cacheBytesDefault = 64 << 20
	memTableBytes     = 64 << 20
)

// Options is how to open a store.
type Options struct {
	// Dir is the store's own directory: nothing else may be in it. It is made if
	// it does not exist.
	Dir string
	// Shards counts only when the store is created; 0 is 64.
	Shards uint16
	// CacheBytes is for blocks read from disk; 0 is 64 MiB.
	CacheBytes int64
	// FilesMax is about how many tables are kept open; 0 is 1,000.
	FilesMax int
	// Logger hears of errors; nil is slog.Default().
	Logger *slog.Logger
	// Stalled hears that writes begin to wait for the disk, since it is behind or full; nil:
	// nobody does.
	Stalled func()
	// ReadOnly changes nothing but the lock, fences every commit, and creates no
	// store. The lock is for this process alone.
	ReadOnly bool
	// Ballast is a file, on the disk of Dir and outside of it, that is made when there is
	// plenty of room, and removed when there is none; empty: none.
	Ballast string
	// Shared, with ReadOnly, shares the lock with others that read, and writes
	// nothing at all.
	Shared bool

	// For tests: the format of another release; 0 is Format.
	Format int
	// For tests: another disk, and what ends the process, which must not return.
	Files vfs.FS
	Exit  func(code int)
	// Pebble's compactions go on while an Open that failed takes apart what they
	// use. That ends a process which ends anyway, and a test which does not.
	NoCompactions bool
}

// Open opens the store in a directory, or creates it. Errors: store.ErrHeld if
// another process has it.
func Open(options Options) (*Store, error) {
	s, err := open(options)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", options.Dir, err)
	}
	return s, nil
}

func open(options Options) (_ *Store, err error) {
	if options.Dir == "" {
		return nil, errors.New("no directory given")
	}
	if options.Files == nil {
		options.Files = vfs.Default
	}
	if options.Exit == nil {
		options.Exit = os.Exit
	}
	if options.Format == 0 {
		options.Format = Format
	}
	if options.Stalled == nil {
		options.Stalled = func() {}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if err := inspect(options); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(options.Files, options.Dir, options.Shared && options.ReadOnly)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.release()
		}
	}()
	room := newRoom(&options)
	if !options.ReadOnly {
		options.Files = insisting{options.Files, room}
	}
	db, err := pebble.Open(options.Dir, pebbleOptions(options, lock.lock))
	if err != nil {
		if strings.Contains(err.Error(), "merger name") {
			return nil, fmt.Errorf("not a store of ours, or of a format before %d, which this release can't read; begin with a new folder: %w", Format, err)
		}
		if pebble.IsCorruptionError(err) {
			return nil, fmt.Errorf("its files are damaged; restore a backup: %w", err)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	shards, err := readShardCount(db, options)
	if err != nil {
		return nil, err
	}
	opens, err := countOpen(db, options.ReadOnly)
	if err != nil {
		return nil, err
	}
	last, err := readLast(db, shards)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db:        db,
		lock:      lock,
		room:      room,
		readOnly:  options.ReadOnly,
		opens:     opens,
		shards:    make([]shard, shards),
		inFlight:  map[chan struct{}]struct{}{},
		snapshots: map[*snapshot]struct{}{},
	}
	for i := range s.shards {
		s.shards[i].last = last[i]
	}
	room.bePatient(true) // until now somebody waits for an error
	return s, nil
}

// inspect refuses a directory that holds something else, before anything is
// written to it, and makes one that does not exist.
func inspect(options Options) error {
	files, dir := options.Files, options.Dir
	names, err := files.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && options.ReadOnly:
		return errors.New("no such directory")
	case errors.Is(err, fs.ErrNotExist):
		return files.MkdirAll(dir, 0o700)
	case err != nil:
		return err
	}
	found, err := pebble.Peek(dir, files)
	if err != nil {
		return fmt.Errorf("its files are damaged, or newer than this release can read: %w", err)
	}
	if found.Exists {
		return nil // readShardCount tells whether it is ours
	}
	for _, name := range names {
		if !leftByCreation(name) {
			return fmt.Errorf("not a store, and not empty: it holds %q; give a directory of its own", name)
		}
	}
	if options.ReadOnly {
		return errors.New("no store there")
	}
	return nil
}

// leftByCreation tells whether a file may stand where a store was about to be
// created when its process ended.
func leftByCreation(name string) bool {
	if name == "LOCK" || name == holderFile || name == "lost+found" {
		return true
	}
	for _, prefix := range []string{"MANIFEST-", "OPTIONS-", "marker.", "temporary."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// readShardCount checks that the database is a store that we can read. A
// database without a row is one whose creation was cut off: it is created now.
func readShardCount(db *pebble.DB, options Options) (int, error) {
	text, err := read(db, metaRow(formatKey))
	if errors.Is(err, store.ErrNotFound) {
		return createStore(db, options)
	}
	if err != nil {
		return 0, fmt.Errorf("read format: %w", err)
	}
	found, err := strconv.Atoi(string(text))
	if err != nil || found < 1 {
		return 0, fmt.Errorf("format %q: want a number", text)
	}
	if found > options.Format {
		return 0, fmt.Errorf("it has format %d, and this release reads up to %d; a newer release has written to it: use that, or put back a backup from before ('heddle restore')", found, options.Format)
	}
	if found < formatOldest {
		return 0, fmt.Errorf("it has format %d, and this release reads from %d on; begin with a new folder", found, formatOldest)
	}
	if found < options.Format && !options.ReadOnly {
		if err := db.Set(metaRow(formatKey), strconv.AppendInt(nil, int64(options.Format), 10), pebble.Sync); err != nil {
			return 0, fmt.Errorf("write format: %w", err)
		}
		options.Logger.Info("store: an earlier release has written it; from now on no release before this one opens it", "format", found, "now", options.Format)
	}
	text, err = read(db, metaRow(shardsKey))
	if err != nil {
		return 0, fmt.Errorf("read shard count: %w", err)
	}
	shards, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil || shards == 0 {
		return 0, fmt.Errorf("shard count %q: want 1 to 65535", text)
	}
	return int(shards), nil
}

func createStore(db *pebble.DB, options Options) (int, error) {
	foreign := false
	err := scanRows(context.Background(), db, nil, store.Range{Start: []byte{0}, Limit: 1}, func(_, _ []byte) bool {
		foreign = true
		return true
	})
	if err != nil {
		return 0, err
	}
	if foreign || options.ReadOnly {
		return 0, errors.New("not a store of ours: it is a Pebble database without a format")
	}
	shards := options.Shards
	if shards == 0 {
		shards = shardsDefault
	}
	batch := db.NewBatch()
	defer batch.Close()
	batch.Set(metaRow(formatKey), strconv.AppendInt(nil, int64(options.Format), 10), nil)
	batch.Set(metaRow(shardsKey), strconv.AppendUint(nil, uint64(shards), 10), nil)
	if err := db.Apply(batch, pebble.Sync); err != nil {
		return 0, fmt.Errorf("write format: %w", err)
	}
	return int(shards), nil
}

// countOpen raises the number of opens, on which all epochs of this life rest.
func countOpen(db *pebble.DB, readOnly bool) (uint64, error) {
	opens, err := readNumber(db, []byte{opensRow})
	if err != nil {
		return 0, fmt.Errorf("read number of opens: %w", err)
	}
	opens++
	if readOnly {
		return opens, nil
	}
	if err := db.Set([]byte{opensRow}, binary.BigEndian.AppendUint64(nil, opens), pebble.Sync); err != nil {
		return 0, fmt.Errorf("write number of opens: %w", err)
	}
	return opens, nil
}

// readNumber reads a row of eight bytes; an absent row is zero.
func readNumber(db *pebble.DB, row []byte) (uint64, error) {
	value, err := read(db, row)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("row %q: %d bytes, want 8", row, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// pebbleOptions suits many small synced writes, most of them overwritten or
// deleted soon, on a machine whose processors are the bound.
func pebbleOptions(options Options, lock *pebble.Lock) *pebble.Options {
	cacheBytes := options.CacheBytes
	if cacheBytes == 0 {
		cacheBytes = cacheBytesDefault
	}
	cores := runtime.GOMAXPROCS(0)
	logger := pebbleLogger{options.Logger, options.Exit, options.Stalled}
	o := &pebble.Options{
		FS:       options.Files,
		Lock:     lock,
		Logger:   logger,
		ReadOnly: options.ReadOnly,
		Merger:   merger,

		DisableAutomaticCompactions: options.NoCompactions,
		// Pebble takes its memtables out of the cache: the one that is written and
		// the one that is flushed.
		CacheSize:    cacheBytes + 2*memTableBytes,
		MaxOpenFiles: options.FilesMax,
		// Named, so that a newer Pebble does not raise it by itself.
		FormatMajorVersion: pebble.FormatValueSeparation,
		// A large memtable lets rows die in memory that live only for moments.
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		// Flushed tables may pile up while a burst lasts: latency comes first.
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 1000,
		LBaseMaxBytes:         256 << 20, // a larger base is rewritten less often
		BytesPerSync:          1 << 20,
		CompactionConcurrencyRange: func() (lower, upper int) {
			return 1, max(1, cores/2)
		},
		EventListener: logger.listener(),
	}
	// Reads are few and mostly of rows just written.
	o.Experimental.ReadSamplingMultiplier = -1
	o.Experimental.FileCacheShards = min(cores, 8)
	o.TargetFileSizes[0] = 8 << 20
	for i := range o.Levels {
		// Neighbours are read together: an execution's rows, a page of the index.
		o.Levels[i].BlockSize = 16 << 10
		// On the last level too: a start looks for a name that is not there.
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return o
}
