package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Sealer keeps secrets of access keys from all but this server (AES-256-GCM), and
// makes the tokens of sessions, which hold all that there is to know of a session:
// none is stored, and each opens after a restart, too.
//
// What is sealed is bound to the id of its access key.
type Sealer struct{ secrets, sessions cipher.AEAD }

// SealerKeys are the keys of a Sealer. Sessions end with theirs; secrets must be read
// as long as there is a store.
type SealerKeys struct{ Secrets, Sessions [32]byte }

// NewSealer makes a Sealer.
func NewSealer(keys SealerKeys) *Sealer {
	derive := func(key [32]byte, purpose string) cipher.AEAD {
		derived, err := hkdf.Key(sha256.New, key[:], nil, purpose, len(key))
		if err != nil {
			panic(fmt.Sprintf("identity: derive a key: %v", err))
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			panic(fmt.Sprintf("identity: AES: %v", err))
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			panic(fmt.Sprintf("identity: GCM: %v", err))
		}
		return aead
	}
	return &Sealer{
		derive(keys.Secrets, "heddle identity: secrets of access keys"),
		derive(keys.Sessions, "heddle identity: sessions"),
	}
}

// SealSecret seals the secret of an access key.
func (s *Sealer) SealSecret(pair credentials.KeyPair) []byte {
	return s.secrets.Seal(nil, nil, []byte(pair.Secret), []byte(pair.KeyID))
}

// openSecret is the opposite of SealSecret.
func (s *Sealer) openSecret(k Key) (credentials.Secret, error) {
	secret, err := s.secrets.Open(nil, nil, k.Sealed, []byte(k.ID))
	if err != nil {
		return "", fmt.Errorf("open the secret of access key %q: %w", k.ID, err)
	}
	return credentials.Secret(secret), nil
}

// Session is what temporary credentials stand for.
type Session struct {
	credentials.KeyPair
	Account string
	Of      Ref    // a user or a role; no Type: the root user
	ID      string // of the user or role, who may be gone, and another have the name
	Name    string // as whoever assumed a role chose it
	Issued  time.Time
	Expires time.Time
	From    Origin

	// What limits the session; nothing, if Limited is not set.
	Limited  bool
	Policy   string // a document; empty: none
	Policies []NamedPolicy
	Tags     []Tag
}

// NamedPolicy is a managed policy that a session names: another one that takes its
// name is not the one that was meant.
type NamedPolicy struct{ ARN, ID string }

// Origin is what a session rests on. It ends with any of it.
type Origin struct {
	Account string // that the key is of
	Key     string // the id of the access key for good that was at its beginning
	Proof   []byte // of that key's secret: a root user's may be replaced alone
	// Through are the users and roles whose sessions came between.
	Through []Bearer
}

// Bearer is a user or role who had a session.
type Bearer struct{ Account, ID string }

// accounts are those that have something of it; one may stand twice.
func (o *Origin) accounts() []string {
	all := make([]string, 1, 2+len(o.Through))
	all[0] = o.Account
	for _, who := range o.Through {
		all = append(all, who.Account)
	}
	return all
}

// in are the ids of those that are of an account.
func (o *Origin) in(account string) (ids []string) {
	for _, who := range o.Through {
		if who.Account == account {
			ids = append(ids, who.ID)
		}
	}
	return ids
}

// proofOf tells secrets apart.
func proofOf(secret credentials.Secret) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:16]
}

// Lend makes a session one that the caller began: it rests on what the caller rests
// on, and is over when the caller's own is.
func (c *Caller) Lend(s *Session) {
	s.From = c.from
	if c.Session && s.Expires.After(c.Expires) {
		s.Expires = c.Expires
	}
}

// TokenBytesMax is how long a token may be: no longer one is opened.
const TokenBytesMax = 16 << 10

const (
	tokenLetter  = "h"
	tokenVersion = 3
	// tokenOwnOnly is the version of sessions that rest on their own account alone. Those
	// before it, which did not say what they rest on, are not read any more.
	tokenOwnOnly = 2
)

var tokenText = base64.RawURLEncoding.Strict()

var errToken = errors.New("invalid session token")

// SealSession makes the token of a session.
func (s *Sealer) SealSession(v *Session) credentials.Secret {
	c := pack.Writing([]byte{tokenVersion})
	v.code(c, tokenVersion)
	return credentials.Secret(tokenLetter + tokenText.EncodeToString(s.sessions.Seal(nil, nil, c.Written(), []byte(v.KeyID))))
}

// openSession gives the session of a token that goes with an access key.
func (s *Sealer) openSession(keyID string, token credentials.Secret) (*Session, error) {
	text, ok := strings.CutPrefix(string(token), tokenLetter)
	if !ok || len(text) > TokenBytesMax || strings.ContainsAny(text, "\r\n") { // base64 passes line ends over
		return nil, errToken
	}
	sealed, err := tokenText.DecodeString(text)
	if err != nil {
		return nil, errToken
	}
	b, err := s.sessions.Open(nil, nil, sealed, []byte(keyID))
	if err != nil {
		return nil, errToken
	}
	if len(b) == 0 || b[0] != tokenVersion && b[0] != tokenOwnOnly {
		return nil, errToken
	}
	v, c := &Session{KeyPair: credentials.KeyPair{KeyID: keyID}}, pack.Reading(b[1:])
	if v.code(c, b[0]); c.Done() != nil {
		return nil, errToken
	}
	return v, nil
}

// code says the fields that a token holds.
func (v *Session) code(c *pack.Coder, version byte) {
	issued, expires := v.Issued.Unix(), v.Expires.Unix()
	codeTexts(c, (*string)(&v.Secret), &v.Account)
	v.Of.code(c)
	codeTexts(c, &v.ID, &v.Name)
	c.Int(&issued)
	c.Int(&expires)
	if c.Reads() {
		v.Issued, v.Expires = time.Unix(issued, 0).UTC(), time.Unix(expires, 0).UTC()
	}
	c.Bool(&v.Limited)
	c.Text(&v.Policy)
	pack.List(c, &v.Policies, func(p *NamedPolicy, c *pack.Coder) { codeTexts(c, &p.ARN, &p.ID) })
	collection.CodeTags(c, &v.Tags)
	account := func(of *string) {
		if version == tokenOwnOnly {
			*of = v.Account
			return
		}
		c.Text(of)
	}
	account(&v.From.Account)
	c.Text(&v.From.Key)
	c.Bytes(&v.From.Proof)
	pack.List(c, &v.From.Through, func(b *Bearer, c *pack.Coder) {
		account(&b.Account)
		c.Text(&b.ID)
	})
}
