package pebblestore

import (
	"encoding/binary"

	"heddle/internal/store"
)

// The first byte of a Pebble key says what the row is:
//
//	's' shard(2) key   a row of a shard's space
//	'i' key            a row of the index space
//	'm' key            a row of the meta space
//	'q'                of each shard's last section, sequence and stamp; merged
//	'o'                how often the store was opened, 8 bytes
//
// Numbers are big-endian, so that shards lie one after another.
const (
	shardRows byte = 's'
	indexRows byte = 'i'
	metaRows  byte = 'm'
	lastRow   byte = 'q'
	opensRow  byte = 'o'
)

// shardPrefixBytes is the length of what stands before a key of a shard.
const shardPrefixBytes = 3

// putShardPrefix writes to dst what begins the rows of a shard.
func putShardPrefix(dst []byte, rows byte, shard uint16) {
	dst[0] = rows
	binary.BigEndian.PutUint16(dst[1:], shard)
}

func shardPrefix(rows byte, shard uint16) []byte {
	prefix := make([]byte, shardPrefixBytes)
	putShardPrefix(prefix, rows, shard)
	return prefix
}

// appendRow makes the Pebble key of a place.
func appendRow(b []byte, place *store.Place) []byte {
	if place.Space == store.IndexSpace {
		b = append(b, indexRows)
	} else {
		b = binary.BigEndian.AppendUint16(append(b, shardRows), place.Shard)
	}
	return append(b, place.Key...)
}

// join is prefix and key in new memory.
func join(prefix, key []byte) []byte {
	joined := make([]byte, 0, len(prefix)+len(key))
	return append(append(joined, prefix...), key...)
}

// after is the first key behind all that begin with prefix; nil if there is none.
func after(prefix []byte) []byte {
	next := append([]byte(nil), prefix...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}
