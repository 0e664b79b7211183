package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// CheckOptions is how to check.
type CheckOptions struct {
	// Contents reads every blob that is referred to, and compares it with its ID.
	Contents bool
	// Tell hears of each reference whose blob is not there (ErrNotFound) or not whole
	// (ErrBroken).
	Tell func(id ID, err error)
}

// Checked is what a check found.
type Checked struct {
	References                      int64 // different blobs that are referred to
	Blobs, Bytes                    int64 // all that are there, and those stored bytes
	Unreferenced, UnreferencedBytes int64 // of them, which nobody refers to: no fault, the next sweeps take them
	Missing, Broken                 int64 // references that were told
}

// Check compares references, in the order of their IDs and each any number of times,
// with the blobs of a store. Nobody may change either meanwhile. An error is of the
// checking itself; faults are told.
func Check(ctx context.Context, s Store, references iter.Seq2[ID, error], o CheckOptions) (Checked, error) {
	next, stop := iter.Pull2(references)
	defer stop()
	c := &check{store: s, o: o, next: next}
	err := c.advance()
	if err == nil {
		err = s.List(ctx, ID{}, func(info Info) bool {
			c.err = c.visit(ctx, info)
			return c.err == nil
		})
	}
	err = errors.Join(c.err, err)
	for err == nil && c.more {
		err = c.missing()
	}
	if err != nil {
		return c.found, fmt.Errorf("check blobs: %w", err)
	}
	return c.found, nil
}

// check merges two sorted lists.
type check struct {
	store Store
	o     CheckOptions
	next  func() (ID, error, bool)
	id    ID   // the reference that comes, each ID once
	more  bool // there is one
	found Checked
	err   error
}

// advance goes on to the next reference of another ID.
func (c *check) advance() error {
	for {
		id, err, more := c.next()
		if err != nil {
			return fmt.Errorf("read references: %w", err)
		}
		if more && c.more {
			switch order := id.Compare(c.id); {
			case order < 0:
				return fmt.Errorf("references out of order: %s after %s", id, c.id)
			case order == 0:
				continue
			}
		}
		if c.id, c.more = id, more; more {
			c.found.References++
		}
		return nil
	}
}

func (c *check) tell(err error) {
	if c.o.Tell != nil {
		c.o.Tell(c.id, err)
	}
}

// missing is for a reference without a blob.
func (c *check) missing() error {
	c.found.Missing++
	c.tell(ErrNotFound)
	return c.advance()
}

func (c *check) visit(ctx context.Context, info Info) error {
	c.found.Blobs++
	c.found.Bytes += info.Size
	for c.more && c.id.Compare(info.ID) < 0 {
		if err := c.missing(); err != nil {
			return err
		}
	}
	if !c.more || c.id != info.ID {
		c.found.Unreferenced++
		c.found.UnreferencedBytes += info.Size
		return nil
	}
	if c.o.Contents {
		err := verify(ctx, c.store, info.ID)
		if errors.Is(err, ErrBroken) {
			c.found.Broken++
			c.tell(err)
		} else if err != nil {
			return err
		}
	}
	return c.advance()
}

// verify reads a blob to its end.
func verify(ctx context.Context, s Store, id ID) error {
	r, err := s.Open(ctx, id, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}
