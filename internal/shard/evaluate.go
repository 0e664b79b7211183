package shard

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// evaluate gives one call, which lacks nothing, to the rules.
func (s *Shard) evaluate(b *Batch, c *call, t target) {
	switch {
	case c.isMessage():
		s.evaluateMessage(b, c, t)
		return
	case c.isParked():
		s.evaluateParked(b, c, t)
		return
	case c.wake:
		s.evaluateWake(b, c, t)
		return
	}
	r, err := s.find(b, c, t)
	if err != nil {
		c.err = err
		return
	}
	if _, ok := c.cmd.Body.(engine.Peek); ok {
		s.peek(b, r, c)
		return
	}
	c.reply, c.err = s.handleIn(b, r, &c.cmd, c.given)
	if refusal, ok := c.reply.(error); ok {
		c.reply, c.err = nil, refusal
	}
	switch {
	case !c.cmd.Await || c.err != nil:
	case s.runs[r.Run] == r:
		c.reply = nil
		s.await(r.Run, c)
	case r.NextEvent > 1: // it is closed already
		s.at = r // and no longer its successor
		c.reply, c.err = s.kinds[r.Name.Kind].Outcome(r.state)
	}
}

// peek answers with what the shard knows of a run, or awaits that it closes.
func (s *Shard) peek(b *Batch, r *run, c *call) {
	if r.change != nil { // by an earlier command of the batch
		s.settle(b, r)
	}
	switch {
	case !c.cmd.Await:
		c.reply = r.View()
	case s.sick[r.Run]:
		c.err = ErrQuarantined // it never closes
	case r.Status == engine.Open:
		s.await(r.Run, c)
	default:
		s.at = r
		c.reply, c.err = s.kinds[r.Name.Kind].Outcome(r.state)
	}
}

// find gives the run that a command is for; a new one if it may begin one.
func (s *Shard) find(b *Batch, c *call, t target) (*run, error) {
	cmd := &c.cmd
	if t.failed != nil {
		return nil, t.failed.failure()
	}
	if f := s.failed[lookup{run: t.key}]; f != nil && (t.run == nil || s.needsState(t.run, c)) {
		return nil, f.failure()
	}
	r := t.run
	if r != nil && r.isOver(b.confirmed) {
		r = nil
	}
	byName := cmd.Run.IsZero()
	switch {
	case r == nil && (!byName || cmd.Begin == engine.Never), !byName && cmd.Name.Kind != "" && r.Name != cmd.Name:
		return nil, &engine.UnknownRunError{Name: cmd.Name, Run: cmd.Run}
	case r == nil:
		return s.begin(cmd, t)
	case byName && r.Status == engine.Closed && cmd.Begin == engine.Once:
		return nil, &engine.NameKeptError{Name: cmd.Name, Run: r.Run}
	case byName && cmd.Begin >= engine.Always:
		return nil, &engine.AlreadyOpenError{Name: cmd.Name, Run: r.Run}
	}
	return r, nil
}

// failure is what a call is answered for which something could not be fetched.
func (f *fetch) failure() error {
	if f.broken {
		return fmt.Errorf("%w: %w", engine.ErrUnusable, f.err)
	}
	return fmt.Errorf("%w: %w", engine.ErrUnread, f.err)
}

// cantTake tells whether an error means that a run could not take a command, rather
// than that the command was refused.
func cantTake(err error) bool {
	return errors.Is(err, engine.ErrUnusable) || errors.Is(err, engine.ErrUnread)
}

// begin gives a run that a command may begin, unless it exists.
func (s *Shard) begin(cmd *engine.Command, t target) (*run, error) {
	if cmd.Begin == engine.Once && !s.keepsNames(cmd.Name.Kind) {
		return nil, fmt.Errorf("kind %q keeps no names", cmd.Name.Kind)
	}
	r := t.fresh
	if r == nil {
		r = newRun(cmd, s.id)
	}
	if t.exists {
		return nil, &engine.RunExistsError{Run: r.Run}
	}
	return r, nil
}

// newRun is a run without events.
func newRun(cmd *engine.Command, shard uint16) *run {
	return &run{Head: runlog.Head{
		Identity:  engine.Identity{Name: cmd.Name, Run: engine.NewRunID(shard, cmd.Seed)},
		NextEvent: 1,
	}, place: -1}
}

// handleIn runs one command of a run and takes in what it did.
func (s *Shard) handleIn(b *Batch, r *run, cmd *engine.Command, g *given) (any, error) {
	if s.sick[r.Run] {
		return nil, ErrQuarantined
	}
	rules := s.kinds[r.Name.Kind]
	if rules == nil {
		return nil, fmt.Errorf("no rules for kind %q", r.Name.Kind)
	}
	if g != nil && g.failed != nil {
		return nil, fmt.Errorf("fetch what its rules want: %w", g.failed.failure())
	}
	s.at = r
	fresh := r.NextEvent == 1
	if fresh {
		if r.state == nil {
			r.state = rules.New(r.Identity)
		}
	} else {
		s.cache.use(r)
		b.states++
		if r.fetched {
			r.fetched = false
			b.read++
		}
	}
	in := engine.Input{Now: b.now, Confirmed: b.confirmed, Up: s.up, OpenIn: s.openIn, Notify: s.notifies, Measure: s.Listener != nil && s.Listener.TurnDone != nil}
	if g != nil && g.events != nil {
		in.Event = func(id int64) []byte { return g.events[id] }
	}
	if g != nil && g.blobs != nil {
		in.Blob = func(id blob.ID) []byte { return g.blobs[id] }
	}
	if g != nil && g.keys != nil {
		in.DataKey = func(use engine.KeyUse) (engine.DataKey, error) {
			answer, wanted := g.keys[use]
			if !wanted { // without it they would seal nothing
				panic(fmt.Sprintf("run %s: a data key that was not wanted", r.Run))
			}
			return answer.key, answer.refused
		}
	}
	switch {
	case fresh:
		in.OpenInGroup = s.groups.add(cmd.Group, 1) - 1 + s.openElsewhere(cmd.Group)
		defer func() {
			if s.runs[r.Run] != r && b.closed[r.Run] != r { // it did not begin
				s.groups.add(cmd.Group, -1)
			}
		}()
	case r.Status == engine.Closed:
		in.OpenInGroup = s.groups.add(r.Group, 0) + s.openElsewhere(r.Group)
		in.NameTaken = s.names.get(r.Name) != nil
	default:
		in.OpenInGroup = s.groups.add(r.Group, 0) - 1 + s.openElsewhere(r.Group)
	}
	turn, err := safely(rules, r.state, cmd.Body, in)
	if err != nil {
		if fault, ok := errors.AsType[*fault](err); ok {
			return nil, s.isolate(b, r, fault)
		}
		return nil, err
	}
	if n := turn.Bytes(); n > engine.TurnBytesMax {
		return nil, s.isolate(b, r, &fault{fmt.Errorf("a turn of %d bytes: rules must stop at %d", n, engine.TurnBytesMax)})
	}
	if err := rules.CheckNotes(turn.Notes); err != nil {
		return nil, s.isolate(b, r, &fault{err})
	}
	if fresh && len(turn.Events) == 0 {
		s.send(b, turn.Messages)
		return turn.Reply, nil
	}
	if fresh && s.pass(b, r, rules, &turn) {
		return turn.Reply, nil
	}
	if err := s.enter(b, r, rules, cmd); err != nil {
		return nil, err
	}
	s.take(b, r, rules, &turn)
	return turn.Reply, nil
}

// pass lets a run go by that begins and ends in one turn, and is to be kept for no time: nothing
// of it is written, since all of it would be deleted next. What its turn says to others is
// theirs. It tells whether the run is such a one.
func (s *Shard) pass(b *Batch, r *run, rules *engine.Ruleset, turn *engine.Turn) bool {
	if len(turn.Notes) > 0 || len(turn.Notifications) > 0 || turn.Successor != nil {
		return false
	}
	rec := rules.Record(r.state, s.up)
	if rec.Status != engine.Closed || rec.Forget == 0 || rec.Forget > rec.Closed {
		return false
	}
	c := s.touch(b, r)
	r.NextEvent += int64(len(turn.Events))
	r.Record, c.settled = rec, true
	if c.tells {
		c.told.events, c.told.measures = turn.Events, turn.Measures
	}
	s.send(b, turn.Messages)
	return true
}

// enter puts a run among the open ones that begins, or opens again.
func (s *Shard) enter(b *Batch, r *run, rules *engine.Ruleset, cmd *engine.Command) error {
	switch {
	case r.NextEvent == 1:
		r.Group = intern(cmd.Group)
		r.Name.World.Account, r.Name.World.Region = intern(r.Name.World.Account), intern(r.Name.World.Region)
		s.begun.add(r.Run, b.now)
	case r.Status == engine.Closed && rules.Record(r.state, s.up).Status == engine.Open:
		if other := s.names.get(r.Name); other != nil {
			return s.isolate(b, r, &fault{fmt.Errorf("it opens again although run %s of its name is open", other.Run)})
		}
		delete(b.closed, r.Run)
		s.touch(b, r)
		r.Status, r.Forget = engine.Open, 0 // as those find it who come before it is settled
		s.groups.add(r.Group, 1)
	default:
		return nil
	}
	if rules.Traits.KeepsNames {
		s.takeName(b, r)
	}
	s.runs[r.Run] = r
	s.names.put(r)
	s.cache.add(r)
	return nil
}

// fault is an error of rules: they panicked, or exceeded their bounds.
type fault struct{ why error }

func (f *fault) Error() string { return f.why.Error() }
func (f *fault) Unwrap() error { return f.why }

// safely hands a command to the rules; a panic of theirs is a *fault.
func safely(rules *engine.Ruleset, state engine.State, body any, in engine.Input) (turn engine.Turn, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault{panicked(p)}
		}
	}()
	return rules.Handle(state, body, in)
}

// panicError is a panic of rules. Only a log has use for the stack.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// panicked makes an error of what recover gave.
func panicked(p any) error {
	if err, ok := p.(error); ok {
		if _, own := errors.AsType[*fault](err); own {
			return err
		}
	}
	return &panicError{p, debug.Stack()}
}

// stackOf is where a panic was, for a log.
func stackOf(err error) string {
	if p, ok := errors.AsType[*panicError](err); ok {
		return string(p.stack)
	}
	return ""
}

// isolate quarantines a run whose rules have spoiled its state. If the batch holds
// something of it, that can no longer be settled: then all of the batch is taken back.
func (s *Shard) isolate(b *Batch, r *run, f *fault) error {
	if r.change != nil && !r.change.settled {
		panic(f)
	}
	r.state = nil
	s.setAside(b, r.Identity, f)
	return fmt.Errorf("%w: %w", ErrQuarantined, f)
}

// setAside quarantines a run of which the batch holds nothing that is yet to be settled.
func (s *Shard) setAside(b *Batch, id engine.Identity, why error) {
	s.quarantine(id, why)
	delete(s.cold, id.Run)
	if r := s.runs[id.Run]; r != nil {
		s.cache.remove(r)
		s.wakes.remove(r)
		for _, o := range r.Offers {
			if !o.Held {
				b.offers = append(b.offers, offerChange{r.Run, o, false})
			}
		}
	}
	for _, c := range s.takeAwaiting(id.Run) {
		c.reply, c.err = nil, ErrQuarantined
		b.outcomes = append(b.outcomes, c)
	}
}

// take writes a turn into the batch.
func (s *Shard) take(b *Batch, r *run, rules *engine.Ruleset, turn *engine.Turn) {
	if len(turn.Events) == 0 && len(turn.Notes) == 0 && len(turn.Messages) == 0 && len(turn.Keep) == 0 && len(turn.Drop) == 0 {
		return
	}
	s.touch(b, r).settled = false
	r.turns++
	if c := r.change; c.tells {
		c.told.measures = joined(c.told.measures, turn.Measures)
	}
	if n := len(turn.Events); n > 0 {
		if turn.Events[0].ID != r.NextEvent || turn.Events[n-1].ID != r.NextEvent+int64(n)-1 {
			panic(fmt.Sprintf("run %s: events %d..%d after event %d", r.Run, turn.Events[0].ID, turn.Events[n-1].ID, r.NextEvent-1))
		}
		key := b.cut(func(room []byte) []byte { return keys.AppendHistory(room, r.Run, r.NextEvent) })
		size := 0
		value := b.cut(func(room []byte) []byte {
			room, size = runlog.AppendTurn(room, s.seq+1, turn.Events)
			return room
		})
		b.put(store.ShardSpace, key, value)
		b.bytes += max(0, size-len(value)) // the events stay in memory as they are
		b.events = append(b.events, runEvents{r.Run, turn.Events})
		if c := r.change; c.tells {
			c.told.events = joined(c.told.events, turn.Events)
		}
		r.NextEvent += int64(n)
		if r.TailLen += size; r.TailLen >= largeLen && snapshotDue(r) && !slices.Contains(s.due, r) {
			s.due = append(s.due, r)
		}
	}
	for _, note := range turn.Notes {
		key := b.cut(func(room []byte) []byte { return keys.AppendNote(room, r.Run, note.Subject, byte(note.Kind)) })
		if len(note.Value) == 0 {
			b.delete(store.ShardSpace, key)
		} else {
			b.put(store.ShardSpace, key, note.Value)
			r.noted = true
		}
	}
	for _, id := range turn.Keep {
		b.put(store.ShardSpace, keys.AppendBlob(nil, r.Run, id), nil)
		b.put(store.IndexSpace, keys.AppendBlobIndex(nil, id, r.Run), nil)
	}
	for _, id := range turn.Drop {
		b.delete(store.ShardSpace, keys.AppendBlob(nil, r.Run, id))
		b.delete(store.IndexSpace, keys.AppendBlobIndex(nil, id, r.Run))
	}
	s.send(b, turn.Messages)
	s.notify(b, r, turn.Notifications)
	if turn.Successor != nil {
		s.settle(b, r) // frees the name
		s.succeed(b, r, turn.Successor)
	}
}

// joined is a and b. The first of a run's are those of its turn, which stay as they are.
func joined[T any](a, b []T) []T {
	if a == nil {
		return slices.Clip(b)
	}
	return append(a, b...)
}

// succeed begins the next run of a name in the batch that closes the last one.
func (s *Shard) succeed(b *Batch, r *run, cmd *engine.Command) {
	if b.succeeding {
		s.at = r
		panic(errors.New("the successor of a successor in one turn"))
	}
	b.succeeding = true
	defer func() { b.succeeding = false }()
	next, err := s.begin(cmd, target{})
	switch {
	case err != nil:
	case s.names.get(cmd.Name) != nil:
		err = &engine.AlreadyOpenError{Name: cmd.Name, Run: s.names.get(cmd.Name).Run}
	case !s.begun.isNew(next.Run, cmd.Seed.Time(), s.up, b.now):
		err = errors.New("its seed is not of now")
	default:
		_, err = s.handleIn(b, next, cmd, nil)
	}
	if err != nil {
		s.at = r
		panic(fmt.Errorf("run %s: successor: %w", r.Run, err))
	}
}

// touch has the batch settle a run. The head that it will then write counts here, so
// that the batch ends in time; most of it is offers.
func (s *Shard) touch(b *Batch, r *run) *change {
	if r.change == nil {
		r.change = changes.Get().(*change)
		r.change.before, r.change.storedTo = r.Record, r.NextEvent
		if r.change.tells = s.Listener != nil && s.Listener.TurnDone != nil; r.change.tells {
			r.change.told.before = r.Record
		}
		b.touched = append(b.touched, r)
		b.bytes += r.Bytes()
		s.disbelieve(r)
	}
	return r.change
}

// untouch ends what the batch knows of its runs.
func (s *Shard) untouch(b *Batch) {
	for _, r := range b.touched {
		*r.change = change{}
		changes.Put(r.change)
		r.change = nil
	}
}

// wakeWaits tells whether a Wake waits for what the rules of a run want, while other commands
// went on.
func (s *Shard) wakeWaits(r *run) bool {
	return s.againLine.has(r.Run) && slices.ContainsFunc(s.waiting, func(c *call) bool { return c.wake && c.cmd.Run == r.Run })
}

// fireWakes gives a Wake to the runs whose deadline has come.
func (s *Shard) fireWakes(b *Batch) {
	if s.peers.holds() {
		return
	}
	for n := s.wakesWaiting; n < batchWakesMax && !b.full() && len(s.wakes) > 0 && s.wakes[0].Wake <= b.now; n++ {
		r := s.wakes[0]
		s.wakes.remove(r) // settle puts it back
		if s.wakeWaits(r) {
			continue
		}
		s.try(b, &call{cmd: engine.Command{Run: r.Run, Body: engine.Wake{}}, wake: true})
	}
}

func (s *Shard) evaluateWake(b *Batch, c *call, t target) {
	r := t.run
	if r == nil || s.runs[r.Run] != r {
		return // it has closed meanwhile
	}
	if r.Wake == 0 || r.Wake > b.now {
		s.wakes.settle(r) // another command moved its deadline
		return
	}
	next := r.NextEvent
	b.late = append(b.late, b.now-r.Wake)
	var stalled engine.Time
	_, err := s.find(b, c, t)
	if err == nil {
		_, err = s.handleIn(b, r, &c.cmd, c.given)
	}
	switch {
	case err != nil:
		s.Log.Error("wake refused", "run", r.Run, "name", r.Name.Key, "cause", err)
		stalled = b.now + ackDelay
	case r.NextEvent == next:
		stalled = b.now + 1
	}
	if r.change != nil {
		r.change.stalled = stalled
	} else {
		r.Wake = max(r.Wake, stalled)
		s.queueWake(r)
	}
}
