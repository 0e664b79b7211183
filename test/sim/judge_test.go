package sim

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/service/tasks"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// judge knows what is durable, from the sections that the store took, and holds
// everything against it.
type judge struct {
	w        *world
	lives    map[engine.RunID]*life
	order    []*life               // as they were first seen
	open     map[engine.Name]*life // the open run of each name
	dirty    map[engine.RunID]bool // runs that were written and not yet looked at
	times    map[engine.RunID]*times
	marks    map[string]*markRecord // what clients wrote
	markNext int
	handed   map[taskKey]handed
	later    []func()       // judgements that wait until all that was written was looked at
	links    map[link]*life // first runs of children
	// someGone: a run has gone, and perhaps nobody saw its last events.
	someGone bool
	failure  string
}

// life is one run as the judge knows it.
type life struct {
	engine.Identity
	domain, workflowID string
	twin               shard.Twin
	view               engine.RunView // as stored
	history            *history       // nil: not of SWF
	machine            *machineLog    // nil: not of Step Functions
	log                log            // either of them; nil: of a kind without one
	closed             bool
	gone               bool // forgotten
}

// log is the history of a run as a user reads it.
type log interface {
	read(events []byte) // further events, with commas between them
	lastEvent() int64
	ended() bool
	kinds() []string                    // types of the events
	due() (at engine.Time, what string) // the earliest moment at which something must have happened; zero: never
	waiting() []int64                   // tasks that nobody has taken, by their Scheduled events
	open(scheduled int64) bool          // whether a task has not ended
}

// times are the steps in which a run's record was first stored as open and as
// closed, or erased; 0: not yet.
type times struct{ opened, closed int }

// wasOpen tells whether the run was open at some moment between two steps.
func (t *times) wasOpen(from, to int) bool {
	return t != nil && t.opened <= to && (t.closed == 0 || t.closed >= from)
}

// stayedOpen tells whether the run was open all the time between two steps.
func (t *times) stayedOpen(from, to int) bool {
	return t != nil && t.opened < from && (t.closed == 0 || t.closed > to)
}

func newJudge(w *world) *judge {
	return &judge{
		w: w, lives: map[engine.RunID]*life{}, open: map[engine.Name]*life{}, dirty: map[engine.RunID]bool{},
		times: map[engine.RunID]*times{},
		marks: map[string]*markRecord{}, handed: map[taskKey]handed{}, links: map[link]*life{},
	}
}

// fail notes the first thing that must not be.
func (j *judge) fail(format string, args ...any) {
	if j.failure == "" && !j.w.ending {
		j.failure = fmt.Sprintf(format, args...)
		j.w.tell("FAILED: %s", j.failure)
	}
}

// stored takes in a section that the store has.
func (j *judge) stored(s *store.Section) {
	sum := uint64(0)
	for i := range s.Ops {
		op := &s.Ops[i]
		sum += hashOf(op.Key, op.Value) + uint64(op.Kind) // the order within a section is not fixed
		if op.Space != store.ShardSpace || len(op.Key) == 0 {
			continue
		}
		switch op.Key[0] {
		case keys.OpenRun, keys.ClosedRun, keys.History, keys.Note:
			j.dirty[keys.Run(op.Key)] = true
			j.time(op)
		}
	}
	j.w.tell("shard %d has section %d: %d operations, %x", s.Shard, s.Seq, len(s.Ops), sum)
}

// time notes when a run was opened and closed.
func (j *judge) time(op *store.Op) {
	if k := op.Key[0]; k != keys.OpenRun && k != keys.ClosedRun {
		return
	}
	run := engine.RunID(keys.Run(op.Key))
	t := j.times[run]
	if t == nil {
		t = &times{opened: j.w.steps}
		j.times[run] = t
	}
	if t.closed == 0 && (op.Key[0] == keys.ClosedRun || op.Kind == store.Delete) {
		t.closed = j.w.steps
	}
}

// look judges the runs that were written since it last looked, as far as their
// shards have nothing under way.
func (j *judge) look() {
	h := j.w.harness
	if h == nil || h.disk.dead || len(j.dirty) == 0 {
		return // what is put off waits for what is dirty
	}
	h.disk.judging = true
	defer func() { h.disk.judging = false }()
	runs := slices.SortedFunc(maps.Keys(j.dirty), func(a, b engine.RunID) int { return bytes.Compare(a[:], b[:]) })
	var begun []*life
	for _, run := range runs {
		if h.busy(run.Shard()) {
			continue
		}
		delete(j.dirty, run)
		if l := j.lookAt(h, run); l != nil {
			begun = append(begun, l)
		}
	}
	for _, l := range begun {
		j.begin(l)
	}
	if len(j.dirty) == 0 {
		for _, judgement := range j.later {
			judgement()
		}
		j.later = nil
	}
}

// settled puts off a judgement until all that was written was looked at.
func (j *judge) settled(judgement func()) {
	if len(j.dirty) == 0 {
		judgement()
	} else {
		j.later = append(j.later, judgement)
	}
}

// lookAt judges one run; it gives the run if it was open and not seen before.
func (j *judge) lookAt(h *harness, run engine.RunID) *life {
	ctx := context.Background()
	l := j.lives[run]
	view, err := h.node.Stored(ctx, run)
	if err != nil {
		j.fail("read run %s: %v", run, err)
		return nil
	}
	if view == nil {
		j.someGone = true
		if l != nil {
			j.forgotten(l)
		}
		return nil
	}
	fresh := l == nil
	if fresh {
		l = &life{Identity: view.Identity}
		if view.Name.Kind == execution.Kind {
			l.domain, l.workflowID = execution.Split(view.Name.Key)
			l.history = newHistory(j, l)
			l.log = l.history
		}
		if view.Name.Kind == machineKind {
			l.domain = domainKeep
			l.machine = newMachineLog(j, l)
			l.log = l.machine
			j.begunOnce(l)
		}
		j.lives[run] = l
		j.order = append(j.order, l)
	}
	if l.gone {
		j.fail("run %s was forgotten and is back", run)
		return nil
	}
	l.view = *view
	if err := h.node.Verify(ctx, run, &l.twin); err != nil {
		j.fail("%v", err)
		return nil
	}
	if l.log != nil {
		j.readHistory(h, l)
	}
	if l.history == nil && l.closed && view.Status == engine.Open { // it was redriven, or a revision is no longer finalized
		l.closed = false
		j.open[l.Name] = l
	}
	if view.Status == engine.Closed {
		l.closed = true
		if want := view.Closed + keptFor; l.domain == domainKeep && view.Forget != want {
			j.fail("run %s of %q is to be forgotten at %d, want %d", l.Run, l.Name.Key, view.Forget, want)
		}
		if j.open[l.Name] == l {
			delete(j.open, l.Name)
		}
	}
	if fresh && view.Status == engine.Open {
		return l
	}
	return nil
}

// begin notes a new open run. It comes after all that closed in the same batch.
func (j *judge) begin(l *life) {
	if other := j.open[l.Name]; other != nil {
		j.fail("%q has two open runs, %s and %s", l.Name.Key, other.Run, l.Run)
	}
	j.open[l.Name] = l
}

// mayBeGone tells whether nobody is shown the run any more: one that is kept for no time
// is only still to be deleted once it has closed.
func (l *life) mayBeGone() bool { return l.gone || l.closed && l.domain == domainDrop }

// forgotten takes in that nothing is stored of a run any more.
func (j *judge) forgotten(l *life) {
	l.gone = true
	if j.open[l.Name] == l { // it went in the batch that closed it
		delete(j.open, l.Name)
		if l.domain != domainDrop {
			j.fail("open run %s of %q is gone", l.Run, l.Name.Key)
		}
		l.closed = true
		return
	}
	if forget := l.view.Forget; forget == 0 || forget > j.w.latest+1000 {
		j.fail("run %s of %q is gone at %d; it was to be kept until %d", l.Run, l.Name.Key, j.w.latest, forget)
	}
}

// readHistory reads what a run's history has more.
func (j *judge) readHistory(h *harness, l *life) {
	last := l.view.LastEvent
	if l.log.lastEvent() >= last {
		if l.log.lastEvent() > last {
			j.fail("run %s had %d events and has %d", l.Run, l.log.lastEvent(), last)
		}
		return
	}
	b, err := h.node.StoredEvents(context.Background(), l.Run, l.log.lastEvent()+1, last)
	if err != nil {
		j.fail("read history of run %s: %v", l.Run, err)
		return
	}
	l.log.read(b)
	if l.log.lastEvent() != last {
		j.fail("run %s: history ends with event %d, record with %d", l.Run, l.log.lastEvent(), last)
	}
	if l.log.ended() != (l.view.Status == engine.Closed) {
		j.fail("run %s: history has ended: %v, record status %d", l.Run, l.log.ended(), l.view.Status)
	}
}

// died comes when a process died: what it had in memory is gone, and all that is
// stored is checked.
func (j *judge) died() {
	j.check()
}

// check is what heddle check does, on a store that nobody owns.
func (j *judge) check() {
	if j.w.ending {
		return
	}
	ctx := context.Background()
	view, err := j.w.store.Snapshot(ctx)
	if err != nil {
		j.fail("snapshot: %v", err)
		return
	}
	defer view.Close()
	found, err := runlog.Check(ctx, view, runlog.Checking{Shards: j.w.store.Shards(), Hash: &j.w.hash, Rules: j.w.rules})
	if err != nil {
		j.fail("check: %v", err)
		return
	}
	if len(found.Wrong) > 0 {
		slices.Sort(found.Wrong)
		j.fail("check: %q", found.Wrong)
	}
	runs := runlog.NewReader(view, j.w.store.Shards())
	for _, l := range j.order {
		if l.gone || j.dirty[l.Run] {
			continue
		}
		view, err := runs.Stored(ctx, l.Run)
		switch {
		case err != nil:
			j.fail("%v", err)
		case view == nil:
			j.fail("run %s of %q was there and is not", l.Run, l.Name.Key)
		case view.LastEvent != l.view.LastEvent || view.Status != l.view.Status:
			j.fail("run %s of %q had %d events, and now %d", l.Run, l.Name.Key, l.view.LastEvent, view.LastEvent)
		}
	}
}

// standing judges what must hold whenever no shard has anything to do: what is
// owed is on offer, and what is due has come.
func (j *judge) standing() {
	h := j.w.harness
	if h == nil || h.disk.dead || len(h.flights) > 0 || h.node.Fetches() > 0 || len(h.node.Kicked()) > 0 || len(j.dirty) > 0 {
		return
	}
	for shard := range j.w.store.Shards() {
		if h.node.Lost(shard) || h.node.Waits(shard) { // what could not be read is tried again later
			return
		}
	}
	if h.node.Advance(); len(h.node.Kicked()) > 0 || h.node.Fetches() > 0 { // as the alarm does each second
		return
	}
	now := h.Now()
	for _, l := range j.order {
		if l.log == nil || l.closed || l.gone {
			continue
		}
		if at, what := l.log.due(); at != 0 && at+2000 < now {
			j.fail("run %s of %q: %s was due at %d, and it is %d", l.Run, l.Name.Key, what, at, now)
		}
		j.obeys(l)
		for _, id := range l.log.waiting() {
			if _, ok := h.offers.open[offerKey{l.Run, id}]; !ok {
				j.fail("run %s of %q: the task of event %d waits for a worker and is not on offer", l.Run, l.Name.Key, id)
			}
		}
	}
	for k := range h.offers.open {
		l := j.lives[k.run]
		if l == nil || l.closed || l.gone || l.log == nil && j.w.exchange == nil || l.log != nil && !l.log.open(k.id) {
			j.fail("the task of event %d of run %s is on offer and not open", k.id, k.run)
		}
	}
	// A claim may be on an offer that has been withdrawn.
	h.markAnswered()
	has, want := h.totals, len(h.offers.open)
	if has.Offers > want || has.Offers+has.Claims < want {
		j.fail("shards offer %d tasks, in matching wait %d, and %d are claimed", want, has.Offers, has.Claims)
	}
}

// obeys holds an open child against the policy of a parent that was ended. No
// message is under way.
func (j *judge) obeys(l *life) {
	if l.machine != nil {
		j.awaited(l)
		return
	}
	started := l.history.started
	if started.ParentWorkflowExecution == nil {
		return
	}
	run, _ := execution.ParseRun(started.ParentWorkflowExecution.RunID)
	p := j.lives[run]
	if p == nil || !p.closed || p.gone || p.history.children[*started.ParentInitiatedEventID] == nil {
		return
	}
	switch p.history.childPolicy {
	case wire.ChildPolicyTerminate:
		j.fail("run %s of %q is open, and its parent %s was ended with policy TERMINATE", l.Run, l.Name.Key, run)
	case wire.ChildPolicyRequestCancel:
		if started.ContinuedExecutionRunID == nil && !slices.Contains(l.history.types, wire.EventTypeWorkflowExecutionCancelRequested) {
			j.fail("run %s of %q was not asked to cancel, and its parent %s was ended with policy REQUEST_CANCEL", l.Run, l.Name.Key, run)
		}
	}
}

// markRecord is what became of one thing that a client wrote.
type markRecord struct {
	copies  int            // how often it may stand, by type of event
	refused bool           // it must stand nowhere
	answers int64          // the Started event of the decision task that it answers; 0: of none
	events  map[string]int // where it stands
}

// mark gives text that nobody else writes.
func (j *judge) mark() string {
	j.markNext++
	return fmt.Sprintf("m%d.", j.markNext)
}

func (j *judge) record(mark string) *markRecord {
	m := j.marks[mark]
	if m == nil {
		m = &markRecord{events: map[string]int{}}
		j.marks[mark] = m
	}
	return m
}

// sent says that a mark is on its way, so many times.
func (j *judge) sent(mark string, copies int) { j.record(mark).copies += copies }

// answers says that a mark is on its way as the answer to a decision task.
func (j *judge) answers(mark string, started int64) { j.record(mark).answers = started }

// stands says that a mark is in an event of a type.
func (j *judge) stands(l *life, eventType, mark string) {
	m := j.record(mark)
	m.events[eventType]++
	if n := m.events[eventType]; n > max(1, m.copies) {
		j.fail("run %s: %s with %q stands %d times, and was asked for %d times", l.Run, eventType, mark, n, m.copies)
	}
	if m.refused {
		j.fail("run %s: %s has %q, which was refused", l.Run, eventType, mark)
	}
}

// refused says that a client was told that nothing was done.
func (j *judge) refused(name, mark string) {
	m := j.record(mark)
	m.refused = true
	if len(m.events) > 0 {
		j.fail("%s with %q was refused and stands in %v", name, mark, m.events)
	}
}

// acknowledged says that a client was told that it is done: it is there, unless
// its run has gone since.
func (j *judge) acknowledged(name, mark string) {
	j.settled(func() {
		if m := j.record(mark); len(m.events) == 0 && !j.someGone {
			j.fail("%s with %q was acknowledged and stands nowhere", name, mark)
		}
	})
}

// taskKey names a task.
type taskKey struct {
	run       engine.RunID
	scheduled int64
}

// handed is a task that clients got.
type handed struct {
	attempts    []uint32
	disruptions int // of the world until the last was started
}

// got says that a client has a task. The history behind it is durable, nobody
// else has the same attempt, and none comes after it for no reason: disruptions
// are those until the server submitted the start.
func (j *judge) got(task tasks.Token, disruptions int) {
	key := taskKey{task.Run, task.Scheduled}
	before, again := j.handed[key]
	switch {
	case again && slices.Contains(before.attempts, task.Attempt):
		j.fail("the task of event %d of run %s came twice as attempt %d", task.Scheduled, task.Run, task.Attempt)
	case again && before.disruptions == disruptions && task.Attempt > slices.Max(before.attempts):
		j.fail("the task of event %d of run %s was delivered as attempts %v and came again", task.Scheduled, task.Run, before.attempts)
	}
	j.handed[key] = handed{append(before.attempts, task.Attempt), disruptions}
	j.settled(func() {
		l := j.lives[task.Run]
		switch {
		case l == nil && j.someGone, l != nil && l.gone: // started and ended in one batch, and kept for no time
		case l == nil || l.history == nil || l.history.last < task.Started:
			j.fail("a task of run %s, started by event %d, was handed out before that was durable", task.Run, task.Started)
		}
	})
}
