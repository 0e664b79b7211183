package shard

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// evaluate gives one command to the rules.
func (s *Shard) evaluate(b *Batch, c *call) {
	if c.isMessage() {
		s.evaluateMessage(b, c)
		return
	}
	if c.parked != nil {
		s.evaluateParked(b, c)
		return
	}
	r, err := s.find(b, &c.cmd)
	if err != nil {
		c.err = err
		return
	}
	if _, ok := c.cmd.Body.(engine.Peek); ok {
		if r.change != nil { // by an earlier command of the batch
			s.settle(b, r)
		}
		c.reply = r.view()
		return
	}
	c.reply, c.err = s.handleIn(b, r, &c.cmd)
	if refusal, ok := c.reply.(error); ok {
		c.reply, c.err = nil, refusal
	}
}

// find gives the run that a command is for; a new one if it may begin one.
func (s *Shard) find(b *Batch, cmd *engine.Command) (*run, error) {
	unknown := func() error { return &engine.UnknownRunError{Name: cmd.Name, Run: cmd.Run} }
	if !cmd.Run.IsZero() {
		r, err := s.byID(b, cmd.Run)
		if errors.Is(err, store.ErrNotFound) || err == nil && cmd.Name.Kind != "" && r.Name != cmd.Name {
			return nil, unknown()
		}
		return r, err
	}
	r := s.names.get(cmd.Name)
	switch {
	case r == nil && cmd.Begin == engine.Never:
		return nil, unknown()
	case r == nil:
		return &run{stored: stored{
			Identity:  engine.Identity{Name: cmd.Name, Run: engine.NewRunID(s.id, cmd.Seed)},
			NextEvent: 1,
		}, place: -1}, nil
	case cmd.Begin == engine.Always:
		return nil, &engine.AlreadyOpenError{Name: cmd.Name, Run: r.Run}
	}
	return r, nil
}

// byID gives an open run, or a closed one read from the store for this command
// alone.
func (s *Shard) byID(b *Batch, id engine.RunID) (*run, error) {
	if r := s.runs[id]; r != nil {
		return r, nil
	}
	if r := b.closed[id]; r != nil {
		return r, nil
	}
	var room [1 + keys.RunSize]byte
	v, err := s.handle.Get(context.Background(), keys.AppendRun(room[:0], keys.ClosedRun, id))
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(id, v)
	if err != nil {
		return nil, err
	}
	return &run{stored: *rec, place: -1}, nil
}

// handleIn runs one command of a run and takes in what it did.
func (s *Shard) handleIn(b *Batch, r *run, cmd *engine.Command) (any, error) {
	if s.sick[r.Run] {
		return nil, ErrQuarantined
	}
	s.at = r
	rules := s.Rules[r.Name.Kind]
	if rules == nil {
		return nil, fmt.Errorf("no rules for kind %q", r.Name.Kind)
	}
	if err := s.load(r, rules); err != nil {
		s.Log.Error("a run can't be read; its commands fail", "run", r.Run, "name", r.Name.Key, "cause", err)
		return nil, fmt.Errorf("%w: %w", engine.ErrUnusable, err)
	}
	in := engine.Input{Now: b.now, Up: s.up}
	fresh := r.NextEvent == 1
	if !fresh {
		in.OpenInGroup = s.groups.add(r.Group, 0) - 1
	} else {
		in.OpenInGroup = s.groups.add(cmd.Group, 1) - 1
		defer func() {
			if s.runs[r.Run] != r && b.closed[r.Run] != r { // it did not begin
				s.groups.add(cmd.Group, -1)
			}
		}()
	}
	turn, err := rules.Handle(r.state, cmd.Body, in)
	if err != nil {
		return nil, err
	}
	if fresh && len(turn.Events) == 0 {
		s.send(b, turn.Messages)
		return turn.Reply, nil
	}
	if fresh {
		r.Group = intern(cmd.Group)
		r.Name.World.Account, r.Name.World.Region = intern(r.Name.World.Account), intern(r.Name.World.Region)
		s.runs[r.Run] = r
		s.names.put(r)
		s.cache.add(r)
	}
	s.take(b, r, rules, &turn)
	return turn.Reply, nil
}

// take writes a turn into the batch.
func (s *Shard) take(b *Batch, r *run, rules engine.Rules, turn *engine.Turn) {
	if len(turn.Events) == 0 && len(turn.Notes) == 0 && len(turn.Messages) == 0 {
		return
	}
	s.touch(b, r).settled = false
	if n := len(turn.Events); n > 0 {
		if turn.Events[0].ID != r.NextEvent || turn.Events[n-1].ID != r.NextEvent+int64(n)-1 {
			panic(fmt.Sprintf("run %s: events %d..%d after event %d", r.Run, turn.Events[0].ID, turn.Events[n-1].ID, r.NextEvent-1))
		}
		from := len(b.room)
		key := b.cut(keys.AppendHistory(b.room, r.Run, r.NextEvent), from)
		from = len(b.room)
		value := b.cut(appendTurn(b.room, s.seq+1, turn.Events), from)
		b.put(store.ShardSpace, key, value)
		b.events = append(b.events, runEvents{r.Run, turn.Events})
		r.NextEvent += int64(n)
		r.TailLen += len(value)
	}
	for _, note := range turn.Notes {
		from := len(b.room)
		key := b.cut(keys.AppendNote(b.room, r.Run, note.Subject, byte(note.Kind)), from)
		if len(note.Value) == 0 {
			b.delete(store.ShardSpace, key)
		} else {
			b.put(store.ShardSpace, key, note.Value)
		}
	}
	s.send(b, turn.Messages)
	if turn.Successor != nil {
		s.settle(b, r) // frees the name
		next, err := s.find(b, turn.Successor)
		if err == nil {
			_, err = s.handleIn(b, next, turn.Successor)
		}
		if err != nil {
			panic(fmt.Sprintf("run %s: successor: %v", r.Run, err))
		}
	}
}

// touch has the batch settle a run. The record that it will then write counts
// here, so that the batch ends in time; most of it is offers.
func (s *Shard) touch(b *Batch, r *run) *change {
	if r.change == nil {
		if n := len(s.spare); n > 0 {
			r.change, s.spare = s.spare[n-1], s.spare[:n-1]
		} else {
			r.change = &change{}
		}
		r.change.before, r.change.storedTo = r.Record, r.NextEvent
		b.touched = append(b.touched, r)
		b.bytes += recordBytes + offerBytes*len(r.Offers) + len(r.Listing)
	}
	return r.change
}

// untouch ends what the batch knows of its runs.
func (s *Shard) untouch(b *Batch) {
	for _, r := range b.touched {
		*r.change = change{}
		if len(s.spare) < batchCallsMax {
			s.spare = append(s.spare, r.change)
		}
		r.change = nil
	}
}

// fireWakes gives a Wake to the runs whose deadline has come.
func (s *Shard) fireWakes(b *Batch) {
	for n := 0; n < batchWakesMax && !b.full() && len(s.wakes) > 0 && s.wakes[0].Wake <= b.now; n++ {
		r := s.wakes[0]
		s.wakes.remove(r) // settle puts it back
		s.touch(b, r)
		next := r.NextEvent
		if _, err := s.handleIn(b, r, &engine.Command{Body: engine.Wake{}}); err != nil {
			s.Log.Error("wake refused", "run", r.Run, "name", r.Name.Key, "cause", err)
			r.change.stalled = b.now + ackDelay
		} else if r.NextEvent == next {
			r.change.stalled = b.now + 1
		}
	}
}
