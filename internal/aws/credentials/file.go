package credentials

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"heddle/internal/secretfile"
)

// KeyPair is an access key as its user has it.
type KeyPair struct {
	KeyID  string
	Secret Secret
}

// NewKeyPair makes a long-term key pair, in the form that AWS's have.
func NewKeyPair(random io.Reader) (KeyPair, error) {
	var id [10]byte
	var secret [30]byte
	for _, part := range [][]byte{id[:], secret[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return KeyPair{}, fmt.Errorf("make a key pair: %w", err)
		}
	}
	return KeyPair{
		KeyID:  "AKIA" + base32.StdEncoding.EncodeToString(id[:]),
		Secret: Secret(base64.StdEncoding.EncodeToString(secret[:])),
	}, nil
}

// Names in a shared credentials file.
const (
	profile   = "default"
	keyName   = "aws_access_key_id"
	valueName = "aws_secret_access_key"
)

// LoadOrCreate reads the key pair in a file, and makes both if there is no file.
func LoadOrCreate(path string, random io.Reader) (pair KeyPair, created bool, err error) {
	pair, err = ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return pair, false, err
	}
	if pair, err = NewKeyPair(random); err != nil {
		return KeyPair{}, false, err
	}
	if err := WriteFile(path, pair); err != nil {
		return KeyPair{}, false, err
	}
	return pair, true, nil
}

// WriteFile writes the key pair for its owner's eyes only. The file is there as
// a whole or not at all, even after a power cut.
func WriteFile(path string, pair KeyPair) error {
	text := fmt.Sprintf("# The root key pair of a Heddle server: who has it may do anything there.\n[%s]\n%s = %s\n%s = %s\n",
		profile, keyName, pair.KeyID, valueName, string(pair.Secret))
	if err := secretfile.Replace(path, []byte(text)); err != nil {
		return fmt.Errorf("write key pair %q: %w", path, err)
	}
	return nil
}

// ErrNoProfile says that a file has no key pair of a name.
var ErrNoProfile = errors.New("no such profile")

// ReadFile reads the key pair of the profile "default". It refuses a file that
// others may read.
func ReadFile(path string) (KeyPair, error) { return ReadProfile(path, profile) }

// ReadProfile is ReadFile of another profile. Errors: ErrNoProfile.
func ReadProfile(path, profile string) (KeyPair, error) {
	text, err := secretfile.Read(path)
	if err == nil {
		var pair KeyPair
		if pair, err = parse(text, profile); err == nil {
			return pair, nil
		}
	}
	return KeyPair{}, fmt.Errorf("read key pair %q: %w", path, err)
}

// parse reads the text of a shared credentials file. Its errors show no part of it.
func parse(text []byte, profile string) (pair KeyPair, err error) {
	inProfile := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inProfile = line == "["+profile+"]"
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if !inProfile {
			continue
		}
		switch strings.TrimSpace(name) {
		case keyName:
			pair.KeyID = strings.TrimSpace(value)
		case valueName:
			pair.Secret = Secret(strings.TrimSpace(value))
		}
	}
	if pair.KeyID == "" || pair.Secret == "" {
		return KeyPair{}, fmt.Errorf("no %s and %s under [%s]: %w", keyName, valueName, profile, ErrNoProfile)
	}
	return pair, nil
}
