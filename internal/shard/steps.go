package shard

import (
	"context"
	"runtime"
	"sync"
	"time"

	"heddle/internal/store"
)

// stage is where a shard stands with its node; under the shard's mu.
type stage struct {
	kicked   bool // it has something to do, as far as anybody knows
	stepping bool // a goroutine evaluates
	writing  bool // its committer has its batch
}

// kickStep has a shard stepped, now or as soon as its batch is through.
func (n *Node) kickStep(s *Shard) {
	s.mu.Lock()
	s.stage.kicked = true
	begin := !s.stage.stepping && !s.stage.writing
	if begin {
		s.stage.stepping = true
	}
	s.mu.Unlock()
	if begin {
		n.steppers.step(s)
	}
}

// steppers are goroutines that step shards. There are as many as shards are stepped at
// a time; some rest when there is nothing to do, since a new goroutine costs more.
type steppers struct {
	node    *Node
	work    *work
	mu      sync.Mutex // guards idle and stopped
	idle    []chan *Shard
	stopped bool
}

// steppersIdleMax bounds the goroutines that rest.
const steppersIdleMax = 16

func (p *steppers) step(s *Shard) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		next := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		next <- s
		return
	}
	p.mu.Unlock()
	if p.work.begin() {
		go p.run(s)
	}
}

func (p *steppers) run(s *Shard) {
	defer p.work.end()
	next := make(chan *Shard, 1)
	for s != nil {
		p.node.step(s)
		p.mu.Lock()
		if p.stopped || len(p.idle) == steppersIdleMax {
			p.mu.Unlock()
			return
		}
		p.idle = append(p.idle, next)
		p.mu.Unlock()
		s = <-next
	}
}

// stop ends those that rest, and the others when they are done.
func (p *steppers) stop() {
	p.mu.Lock()
	p.stopped = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, next := range idle {
		next <- nil
	}
}

// slowStep is how long a shard may evaluate at a time, and still count as quick.
const slowStep = 2 * time.Millisecond

// slowSample is how many steps a quick shard makes for each that is timed.
const slowSample = 4

// step evaluates what comes to a shard until there is no more, and hands the batch to
// its committer. A batch that stays open meanwhile takes in what comes later. Shards
// that were slow the last time take turns, so that they leave a processor to the
// others.
func (n *Node) step(s *Shard) {
	batch := false
	for again := true; again; {
		s.mu.Lock()
		if s.committing { // its batch is sealed: the kick counts when that is through
			batch, s.stage.stepping = true, false
			s.mu.Unlock()
			break
		}
		s.stage.kicked = false
		s.mu.Unlock()
		slow := s.slow
		if slow {
			n.slow <- struct{}{}
		}
		if s.steps++; slow || s.steps%slowSample == 0 {
			began := n.cfg.stopwatch()
			n.advance(s)
			took := n.cfg.stopwatch() - began
			s.slow = took > slowStep
			if l := n.cfg.Listener; l != nil && l.Stepped != nil {
				l.Stepped(took)
			}
		} else {
			n.advance(s)
		}
		if slow {
			<-n.slow
		}
		if s.open && !s.dirty() { // nothing to write, or only what has waited long enough
			if b := n.seal(s); b != nil && b.Empty() {
				n.done(s, b, n.cfg.Store.Current(), 0)
			}
		}
		s.mu.Lock()
		again = s.stage.kicked && !s.committing && !(s.open && s.batch.full())
		batch = s.open || s.committing
		s.stage.stepping = again
		s.mu.Unlock()
	}
	if c := n.committers[int(s.id)%len(n.committers)]; batch && c.offer(s) {
		c.run()
	}
}

// committer writes the batches of some shards, as many at a time as there are: while
// one group is being synced the next one gathers.
type committer struct {
	node *Node
	mu   sync.Mutex // guards ready, running, and queued of its shards
	// Shards whose batches are open and have something to write, or are sealed.
	ready   []*Shard
	running bool

	// Of the goroutine that runs it; see gather.
	began  time.Duration // the last commit
	since  int           // commits since the last pause
	brings float64       // how many shards a pause has brought lately

	// Of the goroutine that runs it.
	shards   []*Shard
	batches  []*Batch
	sections []store.Section
	outcomes []error
}

// committersFor tells how many committers serve so many processors. Few make large
// groups: fewer syncs, and less work for each command.
func committersFor(processors int) int { return max(1, processors/4) }

// offer takes in a shard that may have a batch, and tells whether the caller must run
// the committer, since nobody does.
func (c *committer) offer(s *Shard) (run bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.queued {
		s.queued = true
		c.ready = append(c.ready, s)
	}
	run = !c.running
	c.running = true
	return run
}

// take gives the shards whose batches can be written now: those that nobody steps.
func (c *committer) take() []*Shard {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shards = c.shards[:0]
	stepped := c.ready[:0]
	for _, s := range c.ready {
		s.mu.Lock()
		if s.stage.stepping {
			stepped = append(stepped, s) // it is offered again when that ends
		} else if s.queued = false; s.open && !s.stage.writing || s.committing && !s.stage.writing {
			s.stage.writing = true
			c.shards = append(c.shards, s)
		}
		s.mu.Unlock()
	}
	clear(c.ready[len(stepped):])
	c.ready = stepped
	c.running = len(c.shards) > 0
	return c.shards
}

// run writes groups until nothing is left to write.
func (c *committer) run() {
	n := c.node
	for {
		if len(n.slow) == 0 {
			runtime.Gosched() // handlers that are about to submit get to it, and share the sync
		}
		c.gather()
		shards := c.take()
		if len(shards) == 0 {
			return
		}
		c.batches = append(c.batches[:0], make([]*Batch, len(shards))...)
		inParallel(crewFor(len(shards)), len(shards), func(i int) {
			if s := shards[i]; s.committing {
				c.batches[i] = &s.batch
			} else {
				c.batches[i] = n.seal(s)
			}
		})
		c.sections = c.sections[:0]
		for _, b := range c.batches {
			if b != nil && !b.Empty() {
				c.sections = append(c.sections, b.Section)
			}
		}
		var errs []error
		began := n.cfg.listenedSince()
		if len(c.sections) > 0 {
			c.began = n.cfg.stopwatch()
			errs = n.cfg.Store.Commit(context.Background(), c.sections)
		}
		took := n.cfg.listenedSince() - began
		if l := n.cfg.Listener; l != nil && l.CommitDone != nil && len(c.sections) > 0 {
			l.CommitDone(len(c.sections), took)
		}
		c.outcomes = append(c.outcomes[:0], make([]error, len(shards))...)
		for i, b := range c.batches {
			if b != nil && !b.Empty() {
				c.outcomes[i], errs = errs[0], errs[1:]
			} else if b != nil {
				c.outcomes[i] = n.cfg.Store.Current()
			}
		}
		inParallel(crewFor(len(shards)), len(shards), func(i int) {
			s := shards[i]
			if c.batches[i] != nil {
				n.done(s, c.batches[i], c.outcomes[i], took)
			}
			s.mu.Lock()
			s.stage.writing = false
			again := s.stage.kicked
			s.mu.Unlock()
			if again {
				n.kick(s)
			}
		})
		clear(c.sections)
	}
}

// A commit of a store that pauses begins commitEvery after the one before at the earliest, as long as pauses bring
// pauseBrings shards on average. Whether they would is tried with each pauseTry-th commit: who is alone, and
// waits for each of his steps, hardly waits longer.
const (
	commitEvery = 3 * time.Millisecond
	pauseBrings = 0.75
	pauseTry    = 64
)

// gather waits for shards that are about to have something to write, so that a commit has more of them.
func (c *committer) gather() {
	n := c.node
	if n.cfg.Pause == nil || n.stopped.Load() {
		return
	}
	before := c.waiting()
	if before == 0 {
		return
	}
	left := c.began + commitEvery - n.cfg.stopwatch()
	if c.since++; left > 0 && (c.brings >= pauseBrings || c.since >= pauseTry) {
		c.since = 0
		n.cfg.Pause(left)
		c.brings += (float64(c.waiting()-before) - c.brings) / 4
	}
}

// waiting is how many shards have something to write.
func (c *committer) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ready)
}

// crewFor tells how many goroutines are worth the work at so many batches.
func crewFor(batches int) int { return min(runtime.GOMAXPROCS(0), 1+batches/8) }

// readers do fetches, some at a time, in the order in which they were asked for.
type readers struct {
	ctx     context.Context
	work    *work
	most    int
	mu      sync.Mutex // guards queue and running
	queue   []*fetch
	running int
}

func (n *Node) startFetch(f *fetch) {
	r := &n.readers
	switch {
	case f.long:
		r = &n.long
	case f.moves:
		r = &n.moving
	case len(f.uses) > 0:
		r = &n.asking
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == r.most {
		r.queue = append(r.queue, f)
		return
	}
	if !r.work.begin() {
		return // the node has stopped
	}
	r.running++
	go func() {
		defer r.work.end()
		for f != nil {
			s := f.shard
			f.perform(r.ctx) // from then on it is its shard's
			n.kick(s)
			f = r.next()
		}
	}()
}

// next gives the next fetch, or ends a reader.
func (r *readers) next() *fetch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.running--
		return nil
	}
	f := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return f
}

// work counts goroutines, and lets none begin once they were told to stop.
type work struct {
	mu      sync.RWMutex // guards stopped: nothing is added to group once it is true
	stopped bool
	group   sync.WaitGroup
}

func (w *work) begin() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !w.stopped {
		w.group.Add(1)
	}
	return !w.stopped
}

func (w *work) end() { w.group.Done() }

func (w *work) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.group.Wait()
}
