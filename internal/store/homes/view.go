package homes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"heddle/internal/store"
)

// views are what is read of each home: the homes themselves, or a snapshot of each.
type views interface {
	count() int
	view(home int) (store.View, error)
}

func (s *Store) count() int { return len(s.homes) }

func (s *Store) view(home int) (store.View, error) { return s.homes[home].reach() }

// Get is part of store.Store.
func (s *Store) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	return get(ctx, s, places)
}

// Scan is part of store.Store.
func (s *Store) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	return scan(ctx, s, shard, r, visit)
}

// ScanIndex is part of store.Store.
func (s *Store) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	return scanIndex(ctx, s, r, visit)
}

// get has each home read its rows. Which one has an entry of the index nobody knows, so all are asked.
func get(ctx context.Context, v views, places []store.Place) ([][]byte, error) {
	if home, one := homeOf(places, v.count()); one {
		below, err := v.view(home)
		if err != nil {
			return nil, fmt.Errorf("get %d rows: %w", len(places), err)
		}
		return below.Get(ctx, places)
	}
	of := make([][]int, v.count())
	for i := range places {
		for home := range of {
			if places[i].Space == store.IndexSpace || int(places[i].Shard)%len(of) == home {
				of[home] = append(of[home], i)
			}
		}
	}
	values, found, errs := make([][]byte, len(places)), make([][][]byte, len(of)), make([]error, len(of))
	each(of, func(home int, part []int) {
		below, err := v.view(home)
		if err != nil {
			errs[home] = fmt.Errorf("get %d rows: %w", len(part), err)
			return
		}
		own := places
		if len(part) != len(places) {
			own = make([]store.Place, len(part))
			for i, at := range part {
				own[i] = places[at]
			}
		}
		found[home], errs[home] = below.Get(ctx, own)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for home, part := range of {
		for i, at := range part {
			if found[home][i] != nil {
				values[at] = found[home][i]
			}
		}
	}
	return values, nil
}

// homeOf gives the home that has all places, if one has.
func homeOf(places []store.Place, homes int) (home int, one bool) {
	for i := range places {
		p := &places[i]
		if p.Space == store.IndexSpace || i > 0 && int(p.Shard)%homes != home {
			return 0, false
		}
		home = int(p.Shard) % homes
	}
	return home, true
}

func scan(ctx context.Context, v views, shard uint16, r store.Range, visit store.Visit) error {
	below, err := v.view(int(shard) % v.count())
	if err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	return below.Scan(ctx, shard, r, visit)
}

// rowsAhead is how many entries of a home are read ahead of what is shown; as many again may be
// on their way.
const rowsAhead = 256

// entry is a copy of one.
type entry struct{ key, value []byte }

// source is the entries of one home, some at a time.
type source struct {
	more chan []entry
	rows []entry
	err  error // when more is closed
}

// next tells whether there is an entry at the head of rows.
func (s *source) next() bool {
	if len(s.rows) == 0 {
		s.rows = <-s.more
	}
	return len(s.rows) > 0
}

// scanIndex reads all homes at the same time, and shows their entries in one order.
func scanIndex(ctx context.Context, v views, r store.Range, visit store.Visit) error {
	reading, stop := context.WithCancel(ctx)
	sources := make([]*source, v.count())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for home := range sources {
		below, err := v.view(home)
		if err != nil {
			return fmt.Errorf("scan index: %w", err)
		}
		s := &source{more: make(chan []entry, 1)}
		sources[home] = s
		all.Go(func() {
			defer close(s.more)
			s.err = readAhead(reading, below, r, s.more)
		})
	}
	for shown := 0; r.Limit == 0 || shown < r.Limit; shown++ {
		var first *source
		for _, s := range sources {
			if s.next() && (first == nil || (bytes.Compare(s.rows[0].key, first.rows[0].key) < 0) != r.Reverse) {
				first = s
			}
		}
		for _, s := range sources { // of one that has ended the error is known
			if len(s.rows) == 0 && s.err != nil {
				return s.err
			}
		}
		if first == nil {
			return nil
		}
		e := first.rows[0]
		first.rows = first.rows[1:]
		if err := ctx.Err(); err != nil {
			return err
		}
		if !visit(e.key, e.value) {
			return nil
		}
	}
	return nil
}

// readAhead passes on what one home has.
func readAhead(ctx context.Context, below store.View, r store.Range, to chan<- []entry) error {
	var rows []entry
	pass := func() bool {
		select {
		case to <- rows:
			rows = nil
			return true
		case <-ctx.Done():
			return false
		}
	}
	err := below.ScanIndex(ctx, r, func(key, value []byte) bool {
		rows = append(rows, entry{bytes.Clone(key), bytes.Clone(value)})
		return len(rows) < rowsAhead || pass()
	})
	if len(rows) > 0 {
		pass()
	}
	if err == nil {
		err = ctx.Err() // then not all was passed on
	}
	return err
}

// snapshot is one of each home.
type snapshot struct{ of []store.Snapshot }

func (s *snapshot) count() int { return len(s.of) }

func (s *snapshot) view(home int) (store.View, error) { return s.of[home], nil }

// Snapshot is part of store.Store. All homes must answer.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	v, errs := &snapshot{make([]store.Snapshot, len(s.homes))}, make([]error, len(s.homes))
	var all sync.WaitGroup
	for i, h := range s.homes {
		all.Go(func() {
			below, err := h.reach()
			if err != nil {
				errs[i] = fmt.Errorf("take snapshot: %w", err)
				return
			}
			v.of[i], errs[i] = below.Snapshot(ctx)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, one := range v.of {
			if one != nil {
				_ = one.Close()
			}
		}
		return nil, err
	}
	return v, nil
}

func (s *snapshot) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	return get(ctx, s, places)
}

func (s *snapshot) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	return scan(ctx, s, shard, r, visit)
}

func (s *snapshot) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	return scanIndex(ctx, s, r, visit)
}

func (s *snapshot) Close() error {
	errs := make([]error, len(s.of))
	for i, one := range s.of {
		errs[i] = one.Close()
	}
	return errors.Join(errs...)
}
