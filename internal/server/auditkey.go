package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"heddle/internal/audit"
	"heddle/internal/rootkey"
)

// auditKeyFile is where a folder of a trail has the key that seals it, wrapped
// under a root key. It is not in the store, so that the trail can be read while a
// server has the store.
func auditKeyFile(dir string) string { return filepath.Join(dir, "key") }

// auditKeyPlace binds what is wrapped to its use.
var auditKeyPlace = []byte("heddle audit key")

// serverAuditKey gives the key of a sealed store's trail, wrapped under the first
// root key. It is made when it is needed first; nil: it is not needed. A key that
// is there is kept also when nothing is recorded now: what was, is to be read.
func serverAuditKey(ctx context.Context, cfg *Config, keys *rootkey.Keys) (*audit.Key, error) {
	dir := AuditDir(cfg.Data)
	key, err := openAuditKey(ctx, dir, keys)
	if err != nil {
		return nil, err
	}
	if key == nil {
		if cfg.Audit.Files != AuditFile {
			return nil, nil
		}
		sealed, err := audit.Sealed(dir)
		if err != nil {
			return nil, err
		}
		if sealed {
			return nil, fmt.Errorf("the audit trail is sealed, and its key %q is not there; put it back, or move the folder away", auditKeyFile(dir))
		}
		key = newAuditKey()
	}
	_, err = keepAuditKey(ctx, dir, key, keys)
	return key, err
}

// readerAuditKey gives the key of a trail that is only read; nil: it has none.
func readerAuditKey(ctx context.Context, data string, roots *RootKeys, log *slog.Logger) (*audit.Key, error) {
	if !exists(auditKeyFile(AuditDir(data))) {
		return nil, nil
	}
	keys, err := roots.load(data, false, log)
	if err != nil {
		return nil, err
	}
	return openAuditKey(ctx, AuditDir(data), keys)
}

// openAuditKey gives the key of a trail; nil: it has none.
func openAuditKey(ctx context.Context, dir string, keys *rootkey.Keys) (key *audit.Key, err error) {
	file := auditKeyFile(dir)
	wrapped, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var plain []byte
	if err == nil {
		plain, err = keys.Unwrap(ctx, wrapped, auditKeyPlace)
	}
	if err == nil && len(plain) != len(key) {
		err = fmt.Errorf("%d bytes, want %d", len(plain), len(key))
	}
	if err != nil {
		return nil, fmt.Errorf("open the audit trail's key %q: %w", file, err)
	}
	return (*audit.Key)(plain), nil
}

func newAuditKey() *audit.Key {
	key := audit.Key(random[[32]byte]())
	return &key
}

// keepAuditKey sees to it that the key of a trail is in its file, wrapped under
// the first root key. It tells whether it was not.
func keepAuditKey(ctx context.Context, dir string, key *audit.Key, keys *rootkey.Keys) (bool, error) {
	file := auditKeyFile(dir)
	wrapped, err := os.ReadFile(file)
	if err == nil && keys.Current(wrapped) {
		return false, nil
	}
	if wrapped, err = keys.Wrap(ctx, key[:], auditKeyPlace); err == nil {
		err = replaceFile(file, wrapped)
	}
	if err != nil {
		return false, fmt.Errorf("write the audit trail's key %q: %w", file, err)
	}
	return true, nil
}

// replaceFile writes a file, for its owner's eyes only, as a whole or not at all.
func replaceFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}
