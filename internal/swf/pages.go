package swf

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/service"
	"heddle/internal/token"
)

// Families of tokens: a token opens only for the actions that it was made for.
const (
	familyDecisionTask token.Family = "swf.decision"
	familyActivityTask token.Family = "swf.activity"
	familyHistoryPage  token.Family = "swf.history-page"
	familyDecisionPage token.Family = "swf.decision-page"
	familyListPage     token.Family = "swf.list-page"
	familyRegistryPage token.Family = "swf.registry-page"
)

// queryHash stands in a page token for all that must stay the same from page to
// page.
func queryHash(parts ...string) [16]byte {
	var b []byte
	for _, p := range parts {
		b = pack.Text(b, p)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// Bounds of a page of history in bytes: an event may have 200 KB, so a page of a
// thousand has to end early.
const (
	pageBytesMax = 1 << 20
	pageChunk    = 64 // events read at a time
)

// historyPages reads the events first..last of a run page by page.
type historyPages struct {
	run         engine.RunID
	first, last int64
	reverse     bool
}

// read gives the next page of at most size events, fewer if they are large, and
// whether there are more.
func (p *historyPages) read(ctx context.Context, runs service.Runs, size int) (events []byte, more bool, err error) {
	for size > 0 && p.first <= p.last && len(events) < pageBytesMax {
		n := min(int64(size), pageChunk, p.last-p.first+1)
		first, last := p.first, p.first+n-1
		if p.reverse {
			first, last = p.last-n+1, p.last
			p.last = first - 1
		} else {
			p.first = last + 1
		}
		chunk, err := runs.AppendEvents(ctx, nil, p.run, first, last, p.reverse)
		if err != nil {
			return nil, false, err
		}
		if events == nil {
			events = chunk
		} else {
			events = append(append(events, ','), chunk...)
		}
		size -= int(n)
	}
	return events, p.first <= p.last, nil
}

// position is what is still to be read.
func (p *historyPages) position() []byte {
	b := binary.AppendUvarint(nil, uint64(p.first))
	return binary.AppendUvarint(b, uint64(p.last))
}

// resume goes on at a position.
func (p *historyPages) resume(position []byte) bool {
	r := pack.Read(position)
	p.first, p.last = int64(r.Uint()), int64(r.Uint())
	return r.Done() == nil && p.first >= 1 && p.first <= p.last
}
