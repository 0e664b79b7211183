package operation

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"heddle/internal/aws/awsjson"

	"github.com/go-faster/jx"
)

// buffer holds one body or one answer, and then the next.
type buffer struct{ bytes []byte }

// keptMax is the size above which a buffer is not kept.
const keptMax = 256 << 10

var (
	bodies   = &sync.Pool{New: func() any { return new(buffer) }}
	answers  = &sync.Pool{New: func() any { return new(buffer) }}
	decoders = &sync.Pool{New: func() any { return new(jx.Decoder) }}
)

// promisedMax is how much room a body is given before any of it came.
const promisedMax = 64 << 10

func (b *buffer) release(pool *sync.Pool) {
	if cap(b.bytes) > keptMax {
		return
	}
	b.bytes = b.bytes[:0]
	pool.Put(b)
}

// read reads the body of at most limit bytes.
func (b *buffer) read(r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return awsjson.TooLarge()
	}
	// One more, to see the end without growing. A long body is given room as it
	// comes: what a head promises costs its sender nothing.
	if want := min(r.ContentLength, promisedMax); int64(cap(b.bytes)) <= want {
		b.bytes = make([]byte, 0, want+1)
	}
	for {
		b.bytes = slices.Grow(b.bytes, 1)
		n, err := r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case int64(len(b.bytes)) > limit:
			return awsjson.TooLarge()
		case err == io.EOF:
			return nil
		case err != nil:
			return awsjson.Serialization("The body could not be read")
		}
	}
}

// atEnd tells whether nothing but space follows what was decoded.
func atEnd(d *jx.Decoder) error {
	if err := d.Skip(); err != io.EOF {
		return awsjson.Serialization("unexpected data after the end of the request")
	}
	return nil
}

// innermost is the cause at the end of the chain: what was wrong, without the
// decoder's way to it.
func innermost(err error) error {
	for {
		cause := errors.Unwrap(err)
		if cause == nil {
			return err
		}
		err = cause
	}
}
