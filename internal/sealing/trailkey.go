package sealing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"heddle/internal/audit"
	"heddle/internal/rootkey"
	"heddle/internal/secretfile"
)

// trailKeyFile is where a folder of a trail has the key that seals it, wrapped
// under a root key. It is not in the store, so that the trail can be read while a
// server has the store.
func trailKeyFile(dir string) string { return filepath.Join(dir, "key") }

// trailKeyPlace binds what is wrapped to its use.
var trailKeyPlace = []byte("heddle audit key")

// serverTrailKey gives the key of a sealed store's trail, wrapped under the first
// root key. It is made when it is needed first; nil: it is not needed. A key that
// is there is kept also when nothing is recorded now: what was, is to be read.
func serverTrailKey(ctx context.Context, dir string, recorded bool, keys *rootkey.Keys) (*audit.Key, error) {
	key, err := openTrailKey(ctx, dir, keys)
	if err != nil {
		return nil, err
	}
	if key == nil {
		if !recorded {
			return nil, nil
		}
		sealed, err := audit.Sealed(dir)
		if err != nil {
			return nil, err
		}
		if sealed {
			return nil, fmt.Errorf("the audit trail is sealed, and its key %q is not there; put it back, or move the folder away", trailKeyFile(dir))
		}
		key = newTrailKey()
	}
	_, err = keepTrailKey(ctx, dir, key, keys)
	return key, err
}

// ReadTrailKey gives the key of a data folder's trail, which is only read; nil: it
// has none.
func ReadTrailKey(ctx context.Context, data string, roots RootKeys, log *slog.Logger) (*audit.Key, error) {
	if err := roots.Check(); err != nil {
		return nil, err
	}
	dir := TrailDir(data)
	if !exists(trailKeyFile(dir)) {
		return nil, nil
	}
	keys, err := roots.load(data, false, log)
	if err != nil {
		return nil, err
	}
	return openTrailKey(ctx, dir, keys)
}

// openTrailKey gives the key of a trail; nil: it has none.
func openTrailKey(ctx context.Context, dir string, keys *rootkey.Keys) (key *audit.Key, err error) {
	file := trailKeyFile(dir)
	wrapped, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var plain []byte
	if err == nil {
		plain, err = keys.Unwrap(ctx, wrapped, trailKeyPlace)
	}
	if err == nil && len(plain) != len(key) {
		err = fmt.Errorf("%d bytes, want %d", len(plain), len(key))
	}
	if err != nil {
		return nil, fmt.Errorf("open the audit trail's key %q: %w", file, err)
	}
	return (*audit.Key)(plain), nil
}

func newTrailKey() *audit.Key {
	key := new(audit.Key)
	rand.Read(key[:])
	return key
}

// keepTrailKey sees to it that the key of a trail is in its file, wrapped under
// the first root key. It tells whether it was not.
func keepTrailKey(ctx context.Context, dir string, key *audit.Key, keys *rootkey.Keys) (bool, error) {
	file := trailKeyFile(dir)
	wrapped, err := os.ReadFile(file)
	if err == nil && keys.Current(wrapped) {
		return false, nil
	}
	if wrapped, err = keys.Wrap(ctx, key[:], trailKeyPlace); err == nil {
		err = secretfile.Replace(file, wrapped)
	}
	if err != nil {
		return false, fmt.Errorf("write the audit trail's key %q: %w", file, err)
	}
	return true, nil
}
