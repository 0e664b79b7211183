package shard

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"heddle/internal/engine"
	"heddle/internal/store"
)

// Clock tells the time. It never goes backwards.
type Clock interface {
	Now() engine.Time
}

// Node runs all shards of a process by a few loops, each of which steps its own
// shards: evaluate what waits in all of them, commit it as one write, let it out.
type Node struct {
	cfg    *Config
	clock  Clock
	shards []*Shard
	loops  []*loop
	groups *groups
	done   sync.WaitGroup

	lastTime  engine.Time
	wakeMoved chan struct{}
	patientAt atomic.Int64 // when patient commands must go; zero: none wait
	pending   atomic.Int64 // commands and messages that are not finished
}

// OpenNode takes over every shard of the store and starts the loops.
func OpenNode(ctx context.Context, cfg Config, clock Clock) (*Node, error) {
	processors := runtime.GOMAXPROCS(0)
	n, err := newNode(ctx, cfg, clock, loopsFor(processors), processors)
	if err != nil {
		return nil, err
	}
	for _, l := range n.loops {
		n.done.Go(l.run)
	}
	return n, nil
}

// newNode takes over every shard of the store, so many at a time as the crew.
// Nobody runs its loops yet; those with something to do are kicked.
func newNode(ctx context.Context, cfg Config, clock Clock, loops, crew int) (*Node, error) {
	if cfg.Shards == 0 {
		return nil, errors.New("open node: no shards")
	}
	n := &Node{
		cfg: &cfg, clock: clock,
		groups:    &groups{open: map[string]int{}},
		wakeMoved: make(chan struct{}, 1),
	}
	for range min(loops, int(cfg.Shards)) {
		l := &loop{node: n}
		l.wait.L = &l.mu
		n.loops = append(n.loops, l)
	}
	for id := range cfg.Shards {
		s := newShard(n.cfg, id, n, n.groups)
		s.loop = n.loops[int(id)%len(n.loops)]
		n.shards = append(n.shards, s)
	}
	if err := n.recoverShards(ctx, crew); err != nil {
		return nil, err
	}
	for _, s := range n.shards {
		n.lastTime = max(n.lastTime, s.up)
	}
	for _, s := range n.shards {
		if len(s.resend) > 0 || len(s.inbox) > 0 { // messages to send again, or that were parked
			s.loop.kick(s)
		}
	}
	return n, nil
}

// recoverShards recovers all shards. A crew of one does it in this goroutine, in
// their order.
func (n *Node) recoverShards(ctx context.Context, crew int) error {
	var next atomic.Int32
	failed := make([]error, len(n.shards))
	work := func() {
		for i := next.Add(1) - 1; int(i) < len(n.shards); i = next.Add(1) - 1 {
			failed[i] = n.shards[i].recover(ctx, n.clock.Now())
			if failed[i] != nil {
				return
			}
		}
	}
	var others sync.WaitGroup
	for range crew - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return firstError(failed...)
}

// loopsFor tells how many loops serve so many processors. Few loops make large
// groups: fewer syncs, and less work for each command. A loop is seldom what
// limits a node.
func loopsFor(processors int) int { return max(1, processors/4) }

// Close stops the loops once they have finished what they hold. Commands that
// come later wait for ever, so callers stop first.
func (n *Node) Close() {
	n.hurry()
	for _, l := range n.loops {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.wait.Broadcast()
	}
	n.done.Wait()
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
		return nil, ctx.Err()
	}
}

// Cast gives a command to its run; nobody hears of the outcome.
func (n *Node) Cast(cmd engine.Command) {
	n.submit(&call{cmd: cmd})
}

func (n *Node) submit(c *call) {
	id := c.cmd.Run.Shard()
	if c.cmd.Run.IsZero() {
		id = Route(n.cfg.Hash, n.cfg.Shards, c.cmd.Name)
	}
	if int(id) >= len(n.shards) { // a run id that this store never made
		c.err = &engine.UnknownRunError{Name: c.cmd.Name, Run: c.cmd.Run}
		c.finish()
		return
	}
	n.put(n.shards[id], c)
}

func (n *Node) put(s *Shard, c *call) {
	c.pending = &n.pending
	n.pending.Add(1)
	s.submit(c)
	if !c.cmd.Patient {
		s.loop.kick(s)
	} else if n.patientAt.Load() == 0 && n.patientAt.CompareAndSwap(0, int64(n.clock.Now()+patientDelay)) {
		n.moveWake()
	}
}

// hurry lets all patient commands go.
func (n *Node) hurry() {
	n.patientAt.Store(0) // first: who comes while we look sets it again
	for _, s := range n.shards {
		if s.hurry() {
			s.loop.kick(s)
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

// Idle tells whether no command or message waits, and no task is in a worker's
// hands.
func (n *Node) Idle() bool {
	working := int64(0)
	for _, s := range n.shards {
		working += s.working.Load()
	}
	return working == 0 && n.pending.Load() == 0
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

func (n *Node) earliest(of func(*Shard) engine.Time) engine.Time {
	var next engine.Time
	for _, s := range n.shards {
		if t := of(s); t != 0 && (next == 0 || t < next) {
			next = t
		}
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
	h, err := n.handleOf(run)
	if err != nil {
		return b, err
	}
	if !reverse {
		if b, ok := n.shards[run.Shard()].recent.append(b, run, first, last); ok {
			return b, nil
		}
	}
	return appendEvents(ctx, h, b, run, first, last, reverse)
}

// Stored reads a run's record past the shard: it may be of a batch that is not
// yet durable, so the caller passes the index's Barrier before he answers.
// Errors: store.ErrNotFound.
func (n *Node) Stored(ctx context.Context, run engine.RunID) (*engine.RunView, error) {
	h, err := n.handleOf(run)
	if err != nil {
		return nil, err
	}
	rec, err := readStored(ctx, h, run)
	if err != nil {
		return nil, err
	}
	return rec.view(), nil
}

func (n *Node) handleOf(run engine.RunID) (store.Handle, error) {
	if int(run.Shard()) >= len(n.shards) {
		return nil, store.ErrNotFound
	}
	s := n.shards[run.Shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return nil, engine.ErrUnavailable
	}
	return s.handle, nil
}

// LastTime is the latest time that the store had seen when it was opened.
func (n *Node) LastTime() engine.Time { return n.lastTime }

// NextWake is when the node next wants Advance; zero: never.
func (n *Node) NextWake() engine.Time {
	next := n.earliest((*Shard).NextWake)
	if at := engine.Time(n.patientAt.Load()); at != 0 && (next == 0 || at < next) {
		return at
	}
	return next
}

// WakeMoved receives when NextWake may have become earlier.
func (n *Node) WakeMoved() <-chan struct{} { return n.wakeMoved }

// Advance steps the shards whose time has come.
func (n *Node) Advance() {
	now := n.clock.Now()
	if at := engine.Time(n.patientAt.Load()); at != 0 && at <= now {
		n.hurry()
	}
	for _, s := range n.shards {
		if w := s.NextWake(); w != 0 && w <= now {
			s.loop.kick(s)
		}
	}
}

// generationOf, deliver and acknowledge connect the shards of one process.
func (n *Node) generationOf(shard uint16) uint64 {
	s := n.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

func (n *Node) deliver(to uint16, c *call) { n.put(n.shards[to], c) }

func (n *Node) acknowledge(to uint16, a ack) {
	s := n.shards[to]
	s.mu.Lock()
	s.acks = append(s.acks, a)
	first := len(s.acks) == 1
	s.mu.Unlock()
	if first { // it learns when to delete the rows
		s.loop.kick(s)
	}
}

// recoverEvery is how long a shard that can't be recovered waits for the next try.
const recoverEvery = engine.Time(1000)

// takeOver recovers a shard that dropped its memory, and has the others send it
// again what they sent.
func (n *Node) takeOver(s *Shard) {
	if err := s.recover(context.Background(), n.clock.Now()); err != nil {
		// The next command tries again, or the alarm after recoverEvery.
		n.cfg.Log.Error("recover shard; its commands fail until it succeeds", "shard", s.id, "cause", err)
		s.drop(fmt.Errorf("%w: %w", engine.ErrUnavailable, err))
		s.nextWake.Store(int64(n.clock.Now() + recoverEvery))
		return
	}
	for _, peer := range n.shards {
		peer.mu.Lock()
		peer.resend = append(peer.resend, s.id)
		peer.mu.Unlock()
		peer.loop.kick(peer)
	}
	s.loop.kick(s)
}

// loop steps the shards that were kicked, one pass after the other.
type loop struct {
	node   *Node
	mu     sync.Mutex
	wait   sync.Cond
	kicked []*Shard
	work   []*Shard
	closed bool
}

func (l *loop) kick(s *Shard) {
	l.mu.Lock()
	if s.kicked {
		l.mu.Unlock()
		return
	}
	s.kicked = true
	l.kicked = append(l.kicked, s)
	l.mu.Unlock()
	l.wait.Signal()
}

func (l *loop) run() {
	var sections []store.Section
	var batches []*Batch
	var owners []*Shard
	for {
		l.mu.Lock()
		for len(l.kicked) == 0 && !l.closed {
			l.wait.Wait()
		}
		if len(l.kicked) == 0 {
			l.mu.Unlock()
			return
		}
		// Handlers that are about to submit get to it, and share the sync.
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
		l.work, l.kicked = l.kicked, l.work[:0]
		for _, s := range l.work {
			s.kicked = false
		}
		l.mu.Unlock()

		sections, batches, owners = sections[:0], batches[:0], owners[:0]
		now := l.node.clock.Now()
		for _, s := range l.work {
			b := s.Ready(now)
			switch {
			case b == nil:
				if s.handle == nil {
					l.node.takeOver(s)
				}
			case b.Empty():
				l.finish(s, b, nil)
			default:
				sections = append(sections, b.Section)
				batches = append(batches, b)
				owners = append(owners, s)
			}
		}
		if len(sections) == 0 {
			continue
		}
		errs := l.node.cfg.Store.Commit(context.Background(), sections)
		for i, s := range owners {
			l.finish(s, batches[i], errs[i])
		}
	}
}

func (l *loop) finish(s *Shard, b *Batch, err error) {
	before := s.NextWake()
	s.Done(b, err)
	if s.handle == nil {
		l.node.takeOver(s)
		return
	}
	if w := s.NextWake(); w != 0 && (before == 0 || w < before) {
		l.node.moveWake()
	}
	s.mu.Lock()
	more := len(s.inbox) > 0
	s.mu.Unlock()
	if more || s.NextWake() != 0 && s.NextWake() <= b.now {
		l.kick(s)
	}
}

// groups counts open runs by quota group.
type groups struct {
	mu   sync.Mutex
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
