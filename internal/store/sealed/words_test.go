package sealed

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/storetest"
)

// TestErrorsShowNoData: the error for a value that was changed has neither what it was nor
// how it was stored, in any spelling.
func TestErrorsShowNoData(t *testing.T) {
	const plain = "planted-value-that-nobody-may-see"
	below := memstore.New(storetest.Shards)
	s := mustOpen(t, below, newRoot(t))
	acquire(t, s, 3).put("key", []byte(plain))
	raw := acquire(t, below, 3)
	stored := raw.get("key")
	for i := range len(stored) * 8 {
		flipped := bytes.Clone(stored)
		flipped[i/8] ^= 1 << (i % 8)
		raw.put("key", flipped)
		_, err := s.Get(t.Context(), []store.Place{{Shard: 3, Key: []byte("key")}})
		if err == nil {
			t.Fatalf("bit %d flipped, and it opens", i)
		}
		for _, data := range [][]byte{[]byte(plain), stored[len(stored)-len(plain):]} {
			for at := range len(data) - 6 {
				part := data[at : at+6]
				for _, text := range []string{string(part), hex.EncodeToString(part), base64.StdEncoding.EncodeToString(part)} {
					if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
						t.Fatalf("bit %d flipped: %v shows %q", i, err, text)
					}
				}
			}
		}
	}
}
