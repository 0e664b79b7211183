package flow

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// gcmMark begins what GCM seals: "flow+gcm:KEY:" and, in base64url without padding, a nonce of 12
// bytes, the sealed text and its tag of 16 bytes.
const gcmMark = "flow+gcm:"

// GCM is a [Crypt] by AES-GCM, under one of its keys. A value sealed twice differs each time;
// one key may seal 2^32 values, then another must take its place.
type GCM struct {
	use  string
	keys map[string]cipher.AEAD
}

// NewGCM seals under the key that use names and opens under any of keys: so a key is replaced by
// adding one everywhere, then naming it in use, and is kept until the retention of the last
// execution that knew it is over. Keys have 16, 24 or 32 bytes; names have letters, digits, - and _.
func NewGCM(use string, keys map[string][]byte) (*GCM, error) {
	g := &GCM{use, map[string]cipher.AEAD{}}
	for name, key := range keys {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return nil, fmt.Errorf("key %q: want a name of letters, digits, - and _", name)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key %q has %d bytes: want 16, 24 or 32", name, len(key))
		}
		if g.keys[name], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("key %q: %w", name, err)
		}
	}
	if g.keys[use] == nil {
		return nil, fmt.Errorf("key %q is to seal, but is not among the %d keys", use, len(keys))
	}
	return g, nil
}

// Seal implements [Crypt].
func (g *GCM) Seal(_ context.Context, clear string) (string, error) {
	head, aead := gcmMark+g.use+":", g.keys[g.use]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(clear)+aead.Overhead())
	rand.Read(nonce)
	return head + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(clear), []byte(head))), nil
}

// Open implements [Crypt].
func (g *GCM) Open(_ context.Context, text string) (string, error) {
	rest, ok := strings.CutPrefix(text, gcmMark)
	if !ok {
		return text, nil
	}
	name, body, _ := strings.Cut(rest, ":")
	aead := g.keys[name]
	if aead == nil {
		return "", fmt.Errorf("it is sealed under key %q, which this process does not have", name)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(sealed) < aead.NonceSize() {
		return "", fmt.Errorf("what is sealed under key %q is cut or changed", name)
	}
	clear, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(gcmMark+name+":"))
	if err != nil {
		return "", fmt.Errorf("what is sealed under key %q was changed, or is of another key of that name", name)
	}
	return string(clear), nil
}
