package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"time"
)

// A certificate is valid from a while before it was made, since clocks differ, and for as
// long as anybody runs: who has the authority's key can make another one at any time.
const (
	validBefore = 24 * time.Hour
	validFor    = 100 * 365 * 24 * time.Hour
)

// NewAuthority makes the key of a cluster, as it is kept.
func NewAuthority() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// OpenAuthority is the authority of a cluster's key.
func OpenAuthority(kept []byte, now time.Time) (*Authority, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(kept)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the cluster's key is of another kind")
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "heddle cluster"},
		NotBefore: now.Add(-validBefore), NotAfter: now.Add(validFor),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	// Each node makes it for itself: what counts is the key, by which others are verified.
	made, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(made)
	if err != nil {
		return nil, err
	}
	a := &Authority{pool: x509.NewCertPool(), certificate: certificate, key: key}
	a.pool.AddCert(certificate)
	return a, nil
}

// issue makes the certificate of a member.
func (a *Authority) issue(member string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "heddle node"}, DNSNames: []string{member},
		NotBefore: now.Add(-validBefore), NotAfter: now.Add(validFor), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	made, err := x509.CreateCertificate(rand.Reader, &template, a.certificate, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}, err
}
