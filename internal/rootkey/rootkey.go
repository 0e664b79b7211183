// Package rootkey holds the keys on which all sealing rests. They are not in the
// store: they come from a file, from the environment, or stay in a key management
// service that wraps for us.
//
// The text of a file, and of the environment variable, is one key a line: 32
// bytes in base64. The first wraps; the others only unwrap what was wrapped
// before. Empty lines and lines that begin with # mean nothing.
//
// What is wrapped says which key did it, so a missing key is told by its name.
// Wrapping is Tink's envelope: the root key encrypts a key that is made for the
// occasion, and that one encrypts the data.
package rootkey

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const keyBytes = 32

// Keys are root keys, in the order in which they were given.
type Keys struct{ all []key }

// key is a root key with its public name.
type key struct {
	name string
	aead tink.AEADWithContext
}

// Name is the name of the key that wraps. It tells nothing of the key itself.
func (k *Keys) Name() string { return k.all[0].name }

// With adds keys that only unwrap.
func (k *Keys) With(others *Keys) *Keys {
	return &Keys{slices.Concat(k.all, others.all)}
}

// Wrap encrypts what then opens at this place only:
//
//	length of the key's name (uvarint) | name | Tink's envelope
func (k *Keys) Wrap(ctx context.Context, plain, place []byte) ([]byte, error) {
	first := k.all[0]
	sealed, err := first.envelope().EncryptWithContext(ctx, plain, place)
	if err != nil {
		return nil, fmt.Errorf("root key %q: %w", first.name, err)
	}
	b := binary.AppendUvarint(nil, uint64(len(first.name)))
	return append(append(b, first.name...), sealed...), nil
}

// Unwrap gives back what one of the keys wrapped for this place.
func (k *Keys) Unwrap(ctx context.Context, wrapped, place []byte) ([]byte, error) {
	name, sealed, ok := cut(wrapped)
	if !ok {
		return nil, errors.New("what a root key wrapped is damaged; restore a backup")
	}
	i := slices.IndexFunc(k.all, func(k key) bool { return k.name == name })
	if i < 0 {
		return nil, fmt.Errorf("root key %q wrapped them, and it is not among those given (%s); give it too", name, k)
	}
	plain, err := k.all[i].envelope().DecryptWithContext(ctx, sealed, place)
	if err != nil {
		return nil, fmt.Errorf("root key %q does not unwrap them: %w", name, err)
	}
	return plain, nil
}

// Current tells whether the key that wraps now had wrapped it.
func (k *Keys) Current(wrapped []byte) bool {
	name, _, ok := cut(wrapped)
	return ok && name == k.Name()
}

// String lists the names.
func (k *Keys) String() string {
	var b strings.Builder
	for i, key := range k.all {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", key.name)
	}
	return b.String()
}

func cut(wrapped []byte) (name string, sealed []byte, ok bool) {
	length, n := binary.Uvarint(wrapped)
	if n <= 0 || length > uint64(len(wrapped)-n) {
		return "", nil, false
	}
	rest := wrapped[n:]
	return string(rest[:length]), rest[length:], true
}

func (k key) envelope() *aead.KMSEnvelopeAEADWithContext {
	e, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), k.aead)
	if err != nil {
		panic(fmt.Sprintf("rootkey: Tink's envelope of AES-256-GCM: %v", err))
	}
	return e
}

// New makes the text of a file with one new key.
func New(random io.Reader) (string, error) {
	var secret [keyBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", fmt.Errorf("make a root key: %w", err)
	}
	return `# Root key of a Heddle store. Without it nobody can read the store, neither can Heddle:
# keep a copy of this file, and keep it apart from the copies of the store.
# The first key seals; keys on further lines open what they had sealed before.
` + base64.StdEncoding.EncodeToString(secret[:]) + "\n", nil
}

// Parse reads the text of a file. Its errors show no part of it.
func Parse(text string) (*Keys, error) {
	keys := new(Keys)
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		secret, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(secret) != keyBytes {
			return nil, fmt.Errorf("line %d: want %d bytes in base64, as 'openssl rand -base64 %d' makes them", number, keyBytes, keyBytes)
		}
		keys.all = append(keys.all, newLocal(secret))
	}
	if len(keys.all) == 0 {
		return nil, errors.New("no key in it")
	}
	return keys, nil
}

// local is a key that we have ourselves.
type local struct{ tink.AEAD }

func newLocal(secret []byte) key {
	gcm, err := subtle.NewAESGCM(secret)
	if err != nil {
		panic(fmt.Sprintf("rootkey: AES with a key of %d bytes: %v", len(secret), err))
	}
	sum := sha256.Sum256(append([]byte("heddle root key name\x00"), secret...))
	return key{hex.EncodeToString(sum[:8]), local{gcm}}
}

func (l local) EncryptWithContext(_ context.Context, plain, place []byte) ([]byte, error) {
	return l.Encrypt(plain, place)
}

func (l local) DecryptWithContext(_ context.Context, sealed, place []byte) ([]byte, error) {
	return l.Decrypt(sealed, place)
}
