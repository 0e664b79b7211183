package audit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
)

// Key seals the files of a trail. Its maker also keeps it: it is in no file of
// the trail.
type Key [32]byte

// A sealed line is base64 of
//
//	format u8 = 2 | salt (32) | offset in the file be64 | ciphertext | tag (16)
//
// of packed lines. Each has a key of its own, derived from the trail's key and the
// salt, so there is no nonce that could come twice: not after a crash, nor in copies
// of a folder that both go on. What stands before the ciphertext, and the name of
// the file, are authenticated with it.
const (
	lineFormat  = 2
	saltLen     = 32
	lineHeadLen = 1 + saltLen + 8
	tagLen      = 16
)

// lineKeyUse is what keys that are derived from a Key are for.
const lineKeyUse = "heddle audit line"

var lineEncoding = base64.StdEncoding.Strict()

// place is where a line begins.
type place struct {
	file   string
	offset int64
}

// sealedLen is how long the sealed line of so many packed bytes is.
func sealedLen(n int) int { return lineEncoding.EncodedLen(lineHeadLen+n+tagLen) + 1 }

// room is memory for a line that is used again.
type room struct{ packed, raw, line []byte }

// pack gives some lines of records as a sealed line holds them, in the room. They
// repeat each other, so that those of a busy moment become an eighth.
func (m *room) pack(lines []byte) []byte {
	m.packed = s2.Encode(m.packed[:cap(m.packed)], lines)
	return m.packed
}

// seal gives the sealed line that holds what was packed, in the room.
func (k *Key) seal(m *room, at place, packed []byte) []byte {
	raw := slices.Grow(m.raw[:0], lineHeadLen+len(packed)+tagLen)[:lineHeadLen]
	raw[0] = lineFormat
	rand.Read(raw[1 : 1+saltLen])
	binary.BigEndian.PutUint64(raw[1+saltLen:], uint64(at.offset))
	m.raw = k.lineCipher(raw).Seal(raw, noNonce, packed, bound(raw, at.file))
	m.line = append(lineEncoding.AppendEncode(m.line[:0], m.raw), '\n')
	return m.line
}

// open gives the lines that a sealed line holds, and the offset at which it was
// written. The line comes without its end.
func (k *Key) open(file string, line []byte) (lines []byte, offset int64, err error) {
	raw, err := lineEncoding.AppendDecode(nil, line)
	if err != nil || lineEncoding.EncodedLen(len(raw)) != len(line) { // Go skips line ends
		return nil, 0, errChanged
	}
	if len(raw) < lineHeadLen+tagLen {
		return nil, 0, errChanged
	}
	if raw[0] != lineFormat {
		return nil, 0, fmt.Errorf("it has format %d, and this release reads %d; or it was changed", raw[0], lineFormat)
	}
	head := raw[:lineHeadLen:lineHeadLen]
	packed, err := k.lineCipher(head).Open(raw[lineHeadLen:lineHeadLen], noNonce, raw[lineHeadLen:], bound(head, file))
	if err != nil {
		return nil, 0, errChanged
	}
	if lines, err = s2.Decode(nil, packed); err != nil {
		return nil, 0, fmt.Errorf("unpack: %w", err)
	}
	return lines, int64(binary.BigEndian.Uint64(head[1+saltLen:])), nil
}

var errChanged = errors.New("it was changed, or is from another file or trail")

// noNonce is the nonce of keys that seal one line.
var noNonce = make([]byte, 12)

// bound is the associated data of a line.
func bound(head []byte, file string) []byte {
	return append(head[:lineHeadLen:lineHeadLen], file...)
}

func (k *Key) lineCipher(head []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, k[:], head[1:1+saltLen], lineKeyUse, len(k))
	if err != nil {
		panic(fmt.Sprintf("audit: HKDF: %v", err))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("audit: AES with a key of %d bytes: %v", len(key), err))
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("audit: GCM: %v", err))
	}
	return gcm
}
