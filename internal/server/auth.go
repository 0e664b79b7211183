package server

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
)

// CredentialsFile is where a data folder has the root key pair, as an AWS shared
// credentials file.
func CredentialsFile(data string) string { return filepath.Join(data, "credentials") }

// newAuthenticator is who decides whose a request is.
func newAuthenticator(cfg *Config) (operation.Authenticator, error) {
	if cfg.Auth == AuthTrust {
		return operation.Anyone{Account: cfg.Account, Region: cfg.Region}, nil
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the root key: %w", err)
	}
	file := CredentialsFile(cfg.Data)
	pair, created, err := credentials.LoadOrCreate(file, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	if created {
		cfg.Log.Info("made a root key pair", "file", file)
	}
	return authn.New(authn.Config{
		Keys:     credentials.NewStore(credentials.Root(cfg.Account, pair)),
		Services: []string{"swf"},
		Now:      time.Now, // what clients sign; time skipping does not move it
	}), nil
}
