package shard

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

// house steps the shards of one store by hand, in simulated time.
type house struct {
	*Stepped
	t      *testing.T
	store  *memstore.Store
	offers *toyOffers
	now    engine.Time
}

// Now makes a house the clock of its shards.
func (h *house) Now() engine.Time { return h.now }

// toyOffers remembers what is on offer.
type toyOffers struct{ open map[string]engine.Offer }

func offerKey(run engine.RunID, id int64) string { return fmt.Sprintf("%s/%d", run, id) }

func (o *toyOffers) Offer(run engine.RunID, offer engine.Offer) {
	o.open[offerKey(run, offer.ID)] = offer
}
func (o *toyOffers) Withdraw(_ string, run engine.RunID, id int64) {
	delete(o.open, offerKey(run, id))
}
func (o *toyOffers) WithdrawShard(shard uint16) {
	for k := range o.open {
		if k[:4] == fmt.Sprintf("%04x", shard) {
			delete(o.open, k)
		}
	}
}

func newHouse(t *testing.T, shards uint16) *house {
	h := &house{t: t, store: memstore.New(shards), now: 1000}
	h.start()
	return h
}

// start opens all shards on the store, as a process does.
func (h *house) start() {
	h.offers = &toyOffers{open: map[string]engine.Offer{}}
	stepped, err := OpenStepped(context.Background(), Config{
		Store: h.store, Shards: h.store.Shards(), Hash: &keys.Hash{7},
		Rules: map[engine.Kind]engine.Rules{toyKind: toyRules{}}, Offers: h.offers,
		Log: slog.New(slog.DiscardHandler), CachedStates: 2,
	}, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Stepped = stepped
}

// kill ends the process without a word and starts another on the same store.
func (h *house) kill() {
	h.store = h.store.Crash(0)
	h.start()
}

// step takes a shard through one batch.
func (h *house) step(s *Shard) {
	if b := h.Ready(s.id); b != nil {
		h.Done(s.id, b, h.store.Commit(context.Background(), []store.Section{b.Section})[0])
	}
	h.fetchAll()
}

// fetchAll does the fetches that wait.
func (h *house) fetchAll() {
	for h.Fetches() > 0 {
		h.Fetch(context.Background(), 0)
	}
}

// settle steps all shards until nothing moves.
func (h *house) settle() {
	for range 50 {
		for _, s := range h.shards {
			h.step(s)
		}
	}
}

func toyName(key string) engine.Name {
	return engine.Name{World: engine.World{Account: "1", Region: "r"}, Kind: toyKind, Key: key}
}

// give submits a command for the run called key, which begins if it must.
func (h *house) give(key string, body any) *call {
	c := &call{done: make(chan struct{}), cmd: engine.Command{
		Name: toyName(key), Begin: engine.IfAbsent, Group: "g", Body: body,
		Seed: engine.RootSeed(h.now, [8]byte(binary.BigEndian.AppendUint64(nil, rand.Uint64()))),
	}}
	h.shards[runlog.Route(h.cfg.Hash, h.cfg.Shards, c.cmd.Name)].submit(c)
	return c
}

// do gives a command and steps until it is answered.
func (h *house) do(key string, body any) (any, error) {
	h.t.Helper()
	c := h.give(key, body)
	for range 10 {
		h.step(h.shards[runlog.Route(h.cfg.Hash, h.cfg.Shards, c.cmd.Name)])
		select {
		case <-c.done:
			return c.reply, c.err
		default:
		}
	}
	h.t.Fatalf("%T was never answered", body)
	return nil, nil
}

func (h *house) must(key string, body any) any {
	h.t.Helper()
	reply, err := h.do(key, body)
	if err != nil {
		h.t.Fatalf("%T of %q: %v", body, key, err)
	}
	return reply
}

func (h *house) read(key string) toyState {
	h.t.Helper()
	return h.must(key, toyRead{}).(toyState)
}

// wrong is what heddle check would find.
func (h *house) wrong() []string {
	h.t.Helper()
	view, err := h.store.Snapshot(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	defer view.Close()
	found, err := runlog.Check(context.Background(), view, h.cfg.Shards, h.cfg.Hash, h.cfg.Rules)
	if err != nil {
		h.t.Fatal(err)
	}
	return found.Wrong
}

// check fails the test on what is wrong, and goes on.
func (h *house) check() {
	h.t.Helper()
	for _, w := range h.wrong() {
		h.t.Error(w)
	}
}

// rows counts the rows of the shards and of the index.
func (h *house) rows() (n int) {
	count := func(key, _ []byte) bool {
		if k := key[0]; k != keys.Sent && k != keys.Applied {
			n++
		}
		return true
	}
	for _, s := range h.shards {
		if err := h.store.Scan(context.Background(), s.id, store.Range{}, count); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := h.store.ScanIndex(context.Background(), store.Range{}, count); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) onOffer() []string {
	var open []string
	for k := range h.offers.open {
		open = append(open, k)
	}
	slices.Sort(open)
	return open
}
