package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"heddle/internal/store"
)

// Get is part of store.Store. It waits for no sync, and so may show what a power
// cut takes back: a shard reads only between its commits, and other readers
// wait for Barrier before they answer.
func (s *Store) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	defer s.users.Done()
	return s.get(ctx, s.db, places)
}

// Scan is part of store.Store. It waits for no sync; see Get.
func (s *Store) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	defer s.users.Done()
	return s.scan(ctx, s.db, shard, r, visit)
}

// ScanIndex is part of store.Store.
func (s *Store) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	defer s.users.Done()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	rows, err := newRows(s.db, []byte{indexRows}, r)
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	writes := s.underWay()
	if err = rows.visit(ctx, visit); err == nil {
		err = await(ctx, writes)
	}
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

// Barrier is part of store.Store.
func (s *Store) Barrier(ctx context.Context) error {
	err := s.enter()
	if err == nil {
		defer s.users.Done()
		if err = ctx.Err(); err == nil {
			err = await(ctx, s.underWay())
		}
	}
	if err != nil {
		return fmt.Errorf("pass barrier: %w", err)
	}
	return nil
}

// await waits until writes are durable.
func await(ctx context.Context, writes []chan struct{}) error {
	for _, durable := range writes {
		select {
		case <-durable:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// hasShard tells what is wrong with a shard's number.
func (s *Store) hasShard(number uint16) error {
	if int(number) >= len(s.shards) {
		return fmt.Errorf("the store has shards 0 to %d", len(s.shards)-1)
	}
	return nil
}

// keyRoomKept is how large a room may be that is used again.
const keyRoomKept = 64 << 10

// keyRooms are for the key of a row that is read.
var keyRooms = sync.Pool{New: func() any { return new([]byte) }}

// get reads rows from the database or a snapshot.
func (s *Store) get(ctx context.Context, from pebble.Reader, places []store.Place) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	for i := range places {
		if places[i].Space != store.IndexSpace {
			if err := s.hasShard(places[i].Shard); err != nil {
				return nil, fmt.Errorf("get from shard %d: %w", places[i].Shard, err)
			}
		}
	}
	values := make([][]byte, len(places))
	room := keyRooms.Get().(*[]byte)
	defer func() {
		if cap(*room) <= keyRoomKept {
			keyRooms.Put(room)
		}
	}()
	var err error
	if len(places) == 1 {
		*room = appendRow((*room)[:0], &places[0])
		if values[0], err = read(from, *room); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	} else if len(places) > 1 {
		err = getMany(from, places, values, room)
	}
	if err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	return values, nil
}

// getMany reads all rows by one iterator, which stays at the moment when it was
// made. Already for a few rows it costs less than a Get for each, and far less
// than a snapshot and a Get for each.
func getMany(from pebble.Reader, places []store.Place, values [][]byte, room *[]byte) (err error) {
	// The filters of the last level too: much that is asked for is not there.
	iterator, err := from.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iterator.Close()) }()
	for i := range places {
		*room = appendRow((*room)[:0], &places[i])
		// A prefix is a whole key to Pebble's default comparer.
		if !iterator.SeekPrefixGE(*room) {
			if err := iterator.Error(); err != nil {
				return err
			}
			continue
		}
		value, err := iterator.ValueAndErr()
		if err != nil {
			return err
		}
		values[i] = append([]byte{}, value...)
	}
	return nil
}

// scan visits rows of a shard, from the database or a snapshot.
func (s *Store) scan(ctx context.Context, from pebble.Reader, shard uint16, r store.Range, visit store.Visit) error {
	err := ctx.Err()
	if err == nil {
		err = s.hasShard(shard)
	}
	if err == nil {
		err = scanRows(ctx, from, shardPrefix(shardRows, shard), r, visit)
	}
	if err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	return nil
}

func scanRows(ctx context.Context, from pebble.Reader, prefix []byte, r store.Range, visit store.Visit) error {
	rows, err := newRows(from, prefix, r)
	if err != nil {
		return err
	}
	return rows.visit(ctx, visit)
}

// read returns a copy of a row's value.
func read(from pebble.Reader, row []byte) ([]byte, error) {
	value, closer, err := from.Get(row)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte{}, value...) // not nil, even when empty
	return value, closer.Close()
}

// rows is a view of a range, taken when it was made. It keeps no rows in
// memory, only the files that hold them.
type rows struct {
	iterator *pebble.Iterator
	prefix   int // bytes that the visitor must not see
	reverse  bool
	limit    int
}

func newRows(from pebble.Reader, prefix []byte, r store.Range) (*rows, error) {
	end := after(prefix)
	if len(r.End) > 0 {
		end = join(prefix, r.End)
	}
	iterator, err := from.NewIter(&pebble.IterOptions{LowerBound: join(prefix, r.Start), UpperBound: end})
	if err != nil {
		return nil, err
	}
	return &rows{iterator: iterator, prefix: len(prefix), reverse: r.Reverse, limit: r.Limit}, nil
}

// visit shows each row to the visitor and closes the view.
func (r *rows) visit(ctx context.Context, visit store.Visit) error {
	defer r.iterator.Close()
	first, next := r.iterator.First, r.iterator.Next
	if r.reverse {
		first, next = r.iterator.Last, r.iterator.Prev
	}
	visited := 0
	for ok := first(); ok; ok = next() {
		if visited++; visited%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		value, err := r.iterator.ValueAndErr()
		if err != nil {
			return err
		}
		if !visit(r.iterator.Key()[r.prefix:], value) || visited == r.limit {
			return nil
		}
	}
	return r.iterator.Error()
}
