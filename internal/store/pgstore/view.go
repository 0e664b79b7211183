package pgstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"heddle/internal/store"
)

// Bounds of one page of a scan. A range that fits into one page is read by one
// statement; a longer one by a transaction that sees one moment.
const (
	pageRowsDefault = 1000
	pageBytes       = 4 << 20
)

// Get is part of store.Store. All rows are read by one statement, which sees one
// moment.
func (s *Store) Get(ctx context.Context, places []store.Place) (values [][]byte, err error) {
	err = s.reading(ctx, func(ctx context.Context) error {
		if values, err = s.checkPlaces(places); err != nil || len(places) == 0 {
			return err
		}
		return s.read(ctx, func(ctx context.Context, c *conn) error {
			clear(values)
			if err := s.get(ctx, c, places, values); err != nil {
				return err
			}
			for i := range places {
				if err := s.hasAll(places[i].Shard); err != nil && places[i].Space != store.IndexSpace {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	return values, nil
}

// Scan is part of store.Store.
func (s *Store) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	err := s.reading(ctx, func(ctx context.Context) error {
		if err := s.hasShard(shard); err != nil {
			return err
		}
		if err := s.scan(ctx, scope{shard: shard}, r, visit); err != nil {
			return err
		}
		return s.hasAll(shard)
	})
	if err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	return nil
}

// ScanIndex is part of store.Store.
func (s *Store) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	err := s.reading(ctx, func(ctx context.Context) error { return s.scan(ctx, scope{index: true}, r, visit) })
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

// reading is a call that reads.
func (s *Store) reading(ctx context.Context, do func(context.Context) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.users.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do(ctx)
}

// read does something that may be done twice with a connection, and once more if that
// one breaks: it may have been broken before.
func (s *Store) read(ctx context.Context, do func(context.Context, *conn) error) error {
	patience := readWithin
	if s.options.Shared && s.Silent() != nil {
		patience = renewSharedWithin
	}
	within, cancel := s.options.Within(ctx, patience)
	defer cancel()
	if (s.options.Home || s.options.Shared) && s.me() != "" { // other homes, or servers, have readers that wait
		life := s.lease.life()
		defer context.AfterFunc(life, cancel)()
		err := s.tryRead(ctx, within, do)
		if err != nil && ctx.Err() == nil && life.Err() != nil {
			return store.ErrAway
		}
		return err
	}
	return s.tryRead(ctx, within, do)
}

// tryRead is read, within a context of its own.
func (s *Store) tryRead(ctx, within context.Context, do func(context.Context, *conn) error) error {
	for again := false; ; again = true {
		c, err := s.reads.get(within, again)
		if err != nil {
			return causeOf(ctx, err)
		}
		err = do(within, c)
		s.rounds.Add(1)
		broken := c.IsClosed()
		s.reads.put(c)
		if err == nil || again || !broken || within.Err() != nil {
			return causeOf(ctx, err)
		}
	}
}

// causeOf is the error of a context that is over, before what came of it.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// checkPlaces makes room for the values of places.
func (s *Store) checkPlaces(places []store.Place) ([][]byte, error) {
	for i := range places {
		if places[i].Space != store.IndexSpace {
			if err := s.hasShard(places[i].Shard); err != nil {
				return nil, err
			}
		}
	}
	return make([][]byte, len(places)), nil
}

func (s *Store) get(ctx context.Context, c *conn, places []store.Place, values [][]byte) error {
	var shards, keys, entries array
	shards.begin(int4Type)
	keys.begin(byteaType)
	entries.begin(byteaType)
	inShards, inIndex := make([]int, 0, len(places)), []int(nil) // where the values go
	for i := range places {
		if places[i].Space == store.IndexSpace {
			entries.bytea(places[i].Key)
			inIndex = append(inIndex, i)
			continue
		}
		shards.int4(places[i].Shard)
		keys.bytea(places[i].Key)
		inShards = append(inShards, i)
	}
	r := c.ExecPrepared(ctx, getStatement, [][]byte{shards.end(), keys.end(), entries.end()}, binaries, binaries)
	for r.NextRow() {
		row := r.Values()
		i := int64(binary.BigEndian.Uint64(row[0]))
		at := 0
		if i > 0 {
			at = inShards[i-1]
		} else {
			at = inIndex[-i-1]
		}
		values[at] = append([]byte{}, row[1]...) // not nil, even when empty
	}
	_, err := r.Close()
	return err
}

// scope is what a range is of.
type scope struct {
	index bool
	shard uint16
}

// scan visits a range: at once, if it is one page, and else by a snapshot.
func (s *Store) scan(ctx context.Context, of scope, r store.Range, visit store.Visit) error {
	var p page
	err := s.read(ctx, func(ctx context.Context, c *conn) error { return p.read(ctx, c, of, r, s.pageRows) })
	if err != nil {
		return err
	}
	if p.last {
		_, err := p.visit(ctx, visit)
		return err
	}
	v, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	defer v.end()
	return v.scan(ctx, of, r, visit)
}

// page is some rows of a range.
type page struct {
	rows []pageRow
	last bool // no more follow
}

type pageRow struct{ key, value []byte }

func (p *page) read(ctx context.Context, c *conn, of scope, r store.Range, rowsMax int) error {
	p.rows, p.last = p.rows[:0], false
	limit := rowsMax
	if r.Limit > 0 && r.Limit < limit {
		limit = r.Limit
	}
	params := [][]byte{bytea(r.Start), int8Of(int64(limit)), int8Of(pageBytes)}
	if !of.index {
		params = append(params, int4(of.shard))
	}
	if len(r.End) > 0 {
		params = append(params, r.End)
	}
	result := c.ExecPrepared(ctx, scanName(of.index, r.Reverse, len(r.End) > 0), params, binaries, binaries)
	size := 0
	for result.NextRow() {
		row := result.Values()
		both := make([]byte, 0, len(row[0])+len(row[1]))
		both = append(append(both, row[0]...), row[1]...)
		key := both[:len(row[0]):len(row[0])]
		p.rows = append(p.rows, pageRow{key, both[len(key):]})
		size += len(row[1])
	}
	if _, err := result.Close(); err != nil {
		return err
	}
	p.last = len(p.rows) == r.Limit || len(p.rows) < limit && size < pageBytes
	return nil
}

// visit shows the rows, and tells whether the visitor wants more.
func (p *page) visit(ctx context.Context, visit store.Visit) (more bool, err error) {
	for _, row := range p.rows {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if !visit(row.key, row.value) {
			return false, nil
		}
	}
	return true, nil
}

// rest is what follows a page in its range.
func (p *page) rest(r store.Range) store.Range {
	last := p.rows[len(p.rows)-1].key
	if r.Reverse {
		r.End = last
	} else {
		r.Start = append(last[:len(last):len(last)], 0)
	}
	if r.Limit > 0 {
		r.Limit -= len(p.rows)
	}
	return r
}

// brokenOff tells whether an error came with the loss of a connection.
func brokenOff(err error) bool {
	var said *pgconn.PgError
	return err != nil && !errors.As(err, &said)
}
