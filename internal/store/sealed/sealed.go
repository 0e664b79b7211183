// Package sealed encrypts a store: every value that goes through it lies below
// as ciphertext, bound to its place.
//
// Values are sealed with AES-256-GCM under data keys. The data keys are one row
// of the meta space, store/keys, wrapped under a root key that is not in the
// store: a thief of the store's files alone can read no value, and can neither
// change one nor put it in another row's place without being noticed. What stays
// visible are keys, lengths, and which rows exist; so a row that was deleted, or
// put back in the version that it had before, opens.
//
// A nonce must never be used twice under one key, not even when a copied store
// goes on in two places. So each opening of a store seals under a data key of
// its own, made with its first seal, and counts nonces in memory from zero.
//
// Rows of the meta space that begin with "store/" are the store's own, and plain.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"heddle/internal/store"
)

// ErrBroken: what is stored is not what was sealed there.
var ErrBroken = errors.New("the sealed value does not open: it was changed or moved, or is damaged; restore a backup")

// RootKeys wrap the data keys. The first root key wraps; the others
// are there for what was wrapped before.
type RootKeys interface {
	Wrap(ctx context.Context, plain, place []byte) (wrapped []byte, err error)
	Unwrap(ctx context.Context, wrapped, place []byte) (plain []byte, err error)
	// Current tells whether the first root key wrapped it.
	Current(wrapped []byte) bool
}

// State is what a store holds.
type State uint8

const (
	Empty  State = iota // nothing yet, but for rows of its own
	Plain               // values in the clear
	Sealed              // sealed values, and wrapped data keys
)

// Look tells what a store holds. It is given what lies below a Store.
func Look(ctx context.Context, below store.Store) (State, error) {
	rows, err := below.Meta().List(ctx, "")
	if err != nil {
		return Empty, err
	}
	if _, found := rows[keysRow]; found {
		return Sealed, nil
	}
	for key := range rows {
		if !ownRow(key) {
			return Plain, nil
		}
	}
	return Empty, nil
}

// ownRow tells whether a row of the meta space is the store's own.
func ownRow(key string) bool { return strings.HasPrefix(key, "store/") }

// Store is a store.Store whose values lie sealed in another one.
type Store struct {
	store.Store
	keys   *keyring
	limits store.Limits
}

// Open opens the data keys of a store that is empty or sealed, and wraps them
// anew if not the first root key had wrapped them. With readOnly it changes
// nothing. Close closes the other store too.
func Open(ctx context.Context, below store.Store, root RootKeys, readOnly bool) (*Store, error) {
	keys, err := openKeyring(ctx, below.Meta(), root)
	if err != nil {
		return nil, fmt.Errorf("open the store's data keys: %w", err)
	}
	s := &Store{Store: below, keys: keys, limits: below.Limits()}
	s.limits.SectionBytes -= s.limits.SectionOps * overheadMax
	if !readOnly {
		if _, err := s.Rotate(ctx, root); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Rotate goes over to other root keys, of which the first becomes the one that
// wraps. If another one had wrapped the data keys so far, they are wrapped anew
// and a new data key begins; it then tells true. Values stay as they are.
func (s *Store) Rotate(ctx context.Context, root RootKeys) (bool, error) {
	rotated, err := s.keys.rotate(ctx, root)
	if err != nil {
		return false, fmt.Errorf("wrap the store's data keys: %w", err)
	}
	return rotated, nil
}

// Limits is part of store.Store: what the other store takes, less what sealing adds.
func (s *Store) Limits() store.Limits { return s.limits }

// Meta is part of store.Store.
func (s *Store) Meta() store.Meta { return meta{s.Store.Meta(), s.keys} }

// batch is the room for the sealed image of a commit, used again and again.
type batch struct {
	room
	sections []store.Section
	from     []int // by sealed section: which of the caller's it is
	ops      []store.Op
	bytes    []byte
}

// batchBytesMax keeps what an unusual commit took from staying for long. Commits of many
// shards take as much one after another when there is much to do.
const batchBytesMax = 16 << 20

var batches = sync.Pool{New: func() any { return new(batch) }}

// Commit is part of store.Store. The caller's sections stay as they are: after
// an error it may still want them.
func (s *Store) Commit(ctx context.Context, sections []store.Section) []error {
	errs := make([]error, len(sections))
	b := batches.Get().(*batch)
	defer b.release()
	seals, ops, bytes := 0, 0, 0
	for i := range sections {
		n, size := measure(&sections[i])
		if len(sections[i].Ops) > s.limits.SectionOps || size > s.limits.SectionBytes {
			errs[i] = fmt.Errorf("commit to shard %d: %w: %d operations, %d bytes", sections[i].Shard, store.ErrTooLarge, len(sections[i].Ops), size)
			continue
		}
		b.sections, b.from = append(b.sections, sections[i]), append(b.from, i)
		seals, ops, bytes = seals+n, ops+len(sections[i].Ops), bytes+size
	}
	err := ctx.Err()
	if err == nil && seals > 0 {
		// Grown once, so that what was sealed stays where it is.
		if need := bytes + seals*overheadMax; cap(b.bytes) < need {
			b.bytes = make([]byte, 0, need)
		}
		if cap(b.ops) < ops {
			b.ops = make([]store.Op, 0, ops)
		}
		err = s.seal(ctx, b, uint64(seals))
	}
	if err != nil {
		for _, i := range b.from {
			errs[i] = err
		}
		return errs
	}
	for j, err := range s.Store.Commit(ctx, b.sections) {
		errs[b.from[j]] = err
	}
	return errs
}

// sealedOp tells whether an operation has a value to seal. An entry of the index
// without a value has nothing to hide: its key is there to be compared.
func sealedOp(op *store.Op) bool {
	return op.Kind == store.Put && (op.Space == store.ShardSpace || len(op.Value) > 0)
}

// measure counts a section's seals, and its bytes before them.
func measure(section *store.Section) (seals, bytes int) {
	for i := range section.Ops {
		op := &section.Ops[i]
		bytes += len(op.Key) + len(op.Value)
		if sealedOp(op) {
			seals++
		}
	}
	return seals, bytes
}

// seal replaces the sections' operations by sealed ones.
func (s *Store) seal(ctx context.Context, b *batch, seals uint64) error {
	key, counter, err := s.keys.reserve(ctx, seals)
	if err != nil {
		return fmt.Errorf("begin a data key: %w", err)
	}
	for i := range b.sections {
		section := &b.sections[i]
		from := len(b.ops)
		for _, op := range section.Ops {
			if sealedOp(&op) {
				place := b.shardPlace(section.Shard, op.Key)
				if op.Space == store.IndexSpace {
					place = b.indexPlace(op.Key)
				}
				start := len(b.bytes)
				b.bytes = b.room.seal(b.bytes, key, counter, place, op.Value)
				op.Value = b.bytes[start:len(b.bytes):len(b.bytes)]
				counter++
			}
			b.ops = append(b.ops, op)
		}
		section.Ops = b.ops[from:len(b.ops):len(b.ops)]
	}
	return nil
}

func (b *batch) release() {
	clear(b.sections)
	clear(b.ops)
	b.sections, b.from, b.ops, b.bytes = b.sections[:0], b.from[:0], b.ops[:0], b.bytes[:0]
	if cap(b.bytes) <= batchBytesMax {
		batches.Put(b)
	}
}
