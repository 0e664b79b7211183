package signedurl

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/dataexchange/transfer"
	"heddle/internal/engine"
	"heddle/internal/token"
)

var (
	world = engine.World{Account: "111122223333", Region: "eu-west-1"}
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// jobs is one job of each kind.
type jobs struct {
	mu         sync.Mutex
	want       [md5.Size]byte
	over       bool
	fail       error
	uploads    []transfer.Asset
	mismatches int
	offered    transfer.Asset
}

func (j *jobs) check(l Link) error {
	switch {
	case l.World != world || l.Job != "job-1" || j.over:
		return ErrOver
	}
	return j.fail
}

func (j *jobs) Expected(_ context.Context, l Link) ([md5.Size]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.want, j.check(l)
}

func (j *jobs) Uploaded(_ context.Context, l Link, a transfer.Asset) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.check(l); err != nil {
		return err
	}
	j.uploads = append(j.uploads, a)
	return nil
}

func (j *jobs) Mismatched(_ context.Context, l Link) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mismatches++
	return j.check(l)
}

func (j *jobs) Offered(_ context.Context, l Link) (transfer.Asset, error) {
	return j.offered, j.check(l)
}

// house is a server with both URLs.
type house struct {
	*testing.T
	*jobs
	handler  *Handler
	shelf    *blob.Memory
	library  *blob.Library
	now      time.Time
	failures []error
	up, down string
	base     string
}

func setUp(t *testing.T) *house {
	h := &house{T: t, jobs: new(jobs), shelf: new(blob.Memory), now: start}
	h.library = blob.New(blob.Options{Shelf: h.shelf, Key: [32]byte{1}, Now: func() time.Time { return start }})
	h.handler = &Handler{
		Tokens: token.New([32]byte{7}, rand.Reader), Blobs: h.library, Jobs: h.jobs, Now: func() time.Time { return h.now },
		Failed: func(l Link, err error) {
			if l.Job != "job-1" {
				t.Errorf("job %q failed", l.Job)
			}
			h.jobs.mu.Lock()
			h.failures = append(h.failures, err)
			h.jobs.mu.Unlock()
		},
	}
	server := httptest.NewServer(h.handler)
	t.Cleanup(server.Close)
	h.base = server.URL
	h.up = h.link(Link{World: world, Job: "job-1", Upload: true, Expires: start.Add(Life)})
	h.down = h.link(Link{World: world, Job: "job-1", Expires: start.Add(Life)})
	return h
}

func (h *house) link(l Link) string {
	h.Helper()
	url, err := Make(h.handler.Tokens, h.base+"/", l)
	if err != nil {
		h.Fatal(err)
	}
	return url
}

// do makes a request, and gives the answer with its body.
func (h *house) do(method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	h.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		h.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		b = append(b, err.Error()...)
	}
	return answer, string(b)
}

func (h *house) want(what string, answer *http.Response, body string, status int, code string) {
	h.Helper()
	if answer.StatusCode != status || code != "" && !strings.Contains(body, "<Code>"+code+"</Code><Message>") || code == "" && body != "" {
		h.Errorf("%s: %d %q, want %d %s", what, answer.StatusCode, body, status, code)
	}
}

func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (h *house) blobs() (n int) {
	if err := h.library.List(h.Context(), blob.ID{}, func(blob.Info) bool { n++; return true }); err != nil {
		h.Fatal(err)
	}
	return n
}

func TestUpload(t *testing.T) {
	for name, headers := range map[string][]string{
		"plain":           nil,
		"with its MD5":    {"Content-MD5", digest("text"), "Content-Type", "text/csv"},
		"and with others": {"Content-MD5", digest("text"), "Content-Type", "text/csv", "Provider-Version", "1", "X-Amz-Meta-X", "y"},
	} {
		for _, length := range []bool{true, false} {
			h := setUp(t)
			h.jobs.want = md5.Sum([]byte("text"))
			body := io.Reader(strings.NewReader("text"))
			if !length {
				body = io.MultiReader(body) // chunked
			}
			answer, text := h.do("PUT", h.up, body, headers...)
			h.want(name, answer, text, 200, "")
			if len(h.uploads) != 1 || h.uploads[0].Blob.Size != 4 || h.uploads[0].MD5 != h.jobs.want || headers != nil && h.uploads[0].ContentType != "text/csv" {
				t.Errorf("%s: %+v", name, h.uploads)
			}
			if b, err := blob.ReadAll(t.Context(), h.library, h.uploads[0].Blob.ID, 10); err != nil || string(b) != "text" {
				t.Errorf("%s: %q, %v", name, b, err)
			}
			// It may be repeated, until the job has begun or an hour is over.
			answer, text = h.do("PUT", h.up, strings.NewReader("text"), headers...)
			h.want("again", answer, text, 200, "")
			h.over = true
			answer, text = h.do("PUT", h.up, strings.NewReader("text"), headers...)
			h.want("late", answer, text, 403, "AccessDenied")
			h.over, h.now = false, start.Add(Life)
			answer, text = h.do("PUT", h.up, strings.NewReader("text"), headers...)
			h.want("after an hour", answer, text, 403, "AccessDenied")
			if len(h.uploads) != 2 || len(h.failures) != 0 {
				t.Errorf("%d uploads, %v", len(h.uploads), h.failures)
			}
		}
	}
}

func TestUploadRefused(t *testing.T) {
	h := setUp(t)
	h.jobs.want = md5.Sum([]byte("text"))
	answer, text := h.do("PUT", h.up, strings.NewReader("other"))
	h.want("other bytes", answer, text, 400, "BadDigest")
	answer, text = h.do("PUT", h.up, strings.NewReader(""))
	h.want("no bytes", answer, text, 400, "BadDigest")
	answer, text = h.do("PUT", h.up, strings.NewReader("other"), "Content-MD5", digest("other"))
	h.want("another MD5", answer, text, 400, "BadDigest")
	answer, text = h.do("PUT", h.up, strings.NewReader("other"), "Content-MD5", digest("text"))
	h.want("other bytes than said", answer, text, 400, "BadDigest")
	if h.mismatches != 4 {
		t.Errorf("told of %d mismatches", h.mismatches)
	}
	for _, said := range []string{"x", "dGV4dA==", digest("text")[1:], digest("text") + "\n "} {
		answer, text = h.do("PUT", h.up, strings.NewReader("text"), "Content-MD5", strings.TrimRight(said, "\n ")+"!")
		h.want("no MD5", answer, text, 400, "InvalidDigest")
	}
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
		answer, text = h.do(method, h.up, nil)
		if method != "HEAD" {
			h.want(method, answer, text, 405, "MethodNotAllowed")
		}
		if answer.StatusCode != 405 || answer.Header.Get("Allow") != "PUT" {
			t.Errorf("%s: %v", method, answer)
		}
	}
	h.fail = errors.New("shard 3 is gone")
	answer, text = h.do("PUT", h.up, strings.NewReader("text"))
	h.want("our failure", answer, text, 500, "InternalError")
	if strings.Contains(text, "shard") || len(h.failures) != 1 {
		t.Errorf("%s, told of %v", text, h.failures)
	}
	h.fail = nil
	full := errors.New("disk full")
	h.shelf.FailNext(100, full)
	answer, text = h.do("PUT", h.up, strings.NewReader("text"))
	h.want("a full disk", answer, text, 500, "InternalError")
	h.shelf.Fail(nil)
	if len(h.failures) != 2 || !errors.Is(h.failures[1], full) {
		t.Errorf("told of %v", h.failures)
	}
	if len(h.uploads) != 0 || h.blobs() != 0 {
		t.Errorf("%d uploads, %d blobs", len(h.uploads), h.blobs())
	}
}

// raw sends text to the server, and gives the status of the answer.
func (h *house) raw(text string) int {
	h.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		h.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		h.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		h.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestUploadBrokenOff: nothing is kept of what does not come to its end, and of what says
// that it is too large nothing is read.
func TestUploadBrokenOff(t *testing.T) {
	h := setUp(t)
	h.jobs.want = md5.Sum([]byte("text"))
	path := strings.TrimPrefix(h.up, h.base)
	for _, rest := range []string{"Content-Length: 10\r\n\r\ntext", "Transfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n", "Transfer-Encoding: chunked\r\n\r\nnonsense"} {
		if status := h.raw("PUT " + path + " HTTP/1.1\r\nHost: x\r\n" + rest); status != 400 && status != 0 {
			t.Errorf("%q: %d", rest, status)
		}
	}
	if status := h.raw(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, int64(UploadBytesMax)+1)); status != 413 {
		t.Errorf("too large: %d", status)
	}
	if len(h.uploads) != 0 || h.blobs() != 0 || h.mismatches != 0 || len(h.failures) != 0 {
		t.Errorf("%d uploads, %d blobs, %d mismatches, %v", len(h.uploads), h.blobs(), h.mismatches, h.failures)
	}
}

// offer has an asset to download.
func (h *house) offer(b []byte) {
	h.Helper()
	ref, err := h.library.Put(h.Context(), bytes.NewReader(b))
	if err != nil {
		h.Fatal(err)
	}
	h.offered = transfer.Asset{Blob: ref, MD5: md5.Sum(b), ContentType: "text/csv"}
}

func TestDownload(t *testing.T) {
	h := setUp(t)
	b := bytes.Repeat([]byte("0123456789"), 10_000)
	h.offer(b)
	tag := fmt.Sprintf(`"%x"`, md5.Sum(b))
	for _, method := range []string{"GET", "HEAD", "GET"} {
		answer, text := h.do(method, h.down, nil)
		if answer.StatusCode != 200 || answer.ContentLength != 100_000 || answer.Header.Get("ETag") != tag || answer.Header.Get("Content-Type") != "text/csv" || method == "GET" && text != string(b) {
			t.Errorf("%s: %v, %d bytes", method, answer, len(text))
		}
		if !strings.Contains(answer.Header.Get("Content-Security-Policy"), "sandbox") || answer.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(answer.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", method, answer.Header)
		}
	}
	for ranges, want := range map[string]string{"bytes=0-3": "0123", "bytes=99998-": "89", "bytes=-2": "89", "bytes=70005-70007": "567", "bytes=99999-200000": "9"} {
		answer, text := h.do("GET", h.down, nil, "Range", ranges)
		if answer.StatusCode != 206 || text != want || answer.Header.Get("Content-Range") == "" {
			t.Errorf("%s: %d %q, want %q", ranges, answer.StatusCode, text, want)
		}
	}
	if answer, text := h.do("GET", h.down, nil, "Range", "bytes=0-1,5-6"); answer.StatusCode != 200 || len(text) != 100_000 {
		t.Errorf("two ranges: %d, %d bytes", answer.StatusCode, len(text))
	}
	if answer, _ := h.do("GET", h.down, nil, "Range", "bytes=100000-"); answer.StatusCode != 416 {
		t.Errorf("behind the end: %d", answer.StatusCode)
	}
	if answer, text := h.do("GET", h.down, nil, "If-None-Match", tag); answer.StatusCode != 304 || text != "" {
		t.Errorf("it is known: %d", answer.StatusCode)
	}
	if answer, _ := h.do("GET", h.down, nil, "If-Match", `"x"`); answer.StatusCode != 412 {
		t.Errorf("another was wanted: %d", answer.StatusCode)
	}
	if answer, text := h.do("GET", h.down, nil, "Range", "bytes=0-3", "If-Range", `"x"`); answer.StatusCode != 200 || len(text) != 100_000 {
		t.Errorf("a range of another: %d, %d bytes", answer.StatusCode, len(text))
	}
	answer, text := h.do("PUT", h.down, strings.NewReader("x"))
	h.want("put", answer, text, 405, "MethodNotAllowed")
	h.now = start.Add(Life)
	answer, text = h.do("GET", h.down, nil)
	h.want("after an hour", answer, text, 403, "AccessDenied")
	h.now, h.over = start, true
	answer, text = h.do("GET", h.down, nil)
	h.want("of a job that is gone", answer, text, 403, "AccessDenied")
	h.over, h.fail = false, errors.New("shard 3 is gone")
	answer, text = h.do("GET", h.down, nil)
	h.want("our failure", answer, text, 500, "InternalError")
	h.fail = nil
	h.offer(nil)
	h.offered.ContentType = ""
	if answer, text := h.do("GET", h.down, nil); answer.StatusCode != 200 || text != "" || answer.ContentLength != 0 || answer.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("nothing: %v, %q", answer, text)
	}
}

// TestDownloadOfWhatIsBroken: whoever downloads does not take it for the asset, though only
// the end of the bytes tells.
func TestDownloadOfWhatIsBroken(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		h := setUp(t)
		h.offer(make([]byte, size))
		h.shelf.Change(h.offered.Blob.ID, func(b []byte) []byte { b[0] = 1; return b })
		answer, err := http.Get(h.down)
		if err == nil {
			var b []byte
			b, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err == nil && len(b) == size {
				t.Errorf("%d bytes that are broken were downloaded", size)
			}
		}
		h.jobs.mu.Lock()
		if len(h.failures) != 1 || !errors.Is(h.failures[0], blob.ErrBroken) {
			t.Errorf("told of %v", h.failures)
		}
		h.jobs.mu.Unlock()
	}
}

// TestOthersURLs: a URL is good for what it says, on the server that made it.
func TestOthersURLs(t *testing.T) {
	h := setUp(t)
	h.offer([]byte("text"))
	elsewhere := token.New([32]byte{8}, rand.Reader)
	foreign, err := Make(elsewhere, h.base, Link{World: world, Job: "job-1", Expires: start.Add(Life)})
	if err != nil {
		t.Fatal(err)
	}
	otherFamily, err := h.handler.Tokens.Seal("swf.activity", engine.World{}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		h.base + Path, h.base + Path + "x", h.base + "/", h.down + "x", h.down[:len(h.down)-1], h.down + "/", foreign, h.base + Path + otherFamily,
		h.link(Link{World: world, Job: "job-2", Expires: start.Add(Life)}),
		h.link(Link{World: engine.World{Account: "444455556666", Region: world.Region}, Job: "job-1", Expires: start.Add(Life)}),
		h.link(Link{World: world, Job: "job-1", Expires: start}),
	} {
		answer, text := h.do("GET", url, nil)
		h.want(url, answer, text, 403, "AccessDenied")
	}
}

func TestLinkIsStable(t *testing.T) {
	want := Link{World: world, Job: "job-1", Upload: true, Expires: start}
	tokens := token.New([32]byte{7}, bytes.NewReader(make([]byte, 12)))
	const made = "/_dx/hAAAAAAAAAAAAAAAAAAin2ThEXRCzKK0bxax0shQYOUrLhwM_XJdlLKxYh-2VBy0f723L7gNhM6JhHFtY3vq1eeQ"
	if got, ok := open(tokens, strings.TrimPrefix(made, Path)); !ok || got != want {
		url, _ := Make(tokens, "", want)
		t.Errorf("as it was first made: %+v, %v; it is now %s", got, ok, url)
	}
}

// FuzzURL asks for anything. Nothing but the URL that was made opens a job.
func FuzzURL(f *testing.F) {
	tokens := token.New([32]byte{7}, bytes.NewReader(make([]byte, 12)))
	url, err := Make(tokens, "", Link{World: world, Job: "job-1", Expires: start.Add(Life)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("GET", url, "bytes=0-1")
	f.Add("PUT", url, "")
	f.Add("GET", Path+"h", "bytes=-5,3-")
	f.Add("HEAD", url+"=", "x")
	library := blob.New(blob.Options{Shelf: new(blob.Memory), Key: [32]byte{1}, Now: func() time.Time { return start }})
	b := []byte("0123456789")
	ref, err := library.Put(context.Background(), bytes.NewReader(b))
	if err != nil {
		f.Fatal(err)
	}
	h := &Handler{
		Tokens: tokens, Blobs: library, Now: func() time.Time { return start },
		Jobs: &jobs{offered: transfer.Asset{Blob: ref, MD5: md5.Sum(b)}}, Failed: func(Link, error) {},
	}
	f.Fuzz(func(t *testing.T, method, path, ranges string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL.Path = method, path
		r.Header.Set("Range", ranges)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if path != url {
			if w.Code != 403 {
				t.Fatalf("%s %s: %d", method, path, w.Code)
			}
			return
		}
		switch {
		case method != "GET" && method != "HEAD":
			if w.Code != 405 {
				t.Fatalf("%s: %d", method, w.Code)
			}
		case method == "GET":
			// What a plain reader gives for one range.
			if strings.Contains(ranges, ",") {
				r.Header.Del("Range")
			}
			want := httptest.NewRecorder()
			want.Header().Set("ETag", w.Header().Get("ETag"))
			want.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(want, r, "", time.Time{}, bytes.NewReader(b))
			if w.Code != want.Code || w.Body.String() != want.Body.String() {
				t.Fatalf("range %q: %d %q, want %d %q", ranges, w.Code, w.Body, want.Code, want.Body)
			}
		}
	})
}
