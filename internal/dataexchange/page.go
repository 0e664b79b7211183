package dataexchange

import (
	"context"
	"crypto/sha256"

	"heddle/internal/dataexchange/catalog"
	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/token"
	"heddle/internal/visibility"
)

// familyPage is that of the tokens of pages.
const familyPage token.Family = "dataexchange.page"

// answerBytesMax is how many bytes the items of a list have at most: the answer has a MiB.
const answerBytesMax = 1<<20 - 4096

// pageSize is how many items a page has: 100 unless the caller says otherwise, and then what
// the model allows.
func pageSize(given *int64) int {
	if given != nil {
		return int(*given)
	}
	return catalog.PageDefault
}

// pages are the pages of what a call lists. The position of the next is told by the last
// item of the one before.
type pages struct {
	*actions
	world engine.World
	query [16]byte // of all that must stay the same from page to page
}

func (s *actions) pages(ctx context.Context, parts ...string) pages {
	var b []byte
	for _, p := range parts {
		b = pack.Text(b, p)
	}
	sum := sha256.Sum256(b)
	return pages{s, worldOf(ctx), [16]byte(sum[:16])}
}

// after opens a page token; nil is the first page. Errors: ValidationException.
func (p *pages) after(next *string) ([]byte, error) {
	if next == nil {
		return nil, nil
	}
	after, err := p.Tokens.OpenPage(familyPage, p.world, p.query, *next)
	if err != nil {
		return nil, invalid("The NextToken is not one of this list.")
	}
	return after, nil
}

// next seals a page token; nil if there is no more.
func (p *pages) next(position []byte, more bool) (*string, error) {
	if !more {
		return nil, nil
	}
	next, err := p.Tokens.SealPage(familyPage, p.world, p.query, position)
	return &next, err
}

// entry is an item of a list.
type entry[E any] interface {
	*E
	AppendJSON([]byte) []byte
}

// whole leaves as many of the items as an answer has room for, one at least, and tells how
// many these are.
func whole[E any, P entry[E]](items []E) int {
	bytes := 0
	for i := range items {
		if bytes += len(P(&items[i]).AppendJSON(nil)) + 1; bytes > answerBytesMax && i > 0 {
			return i
		}
	}
	return len(items)
}

// list is runs of a world and a kind that stand in a family of the index under a value, the newest
// first, and what makes items of them: what is missing went meanwhile.
type list[E any] struct {
	world  engine.World
	kind   engine.Kind
	family byte
	of     string
	read   func(*engine.RunView) (*E, error)
}

// listRuns reads a page of lists that stand behind each other. A position is the number of
// the list that goes on, and in it where the page before ended, if that had some of it.
func listRuns[E any, P entry[E]](ctx context.Context, p pages, maxResults *int64, nextToken *string, lists ...list[E]) (items []E, next *string, err error) {
	position, err := p.after(nextToken)
	if err != nil {
		return nil, nil, err
	}
	first := 0
	var after *visibility.Position
	if position != nil {
		first = int(position[0])
		if len(position) > 1 {
			if after, err = visibility.ReadPosition(position[1:]); err != nil {
				return nil, nil, err
			}
		}
	}
	items = []E{}
	bytes, limit := 0, pageSize(maxResults)
	for n := first; n < len(lists); n++ {
		l, here := &lists[n], []byte{byte(n)}
		if len(items) == limit || bytes >= answerBytesMax {
			next, err = p.next(here, true)
			return items, next, err
		}
		place := visibility.Place{Kind: l.kind, World: l.world, Family: l.family, Value: l.of}
		page, err := p.Visibility.List(ctx, place, visibility.Any, true, after, limit-len(items), answerBytesMax-bytes)
		if err != nil {
			return nil, nil, err
		}
		after = nil
		for i, run := range page.Runs {
			item, err := l.read(run)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			if bytes += len(P(item).AppendJSON(nil)) + 1; bytes > answerBytesMax && len(items) > 0 {
				if i == 0 {
					next, err = p.next(here, true)
					return items, next, err
				}
				page.Cut(i)
				break
			}
			items = append(items, *item)
		}
		if page.Next != nil {
			next, err = p.next(page.Next.Append(here), true)
			return items, next, err
		}
	}
	return items, nil, nil
}
