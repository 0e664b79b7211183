package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heddle/internal/backup"
	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/options"
	"heddle/internal/runlog"
	"heddle/internal/sealing"
	"heddle/internal/service"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/pgstore"
	"heddle/internal/visibility"
)

// StoreFormat is the format of the stores that this build reads and writes.
const StoreFormat = pebblestore.Format

// Offline is a stopped store, opened for reading.
type Offline struct {
	data  string
	dir   string // of the store
	roots sealing.RootKeys
	log   *slog.Logger
	store store.Store
	// postgres is what is below, if it is in PostgreSQL.
	postgres *pgstore.Store
	several  bool // there are several homes, each with a moment of its own
	neededIn int
	view     store.Snapshot
	runs     runlog.Reader
	shards   uint16
	hash     keys.Hash
	rules    map[engine.Kind]engine.Rules
}

// IsHeld tells whether an error says that a server has a store.
func IsHeld(err error) bool { return errors.Is(err, store.ErrHeld) }

// OpenOffline opens the store in a folder, and writes nothing there. Of a rekeying
// that was cut off it reads the store that counts, and says so. Errors:
// store.ErrHeld if a server runs on it.
func OpenOffline(ctx context.Context, data string, roots sealing.RootKeys, log *slog.Logger) (*Offline, error) {
	return openOffline(ctx, data, "", roots, log)
}

// openOffline opens the store that is in a folder; empty: the data folder's own.
func openOffline(ctx context.Context, data, dir string, roots sealing.RootKeys, log *slog.Logger) (*Offline, error) {
	if err := errors.Join(backup.CheckFinished(data), BelongsToPostgres(data)); err != nil {
		return nil, err
	}
	s, err := sealing.OpenReadOnly(ctx, data, dir, roots, log)
	if err != nil {
		return nil, err
	}
	o := &Offline{data: data, dir: s.Dir, roots: roots, log: log, store: s.Store, shards: s.Shards}
	if err := o.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %q: %w", s.Dir, err), s.Close())
	}
	return o, nil
}

func (o *Offline) open(ctx context.Context) error {
	key, err := readKey(ctx, o.store.Meta(), hashKeyName)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("its first start did not finish; start it once: %w", err)
	}
	if err != nil {
		return err
	}
	o.hash = key
	if o.neededIn, err = readNeededIn(ctx, o.store.Meta()); err != nil {
		return err
	}
	var cfg Config
	if err := cfg.fill(); err != nil {
		return err
	}
	o.rules = rulesOf(cfg.Services)
	if o.view, err = o.store.Snapshot(ctx); err != nil {
		return err
	}
	o.runs = runlog.NewReader(o.view, o.shards)
	return nil
}

// Close closes the store.
func (o *Offline) Close() error { return errors.Join(o.view.Close(), o.store.Close()) }

// Check verifies the store; see runlog.Check.
func (o *Offline) Check(ctx context.Context) (*runlog.Findings, error) {
	c := runlog.Checking{Shards: o.shards, Hash: &o.hash, Rules: o.rules, NeededIn: o.neededIn}
	if o.several {
		c.Later = o.store
	}
	return runlog.Check(ctx, o.view, c)
}

// CheckBlobs compares the blobs of the store with what refers to them, and with
// contents reads them too. Tell hears of each fault. See blob.Check.
func (o *Offline) CheckBlobs(ctx context.Context, b Blobs, contents bool, tell func(error)) (blob.Checked, error) {
	if err := errors.Join(options.Fill(&b), b.check(false)); err != nil {
		return blob.Checked{}, fmt.Errorf("config: %w", err)
	}
	library, err := o.library(ctx, &b)
	if err != nil {
		return blob.Checked{}, fmt.Errorf("check blobs: %w", err)
	}
	refs := references{o.view}
	return blob.Check(ctx, library, refs.all(ctx), blob.CheckOptions{Contents: contents, Tell: func(id blob.ID, fault error) {
		run, _, err := refs.first(ctx, id)
		tell(errors.Join(fmt.Errorf("run %s refers to blob %s: %w", engine.RunID(run), id, fault), err))
	}})
}

// library opens the store's blobs for reading.
func (o *Offline) library(ctx context.Context, b *Blobs) (*blob.Library, error) {
	k, shelf, err := o.shelf(ctx, b)
	if err != nil {
		return nil, err
	}
	if shelf == nil { // no blob was ever put
		k, shelf = &blobKeys{id: random[[32]byte]()}, new(blob.Memory)
	}
	return blob.New(blob.Options{Shelf: blob.Seal(shelf, k.data), Key: k.id, Now: time.Now}), nil
}

// Stored is what the commands of services read.
func (o *Offline) Stored() service.Stored {
	return service.Stored{Runs: o.runs, Visibility: visibility.New(o.store, &o.hash, o.runs)}
}
