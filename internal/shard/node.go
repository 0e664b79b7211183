package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
)

// Clock tells the time. It never goes backwards.
type Clock interface {
	Now() engine.Time
	// Confirmed is a time that nobody doubts, no later than what Now last said: by it
	// closed runs are deleted, which nobody can take back. It never goes backwards either.
	Confirmed() engine.Time
}

// readersDefault is how many fetches are under way at a time unless said otherwise.
const readersDefault = 32

// movesMax is how many shards are taken over and given up at a time, where others have some.
const movesMax = 8

// Node runs all shards of a process. A shard that is kicked is stepped by a goroutine,
// shards beside each other; committers write what was evaluated in groups, while others
// are evaluated; readers fetch. A shard is stepped by one goroutine at a time.
type Node struct {
	cfg    *Config
	clock  Clock
	shards []*Shard
	groups *groups
	cached blobCache
	runlog.Reader

	// What a kick and a fetch set off: goroutines, or entries in the lists of a Stepped.
	kick  func(*Shard)
	start func(*fetch)

	committers  []*committer
	lanes       []lane        // by home
	slow        chan struct{} // holds one for each slow shard that evaluates
	steppers    steppers
	work        work
	stopped     atomic.Bool
	held        atomic.Bool
	stopReaders context.CancelFunc

	wakeMoved chan struct{} // has an element when NextWake may be earlier
	patientAt atomic.Int64  // when patient commands must go; zero: none wait
	pending   pending       // commands and messages that are not finished
}

// OpenNode takes over every shard of the store and steps them from then on.
func OpenNode(ctx context.Context, cfg Config, clock Clock) (*Node, error) {
	processors := runtime.GOMAXPROCS(0)
	n, err := newNode(&cfg, clock)
	if err != nil {
		return nil, err
	}
	reading, stop := context.WithCancel(context.Background())
	n.stopReaders = stop
	most := cfg.ReadersMax
	if most == 0 {
		most = readersDefault
	}
	spare := max(1, processors-1) // one is left to what is quick
	moves := spare
	if cfg.Far != nil || cfg.homes() > 1 {
		moves = movesMax // which wait for the store more than they compute
	}
	n.lanes = make([]lane, cfg.homes())
	for i := range n.lanes {
		n.lanes[i].begin(reading, &n.work, most, spare, moves)
	}
	n.steppers = steppers{node: n, work: &n.work}
	n.slow = make(chan struct{}, spare)
	n.kick, n.start = n.kickStep, n.startFetch
	for range cfg.homes() * cmp.Or(cfg.Committers, committersFor(processors)) {
		n.committers = append(n.committers, &committer{node: n})
	}
	if cfg.Far != nil {
		return n, nil
	}
	if err := n.recoverShards(ctx, processors); err != nil {
		stop()
		for _, s := range n.shards {
			if s.handle != nil {
				err = errors.Join(err, s.handle.Release(ctx))
			}
		}
		return nil, err
	}
	n.kickRecovered()
	return n, nil
}

func newNode(cfg *Config, clock Clock) (*Node, error) {
	if cfg.Shards == 0 {
		return nil, errors.New("open node: no shards")
	}
	if l := cfg.Store.Limits(); l.SectionBytes < sectionBytesMin || l.SectionOps < sectionOpsMin {
		return nil, fmt.Errorf("open node: the store takes sections of %d bytes and %d operations, and must take %d and %d",
			l.SectionBytes, l.SectionOps, sectionBytesMin, sectionOpsMin)
	}
	n := &Node{
		cfg: cfg, clock: clock,
		groups:    &groups{open: map[string]int{}},
		Reader:    runlog.NewReader(cfg.Store, cfg.Shards),
		wakeMoved: make(chan struct{}, 1),
		pending:   pending{none: make(chan struct{}, 1)},
	}
	if cfg.Notices != nil {
		cfg.notifies = cfg.Notices.Notify()
	}
	cfg.kinds, cfg.cached, cfg.snapshotBytes = engine.Rulesets(cfg.Rules), new(atomic.Int64), new(atomic.Int64)
	for _, rules := range cfg.kinds {
		cfg.wants = cfg.wants || rules.Wanting()
		cfg.keepsNames = cfg.keepsNames || rules.Traits.KeepsNames
	}
	for id := range cfg.Shards {
		n.shards = append(n.shards, newShard(cfg, id, n, n.groups))
	}
	return n, nil
}

// recoverShards reads the memory of all shards. A crew of one does it in this goroutine,
// in their order.
func (n *Node) recoverShards(ctx context.Context, crew int) error {
	failed := make([]error, len(n.shards))
	inParallel(crew, len(n.shards), func(i int) {
		m, err := readMemory(ctx, n.cfg.Store, uint16(i), n.cfg.Shards)
		if errors.Is(err, store.ErrAway) { // it is tried again, as after any failure
			n.shards[i].nextWake.Store(int64(n.clock.Now() + retryDelay))
			return
		}
		if err != nil {
			failed[i] = fmt.Errorf("take over shard %d: %w", i, err)
			return
		}
		n.shards[i].install(m, n.clock.Now())
	})
	return errors.Join(failed...)
}

// kickRecovered kicks the shards that have something to do: messages to send again, or
// that were parked.
func (n *Node) kickRecovered() {
	for _, s := range n.shards {
		s.mu.Lock()
		begin := len(s.resend) > 0 || len(s.inbox) > 0
		s.mu.Unlock()
		if begin {
			n.kick(s)
		}
	}
}

// inParallel calls do with 0 to n-1, so many at a time as the crew.
func inParallel(crew, n int, do func(i int)) {
	if crew = min(crew, n); crew <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int32
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	var others sync.WaitGroup
	for range crew - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}

// Stop ends the node: it finishes what has been submitted, answers ErrUnavailable to
// what comes later and to those who await a run's close, and releases the shards. If ctx
// ends first, it answers that to what is unfinished too. A second call does nothing.
func (n *Node) Stop(ctx context.Context) error {
	if n.stopped.Swap(true) {
		return nil
	}
	var err error
	for n.Hurry(); n.pending.n.Load() != 0 && err == nil; {
		select {
		case <-n.pending.none:
		case <-ctx.Done():
			err = fmt.Errorf("stop shards with %d commands unfinished: %w", n.pending.n.Load(), ctx.Err())
		}
	}
	n.flushHad()
	n.stopReaders()
	n.steppers.stop()
	n.work.stop()
	for _, s := range n.shards {
		handle := s.handle
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.answerAll(errStopped)
		if handle == nil {
			continue
		}
		// One that is away has the membership expire, and with it what it held.
		if released := handle.Release(ctx); released != nil && err == nil && !errors.Is(released, store.ErrAway) {
			err = fmt.Errorf("release shard %d: %w", s.id, released)
		}
	}
	return err
}

// Do gives a command to its run and returns the reply once it is durable. If ctx
// ends first, the command may still take effect.
func (n *Node) Do(ctx context.Context, cmd engine.Command) (any, error) {
	c := &call{cmd: cmd, done: make(chan struct{})}
	n.submit(c)
	select {
	case <-c.done:
		return c.reply, c.err
	case <-ctx.Done():
		if cmd.Await { // nobody may be left waiting for a run that never closes
			n.letGo(c, &cmd)
		}
		return nil, ctx.Err()
	}
}

// letGo says that nobody waits any more for a call that awaits a close.
func (n *Node) letGo(c *call, cmd *engine.Command) {
	n.submit(&call{cmd: engine.Command{Name: cmd.Name, Run: cmd.Run}, leaves: c})
}

// Give is Do for another node (see Undelivered) that does not wait: the outcome is told once it is
// durable, by whoever steps the shard, which must not wait for anything of the Node then. Stop says
// that nobody waits for it any more. An error: nothing was done, and nothing is told.
func (n *Node) Give(member string, cmd engine.Command, then func(reply any, err error)) (stop func(), err error) {
	c := &call{cmd: cmd, member: member, then: then}
	if err := n.accept(c); err != nil {
		return nil, err
	}
	if !cmd.Await {
		return func() {}, nil
	}
	return func() { n.letGo(c, &cmd) }, nil
}

// Cast gives a command to its run; nobody hears of the outcome.
func (n *Node) Cast(cmd engine.Command) {
	n.submit(&call{cmd: cmd})
}

// ShardOf is the shard of a command's run. It need not be there.
func (n *Node) ShardOf(cmd *engine.Command) uint16 {
	if cmd.Run.IsZero() {
		return n.cfg.route(cmd.Name)
	}
	return cmd.Run.Shard()
}

func (n *Node) submit(c *call) {
	if err := n.accept(c); err != nil {
		c.err = err
		c.finish()
	}
}

// accept has the shard of a call take it. An error: it does not.
func (n *Node) accept(c *call) error {
	id := n.ShardOf(&c.cmd)
	if int(id) >= len(n.shards) { // a run id that this store never made
		return &engine.UnknownRunError{Name: c.cmd.Name, Run: c.cmd.Run}
	}
	n.pending.add(1) // and then look: Stop waits for the call, or the call hears of Stop
	c.pending = &n.pending
	err := errStopped
	if !n.stopped.Load() {
		err = n.put(n.shards[id], c)
	}
	if err != nil {
		c.pending = nil
		n.pending.add(-1)
	}
	return err
}

// errStopped is the answer to commands that come too late.
var errStopped = fmt.Errorf("%w: the server stops", engine.ErrUnavailable)

func (n *Node) put(s *Shard, c *call) error {
	patient := c.cmd.Patient // the call is its shard's from here on
	if err := s.submit(c); err != nil {
		return err
	}
	if !patient || s.isGiven() {
		n.kick(s)
	} else if n.stopped.Load() {
		n.Hurry()
	} else if n.patientAt.Load() == 0 && n.patientAt.CompareAndSwap(0, int64(n.clock.Now()+patientDelay)) {
		n.moveWake()
	}
	return nil
}

// Hurry lets all patient commands go.
func (n *Node) Hurry() {
	n.patientAt.Store(0) // first: a call that comes while we look sets it again
	for _, s := range n.shards {
		if s.hurry() {
			n.kick(s)
		}
	}
}

// moveWake tells that NextWake may have become earlier.
func (n *Node) moveWake() {
	select {
	case n.wakeMoved <- struct{}{}:
	default:
	}
}

// Working is how many tasks are in workers' hands.
func (n *Node) Working() (working int64) {
	for _, s := range n.shards {
		working += s.working.Load()
	}
	return working
}

// Quiet tells whether no command or message waits, and nothing that was begun is unfinished.
func (n *Node) Quiet() bool { return n.pending.n.Load() == 0 && !n.Unfinished() }

// Unfinished tells whether a shard has begun something that it has not finished: it
// fetches, or what it evaluated is not yet durable.
func (n *Node) Unfinished() bool {
	for _, s := range n.shards {
		if s.unfinished.Load() != 0 {
			return true
		}
	}
	return false
}

// NextTimer is the earliest moment that a user of any open run waits for, if
// Config.TrackTimers; zero: none.
func (n *Node) NextTimer() engine.Time {
	return n.earliest(func(s *Shard) engine.Time { return engine.Time(s.nextTimer.Load()) })
}

// NextDeadline is the earliest deadline of any open run, if Config.TrackTimers;
// zero: none. Unlike NextWake it leaves retention out.
func (n *Node) NextDeadline() engine.Time {
	return n.earliest(func(s *Shard) engine.Time { return engine.Time(s.nextDeadline.Load()) })
}

func (n *Node) earliest(of func(*Shard) engine.Time) (next engine.Time) {
	for _, s := range n.shards {
		next = earlier(next, of(s))
	}
	return next
}

// View gives what is known of a run, without a command and without its state.
func (n *Node) View(ctx context.Context, name engine.Name, run engine.RunID) (*engine.RunView, error) {
	reply, err := n.Do(ctx, engine.Command{Name: name, Run: run, Body: engine.Peek{}})
	if err != nil {
		return nil, err
	}
	return reply.(*engine.RunView), nil
}

// AppendEvents appends the events first..last of a run as the wire carries them,
// comma between, to an empty b; last first if reverse. The caller learned last from the
// run, so that all of them are durable.
func (n *Node) AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	if !reverse && int(run.Shard()) < len(n.shards) {
		if b, ok := n.shards[run.Shard()].recent.append(b, run, first, last); ok {
			return b, nil
		}
	}
	return n.Reader.AppendEvents(ctx, b, run, first, last, reverse)
}

// RecentEvents are the events of a run from the first up to one, as the wire carries them, if it is short
// and they are in memory here.
func (n *Node) RecentEvents(run engine.RunID, last int64) ([]byte, bool) {
	if int(run.Shard()) >= len(n.shards) {
		return nil, false
	}
	return n.shards[run.Shard()].recent.append(nil, run, 1, last)
}

// AppendPage is AppendEvents of as many events as most bytes have room for, but of one at
// least. It tells how many.
func (n *Node) AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error) {
	if !reverse && int(run.Shard()) < len(n.shards) && most >= recentLenMax {
		if b, ok := n.shards[run.Shard()].recent.append(b, run, first, last); ok {
			return b, last + 1 - first, nil
		}
	}
	return n.Reader.AppendPage(ctx, b, run, first, last, reverse, most)
}

// LastTime is the latest time that a store has seen; zero: nothing was written yet. No
// node may have it open.
func LastTime(ctx context.Context, st store.Store, shards uint16) (last engine.Time, err error) {
	for id := range shards {
		handle, err := st.Acquire(ctx, id)
		if err != nil {
			return 0, err
		}
		last = max(last, engine.Time(handle.Stamp()))
		if err := handle.Release(ctx); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// NextWake is when the node next wants Advance; zero: never.
func (n *Node) NextWake() engine.Time {
	next := earlier(n.earliest((*Shard).NextWake), engine.Time(n.patientAt.Load()))
	if forget := n.earliest((*Shard).nextForget); forget != 0 {
		now := n.clock.Now()
		next = earlier(next, forget+now-n.clock.Confirmed()) // which goes on as Now does
	}
	return next
}

// WakeMoved receives when NextWake may have become earlier.
func (n *Node) WakeMoved() <-chan struct{} { return n.wakeMoved }

// Advance steps the shards whose time has come.
func (n *Node) Advance() {
	now := n.clock.Now()
	confirmed := n.clock.Confirmed()
	if at := engine.Time(n.patientAt.Load()); at != 0 && at <= now {
		n.Hurry()
	}
	for _, s := range n.shards {
		if s.isDue(now, confirmed) {
			n.kick(s)
		}
	}
}

// Hold has the shards do nothing by themselves: no deadline is handled, and no closed run
// deleted, until they are let go. Commands and messages are handled as ever.
func (n *Node) Hold(hold bool) {
	if n.held.Swap(hold) != hold && !hold {
		for _, s := range n.shards {
			n.kick(s)
		}
	}
}

func (n *Node) holds() bool { return n.held.Load() }

// generationOf, deliver, acknowledge, fetch and blobs connect the shards of one process.
func (n *Node) generationOf(shard uint16) uint64 {
	generation := n.shards[shard].generationNow()
	if generation == 0 && n.cfg.Far != nil {
		return n.cfg.Far.Epoch(shard)
	}
	return generation
}

func (n *Node) deliver(m FarMessage) {
	if n.cfg.Far != nil && n.shards[m.To].generationNow() == 0 { // it may be here soon, or another node's all the same
		n.cfg.Far.Deliver(m)
		return
	}
	n.Receive(m)
}

func (n *Node) acknowledge(to uint16, a ack) {
	if !n.acknowledgeHere(n.shards[to], a) && n.cfg.Far != nil {
		n.cfg.Far.Acknowledge(FarAck{To: to, By: a.by, Number: a.number})
	}
}

// acknowledgeHere tells a shard that is here, and whether it is.
func (n *Node) acknowledgeHere(s *Shard, a ack) bool {
	s.mu.Lock()
	isHere := n.cfg.Far == nil || s.generation != 0
	if isHere {
		s.acks = append(s.acks, a)
	}
	first := len(s.acks) == 1
	s.mu.Unlock()
	if isHere && first { // it learns when to delete the rows
		n.kick(s)
	}
	return isHere
}

func (n *Node) fetch(f *fetch)    { n.start(f) }
func (n *Node) blobs() *blobCache { return &n.cached }

// advance evaluates what has come to a shard. A shard that has read its memory anew has
// the others send it again what they sent.
func (n *Node) advance(s *Shard) {
	lost := s.handle == nil
	before := s.NextWake()
	now := n.clock.Now()
	s.advance(now, n.clock.Confirmed())
	if lost && s.handle != nil {
		for _, peer := range n.shards {
			peer.mu.Lock()
			peer.resend = append(peer.resend, s.id)
			peer.mu.Unlock()
			n.kick(peer)
		}
		n.kick(s)
	}
	n.wakeEarlier(s, before)
	n.revive(s)
}

func (n *Node) seal(s *Shard) *Batch {
	b := s.seal()
	n.revive(s)
	return b
}

// revive has a shard that has forgotten its memory read it again. One that could not
// waits for its time, or a command.
func (n *Node) revive(s *Shard) {
	if s.handle == nil && !s.recovering && !s.hasLeft() && s.NextWake() <= n.clock.Now() {
		n.kick(s)
	}
}

// done lets a batch out, and has the shard go on if it has more to do.
func (n *Node) done(s *Shard, b *Batch, err error, took time.Duration) {
	before := s.NextWake()
	now, confirmed := b.now, b.confirmed // which a batch that is over no longer tells
	s.Done(b, err, took)
	n.wakeEarlier(s, before)
	s.mu.Lock()
	more := len(s.inbox) > 0 || s.presence > here
	s.mu.Unlock()
	if more || s.isDue(now, confirmed) {
		n.kick(s)
	}
	n.revive(s)
}

func (n *Node) wakeEarlier(s *Shard, before engine.Time) {
	if w := s.NextWake(); w != 0 && (before == 0 || w < before) {
		n.moveWake()
	}
}

// groups counts open runs by quota group.
type groups struct {
	mu   sync.Mutex // guards open
	open map[string]int
}

// add changes a group's count and gives the new one.
func (g *groups) add(group string, n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[group] += n
	v := g.open[group]
	if v == 0 {
		delete(g.open, group)
	}
	return v
}

// Open tells of each quota group how many of its runs are open.
func (n *Node) Open() map[string]int {
	n.groups.mu.Lock()
	defer n.groups.mu.Unlock()
	return maps.Clone(n.groups.open)
}

// Waiting is how many commands and messages wait to be evaluated: of all shards, and of
// the one that has most.
func (n *Node) Waiting() (all, most int) {
	for _, s := range n.shards {
		s.mu.Lock()
		waiting := len(s.inbox) + len(s.patient)
		s.mu.Unlock()
		all, most = all+waiting, max(most, waiting)
	}
	return all, most
}
