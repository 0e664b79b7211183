package engine

import (
	"context"
	"errors"

	"heddle/internal/pack"
)

// KeyUse says which data key rules want, and for what: a comparable value that their
// service has a type for.
type KeyUse any

// DataKey seals payloads, each differently each time, and opens what it has sealed. What it
// gives begins with a head that says which data key it is.
type DataKey interface {
	Seal(payload []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// DataKeys are what rules get data keys from. They may be used from any goroutine.
type DataKeys interface {
	// Known gives a data key that is at hand; nil: Find must ask for it.
	Known(KeyUse) DataKey
	// Find asks for a data key. Rules are told a KeyRefusedError; after any other error it
	// is tried again, or who made the call is told.
	Find(context.Context, KeyUse) (DataKey, error)
}

// KeyRefusedError says that a data key is not to be had until somebody changes something.
type KeyRefusedError interface {
	error
	KeyRefused()
}

const sealedFormat = 1

// SealedHead is what a payload begins with that is sealed under a data key, which is named
// as its key has wrapped it.
func SealedHead(wrapped []byte) []byte { return pack.Text([]byte{sealedFormat}, wrapped) }

var errNoHead = errors.New("it does not begin with a data key")

// ReadSealedHead gives the data key that a payload is sealed under, and what follows the
// head.
func ReadSealedHead(sealed []byte) (wrapped, rest []byte, err error) {
	r := pack.Read(sealed)
	format, wrapped := r.Byte(), r.Bytes()
	if r.Err() != nil || format != sealedFormat {
		return nil, nil, errNoHead
	}
	return wrapped, sealed[len(sealed)-r.Len():], nil
}
