package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
	"heddle/internal/swf/execution"
	"heddle/internal/token"
)

// plan is what decides a simulation: nothing else does.
type plan struct {
	seed    uint64
	actions int // steps in which things go wrong
	faults  faultSet

	sabotage sabotage
}

// machines tells whether clients are those of Step Functions: in every third seed.
func (p *plan) machines() bool { return p.seed%3 == 0 }

// exchange tells whether clients are those of Data Exchange: in two of fifteen seeds.
func (p *plan) exchange() bool { return p.seed%5 == 3 && !p.machines() }

// world is one simulation.
type world struct {
	plan
	random    *rand.Rand // what happens next
	entropy   *rand.Rand // ids and nonces
	fate      *fate
	now       engine.Time // true time; processes may have another
	latest    engine.Time // the latest time that any process had
	upAt      engine.Time // when the next process starts
	skew      engine.Time // of its clock
	steps     int
	threads   []*thread
	running   *thread
	store     *memstore.Store
	owners    []uint64 // the epoch that may write, by shard
	harness   *harness // nil: down
	harnesses int
	judge     *judge
	coverage  *coverage
	trace     io.Writer // nil: nobody wants to know
	sum       uint64    // of all that happened
	callers   int       // those that are not yet over
	draining  bool      // faults are over; everything is to close
	ending    bool      // nothing counts any more

	disruptions int // how often a shard or a process forgot what it had in memory

	// What differs from seed to seed.
	hash            keys.Hash
	rules           map[engine.Kind]engine.Rules
	limits          execution.Limits
	tokens          *token.Sealer
	cachedStates    int
	pollsMax        int
	lambdaAvailable bool
	limited         bool // not everything is permitted
	large           bool // inputs are large, so that snapshots are taken
	busyness        engine.Time
	machines        *machineWorld  // of Step Functions; nil: of another service
	exchange        *exchangeWorld // of Data Exchange; nil: of another service
	blobs           map[blob.ID][]byte
	roots           int
}

// start is the moment at which each world begins.
const start engine.Time = 1_700_000_000_000

func newWorld(p plan, trace io.Writer, c *coverage) *world {
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(p.seed, n)) }
	setup := stream(1)
	w := &world{
		plan: p, random: stream(2), entropy: stream(3), fate: newFate(stream(4), p.faults),
		now: start, coverage: c, trace: trace,
		cachedStates: []int{0, 1, 3, 1000}[setup.IntN(4)],
		pollsMax:     []int{2, 1000, 1000}[setup.IntN(3)],
		large:        setup.IntN(5) == 0, lambdaAvailable: setup.IntN(8) > 0,
		busyness: engine.Time(200 + setup.IntN(4000)),
		store:    memstore.New(uint16(1 + setup.IntN(6))),
		limits:   execution.DefaultLimits(),
		blobs:    map[blob.ID][]byte{},
	}
	w.limited = stream(5).IntN(4) == 0
	if setup.IntN(3) == 0 {
		w.limits = execution.Limits{
			OpenActivitiesMax: 1 + setup.IntN(3), OpenTimersMax: 1 + setup.IntN(2), OpenChildrenMax: 1 + setup.IntN(2), OpenLambdasMax: 1,
			EventsMax: 12 + setup.IntN(40), OpenExecutionsMax: 3 + setup.IntN(3),
			ExecutionSecondsMax: w.limits.ExecutionSecondsMax,
		}
	}
	w.owners = make([]uint64, w.store.Shards())
	if p.machines() {
		w.machines = newMachineWorld(stream(6))
	}
	if p.exchange() {
		w.exchange, w.limited = newExchangeWorld(w, stream(6)), false
	}
	w.rules = w.makeRules()
	var key [32]byte
	fill{w.entropy}.Read(key[:])
	fill{w.entropy}.Read(w.hash[:])
	w.tokens = token.New(key, fill{w.entropy})
	w.judge = newJudge(w)
	return w
}

// tell puts something into the trace and its sum.
func (w *world) tell(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.hashText(text)
	w.note("%s", text)
}

// note is for readers of a trace only.
func (w *world) note(format string, args ...any) {
	if w.trace != nil && !w.ending {
		fmt.Fprintf(w.trace, "%5d %9d  %s\n", w.steps, w.now-start, fmt.Sprintf(format, args...))
	}
}

func (w *world) hashText(s string) { w.hashBytes([]byte(s)) }

func (w *world) hashBytes(b []byte) { w.sum = hashOf(b) + w.sum*1099511628211 }

func hashOf(parts ...[]byte) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// act does one thing, drawn from the seed, or lets time pass when nothing can be
// done before.
func (w *world) act() {
	w.steps++
	if w.harness == nil {
		w.down()
	} else {
		w.up()
	}
	w.bury()
	if h := w.harness; h != nil {
		w.latest = max(w.latest, h.Now())
		if h.disk.dead {
			w.kill()
		}
	}
	w.judge.look()
	w.judge.standing()
}

// up is a step while the process lives.
func (w *world) up() {
	h := w.harness
	if w.strikes(crash) {
		w.kill()
		return
	}
	if h.disk.dieIn == 0 && w.looms(crashInStore) {
		h.disk.dieIn = 1 + w.fate.random.IntN(30)
	}
	if w.strikes(fenced) {
		w.fence()
	}
	if w.strikes(clockJump) {
		h.skew += engine.Time(w.fate.random.IntN(600_000))
		h.node.Advance()
	}
	runnable := w.runnable()
	kicked := h.node.Kicked()
	weights := [4]int{2 * len(runnable), 0, len(h.flights), h.node.Fetches()}
	if len(kicked) > 0 {
		weights[1] = 3
	}
	total := weights[0] + weights[1] + weights[2] + weights[3]
	if total == 0 || w.random.IntN(12) == 0 {
		w.pass(total == 0)
		return
	}
	switch n := w.random.IntN(total); {
	case n < weights[0]:
		t := runnable[n/2]
		w.hashText(t.name)
		w.resume(t)
	case n < weights[0]+weights[1]:
		w.evaluate(kicked)
	case n < weights[0]+weights[1]+weights[2]:
		w.land(n - weights[0] - weights[1])
	default:
		w.fetch(n - weights[0] - weights[1] - weights[2])
	}
}

// fetch does one of the fetches that wait.
func (w *world) fetch(i int) {
	h := w.harness
	h.disk.fetching = true
	w.tell("fetched for shard %d", h.node.Fetch(context.Background(), i))
	h.disk.fetching = false
}

func (w *world) runnable() []*thread {
	var list []*thread
	for _, t := range w.threads {
		if t.runnable(w.now) {
			list = append(list, t)
		}
	}
	return list
}

// down is a step while no process runs.
func (w *world) down() {
	if w.now >= w.upAt {
		w.harness = w.open(w.skew)
		if w.harness == nil {
			w.tell("a process dies while it starts")
			w.upAt = w.now + 500
			return
		}
		w.tell("process %d starts", w.harness.number)
		return
	}
	if runnable := w.runnable(); len(runnable) > 0 && w.random.IntN(3) > 0 {
		w.resume(runnable[w.random.IntN(len(runnable))])
		return
	}
	w.pass(true)
}

// pass lets time pass: to the next moment that anybody waits for, if nothing else
// can be done; a little, otherwise.
func (w *world) pass(idle bool) {
	next := w.now + 1 + engine.Time(w.random.IntN(30))
	if idle {
		next = w.now + 60_000
		sooner := func(t engine.Time) {
			if t != 0 && t < next {
				next = t
			}
		}
		for _, t := range w.threads {
			sooner(t.at)
		}
		if w.harness == nil {
			sooner(w.upAt)
		} else if wake := w.harness.node.NextWake(); wake != 0 {
			sooner(wake - w.harness.skew)
		}
		if w.random.IntN(4) == 0 { // the alarm comes late
			next += engine.Time(w.random.IntN(200))
		}
	}
	w.now = max(w.now+1, next)
	if w.harness != nil {
		w.harness.node.Advance()
	}
}

// fence lets another process take a shard for a moment.
func (w *world) fence() {
	shard := uint16(w.fate.random.IntN(int(w.store.Shards())))
	for _, f := range w.harness.disk.unsynced {
		for _, s := range f.shards {
			if s == shard {
				return // a store that shows what is not durable has one process
			}
		}
	}
	w.store.Fence(shard)
	w.owners[shard] = 0
}

// evaluate steps some of the shards that want it; what they write goes on its way
// together.
func (w *world) evaluate(kicked []uint16) {
	h := w.harness
	f := &flight{harness: h}
	first := w.random.IntN(len(kicked))
	for i, shard := range kicked {
		if i != first && w.random.IntN(2) == 0 {
			continue
		}
		if w.random.IntN(8) == 0 { // the batch stays open, and takes in what comes meanwhile
			h.node.Evaluate(shard)
			continue
		}
		if b := h.node.Ready(shard); b != nil {
			f.shards = append(f.shards, shard)
			f.batches = append(f.batches, b)
			f.sections = append(f.sections, b.Section)
		}
	}
	if len(f.shards) == 0 || h.disk.dead {
		return // the dead write nothing
	}
	h.flights = append(h.flights, f)
	slow, visible := w.strikes(slowDisk), w.strikes(unsynced)
	switch {
	case visible && !h.disk.dead && w.current(f):
		h.disk.unsynced = append(h.disk.unsynced, f)
		f.steps = 1 + w.fate.random.IntN(40)
	case slow:
		f.steps = 1 + w.fate.random.IntN(10)
	default:
		w.land(len(h.flights) - 1)
	}
}

// current tells whether the batches of a flight are still their shards' owners':
// a commit that would be fenced is never visible.
func (w *world) current(f *flight) bool {
	for i := range f.sections {
		if w.owners[f.sections[i].Shard] != f.sections[i].Epoch {
			return false
		}
	}
	return true
}

// land brings a commit nearer to its end, and ends it.
func (w *world) land(i int) {
	h := w.harness
	f := h.flights[i]
	if f.steps > 0 {
		f.steps--
		return
	}
	h.flights = append(h.flights[:i], h.flights[i+1:]...)
	if f.errs == nil {
		w.commit(f)
	}
	for k, u := range h.disk.unsynced {
		if u == f {
			h.disk.unsynced = append(h.disk.unsynced[:k], h.disk.unsynced[k+1:]...)
			break
		}
	}
	for k, shard := range f.shards {
		h.node.Done(shard, f.batches[k], f.errs[k])
	}
}

// commit writes a flight.
func (w *world) commit(f *flight) {
	d := w.harness.disk
	written, lost := w.strikes(unknownWritten), w.strikes(unknownLost)
	for i := range f.sections {
		if written || lost {
			w.coverage.writeUnder(written, &f.sections[i])
		}
	}
	if each(&w.sabotage.commits, w.sabotage.fakeCommits) {
		f.errs = make([]error, len(f.sections))
		return
	}
	if d.op() != nil {
		f.errs = make([]error, len(f.sections))
		for i := range f.errs {
			f.errs[i] = store.ErrUnknown
		}
		return
	}
	if !written && !lost {
		f.settle(w.store.Commit(context.Background(), f.sections))
		return
	}
	owned := make([]bool, len(f.sections))
	for i := range f.sections {
		owned[i] = w.owners[f.sections[i].Shard] == f.sections[i].Epoch
	}
	w.store.FailNextCommit(written)
	f.errs = w.store.Commit(context.Background(), f.sections)
	for i := range f.sections {
		if !owned[i] {
			continue
		}
		w.owners[f.sections[i].Shard] = 0 // until it is acquired again
		if written {
			w.judge.stored(&f.sections[i])
		}
	}
}

func (h *harness) busy(shard uint16) bool {
	for _, f := range h.flights {
		for _, s := range f.shards {
			if s == shard {
				return true
			}
		}
	}
	return h.node.Lost(shard) || h.node.HasOpenBatch(shard)
}
