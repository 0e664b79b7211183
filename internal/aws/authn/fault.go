package authn

import (
	"errors"

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

// refusal is an error of a signature in words for its sender; protocols have their own
// codes for it. Other errors stay what they are.
func refusal(err error) error {
	if refused, ok := errors.AsType[*sigv4.Error](err); ok {
		return fault.Of(kinds[refused.Kind], refused.Message)
	}
	return err
}
