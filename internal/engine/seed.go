package engine

import (
	"crypto/sha256"
	"encoding/binary"
)

// Seed is what a run id grows from. Seeds of roots are random; all others are
// derived, so that a repeated command makes the same run.
type Seed [14]byte

// DeriveSeed gives the seed for what an event of a run begins.
func DeriveSeed(run RunID, eventID int64) Seed {
	var b [24]byte
	copy(b[:16], run[:])
	binary.BigEndian.PutUint64(b[16:], uint64(eventID))
	sum := sha256.Sum256(b[:])
	return Seed(sum[:14])
}
