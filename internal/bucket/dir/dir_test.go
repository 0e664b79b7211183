package dir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

// clock moves by a second at each look.
func clock() func() time.Time {
	var at atomic.Int64
	return func() time.Time { return time.Unix(1_800_000_000+at.Add(1), 123_456_789) }
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Now: clock(), saveEvery: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// setUp gives a store, and the folder of its bucket.
func setUp(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	things := filepath.Join(dir, buckettest.Things)
	if err := os.Mkdir(things, 0o700); err != nil {
		t.Fatal(err)
	}
	return open(t, dir), things
}

func TestStore(t *testing.T) {
	buckettest.Run(t, buckettest.Tested{PartBytes: 1000, Open: func(t *testing.T) (bucket.Store, func() bucket.Store) {
		s, things := setUp(t)
		t.Cleanup(func() { // no draft is left of what ended
			left, err := os.ReadDir(filepath.Join(things, draftsDir))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			for _, f := range left {
				if strings.HasPrefix(f.Name(), newDraft) {
					t.Errorf("the draft %s is left", f.Name())
				}
			}
		})
		return s, func() bucket.Store { return open(t, filepath.Dir(things)) }
	}})
}

func put(t *testing.T, s *Store, key, text string) bucket.Object {
	t.Helper()
	o, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: key, Source: bucket.Bytes(text), Size: int64(len(text)), ContentType: "text/csv", Encryption: bucket.Encryption{Type: bucket.AES256}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func get(t *testing.T, s *Store, key string) (bucket.Object, string, error) {
	t.Helper()
	o, r, err := s.Get(t.Context(), buckettest.Things, key, bucket.Range{})
	if err != nil {
		return o, "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return o, string(b), err
}

func keys(t *testing.T, s *Store) (all []string) {
	t.Helper()
	if err := s.List(t.Context(), buckettest.Things, "", "", func(o bucket.Object) bool { all = append(all, o.Key); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

// tree gives what is in a folder, but for what is the store's own.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == own {
			return fs.SkipDir
		}
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			all = append(all, rel)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestWhatIsOnDisk: keys that can be names are names.
func TestWhatIsOnDisk(t *testing.T) {
	s, things := setUp(t)
	for _, key := range []string{"a/b", "a", "2026-03-01T12:00:00.000Z/data.csv", "/x", "../y", "100%"} {
		put(t, s, key, "text")
	}
	want := []string{"%-", "%-/x", "%2E%2E", "%2E%2E/y", "100%25", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000Z/data.csv", "a", "a/b", "a%f"}
	if got := tree(t, things); !slices.Equal(got, want) {
		t.Errorf("on disk\n%q, want\n%q", got, want)
	}
	info, err := os.Stat(filepath.Join(things, "a/b"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, key := range keys(t, s) {
		if err := s.Delete(t.Context(), buckettest.Things, key); err != nil {
			t.Error(err)
		}
	}
	if got := tree(t, things); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	left := 0
	_ = filepath.WalkDir(filepath.Join(things, own), func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			left++
		}
		return nil
	})
	if left != 0 {
		t.Errorf("%d files are left in the store's own folder", left)
	}
}

// TestByHand: files that were put there, changed and removed otherwise.
func TestByHand(t *testing.T) {
	s, things := setUp(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(things, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(things, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("in/data.csv", "by hand")
	write("no%", "no key has this name")
	write("no%2e", "nor this")
	first, text, err := get(t, s, "in/data.csv")
	if err != nil || text != "by hand" || first.ContentType != bucket.DefaultContentType || !strings.HasSuffix(first.ETag, `-1"`) {
		t.Errorf("%+v, %q, %v", first, text, err)
	}
	if got := keys(t, s); !slices.Equal(got, []string{"in/data.csv"}) {
		t.Errorf("listed %q", got)
	}
	o := put(t, s, "in/data.csv", "by us")
	if got, _, err := get(t, s, "in/data.csv"); err != nil || got != o || got.ContentType != "text/csv" || got.Encryption.Type != bucket.AES256 {
		t.Errorf("%+v, %v", got, err)
	}
	write("in/data.csv", "by hand")
	if got, text, err := get(t, s, "in/data.csv"); err != nil || text != "by hand" || got.ContentType != bucket.DefaultContentType || got.Encryption.Type != "" || got.ETag == o.ETag {
		t.Errorf("%+v, %q, %v", got, text, err)
	}
	if err := os.RemoveAll(things); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, s, "in/data.csv"); !errors.Is(err, bucket.ErrNoSuchBucket) {
		t.Errorf("the bucket is gone: %v", err)
	}
	write("again", "another folder")
	if _, text, err := get(t, s, "again"); err != nil || text != "another folder" {
		t.Errorf("%q, %v", text, err)
	}
	put(t, s, "more", "text")
	if err := os.WriteFile(filepath.Join(filepath.Dir(things), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context(), "file", "k"); !errors.Is(err, bucket.ErrNoSuchBucket) {
		t.Errorf("a file as a bucket: %v", err)
	}
}

// TestSymbolicLinks: none leads out, and none is an object.
func TestSymbolicLinks(t *testing.T) {
	s, things := setUp(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{
		"out": outside, "file": filepath.Join(outside, "secret"), "up": "..", "gone": "nowhere", "loop": "loop", "inside": "real",
	} {
		if err := os.Symlink(to, filepath.Join(things, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(filepath.Dir(things), "linked")); err != nil {
		t.Fatal(err)
	}
	put(t, s, "real", "text")
	for _, key := range []string{"out/secret", "file", "up/things/real", "gone", "loop", "loop/x", "inside"} {
		if _, text, err := get(t, s, key); err == nil {
			t.Errorf("read %q by %q", text, key)
		}
	}
	if got := keys(t, s); !slices.Equal(got, []string{"real"}) {
		t.Errorf("listed %q", got)
	}
	for _, key := range []string{"out/new", "out/secret", "up/new", "loop/x"} {
		if _, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: key, Source: bucket.Bytes("x"), Size: 1}); err == nil {
			t.Errorf("put %q", key)
		}
		_ = s.Delete(t.Context(), buckettest.Things, key)
	}
	put(t, s, "file", "ours") // takes the place of the link
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("outside: %q, %v", b, err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
		t.Errorf("outside: %v, %v", left, err)
	}
	if _, err := s.Head(t.Context(), "linked", "secret"); !errors.Is(err, bucket.ErrNoSuchBucket) {
		t.Errorf("a link as a bucket: %v", err)
	}
}

// TestCrash has the process end between the steps of a Put: what is there is the one
// object or the other, with what is known of it.
// TestVersions: there is one version of each object, which S3 calls null.
func TestVersions(t *testing.T) {
	s, _ := setUp(t)
	put(t, s, "k", "text")
	_, r, err := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{Version: bucket.VersionNull})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, _, err := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{Version: "1"}); !errors.Is(err, bucket.ErrNoSuchKey) {
		t.Errorf("of a version that is not there: %v", err)
	}
}

func TestCrash(t *testing.T) {
	s, things := setUp(t)
	one := put(t, s, "k", "one")
	was, err := os.ReadFile(filepath.Join(things, aboutPath("k")))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(things, "k"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes("two"), Size: 3, ContentType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := get(t, s, "k"); err != nil || got != two {
		t.Errorf("%+v, %v; want %+v", got, err, two)
	}
	// Before the rename: the old bytes, and what is known of both.
	if err := os.WriteFile(filepath.Join(things, "k"), []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(things, "k"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got, text, err := get(t, open(t, filepath.Dir(things)), "k"); err != nil || got != one || text != "one" {
		t.Errorf("%+v, %q, %v; want %+v", got, text, err, one)
	}
	// Before that: the old of both.
	if err := os.WriteFile(filepath.Join(things, aboutPath("k")), was, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := get(t, open(t, filepath.Dir(things)), "k"); err != nil || got != one {
		t.Errorf("%+v, %v; want %+v", got, err, one)
	}
	// Drafts of an earlier process go, but for those that may be gone on with, and those that another process may
	// be writing.
	for name, age := range map[string]time.Duration{newDraft + "x": 2 * leftAfter, keptDraft + "x": 2 * leftAfter, newDraft + "y": leftAfter / 2} {
		file, at := filepath.Join(things, draftsDir, name), clock()().Add(-age)
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	later := open(t, filepath.Dir(things))
	if got := keys(t, later); !slices.Equal(got, []string{"k"}) {
		t.Errorf("listed %q", got)
	}
	left, err := os.ReadDir(filepath.Join(things, draftsDir))
	if err != nil || len(left) != 2 || left[0].Name() != keptDraft+"x" || left[1].Name() != newDraft+"y" {
		t.Errorf("drafts: %v, %v", left, err)
	}
}

// TestResumeAfterPowerCut: a draft that is shorter than was said is begun anew.
func TestResumeAfterPowerCut(t *testing.T) {
	s, things := setUp(t)
	b := buckettest.Data(1, 5000)
	var saved []byte
	save := func(_ context.Context, progress []byte) error { saved = progress; return nil }
	lost := errors.New("the power went")
	ctx, cancel := context.WithCancelCause(t.Context())
	var sent atomic.Int64
	_, err := s.Put(ctx, &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(b), Size: 5000, Save: save, Sent: func(n int64) {
		if sent.Add(n) > 3500 {
			cancel(lost)
		}
	}})
	if !errors.Is(err, context.Canceled) || len(saved) == 0 {
		t.Fatalf("%v, saved %q", err, saved)
	}
	left, err := filepath.Glob(filepath.Join(things, draftsDir, keptDraft+"*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%q, %v", left, err)
	}
	if err := os.Truncate(left[0], 10); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, filepath.Dir(things)).Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(b), Size: 5000, Save: save, Progress: saved}); err != nil {
		t.Fatal(err)
	}
	if _, text, err := get(t, s, "k"); err != nil || text != string(b) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if left, _ := filepath.Glob(filepath.Join(things, draftsDir, "*")); len(left) != 0 {
		t.Errorf("drafts: %q", left)
	}
}

func TestOptions(t *testing.T) {
	if _, err := Open(Options{Dir: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no folder: %v", err)
	}
}

func TestDenied(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("nothing is denied to root")
	}
	s, things := setUp(t)
	put(t, s, "k", "text")
	if err := os.Chmod(filepath.Join(things, "k"), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, s, "k"); !errors.Is(err, bucket.ErrDenied) {
		t.Error(err)
	}
}

// TestMemoryIsBounded puts a large object.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 300 MB")
	}
	s, _ := setUp(t)
	s.saveEvery = saveEvery
	const size = 300 << 20
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, peak, seen := live(), uint64(0), int64(0)
	if _, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: zeros(size), Size: size, Sent: func(n int64) {
		if seen>>25 != (seen+n)>>25 {
			peak = max(peak, live())
		}
		seen += n
	}}); err != nil {
		t.Fatal(err)
	}
	if peak == 0 || peak > before+2<<20 {
		t.Errorf("%d KiB were held", (peak-before)>>10)
	}
}

// zeros is a source of as many of them.
type zeros int64

func (z zeros) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(nothing{}, int64(z)-offset)), nil
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// FuzzKeys puts two objects of any keys and finds both, and nothing else.
func FuzzKeys(f *testing.F) {
	for _, seed := range [][2]string{{"a", "a/b"}, {"..", "."}, {"/", "//"}, {strings.Repeat("n", 300), strings.Repeat("n", 240)}, {"%heddle", "%heddle/about"}, {"a%f", "a"}} {
		f.Add(seed[0], seed[1])
	}
	dir := f.TempDir()
	var n atomic.Int64
	f.Fuzz(func(t *testing.T, a, b string) {
		if bucket.CheckNames("", buckettest.Things, a) != nil || bucket.CheckNames("", buckettest.Things, b) != nil || a == b || strings.Count(a+b, "/") > 50 {
			return
		}
		name := fmt.Sprintf("b-%d-%d", os.Getpid(), n.Add(1))
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(filepath.Join(dir, name)) }()
		s, err := Open(Options{Dir: dir, Now: clock()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, key := range []string{a, b, a} {
			if _, err := s.Put(t.Context(), &bucket.Put{Bucket: name, Key: key, Source: bucket.Bytes(key), Size: int64(len(key))}); err != nil {
				t.Fatalf("put %q: %v", key, err)
			}
		}
		var got []string
		if err := s.List(t.Context(), name, "", "", func(o bucket.Object) bool { got = append(got, o.Key); return true }); err != nil {
			t.Fatal(err)
		}
		if want := []string{min(a, b), max(a, b)}; !slices.Equal(got, want) {
			t.Fatalf("listed %q, want %q", got, want)
		}
		for _, key := range got {
			_, r, err := s.Get(t.Context(), name, key, bucket.Range{})
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, []byte(key)) {
				t.Fatalf("%q: %q, %v", key, text, err)
			}
			_ = r.Close()
			if err := s.Delete(t.Context(), name, key); err != nil {
				t.Fatal(err)
			}
		}
	})
}
