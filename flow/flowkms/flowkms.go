// Package flowkms seals payloads of package flow under data keys of a key in AWS KMS, or of another service with its API:
//
//	c.Crypt = flowkms.New(kms.NewFromConfig(cfg), flowkms.Config{KeyID: "alias/payloads"})
//
// KMS is asked for a data key once in a while, not for each payload, and once for each data key that is met in a history. Who is to
// read payloads needs kms:Decrypt of the key, who is to write them kms:GenerateDataKey. Rotation of the key in KMS changes
// nothing here: what an earlier version has sealed KMS still opens.
package flowkms

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// API is what this package calls of KMS. The AWS SDK's *kms.Client has it.
type API interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Config says how. Zero values are what stands beside.
type Config struct {
	KeyID   string            // the key: an id, an ARN or an alias
	Context map[string]string // the encryption context: what was sealed with it opens only with it
	Lasts   time.Duration     // how long a data key seals: an hour
	Seals   int               // and how many payloads: 1,000,000
	Opened  int               // how many data keys are remembered in clear to open what they sealed: 1,000
}

// mark begins what is sealed: "flow+kms:", the data key as KMS sealed it, ":", and a nonce of 12 bytes, the sealed text and its
// tag of 16 bytes; both in base64url without padding.
const mark = "flow+kms:"

// Crypt is flow.Crypt.
type Crypt struct {
	api API
	cfg Config

	mu     sync.Mutex
	use    *dataKey // that seals now
	opened map[string]cipher.AEAD
	line   []string // those that are remembered, the oldest first
}

// dataKey is one that seals.
type dataKey struct {
	sealed string // as KMS did, in base64url
	aead   cipher.AEAD
	since  time.Time
	seals  int
}

// New makes one.
func New(api API, cfg Config) *Crypt {
	cfg.Lasts = cmp.Or(cfg.Lasts, time.Hour)
	cfg.Seals = cmp.Or(cfg.Seals, 1_000_000)
	cfg.Opened = cmp.Or(cfg.Opened, 1_000)
	return &Crypt{api: api, cfg: cfg, opened: map[string]cipher.AEAD{}}
}

func aeadOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// key is the data key that seals now.
func (c *Crypt) key(ctx context.Context) (*dataKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock() // others wait for the new one, rather than ask for more
	if k := c.use; k != nil && k.seals < c.cfg.Seals && time.Since(k.since) < c.cfg.Lasts {
		k.seals++
		return k, nil
	}
	out, err := c.api.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: aws.String(c.cfg.KeyID), KeySpec: types.DataKeySpecAes256, EncryptionContext: c.cfg.Context})
	if err != nil {
		return nil, fmt.Errorf("make a data key of KMS key %s: %w", c.cfg.KeyID, err)
	}
	aead, err := aeadOf(out.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("the data key that KMS key %s gave: %w", c.cfg.KeyID, err)
	}
	c.use = &dataKey{base64.RawURLEncoding.EncodeToString(out.CiphertextBlob), aead, time.Now(), 1}
	c.remember(c.use.sealed, aead)
	return c.use, nil
}

// remember keeps a data key in clear; the one kept longest goes when there are too many.
func (c *Crypt) remember(sealed string, aead cipher.AEAD) {
	if c.opened[sealed] == nil {
		c.line = append(c.line, sealed)
	}
	c.opened[sealed] = aead
	for len(c.line) > c.cfg.Opened {
		delete(c.opened, c.line[0])
		c.line = c.line[1:]
	}
}

// Seal implements flow.Crypt.
func (c *Crypt) Seal(ctx context.Context, clear string) (string, error) {
	k, err := c.key(ctx)
	if err != nil {
		return "", err
	}
	head := mark + k.sealed + ":"
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(clear)+k.aead.Overhead())
	rand.Read(nonce)
	return head + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(clear), []byte(head))), nil
}

// Open implements flow.Crypt.
func (c *Crypt) Open(ctx context.Context, text string) (string, error) {
	rest, ok := strings.CutPrefix(text, mark)
	if !ok {
		return text, nil
	}
	sealed, body, _ := strings.Cut(rest, ":")
	aead, err := c.dataKey(ctx, sealed)
	if err != nil {
		return "", err
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(b) < aead.NonceSize() {
		return "", fmt.Errorf("what is sealed under a data key of KMS key %s is cut or changed", c.cfg.KeyID)
	}
	clear, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], []byte(mark+sealed+":"))
	if err != nil {
		return "", fmt.Errorf("what is sealed under a data key of KMS key %s was changed", c.cfg.KeyID)
	}
	return string(clear), nil
}

// dataKey opens a data key, or remembers it.
func (c *Crypt) dataKey(ctx context.Context, sealed string) (cipher.AEAD, error) {
	c.mu.Lock()
	aead := c.opened[sealed]
	c.mu.Unlock()
	if aead != nil {
		return aead, nil
	}
	blob, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("a data key of KMS key %s is cut or changed: %w", c.cfg.KeyID, err)
	}
	out, err := c.api.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String(c.cfg.KeyID), EncryptionContext: c.cfg.Context})
	if err != nil {
		return nil, fmt.Errorf("open a data key by KMS key %s: %w", c.cfg.KeyID, err)
	}
	if aead, err = aeadOf(out.Plaintext); err != nil {
		return nil, fmt.Errorf("the data key that KMS key %s opened: %w", c.cfg.KeyID, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remember(sealed, aead)
	return aead, nil
}
