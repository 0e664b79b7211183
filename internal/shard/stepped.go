package shard

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
)

// Stepped is a Node that nobody runs. Its caller steps the shards one by one, in any
// order, and decides when a batch is committed and what comes of it, and when a
// fetch is done. It has no goroutine, so the same steps give the same outcome:
// tests and simulation use it. Do and View of the Node would wait for ever;
// Submit takes their place.
type Stepped struct {
	*Node
	kicked   map[uint16]bool
	fetching []*fetch
}

// OpenStepped takes over every shard of the store, as OpenNode does.
func OpenStepped(ctx context.Context, cfg Config, clock Clock) (*Stepped, error) {
	n, err := newNode(&cfg, clock)
	if err != nil {
		return nil, err
	}
	stepped := &Stepped{Node: n, kicked: map[uint16]bool{}}
	n.kick = func(s *Shard) { stepped.kicked[s.id] = true }
	n.start = func(f *fetch) { stepped.fetching = append(stepped.fetching, f) }
	if err := n.recoverShards(ctx, 1); err != nil {
		return nil, err
	}
	n.kickRecovered()
	return stepped, nil
}

// Pending is a command that was submitted.
type Pending struct{ call *call }

// Submit gives a command to its run.
func (n *Stepped) Submit(cmd engine.Command) Pending {
	c := &call{cmd: cmd, done: make(chan struct{})}
	n.submit(c)
	return Pending{c}
}

// Answered tells whether the command's outcome is known.
func (p Pending) Answered() bool {
	select {
	case <-p.call.done:
		return true
	default:
		return false
	}
}

// Outcome is what the command was answered.
func (p Pending) Outcome() (reply any, err error) { return p.call.reply, p.call.err }

// Kicked are the shards, in their order, that want to be stepped and have no
// batch under way.
func (n *Stepped) Kicked() []uint16 {
	var ids []uint16
	for id := range n.kicked {
		if !n.shards[id].committing {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Fetches is how many fetches wait to be done.
func (n *Stepped) Fetches() int { return len(n.fetching) }

// Fetch does one of the fetches that wait, and tells of which shard it was.
func (n *Stepped) Fetch(ctx context.Context, i int) (shard uint16) {
	f := n.fetching[i]
	n.fetching = slices.Delete(n.fetching, i, i+1)
	f.perform(ctx)
	n.kick(f.shard)
	return f.shard.id
}

// Evaluate takes what waits for a shard into its open batch, which takes in more
// until it is sealed by Ready, for which the shard stays kicked.
func (n *Stepped) Evaluate(shard uint16) {
	s := n.unwritten(shard)
	n.advance(s)
	n.kick(s)
}

func (n *Stepped) unwritten(shard uint16) *Shard {
	s := n.shards[shard]
	if s.committing {
		panic(fmt.Sprintf("shard %d has a batch under way", shard))
	}
	delete(n.kicked, shard)
	return s
}

// Ready evaluates what waits for a shard into a batch, which the caller commits
// and then hands to Done. It is nil if nothing has to be written: then the shard
// is done already, or it has no memory.
func (n *Stepped) Ready(shard uint16) *Batch {
	s := n.unwritten(shard)
	n.advance(s)
	b := n.seal(s)
	if b != nil && b.Empty() {
		n.done(s, b, n.cfg.Store.Current(s.id), 0)
		return nil
	}
	return b
}

// Lost tells whether a shard has no memory: it is being read, or that has failed, and
// the next step tries again.
func (n *Stepped) Lost(shard uint16) bool { return n.shards[shard].handle == nil }

// Waits tells whether calls of a shard wait for something to be fetched.
func (n *Stepped) Waits(shard uint16) bool { return len(n.shards[shard].waiting) > 0 }

// HasOpenBatch tells whether the memory of a shard is ahead of the store.
func (n *Stepped) HasOpenBatch(shard uint16) bool { return n.shards[shard].open }

// Done lets the outcome of a shard's batch out: err is what its commit said.
func (n *Stepped) Done(shard uint16, b *Batch, err error) {
	n.done(n.shards[shard], b, err, 0)
}

// StoredEvents gives the events first..last of a run as the store has them; see
// AppendEvents, which may answer from memory.
func (n *Stepped) StoredEvents(ctx context.Context, run engine.RunID, first, last int64) ([]byte, error) {
	return n.Reader.AppendEvents(ctx, nil, run, first, last, false)
}

// Twin is the events of a run folded from what is stored, beside the shard that
// has the run.
type Twin struct {
	state engine.State
	next  int64
}

// Verify folds what was stored of a run since the twin last looked, and compares
// the outcome with the stored record and with what the shard has in memory. The
// shard must be taken over and have no batch under way. Errors:
// store.ErrNotFound if nothing is stored of the run.
func (n *Stepped) Verify(ctx context.Context, id engine.RunID, t *Twin) error {
	s := n.shards[id.Shard()]
	rec, err := n.Head(ctx, id)
	if err != nil {
		return err
	}
	if rec == nil {
		return store.ErrNotFound
	}
	rules := s.kinds[rec.Name.Kind]
	if t.state == nil {
		*t = Twin{rules.New(rec.Identity), 1}
	}
	if rules.Traits.CutsLog && rec.SnapshotAt > t.next { // what the twin has not read is cut off
		read, err := runlog.ReadAhead(ctx, s.Store, []*runlog.Head{rec})
		if err != nil {
			return fmt.Errorf("read run %s: %w", id, err)
		}
		state, err := read[0].Fold(ctx, s.Store, rules, rec, false)
		if err != nil {
			return fmt.Errorf("fold run %s: %w", id, err)
		}
		*t = Twin{state, rec.NextEvent}
	}
	if t.next, err = runlog.FoldEvents(ctx, s.Store, rules, t.state, id, t.next); err != nil {
		return fmt.Errorf("fold run %s: %w", id, err)
	}
	if t.next != rec.NextEvent {
		return fmt.Errorf("run %s: log ends before event %d, record before event %d", id, t.next, rec.NextEvent)
	}
	// Notes come and go: they are folded into a copy.
	state, err := rules.DecodeState(rec.Identity, rules.EncodeState(t.state))
	if err == nil {
		err = runlog.FoldNotes(ctx, s.Store, rules, state, id)
	}
	if err != nil {
		return fmt.Errorf("fold run %s: %w", id, err)
	}
	now := rules.Record(state, s.up)
	if err := inTime(&now, "stored record", &rec.Record); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	r := s.runs[id]
	if r == nil {
		if rec.Status == engine.Open {
			return fmt.Errorf("run %s is open in the store, and its shard does not know it", id)
		}
		return nil
	}
	if rec.Status != engine.Open {
		return fmt.Errorf("run %s is closed in the store and open in its shard", id)
	}
	if err := inTime(&now, "record in memory", &r.Record); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	woken := slices.ContainsFunc(s.waiting, func(c *call) bool { return c.wake && c.cmd.Run == id })
	if r.Wake != 0 && r.place < 0 && !woken {
		return fmt.Errorf("run %s wants to be woken at %d, and is not in the queue", id, r.Wake)
	}
	if !slices.Equal(now.Offers, r.Offers) {
		return fmt.Errorf("run %s: offers in memory and log disagree: %+v and %+v", id, r.Offers, now.Offers)
	}
	if r.state == nil {
		return nil
	}
	if live, folded := rules.EncodeState(r.state), rules.EncodeState(state); !bytes.Equal(live, folded) {
		return fmt.Errorf("run %s: state in memory and log disagree:\n%x\n%x", id, live, folded)
	}
	return nil
}

// inTime tells whether a record agrees with the one that follows from the log, and
// has the run woken in time: a deadline may come too early, and one that did nothing
// comes again a little late.
func inTime(log *engine.Record, what string, rec *engine.Record) error {
	if late := log.Wake + ackDelay; rec.Wake > late {
		return fmt.Errorf("the %s wakes it at %d, and must by %d", what, rec.Wake, late)
	}
	return runlog.Agree("log", log, what, rec)
}
