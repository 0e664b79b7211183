package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Findings is what Check counted and found wrong.
type Findings struct {
	Open, Closed int // runs
	Events       int64
	Entries      int // of the index
	Messages     int // under way
	Wrong        []string
}

// wrongMax bounds how many faults are told one by one.
const wrongMax = 1000

func (f *Findings) wrong(format string, args ...any) {
	if len(f.Wrong) < wrongMax {
		f.Wrong = append(f.Wrong, fmt.Sprintf(format, args...))
	}
}

// Check verifies the store: every run refolds from its log to its record and its
// snapshot, events are dense, every index entry has its run and the reverse, no
// row is without its run, and messages and marks fit together. An error means
// that the check itself could not be done.
func (a *Archive) Check(ctx context.Context) (*Findings, error) {
	f := &Findings{}
	for _, h := range a.handles {
		for _, step := range []func(context.Context, store.Handle, *Findings) error{
			a.checkRuns, a.checkOrphans, a.checkForget, a.checkParked,
		} {
			if err := step(ctx, h, f); err != nil {
				return f, fmt.Errorf("check shard %d: %w", h.Shard(), err)
			}
		}
	}
	if err := a.checkIndex(ctx, f); err != nil {
		return f, fmt.Errorf("check index: %w", err)
	}
	if err := a.checkMessages(ctx, f); err != nil {
		return f, fmt.Errorf("check messages: %w", err)
	}
	return f, nil
}

func (a *Archive) checkRuns(ctx context.Context, h store.Handle, f *Findings) error {
	names := map[engine.Name]engine.RunID{}
	for _, kind := range []byte{keys.OpenRun, keys.ClosedRun} {
		err := scanKind(ctx, h, kind, func(key, value []byte) error {
			id := engine.RunID(keys.Run(key))
			rec, err := readRecord(id, value)
			if err != nil {
				f.wrong("%v", err)
				return nil
			}
			if want := map[byte]engine.Status{keys.OpenRun: engine.Open, keys.ClosedRun: engine.Closed}[kind]; rec.Status != want {
				f.wrong("run %s (%s %q) has status %d among those of status %d", id, rec.Name.Kind, rec.Name.Key, rec.Status, want)
			}
			if kind == keys.OpenRun {
				f.Open++
				if other, twice := names[rec.Name]; twice {
					f.wrong("%s %q has two open runs, %s and %s", rec.Name.Kind, rec.Name.Key, other, id)
				}
				names[rec.Name] = id
			} else {
				f.Closed++
			}
			if id.Shard() != h.Shard() || Route(a.hash, uint16(len(a.handles)), rec.Name) != h.Shard() {
				f.wrong("run %s (%s %q) is in the wrong shard %d", id, rec.Name.Kind, rec.Name.Key, h.Shard())
			}
			f.Events += rec.NextEvent - 1
			if err := a.checkRun(ctx, h, rec, f); err != nil {
				f.wrong("run %s (%s %q): %v", id, rec.Name.Kind, rec.Name.Key, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkRun folds one run from its first event and compares what comes out with
// all that is stored of it.
func (a *Archive) checkRun(ctx context.Context, h store.Handle, rec *stored, f *Findings) (err error) {
	rules := a.rules[rec.Name.Kind]
	if rules == nil {
		return errors.New("no rules for its kind")
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its log can't be folded: %v", p)
		}
	}()
	whole := *rec
	whole.SnapshotAt = 0
	state, err := fold(h, rules, &whole)
	if err != nil {
		return err
	}
	if rec.SnapshotAt > 0 {
		short, err := fold(h, rules, rec)
		if err != nil {
			return err
		}
		if !bytes.Equal(rules.EncodeState(short), rules.EncodeState(state)) {
			return fmt.Errorf("its snapshot before event %d and its log disagree", rec.SnapshotAt)
		}
	}
	now := rules.Record(state, 0)
	if err := agree("record", &rec.Record, "log", &now); err != nil {
		return err
	}
	if err := checkOffers(ctx, h, rec, now.Offers); err != nil {
		return err
	}
	for _, e := range rules.Entries(rec.Identity, &rec.Record) {
		key := a.indexKey(rec, e)
		found := false
		err := a.store.Index().Scan(ctx, store.Range{Start: key, End: append(bytes.Clone(key), 0)}, func(_, _ []byte) bool {
			found = true
			return false
		})
		if err != nil {
			return err
		}
		if !found {
			f.wrong("run %s (%s %q): its index entry in family %#x is missing", rec.Run, rec.Name.Kind, rec.Name.Key, e.Family)
		}
	}
	return nil
}

// checkOffers compares offers. A stored record may still have the offer of a task
// whose delivery came after its last event.
func checkOffers(ctx context.Context, h store.Handle, rec *stored, log []engine.Offer) error {
	for _, o := range rec.Offers {
		if len(log) > 0 && log[0].ID == o.ID {
			if o.Held = log[0].Held; o != log[0] {
				return fmt.Errorf("record and log disagree about the offer of event %d: %+v and %+v", o.ID, o, log[0])
			}
			log = log[1:]
			continue
		}
		_, err := h.Get(ctx, keys.AppendNote(nil, rec.Run, o.ID, byte(engine.NoteDelivered)))
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the record offers the task of event %d, the log does not", o.ID)
		}
		if err != nil {
			return err
		}
	}
	if len(log) > 0 {
		return fmt.Errorf("the log offers the task of event %d, the record does not", log[0].ID)
	}
	return nil
}

func (a *Archive) indexKey(rec *stored, e engine.Entry) []byte {
	equal := a.hash.Index(rec.Name.World.Account, rec.Name.World.Region, e.Value)
	return keys.AppendIndex(nil, e.Family, equal, int64(e.Time), rec.Run)
}

// checkOrphans finds histories, notes and snapshots without a record.
func (a *Archive) checkOrphans(ctx context.Context, h store.Handle, f *Findings) error {
	for kind, what := range map[byte]string{keys.History: "history", keys.Note: "note", keys.Snapshot: "snapshot"} {
		var last engine.RunID
		err := scanKind(ctx, h, kind, func(key, _ []byte) error {
			id := engine.RunID(keys.Run(key))
			if id == last {
				return nil
			}
			last = id
			rec, err := readStored(ctx, h, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				f.wrong("run %s has a %s but no record", id, what)
			case err != nil:
				f.wrong("%v", err)
			case kind == keys.Snapshot && rec.SnapshotAt == 0:
				f.wrong("run %s has a snapshot that its record does not know", id)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkForget compares the rows that say when to forget with the closed runs.
func (a *Archive) checkForget(ctx context.Context, h store.Handle, f *Findings) error {
	rows := 0
	err := scanKind(ctx, h, keys.Forget, func(key, _ []byte) error {
		rows++
		at, id := keys.ForgetTime(key)
		rec, err := readStored(ctx, h, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			f.wrong("run %s is to be forgotten at %d but has no record", id, at)
		case err != nil:
			f.wrong("%v", err)
		case rec.Status != engine.Closed || int64(rec.Forget) != at:
			f.wrong("run %s is to be forgotten at %d, its record says %d", id, at, rec.Forget)
		}
		return nil
	})
	if err != nil {
		return err
	}
	want := 0
	err = scanKind(ctx, h, keys.ClosedRun, func(key, value []byte) error {
		if rec, err := readRecord(keys.Run(key), value); err == nil && rec.Forget != 0 {
			want++
		}
		return nil
	})
	if err == nil && rows != want {
		f.wrong("shard %d: %d closed runs have a retention, %d rows say when to forget one", h.Shard(), want, rows)
	}
	return err
}

// checkParked reads the messages that wait for their runs to be of use again.
func (a *Archive) checkParked(ctx context.Context, h store.Handle, f *Findings) error {
	return scanKind(ctx, h, keys.Parked, func(key, value []byte) error {
		id := engine.RunID(keys.Run(key))
		if _, err := readMessage(value); err != nil {
			f.wrong("parked message for run %s: %v", id, err)
		}
		if _, err := readStored(ctx, h, id); errors.Is(err, store.ErrNotFound) {
			f.wrong("run %s has a parked message but no record", id)
		}
		return nil
	})
}

// checkIndex finds index entries whose run is not there, or stands elsewhere.
func (a *Archive) checkIndex(ctx context.Context, f *Findings) error {
	return a.store.Index().Scan(ctx, store.Range{}, func(key, _ []byte) bool {
		f.Entries++
		if len(key) != keys.IndexSize {
			f.wrong("index key of %d bytes, want %d", len(key), keys.IndexSize)
			return true
		}
		_, id := keys.IndexPosition(key)
		rec, err := a.record(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			f.wrong("index entry in family %#x names run %s, which has no record", key[0], id)
			return true
		}
		if err != nil {
			f.wrong("%v", err)
			return true
		}
		rules := a.rules[rec.Name.Kind]
		if rules == nil {
			return true // told with the run
		}
		for _, e := range rules.Entries(rec.Identity, &rec.Record) {
			if bytes.Equal(key, a.indexKey(rec, e)) {
				return true
			}
		}
		f.wrong("index entry in family %#x is not one of run %s (%s %q)", key[0], id, rec.Name.Kind, rec.Name.Key)
		return true
	})
}

// checkMessages compares, for each pair of shards, what was sent, what was
// handled, and the rows in between: none that was not handled may be missing.
func (a *Archive) checkMessages(ctx context.Context, f *Findings) error {
	for _, sender := range a.handles {
		sent := map[uint16]uint64{}
		err := scanKind(ctx, sender, keys.Sent, func(key, value []byte) error {
			to := keys.ShardOf(key)
			last, err := readMark(value)
			if err != nil {
				f.wrong("count of messages from shard %d to shard %d: %v", sender.Shard(), to, err)
			}
			sent[to] = last
			return nil
		})
		if err != nil {
			return err
		}
		rows := map[uint16][]uint64{}
		err = scanKind(ctx, sender, keys.Outgoing, func(key, value []byte) error {
			to, number := keys.OutgoingNumber(key)
			rows[to] = append(rows[to], number)
			f.Messages++
			if _, err := readMessage(value); err != nil {
				f.wrong("message %d from shard %d to shard %d: %v", number, sender.Shard(), to, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for to := range sent {
			if int(to) >= len(a.handles) {
				f.wrong("shard %d has sent messages to shard %d, which does not exist", sender.Shard(), to)
			}
		}
		for receiver := range a.handles {
			to := uint16(receiver)
			last := sent[to] // of whom nothing is counted nothing may have been handled
			v, err := a.handles[to].Get(ctx, keys.AppendShard(nil, keys.Applied, sender.Shard()))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			applied := uint64(0)
			if err == nil {
				if applied, err = readMark(v); err != nil {
					f.wrong("mark of messages from shard %d that shard %d handled: %v", sender.Shard(), to, err)
				}
			}
			if applied > last {
				f.wrong("shard %d handled message %d of shard %d, which sent only %d", to, applied, sender.Shard(), last)
			}
			next := applied + 1
			for _, number := range rows[to] {
				if number == next {
					next++
				}
				if number > last {
					f.wrong("message %d from shard %d to shard %d is there, but only %d were sent", number, sender.Shard(), to, last)
				}
			}
			if next <= last {
				f.wrong("message %d from shard %d to shard %d is missing; it was not handled", next, sender.Shard(), to)
			}
		}
		for to := range rows {
			if _, ok := sent[to]; !ok {
				f.wrong("shard %d has messages to shard %d, but no count of them", sender.Shard(), to)
			}
		}
	}
	return nil
}
