package shard

import (
	"errors"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Messages between executions.
//
// The sender's batch writes each message as a row Outgoing{receiver, number};
// numbers are dense for each pair of shards. Once the batch is durable the
// sender puts the message into the receiver's inbox. The receiver handles
// number n only after n-1, and writes Applied{sender} = n in the same batch as
// the effect, so an effect happens once however often the message comes. When
// that batch is durable it acknowledges, and the sender deletes the row in some
// later batch.
//
// A message whose run must be fetched first holds up those behind it from the same
// sender, and no others.
//
// What gets lost is sent again: a shard that is taken over has a new generation
// and no message in its inbox; every sender then sends all rows that it still has. A
// message carries the receiver's generation that the sender knew, so a late one
// from before can't slip in between.

// ack says that a shard has handled all messages up to a number.
type ack struct {
	by     uint16
	number uint64
	at     engine.Time
}

// outQueue is what a shard has sent to another and may still delete.
type outQueue struct {
	last       uint64 // number of the last message
	rows       []outRow
	sent       int    // rows that this generation of the receiver was sent
	generation uint64 // of the receiver
	deletable  []uint64
}

type outRow struct {
	number uint64
	value  []byte
}

// send writes messages into the batch.
func (s *Shard) send(b *Batch, messages []engine.Message) {
	for i := range messages {
		m := &messages[i]
		to := m.Run.Shard()
		if m.Run.IsZero() {
			to = runlog.Route(s.Hash, s.Shards, m.To)
		}
		q := s.out[to]
		if q == nil {
			q = &outQueue{}
			s.out[to] = q
		}
		q.last++
		value := runlog.AppendMessage(nil, m)
		q.rows = append(q.rows, outRow{q.last, value})
		b.put(store.ShardSpace, keys.AppendOutgoing(nil, to, q.last), value)
		if !slices.Contains(b.sent, to) {
			b.sent = append(b.sent, to)
		}
	}
}

// dispatch puts what a shard has not been sent into its inbox.
func (s *Shard) dispatch(to uint16) {
	q := s.out[to]
	if q == nil {
		return
	}
	g := s.peers.generationOf(to)
	if g == 0 && s.Far != nil {
		return // whoever takes it over has them sent
	}
	if g != q.generation {
		q.generation, q.sent = g, 0
	}
	for ; q.sent < len(q.rows); q.sent++ {
		row := q.rows[q.sent]
		s.peers.deliver(FarMessage{To: to, From: s.id, Number: row.number, Generation: q.generation, Row: row.value})
	}
}

// sendAgain has all that is durable dispatched anew: the receiver was taken over, or what
// was on its way there may be lost.
func (s *Shard) sendAgain(to uint16) {
	if q := s.out[to]; q != nil && s.Far != nil {
		q.generation = 0
	}
}

// isNext tells whether a message is to be handled, now or in its turn after those that
// wait.
func (s *Shard) isNext(c *call) bool {
	return c.generation == s.generation && c.number > s.applied[c.from] &&
		(c.number == s.applied[c.from]+1 || s.senderLine.has(c.from))
}

// passOver ends a message that is not to be handled: it is of another generation, or it
// was handled and its acknowledgement was lost, or others before it were.
func (s *Shard) passOver(b *Batch, c *call) {
	if c.generation == s.generation && c.number <= s.applied[c.from] {
		s.mark(b, c.from)
	}
	b.calls = append(b.calls, c)
}

// decode has the rules read the body of a message.
func (s *Shard) decode(c *call) {
	if c.message == nil || c.packed != nil || c.unread != nil {
		return
	}
	packed := c.cmd.Body.([]byte)
	rules := s.kinds[c.cmd.Name.Kind]
	if rules == nil {
		c.unread = fmt.Errorf("no rules for kind %q", c.cmd.Name.Kind)
		return
	}
	body, err := decode(rules, packed)
	if err != nil {
		c.unread = err
		return
	}
	c.packed, c.cmd.Body = packed, body
}

// decode reads the body of a message; a panic of the rules is an error.
func decode(rules *engine.Ruleset, packed []byte) (body any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return rules.DecodeMessage(packed)
}

// refuse gives what to send for a message that was refused; nothing if the rules panic.
func (s *Shard) refuse(c *call, why error) (messages []engine.Message) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("the sender of a refused message does not hear of it", "name", c.cmd.Name.Key, "cause", panicked(p))
		}
	}()
	return s.kinds[c.cmd.Name.Kind].Refused(c.cmd.Name, c.cmd.Body, why)
}

// evaluateMessage handles a message, once.
func (s *Shard) evaluateMessage(b *Batch, c *call, t target) {
	s.applied[c.from] = c.number
	s.mark(b, c.from)
	if c.unread != nil {
		s.Log.Error("message dropped: it can't be read", "from_shard", c.from, "number", c.number, "cause", c.unread)
		return
	}
	err := s.handleMessage(b, c, t)
	if !cantTake(err) {
		return
	}
	s.Log.Error("message parked: its run can't take it", "run", t.key, "from_shard", c.from, "number", c.number, "cause", err)
	m := engine.Message{To: c.cmd.Name, Run: t.key, Body: c.packed}
	if t.run == nil && c.cmd.Run.IsZero() { // the run would have begun
		m.Run, m.Begin, m.Seed, m.Group = c.cmd.Run, c.cmd.Begin, c.cmd.Seed, c.cmd.Group
	}
	if f := s.forgetting; f != nil {
		f.changed = append(f.changed, engine.Identity{Name: c.cmd.Name, Run: t.key})
	}
	key := keys.AppendParked(nil, t.key, c.from, c.number)
	b.put(store.ShardSpace, key, runlog.AppendMessage(nil, &m))
	if errors.Is(err, engine.ErrUnread) {
		// Its run may be readable again; others of its sender need not wait for that.
		cmd := engine.Command{Name: m.To, Run: m.Run, Begin: m.Begin, Seed: m.Seed, Group: m.Group, Body: m.Body}
		again := &call{cmd: cmd, message: &message{parked: key, generation: s.generation}, retryAt: b.now + retryDelay}
		s.waiting = append(s.waiting, again)
		s.runLine.join(t.key)
		s.retryAt = earlier(s.retryAt, again.retryAt)
	}
}

// handleMessage gives a message to its run, or tells the sender that it was refused.
func (s *Shard) handleMessage(b *Batch, c *call, t target) error {
	r, err := s.find(b, c, t)
	if err == nil {
		_, err = s.handleIn(b, r, &c.cmd, c.given)
	}
	if err != nil && !cantTake(err) {
		s.send(b, s.refuse(c, err))
	}
	return err
}

// evaluateParked gives a parked message to its run once more.
func (s *Shard) evaluateParked(b *Batch, c *call, t target) {
	if c.unread != nil {
		s.Log.Error("parked message stays: it can't be read", "run", c.cmd.Run, "cause", c.unread)
		return
	}
	if err := s.handleMessage(b, c, t); !cantTake(err) {
		b.delete(store.ShardSpace, c.parked)
		if f := s.forgetting; f != nil {
			f.changed = append(f.changed, engine.Identity{Name: c.cmd.Name, Run: t.key})
		}
		if s.spared[t.key] { // it was, for this message's sake
			delete(s.spared, t.key)
			s.forgetAt = earlier(s.forgetAt, b.now)
		}
	}
}

func (s *Shard) mark(b *Batch, from uint16) {
	if b.marks == nil {
		b.marks = map[uint16]uint64{}
	}
	b.marks[from] = s.applied[from]
}

func (s *Shard) writeMarks(b *Batch) {
	for _, to := range b.sent {
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Sent, to), runlog.AppendMark(nil, s.out[to].last))
	}
	for from, number := range b.marks {
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Applied, from), runlog.AppendMark(nil, number))
	}
}

// takeAcks notes which rows may go. They go with the next batch, or on their own
// after ackDelay.
func (s *Shard) takeAcks(acks []ack) {
	for _, a := range acks {
		q := s.out[a.by]
		if q == nil {
			continue
		}
		n := 0
		for n < len(q.rows) && q.rows[n].number <= a.number {
			q.deletable = append(q.deletable, q.rows[n].number)
			n++
		}
		if n == 0 {
			continue
		}
		q.rows = slices.Delete(q.rows, 0, n) // and lets what they hold go
		q.sent = max(0, q.sent-n)
		if s.ackAt == 0 {
			s.ackAt = a.at + ackDelay
		}
	}
}

func (s *Shard) flushAcks(b *Batch) {
	if s.ackAt == 0 || b.Empty() && b.now < s.ackAt {
		return
	}
	s.writeMended(b)
	for to, q := range s.out {
		for len(q.deletable) > 0 {
			if b.large() {
				return // the next batch takes the rest
			}
			b.delete(store.ShardSpace, keys.AppendOutgoing(nil, to, q.deletable[0]))
			q.deletable = q.deletable[1:]
		}
	}
	s.ackAt = 0
}
