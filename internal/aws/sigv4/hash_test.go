package sigv4_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"heddle/internal/aws/sigv4"
)

// TestUnsignedHash: what a request says of its body without signing it changes nothing.
// Signers of the first years send the header X-Amz-Content-Sha256 so.
func TestUnsignedHash(t *testing.T) {
	signed, presigned := signedCall(t), presignedCall(t, "X-Amz-Expires=60")
	for form, original := range map[string]string{"signed": signed, "presigned": presigned} {
		for name, said := range map[string]string{
			"true":             hashOf(`{"domain":"orders"}`),
			"of another body":  hashOf(`{"domain":"ORDERS"}`),
			"left out":         "UNSIGNED-PAYLOAD",
			"in pieces":        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
			"nothing":          "",
			"no hash":          "x",
			"said differently": hashOf("x") + "\r\nX-Amz-Content-Sha256: " + hashOf("y"),
		} {
			for _, over := range []*tls.ConnectionState{nil, {}} {
				for altered, text := range map[bool]string{false: original, true: strings.Replace(original, "orders", "ORDERS", 1)} {
					r, body := read(t, strings.Replace(text, "Content-Length", "X-Amz-Content-Sha256: "+said+"\r\nContent-Length", 1))
					r.TLS = over
					_, err := verify(r, body, at)
					if altered {
						wantKind(t, err, sigv4.Mismatch, signatureText)
					} else if err != nil {
						t.Errorf("%s, %s, TLS %t: %v", form, name, over != nil, err)
					}
				}
			}
		}
	}
}
