package authn

import (
	"heddle/internal/aws/fault"
	"heddle/internal/aws/sigv4"
)

var kinds = map[sigv4.Kind]fault.Kind{
	sigv4.Missing:      fault.Unsigned,
	sigv4.Incomplete:   fault.IncompleteSignature,
	sigv4.UnknownKey:   fault.UnknownKey,
	sigv4.Mismatch:     fault.BadSignature,
	sigv4.Stale:        fault.BadSignature,
	sigv4.ExpiredToken: fault.ExpiredToken,
}

// faultOf is a refusal in words for its sender; protocols have their own codes for it.
func faultOf(refusal *sigv4.Error) *fault.Fault {
	return fault.Of(kinds[refusal.Kind], refusal.Message)
}
