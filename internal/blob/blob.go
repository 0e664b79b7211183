// Package blob keeps immutable bytes by what they are: large inputs, definitions,
// files. An execution's events name a blob by its ID, and a row of reference,
// written in the batch of that event, keeps the blob for as long as the run is kept;
// a sweeper deletes what nobody refers to.
package blob

import "encoding/hex"

// ID names a blob for good: HMAC-SHA-256 of its bytes under a key of the store, so
// that equal bytes have one ID and an ID tells nothing of the bytes.
type ID [32]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }
