package swf

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"heddle/internal/engine"
	"heddle/internal/pack"
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

// historyPages reads the events first..last of a run page by page.
type historyPages struct {
	run         engine.RunID
	first, last int64
	reverse     bool
}

// read gives the next page of at most size events, and whether there are more.
func (p *historyPages) read(ctx context.Context, runs Runs, size int) (events []byte, more bool, err error) {
	first, last := p.first, p.last
	if n := last - first + 1; n > int64(size) {
		if p.reverse {
			first = last - int64(size) + 1
			p.last = first - 1
		} else {
			last = first + int64(size) - 1
			p.first = last + 1
		}
		more = true
	}
	events, err = runs.AppendEvents(ctx, nil, p.run, first, last, p.reverse)
	return events, more, err
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
