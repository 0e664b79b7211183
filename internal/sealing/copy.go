package sealing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"heddle/internal/store"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/sealed"
)

// CopyConfig says what is copied.
type CopyConfig struct {
	Data string   // its folder
	Keys RootKeys // under which it is sealed, and the copy will be
	Log  *slog.Logger
	// From opens the store, and keeps others from it; nil: it is in the folder.
	From func() (from store.Store, shards uint16, err error)
}

// open opens the store. Its lock is held until the copy is done.
func (c *CopyConfig) open() (store.Store, uint16, error) {
	if c.From != nil {
		return c.From()
	}
	if !exists(StoreDir(c.Data)) && !exists(filepath.Join(c.Data, replacedName)) {
		return nil, 0, errors.New("there is no store")
	}
	s, err := OpenStore(c.Data, pebblestore.Options{Logger: c.Log, ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	return s, s.Shards(), nil
}

// Copy copies a stopped store to another one, which open opens, with as many shards, and
// compares all that it then finds there. If it is the same, finish is called, with what
// open gave. Values are sealed anew, if they were sealed. Nothing in the folder is
// changed. Errors: store.ErrHeld if a server runs on it.
func Copy(ctx context.Context, cfg CopyConfig, open func(shards uint16) (store.Store, error), finish func(store.Store) error) (rows int, err error) {
	if err := cfg.Keys.Check(); err != nil {
		return 0, err
	}
	below, shards, err := cfg.open()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, below.Close()) }()
	from, err := Unseal(ctx, below, cfg.Data, &cfg.Keys, cfg.Log)
	if err != nil {
		return 0, err
	}
	base, err := open(shards)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	to := base
	if from != below {
		keys, err := cfg.Keys.load(cfg.Data, false, cfg.Log)
		if err != nil {
			return 0, err
		}
		if to, err = sealed.Open(ctx, base, keys, false); err != nil {
			return 0, err
		}
	}
	if rows, err = copyStore(ctx, from, to, shards, ""); err != nil {
		return 0, err
	}
	if err := compareStores(ctx, from, to, shards); err != nil {
		return 0, err
	}
	return rows, finish(base)
}

// compareStores tells whether two stores have the same rows.
func compareStores(ctx context.Context, a, b store.Store, shards uint16) error {
	var metas [2]map[string][]byte
	var snapshots [2]store.Snapshot
	for i, s := range []store.Store{a, b} {
		var err error
		if metas[i], err = s.Meta().List(ctx, ""); err != nil {
			return err
		}
		maps.DeleteFunc(metas[i], func(key string, _ []byte) bool { return strings.HasPrefix(key, "store/") })
		if snapshots[i], err = s.Snapshot(ctx); err != nil {
			return err
		}
		defer snapshots[i].Close()
	}
	if !maps.EqualFunc(metas[0], metas[1], bytes.Equal) {
		return errors.New("the copy differs: it has other settings of its own")
	}
	for shard := range int(shards) + 1 { // the last one is the index
		var sums [2]sum
		for i, s := range snapshots {
			sums[i] = newSum()
			scan := s.ScanIndex
			if shard < int(shards) {
				scan = func(ctx context.Context, r store.Range, visit store.Visit) error {
					return s.Scan(ctx, uint16(shard), r, visit)
				}
			}
			if err := scan(ctx, store.Range{}, sums[i].add); err != nil {
				return err
			}
		}
		if !slices.Equal(sums[0].hash.Sum(nil), sums[1].hash.Sum(nil)) {
			return fmt.Errorf("the copy differs, in shard %d of %d: %d rows, and the copy has %d", shard, shards, sums[0].rows, sums[1].rows)
		}
	}
	return nil
}

// sum is a hash over rows.
type sum struct {
	hash hash.Hash
	rows int
}

func newSum() sum { return sum{hash: sha256.New()} }

func (s *sum) add(key, value []byte) bool {
	var lengths [16]byte
	binary.BigEndian.PutUint64(lengths[:], uint64(len(key)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(value)))
	s.hash.Write(lengths[:])
	s.hash.Write(key)
	s.hash.Write(value)
	s.rows++
	return true
}
