package storetest

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"heddle/internal/store"
)

func wantMeta(t *testing.T, tested store.Store, key, value string) {
	t.Helper()
	got, err := tested.Meta().Get(t.Context(), key)
	if err != nil || string(got) != value {
		t.Fatalf("meta %q: %q, %v, want %q", key, got, err, value)
	}
}

func metaCompareAndSet(t *testing.T, b Backend) {
	meta := b.Store.Meta()
	set := func(old, next []byte, want error) {
		t.Helper()
		if err := meta.CompareAndSet(t.Context(), "test/key", old, next); !errors.Is(err, want) {
			t.Fatalf("compare %q and set %q: %v, want %v", old, next, err, want)
		}
	}
	wantAbsent := func() {
		t.Helper()
		if got, err := meta.Get(t.Context(), "test/key"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("absent key: %q, %v", got, err)
		}
	}
	wantAbsent()
	set([]byte("1"), []byte("2"), store.ErrConflict)
	set([]byte{}, []byte("2"), store.ErrConflict) // empty is not absent
	wantAbsent()
	set(nil, []byte("1"), nil)
	wantMeta(t, b.Store, "test/key", "1")
	set(nil, []byte("2"), store.ErrConflict)
	set([]byte("0"), []byte("2"), store.ErrConflict)
	wantMeta(t, b.Store, "test/key", "1")
	set([]byte("1"), []byte{}, nil)
	wantMeta(t, b.Store, "test/key", "")
	set(nil, []byte("2"), store.ErrConflict)
	set([]byte{}, []byte("2"), nil)
	set([]byte("1"), nil, store.ErrConflict)
	set([]byte("2"), nil, nil) // nil removes
	wantAbsent()

	// Of many that set at once, one wins.
	var all sync.WaitGroup
	won := make(chan string, 16)
	for i := range cap(won) {
		all.Go(func() {
			mine := fmt.Sprint(i)
			err := meta.CompareAndSet(t.Context(), "test/key", nil, []byte(mine))
			if err == nil {
				won <- mine
			} else if !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d of %d won", len(won), cap(won))
	}
	wantMeta(t, b.Store, "test/key", <-won)
}

func metaList(t *testing.T, b Backend) {
	meta := b.Store.Meta()
	for _, key := range []string{"test/a", "test/b\xff", "test/", "test0", "tess/z"} {
		if err := meta.CompareAndSet(t.Context(), key, nil, []byte("of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{
		"test/":   {"test/", "test/a", "test/b\xff"},
		"test":    {"test/", "test/a", "test/b\xff", "test0"},
		"test/b":  {"test/b\xff"},
		"nothing": nil,
	} {
		got, err := meta.List(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		wanted := map[string]string{}
		for _, key := range want {
			wanted[key] = "of " + key
		}
		if !maps.EqualFunc(got, wanted, func(a []byte, b string) bool { return string(a) == b }) {
			t.Fatalf("list %q: %q, want %q", prefix, got, wanted)
		}
	}
	// An empty prefix lists all, the store's own keys among them.
	if got, err := meta.List(t.Context(), ""); err != nil || string(got["tess/z"]) != "of tess/z" || len(got) < 5 {
		t.Fatalf("list of all: %q, %v", got, err)
	}
}

func closed(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	snapshot := snapshotOf(t, b.Store)
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, snapshot)
	never := func(_, _ []byte) bool { t.Error("a closed store showed a row"); return false }
	_, acquireErr := b.Store.Acquire(t.Context(), 1)
	_, getErr := b.Store.Get(t.Context(), []store.Place{inShard(1, "key")})
	_, manyErr := b.Store.Get(t.Context(), []store.Place{inShard(1, "key"), inIndex("key")})
	_, snapshotErr := b.Store.Snapshot(t.Context())
	_, metaErr := b.Store.Meta().Get(t.Context(), "key")
	_, listErr := b.Store.Meta().List(t.Context(), "")
	for call, err := range map[string]error{
		"acquire":        acquireErr,
		"commit":         b.Store.Commit(t.Context(), []store.Section{o.section(put("key", ""))})[0],
		"get":            getErr,
		"get many":       manyErr,
		"snapshot":       snapshotErr,
		"scan":           o.scan(t.Context(), store.Range{}, never),
		"release":        o.handle.Release(t.Context()),
		"index scan":     b.Store.ScanIndex(t.Context(), store.Range{}, never),
		"barrier":        b.Store.Barrier(t.Context()),
		"meta get":       metaErr,
		"meta set":       b.Store.Meta().CompareAndSet(t.Context(), "key", nil, []byte{}),
		"meta list":      listErr,
		"a second close": b.Store.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", call, err)
		}
	}
}

func reopen(t *testing.T, b Backend) {
	outlive(t, b.Store, func() store.Store {
		if err := b.Store.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Reopen(t)
	})
}

func crash(t *testing.T, b Backend) {
	outlive(t, b.Store, func() store.Store { return b.Crash(t) })
}

// outlive wants all that was acknowledged before an end to be there after it.
func outlive(t *testing.T, tested store.Store, end func() store.Store) {
	t.Helper()
	var epochs [Shards]uint64
	for shard := range uint16(Shards) {
		o := acquire(t, tested, shard)
		epochs[shard] = o.handle.Epoch()
		for i := range shard {
			o.commit(put(fmt.Sprint(i), fmt.Sprint("value ", i)), put("gone", ""), indexed(put(fmt.Sprint(shard, i), "")))
		}
		section := o.section(delRange("gone", "gonf"))
		section.Stamp = uint64(shard) * 1_000_000
		wantCommit(t, tested, []store.Section{section}, nil)
	}
	if err := tested.Meta().CompareAndSet(t.Context(), "test/key", nil, []byte("value")); err != nil {
		t.Fatal(err)
	}
	stale := acquire(t, tested, 7)

	tested = end()
	wantMeta(t, tested, "test/key", "value")
	indexed := 0
	for shard := range uint16(Shards) {
		before := store.Section{Shard: shard, Epoch: epochs[shard], Seq: uint64(shard) + 2}
		wantCommit(t, tested, []store.Section{before}, store.ErrFenced)
		o := acquire(t, tested, shard)
		if o.seq != uint64(shard)+1 || o.handle.Epoch() <= epochs[shard] {
			t.Fatalf("shard %d: sequence %d and epoch %d after %d and %d", shard, o.seq, o.handle.Epoch(), shard+1, epochs[shard])
		}
		if o.handle.Stamp() != uint64(shard)*1_000_000 {
			t.Fatalf("shard %d: stamp %d", shard, o.handle.Stamp())
		}
		for i := range shard {
			o.want(fmt.Sprint(i), fmt.Sprint("value ", i))
		}
		o.wantNone("gone")
		indexed += int(shard)
		o.commit(put("after", ""))
	}
	if found := rows(t, tested.ScanIndex, store.Range{}); len(found) != indexed {
		t.Fatalf("%d index entries, want %d: %q", len(found), indexed, found)
	}
	wantCommit(t, tested, []store.Section{stale.section()}, store.ErrFenced)
}
