package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
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
// What gets lost is sent again: a shard that is taken over has a new generation
// and an empty inbox; every sender then sends all rows that it still has. A
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
			to = s.route(m.To)
		}
		q := s.out[to]
		if q == nil {
			q = &outQueue{}
			s.out[to] = q
		}
		q.last++
		value := appendMessage(nil, m)
		q.rows = append(q.rows, outRow{q.last, value})
		b.put(store.ShardSpace, keys.AppendOutgoing(nil, to, q.last), value)
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Sent, to), binary.BigEndian.AppendUint64(nil, q.last))
		b.sent = append(b.sent, to)
	}
}

func (s *Shard) route(n engine.Name) uint16 { return Route(s.Hash, s.Shards, n) }

// Route gives the shard of a name.
func Route(hash *keys.Hash, shards uint16, n engine.Name) uint16 {
	return hash.Shard(shards, "route", string(n.Kind), n.World.Account, n.World.Region, n.Key)
}

// dispatch puts what a shard has not been sent into its inbox.
func (s *Shard) dispatch(to uint16) {
	q := s.out[to]
	if q == nil {
		return
	}
	if g := s.peers.generationOf(to); g != q.generation {
		q.generation, q.sent = g, 0
	}
	for ; q.sent < len(q.rows); q.sent++ {
		row := q.rows[q.sent]
		cmd, err := readMessage(row.value)
		if err != nil {
			panic(fmt.Sprintf("shard %d: message %d to shard %d: %v", s.id, row.number, to, err))
		}
		s.peers.deliver(to, &call{cmd: cmd, from: s.id, number: row.number, generation: q.generation})
	}
}

// evaluateMessage handles a message, once.
func (s *Shard) evaluateMessage(b *Batch, c *call) {
	if c.generation != s.generation {
		return
	}
	if c.number != s.applied[c.from]+1 {
		if c.number <= s.applied[c.from] {
			s.mark(b, c.from) // its acknowledgement was lost
		}
		return
	}
	s.applied[c.from] = c.number
	s.mark(b, c.from)
	rules := s.Rules[c.cmd.Name.Kind]
	if rules == nil {
		s.Log.Error("message dropped: no rules", "kind", c.cmd.Name.Kind, "from_shard", c.from, "number", c.number)
		return
	}
	body, err := rules.DecodeMessage(c.cmd.Body.([]byte))
	if err != nil {
		s.Log.Error("message dropped: it can't be read", "from_shard", c.from, "number", c.number, "cause", err)
		return
	}
	packed := c.cmd.Body.([]byte)
	c.cmd.Body = body
	r, err := s.find(b, &c.cmd)
	if err == nil {
		_, err = s.handleIn(b, r, &c.cmd)
	}
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrUnusable):
		s.park(b, r, c, packed)
	default:
		s.send(b, rules.Refused(c.cmd.Name, body, err))
	}
}

// park keeps a message for a run that can't take it until the shard is recovered.
func (s *Shard) park(b *Batch, r *run, c *call, packed []byte) {
	s.Log.Error("message parked: its run can't take it before a restart", "run", r.Run, "from_shard", c.from, "number", c.number)
	m := engine.Message{To: c.cmd.Name, Run: r.Run, Body: packed}
	b.put(store.ShardSpace, keys.AppendParked(nil, r.Run, c.from, c.number), appendMessage(nil, &m))
}

// evaluateParked gives a parked message to its run once more.
func (s *Shard) evaluateParked(b *Batch, c *call) {
	rules := s.Rules[c.cmd.Name.Kind]
	if rules == nil {
		return
	}
	body, err := rules.DecodeMessage(c.cmd.Body.([]byte))
	if err != nil {
		s.Log.Error("parked message stays: it can't be read", "run", c.cmd.Run, "cause", err)
		return
	}
	c.cmd.Body = body
	r, err := s.find(b, &c.cmd)
	if err == nil {
		_, err = s.handleIn(b, r, &c.cmd)
	}
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrUnusable):
		return
	default:
		s.send(b, rules.Refused(c.cmd.Name, body, err))
	}
	b.delete(store.ShardSpace, c.parked)
}

func (s *Shard) mark(b *Batch, from uint16) {
	if b.marks == nil {
		b.marks = map[uint16]uint64{}
	}
	b.marks[from] = s.applied[from]
}

func (s *Shard) writeMarks(b *Batch) {
	for from, number := range b.marks {
		b.put(store.ShardSpace, keys.AppendShard(nil, keys.Applied, from), binary.BigEndian.AppendUint64(nil, number))
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
	for to, q := range s.out {
		for len(q.deletable) > 0 {
			if b.full() {
				return // the next batch takes the rest
			}
			b.delete(store.ShardSpace, keys.AppendOutgoing(nil, to, q.deletable[0]))
			q.deletable = q.deletable[1:]
		}
	}
	s.ackAt = 0
}

func appendMessage(b []byte, m *engine.Message) []byte {
	b = appendName(b, m.To)
	b = append(b, m.Run[:]...)
	b = append(b, byte(m.Begin))
	b = append(b, m.Seed[:]...)
	b = pack.Text(b, m.Group)
	return pack.Text(b, m.Body)
}

func readMessage(b []byte) (engine.Command, error) {
	r := pack.Read(b)
	cmd := engine.Command{Name: readName(r)}
	r.Fill(cmd.Run[:])
	cmd.Begin = engine.Begin(r.Byte())
	r.Fill(cmd.Seed[:])
	cmd.Group = r.Text()
	cmd.Body = append([]byte(nil), r.Bytes()...)
	return cmd, r.Done()
}
