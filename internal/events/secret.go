package events

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"heddle/internal/engine"
	"heddle/internal/events/connection"
	"heddle/internal/events/registry"
	"heddle/internal/pack"
)

// secrets keep what connections authorise by from all but this server: AES-256-GCM under the
// service's own key, bound to the connection.
type secrets struct {
	aead   cipher.AEAD
	digest []byte // key of digests
	random io.Reader
}

func newSecrets(secret [32]byte, random io.Reader) *secrets {
	derive := func(purpose string) []byte {
		derived, err := hkdf.Key(sha256.New, secret[:], nil, purpose, 32)
		if err != nil {
			panic(fmt.Sprintf("events: derive a key: %v", err))
		}
		return derived
	}
	block, err := aes.NewCipher(derive("heddle events: parameters of connections"))
	if err != nil {
		panic(fmt.Sprintf("events: AES: %v", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("events: GCM: %v", err))
	}
	return &secrets{aead, derive("heddle events: what a file says"), random}
}

// boundTo is what parameters are bound to. Lengths keep neighbours apart.
func boundTo(w engine.World, name string) []byte {
	return pack.Text(pack.Text(pack.Text(nil, w.Account), w.Region), name)
}

func (s *secrets) seal(w engine.World, name string, p *connection.Parameters) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("seal connection %q: %w", name, err)
	}
	defer clear(b)
	return s.aead.Seal(nil, nil, b, boundTo(w, name)), nil
}

// open opens what a connection authorises by; nil: it has nothing.
func (s *secrets) open(w engine.World, c *registry.Connection) (*connection.Parameters, error) {
	if c.Event == 0 {
		return nil, nil
	}
	b, err := s.aead.Open(nil, nil, c.Sealed, boundTo(w, c.Name))
	if err != nil {
		return nil, fmt.Errorf("open connection %q: it is not what was sealed", c.Name)
	}
	defer clear(b)
	p := &connection.Parameters{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("open connection %q: it is no JSON", c.Name)
	}
	return p, nil
}

// digestOf tells what a file says of a connection from what it said before, without telling it.
func (s *secrets) digestOf(g *connection.Given) ([]byte, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	h := hmac.New(sha256.New, s.digest)
	h.Write(b)
	return h.Sum(nil), nil
}

// id makes the ID of a connection: a UUID of version 4.
func (s *secrets) id() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("make an id: read randomness: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}

// letters are what the ends of secrets' names are made of.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// secretName makes the end of the name of a connection's secret: an ID and six letters.
func (s *secrets) secretName() (string, error) {
	id, err := s.id()
	if err != nil {
		return "", err
	}
	var b [6]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("make a name: read randomness: %w", err)
	}
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return id + "-" + string(b[:]), nil
}
