package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"heddle/internal/store"
)

func order(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 3)
	o.commit(put("b", "1"), put("a\xff", "2"), put("a", "3"), put("\x00", "4"), put("\xff\xff", "5"), put("a\x00", "6"), put("", "7"))
	want := []string{"=7", "\x00=4", "a=3", "a\x00=6", "a\xff=2", "b=1", "\xff\xff=5"}
	wantRows(t, o.scan, store.Range{}, want...)
	slices.Reverse(want)
	wantRows(t, o.scan, store.Range{Reverse: true}, want...)
}

func ranges(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 3)
	// Neighbours on both sides, whose rows no scan of shard 3 may show.
	acquire(t, b.Store, 2).commit(put("a", "2"), put("\xff\xff\xff", "2"))
	acquire(t, b.Store, 4).commit(put("", "4"), put("a", "4"))
	for _, op := range []func(store.Op) store.Op{func(op store.Op) store.Op { return op }, indexed} {
		o.commit(op(put("a", "")), op(put("b", "")), op(put("c", "")), op(put("d", "")))
	}
	for _, s := range []scanner{o.scan, b.Store.ScanIndex} {
		for _, test := range []struct {
			start, end string
			want       []string
		}{
			{"", "", []string{"a=", "b=", "c=", "d="}},
			{"b", "", []string{"b=", "c=", "d="}},
			{"", "c", []string{"a=", "b="}},
			{"b", "d", []string{"b=", "c="}},
			{"aa", "cc", []string{"b=", "c="}},
			{"b", "b\x00", []string{"b="}},
			{"e", "", nil},
			{"b", "b", nil},
			{"", "a", nil},
		} {
			wantRows(t, s, span(test.start, test.end), test.want...)
			slices.Reverse(test.want)
			wantRows(t, s, backwards(span(test.start, test.end)), test.want...)
		}
	}
}

func emptyValues(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	o.commit(put("empty", ""), store.Op{Kind: store.Put, Key: []byte("nil")})
	for _, key := range []string{"empty", "nil"} {
		if value := o.get(key); value == nil || len(value) != 0 {
			t.Fatalf("key %q: %v, want an empty value that is not nil", key, value)
		}
	}
	o.wantNone("absent")
}

func operationsInOrder(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	o.commit(put("a", "1"), put("a", "2"), put("b", "1"), del("b"), put("c", "1"), delRange("c", "d"), put("c", "2"), del("absent"))
	wantRows(t, o.scan, store.Range{}, "a=2", "c=2")
	o.commit()
	wantRows(t, o.scan, store.Range{}, "a=2", "c=2")
	o.commit(put("z", "1"), put("b", "1"), put("a", "3"), put("z", "2"), del("b"), put("a", "4"), del("c"), put("c", "3"))
	wantRows(t, o.scan, store.Range{}, "a=4", "c=3", "z=2")
	// A section with a range beside one without: neither upsets the other.
	other := acquire(t, b.Store, 1)
	wantCommit(t, b.Store, []store.Section{
		o.section(put("d", "1"), delRange("a", "e"), put("b", "2")),
		other.section(put("b", "1"), put("a", "1"), put("b", "2")),
	}, nil, nil)
	o.seq++
	other.seq++
	wantRows(t, o.scan, store.Range{}, "b=2", "z=2")
	wantRows(t, other.scan, store.Range{}, "a=1", "b=2")
}

func deleteRange(t *testing.T, b Backend) {
	before, o, behind := acquire(t, b.Store, 0), acquire(t, b.Store, 1), acquire(t, b.Store, 2)
	for _, each := range []*owner{before, o, behind} {
		each.commit(put("", ""), put("a", ""), put("b", ""), put("b\xff", ""), put("c", ""), put("\xff", ""),
			indexed(put(fmt.Sprintf("b%d", each.handle.Shard()), "")))
	}
	wantUntouched := func() {
		t.Helper()
		wantRows(t, before.scan, store.Range{}, "=", "a=", "b=", "b\xff=", "c=", "\xff=")
		wantRows(t, behind.scan, store.Range{}, "=", "a=", "b=", "b\xff=", "c=", "\xff=")
		wantRows(t, b.Store.ScanIndex, store.Range{}, "b0=", "b1=", "b2=")
	}
	o.commit(delRange("b", "c"))
	wantRows(t, o.scan, store.Range{}, "=", "a=", "c=", "\xff=")
	wantUntouched()
	o.commit(delRange("c", "c"), delRange("d", "b"))
	wantRows(t, o.scan, store.Range{}, "=", "a=", "c=", "\xff=")
	o.commit(delRange("c", "")) // an empty end is no end, but of the shard
	wantRows(t, o.scan, store.Range{}, "=", "a=")
	wantUntouched()
}

func scanStops(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	o.commit(put("a", ""), put("b", ""), put("c", ""), indexed(put("a", "")), indexed(put("b", "")))
	for _, s := range []scanner{o.scan, b.Store.ScanIndex} {
		visits := 0
		err := s(t.Context(), store.Range{}, func(key, value []byte) bool {
			visits++
			return false
		})
		if err != nil || visits != 1 {
			t.Fatalf("%d visits, %v, want one visit and no error", visits, err)
		}
	}
}

func scanObeysContext(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	const many = 20_000
	ops := make([]store.Op, many)
	for i := range ops {
		ops[i] = put(fmt.Sprintf("%06d", i), "")
	}
	o.commit(ops...)
	ctx, cancel := context.WithCancel(t.Context())
	visits := 0
	err := o.scan(ctx, store.Range{}, func(key, value []byte) bool {
		cancel()
		visits++
		return true
	})
	if !errors.Is(err, context.Canceled) || visits == many {
		t.Fatalf("%d visits of %d, %v, want context.Canceled before the end", visits, many, err)
	}
}

func scanKeepsOneView(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	const rowCount = 300
	var ops []store.Op
	for i := range rowCount {
		key := fmt.Sprintf("%04d", i)
		ops = append(ops, put(key, "old"), indexed(put(key, "old")))
	}
	o.commit(ops...)
	for _, s := range []scanner{o.scan, b.Store.ScanIndex} {
		visits := 0
		err := s(t.Context(), store.Range{}, func(key, value []byte) bool {
			if string(value) != "old" {
				t.Errorf("key %q: %q, which was written after the scan began", key, value)
			}
			if visits++; visits == 5 {
				ops := []store.Op{put("0001a", "new"), put("0200a", "new"), delRange("0100", "0150"), indexed(put("0200a", "new"))}
				for i := range rowCount {
					key := fmt.Sprintf("%04d", i)
					ops = append(ops, indexed(put(key, "new")))
					if i < 100 || i >= 150 {
						ops = append(ops, put(key, "new"))
					}
				}
				o.commit(ops...)
			}
			return true
		})
		if err != nil || visits != rowCount {
			t.Fatalf("%d visits, %v, want the %d rows of the beginning", visits, err, rowCount)
		}
		// For the second round, the index.
		ops := []store.Op{del("0001a"), del("0200a"), indexed(del("0200a"))}
		for i := range rowCount {
			key := fmt.Sprintf("%04d", i)
			ops = append(ops, put(key, "old"), indexed(put(key, "old")))
		}
		o.commit(ops...)
	}
}

func scanEmptyRange(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	for _, r := range []store.Range{{}, {Reverse: true}, span("a", "b"), span("b", "a")} {
		wantRows(t, o.scan, r)
		wantRows(t, b.Store.ScanIndex, r)
	}
}

func copies(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 0)
	key, value := []byte("key"), []byte("value")
	o.commit(store.Op{Kind: store.Put, Key: key, Value: value}, store.Op{Kind: store.Put, Space: store.IndexSpace, Key: key, Value: value})
	copy(key, "xxx")
	copy(value, "xxxxx")
	o.want("key", "value")
	wantRows(t, b.Store.ScanIndex, store.Range{}, "key=value")

	got := o.get("key")
	copy(got, "xxxxx")
	o.want("key", "value")
	o.commit(put("key", "other"))
	if !bytes.Equal(got, []byte("xxxxx")) {
		t.Fatalf("a value changed to %q after Get had returned it", got)
	}

	old := []byte("old")
	if err := b.Store.Meta().CompareAndSet(t.Context(), "key", nil, old); err != nil {
		t.Fatal(err)
	}
	copy(old, "xxx")
	wantMeta(t, b.Store, "key", "old")
}

func indexIsShared(t *testing.T, b Backend) {
	one, two := acquire(t, b.Store, 1), acquire(t, b.Store, 2)
	wantCommit(t, b.Store, []store.Section{
		one.section(put("row", "1"), indexed(put("a1", "x")), indexed(put("c1", ""))),
		two.section(put("row", "2"), indexed(put("b2", ""))),
	}, nil, nil)
	one.seq++
	two.seq++
	wantRows(t, b.Store.ScanIndex, store.Range{}, "a1=x", "b2=", "c1=")
	wantRows(t, one.scan, store.Range{}, "row=1")
	wantRows(t, two.scan, store.Range{}, "row=2")
	one.commit(indexed(del("a1")))
	two.commit(del("row"))
	wantRows(t, b.Store.ScanIndex, store.Range{}, "b2=", "c1=")
	one.want("row", "1")
}

// randomOperations compares a store with maps.
func randomOperations(t *testing.T, b Backend) {
	rng := rand.New(rand.NewPCG(1, 2))
	shards, index := [Shards]map[string]string{}, map[string]string{}
	owners := [Shards]*owner{}
	for i := range owners {
		owners[i] = acquire(t, b.Store, uint16(i))
		shards[i] = map[string]string{}
	}
	key := func() string { return fmt.Sprintf("%03d", rng.IntN(400)) }
	var wantEarlier []func()
	for round := range 300 {
		var sections []store.Section
		for i := range owners {
			if rng.IntN(3) > 0 {
				continue
			}
			var ops []store.Op
			for range rng.IntN(12) {
				k, v := key(), fmt.Sprint(round, rng.IntN(10))
				switch rng.IntN(8) {
				case 0, 1, 2, 3:
					ops = append(ops, put(k, v))
					shards[i][k] = v
				case 4:
					ops = append(ops, del(k))
					delete(shards[i], k)
				case 5:
					// One index key has one shard, so that sections don't meet there.
					k = fmt.Sprint(i, k)
					ops = append(ops, indexed(put(k, v)))
					index[k] = v
				case 6:
					k = fmt.Sprint(i, k)
					ops = append(ops, indexed(del(k)))
					delete(index, k)
				case 7:
					end := fmt.Sprintf("%s%d", k[:2], rng.IntN(10))
					ops = append(ops, delRange(k, end))
					maps.DeleteFunc(shards[i], func(key, _ string) bool { return k <= key && key < end })
				}
			}
			sections = append(sections, owners[i].section(ops...))
			owners[i].seq++
		}
		wantCommit(t, b.Store, sections, make([]error, len(sections))...)
		if round%10 != 0 {
			continue
		}
		i, r := rng.IntN(Shards), span(key(), key())
		wantModel(t, owners[i].scan, shards[i], r)
		wantModel(t, b.Store.ScanIndex, index, store.Range{})
		var places []store.Place
		for range rng.IntN(20) {
			places = append(places, inShard(uint16(rng.IntN(Shards)), key()), inIndex(fmt.Sprint(rng.IntN(Shards), key())))
		}
		wantPlaces(t, b.Store, shards[:], index, places)
		if round%100 == 0 {
			s, shards, index := snapshotOf(t, b.Store), shards, maps.Clone(index)
			for i := range shards {
				shards[i] = maps.Clone(shards[i])
			}
			wantEarlier = append(wantEarlier, func() {
				wantModel(t, scanOf(s, uint16(i)), shards[i], r)
				wantModel(t, s.ScanIndex, index, store.Range{})
				wantPlaces(t, s, shards[:], index, places)
			})
		}
	}
	for _, want := range wantEarlier {
		want()
	}
	for i := range owners {
		wantModel(t, owners[i].scan, shards[i], store.Range{})
	}
}

func wantPlaces(t *testing.T, v store.View, shards []map[string]string, index map[string]string, places []store.Place) {
	t.Helper()
	for i, value := range get(t, v, places...) {
		model := index
		if places[i].Space == store.ShardSpace {
			model = shards[places[i].Shard]
		}
		if want, found := model[string(places[i].Key)]; string(value) != want || found != (value != nil) {
			t.Fatalf("place %d, key %q: %q, want %q, %v", i, places[i].Key, value, want, found)
		}
	}
}

func wantModel(t *testing.T, s scanner, model map[string]string, r store.Range) {
	t.Helper()
	want := []string{}
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if key >= string(r.Start) && (len(r.End) == 0 || key < string(r.End)) {
			want = append(want, key+"="+model[key])
		}
	}
	wantRows(t, s, r, want...)
	slices.Reverse(want)
	wantRows(t, s, backwards(r), want...)
}
