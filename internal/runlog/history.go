package runlog

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// AppendEvents appends the public bytes of the events first..last of a run, with
// commas between them, to an empty b; last first if reverse. The caller has learned last
// from the run, so all of them are durable.
func AppendEvents(ctx context.Context, v store.View, b []byte, id engine.RunID, first, last int64, reverse bool) ([]byte, error) {
	b, _, err := AppendPage(ctx, v, b, id, first, last, reverse, math.MaxInt)
	return b, err
}

// AppendPage is AppendEvents of as many events as most bytes have room for, but of one at
// least. It tells how many.
func AppendPage(ctx context.Context, v store.View, b []byte, id engine.RunID, first, last int64, reverse bool, most int) (_ []byte, n int64, err error) {
	next := first
	if reverse {
		next = last
	}
	full := false
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
			to := t.fitting(next, min(last, t.Last()), len(b), most)
			if full = to < min(last, t.Last()); to < next {
				return false
			}
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = t.AppendPublic(b, next, to)
			n += to + 1 - next
			next = to + 1
			return next <= last && !full
		}
		for ; next >= max(first, t.First); next-- {
			if full = t.fitting(next, next, len(b), most) < next; full {
				return false
			}
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = t.AppendPublic(b, next, next)
			n++
		}
		return next >= first
	}
	if reverse {
		err := v.Scan(ctx, id.Shard(), store.Range{
			Start: keys.AppendHistory(nil, id, 0), End: keys.AppendHistory(nil, id, last+1), Reverse: true,
		}, visit)
		if err = cmp.Or(err, failed); err == nil && !full && next >= first {
			err = fmt.Errorf("history ends before event %d: %w", next, &engine.UnknownRunError{Run: id})
		}
		return b, n, err
	}
	if first > 1 { // it may be in the middle of a turn
		err := v.Scan(ctx, id.Shard(), store.Range{
			Start: keys.AppendHistory(nil, id, 0), End: keys.AppendHistory(nil, id, first+1), Reverse: true, Limit: 1,
		}, visit)
		if err := cmp.Or(err, failed); err != nil || full || next > last {
			return b, n, err
		}
	}
	err = v.Scan(ctx, id.Shard(), store.Range{
		Start: keys.AppendHistory(nil, id, next), End: keys.AppendHistory(nil, id, last+1),
	}, visit)
	err = cmp.Or(err, failed)
	if err == nil && !full && next <= last {
		err = fmt.Errorf("history ends before event %d: %w", next, &engine.UnknownRunError{Run: id})
	}
	return b, n, err
}
