// Package blob keeps immutable bytes by what they are: large inputs, definitions,
// files. An execution's events name a blob by its ID, and a row of reference,
// written in the batch of that event, keeps the blob for as long as the run is kept;
// a sweeper deletes what nobody refers to.
//
// A Store is what others use. There is one, the Library: it names blobs, checks what
// it reads, and keeps Put and Sweeper apart. What it keeps lies on a Shelf: memory
// (here), a folder (package dir), a bucket (package s3), a database (package pgstore). Seal lays a sealed shelf
// over another. Package blobtest is the meaning of both interfaces: what it does not
// test is not promised.
//
// One process owns a shelf, unless that is an AsSeen. Many may read it; but what keeps a Put from being swept
// while it is young is in memory.
//
// The order for a caller that refers to a blob: Put, then commit the reference, well within
// the Sweeper's Grace; or Put again. For one that forgets it: the reference goes,
// and the next sweeps take the blob.
package blob

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

var (
	// ErrNotFound: there is no such blob.
	ErrNotFound = errors.New("blob not found")
	// ErrBroken: what is stored is not what was put there.
	ErrBroken = errors.New("the blob was changed or exchanged, or is damaged; put it again, or restore a backup")
	// ErrTooLarge: the blob has more bytes than the caller would take.
	ErrTooLarge = errors.New("blob too large")
	// ErrHeld: another process has the shelf.
	ErrHeld = errors.New("held by another process")
	// ErrScarce: there is little room on the disk, so nothing large begins to stay.
	ErrScarce = errors.New("there is little room on the disk")
)

// ID names a blob for good: HMAC-SHA-256 of its bytes under a key of the store, so
// that equal bytes have one ID and an ID tells nothing of the bytes.
type ID [32]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String gives: 64 lower-case hexadecimal digits.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != 2*len(id) {
		return ID{}, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || id.String() != s {
		return ID{}, false
	}
	return id, true
}

// Compare orders IDs as List does.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Ref is what to remember of a blob.
type Ref struct {
	ID   ID
	Size int64 // bytes of the blob
}

// Info is what a list says of a blob.
type Info struct {
	ID ID
	// Size is the bytes that are stored, with what sealing adds.
	Size int64
	// Put is when the bytes were last put, by the clock of the Library; of a bucket:
	// by the bucket's clock, in whole seconds perhaps.
	Put time.Time
	// Tag tells this put from others of the same bytes, where a bucket has such tags.
	Tag string
}

// Store keeps blobs.
type Store interface {
	// Put reads to the end and keeps the bytes. They are durable when it returns. It
	// holds a few of them at a time in memory. Bytes that are there already are not
	// stored twice, and are young again: as if they had not been there. After an
	// error they may be there or not.
	Put(ctx context.Context, r io.Reader) (Ref, error)
	// Open reads a blob's bytes from an offset on; at its end or past it there are
	// none. From offset 0 they are checked against the ID, and a reader that comes to io.EOF
	// has the blob; from another offset see Seal: a shelf that is not sealed can't
	// check them. Errors, of Open or of reading: ErrNotFound, ErrBroken. The caller
	// closes the reader. A blob that is deleted meanwhile may be cut off by an error.
	Open(ctx context.Context, id ID, offset int64) (io.ReadCloser, error)
	// List visits blobs in the order of their IDs, beginning after one (the zero ID:
	// from the first), until visit says no. Those that are put or deleted meanwhile
	// may be visited or not. The visitor may call the store.
	List(ctx context.Context, after ID, visit func(Info) bool) error
	// Delete deletes a blob. It is no error that there is none. A power cut may bring
	// it back.
	Delete(ctx context.Context, id ID) error
}

// ReadAll reads a blob of at most max bytes. Errors: as of Store.Open, ErrTooLarge.
func ReadAll(ctx context.Context, s Store, id ID, max int64) (_ []byte, err error) {
	r, err := s.Open(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := io.ReadAll(io.LimitReader(r, max))
	if err != nil {
		return nil, err
	}
	// The end is read too, since it says whether the bytes are the blob's.
	switch _, err := io.ReadFull(r, make([]byte, 1)); err {
	case io.EOF:
		return b, nil
	case nil:
		return nil, fmt.Errorf("read blob %s: more than %d bytes: %w", id, max, ErrTooLarge)
	default:
		return nil, err
	}
}
