package sealed

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"heddle/internal/store"
)

// keysRow holds all data keys, wrapped as one, so that going over to another
// root key is a single write. Within the wrapping:
//
//	format (1 byte, 1) | number of the first key (uvarint) | keys (32 bytes each)
const (
	keysRow    = "store/keys"
	keysFormat = 1
	keyBytes   = 32
)

// keysPlace is the associated data of keysRow.
var keysPlace = []byte("heddle data keys")

// sealsMax ends a data key long before GCM's bound on data under one key: with
// 2^36 values of 2 KiB the advantage of an attacker is below 2^-40.
const sealsMax = 1 << 36

// dataKey seals values.
type dataKey struct {
	number uint64
	secret [keyBytes]byte
	aead   cipher.AEAD
	seals  atomic.Uint64 // counters given out; only of a key that this opening has begun
}

func newDataKey(number uint64, secret [keyBytes]byte) *dataKey {
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(fmt.Sprintf("sealed: AES with a key of %d bytes: %v", len(secret), err))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("sealed: GCM: %v", err))
	}
	return &dataKey{number: number, secret: secret, aead: aead}
}

// keyring is the data keys of an open store.
type keyring struct {
	meta     store.Meta // of the store below
	sealsMax uint64

	keys    atomic.Pointer[[]*dataKey] // in order of their numbers, without a gap; never changed in place
	sealing atomic.Pointer[dataKey]    // the one that seals; nil: none yet

	mu   sync.Mutex // guards the fields below; held while keysRow is changed
	root RootKeys
	row  []byte // as it stands; nil: absent
}

func openKeyring(ctx context.Context, meta store.Meta, root RootKeys) (*keyring, error) {
	r := &keyring{meta: meta, sealsMax: sealsMax, root: root}
	r.keys.Store(new([]*dataKey))
	return r, r.read(ctx, root)
}

// read takes in the keys as they stand; others who have the store open make some too.
// The mutex is held, if anybody else has the keyring.
func (r *keyring) read(ctx context.Context, root RootKeys) error {
	row, err := r.meta.Get(ctx, keysRow)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || bytes.Equal(row, r.row) {
		return err
	}
	packed, err := root.Unwrap(ctx, row, keysPlace)
	if err != nil {
		return err
	}
	keys, err := unpackKeys(packed)
	if err != nil {
		return err
	}
	r.row = row
	r.keys.Store(&keys)
	return nil
}

func packKeys(keys []*dataKey) []byte {
	b := binary.AppendUvarint([]byte{keysFormat}, keys[0].number)
	for _, k := range keys {
		b = append(b, k.secret[:]...)
	}
	return b
}

func unpackKeys(b []byte) ([]*dataKey, error) {
	if len(b) == 0 || b[0] != keysFormat {
		return nil, errors.New("their format is not of this release; use a newer one")
	}
	first, n := binary.Uvarint(b[1:])
	if n <= 0 || (len(b)-1-n)%keyBytes != 0 {
		return nil, fmt.Errorf("%d bytes can't be data keys", len(b))
	}
	var keys []*dataKey
	for b = b[1+n:]; len(b) > 0; b = b[keyBytes:] {
		keys = append(keys, newDataKey(first+uint64(len(keys)), [keyBytes]byte(b)))
	}
	return keys, nil
}

// find gives a data key by its number; nil: there is none.
func (r *keyring) find(number uint64) *dataKey {
	keys := *r.keys.Load()
	if len(keys) == 0 || number < keys[0].number || number-keys[0].number >= uint64(len(keys)) {
		return nil
	}
	return keys[number-keys[0].number]
}

// findAnew gives a data key that somebody else has made since the keys were read; nil:
// there is none.
func (r *keyring) findAnew(ctx context.Context, number uint64) (*dataKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(ctx, r.root); err != nil {
		return nil, fmt.Errorf("look for data key %d: %w", number, err)
	}
	return r.find(number), nil
}

// reserve gives the caller n counters of the data key that seals, from first on.
// Nobody gets them again.
func (r *keyring) reserve(ctx context.Context, n uint64) (key *dataKey, first uint64, err error) {
	for {
		key := r.sealing.Load()
		if key != nil {
			if end := key.seals.Add(n); end <= r.sealsMax {
				return key, end - n, nil
			}
		}
		if err := r.succeed(ctx, key); err != nil {
			return nil, 0, err
		}
	}
}

// succeed begins the data key after one that is used up, unless somebody else
// has.
func (r *keyring) succeed(ctx context.Context, last *dataKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sealing.Load() != last {
		return nil
	}
	return r.begin(ctx, r.root)
}

// rotate goes over to other root keys; see Store.Rotate.
func (r *keyring) rotate(ctx context.Context, root RootKeys) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.row == nil || root.Current(r.row) {
		r.root = root
		return false, nil
	}
	if err := r.begin(ctx, root); err != nil {
		return false, err
	}
	r.root = root
	return true, nil
}

// begin makes a data key and wraps all of them. Only when that is durable may
// the new one seal. Where others have made one meanwhile, theirs are kept. The mutex is
// held.
func (r *keyring) begin(ctx context.Context, root RootKeys) error {
	for {
		err := r.tryBegin(ctx, root)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		had := r.row
		if read := r.read(ctx, root); read != nil { // which somebody else may have taken up before
			return fmt.Errorf("%w; read what is there: %w", err, read)
		}
		if bytes.Equal(had, r.row) { // nobody made one
			return err
		}
	}
}

func (r *keyring) tryBegin(ctx context.Context, root RootKeys) error {
	keys := *r.keys.Load()
	number := uint64(1)
	if len(keys) > 0 {
		number = keys[len(keys)-1].number + 1
	}
	var secret [keyBytes]byte
	rand.Read(secret[:])
	key := newDataKey(number, secret)
	keys = append(keys[:len(keys):len(keys)], key)
	row, err := root.Wrap(ctx, packKeys(keys), keysPlace)
	if err != nil {
		return err
	}
	if err := r.meta.CompareAndSet(ctx, keysRow, r.row, row); err != nil {
		return err
	}
	r.row = row
	r.keys.Store(&keys)
	r.sealing.Store(key)
	return nil
}
