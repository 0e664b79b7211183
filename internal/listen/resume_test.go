package listen

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestResumedSessions has clients that resume their TLS sessions, which shows no
// certificate anew: when the CA of the clients is replaced, or asked for, a session
// from before lets nobody in.
func TestResumedSessions(t *testing.T) {
	old, next := issue(t, "old CA", nil), issue(t, "next CA", nil)
	ofOld, ofNext := issue(t, "worker", &old), issue(t, "worker", &next)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := secured(t)
		cfg.TLS.ClientCA = filepath.Join(t.TempDir(), "clients.pem")
		trust := func(cas ...pair) {
			t.Helper()
			var text []byte
			for _, ca := range cas {
				text = append(text, ca.cert...)
			}
			if err := os.WriteFile(cfg.TLS.ClientCA, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		trust(old)
		s := start(t, cfg)
		client := func(p pair) *tls.Config {
			loaded, err := tls.X509KeyPair(p.cert, p.key)
			if err != nil {
				t.Fatal(err)
			}
			return &tls.Config{
				RootCAs: s.trust(), MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &loaded, nil },
			}
		}
		get := func(config *tls.Config) (let, resumed bool) {
			c := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			w, err := c.Get(s.URL() + "/")
			if err != nil {
				return false, false
			}
			_, _ = io.Copy(io.Discard, w.Body)
			w.Body.Close()
			return true, w.TLS.DidResume
		}
		worker := client(ofOld)
		for _, step := range []struct {
			name                 string
			cas                  []pair
			config               *tls.Config
			wantLet, wantResumed bool
		}{
			{"new", []pair{old}, worker, true, false},
			{"again", []pair{old}, worker, true, true},
			{"with another CA beside", []pair{old, next}, worker, true, true},
			{"when its CA has gone", []pair{next}, worker, false, false},
			{"by the other CA", []pair{next}, client(ofNext), true, false},
		} {
			trust(step.cas...)
			if let, resumed := get(step.config); let != step.wantLet || resumed != step.wantResumed {
				t.Errorf("%s, %s: let in %v, resumed %v", tls.VersionName(version), step.name, let, resumed)
			}
		}
	}
}
