// Package keys is the registry of key kinds: every key of a store is made here.
// docs/STORAGE.md draws them byte by byte. Numbers are big endian, so that the
// order of the bytes is the order of the numbers.
package keys

import (
	"crypto/sha256"
	"encoding/binary"
)

// Kinds of keys in a shard's space: the first byte of the key. A letter that was
// ever used is never given another meaning.
const (
	OpenRun   byte = 'o' // run -> record of an open run
	ClosedRun byte = 'c' // run -> record of a closed run
	History   byte = 'h' // run, first event id -> the events of one turn
	Note      byte = 'n' // run, subject event id, note kind -> note
	Snapshot  byte = 's' // run, slot, part -> a part of the encoded state
	Forget    byte = 'x' // time, run -> nothing: when to delete a closed run
	Outgoing  byte = 'q' // receiving shard, number -> message
	Sent      byte = 'u' // receiving shard -> number of the last message to it
	Applied   byte = 'i' // sending shard -> number of the last message handled
	Parked    byte = 'p' // run, sending shard, number -> message that the run could not take
	Name      byte = 'w' // hash of a name -> the last run of the name
	Blob      byte = 'b' // run, blob id -> nothing: the run keeps the blob
	// Notification and Told: what those outside are told.
	Notification byte = 'e' // number -> notification
	Told         byte = 't' // nothing -> which notifications there are, and who has had them
)

// RunSize is the length of a run id.
const RunSize = 16

// BlobSize is the length of a blob id.
const BlobSize = 32

const (
	// SnapshotSlots is how many snapshots of a run can lie beside each other: a new one
	// goes to the slot that the run's record does not name, so it overwrites nothing
	// that is still needed.
	SnapshotSlots = 2
	// SnapshotPartBytes is what one part of a snapshot holds at most.
	SnapshotPartBytes = 1 << 20
)

// AppendRun makes the key of an OpenRun or ClosedRun, and what all keys of a run
// that are of another kind begin with: History, Note, Snapshot, Parked, Blob.
func AppendRun(b []byte, kind byte, run [RunSize]byte) []byte {
	return append(append(b, kind), run[:]...)
}

// AppendHistory makes the key of the turn that begins with an event.
func AppendHistory(b []byte, run [RunSize]byte, firstEvent int64) []byte {
	return binary.BigEndian.AppendUint64(AppendRun(b, History, run), uint64(firstEvent))
}

// AppendNote makes the key of a note.
func AppendNote(b []byte, run [RunSize]byte, subject int64, kind byte) []byte {
	b = binary.BigEndian.AppendUint64(AppendRun(b, Note, run), uint64(subject))
	return append(b, kind)
}

// AppendSnapshot makes the key of a part of a snapshot; parts count from 0.
func AppendSnapshot(b []byte, run [RunSize]byte, slot byte, part uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendSnapshotSlot(b, run, slot), part)
}

// AppendSnapshotSlot makes what the keys of all parts in a slot begin with.
func AppendSnapshotSlot(b []byte, run [RunSize]byte, slot byte) []byte {
	return append(AppendRun(b, Snapshot, run), slot)
}

// AppendName makes the key of a name; see Hash.Name.
func AppendName(b []byte, name [HashSize]byte) []byte {
	return append(append(b, Name), name[:]...)
}

// AppendBlob makes the key that says that a run keeps a blob.
func AppendBlob(b []byte, run [RunSize]byte, id [BlobSize]byte) []byte {
	return append(AppendRun(b, Blob, run), id[:]...)
}

// AppendForget makes the key that says when to forget a run.
func AppendForget(b []byte, at int64, run [RunSize]byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, Forget), uint64(at))
	return append(b, run[:]...)
}

// AppendOutgoing makes the key of a message to a shard.
func AppendOutgoing(b []byte, to uint16, number uint64) []byte {
	b = binary.BigEndian.AppendUint16(append(b, Outgoing), to)
	return binary.BigEndian.AppendUint64(b, number)
}

// AppendParked makes the key of a message that waits for its run to be mended.
func AppendParked(b []byte, run [RunSize]byte, from uint16, number uint64) []byte {
	b = binary.BigEndian.AppendUint16(AppendRun(b, Parked, run), from)
	return binary.BigEndian.AppendUint64(b, number)
}

// AppendShard makes the key of a Sent or Applied mark.
func AppendShard(b []byte, kind byte, shard uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, kind), shard)
}

// AppendNotification makes the key of a notification.
func AppendNotification(b []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, Notification), number)
}

// NotificationNumber reads the number of a Notification key.
func NotificationNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// Run reads the run of a key that AppendRun begins.
func Run(key []byte) (run [RunSize]byte) {
	copy(run[:], key[1:])
	return run
}

// NoteSubject reads subject and kind of a Note key.
func NoteSubject(key []byte) (int64, byte) {
	return int64(binary.BigEndian.Uint64(key[1+RunSize:])), key[len(key)-1]
}

// SnapshotPart reads slot and part of a Snapshot key.
func SnapshotPart(key []byte) (slot byte, part uint32) {
	return key[1+RunSize], binary.BigEndian.Uint32(key[1+RunSize+1:])
}

// BlobID reads the blob of a Blob key.
func BlobID(key []byte) (id [BlobSize]byte) {
	copy(id[:], key[1+RunSize:])
	return id
}

// ForgetTime reads time and run of a Forget key.
func ForgetTime(key []byte) (at int64, run [RunSize]byte) {
	copy(run[:], key[9:])
	return int64(binary.BigEndian.Uint64(key[1:])), run
}

// OutgoingNumber reads shard and number of an Outgoing key.
func OutgoingNumber(key []byte) (to uint16, number uint64) {
	return binary.BigEndian.Uint16(key[1:]), binary.BigEndian.Uint64(key[3:])
}

// ShardOf reads the shard of a Sent or Applied key.
func ShardOf(key []byte) uint16 { return binary.BigEndian.Uint16(key[1:]) }

// End is the first key after all keys that begin with prefix.
func End(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// The index space holds entries of runs, which begin with their family, and
// referrers of blobs.
const (
	// BlobIndex begins the keys that say which runs keep a blob: blob id, run -> nothing.
	// No family of entries may ever have its number.
	BlobIndex byte = 'b'
	// IndexSize is the length of an entry's key: family, hash, time, run.
	IndexSize = 1 + HashSize + 8 + RunSize
	// BlobIndexSize is the length of a referrer's key: BlobIndex, blob id, run.
	BlobIndexSize = 1 + BlobSize + RunSize
)

// HashSize is the length of a keyed hash.
const HashSize = 16

// Hash is the keyed hash of names: it routes, and it stands in index keys, so
// that keys leak no name.
type Hash [32]byte

// Sum hashes the parts; each part's length goes in, so that parts can't run
// into each other.
func (h *Hash) Sum(parts ...string) [HashSize]byte {
	var room [512]byte
	b := append(room[:0], h[:]...)
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return [HashSize]byte(sum[:HashSize])
}

// Index is what stands in index keys for a value in an account's region. The kind
// goes in, so that each kind has families of its own.
func (h *Hash) Index(kind, account, region, value string) [HashSize]byte {
	return h.Sum("index", kind, account, region, value)
}

// Name is what stands in Name keys for the name of a run.
func (h *Hash) Name(kind, account, region, key string) [HashSize]byte {
	return h.Sum("name", kind, account, region, key)
}

// Shard routes a name, given by its parts, to one of n shards.
func (h *Hash) Shard(n uint16, parts ...string) uint16 {
	sum := h.Sum(parts...)
	return uint16(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}

// EntryShard is the shard of an entry of the index: each ends with its run, whose id begins with its
// shard.
func EntryShard(key []byte) uint16 {
	if len(key) < RunSize {
		return 0
	}
	return binary.BigEndian.Uint16(key[len(key)-RunSize:])
}

// AppendIndexPrefix makes the part of an index key that all entries of a family
// and a value share.
func AppendIndexPrefix(b []byte, family byte, equal [HashSize]byte) []byte {
	return append(append(b, family), equal[:]...)
}

// AppendIndex makes an index key.
func AppendIndex(b []byte, family byte, equal [HashSize]byte, at int64, run [RunSize]byte) []byte {
	b = AppendIndexPrefix(b, family, equal)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return append(b, run[:]...)
}

// IndexPosition reads time and run of an index key.
func IndexPosition(key []byte) (at int64, run [RunSize]byte) {
	copy(run[:], key[1+HashSize+8:])
	return int64(binary.BigEndian.Uint64(key[1+HashSize:])), run
}

// AppendBlobIndexPrefix makes what the keys of all referrers of a blob begin with.
func AppendBlobIndexPrefix(b []byte, id [BlobSize]byte) []byte {
	return append(append(b, BlobIndex), id[:]...)
}

// AppendBlobIndex makes the index key that says that a run keeps a blob.
func AppendBlobIndex(b []byte, id [BlobSize]byte, run [RunSize]byte) []byte {
	return append(AppendBlobIndexPrefix(b, id), run[:]...)
}

// BlobReferrer reads blob and run of such a key.
func BlobReferrer(key []byte) (id [BlobSize]byte, run [RunSize]byte) {
	copy(id[:], key[1:])
	copy(run[:], key[1+BlobSize:])
	return id, run
}
