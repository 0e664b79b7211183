package keys

import (
	"bytes"
	"cmp"
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
		if shard := ShardOf(AppendShard(nil, Sent, shard1)); shard != shard1 {
			t.Errorf("shard %d", shard)
		}
		if at, run := IndexPosition(AppendIndex(nil, kind1, id1, at1, id2)); at != at1 || run != id2 {
			t.Errorf("index at %d, run %x", at, run)
		}
	})
}
