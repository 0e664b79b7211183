// Package store is ordered bytes with fenced, synced batches; nothing in it
// knows of workflows.
//
// A store holds a fixed number of shards. Each shard has its own key space and
// at most one owner; all shards share one index space. An owner writes by
// Sections: all or nothing each, checked against the shard's epoch and sequence,
// so that an owner that lost its shard cannot write. Package storetest is the
// meaning of this interface: what it does not test is not promised.
package store

import (
	"context"
	"errors"
)

var (
	// ErrHeld: another owner has the shard (or, for a whole store, its lock).
	ErrHeld = errors.New("held by another owner")
	// ErrFenced: the section's epoch is not the shard's, or its sequence is not
	// the next. Nothing of it was written.
	ErrFenced = errors.New("fenced")
	// ErrUnknown: whether the sections were written is not known.
	ErrUnknown = errors.New("commit outcome unknown")
	// ErrNotFound: no such key.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a compare-and-set found another value.
	ErrConflict = errors.New("conflict")
	// ErrTooLarge: a section is above Limits.
	ErrTooLarge = errors.New("too large")
	// ErrClosed: the store or the handle was closed.
	ErrClosed = errors.New("closed")
)

// Limits says how much one section may carry.
type Limits struct {
	SectionOps   int
	SectionBytes int
}

// Store is a store.
type Store interface {
	// View shows what is there now. It may show what is not yet durable, unless it
	// says otherwise: Barrier must return before anybody is told what it showed.
	View
	Limits() Limits
	// Acquire takes a shard over and fences its earlier owner. Errors: ErrHeld.
	Acquire(ctx context.Context, shard uint16) (Handle, error)
	// Commit writes sections, each whole or not at all, in one write and one
	// sync. It returns an error (or nil) per section: ErrFenced, ErrUnknown,
	// ErrTooLarge, ErrClosed, or the context's, if it was over before anything was
	// written. A section that fails its check fails alone.
	// After ErrUnknown the shard must be acquired again. Several goroutines may
	// commit at once, for different shards: a shard has one section under way.
	Commit(ctx context.Context, sections []Section) []error
	// Barrier returns when all is durable that anybody could read before the call,
	// of the index or of a shard.
	Barrier(ctx context.Context) error
	// Snapshot is the whole store at one moment, however long it is read; all that
	// it shows is durable. The caller closes it.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Current returns nil if nobody else can have written to the shards that were
	// acquired here. An owner that answers from memory, and writes nothing, asks after
	// it has evaluated the answer. A store that one process has to itself says nil.
	Current() error
	Meta() Meta
	// Close closes the snapshots that are still open too. From then on the store and
	// they answer ErrClosed.
	Close() error
}

// View reads rows. Nobody has to own the shards that are read. A context that is
// over when a read begins ends it, with the context's error.
type View interface {
	// Get returns copies of the values of rows, by place, all of one moment: nil for
	// a row that is not there, while a value that is empty is not nil. It is an error
	// if the store has no such shard.
	Get(ctx context.Context, places []Place) ([][]byte, error)
	// Scan visits rows of a shard's space as they are at one moment, in the order of
	// their keys; see Range. The visitor may call the store.
	Scan(ctx context.Context, shard uint16, r Range, visit Visit) error
	// ScanIndex does so in the index space: all shards' entries, in one order. What
	// it saw is durable when it returns.
	ScanIndex(ctx context.Context, r Range, visit Visit) error
}

// Snapshot is a View of one moment. Several goroutines may read it at once.
type Snapshot interface {
	View
	// Close gives it up; scans under way go on. A second time, or after the store was
	// closed, it answers ErrClosed.
	Close() error
}

// Place is where a row is. Shard counts in ShardSpace alone.
type Place struct {
	Space Space
	Shard uint16
	Key   []byte
}

// Space tells which key space an operation is in.
type Space uint8

const (
	ShardSpace Space = iota // the section's own shard
	IndexSpace              // common to all shards
)

// OpKind is what an operation does.
type OpKind uint8

const (
	Put OpKind = iota
	Delete
	DeleteRange // from Key to Value, without Value; an empty Value means to the shard's end; ShardSpace only
)

// Op is one mutation; those of a section apply in order. The store keeps neither
// slice after Commit has returned.
type Op struct {
	Kind  OpKind
	Space Space
	Key   []byte
	Value []byte
}

// Section is one shard's share of a commit. Seq must be one above the last
// committed section of the shard. Stamp is a number of the owner's own, which the
// store keeps beside the sequence.
type Section struct {
	Shard uint16
	Epoch uint64
	Seq   uint64
	Stamp uint64
	Ops   []Op
}

// Handle is an owned shard.
type Handle interface {
	Shard() uint16
	Epoch() uint64
	// Seq is the sequence of the last section that was committed before Acquire.
	Seq() uint64
	// Stamp is the stamp of that section; 0 if there was none.
	Stamp() uint64
	// Lost is the sequence up to which sections were lost, and that was accepted; 0: none ever
	// were. See Members.AcceptLoss.
	Lost() uint64
	// Release gives the shard up; what is being committed meanwhile is fenced or
	// written, never half. It leaves alone the shard of a later owner.
	Release(ctx context.Context) error
}

// Range is the keys from Start to End, without End; an empty End means no end.
type Range struct {
	Start, End []byte
	Reverse    bool
	// Limit is how many rows the scan visits at most; 0: all. Rows are fetched from
	// some stores, so a scan that wants few says so here, and does not just stop.
	Limit int
}

// Visit sees one key. The slices are only its own until it returns. Returning
// false ends the scan.
type Visit func(key, value []byte) bool

// Meta is a small space for format, shard count and keys. The store's own keys
// begin with "store/".
type Meta interface {
	// Get returns the value. Errors: ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// CompareAndSet writes next (nil: removes the key) if the value is old (nil:
	// absent) and returns once that is durable. Errors: ErrConflict.
	CompareAndSet(ctx context.Context, key string, old, next []byte) error
	// List returns the keys that begin with prefix, and their values.
	List(ctx context.Context, prefix string) (map[string][]byte, error)
}
