package sealed

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/rootkey"
	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/pebblestore"
	"heddle/internal/store/storetest"
)

// newRoot makes root keys, each name its own; the first wraps.
func newRoot(t testing.TB) *rootkey.Keys {
	t.Helper()
	text, err := rootkey.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := rootkey.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func mustOpen(t testing.TB, below store.Store, root RootKeys) *Store {
	t.Helper()
	s, err := Open(t.Context(), below, root, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemstore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		root, below := newRoot(t), memstore.New(storetest.Shards)
		return storetest.Backend{
			Store:  mustOpen(t, below, root),
			Reopen: func(t *testing.T) store.Store { return mustOpen(t, below.Reopen(), root) },
			Crash:  func(t *testing.T) store.Store { return mustOpen(t, below.Crash(0), root) },
		}
	})
}

func TestPebblestore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		root, dir := newRoot(t), t.TempDir()
		open := func(t *testing.T, dir string) store.Store { return mustOpen(t, pebble(t, dir), root) }
		return storetest.Backend{
			Store:  open(t, dir),
			Reopen: func(t *testing.T) store.Store { return open(t, dir) },
			Crash: func(t *testing.T) store.Store {
				after := t.TempDir()
				if _, err := vfs.Clone(vfs.Default, vfs.Default, dir, after); err != nil {
					t.Fatal(err)
				}
				return open(t, after)
			},
		}
	})
}

func pebble(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := pebblestore.Open(pebblestore.Options{Dir: dir, Shards: storetest.Shards, Logger: slog.New(slog.DiscardHandler)})
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

// writer commits to one shard of a store.
type writer struct {
	t      testing.TB
	below  store.Store
	handle store.Handle
	seq    uint64
}

func acquire(t testing.TB, below store.Store, shard uint16) *writer {
	t.Helper()
	h, err := below.Acquire(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t, below, h, h.Seq()}
}

func (w *writer) put(key string, value []byte) {
	w.t.Helper()
	w.commit(store.Op{Key: []byte(key), Value: value})
}

func (w *writer) commit(ops ...store.Op) {
	w.t.Helper()
	w.seq++
	section := store.Section{Shard: w.handle.Shard(), Epoch: w.handle.Epoch(), Seq: w.seq, Ops: ops}
	if err := w.below.Commit(w.t.Context(), []store.Section{section})[0]; err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) get(key string) []byte {
	w.t.Helper()
	values, err := w.below.Get(w.t.Context(), []store.Place{w.place(key)})
	if err != nil || values[0] == nil {
		w.t.Fatalf("key %q: %v, %v", key, values, err)
	}
	return values[0]
}

func (w *writer) place(key string) store.Place {
	return store.Place{Shard: w.handle.Shard(), Key: []byte(key)}
}

// scan reads the whole shard.
func (w *writer) scan(visit store.Visit) error {
	return w.below.Scan(w.t.Context(), w.handle.Shard(), store.Range{}, visit)
}

// wantBroken wants a read of a row to fail, by Get and by Scan, of the store and of a
// snapshot, and the error to name shard and key.
func (w *writer) wantBroken(what, key string) {
	w.t.Helper()
	snapshot, err := w.below.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer snapshot.Close()
	for _, view := range []store.View{w.below, snapshot} {
		_, getErr := view.Get(w.t.Context(), []store.Place{w.place("absent"), w.place(key)})
		only := store.Range{Start: []byte(key), End: []byte(key + "\x00")}
		scanErr := view.Scan(w.t.Context(), w.handle.Shard(), only, func(_, value []byte) bool {
			w.t.Errorf("%s: the scan showed %q", what, value)
			return true
		})
		for _, err := range []error{getErr, scanErr} {
			place := fmt.Sprintf("shard %d, key %x", w.handle.Shard(), key)
			if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), place) {
				w.t.Errorf("%s: %v, want ErrBroken at %s", what, err, place)
			}
		}
	}
}

// TestEveryBitCounts flips each bit of a sealed row in turn.
func TestEveryBitCounts(t *testing.T) {
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, newRoot(t))
	acquire(t, s, 3).put("key", []byte("the value"))
	raw := acquire(t, below, 3)
	stored := raw.get("key")
	for i := range len(stored) * 8 {
		flipped := bytes.Clone(stored)
		flipped[i/8] ^= 1 << (i % 8)
		raw.put("key", flipped)
		acquire(t, s, 3).wantBroken(fmt.Sprintf("bit %d flipped", i), "key")
		raw = acquire(t, below, 3)
	}
	for length := range stored {
		raw.put("key", stored[:length])
		acquire(t, s, 3).wantBroken(fmt.Sprintf("cut to %d bytes", length), "key")
		raw = acquire(t, below, 3)
	}
	raw.put("key", stored)
	if got := acquire(t, s, 3).get("key"); string(got) != "the value" {
		t.Fatalf("put back: %q", got)
	}
}

// TestValuesAreBoundToTheirPlace moves sealed values to other keys, shards and
// spaces.
func TestValuesAreBoundToTheirPlace(t *testing.T) {
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, newRoot(t))
	w := acquire(t, s, 3)
	w.put("here", []byte("here's"))
	w.put("there", []byte("there's"))
	w.commit(store.Op{Space: store.IndexSpace, Key: []byte("here"), Value: []byte("the index's")})
	if err := s.Meta().CompareAndSet(t.Context(), "here", nil, []byte("meta's")); err != nil {
		t.Fatal(err)
	}

	raw, far := acquire(t, below, 3), acquire(t, below, 4)
	here, there := raw.get("here"), raw.get("there")
	var index []byte
	err := below.ScanIndex(t.Context(), store.Range{}, func(_, value []byte) bool { index = bytes.Clone(value); return true })
	if err != nil {
		t.Fatal(err)
	}
	meta, err := below.Meta().Get(t.Context(), "here")
	if err != nil {
		t.Fatal(err)
	}

	raw.put("here", there)
	far.put("here", here)
	raw.put("index", index)
	raw.put("meta", meta)
	raw.put("plain", []byte("in the clear"))
	raw.put("none", nil)
	w, far = acquire(t, s, 3), acquire(t, s, 4)
	w.wantBroken("the value of another key", "here")
	far.wantBroken("the value of another shard", "here")
	w.wantBroken("a value of the index", "index")
	w.wantBroken("a value of the meta space", "meta")
	w.wantBroken("a value in the clear", "plain")
	w.wantBroken("no value", "none")

	raw = acquire(t, below, 3)
	raw.commit(store.Op{Space: store.IndexSpace, Key: []byte("here"), Value: here})
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	for _, view := range []store.View{s, snapshot} {
		scanErr := view.ScanIndex(t.Context(), store.Range{}, func(_, value []byte) bool { t.Errorf("the index showed %q", value); return true })
		_, getErr := view.Get(t.Context(), []store.Place{{Space: store.IndexSpace, Key: []byte("here")}})
		for _, err := range []error{scanErr, getErr} {
			if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), fmt.Sprintf("index, key %x", "here")) {
				t.Errorf("a shard's value in the index: %v, want ErrBroken at its key", err)
			}
		}
	}
	for name, value := range map[string][]byte{"other": meta, "third": here} {
		if err := below.Meta().CompareAndSet(t.Context(), name, nil, value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Meta().Get(t.Context(), name); !errors.Is(err, ErrBroken) {
			t.Errorf("meta %q: %q, %v, want ErrBroken", name, got, err)
		}
	}
	if _, err := s.Meta().List(t.Context(), ""); !errors.Is(err, ErrBroken) {
		t.Errorf("list: %v, want ErrBroken", err)
	}
}

// TestNothingLiesBelowInTheClear plants a text everywhere, and searches the store below.
func TestNothingLiesBelowInTheClear(t *testing.T) {
	const planted = "a text to be found"
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, newRoot(t))
	w := acquire(t, s, 3)
	w.commit(store.Op{Key: []byte("a"), Value: []byte(planted)},
		store.Op{Space: store.IndexSpace, Key: []byte("b"), Value: []byte(planted)})
	if err := s.Meta().CompareAndSet(t.Context(), "c", nil, []byte(planted)); err != nil {
		t.Fatal(err)
	}
	rows := 0
	search := func(_, value []byte) bool {
		rows++
		if bytes.Contains(value, []byte(planted)) {
			t.Errorf("found in %q", value)
		}
		return true
	}
	raw := acquire(t, below, 3)
	scans := errors.Join(raw.scan(search), below.ScanIndex(t.Context(), store.Range{}, search))
	all, err := below.Meta().List(t.Context(), "")
	if err = errors.Join(scans, err); err != nil {
		t.Fatal(err)
	}
	for _, value := range all {
		search(nil, value)
	}
	if rows != 4 { // the fourth is store/keys
		t.Fatalf("searched %d rows", rows)
	}
}

// nonces collects what was sealed below, and wants no nonce twice under one key.
type nonces map[string]string

func (n nonces) see(t *testing.T, place string, value []byte) {
	t.Helper()
	head := string(value[:len(value)-tagBytes]) // format, key, counter; the values sealed are empty
	if before, seen := n[head]; seen {
		t.Errorf("%s and %s share the nonce %x", before, place, head)
	}
	n[head] = place
}

// TestNoncesAreNeverUsedTwice seals from many goroutines, over several openings
// and over the end of data keys, and in a copy of the store.
func TestNoncesAreNeverUsedTwice(t *testing.T) {
	root, below := newRoot(t), memstore.New(storetest.Shards)
	seen := nonces{}
	for opening := range 3 {
		s := mustOpen(t, below, root)
		s.keys.sealsMax = 50
		var all sync.WaitGroup
		for shard := range uint16(storetest.Shards) {
			w := acquire(t, s, shard)
			all.Go(func() {
				for i := range 20 {
					key := []byte(fmt.Sprint(opening, i))
					w.commit(store.Op{Key: key}, store.Op{Key: append(key, 'b')})
				}
			})
		}
		all.Wait()
		below = below.Crash(0)
	}
	for shard := range uint16(storetest.Shards) {
		w := acquire(t, below, shard)
		if err := w.scan(func(key, value []byte) bool {
			seen.see(t, fmt.Sprintf("shard %d, key %q", shard, key), value)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if want := 3 * storetest.Shards * 20 * 2; len(seen) != want {
		t.Fatalf("%d nonces, want %d", len(seen), want)
	}
	// Whatever data key sealed it, all opens.
	s := mustOpen(t, below, root)
	if keys := len(*s.keys.keys.Load()); keys < 3*storetest.Shards*20*2/50 {
		t.Errorf("%d data keys: none came to its end", keys)
	}
	for shard := range uint16(storetest.Shards) {
		if err := acquire(t, s, shard).scan(func(_, _ []byte) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnOpeningThatSealsNothingLeavesNothing keeps restarts from piling up keys.
func TestAnOpeningThatSealsNothingLeavesNothing(t *testing.T) {
	root, below := newRoot(t), memstore.New(storetest.Shards)
	acquire(t, mustOpen(t, below, root), 0).put("key", []byte("value"))
	row, err := below.Meta().Get(t.Context(), keysRow)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		below = below.Crash(0)
		acquire(t, mustOpen(t, below, root), 0).get("key")
	}
	if after, err := below.Meta().Get(t.Context(), keysRow); err != nil || !bytes.Equal(after, row) {
		t.Fatalf("the data keys were written again, or %v", err)
	}
}

func TestLook(t *testing.T) {
	want := func(below store.Store, want State) {
		t.Helper()
		if got, err := Look(t.Context(), below); got != want || err != nil {
			t.Errorf("state %d, %v, want %d", got, err, want)
		}
	}
	want(pebble(t, t.TempDir()), Empty)
	below := memstore.New(storetest.Shards)
	want(below, Empty)
	s := mustOpen(t, below, newRoot(t))
	want(below, Empty)
	if err := s.Meta().CompareAndSet(t.Context(), "key", nil, []byte("value")); err != nil {
		t.Fatal(err)
	}
	want(below, Sealed)
	below = memstore.New(storetest.Shards)
	if err := below.Meta().CompareAndSet(t.Context(), "key", nil, []byte("value")); err != nil {
		t.Fatal(err)
	}
	want(below, Plain)
}

// TestRotate changes the root key while owners commit.
func TestRotate(t *testing.T) {
	one, two := newRoot(t), newRoot(t)
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, one)
	before := acquire(t, s, 0)
	before.put("before", []byte("1"))

	var all sync.WaitGroup
	for shard := range uint16(storetest.Shards) {
		w := acquire(t, s, shard)
		all.Go(func() {
			for i := range 50 {
				w.put(fmt.Sprint(i), []byte("during"))
			}
		})
	}
	rotated, err := s.Rotate(t.Context(), two.With(one))
	if err != nil || !rotated {
		t.Fatalf("rotate: %v, %v", rotated, err)
	}
	all.Wait()
	if rotated, err := s.Rotate(t.Context(), two); err != nil || rotated {
		t.Fatalf("giving up the old root key: %v, %v, want nothing to do", rotated, err)
	}
	keys := len(*s.keys.keys.Load())
	if keys != 2 {
		t.Errorf("%d data keys, want one of each root key's time", keys)
	}
	acquire(t, s, 0).put("after", []byte("2"))

	below = below.Crash(0)
	if _, err := Open(t.Context(), below, one, false); err == nil || !strings.Contains(err.Error(), two.Name()) {
		t.Errorf("opened by the old root key alone: %v, want an error that names the new one", err)
	}
	s = mustOpen(t, below, two)
	w := acquire(t, s, 0)
	if got := string(w.get("before")) + string(w.get("after")); got != "12" {
		t.Errorf("after rotation: %q", got)
	}
	for shard := range uint16(storetest.Shards) {
		if got := acquire(t, s, shard).get("49"); string(got) != "during" {
			t.Errorf("shard %d: %q", shard, got)
		}
	}
}

// TestRotateForGood: data keys that begin later are wrapped under the new root key
// too.
func TestRotateForGood(t *testing.T) {
	one, two := newRoot(t), newRoot(t)
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, one)
	s.keys.sealsMax = 1
	w := acquire(t, s, 0)
	w.put("before", []byte("1"))
	if _, err := s.Rotate(t.Context(), two.With(one)); err != nil {
		t.Fatal(err)
	}
	w.put("first", []byte("2"))
	w.put("later", []byte("3"))
	w = acquire(t, mustOpen(t, below.Crash(0), two), 0)
	if got := string(w.get("before")) + string(w.get("first")) + string(w.get("later")); got != "123" {
		t.Errorf("after rotation: %q", got)
	}
}

// TestOpenWrapsAnew: a root key that was put first while the store was closed
// counts from the opening on, even if nothing is written.
func TestOpenWrapsAnew(t *testing.T) {
	one, two := newRoot(t), newRoot(t)
	below := memstore.New(storetest.Shards)
	acquire(t, mustOpen(t, below, one), 0).put("key", []byte("value"))
	below = below.Crash(0)
	if _, err := Open(t.Context(), below, two.With(one), true); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), below, two, true); err == nil {
		t.Fatal("an opening for reading has wrapped the data keys")
	}
	mustOpen(t, below, two.With(one))
	below = below.Crash(0)
	if got := acquire(t, mustOpen(t, below, two), 0).get("key"); string(got) != "value" {
		t.Fatalf("got %q", got)
	}
}

// TestAKeyThatIsNotDurableSealsNothing fails the write of the data keys.
func TestAKeyThatIsNotDurableSealsNothing(t *testing.T) {
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, newRoot(t))
	w := acquire(t, s, 0)
	// Somebody else's data keys: ours can't be written.
	if err := below.Meta().CompareAndSet(t.Context(), keysRow, nil, []byte("somebody else's")); err != nil {
		t.Fatal(err)
	}
	section := store.Section{Shard: 0, Epoch: w.handle.Epoch(), Seq: 1, Ops: []store.Op{{Key: []byte("key"), Value: []byte("value")}}}
	for range 2 { // who tries again fares no better
		if err := s.Commit(t.Context(), []store.Section{section})[0]; !errors.Is(err, store.ErrConflict) {
			t.Fatalf("commit: %v, want ErrConflict", err)
		}
	}
	if values, err := s.Get(t.Context(), []store.Place{w.place("key")}); err != nil || values[0] != nil {
		t.Fatalf("after it: %q, %v, want nothing written", values, err)
	}
}

// TestBytesOfAValue is the example of docs/STORAGE.md.
func TestBytesOfAValue(t *testing.T) {
	key := newDataKey(3, [keyBytes]byte(bytes.Repeat([]byte{7}, keyBytes)))
	var r room
	value := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	got := fmt.Sprintf("%x", r.seal(nil, key, 1001, r.shardPlace(59, []byte("t")), value))
	const want = "0103e907" + "edfa7d39ee3a42a91b360b5882" + "dc4c1e0a8fc329145c7c0d095faa56f0"
	if got != want {
		t.Errorf("sealed\n got %s\nwant %s", got, want)
	}
}
