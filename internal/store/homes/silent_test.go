package homes_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/homes"
	"heddle/internal/store/memstore"
)

// mute is a home that may fall silent. From then on nobody may ask it: who does would wait.
type mute struct {
	*memstore.Store
	t      *testing.T
	id     string
	silent bool
}

func (m *mute) ID() string { return m.id }

func (m *mute) Silent() error {
	if m.silent {
		return errors.New("nothing was heard of it")
	}
	return nil
}

func (m *mute) asked(what string) {
	m.t.Helper()
	if m.silent {
		m.t.Errorf("%s asks a home that is silent", what)
	}
}

func (m *mute) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	m.asked("Get")
	return m.Store.Get(ctx, places)
}

func (m *mute) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	m.asked("Scan")
	return m.Store.Scan(ctx, shard, r, visit)
}

func (m *mute) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	m.asked("ScanIndex")
	return m.Store.ScanIndex(ctx, r, visit)
}

func (m *mute) Snapshot(ctx context.Context) (store.Snapshot, error) {
	m.asked("Snapshot")
	return m.Store.Snapshot(ctx)
}

func (m *mute) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	m.asked("Acquire")
	h, err := m.Store.Acquire(ctx, shard)
	return &muteHandle{h, m}, err
}

type muteHandle struct {
	store.Handle
	of *mute
}

func (h *muteHandle) Release(ctx context.Context) error {
	h.of.asked("Release")
	return h.Handle.Release(ctx)
}

func (m *mute) Commit(ctx context.Context, sections []store.Section) []error {
	m.asked("Commit")
	return m.Store.Commit(ctx, sections)
}

func (m *mute) Barrier(ctx context.Context) error {
	m.asked("Barrier")
	return m.Store.Barrier(ctx)
}

// TestSilentHomeIsNotAsked: what is asked of a home of which nothing is heard fails at once, and what is asked of the
// others does not.
func TestSilentHomeIsNotAsked(t *testing.T) {
	ctx := t.Context()
	second := &mute{Store: memstore.New(4), t: t, id: "two"}
	var all []homes.Home
	for name, below := range map[string]*mute{"a": {Store: memstore.New(4), t: t, id: "one"}, "b": second} {
		all = append(all, homes.Home{Name: name, Open: func(context.Context, string) (homes.Below, error) { return below, nil }})
	}
	if all[0].Name == "b" {
		all[0], all[1] = all[1], all[0]
	}
	s := mustOpen(t, all, homes.Options{})
	acquire := func(shard uint16) store.Handle {
		h, err := s.Acquire(ctx, shard)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	of := [2]store.Handle{acquire(0), acquire(1)}
	second.silent = true

	nothing := func([]byte, []byte) bool { return true }
	section := func(home int) store.Section {
		return store.Section{Shard: of[home].Shard(), Epoch: of[home].Epoch(), Seq: of[home].Seq() + 1}
	}
	at := func(shard uint16) store.Place { return store.Place{Shard: shard, Key: []byte("k")} }
	_, getting := s.Get(ctx, []store.Place{at(1)})
	_, gettingBoth := s.Get(ctx, []store.Place{at(0), at(1)})
	_, acquiring := s.Acquire(ctx, 3)
	_, snapshot := s.Snapshot(ctx)
	outcomes := s.Commit(ctx, []store.Section{section(1), section(0)})
	for what, err := range map[string]error{
		"get": getting, "get of both": gettingBoth, "acquire": acquiring, "snapshot": snapshot, "commit": outcomes[0],
		"scan": s.Scan(ctx, 1, store.Range{}, nothing), "scan index": s.ScanIndex(ctx, store.Range{}, nothing),
		"current": s.Current(1), "release": of[1].Release(ctx), "away": s.Away(1),
	} {
		if !errors.Is(err, store.ErrAway) {
			t.Errorf("%s: %v, want ErrAway", what, err)
		}
	}
	_, getting = s.Get(ctx, []store.Place{at(0)})
	for what, err := range map[string]error{
		"get": getting, "commit": outcomes[1], "scan": s.Scan(ctx, 0, store.Range{}, nothing), "current": s.Current(0),
		"barrier": s.Barrier(ctx), "release": of[0].Release(ctx), "away": s.Away(0),
	} {
		if err != nil {
			t.Errorf("%s of the other home: %v", what, err)
		}
	}
}

// TestLossesAreAcceptedInAllHomesOrNone: what one home has not is accepted in none.
func TestLossesAreAcceptedInAllHomesOrNone(t *testing.T) {
	ctx := t.Context()
	var all []homes.Home
	for i, name := range []string{"a", "b"} {
		below := &mute{Store: memstore.New(4).Share(func() time.Duration { return time.Second }), t: t, id: name}
		if _, err := below.Members().Join(ctx, store.Member{Name: "n"}); err != nil {
			t.Fatal(err)
		}
		below.Members().Heard([]uint64{2 * uint64(1-i), 3 * uint64(i), 0, 0})
		if _, err := below.Members().Look(ctx); err != nil {
			t.Fatal(err)
		}
		all = append(all, homes.Home{Name: name, Open: func(context.Context, string) (homes.Below, error) { return below, nil }})
	}
	s := mustOpen(t, all, homes.Options{})
	both := []store.Loss{{Shard: 0, Acknowledged: 2}, {Shard: 1, Acknowledged: 3}}
	lacks := func(want ...store.Loss) {
		t.Helper()
		if found, err := s.Losses(ctx); err != nil || !slices.Equal(found, want) {
			t.Fatalf("losses %+v, %v; want %+v", found, err, want)
		}
	}
	lacks(both...)
	for _, wrong := range []store.Loss{{Shard: 1, Acknowledged: 4}, {Shard: 1, Has: 1, Acknowledged: 3}, {Shard: 3, Acknowledged: 1}, {Shard: 5, Acknowledged: 1}} {
		if err := s.AcceptLoss(ctx, []store.Loss{both[0], wrong}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("accept %+v: %v, want ErrConflict", wrong, err)
		}
		lacks(both...)
	}
	if err := s.AcceptLoss(ctx, both); err != nil {
		t.Fatal(err)
	}
	lacks()
}
