// Package blobtest is the conformance suite of blob.Shelf and of the Library over
// it. What it does not test is not promised.
package blobtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"heddle/internal/blob"
)

// Tested is a kind of shelf.
type Tested struct {
	// Open gives an empty shelf, which may take times of Put from the clock.
	Open func(t *testing.T, clock *Clock) blob.Shelf
	// OwnTime: the shelf has a clock of its own that nobody can set.
	OwnTime bool
}

// Clock is set by hand. It begins at a time that whole seconds can tell.
type Clock struct{ at atomic.Int64 }

// NewClock gives a clock that stands.
func NewClock() *Clock {
	c := new(Clock)
	c.at.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

// Now is the time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.at.Load()).UTC() }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) time.Time { return time.Unix(0, c.at.Add(int64(d))).UTC() }

// Key is that of the suite's libraries.
var Key = [32]byte{1, 2, 3}

// SealKey is that of its sealed shelves.
var SealKey = [32]byte{4, 5, 6}

// Bytes gives n bytes that look random; equal seeds give equal ones.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// IDOf computes an ID under Key.
func IDOf(b []byte) (id blob.ID) {
	sum := hmac.New(sha256.New, Key[:])
	sum.Write(b)
	return blob.ID(sum.Sum(nil))
}

// Run tests a kind of shelf, and a sealed one over it.
func Run(t *testing.T, tested Tested) {
	t.Run("plain", func(t *testing.T) { run(t, tested) })
	t.Run("sealed", func(t *testing.T) {
		below := tested
		tested.Open = func(t *testing.T, clock *Clock) blob.Shelf { return blob.Seal(below.Open(t, clock), SealKey) }
		run(t, tested)
	})
}

func run(t *testing.T, tested Tested) {
	for _, test := range []struct {
		name string
		run  func(*house)
	}{
		{"Names", names},
		{"Sizes", sizes},
		{"Absent", absent},
		{"List", list},
		{"PutAgain", putAgain},
		{"Delete", deleted},
		{"CutOff", cutOff},
		{"Drafts", drafts},
		{"Exchanged", exchanged},
		{"Bounds", bounds},
		{"Together", together},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := NewClock()
			shelf := tested.Open(t, clock)
			test.run(&house{t, clock, shelf, blob.New(blob.Options{Shelf: shelf, Key: Key, Now: clock.Now}), tested.OwnTime})
		})
	}
}

// house is what a test has.
type house struct {
	t       *testing.T
	clock   *Clock
	shelf   blob.Shelf
	library *blob.Library
	ownTime bool
}

func (h *house) put(b []byte) blob.Ref {
	h.t.Helper()
	ref, err := h.library.Put(h.t.Context(), bytes.NewReader(b))
	if err != nil {
		h.t.Fatal(err)
	}
	if want := (blob.Ref{ID: IDOf(b), Size: int64(len(b))}); ref != want {
		h.t.Fatalf("put of %d bytes gave %v, want %v", len(b), ref, want)
	}
	return ref
}

func (h *house) read(id blob.ID, offset int64) ([]byte, error) {
	r, err := h.library.Open(h.t.Context(), id, offset)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func (h *house) want(b []byte) {
	h.t.Helper()
	got, err := h.read(IDOf(b), 0)
	if err != nil || !bytes.Equal(got, b) {
		h.t.Fatalf("read a blob of %d bytes: %d bytes, %v", len(b), len(got), err)
	}
}

func (h *house) wantNone(id blob.ID) {
	h.t.Helper()
	if _, err := h.read(id, 0); !errors.Is(err, blob.ErrNotFound) {
		h.t.Fatalf("read %s: %v, want not found", id, err)
	}
	if _, err := h.read(id, 7); !errors.Is(err, blob.ErrNotFound) {
		h.t.Fatalf("read %s at 7: %v, want not found", id, err)
	}
	if _, err := h.shelf.Stat(h.t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		h.t.Fatalf("stat %s: %v, want not found", id, err)
	}
}

// ids lists what is there.
func (h *house) ids(after blob.ID) []blob.ID {
	h.t.Helper()
	ids := []blob.ID{}
	if err := h.library.List(h.t.Context(), after, func(i blob.Info) bool { ids = append(ids, i.ID); return true }); err != nil {
		h.t.Fatal(err)
	}
	return ids
}

func (h *house) wantIDs(after blob.ID, want ...blob.ID) {
	h.t.Helper()
	if got := h.ids(after); !slices.Equal(got, want) {
		h.t.Fatalf("list after %s:\n%v, want\n%v", after, got, want)
	}
}

func names(h *house) {
	a, b := []byte("to be kept"), []byte("to be kept too")
	ref := h.put(a)
	if h.put(a) != ref || h.put(b) == ref {
		h.t.Error("not named by its bytes")
	}
	other := blob.New(blob.Options{Shelf: h.shelf, Key: [32]byte{9}, Now: h.clock.Now})
	under, err := other.Put(h.t.Context(), bytes.NewReader(a))
	if err != nil || under.ID == ref.ID {
		h.t.Errorf("under another key: %v, %v", under, err)
	}
	if got, err := blob.ReadAll(h.t.Context(), other, under.ID, 100); err != nil || !bytes.Equal(got, a) {
		h.t.Errorf("%q, %v", got, err)
	}
	if _, err := blob.ReadAll(h.t.Context(), other, ref.ID, 100); !errors.Is(err, blob.ErrBroken) {
		h.t.Errorf("read under another key: %v", err)
	}
	h.want(a)
	h.want(b)
}

func sizes(h *house) {
	const kib, mib = 1 << 10, 1 << 20
	for i, n := range []int{0, 1, 64*kib - 1, 64 * kib, 64*kib + 1, mib - 1, mib, mib + 1, 2*mib + 17} {
		b := Bytes(uint64(i), n)
		ref := h.put(b)
		h.want(b)
		if n < 100*kib {
			h.pieces(b)
		}
		for _, offset := range []int{1, n - 1, n, n + 1, n + 5*mib, mib - 1, mib, mib + 1, 2*mib + 9} {
			if offset < 0 {
				continue
			}
			got, err := h.read(ref.ID, int64(offset))
			if err != nil || !bytes.Equal(got, b[min(offset, n):]) {
				h.t.Fatalf("%d bytes, from %d on: %d bytes, %v", n, offset, len(got), err)
			}
		}
		info, err := h.shelf.Stat(h.t.Context(), ref.ID)
		if err != nil || info.ID != ref.ID || info.Size < ref.Size {
			h.t.Errorf("stat of %d bytes: %v, %v", n, info, err)
		}
	}
	if _, err := h.library.Open(h.t.Context(), h.put([]byte("x")).ID, -1); err == nil {
		h.t.Error("opened before its beginning")
	}
}

// pieces puts and reads a blob in small pieces, as who sends and who reads may have
// them.
func (h *house) pieces(b []byte) {
	h.t.Helper()
	ref, err := h.library.Put(h.t.Context(), iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(b))))
	if err != nil || ref.ID != IDOf(b) {
		h.t.Fatalf("put %d bytes in pieces: %v, %v", len(b), ref, err)
	}
	r, err := h.library.Open(h.t.Context(), ref.ID, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := iotest.TestReader(struct{ io.Reader }{r}, b); err != nil {
		h.t.Errorf("read %d bytes in pieces: %v", len(b), err)
	}
	if err := r.Close(); err != nil {
		h.t.Error(err)
	}
}

func absent(h *house) {
	h.wantNone(IDOf([]byte("never put")))
	h.wantNone(blob.ID{})
	if err := h.library.Delete(h.t.Context(), IDOf([]byte("never put"))); err != nil {
		h.t.Error(err)
	}
	h.wantIDs(blob.ID{})
}

func list(h *house) {
	var ids []blob.ID
	for i := range 40 {
		ids = append(ids, h.put(Bytes(uint64(i), 10+i)).ID)
	}
	slices.SortFunc(ids, blob.ID.Compare)
	h.wantIDs(blob.ID{}, ids...)
	h.wantIDs(ids[0], ids[1:]...)
	h.wantIDs(ids[17], ids[18:]...)
	h.wantIDs(ids[39])
	between := ids[17]
	between[31]++
	h.wantIDs(between, ids[18:]...)
	high := blob.ID(bytes.Repeat([]byte{255}, 32))
	h.wantIDs(high)

	// The visitor may call, and stop.
	var seen []blob.ID
	err := h.library.List(h.t.Context(), blob.ID{}, func(i blob.Info) bool {
		if i.Size < 10 || !h.ownTime && !i.Put.Equal(h.clock.Now()) || i.Put.IsZero() {
			h.t.Errorf("listed %v, at %v", i, h.clock.Now())
		}
		seen = append(seen, i.ID)
		if len(seen) == 1 {
			if err := h.library.Delete(h.t.Context(), ids[1]); err != nil {
				h.t.Error(err)
			}
			h.put([]byte("put meanwhile"))
		}
		return len(seen) < 20
	})
	if err != nil || len(seen) != 20 || !slices.IsSortedFunc(seen, blob.ID.Compare) {
		h.t.Errorf("saw %d, %v", len(seen), err)
	}
	for _, id := range ids[2:18] { // what nobody touched was seen
		if !slices.Contains(seen, id) {
			h.t.Errorf("did not see %s", id)
		}
	}
	over, cancel := context.WithCancel(h.t.Context())
	cancel()
	if err := h.library.List(over, blob.ID{}, func(blob.Info) bool { return true }); !errors.Is(err, context.Canceled) {
		h.t.Errorf("list in a context that is over: %v", err)
	}
}

func putAgain(h *house) {
	b := Bytes(3, 3<<20)
	ref := h.put(b)
	first, err := h.shelf.Stat(h.t.Context(), ref.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := h.library.Open(h.t.Context(), ref.ID, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	begin := make([]byte, 100)
	if _, err := io.ReadFull(r, begin); err != nil {
		h.t.Fatal(err)
	}
	h.clock.Advance(time.Minute)
	h.put(b)
	h.wantIDs(blob.ID{}, ref.ID)
	again, err := h.shelf.Stat(h.t.Context(), ref.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	if took := again.Put.Sub(first.Put); !h.ownTime && took != time.Minute || took < 0 || again.Size != first.Size {
		h.t.Errorf("put again: %v after %v", again, first)
	}
	// A reader goes on, or gets an error.
	rest, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(append(begin, rest...), b) {
		h.t.Error("a reader got other bytes")
	}
	h.want(b)

	// A blob that is damaged is mended.
	h.wrong(ref.ID, []byte("something else"))
	if _, err := h.read(ref.ID, 0); !errors.Is(err, blob.ErrBroken) {
		h.t.Fatalf("read what was damaged: %v", err)
	}
	h.put(b)
	h.want(b)
}

// wrong lays bytes on the shelf under an ID that is not theirs.
func (h *house) wrong(id blob.ID, b []byte) {
	h.t.Helper()
	d, err := h.shelf.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := d.Write(b); err != nil {
		h.t.Fatal(err)
	}
	if err := errors.Join(d.Keep(h.t.Context(), id, h.clock.Now()), d.Discard()); err != nil {
		h.t.Fatal(err)
	}
}

func deleted(h *house) {
	a, b := h.put([]byte("a")), h.put([]byte("b"))
	if err := h.library.Delete(h.t.Context(), a.ID); err != nil {
		h.t.Fatal(err)
	}
	h.wantNone(a.ID)
	h.want([]byte("b"))
	h.wantIDs(blob.ID{}, b.ID)
	h.put([]byte("a"))
	h.want([]byte("a"))
}

func cutOff(h *house) {
	whole := Bytes(5, 2<<20)
	broken := errors.New("the sender is gone")
	_, err := h.library.Put(h.t.Context(), io.MultiReader(bytes.NewReader(whole[:1<<20+1]), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		h.t.Errorf("put what breaks off: %v", err)
	}
	over, cancel := context.WithCancel(h.t.Context())
	_, err = h.library.Put(over, io.MultiReader(bytes.NewReader(whole[:1<<20]), readerFunc(func(p []byte) (int, error) {
		cancel()
		return copy(p, whole[1<<20:]), nil
	})))
	if !errors.Is(err, context.Canceled) {
		h.t.Errorf("put in a context that ends: %v", err)
	}
	if _, err := h.library.Open(over, IDOf(whole), 0); !errors.Is(err, context.Canceled) {
		h.t.Errorf("open in a context that is over: %v", err)
	}
	h.wantIDs(blob.ID{})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func drafts(h *house) {
	b := []byte("kept in the end")
	d, err := h.shelf.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := d.Write(b); err != nil {
		h.t.Fatal(err)
	}
	left, err := h.shelf.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := left.Write(b); err != nil {
		h.t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("K"), 0); err == nil {
		b[0] = 'K'
	} else if !errors.Is(err, errors.ErrUnsupported) {
		h.t.Fatal(err)
	}
	h.wantIDs(blob.ID{})
	if err := errors.Join(d.Keep(h.t.Context(), IDOf(b), h.clock.Now()), d.Discard(), d.Discard()); err != nil {
		h.t.Fatal(err)
	}
	if err := errors.Join(left.Discard(), left.Discard()); err != nil {
		h.t.Fatal(err)
	}
	h.want(b)
	h.wantIDs(blob.ID{}, IDOf(b))
}

func exchanged(h *house) {
	a := h.put([]byte("what it was"))
	h.wrong(a.ID, []byte("what it is!"))
	b, err := h.read(a.ID, 0)
	if !errors.Is(err, blob.ErrBroken) {
		h.t.Errorf("read what was exchanged: %q, %v", b, err)
	}
	if _, err := blob.ReadAll(h.t.Context(), h.library, a.ID, 11); !errors.Is(err, blob.ErrBroken) {
		h.t.Errorf("read it into memory: %v", err)
	}
}

func bounds(h *house) {
	ref := h.put(make([]byte, 1000))
	for _, max := range []int64{1000, 1001, 1 << 40} {
		if b, err := blob.ReadAll(h.t.Context(), h.library, ref.ID, max); err != nil || len(b) != 1000 {
			h.t.Errorf("at most %d: %d bytes, %v", max, len(b), err)
		}
	}
	for _, max := range []int64{0, 1, 999} {
		if _, err := blob.ReadAll(h.t.Context(), h.library, ref.ID, max); !errors.Is(err, blob.ErrTooLarge) {
			h.t.Errorf("at most %d: %v", max, err)
		}
	}
	empty := h.put(nil)
	if b, err := blob.ReadAll(h.t.Context(), h.library, empty.ID, 0); err != nil || len(b) != 0 {
		h.t.Errorf("the empty blob: %d bytes, %v", len(b), err)
	}
	if _, err := blob.ReadAll(h.t.Context(), h.library, blob.ID{}, 1); !errors.Is(err, blob.ErrNotFound) {
		h.t.Errorf("no blob: %v", err)
	}
}

// together is many who put, read and list the same few blobs.
func together(h *house) {
	var all [3][]byte
	for i := range all {
		all[i] = Bytes(uint64(i), 1<<20+i)
	}
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 9 {
				b := all[i%3]
				ref, err := h.library.Put(h.t.Context(), bytes.NewReader(b))
				if err != nil || ref.ID != IDOf(b) {
					h.t.Errorf("put: %v, %v", ref, err)
					return
				}
				offset := (g * i % 3) << 19
				got, err := h.read(ref.ID, int64(offset))
				if err != nil || !bytes.Equal(got, b[offset:]) {
					h.t.Errorf("read from %d on: %d bytes, %v", offset, len(got), err)
					return
				}
			}
		})
	}
	wait.Wait()
	if got := h.ids(blob.ID{}); len(got) != 3 {
		h.t.Errorf("%d blobs: %s", len(got), fmt.Sprint(got))
	}
}
