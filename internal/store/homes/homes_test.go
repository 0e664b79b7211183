package homes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/homes"
	"heddle/internal/store/pgstore"
	"heddle/internal/store/pgstore/pgtest"
	"heddle/internal/store/storetest"
)

var server pgtest.Shared

func shared(t *testing.T) *pgtest.Server {
	t.Helper()
	return server.Get(t)
}

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

var schemas atomic.Int64

// schema names one that is not there yet.
func schema() string { return fmt.Sprint("home_", schemas.Add(1)) }

func options(t testing.TB, server *pgtest.Server, schema string) pgstore.Options {
	return pgstore.Options{
		DSN: server.DSN(), Schema: schema, Shards: storetest.Shards, Node: t.Name(), Label: "test", Home: true,
		Elapsed: pgtest.Elapsed, Within: context.WithTimeout, Logger: slog.New(slog.DiscardHandler),
	}
}

// at is a home in a database.
func at(name string, o pgstore.Options) homes.Home {
	return homes.Home{Name: name, Open: func(ctx context.Context, id string) (homes.Below, error) {
		o.ID = id
		return pgstore.Open(ctx, o)
	}}
}

func mustOpen(t testing.TB, all []homes.Home, o homes.Options) *homes.Store {
	t.Helper()
	s, err := homes.Open(t.Context(), all, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && err != store.ErrClosed {
			t.Error(err)
		}
	})
	return s
}

// TestStore runs the suite on a store of two homes, which are two schemas of one PostgreSQL.
func TestStore(t *testing.T) {
	server := shared(t)
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		all := []homes.Home{at("a", options(t, server, schema())), at("b", options(t, server, schema()))}
		open := func(t *testing.T) store.Store { return mustOpen(t, all, homes.Options{}) }
		return storetest.Backend{
			Store: open(t), Homes: len(all), Reopen: open,
			Crash: func(t *testing.T) store.Store {
				if err := errors.Join(server.Crash(), server.Start()); err != nil {
					t.Fatal(err)
				}
				return open(t)
			},
		}
	})
}

// TestManyEntries reads more than is read ahead of each home, both ways, and stops on the way.
func TestManyEntries(t *testing.T) {
	server := shared(t)
	s := mustOpen(t, []homes.Home{at("a", options(t, server, schema())), at("b", options(t, server, schema())), at("c", options(t, server, schema()))}, homes.Options{})
	const each = 1500
	var sections []store.Section
	for shard := range uint16(3) {
		h, err := s.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		section := store.Section{Shard: shard, Epoch: h.Epoch(), Seq: 1}
		for i := range each {
			section.Ops = append(section.Ops, store.Op{Space: store.IndexSpace, Key: fmt.Appendf(nil, "%06d", 3*i+int(shard))})
		}
		sections = append(sections, section)
	}
	if err := errors.Join(s.Commit(t.Context(), sections)...); err != nil {
		t.Fatal(err)
	}
	if got := s.Sequences(); !slices.Equal(got[:4], []uint64{1, 1, 1, 0}) { // each home's of its own shards
		t.Errorf("sequences %d", got)
	}
	for _, test := range []struct {
		reverse     bool
		limit, stop int
	}{{}, {reverse: true}, {limit: 1000}, {reverse: true, limit: 4499}, {stop: 1}, {stop: 2000, reverse: true}, {limit: 3, stop: 3}} {
		n := 0
		err := s.ScanIndex(t.Context(), store.Range{Reverse: test.reverse, Limit: test.limit}, func(key, _ []byte) bool {
			want := n
			if test.reverse {
				want = 3*each - 1 - n
			}
			if string(key) != fmt.Sprintf("%06d", want) {
				t.Fatalf("%+v: entry %d is %s", test, n, key)
			}
			n++
			return n != test.stop
		})
		want := 3 * each
		for _, bound := range []int{test.limit, test.stop} {
			if bound > 0 {
				want = min(want, bound)
			}
		}
		if err != nil || n != want {
			t.Errorf("%+v: %d entries, %v; want %d", test, n, err, want)
		}
	}
	// One that is over on the way is not taken for the end.
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.ScanIndex(ctx, store.Range{}, func(_, _ []byte) bool {
		if n++; n == 10 {
			cancel()
		}
		return true
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after %d entries: %v", n, err)
	}
}

// TestWrongSetups: each is refused by an error that says what to do, and spoils nothing.
func TestWrongSetups(t *testing.T) {
	server := shared(t)
	a, b, c := options(t, server, schema()), options(t, server, schema()), options(t, server, schema())
	right := []homes.Home{at("a", a), at("b", b), at("c", c)}
	s := mustOpen(t, right, homes.Options{})
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := options(t, server, schema())
	foreign := mustOpen(t, []homes.Home{at("a", options(t, server, schema())), at("b", other)}, homes.Options{})
	if err := foreign.Close(); err != nil {
		t.Fatal(err)
	}
	alone := options(t, server, schema())
	alone.Home = false
	used, err := pgstore.Open(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(used.Meta().CompareAndSet(t.Context(), "keys/x", nil, []byte("x")), used.Close()); err != nil {
		t.Fatal(err)
	}
	alone.Home = true
	empty := func() pgstore.Options { return options(t, server, schema()) }
	single := b
	single.Home = false
	if _, err := pgstore.Open(t.Context(), single); err == nil || !strings.Contains(err.Error(), "give all of them") {
		t.Errorf("a home is opened alone: %v", err)
	}
	single = a
	single.Home = false
	if _, err := pgstore.Open(t.Context(), single); err == nil || !strings.Contains(err.Error(), "give all of them") {
		t.Errorf("the first home is opened alone: %v", err)
	}
	same := empty()
	for name, test := range map[string]struct {
		given []homes.Home
		want  string
	}{
		"one":                        {right[:1], "want 2 to 64"},
		"two of a name":              {[]homes.Home{right[0], at("a", b)}, "given twice"},
		"a strange name":             {[]homes.Home{right[0], at("b c", b)}, "want a name of letters"},
		"one is missing":             {right[:2], `["c"] is missing`},
		"one is renamed":             {[]homes.Home{right[0], at("x", b), right[2]}, `["x"] is not one of them, and ["b"] is missing`},
		"one is added":               {append(right[:3:3], at("d", empty())), "copy the store to new ones"},
		"in another order":           {[]homes.Home{right[0], right[2], right[1]}, "their order is another one"},
		"another one first":          {[]homes.Home{right[1], right[0], right[2]}, `is home "b" of a store, and not the first one`},
		"databases exchanged":        {[]homes.Home{right[0], at("b", c), at("c", b)}, `home "b": its database is that of home "c"`},
		"one database twice":         {[]homes.Home{right[0], right[1], at("c", b)}, `home "c": its database is that of home "b"`},
		"a new one twice":            {[]homes.Home{at("a", same), at("b", same)}, "both are one database"},
		"an empty database":          {[]homes.Home{right[0], at("b", empty()), right[2]}, "restore it"},
		"another store's home":       {[]homes.Home{right[0], at("b", other), right[2]}, "has another store"},
		"another store's, for a new": {[]homes.Home{at("a", empty()), at("b", other)}, "a home of another store"},
		"a store of one home":        {[]homes.Home{at("a", alone), at("b", empty())}, "copy it to new homes"},
		"a store, for a new home":    {[]homes.Home{at("a", empty()), at("b", alone)}, "give an empty database"},
		"more homes than shards": {[]homes.Home{at("a", empty()), at("b", empty()), at("c", empty()), at("d", empty()), at("e", empty()), at("f", empty()),
			at("g", empty()), at("h", empty()), at("i", empty())}, "more than the 8 shards"},
	} {
		if s, err := homes.Open(t.Context(), test.given, homes.Options{}); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q in it", name, err, test.want)
		}
	}
	if s, err := homes.Open(t.Context(), right, homes.Options{ID: "1234"}); err == nil {
		s.Close()
		t.Error("another folder's store was opened")
	}
	if s := mustOpen(t, right, homes.Options{ID: id}); s.Count() != 3 {
		t.Errorf("%d homes", s.Count())
	}
}

// TestCutOffCreation: homes whose creation was cut off anywhere are made by the next start.
func TestCutOffCreation(t *testing.T) {
	server := shared(t)
	a, b, c := options(t, server, schema()), options(t, server, schema()), options(t, server, schema())
	gone := b
	gone.DSN = "postgres://nobody@127.0.0.1:1/x?connect_timeout=1"
	gone.Within = func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Millisecond)
	}
	if s, err := homes.Open(t.Context(), []homes.Home{at("a", a), at("b", gone), at("c", c)}, homes.Options{}); err == nil {
		s.Close()
		t.Fatal("a store was made without one of its homes")
	}
	mustOpen(t, []homes.Home{at("a", a), at("b", b), at("c", c)}, homes.Options{}).Close()
	// From then on one may be away, but not the first.
	s := mustOpen(t, []homes.Home{at("a", a), at("b", gone), at("c", c)}, homes.Options{})
	if !errors.Is(s.Away(1), store.ErrAway) || s.Away(0) != nil || s.Away(2) != nil {
		t.Errorf("away: %v, %v, %v", s.Away(0), s.Away(1), s.Away(2))
	}
	if _, err := homes.Open(t.Context(), []homes.Home{at("a", a), at("b", gone), at("c", c)}, homes.Options{Whole: true}); err == nil {
		t.Error("a whole store was opened without one of its homes")
	}
}
