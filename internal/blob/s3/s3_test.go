package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"heddle/internal/aws/s3client"
	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
)

func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKIDBLOBS", SecretAccessKey: "secret"}, nil
}

func options(t *testing.T, endpoint string) Options {
	return Options{
		Bucket: bucketName, Prefix: "heddle/blobs/", Endpoint: endpoint, Region: "eu-west-1", PathStyle: true,
		Credentials: aws.CredentialsProviderFunc(credentials), Spool: t.TempDir(), Within: context.WithTimeout, backoffMax: time.Millisecond,
	}
}

func mustNew(t *testing.T, o Options) *Shelf {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setUp gives a library over a fake.
func setUp(t *testing.T) (*fake, *Shelf, *blob.Library) {
	clock := blobtest.NewClock()
	f := newFake(t, clock.Now)
	s := mustNew(t, options(t, f.url))
	return f, s, blob.New(blob.Options{Shelf: s, Key: blobtest.Key, Now: clock.Now})
}

func wantSpoolEmpty(t *testing.T, s *Shelf) {
	t.Helper()
	left, err := os.ReadDir(s.spool)
	if err != nil || len(left) > 0 {
		t.Errorf("in the spool: %v, %v", left, err)
	}
}

func TestShelf(t *testing.T) {
	// What lies about in the environment must not matter.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	blobtest.Run(t, blobtest.Tested{Open: func(t *testing.T, clock *blobtest.Clock) blob.Shelf {
		f := newFake(t, clock.Now)
		f.page = 7
		f.objects["a stranger"] = object{}
		f.objects["heddle/blobs/a stranger"] = object{}
		f.objects["heddle/blobs/"+strings.Repeat("f", 64)+"/more"] = object{}
		s := mustNew(t, options(t, f.url))
		t.Cleanup(func() { wantSpoolEmpty(t, s) })
		return s
	}})
}

// TestReadOnly needs no folder, and changes nothing.
func TestReadOnly(t *testing.T) {
	f, _, l := setUp(t)
	ref, err := l.Put(t.Context(), strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, f.url)
	o.ReadOnly, o.Spool = true, ""
	s := mustNew(t, o)
	reading := blob.New(blob.Options{Shelf: s, Key: blobtest.Key, Now: f.now})
	if b, err := blob.ReadAll(t.Context(), reading, ref.ID, 10); err != nil || string(b) != "x" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := reading.Put(t.Context(), strings.NewReader("y")); !errors.Is(err, errReadOnly) {
		t.Errorf("put: %v", err)
	}
	if err := reading.Delete(t.Context(), ref.ID); !errors.Is(err, errReadOnly) || len(f.objects) != 1 {
		t.Errorf("delete: %v", err)
	}
}

func TestParts(t *testing.T) {
	f, s, l := setUp(t)
	for _, size := range []int{partLen, partLen + 1, 2*partLen + 5} {
		b := blobtest.Bytes(1, size)
		f.fail(nil)
		ref, err := l.Put(t.Context(), bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		calls := strings.Join(f.made(), " ")
		want := map[int]string{partLen: "put", partLen + 1: "create part part complete", 2*partLen + 5: "create part part part complete"}[size]
		if calls != want {
			t.Errorf("%d bytes: %s, want %s", size, calls, want)
		}
		if got, err := blob.ReadAll(t.Context(), l, ref.ID, 1<<30); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
	}
	for _, call := range []string{"create", "part", "complete"} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			if c == call {
				refuse(w, http.StatusServiceUnavailable, "SlowDown")
			}
			return c == call
		})
		if _, err := l.Put(t.Context(), bytes.NewReader(make([]byte, partLen+1))); err == nil || !strings.Contains(err.Error(), "SlowDown") {
			t.Errorf("%s fails: %v", call, err)
		}
		f.fail(nil)
		if len(f.uploads) != 0 {
			t.Errorf("%s fails: %d uploads are left", call, len(f.uploads))
		}
	}
	// It may say that all is well, and then that it is not.
	f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
		if c == "complete" {
			refuse(w, http.StatusOK, "InternalError")
		}
		return c == "complete"
	})
	if _, err := l.Put(t.Context(), bytes.NewReader(make([]byte, partLen+1))); err == nil {
		t.Error("took an error for a success")
	}
	f.fail(nil)
	wantSpoolEmpty(t, s)
}

func TestPartLength(t *testing.T) {
	for _, size := range []int64{1, partLen, partLen * partsMax, partLen*partsMax + 1, 1 << 40, 5 << 40} {
		part := partOf(size)
		if n := (size + part - 1) / part; n > partsMax || part < partLen || part%(1<<20) != 0 {
			t.Errorf("%d bytes: %d parts of %d", size, n, part)
		}
	}
}

func TestTidy(t *testing.T) {
	f, s, _ := setUp(t)
	for i := range 5 {
		f.uploads[strconv.Itoa(i)] = &upload{key: "heddle/blobs/x"}
	}
	f.uploads["9"] = &upload{key: "another/x"}
	if err := s.Tidy(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(f.uploads) != 1 || f.uploads["9"] == nil {
		t.Errorf("left: %v", f.uploads)
	}
	f.uploads["1"] = &upload{key: "heddle/blobs/x"}
	for _, call := range []string{"uploads", "abort"} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			if c == call {
				refuse(w, http.StatusForbidden, "AccessDenied")
			}
			return c == call
		})
		if err := s.Tidy(t.Context(), time.Now()); err == nil {
			t.Errorf("%s fails, and nobody hears of it", call)
		}
	}
}

// TestShared: what another process puts is not deleted by who saw what was there before, nor is what it has begun
// to send removed; where the bucket does not compare, that is found out.
func TestShared(t *testing.T) {
	f, _, l := setUp(t)
	o := options(t, f.url)
	o.Shared = true
	s := mustNew(t, o)
	if does, err := s.DeletesAsSeen(t.Context()); !does || err != nil {
		t.Errorf("a bucket that compares: %v, %v", does, err)
	}
	f.deletesAll = true
	if does, err := s.DeletesAsSeen(t.Context()); does || err != nil {
		t.Errorf("a bucket that does not compare: %v, %v", does, err)
	}
	f.deletesAll = false
	if len(f.objects) > 0 {
		t.Errorf("left: %v", f.objects)
	}
	f.fail(func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if call == "delete" {
			refuse(w, http.StatusForbidden, "AccessDenied")
		}
		return call == "delete"
	})
	if _, err := s.DeletesAsSeen(t.Context()); err == nil {
		t.Error("nothing may be deleted, and nobody hears of it")
	}
	f.fail(nil)
	clear(f.objects)

	ref, err := l.Put(t.Context(), strings.NewReader("put"))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := s.Stat(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.List(t.Context(), blob.ID{}, func(info blob.Info) bool {
		if info != seen {
			t.Errorf("listed %+v, seen %+v", info, seen)
		}
		return true
	}); err != nil {
		t.Error(err)
	}
	name := *s.name(ref.ID)
	put := object{[]byte("sealed by another salt"), f.objects[name].put}
	f.objects[name] = put
	if err := s.DeleteAsSeen(t.Context(), seen); err != nil || !bytes.Equal(f.objects[name].bytes, put.bytes) {
		t.Errorf("what was put again: %v, %v", f.objects, err)
	}
	if seen, err = s.Stat(t.Context(), ref.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is gone already
		if err := s.DeleteAsSeen(t.Context(), seen); err != nil || len(f.objects) > 0 {
			t.Errorf("what was seen: %v, %v", f.objects, err)
		}
	}

	now := f.now()
	f.uploads["1"] = &upload{key: "heddle/blobs/x", begun: now.Add(-unfinishedFor)}
	f.uploads["2"] = &upload{key: "heddle/blobs/x", begun: now.Add(-unfinishedFor - time.Second)}
	if err := s.Tidy(t.Context(), now); err != nil || len(f.uploads) != 1 || f.uploads["1"] == nil {
		t.Errorf("unfinished: %v, %v", f.uploads, err)
	}
}

func TestSpoolIsCleared(t *testing.T) {
	f, s, l := setUp(t)
	if _, err := s.Begin(t.Context()); err != nil { // never ended
		t.Fatal(err)
	}
	o := options(t, f.url)
	o.Spool = s.spool
	wantSpoolEmpty(t, mustNew(t, o))
	if err := os.Remove(s.spool); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Put(t.Context(), strings.NewReader("x")); err == nil {
		t.Error("put without a spool")
	}
}

// TestFaults has each call fail: once, which the client makes good, and always.
func TestFaults(t *testing.T) {
	statuses := map[string]int{"InternalError": 500, "ServiceUnavailable": 503, "SlowDown": 503}
	for code, status := range statuses {
		for _, call := range []string{"put", "get", "head", "list", "delete"} {
			t.Run(code+" "+call, func(t *testing.T) {
				f, s, l := setUp(t)
				ref, err := l.Put(t.Context(), strings.NewReader("text"))
				if err != nil {
					t.Fatal(err)
				}
				all := func() error {
					_, put := l.Put(t.Context(), strings.NewReader("text"))
					_, read := blob.ReadAll(t.Context(), l, ref.ID, 10)
					_, stat := s.Stat(t.Context(), ref.ID)
					return errors.Join(put, read, stat, l.List(t.Context(), blob.ID{}, func(blob.Info) bool { return true }), l.Delete(t.Context(), ref.ID))
				}
				times := 0
				f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
					if c != call || times > 0 {
						return false
					}
					times++
					refuse(w, status, code)
					return true
				})
				if err := all(); err != nil || times != 1 {
					t.Errorf("fails once: %v", err)
				}
				if _, err := l.Put(t.Context(), strings.NewReader("text")); err != nil {
					t.Fatal(err)
				}
				f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
					if c == call {
						refuse(w, status, code)
					}
					return c == call
				})
				err = all()
				if err == nil || errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrBroken) || call != "head" && !strings.Contains(err.Error(), code) {
					t.Errorf("fails always: %v", err)
				}
				if n := len(slices.DeleteFunc(f.made(), func(c string) bool { return c != call })); n != s3client.SendsMax {
					t.Errorf("sent %d times", n)
				}
				wantSpoolEmpty(t, s)
			})
		}
	}
}

func TestRefused(t *testing.T) {
	f, s, l := setUp(t)
	s.bucket = "no such bucket"
	if _, err := l.Put(t.Context(), strings.NewReader("x")); err == nil {
		t.Error("put into no bucket")
	}
	if _, err := l.Open(t.Context(), blob.ID{1}, 0); err == nil || errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open in no bucket: %v", err)
	}
	s.bucket = bucketName
	f.fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		refuse(w, http.StatusForbidden, "AccessDenied")
		return true
	})
	if _, err := l.Open(t.Context(), blob.ID{1}, 0); err == nil || errors.Is(err, blob.ErrNotFound) {
		t.Errorf("denied: %v", err)
	}
	if err := l.Delete(t.Context(), blob.ID{1}); err == nil {
		t.Error("denied, and nobody hears of it")
	}
}

func TestCutOff(t *testing.T) {
	f, _, l := setUp(t)
	text := strings.Repeat("text", 100_000)
	ref, err := l.Put(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	read := func(offset int64) ([]byte, error) {
		r, err := l.Open(t.Context(), ref.ID, offset)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	for name, cut := range map[string]func(w http.ResponseWriter){
		"with a length":    func(w http.ResponseWriter) { w.Header().Set("Content-Length", strconv.Itoa(len(text))) },
		"without a length": func(http.ResponseWriter) {},
	} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			if c != "get" {
				return false
			}
			cut(w)
			_, _ = io.WriteString(w, text[:100])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		if b, err := read(0); err == nil || errors.Is(err, blob.ErrBroken) {
			t.Errorf("cut off %s: %d bytes, %v", name, len(b), err)
		}
	}
	// An answer that is whole, and shorter than the blob.
	f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
		if c == "get" {
			_, _ = io.WriteString(w, text[:100])
		}
		return c == "get"
	})
	if _, err := read(0); !errors.Is(err, blob.ErrBroken) {
		t.Errorf("a shorter one: %v", err)
	}
	if _, err := read(50); err == nil {
		t.Error("took an answer from the beginning for one from the middle")
	}
}

// TestNoAnswer ends a call that has no answer when its time is over.
func TestNoAnswer(t *testing.T) {
	f, s, l := setUp(t)
	f.fail(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		<-r.Context().Done()
		return true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := l.Put(ctx, strings.NewReader("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v", err)
	}
	wantSpoolEmpty(t, s)
}

func TestListOutOfOrder(t *testing.T) {
	f, s, _ := setUp(t)
	a, b := blob.ID{1}, blob.ID{2}
	body := func(more string, ids ...blob.ID) string {
		var text strings.Builder
		text.WriteString("<ListBucketResult>" + more)
		for _, id := range ids {
			fmt.Fprintf(&text, "<Contents><Key>heddle/blobs/%s</Key><Size>1</Size></Contents>", id)
		}
		return text.String() + "</ListBucketResult>"
	}
	for _, text := range []string{body("", b, a), body("", a, a), body("<IsTruncated>true</IsTruncated>", a)} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			_, _ = io.WriteString(w, text)
			return true
		})
		if err := s.List(t.Context(), blob.ID{}, func(blob.Info) bool { return true }); err == nil {
			t.Errorf("took %s", text)
		}
	}
}

func TestOptions(t *testing.T) {
	good := options(t, "https://s3.example/path")
	mustNew(t, good)
	for name, spoil := range map[string]func(*Options){
		"no bucket":        func(o *Options) { o.Bucket = "" },
		"no region":        func(o *Options) { o.Region = "" },
		"no credentials":   func(o *Options) { o.Credentials = nil },
		"no spool":         func(o *Options) { o.Spool = "" },
		"no scheme":        func(o *Options) { o.Endpoint = "s3.example" },
		"a user":           func(o *Options) { o.Endpoint = "https://me:secret@s3.example" },
		"no slash":         func(o *Options) { o.Prefix = "blobs" },
		"a slash at first": func(o *Options) { o.Prefix = "/blobs/" },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Endpoint = "" // AWS's own
	mustNew(t, good)
}

// TestMoto runs the suite against somebody else's S3.
func TestMoto(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server that takes seconds")
	}
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed; pip install 'moto[server,s3]'")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	if err := server.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	endpoint := "http://127.0.0.1:" + port
	for tries := 0; ; tries++ {
		if answer, err := http.Get(endpoint); err == nil {
			_ = answer.Body.Close()
			break
		}
		if tries == 300 {
			t.Skip("moto_server does not answer within 30 seconds")
		}
		time.Sleep(100 * time.Millisecond)
	}
	buckets := 0
	blobtest.Run(t, blobtest.Tested{OwnTime: true, Open: func(t *testing.T, _ *blobtest.Clock) blob.Shelf {
		buckets++
		o := options(t, endpoint)
		o.Bucket = fmt.Sprintf("%s%d", bucketName, buckets)
		s := mustNew(t, o)
		if _, err := s.client.CreateBucket(t.Context(), &awss3.CreateBucketInput{
			Bucket:                    &o.Bucket,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(o.Region)},
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Tidy(t.Context(), time.Now()); err != nil {
			t.Error(err)
		}
		return s
	}})
	o := options(t, endpoint)
	o.Bucket = fmt.Sprintf("%s%d", bucketName, buckets)
	l := blob.New(blob.Options{Shelf: mustNew(t, o), Key: blobtest.Key, Now: blobtest.NewClock().Now})
	b := blobtest.Bytes(1, 2*partLen+5)
	ref, err := l.Put(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := blob.ReadAll(t.Context(), l, ref.ID, 1<<30); err != nil || !bytes.Equal(got, b) {
		t.Errorf("in parts: %d bytes, %v", len(got), err)
	}
}
