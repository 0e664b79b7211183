package server

import (
	"strings"
	"testing"
)

// TestProtocols calls a server in each way.
func TestProtocols(t *testing.T) {
	for _, protocol := range protocols {
		s := startFor(t, protocol, memory())
		a, w := newPeer(t, s, protocol).ask(t.Context(), "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		if a.err != nil || a.body != `{"domainInfos":[]}` || !strings.HasPrefix(protocol, w.Proto) || (w.TLS != nil) != strings.HasSuffix(protocol, "TLS") {
			t.Errorf("%s: %+v by %s", protocol, a, w.Proto)
		}
	}
}

// TestRefusedTLS starts servers that must not start.
func TestRefusedTLS(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"config: a TLS certificate and its key go together: give both --tls-cert and --tls-key": func(c *Config) { c.TLS.Cert = "crt" },
		"config: give either --tls-cert or --tls-self-signed": func(c *Config) {
			c.TLS.Cert, c.TLS.Key, c.TLS.SelfSigned = "crt", "key", true
		},
		`config: client CA "ca.pem": client certificates need TLS; give --tls-cert and --tls-key, or --tls-self-signed`: func(c *Config) { c.TLS.ClientCA = "ca.pem" },
		`listen on "0.0.0.0:0": it is not a loopback address, and there is no TLS; give --tls-cert and --tls-key or --tls-self-signed, or --insecure-listen if something else protects the way to it`: func(c *Config) {
			c.Listen, c.Auth = "0.0.0.0:0", AuthSigV4
		},
	} {
		cfg := memory()
		cfg.Data = t.TempDir()
		change(&cfg)
		s, err := Start(t.Context(), cfg)
		if err == nil {
			closeServer(t, s)
		}
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.TLS.SelfSigned = true },
		func(c *Config) { c.TLS.Insecure = true },
	} {
		cfg := memory()
		cfg.Listen, cfg.Auth, cfg.Data = "0.0.0.0:0", AuthSigV4, t.TempDir()
		change(&cfg)
		start(t, cfg)
	}
}
