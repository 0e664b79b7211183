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

// pageBytesMax is how many bytes the items of a page have at most, whatever the page is
// of: an event may have 400 KB, so that a page of a thousand has to end early. What is
// around them, such as the token of the next page, has room in what is left of 1 MiB.
const pageBytesMax = 1<<20 - 16<<10

// jsonOf is a shape that writes itself.
type jsonOf[T any] interface {
	*T
	AppendJSON(b []byte) []byte
}

// fitting shows things as the items of a page, as many as it has room for.
func fitting[From, T any, P jsonOf[T]](things []From, show func(*From) (T, error)) ([]T, error) {
	items := make([]T, 0, len(things))
	var written []byte
	room := pageBytesMax
	for i := range things {
		item, err := show(&things[i])
		if err != nil {
			return nil, err
		}
		written = P(&item).AppendJSON(written[:0])
		if room -= len(written) + len(","); room < 0 && i > 0 {
			break
		}
		items = append(items, item)
	}
	return items, nil
}

// historyPages reads the events first..last of a run page by page.
type historyPages struct {
	run         engine.RunID
	first, last int64
	reverse     bool
}

// read gives the next page of at most size events, fewer if they are large, and
// whether there are more.
func (p *historyPages) read(ctx context.Context, runs service.Runs, size int) (events []byte, more bool, err error) {
	first, last := p.first, p.last
	if p.reverse {
		first = max(first, last+1-int64(size))
	} else {
		last = min(last, first-1+int64(size))
	}
	events, n, err := runs.AppendPage(ctx, nil, p.run, first, last, p.reverse, pageBytesMax)
	if err != nil {
		return nil, false, err
	}
	if p.reverse {
		p.last -= n
	} else {
		p.first += n
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
