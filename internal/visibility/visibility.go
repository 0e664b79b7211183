// Package visibility lists and counts executions by the index that shards write
// in the batches of their runs: an execution is seen as soon as its start or
// close was acknowledged, and a page costs what the page holds, however many
// executions there are.
package visibility

import (
	"context"
	"encoding/binary"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Index is the part of a store that lists are read from.
type Index interface {
	ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error
	Barrier(ctx context.Context) error
}

// Runs reads the records of runs past their shards.
type Runs interface {
	// OfStatus gives the runs that have a status, nil for others; it may see what is not
	// yet durable.
	OfStatus(ctx context.Context, runs []engine.RunID, status engine.Status) ([]*engine.RunView, error)
}

// Reader reads the index of one store.
type Reader struct {
	index Index
	hash  *keys.Hash
	runs  Runs
}

// New makes a Reader.
func New(index Index, hash *keys.Hash, runs Runs) *Reader {
	return &Reader{index: index, hash: hash, runs: runs}
}

// Place is one range of the index: the runs of a kind that stand in Family under Value,
// with times from From to To, both included; without a To there is no end.
type Place struct {
	Kind   engine.Kind
	World  engine.World
	Family byte
	Value  string
	From   engine.Time
	To     *engine.Time
}

func (r *Reader) equal(p Place) [keys.HashSize]byte {
	return r.hash.Index(string(p.Kind), p.World.Account, p.World.Region, p.Value)
}

func (r *Reader) bounds(p Place) (start, end []byte) {
	equal := r.equal(p)
	start = keys.AppendIndex(nil, p.Family, equal, int64(max(0, p.From)), [keys.RunSize]byte{})
	if p.To == nil {
		return start, keys.End(keys.AppendIndexPrefix(nil, p.Family, equal))
	}
	return start, keys.AppendIndex(nil, p.Family, equal, int64(max(0, *p.To+1)), [keys.RunSize]byte{})
}

// Position is where a page ended: after this time and run. Positions are totally
// ordered.
type Position struct {
	Time engine.Time
	Run  engine.RunID
}

// Append encodes the position.
func (p Position) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(p.Time))
	return append(b, p.Run[:]...)
}

// ReadPosition decodes a position.
func ReadPosition(b []byte) (*Position, error) {
	if len(b) != 8+keys.RunSize {
		return nil, fmt.Errorf("position of %d bytes", len(b))
	}
	p := &Position{Time: engine.Time(binary.BigEndian.Uint64(b))}
	copy(p.Run[:], b[8:])
	return p, nil
}

// Page is a part of a list.
type Page struct {
	Runs []*engine.RunView
	Next *Position // nil: the list ends here

	ends []Position // where the page would end with each of Runs
}

// Cut leaves the first n of the page's runs in it, one at least; the next page has the
// others.
func (p *Page) Cut(n int) {
	if n < len(p.Runs) {
		p.Runs, p.ends, p.Next = p.Runs[:n], p.ends[:n], &p.ends[n-1]
	}
}

// Any stands for runs of any status.
const Any engine.Status = 0

// chunk is how many records are read at a time.
const chunk = 64

// List gives at most limit runs of a place, in order of time or, if newest, the
// other way, after a position. Runs that closed or went while the page was read
// are left out: status says which are wanted. The page ends early when its runs have
// bytes or more of listings.
func (r *Reader) List(ctx context.Context, p Place, status engine.Status, newest bool, after *Position, limit, bytes int) (*Page, error) {
	start, end := r.bounds(p)
	if after != nil {
		key := keys.AppendIndex(nil, p.Family, r.equal(p), int64(after.Time), after.Run)
		if newest {
			end = key
		} else {
			start = append(key, 0)
		}
	}
	var found []Position
	err := r.index.ScanIndex(ctx, store.Range{Start: start, End: end, Reverse: newest, Limit: limit + 1}, func(key, _ []byte) bool {
		at, run := keys.IndexPosition(key)
		found = append(found, Position{engine.Time(at), run})
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	more := len(found) > limit
	found = found[:min(limit, len(found))]
	page := &Page{}
	read := 0
	for read < len(found) && bytes > 0 {
		runs := make([]engine.RunID, min(chunk, len(found)-read))
		for i := range runs {
			runs[i] = found[read+i].Run
		}
		views, err := r.runs.OfStatus(ctx, runs, status)
		if err != nil {
			return nil, fmt.Errorf("list executions: %w", err)
		}
		for _, v := range views {
			if bytes <= 0 {
				break
			}
			if v != nil {
				page.Runs, page.ends = append(page.Runs, v), append(page.ends, found[read])
				bytes -= len(v.Listing)
			}
			read++
		}
	}
	if more || read < len(found) {
		page.Next = &found[read-1]
	}
	// The records may be of batches that are not yet synced.
	if err := r.index.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	return page, nil
}

// Count counts the runs of a place, up to most; truncated tells that there are
// more.
func (r *Reader) Count(ctx context.Context, p Place, most int) (n int, truncated bool, err error) {
	start, end := r.bounds(p)
	err = r.index.ScanIndex(ctx, store.Range{Start: start, End: end, Limit: most + 1}, func(_, _ []byte) bool {
		if n == most {
			truncated = true
			return false
		}
		n++
		return true
	})
	if err != nil {
		err = fmt.Errorf("count executions: %w", err)
	}
	return n, truncated, err
}
