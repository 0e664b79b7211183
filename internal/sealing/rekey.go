package sealing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"heddle/internal/secretfile"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/sealed"
)

// RekeyConfig says how a stopped store is to be sealed from now on.
type RekeyConfig struct {
	Data string   // its folder
	Off  bool     // it is to lie in the clear
	Keys RootKeys // the new ones
	Old  RootKeys // those that it is sealed under; zero: the new ones
	Log  *slog.Logger
}

// Folders of a rekeying, beside the store, and in the folder of the audit trail.
const (
	rekeyedName      = "store.rekey-new"
	replacedName     = "store.rekey-old" // there: the new store is the one that counts
	rekeyedTrailName = "rekey-new"       // takes the old one's place after the store has
	movedTrailName   = "rekey-moved"     // of no use
)

// Rekey writes a stopped store anew, all of it under one new data key, and puts
// the new one in the place of the old one, which is deleted; so it does with the
// files of the audit trail. So nothing is left that an old key opens, or that lay
// in the clear. It tells how many rows it wrote. Cut off at any point, it leaves
// either store with its trail, whole. Errors: store.ErrHeld if a server runs on it.
func Rekey(ctx context.Context, cfg RekeyConfig) (rows int, err error) {
	if err := errors.Join(cfg.Keys.Check(), cfg.Old.Check()); err != nil {
		return 0, err
	}
	// Its lock is held until the new store is in its place.
	old, err := OpenStore(cfg.Data, pebblestore.Options{Logger: cfg.Log, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	if rows, err = writeAnew(ctx, cfg, old, filepath.Join(cfg.Data, rekeyedName)); err != nil {
		return 0, errors.Join(fmt.Errorf("rekey store %q: %w", StoreDir(cfg.Data), err), removeRekeyed(cfg.Data))
	}
	if err := rewriteTrail(ctx, cfg); err != nil {
		return 0, errors.Join(fmt.Errorf("rekey audit trail %q: %w", TrailDir(cfg.Data), err), removeRekeyed(cfg.Data))
	}
	return rows, replaceStore(cfg.Data)
}

// before are the root keys that the store is sealed under.
func (c *RekeyConfig) before() *RootKeys {
	if c.Old.File == "" && c.Old.Text == "" && len(c.Old.KMS.KeyIDs) == 0 {
		return &c.Keys
	}
	return &c.Old
}

// removeRekeyed deletes what a rekeying wrote that was not put in place.
func removeRekeyed(data string) error {
	err := errors.Join(os.RemoveAll(filepath.Join(data, rekeyedName)), os.RemoveAll(filepath.Join(TrailDir(data), rekeyedTrailName)))
	if err != nil {
		return fmt.Errorf("delete what an unfinished rekeying wrote: %w", err)
	}
	return nil
}

// writeAnew writes all of a store into a new one.
func writeAnew(ctx context.Context, cfg RekeyConfig, old *pebblestore.Store, dir string) (rows int, err error) {
	from, err := Unseal(ctx, old, cfg.Data, cfg.before(), cfg.Log)
	if err != nil {
		return 0, err
	}
	s, err := pebblestore.Open(pebblestore.Options{Dir: dir, Shards: old.Shards(), Logger: cfg.Log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var to store.Store = s
	if !cfg.Off {
		// The old store has opened, so a key that is not there is not its key.
		keys, err := cfg.Keys.load(cfg.Data, true, cfg.Log)
		if err != nil {
			return 0, err
		}
		if to, err = sealed.Open(ctx, s, keys, false); err != nil {
			return 0, err
		}
	}
	return copyStore(ctx, from, to, old.Shards(), NotCopied)
}

// NotCopied begins the names of keys in a store's meta space that end with a
// rekeying: whoever holds them makes them anew. What lives no longer than some
// hours is sealed under them.
const NotCopied = "once/"

// copyStore copies all rows, but those of the meta space whose names begin with without,
// if that is not empty. Sections are counted anew, and have the stamp of the last one.
func copyStore(ctx context.Context, from, to store.Store, shards uint16, without string) (rows int, err error) {
	all, err := from.Meta().List(ctx, "")
	if err != nil {
		return 0, err
	}
	for key, value := range all {
		if strings.HasPrefix(key, "store/") || without != "" && strings.HasPrefix(key, without) {
			continue // the store's own, or not to be kept
		}
		if err := to.Meta().CompareAndSet(ctx, key, nil, value); err != nil {
			return 0, err
		}
		rows++
	}
	copiers := make([]*copier, shards)
	for shard := range shards {
		if copiers[shard], err = newCopier(ctx, from, to, shard); err != nil {
			return 0, err
		}
		source := func(ctx context.Context, r store.Range, visit store.Visit) error {
			return from.Scan(ctx, shard, r, visit)
		}
		err := copyRows(ctx, source, store.ShardSpace, func([]byte) *copier { return copiers[shard] })
		if err == nil {
			err = copiers[shard].commit(ctx)
		}
		if err != nil {
			return 0, err
		}
	}
	err = copyRows(ctx, from.ScanIndex, store.IndexSpace, func(key []byte) *copier { return copiers[keys.EntryShard(key)%shards] })
	if err != nil {
		return 0, err
	}
	for _, c := range copiers {
		if err := errors.Join(c.commit(ctx), c.stamp(ctx)); err != nil {
			return 0, err
		}
		rows += c.rows
	}
	return rows, nil
}

// copier commits rows to one shard, many at a time.
type copier struct {
	to      store.Store
	section store.Section
	bytes   int
	rows    int
}

// Bounds of what a copier keeps before it commits.
const (
	copyOpsMax   = 4096
	copyBytesMax = 4 << 20
)

func newCopier(ctx context.Context, from, to store.Store, shard uint16) (*copier, error) {
	old, err := from.Acquire(ctx, shard) // for its stamp
	if err != nil {
		return nil, err
	}
	h, err := to.Acquire(ctx, shard)
	if err != nil {
		return nil, err
	}
	return &copier{to: to, section: store.Section{Shard: shard, Epoch: h.Epoch(), Seq: h.Seq(), Stamp: old.Stamp()}}, nil
}

// stamp keeps the stamp of a shard that has no rows.
func (c *copier) stamp(ctx context.Context) error {
	if c.rows > 0 || c.section.Stamp == 0 {
		return nil
	}
	c.section.Seq++
	return c.to.Commit(ctx, []store.Section{c.section})[0]
}

// copyRows gives all rows that a scan visits to the copiers of their shards. What is left in those is
// yet to be committed.
func copyRows(ctx context.Context, scan func(context.Context, store.Range, store.Visit) error, space store.Space, of func(key []byte) *copier) error {
	var failed error
	err := scan(ctx, store.Range{}, func(key, value []byte) bool {
		c := of(key)
		c.section.Ops = append(c.section.Ops, store.Op{Space: space, Key: bytes.Clone(key), Value: bytes.Clone(value)})
		c.bytes += len(key) + len(value)
		if len(c.section.Ops) == copyOpsMax || c.bytes >= copyBytesMax {
			failed = c.commit(ctx)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}

func (c *copier) commit(ctx context.Context) error {
	if len(c.section.Ops) == 0 {
		return nil
	}
	c.section.Seq++
	c.rows += len(c.section.Ops)
	err := c.to.Commit(ctx, []store.Section{c.section})[0]
	clear(c.section.Ops)
	c.section.Ops, c.bytes = c.section.Ops[:0], 0
	return err
}

// replaceStore puts a rekeyed store, which is whole, in the store's place.
func replaceStore(data string) error {
	if err := os.Rename(StoreDir(data), filepath.Join(data, replacedName)); err != nil {
		return fmt.Errorf("put the rekeyed store in place: %w", err)
	}
	if err := finishRekey(data); err != nil {
		return err
	}
	return tidyRekey(data)
}

// finishRekey ends a rekeying that was cut off between its two renames. Every
// opening of a store begins with it.
func finishRekey(data string) error {
	if exists(StoreDir(data)) || !exists(filepath.Join(data, replacedName)) {
		return nil
	}
	err := os.Rename(filepath.Join(data, rekeyedName), StoreDir(data))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody else was as quick
		return fmt.Errorf("put the rekeyed store in place: %w", err)
	}
	return secretfile.SyncDir(data)
}

// tidyRekey puts the trail of a rekeyed store in its place too, and deletes what
// was replaced, or what an attempt that was cut off has left. The store is in
// place, and its lock is held.
func tidyRekey(data string) error {
	if replaced := filepath.Join(data, replacedName); exists(replaced) {
		if err := replaceTrail(TrailDir(data)); err != nil {
			return fmt.Errorf("put the rekeyed audit trail in place: %w", err)
		}
		if err := os.RemoveAll(replaced); err != nil {
			return fmt.Errorf("delete the store before rekeying: %w", err)
		}
	}
	return removeRekeyed(data)
}
