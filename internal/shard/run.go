package shard

import (
	"sync"
	"sync/atomic"
	"unique"

	"heddle/internal/engine"
	"heddle/internal/runlog"
)

// run is a run in memory. Open runs stay there with their head; their state is
// fetched when a command needs it, and may be dropped between batches.
type run struct {
	runlog.Head
	state        engine.State
	noted        bool    // it may have notes
	fetched      bool    // its state was, and no command has needed it since
	change       *change // by the batch; nil: it has not touched the run
	place        int     // in the wake queue; -1: not there
	turns        int     // that changed it since it is in memory
	newer, older *run    // in the cache
	weight       int     // bytes of the state, as the cache counts them
	weighed      weighing
}

// weighing is what rules said that a state weighs, when so many bytes of it were stored.
type weighing struct{ stored, weight int }

// isOver tells whether a run is only still to be deleted: its time has come, which is
// confirmed, or it was to be kept for none.
func (r *run) isOver(confirmed engine.Time) bool {
	return r.Status == engine.Closed && r.Forget != 0 && (r.Forget <= confirmed || r.Forget <= r.Closed)
}

// change is what a batch must know to settle a run. It is apart from the run,
// since there may be a million of those.
type change struct {
	settled  bool          // the batch has all that it did to the run
	before   engine.Record // when the batch last settled it, or first touched it
	storedTo int64         // NextEvent of the record that the store or the batch has
	stalled  engine.Time   // a Wake that did nothing comes again no earlier
	tells    bool          // the listener is told of it:
	told     told
}

// changes are used again.
var changes = sync.Pool{New: func() any { return new(change) }}

// told is what the listener is told of a run that a batch has moved.
type told struct {
	before   engine.Record // when the batch first touched it
	events   []engine.Event
	measures []engine.Measure
}

func intern[S ~string](s S) S { return S(unique.Make(string(s)).Value()) }

// stateBytes is what a state weighs at least, with what belongs to it: its events that are
// kept (recent), and its place in the cache.
const stateBytes = 1 << 10

// cache lists the open runs that have their state in memory, last used first.
type cache struct {
	newest, oldest *run
	len            int
	bytes          int
	all            *atomic.Int64 // bytes of the caches of all shards
}

func (c *cache) count(n int) {
	c.bytes += n
	c.all.Add(int64(n))
}

func (c *cache) add(r *run) {
	r.older, r.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = r
	} else {
		c.oldest = r
	}
	c.newest = r
	c.len++
	c.count(r.weight)
}

func (c *cache) has(r *run) bool { return c.newest == r || r.newer != nil || r.older != nil }

func (c *cache) remove(r *run) {
	if !c.has(r) {
		return
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		c.newest = r.older
	}
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		c.oldest = r.newer
	}
	r.newer, r.older = nil, nil
	c.len--
	c.count(-r.weight)
}

func (c *cache) use(r *run) {
	if c.newest != r && c.has(r) {
		c.remove(r)
		c.add(r)
	}
}

// weigh notes what a run's state weighs.
func (c *cache) weigh(r *run, weight int) {
	if c.has(r) {
		c.count(weight - r.weight)
	}
	r.weight = weight
}

// clear forgets all, whose shard drops its memory.
func (c *cache) clear() {
	c.count(-c.bytes)
	*c = cache{all: c.all}
}

// trim drops the states that were used longest ago, and tells whose: while there are more
// than most of them; and while all shards together have more than bytes, and this one more
// than its share, so that those which rest leave something to those at work.
func (c *cache) trim(most, bytes, share int) (dropped []*run) {
	for c.len > 0 && c.oldest.change == nil && (c.len > most || c.bytes > share && c.all.Load() > int64(bytes)) {
		r := c.oldest
		c.remove(r)
		r.state = nil
		dropped = append(dropped, r)
	}
	return dropped
}
