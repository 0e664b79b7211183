package shard

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

// harness steps the shards of one store by hand, in simulated time.
type harness struct {
	*Stepped
	t      *testing.T
	store  *memstore.Store
	offers *toyOffers
	now    engine.Time
	doubt  engine.Time     // how much of now is not confirmed
	trips  map[string]bool // of the rules

	failRead func(kind byte) bool // tells whether a read of such rows fails; 0: many kinds
	failRow  func(key []byte) bool
	listener engine.Listener
	shelf    *blob.Memory
	library  *blob.Library
	dataKeys map[engine.Kind]engine.DataKeys
	notices  *toyNotices // nil: nobody wants to hear of notifications
}

// flaky is a store whose reads fail when the harness says so.
type flaky struct {
	store.Store
	harness *harness
}

var errRead = errors.New("the disk can't be read")

func (f *flaky) fails(key []byte) error {
	if f.harness.failRead != nil && len(key) > 0 && f.harness.failRead(key[0]) {
		return errRead
	}
	if f.harness.failRow != nil && f.harness.failRow(key) {
		return errRead
	}
	return nil
}

func (f *flaky) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	for _, p := range places {
		if err := f.fails(p.Key); err != nil {
			return nil, err
		}
	}
	return f.Store.Get(ctx, places)
}

func (f *flaky) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	if err := f.fails(r.Start); err != nil {
		return err
	}
	return f.Store.Scan(ctx, shard, r, visit)
}

// Now makes a harness the clock of its shards.
func (h *harness) Now() engine.Time       { return h.now }
func (h *harness) Confirmed() engine.Time { return h.now - h.doubt }

// toyOffers remembers what is on offer, and the order in which it came.
type toyOffers struct {
	open map[string]engine.Offer
	came []string
}

func offerKey(run engine.RunID, id int64) string { return fmt.Sprintf("%s/%d", run, id) }

func (o *toyOffers) Offer(run engine.RunID, offer engine.Offer) {
	o.open[offerKey(run, offer.ID)] = offer
	o.came = append(o.came, offerKey(run, offer.ID))
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

func newHarness(t *testing.T, shards uint16) *harness {
	h := &harness{t: t, store: memstore.New(shards), now: 1000, trips: map[string]bool{}, shelf: &blob.Memory{}}
	h.library = blob.New(blob.Options{Shelf: h.shelf, Key: [32]byte{1}, Now: func() time.Time { return time.UnixMilli(int64(h.now)) }})
	h.start()
	return h
}

func (h *harness) config() Config {
	cfg := Config{
		Store: &flaky{h.store, h}, Shards: h.store.Shards(), Hash: &keys.Hash{7},
		Rules: map[engine.Kind]engine.Rules{
			toyKind:  toyRules{engine.Traits{ShowsHistory: true}, h.trips},
			keptKind: toyRules{engine.Traits{KeepsNames: true}, h.trips},
			cutKind:  toyRules{engine.Traits{CutsLog: true}, h.trips},
			bareKind: bareRules{toyRules{trips: h.trips}},
		},
		Offers: h.offers, Log: h.log(), CachedStates: 2, Listener: &h.listener,
		Blobs:    func(ctx context.Context, id blob.ID) ([]byte, error) { return blob.ReadAll(ctx, h.library, id, 1<<20) },
		DataKeys: h.dataKeys,
	}
	if h.notices != nil {
		cfg.Notices = h.notices
	}
	return cfg
}

// putBlob puts a blob of these bytes.
func (h *harness) putBlob(content string) blob.ID {
	h.t.Helper()
	ref, err := h.library.Put(context.Background(), strings.NewReader(content))
	if err != nil {
		h.t.Fatal(err)
	}
	return ref.ID
}

// Referenced makes a harness the references of its blobs.
func (h *harness) Referenced(ctx context.Context, id blob.ID) (found bool, err error) {
	prefix := keys.AppendBlobIndexPrefix(nil, id)
	err = h.store.ScanIndex(ctx, store.Range{Start: prefix, End: keys.End(prefix), Limit: 1}, func(_, _ []byte) bool {
		found = true
		return false
	})
	return found, err
}

// start opens all shards on the store, as a process does.
func (h *harness) start() {
	h.offers = &toyOffers{open: map[string]engine.Offer{}}
	stepped, err := OpenStepped(context.Background(), h.config(), h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Stepped = stepped
}

// kill ends the process without a word and starts another on the same store.
func (h *harness) kill() {
	h.store = h.store.Crash(0)
	h.start()
}

// step takes a shard through one batch.
func (h *harness) step(s *Shard) {
	if b := h.Ready(s.id); b != nil {
		h.Done(s.id, b, h.store.Commit(context.Background(), []store.Section{b.Section})[0])
	}
	h.fetchAll()
}

// commit writes a batch.
func (h *harness) commit(b *Batch) error {
	return h.store.Commit(context.Background(), []store.Section{b.Section})[0]
}

// fetchAll does the fetches that wait.
func (h *harness) fetchAll() {
	for h.Fetches() > 0 {
		h.Fetch(context.Background(), 0)
	}
}

// settle steps all shards until nothing moves.
func (h *harness) settle() {
	for range 50 {
		for _, s := range h.shards {
			h.step(s)
		}
		if len(h.Kicked()) == 0 && h.Fetches() == 0 && (h.NextWake() == 0 || h.NextWake() > h.now) {
			return
		}
	}
}

func toyName(key string) engine.Name { return nameOf(toyKind, key) }

func nameOf(kind engine.Kind, key string) engine.Name {
	return engine.Name{World: engine.World{Account: "1", Region: "r"}, Kind: kind, Key: key}
}

// seed gives a new one.
func (h *harness) seed() engine.Seed {
	return engine.RootSeed(h.now, [8]byte(binary.BigEndian.AppendUint64(nil, rand.Uint64())))
}

// submit gives a command as it is.
func (h *harness) submit(cmd engine.Command) *call {
	c := &call{cmd: cmd, done: make(chan struct{})}
	h.Stepped.submit(c)
	return c
}

// start submits a command that may begin a run.
func (h *harness) begin(begin engine.Begin, name engine.Name, body any) *call {
	return h.submit(engine.Command{Name: name, Begin: begin, Group: "g", Seed: h.seed(), Body: body})
}

// to submits a command for a run.
func (h *harness) to(run engine.RunID, body any) *call {
	return h.submit(engine.Command{Run: run, Body: body})
}

// answered tells whether a call is.
func answered(c *call) bool { return Pending{c}.Answered() }

// answer settles and gives what a call was answered.
func (h *harness) answer(c *call) (any, error) {
	h.t.Helper()
	for range 10 {
		if answered(c) {
			return c.reply, c.err
		}
		h.settle()
	}
	h.t.Fatalf("%T was never answered", c.cmd.Body)
	return nil, nil
}

// ok fails the test unless a call was answered without an error.
func (h *harness) ok(c *call) any {
	h.t.Helper()
	reply, err := h.answer(c)
	if err != nil {
		h.t.Fatalf("%T: %v", c.cmd.Body, err)
	}
	return reply
}

// refused fails the test unless a call was answered with such an error.
func refused[E error](h *harness, c *call) {
	h.t.Helper()
	_, err := h.answer(c)
	if _, ok := errors.AsType[E](err); !ok {
		h.t.Errorf("%T was answered %v, want a %T", c.cmd.Body, err, *new(E))
	}
}

// quiet fails the test if somebody still waits for something.
func (h *harness) quiet() {
	h.t.Helper()
	for _, s := range h.shards {
		if len(s.awaiting)+len(s.waiting)+len(s.inbox)+len(s.patient) > 0 {
			h.t.Errorf("shard %d: %d await a close, %d wait for a fetch, %d and %d in the inbox", s.id, len(s.awaiting), len(s.waiting), len(s.inbox), len(s.patient))
		}
	}
	if n := h.pending.n.Load(); n != 0 {
		h.t.Errorf("%d commands count as unfinished", n)
	}
}

// give submits a command for the run called key, which begins if it must.
func (h *harness) give(key string, body any) *call {
	c := &call{done: make(chan struct{}), cmd: engine.Command{
		Name: toyName(key), Begin: engine.IfAbsent, Group: "g", Body: body,
		Seed: engine.RootSeed(h.now, [8]byte(binary.BigEndian.AppendUint64(nil, rand.Uint64()))),
	}}
	h.shards[runlog.Route(h.cfg.Hash, h.cfg.Shards, c.cmd.Name)].submit(c)
	return c
}

// do gives a command and steps until it is answered.
func (h *harness) do(key string, body any) (any, error) {
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

func (h *harness) must(key string, body any) any {
	h.t.Helper()
	reply, err := h.do(key, body)
	if err != nil {
		h.t.Fatalf("%T of %q: %v", body, key, err)
	}
	return reply
}

func (h *harness) read(key string) toyState {
	h.t.Helper()
	return h.must(key, toyRead{}).(toyState)
}

// wrong is what heddle check would find.
func (h *harness) wrong() []string {
	h.t.Helper()
	view, err := h.store.Snapshot(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	defer view.Close()
	found, err := runlog.Check(context.Background(), view, runlog.Checking{Shards: h.cfg.Shards, Hash: h.cfg.Hash, Rules: h.cfg.Rules})
	if err != nil {
		h.t.Fatal(err)
	}
	return found.Wrong
}

// check fails the test on what is wrong, and goes on.
func (h *harness) check() {
	h.t.Helper()
	for _, w := range h.wrong() {
		h.t.Error(w)
	}
}

// rows counts the rows of the shards and of the index.
func (h *harness) rows() (n int) {
	count := func(key, _ []byte) bool {
		if k := key[0]; k != keys.Sent && k != keys.Applied && k != keys.Told {
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

func (h *harness) onOffer() []string {
	var open []string
	for k := range h.offers.open {
		open = append(open, k)
	}
	slices.Sort(open)
	return open
}

// log tells nobody, unless -log.
func (h *harness) log() *slog.Logger {
	if *logFlag {
		return slog.Default()
	}
	return slog.New(slog.DiscardHandler)
}

var logFlag = flag.Bool("log", false, "print what shards log")
