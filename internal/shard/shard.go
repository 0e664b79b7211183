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
	"context"
	"encoding/binary"
	"errors"
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
)

// ErrUnavailable is engine.ErrUnavailable.
var ErrUnavailable = engine.ErrUnavailable

// ErrQuarantined is the answer to commands for a run whose rules panicked.
var ErrQuarantined = fmt.Errorf("%w: its rules panicked; it is quarantined until restart", engine.ErrUnusable)

// Offers is told which tasks wait for a poller.
type Offers interface {
	Offer(run engine.RunID, o engine.Offer)
	Withdraw(list string, run engine.RunID, id int64)
	// Forget takes back every offer of a shard's runs.
	Forget(shard uint16)
}

// Config is what all shards of a node share.
type Config struct {
	Store        store.Engine
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
	last   engine.Time // time of the last batch

	mu         sync.Mutex
	inbox      []*call
	acks       []ack
	resend     []uint16 // shards that were taken over: send them everything again
	generation uint64
	taken      []*call // the inbox of the batch in progress; its memory is reused

	runs     map[engine.RunID]*run // open runs
	names    map[engine.Name]*run
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

// Submit puts a command into the inbox.
func (s *Shard) submit(c *call) {
	s.mu.Lock()
	s.inbox = append(s.inbox, c)
	s.mu.Unlock()
}

// NextWake is when the shard next wants to be stepped without a command; zero:
// never.
func (s *Shard) NextWake() engine.Time { return engine.Time(s.nextWake.Load()) }

// Batch is what Ready evaluated: a section to commit, and what Done lets out.
type Batch struct {
	Section store.Section
	now     engine.Time
	calls   []*call // all that were evaluated
	touched []*run
	closed  map[engine.RunID]*run // closed in this batch
	room    []byte                // keys and values of the section
	events  []runEvents
	offers  []offerChange
	sent    []uint16 // shards that have new messages
	marks   map[uint16]uint64
	bytes   int
}

type runEvents struct {
	run    engine.RunID
	events []engine.Event
}

type offerChange struct {
	run   engine.RunID
	offer engine.Offer
	made  bool
}

func (b *Batch) reset() {
	clear(b.calls)
	clear(b.touched)
	clear(b.closed)
	clear(b.marks)
	clear(b.events)
	clear(b.Section.Ops)
	*b = Batch{
		Section: store.Section{Ops: b.Section.Ops[:0]},
		calls:   b.calls[:0], touched: b.touched[:0], closed: b.closed, room: b.room[:0],
		events: b.events[:0], offers: b.offers[:0], sent: b.sent[:0], marks: b.marks,
	}
	if cap(b.room) > 1<<20 {
		b.room = nil
	}
}

// full tells whether the batch should take no further turn. A turn is bounded, so
// a batch that was not full before it stays below the store's limits.
func (b *Batch) full() bool {
	return b.bytes > batchBytesMax || len(b.Section.Ops) > batchOpsMax
}

// put adds a mutation. Key and value are appended to the batch's room by the
// functions given, so that a batch is a few allocations, not thousands.
func (b *Batch) put(space store.Space, key, value []byte) {
	b.bytes += len(key) + len(value)
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Put, Space: space, Key: key, Value: value})
}

func (b *Batch) delete(space store.Space, key []byte) {
	b.Section.Ops = append(b.Section.Ops, store.Op{Kind: store.Delete, Space: space, Key: key})
}

// cut gives what was appended to room since it had the length from.
func (b *Batch) cut(room []byte, from int) []byte {
	b.room = room
	return room[from:len(room):len(room)]
}

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
			run := ""
			if s.at != nil {
				run = s.at.Run.String()
			}
			s.Log.Error("rules panicked; the batch is dropped and the run quarantined", "shard", s.id, "run", run, "panic", p, "stack", string(debug.Stack()))
			if s.at != nil {
				s.sick[s.at.Run] = true
			}
			b.Section.Ops = nil
			b.calls = s.taken
			s.drop(fmt.Errorf("%w: panic", ErrUnavailable))
		}
	}()
	s.fireWakes(b)
	for i, c := range s.taken {
		if i == batchCallsMax || b.full() {
			s.putBack(s.taken[i:])
			s.taken = s.taken[:i]
			break
		}
		b.calls = append(b.calls, c)
		s.evaluate(b, c)
	}
	if s.forgetAt != 0 && s.forgetAt <= b.now {
		s.forgetDue(b)
	}
	for _, r := range b.touched {
		s.settle(b, r)
	}
	s.writeMarks(b)
	s.flushAcks(b)
	if len(b.Section.Ops) > 0 {
		from := len(b.room)
		b.room = append(b.room, keys.Clock)
		key := b.cut(b.room, from)
		from = len(b.room)
		value := b.cut(binary.BigEndian.AppendUint64(b.room, uint64(b.now)), from)
		b.put(store.ShardSpace, key, value)
		b.Section.Shard, b.Section.Epoch, b.Section.Seq = s.id, s.handle.Epoch(), s.seq+1
	}
	return b
}

// putBack puts commands in front of those that came later.
func (s *Shard) putBack(calls []*call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = append(slices.Clone(calls), s.inbox...)
}

// Empty tells whether the batch has nothing to commit.
func (b *Batch) Empty() bool { return len(b.Section.Ops) == 0 }

// Done lets a batch's outcome out: err is what the commit said.
func (s *Shard) Done(b *Batch, err error) {
	if s.handle == nil { // dropped while evaluating
		return
	}
	if err != nil {
		s.drop(fmt.Errorf("%w: %w", ErrUnavailable, err))
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
	for _, r := range b.touched {
		r.touched = false
	}
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
// answers all who wait. The owner must call Recover before the next Ready.
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
	s.Offers.Forget(s.id)
	for _, c := range waiting {
		c.reply, c.err = nil, why
		c.finish()
	}
}

// evaluate gives one command to the rules.
func (s *Shard) evaluate(b *Batch, c *call) {
	if c.isMessage() {
		s.evaluateMessage(b, c)
		return
	}
	if c.parked != nil {
		s.evaluateParked(b, c)
		return
	}
	r, err := s.find(b, &c.cmd)
	if err != nil {
		c.err = err
		return
	}
	if _, ok := c.cmd.Body.(engine.Peek); ok {
		if r.touched { // by an earlier command of the batch
			s.settle(b, r)
		}
		c.reply = r.view()
		return
	}
	c.reply, c.err = s.handleIn(b, r, &c.cmd)
}

// find gives the run that a command is for; a new one if it may begin one.
func (s *Shard) find(b *Batch, cmd *engine.Command) (*run, error) {
	unknown := func() error { return &engine.UnknownRunError{Name: cmd.Name, Run: cmd.Run} }
	if !cmd.Run.IsZero() {
		r, err := s.byID(b, cmd.Run)
		if errors.Is(err, store.ErrNotFound) || err == nil && cmd.Name.Kind != "" && r.Name != cmd.Name {
			return nil, unknown()
		}
		return r, err
	}
	r := s.names[cmd.Name]
	switch {
	case r == nil && cmd.Begin == engine.Never:
		return nil, unknown()
	case r == nil:
		return &run{stored: stored{
			Identity:  engine.Identity{Name: cmd.Name, Run: engine.NewRunID(s.id, cmd.Seed)},
			NextEvent: 1,
		}, place: -1}, nil
	case cmd.Begin == engine.Always:
		return nil, &engine.AlreadyOpenError{Name: cmd.Name, Run: r.Run}
	}
	return r, nil
}

// byID gives an open run, or a closed one read from the store for this command
// alone.
func (s *Shard) byID(b *Batch, id engine.RunID) (*run, error) {
	if r := s.runs[id]; r != nil {
		return r, nil
	}
	if r := b.closed[id]; r != nil {
		return r, nil
	}
	var room [1 + keys.RunSize]byte
	v, err := s.handle.Get(context.Background(), keys.AppendRun(room[:0], keys.ClosedRun, id))
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(id, v)
	if err != nil {
		return nil, err
	}
	return &run{stored: *rec, place: -1}, nil
}

// handleIn runs one command of a run and takes in what it did.
func (s *Shard) handleIn(b *Batch, r *run, cmd *engine.Command) (any, error) {
	if s.sick[r.Run] {
		return nil, ErrQuarantined
	}
	s.at = r
	rules := s.Rules[r.Name.Kind]
	if rules == nil {
		return nil, fmt.Errorf("no rules for kind %q", r.Name.Kind)
	}
	if err := s.load(r, rules); err != nil {
		s.Log.Error("a run can't be read; its commands fail", "run", r.Run, "name", r.Name.Key, "cause", err)
		return nil, fmt.Errorf("%w: %w", engine.ErrUnusable, err)
	}
	in := engine.Input{Now: b.now, Up: s.up}
	fresh := r.NextEvent == 1
	if !fresh {
		in.OpenInGroup = s.groups.add(r.Group, 0) - 1
	} else {
		in.OpenInGroup = s.groups.add(cmd.Group, 1) - 1
		defer func() {
			if s.runs[r.Run] != r && b.closed[r.Run] != r { // it did not begin
				s.groups.add(cmd.Group, -1)
			}
		}()
	}
	turn, err := rules.Handle(r.state, cmd.Body, in)
	if err != nil {
		return nil, err
	}
	if fresh && len(turn.Events) == 0 {
		s.send(b, turn.Messages)
		return turn.Reply, nil
	}
	if fresh {
		r.Group = intern(cmd.Group)
		r.Name.World.Account, r.Name.World.Region = intern(r.Name.World.Account), intern(r.Name.World.Region)
		s.runs[r.Run] = r
		s.names[r.Name] = r
		s.cache.add(r)
	}
	s.take(b, r, rules, &turn)
	return turn.Reply, nil
}

// take writes a turn into the batch.
func (s *Shard) take(b *Batch, r *run, rules engine.Rules, turn *engine.Turn) {
	if len(turn.Events) == 0 && len(turn.Notes) == 0 && len(turn.Messages) == 0 {
		return
	}
	s.touch(b, r)
	r.settled = false
	if n := len(turn.Events); n > 0 {
		if turn.Events[0].ID != r.NextEvent || turn.Events[n-1].ID != r.NextEvent+int64(n)-1 {
			panic(fmt.Sprintf("run %s: events %d..%d after event %d", r.Run, turn.Events[0].ID, turn.Events[n-1].ID, r.NextEvent-1))
		}
		from := len(b.room)
		key := b.cut(keys.AppendHistory(b.room, r.Run, r.NextEvent), from)
		from = len(b.room)
		value := b.cut(appendTurn(b.room, s.seq+1, turn.Events), from)
		b.put(store.ShardSpace, key, value)
		b.events = append(b.events, runEvents{r.Run, turn.Events})
		r.NextEvent += int64(n)
		r.TailLen += len(value)
	}
	for _, note := range turn.Notes {
		from := len(b.room)
		key := b.cut(keys.AppendNote(b.room, r.Run, note.Subject, byte(note.Kind)), from)
		if len(note.Value) == 0 {
			b.delete(store.ShardSpace, key)
		} else {
			b.put(store.ShardSpace, key, note.Value)
		}
	}
	s.send(b, turn.Messages)
	if turn.Successor != nil {
		s.settle(b, r) // frees the name
		next, err := s.find(b, turn.Successor)
		if err == nil {
			_, err = s.handleIn(b, next, turn.Successor)
		}
		if err != nil {
			panic(fmt.Sprintf("run %s: successor: %v", r.Run, err))
		}
	}
}

func (s *Shard) touch(b *Batch, r *run) {
	if !r.touched {
		r.touched = true
		r.before = r.Record
		r.storedTo = r.NextEvent
		r.settled = false
		b.touched = append(b.touched, r)
		b.bytes += r.recordLen
	}
}

// fireWakes gives a Wake to the runs whose deadline has come.
func (s *Shard) fireWakes(b *Batch) {
	for n := 0; n < batchWakesMax && !b.full() && len(s.wakes) > 0 && s.wakes[0].Wake <= b.now; n++ {
		r := s.wakes[0]
		s.wakes.remove(r) // settle puts it back
		s.touch(b, r)
		next := r.NextEvent
		if _, err := s.handleIn(b, r, &engine.Command{Body: engine.Wake{}}); err != nil {
			s.Log.Error("wake refused", "run", r.Run, "name", r.Name.Key, "cause", err)
			r.stalled = b.now + ackDelay
		} else if r.NextEvent == next {
			r.stalled = b.now + 1
		}
	}
}
