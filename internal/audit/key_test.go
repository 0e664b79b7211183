package audit

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkSeal is what sealing costs the files: once in 5 ms, however many
// records there are.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{1 << 10, chunkMax} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			lines, m := make([]byte, size), new(room)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				testKey.seal(m, place{"audit-20260301T120000.000Z.sealed", 1 << 20}, m.pack(lines))
			}
		})
	}
}

// TestEveryBitOfALineCounts, in base64 with and without padding.
func TestEveryBitOfALineCounts(t *testing.T) {
	for size := range 3 {
		want, m := bytes.Repeat([]byte{'x'}, size), new(room)
		packed := m.pack(want)
		line := bytes.TrimSuffix(testKey.seal(m, place{"name", 7}, packed), []byte{'\n'})
		if len(line)+1 != sealedLen(len(packed)) {
			t.Errorf("%d bytes, want %d", len(line)+1, sealedLen(len(packed)))
		}
		if got, offset, err := testKey.open("name", line); !bytes.Equal(got, want) || offset != 7 || err != nil {
			t.Errorf("%q, %d, %v", got, offset, err)
		}
		for bit := range 8 * len(line) {
			line[bit/8] ^= 1 << (bit % 8)
			if _, _, err := testKey.open("name", line); err == nil {
				t.Errorf("bit %d does not count", bit)
			}
			line[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestLinesHaveKeysOfTheirOwn: else the one nonce would come twice under a key.
func TestLinesHaveKeysOfTheirOwn(t *testing.T) {
	salts, m := map[string]bool{}, new(room)
	for range 100 {
		testKey.seal(m, place{"name", 7}, m.pack([]byte("{}\n")))
		salts[string(m.raw[1:1+saltLen])] = true
	}
	if len(salts) != 100 {
		t.Errorf("%d salts", len(salts))
	}
	a, b := new(room), new(room)
	testKey.seal(a, place{"name", 7}, a.pack(make([]byte, 64)))
	testKey.seal(b, place{"name", 7}, b.pack(make([]byte, 64)))
	if bytes.Equal(a.raw[lineHeadLen:], b.raw[lineHeadLen:]) {
		t.Error("the salt changes nothing")
	}
}
