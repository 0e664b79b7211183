package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"strings"
	"sync"
	"time"
)

// Key is a signing key: a secret bound to a scope.
type Key struct {
	secret string
	macs   sync.Pool // of hash.Hash, ready to be reset
}

// DeriveKey makes the signing key of a secret for a scope.
func DeriveKey(secret string, scope Scope) *Key {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{scope.Date, scope.Region, scope.Service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	k := &Key{secret: secret}
	k.macs.New = func() any { return hmac.New(sha256.New, key) }
	return k
}

func (k *Key) sum(out, text []byte) []byte {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write(text)
	return mac.Sum(out)
}

// KeyCache remembers signing keys. Only the keys of verified requests enter, so
// that nobody fills it without a secret. When half of it is full, that half
// grows old, and what was old and not used is forgotten.
type KeyCache struct {
	half int

	mu         sync.RWMutex
	young, old map[purpose]*Key
}

// purpose is what a key was derived for.
type purpose struct {
	keyID string
	scope Scope
}

// NewKeyCache is a cache of at most max keys.
func NewKeyCache(max int) *KeyCache {
	return &KeyCache{half: (max + 1) / 2, young: map[purpose]*Key{}}
}

// Verify is Signature.Verify for the secret that belongs to the signature's key
// id.
func (c *KeyCache) Verify(s *Signature, body [sha256.Size]byte, secret string, now time.Time) error {
	p := purpose{s.KeyID, s.Scope}
	c.mu.RLock()
	key, fresh := c.young[p]
	if !fresh {
		key = c.old[p]
	}
	c.mu.RUnlock()
	// A key id may have got another secret since.
	if key == nil || subtle.ConstantTimeCompare([]byte(key.secret), []byte(secret)) != 1 {
		key, fresh = DeriveKey(secret, s.Scope), false
	}
	if err := s.Verify(body, key, now); err != nil {
		return err
	}
	if !fresh {
		c.remember(p, key)
	}
	return nil
}

// scopeBytesMax is how long the parts of a scope may be whose key is remembered: real ones
// are far shorter.
const scopeBytesMax = 64

func (c *KeyCache) remember(p purpose, key *Key) {
	if len(p.scope.Region) > scopeBytesMax || len(p.scope.Service) > scopeBytesMax || len(p.scope.Date) > scopeBytesMax || len(p.keyID) > 2*scopeBytesMax {
		return
	}
	// The strings are parts of a request's header, which is not to be kept.
	p = purpose{strings.Clone(p.keyID), Scope{
		strings.Clone(p.scope.Date), strings.Clone(p.scope.Region), strings.Clone(p.scope.Service),
	}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[purpose]*Key, c.half)
	}
	c.young[p] = key
}
