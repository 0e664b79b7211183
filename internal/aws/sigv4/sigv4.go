// Package sigv4 verifies AWS Signature Version 4: in the Authorization header or
// in the query of a presigned URL. The verdict depends on nothing but the
// request, the hash of its body, the signer's secret and the time.
//
// Parse reads what the request says of its signer and refuses what no secret
// could make good. Verify then computes the signature anew and compares. What
// was verified is: the method, the path, all of the query, the signed headers
// (always host and every x-amz-* header) and the body. A signer may leave the body
// out (UNSIGNED-PAYLOAD) only over TLS, which then guards it, and not of a
// presigned URL, whose holder could choose it. Bodies that are signed piece by
// piece are S3's alone. Who the signer is and what a session token is worth is for
// the caller to find out.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	terminator      = "aws4_request"
	unsignedPayload = "UNSIGNED-PAYLOAD"
	dateLayout      = "20060102T150405Z"
)

// Skew is how far the signer's clock may be off, either way, and how long a
// signature is good for unless a presigned URL says otherwise.
const Skew = 15 * time.Minute

// Signature is what a request says of its signer, not yet verified.
type Signature struct {
	KeyID string
	Scope Scope
	Token string // of a session; empty: none

	request       *http.Request
	presigned     bool
	query         []pair // without the signature itself
	signedHeaders string
	payload       string // what the signer says of the body; empty: nothing
	stamp         string // the time, as it was signed
	time          time.Time
	life          time.Duration
	mac           [sha256.Size]byte
}

// Scope is what a signing key is good for.
type Scope struct {
	Date    string // YYYYMMDD
	Region  string
	Service string
}

// Verify tells, by nil, that the holder of the secret which key was derived from
// signed this request, and that it is not stale. The error is an *Error.
func (s *Signature) Verify(body [sha256.Size]byte, key *Key, now time.Time) error {
	if err := s.Current(now); err != nil {
		return err
	}
	w := scratches.Get().(*scratch)
	defer w.release()

	text, complete := s.appendCanonical(w.text[:0])
	if !complete {
		return errMismatch
	}
	end := len(text)
	if s.payload == unsignedPayload && s.request.TLS != nil && !s.presigned {
		text = append(text, unsignedPayload...)
	} else {
		text = hex.AppendEncode(text, body[:])
	}
	if s.payload != "" && s.payload != string(text[end:]) {
		return errMismatch
	}
	w.digest = sha256.Sum256(text)

	w.text = append(text[:0], algorithm+"\n"...)
	w.text = append(append(w.text, s.stamp...), '\n')
	w.text = append(append(w.text, s.Scope.Date...), '/')
	w.text = append(append(w.text, s.Scope.Region...), '/')
	w.text = append(append(w.text, s.Scope.Service...), "/"+terminator+"\n"...)
	w.text = hex.AppendEncode(w.text, w.digest[:])

	if !hmac.Equal(key.sum(w.digest[:0], w.text), s.mac[:]) {
		return errMismatch
	}
	return nil
}

// Current refuses a signature that is too old or too far ahead. The error is an *Error.
func (s *Signature) Current(now time.Time) error {
	if oldest := now.Add(-s.life); s.time.Before(oldest.Truncate(time.Second)) {
		return stale("Signature expired: %s is now earlier than %s (%s - %s)", s.time, oldest, now, s.life)
	}
	if newest := now.Add(Skew); s.time.After(newest) {
		return stale("Signature not yet current: %s is still later than %s (%s + %s)", s.time, newest, now, Skew)
	}
	return nil
}

// scratch is the memory of one verification.
type scratch struct {
	text   []byte
	digest [sha256.Size]byte
}

var scratches = sync.Pool{New: func() any { return &scratch{text: make([]byte, 0, 1<<10)} }}

// scratchMax is the size above which the memory is not kept.
const scratchMax = 16 << 10

func (w *scratch) release() {
	if cap(w.text) <= scratchMax {
		scratches.Put(w)
	}
}
