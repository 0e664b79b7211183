// Package authn finds out who signed a request, and keeps those that nobody signs
// to the loopback. It takes two steps: by the head of a request it recognises whose it
// would be, so that nobody's body is read; with the body it verifies that.
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
	var nobody H
	known, err := a.Recognise(r, services)
	if err != nil {
		return nobody, sigv4.Scope{}, err
	}
	return known.Verify(services, body)
}

// Recognised is a request whose head says what its sender's would. Who knows the name of
// a key can say so, too: only Verify proves it.
type Recognised[H Holder] struct {
	by        *Authenticator[H]
	request   *http.Request
	signature *sigv4.Signature
}

// Recognise refuses, by the head of a request alone, what no body could make good: a
// signature that is not whole, that is not of now, or of a key that nobody has. The
// services may be left out, if only the body tells. Errors are those of Identify.
func (a *Authenticator[H]) Recognise(r *http.Request, services []string) (*Recognised[H], error) {
	signature, err := sigv4.Parse(r, services)
	if err != nil {
		return nil, refusal(err)
	}
	k := &Recognised[H]{a, r, signature}
	if _, err = k.lookup(); err == nil {
		err = signature.Current(a.Now())
	}
	if err != nil {
		return nil, refusal(err)
	}
	return k, nil
}

// lookup finds the holder of the key.
func (k *Recognised[H]) lookup() (H, error) {
	holder, err := k.by.Keys.Lookup(k.request.Context(), k.signature.KeyID, k.signature.Token)
	if errors.Is(err, credentials.ErrUnknown) {
		err = errUnknown
	}
	return holder, err
}

// Verify tells who signed the request, once its body is there. Results are those of
// Identify.
func (k *Recognised[H]) Verify(services []string, body Body) (H, sigv4.Scope, error) {
	holder, err := k.verify(services, body)
	if err != nil {
		var nobody H
		return nobody, sigv4.Scope{}, refusal(err)
	}
	return holder, k.signature.Scope, nil
}

func (k *Recognised[H]) verify(services []string, body Body) (H, error) {
	// The key may have been taken away while the body came.
	holder, err := k.lookup()
	if err != nil {
		return holder, err
	}
	if err := k.signature.For(services); err != nil {
		return holder, err
	}
	known, now := holder.Held(), k.by.Now()
	if err := k.by.derived.Verify(k.signature, body.Digest(), string(known.Secret), now); err != nil {
		return holder, err
	}
	// What a session is worth, only those learn who have its secret.
	if subtle.ConstantTimeCompare([]byte(k.signature.Token), []byte(known.Token)) != 1 {
		return holder, errUnknown
	}
	if !known.Expires.IsZero() && !now.Before(known.Expires) {
		return holder, errExpired
	}
	return holder, nil
}
