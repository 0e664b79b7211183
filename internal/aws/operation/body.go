package operation

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"sync"

	"heddle/internal/aws/fault"
)

// buffer holds one body, and then the next.
type buffer struct{ bytes []byte }

// keptMax is the size above which a buffer is not kept.
const keptMax = 256 << 10

var (
	bodies  = sync.Pool{New: func() any { return new(buffer) }}
	answers = sync.Pool{New: func() any { return new(Answer) }}
)

// promisedMax is how much room a body is given before any of it came.
const promisedMax = 64 << 10

func (b *buffer) release() {
	if cap(b.bytes) > keptMax {
		return
	}
	b.bytes = b.bytes[:0]
	bodies.Put(b)
}

func (a *Answer) release() {
	if cap(a.Body) > keptMax {
		return
	}
	*a = Answer{Body: a.Body[:0]}
	answers.Put(a)
}

var (
	errTooLarge = fault.Of(fault.TooLarge, "Request size exceeded the maximum of the operation")
	errBroken   = fault.Of(fault.BrokenBody, "The body could not be read")
)

// ReadBody reads the body, of at most limit bytes, into Body, unless that was done. It
// reads nobody's.
func (c *Call) ReadBody(limit int64) error {
	if c.body == nil {
		if c.Request.ContentLength > limit {
			return errTooLarge
		}
		if c.Request.ContentLength != 0 {
			if err := c.recognise(); err != nil {
				return err
			}
		}
		c.body = bodies.Get().(*buffer)
		if err := c.body.read(c.Request, limit); err != nil {
			return err
		}
		c.Body, c.whole = c.body.bytes, true
	}
	if int64(len(c.Body)) > limit {
		return errTooLarge
	}
	return nil
}

// releaseBody lets the body go.
func (c *Call) releaseBody() {
	if c.body != nil {
		c.body.release()
		c.body, c.Body = nil, nil
	}
}

// read reads the body of at most limit bytes.
func (b *buffer) read(r *http.Request, limit int64) error {
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
			return errTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return brokenBy(err)
		}
	}
}

// brokenBy is what the sender of a body is told that could not be read: why, if who
// stopped it said that.
func brokenBy(err error) error {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	return errBroken
}

// Digest implements Body: of a stream, it is what the sender says it will be.
func (c *Call) Digest() (sum [sha256.Size]byte) {
	if c.Stream == nil {
		return sha256.Sum256(c.Body)
	}
	if s, ok := c.Stream.(*stream); ok {
		return s.promised
	}
	return sum
}

// openStream hands the body to the handler as it comes.
func (c *Call) openStream(limit int64) error {
	r := c.Request
	if r.ContentLength > limit {
		return errTooLarge
	}
	if err := c.recognise(); err != nil {
		return err
	}
	s := &stream{from: r.Body, left: limit}
	if promised := r.Header.Get("X-Amz-Content-Sha256"); len(promised) == 2*sha256.Size {
		if _, err := hex.Decode(s.promised[:], []byte(promised)); err != nil {
			return fault.Of(fault.BadSignature, "The header X-Amz-Content-Sha256 is no digest")
		}
		s.hash = sha256.New()
	}
	c.Stream = s
	return nil
}

// stream is a body that is read as it comes. Its end is an error unless it is what its
// sender promised. Without a promise only TLS vouches for it, and signatures are taken
// over TLS alone.
type stream struct {
	from     io.Reader
	left     int64
	hash     hash.Hash // nil: nothing was promised
	promised [sha256.Size]byte
	err      error
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.from.Read(b)
	s.left -= int64(n)
	if s.hash != nil {
		s.hash.Write(b[:n])
	}
	switch {
	case s.left < 0:
		n, s.err = n+int(s.left), errTooLarge
	case err == io.EOF && s.hash != nil && subtle.ConstantTimeCompare(s.hash.Sum(nil), s.promised[:]) != 1:
		s.err = fault.Of(fault.BadSignature, "The body is not what was signed")
	case err != nil && !errors.Is(err, io.EOF):
		s.err = brokenBy(err)
	default:
		s.err = err
	}
	return n, s.err
}
