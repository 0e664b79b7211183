package runlog

import (
	"bytes"
	"cmp"
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
	Notified     int // notifications that not all have had
	Wrong        []string
	Untold       int // what is wrong besides
}

// wrongMax bounds how many faults are told one by one.
const wrongMax = 1000

func (f *Findings) wrong(format string, args ...any) {
	if len(f.Wrong) < wrongMax {
		f.Wrong = append(f.Wrong, fmt.Sprintf(format, args...))
		return
	}
	f.Untold++
}

// Check verifies the store: every run refolds from its log to its record and its
// snapshot, events are dense, every index entry has its run and the reverse, no
// row is without its run, and messages, notifications and marks fit together. An error
// means that the check itself could not be done.
func Check(ctx context.Context, v store.Snapshot, c Checking) (*Findings, error) {
	a := &check{Checking: c, Reader: NewReader(v, c.Shards), rules: engine.Rulesets(c.Rules)}
	f := &Findings{}
	for shard := range c.Shards {
		for _, step := range []func(context.Context, uint16, *Findings) error{
			a.checkRuns, a.checkOrphans, a.checkForget, a.checkParked, a.checkNames, a.checkNotified,
		} {
			err := step(ctx, shard, f)
			if err == nil {
				err = a.lookUp(ctx)
			}
			if err != nil {
				return f, fmt.Errorf("check shard %d: %w", shard, err)
			}
		}
	}
	err := a.checkIndex(ctx, f)
	if err == nil {
		err = a.lookUp(ctx)
	}
	if err != nil {
		return f, fmt.Errorf("check index: %w", err)
	}
	if err := a.checkMessages(ctx, f); err != nil {
		return f, fmt.Errorf("check messages: %w", err)
	}
	return f, nil
}

// Checking says what is checked.
type Checking struct {
	Shards   uint16
	Hash     *keys.Hash
	Rules    map[engine.Kind]engine.Rules
	NeededIn int // as in the shards' Config; 0: names of all kinds are in any shard
	// Later is the store as it is now, if its snapshots are of several moments, one for each
	// home: messages between two of them are judged by it once more. Nil: they are of one.
	Later store.View
}

// check is a check under way.
type check struct {
	Checking
	Reader
	rules  map[engine.Kind]*engine.Ruleset
	lookup lookup
}

// shardOf is where a run of a name should be.
func (a *check) shardOf(n engine.Name) uint16 {
	id := Route(a.Hash, a.Shards, n)
	if rules := a.rules[n.Kind]; a.NeededIn > 1 && rules != nil && rules.Traits.Needed {
		return InFirst(id, a.NeededIn)
	}
	return id
}

// markLater reads a mark of messages as it is now; 0: there is none, or nothing can be said.
func (a *check) markLater(ctx context.Context, shard uint16, kind byte, other uint16) uint64 {
	if a.Later == nil {
		return 0
	}
	values, err := a.Later.Get(ctx, []store.Place{{Shard: shard, Key: keys.AppendShard(nil, kind, other)}})
	if err != nil || values[0] == nil {
		return 0
	}
	mark, _ := ReadMark(values[0])
	return mark
}

// lookupsMax is how many rows are looked up at a time.
const lookupsMax = 1000

// lookup gathers rows that are looked up many at a time, since each time is a round trip where the store is far away. What
// is done with them comes then.
type lookup struct {
	places []store.Place
	then   []func(values [][]byte) // of so many places each
	counts []int
}

// rows looks rows up, now or later; of one that is not there the value is nil. What places and then refer to stays as it is.
func (a *check) rows(ctx context.Context, then func(values [][]byte), places ...store.Place) error {
	l := &a.lookup
	l.places, l.then, l.counts = append(l.places, places...), append(l.then, then), append(l.counts, len(places))
	if len(l.places) < lookupsMax {
		return nil
	}
	return a.lookUp(ctx)
}

// lookUp looks up what has been gathered.
func (a *check) lookUp(ctx context.Context) error {
	l := a.lookup
	a.lookup = lookup{}
	if len(l.places) == 0 {
		return nil
	}
	values, err := a.view.Get(ctx, l.places)
	if err != nil {
		return err
	}
	for i, then := range l.then {
		then(values[:l.counts[i]])
		values = values[l.counts[i]:]
	}
	return nil
}

// head looks up the head of a run; of one that is not there it is nil. One that can't be read is told.
func (a *check) head(ctx context.Context, f *Findings, id engine.RunID, then func(*Head)) error {
	if id.Shard() >= a.shards { // a run id that this store never made
		then(nil)
		return nil
	}
	return a.rows(ctx, func(values [][]byte) {
		stored := values[0]
		if stored == nil {
			stored = values[1]
		}
		if stored == nil {
			then(nil)
			return
		}
		head, err := ReadHead(id, stored)
		if err != nil {
			f.wrong("%v", err)
			return
		}
		then(head)
	}, store.Place{Shard: id.Shard(), Key: keys.AppendRun(nil, keys.OpenRun, id)}, store.Place{Shard: id.Shard(), Key: keys.AppendRun(nil, keys.ClosedRun, id)})
}

func (a *check) checkRuns(ctx context.Context, shard uint16, f *Findings) error {
	names := map[engine.Name]engine.RunID{}
	for _, kind := range []byte{keys.OpenRun, keys.ClosedRun} {
		err := ScanKind(ctx, a.view, shard, kind, func(key, value []byte) error {
			id := engine.RunID(keys.Run(key))
			rec, err := ReadHead(id, value)
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
			if id.Shard() != shard || a.shardOf(rec.Name) != shard {
				f.wrong("run %s (%s %q) is in the wrong shard %d", id, rec.Name.Kind, rec.Name.Key, shard)
			}
			f.Events += rec.NextEvent - 1
			if err := a.checkRun(ctx, rec, f); err != nil {
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
func (a *check) checkRun(ctx context.Context, rec *Head, f *Findings) (err error) {
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
	cut := rules.Traits.CutsLog
	if !cut {
		whole.SnapshotAt = 0
	}
	state, err := Fold(ctx, a.view, rules, &whole)
	if err != nil {
		return err
	}
	if cut {
		if err := a.checkCut(ctx, rec); err != nil {
			return err
		}
	} else if rec.SnapshotAt > 0 {
		short, err := Fold(ctx, a.view, rules, rec)
		if err != nil {
			return err
		}
		if !bytes.Equal(rules.EncodeState(short), rules.EncodeState(state)) {
			return fmt.Errorf("its snapshot before event %d and its log disagree", rec.SnapshotAt)
		}
	}
	if err := a.checkEnd(ctx, rec); err != nil {
		return err
	}
	now := rules.Record(state, 0)
	if err := Agree("record", &rec.Record, "log", &now); err != nil {
		return err
	}
	if err := a.checkOffers(ctx, rec, now.Offers); err != nil {
		return err
	}
	entries := rules.Entries(rec.Identity, &rec.Record)
	places := make([]store.Place, len(entries))
	for i, e := range entries {
		places[i] = store.Place{Space: store.IndexSpace, Key: a.indexKey(rec, e)}
	}
	return a.rows(ctx, func(found [][]byte) {
		for i, e := range entries {
			if found[i] == nil {
				f.wrong("run %s (%s %q): its index entry in family %#x is missing", rec.Run, rec.Name.Kind, rec.Name.Key, e.Family)
			}
		}
	}, places...)
}

// checkEnd finds events behind those that the record knows.
func (a *check) checkEnd(ctx context.Context, rec *Head) error {
	more := false
	err := a.view.Scan(ctx, rec.Run.Shard(), store.Range{
		Start: keys.AppendHistory(nil, rec.Run, rec.NextEvent), End: keys.End(keys.AppendRun(nil, keys.History, rec.Run)), Limit: 1,
	}, func(_, _ []byte) bool {
		more = true
		return false
	})
	if more {
		return fmt.Errorf("its log has events behind the record, which ends before event %d", rec.NextEvent)
	}
	return err
}

// checkCut finds events that a snapshot has made needless.
func (a *check) checkCut(ctx context.Context, rec *Head) error {
	left := false
	err := a.view.Scan(ctx, rec.Run.Shard(), store.Range{
		Start: keys.AppendRun(nil, keys.History, rec.Run), End: keys.AppendHistory(nil, rec.Run, rec.SnapshotAt), Limit: 1,
	}, func(_, _ []byte) bool {
		left = true
		return false
	})
	if left {
		return fmt.Errorf("its log has events from before its snapshot at event %d", rec.SnapshotAt)
	}
	return err
}

// get reads one row; nil if it is not there.
func (a *check) get(ctx context.Context, shard uint16, key []byte) ([]byte, error) {
	values, err := a.view.Get(ctx, []store.Place{{Shard: shard, Key: key}})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// checkOffers compares offers. A stored record may still have the offer of a task
// whose delivery came after its last event.
func (a *check) checkOffers(ctx context.Context, rec *Head, log []engine.Offer) error {
	for _, o := range rec.Offers {
		if len(log) > 0 && log[0].ID == o.ID {
			if o.Held = log[0].Held; o != log[0] {
				return fmt.Errorf("record and log disagree about the offer of event %d: %+v and %+v", o.ID, o, log[0])
			}
			log = log[1:]
			continue
		}
		delivered, err := a.get(ctx, rec.Run.Shard(), keys.AppendNote(nil, rec.Run, o.ID, byte(engine.NoteDelivered)))
		if err != nil {
			return err
		}
		if delivered == nil {
			return fmt.Errorf("the record offers the task of event %d, the log does not", o.ID)
		}
	}
	if len(log) > 0 {
		return fmt.Errorf("the log offers the task of event %d, the record does not", log[0].ID)
	}
	return nil
}

func (a *check) indexKey(rec *Head, e engine.Entry) []byte {
	equal := a.Hash.Index(string(rec.Name.Kind), rec.Name.World.Account, rec.Name.World.Region, e.Value)
	return keys.AppendIndex(nil, e.Family, equal, int64(e.Time), rec.Run)
}

// checkOrphans finds rows of runs that have no record, and snapshots that the record
// does not know.
func (a *check) checkOrphans(ctx context.Context, shard uint16, f *Findings) error {
	for kind, what := range map[byte]string{keys.History: "history", keys.Note: "note", keys.Snapshot: "snapshot", keys.Blob: "reference to a blob"} {
		var last engine.RunID
		err := ScanKind(ctx, a.view, shard, kind, func(key, _ []byte) error {
			id := engine.RunID(keys.Run(key))
			first := id != last
			last = id
			switch {
			case kind == keys.Snapshot:
				// What an unfinished snapshot left in the other slot the next one overwrites.
				slot, part := keys.SnapshotPart(key)
				return a.head(ctx, f, id, func(head *Head) {
					switch {
					case head == nil && first:
						f.wrong("run %s has a %s but no record", id, what)
					case head != nil && slot == head.SnapshotSlot && int(part) >= SnapshotParts(head.SnapshotLen):
						f.wrong("run %s has a part %d of its snapshot that its record does not know", id, part)
					}
				})
			case kind == keys.Blob:
				of := keys.BlobID(key)
				err := a.rows(ctx, func(found [][]byte) {
					if found[0] == nil {
						f.wrong("run %s refers to blob %x, and the index does not say so", id, of)
					}
				}, store.Place{Space: store.IndexSpace, Key: keys.AppendBlobIndex(nil, of, id)})
				if err != nil {
					return err
				}
			}
			if !first {
				return nil
			}
			return a.head(ctx, f, id, func(head *Head) {
				if head == nil {
					f.wrong("run %s has a %s but no record", id, what)
				}
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNames compares the rows that keep names with the runs that have them.
func (a *check) checkNames(ctx context.Context, shard uint16, f *Findings) error {
	kept := map[[keys.HashSize]byte]bool{}
	err := ScanKind(ctx, a.view, shard, keys.Name, func(key, value []byte) error {
		if len(value) != keys.RunSize {
			f.wrong("shard %d: the row of a name has %d bytes, want %d", shard, len(value), keys.RunSize)
			return nil
		}
		id, key := engine.RunID(value), bytes.Clone(key)
		return a.head(ctx, f, id, func(head *Head) {
			switch {
			case head == nil:
				f.wrong("a name is kept for run %s, which has no record", id)
			case !bytes.Equal(key, keys.AppendName(nil, a.Hash.Name(NameParts(head.Name)))):
				f.wrong("the name that is kept for run %s (%s %q) is another one", id, head.Name.Kind, head.Name.Key)
			default:
				kept[a.Hash.Name(NameParts(head.Name))] = true
			}
		})
	})
	if err == nil {
		err = a.lookUp(ctx)
	}
	if err != nil {
		return err
	}
	for _, kind := range []byte{keys.OpenRun, keys.ClosedRun} {
		err := ScanKind(ctx, a.view, shard, kind, func(key, value []byte) error {
			head, err := ReadHead(keys.Run(key), value)
			if err != nil || a.rules[head.Name.Kind] == nil || !a.rules[head.Name.Kind].Traits.KeepsNames {
				return nil
			}
			if !kept[a.Hash.Name(NameParts(head.Name))] {
				f.wrong("run %s (%s %q): its name is not kept", head.Run, head.Name.Kind, head.Name.Key)
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
func (a *check) checkForget(ctx context.Context, shard uint16, f *Findings) error {
	rows := 0
	err := ScanKind(ctx, a.view, shard, keys.Forget, func(key, _ []byte) error {
		rows++
		at, id := keys.ForgetTime(key)
		return a.head(ctx, f, id, func(rec *Head) {
			switch {
			case rec == nil:
				f.wrong("run %s is to be forgotten at %d but has no record", id, at)
			case rec.Status != engine.Closed || int64(rec.Forget) != at:
				f.wrong("run %s is to be forgotten at %d, its record says %d", id, at, rec.Forget)
			}
		})
	})
	if err != nil {
		return err
	}
	want := 0
	err = ScanKind(ctx, a.view, shard, keys.ClosedRun, func(key, value []byte) error {
		if rec, err := ReadHead(keys.Run(key), value); err == nil && rec.Forget != 0 {
			want++
		}
		return nil
	})
	if err == nil && rows != want {
		f.wrong("shard %d: %d closed runs have a retention, %d rows say when to forget one", shard, want, rows)
	}
	return err
}

// checkParked reads the messages that wait for their runs to be of use again.
func (a *check) checkParked(ctx context.Context, shard uint16, f *Findings) error {
	return ScanKind(ctx, a.view, shard, keys.Parked, func(key, value []byte) error {
		id := engine.RunID(keys.Run(key))
		if _, err := ReadMessage(value); err != nil {
			f.wrong("parked message for run %s: %v", id, err)
		}
		return nil
	})
}

// checkNotified compares the notifications with what is told of them: none may be missing
// that somebody has not had.
func (a *check) checkNotified(ctx context.Context, shard uint16, f *Findings) error {
	value, err := a.get(ctx, shard, []byte{keys.Told})
	if err != nil {
		return err
	}
	told, err := ReadTold(value)
	if err != nil {
		f.wrong("shard %d: %v", shard, err)
		return nil
	}
	next := engine.Notified{Number: told.First}
	err = ScanKind(ctx, a.view, shard, keys.Notification, func(key, value []byte) error {
		f.Notified++
		n, err := ReadNotified(key, value)
		switch {
		case err != nil:
			f.wrong("shard %d: %v", shard, err)
		case n.Number != next.Number:
			f.wrong("shard %d: notification %d is there, want %d", shard, n.Number, next.Number)
		case n.Bytes < next.Bytes+uint64(len(n.Body)) || n.Bytes > told.Last.Bytes || n.Run.Shard() != shard:
			f.wrong("shard %d: notification %d counts %d bytes of run %s", shard, n.Number, n.Bytes, n.Run)
		}
		next.Number, next.Bytes = n.Number+1, n.Bytes
		return nil
	})
	if next.Number != told.Last.Number+1 {
		f.wrong("shard %d: notification %d is missing, of %d", shard, next.Number, told.Last.Number)
	}
	for _, t := range told.Targets {
		if t.Number < told.First-1 || t.Number > told.Last.Number || t.Bytes > told.Last.Bytes {
			f.wrong("shard %d: %q has had notification %d, and there are those from %d to %d", shard, t.Name, t.Number, told.First, told.Last.Number)
		}
	}
	return err
}

// checkIndex finds index entries whose run is not there, or stands elsewhere.
func (a *check) checkIndex(ctx context.Context, f *Findings) error {
	var failed error
	err := a.view.ScanIndex(ctx, store.Range{}, func(key, _ []byte) bool {
		f.Entries++
		switch {
		case key[0] == keys.BlobIndex:
			failed = a.checkBlobIndex(ctx, key, f)
		case len(key) != keys.IndexSize:
			f.wrong("index key of %d bytes, want %d", len(key), keys.IndexSize)
		default:
			failed = a.checkEntry(ctx, bytes.Clone(key), f)
		}
		return failed == nil
	})
	return cmp.Or(err, failed)
}

// checkEntry compares an entry with its run.
func (a *check) checkEntry(ctx context.Context, key []byte, f *Findings) error {
	_, id := keys.IndexPosition(key)
	return a.head(ctx, f, id, func(rec *Head) {
		if rec == nil {
			f.wrong("index entry in family %#x names run %s, which has no record", key[0], id)
			return
		}
		rules := a.rules[rec.Name.Kind]
		if rules == nil {
			return // told with the run
		}
		for _, e := range rules.Entries(rec.Identity, &rec.Record) {
			if bytes.Equal(key, a.indexKey(rec, e)) {
				return
			}
		}
		f.wrong("index entry in family %#x is not one of run %s (%s %q)", key[0], id, rec.Name.Kind, rec.Name.Key)
	})
}

// checkBlobIndex compares an entry of a blob's reference with the run that refers to it.
func (a *check) checkBlobIndex(ctx context.Context, key []byte, f *Findings) error {
	if len(key) != keys.BlobIndexSize {
		f.wrong("index key of a blob has %d bytes, want %d", len(key), keys.BlobIndexSize)
		return nil
	}
	id, run := keys.BlobReferrer(key)
	missing := func() {
		f.wrong("the index says that run %s refers to blob %x, which it does not", engine.RunID(run), id)
	}
	if engine.RunID(run).Shard() >= a.shards {
		missing()
		return nil
	}
	return a.rows(ctx, func(found [][]byte) {
		if found[0] == nil {
			missing()
		}
	}, store.Place{Shard: engine.RunID(run).Shard(), Key: keys.AppendBlob(nil, run, id)})
}

// checkMessages compares, for each pair of shards, what was sent, what was
// handled, and the rows in between: none that was not handled may be missing.
func (a *check) checkMessages(ctx context.Context, f *Findings) error {
	for sender := range a.shards {
		sent := map[uint16]uint64{}
		err := ScanKind(ctx, a.view, sender, keys.Sent, func(key, value []byte) error {
			to := keys.ShardOf(key)
			last, err := ReadMark(value)
			if err != nil {
				f.wrong("count of messages from shard %d to shard %d: %v", sender, to, err)
			}
			sent[to] = last
			return nil
		})
		if err != nil {
			return err
		}
		rows := map[uint16][]uint64{}
		err = ScanKind(ctx, a.view, sender, keys.Outgoing, func(key, value []byte) error {
			to, number := keys.OutgoingNumber(key)
			rows[to] = append(rows[to], number)
			f.Messages++
			if _, err := ReadMessage(value); err != nil {
				f.wrong("message %d from shard %d to shard %d: %v", number, sender, to, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for to := range sent {
			if to >= a.shards {
				f.wrong("shard %d has sent messages to shard %d, which does not exist", sender, to)
			}
		}
		for to := range a.shards {
			last := sent[to] // of whom nothing is counted nothing may have been handled
			mark, err := a.get(ctx, to, keys.AppendShard(nil, keys.Applied, sender))
			if err != nil {
				return err
			}
			applied := uint64(0)
			if mark != nil {
				if applied, err = ReadMark(mark); err != nil {
					f.wrong("mark of messages from shard %d that shard %d handled: %v", sender, to, err)
				}
			}
			if applied > last && applied > a.markLater(ctx, sender, keys.Sent, to) {
				f.wrong("shard %d handled message %d of shard %d, which sent only %d", to, applied, sender, last)
			}
			for _, number := range rows[to] {
				if number > last {
					f.wrong("message %d from shard %d to shard %d is there, but only %d were sent", number, sender, to, last)
				}
			}
			next := firstAbsent(applied, rows[to])
			if next <= last { // those that were handled since are not wanted any more
				next = firstAbsent(max(applied, a.markLater(ctx, to, keys.Applied, sender)), rows[to])
			}
			if next <= last {
				f.wrong("message %d from shard %d to shard %d is missing; it was not handled", next, sender, to)
			}
		}
		for to := range rows {
			if _, ok := sent[to]; !ok {
				f.wrong("shard %d has messages to shard %d, but no count of them", sender, to)
			}
		}
	}
	return nil
}

// firstAbsent is the first message above a mark that has no row; rows are in order.
func firstAbsent(mark uint64, rows []uint64) uint64 {
	next := mark + 1
	for _, number := range rows {
		if number == next {
			next++
		}
	}
	return next
}
