// Package credentials knows access keys: whose they are, their secrets, and until
// when they are good. It makes the root key pair of a server and keeps it in a
// shared credentials file, from which AWS's tools read it.
//
// Who decides that a key exists, and what its principal may do, is elsewhere.
package credentials

import (
	"errors"
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

// Held is the credential, of whoever has one.
func (c *Credential) Held() *Credential { return c }

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
	return Credential{KeyID: pair.KeyID, Secret: pair.Secret, Account: account}
}

// ErrUnknown says that an access key is nobody's, or is inactive, or that the
// session token which came with it is not its own or no longer good.
var ErrUnknown = errors.New("unknown access key")
