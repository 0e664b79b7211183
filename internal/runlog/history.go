package runlog

import (
	"cmp"
	"context"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// AppendEvents appends the public bytes of the events first..last of a run, with
// commas between them, to an empty b; last first if reverse. The caller has learned last
// from the run, so all of them are durable.
func AppendEvents(ctx context.Context, v store.View, b []byte, id engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	next := first
	if reverse {
		next = last
	}
	var failed error
	visit := func(_, value []byte) bool {
		var t *Turn
		if t, failed = ReadTurn(value); failed != nil {
			return false
		}
		if next < t.First || next > t.Last() {
			failed = fmt.Errorf("run %s: event %d is missing", id, next)
			return false
		}
		if !reverse {
			if len(b) > 0 {
				b = append(b, ',')
			}
			to := min(last, t.Last())
			b = t.AppendPublic(b, next, to)
			next = to + 1
			return next <= last
		}
		for ; next >= max(first, t.First); next-- {
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = t.AppendPublic(b, next, next)
		}
		return next >= first
	}
	if reverse {
		err := v.Scan(ctx, id.Shard(), store.Range{
			Start: keys.AppendHistory(nil, id, 0), End: keys.AppendHistory(nil, id, last+1), Reverse: true,
		}, visit)
		if err = cmp.Or(err, failed); err == nil && next >= first {
			err = fmt.Errorf("history ends before event %d: %w", next, &engine.UnknownRunError{Run: id})
		}
		return b, err
	}
	if first > 1 { // it may be in the middle of a turn
		err := v.Scan(ctx, id.Shard(), store.Range{
			Start: keys.AppendHistory(nil, id, 0), End: keys.AppendHistory(nil, id, first+1), Reverse: true, Limit: 1,
		}, visit)
		if err := cmp.Or(err, failed); err != nil || next > last {
			return b, err
		}
	}
	err := v.Scan(ctx, id.Shard(), store.Range{
		Start: keys.AppendHistory(nil, id, next), End: keys.AppendHistory(nil, id, last+1),
	}, visit)
	err = cmp.Or(err, failed)
	if err == nil && next <= last {
		err = fmt.Errorf("history ends before event %d: %w", next, &engine.UnknownRunError{Run: id})
	}
	return b, err
}
