package keys

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"testing"
)

// FuzzKeys makes keys of two sets of numbers: they read back, and their bytes
// stand in the numbers' order.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("run one"), int64(1), uint16(2), uint64(3), byte(1), []byte("run two"), int64(256), uint16(255), uint64(1<<40), byte(2))
	f.Add([]byte{0xff}, int64(0), uint16(0xffff), uint64(0), byte(0xff), []byte{}, int64(1)<<62, uint16(0), ^uint64(0), byte(0))
	f.Fuzz(func(t *testing.T, run1 []byte, at1 int64, shard1 uint16, number1 uint64, kind1 byte, run2 []byte, at2 int64, shard2 uint16, number2 uint64, kind2 byte) {
		at1, at2 = at1&(1<<63-1), at2&(1<<63-1) // times and event ids are not negative
		var id1, id2 [RunSize]byte
		copy(id1[:], run1)
		copy(id2[:], run2)
		runs := bytes.Compare(id1[:], id2[:])
		var blob1, blob2 [BlobSize]byte
		copy(blob1[8:], run2)
		copy(blob2[8:], run1)
		binary.BigEndian.PutUint64(blob1[:], number1)
		binary.BigEndian.PutUint64(blob2[:], number2)
		blobs := bytes.Compare(blob1[:], blob2[:])
		part1, part2 := uint32(number1), uint32(number2)
		for _, c := range []struct {
			name       string
			key1, key2 []byte
			want       int
		}{
			{"record", AppendRun(nil, OpenRun, id1), AppendRun(nil, OpenRun, id2), runs},
			{"history", AppendHistory(nil, id1, at1), AppendHistory(nil, id2, at2), cmp.Or(runs, cmp.Compare(at1, at2))},
			{"note", AppendNote(nil, id1, at1, kind1), AppendNote(nil, id2, at2, kind2), cmp.Or(runs, cmp.Compare(at1, at2), cmp.Compare(kind1, kind2))},
			{"forget", AppendForget(nil, at1, id1), AppendForget(nil, at2, id2), cmp.Or(cmp.Compare(at1, at2), runs)},
			{"outgoing", AppendOutgoing(nil, shard1, number1), AppendOutgoing(nil, shard2, number2), cmp.Or(cmp.Compare(shard1, shard2), cmp.Compare(number1, number2))},
			{"parked", AppendParked(nil, id1, shard1, number1), AppendParked(nil, id2, shard2, number2), cmp.Or(runs, cmp.Compare(shard1, shard2), cmp.Compare(number1, number2))},
			{"snapshot", AppendSnapshot(nil, id1, kind1, part1), AppendSnapshot(nil, id2, kind2, part2), cmp.Or(runs, cmp.Compare(kind1, kind2), cmp.Compare(part1, part2))},
			{"notification", AppendNotification(nil, number1), AppendNotification(nil, number2), cmp.Compare(number1, number2)},
			{"name", AppendName(nil, id1), AppendName(nil, id2), runs},
			{"blob", AppendBlob(nil, id1, blob1), AppendBlob(nil, id2, blob2), cmp.Or(runs, blobs)},
			{"blob index", AppendBlobIndex(nil, blob1, id1), AppendBlobIndex(nil, blob2, id2), cmp.Or(blobs, runs)},
			{"index", AppendIndex(nil, kind1, id1, at1, id2), AppendIndex(nil, kind2, id1, at2, id2), cmp.Or(cmp.Compare(kind1, kind2), cmp.Compare(at1, at2))},
		} {
			if got := bytes.Compare(c.key1, c.key2); got != c.want {
				t.Errorf("%s: %x and %x compare as %d, want %d", c.name, c.key1, c.key2, got, c.want)
			}
			prefix := c.key1[:len(c.key1)/2]
			end := End(prefix)
			if bytes.Compare(c.key1, end) >= 0 && end != nil {
				t.Errorf("%s: %x is not before the end %x of %x", c.name, c.key1, end, prefix)
			}
			if end == nil && len(bytes.Trim(prefix, "\xff")) > 0 {
				t.Errorf("%x has no end", prefix)
			}
		}
		if got := Run(AppendHistory(nil, id1, at1)); got != id1 {
			t.Errorf("run %x, want %x", got, id1)
		}
		if subject, kind := NoteSubject(AppendNote(nil, id1, at1, kind1)); subject != at1 || kind != kind1 {
			t.Errorf("subject %d, kind %d", subject, kind)
		}
		if at, run := ForgetTime(AppendForget(nil, at1, id1)); at != at1 || run != id1 {
			t.Errorf("to be forgotten at %d, run %x", at, run)
		}
		if to, number := OutgoingNumber(AppendOutgoing(nil, shard1, number1)); to != shard1 || number != number1 {
			t.Errorf("message %d to shard %d", number, to)
		}
		if number := NotificationNumber(AppendNotification(nil, number1)); number != number1 {
			t.Errorf("notification %d", number)
		}
		if shard := ShardOf(AppendShard(nil, Sent, shard1)); shard != shard1 {
			t.Errorf("shard %d", shard)
		}
		snapshot, blob := AppendSnapshot(nil, id1, kind1, part1), AppendBlob(nil, id1, blob1)
		if slot, part := SnapshotPart(snapshot); slot != kind1 || part != part1 || Run(snapshot) != id1 {
			t.Errorf("slot %d, part %d of run %x", slot, part, Run(snapshot))
		}
		if id := BlobID(blob); id != blob1 || Run(blob) != id1 {
			t.Errorf("blob %x of run %x", id, Run(blob))
		}
		referrer := AppendBlobIndex(nil, blob1, id1)
		if id, run := BlobReferrer(referrer); id != blob1 || run != id1 || len(referrer) != BlobIndexSize || referrer[0] != BlobIndex {
			t.Errorf("blob %x is kept by run %x, in %d bytes", id, run, len(referrer))
		}
		if prefix := AppendBlobIndexPrefix(nil, blob1); !bytes.HasPrefix(referrer, prefix) {
			t.Errorf("%x does not begin with %x", referrer, prefix)
		}
		entry := AppendIndex(nil, kind1, id1, at1, id2)
		if len(entry) != IndexSize || len(entry) == BlobIndexSize {
			t.Errorf("an entry of %d bytes", len(entry))
		}
		if at, run := IndexPosition(entry); at != at1 || run != id2 {
			t.Errorf("index at %d, run %x", at, run)
		}
	})
}
