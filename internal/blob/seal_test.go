package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
)

const (
	headLen   = 57
	chunkLen  = 1 << 20
	sealedLen = chunkLen + 16
)

// sealedBlob is a library over a sealed shelf, with the memory below.
type sealedBlob struct {
	t       *testing.T
	memory  *blob.Memory
	shelf   blob.Shelf
	library *blob.Library
}

func newSealed(t *testing.T) *sealedBlob {
	memory := new(blob.Memory)
	shelf := blob.Seal(memory, blobtest.SealKey)
	return &sealedBlob{t, memory, shelf, library(shelf, blobtest.NewClock())}
}

func (s *sealedBlob) put(b []byte) blob.ID {
	s.t.Helper()
	ref, err := s.library.Put(s.t.Context(), bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	return ref.ID
}

func (s *sealedBlob) stored(id blob.ID) []byte { return read(s.t, s.memory, id, 0) }

type opener interface {
	Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error)
}

func read(t *testing.T, o opener, id blob.ID, offset int64) []byte {
	t.Helper()
	b, err := tryRead(o, id, offset)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tryRead(o opener, id blob.ID, offset int64) ([]byte, error) {
	r, err := o.Open(context.Background(), id, offset)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// wantBroken reads from everywhere, through the shelf, which has no ID to compare
// with: what it gives out must be the blob's, and in the end an error.
func (s *sealedBlob) wantBroken(what string, id blob.ID, plain []byte, from ...int64) {
	s.t.Helper()
	for _, offset := range from {
		got, err := tryRead(s.shelf, id, offset)
		if !errors.Is(err, blob.ErrBroken) {
			s.t.Errorf("%s, from %d on: %v", what, offset, err)
		}
		if !bytes.HasPrefix(plain[min(int(offset), len(plain)):], got) {
			s.t.Errorf("%s, from %d on: gave bytes that are not the blob's", what, offset)
		}
	}
}

func TestSealedHidesBytes(t *testing.T) {
	s := newSealed(t)
	secret := bytes.Repeat([]byte("a secret of 24 letters. "), 100_000)
	id := s.put(secret)
	first := s.stored(id)
	if bytes.Contains(first, []byte("secret")) {
		t.Error("it is there to be read")
	}
	if want := headLen + len(secret) + 3*16; len(first) != want {
		t.Errorf("%d bytes are stored, want %d", len(first), want)
	}
	s.put(secret)
	if bytes.Equal(first[headLen:headLen+100], s.stored(id)[headLen:headLen+100]) {
		t.Error("sealed twice under one key")
	}
	other := blob.Seal(s.memory, [32]byte{7})
	if _, err := tryRead(other, id, 0); !errors.Is(err, blob.ErrBroken) {
		t.Errorf("read under another key: %v", err)
	}
}

func TestSealedFlippedBits(t *testing.T) {
	s := newSealed(t)
	plain := blobtest.Bytes(1, 2*chunkLen+100)
	id := s.put(plain)
	size := len(s.stored(id))
	flip := func(at int, bit byte) {
		s.memory.Change(id, func(b []byte) []byte { b[at] ^= bit; return b })
	}
	for at := range headLen { // the whole head, wherever is read
		bit := byte(1) << (at % 8)
		flip(at, bit)
		s.wantBroken("flipped in the head", id, plain, 0, 1, chunkLen, 2*chunkLen+99, int64(len(plain)), 1<<40)
		flip(at, bit)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, at := range []int{headLen, headLen + sealedLen - 1, headLen + sealedLen, headLen + 2*sealedLen, size - 17, size - 1,
		headLen + rng.IntN(size-headLen), headLen + rng.IntN(size-headLen)} {
		chunk := (at - headLen) / sealedLen
		flip(at, 0x10)
		for c := range 3 {
			from := int64(c)*chunkLen + 5
			if c <= chunk {
				s.wantBroken("flipped", id, plain, from)
			} else if got := read(t, s.shelf, id, from); !bytes.Equal(got, plain[from:]) {
				t.Errorf("flipped at %d, from %d on: other bytes", at, from)
			}
		}
		flip(at, 0x10)
	}
	if got := read(t, s.library, id, 0); !bytes.Equal(got, plain) {
		t.Error("not as it was")
	}
}

func TestSealedCutAndExtended(t *testing.T) {
	s := newSealed(t)
	for _, n := range []int{0, 1, chunkLen, 2 * chunkLen, 2*chunkLen + 9} {
		plain := blobtest.Bytes(2, n)
		id := s.put(plain)
		whole := s.stored(id)
		from := []int64{0, int64(max(0, n-1))}
		for _, cut := range []int{1, 16, 17, len(whole) - headLen, len(whole) - headLen + 1, len(whole)} {
			s.memory.Change(id, func([]byte) []byte { return whole[:max(0, len(whole)-cut)] })
			s.wantBroken("cut off", id, plain, from...)
		}
		if n > chunkLen {
			s.memory.Change(id, func([]byte) []byte { return whole[:headLen+sealedLen] })
			s.wantBroken("cut off at a chunk's end", id, plain, from...)
		}
		s.memory.Change(id, func([]byte) []byte { return append(bytes.Clone(whole), 0) })
		s.wantBroken("extended", id, plain, from...)
		s.memory.Change(id, func([]byte) []byte { return append(bytes.Clone(whole), whole[headLen:]...) })
		s.wantBroken("extended by chunks", id, plain, from...)
	}
}

func TestSealedExchanged(t *testing.T) {
	s := newSealed(t)
	a, b := blobtest.Bytes(1, 3*chunkLen), blobtest.Bytes(2, 3*chunkLen)
	idA, idB := s.put(a), s.put(b)
	fileA, fileB := s.stored(idA), s.stored(idB)
	all := []int64{0, 1, chunkLen, 2*chunkLen + 7, 3*chunkLen - 1, 3 * chunkLen, 1 << 40}

	s.memory.Change(idA, func([]byte) []byte { return fileB })
	s.memory.Change(idB, func([]byte) []byte { return fileA })
	s.wantBroken("another blob's file", idA, a, all...)
	s.wantBroken("another blob's file", idB, b, all...)

	s.memory.Change(idA, func([]byte) []byte { return append(bytes.Clone(fileA[:headLen]), fileB[headLen:]...) })
	s.wantBroken("another blob's chunks", idA, a, all[:5]...)

	s.memory.Change(idB, func([]byte) []byte { return fileB })
	s.put(a) // again: the same bytes under another salt
	again := s.stored(idA)
	s.memory.Change(idA, func([]byte) []byte { return append(bytes.Clone(again[:headLen]), fileA[headLen:]...) })
	s.wantBroken("its own chunks of another time", idA, a, all[:5]...)
	s.memory.Change(idA, func([]byte) []byte { return fileA })
	if got := read(t, s.library, idA, 5); !bytes.Equal(got, a[5:]) {
		t.Error("its whole file of another time does not open")
	}

	chunk := func(n int) []byte { return fileA[headLen+n*sealedLen : headLen+(n+1)*sealedLen] }
	for _, order := range [][]int{{1, 0, 2}, {0, 2, 1}, {2, 1, 0}, {0, 0, 2}} {
		s.memory.Change(idA, func([]byte) []byte {
			file := bytes.Clone(fileA[:headLen])
			for _, n := range order {
				file = append(file, chunk(n)...)
			}
			return file
		})
		for at, n := range order {
			if at != n {
				s.wantBroken("other order", idA, a, 0, int64(at)*chunkLen, int64(at)*chunkLen+9)
			}
		}
	}
}

// counting counts what is read below.
type counting struct {
	blob.Shelf
	bytes int
}

func (c *counting) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	r, err := c.Shelf.Open(ctx, id, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r, c), r}, nil
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

func TestSealedReadsFromTheMiddle(t *testing.T) {
	below := &counting{Shelf: new(blob.Memory)}
	l := library(blob.Seal(below, blobtest.SealKey), blobtest.NewClock())
	plain := blobtest.Bytes(1, 8*chunkLen)
	ref, err := l.Put(t.Context(), bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, ref.ID, 7*chunkLen+1000); !bytes.Equal(got, plain[7*chunkLen+1000:]) {
		t.Error("other bytes")
	}
	if want := headLen + sealedLen; below.bytes != want {
		t.Errorf("read %d bytes for the last chunk, want %d", below.bytes, want)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		offset := rng.IntN(len(plain))
		r, err := l.Open(t.Context(), ref.ID, int64(offset))
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, min(1+rng.IntN(2000), len(plain)-offset))
		if _, err := io.ReadFull(iotest.OneByteReader(r), part); err != nil || !bytes.Equal(part, plain[offset:offset+len(part)]) {
			t.Fatalf("from %d on: %v, or other bytes", offset, err)
		}
		r.Close()
	}
}

// replacing puts a blob again between an Open for its head and one for a chunk.
type replacing struct {
	blob.Shelf
	again func()
}

func (r *replacing) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	if offset > 0 && r.again != nil {
		r.again()
	}
	return r.Shelf.Open(ctx, id, offset)
}

func TestSealedPutAgainWhileOpened(t *testing.T) {
	below := &replacing{Shelf: new(blob.Memory)}
	l := library(blob.Seal(below, blobtest.SealKey), blobtest.NewClock())
	plain := blobtest.Bytes(1, 2*chunkLen)
	put := func() blob.ID {
		ref, err := l.Put(t.Context(), bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		return ref.ID
	}
	id := put()
	times := 0
	below.again = func() {
		if times++; times <= 2 {
			put()
		}
	}
	if got := read(t, l, id, chunkLen+1); !bytes.Equal(got, plain[chunkLen+1:]) || times != 3 {
		t.Errorf("other bytes, or opened %d times", times)
	}
	below.again = func() { put() }
	if _, err := tryRead(l, id, chunkLen+1); !errors.Is(err, blob.ErrBroken) {
		t.Errorf("put again without end: %v", err)
	}
}

// TestSealedBrokenConnection wants the shelf's own error, not ErrBroken.
func TestSealedBrokenConnection(t *testing.T) {
	s := newSealed(t)
	id := s.put(blobtest.Bytes(1, chunkLen+5))
	for after := range 6 {
		reads := 0
		s.memory.Fail(func(step blob.Step) error {
			if step == blob.StepRead {
				if reads++; reads > after {
					return io.ErrUnexpectedEOF
				}
			}
			return nil
		})
		_, err := tryRead(s.library, id, 0)
		if reads > after && (!errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, blob.ErrBroken)) {
			t.Errorf("broken off after %d reads: %v", after, err)
		}
	}
}

// FuzzSealed changes what is stored, and wants the blob's bytes, or none and an error.
func FuzzSealed(f *testing.F) {
	plain := blobtest.Bytes(1, 3000)
	f.Add(uint32(0), byte(1), []byte{}, int64(0))
	f.Add(uint32(40), byte(0), []byte("more"), int64(10))
	f.Add(uint32(60), byte(128), []byte{}, int64(2999))
	f.Add(uint32(1<<30), byte(0), []byte{}, int64(3001))
	f.Fuzz(func(t *testing.T, at uint32, bits byte, more []byte, offset int64) {
		s := newSealed(t)
		id := s.put(plain)
		changed := bits != 0 || len(more) > 0
		s.memory.Change(id, func(b []byte) []byte {
			b[int(at)%len(b)] ^= bits
			return append(b, more...)
		})
		got, err := tryRead(s.library, id, offset)
		switch {
		case offset < 0:
			if err == nil {
				t.Error("opened before its beginning")
			}
		case err == nil:
			if !bytes.Equal(got, plain[min(offset, int64(len(plain))):]) {
				t.Error("other bytes")
			}
			if changed && offset < int64(len(plain)) {
				t.Error("not noticed")
			}
		case !changed || !errors.Is(err, blob.ErrBroken) || len(got) > 0:
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// FuzzSealedFile opens any file.
func FuzzSealedFile(f *testing.F) {
	f.Add([]byte{}, int64(0))
	f.Add(make([]byte, headLen), int64(1))
	f.Add(append([]byte{1}, make([]byte, 100)...), int64(0))
	f.Fuzz(func(t *testing.T, file []byte, offset int64) {
		s := newSealed(t)
		id := s.put(nil)
		s.memory.Change(id, func([]byte) []byte { return file })
		if b, err := tryRead(s.library, id, max(0, offset)); !errors.Is(err, blob.ErrBroken) || len(b) > 0 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}
