package shard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unique"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// recover takes the shard over and reads what it must know: the records of open
// runs, which started tasks were delivered, and the messages under way. No state
// is loaded.
func (s *Shard) recover(ctx context.Context, now engine.Time) error {
	handle, err := s.Store.Acquire(ctx, s.id)
	if err != nil {
		return fmt.Errorf("take over shard %d: %w", s.id, err)
	}
	s.mu.Lock()
	s.handle = handle
	s.mu.Unlock()
	s.seq, s.last = handle.Seq(), engine.Time(handle.Stamp())
	s.runs = map[engine.RunID]*run{}
	s.names = names{}
	s.wakes = nil
	s.forgetAt, s.ackAt = 0, 0
	s.out = map[uint16]*outQueue{}
	s.applied = map[uint16]uint64{}
	for _, read := range []struct {
		kind  byte
		visit func(key, value []byte) error
	}{
		{keys.OpenRun, s.recoverRun},
		{keys.Note, s.recoverNote},
		{keys.Sent, s.recoverSent},
		{keys.Outgoing, s.recoverOutgoing},
		{keys.Applied, s.recoverApplied},
		{keys.Parked, s.recoverParked},
		{keys.Forget, s.recoverForget},
	} {
		if err := scanKind(ctx, handle, read.kind, read.visit); err != nil && err != errEnough {
			return fmt.Errorf("recover shard %d: %w", s.id, err)
		}
	}
	// All that happened before has a time below up, all that follows does not.
	s.up = max(now, s.last+1)
	s.last = s.up
	for _, r := range s.runs {
		s.groups.add(r.Group, 1)
		s.wakes.settle(r)
		s.working.Add(int64(r.Working))
		for i := range r.Offers {
			r.Offers[i].Held = false
			if !s.sick[r.Run] {
				s.Offers.Offer(r.Run, r.Offers[i])
			}
		}
	}
	s.recovered = true
	s.publishWake()
	return nil
}

func (s *Shard) recoverRun(key, value []byte) error {
	rec, err := readRecord(keys.Run(key), value)
	if err != nil {
		return err
	}
	rec.Name.World.Account = intern(rec.Name.World.Account)
	rec.Name.World.Region = intern(rec.Name.World.Region)
	rec.Name.Kind = intern(rec.Name.Kind)
	rec.Group = intern(rec.Group)
	for i := range rec.Offers {
		rec.Offers[i].List = intern(rec.Offers[i].List)
	}
	r := &run{stored: *rec, place: -1}
	s.runs[r.Run] = r
	s.names.put(r)
	return nil
}

// recoverNote takes back the offers of tasks that reached their worker. Started
// tasks without the note are offered again.
func (s *Shard) recoverNote(key, _ []byte) error {
	subject, kind := keys.NoteSubject(key)
	r := s.runs[keys.Run(key)]
	if r == nil || engine.NoteKind(kind) != engine.NoteDelivered {
		return nil
	}
	for i, o := range r.Offers {
		if o.ID == subject {
			r.Offers = append(r.Offers[:i], r.Offers[i+1:]...)
			break
		}
	}
	return nil
}

func (s *Shard) recoverSent(key, value []byte) error {
	last, err := readMark(value)
	if err != nil {
		return fmt.Errorf("count of sent messages: %w", err)
	}
	s.out[keys.ShardOf(key)] = &outQueue{last: last}
	return nil
}

func (s *Shard) recoverOutgoing(key, value []byte) error {
	to, number := keys.OutgoingNumber(key)
	q := s.out[to]
	if q == nil || number > q.last {
		return fmt.Errorf("message %d to shard %d is above the mark", number, to)
	}
	q.rows = append(q.rows, outRow{number, append([]byte(nil), value...)})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resend = append(s.resend, to)
	return nil
}

// recoverParked gives parked messages to their runs once more.
func (s *Shard) recoverParked(key, value []byte) error {
	cmd, err := readMessage(value)
	if err != nil {
		return fmt.Errorf("parked message: %w", err)
	}
	s.submit(&call{cmd: cmd, parked: append([]byte(nil), key...)})
	return nil
}

func (s *Shard) recoverApplied(key, value []byte) error {
	last, err := readMark(value)
	if err != nil {
		return fmt.Errorf("mark of handled messages: %w", err)
	}
	s.applied[keys.ShardOf(key)] = last
	return nil
}

// recoverForget looks at the first row only.
func (s *Shard) recoverForget(key, _ []byte) error {
	at, _ := keys.ForgetTime(key)
	s.forgetAt = engine.Time(at)
	return errEnough
}

var errEnough = errors.New("the other rows are not needed")

// scanKind visits all rows of a kind, or until visit fails.
func scanKind(ctx context.Context, h store.Handle, kind byte, visit func(key, value []byte) error) error {
	var failed error
	err := h.Scan(ctx, store.Range{Start: []byte{kind}, End: []byte{kind + 1}}, func(key, value []byte) bool {
		failed = visit(key, value)
		return failed == nil
	})
	return firstError(err, failed)
}

// readMark reads the number of the last message that was sent or handled.
func readMark(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("%d bytes, want 8", len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func intern[S ~string](s S) S { return S(unique.Make(string(s)).Value()) }
