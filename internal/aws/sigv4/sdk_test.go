package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/sigv4"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var at = time.Date(2026, 5, 17, 10, 20, 30, 0, time.UTC)

// sdkRequest is a call as the SDK for Go makes it, not yet signed.
func sdkRequest(t testing.TB, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "SimpleWorkflowService.PollForDecisionTask")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7")
	r.Header.Set("Amz-Sdk-Invocation-Id", "96f90ab1-4f6b-4ab9-b7e7-b94bd4b3e8d4")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	return r
}

func hashOf(body string) string {
	digest := sha256.Sum256([]byte(body))
	return hex.EncodeToString(digest[:])
}

func sign(t testing.TB, r *http.Request, token, payload string) {
	t.Helper()
	credentials := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, payload, "swf", "eu-west-1", at); err != nil {
		t.Fatal(err)
	}
}

// presign is r with its signature in the query.
func presign(t testing.TB, r *http.Request, token, payload string) *http.Request {
	t.Helper()
	credentials := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
	address, header, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true }).
		PresignHTTP(t.Context(), credentials, r, payload, "swf", "eu-west-1", at)
	if err != nil {
		t.Fatal(err)
	}
	if r.URL, err = url.Parse(address); err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

// wire is the request as it goes over a connection.
func wire(t testing.TB, r *http.Request) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSDK sends requests that the SDK for Go has signed, by HTTP 1.1 and 2.
func TestSDK(t *testing.T) {
	const body = `{"domain":"größe"}`
	for _, c := range []struct {
		name string
		make func(t *testing.T, host string) *http.Request
	}{
		{"header", func(t *testing.T, host string) *http.Request {
			r := sdkRequest(t, host, body)
			sign(t, r, "", hashOf(body))
			return r
		}},
		{"session", func(t *testing.T, host string) *http.Request {
			r := sdkRequest(t, host, body)
			sign(t, r, "FwoG/+=token", hashOf(body))
			return r
		}},
		{"payload hash", func(t *testing.T, host string) *http.Request {
			r := sdkRequest(t, host, body)
			r.Header.Set("X-Amz-Content-Sha256", hashOf(body))
			sign(t, r, "", hashOf(body))
			return r
		}},
		{"path and query", func(t *testing.T, host string) *http.Request {
			r := sdkRequest(t, host+"/a%20b/c%2Fd/ü/%25?x=1&X=a+b&x=%2F&y", body)
			sign(t, r, "", hashOf(body))
			return r
		}},
		{"presigned", func(t *testing.T, host string) *http.Request {
			r := sdkRequest(t, host+"/?q=a+b%2Fc", body)
			return presign(t, r, "FwoG/+=token", hashOf(body))
		}},
		{"presigned for a while", func(t *testing.T, host string) *http.Request {
			return presign(t, sdkRequest(t, host+"/?X-Amz-Expires=30", body), "", hashOf(body))
		}},
	} {
		for _, http2 := range []bool{false, true} {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				content, err := io.ReadAll(r.Body)
				if err != nil || string(content) != body || r.ProtoAtLeast(2, 0) != http2 {
					t.Errorf("%s: %s with %q, %v", c.name, r.Proto, content, err)
				}
				s, err := verify(r, sha256.Sum256(content), at)
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				} else if s.KeyID != keyID || s.Scope != (sigv4.Scope{Date: "20260517", Region: "eu-west-1", Service: "swf"}) {
					t.Errorf("%s: %q, %+v", c.name, s.KeyID, s.Scope)
				}
			}))
			server.EnableHTTP2 = http2
			if http2 {
				server.StartTLS()
			} else {
				server.Start()
			}
			response, err := server.Client().Do(c.make(t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			server.Close()
		}
	}
}
