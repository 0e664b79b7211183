package server

import (
	"errors"
	"fmt"
	"strings"

	"heddle/internal/aws/credentials"
)

// RootPair is a root key pair that is given beforehand, as containers and pipelines want it.
type RootPair struct {
	KeyID  string `name:"access-key" env:"HEDDLE_ACCESS_KEY_ID" placeholder:"KEY" help:"Root access key of the account --account, given beforehand; its secret comes from the environment variable HEDDLE_SECRET_ACCESS_KEY alone. Without it the pair is in the file of --credentials-file."`
	Secret string `kong:"-" secret:"HEDDLE_SECRET_ACCESS_KEY"`
	File   string `name:"credentials-file" type:"path" env:"HEDDLE_CREDENTIALS_FILE" placeholder:"FILE" help:"File of the root key pairs, as AWS has shared credentials: [default] and [ACCOUNT], each with a second pair in [default-2] or [ACCOUNT-2] while keys are exchanged. Read again when it changes. Default: DATA/credentials, which the first start makes."`
}

// secretLeast is how long a secret is that nobody guesses.
const secretLeast = 20

func (p *RootPair) check() error {
	switch {
	case (p.KeyID == "") != (p.Secret == ""):
		return errors.New("--access-key and HEDDLE_SECRET_ACCESS_KEY go together: give both, or neither")
	case strings.ContainsAny(p.KeyID, " /,=\t\r\n"):
		return fmt.Errorf("--access-key %q: want no spaces, slashes, commas or equal signs", p.KeyID)
	}
	return nil
}

// weak tells what is wrong with a secret that others may try; empty: nothing.
func (p *RootPair) weak() string {
	switch {
	case p.KeyID == "":
		return ""
	case len(p.Secret) < secretLeast:
		return fmt.Sprintf("it has %d characters, want %d or more", len(p.Secret), secretLeast)
	case strings.Count(p.Secret, p.Secret[:1]) == len(p.Secret) || strings.EqualFold(p.Secret, p.KeyID):
		return "it can be guessed"
	}
	return ""
}

// pair is the pair as the server's directory wants it.
func (p *RootPair) pair(account string) credentials.Credential {
	return credentials.Root(account, credentials.KeyPair{KeyID: p.KeyID, Secret: credentials.Secret(p.Secret)})
}
