package credentials

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// KeyPair is an access key as its user has it.
type KeyPair struct {
	KeyID  string
	Secret Secret
}

// Ids of access keys hold the account, so that a request leads to who knows the key. They
// are a prefix and, in base32, the account's number (40 bits) and 40 random bits. Root key
// pairs that were made before there were several accounts hold none.
const (
	keyPrefix     = "AKIA"
	sessionPrefix = "ASIA"
)

// NewKeyPair makes an access key of an account, for good, in the form that AWS's have.
func NewKeyPair(account string, random io.Reader) (KeyPair, error) {
	return newPair(keyPrefix, account, random)
}

// NewSessionPair makes the access key of a session.
func NewSessionPair(account string, random io.Reader) (KeyPair, error) {
	return newPair(sessionPrefix, account, random)
}

func newPair(prefix, account string, random io.Reader) (KeyPair, error) {
	number, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return KeyPair{}, fmt.Errorf("make an access key: account %q: %w", account, err)
	}
	var id [13]byte
	binary.BigEndian.PutUint64(id[:], number)
	var secret [30]byte
	for _, part := range [][]byte{id[8:], secret[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return KeyPair{}, fmt.Errorf("make an access key: %w", err)
		}
	}
	return KeyPair{
		KeyID:  prefix + base32.StdEncoding.EncodeToString(id[3:]),
		Secret: Secret(base64.StdEncoding.EncodeToString(secret[:])),
	}, nil
}

// AccountOf reads the account in the id of an access key, whether there is such a key or
// not; ok is false if it is no id of one.
func AccountOf(keyID string) (account string, ok bool) {
	if !strings.HasPrefix(keyID, keyPrefix) && !IsSession(keyID) || len(keyID) != len(keyPrefix)+16 {
		return "", false
	}
	id, err := base32.StdEncoding.DecodeString(keyID[len(keyPrefix):])
	if err != nil {
		return "", false
	}
	number := binary.BigEndian.Uint64(append([]byte{0, 0, 0}, id[:5]...))
	return fmt.Sprintf("%012d", number), number < 1e12
}

// IsSession tells whether an id is of a session's access key.
func IsSession(keyID string) bool { return strings.HasPrefix(keyID, sessionPrefix) }
