package listen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// pair is a certificate and its key in PEM.
type pair struct{ cert, key []byte }

// issue makes a pair for the loopback under a name, signed by a CA or by itself.
func issue(t *testing.T, name string, ca *pair) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true, IsCA: ca == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if ca != nil {
		loaded, err := tls.X509KeyPair(ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		parent, signer = loaded.Leaf, loaded.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: keyDER}),
	}
}

// write puts a pair into a folder.
func (p pair) write(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{cert: p.cert, key: p.key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// shown is the name in the certificate that a server shows.
func shown(t *testing.T, s *serving) string {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestVersionsOfTLS has clients of several ages.
func TestVersionsOfTLS(t *testing.T) {
	s := start(t, secured(t))
	for _, c := range []struct {
		version uint16
		offers  []string
		chosen  string // empty: refused
	}{
		{tls.VersionTLS10, nil, ""},
		{tls.VersionTLS11, nil, ""},
		{tls.VersionTLS12, []string{"h2", "http/1.1"}, "h2"},
		{tls.VersionTLS13, []string{"h2", "http/1.1"}, "h2"},
		{tls.VersionTLS13, []string{"http/1.1"}, "http/1.1"},
	} {
		conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{
			RootCAs: s.trust(), MinVersion: tls.VersionTLS10, MaxVersion: c.version, NextProtos: c.offers,
		})
		if err != nil {
			if c.chosen != "" || !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("%s: %v", tls.VersionName(c.version), err)
			}
			continue
		}
		conn.Close()
		if got := conn.ConnectionState(); got.NegotiatedProtocol != c.chosen || got.Version != c.version {
			t.Errorf("%s with %v: %q by %s", tls.VersionName(c.version), c.offers, got.NegotiatedProtocol, tls.VersionName(got.Version))
		}
	}
}

// TestSelfSigned starts a server twice on the same folder: its clients trust it
// under each of its names, and go on to do so.
func TestSelfSigned(t *testing.T) {
	cfg := secured(t)
	cfg.TLS.CADir = filepath.Join(t.TempDir(), "data", "tls")
	s := start(t, cfg)
	trust := s.trust()
	hostName, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*serving{s, start(t, cfg)} {
		for _, name := range []string{"localhost", "127.0.0.1", "::1", hostName} {
			conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: trust, ServerName: name})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			conn.Close()
		}
		if _, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: trust, ServerName: "example.com"}); err == nil {
			t.Error("the certificate is good for example.com")
		}
	}
	if info, err := os.Stat(caKeyFile(cfg.TLS.CADir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key of the CA: %v, %v", info.Mode(), err)
	}
}

// TestSelfSignedNames: a self-signed certificate is good for what the server
// listens on, be it a name or an address.
func TestSelfSignedNames(t *testing.T) {
	for _, host := range []string{"192.0.2.7", "2001:db8::7", "heddle.example", "localhost", "127.0.0.1"} {
		made, err := selfSigned(t.TempDir(), net.JoinHostPort(host, "7777"), []string{"*.flow.test", "192.0.2.9"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{host, "localhost", "127.0.0.1", "::1", "a.flow.test", "192.0.2.9"} {
			if err := made.Leaf.VerifyHostname(name); err != nil {
				t.Errorf("listens on %s: %v", host, err)
			}
		}
	}
}

// TestPrivate: only the loopback needs no TLS; nobody else is trusted to listen in.
func TestPrivate(t *testing.T) {
	for address, private := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true,
		"0.0.0.0": false, "::": false, "10.0.0.1": false, "192.168.0.1": false, "fd00::1": false, "203.0.113.1": false,
	} {
		secure := func(change func(*Config)) error {
			cfg := plain()
			cfg.Address, cfg.TLS.CADir = address, t.TempDir()
			change(&cfg)
			return (&Door{cfg: cfg}).secure(&net.TCPAddr{IP: net.ParseIP(address), Port: 7777})
		}
		if err := secure(func(*Config) {}); (err == nil) != private {
			t.Errorf("in the clear on %s: %v", address, err)
		}
		if err := secure(func(c *Config) { c.TLS.Insecure = true }); err != nil {
			t.Errorf("as the operator wants on %s: %v", address, err)
		}
		if err := secure(func(c *Config) { c.TLS.SelfSigned = true }); err != nil {
			t.Errorf("with TLS on %s: %v", address, err)
		}
		var made string
		err := secure(func(c *Config) {
			c.TLS.SelfSigned, c.Allowed = true, func(net.Addr) error { return io.ErrUnexpectedEOF }
			made = CAFile(c.TLS.CADir)
		})
		if _, there := os.Stat(made); err != io.ErrUnexpectedEOF || there == nil {
			t.Errorf("on %s, which is not allowed: %v, and a CA: %v", address, err, there)
		}
	}
}

// TestSelfSignedRefuses starts servers on folders whose CA is not in order.
func TestSelfSignedRefuses(t *testing.T) {
	for want, spoil := range map[string]func(t *testing.T, dir string) error{
		"mode 0644 lets others read it; chmod it to 0600": func(_ *testing.T, dir string) error { return os.Chmod(caKeyFile(dir), 0o644) },
		"holds no CERTIFICATE in PEM":                     func(_ *testing.T, dir string) error { return os.WriteFile(CAFile(dir), []byte("?"), 0o644) },
		"its key is another one": func(t *testing.T, dir string) error {
			return os.WriteFile(CAFile(dir), issue(t, "other", nil).cert, 0o644)
		},
	} {
		cfg := secured(t)
		start(t, cfg).stop()
		if err := spoil(t, cfg.TLS.CADir); err != nil {
			t.Fatal(err)
		}
		d, err := Open(t.Context(), cfg)
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "self-signed certificate: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestNewCertificate replaces the files of a running server in the ways in which
// that is done. A connection from before goes on.
func TestNewCertificate(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	cfg := plain()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	link := filepath.Join(dir, "now")
	issue(t, "first", nil).write(t, filepath.Join(dir, "1"))
	if err := os.Symlink("1", link); err != nil {
		t.Fatal(err)
	}
	cfg.TLS.Cert, cfg.TLS.Key = filepath.Join(link, "tls.crt"), filepath.Join(link, "tls.key")
	s := start(t, cfg)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, step := range []struct {
		how, want, logged string
		do                func() error
	}{
		{"nothing", "first", "", func() error { return nil }},
		{"written over", "second", "new TLS files are in use", func() error {
			issue(t, "second", nil).write(t, link)
			return nil
		}},
		{"half of a pair", "second", "the new TLS files can't be used; the server goes on with the old ones", func() error {
			return os.WriteFile(cfg.TLS.Cert, issue(t, "third", nil).cert, 0o600)
		}},
		{"still half", "second", "", func() error { return nil }},
		{"key is gone", "second", "no such file", func() error { return os.Remove(cfg.TLS.Key) }},
		{"renamed into place", "fourth", "new TLS files are in use", func() error {
			cert, key := issue(t, "fourth", nil).write(t, filepath.Join(dir, "new"))
			if err := os.Rename(cert, cfg.TLS.Cert); err != nil {
				return err
			}
			return os.Rename(key, cfg.TLS.Key)
		}},
		{"folder swapped by a link", "fifth", "new TLS files are in use", func() error {
			issue(t, "fifth", nil).write(t, filepath.Join(dir, "2"))
			if err := os.Symlink("2", link+"-new"); err != nil {
				return err
			}
			return os.Rename(link+"-new", link)
		}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.how, err)
		}
		log.Reset()
		if got := shown(t, s); got != step.want {
			t.Errorf("%s: the server shows %q, want %q", step.how, got, step.want)
		}
		s.certificates.mu.Lock() // what is logged is logged under it
		if got := log.String(); (got != "") != (step.logged != "") || !strings.Contains(got, step.logged) {
			t.Errorf("%s: logged %q, want %q", step.how, got, step.logged)
		}
		s.certificates.mu.Unlock()
		w, err := client.Get(s.URL() + "/")
		if err != nil {
			t.Fatalf("%s: %v", step.how, err)
		}
		w.Body.Close()
	}
}

// TestClientCertificates has clients with the right certificate, with another, and
// with none; then the CA is replaced.
func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	old, next := issue(t, "old CA", nil), issue(t, "next CA", nil)
	cfg := secured(t)
	cfg.TLS.ClientCA = filepath.Join(dir, "clients.pem")
	trust := func(ca pair) {
		if err := os.WriteFile(cfg.TLS.ClientCA, ca.cert, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust(old)
	s := start(t, cfg)
	connects := func(p *pair) bool {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.trust()}, DisableKeepAlives: true}
		if p != nil {
			loaded, err := tls.X509KeyPair(p.cert, p.key)
			if err != nil {
				t.Fatal(err)
			}
			transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &loaded, nil }
		}
		w, err := (&http.Client{Transport: transport}).Get(s.URL() + "/")
		if err == nil {
			w.Body.Close()
		}
		return err == nil
	}
	ofOld, ofNext := issue(t, "worker", &old), issue(t, "worker", &next)
	got := []bool{connects(&ofOld), connects(&ofNext), connects(nil)}
	trust(next)
	got = append(got, connects(&ofOld), connects(&ofNext))
	if want := []bool{true, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("connected: %v, want %v", got, want)
	}
}

// TestRefusedTLS opens ports that must not be opened.
func TestRefusedTLS(t *testing.T) {
	cert, key := issue(t, "a", nil).write(t, t.TempDir())
	_, other := issue(t, "b", nil).write(t, t.TempDir())
	for want, files := range map[string]TLS{
		`tls: certificate "` + cert + `" with key "` + other + `": tls: private key does not match public key`: {Cert: cert, Key: other},
		`tls: client CA "` + key + `": it holds no certificate in PEM`:                                         {Cert: cert, Key: key, ClientCA: key},
		"tls: open " + key + "-: no such file or directory":                                                    {Cert: cert, Key: key + "-"},
	} {
		cfg := plain()
		cfg.TLS = files
		d, err := Open(t.Context(), cfg)
		if err == nil {
			d.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	for want, files := range map[string]TLS{
		"": {}, "give both": {Cert: cert}, "go together": {Key: key}, "either": {Cert: cert, Key: key, SelfSigned: true}, "need TLS": {ClientCA: cert},
	} {
		if err := files.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", files, err, want)
		}
	}
}

// TestPortInUse: who has a port is named, where the system tells.
func TestPortInUse(t *testing.T) {
	first, err := Open(t.Context(), plain())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	cfg := plain()
	cfg.Address = first.Addr().String()
	second, err := Open(t.Context(), cfg)
	if err == nil {
		_ = second.Close()
		t.Fatal("two have one port")
	}
	want := "another process has the port"
	if runtime.GOOS == "linux" {
		want = fmt.Sprintf("process %d (", os.Getpid())
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "give another by --listen") {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestNamesOfACertificate that is not made are refused, and what is no name.
func TestNamesOfACertificate(t *testing.T) {
	for want, c := range map[string]TLS{
		"they go with --tls-self-signed": {Names: []string{"a.test"}, Cert: "c", Key: "k"},
		"want names such as":             {Names: []string{"https://a.test"}, SelfSigned: true},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
