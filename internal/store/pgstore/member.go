package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"heddle/internal/store"
)

const (
	// leaseFor is how long a membership lasts without being renewed; who renews should
	// do so every RenewEvery.
	leaseFor = 6 * time.Second
	// RenewEvery is how often Renew should be called.
	RenewEvery = time.Second
	// renewWithin bounds one attempt.
	renewWithin = 2 * time.Second
	// leaseMargin is what two clocks may differ by over leaseFor.
	leaseMargin = 500 * time.Millisecond
)

var errLeaseOver = errors.New("the membership was not renewed in time, so others may have the database")

// lease is until when nobody else can have taken the database.
type lease struct {
	mu     sync.Mutex         // guards the fields below
	lasts  time.Duration      // from one renewal on
	until  time.Duration      // by Options.Elapsed
	ctx    context.Context    // of commits: ends when the lease does
	cancel context.CancelFunc // of ctx
	over   bool               // it ended, and that was told
	lost   error
}

// life is the context of commits: it ends when the lease is over, for then the
// connections lead nowhere, or to a database that does not answer.
func (l *lease) life() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancel(context.Background())
	}
	return l.ctx
}

// begin is that of a membership, which was asked for at a time.
func (l *lease) begin(lasts, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lasts, l.until, l.over, l.lost = lasts, at+lasts-leaseMargin, false, nil
}

// joinSQL waits for whoever else joins, declares dead whose time is over, and who has
// our name, and joins if nobody is left.
func (s *Store) joinSQL() string {
	schema := quoted(s.options.Schema)
	return `with gone as (delete from ` + schema + `.members where expires < clock_timestamp() or name = $2 returning id),
 others as (select from ` + schema + `.members where id not in (select id from gone))
insert into ` + schema + `.members (id, name, address, level, hears, leaving, expires)
 select $1, $2, $3, 1, '', false, clock_timestamp() + $4::interval where not exists (select from others)`
}

// newMember is the id of a membership.
func newMember() *string {
	var id [16]byte
	rand.Read(id[:])
	text := hex.EncodeToString(id[:])
	return &text
}

// me is the id of this opening's membership; empty: it has none.
func (s *Store) me() string {
	if id := s.member.Load(); id != nil {
		return *id
	}
	return ""
}

// join makes this opening the member. Whoever else is there has some time to be gone:
// it may have been killed.
func (s *Store) join(ctx context.Context) error {
	within, cancel := s.options.Within(ctx, leaseFor+2*RenewEvery)
	defer cancel()
	for {
		began := s.options.Elapsed()
		joined, err := s.tryJoin(ctx)
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		if joined {
			s.lease.begin(leaseFor, began)
			return nil
		}
		if within.Err() != nil {
			return s.heldBy(ctx)
		}
		pause, done := s.options.Within(within, retryPause)
		<-pause.Done()
		done()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (s *Store) tryJoin(ctx context.Context) (joined bool, err error) {
	within, cancel := s.options.Within(ctx, readWithin)
	defer cancel()
	c, err := s.renewals.get(within, false)
	if err != nil {
		return false, err
	}
	defer s.renewals.put(c)
	// One after the other: the row of the format is locked.
	if err := c.run(within, "begin; select from "+quoted(s.options.Schema)+".meta where key = '"+formatKey+"' for update"); err != nil {
		return false, err
	}
	params := [][]byte{[]byte(s.me()), []byte(s.options.Node), []byte(s.options.Label), []byte(interval(leaseFor))}
	result := c.ExecParams(within, s.joinSQL(), params, nil, nil, nil).Read()
	if result.Err != nil {
		return false, errors.Join(result.Err, c.run(within, "rollback"))
	}
	return result.CommandTag.RowsAffected() == 1, c.run(within, "commit")
}

// heldBy says who has the database.
func (s *Store) heldBy(ctx context.Context) error {
	who := []string{"somebody", "a moment"}
	_ = s.read(ctx, func(ctx context.Context, c *conn) error {
		row, err := c.row(ctx, "select address, name from "+quoted(s.options.Schema)+".members order by expires desc limit 1")
		if err == nil && row != nil {
			who = row
		}
		return err
	})
	return fmt.Errorf("%w: %s (node %s) serves from it; stop it, or give another database", store.ErrHeld, who[0], who[1])
}

// Renew keeps the membership; see RenewEvery. It says in the log when that does not
// work for too long, and tells Options.Lost when another member has the database.
func (s *Store) Renew(ctx context.Context) {
	if s.me() == "" || s.options.Shared || s.enter() != nil {
		return
	}
	defer s.users.Done()
	began := s.options.Elapsed()
	renewed, err := s.renew(ctx)
	if err != nil { // what rests may lead to a server that is gone
		for _, p := range []*pool{s.commits, s.reads, s.renewals} {
			p.renew()
		}
	}
	if s.note(began, renewed, err) && s.options.Lost != nil {
		s.options.Lost(s.current())
	}
}

// note takes in what a renewal said, and tells whether the membership was lost just now.
func (s *Store) note(began time.Duration, renewed bool, err error) (lost bool) {
	l := &s.lease
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.lost != nil:
	case err == nil && !renewed:
		l.lost = fmt.Errorf("%w: another node has joined since this one was last heard of", store.ErrHeld)
		s.end()
		return true
	case err == nil:
		if l.over {
			s.options.Logger.Info("PostgreSQL answers again", "database", s.dial.where())
		}
		l.until, l.over = began+l.lasts-leaseMargin, false
	case !l.over && s.options.Elapsed() > l.until:
		l.over = true
		s.options.Logger.Error("PostgreSQL does not answer: calls fail until it does", "database", s.dial.where(), "cause", err)
		s.end()
	}
	return false
}

// end cuts the commits under way off. The lease's mutex is held.
func (s *Store) end() {
	if l := &s.lease; l.ctx != nil {
		l.cancel()
		l.ctx, l.cancel = nil, nil
	}
}

func (s *Store) renew(ctx context.Context) (renewed bool, err error) {
	within, cancel := s.options.Within(ctx, renewWithin)
	defer cancel()
	c, err := s.renewals.get(within, false)
	if err != nil {
		return false, err
	}
	defer s.renewals.put(c)
	params := [][]byte{[]byte(s.me()), []byte(interval(leaseFor))}
	// Whoever declares a member dead deletes its row, so the two meet there.
	result := c.ExecParams(within, "update "+quoted(s.options.Schema)+".members set expires = clock_timestamp() + $2::interval where id = $1", params, nil, nil, nil).Read()
	s.rounds.Add(1)
	return result.CommandTag.RowsAffected() == 1, result.Err
}

func interval(d time.Duration) string { return fmt.Sprintf("%d milliseconds", d.Milliseconds()) }

// Current is part of store.Store; what it says holds of all shards.
func (s *Store) Current(uint16) error { return s.current() }

// Silent tells why the database is taken to answer nobody now: for as long as a membership lasts it
// could not be renewed. Nil: it answers, as far as is known.
func (s *Store) Silent() error {
	s.lease.mu.Lock()
	defer s.lease.mu.Unlock()
	if s.lease.over && s.lease.lost == nil { // who was declared dead was answered
		return errSilent
	}
	return nil
}

var errSilent = errors.New("it does not answer")

func (s *Store) current() error {
	s.lease.mu.Lock()
	defer s.lease.mu.Unlock()
	if s.lease.lost != nil {
		return s.lease.lost
	}
	if s.options.Elapsed() > s.lease.until {
		return errLeaseOver
	}
	return nil
}

// leave gives the membership up. It would expire by itself.
func (s *Store) leave() {
	if s.me() == "" {
		return
	}
	ctx, cancel := s.options.Within(context.Background(), renewWithin)
	defer cancel()
	c, err := s.renewals.get(ctx, false)
	if err != nil {
		return
	}
	defer s.renewals.put(c)
	_ = c.ExecParams(ctx, "delete from "+quoted(s.options.Schema)+".members where id = $1", [][]byte{[]byte(s.me())}, nil, nil, nil).Read()
}

// Acquire is part of store.Store. It waits for what the earlier owner is just
// writing, since that has the shard's row. Errors: store.ErrHeld, store.ErrRegressed.
func (s *Store) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	var h *handle
	err := s.reading(ctx, func(ctx context.Context) (err error) {
		if err = s.hasShard(shard); err == nil {
			h, err = s.acquire(ctx, shard)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("acquire shard %d: %w", shard, err)
	}
	return h, nil
}

func (s *Store) acquire(ctx context.Context, shard uint16) (*handle, error) {
	schema := quoted(s.options.Schema)
	// Only who is a member still. An epoch is above what the clock says, so that a standby which
	// lacks some gives none of them a second time.
	sql := `update ` + schema + `.shards s set epoch = greatest(epoch + 1, (extract(epoch from clock_timestamp()) * 1000)::int8), member = $2::text
 where shard = $1::int4 and exists (select from ` + schema + `.members where id = $2::text)
 and (member is null or member = $2::text or not exists (select from ` + schema + `.members m where m.id = s.member))
 returning epoch, seq, stamp, (` + s.lostSQL("$1") + `)`
	if s.options.ReadOnly { // to be fenced
		sql = `select epoch, seq, stamp, 0::int8 from ` + schema + `.shards where shard = $1::int4 and $2::text is not null`
	}
	h := &handle{store: s, shard: shard}
	found := false
	// Twice does no harm: the epoch rises twice.
	err := s.read(ctx, func(ctx context.Context, c *conn) error {
		result := c.ExecParams(ctx, sql, [][]byte{int4(shard), []byte(s.me())}, nil, []int16{1, 0}, binaries).Read()
		if result.Err == nil && len(result.Rows) == 1 {
			found = true
			for i, to := range []*uint64{&h.epoch, &h.seq, &h.stamp, &h.lost} {
				*to = binary.BigEndian.Uint64(result.Rows[0][i])
			}
		}
		return result.Err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, store.ErrHeld
	}
	s.mu.Lock()
	told := max(s.told[shard], h.lost)
	s.told[shard] = max(told, h.seq)
	if delete(s.short, shard); h.seq < told {
		s.short[shard] = told
	}
	s.mu.Unlock()
	if h.seq < told {
		s.regressed(ctx, store.Loss{Shard: shard, Has: h.seq, Acknowledged: told})
		return nil, fmt.Errorf("%w: it has %d sections, and %d were acknowledged", store.ErrRegressed, h.seq, told)
	}
	return h, nil
}

// handle is an owned shard.
type handle struct {
	store             *Store
	shard             uint16
	epoch, seq, stamp uint64
	lost              uint64
	released          bool // under the store's mutex
}

func (h *handle) Shard() uint16 { return h.shard }
func (h *handle) Epoch() uint64 { return h.epoch }
func (h *handle) Seq() uint64   { return h.seq }
func (h *handle) Stamp() uint64 { return h.stamp }
func (h *handle) Lost() uint64  { return h.lost }

func (h *handle) Release(ctx context.Context) error {
	err := h.store.reading(ctx, func(ctx context.Context) error {
		h.store.mu.Lock()
		released := h.released
		h.released = true
		h.store.mu.Unlock()
		if released {
			return store.ErrClosed
		}
		return h.store.read(ctx, func(ctx context.Context, c *conn) error {
			params := [][]byte{int4(h.shard), int8Of(int64(h.epoch)), []byte(h.store.me())}
			return c.ExecParams(ctx, "update "+quoted(h.store.options.Schema)+".shards set member = null where shard = $1::int4 and epoch = $2::int8 and member = $3::text",
				params, nil, []int16{1, 1, 0}, nil).Read().Err
		})
	})
	if err != nil {
		return fmt.Errorf("release shard %d: %w", h.shard, err)
	}
	return nil
}
