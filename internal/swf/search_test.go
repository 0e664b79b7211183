package swf

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/swf/execution"
	"heddle/internal/visibility"
)

// manyRuns are an index of so many open executions of a domain, w-1 and so on, one each
// millisecond, and their records. Every third has closed, and is in the index yet.
type manyRuns struct {
	n     int
	equal [keys.HashSize]byte
	read  int // records
}

func (m *manyRuns) ScanIndex(_ context.Context, r store.Range, visit store.Visit) error {
	for n := range m.n {
		at := n + 1
		if r.Reverse {
			at = m.n - n
		}
		var run engine.RunID
		binary.BigEndian.PutUint64(run[:], uint64(at))
		key := keys.AppendIndex(nil, execution.OpenByStart|execution.FilterNone, m.equal, int64(at), run)
		if bytes.Compare(key, r.Start) < 0 || bytes.Compare(key, r.End) >= 0 {
			continue
		}
		if r.Limit--; r.Limit < 0 || !visit(key, nil) {
			return nil
		}
	}
	return nil
}

func (*manyRuns) Barrier(context.Context) error { return nil }

func (m *manyRuns) OfStatus(_ context.Context, runs []engine.RunID, _ engine.Status) ([]*engine.RunView, error) {
	views := make([]*engine.RunView, len(runs))
	m.read += len(runs)
	for i, run := range runs {
		at := binary.BigEndian.Uint64(run[:])
		if at%3 == 0 {
			continue
		}
		listing := execution.Listing{WorkflowID: fmt.Sprint("w-", at)}
		views[i] = &engine.RunView{Identity: engine.Identity{Run: run}, Record: engine.Record{Status: engine.Open, Started: engine.Time(at), Listing: listing.Encode()}}
	}
	return views, nil
}

// TestSearchIsBounded: it looks at 10,000 records at most, says how far it has looked, and goes
// on from there; so does one of which all are gone.
func TestSearchIsBounded(t *testing.T) {
	hash := &keys.Hash{3}
	w := engine.World{Account: "1", Region: "r"}
	m := &manyRuns{n: 40_000, equal: hash.Index(string(execution.Kind), w.Account, w.Region, execution.IndexValue("shop"))}
	index := visibility.New(m, hash, m)
	q := &service.Search{Within: "shop", IDPart: "-2000", Oldest: true, Limit: 1000} // w-2000, w-20000 and so on
	var found []string
	for calls := 0; ; calls++ {
		m.read = 0
		f, err := search(t.Context(), index, w, q)
		if err != nil {
			t.Fatal(err)
		}
		if f.Looked > service.LookedMax || m.read > service.ReadsMax*service.LookedAtOnce {
			t.Errorf("it looks at %d records, and reads %d", f.Looked, m.read)
		}
		for _, e := range f.Executions {
			found = append(found, e.WorkflowID)
		}
		if q.After = f.Next; f.Next == nil {
			if calls < 2 || f.UpTo != 40_000 {
				t.Errorf("it ends after %d calls at %d", calls, f.UpTo)
			}
			break
		}
		if f.Looked < service.LookedMax-service.LookedAtOnce || f.UpTo == 0 {
			t.Errorf("it gives up after %d at %d", f.Looked, f.UpTo)
		}
	}
	want := 0
	for at := 1; at <= m.n; at++ {
		if at%3 != 0 && bytes.Contains(fmt.Append(nil, "w-", at), []byte("-2000")) {
			want++
		}
	}
	if len(found) != want || want < 5 {
		t.Errorf("it finds %d of %d: %v", len(found), want, found)
	}
}
