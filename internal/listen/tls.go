package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// TLS says how the port is protected. The zero value is plain HTTP.
type TLS struct {
	Cert       string   `name:"tls-cert" type:"path" env:"HEDDLE_TLS_CERT" placeholder:"FILE" group:"TLS" help:"Certificate, and those between it and its CA, in PEM. Read again when it changes."`
	Key        string   `name:"tls-key" type:"path" env:"HEDDLE_TLS_KEY" placeholder:"FILE" group:"TLS" help:"Its key, in PEM."`
	SelfSigned bool     `name:"tls-self-signed" env:"HEDDLE_TLS_SELF_SIGNED" group:"TLS" help:"Make a CA in DATA/tls, and a certificate by it for localhost, this host's name, the address of --listen and --tls-name. Clients must trust DATA/tls/ca.pem."`
	Names      []string `name:"tls-name" env:"HEDDLE_TLS_NAME" placeholder:"NAME,..." group:"TLS" help:"Further names and addresses for the certificate of --tls-self-signed, by which clients reach this machine."`
	ClientCA   string   `name:"tls-client-ca" type:"path" env:"HEDDLE_TLS_CLIENT_CA" placeholder:"FILE" group:"TLS" help:"Only clients with a certificate by one of these CAs, in PEM, may connect. Read again when it changes."`
	Insecure   bool     `name:"insecure-listen" env:"HEDDLE_INSECURE_LISTEN" group:"TLS" help:"Serve plain HTTP on an address that others can reach. Only behind something that protects the way, such as a proxy with TLS."`
	CADir      string   `kong:"-"` // where the CA of a self-signed certificate is kept; see CAFile
}

// On tells whether there is TLS.
func (t *TLS) On() bool { return t.Cert != "" || t.SelfSigned }

// Check tells what does not go together.
func (t *TLS) Check() error {
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("a TLS certificate and its key go together: give both --tls-cert and --tls-key")
	case t.Cert != "" && t.SelfSigned:
		return errors.New("give either --tls-cert or --tls-self-signed")
	case len(t.Names) > 0 && !t.SelfSigned:
		return fmt.Errorf("--tls-name %q: names are in the certificate of --tls-cert already; they go with --tls-self-signed", strings.Join(t.Names, ","))
	case slices.ContainsFunc(t.Names, func(n string) bool { return !isName(n) }):
		return fmt.Errorf("--tls-name %q: want names such as flow.example.com, *.example.com or 192.0.2.7", strings.Join(t.Names, ","))
	case t.ClientCA != "" && !t.On():
		return fmt.Errorf("client CA %q: client certificates need TLS; give --tls-cert and --tls-key, or --tls-self-signed", t.ClientCA)
	}
	return nil
}

// isName tells whether a certificate may have a name.
func isName(n string) bool {
	rest, _ := strings.CutPrefix(n, "*.")
	return net.ParseIP(n) != nil || rest != "" && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == "" && rest[0] != '.'
}

// certificates is the TLS side of the port. The files are read at every handshake,
// which costs little beside it: so new ones count at once, however they came into
// their place.
type certificates struct {
	files TLS
	made  *tls.Certificate // by the server itself; nil: it is in the files
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex  // guards what follows; the files are read under it
	seen   [3]file     // what the files were when they were last looked at
	config *tls.Config // is not changed, but replaced
}

// file is what a file held, or why it could not be read.
type file struct{ text, trouble string }

// newCertificates reads the files, or makes a certificate for an address.
func newCertificates(t TLS, address string, now func() time.Time, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: t, now: now, log: log}
	if t.SelfSigned {
		made, err := selfSigned(t.CADir, address, t.Names, now())
		if err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
		c.made = made
	}
	c.seen = c.read()
	config, err := c.parse(c.seen)
	if err != nil {
		return nil, err
	}
	c.config = config
	return c, nil
}

// listening is the configuration of the listener. Its keys seal session tickets,
// whatever the files hold.
func (c *certificates) listening() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.current(), nil
		},
	}
}

// current is what the files ask for, or asked for when they were last in order.
func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := c.read()
	if files == c.seen {
		return c.config
	}
	c.seen = files
	config, err := c.parse(files)
	if err != nil {
		c.log.Error("the new TLS files can't be used; the server goes on with the old ones", "cause", err)
		return c.config
	}
	c.log.Info("new TLS files are in use", "cert", c.files.Cert, "good_until", config.Certificates[0].Leaf.NotAfter)
	c.config = config
	return config
}

func (c *certificates) read() (files [3]file) {
	for i, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if name == "" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			files[i].trouble = err.Error()
		}
		files[i].text = string(text)
	}
	return files
}

func (c *certificates) parse(files [3]file) (*tls.Config, error) {
	for _, f := range files {
		if f.trouble != "" {
			return nil, fmt.Errorf("tls: %s", f.trouble)
		}
	}
	pair := c.made
	if pair == nil {
		read, err := tls.X509KeyPair([]byte(files[0].text), []byte(files[1].text))
		if err != nil {
			return nil, fmt.Errorf("tls: certificate %q with key %q: %w", c.files.Cert, c.files.Key, err)
		}
		pair = &read
	}
	if c.now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the TLS certificate has expired; clients will refuse it", "cert", c.files.Cert, "good_until", pair.Leaf.NotAfter)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{*pair},
	}
	if c.files.ClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM([]byte(files[2].text)) {
			return nil, fmt.Errorf("tls: client CA %q: it holds no certificate in PEM", c.files.ClientCA)
		}
	}
	return config, nil
}

// requirePrivate refuses to speak plain HTTP where others may listen in.
func requirePrivate(address string, addr net.Addr) error {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen on %q: it is not a loopback address, and there is no TLS; give --tls-cert and --tls-key or --tls-self-signed, or --insecure-listen if something else protects the way to it", address)
}
