package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

// large has an object that is asked for in several ranges.
func large(t *testing.T, size int64) (*bucket.Memory, []byte) {
	t.Helper()
	m, b := new(bucket.Memory), buckettest.Data(1, size)
	m.Make(buckettest.Things)
	if _, err := m.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(b), Size: size}); err != nil {
		t.Fatal(err)
	}
	return m, b
}

// wantEmpty tells whether all of a room was given back.
func wantEmpty(t *testing.T, room *bucket.Room) {
	t.Helper()
	if held := room.Held(); held != 0 {
		t.Errorf("%d bytes of room are still held", held)
	}
}

func TestDownload(t *testing.T) {
	const chunk = 4 << 20
	for _, size := range []int64{0, 1, chunk, chunk + 1, 4*chunk + 3} {
		for _, bytesOfRoom := range []int64{1, 2 * chunk, 100 * chunk} { // with the least there is one at a time
			m, want := large(t, size)
			room := bucket.NewRoom(bytesOfRoom)
			o, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", room)
			if err != nil || o.Size != size {
				t.Fatal(o, err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes in room for %d: %d, %v", size, bytesOfRoom, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			wantEmpty(t, room)
		}
	}
	m, want := large(t, 2*chunk+9)
	_, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", bucket.NewRoom(chunk))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, want); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestDownloadGoesOn(t *testing.T) {
	const size = 20 << 20
	m, want := large(t, size)
	cut := &bucket.Error{Kind: bucket.ErrTemporary, Operation: "GetObject"}
	var steps atomic.Int64
	m.Fail = func(s bucket.Step) error { // each range is cut off now and then
		if s == bucket.StepRead && steps.Add(1)%3 == 0 {
			return cut
		}
		return nil
	}
	room := bucket.NewRoom(64 << 20)
	_, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", room)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = r.Close()
	wantEmpty(t, room)
}

func TestDownloadFails(t *testing.T) {
	const size = 14 << 20
	gone := &bucket.Error{Kind: bucket.ErrDenied, Operation: "GetObject"}
	cut := &bucket.Error{Kind: bucket.ErrTemporary, Operation: "GetObject"}
	for _, step := range []bucket.Step{bucket.StepGet, bucket.StepRead} {
		for _, failure := range []*bucket.Error{gone, cut} {
			for at := int64(1); at < 4; at++ {
				m, _ := large(t, size)
				var steps atomic.Int64
				m.Fail = func(s bucket.Step) error {
					if s == step && steps.Add(1) >= at {
						return failure
					}
					return nil
				}
				room := bucket.NewRoom(64 << 20)
				_, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", room)
				if err == nil {
					_, err = io.Copy(io.Discard, r)
					_, again := r.Read(make([]byte, 1))
					if !errors.Is(again, failure) {
						t.Errorf("read after it failed: %v", again)
					}
					_ = r.Close()
				}
				if !errors.Is(err, failure) {
					t.Errorf("%s fails with %v from time %d on: %v", step, failure, at, err)
				}
				wantEmpty(t, room)
			}
		}
	}
}

func TestDownloadOfWhatChanges(t *testing.T) {
	m, _ := large(t, 20<<20)
	_, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", bucket.NewRoom(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	other := buckettest.Data(2, 20<<20)
	if _, err := m.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(other), Size: 20 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("it changed: %v", err)
	}
	_ = r.Close()
}

func TestDownloadEnds(t *testing.T) {
	m, _ := large(t, 20<<20)
	room := bucket.NewRoom(8 << 20)
	for _, end := range []func(r io.ReadCloser, cancel func()){
		func(r io.ReadCloser, _ func()) { _ = r.Close() },
		func(r io.ReadCloser, cancel func()) { cancel() },
		func(r io.ReadCloser, cancel func()) { _, _ = io.CopyN(io.Discard, r, 5<<20); cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		_, r, err := bucket.Download(ctx, m, buckettest.Things, "k", room)
		if err != nil {
			t.Fatal(err)
		}
		end(r, cancel)
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Error("read to the end after it was ended")
		}
		_ = r.Close()
		cancel()
		wantEmpty(t, room)
	}
	// Many share a room that is small.
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, r, err := bucket.Download(t.Context(), m, buckettest.Things, "k", room)
			if err != nil {
				t.Error(err)
				return
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != 20<<20 {
				t.Errorf("%d bytes, %v", n, err)
			}
			_ = r.Close()
		})
	}
	all.Wait()
	wantEmpty(t, room)
}
