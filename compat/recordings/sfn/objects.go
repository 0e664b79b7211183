package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// objects stands in for S3, as the server calls it: it answers PutObject, GetObject and
// ListObjects, with what AWS adds by default.
type objects struct {
	mu      sync.Mutex
	buckets map[string]map[string]string
}

func newObjects() *objects { return &objects{buckets: map[string]map[string]string{}} }

func (o *objects) create(bucket string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buckets[bucket] = map[string]string{}
}

func (o *objects) put(bucket, key, body string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buckets[bucket] == nil {
		return false
	}
	o.buckets[bucket][key] = body
	return true
}

func (o *objects) get(bucket, key string) (body string, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, found = o.buckets[bucket][key]
	return body, found
}

// ServeHTTP answers a call.
func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amz-request-id", strings.ToUpper(uuid()[:8]))
	w.Header().Set("x-amz-id-2", uuid())
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	o.mu.Lock()
	exists := o.buckets[bucket] != nil
	o.mu.Unlock()
	refuse := func(code, message string) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	if !exists {
		refuse("NoSuchBucket", "The specified bucket does not exist")
		return
	}
	w.Header().Set("x-amz-server-side-encryption", "AES256")
	switch {
	case r.Method == http.MethodPut && key != "":
		body, err := io.ReadAll(r.Body)
		if err != nil || !o.put(bucket, key, string(body)) {
			refuse("InternalError", "no body")
			return
		}
		var sum [4]byte
		binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(body))
		if want := base64.StdEncoding.EncodeToString(sum[:]); r.Header.Get("x-amz-checksum-crc32") == want {
			w.Header().Set("x-amz-checksum-crc32", want)
			w.Header().Set("x-amz-checksum-type", "FULL_OBJECT")
		}
		w.Header().Set("ETag", `"`+digest(string(body))+`"`)
	case r.Method == http.MethodGet && key != "":
		body, found := o.get(bucket, key)
		if !found {
			refuse("NoSuchKey", "The specified key does not exist.")
			return
		}
		w.Header().Set("Accept-Ranges", "bytes")
		w.Header().Set("Content-Type", "binary/octet-stream")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"`+digest(body)+`"`)
		_, _ = io.WriteString(w, body) // who went away needs no answer
	default:
		refuse("NotImplemented", "this is not served here")
	}
}
