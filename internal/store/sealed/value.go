package sealed

import (
	"context"
	"encoding/binary"
	"fmt"
)

// A sealed value:
//
//	format (1 byte, 1) | number of the data key (uvarint) | counter (uvarint) | ciphertext | tag (16)
//
// The nonce is the counter as 12 bytes, big endian. The associated data are the
// value's place: its space, and its key there.
const (
	valueFormat = 1
	nonceBytes  = 12
	tagBytes    = 16
	overheadMax = 1 + 2*binary.MaxVarintLen64 + tagBytes
)

// room is what sealing and opening need beside the value, so that it is not
// allocated for each. One goroutine uses it at a time.
type room struct {
	place []byte
	nonce [nonceBytes]byte
}

// Places, by space. The letters keep the spaces apart.
func (r *room) shardPlace(shard uint16, key []byte) []byte {
	r.place = binary.BigEndian.AppendUint16(append(r.place[:0], 's'), shard)
	r.place = append(r.place, key...)
	return r.place
}

func (r *room) indexPlace(key []byte) []byte {
	r.place = append(append(r.place[:0], 'i'), key...)
	return r.place
}

func (r *room) metaPlace(key string) []byte {
	r.place = append(append(r.place[:0], 'm'), key...)
	return r.place
}

// seal appends the sealed value. The counter must be one that was reserved, and
// used for nothing else.
func (r *room) seal(b []byte, key *dataKey, counter uint64, place, value []byte) []byte {
	b = append(b, valueFormat)
	b = binary.AppendUvarint(b, key.number)
	b = binary.AppendUvarint(b, counter)
	binary.BigEndian.PutUint64(r.nonce[nonceBytes-8:], counter)
	return key.aead.Seal(b, r.nonce[:], value, place)
}

// open appends what was sealed; b must not overlap it. Errors: ErrBroken.
func (r *room) open(b []byte, keys *keyring, place, sealed []byte) ([]byte, error) {
	key, ciphertext, err := r.look(keys, sealed)
	if err != nil {
		return b, err
	}
	opened, err := key.aead.Open(b, r.nonce[:], ciphertext, place)
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if opened == nil {
		opened = []byte{} // an empty value is a value
	}
	return opened, nil
}

// openOwn gives what was sealed, in the memory of the sealed value, which is lost.
func (r *room) openOwn(keys *keyring, place, sealed []byte) ([]byte, error) {
	key, ciphertext, err := r.look(keys, sealed)
	if err != nil {
		return nil, err
	}
	opened, err := key.aead.Open(ciphertext[:0], r.nonce[:], ciphertext, place)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return opened, nil
}

// look takes a sealed value apart. The nonce is then in the room.
func (r *room) look(keys *keyring, sealed []byte) (key *dataKey, ciphertext []byte, err error) {
	if len(sealed) == 0 || sealed[0] != valueFormat {
		return nil, nil, fmt.Errorf("%w: no seal on it", ErrBroken)
	}
	rest := sealed[1:]
	number, n := binary.Uvarint(rest)
	if n <= 0 {
		return nil, nil, fmt.Errorf("%w: cut off", ErrBroken)
	}
	rest = rest[n:]
	counter, n := binary.Uvarint(rest)
	if n <= 0 {
		return nil, nil, fmt.Errorf("%w: cut off", ErrBroken)
	}
	if key = keys.find(number); key == nil { // another server may have made it
		if key, err = keys.findAnew(context.Background(), number); err != nil {
			return nil, nil, err
		}
	}
	if key == nil {
		return nil, nil, fmt.Errorf("%w: the store has no data key %d", ErrBroken, number)
	}
	binary.BigEndian.PutUint64(r.nonce[nonceBytes-8:], counter)
	return key, rest[n:], nil
}
