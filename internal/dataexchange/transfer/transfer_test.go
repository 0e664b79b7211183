package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

func library() (*blob.Library, *blob.Memory) {
	shelf := new(blob.Memory)
	return blob.New(blob.Options{Shelf: blob.Seal(shelf, [32]byte{2}), Key: [32]byte{1}, Now: func() time.Time { return time.Unix(1, 0) }}), shelf
}

func buckets() *bucket.Memory {
	m := &bucket.Memory{PartBytes: 1000}
	m.Make(buckettest.Things)
	return m
}

func blobsOf(t *testing.T, l *blob.Library) (n int) {
	t.Helper()
	if err := l.List(t.Context(), blob.ID{}, func(blob.Info) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

func put(t *testing.T, m *bucket.Memory, key string, b []byte) {
	t.Helper()
	if _, err := m.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: key, Source: bucket.Bytes(b), Size: int64(len(b)), ContentType: "text/csv"}); err != nil {
		t.Fatal(err)
	}
}

func TestThere(t *testing.T) {
	for _, size := range []int64{0, 1, 5000, 9 << 20} {
		m, b := buckets(), buckettest.Data(1, size)
		l, _ := library()
		room := bucket.NewRoom(bucket.RoomBytesDefault)
		put(t, m, "from", b)
		arrived := int64(0)
		a, err := Import(t.Context(), m, buckettest.Things, "from", room, l, size, func(n int64) { arrived += n })
		if err != nil {
			t.Fatal(err)
		}
		if a.Blob.Size != size || arrived != size || a.MD5 != md5.Sum(b) || a.ContentType != "text/csv" {
			t.Errorf("%d bytes: %+v, told of %d", size, a, arrived)
		}
		var sent atomic.Int64
		d := Destination{buckettest.Things, "to", bucket.Encryption{Type: bucket.AES256}}
		o, err := Export(t.Context(), l, &a, m, d, Progress{Sent: func(n int64) { sent.Add(n) }})
		if err != nil || o.Encryption != d.Encryption || o.ContentType != "text/csv" || size > 1000 && sent.Load() != size {
			t.Errorf("%+v, %v, told of %d", o, err, sent.Load())
		}
		_, r, err := m.Get(t.Context(), buckettest.Things, "to", bucket.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d of %d bytes are there, %v", len(got), size, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	m := buckets()
	l, _ := library()
	put(t, m, "k", make([]byte, 101))
	_, err := Import(t.Context(), m, buckettest.Things, "k", bucket.NewRoom(1<<20), l, 100, func(int64) { t.Error("read of it") })
	if !errors.Is(err, ErrTooLarge) || blobsOf(t, l) != 0 {
		t.Errorf("%v, %d blobs", err, blobsOf(t, l))
	}
}

// TestImportIsWholeOrNothing has each step fail.
func TestImportIsWholeOrNothing(t *testing.T) {
	gone := &bucket.Error{Kind: bucket.ErrDenied, Operation: "GetObject"}
	for _, step := range []bucket.Step{bucket.StepGet, bucket.StepRead} {
		for at := int64(1); at < 4; at++ {
			m := buckets()
			l, _ := library()
			put(t, m, "k", buckettest.Data(1, 14<<20))
			var steps atomic.Int64
			m.Fail = func(s bucket.Step) error {
				if s == step && steps.Add(1) == at {
					return gone
				}
				return nil
			}
			if _, err := Import(t.Context(), m, buckettest.Things, "k", bucket.NewRoom(32<<20), l, 1<<30, nil); !errors.Is(err, bucket.ErrDenied) || blobsOf(t, l) != 0 {
				t.Errorf("%s fails at time %d: %v, %d blobs", step, at, err, blobsOf(t, l))
			}
		}
	}
	m := buckets()
	l, shelf := library()
	put(t, m, "k", buckettest.Data(1, 5000))
	full := errors.New("disk full")
	shelf.FailNext(100, full)
	if _, err := Import(t.Context(), m, buckettest.Things, "k", bucket.NewRoom(32<<20), l, 1<<30, nil); !errors.Is(err, full) {
		t.Errorf("the disk is full: %v", err)
	}
	if _, err := Import(t.Context(), m, buckettest.Things, "none", bucket.NewRoom(32<<20), l, 1<<30, nil); !errors.Is(err, bucket.ErrNoSuchKey) {
		t.Errorf("no object: %v", err)
	}
}

func TestReceive(t *testing.T) {
	l, _ := library()
	b := buckettest.Data(1, 100_000)
	if _, err := Receive(t.Context(), bytes.NewReader(b), md5.Sum(b[1:]), "", l); !errors.Is(err, ErrMD5) || blobsOf(t, l) != 0 {
		t.Errorf("another MD5: %v, %d blobs", err, blobsOf(t, l))
	}
	a, err := Receive(t.Context(), bytes.NewReader(b), md5.Sum(b), "text/csv", l)
	if err != nil || a.Blob.Size != int64(len(b)) || a.MD5 != md5.Sum(b) || a.ContentType != "text/csv" || blobsOf(t, l) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := Receive(t.Context(), strings.NewReader(""), md5.Sum(nil), "", l); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// TestExportGoesOn has an export die at each part, and counts what is sent twice.
func TestExportGoesOn(t *testing.T) {
	const size, parts = 7500, 8
	l, _ := library()
	m, b := buckets(), buckettest.Data(1, size)
	ref, err := l.Put(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	a := &Asset{Blob: ref}
	died := errors.New("kill -9")
	sends := 0
	var p Progress
	p.Save = func(_ context.Context, progress []byte) error { p.Saved = progress; return nil }
	for dies := 1; dies <= parts+1; dies++ {
		now := 0
		m.Fail = func(s bucket.Step) error {
			if s == bucket.StepPart {
				if now++; now == 2 {
					return died
				}
				sends++
			}
			return nil
		}
		_, err = Export(t.Context(), l, a, m, Destination{Bucket: buckettest.Things, Key: "k"}, p)
		if err == nil {
			break
		}
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
	}
	if err != nil || sends != parts || m.Uploads() != 0 {
		t.Errorf("%v; sent %d parts of %d, %d uploads are left", err, sends, parts, m.Uploads())
	}
}

// TestExportOfWhatIsBroken: a blob that is not what it was is not put, and takes no place
// of an object that is there.
func TestExportOfWhatIsBroken(t *testing.T) {
	for _, size := range []int64{10, 2 << 20} {
		shelf := new(blob.Memory) // not sealed: only the end tells
		l := blob.New(blob.Options{Shelf: shelf, Key: [32]byte{1}, Now: func() time.Time { return time.Unix(1, 0) }})
		m := buckets()
		ref, err := l.Put(t.Context(), bytes.NewReader(buckettest.Data(1, size)))
		if err != nil {
			t.Fatal(err)
		}
		shelf.Change(ref.ID, func(b []byte) []byte { b[0] ^= 1; return b })
		put(t, m, "k", []byte("as it was"))
		if _, err := Export(t.Context(), l, &Asset{Blob: ref}, m, Destination{Bucket: buckettest.Things, Key: "k"}, Progress{}); !errors.Is(err, blob.ErrBroken) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if o, err := m.Head(t.Context(), buckettest.Things, "k"); err != nil || o.Size != 9 || m.Uploads() != 0 {
			t.Errorf("%+v, %v, %d uploads are left", o, err, m.Uploads())
		}
	}
}

// endless is buckets with one object of any size, and blobs that forget what they are put.
type endless struct {
	bucket.Refusing
	size int64
}

func (e endless) Get(_ context.Context, _, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	rest := e.size - r.Offset
	if r.Length > 0 {
		rest = min(rest, r.Length)
	}
	return bucket.Object{Key: key, Size: e.size, ETag: `"e"`}, io.NopCloser(io.LimitReader(zeros{}, rest)), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type forgetful struct{ look func() }

func (f forgetful) Put(_ context.Context, r io.Reader) (ref blob.Ref, err error) {
	b := make([]byte, 64<<10)
	for n := 0; err == nil; {
		if ref.Size>>24 != (ref.Size+int64(n))>>24 {
			f.look()
		}
		ref.Size += int64(n)
		n, err = r.Read(b)
	}
	if err == io.EOF {
		err = nil
	}
	return ref, err
}

func (f forgetful) Open(context.Context, blob.ID, int64) (io.ReadCloser, error) {
	return nil, blob.ErrNotFound
}

// TestMemoryIsBounded imports what is large, and looks at how much is held meanwhile.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads 300 MB")
	}
	const size = 300 << 20
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, peak := live(), uint64(0)
	a, err := Import(t.Context(), endless{size: size}, "b", "k", bucket.NewRoom(bucket.RoomBytesDefault), forgetful{func() { peak = max(peak, live()) }}, size, nil)
	if err != nil || a.Blob.Size != size {
		t.Fatalf("%d bytes, %v", a.Blob.Size, err)
	}
	if held := peak - before; peak == 0 || held > 24<<20 {
		t.Errorf("%d MiB were held", held>>20)
	} else {
		t.Logf("%d MiB were held at most", held>>20)
	}
}
