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
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	profile   = "[default]"
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
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return KeyPair{}, false, fmt.Errorf("make the folder of the root key pair: %w", err)
	}
	if err := WriteFile(path, pair); err != nil {
		return KeyPair{}, false, err
	}
	return pair, true, nil
}

// WriteFile writes the key pair for its owner's eyes only. The file is there as
// a whole or not at all, even after a power cut.
func WriteFile(path string, pair KeyPair) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write key pair %q: %w", path, err)
		}
	}()
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".credentials-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# The root key pair of a Heddle server: who has it may do anything there.\n%s\n%s = %s\n%s = %s\n",
		profile, keyName, pair.KeyID, valueName, string(pair.Secret))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be opened there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadFile reads the key pair of the profile "default". It refuses a file that
// others may read.
func ReadFile(path string) (KeyPair, error) {
	pair, err := readFile(path)
	if err != nil {
		return KeyPair{}, fmt.Errorf("read key pair %q: %w", path, err)
	}
	return pair, nil
}

func readFile(path string) (pair KeyPair, err error) {
	f, err := os.Open(path)
	if err != nil {
		return pair, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return pair, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return pair, fmt.Errorf("mode %04o lets others read it; chmod it to 0600", mode)
	}
	const sizeMax = 64 << 10
	text, err := io.ReadAll(io.LimitReader(f, sizeMax))
	if err != nil {
		return pair, err
	}
	return parse(text)
}

// parse reads the text of a shared credentials file. Its errors show no part of it.
func parse(text []byte) (pair KeyPair, err error) {
	inProfile := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inProfile = line == profile
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
		return KeyPair{}, fmt.Errorf("no %s and %s under %s", keyName, valueName, profile)
	}
	return pair, nil
}
