package service

import (
	"context"

	"heddle/internal/engine"
	"heddle/internal/visibility"
)

const (
	// LookedMax is how many records a search looks at.
	LookedMax = 10_000
	// LookedAtOnce is how many it reads at a time.
	LookedAtOnce = 500
	// ReadsMax is how often it reads: of what closes meanwhile nothing is looked at.
	ReadsMax = 2 * LookedMax / LookedAtOnce
	// foundBytesMax is how many bytes of listings it finds, but for the last.
	foundBytesMax = 1<<20 - 16<<10
)

// Through looks through a range of the index for executions that are open, or closed, from where
// the search before has ended. See tells whether an execution is one that is looked for, and
// shows it.
func (q *Search) Through(ctx context.Context, index *visibility.Reader, p visibility.Place, see func(*engine.RunView) (e FoundExecution, is bool, err error)) (*Found, error) {
	status := engine.Open
	if q.Closed {
		status = engine.Closed
	}
	var after *visibility.Position
	if q.After != nil {
		var err error
		if after, err = visibility.ReadPosition(q.After); err != nil {
			return nil, err
		}
	}
	found := &Found{}
	room := foundBytesMax
	for reads := 1; ; reads++ {
		page, err := index.List(ctx, p, status, !q.Oldest, after, min(LookedAtOnce, LookedMax-found.Looked), foundBytesMax)
		if err != nil {
			return nil, err
		}
		for n, r := range page.Runs {
			e, is, err := see(r)
			if err != nil {
				return nil, err
			}
			found.Looked++
			found.UpTo = r.Started
			if q.ByClose {
				found.UpTo = r.Closed
			}
			if !is {
				continue
			}
			found.Executions = append(found.Executions, e)
			room -= len(r.Listing)
			if len(found.Executions) == q.Limit || room <= 0 {
				page.Cut(n + 1)
				break
			}
		}
		if after = page.Next; after == nil {
			return found, nil
		}
		if len(found.Executions) == q.Limit || room <= 0 || found.Looked >= LookedMax || reads == ReadsMax {
			found.Next = after.Append(nil)
			return found, nil
		}
	}
}
