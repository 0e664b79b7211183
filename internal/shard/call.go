package shard

import (
	"slices"
	"sync/atomic"

	"heddle/internal/blob"
	"heddle/internal/engine"
)

// call is a command on its way through a shard.
type call struct {
	cmd     engine.Command
	reply   any
	err     error
	done    chan struct{}              // nil when nobody waits
	then    func(reply any, err error) // is told the outcome; see Node.Give
	pending *pending                   // counts the calls that are not finished

	*message             // nil: it is none
	given    *given      // what the rules want; nil: not asked yet
	asking   *fetch      // of that, which is under way
	awaits   *await      // nil: it does not await a close
	leaves   *call       // this call is there to say that the caller of another has gone
	wake     bool        // the shard's own, for a deadline
	tries    uint8       // how often what it lacks could not be fetched
	ahead    bool        // a state was fetched for it while it waited behind others
	retryAt  engine.Time // it asks for nothing before
	member   string      // of another node, which has sent it; empty: this one
}

// message is what a call has more that came from a shard: this one, where it was parked,
// or another, which counts its messages.
type message struct {
	from       uint16
	number     uint64
	generation uint64 // of the receiver, as far as the sender knew
	parked     []byte // the key of a parked message; nil: it was not parked
	packed     []byte // its body as it is stored, once cmd.Body was decoded
	unread     error  // it can't be decoded
}

// await is what a call has more whose command is done, and which is answered when the
// run closes; fresh: the batch that did it is not yet durable.
type await struct {
	run   engine.RunID
	fresh bool
}

// given is what the rules of a call want beside state and command.
type given struct {
	run    engine.RunID // whose rules wanted it
	next   int64        // the event that was next then
	turns  int          // that the run had had
	events map[int64][]byte
	blobs  map[blob.ID][]byte
	keys   map[engine.KeyUse]keyAnswer
	failed *fetch // it could not be fetched
}

// keyAnswer is a data key, or why it was refused.
type keyAnswer struct {
	key     engine.DataKey
	refused error
}

// isOf tells whether it is what the rules of a run want now; r is nil of one that would begin.
func (g *given) isOf(id engine.RunID, r *run) bool {
	return g.run == id && (r == nil || g.next == r.NextEvent && g.turns == r.turns)
}

func (g *given) event(id int64, public []byte) {
	if g.events == nil {
		g.events = map[int64][]byte{}
	}
	g.events[id] = public
}

func (g *given) blob(id blob.ID, content []byte) {
	if g.blobs == nil {
		g.blobs = map[blob.ID][]byte{}
	}
	g.blobs[id] = content
}

func (g *given) dataKey(use engine.KeyUse, key engine.DataKey, refused error) {
	if g.keys == nil {
		g.keys = map[engine.KeyUse]keyAnswer{}
	}
	g.keys[use] = keyAnswer{key, refused}
}

// isMessage tells whether the call is a message in its turn.
func (c *call) isMessage() bool { return c.message != nil && c.parked == nil }

func (c *call) isParked() bool { return c.message != nil && c.parked != nil }

// unreadable tells whether the call is a message that can't be decoded.
func (c *call) unreadable() bool { return c.message != nil && c.unread != nil }

// comesAgain tells whether the call is made anew when the shard reads its memory:
// messages are sent again, parked ones and deadlines are read.
func (c *call) comesAgain() bool { return c.message != nil || c.wake }

func (c *call) finish() {
	if c.pending != nil {
		c.pending.add(-1)
	}
	if c.done != nil {
		close(c.done)
	}
	if c.then != nil {
		c.then(c.reply, c.err)
	}
}

// await has a call answered when the run closes; its command is of the open batch.
func (s *Shard) await(run engine.RunID, c *call) {
	s.awaitAgain(c, &await{run, true})
}

func (s *Shard) awaitAgain(c *call, a *await) {
	if s.awaiting == nil {
		s.awaiting = map[engine.RunID][]*call{}
	}
	c.awaits = a
	s.awaiting[a.run] = append(s.awaiting[a.run], c)
}

// settleAwait notes that the command of a call is durable, which awaits a close: it
// no longer counts among those that are not finished.
func (c *call) settleAwait() {
	c.awaits.fresh = false
	if c.pending != nil {
		c.pending.add(-1)
		c.pending = nil
	}
}

// takeAwaiting gives those who await that a run closes, which are no longer among them.
func (s *Shard) takeAwaiting(run engine.RunID) []*call {
	calls := s.awaiting[run]
	delete(s.awaiting, run)
	return calls
}

// letGo lets the caller of a call go, who no longer awaits a close: if the call awaits
// one it is finished, with its batch if that is not yet durable; if it has yet to be
// evaluated, now or again, it will not await.
func (s *Shard) letGo(c *call) {
	c.cmd.Await = false
	if c.awaits == nil || !slices.Contains(s.awaiting[c.awaits.run], c) {
		return
	}
	fresh := c.awaits.fresh
	s.leave(c)
	if !fresh {
		c.finish()
	}
}

// leave takes a call out of those that await a close.
func (s *Shard) leave(c *call) {
	run := c.awaits.run
	left := slices.DeleteFunc(s.awaiting[run], func(other *call) bool { return other == c })
	if len(left) == 0 {
		delete(s.awaiting, run)
	} else {
		s.awaiting[run] = left
	}
	c.awaits = nil
}

// answerAwaiting gives the outcome of a run that closes to all who await it.
func (s *Shard) answerAwaiting(b *Batch, r *run, rules *engine.Ruleset) {
	if len(s.awaiting[r.Run]) == 0 {
		return
	}
	calls := s.takeAwaiting(r.Run)
	reply, err := rules.Outcome(r.state)
	for _, c := range calls {
		c.reply, c.err = reply, err
	}
	b.outcomes = append(b.outcomes, calls...)
}

// pending counts calls, and tells when there are none.
type pending struct {
	n    atomic.Int64
	none chan struct{}
}

func (p *pending) add(n int64) {
	if p.n.Add(n) == 0 {
		select {
		case p.none <- struct{}{}:
		default:
		}
	}
}

// submit puts a command into the inbox, unless the shard takes no more. One that is given up
// takes patient commands still, by which it hears what became of tasks.
func (s *Shard) submit(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errStopped
	}
	if s.presence != here && !(s.presence == gives && c.cmd.Patient) {
		return ErrMoved
	}
	if c.cmd.Patient {
		s.patient = append(s.patient, c)
	} else {
		s.inbox = append(s.inbox, c)
	}
	return nil
}

// putBack puts commands in front of those that came later.
func (s *Shard) putBack(calls []*call) {
	if len(calls) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = append(slices.Clone(calls), s.inbox...)
}

// handIn gives fetches back.
func (s *Shard) handIn(fetches ...*fetch) {
	s.mu.Lock()
	s.fetched = append(s.fetched, fetches...)
	s.mu.Unlock()
}

// takeInbox takes what has come. While the shard has no memory its commands stay.
func (s *Shard) takeInbox() (acks []ack, resend []uint16, fetched []*fetch, told []had) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fetched, s.fetched = s.fetched, nil
	if s.handle == nil {
		return nil, nil, fetched, nil
	}
	s.taken = append(s.taken[:0], s.inbox...)
	clear(s.inbox)
	s.inbox = s.inbox[:0]
	acks, resend = s.acks, s.resend
	told = s.had
	s.acks, s.resend, s.had = nil, nil, nil
	return acks, resend, fetched, told
}

// hurry has the next batch take the patient commands, and tells whether there
// are any.
func (s *Shard) hurry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.impatient = len(s.patient) > 0
	return s.impatient
}

// takePatient tries the patient commands, if the batch is written anyway or they have
// waited long enough.
func (s *Shard) takePatient(b *Batch) {
	s.mu.Lock()
	if !s.dirty() && !s.impatient || len(s.patient) == 0 {
		s.impatient = false
		s.mu.Unlock()
		return
	}
	s.taken = append(s.taken[:0], s.patient...)
	clear(s.patient)
	s.patient, s.impatient = s.patient[:0], false
	s.mu.Unlock()
	s.tryTaken(b)
	clear(s.failed)
	s.fetchGathered()
}
