// Package sealing keeps what a data folder holds under its root keys: the values of
// the store and the files of the audit trail. It opens a store and the trail's key
// with them, takes up other root keys while a server runs, and writes a stopped
// folder anew under others, or in the clear. Where the root keys are is said by
// RootKeys; how a value is sealed is the business of store/sealed, how a line of the
// trail is of audit.
//
// Nothing here reads a clock: who watches the root keys says when to look.
package sealing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"heddle/internal/audit"
	"heddle/internal/rootkey"
	"heddle/internal/store"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/sealed"
)

// Config says how a server's data folder is sealed.
type Config struct {
	Data     string // the folder
	Off      bool   // a new store is in the clear, a sealed one is refused
	RootKeys RootKeys
	Trail    bool // calls are recorded in files, whose key is made if there is none
	Log      *slog.Logger
}

// StoreDir is where a data folder has its store; other files may stand beside it.
func StoreDir(data string) string { return filepath.Join(data, "store") }

// TrailDir is where a data folder has the files of the audit trail.
func TrailDir(data string) string { return filepath.Join(data, "audit") }

// Protection is what seals a data folder.
type Protection struct {
	Store    store.Store // opens and seals values; or the one below, if that is in the clear
	TrailKey *audit.Key  // nil: the trail's files are in the clear
	Watch    *Watch      // nil: the root keys are in no file, or nothing is sealed
}

// Open opens what the store of a data folder holds, and the key of the trail beside
// it. Whether a store is sealed is decided by its first start; after it, only
// rekeying changes that.
func Open(ctx context.Context, cfg Config, below store.Store) (Protection, error) {
	above, keys, err := sealStore(ctx, &cfg, below)
	if err != nil {
		return Protection{}, fmt.Errorf("open store %q: %w", StoreDir(cfg.Data), err)
	}
	if above == nil {
		return Protection{Store: below}, nil
	}
	p := Protection{Store: above}
	dir := TrailDir(cfg.Data)
	if p.TrailKey, err = serverTrailKey(ctx, dir, cfg.Trail, keys); err != nil {
		return Protection{}, err
	}
	if file := cfg.RootKeys.InFile(cfg.Data); file != "" {
		p.Watch = &Watch{file: file, store: above, trailDir: dir, trailKey: p.TrailKey, log: cfg.Log}
	}
	return p, nil
}

// sealStore gives nil for a store that is not sealed and need not be.
func sealStore(ctx context.Context, cfg *Config, below store.Store) (*sealed.Store, *rootkey.Keys, error) {
	state, err := sealed.Look(ctx, below)
	switch {
	case err != nil:
		return nil, nil, err
	case cfg.Off && state == sealed.Sealed:
		return nil, nil, errors.New("it is sealed; start without --sealing off, or stop sealing it with 'heddle rekey --sealing off'")
	case cfg.Off:
		return nil, nil, nil
	case state == sealed.Plain:
		return nil, nil, errors.New("it is not sealed; seal it with 'heddle rekey', or start with --sealing off")
	}
	keys, err := cfg.RootKeys.load(cfg.Data, state == sealed.Empty, cfg.Log)
	if err != nil {
		return nil, nil, err
	}
	above, err := sealed.Open(ctx, below, keys, false)
	if err == nil {
		cfg.Log.Info("the store is sealed", "root_key", keys.Name())
	}
	return above, keys, err
}

// OpenStore opens the store of a data folder as it lies there, sealed or not, after
// it has ended a rekeying that was cut off. Options may name another folder for it.
func OpenStore(data string, o pebblestore.Options) (*pebblestore.Store, error) {
	if err := finishRekey(data); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		o.Dir = StoreDir(data)
	}
	s, err := pebblestore.Open(o)
	if err != nil {
		return nil, err
	}
	if err := tidyRekey(data); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly opens the values of a stopped store for reading, whether they are
// sealed or not, and tells how many shards it has. It writes nothing: of a rekeying
// that was cut off it reads the store that counts, and says so in the log. Errors:
// store.ErrHeld if a server runs on it. A copy of the store may lie in another folder; empty:
// the data folder's own is meant.
func OpenReadOnly(ctx context.Context, data, dir string, roots RootKeys, log *slog.Logger) (*Opened, error) {
	if err := roots.Check(); err != nil {
		return nil, err
	}
	rekeyed, replaced := exists(filepath.Join(data, rekeyedName)), exists(filepath.Join(data, replacedName))
	if dir != "" {
		rekeyed, replaced = false, false
	} else if dir = StoreDir(data); rekeyed && replaced && !exists(dir) {
		dir = filepath.Join(data, rekeyedName)
	}
	s, err := pebblestore.Open(pebblestore.Options{Dir: dir, Logger: log, ReadOnly: true, Shared: true})
	if err != nil {
		return nil, err
	}
	if rekeyed || replaced {
		log.Warn("a rekeying was cut off; the next start of the server, or 'heddle rekey', tidies up after it", "read", dir, "old_store_is_left", replaced)
	}
	above, err := Unseal(ctx, s, data, &roots, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %q: %w", dir, err), s.Close())
	}
	return &Opened{Store: above, Dir: dir, Shards: s.Shards()}, nil
}

// Opened is a store that was opened for reading.
type Opened struct {
	store.Store
	Dir    string // its files
	Shards uint16
}

// Unseal gives a stopped store's values for reading, whether they are sealed or not.
func Unseal(ctx context.Context, below store.Store, data string, roots *RootKeys, log *slog.Logger) (store.Store, error) {
	state, err := sealed.Look(ctx, below)
	if err != nil || state != sealed.Sealed {
		return below, err
	}
	keys, err := roots.load(data, false, log)
	if err != nil {
		return nil, err
	}
	return sealed.Open(ctx, below, keys, true)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
