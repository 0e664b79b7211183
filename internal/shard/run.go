package shard

import (
	"unique"

	"heddle/internal/engine"
	"heddle/internal/runlog"
)

// run is a run in memory. Open runs stay there with their head; their state is
// fetched when a command needs it, and may be dropped between batches.
type run struct {
	runlog.Head
	state        engine.State
	change       *change // by the batch; nil: it has not touched the run
	place        int     // in the wake queue; -1: not there
	newer, older *run    // in the cache
}

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
	told     *told         // for the listener; nil without one
}

// told is what the listener is told of a run that a batch has moved.
type told struct {
	before engine.Record // when the batch first touched it
	events []engine.Event
}

func intern[S ~string](s S) S { return S(unique.Make(string(s)).Value()) }

// cache lists the open runs that have their state in memory, last used first.
type cache struct {
	newest, oldest *run
	len            int
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
}

func (c *cache) remove(r *run) {
	if c.newest != r && r.newer == nil && r.older == nil {
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
}

func (c *cache) use(r *run) {
	if c.newest != r && (r.newer != nil || r.older != nil) {
		c.remove(r)
		c.add(r)
	}
}

// trim drops the states that were used longest ago, and tells whose.
func (c *cache) trim(most int) (dropped []*run) {
	for c.len > most && c.oldest.change == nil {
		r := c.oldest
		c.remove(r)
		r.state = nil
		dropped = append(dropped, r)
	}
	return dropped
}
