package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"heddle/internal/store"
)

// A loss that somebody has found stands in the database: the sequence that was acknowledged, in a
// row of meta. So nobody serves the shard who was not there, either. Whoever accepts it raises the
// shard's sequence to that number; the row stays, and says no more.

// lostKey begins the rows, with the shard's number after it.
const lostKey = "store/lost/"

// lostSQL is the sequence that is said to be acknowledged of a shard, as the database has it; 0 if nothing
// is said.
func (s *Store) lostSQL(shard string) string {
	return `select coalesce((select convert_from(value, 'UTF8')::int8 from ` + quoted(s.options.Schema) + `.meta where key = convert_to('` + lostKey + `' || ` + shard + `::int4, 'UTF8')), 0)`
}

// noted is a loss as it was said.
type noted struct {
	acknowledged uint64
	stands       bool // in the database, as far as is known
}

// regressed says that shards lack what was acknowledged: in the log, once, and in the database, in one statement, unless
// that has it. So a look that finds many costs no more than another one: a membership waits for it.
func (s *Store) regressed(ctx context.Context, losses ...store.Loss) {
	var shards, acknowledged []string
	s.mu.Lock()
	for _, l := range losses {
		was := s.losses[l.Shard]
		if was.acknowledged != l.Acknowledged {
			s.losses[l.Shard] = noted{acknowledged: l.Acknowledged}
			s.options.Logger.Error("the database has lost acknowledged steps, and this shard stays shut; find the database that has them, or accept the loss by 'heddle accept-loss'",
				"shard", l.Shard, "has", l.Has, "acknowledged", l.Acknowledged, "database", s.dial.where())
		}
		if was.acknowledged != l.Acknowledged || !was.stands {
			shards, acknowledged = append(shards, strconv.Itoa(int(l.Shard))), append(acknowledged, strconv.FormatUint(l.Acknowledged, 10))
		}
	}
	s.mu.Unlock()
	if len(shards) == 0 {
		return
	}
	list := func(all []string) string { return "{" + strings.Join(all, ",") + "}" }
	meta := quoted(s.options.Schema) + ".meta"
	err := s.read(ctx, func(ctx context.Context, c *conn) error {
		// In one order, as all who find them do.
		_, err := c.row(ctx, `insert into `+meta+` as m select convert_to('`+lostKey+`' || shard, 'UTF8'), convert_to(seq::text, 'UTF8') from unnest($1::int4[], $2::int8[]) as f(shard, seq)
 where not exists (select from `+meta+` o where o.key = convert_to('`+lostKey+`' || shard, 'UTF8') and convert_from(o.value, 'UTF8')::int8 >= seq) order by shard
 on conflict (key) do update set value = excluded.value where convert_from(m.value, 'UTF8')::int8 < convert_from(excluded.value, 'UTF8')::int8 returning key`,
			list(shards), list(acknowledged))
		return err
	})
	if err != nil {
		s.options.Logger.Warn("note losses in the database; it is tried again", "shards", strings.Join(shards, ","), "cause", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range losses {
		if n := s.losses[l.Shard]; n.acknowledged == l.Acknowledged {
			s.losses[l.Shard] = noted{n.acknowledged, true}
		}
	}
}

// A database that lost something is another one, so it is reached by new connections. Each looks at the
// sequences first: nobody reads what is short of what he knows.

// found takes in the sequences of all shards, as they are seen by who knew of some before, and gives
// which are short of that.
func (s *Store) found(known, there []uint64) (short []uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for shard, seq := range there {
		if seq < known[shard] {
			s.short[uint16(shard)] = known[shard]
			short = append(short, uint16(shard))
		} else if seq >= s.short[uint16(shard)] {
			delete(s.short, uint16(shard))
		}
	}
	return short
}

// foundAnew has losses noted once more: the database may be another one, again, without what was noted.
func (s *Store) foundAnew(short []uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shard := range short {
		s.losses[shard] = noted{acknowledged: s.losses[shard].acknowledged}
	}
}

// hasAll tells whether a shard has all that is known to be acknowledged, as far as anybody has looked.
func (s *Store) hasAll(shard uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.short[shard]; known != 0 {
		return fmt.Errorf("%w: shard %d lacks sections up to %d", store.ErrRegressed, shard, known)
	}
	return nil
}

// Lacking is how many shards are known to lack what was acknowledged, and so are shut; nothing is asked for it.
func (s *Store) Lacking() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.short)
}

// lookFirst is what a new connection does before it is used.
func (s *Store) lookFirst(ctx context.Context, c *conn) error {
	if s.shards == 0 { // it is being opened
		return nil
	}
	known, there := s.sequences(), make([]uint64, s.shards)
	r := c.ExecParams(ctx, "select seq from "+quoted(s.options.Schema)+".shards order by shard", nil, nil, nil, nil).Read()
	for i, row := range r.Rows[:min(len(r.Rows), len(there))] {
		there[i], _ = strconv.ParseUint(string(row[0]), 10, 64)
	}
	if r.Err == nil && len(r.Rows) == len(there) {
		s.foundAnew(s.found(known, there))
	}
	return r.Err
}

func (s *Store) sequences() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]uint64, s.shards)
	for shard, seq := range s.told {
		all[shard] = seq
	}
	return all
}

// Losses is part of store.Members.
func (m members) Losses(ctx context.Context) (all []store.Loss, err error) {
	schema := quoted(m.options.Schema)
	err = m.reading(ctx, func(ctx context.Context) error {
		return m.read(ctx, func(ctx context.Context, c *conn) error {
			all = nil
			r := c.ExecParams(ctx, `select shard, seq, acknowledged from (select shard, seq, (`+m.lostSQL("s.shard")+`) as acknowledged from `+schema+`.shards s) as one
 where acknowledged > seq order by shard`, nil, nil, nil, nil).Read()
			for _, row := range r.Rows {
				shard, _ := strconv.ParseUint(string(row[0]), 10, 16)
				has, _ := strconv.ParseUint(string(row[1]), 10, 64)
				acknowledged, _ := strconv.ParseUint(string(row[2]), 10, 64)
				all = append(all, store.Loss{Shard: uint16(shard), Has: has, Acknowledged: acknowledged})
			}
			return r.Err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for losses: %w", err)
	}
	return all, nil
}

// AcceptLoss is part of store.Members.
func (m members) AcceptLoss(ctx context.Context, losses []store.Loss) error {
	schema := quoted(m.options.Schema)
	sql := `update ` + schema + `.shards s set seq = $3::int8, epoch = epoch + 1, member = null
 where shard = $1::int4 and seq = $2::int8 and seq < $3::int8 and (` + m.lostSQL("$1") + `) = $3::int8`
	err := m.reading(ctx, func(ctx context.Context) error {
		within, cancel := m.options.Within(ctx, readWithin)
		defer cancel()
		c, err := m.reads.get(within, false)
		if err != nil {
			return err
		}
		defer m.reads.put(c)
		if err := c.run(within, "begin"); err != nil {
			return err
		}
		for _, l := range losses {
			params := [][]byte{[]byte(strconv.Itoa(int(l.Shard))), []byte(strconv.FormatUint(l.Has, 10)), []byte(strconv.FormatUint(l.Acknowledged, 10))}
			r := c.ExecParams(within, sql, params, nil, nil, nil).Read()
			err := r.Err
			if err == nil && r.CommandTag.RowsAffected() != 1 {
				err = store.ErrConflict
			}
			if err != nil {
				return errors.Join(fmt.Errorf("shard %d: %w", l.Shard, err), c.run(within, "rollback"))
			}
		}
		return c.run(within, "commit")
	})
	if err != nil {
		return fmt.Errorf("accept losses: %w", err)
	}
	return nil
}
