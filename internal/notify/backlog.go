package notify

import (
	"sync"

	"heddle/internal/engine"
)

// shards is what is known of the shards. It guards the backlogs of all targets, too.
type shards struct {
	mu  sync.Mutex
	all []shardState
}

// shardState is what is known of a shard.
type shardState struct {
	open       bool
	generation uint64
	last       engine.Position
}

// backlog is what a target has not had: how far it has come with each shard, of which the
// shards say how far they are.
type backlog struct {
	*shards
	target int
	at     []progress // by shard
	next   int        // shard that is looked at first
}

// progress is how far a target has come with a shard.
type progress struct {
	at      engine.Position
	untold  bool        // the shard does not know of at
	wait    engine.Time // nothing before; zero: at once
	tries   uint        // that failed one after the other
	refused int         // of them, how often the first event by itself was refused
	alone   bool        // the first event goes by itself
}

// work is what is to be done for a shard: notifications behind at, up to last.
type work struct {
	shard      int
	generation uint64
	at, last   engine.Position
	alone      bool
}

// bytes is how much of it there is.
func (w *work) bytes() uint64 { return w.last.Bytes - w.at.Bytes }

// opened takes in that a shard was taken over, with the position that the store has of the
// target; again: not for the first time. Its caller holds the lock.
func (b *backlog) opened(shard uint16, stored engine.Position, again bool) {
	p := &b.at[shard]
	p.untold = again && p.at.Number >= stored.Number // it has had what the store does not know of
	if !p.untold {
		p.at = stored
	}
}

// catchUp tells shards that were opened anew how far the target has come.
func (b *backlog) catchUp(runs Runs) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for shard := range b.at {
		if p := &b.at[shard]; p.untold {
			p.untold = false
			runs.Had(uint16(shard), b.all[shard].generation, b.target, p.at)
		}
	}
}

// pending gives the shards that have something for the target, the next one first, and when
// the first of those will that wait; zero: none does.
func (b *backlog) pending(now engine.Time) (ready []work, wait engine.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.at {
		shard := (b.next + i) % len(b.at)
		s, p := &b.all[shard], &b.at[shard]
		switch {
		case !s.open || p.at.Number >= s.last.Number && p.at.Lost == 0:
		case p.wait > now:
			if wait == 0 || p.wait < wait {
				wait = p.wait
			}
		default:
			ready = append(ready, work{shard, s.generation, p.at, s.last, p.alone})
		}
	}
	return ready, wait
}

// behind gives all shards with notifications that the target has not had, waiting or not, and
// of which of them sending has failed.
func (b *backlog) behind() (all []work, stuck []bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for shard := range b.at {
		s, p := &b.all[shard], &b.at[shard]
		if s.open && p.at.Number < s.last.Number {
			all, stuck = append(all, work{shard, s.generation, p.at, s.last, false}), append(stuck, p.tries > 0)
		}
	}
	return all, stuck
}

// change changes the progress with a shard.
func (b *backlog) change(shard int, how func(*progress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how(&b.at[shard])
}

// reached notes how far the target has come.
func (b *backlog) reached(runs Runs, w work) {
	b.change(w.shard, func(p *progress) { *p = progress{at: w.at, untold: p.untold} })
	runs.Had(uint16(w.shard), w.generation, b.target, w.at)
}

// gaveUp notes how far the target has come without what was given up on the way.
func (b *backlog) gaveUp(runs Runs, w work) {
	b.change(w.shard, func(p *progress) { p.at, p.refused = w.at, 0 })
	runs.Had(uint16(w.shard), w.generation, b.target, w.at)
}

// failed has shards wait, the longer the more often it comes.
func (b *backlog) failed(of []work, now engine.Time) {
	for _, w := range of {
		b.change(w.shard, func(p *progress) {
			p.wait = now + pause(p.tries)
			p.tries++
		})
	}
}

// pause is how long what has failed so often before now waits.
func pause(tries uint) engine.Time { return min(lastPause, firstPause<<min(tries, 10)) }

// refusedOnce counts an answer of "never" to the first event of a shard, and tells whether it
// was the last.
func (b *backlog) refusedOnce(shard int) (last bool) {
	b.change(shard, func(p *progress) {
		p.refused++
		p.alone = true
		last = p.refused >= refusalsMax
	})
	return last
}
