package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CAFile is where a data folder has the certificate that clients of a self-signed
// server must trust.
func CAFile(data string) string { return filepath.Join(data, "tls", "ca.pem") }

func caKeyFile(data string) string { return filepath.Join(data, "tls", "ca-key.pem") }

// madeFor is how long a self-signed CA is good: nobody renews it.
const madeFor = 10 * 365 * 24 * time.Hour

// selfSigned makes a certificate for this machine, by the CA of the data folder.
// Only the CA is kept, so clients go on trusting it when the machine gets another
// name.
func selfSigned(cfg *Config) (*tls.Certificate, error) {
	if err := os.MkdirAll(filepath.Dir(CAFile(cfg.Data)), 0o700); err != nil {
		return nil, err
	}
	caKey, err := loadOrMakeKey(caKeyFile(cfg.Data))
	if err != nil {
		return nil, err
	}
	ca, err := loadOrMakeCA(CAFile(cfg.Data), caKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "Heddle"},
		NotBefore:    ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	nameHosts(template, cfg.Listen)
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, ca.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// nameHosts adds what else clients may call this machine.
func nameHosts(c *x509.Certificate, listen string) {
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		c.DNSNames = append(c.DNSNames, name)
	}
	host, _, _ := net.SplitHostPort(listen) // the listener has taken it
	switch ip := net.ParseIP(host); {
	case ip == nil && host != "" && host != "localhost":
		c.DNSNames = append(c.DNSNames, host)
	case ip != nil && !ip.IsUnspecified() && !ip.IsLoopback():
		c.IPAddresses = append(c.IPAddresses, ip)
	}
}

func serial() *big.Int {
	id := random[[16]byte]()
	id[0] &= 0x7f // positive, and no longer than may be
	return new(big.Int).SetBytes(id[:])
}

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)

// loadOrMakeKey reads the CA's key, and makes it at first start.
func loadOrMakeKey(path string) (crypto.Signer, error) {
	der, err := readPEM(path, pemKey)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			return nil, err
		}
		return key, writePEM(path, 0o600, pemKey, der)
	}
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key %q: it can't sign; remove it to have another made", path)
	}
	return signer, nil
}

// loadOrMakeCA reads the CA's certificate, and makes it at first start.
func loadOrMakeCA(path string, key crypto.Signer) (*x509.Certificate, error) {
	der, err := readPEM(path, pemCertificate)
	if errors.Is(err, fs.ErrNotExist) {
		id := serial()
		now := time.Now()
		template := &x509.Certificate{
			SerialNumber: id,
			Subject:      pkix.Name{CommonName: fmt.Sprintf("Heddle CA %x", id)}, // one name per key, or clients that know several mistake them
			NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(madeFor),        // clients' clocks may be behind
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		}
		if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
			return nil, err
		}
		if err := writePEM(path, 0o644, pemCertificate, der); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("CA %q: %w", path, err)
	}
	if public, ok := ca.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return nil, fmt.Errorf("CA %q: its key is another one; remove the folder %q to have both made anew", path, filepath.Dir(path))
	}
	if time.Now().After(ca.NotAfter) {
		return nil, fmt.Errorf("CA %q: it expired at %s; remove the folder %q to have another made", path, ca.NotAfter, filepath.Dir(path))
	}
	return ca, nil
}

// readPEM reads the one block of a file. What is secret in it must be nobody
// else's to read.
func readPEM(path, kind string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); kind == pemKey && mode&0o077 != 0 {
		return nil, fmt.Errorf("key %q: mode %04o lets others read it; chmod it to 0600", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%q holds no %s in PEM; remove the folder %q to have it made anew", path, kind, filepath.Dir(path))
	}
	return block.Bytes, nil
}

// writePEM writes a file as a whole or not at all.
func writePEM(path string, mode fs.FileMode, kind string, der []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	err = errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
