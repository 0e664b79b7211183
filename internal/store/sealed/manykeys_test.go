package sealed

import (
	"fmt"
	"testing"

	"heddle/internal/store/memstore"
	"heddle/internal/store/storetest"
)

// TestManyStarts opens a store again and again and writes each time: each adds a data key
// of 32 bytes, and nothing else; and one that was opened 20,000 times opens as ever, and
// reads what it wrote in each of its lives.
func TestManyStarts(t *testing.T) {
	root, below := newRoot(t), memstore.New(storetest.Shards)
	keysLen := func() int {
		t.Helper()
		row, err := below.Meta().Get(t.Context(), keysRow)
		if err != nil {
			t.Fatal(err)
		}
		return len(row)
	}
	before := 0
	for life := range 5 {
		s := mustOpen(t, below, root)
		h := acquire(t, s, 0)
		for i := range 3 {
			h.put(fmt.Sprintf("%d-%d", life, i), fmt.Appendf(nil, "of life %d", life))
		}
		now := keysLen()
		if life > 0 && now-before != keyBytes {
			t.Errorf("life %d added %d bytes", life, now-before)
		}
		before = now
		below = below.Crash(0)
	}

	const starts = 20_000
	r, err := openKeyring(t.Context(), below.Meta(), root)
	if err != nil {
		t.Fatal(err)
	}
	all := *r.keys.Load()
	for len(all) < starts {
		all = append(all, newDataKey(uint64(len(all)+1), [keyBytes]byte{byte(len(all)), byte(len(all) >> 8), 1}))
	}
	row, err := root.Wrap(t.Context(), packKeys(all), keysPlace)
	if err != nil {
		t.Fatal(err)
	}
	if err := below.Meta().CompareAndSet(t.Context(), keysRow, r.row, row); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, below, root)
	h := acquire(t, s, 0)
	h.put("last", []byte("value"))
	for life := range 5 {
		if got := h.get(fmt.Sprintf("%d-2", life)); string(got) != fmt.Sprintf("of life %d", life) {
			t.Errorf("life %d: %q", life, got)
		}
	}
	below = below.Crash(0)
	if got := acquire(t, mustOpen(t, below, root), 0).get("last"); string(got) != "value" {
		t.Errorf("after another start: %q", got)
	}
	if kept := keysLen(); kept < (starts+1)*keyBytes || kept > (starts+1)*keyBytes+200 {
		t.Errorf("the keys take %d bytes", kept)
	}
}
