package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"heddle/internal/secretfile"
)

// Names in a shared credentials file.
const (
	defaultProfile = "default"
	keyName        = "aws_access_key_id"
	valueName      = "aws_secret_access_key"
	accountName    = "aws_account_id"
)

const heading = "# Root key pairs of a Heddle server: who has one may do anything in its account.\n"

// secondSuffix is what the profile of an account's second pair has behind its name.
const secondSuffix = "-2"

// LoadOrCreate reads the root key pairs of accounts in a file, and makes those that are not
// there. That of the first account is the profile "default"; those of others are called by
// their accounts; an account may have a second one, "default-2" or "ACCOUNT-2", while keys are
// exchanged. All else in the file stays as it is. It tells for which it made one.
func LoadOrCreate(path string, accounts []string, random io.Reader) (roots []Credential, made []string, err error) {
	return load(path, accounts, random)
}

// Load reads them, and makes none.
func Load(path string, accounts []string) ([]Credential, error) {
	roots, _, err := load(path, accounts, nil)
	return roots, err
}

func load(path string, accounts []string, random io.Reader) (roots []Credential, made []string, err error) {
	readOnly := random == nil
	before, err := secretfile.Read(path)
	text := before
	if errors.Is(err, fs.ErrNotExist) && !readOnly {
		text, err = []byte(heading), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read key pairs %q: %w", path, err)
	}
	for i, account := range accounts {
		name := account
		if i == 0 {
			name = defaultProfile
		}
		p := find(text, name)
		if !p.there && !readOnly {
			if p.KeyPair, err = NewKeyPair(account, random); err != nil {
				return nil, nil, err
			}
			text = appendProfile(text, name, account, p.KeyPair)
			made = append(made, account)
		}
		if err := p.check(name, account, roots); err != nil {
			return nil, nil, fmt.Errorf("read key pairs %q: %w", path, err)
		}
		roots = append(roots, Root(account, p.KeyPair))
		second := find(text, name+secondSuffix)
		if !second.there {
			continue
		}
		if err := second.check(name+secondSuffix, account, roots); err != nil {
			return nil, nil, fmt.Errorf("read key pairs %q: %w", path, err)
		}
		roots = append(roots, Root(account, second.KeyPair))
	}
	if len(accounts) > 1 && !readOnly {
		text = markDefault(text, accounts[0])
	}
	if !bytes.Equal(before, text) {
		if err := secretfile.Replace(path, text); err != nil {
			return nil, nil, fmt.Errorf("write key pairs %q: %w", path, err)
		}
	}
	return roots, made, nil
}

// check refuses half a pair, and one that is another account's: it must not become the key
// of this one because flags were changed.
func (p *profile) check(name, account string, others []Credential) error {
	if err := p.whole(name); err != nil {
		return err
	}
	if p.account != "" && p.account != account {
		return fmt.Errorf("the profile [%s] is of account %s, and should be of %s; rename it to [%s], and another is made", name, p.account, account, p.account)
	}
	if i := slices.IndexFunc(others, func(c Credential) bool { return c.KeyID == p.KeyID }); i >= 0 {
		return fmt.Errorf("the profile [%s] has the access key of account %s too; remove it, and another is made", name, others[i].Account)
	}
	return nil
}

// WriteFile writes a key pair as the profile "default", for its owner's eyes only. The file
// is there as a whole or not at all, even after a power cut.
func WriteFile(path string, pair KeyPair) error {
	if err := secretfile.Replace(path, appendProfile([]byte(heading), defaultProfile, "", pair)); err != nil {
		return fmt.Errorf("write key pair %q: %w", path, err)
	}
	return nil
}

// appendProfile appends a profile. Clients read the account too, where they need it; empty:
// it is not said.
func appendProfile(text []byte, name, account string, pair KeyPair) []byte {
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	text = fmt.Appendf(text, "[%s]\n", name)
	if account != "" {
		text = fmt.Appendf(text, "%s = %s\n", accountName, account)
	}
	return fmt.Appendf(text, "%s = %s\n%s = %s\n", keyName, pair.KeyID, valueName, string(pair.Secret))
}

// markDefault says of the profile "default" whose it is, if it does not say so itself.
func markDefault(text []byte, account string) []byte {
	if find(text, defaultProfile).account != "" {
		return text
	}
	end := 0
	for line := range bytes.Lines(text) {
		end += len(line)
		if isHead(string(line), defaultProfile) {
			break
		}
	}
	return slices.Concat(text[:end], fmt.Appendf(nil, "%s = %s\n", accountName, account), text[end:])
}

// ErrNoProfile says that a file has no key pair of a name.
var ErrNoProfile = errors.New("no such profile")

// ReadFile reads the key pair of the profile "default". It refuses a file that
// others may read.
func ReadFile(path string) (KeyPair, error) { return ReadProfile(path, defaultProfile) }

// ReadProfile is ReadFile of another profile. Errors: ErrNoProfile.
func ReadProfile(path, name string) (KeyPair, error) {
	text, err := secretfile.Read(path)
	var pair KeyPair
	if err == nil {
		pair, err = parse(text, name)
	}
	if err != nil {
		return KeyPair{}, fmt.Errorf("read key pair %q: %w", path, err)
	}
	return pair, nil
}

// parse reads the pair of a profile. Its errors show no part of the text.
func parse(text []byte, name string) (KeyPair, error) {
	p := find(text, name)
	if err := p.whole(name); err != nil {
		return KeyPair{}, err
	}
	return p.KeyPair, nil
}

// profile is what a file says under a name.
type profile struct {
	KeyPair
	account string // empty: it does not say
	there   bool
}

func (p *profile) whole(name string) error {
	if p.KeyID == "" || p.Secret == "" {
		return fmt.Errorf("no %s and %s under [%s]: %w", keyName, valueName, name, ErrNoProfile)
	}
	return nil
}

// find reads a profile in the text of a shared credentials file.
func find(text []byte, name string) (p profile) {
	inProfile := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inProfile = isHead(line, name)
			p.there = p.there || inProfile
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if !inProfile {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case keyName:
			p.KeyID = value
		case valueName:
			p.Secret = Secret(value)
		case accountName:
			p.account = value
		}
	}
	return p
}

// isHead tells whether a line begins a profile.
func isHead(line, name string) bool { return strings.TrimSpace(line) == "["+name+"]" }
