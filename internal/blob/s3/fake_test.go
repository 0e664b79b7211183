package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bucketName is the one bucket of a fake.
const bucketName = "things"

// fake is an S3 of one bucket in memory, for clients that sign and have the bucket in
// the path.
type fake struct {
	t    *testing.T
	url  string
	now  func() time.Time
	page int // names per page of a list

	mu      sync.Mutex
	objects map[string]object
	uploads map[string]*upload
	next    int
	calls   []string
	// deletesAll: it does not compare before it deletes.
	deletesAll bool
	// fault answers in place of the fake if it says so.
	fault func(w http.ResponseWriter, r *http.Request, call string) bool
}

type object struct {
	bytes []byte
	put   time.Time
}

type upload struct {
	key   string
	parts map[int][]byte
	begun time.Time
}

func newFake(t *testing.T, now func() time.Time) *fake {
	f := &fake{t: t, now: now, page: 1000, objects: map[string]object{}, uploads: map[string]*upload{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) fail(fault func(w http.ResponseWriter, r *http.Request, call string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
	f.calls = nil
}

func (f *fake) made() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// refuse answers with an error of S3.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(v)
}

func etag(b []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(b)) }

// callOf names what a request asks.
func callOf(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case r.Method == "GET" && key == "" && q.Has("uploads"):
		return "uploads"
	case r.Method == "GET" && key == "":
		return "list"
	case r.Method == "POST" && q.Has("uploads"):
		return "create"
	case r.Method == "POST" && q.Has("uploadId"):
		return "complete"
	case r.Method == "PUT" && q.Has("uploadId"):
		return "part"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "abort"
	}
	return strings.ToLower(r.Method)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	call := callOf(r, key)
	f.mu.Lock()
	f.calls = append(f.calls, call)
	fault := f.fault
	f.mu.Unlock()
	if signed := r.Header.Get("Authorization"); !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIDBLOBS/") || !strings.Contains(signed, "/eu-west-1/s3/") {
		f.t.Errorf("%s was signed %q", call, signed)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	if fault != nil && fault(w, r, call) {
		return
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != r.Header.Get("X-Amz-Content-Sha256") {
		f.t.Errorf("%s: a body that is not the one signed", call)
	}
	if bucket != bucketName {
		refuse(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch q := r.URL.Query(); call {
	case "put":
		f.objects[key] = object{body, f.now()}
		w.Header().Set("ETag", etag(body))
	case "get", "head":
		f.get(w, r, key)
	case "delete":
		if o, there := f.objects[key]; there && !f.deletesAll && r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != etag(o.bytes) {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case "list":
		f.list(w, r)
	case "create":
		f.next++
		id := strconv.Itoa(f.next)
		f.uploads[id] = &upload{key, map[int][]byte{}, f.now()}
		answer(w, struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
	case "part":
		u := f.uploads[q.Get("uploadId")]
		n, err := strconv.Atoi(q.Get("partNumber"))
		if u == nil || u.key != key || err != nil || n < 1 || n > 10_000 {
			refuse(w, http.StatusNotFound, "NoSuchUpload")
			return
		}
		u.parts[n] = body
		w.Header().Set("ETag", etag(body))
	case "complete":
		f.complete(w, q.Get("uploadId"), key, body)
	case "abort":
		if f.uploads[q.Get("uploadId")] == nil {
			refuse(w, http.StatusNotFound, "NoSuchUpload")
			return
		}
		delete(f.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case "uploads":
		f.listUploads(w, r)
	default:
		f.t.Errorf("%s %s", r.Method, r.URL)
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (f *fake) get(w http.ResponseWriter, r *http.Request, key string) {
	o, found := f.objects[key]
	if !found {
		if r.Method == "HEAD" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	rest, status := o.bytes, http.StatusOK
	if text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		from, err := strconv.Atoi(strings.TrimSuffix(text, "-"))
		if err != nil {
			f.t.Errorf("range %q", text)
		}
		if from >= len(o.bytes) {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		rest, status = o.bytes[from:], http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(o.bytes)-1, len(o.bytes)))
	}
	w.Header().Set("ETag", etag(o.bytes))
	w.Header().Set("Last-Modified", o.put.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.Itoa(len(rest)))
	w.WriteHeader(status)
	if r.Method == "GET" {
		_, _ = w.Write(rest)
	}
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key          string
		LastModified string
		Size         int
		ETag         string
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		Contents              []content
		NextContinuationToken string `xml:",omitempty"`
	}
	q := r.URL.Query()
	after := q.Get("start-after")
	if token := q.Get("continuation-token"); token != "" {
		after = strings.TrimPrefix(token, "after ")
	}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if !strings.HasPrefix(key, q.Get("prefix")) || key <= after {
			continue
		}
		if len(out.Contents) == f.page {
			out.IsTruncated = true
			out.NextContinuationToken = "after " + out.Contents[f.page-1].Key
			break
		}
		o := f.objects[key]
		out.Contents = append(out.Contents, content{key, o.put.UTC().Format("2006-01-02T15:04:05.000Z"), len(o.bytes), etag(o.bytes)})
	}
	answer(w, out)
}

func (f *fake) listUploads(w http.ResponseWriter, r *http.Request) {
	type one struct {
		Key, UploadId string
		Initiated     time.Time
	}
	var out struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		IsTruncated        bool
		NextKeyMarker      string
		NextUploadIdMarker string
		Upload             []one
	}
	q := r.URL.Query()
	for _, id := range slices.Sorted(maps.Keys(f.uploads)) {
		u := f.uploads[id]
		if !strings.HasPrefix(u.key, q.Get("prefix")) || id <= q.Get("upload-id-marker") {
			continue
		}
		if len(out.Upload) == 2 {
			out.IsTruncated = true
			break
		}
		out.Upload = append(out.Upload, one{u.key, id, u.begun})
		out.NextKeyMarker, out.NextUploadIdMarker = u.key, id
	}
	answer(w, out)
}

func (f *fake) complete(w http.ResponseWriter, id, key string, body []byte) {
	u := f.uploads[id]
	if u == nil || u.key != key {
		refuse(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		f.t.Error(err)
	}
	var whole bytes.Buffer
	for i, p := range in.Part {
		b := u.parts[p.PartNumber]
		if p.PartNumber != i+1 || p.ETag != etag(b) || len(b) < 5<<20 && i < len(in.Part)-1 {
			refuse(w, http.StatusBadRequest, "InvalidPart")
			return
		}
		whole.Write(b)
	}
	f.objects[key] = object{whole.Bytes(), f.now()}
	delete(f.uploads, id)
	answer(w, struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Key     string
	}{Key: key})
}
