package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"heddle/internal/store"
)

// meta is the meta space.
type meta struct {
	below store.Meta
	keys  *keyring
}

func (m meta) Get(ctx context.Context, key string) ([]byte, error) {
	stored, err := m.below.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return m.open(key, stored)
}

func (m meta) open(key string, stored []byte) ([]byte, error) {
	if ownRow(key) {
		return stored, nil
	}
	var r room
	value, err := r.open(nil, m.keys, r.metaPlace(key), stored)
	if err != nil {
		return nil, fmt.Errorf("read meta %q: %w", key, err)
	}
	return value, nil
}

// CompareAndSet compares what was sealed, since a value has another ciphertext
// each time, and then has the store below compare the ciphertext.
func (m meta) CompareAndSet(ctx context.Context, key string, old, next []byte) error {
	if ownRow(key) {
		return m.below.CompareAndSet(ctx, key, old, next)
	}
	stored, err := m.below.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		stored = nil
		if old != nil {
			return fmt.Errorf("set meta %q: %w", key, store.ErrConflict)
		}
	case err != nil:
		return err
	default:
		value, err := m.open(key, stored)
		if err != nil {
			return err
		}
		if old == nil || !bytes.Equal(value, old) {
			return fmt.Errorf("set meta %q: %w", key, store.ErrConflict)
		}
	}
	if next != nil {
		dataKey, counter, err := m.keys.reserve(ctx, 1)
		if err != nil {
			return fmt.Errorf("set meta %q: begin a data key: %w", key, err)
		}
		var r room
		next = r.seal(nil, dataKey, counter, r.metaPlace(key), next)
	}
	return m.below.CompareAndSet(ctx, key, stored, next)
}

func (m meta) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	rows, err := m.below.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for key, stored := range rows {
		if rows[key], err = m.open(key, stored); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
