package sigv4_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"heddle/internal/aws/sigv4"
)

func TestKeyCacheKeepsOnlyTheKeysOfVerifiedRequests(t *testing.T) {
	cache := sigv4.NewKeyCache(8)
	r, body := read(t, signedCall(t))
	s, err := sigv4.Parse(r, services)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, cache.Verify(s, body, secret+"x", at), sigv4.Mismatch, signatureText)
	wantKind(t, cache.Verify(s, [sha256.Size]byte{}, secret, at), sigv4.Mismatch, signatureText)
	wantKind(t, cache.Verify(s, body, secret, at.Add(sigv4.Skew*2)), sigv4.Stale, "Signature expired")
	if cache.Len() != 0 {
		t.Errorf("%d keys", cache.Len())
	}
	for range 3 {
		if err := cache.Verify(s, body, secret, at); err != nil {
			t.Error(err)
		}
	}
	if cache.Len() != 1 {
		t.Errorf("%d keys", cache.Len())
	}
	// The key id gets another secret, and then the first one again.
	wantKind(t, cache.Verify(s, body, secret+"x", at), sigv4.Mismatch, signatureText)
	if err := cache.Verify(s, body, secret, at); err != nil {
		t.Error(err)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	const max = 8
	cache := sigv4.NewKeyCache(max)
	call := signedCall(t)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for i := range 5 * max {
				// Who signed is not itself signed, so that one signature does for all.
				r, body := read(t, strings.Replace(call, keyID, fmt.Sprintf("%s%d", keyID, i), 1))
				s, err := sigv4.Parse(r, services)
				if err != nil {
					t.Error(err)
				} else if err := cache.Verify(s, body, secret, at); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if n := cache.Len(); n == 0 || n > max {
		t.Errorf("%d keys, want at most %d", n, max)
	}
}

// TestLongScopesAreNotKept verifies what names something longer than a key id or region is:
// it is not remembered, so keys are bounded in bytes too.
func TestLongScopesAreNotKept(t *testing.T) {
	cache := sigv4.NewKeyCache(8)
	r, body := read(t, strings.Replace(signedCall(t), keyID, keyID+strings.Repeat("X", 1000), 1))
	s, err := sigv4.Parse(r, services)
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Verify(s, body, secret, at); err != nil {
		t.Fatal(err)
	}
	if cache.Len() != 0 {
		t.Errorf("%d keys are kept", cache.Len())
	}
}

func BenchmarkVerify(b *testing.B) {
	const body = `{"domain":"orders","taskList":{"name":"orders"},"identity":"worker-17","maximumPageSize":100}`
	signed := sdkRequest(b, "http://127.0.0.1:7930/", body)
	sign(b, signed, "", hashOf(body))
	r, _ := read(b, wire(b, signed))
	content := []byte(body)
	run := func(b *testing.B, cache *sigv4.KeyCache) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := sigv4.Parse(r, services)
			if err != nil {
				b.Fatal(err)
			}
			if err := cache.Verify(s, sha256.Sum256(content), secret, at); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("cached key", func(b *testing.B) { run(b, sigv4.NewKeyCache(8)) })
	b.Run("derived key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := sigv4.Parse(r, services)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Verify(sha256.Sum256(content), sigv4.DeriveKey(secret, s.Scope), at); err != nil {
				b.Fatal(err)
			}
		}
	})
}
