// Package place opens the places where operators keep what a server gives out: backups and
// archives. A place is a folder, or S3 or what speaks its protocol:
//
//	/backup/heddle              a folder; what is kept is in a folder of it
//	s3://BUCKET/PREFIX          objects of a bucket, whose keys begin with PREFIX/
package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"heddle/internal/aws/s3client"
	"heddle/internal/bucket"
	"heddle/internal/bucket/dir"
	"heddle/internal/bucket/s3"
)

// Options say how a place in S3 is reached. The zero value is AWS's own S3.
type Options struct {
	Endpoint  string `name:"endpoint" env:"ENDPOINT" placeholder:"URL" help:"Where the S3 of s3://BUCKET/PREFIX is, if not at AWS: anything that speaks its protocol. Not that of AWS_ENDPOINT_URL, which is this server's."`
	Region    string `name:"region" default:"us-east-1" env:"REGION" help:"Region of the bucket, that requests are signed for."`
	AccessKey string `name:"access-key" env:"ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs requests to it. Without it credentials come from where AWS's SDKs look."`
	SecretKey string `kong:"-" secret:"SECRET_ACCESS_KEY"`
}

// Check refuses what can't be. It calls nobody. Flags is what the names of the flags begin with.
func (o *Options) Check(flags string) error {
	var errs []error
	if (o.AccessKey == "") != (o.SecretKey == "") {
		errs = append(errs, fmt.Errorf("--%saccess-key and the environment variable of its secret: want both, or neither", flags))
	}
	if o.Endpoint != "" {
		if err := s3client.CheckEndpoint(o.Endpoint); err != nil {
			errs = append(errs, fmt.Errorf("--%sendpoint: %w", flags, err))
		}
	}
	return errors.Join(errs...)
}

// Clock is the time that places need.
type Clock struct {
	Now func() time.Time
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
}

// Place is where things are kept: objects of one bucket, whose keys begin with Prefix.
type Place struct {
	bucket.Store
	Bucket, Prefix string
	// Location is how a person says where it is.
	Location string
	closer   io.Closer // nil: nothing to close
}

// Kept is what is kept in places: it names the folder in a folder.
type Kept string

// What is kept in places.
const (
	Backups Kept = "heddle-backup"
	Archive Kept = "heddle-archive"
)

// scheme begins the locations that are in S3.
const scheme = "s3://"

// CheckLocation refuses what is no location. It calls nobody.
func CheckLocation(location string) error {
	if location == "" {
		return errors.New("want a folder, or s3://BUCKET/PREFIX")
	}
	rest, in := strings.CutPrefix(location, scheme)
	if !in {
		return nil
	}
	name, _, _ := strings.Cut(rest, "/")
	if !bucket.ValidName(name) {
		return fmt.Errorf("%q: want s3://BUCKET/PREFIX, with the name of a bucket", location)
	}
	return nil
}

// Open opens a place. A folder is made if it does not exist and writes is true. Nobody is
// called in S3 yet, unless to learn credentials.
func Open(ctx context.Context, location string, kept Kept, o Options, c Clock, writes bool) (*Place, error) {
	p, err := open(ctx, location, kept, o, c, writes)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", location, err)
	}
	return p, nil
}

func open(ctx context.Context, location string, kept Kept, o Options, c Clock, writes bool) (*Place, error) {
	if err := CheckLocation(location); err != nil {
		return nil, err
	}
	if rest, in := strings.CutPrefix(location, scheme); in {
		p, err := inS3(ctx, rest, o, c)
		if err == nil {
			p.Location = location
		}
		return p, err
	}
	if writes {
		// What is in the folder is as secret as the store, if not more.
		if err := os.MkdirAll(filepath.Join(location, string(kept)), 0o700); err != nil {
			return nil, err
		}
	}
	folder, err := dir.Open(dir.Options{Dir: location, Now: c.Now})
	if err != nil {
		return nil, err
	}
	return &Place{Store: folder, Bucket: string(kept), Location: location, closer: folder}, nil
}

func inS3(ctx context.Context, rest string, o Options, c Clock) (*Place, error) {
	name, prefix, _ := strings.Cut(rest, "/")
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	options := s3.Options{
		Endpoint: o.Endpoint, Region: o.Region, Room: bucket.NewRoom(bucket.RoomBytesDefault), Within: c.Within,
		Credentials: credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, ""),
	}
	if options.Region == "" {
		options.Region = "us-east-1"
	}
	if o.AccessKey == "" {
		found, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(options.Region), awsconfig.WithLogger(logging.Nop{}))
		if err != nil {
			return nil, fmt.Errorf("find credentials: %w", err)
		}
		options.Credentials = found.Credentials
	}
	store, err := s3.New(options)
	if err != nil {
		return nil, err
	}
	return &Place{Store: store, Bucket: name, Prefix: prefix}, nil
}

// Close frees what the place holds.
func (p *Place) Close() error {
	if p.closer == nil {
		return nil
	}
	return p.closer.Close()
}

// Keep makes an object, whole and durable when it returns.
func (p *Place) Keep(ctx context.Context, key string, source bucket.Source, size int64) error {
	_, err := p.Put(ctx, &bucket.Put{Bucket: p.Bucket, Key: p.Prefix + key, Source: source, Size: size})
	return err
}

// Read reads an object. The caller closes the reader.
func (p *Place) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	_, r, err := p.Get(ctx, p.Bucket, p.Prefix+key, bucket.Range{})
	return r, err
}

// ReadAll reads an object of at most most bytes.
func (p *Place) ReadAll(ctx context.Context, key string, most int64) (_ []byte, err error) {
	r, err := p.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("read %q in %q: it has more than %d bytes", key, p.Location, most)
	}
	return b, err
}

// Remove deletes an object.
func (p *Place) Remove(ctx context.Context, key string) error {
	return p.Delete(ctx, p.Bucket, p.Prefix+key)
}

// Each visits the objects whose keys begin with prefix, in the order of their keys, until visit
// says no. Keys are given without what all of the place begin with. A place in which nothing was
// ever kept has none.
func (p *Place) Each(ctx context.Context, prefix, after string, visit func(bucket.Object) bool) error {
	if after != "" {
		after = p.Prefix + after
	}
	return p.List(ctx, p.Bucket, p.Prefix+prefix, after, func(o bucket.Object) bool {
		o.Key = strings.TrimPrefix(o.Key, p.Prefix)
		return visit(o)
	})
}
