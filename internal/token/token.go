// Package token seals what clients carry for us: task tokens and page tokens.
//
// A token is encrypted and authenticated (AES-256-GCM) under the store's key,
// so any node can open it, before and after a restart, and nobody else can read
// or make one. It is bound to a family of actions and to a world: a token opens
// only where it was meant to be used. The layout of a family's payload is not
// marked: a new layout takes a new family.
//
// Text of a token: the letter h, then URL-safe base64 without padding of
//
//	key id (1 byte, 0) | nonce (12) | ciphertext | tag (16)
//
// The key id leaves room for a change of key. Nonces are random: after 2^40
// tokens under one key the chance that two were ever equal is below 2^-16.
package token

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"heddle/internal/engine"
)

// KeyBytes is the length of a store key.
const KeyBytes = 32

const (
	letter     = 'h'
	keyID      = 0
	nonceBytes = 12
	tagBytes   = 16
	headBytes  = 1 + nonceBytes
	// textMax bounds what Open looks at; no API takes a longer token.
	textMax = 2048
	// PayloadBytesMax is the largest payload whose text has at most 2048
	// characters.
	PayloadBytesMax = (textMax-1)*3/4 - headBytes - tagBytes
)

var (
	// ErrInvalid is the one error of opening. It does not tell what was wrong.
	ErrInvalid = errors.New("invalid token")
	// ErrTooLarge says that a payload is above PayloadBytesMax.
	ErrTooLarge = errors.New("payload too large for a token")
)

// Family names the actions that share a token, such as "swf.activity".
type Family string

// Sealer makes and opens tokens. It may be used from any goroutine.
type Sealer struct {
	aead    cipher.AEAD
	entropy io.Reader
}

// encoding has one text for each value (but for line ends), so that no changed
// text opens.
var encoding = base64.RawURLEncoding.Strict()

// New makes a Sealer under the store's key. It reads nonces from entropy, which
// must be safe for concurrent use and never repeat itself; crypto/rand.Reader is
// meant.
func New(key [KeyBytes]byte, entropy io.Reader) *Sealer {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("token: AES with a key of %d bytes: %v", len(key), err))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("token: GCM: %v", err))
	}
	return &Sealer{aead: aead, entropy: entropy}
}

// Seal makes a token of payload. Errors: ErrTooLarge, and what entropy returns.
func (s *Sealer) Seal(family Family, world engine.World, payload []byte) (string, error) {
	if len(payload) > PayloadBytesMax {
		return "", fmt.Errorf("seal %q token of %d bytes: %w", family, len(payload), ErrTooLarge)
	}
	sealedBytes := headBytes + len(payload) + tagBytes
	textBytes := 1 + encoding.EncodedLen(sealedBytes)
	buffer := make([]byte, sealedBytes+textBytes)
	sealed, text := buffer[:sealedBytes:sealedBytes], buffer[sealedBytes:]
	sealed[0] = keyID
	nonce := sealed[1:headBytes]
	if _, err := io.ReadFull(s.entropy, nonce); err != nil {
		return "", fmt.Errorf("seal %q token: read entropy: %w", family, err)
	}
	s.aead.Seal(sealed[headBytes:headBytes], nonce, payload, associatedData(family, world))
	text[0] = letter
	encoding.Encode(text[1:], sealed)
	return string(text), nil
}

// Open gives the payload of a token that was sealed for the same family and
// world. Errors: ErrInvalid.
func (s *Sealer) Open(family Family, world engine.World, text string) ([]byte, error) {
	if len(text) == 0 || len(text) > textMax || text[0] != letter {
		return nil, ErrInvalid
	}
	if strings.ContainsAny(text, "\r\n") { // base64 decoders skip these
		return nil, ErrInvalid
	}
	sealed, err := encoding.DecodeString(text[1:])
	if err != nil || len(sealed) < headBytes+tagBytes || sealed[0] != keyID {
		return nil, ErrInvalid
	}
	nonce, ciphertext := sealed[1:headBytes], sealed[headBytes:]
	payload, err := s.aead.Open(ciphertext[:0], nonce, ciphertext, associatedData(family, world))
	if err != nil {
		return nil, ErrInvalid
	}
	return payload, nil
}

// associatedData says what a token is bound to. Lengths keep neighbours apart.
func associatedData(family Family, world engine.World) []byte {
	b := make([]byte, 0, 64)
	for _, s := range [...]string{string(family), world.Account, world.Region} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, keyID)
}
