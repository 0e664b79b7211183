package authn

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// RequireLoopback refuses an address of a listener that others can reach.
func RequireLoopback(listening net.Addr) error {
	if tcp, ok := listening.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return nil
	}
	return fmt.Errorf("authentication is off and %q is not a loopback address; listen on 127.0.0.1, or let requests be signed", listening)
}

// LoopbackHost refuses requests whose Host is not a name of the loopback: a page
// from elsewhere, for which a browser took this machine's address (DNS rebinding),
// has its own. Signatures cover Host; this is for when there are none.
func LoopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLoopbackHost(r.Host) {
			http.Error(w, "without authentication, only requests to localhost are answered", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// CrossSite tells whether a browser may have sent a request because a page from
// elsewhere told it to: pages can have forms posted to this machine, and its images
// shown, without being asked first. Browsers say where a request comes from; of images
// and links, old ones do not. Programs say nothing of the kind.
func CrossSite(r *http.Request) bool {
	site, origins := r.Header.Get("Sec-Fetch-Site"), r.Header.Values("Origin")
	for _, origin := range origins {
		if from, err := url.Parse(origin); err != nil || from.Host != r.Host {
			return true
		}
	}
	if site != "" {
		return site != "same-origin"
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return !byProgram(r.Header)
	}
	return false
}

// byProgram tells whether a request has headers that AWS's SDKs send, signed or not. A page
// can send them only where it was given leave before (CORS).
func byProgram(h http.Header) bool {
	for name := range h {
		if name == "Authorization" || strings.HasPrefix(name, "X-Amz-") || strings.HasPrefix(name, "Amz-Sdk-") {
			return true
		}
	}
	return false
}

// syncPrefix is what AWS's SDKs put before the host for some actions of Step Functions,
// whatever the endpoint is. No public name begins with it and ends as one of the loopback.
const syncPrefix = "sync-"

// IsLoopbackHost tells whether the Host of a request is a name or an address of the loopback.
func IsLoopbackHost(host string) bool {
	host = strings.TrimPrefix(host, syncPrefix)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]") // no port
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().IsLoopback()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
