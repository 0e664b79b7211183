package visibility

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

var here = engine.World{Account: "1", Region: "r"}

// records are the runs that the index is of.
type records map[engine.RunID]*engine.RunView

func (r records) OfStatus(_ context.Context, runs []engine.RunID, status engine.Status) ([]*engine.RunView, error) {
	views := make([]*engine.RunView, len(runs))
	for i, run := range runs {
		if v := r[run]; v != nil && v.Status == status {
			views[i] = v
		}
	}
	return views, nil
}

// run is the n-th run.
func run(n byte) engine.RunID { return engine.RunID{15: n} }

// newReader gives a reader of an index in which runs 1, 2, ... stand at the given
// times, beside entries of other places at every one of them.
func newReader(t *testing.T, at ...engine.Time) (*Reader, records) {
	t.Helper()
	hash := &keys.Hash{3}
	section := store.Section{Epoch: 1, Seq: 1}
	put := func(w engine.World, family byte, equal string, at engine.Time, run engine.RunID) {
		key := keys.AppendIndex(nil, family, hash.Index("k", w.Account, w.Region, equal), int64(at), run)
		section.Ops = append(section.Ops, store.Op{Kind: store.Put, Space: store.IndexSpace, Key: key})
	}
	known := records{}
	for i, at := range at {
		id := run(byte(i + 1))
		known[id] = &engine.RunView{Identity: engine.Identity{Run: id}, Record: engine.Record{Status: engine.Open}}
		put(here, 2, "e", at, id)
		for n, w := range []engine.World{{Account: "1", Region: "s"}, {Account: "2", Region: "r"}} {
			put(w, 2, "e", at, run(byte(100+10*n+i)))
		}
		put(here, 1, "e", at, run(byte(130+i)))
		put(here, 3, "e", at, run(byte(140+i)))
		put(here, 2, "f", at, run(byte(150+i)))
	}
	m := memstore.New(1)
	if _, err := m.Acquire(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(t.Context(), []store.Section{section})[0]; err != nil {
		t.Fatal(err)
	}
	return New(m, hash, known), known
}

// pages reads all pages of a place.
func pages(t *testing.T, r *Reader, p Place, newest bool, limit int) (runs []engine.RunID) {
	t.Helper()
	var after *Position
	for range 100 {
		page, err := r.List(t.Context(), p, engine.Open, newest, after, limit, math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Runs) > limit {
			t.Fatalf("a page has %d runs, want %d at most", len(page.Runs), limit)
		}
		for _, v := range page.Runs {
			runs = append(runs, v.Run)
		}
		if page.Next == nil {
			return runs
		}
		if after, err = ReadPosition(page.Next.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the list has no end")
	return nil
}

// TestPagesJoinToTheList reads ranges with every size of page, either way. Both
// ends of a range belong to it, and many runs may have one time.
func TestPagesJoinToTheList(t *testing.T) {
	at := []engine.Time{10, 20, 20, 20, 30, 40}
	r, _ := newReader(t, at...)
	to := func(t engine.Time) *engine.Time { return &t }
	for _, span := range []struct {
		from engine.Time
		to   *engine.Time
	}{
		{0, nil}, {10, nil}, {11, nil}, {20, nil}, {40, nil}, {41, nil},
		{0, to(9)}, {0, to(10)}, {10, to(10)}, {11, to(19)}, {20, to(20)}, {10, to(30)}, {11, to(29)}, {-5, to(40)}, {0, to(-1)},
	} {
		var want []engine.RunID
		for i, at := range at {
			if at >= span.from && (span.to == nil || at <= *span.to) {
				want = append(want, run(byte(i+1)))
			}
		}
		p := Place{Kind: "k", World: here, Family: 2, Value: "e", From: span.from, To: span.to}
		what := fmt.Sprint("from ", span.from)
		if span.to != nil {
			what += fmt.Sprint(" to ", *span.to)
		}
		if n, truncated, err := r.Count(t.Context(), p, 100); n != len(want) || truncated || err != nil {
			t.Errorf("%s: %d are counted, truncated %v, error %v; want %d", what, n, truncated, err, len(want))
		}
		for _, newest := range []bool{false, true} {
			for limit := 1; limit <= len(at)+1; limit++ {
				if got := pages(t, r, p, newest, limit); !slices.Equal(got, want) {
					t.Errorf("%s, newest first %v, pages of %d: runs %v, want %v", what, newest, limit, got, want)
				}
			}
			slices.Reverse(want)
		}
	}
}

// TestPagesEndWhenTheyHaveEnoughBytes has pages end by the bytes of their listings, and be
// cut to every length: they join to the list, and no record is read that no page shows,
// but for those that were read at once.
func TestPagesEndWhenTheyHaveEnoughBytes(t *testing.T) {
	const runs, listing = 200, 10
	at := make([]engine.Time, runs)
	for i := range at {
		at[i] = engine.Time(i / 3)
	}
	r, known := newReader(t, at...)
	for i, v := range known {
		v.Listing = make([]byte, listing)
		if i[15]%7 == 0 {
			v.Status = engine.Closed // it is left out
		}
	}
	counted := &counting{Runs: known}
	r = New(r.index, r.hash, counted)
	p := Place{Kind: "k", World: here, Family: 2, Value: "e"}
	for _, newest := range []bool{false, true} {
		var want []engine.RunID
		for i := range runs {
			if (i+1)%7 != 0 {
				want = append(want, run(byte(i+1)))
			}
		}
		if newest {
			slices.Reverse(want)
		}
		for _, room := range []int{1, listing, listing + 1, 5 * listing, 64 * listing, 1000 * listing} {
			for _, keep := range []int{1, 3, runs} {
				var got []engine.RunID
				var after *Position
				for {
					counted.read = 0
					page, err := r.List(t.Context(), p, engine.Open, newest, after, runs, room)
					if err != nil {
						t.Fatal(err)
					}
					most := (room + listing - 1) / listing
					if len(page.Runs) > most || counted.read > most+most/6+2*chunk {
						t.Fatalf("a page for %d bytes has %d runs, and %d were read", room, len(page.Runs), counted.read)
					}
					page.Cut(keep)
					for _, v := range page.Runs {
						got = append(got, v.Run)
					}
					if after = page.Next; after == nil {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("pages for %d bytes, cut to %d: %d runs, want %d", room, keep, len(got), len(want))
				}
			}
		}
	}
}

// counting counts the records that are read.
type counting struct {
	Runs
	read int
}

func (c *counting) OfStatus(ctx context.Context, runs []engine.RunID, status engine.Status) ([]*engine.RunView, error) {
	c.read += len(runs)
	return c.Runs.OfStatus(ctx, runs, status)
}

// TestRunsThatChangedAreLeftOut has a run close and another go while a list is
// read: they are not in it, and the others are.
func TestRunsThatChangedAreLeftOut(t *testing.T) {
	r, known := newReader(t, 10, 20, 30, 40)
	known[run(2)].Status = engine.Closed
	delete(known, run(3))
	for limit := 1; limit <= 5; limit++ {
		got := pages(t, r, Place{Kind: "k", World: here, Family: 2, Value: "e"}, false, limit)
		if want := []engine.RunID{run(1), run(4)}; !slices.Equal(got, want) {
			t.Errorf("pages of %d: runs %v, want %v", limit, got, want)
		}
	}
}

// syncing is an index, and records that a batch under way has just changed.
type syncing struct {
	Index
	Runs
	underWay bool
}

func (s *syncing) Barrier(ctx context.Context) error {
	s.underWay = false
	return s.Index.Barrier(ctx)
}

func (s *syncing) OfStatus(ctx context.Context, runs []engine.RunID, status engine.Status) ([]*engine.RunView, error) {
	s.underWay = true
	return s.Runs.OfStatus(ctx, runs, status)
}

// TestListsWaitForTheRecordsTheyShow has every record be of a batch that is not yet
// synced: a list answers only when it is.
func TestListsWaitForTheRecordsTheyShow(t *testing.T) {
	r, known := newReader(t, 10, 20)
	s := &syncing{Index: r.index, Runs: known}
	page, err := New(s, r.hash, s).List(t.Context(), Place{Kind: "k", World: here, Family: 2, Value: "e"}, engine.Open, false, nil, 5, math.MaxInt)
	if err != nil || len(page.Runs) != 2 {
		t.Fatalf("%+v, error %v", page, err)
	}
	if s.underWay {
		t.Error("the list shows what a power cut may take back")
	}
}

func TestCountsStopAtTheirBound(t *testing.T) {
	r, _ := newReader(t, 10, 20, 30)
	for most, want := range []struct {
		n         int
		truncated bool
	}{{0, true}, {1, true}, {2, true}, {3, false}, {3, false}} {
		n, truncated, err := r.Count(t.Context(), Place{Kind: "k", World: here, Family: 2, Value: "e"}, most)
		if n != want.n || truncated != want.truncated || err != nil {
			t.Errorf("up to %d: %d, truncated %v, error %v; want %+v", most, n, truncated, err, want)
		}
	}
}

func TestPositionsOfAnotherLength(t *testing.T) {
	whole := (&Position{Time: 5, Run: run(1)}).Append(nil)
	for n := range whole {
		if _, err := ReadPosition(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are a position", n, len(whole))
		}
	}
	if _, err := ReadPosition(append(whole, 0)); err == nil {
		t.Error("a byte too many is a position")
	}
}
