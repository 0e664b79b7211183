// Package credentials knows access keys: whose they are, their secrets, and until
// when they are good. It makes the root key pair of a server and keeps it in a
// shared credentials file, from which AWS's tools read it.
//
// The Store here lives in memory. Who decides that a key exists, and what its
// principal may do, is elsewhere.
package credentials

import (
	"sync"
	"time"
)

// Credential is an access key and all that it takes to believe its user.
type Credential struct {
	KeyID     string
	Secret    Secret
	Account   string
	Principal string    // ARN
	Token     Secret    // of a session; empty: a key for good
	Expires   time.Time // of a session; zero: never
}

// Secret is a text that no log, message or JSON shows.
type Secret string

const hidden = "(secret)"

func (Secret) String() string { return hidden }

// GoString keeps it from %#v.
func (Secret) GoString() string { return hidden }

// MarshalText keeps it from JSON and from logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Root is the credential of an account's root user.
func Root(account string, pair KeyPair) Credential {
	return Credential{
		KeyID: pair.KeyID, Secret: pair.Secret,
		Account: account, Principal: "arn:aws:iam::" + account + ":root",
	}
}

// Store holds credentials in memory. What is put or removed counts for the next
// request.
type Store struct {
	mu  sync.RWMutex
	all map[string]Credential
}

// NewStore is a store with the given credentials.
func NewStore(first ...Credential) *Store {
	s := &Store{all: map[string]Credential{}}
	for _, c := range first {
		s.all[c.KeyID] = c
	}
	return s
}

// Lookup finds a credential, be it expired or not.
func (s *Store) Lookup(keyID string) (Credential, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.all[keyID]
	return c, ok
}

// Put adds a credential or replaces the one with its key id.
func (s *Store) Put(c Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[c.KeyID] = c
}

// Remove forgets a credential.
func (s *Store) Remove(keyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, keyID)
}

// Sweep forgets the sessions that expired before a time. Until then their users
// are told that they expired.
func (s *Store) Sweep(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.all {
		if !c.Expires.IsZero() && c.Expires.Before(before) {
			delete(s.all, id)
		}
	}
}
