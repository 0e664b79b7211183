package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/sigv4"
)

// FuzzParse has strangers sign: whatever they write, it is refused with a kind
// and a short text.
func FuzzParse(f *testing.F) {
	r, _ := read(f, signedCall(f))
	f.Add(r.Header.Get("Authorization"), "b=2&a=x%3By", r.Host, "20260517T102030Z", "FwoGtoken")
	r, _ = read(f, presignedCall(f, "X-Amz-Expires=60"))
	f.Add("", r.URL.RawQuery, r.Host, "", "")
	f.Add("AWS4-HMAC-SHA256 Credential=a/20260517/b/swf/aws4_request,SignedHeaders=host,Signature=", "&&=;%", "", "Sun, 17 May 2026 10:20:30 -0000", "")
	f.Fuzz(func(t *testing.T, authorization, query, host, date, token string) {
		r := &http.Request{Method: "POST", URL: &url.URL{Path: "/", RawQuery: query}, Host: host, Header: http.Header{}}
		for key, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Security-Token": token} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		s, err := sigv4.Parse(r, services)
		if err == nil {
			err = s.Verify([sha256.Size]byte{}, sigv4.DeriveKey("nobody knows it", s.Scope), at)
		}
		refusal, ok := errors.AsType[*sigv4.Error](err)
		if !ok || refusal.Kind == 0 || refusal.Message == "" || len(refusal.Message) > 1024 {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzAltered has somebody alter signed requests on their way: what is accepted
// after all means what was signed.
func FuzzAltered(f *testing.F) {
	signed := map[string]bool{}
	b, _ := readBotocore(f)
	calls := []string{signedCall(f), presignedCall(f, ""), presignedCall(f, "X-Amz-Expires=60")}
	for _, v := range b.Vectors {
		calls = append(calls, v.Request)
	}
	for _, call := range calls {
		f.Add(call)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(call)))
		if err != nil {
			f.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.Fatal(err)
		}
		signed[meaning(r, body)] = true
	}
	f.Fuzz(func(t *testing.T, altered string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(altered)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			return
		}
		s, err := verify(r, sha256.Sum256(body), at)
		if err == nil && s.KeyID == keyID && !signed[meaning(r, body)] {
			t.Errorf("accepted %q", altered)
		}
	})
}

// meaning is what a server could act on.
func meaning(r *http.Request, body []byte) string {
	query := r.URL.Query()
	for _, values := range query {
		slices.Sort(values) // their order is not signed
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s ?%s %q", r.Method, r.Host, path.Clean(r.URL.EscapedPath()), query.Encode(), body)
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		if strings.HasPrefix(key, "X-Amz-") {
			fmt.Fprintf(&b, " %s:%s", key, strings.Join(strings.Fields(strings.Join(r.Header[key], ",")), " "))
		}
	}
	return b.String()
}

// FuzzSDK has the SDK for Go sign odd requests, which must be accepted.
func FuzzSDK(f *testing.F) {
	f.Add("a b/c~", "k", "v w", "k", "", "x  y", "token", "{}", false)
	f.Add("漢/%2F+", "a-b", "a/b", "a", "%&=;", " q", "", "", true)
	f.Fuzz(func(t *testing.T, file, key1, value1, key2, value2, header, token, body string, inQuery bool) {
		address := &url.URL{Scheme: "http", Host: "127.0.0.1:7930", Path: "/" + file}
		query := url.Values{}
		for key, value := range map[string]string{key1: value1, key2: value2} {
			if !strings.HasPrefix(key, "X-Amz-") {
				query.Add(key, value)
			}
		}
		address.RawQuery = query.Encode()
		// The SDK signs a path with dots as it is, which AWS refuses as we do.
		if path.Clean(address.Path) != strings.TrimSuffix(address.Path, "/") && address.Path != "/" {
			return
		}
		for _, s := range []string{header, token} {
			if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) || strings.TrimSpace(s) != s {
				return // HTTP does not carry it unchanged
			}
		}
		r := sdkRequest(t, address.String(), body)
		r.Header.Set("X-Odd", header)
		if inQuery {
			r = presign(t, r, token, hashOf(body))
		} else {
			sign(t, r, token, hashOf(body))
		}
		received, content := read(t, wire(t, r))
		s, err := verify(received, content, at)
		if err != nil {
			t.Fatalf("%v in %s", err, wire(t, sdkRequest(t, address.String(), body)))
		}
		if s.Token != token {
			t.Errorf("token %q", s.Token)
		}
	})
}
