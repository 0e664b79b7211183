package account

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"heddle/internal/aws/credentials"
)

// Ids of access keys hold the account, so that a request leads to the execution
// that knows the key. They are a prefix and, in base32, the account's number (40
// bits) and 40 random bits.
const (
	keyPrefix     = "AKIA"
	sessionPrefix = "ASIA"
)

// NewKeyPair makes an access key of an account, for good.
func NewKeyPair(account string, random io.Reader) (credentials.KeyPair, error) {
	return newPair(keyPrefix, account, random)
}

// NewSessionPair makes the access key of a session.
func NewSessionPair(account string, random io.Reader) (credentials.KeyPair, error) {
	return newPair(sessionPrefix, account, random)
}

func newPair(prefix, account string, random io.Reader) (credentials.KeyPair, error) {
	number, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return credentials.KeyPair{}, fmt.Errorf("make an access key: account %q: %w", account, err)
	}
	var id [13]byte
	binary.BigEndian.PutUint64(id[:], number)
	var secret [30]byte
	for _, part := range [][]byte{id[8:], secret[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return credentials.KeyPair{}, fmt.Errorf("make an access key: %w", err)
		}
	}
	return credentials.KeyPair{
		KeyID:  prefix + base32.StdEncoding.EncodeToString(id[3:]),
		Secret: credentials.Secret(base64.StdEncoding.EncodeToString(secret[:])),
	}, nil
}

// accountOf reads the account in the id of an access key.
func accountOf(keyID string) (account string, ok bool) {
	if len(keyID) != len(keyPrefix)+16 {
		return "", false
	}
	id, err := base32.StdEncoding.DecodeString(keyID[len(keyPrefix):])
	if err != nil {
		return "", false
	}
	number := binary.BigEndian.Uint64(append([]byte{0, 0, 0}, id[:5]...))
	return fmt.Sprintf("%012d", number), true
}

// idPrefixes begin the ids of entities; that of policies stands at 0.
var idPrefixes = [...]string{0: "ANPA", User: "AIDA", Group: "AGPA", Role: "AROA"}

// NewID makes the id of an entity.
func NewID(entityType EntityType, random io.Reader) (string, error) {
	return newID(idPrefixes[entityType], random)
}

// NewPolicyID makes the id of a policy.
func NewPolicyID(random io.Reader) (string, error) { return newID(idPrefixes[0], random) }

func newID(prefix string, random io.Reader) (string, error) {
	var id [10]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return prefix + base32.StdEncoding.EncodeToString(id[:]) + "H", nil // as long as AWS's
}
