package memstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
)

// owner holds shard 0 of a store.
type owner struct {
	t      *testing.T
	store  *memstore.Store
	handle store.Handle
	seq    uint64
}

func acquire(t *testing.T, s *memstore.Store) *owner {
	t.Helper()
	return acquireShard(t, s, 0)
}

func acquireShard(t *testing.T, s *memstore.Store, shard uint16) *owner {
	t.Helper()
	h, err := s.Acquire(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	return &owner{t, s, h, h.Seq()}
}

// put commits one row.
func (o *owner) put(key string) error {
	o.seq++
	section := store.Section{Shard: o.handle.Shard(), Epoch: o.handle.Epoch(), Seq: o.seq, Ops: []store.Op{{Key: []byte(key)}}}
	return o.store.Commit(o.t.Context(), []store.Section{section})[0]
}

func (o *owner) has(key string) bool {
	o.t.Helper()
	values, err := o.store.Get(o.t.Context(), []store.Place{{Shard: o.handle.Shard(), Key: []byte(key)}})
	if err != nil {
		o.t.Fatal(err)
	}
	return values[0] != nil
}

func TestFailNextCommit(t *testing.T) {
	for _, written := range []bool{false, true} {
		t.Run(fmt.Sprintf("written=%v", written), func(t *testing.T) {
			s := memstore.New(1)
			o := acquire(t, s)
			s.FailNextCommit(written)
			if err := o.put("key"); !errors.Is(err, store.ErrUnknown) {
				t.Fatalf("got %v, want ErrUnknown", err)
			}
			if err := o.put("next"); !errors.Is(err, store.ErrFenced) {
				t.Fatalf("got %v, want ErrFenced until the shard is acquired again", err)
			}
			o = acquire(t, s)
			if o.has("key") != written || (o.seq == 1) != written {
				t.Fatalf("key written: %v, sequence %d", o.has("key"), o.seq)
			}
			if err := o.put("next"); err != nil || !o.has("next") {
				t.Fatalf("the fault goes on: %v", err)
			}
		})
	}
}

func TestFence(t *testing.T) {
	s := memstore.New(2)
	o, other := acquire(t, s), acquireShard(t, s, 1)
	s.Fence(0)
	if err := o.put("key"); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("got %v, want ErrFenced", err)
	}
	if err := other.put("key"); err != nil {
		t.Fatal(err)
	}
	now := acquire(t, s)
	if now.handle.Epoch() <= o.handle.Epoch()+1 {
		t.Fatalf("epoch %d after %d and the one that fenced", now.handle.Epoch(), o.handle.Epoch())
	}
	if err := now.put("key"); err != nil {
		t.Fatal(err)
	}
}

// TestHookHolds lets a commit wait: nothing of it is seen, nobody else waits,
// and who takes the shard meanwhile fences it.
func TestHookHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(2)
		held, other := acquire(t, s), acquireShard(t, s, 1)
		release := make(chan struct{})
		s.BeforeCommit(func(sections []store.Section) {
			if sections[0].Shard == 0 {
				<-release
			}
		})
		var got error
		var calls sync.WaitGroup
		calls.Go(func() { got = held.put("key") })
		synctest.Wait()
		if s.InFlight() != 1 || held.has("key") {
			t.Fatalf("%d in flight, seen %v", s.InFlight(), held.has("key"))
		}
		if err := other.put("key"); err != nil {
			t.Fatal(err)
		}
		now := acquire(t, s)
		close(release)
		calls.Wait()
		if !errors.Is(got, store.ErrFenced) || now.has("key") || s.InFlight() != 0 {
			t.Fatalf("got %v, written %v, %d in flight", got, now.has("key"), s.InFlight())
		}
		s.BeforeCommit(nil)
		if err := now.put("key"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHookFailsItsOwnCommit is how a simulation draws the fate of each commit.
func TestHookFailsItsOwnCommit(t *testing.T) {
	s := memstore.New(1)
	o := acquire(t, s)
	s.BeforeCommit(func(sections []store.Section) { s.FailNextCommit(true) })
	if err := o.put("key"); !errors.Is(err, store.ErrUnknown) || !o.has("key") {
		t.Fatalf("got %v, written %v", err, o.has("key"))
	}
}

func TestCrash(t *testing.T) {
	for survivors := range 4 {
		t.Run(fmt.Sprint(survivors), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := memstore.New(3)
				release := make(chan struct{})
				var owners [3]*owner
				for i := range owners {
					owners[i] = acquireShard(t, s, uint16(i))
					if err := owners[i].put("acknowledged"); err != nil {
						t.Fatal(err)
					}
				}
				s.BeforeCommit(func([]store.Section) { <-release })
				var got [3]error
				var calls sync.WaitGroup
				for i, o := range owners {
					calls.Go(func() { got[i] = o.put("in flight") })
					synctest.Wait() // in this order
				}
				after := s.Crash(survivors)
				close(release)
				calls.Wait()
				for i := range owners {
					if !errors.Is(got[i], store.ErrUnknown) {
						t.Fatalf("commit %d got %v, want ErrUnknown", i, got[i])
					}
					if err := owners[i].put("late"); !errors.Is(err, store.ErrClosed) {
						t.Fatalf("a commit to the crashed store got %v, want ErrClosed", err)
					}
					o := acquireShard(t, after, uint16(i))
					if !o.has("acknowledged") || o.has("late") || o.has("in flight") != (i < survivors) {
						t.Fatalf("shard %d after %d survivors: acknowledged %v, late %v, in flight %v",
							i, survivors, o.has("acknowledged"), o.has("late"), o.has("in flight"))
					}
					if want := 1 + b2u(i < survivors); o.seq != want {
						t.Fatalf("shard %d: sequence %d, want %d", i, o.seq, want)
					}
				}
			})
		})
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func BenchmarkCommit(b *testing.B) {
	for _, sections := range []int{1, 64} {
		b.Run(fmt.Sprintf("sections=%d", sections), func(b *testing.B) {
			s := memstore.New(64)
			batch := make([]store.Section, sections)
			for i := range batch {
				h, err := s.Acquire(b.Context(), uint16(i))
				if err != nil {
					b.Fatal(err)
				}
				batch[i] = store.Section{Shard: uint16(i), Epoch: h.Epoch(), Ops: []store.Op{
					{Key: make([]byte, 20), Value: make([]byte, 200)},
					{Key: make([]byte, 28), Value: make([]byte, 600)},
					{Space: store.IndexSpace, Key: make([]byte, 41)},
					{Kind: store.Delete, Space: store.IndexSpace, Key: make([]byte, 41)},
				}}
			}
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					batch[i].Seq++
					for j, key := range []uint64{batch[i].Seq % 1000, batch[i].Seq, batch[i].Seq, batch[i].Seq - 1} {
						copy(batch[i].Ops[j].Key, fmt.Appendf(nil, "%012d", key))
					}
				}
				for _, err := range s.Commit(b.Context(), batch) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*sections)/b.Elapsed().Seconds(), "sections/s")
		})
	}
}
