package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"heddle/internal/store"
)

func fencingByEpoch(t *testing.T, b Backend) {
	old := acquire(t, b.Store, 5)
	old.commit(put("key", "old"))
	now := acquire(t, b.Store, 5)
	if now.handle.Epoch() <= old.handle.Epoch() {
		t.Fatalf("epoch %d after epoch %d", now.handle.Epoch(), old.handle.Epoch())
	}
	wantCommit(t, b.Store, []store.Section{old.section(put("key", "lost"), put("other", ""), indexed(put("lost", "")))}, store.ErrFenced)
	now.want("key", "old")
	now.wantNone("other")
	wantRows(t, b.Store.ScanIndex, store.Range{})
	now.commit(put("key", "new"))
	now.want("key", "new")
	for _, epoch := range []uint64{0, now.handle.Epoch() + 1} {
		forged := now.section(put("key", "lost"))
		forged.Epoch = epoch
		wantCommit(t, b.Store, []store.Section{forged}, store.ErrFenced)
	}
	now.want("key", "new")
}

func fencingBySequence(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 5)
	if o.seq != 0 {
		t.Fatalf("a new shard has sequence %d", o.seq)
	}
	o.commit(put("key", "1"))
	for _, seq := range []uint64{0, 1, 3} {
		section := o.section(put("key", "lost"), indexed(put("lost", "")))
		section.Seq = seq
		wantCommit(t, b.Store, []store.Section{section}, store.ErrFenced)
	}
	o.want("key", "1")
	wantRows(t, b.Store.ScanIndex, store.Range{})
	o.commit(put("key", "2"))
	o.want("key", "2")
}

func fencedAlone(t *testing.T, b Backend) {
	one, two, three := acquire(t, b.Store, 1), acquire(t, b.Store, 2), acquire(t, b.Store, 3)
	stale := two.section(put("key", "2"), indexed(put("two", "")))
	two = acquire(t, b.Store, 2)
	wantCommit(t, b.Store, []store.Section{
		one.section(put("key", "1"), indexed(put("one", ""))),
		stale,
		three.section(put("key", "3"), indexed(put("three", ""))),
	}, nil, store.ErrFenced, nil)
	one.seq++
	three.seq++
	one.want("key", "1")
	two.wantNone("key")
	three.want("key", "3")
	wantRows(t, b.Store.ScanIndex, store.Range{}, "one=", "three=")
	// The fenced section has not spoilt the sequences.
	one.commit(put("key", "1"))
	two.commit(put("key", "2"))
	three.commit(put("key", "3"))

	// Of two sections for one shard, with one sequence, at most one is written.
	wantCommit(t, b.Store, []store.Section{one.section(put("key", "first")), one.section(put("key", "second"))}, nil, store.ErrFenced)
	one.want("key", "first")

	if errs := b.Store.Commit(t.Context(), nil); len(errs) != 0 {
		t.Fatalf("a commit of nothing gave %v", errs)
	}
}

func unknownShard(t *testing.T, b Backend) {
	if _, err := b.Store.Acquire(t.Context(), Shards); err == nil {
		t.Fatalf("acquired shard %d of %d", Shards, Shards)
	}
	wantCommit(t, b.Store, []store.Section{{Shard: Shards, Epoch: 1, Seq: 1}}, store.ErrFenced)
}

func tooLargeAlone(t *testing.T, b Backend) {
	limits := b.Store.Limits()
	if limits.SectionOps < 10_000 || limits.SectionBytes < 4<<20 {
		t.Fatalf("limits %+v: too small for a large history", limits)
	}
	one, two, three := acquire(t, b.Store, 1), acquire(t, b.Store, 2), acquire(t, b.Store, 3)
	full := store.Op{Kind: store.Put, Key: []byte("key"), Value: make([]byte, limits.SectionBytes-len("key"))}
	many := make([]store.Op, limits.SectionOps+1)
	for i := range many {
		many[i] = put("key", "")
	}
	wantCommit(t, b.Store, []store.Section{one.section(full), two.section(full, put("x", "")), three.section(many...)},
		nil, store.ErrTooLarge, store.ErrTooLarge)
	one.want("key", string(full.Value))
	two.wantNone("key")
	three.wantNone("key")
	two.commit(put("key", "2"))
	three.commit(many[1:]...)
	three.want("key", "")
}

func cancelledCommit(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := b.Store.Commit(ctx, []store.Section{o.section(put("key", ""))})
	if !errors.Is(errs[0], context.Canceled) {
		t.Fatalf("commit gave %v, want context.Canceled", errs[0])
	}
	o.wantNone("key")
	o.commit(put("key", "1"))
}

func acquireAgain(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	for i := range 3 {
		o.commit(put("key", fmt.Sprint(i)))
	}
	other := acquire(t, b.Store, 2)
	o = acquire(t, b.Store, 1)
	if o.seq != 3 {
		t.Fatalf("sequence %d after three sections", o.seq)
	}
	if other.seq != 0 {
		t.Fatalf("sequence %d of a shard without sections", other.seq)
	}
	o.want("key", "2")
	o.commit(put("key", "3"))
	o.want("key", "3")
}

// stamps: the stamp is that of the last section, whatever it is.
func stamps(t *testing.T, b Backend) {
	want := func(shard uint16, stamp uint64) *owner {
		t.Helper()
		o := acquire(t, b.Store, shard)
		if o.handle.Stamp() != stamp {
			t.Fatalf("shard %d has stamp %d, want %d", shard, o.handle.Stamp(), stamp)
		}
		return o
	}
	o, other := want(1, 0), want(2, 0)
	for _, stamp := range []uint64{7, 1 << 63, 3} {
		section := o.section(put("key", ""))
		section.Stamp = stamp
		wantCommit(t, b.Store, []store.Section{section}, nil)
		o.seq++
	}
	lost := o.section(put("key", ""))
	lost.Stamp, lost.Seq = 9, lost.Seq+1
	wantCommit(t, b.Store, []store.Section{lost}, store.ErrFenced)
	other.commit(put("key", ""))
	want(1, 3)
	want(2, 0)
}

func release(t *testing.T, b Backend) {
	o := acquire(t, b.Store, 1)
	o.commit(put("key", "1"))
	if err := o.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCommit(t, b.Store, []store.Section{o.section(put("key", "lost"))}, store.ErrFenced)
	// Nobody has to own what is read.
	o.want("key", "1")
	wantRows(t, o.scan, store.Range{}, "key=1")
	if err := o.handle.Release(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("a second release: %v, want ErrClosed", err)
	}
	// A handle of the past gives up nothing of the next owner's.
	old := acquire(t, b.Store, 1)
	now := acquire(t, b.Store, 1)
	if err := old.handle.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	now.want("key", "1")
	now.commit(put("key", "2"))
	now.want("key", "2")
}

func concurrentCommits(t *testing.T, b Backend) {
	const rounds = 40
	var all sync.WaitGroup
	for shard := range uint16(Shards) {
		o := acquire(t, b.Store, shard)
		all.Go(func() {
			for i := range rounds {
				key := fmt.Sprintf("%02d", i)
				section := o.section(put("last", key), put(key, ""), indexed(put(fmt.Sprint(shard, "/", key), "")))
				if errs := b.Store.Commit(t.Context(), []store.Section{section}); errs[0] != nil {
					t.Errorf("shard %d, round %d: %v", shard, i, errs[0])
					return
				}
				o.seq++
				seen := 0
				err := b.Store.ScanIndex(t.Context(), span(fmt.Sprint(shard, "/"), fmt.Sprint(shard, "0")), func(_, _ []byte) bool {
					seen++
					return true
				})
				if err != nil || seen != i+1 {
					t.Errorf("shard %d, round %d: %d index entries, %v", shard, i, seen, err)
					return
				}
			}
		})
	}
	all.Wait()
	for shard := range uint16(Shards) {
		o := acquire(t, b.Store, shard)
		o.want("last", fmt.Sprintf("%02d", rounds-1))
		if o.seq != rounds {
			t.Fatalf("shard %d: sequence %d after %d sections", shard, o.seq, rounds)
		}
	}
	if found := rows(t, b.Store.ScanIndex, store.Range{}); len(found) != rounds*Shards {
		t.Fatalf("%d index entries, want %d", len(found), rounds*Shards)
	}
}

// replacedOwner lets an owner commit without a pause while others take its
// shard: what it was told is what the next owner finds.
func replacedOwner(t *testing.T, b Backend) {
	for range 20 {
		o := acquire(t, b.Store, 6)
		var writer sync.WaitGroup
		var last error
		started := make(chan struct{})
		writer.Go(func() {
			for i := 0; last == nil; i++ {
				if i == 3 {
					close(started)
				}
				last = b.Store.Commit(t.Context(), []store.Section{o.section(put("seq", fmt.Sprint(o.seq+1)))})[0]
				if last == nil {
					o.seq++
				}
			}
		})
		<-started
		now := acquire(t, b.Store, 6)
		now.want("seq", fmt.Sprint(now.seq))
		now.commit(put("seq", fmt.Sprint(now.seq+1)))
		writer.Wait()
		if !errors.Is(last, store.ErrFenced) {
			t.Fatalf("the replaced owner got %v, want ErrFenced", last)
		}
		if now.seq != o.seq+1 {
			t.Fatalf("sequence %d, but the old owner was told of %d and the new one of 1", now.seq, o.seq)
		}
		now.want("seq", fmt.Sprint(now.seq))
	}
}
