package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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

// regressed says that a shard lacks what was acknowledged, in the database and in the log.
func (s *Store) regressed(ctx context.Context, l store.Loss) error {
	err := s.read(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.row(ctx, `insert into `+quoted(s.options.Schema)+`.meta as m values (convert_to('`+lostKey+`' || $1::int4, 'UTF8'), convert_to($2::int8::text, 'UTF8'))
 on conflict (key) do update set value = excluded.value where convert_from(m.value, 'UTF8')::int8 < $2::int8 returning key`,
			strconv.Itoa(int(l.Shard)), strconv.FormatUint(l.Acknowledged, 10))
		return err
	})
	s.mu.Lock()
	known := s.losses[l.Shard] == l.Acknowledged
	s.losses[l.Shard] = l.Acknowledged
	s.mu.Unlock()
	if !known {
		s.options.Logger.Error("the database has lost acknowledged steps, and this shard stays shut; find the database that has them, or accept the loss by 'heddle accept-loss'",
			"shard", l.Shard, "has", l.Has, "acknowledged", l.Acknowledged, "database", s.dial.where())
	}
	if err != nil {
		s.options.Logger.Warn("note a loss in the database", "shard", l.Shard, "cause", err)
	}
	return fmt.Errorf("%w: it has %d sections, and %d were acknowledged", store.ErrRegressed, l.Has, l.Acknowledged)
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
