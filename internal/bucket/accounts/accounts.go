// Package accounts makes of the server's settings which buckets each account reaches. No
// account reaches those of another: each has a folder, or a pair of keys, of its own.
//
// With a folder, the buckets of the server's own account are the folders in it, and those
// of another account the folders in DIR/@ACCOUNT, which is the name of no bucket. With
// S3, the access key is the own account's, and the profiles of a shared credentials file
// are those of the accounts that they are named by. An account without keys is denied
// everything, and never gets another's.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/s3client"
	"heddle/internal/bucket"
	"heddle/internal/bucket/dir"
	"heddle/internal/bucket/s3"
)

// Options say where users' buckets are. The zero value is nowhere.
type Options struct {
	Dir         string `name:"buckets" env:"HEDDLE_BUCKETS" type:"path" placeholder:"DIR" group:"Buckets" help:"Folder whose folders are users' buckets, in place of S3. Those of other accounts than the server's own are in DIR/@ACCOUNT."`
	Endpoint    string `name:"s3-endpoint" env:"HEDDLE_S3_ENDPOINT" placeholder:"URL" group:"Buckets" help:"Where the S3 of users' buckets is, if not at AWS: anything that speaks its protocol. Where the server keeps its own is --blob-bucket."`
	Region      string `name:"s3-region" default:"us-east-1" env:"HEDDLE_S3_REGION" group:"Buckets" help:"Region of users' buckets, that requests are signed for."`
	AccessKey   string `name:"s3-access-key" env:"HEDDLE_S3_ACCESS_KEY_ID" placeholder:"KEY" group:"Buckets" help:"Access key with which the server's own account reaches its buckets in S3; its secret comes from the environment variable HEDDLE_S3_SECRET_ACCESS_KEY alone."`
	SecretKey   string `kong:"-" secret:"HEDDLE_S3_SECRET_ACCESS_KEY"`
	Credentials string `name:"s3-credentials" env:"HEDDLE_S3_CREDENTIALS" type:"path" placeholder:"FILE" group:"Buckets" help:"Shared credentials file with a profile for each account that reaches buckets in S3, named by the account. It must be readable by its owner alone."`
}

// Check refuses what can't be. It calls nobody.
func (o *Options) Check() error {
	inS3 := o.Endpoint != "" || o.AccessKey != "" || o.SecretKey != "" || o.Credentials != ""
	var errs []error
	switch {
	case o.Dir != "" && inS3:
		errs = append(errs, errors.New("--buckets: want buckets in a folder or in S3 (--s3-endpoint, --s3-access-key, --s3-credentials), not both"))
	case o.Endpoint != "" && o.AccessKey == "" && o.Credentials == "":
		errs = append(errs, errors.New("--s3-endpoint: want keys too, by --s3-access-key or --s3-credentials"))
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		errs = append(errs, errors.New("--s3-access-key and HEDDLE_S3_SECRET_ACCESS_KEY: want both, or neither"))
	}
	if o.Endpoint != "" {
		if err := s3client.CheckEndpoint(o.Endpoint); err != nil {
			errs = append(errs, fmt.Errorf("--s3-endpoint: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Config is what else accounts' buckets are made of.
type Config struct {
	Own string // the server's own account
	// Data is the server's own folder; empty: it has none. BlobBucket is its own bucket;
	// empty: it has none. No account reaches either.
	Data, BlobBucket string
	// Room is for the bytes of all objects that are on their way.
	Room *bucket.Room
	Now  func() time.Time
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// Accounts gives each account its buckets.
type Accounts struct {
	options Options
	config  Config

	mu     sync.Mutex // guards stores
	stores map[string]bucket.Store
}

// Open refuses settings that can't be used. It calls nobody yet.
func Open(o Options, c Config) (*Accounts, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	a := &Accounts{options: o, config: c, stores: map[string]bucket.Store{}}
	switch {
	case o.Dir != "":
		if inside, err := isInside(c.Data, o.Dir); err != nil || inside {
			return nil, errors.Join(err, fmt.Errorf("--buckets %q: the data of the server, %q, is in it, and would be buckets; want another folder", o.Dir, c.Data))
		}
		own, err := a.open(c.Own)
		if err != nil {
			return nil, err
		}
		a.stores[c.Own] = own
	case o.Credentials != "":
		switch _, err := credentials.ReadProfile(o.Credentials, c.Own); {
		case err == nil && o.AccessKey != "":
			return nil, fmt.Errorf("--s3-access-key and the profile %s of %q: both are of the server's own account; want one of them", c.Own, o.Credentials)
		case err != nil && !errors.Is(err, credentials.ErrNoProfile):
			return nil, fmt.Errorf("--s3-credentials: %w", err)
		}
	}
	return a, nil
}

// isInside tells whether a folder is another, or below it.
func isInside(folder, other string) (bool, error) {
	if folder == "" {
		return false, nil
	}
	var real [2]string
	for i, path := range []string{folder, other} {
		path, err := filepath.Abs(path)
		if err != nil {
			return false, err
		}
		if real[i], err = filepath.EvalSymlinks(path); errors.Is(err, os.ErrNotExist) {
			real[i] = path // not made yet
		} else if err != nil {
			return false, err
		}
	}
	return strings.HasPrefix(real[0]+string(filepath.Separator), strings.TrimSuffix(real[1], string(filepath.Separator))+string(filepath.Separator)), nil
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// Of gives the buckets of an account. An account that has none is denied everything, and
// what it is told says why.
func (a *Accounts) Of(account string) bucket.Store {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.stores[account]; s != nil {
		return s
	}
	s, err := a.open(account)
	if err != nil {
		// What fails may be mended while the server runs, so it is not remembered.
		return bucket.Refusing("The buckets of this account can't be reached; the operator of this server finds out why: " + reason(err))
	}
	a.stores[account] = s
	return s
}

// reason tells a user what an operator's setting lacks, and nothing of the file system.
func reason(err error) string {
	if errors.Is(err, credentials.ErrNoProfile) {
		return "it has no credentials for S3."
	}
	return "its folder or its credentials can't be opened."
}

// open makes the store of an account.
func (a *Accounts) open(account string) (bucket.Store, error) {
	if !accountForm.MatchString(account) {
		return nil, fmt.Errorf("account %q: want 12 digits", account)
	}
	o := &a.options
	own := account == a.config.Own
	switch {
	case o.Dir != "" && own:
		return dir.Open(dir.Options{Dir: o.Dir, Now: a.config.Now})
	case o.Dir != "":
		folder := filepath.Join(o.Dir, "@"+account)
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		return dir.Open(dir.Options{Dir: folder, Now: a.config.Now})
	case o.AccessKey != "" && own:
		return a.inS3(account, credentials.KeyPair{KeyID: o.AccessKey, Secret: credentials.Secret(o.SecretKey)})
	case o.Credentials != "":
		pair, err := credentials.ReadProfile(o.Credentials, account)
		if err != nil {
			return nil, err
		}
		return a.inS3(account, pair)
	case o.AccessKey != "":
		return nil, credentials.ErrNoProfile
	}
	return bucket.Refusing("This server has no buckets: it was started without --buckets, --s3-access-key and --s3-credentials."), nil
}

func (a *Accounts) inS3(account string, pair credentials.KeyPair) (bucket.Store, error) {
	inS3, err := s3.New(s3.Options{
		Endpoint: a.options.Endpoint, Region: a.options.Region, Room: a.config.Room.For(account), Within: a.config.Within,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret), Source: "heddle"}, nil
		}),
	})
	if err != nil || a.config.BlobBucket == "" {
		return inS3, err
	}
	return except{inS3, a.config.BlobBucket}, nil
}

// Close frees what the stores hold.
func (a *Accounts) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	for _, s := range a.stores {
		if c, ok := s.(*dir.Store); ok {
			err = errors.Join(err, c.Close())
		}
	}
	a.stores = nil
	return err
}
