package pgstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"heddle/internal/store"
)

// groupBytesMax is what one transaction carries; only a commit of giant sections
// meets it, and takes more than one.
const groupBytesMax = 32 << 20

// What PostgreSQL says of a transaction that wrote nothing, and that may fare better
// alone.
const (
	divisionByZero       = "22012" // the fence: a section's epoch, member or sequence does not fit
	lockNotAvailable     = "55P03"
	deadlockDetected     = "40P01"
	serializationFailure = "40001"
)

// refusedError: PostgreSQL wrote nothing, and is fine.
type refusedError struct{ *pgconn.PgError }

// Commit is part of store.Store. Sections go as one transaction. If that is
// refused nothing was written, and they go one by one, so that each fails alone.
func (s *Store) Commit(ctx context.Context, sections []store.Section) []error {
	errs := make([]error, len(sections))
	if err := ctx.Err(); err != nil {
		return fill(errs, err)
	}
	if err := s.enter(); err != nil {
		return fill(errs, err)
	}
	defer s.users.Done()

	group := make([]int, 0, len(sections)) // which of the sections
	size, taken := 0, map[uint16]bool{}
	for i := range sections {
		section := &sections[i]
		n := dataBytes(section)
		switch {
		case len(section.Ops) > sectionOpsMax || n > sectionBytesMax:
			errs[i] = fmt.Errorf("commit to shard %d: %w: %d operations, %d bytes", section.Shard, store.ErrTooLarge, len(section.Ops), n)
		case s.me() == "" || section.Shard >= s.shards || section.Epoch == 0 || section.Seq == 0 || taken[section.Shard]:
			errs[i] = store.ErrFenced
		default:
			if size+n > groupBytesMax && len(group) > 0 {
				s.commitGroup(sections, group, errs)
				group, size = group[:0], 0
			}
			taken[section.Shard] = true
			group, size = append(group, i), size+n
		}
	}
	if len(group) > 0 {
		s.commitGroup(sections, group, errs)
	}
	return errs
}

func fill(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func dataBytes(section *store.Section) int {
	n := 0
	for i := range section.Ops {
		n += len(section.Ops[i].Key) + len(section.Ops[i].Value)
	}
	return n
}

// commitGroup writes some of the sections and sets their errors.
func (s *Store) commitGroup(sections []store.Section, group []int, errs []error) {
	err := s.transact(sections, group)
	var refused refusedError
	if errors.As(err, &refused) && len(group) > 1 && aloneMayFare(refused.Code) {
		for _, i := range group {
			s.commitGroup(sections, []int{i}, errs)
		}
		return
	}
	if refused.PgError != nil && refused.Code == divisionByZero {
		err = store.ErrFenced
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range group {
		section := &sections[i]
		switch {
		case err == nil:
			s.told[section.Shard] = max(s.told[section.Shard], section.Seq)
		case err == store.ErrFenced:
			errs[i] = err
		default:
			errs[i] = fmt.Errorf("commit to shard %d: %w", section.Shard, err)
		}
	}
}

func aloneMayFare(code string) bool {
	switch code {
	case divisionByZero, lockNotAvailable, deadlockDetected, serializationFailure:
		return true
	}
	return false
}

// writing is the context of a commit, which is not the caller's: one that was sent is waited for. Where other servers
// may answer in place of this one, none begins that the database is not known to hear.
func (s *Store) writing() (ctx context.Context, cancel context.CancelFunc, err error) {
	life := s.lease.life()
	if s.options.Shared {
		if err := s.Silent(); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel = s.options.Within(life, commitWithin)
	return ctx, cancel, nil
}

// transact writes some sections in one transaction. Errors: refusedError, if
// nothing was written; store.ErrUnknown; others, if nothing was sent.
func (s *Store) transact(sections []store.Section, group []int) error {
	ctx, cancel, err := s.writing()
	if err != nil {
		return err
	}
	defer cancel()
	c, err := s.commits.get(ctx, false)
	if err != nil {
		return err
	}
	defer s.commits.put(c)
	w := writes.Get().(*write)
	defer w.release()
	w.gather(sections, group)
	return s.send(ctx, c, w, len(group))
}

// send sends a transaction and waits for its outcome. There is none before the
// server says that it is ready for the next one.
func (s *Store) send(ctx context.Context, c *conn, w *write, n int) error {
	c.warning = ""
	p := c.StartPipeline(ctx)
	p.SendQueryPrepared(fenceStatement, [][]byte{w.shards.end(), w.epochs.end(), w.seqs.end(), w.stamps.end(), []byte(s.me()), int8Of(int64(n))},
		[]int16{1, 1, 1, 1, 0, 1}, binaries)
	for i := range w.cuts {
		if cut := &w.cuts[i]; len(cut.op.Value) == 0 {
			p.SendQueryPrepared(cutRestStatement, [][]byte{int4(cut.shard), bytea(cut.op.Key)}, binaries, nil)
		} else {
			p.SendQueryPrepared(cutStatement, [][]byte{int4(cut.shard), bytea(cut.op.Key), cut.op.Value}, binaries, nil)
		}
	}
	if w.deletedKeys.n > 0 {
		p.SendQueryPrepared(deleteRowsStatement, [][]byte{w.deletedShards.end(), w.deletedKeys.end()}, binaries, nil)
	}
	if w.rowKeys.n > 0 {
		p.SendQueryPrepared(putRowsStatement, [][]byte{w.rowShards.end(), w.rowKeys.end(), w.rowValues.end()}, binaries, nil)
	}
	if w.deletedEntries.n > 0 {
		p.SendQueryPrepared(deleteEntriesStatement, [][]byte{w.deletedEntries.end()}, binaries, nil)
	}
	if w.entryKeys.n > 0 {
		p.SendQueryPrepared(putEntriesStatement, [][]byte{w.entryKeys.end(), w.entryValues.end()}, binaries, nil)
	}
	err := p.Sync()
	var refused *pgconn.PgError
	ready := false
	for err == nil && !ready {
		var result any
		result, err = p.GetResults()
		switch r := result.(type) {
		case *pgconn.ResultReader:
			_, err = r.Close()
		case *pgconn.PipelineSync:
			ready = true
		case nil:
			if err == nil {
				err = errors.New("it ended before it was ready")
			}
		}
		if said := (*pgconn.PgError)(nil); errors.As(err, &said) && refused == nil && said.Severity == "ERROR" {
			refused, err = said, nil // until it is ready nothing is certain
		}
	}
	if closed := p.Close(); ready && refused == nil && closed != nil && err == nil {
		err = closed
	}
	s.rounds.Add(1)
	switch {
	case ready && refused != nil:
		return refusedError{refused}
	case ready && err == nil && c.warning == "":
		return nil
	case ready && err == nil:
		// Such as that somebody has cancelled the wait for a standby.
		_ = c.Close(ctx)
		return fmt.Errorf("%w: PostgreSQL warns: %s", store.ErrUnknown, c.warning)
	}
	return fmt.Errorf("%w: %w", store.ErrUnknown, err)
}

// write is what a transaction writes: the parameters of its statements. Of the
// operations on a key only the last one is in it, and rows are in the order of
// keys, which is that of the trees.
type write struct {
	rows []row
	cuts []row
	ops  int

	shards, epochs, seqs, stamps array

	deletedShards, deletedKeys    array
	rowShards, rowKeys, rowValues array
	deletedEntries                array
	entryKeys, entryValues        array
}

type row struct {
	op    *store.Op
	shard uint16
	place int // among all
}

func (w *write) gather(sections []store.Section, group []int) {
	for _, a := range []*array{&w.deletedKeys, &w.rowKeys, &w.rowValues, &w.deletedEntries, &w.entryKeys, &w.entryValues} {
		a.begin(byteaType)
	}
	for _, a := range []*array{&w.shards, &w.deletedShards, &w.rowShards} {
		a.begin(int4Type)
	}
	for _, a := range []*array{&w.epochs, &w.seqs, &w.stamps} {
		a.begin(int8Type)
	}
	for _, i := range group {
		section := &sections[i]
		w.shards.int4(section.Shard)
		w.epochs.int8(section.Epoch)
		w.seqs.int8(section.Seq)
		w.stamps.int8(section.Stamp)
		from, cut := len(w.rows), len(w.cuts)
		for j := range section.Ops {
			op := &section.Ops[j]
			each := row{op, section.Shard, w.ops}
			w.ops++
			switch op.Kind {
			case store.Put, store.Delete:
				w.rows = append(w.rows, each)
			case store.DeleteRange:
				if op.Space != store.ShardSpace {
					panic("pgstore: delete range outside of a shard's space")
				}
				w.cuts = append(w.cuts, each)
			default:
				panic(fmt.Sprintf("pgstore: operation of kind %d", op.Kind))
			}
		}
		if cuts := w.cuts[cut:]; len(cuts) > 0 {
			// Ranges go first, so what one cuts that was written before it is not written.
			w.rows = append(w.rows[:from], slices.DeleteFunc(w.rows[from:], func(r row) bool {
				return r.op.Space == store.ShardSpace && slices.ContainsFunc(cuts, func(c row) bool { return r.place < c.place && covers(c.op, r.op.Key) })
			})...)
		}
	}
	slices.SortFunc(w.rows, func(a, b row) int {
		if a.op.Space != b.op.Space {
			return cmp.Compare(a.op.Space, b.op.Space)
		}
		if a.op.Space == store.ShardSpace && a.shard != b.shard {
			return cmp.Compare(a.shard, b.shard)
		}
		if c := bytes.Compare(a.op.Key, b.op.Key); c != 0 {
			return c
		}
		return cmp.Compare(a.place, b.place)
	})
	for i, r := range w.rows {
		if i+1 < len(w.rows) && sameRow(&r, &w.rows[i+1]) {
			continue
		}
		switch {
		case r.op.Space == store.IndexSpace && r.op.Kind == store.Put:
			w.entryKeys.bytea(r.op.Key)
			w.entryValues.bytea(r.op.Value)
		case r.op.Space == store.IndexSpace:
			w.deletedEntries.bytea(r.op.Key)
		case r.op.Kind == store.Put:
			w.rowShards.int4(r.shard)
			w.rowKeys.bytea(r.op.Key)
			w.rowValues.bytea(r.op.Value)
		default:
			w.deletedShards.int4(r.shard)
			w.deletedKeys.bytea(r.op.Key)
		}
	}
}

// covers tells whether a range of a shard has a key.
func covers(cut *store.Op, key []byte) bool {
	return bytes.Compare(key, cut.Key) >= 0 && (len(cut.Value) == 0 || bytes.Compare(key, cut.Value) < 0)
}

func sameRow(a, b *row) bool {
	return a.op.Space == b.op.Space && (a.op.Space == store.IndexSpace || a.shard == b.shard) && bytes.Equal(a.op.Key, b.op.Key)
}

// writes are used again, unless one took what is unusual.
var writes = sync.Pool{New: func() any { return new(write) }}

const writeBytesKept = 1 << 20

func (w *write) release() {
	clear(w.rows)
	clear(w.cuts)
	w.rows, w.cuts, w.ops = w.rows[:0], w.cuts[:0], 0
	if cap(w.rowValues.bytes)+cap(w.rowKeys.bytes)+cap(w.entryKeys.bytes)+cap(w.entryValues.bytes) <= writeBytesKept {
		writes.Put(w)
	}
}
