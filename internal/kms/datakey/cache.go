package datakey

import (
	"bytes"
	"container/list"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Config is what a Cache is given.
type Config struct {
	Keys Keys
	Now  func() time.Time
	// Within ends a context after a while: context.WithTimeout, or what stands for it.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// BytesMax bounds what is remembered: data keys with their blobs, some thousand bytes
	// each; zero: 16 MiB.
	BytesMax int
}

// Use is what a payload is sealed for: a request, and how long a data key is used again.
type Use struct {
	Request
	Reuse time.Duration
	// For says for whom the data key is remembered, where that is known before the Caller
	// is; "": for the Caller.
	For string
}

// Cache seals payloads under data keys, and opens them. A data key is used again for the
// same caller, key and encryption context as long as the use allows, and then forgotten:
// the next payload has another one, and an older payload is opened by asking Keys again.
// So what Keys refuse, such as a key that was disabled, is refused no later than that,
// and taken again as soon as Keys do. Refusals are not remembered.
//
// It may be used from any goroutine. Who needs the same data key at a time waits for one
// answer.
type Cache struct {
	Config

	mu     sync.Mutex
	known  map[[32]byte]*list.Element // of *entry
	recent list.List                  // the one that was used last is first
	bytes  int
	asking map[[32]byte]*asked
	alarm  context.CancelFunc // wakes the cache when the next one is to be forgotten; nil: nothing is
	wakes  time.Time
}

// entry is a data key that is remembered.
type entry struct {
	id     [32]byte
	aead   cipher.AEAD
	blob   []byte
	made   time.Time
	forget time.Time
	sealed atomic.Int64 // how many payloads it has sealed
}

// asked is a question to Keys under way.
type asked struct {
	done  chan struct{}
	entry *entry
	err   error
}

const (
	bytesMaxDefault = 16 << 20
	entryBytes      = 1500 // an entry beside its blob: the key as AES-GCM has it, and its place
	// askMax bounds a question, however long Keys would wait: others wait with who asks.
	askMax = 10 * time.Second
	// blobMax is what a data key is kept as at most, which goes with each payload (AWS KMS API
	// Reference, Decrypt).
	blobMax = 6144
	// sealsMax bounds payloads under one data key: their nonces are random, and of so many
	// the chance that two are equal is below 2^-36.
	sealsMax = 1 << 30
)

// NewCache is a Cache that remembers nothing yet.
func NewCache(c Config) *Cache {
	if c.BytesMax == 0 {
		c.BytesMax = bytesMaxDefault
	}
	return &Cache{Config: c, known: map[[32]byte]*list.Element{}, asking: map[[32]byte]*asked{}}
}

// A sealed payload is: engine.SealedHead of the blob of its data key; a nonce of 12 bytes;
// and the payload by AES-256-GCM, bound to the head.

// Seal seals a payload. Errors: *Error, and what Keys fail with.
func (c *Cache) Seal(ctx context.Context, u Use, payload []byte) ([]byte, error) {
	k, err := c.Find(ctx, u, nil)
	if err != nil {
		return nil, err
	}
	return k.Seal(payload), nil
}

// Open opens a payload that was sealed with the same encryption context. Errors: *Error,
// and what Keys fail with.
func (c *Cache) Open(ctx context.Context, u Use, sealed []byte) ([]byte, error) {
	blob, _, err := engine.ReadSealedHead(sealed)
	if err != nil {
		return nil, errUnreadable
	}
	k, err := c.Find(ctx, u, blob)
	if err != nil {
		return nil, err
	}
	return k.Open(sealed)
}

// Sealer is a data key at hand. Who keeps one uses it for longer than its Use allows.
type Sealer struct{ *entry }

// Find gives the data key of a blob, or with nil the one to seal with now. Errors: *Error,
// and what Keys fail with.
func (c *Cache) Find(ctx context.Context, u Use, blob []byte) (Sealer, error) {
	e, err := c.find(ctx, u, blob)
	return Sealer{e}, err
}

// Known is Find without asking anybody: it tells whether the data key is at hand.
func (c *Cache) Known(u Use, blob []byte) (Sealer, bool) {
	id := u.id(blob)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.recall(id, u.Reuse, blob == nil)
	return Sealer{e}, e != nil
}

// Seal seals a payload.
func (k Sealer) Seal(payload []byte) []byte {
	k.sealed.Add(1)
	head := engine.SealedHead(k.blob)
	return k.aead.Seal(head, nil, payload, head)
}

// Open opens a payload that was sealed under the data key. Errors: *Error, Unreadable.
func (k Sealer) Open(sealed []byte) ([]byte, error) {
	blob, rest, err := engine.ReadSealedHead(sealed)
	if err != nil || !bytes.Equal(blob, k.blob) {
		return nil, errUnreadable
	}
	payload, err := k.aead.Open(nil, nil, rest, sealed[:len(sealed)-len(rest)])
	if err != nil {
		return nil, errUnreadable
	}
	return payload, nil
}

var errUnreadable = &Error{Why: Unreadable, Message: "the payload can't be opened: it is not what was sealed"}

// find gives the data key of a blob, or with nil the one to seal with.
func (c *Cache) find(ctx context.Context, u Use, blob []byte) (*entry, error) {
	id := u.id(blob)
	c.mu.Lock()
	if e := c.recall(id, u.Reuse, blob == nil); e != nil {
		c.mu.Unlock()
		return e, nil
	}
	a := c.asking[id]
	if a == nil {
		a = &asked{done: make(chan struct{})}
		c.asking[id] = a
		// Whoever asks first may hang up, and others wait for the answer.
		go c.ask(context.WithoutCancel(ctx), u, blob, id, a)
	}
	c.mu.Unlock()
	select {
	case <-a.done:
		return a.entry, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// id tells uses apart: by whose right, of which key, with which encryption context, and
// to open which blob.
func (u *Use) id(blob []byte) [32]byte {
	var b []byte
	texts := []string{u.World.Account, u.World.Region, u.Key, u.Via}
	if u.For != "" {
		texts = append(texts, "", u.For)
	} else if p := u.Caller; p != nil {
		texts = append(texts, p.KeyID, p.Principal.ARN, p.Principal.ID, p.Principal.SessionID)
	}
	for _, text := range texts {
		b = pack.Text(b, text)
	}
	b = pack.Uint(b, uint64(len(u.Context)))
	for _, key := range slices.Sorted(maps.Keys(u.Context)) {
		b = pack.Text(pack.Text(b, key), u.Context[key])
	}
	return sha256.Sum256(pack.Text(b, blob))
}

// recall gives what is remembered, and may still be used for so long.
func (c *Cache) recall(id [32]byte, reuse time.Duration, seals bool) *entry {
	at := c.known[id]
	if at == nil {
		return nil
	}
	e := at.Value.(*entry)
	if now := c.Now(); now.Before(e.made) || now.Sub(e.made) >= reuse || !now.Before(e.forget) || seals && e.sealed.Load() >= sealsMax {
		c.drop(at)
		return nil
	}
	c.recent.MoveToFront(at)
	return e
}

// ask asks Keys for a data key, and remembers it.
func (c *Cache) ask(ctx context.Context, u Use, blob []byte, id [32]byte, a *asked) {
	defer close(a.done)
	// The period begins before the question: nothing is used longer than it may be.
	made := c.Now()
	ctx, cancel := c.Within(ctx, askMax)
	defer cancel()
	key, err := c.fetch(ctx, u, blob)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asking, id)
	if err != nil {
		a.err = err
		return
	}
	a.entry = &entry{id: id, aead: key.aead, blob: key.blob, made: made, forget: made.Add(u.Reuse)}
	c.remember(a.entry)
	if blob == nil { // whoever has sealed may open
		c.remember(&entry{id: u.id(key.blob), aead: key.aead, blob: key.blob, made: made, forget: a.entry.forget})
	}
}

type fetched struct {
	aead cipher.AEAD
	blob []byte
}

func (c *Cache) fetch(ctx context.Context, u Use, blob []byte) (f fetched, err error) {
	defer func() {
		if p := recover(); p != nil { // else all who wait for it would wait for ever
			err = fmt.Errorf("data key: panic: %v", p)
		}
	}()
	var plaintext []byte
	if f.blob = slices.Clone(blob); blob != nil {
		plaintext, err = c.decrypt(ctx, u.Request, blob)
	} else {
		var made DataKey
		made, err = c.Keys.GenerateDataKey(ctx, u.Request)
		plaintext, f.blob = made.Plaintext, made.Blob
	}
	if err != nil {
		return f, err
	}
	switch {
	case len(plaintext) != 32:
		return f, errors.New("data key: the key management service gave one that is not of 32 bytes")
	case len(f.blob) == 0 || len(f.blob) > blobMax:
		return f, fmt.Errorf("data key: the key management service gave one that it keeps as %d bytes, want 1 to %d", len(f.blob), blobMax)
	}
	block, err := aes.NewCipher(plaintext)
	clear(plaintext)
	if err != nil {
		return f, fmt.Errorf("data key: %w", err)
	}
	f.aead, err = cipher.NewGCMWithRandomNonce(block)
	return f, err
}

// decrypt opens the blob of a data key. Its key may have been called by a name that means
// another one by now: then it is opened by the key that it says it is of.
func (c *Cache) decrypt(ctx context.Context, r Request, blob []byte) ([]byte, error) {
	plaintext, err := c.Keys.Decrypt(ctx, r, blob)
	if refused, ok := errors.AsType[*Error](err); ok && refused.Why == Unreadable && r.Key != "" {
		r.Key = ""
		return c.Keys.Decrypt(ctx, r, blob)
	}
	return plaintext, err
}

// remember keeps an entry, and forgets those that were not used for longest if there are
// too many.
func (c *Cache) remember(e *entry) {
	if at := c.known[e.id]; at != nil {
		c.drop(at)
	}
	c.known[e.id] = c.recent.PushFront(e)
	c.bytes += e.size()
	for c.bytes > c.BytesMax && c.recent.Len() > 0 {
		c.drop(c.recent.Back())
	}
	c.wake(e.forget)
}

func (e *entry) size() int { return entryBytes + len(e.blob) }

func (c *Cache) drop(at *list.Element) {
	e := c.recent.Remove(at).(*entry)
	delete(c.known, e.id)
	c.bytes -= e.size()
}

// wake has the cache look again at a moment, or before.
func (c *Cache) wake(at time.Time) {
	if c.alarm != nil && !c.wakes.After(at) {
		return
	}
	if c.alarm != nil {
		c.alarm()
	}
	ctx, cancel := c.Within(context.Background(), max(0, at.Sub(c.Now())))
	stop := context.AfterFunc(ctx, c.forget)
	c.alarm, c.wakes = func() { stop(); cancel() }, at
}

// forget drops what may not be used any more.
func (c *Cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alarm != nil {
		c.alarm()
		c.alarm = nil
	}
	now, next := c.Now(), time.Time{}
	for at := c.recent.Front(); at != nil; {
		e, after := at.Value.(*entry), at.Next()
		if !now.Before(e.forget) {
			c.drop(at)
		} else if next.IsZero() || e.forget.Before(next) {
			next = e.forget
		}
		at = after
	}
	if !next.IsZero() {
		c.wake(next)
	}
}

// Remembered tells how many data keys are remembered.
func (c *Cache) Remembered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}
