package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// Kind is the reason of a refusal, as far as AWS tells reasons apart.
type Kind int

// The kinds. UnknownKey and ExpiredToken are for those who look up keys.
const (
	Missing      Kind = iota + 1 // not signed at all
	Incomplete                   // not a whole signature
	UnknownKey                   // the key, or the session token that goes with it
	Mismatch                     // not the signature of this request
	Stale                        // too old, or from the future
	ExpiredToken                 // the session is over
)

// Error says why a request is refused, in words for its sender.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

var (
	errMissing  = &Error{Missing, "Request is missing Authentication Token"}
	errMismatch = &Error{Mismatch, "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	errBoth = &Error{Mismatch, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}
)

func incomplete(format string, a ...any) *Error {
	return &Error{Incomplete, fmt.Sprintf(format, a...)}
}

func mismatch(format string, a ...any) *Error {
	return &Error{Mismatch, fmt.Sprintf(format, a...)}
}

// stale names the time of the signature, the limit, and how that came about.
func stale(format string, signed, limit, now time.Time, by time.Duration) *Error {
	span := fmt.Sprintf("%d sec.", by/time.Second)
	if by%time.Minute == 0 {
		span = fmt.Sprintf("%d min.", by/time.Minute)
	}
	stamp := func(t time.Time) string { return t.UTC().Format(dateLayout) }
	return &Error{Stale, fmt.Sprintf(format, stamp(signed), stamp(limit), stamp(now), span)}
}

// cited is a value of the sender's, short enough to be sent back.
func cited(s string) string {
	const most = 256
	return s[:min(len(s), most)]
}

// hashed stands for a value of the sender's that must not be sent back.
func hashed(s string) string {
	digest := sha256.Sum256([]byte(s))
	return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(digest[:])
}
