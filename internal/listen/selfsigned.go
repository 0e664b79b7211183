package listen

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

	"heddle/internal/secretfile"
)

// CAFile is where a folder has the certificate that clients of a self-signed server
// must trust. Its key is beside it.
func CAFile(dir string) string { return filepath.Join(dir, "ca.pem") }

func caKeyFile(dir string) string { return filepath.Join(dir, "ca-key.pem") }

// madeFor is how long a self-signed CA is good: nobody renews it.
const madeFor = 10 * 365 * 24 * time.Hour

// selfSigned makes a certificate for this machine and the address that is listened
// on, by the CA in a folder. Only the CA is kept, so clients go on trusting it when
// the machine gets another name.
func selfSigned(dir, address string, names []string, now time.Time) (*tls.Certificate, error) {
	caKey, err := loadOrMakeKey(caKeyFile(dir))
	if err != nil {
		return nil, err
	}
	ca, err := loadOrMakeCA(CAFile(dir), caKey, now)
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
	nameHosts(template, address)
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
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
	var id [16]byte
	rand.Read(id[:])
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
		return key, secretfile.Replace(path, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}))
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
func loadOrMakeCA(path string, key crypto.Signer, now time.Time) (*x509.Certificate, error) {
	der, err := readPEM(path, pemCertificate)
	if errors.Is(err, fs.ErrNotExist) {
		id := serial()
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
		if err := secretfile.ReplacePublic(path, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})); err != nil {
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
	if now.After(ca.NotAfter) {
		return nil, fmt.Errorf("CA %q: it expired at %s; remove the folder %q to have another made", path, ca.NotAfter, filepath.Dir(path))
	}
	return ca, nil
}

// readPEM reads the one block of a file. A key must be nobody else's to read.
func readPEM(path, kind string) (der []byte, err error) {
	var text []byte
	if kind != pemKey {
		text, err = os.ReadFile(path)
	} else if text, err = secretfile.Read(path); err != nil {
		err = fmt.Errorf("key %q: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%q holds no %s in PEM; remove the folder %q to have it made anew", path, kind, filepath.Dir(path))
	}
	return block.Bytes, nil
}
