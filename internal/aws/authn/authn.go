// Package authn finds out who signed a request, and keeps those that nobody signs
// to the loopback.
//
// It joins sigv4, which knows signatures, and whoever knows the keys.
package authn

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/sigv4"
)

// signingKeysMax bounds the derived keys that are remembered: one for each
// access key, region and service in use, and day.
const signingKeysMax = 4096

// Holder is somebody who has a credential.
type Holder interface {
	Held() *credentials.Credential
}

// Keys finds the holders of access keys; of expired ones too. Token is the session
// token that came with the request. Errors: credentials.ErrUnknown.
type Keys[H Holder] interface {
	Lookup(ctx context.Context, keyID, token string) (H, error)
}

// Config is what an Authenticator is given.
type Config[H Holder] struct {
	Keys Keys[H]
	Now  func() time.Time // the real time, which clients sign
}

// Authenticator believes signed requests only.
type Authenticator[H Holder] struct {
	Config[H]
	derived *sigv4.KeyCache
}

// New is an Authenticator.
func New[H Holder](c Config[H]) *Authenticator[H] {
	return &Authenticator[H]{c, sigv4.NewKeyCache(signingKeysMax)}
}

var (
	errUnknown = &sigv4.Error{Kind: sigv4.UnknownKey, Message: "The security token included in the request is invalid."}
	errExpired = &sigv4.Error{Kind: sigv4.ExpiredToken, Message: "The security token included in the request is expired"}
)

// Body gives the digest of a request's body, which its signature covers.
type Body interface{ Digest() [sha256.Size]byte }

// Identify tells who signed a request, and for which region and service: one of
// services, as scopes of signatures name them. What is wrong with a request is a
// *fault.Fault; any other error is of Keys.
func (a *Authenticator[H]) Identify(r *http.Request, services []string, body Body) (H, sigv4.Scope, error) {
	holder, scope, err := a.identify(r, services, body)
	if refusal, ok := errors.AsType[*sigv4.Error](err); ok {
		err = faultOf(refusal)
	}
	return holder, scope, err
}

// Claimed is the access key that a request names, whether it is its sender's or not;
// empty: it names none as signatures do.
func (a *Authenticator[H]) Claimed(r *http.Request, services []string) string {
	signature, err := sigv4.Parse(r, services)
	if err != nil {
		return ""
	}
	return signature.KeyID
}

func (a *Authenticator[H]) identify(r *http.Request, services []string, body Body) (holder H, scope sigv4.Scope, err error) {
	var nobody H
	signature, err := sigv4.Parse(r, services)
	if err != nil {
		return nobody, scope, err
	}
	holder, err = a.Keys.Lookup(r.Context(), signature.KeyID, signature.Token)
	if errors.Is(err, credentials.ErrUnknown) {
		return nobody, scope, errUnknown
	}
	if err != nil {
		return nobody, scope, err
	}
	known := holder.Held()
	now := a.Now()
	if err := a.derived.Verify(signature, body.Digest(), string(known.Secret), now); err != nil {
		return nobody, scope, err
	}
	// What a session is worth, only those learn who have its secret.
	if subtle.ConstantTimeCompare([]byte(signature.Token), []byte(known.Token)) != 1 {
		return nobody, scope, errUnknown
	}
	if !known.Expires.IsZero() && !now.Before(known.Expires) {
		return nobody, scope, errExpired
	}
	return holder, signature.Scope, nil
}
