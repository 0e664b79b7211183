package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/pgstore/pgtest"
)

// TestStandbyThatLags: an asynchronous standby that is promoted lacks what was acknowledged since. Every
// shard that lost something is refused, to who wrote it, to who heard of it, and to who begins
// after that and knows nothing, until the loss is accepted; the others go on.
func TestStandbyThatLags(t *testing.T) {
	primary := shared(t)
	standby, err := primary.Standby(pgtest.InMemory(), "lags", primary.Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		standby.Remove()
		if err := primary.Start(); err != nil {
			t.Error(err)
		}
	})
	var log bytes.Buffer
	o := options(t, primary)
	o.DSN = fmt.Sprintf("postgres://heddle@127.0.0.1:%d,127.0.0.1:%d/heddle?sslmode=disable", primary.Port(), standby.Port())
	o, clock := clocked(t, primary, o)
	o.Shared, o.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
	opened := func(node string) *Store {
		t.Helper()
		s := mustOpen(t, o)
		if _, err := s.Members().Join(t.Context(), store.Member{Name: node}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := opened("one"), opened("two")
	var handles []store.Handle
	for shard := range one.Shards() {
		h, err := one.Acquire(t.Context(), shard)
		if err == nil {
			err = committed(t, one, h, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	on := func(server *pgtest.Server, sql, want string) {
		t.Helper()
		for {
			got, err := server.SQL(sql)
			if err != nil {
				t.Fatal(err)
			}
			if got == want {
				return
			}
		}
	}
	on(standby, "select count(*) from "+o.Schema+".shards where seq = 1", fmt.Sprint(one.Shards()))

	// It gets no more.
	for _, sql := range []string{"alter system set primary_conninfo = ''", "select pg_reload_conf()"} {
		if _, err := standby.SQL(sql); err != nil {
			t.Fatal(err)
		}
	}
	on(standby, "select count(*) from pg_stat_wal_receiver", "0")
	lost := []uint16{1, 4, 6}
	for _, shard := range lost {
		if err := errors.Join(committed(t, one, handles[shard], 2), committed(t, one, handles[shard], 3)); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := one.Acquire(t.Context(), 5) // an epoch that is lost, and no section
	if err != nil {
		t.Fatal(err)
	}
	two.Members().Heard(one.Members().Sequences())
	if err := errors.Join(primary.Crash(), standby.Promote()); err != nil {
		t.Fatal(err)
	}
	clock.server = standby
	clock.pass(time.Second)

	// Nobody reads it, not even who has not looked yet, and the shard still.
	for _, s := range []*Store{one, two} {
		for shard := range one.Shards() {
			_, err := s.Get(t.Context(), []store.Place{{Shard: shard, Key: []byte("seq")}})
			if isLost := slices.Contains(lost, shard); isLost != errors.Is(err, store.ErrRegressed) || !isLost && err != nil {
				t.Errorf("rows of shard %d: %v", shard, err)
			}
		}
	}
	// Nobody writes over it, and nobody gets it.
	one.Commit(t.Context(), []store.Section{{Shard: 0, Epoch: handles[0].Epoch(), Seq: 2}}) // its connection has broken
	for _, shard := range lost {
		if err := committed(t, one, handles[shard], 4); err == nil {
			t.Errorf("shard %d lacks a step, and was written", shard)
		}
	}
	for _, s := range []*Store{one, two} {
		name := map[*Store]string{one: "one", two: "two"}[s]
		_, _ = s.Members().Renew(t.Context(), store.Renewal{}) // it finds out that its connections are broken
		if err := s.Members().Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Members().Join(t.Context(), store.Member{Name: name}); err != nil {
			t.Fatal(err)
		}
		for shard := range s.Shards() {
			h, err := s.Acquire(t.Context(), shard)
			if isLost := slices.Contains(lost, shard); isLost != errors.Is(err, store.ErrRegressed) || !isLost && err != nil {
				t.Errorf("%s takes shard %d: %v", name, shard, err)
			}
			if err == nil && shard == 5 && h.Epoch() <= taken.Epoch() {
				t.Errorf("epoch %d is given again, or after %d", h.Epoch(), taken.Epoch())
			}
		}
		if err := s.Members().Leave(t.Context()); err != nil { // its shards are anybody's
			t.Fatal(err)
		}
	}
	if text := log.String(); strings.Count(text, "the database has lost acknowledged steps") != 2*len(lost) || !strings.Contains(text, "heddle accept-loss") {
		t.Errorf("the log says\n%s", text)
	}

	// Who knows nothing of it is refused too.
	later := opened("later")
	for _, shard := range lost {
		if _, err := later.Acquire(t.Context(), shard); !errors.Is(err, store.ErrRegressed) {
			t.Errorf("after a restart shard %d is taken: %v", shard, err)
		}
	}
	if n := later.Lacking(); n != len(lost) {
		t.Errorf("%d shards are known to lack something, want %d", n, len(lost))
	}
	found, err := later.Members().Losses(t.Context())
	want := []store.Loss{{Shard: 1, Has: 1, Acknowledged: 3}, {Shard: 4, Has: 1, Acknowledged: 3}, {Shard: 6, Has: 1, Acknowledged: 3}}
	if err != nil || !slices.Equal(found, want) {
		t.Fatalf("losses %+v, %v", found, err)
	}
	if err := later.Members().AcceptLoss(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	for _, shard := range lost {
		h, err := later.Acquire(t.Context(), shard)
		if err == nil {
			err = committed(t, later, h, 4)
		}
		if err != nil {
			t.Errorf("an accepted loss of shard %d: %v", shard, err)
		}
	}
	if n := later.Lacking(); n != 0 {
		t.Errorf("%d shards are still said to lack what was accepted", n)
	}
}

// TestLossesAreNotedOnce: a look that finds losses which stand in the database writes nothing, since a membership waits for
// it; by connections that are new, so that they may lead to another database, it notes them anew.
func TestLossesAreNotedOnce(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	o.Shared = true
	s := mustOpen(t, o)
	if _, err := s.Members().Join(t.Context(), store.Member{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	all := make([]uint64, s.Shards())
	for i := range all {
		all[i] = uint64(i) // of the first one nothing is lost
	}
	s.Members().Heard(all)
	noted := func() string {
		t.Helper()
		if _, err := s.Members().Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := server.SQL("select count(*) from " + o.Schema + ".meta where convert_from(key, 'UTF8') like '" + lostKey + "%'")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := fmt.Sprint(s.Shards() - 1)
	if n := noted(); n != want {
		t.Fatalf("%s losses are noted, want %s", n, want)
	}
	if _, err := server.SQL("delete from " + o.Schema + ".meta where convert_from(key, 'UTF8') like '" + lostKey + "%'"); err != nil {
		t.Fatal(err)
	}
	if n := noted(); n != "0" {
		t.Errorf("a second look has noted %s losses once more", n)
	}
	s.renewals.renew()
	if n := noted(); n != want {
		t.Errorf("of another database %s losses are noted, want %s", n, want)
	}
}
