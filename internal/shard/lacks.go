package shard

import (
	"errors"
	"maps"

	"heddle/internal/blob"
	"heddle/internal/engine"
)

// What calls lack, and how they wait for it.
//
// Each call is tried in the order in which it came. One that lacks something waits, and
// has it fetched; so do all calls behind it for the same run or name, and all messages
// behind it from the same shard, whose order counts. What those will lack is fetched
// meanwhile. When a fetch has come back, all that wait are tried again, in their order,
// before later ones. Messages and deadlines ask again for what could not be fetched, each
// time only after retryDelay; others are told so. While those ask again for what rules want,
// which may be away for long, commands for the same run go on before them. What was fetched counts until a batch has
// changed it: then the look-up is forgotten, and what is still on its way is not believed
// (stale).

// lacking is the part of a shard's memory that is about calls that wait.
type lacking struct {
	waiting      []*call     // in the order in which they came
	wakesWaiting int         // those of them that are for deadlines; while there are many no more fire
	again        bool        // something has come for them
	retryAt      engine.Time // the first of theirs
	fetching     map[lookup]*fetch
	gathered     []*fetch // of them those that are yet to begin, in groups

	// In whose line something waits.
	runLine    lines[engine.RunID]
	againLine  lines[engine.RunID] // of what asks again for what rules want: it holds up only what comes again
	nameLine   lines[engine.Name]
	senderLine lines[uint16]

	// What was looked up.
	cold   map[engine.RunID]*run        // closed runs; nil: there is no such run
	kept   map[engine.Name]engine.RunID // the last runs of names that are kept; zero: none
	failed map[lookup]*fetch            // came back without what was wanted, just now
}

// lookup says what is looked up: a run's head and state, or a name's last run.
type lookup struct {
	run  engine.RunID
	name engine.Name
}

// lines are the keys in whose line something waits.
type lines[K comparable] map[K]struct{}

func (l *lines[K]) join(key K) {
	if *l == nil {
		*l = lines[K]{}
	}
	(*l)[key] = struct{}{}
}

func (l lines[K]) has(key K) bool {
	if len(l) == 0 {
		return false
	}
	_, waits := l[key]
	return waits
}

// tryAll tries what waits, if something has come for it, and then what came.
func (s *Shard) tryAll(b *Batch) {
	if s.retryAt != 0 && s.retryAt <= b.now {
		s.again, s.retryAt = true, 0
	}
	if s.again && len(s.waiting) > 0 {
		s.taken = append(s.waiting, s.taken...)
		s.waiting, s.wakesWaiting = nil, 0
		clear(s.runLine)
		clear(s.againLine)
		clear(s.nameLine)
		clear(s.senderLine)
	}
	s.again = false
	s.tryTaken(b)
	clear(s.failed)
}

// tryTaken tries the calls in hand, and puts back what the batch has no room for.
func (s *Shard) tryTaken(b *Batch) {
	for i, c := range s.taken {
		if b.full() {
			rest := s.taken[i:]
			s.taken = s.taken[:i]
			s.putBack(rest)
			break
		}
		s.taken[i], s.trying = nil, c
		s.try(b, c)
	}
	clear(s.taken)
	s.taken = s.taken[:0]
}

// try evaluates a call, or has it wait.
func (s *Shard) try(b *Batch, c *call) {
	s.trying, s.at = c, nil
	if c.leaves != nil {
		s.letGo(c.leaves)
		c.finish()
	} else if c.isMessage() && !s.isNext(c) {
		s.passOver(b, c)
	} else if c.isParked() && c.generation != s.generation {
		b.calls = append(b.calls, c) // it was read anew
	} else if t, waits := s.lacks(b, c); waits {
		s.waiting = append(s.waiting, c)
		if c.wake && c.retryAt <= b.now { // else it waits for another try, and others go on
			s.wakesWaiting++
		}
	} else {
		b.calls = append(b.calls, c)
		if c.member != "" {
			b.far = append(b.far, c)
		}
		s.trying = nil
		s.evaluate(b, c, t)
	}
	s.trying = nil
}

// target is whom a command is for, as far as that is known.
type target struct {
	run     *run         // nil: there is none, or it is not known
	fresh   *run         // that would begin, if its rules were asked what they want
	key     engine.RunID // of the run, or of the one that would begin
	unknown bool         // something must be fetched to know it
	exists  bool         // the run that would begin is there
	failed  *fetch       // nobody can say whose the name is
}

// lacks looks for the run of a call, and tells whether the call must wait. If so it
// stands in its lines, and what it lacks is being fetched.
func (s *Shard) lacks(b *Batch, c *call) (t target, waits bool) {
	s.decode(c)
	cmd := &c.cmd
	byName := cmd.Run.IsZero()
	t = s.target(b, c)
	if f := s.failed[lookup{run: t.key}]; f != nil && !c.comesAgain() && (t.run == nil || s.needsState(t.run, c)) {
		return t, false // it is told so at once, whatever waits before it
	}
	held := t.unknown || s.runLine.has(t.key) || byName && s.nameLine.has(cmd.Name) || c.isMessage() && s.senderLine.has(c.from)
	behind := c.comesAgain() && s.againLine.has(t.key)
	waits = held || behind
	if r := t.run; r != nil && s.needsState(r, c) && !s.mustDoWithout(c, lookup{run: r.Run}) {
		if !waits || !c.ahead { // once ahead of its turn: states may have to go again before that comes
			s.fetchState(r, c)
		}
		c.ahead = c.ahead || waits
		waits, held = true, true
	}
	if !waits {
		if t.failed != nil || !s.wants || !s.lacksWanted(b, &t, c) {
			return t, false
		}
		behind = c.comesAgain() && c.retryAt != 0 && t.run != nil // it could not be fetched before
	}
	if behind && !held {
		s.againLine.join(t.key)
	} else {
		if !t.key.IsZero() {
			s.runLine.join(t.key)
		}
		if byName {
			s.nameLine.join(cmd.Name)
		}
	}
	if c.isMessage() {
		s.senderLine.join(c.from)
	}
	return t, true
}

// needsState tells whether a call can't do without the state of a run, which is not in
// memory.
func (s *Shard) needsState(r *run, c *call) bool {
	if r.state != nil || r.NextEvent == 1 || s.sick[r.Run] || c.unreadable() {
		return false
	}
	if _, peek := c.cmd.Body.(engine.Peek); peek {
		return c.cmd.Await && r.Status == engine.Closed
	}
	return true
}

// target looks for the run of a call, and has fetched what must be known for it.
func (s *Shard) target(b *Batch, c *call) target {
	cmd := &c.cmd
	if !cmd.Run.IsZero() {
		return s.targetByID(b, c, cmd.Run)
	}
	if r := s.openRun(b, cmd); r != nil {
		return target{run: r, key: r.Run}
	}
	if s.keepsNames(cmd.Name.Kind) && cmd.Begin != engine.Always {
		id, known := s.kept[cmd.Name]
		key := lookup{name: cmd.Name}
		if known = known || s.isFree(cmd.Name); !known && !s.mustDoWithout(c, key) {
			s.fetchFor(c, &fetch{key: key, do: (*fetch).readName})
			return target{unknown: true}
		}
		if !known {
			return target{failed: s.failed[key]}
		}
		if !id.IsZero() {
			t := s.targetByID(b, c, id)
			if over := t.run == nil || t.run.isOver(b.confirmed); t.unknown || !over || s.failed[lookup{run: id}] != nil {
				return t
			} // else the name is free
		}
	}
	if cmd.Begin == engine.Never {
		return target{}
	}
	id := engine.NewRunID(s.id, cmd.Seed)
	if s.begun.isNew(id, cmd.Seed.Time(), s.up, b.now) {
		return target{key: id}
	}
	t := s.targetByID(b, c, id)
	t.run, t.exists = nil, t.run != nil
	return t
}

// openRun gives the open run of a command's name. One that the batch is about to close
// leaves its name to a command that may begin the next.
func (s *Shard) openRun(b *Batch, cmd *engine.Command) *run {
	r := s.names.get(cmd.Name)
	if r == nil || cmd.Begin == engine.Never || r.change == nil || r.change.settled {
		return r
	}
	s.at = r
	if s.kinds[r.Name.Kind].Record(r.state, s.up).Status == engine.Closed {
		s.settle(b, r)
	}
	s.at = nil
	return s.names.get(cmd.Name)
}

func (s *Shard) targetByID(b *Batch, c *call, id engine.RunID) target {
	t := target{key: id}
	if t.run = s.inMemory(b, id); t.run != nil {
		return t
	}
	r, known := s.cold[id]
	if !known && !s.mustDoWithout(c, lookup{run: id}) {
		s.fetchCold(id, c)
		t.unknown = true
	}
	t.run = r
	return t
}

// inMemory gives a run that needs no fetch: an open one, or one that the batch has closed.
func (s *Shard) inMemory(b *Batch, id engine.RunID) *run {
	if r := s.runs[id]; r != nil {
		return r
	}
	return b.closed[id]
}

func (s *Shard) keepsNames(kind engine.Kind) bool {
	rules := s.kinds[kind]
	return s.Config.keepsNames && rules != nil && rules.Traits.KeepsNames
}

// mustDoWithout tells whether a call goes on without a look-up, since it could not be
// fetched: evaluating will say so. What nobody would ask again is tried again.
func (s *Shard) mustDoWithout(c *call, key lookup) bool {
	f := s.failed[key]
	return f != nil && !s.triesAgain(c, f)
}

// triesAgain has a call wait a while for another try of a fetch that failed. One that
// goes on without may still have to wait behind others: it asks no earlier either.
func (s *Shard) triesAgain(c *call, failed *fetch) bool {
	if !c.comesAgain() {
		return false
	}
	asked := c.retryAt <= s.batch.now // else it was for another call
	if asked {
		c.retryAt = s.batch.now + retryDelay
	}
	if failed.broken {
		return false
	}
	if asked && c.isMessage() && failed.key.name == (engine.Name{}) { // it holds up others, and can be parked with its run
		if c.tries >= fetchTries {
			return false
		}
		c.tries++
	}
	s.retryAt = earlier(s.retryAt, c.retryAt)
	return true
}

// fetchFor has a fetch done that a call lacks, unless the call is to wait before it asks
// again: it is also tried whenever something has come for others.
func (s *Shard) fetchFor(c *call, f *fetch) {
	if c.retryAt > s.batch.now {
		s.retryAt = earlier(s.retryAt, c.retryAt)
		return
	}
	s.fetch(f)
}

// fetchWanted is fetchFor for what rules want: of that a call waits for one fetch.
func (s *Shard) fetchWanted(c *call, f *fetch) {
	if s.fetchFor(c, f); f.shard != nil {
		c.asking = f
	}
}

// lacksWanted tells whether the rules want something for a call that has to be fetched.
func (s *Shard) lacksWanted(b *Batch, t *target, c *call) bool {
	r, kind := t.run, c.cmd.Name.Kind
	if g := c.given; g != nil && g.isOf(t.key, r) { // else another run has the name by now, or it has moved
		if g.failed == nil || !s.triesAgain(c, g.failed) {
			return false
		}
		c.given = nil // the next try asks again
		return true
	}
	if f := c.asking; f != nil && f.generation == s.generation && f.given.isOf(t.key, r) {
		return true
	}
	if r != nil {
		kind = r.Name.Kind
	}
	rules := s.kinds[kind]
	if _, peek := c.cmd.Body.(engine.Peek); rules == nil || !rules.Wanting() || peek || c.unreadable() || s.sick[t.key] || r != nil && r.state == nil {
		return false
	}
	if r == nil {
		if c.cmd.Begin == engine.Never {
			return false
		}
		r = newRun(&c.cmd, s.id)
		r.state = rules.New(r.Identity)
		t.fresh = r
	}
	s.at = r
	want := rules.Wants(r.state, c.cmd.Body)
	s.at = nil
	if len(want.Events) == 0 && len(want.Blobs) == 0 && len(want.DataKeys) == 0 {
		c.given = nil
		return false
	}
	g := &given{run: r.Run, next: r.NextEvent, turns: r.turns}
	var events []int64
	for _, id := range want.Events {
		if id < 1 || id >= r.NextEvent {
			g.event(id, nil)
		} else if public, ok := s.eventInMemory(b, r.Run, id); ok {
			g.event(id, public)
		} else {
			events = append(events, id)
		}
	}
	var blobs []blob.ID
	for _, id := range want.Blobs {
		if content, ok := s.peers.blobs().get(id); ok {
			g.blob(id, content)
		} else {
			blobs = append(blobs, id)
		}
	}
	var uses []engine.KeyUse
	dataKeys := s.DataKeys[kind]
	for _, use := range want.DataKeys {
		if dataKeys == nil {
			g.dataKey(use, nil, errNoDataKeys)
		} else if key := dataKeys.Known(use); key != nil {
			g.dataKey(use, key, nil)
		} else {
			uses = append(uses, use)
		}
	}
	if len(events) == 0 && len(blobs) == 0 && len(uses) == 0 {
		c.given = g
		return false
	}
	cuts := rules.Traits.CutsLog
	s.fetchWanted(c, &fetch{
		do: (*fetch).readWanted, run: r.Run, call: c, given: g, events: events, cuts: cuts, blobs: blobs, dataKeys: dataKeys, uses: uses,
	})
	return true
}

var errNoDataKeys = errors.New("there are no data keys for its kind")

// eventInMemory gives an event that the batch holds, or that is durable and kept.
func (s *Shard) eventInMemory(b *Batch, run engine.RunID, id int64) ([]byte, bool) {
	for i := range b.events {
		e := &b.events[i]
		if e.run == run && e.events[0].ID <= id && id <= e.events[len(e.events)-1].ID {
			return e.events[id-e.events[0].ID].Public, true
		}
	}
	return s.recent.append(nil, run, id, id)
}

// takeFetched takes in what has come back.
func (s *Shard) takeFetched(b *Batch, fetched []*fetch) {
	for _, f := range fetched {
		if f.generation != s.generation {
			continue
		}
		s.again = true
		if f == s.making {
			s.takeFilter(f)
			continue
		}
		if f == s.forgetting {
			s.forgetting = nil
			if f.err != nil {
				s.Log.Error("read the runs to forget", "shard", s.id, "cause", f.err)
				s.forgetAt = b.now + retryDelay
				continue
			}
			s.eraseDue(b, f)
			continue
		}
		if f.call != nil {
			f.given.failed = nil
			if f.err != nil {
				f.given.failed = f
			}
			if f.call.asking == f {
				f.call.given, f.call.asking = f.given, nil
			}
			continue
		}
		if s.fetching[f.key] == f {
			delete(s.fetching, f.key)
		}
		if f.stale {
			continue
		}
		if f.err != nil {
			s.Log.Error("a run can't be read", "shard", s.id, "run", f.run, "name", f.key.name.Key, "broken", f.broken, "cause", f.err)
			if s.failed == nil {
				s.failed = map[lookup]*fetch{}
			}
			s.failed[f.key] = f
			if f.head != nil && f.panicked {
				s.setAside(b, f.head.Identity, f.err)
			}
			continue
		}
		f.take(s)
		f.release()
	}
}

// lookupsMax is from how many look-ups on those are forgotten that nobody waits for. They
// may be many where something always waits, and hold states.
const lookupsMax = 1024

// forgetLookups forgets what a batch that is durable has changed, and what nobody waits
// for.
func (s *Shard) forgetLookups(b *Batch) {
	if len(s.waiting) == 0 {
		clear(s.cold)
		clear(s.kept)
		return
	}
	for _, runs := range [][]*run{b.touched, b.erased} {
		for _, r := range runs {
			delete(s.cold, r.Run)
			delete(s.kept, r.Name)
		}
	}
	if len(s.cold)+len(s.kept) > lookupsMax {
		maps.DeleteFunc(s.cold, func(id engine.RunID, _ *run) bool { return !s.runLine.has(id) && !s.againLine.has(id) })
		maps.DeleteFunc(s.kept, func(name engine.Name, _ engine.RunID) bool { return !s.nameLine.has(name) })
	}
}

// disbelieve has what is being fetched of a run and its name not believed: the batch
// changes it.
func (s *Shard) disbelieve(r *run) {
	if len(s.fetching) > 0 || len(s.failed) > 0 {
		for _, key := range []lookup{{run: r.Run}, {name: r.Name}} {
			delete(s.failed, key)
			if f := s.fetching[key]; f != nil {
				f.stale = true
				delete(s.fetching, key)
			}
		}
	}
	if f := s.forgetting; f != nil {
		f.changed = append(f.changed, r.Identity)
	}
}

// begunFor is how long a run that began is remembered.
const begunFor = engine.Time(10_000)

// begun are the runs that began lately, to know without a fetch that a run can begin:
// the seed of a new run tells when it was made.
type begun struct {
	ids   map[engine.RunID]struct{}
	queue []engine.RunID
}

// isNew tells whether it is known that there is no run of this id, whose seed was made
// at a time: none that began before this shard was taken over, at up, has such a seed.
func (x *begun) isNew(id engine.RunID, at, up, now engine.Time) bool {
	if at < up || at > now || at < now-begunFor {
		return false
	}
	_, there := x.ids[id]
	return !there
}

func (x *begun) add(id engine.RunID, now engine.Time) {
	if x.ids == nil {
		x.ids = map[engine.RunID]struct{}{}
	}
	x.ids[id] = struct{}{}
	x.queue = append(x.queue, id)
	n := 0
	for n < len(x.queue) && seedTime(x.queue[n]) < now-begunFor {
		delete(x.ids, x.queue[n])
		n++
	}
	x.queue = x.queue[n:]
}

func seedTime(id engine.RunID) engine.Time { return engine.Seed(id[2:]).Time() }
