package dir_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
	"heddle/internal/blob/dir"
)

func open(t *testing.T, o dir.Options) *dir.Shelf {
	t.Helper()
	s, err := dir.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestDisk(t *testing.T) {
	blobtest.Run(t, blobtest.Tested{Open: func(t *testing.T, _ *blobtest.Clock) blob.Shelf {
		return open(t, dir.Options{Dir: filepath.Join(t.TempDir(), "data", "blobs")})
	}})
}

func TestDiskInMemory(t *testing.T) {
	blobtest.Run(t, blobtest.Tested{Open: func(t *testing.T, _ *blobtest.Clock) blob.Shelf {
		return open(t, dir.Options{Dir: "/data/blobs", Files: blobtest.Files(vfs.NewMem())})
	}})
}

func library(shelf blob.Shelf, clock *blobtest.Clock) *blob.Library {
	return blob.New(blob.Options{Shelf: shelf, Key: blobtest.Key, Now: clock.Now})
}

func put(t *testing.T, l *blob.Library, text string) blob.ID {
	t.Helper()
	ref, err := l.Put(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return ref.ID
}

func count(t *testing.T, s *dir.Shelf) (n int) {
	t.Helper()
	if err := s.List(t.Context(), blob.ID{}, func(blob.Info) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsOnDisk(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data", "blobs")
	clock := blobtest.NewClock()
	id := put(t, library(open(t, dir.Options{Dir: root}), clock), "text")
	name := id.String()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(filepath.Dir(root), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		rel, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(rel)] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{
		"..": fs.ModeDir | 0o700, ".": fs.ModeDir | 0o700, "LOCK": 0o600, "drafts": fs.ModeDir | 0o700,
		name[:2]: fs.ModeDir | 0o700, name[:2] + "/" + name: 0o600,
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("on disk:\n%v, want\n%v", found, want)
	}
	info, err := os.Stat(filepath.Join(root, name[:2], name))
	if err != nil || !info.ModTime().Equal(clock.Now()) || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestLock(t *testing.T) {
	for name, files := range map[string]dir.Files{"disk": nil, "memory": blobtest.Files(vfs.NewMem())} {
		t.Run(name, func(t *testing.T) {
			o := dir.Options{Dir: t.TempDir(), Files: files}
			reading := o
			reading.ReadOnly = true
			s := open(t, o)
			id := put(t, library(s, blobtest.NewClock()), "text")
			if _, err := dir.Open(o); !errors.Is(err, blob.ErrHeld) {
				t.Errorf("opened twice: %v", err)
			}
			r := library(open(t, reading), blobtest.NewClock())
			if b, err := blob.ReadAll(t.Context(), r, id, 10); err != nil || string(b) != "text" {
				t.Errorf("read beside it: %q, %v", b, err)
			}
			if _, err := r.Put(t.Context(), strings.NewReader("more")); err == nil {
				t.Error("put into what is read only")
			}
			if err := r.Delete(t.Context(), id); err == nil {
				t.Error("deleted from what is read only")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, open(t, o)); n != 1 {
				t.Errorf("%d blobs after opening again", n)
			}
		})
	}
}

func TestReadOnlyWithoutFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "none")
	s := open(t, dir.Options{Dir: root, ReadOnly: true})
	if n := count(t, s); n != 0 {
		t.Errorf("%d blobs", n)
	}
	if _, err := s.Open(t.Context(), blob.ID{}, 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	if _, err := dir.Open(dir.Options{}); err == nil {
		t.Error("opened no folder")
	}
}

func TestLeftOversAndStrangers(t *testing.T) {
	root := t.TempDir()
	s := open(t, dir.Options{Dir: root})
	id := put(t, library(s, blobtest.NewClock()), "text")
	if _, err := s.Begin(t.Context()); err != nil { // never ended
		t.Fatal(err)
	}
	name := id.String()
	other := "00" + name[2:]
	for _, stranger := range []string{"notes.txt", name[:2] + "/" + name + ".bak", name[:2] + "/" + other, name[:2] + "/" + strings.ToUpper(name), "drafts/" + name} {
		if err := os.WriteFile(filepath.Join(root, stranger), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d blobs", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir.Options{Dir: root})
	left, err := os.ReadDir(filepath.Join(root, "drafts"))
	if err != nil || len(left) != 0 {
		t.Errorf("drafts left: %v, %v", left, err)
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

// faulty fails steps that change something. After a fault on a write, a part may
// have been written.
type faulty struct {
	dir.Files
	step func(what string) error
}

func (f *faulty) Create(path string) (dir.File, error) {
	if err := f.step("create"); err != nil {
		return nil, err
	}
	file, err := f.Files.Create(path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faulty) Mkdir(path string) error {
	if err := f.step("mkdir"); err != nil {
		return err
	}
	return f.Files.Mkdir(path)
}

func (f *faulty) Rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.Files.Rename(from, to)
}

func (f *faulty) Remove(path string) error {
	if err := f.step("remove"); err != nil {
		return err
	}
	return f.Files.Remove(path)
}

func (f *faulty) SetTime(path string, at time.Time) error {
	if err := f.step("set time"); err != nil {
		return err
	}
	return f.Files.SetTime(path, at)
}

func (f *faulty) SyncDir(path string) error {
	if err := f.step("sync folder"); err != nil {
		return err
	}
	return f.Files.SyncDir(path)
}

type faultyFile struct {
	dir.File
	files *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.files.step("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.files.step("write at"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], offset)
		return n, err
	}
	return f.File.WriteAt(p, offset)
}

func (f *faultyFile) Sync() error {
	if err := f.files.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	err := f.files.step("close")
	return errors.Join(err, f.File.Close())
}

// TestFaults has the disk full from each step of a Put on, and then free again.
func TestFaults(t *testing.T) {
	long := blobtest.Bytes(1, 300_000)
	seen := map[string]bool{}
	for fault := 1; ; fault++ {
		disk := &faulty{Files: blobtest.Files(vfs.NewMem()), step: func(string) error { return nil }}
		o := dir.Options{Dir: "/blobs", Files: disk}
		s := open(t, o)
		clock := blobtest.NewClock()
		l := library(blob.Seal(s, blobtest.SealKey), clock)
		there := put(t, l, "there before")
		steps := 0
		disk.step = func(what string) error {
			if steps++; steps >= fault {
				seen[what] = true
				return &fs.PathError{Op: what, Path: "somewhere", Err: syscall.ENOSPC}
			}
			return nil
		}
		ref, err := l.Put(t.Context(), bytes.NewReader(long))
		done := steps < fault
		disk.step = func(string) error { return nil }
		if err == nil && !done || err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full from step %d on: %v", fault, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		l = library(blob.Seal(s, blobtest.SealKey), clock)
		if left, err := disk.List("/blobs/drafts"); err != nil || len(left) > 0 {
			t.Fatalf("full from step %d on: left %v, %v", fault, left, err)
		}
		wantWhole(t, l)
		if _, err := blob.ReadAll(t.Context(), l, there, 100); err != nil {
			t.Fatal(err)
		}
		if again, err := l.Put(t.Context(), bytes.NewReader(long)); err != nil || done && again != ref || count(t, s) != 2 {
			t.Fatalf("full from step %d on; then put: %v, %v, %d blobs", fault, again, err, count(t, s))
		}
		wantWhole(t, l)
		if done {
			break
		}
	}
	for _, what := range []string{"create", "write", "write at", "set time", "sync", "close", "mkdir", "rename", "sync folder", "remove"} {
		if !seen[what] {
			t.Errorf("no fault in %s", what)
		}
	}
}

// TestFaultsAtOpen has each step of the first opening fail.
func TestFaultsAtOpen(t *testing.T) {
	for fault := 1; ; fault++ {
		steps := 0
		disk := &faulty{Files: blobtest.Files(vfs.NewMem())}
		disk.step = func(string) error {
			if steps++; steps == fault {
				return syscall.EIO
			}
			return nil
		}
		s, err := dir.Open(dir.Options{Dir: "/data/blobs", Files: disk})
		if steps < fault {
			_ = s.Close()
			return
		}
		if err == nil { // of a folder that is not ours
			_ = s.Close()
		} else if !errors.Is(err, syscall.EIO) {
			t.Fatalf("fault %d: %v", fault, err)
		}
		open(t, dir.Options{Dir: "/data/blobs", Files: disk})
	}
}

// wantWhole reads all that is there.
func wantWhole(t *testing.T, l *blob.Library) {
	t.Helper()
	err := l.List(t.Context(), blob.ID{}, func(i blob.Info) bool {
		if _, err := blob.ReadAll(t.Context(), l, i.ID, 1<<30); err != nil {
			t.Errorf("listed, and not whole: %v", err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// referredBy has the blobs that are referred to.
type referredBy map[blob.ID]bool

func (r referredBy) Referenced(_ context.Context, id blob.ID) (bool, error) { return r[id], nil }

// cut is what a power cut has left.
type cut struct {
	what  string
	disk  *vfs.MemFS
	acked []blob.ID // put and referred to before it
}

// TestPowerCuts cuts the power before each write of a life that opens, puts, deletes
// and sweeps. What was acknowledged is there and whole; all that looks like a blob
// is whole; and the next sweeps leave nothing else.
func TestPowerCuts(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var cuts []cut
	var acked []blob.ID
	var mu sync.Mutex
	files := &faulty{Files: blobtest.Files(disk), step: func(what string) error {
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range []int{0, 50, 50, 100} {
			rng := rand.New(rand.NewPCG(1, uint64(len(cuts))))
			left := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			cuts = append(cuts, cut{fmt.Sprintf("%d: before %s, keeping %d%%", len(cuts), what, percent), left, acked[:len(acked):len(acked)]})
		}
		return nil
	}}
	clock := blobtest.NewClock()
	s := open(t, dir.Options{Dir: "/data/blobs", Files: files})
	l := library(blob.Seal(s, blobtest.SealKey), clock)
	referred := referredBy{}
	sweeper := &blob.Sweeper{Library: l, References: referred}
	for i := range 4 {
		b := blobtest.Bytes(uint64(i), 70_000*i)
		for range 2 {
			ref, err := l.Put(t.Context(), bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if i != 2 {
				referred[ref.ID] = true
				acked = append(acked, ref.ID)
			}
		}
	}
	if err := l.Delete(t.Context(), put(t, l, "deleted")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := sweeper.Sweep(t.Context(), clock.Advance(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, l, "put at last")
	if len(cuts) < 150 {
		t.Fatalf("only %d cuts", len(cuts))
	}
	for _, c := range cuts {
		files := blobtest.Files(c.disk)
		s, err := dir.Open(dir.Options{Dir: "/data/blobs", Files: files})
		if err != nil {
			t.Fatalf("cut %s: %v", c.what, err)
		}
		l := library(blob.Seal(s, blobtest.SealKey), clock)
		wantWhole(t, l)
		kept := referredBy{}
		for _, id := range c.acked {
			kept[id] = true
		}
		sweeper := &blob.Sweeper{Library: l, References: kept}
		for range 2 {
			if _, err := sweeper.Sweep(t.Context(), clock.Advance(time.Hour)); err != nil {
				t.Fatalf("cut %s: %v", c.what, err)
			}
		}
		for id := range kept {
			if _, err := blob.ReadAll(t.Context(), l, id, 1<<30); err != nil {
				t.Errorf("cut %s: %v", c.what, err)
			}
		}
		if n := count(t, s); n != len(kept) {
			t.Errorf("cut %s: %d blobs are left, want %d", c.what, n, len(kept))
		}
		if left, err := files.List("/data/blobs/drafts"); err != nil || len(left) > 0 {
			t.Errorf("cut %s: drafts %v, %v", c.what, left, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReaderOutlivesItsBlob has a reader go on after its blob was deleted.
func TestReaderOutlivesItsBlob(t *testing.T) {
	s := open(t, dir.Options{Dir: t.TempDir()})
	l := library(s, blobtest.NewClock())
	id := put(t, l, "text")
	r, err := l.Open(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
