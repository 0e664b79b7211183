package shard

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// fetch is something that a shard wants to know of the store or of blobs. A reader does
// it, beside the shard; what it may touch meanwhile is the fetch alone, and what all
// share and nobody changes: the store, the rules, the configuration.
type fetch struct {
	shard      *Shard
	generation uint64
	key        lookup
	do         func(*fetch, context.Context) error
	long       bool // reads much: names, runs to forget
	moves      bool // takes a shard over or gives it up

	// What is asked.
	run       engine.RunID
	head      *runlog.Head // of a run whose state is wanted
	withState bool         // of a run whose head is wanted
	unnoted   bool         // it has no notes
	group     []*fetch     // of states: they are read together, and come back in its place
	pooled    bool         // it is used again
	call      *call        // for which something is wanted
	events    []int64
	cuts      bool // the run's log has not all events
	blobs     []blob.ID
	dataKeys  engine.DataKeys
	uses      []engine.KeyUse
	now       engine.Time

	// What came back.
	err      error
	ahead    *runlog.Ahead // what was read of a group; nil: it is alone
	broken   bool          // and would again
	panicked bool          // the rules did, of the run whose head is known
	cold     *run
	state    engine.State
	id       engine.RunID
	given    *given
	memory   *recovered
	filter   *filter
	doomed   []doomed
	next     engine.Time // when the first run that is not among them is due; zero: never

	// Of the shard: what it changed while the fetch was under way.
	stale   bool
	changed []engine.Identity
	spared  map[engine.RunID]bool // runs that are not to be looked up
}

// fetch has a fetch done, unless it is being done.
func (s *Shard) fetch(f *fetch) {
	if f.key != (lookup{}) {
		if s.fetching[f.key] != nil || s.failed[f.key] != nil {
			return
		}
		if s.fetching == nil {
			s.fetching = map[lookup]*fetch{}
		}
		s.fetching[f.key] = f
	}
	f.shard, f.generation = s, s.generation
	if f.isSmallState() {
		s.gathered = append(s.gathered, f)
		return
	}
	s.peers.fetch(f)
}

const (
	// groupMax is how many states are read together, groupBytesMax how much each of them has
	// at most: nobody waits for the reading of a large one.
	groupMax      = 64
	groupBytesMax = 64 << 10
)

// isSmallState tells whether the fetch may be one of a group.
func (f *fetch) isSmallState() bool {
	return f.head != nil && !f.withState && f.head.SnapshotLen+f.head.TailLen <= groupBytesMax
}

// fetchGathered has the states fetched that were asked for lately, in groups: those of runs
// that come to be due together, or are asked for together, cost a fraction of what each would
// cost alone.
func (s *Shard) fetchGathered() {
	for group := range slices.Chunk(s.gathered, groupMax) {
		if len(group) == 1 {
			s.peers.fetch(group[0])
			continue
		}
		s.peers.fetch(&fetch{shard: s, generation: s.generation, group: slices.Clone(group)})
	}
	clear(s.gathered)
	s.gathered = s.gathered[:0]
}

// perform does the fetch and hands it in.
func (f *fetch) perform(ctx context.Context) {
	if f.group == nil {
		f.attempt(ctx)
		f.shard.handIn(f)
		return
	}
	heads := make([]*runlog.Head, len(f.group))
	for i, one := range f.group {
		heads[i] = one.head
	}
	read, err := runlog.ReadAhead(ctx, f.shard.Store, heads)
	for i, one := range f.group {
		if err == nil { // else each is read alone: what can't be read of one is no trouble of the others
			one.ahead = &read[i]
		}
		one.attempt(ctx)
	}
	f.shard.handIn(f.group...)
}

// attempt does the fetch. A panic of rules is an error of their run.
func (f *fetch) attempt(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			f.err, f.broken, f.panicked = panicked(p), true, true
		}
	}()
	f.err = f.do(f, ctx)
}

// fetchState has the state of a run folded, of which the head is known.
func (s *Shard) fetchState(r *run, c *call) {
	key := lookup{run: r.Run}
	if s.fetching[key] != nil {
		return // each time something has come for others it is asked for again
	}
	f := stateFetches.Get().(*fetch)
	head := f.head
	if head == nil {
		head = new(runlog.Head)
	}
	*head = r.Head
	*f = fetch{key: key, do: (*fetch).readState, run: r.Run, head: head, unnoted: !r.noted, pooled: true}
	s.fetchFor(c, f)
}

// stateFetches are used again, each with its head: there are as many as deadlines that come together.
var stateFetches = sync.Pool{New: func() any { return new(fetch) }}

// release lets go of a fetch that was taken in, which nobody else has any more.
func (f *fetch) release() {
	if f.pooled {
		*f.head = runlog.Head{}
		*f = fetch{head: f.head}
		stateFetches.Put(f)
	}
}

func (f *fetch) readState(ctx context.Context) error {
	rules := f.shard.kinds[f.head.Name.Kind]
	if rules == nil {
		f.broken = true
		return fmt.Errorf("no rules for kind %q", f.head.Name.Kind)
	}
	watched := watch{View: f.shard.Store}
	ahead := f.ahead
	if ahead == nil {
		read, err := runlog.ReadAhead(ctx, &watched, []*runlog.Head{f.head})
		if err != nil {
			return err
		}
		ahead = &read[0]
	}
	state, err := ahead.Fold(ctx, &watched, rules, f.head, !f.unnoted)
	f.state, f.broken = state, err != nil && !watched.failed
	return err
}

// watch tells errors of the store from those of what it holds.
type watch struct {
	store.View
	failed bool
}

func (w *watch) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	values, err := w.View.Get(ctx, places)
	w.failed = w.failed || err != nil
	return values, err
}

func (w *watch) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	err := w.View.Scan(ctx, shard, r, visit)
	w.failed = w.failed || err != nil
	return err
}

// fetchCold has a closed run read, with its state if the call needs that.
func (s *Shard) fetchCold(id engine.RunID, c *call) {
	_, peek := c.cmd.Body.(engine.Peek)
	s.fetchFor(c, &fetch{key: lookup{run: id}, do: (*fetch).readCold, run: id, withState: !peek || c.cmd.Await})
}

func (f *fetch) readCold(ctx context.Context) error {
	values, err := f.shard.Store.Get(ctx, []store.Place{{Shard: f.shard.id, Key: keys.AppendRun(nil, keys.ClosedRun, f.run)}})
	if err != nil || values[0] == nil {
		return err
	}
	head, err := runlog.ReadHead(f.run, values[0])
	if err != nil {
		f.broken = true
		return err
	}
	f.cold = &run{Head: *head, place: -1, noted: true} // as far as is known
	if f.withState {
		f.head = head
		err = f.readState(ctx)
		f.cold.state, f.cold.fetched = f.state, true
	}
	return err
}

func (f *fetch) readName(ctx context.Context) error {
	key := keys.AppendName(nil, f.shard.hashOf(f.key.name))
	values, err := f.shard.Store.Get(ctx, []store.Place{{Shard: f.shard.id, Key: key}})
	if err != nil || values[0] == nil {
		return err
	}
	if len(values[0]) != len(f.id) {
		f.broken = true
		return fmt.Errorf("the row of a name has %d bytes", len(values[0]))
	}
	f.id = engine.RunID(values[0])
	return nil
}

// take takes in what was looked up.
func (f *fetch) take(s *Shard) {
	switch {
	case f.key.run.IsZero():
		if s.kept == nil {
			s.kept = map[engine.Name]engine.RunID{}
		}
		s.kept[f.key.name] = f.id
	case f.cold == nil && f.head != nil:
		r := s.runs[f.run]
		if r == nil {
			r = s.cold[f.run]
		}
		if r != nil && r.state == nil && r.NextEvent == f.head.NextEvent {
			r.state, r.fetched = f.state, true
			if r.Status == engine.Open {
				r.weight = s.weightOf(r)
				s.cache.add(r)
			}
		}
	default:
		if s.cold == nil {
			s.cold = map[engine.RunID]*run{}
		}
		s.cold[f.run] = f.cold
	}
}

func (f *fetch) readWanted(ctx context.Context) error {
	for _, id := range f.events {
		public, err := f.readEvent(ctx, id)
		if err != nil {
			return fmt.Errorf("event %d: %w", id, err)
		}
		f.given.event(id, public)
	}
	for _, id := range f.blobs {
		content, err := f.shard.readBlob(ctx, id)
		if err != nil {
			return fmt.Errorf("blob %s: %w", id, err)
		}
		f.given.blob(id, content)
	}
	for _, use := range f.uses {
		key, err := f.dataKeys.Find(ctx, use)
		if _, refused := errors.AsType[engine.KeyRefusedError](err); err != nil && !refused {
			return fmt.Errorf("data key: %w", err)
		}
		f.given.dataKey(use, key, err)
	}
	return nil
}

// readEvent gives the public bytes of an event; nil if it was cut from the log.
func (f *fetch) readEvent(ctx context.Context, id int64) ([]byte, error) {
	if f.cuts {
		there := false
		first := store.Range{Start: keys.AppendRun(nil, keys.History, f.run), End: keys.AppendHistory(nil, f.run, id+1), Limit: 1}
		err := f.shard.Store.Scan(ctx, f.shard.id, first, func(_, _ []byte) bool {
			there = true
			return false
		})
		if err != nil || !there {
			return nil, err
		}
	}
	return runlog.AppendEvents(ctx, f.shard.Store, nil, f.run, id, id, false)
}

func (s *Shard) readBlob(ctx context.Context, id blob.ID) ([]byte, error) {
	if content, ok := s.peers.blobs().get(id); ok {
		return content, nil
	}
	if s.Blobs == nil {
		return nil, fmt.Errorf("there is no place for blobs")
	}
	content, err := s.Blobs(ctx, id)
	if err == nil {
		s.peers.blobs().put(id, content)
	}
	return content, err
}

// blobCacheBytesMax bounds the blobs that a node keeps in memory for its rules.
const blobCacheBytesMax = 32 << 20

// blobCache keeps the blobs that were wanted last.
type blobCache struct {
	mu    sync.Mutex // guards all below
	bytes int
	used  list.List // of *cachedBlob, last used first
	byID  map[blob.ID]*list.Element
}

type cachedBlob struct {
	id      blob.ID
	content []byte
}

func (c *blobCache) get(id blob.ID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.used.MoveToFront(e)
	return e.Value.(*cachedBlob).content, true
}

func (c *blobCache) put(id blob.ID, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[id] != nil || len(content) > blobCacheBytesMax/4 {
		return
	}
	if c.byID == nil {
		c.byID = map[blob.ID]*list.Element{}
	}
	c.byID[id] = c.used.PushFront(&cachedBlob{id, bytes.Clone(content)})
	for c.bytes += len(content); c.bytes > blobCacheBytesMax; {
		last := c.used.Back()
		old := c.used.Remove(last).(*cachedBlob)
		delete(c.byID, old.id)
		c.bytes -= len(old.content)
	}
}
