// Package authn finds out who sent a request: by its signature, when keys are
// asked for, or by its word, which is for loopback only.
//
// It joins sigv4, which knows signatures, and credentials, which knows keys.
package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/sigv4"
)

// signingKeysMax bounds the derived keys that are remembered: one for each
// access key, region and service in use, and day.
const signingKeysMax = 4096

// Keys finds credentials by their key ids; expired ones too.
type Keys interface {
	Lookup(keyID string) (credentials.Credential, bool)
}

// Config is what an Authenticator is given.
type Config struct {
	Keys     Keys
	Services []string         // as they stand in the scope of a signature: "swf"
	Now      func() time.Time // the real time, which clients sign
}

// Authenticator believes signed requests only.
type Authenticator struct {
	Config
	derived *sigv4.KeyCache
}

// New is an Authenticator.
func New(c Config) *Authenticator {
	return &Authenticator{c, sigv4.NewKeyCache(signingKeysMax)}
}

// Authenticate implements operation.Authenticator for the JSON protocols.
func (a *Authenticator) Authenticate(r *http.Request, body []byte) (operation.Caller, error) {
	caller, err := a.Identify(r, body)
	if refusal, ok := errors.AsType[*sigv4.Error](err); ok {
		return caller, JSONFault(refusal)
	}
	return caller, err
}

var (
	errUnknown = &sigv4.Error{Kind: sigv4.UnknownKey, Message: "The security token included in the request is invalid."}
	errExpired = &sigv4.Error{Kind: sigv4.ExpiredToken, Message: "The security token included in the request is expired"}
)

// Identify tells who signed a request. The error is a *sigv4.Error.
func (a *Authenticator) Identify(r *http.Request, body []byte) (operation.Caller, error) {
	signature, err := sigv4.Parse(r, a.Services)
	if err != nil {
		return operation.Caller{}, err
	}
	known, ok := a.Keys.Lookup(signature.KeyID)
	if !ok {
		return operation.Caller{}, errUnknown
	}
	var digest [sha256.Size]byte
	if !signature.BodyUnsigned() {
		digest = sha256.Sum256(body)
	}
	now := a.Now()
	if err := a.derived.Verify(signature, digest, string(known.Secret), now); err != nil {
		return operation.Caller{}, err
	}
	// What a session is worth, only those learn who have its secret.
	if subtle.ConstantTimeCompare([]byte(signature.Token), []byte(known.Token)) != 1 {
		return operation.Caller{}, errUnknown
	}
	if !known.Expires.IsZero() && !now.Before(known.Expires) {
		return operation.Caller{}, errExpired
	}
	return operation.Caller{Account: known.Account, Region: signature.Scope.Region, AccessKey: known.KeyID}, nil
}
