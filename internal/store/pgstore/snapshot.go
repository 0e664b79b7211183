package pgstore

import (
	"context"
	"fmt"
	"sync"

	"heddle/internal/store"
)

// snapshot is a store.Snapshot: a transaction that reads, on a connection of its
// own. The last one to use it ends it.
type snapshot struct {
	store *Store
	conn  *conn
	turn  sync.Mutex // of the connection
	// Under the store's mutex:
	users  int // calls under way, and one for being open
	closed bool
}

// Snapshot is part of store.Store.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	defer s.users.Done()
	err := ctx.Err()
	var v *snapshot
	if err == nil {
		v, err = s.snapshot(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.open[v] = true
	}
	s.mu.Unlock()
	if closed {
		v.end()
		return nil, fmt.Errorf("take snapshot: %w", store.ErrClosed)
	}
	return v, nil
}

// snapshot begins one that nobody else knows; end ends it.
func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	within, cancel := s.options.Within(ctx, readWithin)
	defer cancel()
	for again := false; ; again = true {
		c, err := s.snapshots.get(within, again)
		if err != nil {
			return nil, causeOf(ctx, err)
		}
		// The first statement settles the moment.
		err = c.run(within, "begin isolation level repeatable read read only; select 1")
		s.rounds.Add(1)
		if err == nil {
			return &snapshot{store: s, conn: c, users: 1}, nil
		}
		broken := c.IsClosed()
		s.snapshots.put(c)
		if again || !broken || within.Err() != nil {
			return nil, causeOf(ctx, err)
		}
	}
}

// end gives the connection back.
func (v *snapshot) end() {
	v.turn.Lock()
	defer v.turn.Unlock()
	ctx, cancel := v.store.options.Within(context.Background(), readWithin)
	defer cancel()
	if !v.conn.IsClosed() {
		_ = v.conn.run(ctx, "rollback") // if it fails, put sees it
	}
	v.store.snapshots.put(v.conn)
}

func (v *snapshot) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	values, err := v.get(ctx, places)
	if err != nil {
		return nil, fmt.Errorf("get %d rows: %w", len(places), err)
	}
	return values, nil
}

func (v *snapshot) get(ctx context.Context, places []store.Place) ([][]byte, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.leave()
	values, err := v.store.checkPlaces(places)
	if err != nil || len(places) == 0 {
		return values, err
	}
	return values, v.use(ctx, func(ctx context.Context) error { return v.store.get(ctx, v.conn, places, values) })
}

func (v *snapshot) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	err := v.enter(ctx)
	if err == nil {
		defer v.leave()
		if err = v.store.hasShard(shard); err == nil {
			err = v.scan(ctx, scope{shard: shard}, r, visit)
		}
	}
	if err != nil {
		return fmt.Errorf("scan shard %d: %w", shard, err)
	}
	return nil
}

func (v *snapshot) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	err := v.enter(ctx)
	if err == nil {
		defer v.leave()
		err = v.scan(ctx, scope{index: true}, r, visit)
	}
	if err != nil {
		return fmt.Errorf("scan index: %w", err)
	}
	return nil
}

// scan visits a range page by page. While a page is shown others may use the
// connection.
func (v *snapshot) scan(ctx context.Context, of scope, r store.Range, visit store.Visit) error {
	for {
		var p page
		err := v.use(ctx, func(ctx context.Context) error { return p.read(ctx, v.conn, of, r, v.store.pageRows) })
		if err != nil {
			return err
		}
		if more, err := p.visit(ctx, visit); err != nil || !more || p.last {
			return err
		}
		r = p.rest(r)
	}
}

// use has the connection for one statement. A caller that gives up while it is under
// way would break it for the others, so they wait for it.
func (v *snapshot) use(ctx context.Context, do func(context.Context) error) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	within, cancel := v.store.options.Within(context.WithoutCancel(ctx), readWithin)
	defer cancel()
	v.store.rounds.Add(1)
	return do(within)
}

// Close is part of store.Snapshot. It does not wait for calls under way, so that a
// visitor may close what it is shown.
func (v *snapshot) Close() error {
	s := v.store
	s.mu.Lock()
	if v.closed || s.closed {
		s.mu.Unlock()
		return fmt.Errorf("close snapshot: %w", store.ErrClosed)
	}
	v.closed = true
	delete(s.open, v)
	s.users.Add(1) // leave ends that
	s.mu.Unlock()
	v.leave()
	return nil
}

// enter begins a call; leave ends it.
func (v *snapshot) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	if v.closed || v.store.closed {
		return store.ErrClosed
	}
	v.users++
	v.store.users.Add(1)
	return nil
}

func (v *snapshot) leave() {
	v.store.mu.Lock()
	v.users--
	last := v.users == 0
	v.store.mu.Unlock()
	if last {
		v.end()
	}
	v.store.users.Done()
}
