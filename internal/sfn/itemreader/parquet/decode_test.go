package parquet

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// TestClaims gives what says that there is more than there is, or more than there may be: it is
// refused, before any memory is made for it.
func TestClaims(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<40)
	text := &node{kind: format.ByteArray}
	number := &node{kind: format.Int64, length: 8}
	anything := func(int, uint32) bool { return true }
	for _, c := range []struct {
		name    string
		refused bool
	}{
		{"a list in a footer", !wellFormed(append([]byte{0x29, 0xfc}, huge...))},
		{"a text in a footer", !wellFormed(append([]byte{0x18}, huge...))},
		{"a map in a footer", !wellFormed(append([]byte{0x1b}, huge...))},
		{"structures in structures", !wellFormed(bytes.Repeat([]byte{0x1c}, 1<<20))},
		{"lists in lists", !wellFormed(bytes.Repeat([]byte{0x19}, 1<<20))},
		{"many structures", !wellFormed(append([]byte{0x19, 0xfc, 0xc0, 0x84, 0x3d}, make([]byte, 1_000_001)...))},
		{"a structure that does not end", !wellFormed([]byte{0x15})},
		{"packed values", !hybrid(append(binary.AppendUvarint(nil, 1<<40|1), 1), 1, 100, anything)},
		{"fewer than there are", !hybrid([]byte{4, 1}, 1, 100, anything)},
		{"wide values", !hybrid([]byte{4, 1}, 33, 2, anything)},
		{"a run of none", !hybrid(make([]byte, 100), 1, 2, anything)},
		{"texts", text.plain(make([]byte, 10), 1<<30) == nil},
		{"a long text", text.plain([]byte{0xff, 0xff, 0xff, 0xff, 1}, 1) == nil},
		{"numbers", number.plain(make([]byte, 10), 1<<30) == nil},
		{"deltas", nothing(deltas(append([]byte{8, 1}, huge...), 4))},
		{"large blocks", nothing(deltas(append(append([]byte{}, huge...), 1, 4, 0), 4))},
		{"texts that share all they have", text.joined([]int64{0, 1 << 20, 1 << 20}, []int64{1 << 20, 0, 1 << 25}, nil) == nil},
		{"more than the one before", text.joined([]int64{0, 5}, []int64{1, 0}, []byte("x")) == nil},
		{"less than nothing", text.joined([]int64{0, -1}, []int64{1, 2}, []byte("xyz")) == nil},
	} {
		if !c.refused {
			t.Errorf("%s: taken", c.name)
		}
	}
}

func nothing(list []int64, _ []byte) bool { return list == nil }

// TestBombs gives what becomes more than it says by decompression: nothing beyond that is kept.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 64<<20)
	var zipped, standard bytes.Buffer
	w := gzip.NewWriter(&zipped)
	z, err := zstd.NewWriter(&standard)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{w, z} {
		if _, err := to.Write([]byte(zeros)); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for codec, b := range map[format.CompressionCodec][]byte{format.Gzip: zipped.Bytes(), format.Zstd: standard.Bytes()} {
		out, err := decompress(codec, make([]byte, 0, 100), b, 100)
		if err != nil || len(out) != 100 || cap(out) != 100 {
			t.Errorf("%s: %d bytes, %v", codec, len(out), err)
		}
	}
	// Snappy says how much there is.
	if out, err := decompress(format.Snappy, make([]byte, 0, 100), binary.AppendUvarint(nil, 1<<31), 100); out != nil || err != nil {
		t.Errorf("snappy: %d bytes, %v", len(out), err)
	}
}
