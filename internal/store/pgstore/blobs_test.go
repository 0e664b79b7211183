package pgstore

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
	"heddle/internal/store"
	"heddle/internal/store/pgstore/pgtest"
)

// shelfOf opens a store and its blobs, in parts that are small enough for the suite's blobs to have several.
func shelfOf(t *testing.T, o Options) *Shelf {
	t.Helper()
	shelf, err := mustOpen(t, o).OpenShelf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shelf.part = 100 << 10
	return shelf
}

// TestShelf: what blobs are promised holds of those in the database.
func TestShelf(t *testing.T) {
	blobtest.Run(t, blobtest.Tested{Open: func(t *testing.T, _ *blobtest.Clock) blob.Shelf { return shelfOf(t, options(t, shared(t))) }})
}

// TestShelfOfSeveral: members put and delete the same blobs; nothing stays of drafts of who has gone,
// nor of bytes that others took the place of, and a blob that was put again is not deleted by who
// has seen it as it was before.
func TestShelfOfSeveral(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	o.Shared = true
	var shelves []*Shelf
	for _, name := range []string{"a", "b"} {
		s := shelfOf(t, o)
		if _, err := s.store.Members().Join(t.Context(), store.Member{Name: name, Address: name, Level: 1}); err != nil {
			t.Fatal(err)
		}
		shelves = append(shelves, s)
	}
	a, b := shelves[0], shelves[1]
	parts := func() int { return count(t, server, o.Schema+".blob_parts") }
	clock := blobtest.NewClock()
	of := func(s *Shelf) *blob.Library {
		return blob.New(blob.Options{Shelf: s, Key: blobtest.Key, Now: clock.Now})
	}
	put := func(s *Shelf, bytes []byte) blob.ID {
		t.Helper()
		ref, err := of(s).Put(t.Context(), strings.NewReader(string(bytes)))
		if err != nil {
			t.Fatal(err)
		}
		return ref.ID
	}

	bytesOf := blobtest.Bytes(1, 250<<10) // three parts
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { put(shelves[i%2], bytesOf) })
	}
	all.Wait()
	// hourLater removes what stays an hour for who reads it.
	hourLater := func() {
		t.Helper()
		if _, err := server.SQL("update " + o.Schema + ".blob_drafts set until = until - interval '1 hour'"); err != nil {
			t.Fatal(err)
		}
		if err := a.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hourLater()
	if n := parts(); n != 3 {
		t.Errorf("%d parts of a blob of three that was put by many", n)
	}
	id := put(a, bytesOf)
	seen, err := a.Stat(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(1)
	put(b, bytesOf)
	if err := a.DeleteAsSeen(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	got, err := blob.ReadAll(t.Context(), of(a), id, 1<<20)
	if err != nil || !bytes.Equal(got, bytesOf) {
		t.Errorf("a blob that was put again just before it was deleted: %d bytes, %v", len(got), err)
	}
	if seen, err = a.Stat(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	// A reader that has begun gets all, or an error, but not the end too early.
	r, err := b.Open(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteAsSeen(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	if some, err := io.ReadAll(r); err == nil {
		t.Errorf("a deleted blob was read to its end, after %d bytes", len(some))
	}
	hourLater()
	if n := parts(); n != 0 {
		t.Errorf("%d parts of no blob", n)
	}

	// Who leaves in the midst of a draft.
	d, err := b.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(bytesOf); err != nil {
		t.Fatal(err)
	}
	if err := a.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := parts(); n == 0 {
		t.Error("the draft of a member was removed")
	}
	if err := b.store.Members().Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := parts(); n != 0 {
		t.Errorf("%d parts are left of who has gone", n)
	}
	if err := d.Keep(t.Context(), blobtest.IDOf(bytesOf), clock.Now()); err == nil {
		t.Error("a draft was kept whose parts were removed")
	}
	if _, err := a.Stat(t.Context(), blobtest.IDOf(bytesOf)); err == nil {
		t.Error("a blob without its parts is there")
	}
	if err := d.Discard(); err != nil {
		t.Error(err)
	}
}

func count(t *testing.T, server *pgtest.Server, table string) int {
	t.Helper()
	text, err := server.SQL("select count(*) from " + table)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
