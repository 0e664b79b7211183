package memstore

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"heddle/internal/store"
)

// meta is the meta space.
type meta struct{ store *Store }

func (m meta) Get(ctx context.Context, key string) ([]byte, error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.store.closed {
		return nil, fmt.Errorf("get meta %q: %w", key, store.ErrClosed)
	}
	value, found := m.store.disk.meta[key]
	if !found {
		return nil, store.ErrNotFound
	}
	return copyOf(value), nil
}

func (m meta) CompareAndSet(ctx context.Context, key string, old, next []byte) error {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.store.closed {
		return fmt.Errorf("set meta %q: %w", key, store.ErrClosed)
	}
	current, found := m.store.disk.meta[key]
	if found != (old != nil) || !bytes.Equal(current, old) {
		return fmt.Errorf("set meta %q: %w", key, store.ErrConflict)
	}
	if next == nil {
		delete(m.store.disk.meta, key)
		return nil
	}
	m.store.disk.meta[key] = copyOf(next)
	return nil
}

func (m meta) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.store.closed {
		return nil, fmt.Errorf("list meta %q: %w", prefix, store.ErrClosed)
	}
	found := map[string][]byte{}
	for key, value := range m.store.disk.meta {
		if strings.HasPrefix(key, prefix) {
			found[key] = copyOf(value)
		}
	}
	return found, nil
}
