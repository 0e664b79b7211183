package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"heddle/internal/store"
)

// meta is the meta space.
type meta struct{ store *Store }

func (m meta) table() string { return quoted(m.store.options.Schema) + ".meta" }

func (m meta) Get(ctx context.Context, key string) ([]byte, error) {
	result, err := m.read(ctx, "select value from "+m.table()+" where key = $1::bytea", []byte(key))
	if err != nil {
		return nil, fmt.Errorf("get meta %q: %w", key, err)
	}
	if len(result.Rows) == 0 {
		return nil, store.ErrNotFound
	}
	return result.Rows[0][0], nil
}

func (m meta) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	result, err := m.read(ctx, "select key, value from "+m.table()+" where substring(key for length($1::bytea)) = $1::bytea", []byte(prefix))
	if err != nil {
		return nil, fmt.Errorf("list meta %q: %w", prefix, err)
	}
	found := map[string][]byte{}
	for _, row := range result.Rows {
		found[string(row[0])] = row[1]
	}
	return found, nil
}

func (m meta) read(ctx context.Context, sql string, param []byte) (result *pgconn.Result, err error) {
	err = m.store.reading(ctx, func(ctx context.Context) error {
		return m.store.read(ctx, func(ctx context.Context, c *conn) error {
			result = c.ExecParams(ctx, sql, [][]byte{param}, nil, binaries, binaries).Read()
			return result.Err
		})
	})
	return result, err
}

// CompareAndSet is part of store.Meta. It is one statement; another one that is under
// way for the key is waited for.
func (m meta) CompareAndSet(ctx context.Context, key string, old, next []byte) error {
	params := [][]byte{[]byte(key)}
	sql := ""
	switch {
	case old == nil && next == nil:
		sql = "select from (select 1) as one where not exists (select from " + m.table() + " where key = $1::bytea)"
	case old == nil:
		sql = "insert into " + m.table() + " values ($1::bytea, $2::bytea) on conflict do nothing"
		params = append(params, next)
	case next == nil:
		sql = "delete from " + m.table() + " where key = $1::bytea and value = $2::bytea"
		params = append(params, old)
	default:
		sql = "update " + m.table() + " set value = $3::bytea where key = $1::bytea and value = $2::bytea"
		params = append(params, old, next)
	}
	err := m.store.reading(ctx, func(ctx context.Context) error {
		if m.store.options.ReadOnly {
			return store.ErrFenced
		}
		return m.set(sql, params)
	})
	if err != nil {
		return fmt.Errorf("set meta %q: %w", key, err)
	}
	return nil
}

func (m meta) set(sql string, params [][]byte) error {
	ctx, cancel, err := m.store.writing()
	if err != nil {
		return err
	}
	defer cancel()
	c, err := m.store.commits.get(ctx, false)
	if err != nil {
		return err
	}
	defer m.store.commits.put(c)
	c.warning = ""
	result := c.ExecParams(ctx, sql, params, nil, binaries, nil).Read()
	m.store.rounds.Add(1)
	switch {
	case brokenOff(result.Err):
		return fmt.Errorf("%w: %w", store.ErrUnknown, result.Err)
	case result.Err != nil:
		return result.Err
	case c.warning != "":
		return fmt.Errorf("%w: PostgreSQL warns: %s", store.ErrUnknown, c.warning)
	case result.CommandTag.RowsAffected() == 0:
		return store.ErrConflict
	}
	return nil
}
