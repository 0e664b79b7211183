package server

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

func putBlob(t *testing.T, s *Server, text string) blob.ID {
	t.Helper()
	ref, err := s.blobs.Put(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return ref.ID
}

func wantBlob(t *testing.T, s *Server, id blob.ID, text string) {
	t.Helper()
	if b, err := s.blobs.Read(t.Context(), id); err != nil || string(b) != text {
		t.Errorf("blob %s: %q, %v, want %q", id, b, err, text)
	}
}

func wantNoBlob(t *testing.T, s *Server, id blob.ID) {
	t.Helper()
	if b, err := s.blobs.Read(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("blob %s: %q, %v, want none", id, b, err)
	}
}

// refer writes into a stopped store that a run refers to blobs.
func refer(t *testing.T, cfg Config, ids ...blob.ID) {
	t.Helper()
	if err := cfg.fill(); err != nil {
		t.Fatal(err)
	}
	below, _, err := openStore(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := cfg.protect(t.Context(), below)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Store
	h, err := s.Acquire(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	section := store.Section{Shard: 0, Epoch: h.Epoch(), Seq: h.Seq() + 1}
	for _, id := range ids {
		for n := range byte(2) { // more than one refers to it
			run := engine.RunID{15: n}
			section.Ops = append(section.Ops,
				store.Op{Space: store.ShardSpace, Key: keys.AppendBlob(nil, run, id)},
				store.Op{Space: store.IndexSpace, Key: keys.AppendBlobIndex(nil, id, run)})
		}
	}
	if err := errors.Join(s.Commit(t.Context(), []store.Section{section})[0], s.Close()); err != nil {
		t.Fatal(err)
	}
}

// checkBlobs checks the blobs of a stopped store, and gives what was told.
func checkBlobs(t *testing.T, cfg Config) (blob.Checked, []string) {
	t.Helper()
	o, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	found, err := o.CheckBlobs(t.Context(), cfg.Blobs, true, func(err error) { told = append(told, err.Error()) })
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	found.Bytes, found.UnreferencedBytes = 0, 0
	return found, told
}

// TestNoBlobs: where no blob was put there is no trace of any.
func TestNoBlobs(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	wantNoBlob(t, s, blob.ID{1})
	(&sweeps{blobs: s.blobs, references: references{s.store}, log: s.cfg.Log}).sweep(t.Context())
	rows, err := s.store.Meta().List(t.Context(), blobIDKeyName)
	if err != nil || len(rows) > 0 || exists(BlobDir(cfg.Data)) || exists(spoolDir(cfg.Data)) {
		t.Errorf("keys %v, %v; folder %v", rows, err, exists(BlobDir(cfg.Data)))
	}
	closeServer(t, s)
	if found, told := checkBlobs(t, cfg); found != (blob.Checked{}) || len(told) > 0 {
		t.Errorf("check: %+v, %q", found, told)
	}
	if _, err := s.blobs.Put(t.Context(), strings.NewReader("x")); !errors.Is(err, errBlobsClosed) {
		t.Errorf("put after the end: %v", err)
	}
	// One that is referred to is missing then.
	refer(t, cfg, blob.ID{7})
	found, told := checkBlobs(t, cfg)
	if found != (blob.Checked{References: 1, Missing: 1}) || len(told) != 1 || !strings.Contains(told[0], "run "+engine.RunID{}.String()+" refers to blob 07") {
		t.Errorf("check: %+v, %q", found, told)
	}
}

// TestBlobs puts some, refers to some, and has the others swept.
func TestBlobs(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Config)
	}{
		{"sealed", func(*Config) {}},
		{"not sealed", func(c *Config) { c.Sealing = SealingOff }},
		{"in a bucket", func(c *Config) { c.Blobs = newBucket(t).config() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := onDisk(t)
			c.set(&cfg)
			s := start(t, cfg)
			kept, dropped := putBlob(t, s, "planted-kept"), putBlob(t, s, "planted-dropped")
			wantBlob(t, s, kept, "planted-kept")
			if again := putBlob(t, s, "planted-kept"); again != kept {
				t.Errorf("put again as %s, was %s", again, kept)
			}
			large := putBlob(t, s, strings.Repeat("x", blobBytesMax+1))
			if _, err := s.blobs.Read(t.Context(), large); !errors.Is(err, blob.ErrTooLarge) {
				t.Errorf("a blob too large: %v", err)
			}
			closeServer(t, s)
			if found := plantedIn(t, cfg.Data); len(found) > 0 {
				t.Errorf("found %v", found)
			}
			refer(t, cfg, kept)
			if found, told := checkBlobs(t, cfg); found != (blob.Checked{References: 1, Blobs: 3, Unreferenced: 2}) || len(told) > 0 {
				t.Errorf("check: %+v, %q", found, told)
			}

			var logged bytes.Buffer
			cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
			s = start(t, cfg)
			w := &sweeps{blobs: s.blobs, references: references{s.store}, log: cfg.Log}
			for range 2 {
				wantBlob(t, s, dropped, "planted-dropped")
				s.clock.skip(s.clock.Now() + engine.Time(time.Hour/time.Millisecond))
				w.sweep(t.Context())
			}
			wantBlob(t, s, kept, "planted-kept")
			wantNoBlob(t, s, dropped)
			wantNoBlob(t, s, large)
			if n := strings.Count(logged.String(), "deleted=2"); n != 1 || strings.Contains(logged.String(), "level=ERROR") {
				t.Errorf("logged\n%s", &logged)
			}
			closeServer(t, s)
			if found, told := checkBlobs(t, cfg); found != (blob.Checked{References: 1, Blobs: 1}) || len(told) > 0 {
				t.Errorf("check: %+v, %q", found, told)
			}
		})
	}
}

// TestBlobsInMemory go with the store.
func TestBlobsInMemory(t *testing.T) {
	cfg := memory()
	cfg.Data = t.TempDir()
	s := start(t, cfg)
	wantBlob(t, s, putBlob(t, s, "x"), "x")
	if exists(BlobDir(cfg.Data)) {
		t.Error("there is a folder")
	}
}

// TestBrokenBlobs are told by a check.
func TestBrokenBlobs(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	broken, missing := putBlob(t, s, "broken"), putBlob(t, s, "missing")
	path := func(id blob.ID) string {
		found, err := filepath.Glob(filepath.Join(BlobDir(cfg.Data), "*", id.String()[:2], id.String()))
		if err != nil || len(found) != 1 {
			t.Fatalf("blob %s: %q, %v", id, found, err)
		}
		return found[0]
	}
	closeServer(t, s)
	refer(t, cfg, broken, missing)
	b, err := os.ReadFile(path(broken))
	if err == nil {
		b[len(b)-1] ^= 1
		err = errors.Join(os.WriteFile(path(broken), b, 0o600), os.Remove(path(missing)))
	}
	if err != nil {
		t.Fatal(err)
	}
	found, told := checkBlobs(t, cfg)
	if found != (blob.Checked{References: 2, Blobs: 1, Missing: 1, Broken: 1}) || len(told) != 2 ||
		!strings.Contains(strings.Join(told, "\n"), broken.String()) || !strings.Contains(strings.Join(told, "\n"), missing.String()) {
		t.Errorf("check: %+v, %q", found, told)
	}
}

// TestRekeyedBlobs stay as they are, and go on to open: under another root key, in
// the clear, and sealed again.
func TestRekeyedBlobs(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	id := putBlob(t, s, "planted-text")
	closeServer(t, s)
	before := contentOf(t, BlobDir(cfg.Data))
	old, moved := sealing.RootKeys{File: sealing.RootKeyFile(cfg.Data)}, sealing.RootKeys{File: filepath.Join(t.TempDir(), "new.key")}
	for _, c := range []sealing.RekeyConfig{
		{Keys: moved, Old: old}, {Keys: moved, Off: true}, {Keys: moved},
	} {
		c.Data = cfg.Data
		rekey(t, c)
		cfg.Sealing, cfg.RootKeys = SealingOn, moved
		if c.Off {
			cfg.Sealing = SealingOff
		}
		if is := contentOf(t, BlobDir(cfg.Data)); !maps.Equal(is, before) {
			t.Fatal("the blobs were changed")
		}
		s := start(t, cfg)
		wantBlob(t, s, id, "planted-text")
		rows, err := s.store.Meta().List(t.Context(), blobIDKeyName)
		if err != nil || len(rows) != 2 {
			t.Errorf("keys %v, %v", rows, err)
		}
		closeServer(t, s)
	}
	if found := plantedIn(t, cfg.Data); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// TestBlobsOfTwoServers share a bucket, and neither sees the other's.
func TestBlobsOfTwoServers(t *testing.T) {
	bucket := newBucket(t)
	var servers []*Server
	var ids []blob.ID
	for range 2 {
		cfg := onDisk(t)
		cfg.Blobs = bucket.config()
		servers = append(servers, start(t, cfg))
		ids = append(ids, putBlob(t, servers[len(ids)], "same"))
	}
	if ids[0] == ids[1] || len(bucket.names()) != 2 {
		t.Errorf("blobs %s, in the bucket %q", ids, bucket.names())
	}
	s := servers[0]
	w := &sweeps{blobs: s.blobs, references: references{s.store}, log: s.cfg.Log}
	for range 2 {
		s.clock.skip(s.clock.Now() + engine.Time(time.Hour/time.Millisecond))
		w.sweep(t.Context())
	}
	wantNoBlob(t, s, ids[0])
	wantBlob(t, servers[1], ids[1], "same")
	for _, name := range bucket.names() {
		if !strings.HasPrefix(name, "pre/fix/") || strings.Count(name, "/") != 3 {
			t.Errorf("name %q", name)
		}
	}
}

// TestBlobsOfAnotherStore that was in the folder before are left alone.
func TestBlobsOfAnotherStore(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	id := putBlob(t, s, "old")
	closeServer(t, s)
	aside := filepath.Join(t.TempDir(), "store")
	if err := os.Rename(sealing.StoreDir(cfg.Data), aside); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg)
	other := putBlob(t, s, "new")
	wantNoBlob(t, s, id)
	w := &sweeps{blobs: s.blobs, references: references{s.store}, log: s.cfg.Log}
	for range 2 {
		s.clock.skip(s.clock.Now() + engine.Time(time.Hour/time.Millisecond))
		w.sweep(t.Context())
	}
	wantNoBlob(t, s, other)
	closeServer(t, s)
	if err := errors.Join(os.RemoveAll(sealing.StoreDir(cfg.Data)), os.Rename(aside, sealing.StoreDir(cfg.Data))); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, start(t, cfg), id, "old")
}

// TestABucketThatFails keeps nothing from starting, and is complained of once.
func TestABucketThatFails(t *testing.T) {
	cfg := onDisk(t)
	bucket := newBucket(t)
	cfg.Blobs = bucket.config()
	bucket.refuse.Store(true)
	var logged bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
	s := start(t, cfg)
	if !strings.Contains(logged.String(), "the bucket of the blobs can't be used") {
		t.Errorf("logged\n%s", &logged)
	}
	if _, err := s.blobs.Put(t.Context(), strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("put: %v", err)
	}
	w := &sweeps{blobs: s.blobs, references: references{s.store}, log: cfg.Log}
	w.sweep(t.Context())
	w.sweep(t.Context())
	bucket.refuse.Store(false)
	w.sweep(t.Context())
	w.sweep(t.Context())
	for _, line := range []string{"blobs can't be swept", "blobs are swept again"} {
		if n := strings.Count(logged.String(), line); n != 1 {
			t.Errorf("%q: %d times in\n%s", line, n, &logged)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	logged.Reset()
	w.sweep(ended)
	if logged.Len() > 0 {
		t.Errorf("ended, it logged %s", &logged)
	}
}

func TestConfigOfBlobs(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		word string
	}{
		{Config{Blobs: Blobs{Prefix: "x/"}}, "want a --blob-bucket"},
		{Config{Blobs: Blobs{Endpoint: "http://x"}}, "want a --blob-bucket"},
		{Config{Blobs: Blobs{PathStyle: true}}, "want a --blob-bucket"},
		{Config{Blobs: Blobs{Bucket: "b", Prefix: "x"}}, `--blob-prefix "x"`},
		{Config{Blobs: Blobs{Bucket: "b", Prefix: "/x/"}}, `--blob-prefix "/x/"`},
		{Config{Blobs: Blobs{Bucket: "b", Endpoint: "x"}}, "--blob-endpoint"},
		{Config{Blobs: Blobs{Bucket: "b"}, Store: StoreMemory}, "--blob-bucket"},
	} {
		if _, err := c.cfg.Filled(); err == nil || !strings.HasPrefix(err.Error(), "config: ") || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v: %v", c.cfg.Blobs, err)
		}
	}
	filled, err := Config{Blobs: Blobs{Bucket: "b", Prefix: "x/", Endpoint: "https://x:1/y", PathStyle: true}}.Filled()
	if want := (Blobs{"b", "x/", "https://x:1/y", defaults.Region, true}); err != nil || !reflect.DeepEqual(filled.Blobs, want) {
		t.Errorf("%+v, %v", filled.Blobs, err)
	}
}

// TestBlobsAndPowerCuts has the power go at one write after the other, of the store or
// of the blobs. What was put is there afterwards.
func TestBlobsAndPowerCuts(t *testing.T) {
	const texts = 3
	var operations atomic.Int64
	life := func(m *machine) map[blob.ID]string {
		put := map[blob.ID]string{}
		if m.boot() != nil {
			return put
		}
		m.mu.Lock()
		s, ended := m.server, m.ended
		m.mu.Unlock()
		if s == nil {
			return put
		}
		done := make(chan struct{})
		var mu sync.Mutex
		go func() {
			defer close(done)
			for i := range texts {
				text := fmt.Sprintf("text %d", i)
				ref, err := s.blobs.Put(context.Background(), strings.NewReader(text))
				if err != nil || ended.Err() != nil {
					return
				}
				mu.Lock()
				put[ref.ID] = text
				mu.Unlock()
			}
		}()
		select {
		case <-done:
		case <-ended.Done():
		}
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(put)
	}
	newLife := func(fault func(errorfs.Op) error) (*machine, map[blob.ID]string) {
		m := newMachine(t, t.TempDir(), vfs.NewCrashableMem())
		m.fault = fault
		return m, life(m)
	}
	calm, put := newLife(func(op errorfs.Op) error {
		if writes(op.Kind) {
			operations.Add(1)
		}
		return nil
	})
	if len(put) != texts {
		t.Fatalf("put %d", len(put))
	}
	calm.powerCut()
	count := int(operations.Load())
	tries := 12
	if *trials == 0 {
		tries = count
	}
	acknowledged := 0
	for i := range tries {
		at := int64(count - i*count/tries) // the blobs come last
		var n atomic.Int64
		m := newMachine(t, t.TempDir(), vfs.NewCrashableMem())
		m.loss, m.seed = 100, uint64(i)
		m.fault = func(op errorfs.Op) error {
			if writes(op.Kind) && n.Add(1) == at {
				m.powerCut()
				return errDied
			}
			return nil
		}
		put := life(m)
		m.fault = nil
		m.powerCut()
		acknowledged += len(put)
		if err := m.boot(); err != nil {
			t.Fatalf("at operation %d of %d: %v", at, count, err)
		}
		for id, text := range put {
			wantBlob(t, m.server, id, text)
		}
		for i := range texts { // all goes on
			wantBlob(t, m.server, putBlob(t, m.server, fmt.Sprintf("text %d", i)), fmt.Sprintf("text %d", i))
		}
		if err := m.shutDown(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("at operation %d of %d", at, count)
		}
	}
	t.Logf("%d operations, %d tried, %d blobs were there before", count, tries, acknowledged)
}

// bucket is an S3 of one bucket in memory.
type bucket struct {
	url     string
	refuse  atomic.Bool
	mu      sync.Mutex
	objects map[string]object
	// deletesAll: it does not compare before it deletes.
	deletesAll atomic.Bool
}

type object struct {
	bytes []byte
	put   time.Time
}

func (o *object) tag() string { return fmt.Sprintf(`"%x"`, md5.Sum(o.bytes)) }

func newBucket(t *testing.T) *bucket {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDBLOBS")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b := &bucket{objects: map[string]object{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *bucket) config() Blobs {
	return Blobs{Bucket: "things", Prefix: "pre/fix/", Endpoint: b.url, PathStyle: true}
}

func (b *bucket) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, code string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
	}
	if b.refuse.Load() || !strings.Contains(r.Header.Get("Authorization"), "AKIDBLOBS") {
		fail(http.StatusForbidden, "AccessDenied")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q, name := r.URL.Query(), strings.TrimPrefix(r.URL.Path, "/things/")
	o, there := b.objects[name]
	switch {
	case q.Has("uploads"):
		_, _ = io.WriteString(w, "<ListMultipartUploadsResult></ListMultipartUploadsResult>")
	case q.Has("list-type"):
		type content struct {
			Key          string
			Size         int
			LastModified time.Time
			ETag         string
		}
		var page struct {
			XMLName  xml.Name `xml:"ListBucketResult"`
			Contents []content
		}
		for _, name := range slices.Sorted(maps.Keys(b.objects)) {
			if o := b.objects[name]; strings.HasPrefix(name, q.Get("prefix")) && name > q.Get("start-after") {
				page.Contents = append(page.Contents, content{name, len(o.bytes), o.put, o.tag()})
			}
		}
		_ = xml.NewEncoder(w).Encode(page)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			fail(http.StatusBadRequest, "IncompleteBody")
			return
		}
		b.objects[name] = object{body, time.Now().UTC().Truncate(time.Second)}
	case r.Method == http.MethodDelete && there && !b.deletesAll.Load() && r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != o.tag():
		fail(http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodDelete:
		delete(b.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		fail(http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", o.tag())
		http.ServeContent(w, r, "", o.put, bytes.NewReader(o.bytes))
	}
}

// TestBlobsOfADatabaseAreBounded: one that is larger than the bound is refused while it is read, not when all is there.
func TestBlobsOfADatabaseAreBounded(t *testing.T) {
	const most = 100
	for _, size := range []int{0, most, most + 1, 10 * most} {
		b := &asking{from: iotest.OneByteReader(strings.NewReader(strings.Repeat("x", size))), next: 1 << 20, most: most}
		n, err := io.Copy(io.Discard, b)
		if tooLarge := errors.Is(err, blob.ErrTooLarge); tooLarge != (size > most) || !tooLarge && (err != nil || n != int64(size)) || n > most+1 {
			t.Errorf("of %d bytes %d are read: %v", size, n, err)
		}
	}
}
