package shard

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// recovered is a memory as it was read from the store, on its way to the shard.
type recovered struct {
	memory
	open   []*run // as they are stored, so the oldest first
	parked []*call
	resend []uint16
	notes  [][]byte // keys of notes that are yet to be read
}

// takeOver has the memory read, or takes in what was.
func (s *Shard) takeOver(fetched []*fetch, now engine.Time) {
	for _, f := range fetched {
		if !s.recovering || !f.moves || f.generation != 0 {
			continue // of a memory that was dropped
		}
		s.recovering = false
		if f.err != nil {
			// The next command tries again, or the alarm after retryDelay.
			err := fmt.Errorf("take over shard %d: %w", s.id, f.err)
			away := errors.Is(f.err, store.ErrAway) // who knows has told so
			if s.Far != nil {
				switch {
				case away, errors.Is(err, store.ErrRegressed): // which the store has said, once
				case errors.Is(err, store.ErrHeld):
					s.Log.Debug("another node was quicker to take a shard", "shard", s.id)
				default:
					s.Log.Warn("a shard can't be taken over now; it is tried again", "shard", s.id, "cause", err)
				}
				s.depart(nil)
				return
			}
			if why := fmt.Errorf("%w: %w", engine.ErrUnavailable, err); away {
				s.answerAll(why)
			} else {
				s.Log.Error("recover shard; its commands fail until it succeeds", "shard", s.id, "cause", err)
				s.drop(why)
			}
			s.nextWake.Store(int64(now + retryDelay))
			return
		}
		s.install(f.memory, now)
		return
	}
	if !s.recovering {
		s.recovering = true
		s.nextWake.Store(0)
		s.forgetNext.Store(0)
		s.fetch(&fetch{do: func(f *fetch, ctx context.Context) (err error) {
			f.memory, err = readMemory(ctx, s.Store, s.id, s.Shards)
			return err
		}, moves: true})
	}
}

// readMemory takes a shard over and reads what it must know: the heads of open
// runs, which started tasks were delivered, and the messages under way. No state
// is folded.
func readMemory(ctx context.Context, st store.Store, shard, shards uint16) (*recovered, error) {
	handle, err := st.Acquire(ctx, shard)
	if err != nil {
		return nil, err
	}
	m := &recovered{memory: memory{
		handle: handle, seq: handle.Seq(), last: engine.Time(handle.Stamp()),
		runs: map[engine.RunID]*run{}, names: names{}, out: map[uint16]*outQueue{}, applied: map[uint16]uint64{},
	}}
	m.notices.Told, _ = runlog.ReadTold(nil) // as it is without a row
	// Few scans, of kinds that lie beside each other: each is a round trip in some stores.
	if err := m.readBetween(ctx, st, shard, keys.Told, keys.Sent); err != nil {
		return nil, err
	}
	if err := m.readBetween(ctx, st, shard, keys.Note, keys.Outgoing); err != nil {
		return nil, err
	}
	if err := m.readBetween(ctx, st, shard, keys.Applied, keys.Applied); err != nil {
		return nil, err
	}
	if handle.Lost() > 0 {
		if err := m.mend(ctx, st, shard, shards); err != nil {
			return nil, err
		}
	}
	for _, note := range m.notes { // of runs that are known by now
		m.readNote(note)
	}
	m.notes = nil
	err = st.Scan(ctx, shard, store.Range{Start: []byte{keys.Forget}, End: []byte{keys.Forget + 1}, Limit: 1}, func(key, _ []byte) bool {
		at, _ := keys.ForgetTime(key)
		m.forgetAt = engine.Time(at)
		return false
	})
	return m, err
}

// readBetween reads the rows of some kinds, and of those whose letters lie between them.
func (m *recovered) readBetween(ctx context.Context, v store.View, shard uint16, first, last byte) error {
	var failed error
	err := v.Scan(ctx, shard, store.Range{Start: []byte{first}, End: []byte{last + 1}}, func(key, value []byte) bool {
		switch key[0] {
		case keys.OpenRun:
			failed = m.readRun(key, value)
		case keys.Note:
			m.notes = append(m.notes, bytes.Clone(key))
		case keys.Sent:
			failed = m.readSent(key, value)
		case keys.Told:
			m.notices.Told, failed = runlog.ReadTold(bytes.Clone(value))
		case keys.Outgoing:
			failed = m.readOutgoing(key, value)
		case keys.Applied:
			failed = m.readApplied(key, value)
		case keys.Parked:
			failed = m.readParked(key, value)
		}
		return failed == nil
	})
	return cmp.Or(err, failed)
}

// install makes what was read the shard's memory, and lets others hear of it.
func (s *Shard) install(m *recovered, now engine.Time) {
	// All that happened before has a time below up, all that follows does not.
	m.up = max(now, m.last+1)
	m.last = m.up
	m.cache = s.cache
	if lost := m.handle.Lost(); lost > 0 && len(m.mended.sent)+len(m.mended.applied) > 0 {
		m.ackAt = m.up // it is written at once
		s.Log.Warn("a shard that has lost steps goes on above what others know of its messages", "shard", s.id, "lost_up_to", lost, "sends_anew_to", m.mended.sent, "handles_anew_of", m.mended.applied)
	}
	s.memory = m.memory
	if s.Far != nil {
		s.Far.Owned(s.id, s.handle.Epoch())
	}
	for _, r := range m.open {
		s.groups.add(r.Group, 1)
		s.queueWake(r)
		s.working.Add(int64(r.Working))
		for i := range r.Offers {
			r.Offers[i].Held = false
			if !s.sick[r.Run] {
				s.Offers.Offer(r.Run, r.Offers[i])
			}
		}
	}
	s.mu.Lock()
	s.generation = s.handle.Epoch()
	for _, c := range m.parked {
		c.generation = s.generation
	}
	s.inbox = append(m.parked, s.inbox...)
	s.resend = append(s.resend, m.resend...)
	s.mu.Unlock()
	s.openNotices()
	s.publishWake()
	if l := s.Listener; l != nil && l.TookOver != nil {
		l.TookOver(s.id, len(s.runs))
	}
}

func (m *recovered) readRun(key, value []byte) error {
	head, err := runlog.ReadHead(keys.Run(key), value)
	if err != nil {
		return err
	}
	head.Name.World.Account = intern(head.Name.World.Account)
	head.Name.World.Region = intern(head.Name.World.Region)
	head.Name.Kind = intern(head.Name.Kind)
	head.Group = intern(head.Group)
	for i := range head.Offers {
		head.Offers[i].List = intern(head.Offers[i].List)
	}
	r := &run{Head: *head, place: -1}
	m.runs[r.Run] = r
	m.open = append(m.open, r)
	m.names.put(r)
	return nil
}

// readNote knows which runs have notes, and takes back the offers of tasks that reached their
// worker. Started tasks without the note are offered again.
func (m *recovered) readNote(key []byte) {
	subject, kind := keys.NoteSubject(key)
	r := m.runs[keys.Run(key)]
	if r == nil {
		return
	}
	r.noted = true
	if engine.NoteKind(kind) != engine.NoteDelivered {
		return
	}
	for i, o := range r.Offers {
		if o.ID == subject {
			r.Offers = append(r.Offers[:i], r.Offers[i+1:]...)
			break
		}
	}
}

func (m *recovered) readSent(key, value []byte) error {
	last, err := runlog.ReadMark(value)
	if err != nil {
		return fmt.Errorf("count of sent messages: %w", err)
	}
	m.out[keys.ShardOf(key)] = &outQueue{last: last}
	return nil
}

func (m *recovered) readOutgoing(key, value []byte) error {
	to, number := keys.OutgoingNumber(key)
	q := m.out[to]
	if q == nil || number > q.last {
		return fmt.Errorf("message %d to shard %d is above the mark", number, to)
	}
	if len(q.rows) == 0 {
		m.resend = append(m.resend, to)
	}
	q.rows = append(q.rows, outRow{number, bytes.Clone(value)})
	return nil
}

func (m *recovered) readApplied(key, value []byte) error {
	last, err := runlog.ReadMark(value)
	if err != nil {
		return fmt.Errorf("mark of handled messages: %w", err)
	}
	m.applied[keys.ShardOf(key)] = last
	return nil
}

// readParked has parked messages given to their runs once more.
func (m *recovered) readParked(key, value []byte) error {
	cmd, err := runlog.ReadMessage(value)
	if err != nil {
		return fmt.Errorf("parked message: %w", err)
	}
	m.parked = append(m.parked, &call{cmd: cmd, message: &message{parked: bytes.Clone(key)}})
	return nil
}
