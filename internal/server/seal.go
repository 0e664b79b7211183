package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"heddle/internal/audit"
	"heddle/internal/rootkey"
	"heddle/internal/store"
	"heddle/internal/store/sealed"
)

// RootKeys says where the root keys are, under which a store is sealed: in one
// place. The zero value is the file RootKeyFile of the data folder.
type RootKeys struct {
	File string
	Text string // what a file would hold
	KMS  rootkey.KMS
}

// RootKeyFile is where a data folder has its root keys, if nothing else is said.
func RootKeyFile(data string) string { return filepath.Join(data, "root.key") }

// check refuses more than one place, and keys that can't be read, unless they are
// in a file. It calls nobody.
func (r *RootKeys) check() error {
	places := 0
	for _, given := range []bool{r.File != "", r.Text != "", len(r.KMS.KeyIDs) > 0} {
		if given {
			places++
		}
	}
	if places > 1 {
		return errors.New("config: root keys are given in more than one place; choose a file, the environment, or a KMS")
	}
	if len(r.KMS.KeyIDs) == 0 && r.KMS.Endpoint != "" {
		return errors.New("config: a KMS endpoint without a key id: give the id of the root key too")
	}
	if len(r.KMS.KeyIDs) > 0 && r.KMS.Endpoint == "" {
		return errors.New("config: a KMS key id without an endpoint: say where the KMS is too")
	}
	if r.file("") != "" {
		return nil
	}
	_, err := r.load("", false, nil)
	return err
}

// file is the file of the root keys; empty: they are elsewhere.
func (r *RootKeys) file(data string) string {
	switch {
	case r.Text != "" || len(r.KMS.KeyIDs) > 0:
		return ""
	case r.File != "":
		return r.File
	}
	return RootKeyFile(data)
}

// load gives the root keys. With mayCreate, which is never said of a store that
// has sealed values, a file that is not there is made.
func (r *RootKeys) load(data string, mayCreate bool, log *slog.Logger) (*rootkey.Keys, error) {
	path := r.file(data)
	if path == "" && r.Text == "" {
		return rootkey.NewKMS(r.KMS)
	}
	if path == "" {
		keys, err := rootkey.Parse(r.Text)
		if err != nil {
			return nil, fmt.Errorf("read root key from the environment: %w", err)
		}
		return keys, nil
	}
	keys, _, err := readRootKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if !mayCreate {
		return nil, fmt.Errorf("it is sealed, and its root key is not there; put the file back, or say where the key is (--root-key-file, HEDDLE_ROOT_KEY, --kms-key-id): %w", err)
	}
	text, err := rootkey.New(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := rootkey.CreateFile(path, text); err != nil {
		return nil, err
	}
	log.Info("made a root key; keep a copy, nobody can read the store without it", "file", path)
	return rootkey.Parse(text)
}

func readRootKeys(path string) (keys *rootkey.Keys, text string, err error) {
	if text, err = rootkey.ReadFile(path); err != nil {
		return nil, "", err
	}
	if keys, err = rootkey.Parse(text); err != nil {
		return nil, "", fmt.Errorf("read root key %q: %w", path, err)
	}
	return keys, text, nil
}

// protection is what seals a server's store and its audit trail. The zero value
// seals nothing.
type protection struct {
	store    *sealed.Store
	auditKey *audit.Key // nil: the trail's files are in the clear
	roots    *rootWatch // nil: the root keys are in no file
}

// protect seals a store that was opened, and what is recorded beside it. Whether
// a store is sealed is decided by its first start; after it, only rekeying changes
// that.
func protect(ctx context.Context, cfg *Config, below store.Store) (p protection, err error) {
	if cfg.Store == StoreMemory {
		return p, nil
	}
	var keys *rootkey.Keys
	if p.store, keys, err = sealStore(ctx, cfg, below); err != nil {
		return p, fmt.Errorf("open store %q: %w", storeDir(cfg.Data), err)
	}
	if p.store == nil {
		return p, nil
	}
	if p.auditKey, err = serverAuditKey(ctx, cfg, keys); err != nil {
		return p, err
	}
	if file := cfg.RootKeys.file(cfg.Data); file != "" {
		p.roots = &rootWatch{file: file, store: p.store, auditDir: AuditDir(cfg.Data), auditKey: p.auditKey, log: cfg.Log}
	}
	return p, nil
}

// sealStore gives nil for a store that is not sealed and need not be.
func sealStore(ctx context.Context, cfg *Config, below store.Store) (*sealed.Store, *rootkey.Keys, error) {
	state, err := sealed.Look(ctx, below)
	switch {
	case err != nil:
		return nil, nil, err
	case cfg.Sealing == SealingOff && state == sealed.Sealed:
		return nil, nil, errors.New("it is sealed; start without --sealing off, or stop sealing it with 'heddle rekey --sealing off'")
	case cfg.Sealing == SealingOff:
		return nil, nil, nil
	case state == sealed.Plain:
		return nil, nil, errors.New("it is not sealed; seal it with 'heddle rekey', or start with --sealing off")
	}
	keys, err := cfg.RootKeys.load(cfg.Data, state == sealed.Empty, cfg.Log)
	if err != nil {
		return nil, nil, err
	}
	sealedStore, err := sealed.Open(ctx, below, keys, false)
	if err == nil {
		cfg.Log.Info("the store is sealed", "root_key", keys.Name())
	}
	return sealedStore, keys, err
}

// openSealed gives a stopped store's values for reading, whether they are sealed
// or not.
func openSealed(ctx context.Context, below store.Store, data string, roots *RootKeys, log *slog.Logger) (store.Store, error) {
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

// rootWatchEvery is how soon a server takes up a change of its root keys' file.
const rootWatchEvery = time.Second

// rootWatch follows the file of the root keys, so that they can be changed while
// the server runs.
type rootWatch struct {
	file     string
	store    *sealed.Store
	auditDir string
	auditKey *audit.Key // nil: there is none
	log      *slog.Logger
	taken    string // the text whose keys are in force
	refused  string // the last complaint, made once
}

// runRootWatch follows the root keys' file, if there is one.
func (s *Server) runRootWatch(ctx context.Context) {
	if s.roots != nil {
		s.roots.run(ctx)
	}
}

func (w *rootWatch) run(ctx context.Context) {
	ticker := time.NewTicker(rootWatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// look takes up the file if it has changed. A file that is of no use changes
// nothing: the keys that were read before stay in force.
func (w *rootWatch) look(ctx context.Context) {
	keys, text, err := readRootKeys(w.file)
	if err == nil && text == w.taken {
		return
	}
	var rotated, rewrapped bool
	if err == nil && w.auditKey != nil {
		rewrapped, err = keepAuditKey(ctx, w.auditDir, w.auditKey, keys)
	}
	if err == nil {
		rotated, err = w.store.Rotate(ctx, keys)
	}
	switch {
	case err != nil && err.Error() != w.refused:
		w.refused = err.Error()
		w.log.Error("root keys changed, but can't be taken up; those before stay in force", "file", w.file, "cause", err)
	case err == nil:
		w.taken, w.refused = text, ""
	}
	if err == nil && (rotated || rewrapped) {
		w.log.Info("the store is sealed under a new root key; the others may go", "root_key", keys.Name())
	}
}
