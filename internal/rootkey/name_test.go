package rootkey

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math/bits"
	"strings"
	"testing"
)

// TestNameTellsNothing: names, which stand in logs and errors, have no part of their key,
// and keys that differ by a bit have names that are as different as any.
func TestNameTellsNothing(t *testing.T) {
	secret := bytes.Repeat([]byte{0xa5, 0x5a, 0x3c, 0xc3}, keyBytes/4)
	nameOf := func(secret []byte) []byte {
		t.Helper()
		name := mustParse(t, base64.StdEncoding.EncodeToString(secret)).Name()
		for _, text := range []string{hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret)} {
			for i := range len(text) - 6 {
				if strings.Contains(name, text[i:i+6]) {
					t.Errorf("the name %q has %q of the key", name, text[i:i+6])
				}
			}
		}
		b, err := hex.DecodeString(name)
		if err != nil || len(b) != 8 {
			t.Fatalf("name %q: %v", name, err)
		}
		return b
	}
	first := nameOf(secret)
	changed := 0
	for i := range keyBytes * 8 {
		other := bytes.Clone(secret)
		other[i/8] ^= 1 << (i % 8)
		differ := 0
		for at, b := range nameOf(other) {
			differ += bits.OnesCount8(b ^ first[at])
		}
		if differ < 8 {
			t.Errorf("bit %d of the key changes %d bits of the name", i, differ)
		}
		changed += differ
	}
	// A half of 64 bits, 256 times: more than 5 standard deviations from it are a pattern.
	if changed < 256*32-5*64 || changed > 256*32+5*64 {
		t.Errorf("%d of %d bits of names changed", changed, 256*64)
	}
}
