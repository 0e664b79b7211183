package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// meta is the meta space. Its mutex is held while a change is being synced, so
// no reader sees a value that a crash could take back.
type meta struct{ store *Store }

func metaRow(key string) []byte { return append([]byte{metaRows}, key...) }

func (m meta) Get(ctx context.Context, key string) ([]byte, error) {
	if err := m.store.enter(); err != nil {
		return nil, fmt.Errorf("get meta %q: %w", key, err)
	}
	defer m.store.users.Done()
	m.store.metaMu.Lock()
	defer m.store.metaMu.Unlock()
	value, err := read(m.store.db, metaRow(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("get meta %q: %w", key, err)
	}
	return value, err
}

func (m meta) CompareAndSet(ctx context.Context, key string, old, next []byte) error {
	if err := m.store.enter(); err != nil {
		return fmt.Errorf("set meta %q: %w", key, err)
	}
	defer m.store.users.Done()
	m.store.metaMu.Lock()
	defer m.store.metaMu.Unlock()
	row := metaRow(key)
	current, err := read(m.store.db, row)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("set meta %q: %w", key, err)
	}
	if (err == nil) != (old != nil) || !bytes.Equal(current, old) {
		return fmt.Errorf("set meta %q: %w", key, store.ErrConflict)
	}
	if next == nil {
		err = m.store.db.Delete(row, pebble.Sync)
	} else {
		err = m.store.db.Set(row, next, pebble.Sync)
	}
	if err != nil {
		return fmt.Errorf("set meta %q: %w", key, err)
	}
	return nil
}

func (m meta) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	if err := m.store.enter(); err != nil {
		return nil, fmt.Errorf("list meta %q: %w", prefix, err)
	}
	defer m.store.users.Done()
	m.store.metaMu.Lock()
	defer m.store.metaMu.Unlock()
	found := map[string][]byte{}
	err := scanRows(ctx, m.store.db, metaRow(prefix), store.Range{}, func(key, value []byte) bool {
		found[prefix+string(key)] = append([]byte{}, value...)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list meta %q: %w", prefix, err)
	}
	return found, nil
}
