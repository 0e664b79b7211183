//go:build unix

package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/store"
)

// sizedDisk is a disk in memory that says how much room it has, and takes nothing when it
// has none.
type sizedDisk struct {
	vfs.FS
	free atomic.Uint64
}

const diskSize = 100 << 30

func (d *sizedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := d.free.Load()
	return vfs.DiskUsage{AvailBytes: free, TotalBytes: diskSize, UsedBytes: diskSize - free}, nil
}

func newSizedDisk() *sizedDisk {
	d := &sizedDisk{}
	d.free.Store(diskSize / 2)
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData && d.free.Load() == 0 {
			return fmt.Errorf("injected: %w", syscall.ENOSPC)
		}
		return nil
	}))
	return d
}

// TestMarks holds the order of the marks on disks of every size.
func TestMarks(t *testing.T) {
	for total := uint64(1 << 20); total < 1<<50; total += total/3 + 1 {
		low, full := marks(total)
		if full < memTableBytes || low < full*2 || low > lowMost {
			t.Errorf("of %d bytes low is %d, full %d", total, low, full)
		}
	}
}

// TestRoom lowers what is free and raises it again: the levels come one after the other,
// and do not come and go at a mark.
func TestRoom(t *testing.T) {
	disk := newSizedDisk()
	s, err := Open(Options{Dir: "/store", Files: disk, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	low, full := marks(diskSize)
	for i, c := range []struct {
		free uint64
		want Room
	}{
		{low, Enough}, {low - 1, Low}, {low, Low}, {low + low/4 - 1, Low}, {low + low/4, Enough}, {full, Low}, {full - 1, Full},
		{full, Full}, {full + full/4, Low}, {full - 1, Full}, {diskSize, Enough},
	} {
		disk.free.Store(c.free)
		if got, free := s.LookAtRoom(); got != c.want || s.Room() != got || free != c.free {
			t.Errorf("step %d: with %d bytes the room is %d of %d, want %d", i, c.free, got, free, c.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWritesWaitForRoom has commits meet a full disk: they are neither lost nor refused, nor
// does the process end; they are there when there is room.
func TestWritesWaitForRoom(t *testing.T) {
	disk := newSizedDisk()
	var log lockedLog
	stalled := make(chan struct{}, 9)
	s, err := Open(Options{
		Dir: "/store", Files: disk, Shards: 4, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Exit: func(int) { panic("the process ended") }, Stalled: func() { stalled <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	disk.free.Store(0)
	answers := make(chan error)
	for shard := range s.Shards() {
		go func() {
			h, err := s.Acquire(context.Background(), shard)
			if err == nil {
				value := bytes.Repeat([]byte{1}, 1<<20) // more than a block of the log
				err = s.Commit(context.Background(), []store.Section{{Shard: shard, Epoch: h.Epoch(), Seq: 1, Ops: []store.Op{{Key: []byte("a"), Value: value}}}})[0]
			}
			answers <- err
		}()
	}
	<-stalled
	if got := s.Room(); got != Full {
		t.Errorf("while writes wait the room is %d", got)
	}
	for range 3 {
		if got, _ := s.LookAtRoom(); got != Full {
			t.Errorf("and after a look %d", got)
		}
	}
	select {
	case err := <-answers:
		t.Errorf("a commit was answered on a full disk: %v", err)
	default:
	}
	disk.free.Store(diskSize / 2)
	s.LookAtRoom()
	for range s.Shards() {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if got, _ := s.LookAtRoom(); got != Enough {
		t.Errorf("with room again it is %d", got)
	}
	if n := strings.Count(log.String(), "writes wait until there is room"); n != 1 || len(stalled) != 0 {
		t.Errorf("the log says %d times that they wait, and %d were told again: %s", n, len(stalled), log.String())
	}
	for shard := range s.Shards() {
		values, err := s.Get(context.Background(), []store.Place{{Shard: shard, Key: []byte("a")}})
		if err != nil || len(values[0]) != 1<<20 {
			t.Errorf("shard %d: %d bytes, %v", shard, len(values[0]), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenOnAFullDisk fails, since somebody waits to hear of it.
func TestOpenOnAFullDisk(t *testing.T) {
	disk := newSizedDisk()
	disk.free.Store(0)
	if s, err := Open(Options{Dir: "/store", Files: disk, Logger: slog.New(slog.DiscardHandler)}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("opened %v, %v", s, err)
	}
}

// TestBallast is made when there is plenty of room, found again, and given up once.
func TestBallast(t *testing.T) {
	b := &ballast{path: filepath.Join(t.TempDir(), "ballast")}
	const spare = 1 << 30
	if err := b.make(1<<30, spare, spare); err != nil || b.made {
		t.Errorf("made %v without room: %v", b.made, err)
	}
	for range 2 {
		if err := b.make(1<<30, 2*spare, spare); err != nil || !b.made {
			t.Fatalf("made %v: %v", b.made, err)
		}
		info, err := os.Stat(b.path)
		if err != nil || info.Size() != ballastLeast || info.Mode().Perm() != 0o600 {
			t.Errorf("it is %v, %v", info, err)
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Blocks*512 < ballastLeast {
			t.Errorf("it has %d bytes on the disk", stat.Blocks*512)
		}
		found := &ballast{path: b.path}
		if err := found.make(1<<30, 0, spare); err != nil || !found.made {
			t.Errorf("it is not found: %v", err)
		}
		if !found.release() || found.release() {
			t.Error("it is not given up once")
		}
		b.made = false
	}
	f, err := os.Create(b.path)
	if err == nil {
		err = errors.Join(fillFile(f, 3<<20+5), f.Close())
	}
	if info, statErr := os.Stat(b.path); err != nil || statErr != nil || info.Size() != 3<<20+5 {
		t.Errorf("filled %v: %v, %v", info, err, statErr)
	}
	if (*ballast)(nil).release() || (*ballast)(nil).make(1, 1, 1) != nil {
		t.Error("there is one where there is none")
	}
}

// lockedLog is what is logged by several goroutines.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
