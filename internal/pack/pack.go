// Package pack writes small records as bytes and reads them back: varints and
// length-prefixed strings. Writers append; a Reader remembers its first error, so
// that a decoder checks once, at its end. A Coder is both: with it a type says its
// fields once. Types is a table of what is stored with a byte before it that says
// what it is.
package pack

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed says that bytes are not what was packed.
var ErrMalformed = errors.New("malformed record")

// Uint appends n.
func Uint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

// Int appends n, which may be negative.
func Int(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// Bool appends v.
func Bool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// Text appends s with its length before it.
func Text[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Reader reads what was packed. After an error all reads give zero values.
type Reader struct {
	rest []byte
	err  error
}

// Read begins to read b.
func Read(b []byte) *Reader { return &Reader{rest: b} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// Done is the first error; what is left unread is one too.
func (r *Reader) Done() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail()
	}
	return r.err
}

// Len counts the bytes that are not yet read.
func (r *Reader) Len() int { return len(r.rest) }

func (r *Reader) fail() { r.failWith(ErrMalformed) }

// failWith ends reading. The first error counts.
func (r *Reader) failWith(why error) {
	if r.err == nil {
		r.err = why
	}
	r.rest = nil
}

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// Int reads a number that may be negative.
func (r *Reader) Int() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// Count reads the number of elements that follow, each of at least one byte.
func (r *Reader) Count() int {
	n := r.Uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

// Bool reads a truth value.
func (r *Reader) Bool() bool { return r.Byte() != 0 }

// Fill reads len(dst) bytes.
func (r *Reader) Fill(dst []byte) {
	if copy(dst, r.rest) < len(dst) {
		r.fail()
		return
	}
	r.rest = r.rest[len(dst):]
}

// Bytes reads a length-prefixed part of the input; it is not a copy.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

// Text reads a length-prefixed string.
func (r *Reader) Text() string { return string(r.Bytes()) }
