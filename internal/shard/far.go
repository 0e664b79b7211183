package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
)

// Shards of other nodes.
//
// A node with a Config.Far begins with no shard. It is told which to own and which to give
// up; it tells Far when it has one (Owned), which stands in the store by then, and when it
// no longer has it (Gone), which stands in the store too: what it evaluated is durable or
// lost by then, and its callers have heard so. Commands for a shard that is not here are
// answered ErrMoved: nothing was done.
//
// Messages to shards that are away go to Far, as rows. They may be lost there: whoever hears
// that a shard was taken over, or that a way to it was lost and is there again, says so
// (Moved), and all that has not been acknowledged goes again.

// ErrMoved is the answer to commands for a shard that is not here. Nothing was done.
var ErrMoved = errors.New("the shard is not on this node")

// Far is the shards of other nodes. Its methods are called while shards are stepped: they
// do not wait, and call nothing of the Node but what says so.
type Far interface {
	// Epoch is that of the owner of a shard which is not here; 0: nobody knows one.
	Epoch(shard uint16) uint64
	Deliver(m FarMessage)
	Acknowledge(a FarAck)
	// Owned says that a shard is here now, before any of its tasks is offered.
	Owned(shard uint16, epoch uint64)
	// Gone says that a shard is here no longer, or that it could not be taken over. Unless it
	// was released, it may still be this node's in the store.
	Gone(shard uint16, released bool)
	// OpenElsewhere is how many runs of a quota group are open in shards of other nodes, as far
	// as they have said.
	OpenElsewhere(group string) int
}

// FarMessage is a message on its way from shard to shard; see outbox.go.
type FarMessage struct {
	To, From   uint16
	Number     uint64
	Generation uint64 // of the receiver, as far as the sender knew
	Row        []byte
}

// FarAck says to a shard that another one has handled all its messages up to a number.
type FarAck struct {
	To, By uint16
	Number uint64
}

// presence is whether a shard is here; under the shard's mu.
type presence uint8

const (
	here   presence = iota
	away            // it is not
	gives           // it goes, when its batch is through and it has heard what became of tasks, and is released
	loses           // it goes so, and is no longer its node's to be released
	leaves          // it has gone, and is being released
)

// generationNow is that of a shard which has its memory here; 0: it has none, and if it is to be
// taken over, that may fail, for another node has it.
func (s *Shard) generationNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// hasLeft tells whether the shard is away, or has gone and is being released.
func (s *Shard) hasLeft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.presence == away || s.presence == leaves
}

// isGiven tells whether the shard is here, and is to be released.
func (s *Shard) isGiven() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.presence == gives
}

// Own takes a shard over, if it is away. Far hears of the outcome.
func (n *Node) Own(shard uint16) {
	s := n.shards[shard]
	s.mu.Lock()
	begin := s.presence == away && !s.closed
	if begin {
		s.presence = here
	}
	s.mu.Unlock()
	if begin {
		n.kick(s)
	}
}

// Disown gives a shard up, if it is here: its batch is finished, nothing more is
// evaluated but what tells that tasks on their way have reached their workers, for which it waits
// a little, and it is released. If it is lost, it is not the node's to be released.
func (n *Node) Disown(shard uint16, lost bool) {
	s := n.shards[shard]
	s.mu.Lock()
	begin := s.presence == here || s.presence == gives && lost
	if begin {
		s.presence = gives
		if lost {
			s.presence = loses
		}
	}
	s.mu.Unlock()
	if begin {
		n.kick(s)
	}
}

// Moved says that a shard, which is elsewhere, may not have got what was sent to it.
func (n *Node) Moved(shard uint16) {
	for _, s := range n.shards {
		s.mu.Lock()
		if s.presence == here && !slices.Contains(s.resend, shard) {
			s.resend = append(s.resend, shard)
		}
		s.mu.Unlock()
		n.kick(s)
	}
}

// Receive takes a message in. It is dropped if the shard is not here.
func (n *Node) Receive(m FarMessage) {
	if int(m.To) >= len(n.shards) {
		return
	}
	cmd, err := runlog.ReadMessage(m.Row)
	if err != nil {
		panic(fmt.Sprintf("shard %d: message %d to shard %d: %v", m.From, m.Number, m.To, err))
	}
	c := &call{cmd: cmd, message: &message{from: m.From, number: m.Number, generation: m.Generation}, pending: &n.pending}
	n.pending.add(1)
	if n.put(n.shards[m.To], c) != nil {
		c.finish()
	}
}

// Acknowledged takes an acknowledgement in. It is dropped if the shard is not here, and never
// passed on to Far, whose it was: a shard may go while it is asked about.
func (n *Node) Acknowledged(a FarAck) {
	if int(a.To) < len(n.shards) {
		n.acknowledgeHere(n.shards[a.To], ack{by: a.By, number: a.Number, at: n.clock.Now()})
	}
}

// CastFor is Cast for another node; see Undelivered.
func (n *Node) CastFor(member string, cmd engine.Command) { n.submit(&call{cmd: cmd, member: member}) }

// leaves goes on with a shard that is to go, and tells whether it is not here.
func (s *Shard) leaves(now, confirmed engine.Time) bool {
	s.mu.Lock()
	p := s.presence
	if p == away || p == leaves {
		s.fetched = nil
	}
	s.mu.Unlock()
	switch {
	case p == here:
		return false
	case p == away || p == leaves || s.open: // an open batch is written first
		return true
	}
	handle := s.handle
	if s.recovering {
		s.mu.Lock()
		fetched := s.fetched
		s.fetched = nil
		s.mu.Unlock()
		for _, f := range fetched {
			if f.moves && f.generation == 0 {
				s.recovering = false
				if f.err == nil {
					handle = f.memory.handle
				}
			}
		}
		if s.recovering {
			return true // until what is read has come
		}
	}
	if p == loses {
		handle = nil
	}
	if s.handle != nil && handle != nil && s.hearsOut(now, confirmed) {
		return true
	}
	s.depart(handle)
	return true
}

// hearsOut has a shard that is given up take in which tasks have reached their workers, and tells whether
// more is to be waited for: whoever takes the shard over offers the others again.
func (s *Shard) hearsOut(now, confirmed engine.Time) (waits bool) {
	s.mu.Lock()
	s.impatient = len(s.patient) > 0
	hears := s.impatient
	s.mu.Unlock()
	if s.givenBy == 0 {
		s.givenBy = now + heldFor
	}
	if now >= s.givenBy {
		return false
	}
	if hears { // a batch of these alone
		s.open = true
		s.batch.reset()
		s.batch.began = s.listenedSince()
		s.batch.now, s.batch.confirmed = max(now, s.last), confirmed
		return true
	}
	if s.held > 0 {
		s.nextWake.Store(int64(s.givenBy))
	}
	return s.held > 0
}

// depart forgets a shard that goes, answers who waits, and has it released.
func (s *Shard) depart(handle store.Handle) {
	s.mu.Lock()
	s.presence = leaves
	moved := append(s.inbox, s.patient...)
	s.inbox, s.patient = nil, nil
	s.mu.Unlock()
	s.givenBy = 0
	var waiting []*call
	for _, calls := range s.awaiting {
		waiting = append(waiting, calls...)
	}
	s.awaiting = nil
	for _, c := range waiting { // what they asked was done
		c.reply, c.err = nil, engine.ErrUnavailable
		c.finish()
	}
	for _, c := range append(s.forget(), moved...) {
		c.reply, c.err = nil, ErrMoved
		c.finish()
	}
	if handle == nil {
		s.gone(false)
		return
	}
	s.peers.fetch(&fetch{shard: s, moves: true, do: func(_ *fetch, ctx context.Context) error {
		err := handle.Release(ctx)
		if err != nil {
			s.Log.Warn("a shard that was given up could not be released; it is taken back", "shard", s.id, "cause", err)
		}
		s.gone(err == nil)
		return nil
	}})
}

func (s *Shard) openElsewhere(group string) int {
	if s.Far == nil {
		return 0
	}
	return s.Far.OpenElsewhere(group)
}

func (s *Shard) gone(released bool) {
	s.mu.Lock()
	s.presence = away
	s.mu.Unlock()
	s.Far.Gone(s.id, released)
}

// started is a task that was started, and is on its way to a worker.
type started struct {
	run engine.RunID
	id  int64
}

// settleStarted notes for which other nodes tasks of a run were started.
func (s *Shard) settleStarted(b *Batch, r *run) {
	var members []string // that have asked something of the run in this batch
	for _, c := range b.far {
		if (c.cmd.Run == r.Run || c.cmd.Run.IsZero() && c.cmd.Name == r.Name) && !slices.Contains(members, c.member) {
			members = append(members, c.member)
		}
	}
	for _, o := range r.change.before.Offers {
		if !slices.ContainsFunc(r.Offers, func(now engine.Offer) bool { return now.ID == o.ID && now.Held }) {
			s.noteStarted(started{r.Run, o.ID}, nil)
		}
	}
	if len(members) == 0 {
		return
	}
	for _, o := range r.Offers {
		held := func(was engine.Offer) bool { return was.ID == o.ID && was.Held }
		if o.Held && !slices.ContainsFunc(r.change.before.Offers, held) {
			s.noteStarted(started{r.Run, o.ID}, members)
		}
	}
}

func (s *Shard) noteStarted(t started, members []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if members == nil {
		delete(s.startedFor, t)
		return
	}
	if s.startedFor == nil {
		s.startedFor = map[started][]string{}
	}
	s.startedFor[t] = members
}

// Undelivered has the tasks offered again that were started for other nodes which have gone,
// or the way to them has, and of which nobody knows whether they were delivered.
func (n *Node) Undelivered(isGone func(member string) bool, undelivered func(run engine.RunID, id int64)) {
	for _, s := range n.shards {
		var all []started
		s.mu.Lock()
		for t, members := range s.startedFor {
			if slices.ContainsFunc(members, isGone) {
				all = append(all, t)
				delete(s.startedFor, t)
			}
		}
		s.mu.Unlock()
		for _, t := range all {
			undelivered(t.run, t.id)
		}
	}
}
