package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// NameSeed gives the seed of a run that is the only one of its name, ever: it has no
// time, so a shard looks whether that run is there before it begins.
func NameSeed(n Name) Seed {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", n.Kind, n.World.Account, n.World.Region, n.Key))
	return newSeed(0, sum[:8])
}

// Time is the moment with which the seed begins; zero: it has none.
func (s Seed) Time() Time {
	var at [8]byte
	copy(at[2:], s[:6])
	return Time(binary.BigEndian.Uint64(at[:]))
}

func newSeed(now Time, rest []byte) (s Seed) {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(now))
	copy(s[:6], at[2:])
	copy(s[6:], rest)
	return s
}
