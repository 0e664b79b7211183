package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"heddle/internal/kms/keyring"
	"heddle/internal/pack"
)

// A ciphertext is what Encrypt answers, and Decrypt takes:
//
//	format (1 byte, 1) | id of the key (16) | number of its material (4) | salt (32) | sealed
//
// Sealed is AES-256-GCM under a key and a nonce that HKDF-SHA-256 makes of the material and
// the salt, so that no two ciphertexts have either in common, however many there are. Bound
// to it are all before it, and the encryption context.
const (
	ciphertextFormat = 1
	headBytes        = 1 + 16 + 4
	saltBytes        = 32
	tagBytes         = 16
	materialBytes    = 32
)

// ciphertext is a ciphertext in its parts.
type ciphertext struct {
	key    string // id
	number uint32 // of the material
	bound  []byte // all before what is sealed
	sealed []byte
}

var errCiphertext = errors.New("it is no ciphertext")

func parseCiphertext(blob []byte) (ciphertext, error) {
	if len(blob) < headBytes+saltBytes+tagBytes || blob[0] != ciphertextFormat {
		return ciphertext{}, errCiphertext
	}
	end := headBytes + saltBytes
	return ciphertext{
		key: keyID([16]byte(blob[1:17])), number: binary.BigEndian.Uint32(blob[17:]),
		bound: blob[:end:end], sealed: blob[end:],
	}, nil
}

// encrypt makes a ciphertext under the current material of a key.
func (s *secrets) encrypt(k *keyring.Key, context map[string]string, plaintext []byte) ([]byte, error) {
	id, ok := parseKeyID(k.ID)
	if !ok {
		return nil, fmt.Errorf("encrypt: key id %q makes no sense", k.ID)
	}
	blob := append(make([]byte, 0, headBytes+saltBytes+len(plaintext)+tagBytes), ciphertextFormat)
	blob = binary.BigEndian.AppendUint32(append(blob, id[:]...), uint32(len(k.Materials)))
	var salt [saltBytes]byte
	if _, err := io.ReadFull(s.random, salt[:]); err != nil {
		return nil, fmt.Errorf("encrypt: read randomness: %w", err)
	}
	blob = append(blob, salt[:]...)
	aead, nonce, err := s.cipher(k, k.Current(), salt[:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(blob, nonce, plaintext, associated(blob, context)), nil
}

// decrypt opens a ciphertext of a key. Errors: errCiphertext.
func (s *secrets) decrypt(k *keyring.Key, context map[string]string, c ciphertext) ([]byte, error) {
	m, ok := k.Material(c.number)
	if !ok || c.key != k.ID {
		return nil, errCiphertext
	}
	aead, nonce, err := s.cipher(k, m, c.bound[headBytes:])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, c.sealed, associated(c.bound, context))
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}

// associated is what a ciphertext is bound to. Lengths keep neighbours apart.
func associated(head []byte, context map[string]string) []byte {
	b := pack.Uint(slices.Clone(head), uint64(len(context)))
	for _, key := range slices.Sorted(maps.Keys(context)) {
		b = pack.Text(pack.Text(b, key), context[key])
	}
	return b
}

// secrets keep key material from all but this server: AES-256-GCM under the service's own
// key, bound to the id of the key and to that of the material.
type secrets struct {
	aead   cipher.AEAD
	random io.Reader
}

func newSecrets(secret [32]byte, random io.Reader) *secrets {
	block, err := aes.NewCipher(derive(secret[:], nil, "heddle kms: key material", 32))
	if err != nil {
		panic(fmt.Sprintf("kms: AES: %v", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("kms: GCM: %v", err))
	}
	return &secrets{aead, random}
}

func derive(key, salt []byte, purpose string, n int) []byte {
	derived, err := hkdf.Key(sha256.New, key, salt, purpose, n)
	if err != nil {
		panic(fmt.Sprintf("kms: derive a key: %v", err))
	}
	return derived
}

// material makes new material for a key.
func (s *secrets) material(key string) (m keyring.NewMaterial, err error) {
	var plain [materialBytes]byte
	for _, b := range [][]byte{m.ID[:], plain[:]} {
		if _, err := io.ReadFull(s.random, b); err != nil {
			return m, fmt.Errorf("make key material: read randomness: %w", err)
		}
	}
	m.Sealed = s.aead.Seal(nil, nil, plain[:], materialOf(key, &m.ID))
	return m, nil
}

func materialOf(key string, id *keyring.MaterialID) []byte { return append([]byte(key), id[:]...) }

// cipher is what seals under material with a salt.
func (s *secrets) cipher(k *keyring.Key, m *keyring.Material, salt []byte) (aead cipher.AEAD, nonce []byte, err error) {
	plain, err := s.aead.Open(nil, nil, m.Sealed, materialOf(k.ID, &m.ID))
	if err != nil || len(plain) != materialBytes {
		return nil, nil, fmt.Errorf("open material %x of key %q: it is not what was sealed", m.ID[:4], k.ID)
	}
	defer clear(plain)
	const key, nonceBytes = 32, 12
	derived := derive(plain, salt, "heddle kms: ciphertext", key+nonceBytes)
	defer clear(derived[:key])
	block, err := aes.NewCipher(derived[:key])
	if err != nil {
		return nil, nil, fmt.Errorf("AES: %w", err)
	}
	aead, err = cipher.NewGCM(block)
	return aead, derived[key:], err
}

// keyID is an id as it is written: a UUID.
func keyID(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// newKeyID makes the id of a key.
func newKeyID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make the id of a key: read randomness: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // a UUID of version 4
	return keyID(b), nil
}

// parseKeyID is the opposite of keyID.
func parseKeyID(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	b, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	if err != nil || copy(id[:], b) != len(id) {
		return id, false
	}
	return id, keyID(id) == s
}
