// Package shard runs executions: it hands commands to the rules, makes what they
// answer durable, and only then lets anybody hear of it.
//
// A Shard is a struct without a goroutine: commands are put into its inbox, Ready
// evaluates them into a Batch, the caller commits the batch's section, Done lets
// the outcome out. Between Ready and Done the shard evaluates nothing, so every
// answer rests on durable state. A Node steps all shards of a process by a few
// loops; tests step them by hand.
//
// Steps of a command, and what holds after each:
//
//	submit  it waits in the inbox; nothing is promised
//	Ready   the rules have handled it, the state has moved, the batch holds its
//	        writes; nobody outside has seen any of it
//	commit  the section is in the store, whole or not at all
//	Done    offers go to matching, messages to their shards, replies to callers
//
// If the commit fails or its outcome is unknown, the shard drops all it has in
// memory, answers its waiters with the error, and is recovered from the store.
package shard

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Bounds of one batch and of a shard's memory.
const (
	batchCallsMax  = 1024 // commands evaluated into one batch
	batchOpsMax    = 16 << 10
	batchBytesMax  = 4 << 20 // far below the store's limit, since one turn may add much
	batchWakesMax  = 256     // deadlines that fire between live commands
	batchForgetMax = 64      // closed runs deleted in one batch
	snapshotLenMin = 16 << 10
	// Above this many bytes a batch takes no snapshot; it stays due.
	snapshotRoomMax = 8 << 20
	ackDelay        = engine.Time(1000) // how long deleting handled messages may wait for a batch
	patientDelay    = engine.Time(50)   // how long patient commands may wait for a batch
)

// ErrQuarantined is the answer to commands for a run whose rules panicked.
var ErrQuarantined = fmt.Errorf("%w: its rules panicked; it is quarantined until restart", engine.ErrUnusable)

// Offers is told which tasks wait for a poller.
type Offers interface {
	Offer(run engine.RunID, o engine.Offer)
	Withdraw(list string, run engine.RunID, id int64)
	// WithdrawShard takes back every offer of a shard's runs.
	WithdrawShard(shard uint16)
}

// Config is what all shards of a node share.
type Config struct {
	Store        store.Store
	Shards       uint16
	Hash         *keys.Hash
	Rules        map[engine.Kind]engine.Rules
	Offers       Offers
	Log          *slog.Logger
	CachedStates int // states kept in memory, of each shard
	// TrackTimers keeps Node.NextTimer and NextDeadline up to date, at the cost of
	// a look at all open runs after each batch.
	TrackTimers bool
}

// call is a command on its way through a shard.
type call struct {
	cmd   engine.Command
	reply any
	err   error
	done  chan struct{} // nil when nobody waits

	// A message: who sent it, its number, and the receiver's generation.
	from       uint16
	number     uint64
	generation uint64
	parked     []byte // the key of a parked message, which this call is

	pending *atomic.Int64 // counts the calls that are not finished
}

func (c *call) isMessage() bool { return c.number != 0 }

func (c *call) finish() {
	if c.pending != nil {
		c.pending.Add(-1)
	}
	if c.done != nil {
		close(c.done)
	}
}

// Shard is one writer's slice of all executions.
type Shard struct {
	*Config
	id     uint16
	peers  peers
	groups *groups
	handle store.Handle // written under mu
	seq    uint64
	up     engine.Time
	last   engine.Time // time of the last batch: the stamp of its section

	mu         sync.Mutex
	inbox      []*call
	patient    []*call // wait for a batch that has something to write
	impatient  bool    // the patient ones have waited long enough
	acks       []ack
	resend     []uint16 // shards that were taken over: send them everything again
	generation uint64
	taken      []*call // the inbox of the batch in progress; its memory is reused

	runs     map[engine.RunID]*run // open runs
	names    names
	wakes    wakeQueue
	cache    cache
	recent   recent
	forgetAt engine.Time // the first closed run to delete; zero: none
	out      map[uint16]*outQueue
	applied  map[uint16]uint64
	ackAt    engine.Time
	sick     map[engine.RunID]bool
	at       *run // the run at work: if something panics, it is the one

	loop   *loop
	kicked bool // guarded by loop.mu

	batch      Batch
	spare      []*change
	committing bool
	recovered  bool // its open runs are counted in groups
	nextWake   atomic.Int64
	working    atomic.Int64 // tasks in workers' hands

	// If TrackTimers, of the open runs:
	nextTimer, nextDeadline atomic.Int64
}

// peers is how a shard reaches the others.
type peers interface {
	// generation of a shard: it changes when the shard is taken over.
	generationOf(shard uint16) uint64
	deliver(to uint16, c *call)
	acknowledge(to uint16, a ack)
}

func newShard(cfg *Config, id uint16, p peers, g *groups) *Shard {
	return &Shard{Config: cfg, id: id, peers: p, groups: g, sick: map[engine.RunID]bool{}}
}

// submit puts a command into the inbox.
func (s *Shard) submit(c *call) {
	s.mu.Lock()
	if c.cmd.Patient {
		s.patient = append(s.patient, c)
	} else {
		s.inbox = append(s.inbox, c)
	}
	s.mu.Unlock()
}

// hurry has the next batch take the patient commands, and tells whether there
// are any.
func (s *Shard) hurry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.impatient = len(s.patient) > 0
	return s.impatient
}

// takePatient evaluates the patient commands, if the batch is written anyway or
// they have waited long enough.
func (s *Shard) takePatient(b *Batch) {
	s.mu.Lock()
	if b.Empty() && !s.impatient {
		s.mu.Unlock()
		return
	}
	from := len(s.taken)
	s.taken = append(s.taken, s.patient...)
	clear(s.patient)
	s.patient, s.impatient = s.patient[:0], false
	s.mu.Unlock()
	s.evaluateAll(b, from)
}

// NextWake is when the shard next wants to be stepped without a command; zero:
// never.
func (s *Shard) NextWake() engine.Time { return engine.Time(s.nextWake.Load()) }

// Ready evaluates what waits into a batch, or returns nil if nothing waits or a
// batch is under way.
func (s *Shard) Ready(now engine.Time) *Batch {
	if s.committing || s.handle == nil {
		return nil
	}
	b := &s.batch
	b.reset()
	b.now = max(now, s.last)
	s.mu.Lock()
	s.taken, s.inbox = s.inbox, s.taken[:0]
	acks, resend := s.acks, s.resend
	s.acks, s.resend = nil, nil
	s.mu.Unlock()

	s.takeAcks(acks)
	for _, to := range resend {
		s.dispatch(to)
	}
	s.committing = true
	s.at = nil
	defer func() {
		if p := recover(); p != nil {
			s.quarantine(b, p)
		}
	}()
	s.fireWakes(b)
	s.evaluateAll(b, 0)
	s.takePatient(b)
	if s.forgetAt != 0 && s.forgetAt <= b.now {
		s.forgetDue(b)
	}
	for _, r := range b.touched {
		s.settle(b, r)
	}
	s.writeMarks(b)
	s.flushAcks(b)
	if len(b.Section.Ops) > 0 {
		b.Section.Shard, b.Section.Epoch, b.Section.Seq, b.Section.Stamp = s.id, s.handle.Epoch(), s.seq+1, uint64(b.now)
	}
	return b
}

// quarantine drops a batch in which rules panicked. The run at which they were takes
// no more commands until a restart.
func (s *Shard) quarantine(b *Batch, panicked any) {
	run := ""
	if s.at != nil {
		run = s.at.Run.String()
		s.sick[s.at.Run] = true
	}
	s.Log.Error("rules panicked; the batch is dropped and the run quarantined", "shard", s.id, "run", run, "panic", panicked, "stack", string(debug.Stack()))
	b.Section.Ops = nil
	b.calls = s.taken
	s.drop(fmt.Errorf("%w: panic", engine.ErrUnavailable))
}

// evaluateAll evaluates the taken commands from one on, and puts back what the
// batch has no room for.
func (s *Shard) evaluateAll(b *Batch, from int) {
	for i, c := range s.taken[from:] {
		if i == batchCallsMax || b.full() {
			s.putBack(s.taken[from+i:])
			s.taken = s.taken[:from+i]
			return
		}
		b.calls = append(b.calls, c)
		s.evaluate(b, c)
	}
}

// putBack puts commands in front of those that came later.
func (s *Shard) putBack(calls []*call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = append(slices.Clone(calls), s.inbox...)
}

// Done lets a batch's outcome out: err is what the commit said.
func (s *Shard) Done(b *Batch, err error) {
	if s.handle == nil { // dropped while evaluating
		return
	}
	if err != nil {
		s.drop(fmt.Errorf("%w: %w", engine.ErrUnavailable, err))
		return
	}
	if !b.Empty() {
		s.seq++
		s.last = b.now
	}
	for _, e := range b.events {
		if s.runs[e.run] != nil {
			s.recent.add(e.run, e.events)
		}
	}
	for id := range b.closed {
		s.recent.drop(id)
	}
	for _, o := range b.offers {
		if o.made {
			s.Offers.Offer(o.run, o.offer)
		} else {
			s.Offers.Withdraw(o.offer.List, o.run, o.offer.ID)
		}
	}
	for _, to := range b.sent {
		s.dispatch(to)
	}
	for from, number := range b.marks {
		s.peers.acknowledge(from, ack{by: s.id, number: number, at: b.now})
	}
	s.untouch(b)
	for _, r := range s.cache.trim(s.CachedStates) {
		s.recent.drop(r.Run)
	}
	s.committing = false
	s.publishWake() // whoever is answered finds the deadlines as they are now
	for _, c := range b.calls {
		c.finish()
	}
	clear(b.calls)
	b.calls = b.calls[:0]
}

func (s *Shard) publishWake() {
	next := s.forgetAt
	if s.ackAt != 0 && (next == 0 || s.ackAt < next) {
		next = s.ackAt
	}
	if len(s.wakes) > 0 && (next == 0 || s.wakes[0].Wake < next) {
		next = s.wakes[0].Wake
	}
	s.nextWake.Store(int64(next))
	if !s.TrackTimers {
		return
	}
	var timer, deadline engine.Time
	for _, r := range s.runs {
		if r.Timer != 0 && (timer == 0 || r.Timer < timer) {
			timer = r.Timer
		}
	}
	if len(s.wakes) > 0 {
		deadline = s.wakes[0].Wake
	}
	s.nextTimer.Store(int64(timer))
	s.nextDeadline.Store(int64(deadline))
}

// drop forgets everything in memory, because the store may say otherwise, and
// answers all who wait. The owner must call recover before the next Ready, as
// Node.takeOver does.
func (s *Shard) drop(why error) {
	s.Log.Error("shard dropped its memory", "shard", s.id, "cause", why)
	s.mu.Lock()
	s.generation++
	waiting := append(s.inbox, s.batch.calls...)
	s.inbox, s.acks, s.resend = nil, nil, nil
	s.handle = nil
	s.mu.Unlock()
	for _, r := range s.runs {
		if s.recovered {
			s.groups.add(r.Group, -1)
		}
	}
	s.runs, s.names, s.wakes, s.out, s.applied = nil, nil, nil, nil, nil
	s.cache = cache{}
	s.recent.dropAll()
	s.recovered = false
	s.working.Store(0)
	s.committing = false
	s.batch.calls = nil
	s.Offers.WithdrawShard(s.id)
	for _, c := range waiting {
		c.reply, c.err = nil, why
		c.finish()
	}
}
