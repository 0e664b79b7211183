package cluster

import (
	"crypto/sha256"
	"encoding/binary"

	"heddle/internal/store"
)

// wanted gives who should own a shard, of some members; nil: there are none. Each name draws
// a number for each shard, and the largest wins: so one that comes or goes moves nothing but
// its own part, and one that comes back gets what it had.
func wanted(members []store.Member, shard uint16) (best *store.Member) {
	most := uint64(0)
	for i := range members {
		m := &members[i]
		if n := draw(m.Name, shard); best == nil || n > most || n == most && m.Name < best.Name {
			best, most = m, n
		}
	}
	return best
}

func draw(name string, shard uint16) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint16([]byte(name), shard))
	return binary.BigEndian.Uint64(sum[:])
}
