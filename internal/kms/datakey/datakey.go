// Package datakey encrypts payloads for users of the server, under data keys of keys that
// they name.
//
// Keys is a key management service as a service of the server sees it: this server's own,
// or another one. A Cache seals and opens payloads with it, and asks it for a data key only
// as often as a user wants.
package datakey

import (
	"context"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// Keys are keys of users. All methods fail with *Error, or with what is no fault of the
// caller's. They may be used from any goroutine.
type Keys interface {
	// Describe tells of a key, as kms:DescribeKey does.
	Describe(context.Context, Request) (Key, error)
	// GenerateDataKey makes a data key, as kms:GenerateDataKey does with AES_256.
	GenerateDataKey(context.Context, Request) (DataKey, error)
	// Decrypt opens the blob of a data key, as kms:Decrypt does. Without a Key in the
	// request it is whatever key the blob is of.
	Decrypt(ctx context.Context, r Request, blob []byte) ([]byte, error)
}

// Request is who asks for what.
type Request struct {
	World engine.World // of the account, and of keys that are named by an id or an alias
	Key   string       // an id, an ARN, an alias, or an alias's ARN
	// Caller is whose right it is to use the key: who called the server, or the role in
	// which a service acts.
	Caller *account.Caller
	// Known is what conditions may ask of the call; nil: what the caller says.
	Known policy.Context
	// Via is the service that asks on the caller's behalf, such as
	// states.us-east-1.amazonaws.com.
	Via string
	// Context is the encryption context: a data key opens only with what it was made with.
	Context map[string]string
}

// Key is a key as its users see it.
type Key struct {
	ARN       string
	State     string // "ENABLED", or as Error has it
	Symmetric bool   // and for encrypting
}

// DataKey is a data key, and what it is kept as.
type DataKey struct {
	Plaintext []byte // 32
	Blob      []byte
	Key       string // ARN
}

// Why says what is wrong.
type Why int

// What may be wrong with using a key.
const (
	// Denied: the caller may not use it.
	Denied Why = iota + 1
	// Missing: there is no such key, or what was named is none.
	Missing
	// Unusable: the key is in a State in which nobody can use it.
	Unusable
	// Unsuitable: it is a key for something else.
	Unsuitable
	// Unreadable: a blob is none of the key's, or not with this encryption context.
	Unreadable
	// Throttled: it was asked too often.
	Throttled
)

// Error says why a key can't be used now, in words for the caller.
type Error struct {
	Why     Why
	State   string // if Unusable: DISABLED, PENDING_DELETION, PENDING_IMPORT, UNAVAILABLE or CREATING
	Message string
}

func (e *Error) Error() string { return e.Message }
