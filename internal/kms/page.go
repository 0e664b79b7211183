package kms

import (
	"crypto/sha256"

	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
	"heddle/internal/pack"
	"heddle/internal/token"
)

// Families of tokens.
const (
	familyPage  token.Family = "kms.page"
	familyGrant token.Family = "kms.grant"
)

// page is which part of a list is asked for.
type page struct {
	c     *call
	query [16]byte
	after [2]string // the last one of the page before
	limit int
}

// page reads a marker, of a list that must stay the same from page to page. A limit above
// the most that there is counts as that.
func (c *call) page(list string, marker *string, limit *int64, usual, most int) (p page, err error) {
	sum := sha256.Sum256([]byte(list))
	p = page{c: c, query: [16]byte(sum[:16]), limit: usual}
	if limit != nil {
		p.limit = int(min(*limit, int64(most)))
	}
	if marker == nil {
		return p, nil
	}
	position, err := c.Tokens.OpenPage(familyPage, c.world, p.query, *marker)
	if err != nil {
		return p, refusal(wire.CodeInvalidMarkerException, "The marker is not one of this list.")
	}
	r := pack.Read(position)
	p.after = [2]string{r.Text(), r.Text()}
	return p, r.Done()
}

// pageBytesMax is how many bytes the items of a page have at most; the answer has 1 MiB.
const pageBytesMax = 1<<20 - 16<<10

// writer is a shape of answers.
type writer[Shown any] interface {
	*Shown
	AppendJSON([]byte) []byte
}

// shown makes the items of a page as answers have them, as many as it has room for, and
// the marker of the next one; nil: there is none. Show gives an item and its place.
func shown[T, Shown any, W writer[Shown]](p page, list keyring.Page[T], show func(T) (Shown, [2]string)) (items []Shown, next *string, err error) {
	items = make([]Shown, 0, len(list.Items))
	var written []byte
	var last [2]string
	room, more := pageBytesMax, list.More
	for i, v := range list.Items {
		item, place := show(v)
		written = W(&item).AppendJSON(written[:0])
		if room -= len(written) + len(","); room < 0 && i > 0 {
			more = true
			break
		}
		items, last = append(items, item), place
	}
	if !more {
		return items, nil, nil
	}
	text, err := p.c.Tokens.SealPage(familyPage, p.c.world, p.query, pack.Text(pack.Text(nil, last[0]), last[1]))
	return items, &text, err
}
