package server

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"heddle/internal/blob"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

// roomy is a disk that says how much room it has.
type roomy struct {
	vfs.FS
	free atomic.Uint64
}

func (d *roomy) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load(), TotalBytes: 100 << 30}, nil
}

// startRoomy starts a server on such a disk, which has little room in the end.
func startRoomy(t *testing.T, cfg Config) *Server {
	t.Helper()
	disk := &roomy{FS: vfs.NewMem()}
	disk.free.Store(50 << 30)
	cfg.Listen, cfg.Data, cfg.Auth, cfg.PollHold = "127.0.0.1:0", t.TempDir(), AuthNone, time.Minute
	cfg.diskEvery = func() time.Duration { return time.Millisecond }
	cfg.machine = func(o *pebblestore.Options) { o.Dir, o.Files, o.Ballast = storeFolder, disk, "" }
	s := start(t, cfg)
	disk.free.Store(500 << 20)
	waitUntil(t, "there is little room", s.scarce)
	return s
}

// intakes are the places where bytes come in that stay as blobs, and how each asks before it
// takes them whether there is room. All of them ask again while many come, in blobs.Put.
var intakes = map[string]string{
	"dataexchange/perform.go":             "m.Scarce()", // imports, which go on when there is room
	"dataexchange/signedurl/signedurl.go": "",           // a service.Path: Server.answerPath asks
	"sfn/definition.go":                   "",           // a call: Server.refuses asks, by service.Begins
}

// TestBytesThatComeInAreAsked finds the places where blobs are put. A new one has to say how it
// asks.
func TestBytesThatComeInAreAsked(t *testing.T) {
	puts := regexp.MustCompile(`[bB]lobs\.Put\(|transfer\.(Import|Receive)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !puts.Match(text) {
			return err
		}
		file := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		asks, known := intakes[file]
		switch {
		case !known:
			t.Errorf("%s puts blobs, and intakes does not say how it asks for room", file)
		case !strings.Contains(string(text), asks):
			t.Errorf("%s: %q does not stand there", file, asks)
		}
		found[file] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range intakes {
		if !found[file] {
			t.Errorf("%s puts no blobs", file)
		}
	}
}

// TestPathsAskForRoom: when there is little room nothing comes to a path of any service by a
// request that brings something, and what only reads is answered.
func TestPathsAskForRoom(t *testing.T) {
	cfg := Config{Services: Services()}
	var paths []string
	came := map[string]int{}
	for _, s := range cfg.Services {
		open := s.Open
		s.Open = func(k *service.Kernel) (*service.Opened, error) {
			opened, err := open(k)
			if err != nil {
				return nil, err
			}
			for i := range opened.Paths {
				prefix := opened.Paths[i].Prefix
				paths = append(paths, prefix)
				opened.Paths[i].Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came[prefix+" "+r.Method]++ })
			}
			return opened, nil
		}
	}
	s := startRoomy(t, cfg)
	if len(paths) == 0 {
		t.Error("no service has a path")
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch} {
			r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path+"x", strings.NewReader("text"))
			if err != nil {
				t.Fatal(err)
			}
			w, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = w.Body.Close()
			want, wantCame := http.StatusServiceUnavailable, 0
			if method == http.MethodGet || method == http.MethodHead {
				want, wantCame = http.StatusOK, 1
			}
			if w.StatusCode != want || came[path+" "+method] != wantCame {
				t.Errorf("%s %s: status %d, %d came to it", method, path, w.StatusCode, came[path+" "+method])
			}
		}
	}
}

// TestLargeBlobsAskForRoom: of a blob that began before there was little room no more is taken
// then; what rules may ask for is.
func TestLargeBlobsAskForRoom(t *testing.T) {
	s := startRoomy(t, Config{})
	small := bytes.Repeat([]byte("x"), blobBytesMax)
	if _, err := s.blobs.Put(t.Context(), bytes.NewReader(small)); err != nil {
		t.Errorf("%d bytes: %v", len(small), err)
	}
	large := &endlessly{}
	if _, err := s.blobs.Put(t.Context(), large); !errors.Is(err, blob.ErrScarce) {
		t.Errorf("a large one: %v", err)
	}
	if large.read > blobBytesMax+askEvery {
		t.Errorf("%d bytes of it were taken", large.read)
	}
	drafts := 0
	err := filepath.WalkDir(BlobDir(s.cfg.Data), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(strings.Split(filepath.ToSlash(path), "/"), "drafts") {
			drafts++
		}
		return err
	})
	if err != nil || drafts > 0 {
		t.Errorf("%d drafts are left, %v", drafts, err)
	}
}

// endlessly reads for ever.
type endlessly struct{ read int64 }

func (e *endlessly) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	return len(p), nil
}

// TestScarceRoomComesAndGoes asks as it grows, and goes on where there is room again.
func TestScarceRoomComesAndGoes(t *testing.T) {
	asked := 0
	a := &asking{from: io.LimitReader(&endlessly{}, 100<<20), next: blobBytesMax, scarce: func() bool { asked++; return false }}
	n, err := io.Copy(io.Discard, a)
	if want := int((100<<20 - blobBytesMax) / askEvery); n != 100<<20 || err != nil || asked < want || asked > want+1 {
		t.Errorf("%d bytes, %v, asked %d times, want %d", n, err, asked, want)
	}
}
