package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a Store in memory, for tests and simulations: nothing in it happens by
// chance or beside anything else. Make tells it its buckets.
type Memory struct {
	// PartBytes is how many bytes a Put sends at a time; 0 is a MiB.
	PartBytes int64
	// Now is the time of a Put; without it objects have none.
	Now func() time.Time
	// Fail is asked at every step, if it is there; an error of it fails the step. It is
	// called without locks held, and must be safe for goroutines if they use the store.
	Fail func(Step) error

	mu      sync.Mutex // guards what is below
	buckets map[string]map[string]memoryObject
	uploads map[string]*memoryUpload
	last    int // upload
}

// Step is a step of a Memory that can fail.
type Step string

// Steps.
const (
	StepHead     Step = "head"
	StepGet      Step = "get"
	StepRead     Step = "read"      // bytes of an object are read, or its end
	StepCreate   Step = "create"    // a Put in parts begins
	StepPart     Step = "part"      // a part is to be kept, and is not
	StepPut      Step = "put"       // an object is to be made, and is not
	StepPutHeard Step = "put heard" // an object was made, and its caller does not hear of it
	StepAbort    Step = "abort"
	StepList     Step = "list"
	StepDelete   Step = "delete"
)

// memoryObject's bytes are never changed in place.
type memoryObject struct {
	Object
	bytes []byte
}

type memoryUpload struct {
	bucket, key string
	size        int64
	parts       map[int][]byte
}

var _ Store = (*Memory)(nil)

// Make makes an empty bucket, if there is none of the name.
func (m *Memory) Make(bucket string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.buckets == nil {
		m.buckets, m.uploads = map[string]map[string]memoryObject{}, map[string]*memoryUpload{}
	}
	if m.buckets[bucket] == nil {
		m.buckets[bucket] = map[string]memoryObject{}
	}
}

// Uploads is how many Puts in parts were begun and neither ended nor aborted.
func (m *Memory) Uploads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.uploads)
}

// step lets a step fail.
func (m *Memory) step(ctx context.Context, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fail == nil {
		return nil
	}
	return m.Fail(s)
}

func (m *Memory) find(operation, bucket, key string) (memoryObject, error) {
	if err := CheckNames(operation, bucket, key); err != nil {
		return memoryObject{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	objects, found := m.buckets[bucket]
	if !found {
		return memoryObject{}, NoSuchBucket(operation, bucket)
	}
	o, found := objects[key]
	if !found {
		return memoryObject{}, NoSuchKey(operation, bucket, key)
	}
	return o, nil
}

// Head is part of Store.
func (m *Memory) Head(ctx context.Context, bucket, key string) (Object, error) {
	if err := m.step(ctx, StepHead); err != nil {
		return Object{}, err
	}
	o, err := m.find("HeadObject", bucket, key)
	return o.Object, err
}

// Get is part of Store.
func (m *Memory) Get(ctx context.Context, bucket, key string, r Range) (Object, io.ReadCloser, error) {
	if err := m.step(ctx, StepGet); err != nil {
		return Object{}, nil, err
	}
	o, err := m.find("GetObject", bucket, key)
	if err != nil {
		return Object{}, nil, err
	}
	if r.Version != "" && r.Version != VersionNull {
		return Object{}, nil, NoSuchVersion("GetObject", bucket, key)
	}
	if r.IfMatch != "" && r.IfMatch != o.ETag {
		return Object{}, nil, Changed("GetObject", bucket, key)
	}
	rest := o.bytes[min(r.Offset, o.Size):]
	if r.Length > 0 {
		rest = rest[:min(r.Length, int64(len(rest)))]
	}
	return o.Object, &memoryReader{m, ctx, rest}, nil
}

type memoryReader struct {
	m    *Memory
	ctx  context.Context // of Get
	rest []byte
}

func (r *memoryReader) Read(p []byte) (int, error) {
	if err := r.m.step(r.ctx, StepRead); err != nil {
		return 0, err
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *memoryReader) Close() error { return nil }

// Put is part of Store.
func (m *Memory) Put(ctx context.Context, p *Put) (o Object, err error) {
	if err := p.Check(); err != nil {
		return Object{}, err
	}
	part := m.PartBytes
	if part == 0 {
		part = 1 << 20
	}
	if p.Size <= part {
		b := make([]byte, p.Size)
		if err := ReadSource(ctx, p, b, 0); err != nil {
			return Object{}, err
		}
		return m.keep(ctx, p, b)
	}
	id, u, err := m.begin(ctx, p)
	if err != nil {
		return Object{}, err
	}
	defer func() {
		if err == nil || p.Save == nil {
			m.mu.Lock()
			delete(m.uploads, id)
			m.mu.Unlock()
		}
	}()
	var whole []byte
	source := NewSourceReader(p)
	defer func() { err = errors.Join(err, source.Close()) }()
	for i, offset := 0, int64(0); offset < p.Size; i, offset = i+1, offset+part {
		if u.parts[i] == nil {
			if u.parts[i], err = m.send(ctx, source, offset, min(part, p.Size-offset)); err != nil {
				delete(u.parts, i)
				return Object{}, err
			}
		}
		if p.Sent != nil {
			p.Sent(int64(len(u.parts[i])))
		}
		whole = append(whole, u.parts[i]...)
	}
	return m.keep(ctx, p, whole)
}

// begin begins a Put in parts, or goes on with one.
func (m *Memory) begin(ctx context.Context, p *Put) (string, *memoryUpload, error) {
	m.mu.Lock()
	u := m.uploads[string(p.Progress)]
	m.mu.Unlock()
	if u != nil && u.bucket == p.Bucket && u.key == p.Key && u.size == p.Size {
		return string(p.Progress), u, nil
	}
	if err := m.step(ctx, StepCreate); err != nil {
		return "", nil, err
	}
	m.mu.Lock()
	if m.buckets[p.Bucket] == nil {
		m.mu.Unlock()
		return "", nil, NoSuchBucket("CreateMultipartUpload", p.Bucket)
	}
	m.last++
	id, u := strconv.Itoa(m.last), &memoryUpload{p.Bucket, p.Key, p.Size, map[int][]byte{}}
	m.uploads[id] = u
	m.mu.Unlock()
	if p.Save == nil {
		return id, u, nil
	}
	return id, u, p.Save(ctx, []byte(id))
}

func (m *Memory) send(ctx context.Context, source *SourceReader, offset, length int64) ([]byte, error) {
	b := make([]byte, length)
	if err := source.ReadAt(ctx, b, offset); err != nil {
		return nil, err
	}
	if err := m.step(ctx, StepPart); err != nil {
		return nil, err
	}
	return b, nil
}

// keep makes the object.
func (m *Memory) keep(ctx context.Context, p *Put, b []byte) (Object, error) {
	if err := m.step(ctx, StepPut); err != nil {
		return Object{}, err
	}
	o := Object{Key: p.Key, Size: p.Size, ETag: fmt.Sprintf(`"%x"`, md5.Sum(b)), ContentType: p.ContentType, StorageClass: "STANDARD", Encryption: p.Encryption}
	if o.ContentType == "" {
		o.ContentType = DefaultContentType
	}
	if m.Now != nil {
		o.LastModified = m.Now()
	}
	m.mu.Lock()
	objects := m.buckets[p.Bucket]
	if objects != nil {
		objects[p.Key] = memoryObject{o, bytes.Clone(b)}
	}
	m.mu.Unlock()
	if objects == nil {
		return Object{}, NoSuchBucket("PutObject", p.Bucket)
	}
	return o, m.step(ctx, StepPutHeard)
}

// Abort is part of Store.
func (m *Memory) Abort(ctx context.Context, bucket, key string, progress []byte) error {
	if err := m.step(ctx, StepAbort); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.uploads[string(progress)]; u != nil && u.bucket == bucket && u.key == key {
		delete(m.uploads, string(progress))
	}
	return nil
}

// List is part of Store.
func (m *Memory) List(ctx context.Context, bucket, prefix, after string, visit func(Object) bool) error {
	if err := m.step(ctx, StepList); err != nil {
		return err
	}
	if err := CheckBucket("ListObjectsV2", bucket); err != nil {
		return err
	}
	m.mu.Lock()
	objects, found := m.buckets[bucket]
	all := slices.SortedFunc(maps.Values(objects), func(a, b memoryObject) int { return strings.Compare(a.Key, b.Key) })
	m.mu.Unlock()
	if !found {
		return NoSuchBucket("ListObjectsV2", bucket)
	}
	for _, o := range all {
		o.ContentType, o.Encryption = "", Encryption{}
		if strings.HasPrefix(o.Key, prefix) && o.Key > after && !visit(o.Object) {
			return nil
		}
	}
	return nil
}

// Delete is part of Store.
func (m *Memory) Delete(ctx context.Context, bucket, key string) error {
	if err := m.step(ctx, StepDelete); err != nil {
		return err
	}
	if err := CheckNames("DeleteObject", bucket, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.buckets[bucket] == nil {
		return NoSuchBucket("DeleteObject", bucket)
	}
	delete(m.buckets[bucket], key)
	return nil
}
