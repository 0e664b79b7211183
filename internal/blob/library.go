package blob

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// Options is what a Library is made of.
type Options struct {
	// Shelf is where the blobs are.
	Shelf Shelf
	// Key is the key of the IDs. Under another one nothing is found whole.
	Key [32]byte
	// Now is the time; it never goes backwards.
	Now func() time.Time
}

// Library is the Store over a Shelf.
type Library struct {
	shelf Shelf
	key   [32]byte
	now   func() time.Time

	gate     gate
	sweeping sync.Mutex // one sweep at a time
}

var _ Store = (*Library)(nil)

// New makes the Store over a Shelf.
func New(o Options) *Library {
	if o.Key == [32]byte{} || o.Now == nil {
		panic("blob: a library without a key, or without a clock")
	}
	return &Library{shelf: o.Shelf, key: o.Key, now: o.Now}
}

// Put is part of Store.
func (l *Library) Put(ctx context.Context, r io.Reader) (_ Ref, err error) {
	draft, err := l.shelf.Begin(ctx)
	if err != nil {
		return Ref{}, fmt.Errorf("put a blob: %w", err)
	}
	defer func() {
		// What is kept is kept; the next opening throws away what was left.
		if discarded := draft.Discard(); err != nil {
			err = errors.Join(err, discarded)
		}
	}()
	ref, err := l.write(ctx, draft, r)
	if err != nil {
		return Ref{}, fmt.Errorf("put a blob: %w", err)
	}
	leave := l.gate.enter(ref.ID)
	defer leave()
	l.gate.spare(ref.ID)
	if err := draft.Keep(ctx, ref.ID, l.now()); err != nil {
		return Ref{}, fmt.Errorf("put blob %s: %w", ref.ID, err)
	}
	return ref, nil
}

// write copies to a draft, and finds out what the blob will be called.
func (l *Library) write(ctx context.Context, draft Draft, r io.Reader) (ref Ref, _ error) {
	h := newHasher(hmac.New(sha256.New, l.key[:]))
	defer h.end(nil)
	for {
		if err := ctx.Err(); err != nil {
			return Ref{}, err
		}
		room := h.room()
		n, readErr := fill(r, room[:])
		h.add(room, n)
		ref.Size += int64(n)
		if n > 0 {
			if _, err := draft.Write(room[:n]); err != nil {
				return Ref{}, err
			}
		}
		if readErr == io.EOF {
			h.end(ref.ID[:0])
			return ref, nil
		}
		if readErr != nil {
			return Ref{}, fmt.Errorf("read its bytes: %w", readErr)
		}
	}
}

// fill reads until b is full, or reading ends.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	return n, err
}

// Open is part of Store.
func (l *Library) Open(ctx context.Context, id ID, offset int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, fmt.Errorf("read blob %s: offset %d", id, offset)
	}
	r, err := l.shelf.Open(ctx, id, offset)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", id, err)
	}
	read := &reader{below: r, id: id}
	if offset == 0 {
		read.sum = hmac.New(sha256.New, l.key[:])
	}
	return read, nil
}

// reader reads a blob, and checks it if it is read as a whole.
type reader struct {
	below io.ReadCloser
	id    ID
	sum   hash.Hash // nil: not from the beginning
	err   error     // how it ended
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.below.Read(p)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		r.err = fmt.Errorf("read blob %s: %w", r.id, err)
	case r.sum != nil && !hmac.Equal(r.sum.Sum(nil), r.id[:]):
		r.err = fmt.Errorf("read blob %s: %w", r.id, ErrBroken)
	default:
		r.err = io.EOF
	}
	return n, r.err
}

func (r *reader) Close() error { return r.below.Close() }

// List is part of Store.
func (l *Library) List(ctx context.Context, after ID, visit func(Info) bool) error {
	if err := l.shelf.List(ctx, after, visit); err != nil {
		return fmt.Errorf("list blobs: %w", err)
	}
	return nil
}

// Delete is part of Store. It asks nobody whether the blob is referred to.
func (l *Library) Delete(ctx context.Context, id ID) error {
	leave := l.gate.enter(id)
	defer leave()
	l.gate.spare(id)
	if err := l.shelf.Delete(ctx, id); err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	return nil
}

// deleteSeen is for callers that have entered the gate, and looked at the blob since.
func (l *Library) deleteSeen(ctx context.Context, seen Info) error {
	l.gate.spare(seen.ID)
	if err := deleteAsSeen(ctx, l.shelf, seen); err != nil {
		return fmt.Errorf("delete blob %s: %w", seen.ID, err)
	}
	return nil
}
