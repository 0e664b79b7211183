package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"heddle/internal/store"
)

// renewSharedWithin bounds one attempt to renew, or to look: a membership lasts for few of them.
const renewSharedWithin = time.Second

// Members is for an opening that is Options.Shared.
func (s *Store) Members() store.Members { return members{s} }

type members struct{ *Store }

// onLease does something of memberships on the connection that is for them.
func (m members) onLease(ctx context.Context, do func(context.Context, *conn) error) error {
	if err := m.enter(); err != nil {
		return err
	}
	defer m.users.Done()
	within, cancel := m.options.Within(ctx, renewSharedWithin)
	defer cancel()
	c, err := m.renewals.get(within, false)
	if err != nil {
		return err
	}
	defer m.renewals.put(c)
	m.rounds.Add(1)
	return do(within, c)
}

// Join is part of store.Members. The name of a member whose time is over is free.
func (m members) Join(ctx context.Context, who store.Member) (string, error) {
	id := newMember()
	if who.ID != "" {
		*id = who.ID + "/" + *id
	}
	schema := quoted(m.options.Schema)
	sql := `with gone as (delete from ` + schema + `.members where expires < clock_timestamp() or id = $5 returning id),
 others as (select from ` + schema + `.members where name = $2 and id not in (select id from gone))
insert into ` + schema + `.members (id, name, address, level, hears, leaving, expires)
 select $1, $2, $3, $6::int, '', false, clock_timestamp() + $4::interval where not exists (select from others)`
	began := m.options.Elapsed()
	err := m.onLease(ctx, func(ctx context.Context, c *conn) error {
		// One after the other: the row of the format is locked.
		if err := c.run(ctx, "begin; select from "+schema+".meta where key = '"+formatKey+"' for update"); err != nil {
			return err
		}
		params := [][]byte{[]byte(*id), []byte(who.Name), []byte(who.Address), []byte(interval(store.MemberTTL)), []byte(m.me()), []byte(strconv.Itoa(who.Level))}
		result := c.ExecParams(ctx, sql, params, nil, nil, nil).Read()
		if result.Err != nil {
			return errors.Join(result.Err, c.run(ctx, "rollback"))
		}
		if err := c.run(ctx, "commit"); err != nil {
			return err
		}
		if result.CommandTag.RowsAffected() != 1 {
			return fmt.Errorf("%w: another member is called %q", store.ErrHeld, who.Name)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	m.member.Store(id)
	m.lease.begin(store.MemberTTL, began)
	return *id, nil
}

// Renew is part of store.Members.
func (m members) Renew(ctx context.Context, r store.Renewal) (now time.Time, err error) {
	began := m.options.Elapsed()
	renewed := false
	err = m.onLease(ctx, func(ctx context.Context, c *conn) error {
		params := [][]byte{[]byte(m.me()), []byte(interval(store.MemberTTL)), []byte(strconv.FormatBool(r.Leaving)), []byte(r.Hears)}
		result := c.ExecParams(ctx, "update "+quoted(m.options.Schema)+`.members set expires = clock_timestamp() + $2::interval, leaving = $3::bool, hears = $4
 where id = $1 and expires > clock_timestamp() returning (extract(epoch from clock_timestamp()) * 1000000)::bigint`, params, nil, nil, nil).Read()
		if result.Err != nil || len(result.Rows) == 0 {
			return result.Err
		}
		renewed = true
		micros, err := strconv.ParseInt(string(result.Rows[0][0]), 10, 64)
		now = time.UnixMicro(micros)
		return err
	})
	if err != nil { // what rests may lead to a server that is gone
		for _, p := range []*pool{m.commits, m.reads, m.renewals} {
			p.renew()
		}
	}
	m.note(began, renewed, err)
	if err == nil && !renewed {
		err = store.ErrNotMember
	}
	if err != nil {
		return now, fmt.Errorf("renew membership: %w", err)
	}
	return now, nil
}

// Look is part of store.Members.
func (m members) Look(ctx context.Context) (seen store.Sight, err error) {
	schema := quoted(m.options.Schema)
	known, there := m.Sequences(), make([]uint64, m.shards) // before the look, so that it should see as much
	err = m.onLease(ctx, func(ctx context.Context, c *conn) error {
		results, err := c.Exec(ctx, `delete from `+schema+`.members where expires < clock_timestamp();
select id, name, address, level, leaving, hears from `+schema+`.members;
select s.shard, s.epoch, coalesce(m.id, ''), s.seq from `+schema+`.shards s left join `+schema+`.members m on m.id = s.member order by s.shard`).ReadAll()
		if err != nil {
			return err
		}
		for _, row := range results[1].Rows {
			level, _ := strconv.Atoi(string(row[3]))
			seen.Members = append(seen.Members, store.Member{ID: string(row[0]), Name: string(row[1]), Address: string(row[2]), Level: level, Renewal: store.Renewal{Leaving: string(row[4]) == "t", Hears: string(row[5])}})
		}
		slices.SortFunc(seen.Members, func(a, b store.Member) int { return cmp.Compare(a.Name, b.Name) })
		for _, row := range results[2].Rows {
			epoch, err := strconv.ParseUint(string(row[1]), 10, 64)
			if err != nil {
				return err
			}
			if there[len(seen.Owners)], err = strconv.ParseUint(string(row[3]), 10, 64); err != nil {
				return err
			}
			seen.Owners = append(seen.Owners, store.Owner{Epoch: epoch, Member: string(row[2])})
		}
		return nil
	})
	if err != nil {
		return seen, fmt.Errorf("look at the members: %w", err)
	}
	seen.Lost = m.found(known, there)
	var losses []store.Loss
	for _, shard := range seen.Lost {
		losses = append(losses, store.Loss{Shard: shard, Has: there[shard], Acknowledged: known[shard]})
	}
	m.regressed(ctx, losses...)
	return seen, nil
}

// Leave is part of store.Members.
func (m members) Leave(ctx context.Context) error {
	m.leave()
	m.member.Store(nil)
	return nil
}

// Sequences is part of store.Members.
func (m members) Sequences() []uint64 {
	return m.sequences()
}

// Heard is part of store.Members.
func (m members) Heard(sequences []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for shard, seq := range sequences[:min(len(sequences), int(m.shards))] {
		if seq > m.told[uint16(shard)] {
			m.told[uint16(shard)] = seq
		}
	}
}

// LastStamp is part of store.Members.
func (m members) LastStamp(ctx context.Context) (last uint64, err error) {
	err = m.reading(ctx, func(ctx context.Context) error {
		return m.read(ctx, func(ctx context.Context, c *conn) error {
			row, err := c.row(ctx, "select coalesce(max(stamp), 0) from "+quoted(m.options.Schema)+".shards")
			if err != nil {
				return err
			}
			last, err = strconv.ParseUint(row[0], 10, 64)
			return err
		})
	})
	return last, err
}
