// Package pgstore keeps a store in PostgreSQL, 15 or newer, by pgx.
//
// A commit is one transaction, sent as one message: the fence, which moves the
// sections' sequences on and fails if it can't, and what the sections write. What
// others can see is durable, as PostgreSQL shows a transaction after it has synced
// it, and after its synchronous standbys have. So Barrier has nothing to wait for.
//
// Two things would break that, and are kept from happening. Whoever cancels a
// commit that waits for a standby makes PostgreSQL show what no standby has: so a
// commit has a context of its own, no timeout of the session's, and connections
// are closed without the request to cancel that pgx would send. And a connection
// that breaks leaves the outcome unknown: then nothing is tried again.
//
// An opening of a store is a member, with an id that nobody had before. Epochs are
// fenced together with it, so no owner from before a restart or a restored backup
// fits. It has to renew its membership; see Renew. One member serves a database at a time: the
// tables are laid out for several.
//
// Nothing here reads a clock: what measures time comes with Options, and membership
// expires by PostgreSQL's clock. Package comment of store says what is promised;
// docs/STORAGE.md draws the tables.
package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/store"
)

// Options is how to open a store.
type Options struct {
	// DSN says where the database is: a URL, or words such as "host=a,b dbname=heddle".
	DSN string
	// Schema has the tables; empty: "heddle".
	Schema string
	// Shards counts only when the store is created; 0 is 64.
	Shards uint16
	// Node is the name of who opens it, which stays from one start to the next. Whoever
	// opens with a name must be sure that nobody else has it: an earlier member of the
	// name is taken for gone. Label tells people who it is.
	Node, Label string
	// ID is that of the store which must be there; empty: any, or a new one.
	ID string
	// Home: the store is one of several homes; package homes sees to it that all are there. Without it
	// such a store is refused.
	Home bool
	// ReadOnly opens the store beside its member, and fences every commit.
	ReadOnly bool
	// Shared opens the store beside others who have it open: it becomes a member by Join, and
	// Members has what stands for Renew and Lost.
	Shared bool
	// Copy creates the store, and refuses one that is there, unless it is a copy that was
	// cut off. Until Finish nobody else can open it.
	Copy   bool
	Logger *slog.Logger // nil is slog.Default()
	// Lost hears, once, that another member has taken the database: from then on all
	// commits are fenced. Nil: nobody does.
	Lost func(error)
	// Elapsed is the time since some moment, by a clock that only goes forward.
	Elapsed func() time.Duration
	// Within gives a context that ends after a time, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

const (
	sectionOpsMax   = 1 << 16
	sectionBytesMax = 16 << 20
	shardsDefault   = 64
	schemaDefault   = "heddle"
)

// How long things may take. A call whose context ends sooner ends sooner, but for a
// commit that was sent.
const (
	commitWithin  = 20 * time.Second
	readWithin    = 15 * time.Second
	retryPause    = 100 * time.Millisecond // between attempts to connect
	headStart     = 250 * time.Millisecond // of the host that was good last, before others are tried beside it
	connectWithin = 1 * time.Second        // to one host, if the DSN says nothing; then twice that, at most connectLateMax times
)

const connectLateMax = 2

// Connections of each kind at a time, and how many of them rest when there is nothing to do.
const (
	commitsMax   = 4
	readsMax     = 8
	snapshotsMax = 16
	restingMax   = 4
)

// Store is a store.Store.
type Store struct {
	options Options
	dial    *dialer
	member  atomic.Pointer[string] // the id of this opening's membership; nil: it has none
	id      string
	shards  uint16

	commits, reads, snapshots *pool
	renewals                  *pool
	lease                     lease

	pageRows int  // of a scan, at a time
	finished bool // it is a home of a store whose first home says that all of it is there

	mu     sync.Mutex // guards the fields below
	closed bool
	users  sync.WaitGroup     // calls under way, added to under mu; Close waits for them
	told   map[uint16]uint64  // by shard: the last sequence that was acknowledged, here or elsewhere
	short  map[uint16]uint64  // by shard: what was acknowledged, of those that were found to have less
	losses map[uint16]noted   // by shard: what was said to be acknowledged, and is not there; so it is said once
	open   map[*snapshot]bool // that Close must end
	rounds atomic.Int64       // messages that were answered, for measuring

}

var _ store.Store = (*Store)(nil)

// Open opens the store in a database, or creates it. Errors: store.ErrHeld if
// another member has it.
func Open(ctx context.Context, options Options) (*Store, error) {
	d, err := newDialer(&options)
	if err != nil {
		return nil, fmt.Errorf("open store in PostgreSQL: %w", err)
	}
	s, err := open(ctx, options, d)
	if err != nil {
		return nil, fmt.Errorf("open store in PostgreSQL, %s: %w", d.where(), err)
	}
	return s, nil
}

func open(ctx context.Context, options Options, d *dialer) (_ *Store, err error) {
	s := &Store{
		options: options, dial: d, pageRows: pageRowsDefault,
		told: map[uint16]uint64{}, losses: map[uint16]noted{}, short: map[uint16]uint64{}, open: map[*snapshot]bool{},
	}
	s.commits, s.reads = newPool(d, commitsMax), newPool(d, readsMax)
	s.snapshots, s.renewals = newPool(d, snapshotsMax), newPool(d, 1)
	s.renewals.prepared = false
	d.first = s.lookFirst
	defer func() {
		if err != nil {
			s.closePools()
		}
	}()
	if err := s.openSchema(ctx); err != nil {
		return nil, err
	}
	if options.ReadOnly {
		return s, nil
	}
	if options.Shared {
		return s, nil
	}
	s.member.Store(newMember())
	if err := s.join(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Shards is the number of shards, as the store was created.
func (s *Store) Shards() uint16 { return s.shards }

// ID is the store's own, given when it was created.
func (s *Store) ID() string { return s.id }

// Where tells people which database it is, without its password.
func (s *Store) Where() string { return s.dial.where() }

// Limits is part of store.Store.
func (s *Store) Limits() store.Limits {
	return store.Limits{SectionOps: sectionOpsMax, SectionBytes: sectionBytesMax}
}

// Meta is part of store.Store.
func (s *Store) Meta() store.Meta { return meta{s} }

// Barrier is part of store.Store. PostgreSQL shows nothing that is not durable.
func (s *Store) Barrier(ctx context.Context) error {
	err := s.enter()
	if err == nil {
		defer s.users.Done()
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("pass barrier: %w", err)
	}
	return nil
}

// Rounds is how many messages the store has sent and waited for.
func (s *Store) Rounds() int64 { return s.rounds.Load() }

// Close is part of store.Store. It waits for the calls under way, scans too, and
// gives its membership up.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	left := s.open
	s.open = nil
	s.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	s.users.Wait()
	for v := range left { // left open by their callers; nobody can use them any more
		v.end()
	}
	s.leave()
	s.closePools()
	return nil
}

func (s *Store) closePools() {
	for _, p := range []*pool{s.commits, s.reads, s.snapshots, s.renewals} {
		p.close()
	}
}

// enter begins a call; s.users.Done ends it.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.users.Add(1)
	return nil
}

// hasShard tells what is wrong with a shard's number.
func (s *Store) hasShard(number uint16) error {
	if number >= s.shards {
		return fmt.Errorf("the store has shards 0 to %d", s.shards-1)
	}
	return nil
}
