package engine

import (
	"crypto/sha256"
	"encoding/binary"
)

// Seed is what a run id grows from. It begins with the time, so that runs which
// begin about the same time lie together in their shard: a page of a list, which
// shows such runs, then finds their records in few places. What follows is random
// for roots; all others are derived, so that a repeated command makes the same run.
type Seed [14]byte

// RootSeed gives the seed of a root that begins now.
func RootSeed(now Time, random [8]byte) Seed { return newSeed(now, random[:]) }

// DeriveSeed gives the seed for what an event of a run begins now.
func DeriveSeed(now Time, run RunID, eventID int64) Seed {
	var b [24]byte
	copy(b[:16], run[:])
	binary.BigEndian.PutUint64(b[16:], uint64(eventID))
	sum := sha256.Sum256(b[:])
	return newSeed(now, sum[:8])
}

func newSeed(now Time, rest []byte) (s Seed) {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(now))
	copy(s[:6], at[2:])
	copy(s[6:], rest)
	return s
}
