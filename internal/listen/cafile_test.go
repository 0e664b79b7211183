package listen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"
)

// TestCAFileIsPublic: what clients are given is certificates alone, and nothing of the
// key beside them, which nobody else may read.
func TestCAFileIsPublic(t *testing.T) {
	cfg := secured(t)
	start(t, cfg)
	public, err := os.ReadFile(CAFile(cfg.TLS.CADir))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(caKeyFile(cfg.TLS.CADir))
	if err != nil {
		t.Fatal(err)
	}
	keyBlock, _ := pem.Decode(secret)
	if keyBlock == nil || keyBlock.Type != pemKey {
		t.Fatalf("the key is %+v", keyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := parsed.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for rest := public; ; blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(bytes.TrimSpace(rest)) > 0 {
				t.Errorf("after its certificates it has %q", rest)
			}
			break
		}
		if block.Type != pemCertificate || len(block.Headers) > 0 {
			t.Errorf("it has a %s with %v", block.Type, block.Headers)
		}
		for i := range scalar[8:] {
			if bytes.Contains(block.Bytes, scalar[i:i+8]) {
				t.Errorf("it has bytes %d to %d of the private key", i, i+8)
			}
		}
	}
	if blocks != 1 {
		t.Errorf("it has %d certificates", blocks)
	}
}
