package listen

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// TestLongHeads sends heads of about 64 KiB by HTTP/1.1 and HTTP/2: none is taken that is
// longer, and all but the last KiBs may be used.
func TestLongHeads(t *testing.T) {
	s := start(t, secured(t))
	for _, protocol := range []string{"http/1.1", "h2"} {
		transport := &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: s.trust(), NextProtos: []string{protocol}},
			DisableKeepAlives: true, ForceAttemptHTTP2: protocol == "h2",
		}
		for _, c := range []struct {
			length, headers int
			taken           bool
		}{
			{50 << 10, 1, true}, {50 << 10, 50, true}, {59 << 10, 1, true},
			{64 << 10, 1, false}, {64 << 10, 64, false}, {600 << 10, 1, false},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			for range c.headers {
				r.Header.Add("X-Long", strings.Repeat("x", c.length/c.headers))
			}
			w, err := (&http.Client{Transport: transport}).Do(r)
			taken := err == nil && w.StatusCode == http.StatusOK
			if err == nil {
				w.Body.Close()
			}
			if taken != c.taken || err == nil && !taken && w.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s, %d bytes in %d: %+v, %v", protocol, c.length, c.headers, w, err)
			}
		}
	}
}
