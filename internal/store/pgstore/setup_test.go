package pgstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/pgstore/pgtest"
)

// soon gives contexts that end soon where they would end after certain times.
func soon(after time.Duration, of ...time.Duration) func(context.Context, time.Duration) (context.Context, context.CancelFunc) {
	return func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		if slices.Contains(of, d) {
			d = after
		}
		return context.WithTimeout(ctx, d)
	}
}

// untilAnother gives contexts that end, where they would after a time, when another
// attempt is waited for.
func untilAnother(of time.Duration) func(context.Context, time.Duration) (context.Context, context.CancelFunc) {
	var enough context.CancelFunc
	return func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		switch {
		case d == of:
			ctx, enough = context.WithCancel(ctx)
			return ctx, enough
		case d == retryPause && enough != nil:
			enough()
		}
		return context.WithTimeout(ctx, d)
	}
}

// joinWithin is how long one waits for another member to be gone.
const joinWithin = leaseFor + 2*RenewEvery

// TestWrongSetups: each wrong set-up is refused by an error that says what to do.
func TestWrongSetups(t *testing.T) {
	server := shared(t)
	must := func(sql string) {
		t.Helper()
		if _, err := server.SQL(sql); err != nil {
			t.Fatal(err)
		}
	}
	must("create user guest; create schema foreigners; create table foreigners.cats (name text)")
	newer := options(t, server)
	mustOpen(t, newer).Close()
	must("update " + newer.Schema + ".meta set value = '99' where key = 'store/format'")
	unfinished := options(t, server)
	unfinished.Copy = true
	mustOpen(t, unfinished).Close()
	unfinished.Copy = false
	taken := options(t, server)
	mustOpen(t, taken)
	taken.Node = "another"

	for name, test := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"no DSN":              {func(o *Options) { o.DSN = "" }, "--postgres"},
		"a DSN with a typo":   {func(o *Options) { o.DSN = "postgres://heddle:secret@[::1/x?sslmode=maybe" }, "can't be read"},
		"no such database":    {func(o *Options) { o.DSN = server.DSNOf("nothing") }, "createdb"},
		"no rights":           {func(o *Options) { o.DSN = strings.Replace(o.DSN, "heddle@", "guest@", 1) }, "grant create"},
		"no such user":        {func(o *Options) { o.DSN = strings.Replace(o.DSN, "heddle@", "nobody@", 1) }, "password"},
		"tables of others":    {func(o *Options) { o.Schema = "foreigners" }, "not Heddle's"},
		"a newer Heddle's":    {func(o *Options) { o.Schema = newer.Schema }, "newer release"},
		"another store":       {func(o *Options) { o.Schema, o.ID = taken.Schema, "1234" }, "another Heddle's database"},
		"an empty one":        {func(o *Options) { o.ID = "1234" }, "there was one: give the right database"},
		"an unfinished copy":  {func(o *Options) { o.Schema = unfinished.Schema }, "heddle copy"},
		"a copy over a store": {func(o *Options) { o.Schema, o.Copy = taken.Schema, true }, "a store already"},
		"another one's":       {func(o *Options) { *o = taken; o.Within = soon(0, joinWithin) }, "serves from it"},
		"read only": {func(o *Options) {
			o.DSN += "&default_transaction_read_only=on&connect_timeout=60"
			o.Within = untilAnother(readWithin)
		}, "takes no writes"},
		"nothing, for reading": {func(o *Options) { o.ReadOnly = true }, "no store"},
	} {
		o := options(t, server)
		test.change(&o)
		s, err := Open(t.Context(), o)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q in it", name, err, test.want)
		}
	}
	// A copy that was cut off is begun anew.
	unfinished.Copy = true
	s := mustOpen(t, unfinished)
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	unfinished.Copy = false
	mustOpen(t, unfinished)
}

func TestFsyncOffIsRefused(t *testing.T) {
	o := options(t, pgtest.New(t, "fsync=off"))
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "fsync") {
		t.Errorf("opened: %v", err)
	}
}

func TestMembers(t *testing.T) {
	server := shared(t)
	o, clock := clocked(t, server, options(t, server))
	o.Node = "one"
	var lost atomic.Int64
	o.Lost = func(error) { lost.Add(1) }
	first := mustOpen(t, o)
	h, err := first.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}

	// What it knows holds as long as it renews.
	if err := first.Current(0); err != nil {
		t.Errorf("just joined: %v", err)
	}
	clock.pass(leaseFor)
	if err := first.Current(0); !errors.Is(err, errLeaseOver) {
		t.Errorf("not renewed: %v", err)
	}
	first.Renew(t.Context())
	if err := first.Current(0); err != nil {
		t.Errorf("renewed: %v", err)
	}

	// Another node waits until its time is over, by PostgreSQL's clock.
	other := o
	other.Node, other.Lost, other.Within = "two", nil, soon(0, joinWithin)
	if _, err := Open(t.Context(), other); !errors.Is(err, store.ErrHeld) {
		t.Fatalf("another node joined: %v", err)
	}
	clock.pass(leaseFor + time.Millisecond)
	second := mustOpen(t, other)
	section := store.Section{Shard: 3, Epoch: h.Epoch(), Seq: h.Seq() + 1}
	h, err = second.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(t.Context(), []store.Section{section})[0]; !errors.Is(err, store.ErrFenced) {
		t.Errorf("the first one's commit: %v", err)
	}
	section.Epoch = h.Epoch() // by luck
	if err := first.Commit(t.Context(), []store.Section{section})[0]; !errors.Is(err, store.ErrFenced) {
		t.Errorf("the first one's commit with the second one's epoch: %v", err)
	}
	if _, err := first.Acquire(t.Context(), 4); !errors.Is(err, store.ErrHeld) {
		t.Errorf("the first one acquires: %v", err)
	}
	for range 2 {
		first.Renew(t.Context())
	}
	if lost.Load() != 1 || !errors.Is(first.Current(0), store.ErrHeld) {
		t.Errorf("lost %d times, %v", lost.Load(), first.Current(0))
	}
	if err := second.Commit(t.Context(), []store.Section{section})[0]; err != nil {
		t.Error(err)
	}

	// Whoever has the name of a member takes its place at once.
	other.Label = "restarted"
	third := mustOpen(t, other)
	if _, err := third.Acquire(t.Context(), 3); err != nil {
		t.Error(err)
	}
	section.Seq++
	if err := second.Commit(t.Context(), []store.Section{section})[0]; !errors.Is(err, store.ErrFenced) {
		t.Errorf("the second one's commit: %v", err)
	}
}

// committed commits one row and gives the error.
func committed(t *testing.T, s *Store, h store.Handle, seq uint64) error {
	t.Helper()
	return s.Commit(t.Context(), []store.Section{{
		Shard: h.Shard(), Epoch: h.Epoch(), Seq: seq, Ops: []store.Op{{Key: []byte("seq"), Value: []byte{byte(seq)}}},
	}})[0]
}

// TestStandbyThatDoesNotAnswer: a commit that waits for a standby, and is given up, is
// not shown before the standby has it: nobody has cancelled it.
func TestStandbyThatDoesNotAnswer(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	s := mustOpen(t, o)
	h, err := s.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	wait := func(names string) {
		t.Helper()
		for _, sql := range []string{"alter system set synchronous_standby_names = '" + names + "'", "select pg_reload_conf()"} {
			if _, err := server.SQL(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { wait("") })
	wait("ghost")
	waiting := func() string {
		t.Helper()
		n, err := server.SQL("select count(*) from pg_stat_activity where wait_event = 'SyncRep'")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	given := make(chan context.CancelFunc, 10) // that give commits up
	s.options.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		if d != commitWithin {
			return context.WithTimeout(ctx, d)
		}
		ctx, cancel := context.WithCancel(ctx)
		given <- cancel
		return ctx, cancel
	}
	shown, before := uint64(0), []byte(nil)
	for err = nil; err == nil; { // until PostgreSQL has read its settings
		done := make(chan error, 1)
		go func() { done <- committed(t, s, h, shown+1) }()
		for giveUp := <-given; len(done) == 0; {
			if waiting() != "0" {
				giveUp()
				break
			}
		}
		if err = <-done; err == nil {
			shown++
			before = []byte{byte(shown)}
		}
	}
	if !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("given up: %v, want ErrUnknown", err)
	}
	s.options.Within = context.WithTimeout
	// Whoever sends a request to cancel does so at once; it must not have come.
	for range 20 {
		values, err := s.Get(t.Context(), []store.Place{{Shard: 3, Key: []byte("seq")}})
		if err != nil || !bytes.Equal(values[0], before) {
			t.Fatalf("shown before the standby has it: %v, %v", values, err)
		}
		if n := waiting(); n != "1" {
			t.Fatalf("%s commits wait for the standby, want 1", n)
		}
	}
	wait("")
	for h.Seq() != shown+1 { // until PostgreSQL has read its settings
		if h, err = s.Acquire(t.Context(), 3); err != nil && !strings.Contains(err.Error(), lockNotAvailable) {
			t.Fatal(err)
		} else if err != nil {
			h = &handle{}
		}
	}
	if err := committed(t, s, h, shown+2); err != nil {
		t.Error(err)
	}
}

// TestServerThatDoesNotAnswer: a commit ends all the same, and nobody knows how.
func TestServerThatDoesNotAnswer(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := mustOpen(t, o)
	h, err := s.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := committed(t, s, h, 1); err != nil {
		t.Fatal(err)
	}
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.options.Within = soon(200*time.Millisecond, renewWithin, commitWithin)
	done := make(chan error)
	go func() { done <- committed(t, s, h, 2) }()
	err = <-done
	s.lease.until = 0
	s.Renew(t.Context())
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, store.ErrUnknown) {
		t.Errorf("commit: %v, want ErrUnknown", err)
	}
	s.options.Within = context.WithTimeout
	s.Renew(t.Context())
	if err := s.Current(0); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "does not answer") || !strings.Contains(text, "answers again") {
		t.Errorf("the log says %s", text)
	}
	if h, err = s.Acquire(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := committed(t, s, h, h.Seq()+1); err != nil {
		t.Error(err)
	}
}

// TestCommitEndsWithTheLease: nobody waits for a commit longer than nobody else can have the
// shards.
func TestCommitEndsWithTheLease(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	var passed atomic.Int64
	o.Elapsed = func() time.Duration { return time.Duration(passed.Load()) }
	s := mustOpen(t, o)
	h, err := s.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := committed(t, s, h, 1); err != nil {
		t.Fatal(err)
	}
	resume := paused(t, server)
	defer resume()
	sent := make(chan bool, 1)
	s.options.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		switch d {
		case commitWithin: // a long time
			sent <- true
			return context.WithCancel(ctx)
		case renewWithin:
			d = 100 * time.Millisecond
		}
		return context.WithTimeout(ctx, d)
	}
	done := make(chan error, 1)
	go func() { done <- committed(t, s, h, 2) }()
	<-sent
	passed.Add(int64(leaseFor))
	s.Renew(t.Context())
	select {
	case err := <-done:
		if err == nil {
			t.Error("written by a server that stands still")
		}
	case <-time.After(time.Minute):
		t.Error("the commit waits, though the lease is over")
		_ = resume()
		<-done
	}
	if err := resume(); err != nil {
		t.Fatal(err)
	}
	s.options.Within = context.WithTimeout
	s.Renew(t.Context())
}

// TestReadsEndWithTheLease: where other servers may answer, nobody waits for a read longer than this one is known to
// reach the database. As long as it does not, a read takes no longer than an attempt to renew, and no commit begins.
func TestReadsEndWithTheLease(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	var passed atomic.Int64
	o.Elapsed = func() time.Duration { return time.Duration(passed.Load()) }
	o.Shared = true
	s := mustOpen(t, o)
	join := func() {
		t.Helper()
		if _, err := s.Members().Join(t.Context(), store.Member{Name: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() error {
		_, err := s.Get(t.Context(), []store.Place{{Shard: 3, Key: []byte("seq")}})
		return err
	}
	join()
	if err := read(); err != nil {
		t.Fatal(err)
	}
	resume := paused(t, server)
	defer resume()
	sent := make(chan bool, 1)
	s.options.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		switch d {
		case readWithin, commitWithin: // a long time
			sent <- true
			return context.WithCancel(ctx)
		case renewSharedWithin:
			d = 100 * time.Millisecond
		}
		return context.WithTimeout(ctx, d)
	}
	done := make(chan error, 1)
	go func() { done <- read() }()
	<-sent
	passed.Add(int64(store.MemberTTL))
	if _, err := s.Members().Renew(t.Context(), store.Renewal{}); err == nil {
		t.Error("renewed by a server that stands still")
	}
	select {
	case err := <-done:
		if !errors.Is(err, store.ErrAway) {
			t.Errorf("a read from before: %v, want ErrAway", err)
		}
		if err := read(); err == nil {
			t.Error("read from a server that stands still")
		}
	case <-time.After(time.Minute):
		t.Error("the read waits, though the lease is over")
		_ = resume()
		<-done
	}
	h := &handle{store: s, shard: 3, epoch: 1}
	if err := committed(t, s, h, 1); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("a commit that is not sent: %v, want an error that says so", err)
	}
	if len(sent) != 0 {
		t.Error("something has long, though the database is known to be silent")
	}
	if err := resume(); err != nil {
		t.Fatal(err)
	}
	s.options.Within = context.WithTimeout
	if _, err := s.Members().Renew(t.Context(), store.Renewal{}); errors.Is(err, store.ErrNotMember) { // the machine was slow
		join()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Error(err)
	}
}

// TestLostSections: a database that has less than was acknowledged is not served from.
func TestLostSections(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	s := mustOpen(t, o)
	h, err := s.Acquire(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(committed(t, s, h, 1), committed(t, s, h, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.SQL("update " + o.Schema + ".shards set seq = 1 where shard = 3"); err != nil {
		t.Fatal(err)
	}
	if err := committed(t, s, h, 3); !errors.Is(err, store.ErrFenced) {
		t.Errorf("commit: %v", err)
	}
	if _, err := s.Acquire(t.Context(), 3); !errors.Is(err, store.ErrRegressed) {
		t.Errorf("acquire: %v, want store.ErrRegressed", err)
	}
}

// TestRoundTrips: a commit of many sections is one message and its answer.
func TestRoundTrips(t *testing.T) {
	s := mustOpen(t, options(t, shared(t)))
	var sections []store.Section
	for shard := range s.Shards() {
		h, err := s.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		sections = append(sections, store.Section{Shard: shard, Epoch: h.Epoch(), Seq: 1, Ops: []store.Op{
			{Key: []byte("a")}, {Kind: store.Delete, Key: []byte("b")}, {Space: store.IndexSpace, Key: []byte{byte(shard)}},
			{Kind: store.Delete, Space: store.IndexSpace, Key: []byte("z")}, {Kind: store.DeleteRange, Key: []byte("c"), Value: []byte("d")},
		}})
	}
	before := s.Rounds()
	if err := errors.Join(s.Commit(t.Context(), sections)...); err != nil {
		t.Fatal(err)
	}
	if n := s.Rounds() - before; n != 1 {
		t.Errorf("%d round trips, want 1", n)
	}
}
