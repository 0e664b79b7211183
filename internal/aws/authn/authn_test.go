package authn_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "heddle/internal/aws/authn"
	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	account = "123456789012"
	body    = `{"domain":"orders"}`
)

var (
	at   = time.Date(2026, 5, 17, 10, 20, 30, 0, time.UTC)
	root = credentials.Credential{KeyID: "AKIAROOT", Secret: "root secret", Account: account}
	role = credentials.Credential{
		KeyID: "ASIAROLE", Secret: "role secret", Account: "210987654321",
		Token: "FwoG/token", Expires: at.Add(10 * time.Minute),
	}
	stranger = credentials.Credential{KeyID: "AKIASTRANGER", Secret: "x"}
)

// house is an authenticator with its keys and its clock.
type house struct {
	*Authenticator[*credentials.Credential]
	keys     keys
	now      time.Time
	services []string // that requests of TestRefused must be for
}

var swf = []string{"swf"}

// digested is a body.
type digested []byte

func (b digested) Digest() [sha256.Size]byte { return sha256.Sum256(b) }

// keys are credentials by key id.
type keys map[string]*credentials.Credential

var errStuck = errors.New("the drawer is stuck")

func (k keys) Lookup(_ context.Context, keyID, _ string) (*credentials.Credential, error) {
	c, known := k[keyID]
	switch {
	case !known:
		return nil, credentials.ErrUnknown
	case c == nil:
		return nil, errStuck
	}
	return c, nil
}

func newHouse() *house {
	h := &house{keys: keys{root.KeyID: &root, role.KeyID: &role}, now: at, services: swf}
	h.Authenticator = New(Config[*credentials.Credential]{Keys: h.keys, Now: func() time.Time { return h.now }})
	return h
}

// signed is a request as a server gets it, signed by the SDK for Go.
func signed(t testing.TB, c credentials.Credential, payload string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Host = "127.0.0.1:7930"
	r.Header.Set("Content-Length", "19")
	r.Header.Set("X-Amz-Target", "SimpleWorkflowService.ListDomains")
	if payload == "" {
		digest := sha256.Sum256([]byte(body))
		payload = hex.EncodeToString(digest[:])
	} else {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	key := aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: string(c.Secret), SessionToken: string(c.Token)}
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, payload, "swf", "eu-west-1", at); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHolder(t *testing.T) {
	h := newHouse()
	for _, c := range []struct {
		r    *http.Request
		body string
		want *credentials.Credential
	}{
		{signed(t, root, ""), body, &root},
		{overTLS(signed(t, root, "UNSIGNED-PAYLOAD")), "any", &root},
		{signed(t, role, ""), body, &role},
	} {
		for range 2 { // the second time with a remembered key
			got, scope, err := h.Identify(c.r, swf, digested(c.body))
			if err != nil || got != c.want || scope.Region != "eu-west-1" || scope.Service != "swf" {
				t.Errorf("got %+v, %+v, %v, want %+v", got, scope, err, c.want)
			}
		}
	}
}

func overTLS(r *http.Request) *http.Request {
	r.TLS = &tls.ConnectionState{}
	return r
}

func TestKeysThatCantBeRead(t *testing.T) {
	h := newHouse()
	h.keys[root.KeyID] = nil
	if got, _, err := h.Identify(signed(t, root, ""), swf, digested(body)); err != errStuck || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	const mismatchText = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	const invalidText = "The security token included in the request is invalid."
	with := func(c credentials.Credential, change func(c *credentials.Credential)) credentials.Credential {
		change(&c)
		return c
	}
	for _, c := range []struct {
		name       string
		r          *http.Request
		change     func(h *house, r *http.Request)
		code, text string
		query      string
		status     int
	}{
		{"no signature", signed(t, root, ""), func(_ *house, r *http.Request) { r.Header.Del("Authorization") },
			"MissingAuthenticationTokenException", "Request is missing Authentication Token", "MissingAuthenticationToken", 403},
		{"half a signature", signed(t, root, ""), func(_ *house, r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAROOT") },
			"IncompleteSignatureException", "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
				"(Hashed with SHA-256 and encoded with Base64) Authorization=/AYNdZJmrfsnBhL+uQvbK8KvYRFNF3eiR/lefeM8uJE=", "IncompleteSignature", 400},
		{"wrong secret", signed(t, with(root, func(c *credentials.Credential) { c.Secret = "guess" }), ""), nil,
			"InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"unknown key", signed(t, stranger, ""), nil,
			"UnrecognizedClientException", invalidText, "InvalidClientTokenId", 403},
		{"key removed", signed(t, root, ""), func(h *house, _ *http.Request) { delete(h.keys, root.KeyID) },
			"UnrecognizedClientException", invalidText, "InvalidClientTokenId", 403},
		{"secret replaced", signed(t, root, ""), func(h *house, _ *http.Request) {
			replaced := with(root, func(c *credentials.Credential) { c.Secret = "another" })
			h.keys[root.KeyID] = &replaced
		}, "InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"stale date", signed(t, root, ""), func(h *house, _ *http.Request) { h.now = at.Add(16 * time.Minute) },
			"InvalidSignatureException", "Signature expired: 20260517T102030Z is now earlier than 20260517T102130Z (20260517T103630Z - 15 min.)", "SignatureDoesNotMatch", 403},
		{"date to come", signed(t, root, ""), func(h *house, _ *http.Request) { h.now = at.Add(-16 * time.Minute) },
			"InvalidSignatureException", "Signature not yet current: 20260517T102030Z is still later than 20260517T101930Z (20260517T100430Z + 15 min.)", "SignatureDoesNotMatch", 403},
		{"altered header", signed(t, root, ""), func(_ *house, r *http.Request) {
			r.Header.Set("X-Amz-Target", "SimpleWorkflowService.TerminateWorkflowExecution")
		}, "InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"altered body", signed(t, root, ""), func(_ *house, r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"domain":"ORDERS"}`)) },
			"InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"body left out without TLS", signed(t, root, "UNSIGNED-PAYLOAD"), nil,
			"InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"body in pieces", signed(t, root, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), nil,
			"InvalidSignatureException", mismatchText, "SignatureDoesNotMatch", 403},
		{"another service", signed(t, root, ""), func(h *house, _ *http.Request) { h.services = []string{"states"} },
			"InvalidSignatureException", "Credential should be scoped to correct service: 'states'.", "SignatureDoesNotMatch", 403},
		{"session without token", signed(t, with(role, func(c *credentials.Credential) { c.Token = "" }), ""), nil,
			"UnrecognizedClientException", invalidText, "InvalidClientTokenId", 403},
		{"session with another token", signed(t, with(role, func(c *credentials.Credential) { c.Token = "FwoG/another" }), ""), nil,
			"UnrecognizedClientException", invalidText, "InvalidClientTokenId", 403},
		{"token with a key for good", signed(t, with(root, func(c *credentials.Credential) { c.Token = "FwoG/token" }), ""), nil,
			"UnrecognizedClientException", invalidText, "InvalidClientTokenId", 403},
		{"session over", signed(t, role, ""), func(h *house, _ *http.Request) { h.now = role.Expires },
			"ExpiredTokenException", "The security token included in the request is expired", "ExpiredToken", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse()
			if c.change != nil {
				// First without the change, so that its key is remembered.
				if _, _, err := h.Identify(c.r, swf, digested(body)); err != nil {
					t.Fatal(err)
				}
				c.change(h, c.r)
			}
			content, err := io.ReadAll(c.r.Body)
			if err != nil {
				t.Fatal(err)
			}
			holder, _, err := h.Identify(c.r, h.services, digested(content))
			refusal, ok := err.(*fault.Fault)
			if !ok || holder != nil || refusal.Message != c.text {
				t.Fatalf("got %+v, %v", holder, err)
			}
			json, query := *refusal, *refusal
			awsjson.New().Spell(&json)
			awsquery.New().Spell(&query)
			if json.Code != "com.amazon.coral.service#"+c.code || json.Status != 0 || json.Message != c.text {
				t.Errorf("JSON: got %+v", json)
			}
			if status := cmp.Or(query.Status, 400); query.Code != c.query || status != c.status || query.Message != c.text {
				t.Errorf("query: got %+v", query)
			}
		})
	}
}

func TestRequireLoopback(t *testing.T) {
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "::ffff:127.0.0.1": true,
		"0.0.0.0": false, "::": false, "192.168.1.5": false, "fe80::1": false,
	} {
		if err := RequireLoopback(&net.TCPAddr{IP: net.ParseIP(ip), Port: 7930}); (err == nil) != want {
			t.Errorf("%s: %v", ip, err)
		}
	}
	if RequireLoopback(&net.UDPAddr{IP: net.IPv6loopback}) == nil {
		t.Error("an address of another kind")
	}
}

func TestLoopbackHost(t *testing.T) {
	served := LoopbackHost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"127.0.0.1:7930": 200, "127.0.0.1": 200, "localhost:7930": 200, "LocalHost": 200, "localhost.": 200, "[::1]:7930": 200, "[::1]": 200,
		"swf.localhost:7930": 200, "sync-localhost:7930": 200, "sync-127.0.0.1:7930": 200, "sync-[::1]": 200,
		"sync-evil.example": 403, "sync-10.0.0.1:7930": 403, "sync-sync-localhost": 403, "sync-": 403, "sync-localhost.evil.example": 403,
		"evil.example:7930": 403, "localhost.evil.example": 403, "evil-localhost": 403, "127.0.0.1.evil.example": 403, "10.0.0.1:7930": 403, "": 403, "0.0.0.0:7930": 403,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: got %d, want %d", host, w.Code, want)
		}
	}
}

func TestCrossSite(t *testing.T) {
	for _, c := range []struct {
		method       string
		site, origin string
		want         bool
	}{
		{"POST", "", "", false}, // a program
		{"PATCH", "", "", false},
		{"DELETE", "", "", false},
		{"PATCH", "", "https://evil.example", true},
		{"PATCH", "cross-site", "", true},
		{"POST", "same-origin", "http://127.0.0.1:7930", false},
		{"GET", "same-origin", "", false},
		{"POST", "", "http://127.0.0.1:7930", false},
		{"POST", "cross-site", "https://evil.example", true},
		{"POST", "", "https://evil.example", true},
		{"POST", "same-origin", "https://evil.example", true},
		{"POST", "", "null", true}, // a file, or a frame in a sandbox
		{"POST", "", "http://127.0.0.1:3000", true},
		{"POST", "", "http://127.0.0.1:7930.evil.example", true},
		{"POST", "", "http://127.0.0.1:7930@evil.example", true},
		{"POST", "", "%", true},
		{"POST", "same-site", "", true},
		{"POST", "none", "", true},
		{"GET", "none", "", true}, // a link in a mail
		{"GET", "cross-site", "", true},
		{"GET", "", "", true}, // an image, in an old browser
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host = "127.0.0.1:7930"
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if got := CrossSite(r); got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
	for _, header := range []string{"Authorization", "X-Amz-Date", "Amz-Sdk-Request"} { // of SDKs
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(header, "x")
		if CrossSite(r) {
			t.Errorf("GET with %s is refused", header)
		}
		r.Header.Set("Origin", "https://evil.example")
		if !CrossSite(r) {
			t.Errorf("GET with %s of a page is served", header)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	h := newHouse()
	r := signed(b, root, "")
	content := digested(body)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Identify(r, swf, content); err != nil {
			b.Fatal(err)
		}
	}
}
