package catalog

import "heddle/internal/pack"

const listingFormat = 1

// listedTextMax is how many bytes of a description or a comment stand in a record, which a
// shard reads when it starts.
const listedTextMax = 1024

// listing packs what a list shows of a thing: what may be a long text, and the rest.
func listing(text string, rest func(*pack.Coder)) []byte {
	c := pack.Writing([]byte{listingFormat})
	whole := len(text) <= listedTextMax
	if c.Bool(&whole); whole {
		c.Text(&text)
	}
	rest(c)
	return c.Written()
}

// readListing reads what listing gives.
func readListing(b []byte, text *string, rest func(*pack.Coder)) (whole bool, err error) {
	c := pack.Reading(b)
	c.Format(listingFormat)
	if c.Bool(&whole); whole {
		c.Text(text)
	}
	rest(c)
	return whole, c.Done()
}
