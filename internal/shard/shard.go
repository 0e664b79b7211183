// Package shard runs executions: it hands commands to the rules, makes what they
// answer durable, and only then lets anybody hear of it.
//
// A Shard is a struct without a goroutine. Commands are put into its inbox; advance
// hands them to the rules, into a batch; seal ends the batch; the caller commits its
// section; Done lets the outcome out. Between seal and Done the shard evaluates
// nothing, so every answer rests on durable state. Evaluating does no I/O: what a call
// lacks (the state of a cold run, a closed run, the run that keeps a name, events and
// blobs that the rules want) is fetched by readers beside it, while the call and those
// behind it wait and others go on. A Node steps all shards of a process; tests and
// simulation step them by hand (Stepped).
//
// Steps of a command, and what holds after each:
//
//	submit    it waits in the inbox; nothing is promised
//	lacks     it waits for a fetch, and in front of all later calls for its run
//	evaluate  the rules have handled it, the state has moved, the batch holds its
//	          writes; nobody outside has seen any of it
//	seal      the batch holds all that follows from the runs' new states
//	commit    the section is in the store, whole or not at all
//	Done      offers go to matching, messages to their shards, replies to callers
//
// If the commit fails or its outcome is unknown, the shard drops all it has in
// memory, answers its waiters with the error, and reads the store anew. If rules panic
// or exceed their bounds, their run is quarantined; where the batch already holds
// something of it, the batch is taken back: nobody has heard of it, so the shard reads
// its memory anew and evaluates the same calls again, without that run.
package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Bounds of one batch and of a shard's memory.
const (
	batchCallsMax  = 1024 // commands evaluated into one batch
	batchOpsMax    = 16 << 10
	batchBytesMax  = 4 << 20 // far below the store's limit, since one turn may add much
	batchForgetMax = 64      // closed runs deleted in one batch
	snapshotLenMin = 16 << 10
	// batchWakesMax is how many deadlines fire between live commands, and wait for their states: one
	// group of fetches. With more, what shards that have much due at once have under way is cold by the
	// time that it is committed, and its memory garbage by the time that it is wanted again.
	batchWakesMax = groupMax
	// Above this many bytes a batch takes no part of a snapshot; it stays due.
	snapshotRoomMax = 8 << 20
	ackDelay        = engine.Time(1000) // how long deleting handled messages may wait for a batch
	patientDelay    = engine.Time(50)   // how long patient commands may wait for a batch
	// fetchTries is how often what a message lacks is fetched, retryDelay apart, before it
	// is parked with its run, and those behind it go on.
	fetchTries = 3
	retryDelay = engine.Time(1000)
	// heldFor is how long a shard that is given up waits to hear what became of tasks on their way to workers:
	// whoever takes it over offers those again of which nobody knows it.
	heldFor = engine.Time(250)
)

// cachedBytesDefault is what cached states weigh unless a Config says otherwise.
const cachedBytesDefault = 128 << 20

// sectionBytesMin and sectionOpsMin are what a store must take: a batch that is just
// not full, one turn more with its successor, the heads of all runs that it touched,
// and one part of a snapshot.
const (
	sectionBytesMin = 13 << 20
	sectionOpsMin   = 1 << 16
)

// ErrQuarantined is the answer to commands for a run whose rules panicked or exceeded
// their bounds.
var ErrQuarantined = fmt.Errorf("%w: its rules panicked or exceeded their bounds; it is quarantined until restart", engine.ErrUnusable)

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
	Committers   int // how many write at a time; 0: by the number of processors
	// CachedBytes is what the states of all shards may weigh that are kept in memory; a shard
	// may have its share of it in any case, so it is twice as much at most. 0:
	// cachedBytesDefault.
	CachedBytes int
	// TrackTimers keeps Node.NextTimer and NextDeadline up to date, at the cost of
	// a look at all open runs after each batch.
	TrackTimers bool
	// Blobs reads a whole blob, for rules that want it; nil: there are none.
	Blobs func(ctx context.Context, id blob.ID) ([]byte, error)
	// DataKeys are what the rules of a kind get data keys from; none, for those that want
	// none.
	DataKeys map[engine.Kind]engine.DataKeys
	// Listener may be nil, as may each of its functions.
	Listener *engine.Listener
	// Notices hears of notifications; nil: nobody wants any, and none is written.
	Notices engine.Notices
	// Kept is up to which end of their retention closed runs of a shard may be deleted, since
	// they are kept elsewhere; nil: all may be. Who lets more go tells so by Node.ForgetMore.
	Kept func(shard uint16) engine.Time
	// Stopwatch is a time that only counts. By it slow shards are told from quick ones,
	// and the Listener how long something took; nil: all are quick.
	Stopwatch func() time.Duration
	// Pause waits a while, by the Stopwatch; nil: no commit waits for others to go with it. It is for stores where
	// each commit has a cost of its own, however little it writes.
	Pause func(time.Duration)
	// Far is how the shards reach those of other nodes. Then the node begins with none of its
	// own; see Own. Nil: it has all.
	Far Far
	// Homes is how many parts the store has that may fail alone, a shard being in part shard mod
	// Homes: each has readers and committers of its own, so that nobody waits for another part
	// than his. 0: it is one.
	Homes int
	// NeededIn: names of kinds that others need are in shards that this divides, by which all
	// are in one home; it stays. 0: in any shard.
	NeededIn int
	// ReadersMax is how many fetches are under way at a time, and how many others that ask
	// for data keys; 0: readersDefault.
	ReadersMax int

	cached            *atomic.Int64                   // bytes of the states in memory
	snapshotBytes     *atomic.Int64                   // of those that are being written
	kinds             map[engine.Kind]*engine.Ruleset // the Rules
	wants, keepsNames bool                            // whether any of them does
	notifies          engine.Notify                   // how much Notices wants to hear
}

// homes is how many parts the store has.
func (c *Config) homes() int { return max(1, c.Homes) }

// route gives the shard of a name.
func (c *Config) route(n engine.Name) uint16 {
	id := runlog.Route(c.Hash, c.Shards, n)
	if rules := c.kinds[n.Kind]; c.NeededIn > 1 && rules != nil && rules.Traits.Needed {
		return runlog.InFirst(id, c.NeededIn)
	}
	return id
}

func (c *Config) cachedBytes() int {
	if c.CachedBytes == 0 {
		return cachedBytesDefault
	}
	return c.CachedBytes
}

// stopwatch reads the stopwatch, if there is one.
func (c *Config) stopwatch() time.Duration {
	if c.Stopwatch == nil {
		return 0
	}
	return c.Stopwatch()
}

// listenedSince reads the stopwatch for a listener, if one is told of batches or commits.
func (c *Config) listenedSince() time.Duration {
	if c.Listener == nil || c.Listener.BatchDone == nil && c.Listener.CommitDone == nil {
		return 0
	}
	return c.stopwatch()
}

// Shard is one writer's slice of all executions.
type Shard struct {
	*Config
	id     uint16
	peers  peers
	groups *groups
	openIn func(group string) int // for rules

	// The inbox: anybody puts something there, under mu, and kicks the shard.
	mu         sync.Mutex
	inbox      []*call
	patient    []*call // wait for a batch that has something to write
	impatient  bool    // the patient ones have waited long enough
	acks       []ack
	resend     []uint16 // shards that were taken over: send them everything again
	had        []had    // how far those outside have come
	fetched    []*fetch // have come back from the readers
	generation uint64   // the owner's epoch; zero while the shard has no memory; written under mu by the goroutine that steps, which reads it without
	stage      stage    // what its node does with it
	closed     bool     // its node has stopped
	presence   presence // whether it is here
	queued     bool     // with its committer, under that one's mu

	// The memory and what is at work: of the one goroutine that steps the shard. All of
	// the memory follows from the store, and goes with drop and takeBack.
	memory
	recovering bool                     // a fetch of the memory is under way
	taken      []*call                  // to be tried, in order; nil where one has been
	trying     *call                    // neither waits nor is in the batch yet
	awaiting   map[engine.RunID][]*call // durable commands that are answered when the run closes
	at         *run                     // the run at work: if something panics, it is the one
	sick       map[engine.RunID]bool
	slow       bool                 // the last time it evaluated took long
	steps      uint32               // of which some are timed
	due        []*run               // want a large snapshot
	takenBack  int                  // batches in a row that were taken back
	startedFor map[started][]string // whom tasks that are on their way were started for, of other nodes
	givenBy    engine.Time          // a shard that is given up waits for tasks on their way until then; zero: it has not begun to

	// The batch: open from the first call that is evaluated until seal, then under way
	// until Done. Between seal and Done nobody touches the memory.
	batch      Batch
	open       bool
	committing bool

	recent recent // has its own lock

	// Read by anybody.
	nextWake                atomic.Int64
	forgetNext              atomic.Int64
	working                 atomic.Int64 // tasks in workers' hands
	unfinished              atomic.Int64 // whether it has calls or look-ups, or a batch, that are not finished
	nextTimer, nextDeadline atomic.Int64 // of the open runs, if TrackTimers
}

// memory is what a shard has in memory of what the store holds.
type memory struct {
	handle store.Handle
	seq    uint64
	up     engine.Time
	last   engine.Time           // time of the last batch: the stamp of its section
	runs   map[engine.RunID]*run // open runs
	names  names
	filtering
	wakes    wakeQueue
	held     int // offers of tasks that are on their way to workers
	cache    cache
	forgetAt engine.Time // the first closed run to delete; zero: none
	out      map[uint16]*outQueue
	applied  map[uint16]uint64
	ackAt    engine.Time
	mended   mended
	notices  notices
	begun    begun
	lacking
	snapshots  []*snapshot           // that are not yet written whole
	forgetting *fetch                // under way
	spared     map[engine.RunID]bool // closed runs that are due and can't be deleted
}

// peers is how a shard reaches the others, and the readers.
type peers interface {
	// generation of a shard: it changes when the shard is taken over.
	generationOf(shard uint16) uint64
	deliver(m FarMessage)
	acknowledge(to uint16, a ack)
	// holds tells whether the shards do nothing by themselves; see Node.Hold.
	holds() bool
	// fetch has a fetch done, and its shard told by handIn.
	fetch(f *fetch)
	// blobs are those that were fetched lately.
	blobs() *blobCache
}

func newShard(cfg *Config, id uint16, p peers, g *groups) *Shard {
	s := &Shard{Config: cfg, id: id, peers: p, groups: g, sick: map[engine.RunID]bool{}}
	if cfg.Far != nil {
		s.presence = away
	}
	s.cache.all = cfg.cached
	s.openIn = func(group string) int { return s.groups.add(group, 0) + s.openElsewhere(group) }
	return s
}

// NextWake is when the shard next wants to be stepped without a command, but to delete
// closed runs; zero: never.
func (s *Shard) NextWake() engine.Time { return engine.Time(s.nextWake.Load()) }

// nextForget is when it wants to be stepped for that, by the confirmed time; zero: never.
func (s *Shard) nextForget() engine.Time { return engine.Time(s.forgetNext.Load()) }

// isDue tells whether the shard wants to be stepped.
func (s *Shard) isDue(now, confirmed engine.Time) bool {
	wake, forget := s.NextWake(), s.nextForget()
	return wake != 0 && wake <= now || forget != 0 && forget <= confirmed
}

// advance evaluates what has come into the open batch, or opens one. It does nothing
// while a batch is under way.
func (s *Shard) advance(now, confirmed engine.Time) {
	if s.committing || s.leaves(now, confirmed) {
		return
	}
	acks, resend, fetched, had := s.takeInbox()
	if s.handle == nil {
		s.takeOver(fetched, now)
		return
	}
	b := &s.batch
	fresh := !s.open
	if fresh {
		s.open = true
		b.reset()
		b.began = s.listenedSince()
	}
	b.now = max(now, s.last, b.now)
	b.confirmed = max(confirmed, b.confirmed)
	s.takeAcks(acks)
	s.takeHad(b, had)
	for _, to := range resend {
		s.sendAgain(to)
		if !slices.Contains(b.sent, to) { // else Done does, when what the open batch sends is durable
			s.dispatch(to)
		}
	}
	s.at = nil
	defer func() {
		if p := recover(); p != nil {
			s.takeBack(panicked(p))
		}
	}()
	s.takeFetched(b, fetched)
	if fresh && !s.dirty() {
		s.forgetDue(b)
		s.makeFilter()
	}
	s.fireWakes(b)
	s.tryAll(b)
	s.beginSnapshots(b)
	s.fetchGathered()
	s.publishUnfinished()
	s.at = nil
}

// dirty tells whether the open batch will have something to commit.
func (s *Shard) dirty() bool {
	return s.open && (len(s.batch.Section.Ops) > 0 || len(s.batch.marks) > 0)
}

// seal ends the open batch. It is nil if there is none, or if it was taken back.
func (s *Shard) seal() (b *Batch) {
	if !s.open {
		return nil
	}
	b = &s.batch
	defer func() {
		if p := recover(); p != nil {
			s.takeBack(panicked(p))
			b = nil
		}
	}()
	s.takePatient(b) // last, since what came meanwhile may spare them
	for _, r := range b.touched {
		s.settle(b, r)
	}
	s.at = nil
	s.writeSnapshots(b)
	s.writeMarks(b)
	s.flushAcks(b)
	s.writeTold(b)
	if limits := s.Store.Limits(); b.opsBytes() > limits.SectionBytes || len(b.Section.Ops) > limits.SectionOps {
		s.at = s.largest(b)
		panic(fmt.Errorf("a batch of %d operations and %d bytes is above the store's limits: a bound was missed", len(b.Section.Ops), b.opsBytes()))
	}
	if len(b.Section.Ops) > 0 {
		b.Section.Shard, b.Section.Epoch, b.Section.Seq, b.Section.Stamp = s.id, s.handle.Epoch(), s.seq+1, uint64(b.now)
	}
	s.open, s.committing = false, true
	return b
}

// Ready evaluates what waits and seals the batch; nil if there is none, or one is under
// way.
func (s *Shard) Ready(now engine.Time) *Batch {
	if s.committing {
		return nil
	}
	s.advance(now, now)
	return s.seal()
}

// Done lets a batch's outcome out: err is what the commit said, and took how long it
// took.
func (s *Shard) Done(b *Batch, err error, took time.Duration) {
	s.committing = false
	if err != nil {
		s.drop(fmt.Errorf("%w: %w", engine.ErrUnavailable, err))
		return
	}
	s.takenBack = 0
	if !b.Empty() {
		s.seq++
		s.last = b.now
	}
	for _, e := range b.events {
		if r := s.runs[e.run]; r != nil && s.kinds[r.Name.Kind].Traits.ShowsHistory {
			s.cache.weigh(r, r.weight+s.recent.add(e.run, e.events))
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
	if b.notified {
		s.Notices.Came(s.id, s.notices.Last)
	}
	for from, number := range b.marks {
		s.peers.acknowledge(from, ack{by: s.id, number: number, at: b.now})
	}
	s.tell(b, took)
	s.untouch(b)
	s.forgetLookups(b)
	for _, r := range s.cache.trim(s.CachedStates, s.cachedBytes(), s.cachedBytes()/int(s.Shards)) {
		s.recent.drop(r.Run)
	}
	s.publishUnfinished()
	s.publishWake() // callers that are answered find the deadlines as they are now
	for _, c := range b.calls {
		if c.awaits != nil {
			c.settleAwait()
		} else {
			c.finish()
		}
	}
	for _, c := range b.outcomes {
		c.finish()
	}
	b.release()
}

// tell tells the listener of a batch.
func (s *Shard) tell(b *Batch, took time.Duration) {
	l := s.Listener
	if l == nil {
		return
	}
	if l.TurnDone != nil {
		done := new(engine.TurnDone)
		for _, r := range b.touched {
			if c := r.change; c.tells {
				*done = engine.TurnDone{Identity: r.Identity, Events: c.told.events, Measures: c.told.measures, Before: &c.told.before, After: &r.Record}
				l.TurnDone(done)
			}
		}
	}
	if l.BatchDone != nil {
		now := s.listenedSince()
		l.BatchDone(&engine.BatchDone{
			Shard: s.id, Calls: len(b.calls), Ops: len(b.Section.Ops), Bytes: b.opsBytes(), Wait: now - b.began - took, Commit: took,
			States: b.states, Read: b.read, Late: b.late,
		})
	}
}

// publishUnfinished tells others whether something is under way that nobody else counts.
func (s *Shard) publishUnfinished() {
	unfinished := int64(0)
	if len(s.waiting) > 0 || s.forgetting != nil || s.dirty() {
		unfinished = 1
	}
	s.unfinished.Store(unfinished)
}

func (s *Shard) publishWake() {
	next, held := earlier(earlier(s.ackAt, s.retryAt), s.notices.due), s.peers.holds()
	if held {
		s.forgetNext.Store(0)
	} else {
		s.forgetNext.Store(int64(s.forgetWake()))
	}
	if len(s.wakes) > 0 && s.wakesWaiting < batchWakesMax && !held {
		next = earlier(next, s.wakes[0].Wake)
	}
	if len(s.snapshots) > 0 {
		next = earlier(next, max(s.last, 1))
	}
	s.nextWake.Store(int64(next))
	if !s.TrackTimers {
		return
	}
	var timer, deadline engine.Time
	for _, r := range s.runs {
		timer = earlier(timer, r.Timer)
	}
	if len(s.wakes) > 0 {
		deadline = s.wakes[0].Wake
	}
	s.nextTimer.Store(int64(timer))
	s.nextDeadline.Store(int64(deadline))
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b engine.Time) engine.Time {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// drop forgets everything in memory, because the store may say otherwise, and
// answers all who wait. The next advance begins to read the store anew.
func (s *Shard) drop(why error) {
	s.Log.Error("shard dropped its memory", "shard", s.id, "cause", why)
	s.answerAll(why)
	if l := s.Listener; l != nil && l.Dropped != nil {
		l.Dropped(s.id, why)
	}
}

// answerAll forgets everything in memory and answers all who wait.
func (s *Shard) answerAll(why error) {
	waiting := slices.Clone(s.batch.outcomes)
	for _, c := range s.batch.calls {
		if c.awaits == nil { // else it is among those that follow, or among the outcomes
			waiting = append(waiting, c)
		}
	}
	for _, calls := range s.awaiting {
		waiting = append(waiting, calls...)
	}
	s.awaiting = nil
	waiting = append(waiting, s.forget()...)
	s.mu.Lock()
	waiting = slices.Concat(waiting, s.inbox, s.patient)
	s.inbox, s.patient = nil, nil
	s.mu.Unlock()
	for _, c := range waiting {
		c.reply, c.err = nil, why
		c.finish()
	}
	s.batch.release()
}

// forget empties the memory, and gives the calls that were not yet evaluated.
func (s *Shard) forget() (waiting []*call) {
	s.mu.Lock()
	s.generation = 0
	s.acks, s.resend, s.fetched, s.had, s.startedFor = nil, nil, nil, nil, nil
	s.mu.Unlock()
	if s.Notices != nil {
		s.Notices.Lost(s.id)
	}
	for _, r := range s.runs {
		s.groups.add(r.Group, -1)
	}
	waiting = s.waiting
	if s.trying != nil {
		waiting = append(waiting, s.trying)
	}
	for _, c := range s.taken {
		if c != nil {
			waiting = append(waiting, c)
		}
	}
	s.taken, s.trying, s.due = s.taken[:0], nil, nil
	s.cache.clear()
	for len(s.snapshots) > 0 {
		s.dropSnapshot(0)
	}
	s.memory = memory{cache: s.cache}
	s.recent.dropAll()
	s.working.Store(0)
	s.unfinished.Store(0)
	s.nextWake.Store(0)
	s.forgetNext.Store(0)
	s.open = false
	s.Offers.WithdrawShard(s.id)
	return waiting
}

// errTakenBack is the answer to calls whose batch could not be finished, and nobody
// knows the run at fault.
var errTakenBack = errors.New("the shard can't finish a batch")

// takeBack forgets a batch that can't be finished: the rules of a run panicked, or made
// too much. Nothing of it was written or heard of, so all its calls are evaluated again,
// by a memory that is read anew; the run at fault takes no more commands.
func (s *Shard) takeBack(why error) {
	r := s.at
	known := r != nil && !s.sick[r.Run]
	if known {
		s.quarantine(r.Identity, why)
	} else {
		s.Log.Error("a batch is taken back", "shard", s.id, "cause", why, "stack", stackOf(why))
	}
	if s.takenBack++; !known && s.takenBack > 1 {
		s.drop(fmt.Errorf("%w: %w: %w", engine.ErrUnavailable, errTakenBack, why))
		return
	}
	b := &s.batch
	for _, c := range b.outcomes { // the runs that they await did not close
		c.reply, c.err = nil, nil
		switch {
		case c.cmd.Await:
			s.awaitAgain(c, c.awaits)
		case !c.awaits.fresh: // its caller has gone
			c.finish()
		}
	}
	var again []*call
	for _, c := range slices.Concat(b.calls, s.forget()) {
		if c.awaits != nil && c.awaits.fresh {
			s.leave(c)
		}
		if c.comesAgain() || cantTake(c.err) { // what can't take it was told out of turn
			c.finish()
			continue
		}
		c.reply, c.err, c.given = nil, nil, nil
		again = append(again, c)
	}
	b.release()
	s.putBack(again)
	for id := range s.sick {
		for _, c := range s.takeAwaiting(id) {
			c.reply, c.err = nil, ErrQuarantined
			c.finish()
		}
	}
}

// largest is the run that has most in a batch.
func (s *Shard) largest(b *Batch) (largest *run) {
	most := 0
	for _, r := range b.touched {
		n := 0
		for i := range b.Section.Ops {
			if op := &b.Section.Ops[i]; op.Space == store.ShardSpace && len(op.Key) > keys.RunSize && engine.RunID(keys.Run(op.Key)) == r.Run {
				n += len(op.Value)
			}
		}
		if n >= most {
			largest, most = r, n
		}
	}
	return largest
}

// quarantine has a run take no more commands until the process ends.
func (s *Shard) quarantine(id engine.Identity, why error) {
	s.sick[id.Run] = true
	s.Log.Error("a run is quarantined", "shard", s.id, "run", id.Run, "kind", id.Name.Kind, "name", id.Name.Key, "cause", why, "stack", stackOf(why))
	if l := s.Listener; l != nil && l.Quarantined != nil {
		l.Quarantined(id, why)
	}
}
