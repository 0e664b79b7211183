package shard

import (
	"context"
	"strings"
	"testing"

	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// torn is a view of two homes, each at a moment of its own.
type torn [2]store.Snapshot

func (v torn) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	var values [][]byte
	for _, p := range places {
		home := p.Shard % 2
		if p.Space == store.IndexSpace {
			home = keys.EntryShard(p.Key) % 2
		}
		one, err := v[home].Get(ctx, []store.Place{p})
		if err != nil {
			return nil, err
		}
		values = append(values, one[0])
	}
	return values, nil
}

func (v torn) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	return v[shard%2].Scan(ctx, shard, r, visit)
}

func (v torn) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	for home := range v {
		err := v[home].ScanIndex(ctx, r, func(key, value []byte) bool {
			return int(keys.EntryShard(key)%2) != home || visit(key, value)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v torn) Close() error { return nil }

// TestCheckOfHomesAtTheirOwnMoments: whatever was on its way between two homes when they were looked at, one after
// the other, a check finds nothing wrong with it; and it finds what is.
func TestCheckOfHomesAtTheirOwnMoments(t *testing.T) {
	h := newHarness(t, 2)
	to := h.elsewhere("a")
	h.must("a", toyAdd{})
	h.must(to, toyAdd{})
	h.settle()
	var moments []store.Snapshot
	look := func() {
		v, err := h.store.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Close() })
		moments = append(moments, v)
	}
	look()
	for range 3 {
		h.give("a", toyTell{to})
		for range 3 {
			for _, s := range h.shards {
				h.step(s)
				look()
			}
		}
		h.now += 2 * ackDelay
		h.settle()
		look()
	}
	check := func(v store.Snapshot, later store.View) (wrong []string) {
		t.Helper()
		found, err := runlog.Check(t.Context(), v, runlog.Checking{Shards: h.cfg.Shards, Hash: h.cfg.Hash, Rules: h.cfg.Rules, Later: later})
		if err != nil {
			t.Fatal(err)
		}
		return found.Wrong
	}
	apart := map[string]int{}
	for _, a := range moments {
		for _, b := range moments {
			v := torn{a, b}
			for _, w := range check(v, h.store) {
				t.Error(w)
			}
			for _, w := range check(v, nil) {
				for _, kind := range []string{"handled message", "is missing"} {
					if strings.Contains(w, kind) {
						apart[kind]++
					}
				}
			}
		}
	}
	if apart["handled message"] == 0 || apart["is missing"] == 0 {
		t.Errorf("the moments of the homes fit together, so this tests nothing: %v", apart)
	}

	// A message that is lost is found, by moments of before and after alike.
	h.give("a", toyTell{to})
	from := runlog.Route(h.cfg.Hash, 2, toyName("a"))
	h.step(h.shards[from])
	d := &damage{harness: h}
	lost := 0
	for _, r := range d.rows() {
		if r.space == store.ShardSpace && r.shard == from && r.key[0] == keys.Outgoing {
			r.remove(d)
			lost++
		}
	}
	look()
	if wrong := check(torn{moments[len(moments)-1], moments[len(moments)-1]}, h.store); lost != 1 || len(wrong) == 0 {
		t.Errorf("%d messages were lost, and found is %q", lost, wrong)
	}
}
