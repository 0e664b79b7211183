package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"heddle/internal/store"
)

// snapshotOf takes a snapshot that is closed when the test ends, unless it is
// closed before.
func snapshotOf(t *testing.T, tested store.Store) store.Snapshot {
	t.Helper()
	s, err := tested.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// views is a store as it is now, and a snapshot of it: what they promise of reads
// is the same.
func views(t *testing.T, tested store.Store) []store.View {
	t.Helper()
	return []store.View{tested, snapshotOf(t, tested)}
}

// getMany: values stand where their places stand.
func getMany(t *testing.T, b Backend) {
	acquire(t, b.Store, 1).commit(put("ab", "1"), put("empty", ""), indexed(put("ab", "index")), indexed(put("entry", "")))
	acquire(t, b.Store, 2).commit(put("ab", "2"), put("\xff", "last"))
	acquire(t, b.Store, 3).commit(put("ab", "3"), put("gone", "3"), put("cut", "3"), del("gone"), delRange("c", "d"))
	for _, v := range views(t, b.Store) {
		places := []store.Place{
			inShard(2, "\xff"), inIndex("entry"), inShard(1, "ab"), inShard(1, "a"), inShard(1, "abc"), inIndex("ab"),
			inShard(2, "ab"), inShard(3, "ab"), inShard(2, "ab"), inShard(3, "gone"), inShard(3, "cut"), inIndex("a"),
			inShard(1, "empty"), inShard(7, "ab"), inShard(1, ""), inIndex(""),
		}
		places[1].Shard, places[5].Shard = Shards+1, 7 // which counts for nothing in the index
		want := []string{"last", "", "1", "-", "-", "index", "2", "3", "2", "-", "-", "-", "", "-", "-", "-"}
		got := get(t, v, places...)
		for i := range want {
			text := string(got[i])
			if got[i] == nil {
				text = "-"
			}
			if text != want[i] {
				t.Errorf("place %d, %q: %q, want %q", i, places[i].Key, text, want[i])
			}
			// Each of them alone is the same.
			if alone := get(t, v, places[i])[0]; string(alone) != string(got[i]) || (alone == nil) != (got[i] == nil) {
				t.Errorf("place %d, %q: %q alone, %q among others", i, places[i].Key, alone, got[i])
			}
		}
		copy(got[6], "x")
		if string(got[8]) != "2" || string(get(t, v, places[6])[0]) != "2" {
			t.Error("values share their memory")
		}
		if got := get(t, v); len(got) != 0 {
			t.Errorf("no places gave %q", got)
		}
	}
}

// unownedReads: a shard can be read whoever has it.
func unownedReads(t *testing.T, b Backend) {
	want := func(value string) {
		t.Helper()
		for _, v := range views(t, b.Store) {
			if got := get(t, v, inShard(4, "key"))[0]; string(got) != value {
				t.Fatalf("got %q, want %q", got, value)
			}
			if value == "" {
				wantRows(t, scanOf(v, 4), store.Range{})
			} else {
				wantRows(t, scanOf(v, 4), store.Range{}, "key="+value)
			}
		}
	}
	want("") // nobody has ever had it
	o := acquire(t, b.Store, 4)
	want("")
	o.commit(put("key", "1"))
	want("1")
	now := acquire(t, b.Store, 4)
	want("1")
	now.commit(put("key", "2"))
	want("2")
	if err := now.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("2")
}

// limits: a scan visits no more rows than it was told.
func limits(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 3)
	for _, op := range []func(store.Op) store.Op{func(op store.Op) store.Op { return op }, indexed} {
		o.commit(op(put("a", "")), op(put("b", "")), op(put("c", "")), op(put("d", "")))
	}
	acquire(t, b.Store, 4).commit(put("a", ""))
	for _, v := range views(t, b.Store) {
		for _, s := range []scanner{scanOf(v, 3), v.ScanIndex} {
			limited := func(r store.Range, limit int) store.Range { r.Limit = limit; return r }
			for _, limit := range []int{0, 4, 5, 1000} {
				wantRows(t, s, limited(store.Range{}, limit), "a=", "b=", "c=", "d=")
				wantRows(t, s, limited(store.Range{Reverse: true}, limit), "d=", "c=", "b=", "a=")
			}
			wantRows(t, s, limited(store.Range{}, 1), "a=")
			wantRows(t, s, limited(store.Range{}, 3), "a=", "b=", "c=")
			wantRows(t, s, limited(store.Range{Reverse: true}, 1), "d=")
			wantRows(t, s, limited(store.Range{Reverse: true}, 3), "d=", "c=", "b=")
			wantRows(t, s, limited(span("b", "d"), 1), "b=")
			wantRows(t, s, limited(span("b", "d"), 3), "b=", "c=")
			wantRows(t, s, limited(backwards(span("b", "d")), 1), "c=")
			wantRows(t, s, limited(backwards(span("b", "d")), 3), "c=", "b=")
			wantRows(t, s, limited(span("e", ""), 1))
			visits := 0
			err := s(t.Context(), store.Range{Limit: 3}, func(_, _ []byte) bool { visits++; return visits < 2 })
			if err != nil || visits != 2 {
				t.Fatalf("%d visits, %v, want 2: the visitor said so before the limit", visits, err)
			}
		}
	}
}

// unknownShardReads: it is an error, not a shard without rows.
func unknownShardReads(t *testing.T, b Backend) {
	for _, v := range views(t, b.Store) {
		if got, err := v.Get(t.Context(), []store.Place{inShard(1, "key"), inShard(Shards, "key")}); err == nil {
			t.Errorf("get from shard %d of %d: %q", Shards, Shards, got)
		}
		if err := v.Scan(t.Context(), Shards, store.Range{}, func(_, _ []byte) bool { return true }); err == nil {
			t.Errorf("scanned shard %d of %d", Shards, Shards)
		}
	}
}

// cancelledReads: a context that is over ends what did not begin.
func cancelledReads(t *testing.T, b Backend) {
	acquire(t, b.Store, 1).commit(put("key", ""), indexed(put("key", "")))
	ctx, cancel := context.WithCancel(t.Context())
	both := views(t, b.Store)
	cancel()
	never := func(_, _ []byte) bool { t.Error("a read that was over showed a row"); return false }
	want := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
	for _, v := range both {
		for _, places := range [][]store.Place{{inShard(1, "key")}, {inShard(1, "key"), inIndex("key")}} {
			_, err := v.Get(ctx, places)
			want(fmt.Sprintf("get of %d rows", len(places)), err)
		}
		want("scan", v.Scan(ctx, 1, store.Range{}, never))
		want("scan of the index", v.ScanIndex(ctx, store.Range{}, never))
	}
	want("barrier", b.Store.Barrier(ctx))
	_, err := b.Store.Snapshot(ctx)
	want("snapshot", err)
	// Nothing of it stays: the store closes.
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
}

// visitorsMayCall: a scan holds nothing that its visitor may want.
func visitorsMayCall(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	o.commit(put("a", "1"), put("b", "2"), indexed(put("c", "3")))
	for _, v := range views(t, b.Store) {
		visits := 0
		visit := func(key, _ []byte) bool {
			visits++
			wantRows(t, scanOf(v, 1), store.Range{}, "a=1", "b=2")
			wantRows(t, v.ScanIndex, store.Range{}, "c=3")
			if got := get(t, v, inShard(1, "a"), inIndex("c")); string(got[0]) != "1" || string(got[1]) != "3" {
				t.Errorf("the visitor of %q got %q", key, got)
			}
			wantRows(t, scanOf(snapshotOf(t, b.Store), 1), store.Range{}, "a=1", "b=2")
			if err := b.Store.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			o.commit(put("a", "1"))
			return true
		}
		err := errors.Join(v.Scan(t.Context(), 1, store.Range{}, visit), v.ScanIndex(t.Context(), store.Range{}, visit))
		if err != nil || visits != 3 {
			t.Fatalf("%d visits, %v", visits, err)
		}
	}
}

// snapshots: each stays at its moment, whatever is written later.
func snapshots(t *testing.T, b Backend) {
	empty := snapshotOf(t, b.Store)
	one, two := acquire(t, b.Store, 1), acquire(t, b.Store, 2)
	one.commit(put("a", "1"), put("b", "1"), indexed(put("one", "1")))
	two.commit(put("a", "1"), indexed(put("two", "1")))
	first := snapshotOf(t, b.Store)
	wantFirst := func() {
		t.Helper()
		wantRows(t, scanOf(first, 1), store.Range{}, "a=1", "b=1")
		wantRows(t, scanOf(first, 1), store.Range{Reverse: true}, "b=1", "a=1")
		wantRows(t, scanOf(first, 2), store.Range{}, "a=1")
		wantRows(t, scanOf(first, 3), store.Range{})
		wantRows(t, first.ScanIndex, store.Range{}, "one=1", "two=1")
		got := get(t, first, inShard(1, "a"), inShard(2, "a"), inShard(2, "b"), inIndex("one"), inIndex("three"))
		if string(got[0]) != "1" || string(got[1]) != "1" || got[2] != nil || string(got[3]) != "1" || got[4] != nil {
			t.Fatalf("got %q", got)
		}
		wantRows(t, scanOf(empty, 1), store.Range{})
		wantRows(t, empty.ScanIndex, store.Range{})
		if got := get(t, empty, inShard(1, "a"))[0]; got != nil {
			t.Fatalf("the snapshot of an empty store shows %q", got)
		}
	}
	wantFirst()
	one.commit(put("a", "2"), del("b"), indexed(del("one")), indexed(put("three", "2")))
	two.commit(delRange("", ""), put("b", "2"))
	acquire(t, b.Store, 3).commit(put("a", "2"))
	wantFirst()
	second := snapshotOf(t, b.Store)
	for i := range 50 {
		one.commit(put("a", fmt.Sprint("later ", i)), put(fmt.Sprint(i), ""), indexed(put(fmt.Sprint(i), "")))
	}
	wantFirst()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, scanOf(second, 1), store.Range{}, "a=2")
	wantRows(t, scanOf(second, 2), store.Range{}, "b=2")
	wantRows(t, scanOf(second, 3), store.Range{}, "a=2")
	wantRows(t, second.ScanIndex, store.Range{}, "three=2", "two=1")
	one.want("a", "later 49")
}

// snapshotClosed: it is closed once, also while it is read, and shows nothing then.
func snapshotClosed(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	o.commit(put("a", ""), put("b", ""), put("c", ""))
	s := snapshotOf(t, b.Store)
	visits := 0
	err := s.Scan(t.Context(), 1, store.Range{}, func(_, _ []byte) bool {
		if visits++; visits == 1 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			o.commit(delRange("", ""))
		}
		return true
	})
	if err != nil || visits != 3 {
		t.Fatalf("a scan saw %d rows, %v, want the 3 of when it began", visits, err)
	}
	wantClosed(t, s)
	wantRows(t, o.scan, store.Range{})
}

// wantClosed wants every call of a snapshot to say that it is closed.
func wantClosed(t *testing.T, s store.Snapshot) {
	t.Helper()
	never := func(_, _ []byte) bool { t.Error("a closed snapshot showed a row"); return false }
	_, getErr := s.Get(t.Context(), []store.Place{inShard(1, "a")})
	_, manyErr := s.Get(t.Context(), []store.Place{inShard(1, "a"), inShard(1, "b")})
	for call, err := range map[string]error{
		"get":      getErr,
		"get many": manyErr,
		"scan":     s.Scan(t.Context(), 1, store.Range{}, never),
		"index":    s.ScanIndex(t.Context(), store.Range{}, never),
		"close":    s.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s of a closed snapshot: %v, want ErrClosed", call, err)
		}
	}
}

// snapshotLeftOpen: the store closes all the same, and takes it along.
func snapshotLeftOpen(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	o.commit(put("a", "1"))
	left, closed := snapshotOf(t, b.Store), snapshotOf(t, b.Store)
	o.commit(put("a", "2"))
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close with an open snapshot: %v", err)
	}
	wantClosed(t, left)
	wantClosed(t, closed)
	acquire(t, b.Reopen(t), 1).want("a", "2")
}

// snapshotOutlived: what a snapshot showed is there after a crash.
func snapshotOutlived(t *testing.T, b Backend) {
	for shard := range uint16(Shards) {
		acquire(t, b.Store, shard).commit(put("key", fmt.Sprint(shard)), indexed(put(fmt.Sprint(shard), "")))
	}
	s := snapshotOf(t, b.Store)
	shown := [Shards][]string{}
	for shard := range uint16(Shards) {
		shown[shard] = rows(t, scanOf(s, shard), store.Range{})
	}
	index := rows(t, s.ScanIndex, store.Range{})
	if len(index) != Shards {
		t.Fatalf("the snapshot shows the entries %q", index)
	}
	after := b.Crash(t) // and the snapshot is left open
	for shard := range uint16(Shards) {
		wantRows(t, scanOf(after, shard), store.Range{}, shown[shard]...)
	}
	wantRows(t, after.ScanIndex, store.Range{}, index...)
}

// oneMoment reads while others write: a counter of shard 1, with it an entry of
// the index, and always after that is acknowledged, a counter of shard 2. So at
// any moment shard 2 is as far as shard 1, or one behind. (In a store of several homes, another
// one of shard 1's.)
func oneMoment(t *testing.T, b Backend) {
	second := uint16(1 + max(1, b.Homes))
	one, two := acquire(t, b.Store, 1), acquire(t, b.Store, second)
	const entry = "entry"
	count := func(n int) {
		text := strconv.Itoa(n)
		for _, o := range []*owner{one, two} {
			ops := []store.Op{put("count", text)}
			if o == one {
				ops = append(ops, indexed(put(entry, text)))
			}
			if err := b.Store.Commit(t.Context(), []store.Section{o.section(ops...)})[0]; err != nil {
				t.Error(err)
				return
			}
			o.seq++
		}
	}
	count(0)
	var stop atomic.Bool
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		for n := 1; !stop.Load() && !t.Failed(); n++ {
			count(n)
		}
	})
	places := []store.Place{inShard(1, "count"), inIndex(entry), inShard(second, "count")}
	look := func(v store.View) {
		values, err := v.Get(t.Context(), places)
		if err != nil {
			t.Error(err)
			return
		}
		var n [3]int
		for i := range n {
			if n[i], err = strconv.Atoi(string(values[i])); err != nil {
				t.Error(err)
			}
		}
		if n[1] != n[0] || n[2] != n[0] && n[2] != n[0]-1 {
			t.Errorf("shard 1 is at %d, the index at %d, shard 2 at %d", n[0], n[1], n[2])
		}
	}
	for range 2 {
		readers.Go(func() {
			for range 400 {
				look(b.Store)
			}
		})
		readers.Go(func() {
			for range 40 {
				s, err := b.Store.Snapshot(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				look(s)
				shown := []string{}
				show := func(_, value []byte) bool { shown = append(shown, string(value)); return true }
				err = errors.Join(s.Scan(t.Context(), second, store.Range{}, show), s.ScanIndex(t.Context(), store.Range{}, show), s.Scan(t.Context(), 1, store.Range{}, show))
				values, getErr := s.Get(t.Context(), []store.Place{places[2], places[1], places[0]})
				if err = errors.Join(err, getErr, s.Close()); err != nil {
					t.Error(err)
					return
				}
				for i := range values {
					if len(shown) != len(values) || string(values[i]) != shown[i] {
						t.Errorf("one snapshot has %q and %q", values, shown)
						return
					}
				}
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	writer.Wait()
}
