package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Standby is one of the database's, as its primary sees it.
type Standby struct {
	Name string
	// State is "streaming" when all is well, and Sync how commits wait for it: "sync", "quorum",
	// "potential" or "async". Both are empty if the user may not see them (pg_monitor).
	State, Sync string
	Lag         time.Duration // until it has replayed what is written; 0 when it has, or nobody knows
	LagBytes    int64
}

// Standbys are those that are connected now.
func (s *Store) Standbys(ctx context.Context) (all []Standby, err error) {
	err = s.reading(ctx, func(ctx context.Context) error {
		return s.read(ctx, func(ctx context.Context, c *conn) error {
			r := c.ExecParams(ctx, `select coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, ''),
 coalesce((extract(epoch from replay_lag) * 1000000)::int8, 0)::text,
 coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8, 0)::text
 from pg_stat_replication order by 1, pid`, nil, nil, nil, nil).Read()
			all = nil
			for _, row := range r.Rows {
				lag, _ := strconv.ParseInt(string(row[3]), 10, 64)
				bytes, _ := strconv.ParseInt(string(row[4]), 10, 64)
				all = append(all, Standby{string(row[0]), string(row[1]), string(row[2]), time.Duration(lag) * time.Microsecond, bytes})
			}
			return r.Err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look at the standbys: %w", err)
	}
	return all, nil
}
