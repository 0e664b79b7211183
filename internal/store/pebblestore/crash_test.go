package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/store"
)

// TestCreationCutOff ends a store's first open before each of its writes, by a
// power cut that loses what was not synced and by a kill that loses nothing, and
// wants the next open to succeed. (A file system that keeps Pebble's marker but
// loses the manifest made before it leaves an empty store that does not open.)
func TestCreationCutOff(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex // Pebble writes from several goroutines
	var left []*vfs.MemFS
	files := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			rng := rand.New(rand.NewPCG(1, uint64(len(left))))
			left = append(left, disk.CrashClone(vfs.CrashCloneCfg{}), disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng}))
		}
		return nil
	}))
	s := mustOpen(t, Options{Dir: "/store", Shards: 7, Logger: quiet(t), Files: files})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(left) < 20 {
		t.Fatalf("only %d cuts", len(left))
	}
	for i, files := range left {
		s, err := Open(Options{Dir: "/store", Shards: 7, Logger: quiet(t), Files: files})
		if err != nil {
			t.Fatalf("after cut %d of %d: %v", i, len(left), err)
		}
		if s.Shards() != 7 {
			t.Fatalf("after cut %d: %d shards", i, s.Shards())
		}
		write(t, s, 1, "key", "value")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerCuts cuts the power at any moment while many owners commit. What is
// acknowledged survives, and so does what a snapshot shows; each section that
// survives is whole.
func TestPowerCuts(t *testing.T) {
	const shards, cuts = 8, 12
	disk := vfs.NewCrashableMem()
	options := Options{Dir: "/store", Shards: shards, Logger: quiet(t), Files: disk}
	s := mustOpen(t, options)

	var acknowledged [shards]atomic.Uint64
	var stop atomic.Bool
	var owners sync.WaitGroup
	commits := make(chan struct{}, 1)
	for shard := range uint16(shards) {
		h, err := s.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		owners.Go(func() {
			for seq := uint64(1); !stop.Load(); seq++ {
				section := store.Section{Shard: shard, Epoch: h.Epoch(), Seq: seq}
				for i := range 5 {
					section.Ops = append(section.Ops, store.Op{Key: fmt.Appendf(nil, "row %d", i), Value: fmt.Appendf(nil, "%d", seq)})
				}
				section.Ops = append(section.Ops, store.Op{Space: store.IndexSpace, Key: fmt.Appendf(nil, "%d/%08d", shard, seq)})
				if err := s.Commit(t.Context(), []store.Section{section})[0]; err != nil {
					t.Error(err)
					return
				}
				acknowledged[shard].Store(seq)
				select {
				case commits <- struct{}{}:
				default:
				}
			}
		})
	}
	for cut := range cuts {
		for range 20 {
			<-commits
		}
		var atLeast [shards]uint64
		for shard := range atLeast {
			atLeast[shard] = acknowledged[shard].Load()
		}
		if cut%2 == 1 {
			snapshot, err := s.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for shard := range atLeast {
				atLeast[shard] = wantRowsOf(t, snapshot, uint16(shard), atLeast[shard])
			}
			defer snapshot.Close()
		}
		after := options
		rng := rand.New(rand.NewPCG(7, uint64(cut)))
		after.Files = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: cut * 100 / cuts, RNG: rng})
		wantWhole(t, after, atLeast[:])
	}
	stop.Store(true)
	owners.Wait()
}

// wantRowsOf wants the rows and entries of one section of at least a number, and
// gives its number.
func wantRowsOf(t *testing.T, v store.View, shard uint16, atLeast uint64) uint64 {
	t.Helper()
	places := make([]store.Place, 5)
	for i := range places {
		places[i] = store.Place{Shard: shard, Key: fmt.Appendf(nil, "row %d", i)}
	}
	values, err := v.Get(t.Context(), places)
	if err != nil {
		t.Fatal(err)
	}
	if values[0] == nil && atLeast == 0 {
		return 0
	}
	seq, err := strconv.ParseUint(string(values[0]), 10, 64)
	if err != nil || seq < atLeast {
		t.Fatalf("shard %d: row 0 is of section %q, %v, want at least %d", shard, values[0], err, atLeast)
	}
	for i, value := range values {
		if string(value) != string(values[0]) {
			t.Fatalf("shard %d: row %d is of section %q, want %d", shard, i, value, seq)
		}
	}
	entries := uint64(0)
	r := store.Range{Start: fmt.Appendf(nil, "%d/", shard), End: fmt.Appendf(nil, "%d0", shard)}
	err = v.ScanIndex(t.Context(), r, func(_, _ []byte) bool { entries++; return true })
	if err != nil || entries != seq {
		t.Fatalf("shard %d: %d index entries, %v, want %d", shard, entries, err, seq)
	}
	return seq
}

func wantWhole(t *testing.T, options Options, atLeast []uint64) {
	t.Helper()
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for shard, seq := range atLeast {
		h, err := s.Acquire(t.Context(), uint16(shard))
		if err != nil {
			t.Fatal(err)
		}
		if h.Seq() < seq {
			t.Fatalf("shard %d: sequence %d, but %d was acknowledged", shard, h.Seq(), seq)
		}
		if got := wantRowsOf(t, s, uint16(shard), seq); got != h.Seq() {
			t.Fatalf("shard %d: the rows are of section %d, want %d", shard, got, h.Seq())
		}
	}
}

// TestSyncUnderWay holds a sync back. A scan of the index sees what is being
// synced, and must not return before, nor may a snapshot; the next owner must not
// begin before; and nothing may be written on top of it.
func TestSyncUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hold atomic.Bool
		release := make(chan struct{})
		files := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
			if hold.Load() && sync && strings.HasSuffix(op.Path, ".log") {
				<-release
			}
			return nil
		}))
		s, err := Open(Options{Dir: "/store", Logger: quiet(t), Files: files})
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.Acquire(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		scan := func() (seen int) {
			if err := s.ScanIndex(t.Context(), store.Range{}, func(_, _ []byte) bool { seen++; return true }); err != nil {
				t.Error(err)
			}
			return seen
		}
		if seen := scan(); seen != 0 {
			t.Fatalf("%d entries in a new store", seen)
		}

		hold.Store(true)
		var committed, scanned atomic.Bool
		var calls sync.WaitGroup
		calls.Go(func() {
			section := store.Section{Shard: 1, Epoch: h.Epoch(), Seq: 1, Ops: []store.Op{{Space: store.IndexSpace, Key: []byte("entry")}}}
			if err := s.Commit(t.Context(), []store.Section{section})[0]; err != nil {
				t.Error(err)
			}
			committed.Store(true)
		})
		synctest.Wait()
		var refused atomic.Int32
		for _, seq := range []uint64{1, 2} {
			calls.Go(func() {
				section := store.Section{Shard: 1, Epoch: h.Epoch(), Seq: seq}
				if errors.Is(s.Commit(t.Context(), []store.Section{section})[0], store.ErrFenced) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		var visited, passed atomic.Bool
		calls.Go(func() {
			err := s.ScanIndex(t.Context(), store.Range{}, func(_, _ []byte) bool { visited.Store(true); return true })
			if err != nil {
				t.Error(err)
			}
			scanned.Store(true)
		})
		calls.Go(func() {
			if err := s.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			passed.Store(true)
		})
		var snapshot store.Snapshot
		var taken atomic.Bool
		calls.Go(func() {
			var err error
			if snapshot, err = s.Snapshot(t.Context()); err != nil {
				t.Error(err)
			}
			taken.Store(true)
		})
		// Who gives up waiting gets nothing, and leaves nothing behind.
		soon, cancel := context.WithCancel(t.Context())
		var gaveUp atomic.Int32
		for _, wait := range []func() error{
			func() error { return s.ScanIndex(soon, store.Range{}, func(_, _ []byte) bool { return true }) },
			func() error { return s.Barrier(soon) },
			func() error { _, err := s.Snapshot(soon); return err },
		} {
			calls.Go(func() {
				if errors.Is(wait(), context.Canceled) {
					gaveUp.Add(1)
				}
			})
		}
		synctest.Wait()
		cancel()
		// The next owner waits as well, and learns of the section.
		var next store.Handle
		var acquired atomic.Bool
		calls.Go(func() {
			var err error
			if next, err = s.Acquire(t.Context(), 1); err != nil {
				t.Error(err)
			}
			acquired.Store(true)
		})
		synctest.Wait()
		if committed.Load() || refused.Load() != 2 || !visited.Load() || scanned.Load() || passed.Load() || acquired.Load() || taken.Load() || gaveUp.Load() != 3 {
			t.Errorf("while the sync was held: committed %v, refused %d of 2, visited %v, scanned %v, passed %v, acquired %v, snapshot taken %v, gave up %d of 3",
				committed.Load(), refused.Load(), visited.Load(), scanned.Load(), passed.Load(), acquired.Load(), taken.Load(), gaveUp.Load())
		}
		hold.Store(false)
		close(release)
		calls.Wait()
		if next.Seq() != 1 {
			t.Fatalf("the next owner found sequence %d", next.Seq())
		}
		if seen := scan(); seen != 1 {
			t.Fatalf("%d entries, want 1", seen)
		}
		shown := 0
		if err := snapshot.ScanIndex(t.Context(), store.Range{}, func(_, _ []byte) bool { shown++; return true }); err != nil || shown != 1 {
			t.Fatalf("the snapshot shows %d entries, %v, want the one that was being synced", shown, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
