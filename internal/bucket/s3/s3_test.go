package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"heddle/internal/aws/s3client"
	"heddle/internal/aws/sigv4"
	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

const (
	keyID  = "AKIDUSERS"
	secret = "secret"
	region = "eu-west-1"
)

// server is an S3 that checks signatures, counts calls and fails them as it is told.
type server struct {
	t         *testing.T
	below     http.Handler
	listening *httptest.Server
	url       string

	mu    sync.Mutex // guards what is below
	calls []*http.Request
	fault func(w http.ResponseWriter, r *http.Request, call string) bool
}

func newServer(t *testing.T, below http.Handler) *server {
	s := &server{t: t, below: below}
	s.listen()
	t.Cleanup(func() { s.listening.Close() })
	return s
}

func (s *server) listen() {
	s.listening = httptest.NewServer(s)
	s.url = s.listening.URL
}

// settle waits until all that has come was answered, and listens elsewhere.
func (s *server) settle() {
	s.listening.Close()
	s.listen()
}

// fake is somebody else's S3.
func fake(t *testing.T) *server {
	backend := s3mem.New()
	if err := backend.CreateBucket(buckettest.Things); err != nil {
		t.Fatal(err)
	}
	return newServer(t, &etags{below: gofakes3.New(backend).Server(), ofParts: map[string]string{}})
}

// etags has objects that were made of parts keep the ETag that they got when they were
// made, as S3 does; the fake below forgets it, and tells the MD5 of their bytes.
type etags struct {
	below http.Handler

	mu      sync.Mutex
	ofParts map[string]string // by the ETag of the fake
}

func (e *etags) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	e.below.ServeHTTP(answer, r)
	body := answer.Body.String()
	e.mu.Lock()
	if _, rest, found := strings.Cut(body, "<ETag>"); found && callOf(r) == "complete" {
		etag, _, _ := strings.Cut(html.UnescapeString(rest), "<")
		again := httptest.NewRecorder()
		e.below.ServeHTTP(again, httptest.NewRequest("HEAD", r.URL.Path, nil))
		e.ofParts[again.Header().Get("ETag")] = etag
	}
	for md5, etag := range e.ofParts {
		if answer.Header().Get("ETag") == md5 {
			answer.Header().Set("ETag", etag)
		}
		body = strings.ReplaceAll(body, html.EscapeString(md5), html.EscapeString(etag))
		if callOf(r) == "list" {
			body = strings.ReplaceAll(body, md5, etag)
		}
	}
	e.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = io.WriteString(w, body)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.checkSigned(r, body)
	s.mu.Lock()
	s.calls = append(s.calls, r)
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r, callOf(r)) {
		return
	}
	s.below.ServeHTTP(w, r)
}

// checkSigned verifies the signature of a request, if its path is one that S3 and all
// others escape alike.
func (s *server) checkSigned(r *http.Request, body []byte) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+keyID+"/") {
		s.t.Errorf("%s %s is signed %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
	if path := r.URL.EscapedPath(); strings.Contains(path, "%") || strings.Contains(path, "/.") {
		return
	}
	signature, err := sigv4.Parse(r, []string{"s3"})
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return
	}
	now := time.Now()
	key := sigv4.DeriveKey(secret, sigv4.Scope{Date: now.UTC().Format("20060102"), Region: region, Service: "s3"})
	if err := signature.Verify(sha256.Sum256(body), key, now); err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
}

// callOf names what a request asks.
func callOf(r *http.Request) string {
	q := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case key == "" && r.Method == "GET":
		return "list"
	case key == "":
		return strings.ToLower(r.Method) + " bucket"
	case r.Method == "POST" && q.Has("uploads"):
		return "create"
	case r.Method == "POST" && q.Has("uploadId"):
		return "complete"
	case r.Method == "PUT" && q.Has("uploadId"):
		return "part"
	case r.Method == "GET" && q.Has("uploadId"):
		return "parts"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "abort"
	}
	return strings.ToLower(r.Method)
}

func (s *server) fail(fault func(w http.ResponseWriter, r *http.Request, call string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.calls = fault, nil
}

// made gives the calls of some kinds that were made, all without any.
func (s *server) made(kinds ...string) (calls []*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.calls {
		if kinds == nil || slices.Contains(kinds, callOf(r)) {
			calls = append(calls, r)
		}
	}
	return calls
}

// refuse answers with an error of S3.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", "REQUEST7")
	w.Header().Set("X-Amz-Id-2", "HOST8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}

func options(endpoint string) Options {
	return Options{
		Endpoint: endpoint, Region: region, Room: bucket.NewRoom(bucket.RoomBytesDefault), Within: context.WithTimeout, BackoffMax: time.Millisecond,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, nil
		}),
		partBytes: 1000,
	}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	buckettest.Run(t, buckettest.Tested{PartBytes: 1000, Plain: true, Open: func(t *testing.T) (bucket.Store, func() bucket.Store) {
		f := fake(t)
		room := bucket.NewRoom(bucket.RoomBytesDefault)
		again := func() bucket.Store {
			o := options(f.url)
			o.Room = room
			return open(t, o)
		}
		s := open(t, options(f.url))
		t.Cleanup(func() { // all of the room is given back, and no upload is left of what ended
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := room.Take(ctx, bucket.RoomBytesDefault); err != nil {
				t.Errorf("room is held: %v", err)
			}
			left, err := s.client.ListMultipartUploads(context.Background(), &awss3.ListMultipartUploadsInput{Bucket: aws.String(buckettest.Things)})
			if codeOf(err) == "NoSuchUpload" { // the fake says so where there was none yet
				return
			}
			if err != nil || len(left.Uploads) != 0 {
				t.Errorf("uploads are left: %+v, %v", left, err)
			}
		})
		return again(), again
	}})
}

// TestAsAsked: an object that is there is not taken for the one that was to be made, if it
// has another type or another encryption.
func TestAsAsked(t *testing.T) {
	is := bucket.Object{ContentType: "text/csv", Encryption: bucket.Encryption{Type: bucket.KMS, KeyARN: "one"}}
	for _, c := range []struct {
		p    bucket.Put
		want bool
	}{
		{bucket.Put{}, true},
		{bucket.Put{ContentType: "text/csv", Encryption: is.Encryption}, true},
		{bucket.Put{ContentType: "text/plain"}, false},
		{bucket.Put{Encryption: bucket.Encryption{Type: bucket.AES256}}, false},
		{bucket.Put{Encryption: bucket.Encryption{Type: bucket.KMS, KeyARN: "two"}}, false},
		{bucket.Put{Encryption: bucket.Encryption{Type: bucket.KMS}}, true},
	} {
		if got := asAsked(&c.p, &is); got != c.want {
			t.Errorf("%+v: %v", c.p, got)
		}
	}
}

func put(size int64, save func(context.Context, []byte) error, progress []byte) *bucket.Put {
	return &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(buckettest.Data(1, size)), Size: size, Save: save, Progress: progress}
}

// TestHeaders: what encrypts is said where an object begins, and nowhere else; and no ACL.
func TestHeaders(t *testing.T) {
	const arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
	for _, c := range []struct {
		encryption bucket.Encryption
		kind, key  string
	}{{bucket.Encryption{}, "", ""}, {bucket.Encryption{Type: bucket.AES256}, "AES256", ""}, {bucket.Encryption{Type: bucket.KMS, KeyARN: arn}, "aws:kms", arn}} {
		for _, size := range []int64{10, 3500} {
			f := fake(t)
			p := put(size, nil, nil)
			p.Encryption, p.ContentType = c.encryption, "text/csv"
			if _, err := open(t, options(f.url)).Put(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			begins := f.made("put", "create")
			if len(begins) != 1 {
				t.Fatalf("%d objects were begun", len(begins))
			}
			h := begins[0].Header
			if h.Get("X-Amz-Server-Side-Encryption") != c.kind || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != c.key || h.Get("Content-Type") != "text/csv" {
				t.Errorf("%d bytes with %+v: %v", size, c.encryption, h)
			}
			for _, r := range f.made() {
				for name := range r.Header {
					if name := strings.ToLower(name); strings.Contains(name, "acl") || strings.Contains(name, "grant") || strings.Contains(name, "trailer") || strings.Contains(name, "server-side") && callOf(r) != "put" && callOf(r) != "create" {
						t.Errorf("%s has %s", callOf(r), name)
					}
				}
			}
		}
	}
}

// TestNoPartTwice has a Put die at each call that it makes, and go on in a new process from
// what was saved. Of the parts that S3 has none is sent again.
func TestNoPartTwice(t *testing.T) {
	const size, parts = 7500, 8
	for _, heard := range []bool{false, true} { // whether the call that it dies at was still done
		for dies := 1; ; dies++ {
			f := fake(t)
			arrived := map[string]int{} // how often each part was taken by S3
			var mu sync.Mutex
			f.below = counting(f.below, func(r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if callOf(r) == "part" {
					arrived[r.URL.Query().Get("partNumber")]++
				}
			})
			var saved []byte
			saves := 0
			save := func(_ context.Context, progress []byte) error { saved = progress; saves++; return nil }
			ctx, die := context.WithCancel(t.Context())
			var calls atomic.Int64
			f.fail(func(w http.ResponseWriter, r *http.Request, _ string) bool {
				if calls.Add(1) != int64(dies) {
					return false
				}
				if heard {
					f.below.ServeHTTP(httptest.NewRecorder(), r)
				}
				die()
				<-r.Context().Done()
				return true
			})
			_, err := open(t, options(f.url)).Put(ctx, put(size, save, nil))
			die()
			if err == nil {
				if dies != parts+3 || saves != 2 {
					t.Errorf("%d calls, %d saves", dies-1, saves)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			f.settle() // what arrives after the parts were asked for has not arrived before
			f.fail(nil)
			s := open(t, options(f.url))
			if _, err := s.Put(t.Context(), put(size, save, saved)); err != nil {
				t.Fatalf("after it died at call %d: %v", dies, err)
			}
			_, r, err := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{})
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, buckettest.Data(1, size)) {
				t.Errorf("after it died at call %d: %d bytes, %v", dies, len(b), err)
			}
			for number, times := range arrived {
				if times != 1 {
					t.Errorf("it died at call %d: part %s arrived %d times", dies, number, times)
				}
			}
			if len(arrived) != parts {
				t.Errorf("%d parts", len(arrived))
			}
		}
	}
}

func counting(h http.Handler, count func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count(r)
		h.ServeHTTP(w, r)
	})
}

// TestUnsavedUploadsAreAborted: who does not ask for progress leaves nothing behind.
func TestUnsavedUploadsAreAborted(t *testing.T) {
	for _, call := range []string{"part", "complete"} {
		f := fake(t)
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			if c == call {
				refuse(w, http.StatusForbidden, "AccessDenied", "no")
			}
			return c == call
		})
		if _, err := open(t, options(f.url)).Put(t.Context(), put(5000, nil, nil)); !errors.Is(err, bucket.ErrDenied) {
			t.Errorf("%s: %v", call, err)
		}
		if n := len(f.made("abort")); n != 1 {
			t.Errorf("%s: aborted %d times", call, n)
		}
		// What is kept for another try is not.
		f.fail(f.fault)
		if _, err := open(t, options(f.url)).Put(t.Context(), put(5000, func(context.Context, []byte) error { return nil }, nil)); !errors.Is(err, bucket.ErrDenied) {
			t.Errorf("%s: %v", call, err)
		}
		if n := len(f.made("abort")); n != 0 {
			t.Errorf("%s: aborted what was saved", call)
		}
	}
}

// TestPartsCantBeListed: then all is sent anew, and nothing is left of the first upload.
func TestPartsCantBeListed(t *testing.T) {
	f := fake(t)
	var saved []byte
	save := func(_ context.Context, progress []byte) error { saved = progress; return nil }
	f.fail(func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if call == "complete" || call == "parts" {
			refuse(w, http.StatusForbidden, "AccessDenied", "no")
			return true
		}
		return false
	})
	s := open(t, options(f.url))
	if _, err := s.Put(t.Context(), put(5000, save, nil)); !errors.Is(err, bucket.ErrDenied) {
		t.Fatal(err)
	}
	f.fail(func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if call == "parts" {
			refuse(w, http.StatusForbidden, "AccessDenied", "no")
		}
		return call == "parts"
	})
	if _, err := s.Put(t.Context(), put(5000, save, saved)); err != nil {
		t.Fatal(err)
	}
	if len(f.made("abort")) != 1 || len(f.made("create")) != 1 || len(f.made("part")) != 5 {
		t.Errorf("aborted %d, created %d, sent %d parts", len(f.made("abort")), len(f.made("create")), len(f.made("part")))
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
		want          error
		sends         int
	}{
		{404, "NoSuchBucket", "The specified bucket does not exist", bucket.ErrNoSuchBucket, 1},
		{404, "NoSuchKey", "The specified key does not exist.", bucket.ErrNoSuchKey, 1},
		{404, "NoSuchVersion", "The specified version does not exist.", bucket.ErrNoSuchKey, 1},
		{403, "AccessDenied", "Access Denied", bucket.ErrDenied, 1},
		{403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", bucket.ErrDenied, 1},
		{403, "SignatureDoesNotMatch", "no", bucket.ErrDenied, 1},
		{403, "AllAccessDisabled", "no", bucket.ErrDenied, 1},
		{403, "InvalidObjectState", "in Glacier", bucket.ErrRefused, 1},
		{403, "AccessDenied", "User: x is not authorized to perform: kms:GenerateDataKey on resource: y", bucket.ErrKeyRefused, 1},
		{400, "KMS.NotFoundException", "Invalid keyId", bucket.ErrKeyRefused, 1},
		{400, "KMS.DisabledException", "disabled", bucket.ErrKeyRefused, 1},
		{400, "KMS.KMSInvalidStateException", "pending deletion", bucket.ErrKeyRefused, 1},
		{400, "InvalidArgument", "no", bucket.ErrRefused, 1},
		{400, "EntityTooLarge", "no", bucket.ErrRefused, 1},
		{301, "PermanentRedirect", "elsewhere", bucket.ErrRefused, 1},
		{307, "TemporaryRedirect", "elsewhere", bucket.ErrRefused, 1},
		{412, "PreconditionFailed", "no", bucket.ErrChanged, 1},
		{501, "NotImplemented", "no", bucket.ErrRefused, 1},
		{503, "SlowDown", "Please reduce your request rate.", bucket.ErrTemporary, s3client.SendsMax},
		{500, "InternalError", "no", bucket.ErrTemporary, s3client.SendsMax},
		{502, "", "", bucket.ErrTemporary, s3client.SendsMax},
		{504, "GatewayTimeout", "no", bucket.ErrTemporary, s3client.SendsMax},
		{400, "RequestTimeout", "no", bucket.ErrTemporary, s3client.SendsMax},
		{429, "TooManyRequests", "no", bucket.ErrTemporary, 0},
	} {
		f := fake(t)
		s := open(t, options(f.url))
		f.fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			refuse(w, c.status, c.code, c.message)
			return true
		})
		for call, err := range calls(t, s) {
			refusal := (*bucket.Error)(nil)
			if !errors.As(err, &refusal) || refusal.Kind != c.want {
				t.Errorf("%d %s to %s: %v", c.status, c.code, call, err)
				continue
			}
			if refusal.Status != c.status || c.code != "" && (refusal.Code != c.code || refusal.Message != c.message) || refusal.RequestID != "REQUEST7" || refusal.ExtendedID != "HOST8" || refusal.Bucket != buckettest.Things {
				t.Errorf("%d %s to %s: %#v", c.status, c.code, call, refusal)
			}
			text := fmt.Sprintf("%s (Service: S3, Status Code: %d, Request ID: REQUEST7, Extended Request ID: HOST8)", c.message, c.status)
			if c.code != "" && refusal.SDKText() != text {
				t.Errorf("%s, want %s", refusal.SDKText(), text)
			}
		}
		if n := len(f.made("get")); c.sends > 0 && n != c.sends {
			t.Errorf("%d %s: sent %d times", c.status, c.code, n)
		}
	}
}

// calls makes a call of each kind whose answers have bodies.
func calls(t *testing.T, s *Store) map[string]error {
	_, _, get := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{})
	_, whole := s.Put(t.Context(), put(10, nil, nil))
	_, parts := s.Put(t.Context(), put(5000, nil, nil))
	all := map[string]error{
		"get": get, "put": whole, "put in parts": parts,
		"list":  s.List(t.Context(), buckettest.Things, "", "", func(bucket.Object) bool { return true }),
		"abort": s.Abort(t.Context(), buckettest.Things, "k", (&progress{upload: "x", part: 1, size: 1}).pack()),
	}
	return maps.Clone(all)
}

// TestFailsForAWhile: what fails once is sent again, without anybody hearing of it.
func TestFailsForAWhile(t *testing.T) {
	for _, call := range []string{"put", "get", "head", "list", "delete", "create", "part", "complete"} {
		f := fake(t)
		s := open(t, options(f.url))
		times := atomic.Int64{}
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			if c != call || times.Add(1) > 1 {
				return false
			}
			refuse(w, http.StatusServiceUnavailable, "SlowDown", "no")
			return true
		})
		_, parts := s.Put(t.Context(), put(5000, nil, nil))
		_, whole := s.Put(t.Context(), put(10, nil, nil))
		_, head := s.Head(t.Context(), buckettest.Things, "k")
		_, _, get := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{})
		if err := errors.Join(parts, whole, head, get, s.List(t.Context(), buckettest.Things, "", "", func(bucket.Object) bool { return true }), s.Delete(t.Context(), buckettest.Things, "k")); err != nil || times.Load() < 2 {
			t.Errorf("%s fails once, asked %d times: %v", call, times.Load(), err)
		}
	}
}

// TestNobodyAnswers: an endpoint that is not there is temporary, and says so.
func TestNobodyAnswers(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := open(t, options(gone.URL))
	for call, err := range calls(t, s) {
		if refusal := (*bucket.Error)(nil); !errors.Is(err, bucket.ErrTemporary) || !errors.As(err, &refusal) || refusal.Cause == nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	if _, err := s.Head(t.Context(), buckettest.Things, "k"); !errors.Is(err, bucket.ErrTemporary) {
		t.Errorf("head: %v", err)
	}
}

// TestHeadDenied: an answer to HEAD has no body, and its status is all there is.
func TestHeadDenied(t *testing.T) {
	f := fake(t)
	f.fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	if _, err := open(t, options(f.url)).Head(t.Context(), buckettest.Things, "k"); !errors.Is(err, bucket.ErrDenied) {
		t.Error(err)
	}
}

// TestVersions: a version is asked for by its name, whichever range of it is wanted.
func TestVersions(t *testing.T) {
	f := fake(t)
	s := open(t, options(f.url))
	p := put(10, nil, nil)
	if _, err := s.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(t.Context(), p.Bucket, p.Key, bucket.Range{Version: "v1"}); !errors.Is(err, bucket.ErrNoSuchKey) {
		t.Errorf("of a version that is not there: %v", err)
	}
	var asked []string
	f.fail(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		asked = append(asked, r.Method+" "+r.URL.Query().Get("versionId"))
		w.Header().Set("ETag", `"e"`)
		if w.Header().Set("Content-Length", "10"); r.Method == http.MethodGet {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}
		return true
	})
	_, body, err := s.Get(t.Context(), p.Bucket, p.Key, bucket.Range{Offset: 10, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	if want := []string{"GET v1", "HEAD v1"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestCutOff(t *testing.T) {
	f := fake(t)
	s := open(t, options(f.url))
	b := buckettest.Data(1, 100_000)
	if _, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(b), Size: int64(len(b))}); err != nil {
		t.Fatal(err)
	}
	f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:100])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	_, r, err := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !errors.Is(err, bucket.ErrTemporary) || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// Answers to something else than was asked.
	for _, header := range []map[string]string{{}, {"Content-Range": "bytes 0-99/100000"}, {"Content-Range": "bytes 50-149/120"}, {"Content-Range": "nonsense"}} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, c string) bool {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			_, _ = w.Write(b[:100])
			return true
		})
		if _, _, err := s.Get(t.Context(), buckettest.Things, "k", bucket.Range{Offset: 50, Length: 100}); !errors.Is(err, bucket.ErrRefused) {
			t.Errorf("%v: %v", header, err)
		}
	}
}

// TestStalls: a part or a range that does not move gives way, and may be tried again.
func TestStalls(t *testing.T) {
	for _, call := range []string{"put", "part", "get"} {
		f := fake(t)
		o := options(f.url)
		var mu sync.Mutex
		var bounds []time.Duration
		o.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			mu.Lock()
			bounds = append(bounds, d)
			mu.Unlock()
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}
		s := open(t, o)
		if _, err := open(t, options(f.url)).Put(t.Context(), put(10, nil, nil)); err != nil {
			t.Fatal(err)
		}
		f.fail(func(w http.ResponseWriter, r *http.Request, c string) bool {
			if c != call {
				return false
			}
			if call == "get" { // it begins
				w.Header().Set("Content-Length", "10")
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
			return true
		})
		var err error
		switch call {
		case "put":
			_, err = s.Put(t.Context(), put(10, nil, nil))
		case "part":
			_, err = s.Put(t.Context(), put(1500, func(context.Context, []byte) error { return nil }, nil))
		case "get":
			var r io.ReadCloser
			if _, r, err = s.Get(t.Context(), buckettest.Things, "k", bucket.Range{Length: 10}); err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(r)
			_ = r.Close()
		}
		if !errors.Is(err, bucket.ErrTemporary) || len(bounds) == 0 || bounds[0] != pieceTimeout {
			t.Errorf("%s stalls: %v, bounded by %v", call, err, bounds)
		}
	}
}

func TestOddLists(t *testing.T) {
	f := fake(t)
	s := open(t, options(f.url))
	for _, text := range []string{
		"<Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents>",
		"<Contents><Key>a</Key></Contents><Contents><Key>a</Key></Contents>",
		"<IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents>",
		"<EncodingType>url</EncodingType><Contents><Key>%</Key></Contents>",
	} {
		f.fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			_, _ = io.WriteString(w, "<ListBucketResult>"+text+"</ListBucketResult>")
			return true
		})
		if err := s.List(t.Context(), buckettest.Things, "", "", func(bucket.Object) bool { return true }); !errors.Is(err, bucket.ErrRefused) {
			t.Errorf("took %s: %v", text, err)
		}
	}
}

func TestPartLength(t *testing.T) {
	for _, size := range []int64{1, partLen, partLen * partsMax, partLen*partsMax + 1, 100e9, 1 << 40, sizeMax} {
		part := partOf(size, partLen)
		if n := (size + part - 1) / part; n > partsMax || part < partLen || part%(1<<20) != 0 {
			t.Errorf("%d bytes: %d parts of %d", size, n, part)
		}
	}
	s := open(t, options("http://127.0.0.1:1"))
	if _, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(nil), Size: sizeMax + 1}); !errors.Is(err, bucket.ErrRefused) {
		t.Errorf("too large: %v", err)
	}
}

func TestProgressIsStable(t *testing.T) {
	want := progress{upload: "id", part: 10 << 20, size: 100e9, etag: `"x-2"`}
	const stored = "\x01\x02id\x80\x80\x80\x0a\x80\xa0\xb7\x87\xe9\x05\x05\"x-2\""
	if got, ok := parseProgress(want.pack()); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := parseProgress([]byte(stored)); !ok || got != want {
		t.Errorf("as it was first written: %+v, %v; it is now %q", got, ok, want.pack())
	}
}

// FuzzProgress: what can't be the progress of a Put is none.
func FuzzProgress(f *testing.F) {
	f.Add((&progress{upload: "id", part: 10 << 20, size: 100e9, etag: `"x-2"`}).pack())
	f.Add((&progress{upload: "id", part: 1<<63 - 1, size: 1<<63 - 1}).pack())
	f.Add((&progress{upload: "id", part: 1, size: 1 << 40}).pack())
	f.Add((&progress{upload: "id", part: 1, size: -1}).pack())
	s := &Store{}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, ok := parseProgress(b)
		if !ok {
			return
		}
		u := s.newUpload(&bucket.Put{}, g)
		total := int64(0)
		for i := range u.etags {
			if n := u.length(i); n <= 0 || n > g.part {
				t.Fatalf("%+v: part %d has %d bytes", g, i, n)
			} else {
				total += n
			}
		}
		if total != g.size {
			t.Fatalf("%+v: the parts have %d bytes", g, total)
		}
		if again, ok := parseProgress(g.pack()); !ok || again != g {
			t.Fatalf("%+v, packed and read: %+v", g, again)
		}
	})
}

// bytesSource makes its bytes as they are read, and none is kept.
type bytesSource struct{ size int64 }

func (s bytesSource) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(&counter{offset}, s.size-offset)), nil
}

type counter struct{ at int64 }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.at>>12) ^ byte(c.at)
		c.at++
	}
	return len(p), nil
}

// forgetful is an S3 that takes uploads and keeps none of their bytes.
func forgetful(taken *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch callOf(r) {
		case "create":
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		case "part":
			sum := md5.New()
			n, _ := io.Copy(sum, r.Body)
			taken.Add(n)
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum.Sum(nil)))
		case "complete":
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`)
		default:
			refuse(w, http.StatusNotImplemented, "NotImplemented", callOf(r))
		}
	})
}

// TestMemoryIsBounded sends many large objects at the same time, and looks at how much is
// held, each time that a part is sent.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends 120 MB")
	}
	const objects, size, room = 3, 40 << 20, 24 << 20
	var taken atomic.Int64
	var peak, before uint64
	var mu sync.Mutex
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	listening := httptest.NewServer(counting(forgetful(&taken), func(*http.Request) {
		mu.Lock()
		defer mu.Unlock()
		peak = max(peak, live())
	}))
	defer listening.Close()
	o := options(listening.URL)
	o.partBytes, o.Room = 0, bucket.NewRoom(room)
	s := open(t, o)
	before = live()
	var all sync.WaitGroup
	for i := range objects {
		all.Go(func() {
			if _, err := s.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: fmt.Sprint(i), Source: bytesSource{size}, Size: size}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if taken.Load() != objects*size {
		t.Errorf("%d bytes arrived", taken.Load())
	}
	const late, rest = 8 << 20, 4 << 20 // a part that its connection lets go of late; all else
	if held := peak - before; held > room+late+rest {
		t.Errorf("%d MiB were held with room for %d", held>>20, room>>20)
	} else {
		t.Logf("%d MiB were held at most", held>>20)
	}
}
