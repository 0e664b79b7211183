// Package bucket reaches the buckets of users: where services read and write objects on
// their behalf. The blob store's own bucket is another thing, and the operator's alone.
//
// A Store is the buckets of one account, and knows no others. There are three kinds:
// memory (here, for tests), S3 or what speaks its protocol (package s3), a folder
// (package dir). Package accounts makes them of the server's settings, one for each
// account. Package buckettest is the meaning of the interface: what it does not test is
// not promised.
//
// Whether a user may touch a bucket is asked elsewhere, before a Store is.
package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// KeyBytesMax is the length of a key at most, in bytes of UTF-8.
const KeyBytesMax = 1024

// Store is the buckets of one account. It may be used from any goroutine.
//
// What a store refuses, or can't do, is an *Error. A call whose context ends returns the
// context's error.
type Store interface {
	// Head tells of an object.
	Head(ctx context.Context, bucket, key string) (Object, error)
	// Get reads an object, or a range of it. Reading may fail as Get may; whoever comes to
	// io.EOF has all bytes that were asked for. The caller closes the reader.
	Get(ctx context.Context, bucket, key string, r Range) (Object, io.ReadCloser, error)
	// Put makes an object of a source, in place of one that has the key: as a whole, or
	// not at all. What it needs of the source it reads once. Of the object that it tells of
	// LastModified may be missing.
	Put(ctx context.Context, p *Put) (Object, error)
	// Abort throws away what a Put has begun and will not end, by the progress that it
	// saved. What is not there any more is no error.
	Abort(ctx context.Context, bucket, key string, progress []byte) error
	// List visits the objects whose keys begin with a prefix, in the order of the keys'
	// bytes, beginning after a key (empty: from the first), until visit says no. What is
	// put or deleted meanwhile may be visited or not. ContentType and Encryption are not
	// told. The visitor may call the store.
	List(ctx context.Context, bucket, prefix, after string, visit func(Object) bool) error
	// Delete deletes an object. It is no error that there is none.
	Delete(ctx context.Context, bucket, key string) error
}

// Object is what is known of an object.
type Object struct {
	Key          string
	Size         int64  // bytes
	ETag         string // with its quotes
	LastModified time.Time
	ContentType  string
	StorageClass string // STANDARD, if nothing else is known
	Encryption   Encryption
}

// Range is what to read of an object. Its zero value is all.
type Range struct {
	Offset int64 // of the first byte; at the end of the object or behind it there are none
	Length int64 // bytes at most; 0: to the end
	// IfMatch is the ETag that the object must have, else ErrChanged. Empty: any.
	IfMatch string
	// Version is which version of the object to read. Empty: the one that is current. Memory and
	// folders have none but "null", which is that one, as in S3.
	Version string
}

// VersionNull is the version of what is in a bucket that keeps none.
const VersionNull = "null"

// Encryption is how an object is to be encrypted by who keeps it. Its zero value leaves
// that to the bucket's own rules.
type Encryption struct {
	Type   string // "", AES256 or KMS
	KeyARN string // of KMS: the key. Empty: the bucket's
}

// Types of encryption.
const (
	AES256 = "AES256"
	KMS    = "aws:kms"
)

// Source is bytes that can be read more than once.
type Source interface {
	// Open reads from an offset to the end. The caller closes the reader.
	Open(ctx context.Context, offset int64) (io.ReadCloser, error)
}

// Bytes is a Source.
type Bytes []byte

// Open is part of Source.
func (b Bytes) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), nil
}

// Put is an object to be made.
type Put struct {
	Bucket, Key string
	ContentType string // empty: application/octet-stream
	Encryption  Encryption
	// Source has exactly Size bytes, the same each time; if not, nothing is made.
	Source Source
	Size   int64
	// Save keeps, durably, how far a large Put has come: a few hundred bytes, each time
	// in place of those before. Without it a Put that fails is aborted. With it what was
	// sent stays; the same Put with that Progress goes on, in this process or a later
	// one, and sends no finished part again; or Abort throws it away. An error of Save
	// ends the Put.
	Save func(ctx context.Context, progress []byte) error
	// Progress is what was saved last; empty: nothing.
	Progress []byte
	// Sent, if there is one, is told of bytes that have arrived, as they do, and first of
	// those that had arrived before: for those
	// who watch. It may be called from several goroutines.
	Sent func(bytes int64)
}

// DefaultContentType is that of an object put without one.
const DefaultContentType = "application/octet-stream"

// Check refuses what no store takes: names that can't be those of a bucket or an object.
// Errors: *Error, as S3 answers.
func (p *Put) Check() error {
	if err := CheckNames("PutObject", p.Bucket, p.Key); err != nil {
		return err
	}
	if p.Size < 0 || p.Source == nil {
		return fmt.Errorf("put %q: want a source and its size", p.Key)
	}
	return nil
}

// CheckNames refuses names that no bucket or object can have, on behalf of an operation
// of S3. Errors: *Error.
func CheckNames(operation, bucket, key string) error {
	if err := CheckBucket(operation, bucket); err != nil {
		return err
	}
	refusal := &Error{Kind: ErrRefused, Operation: operation, Bucket: bucket, Key: key, Status: http.StatusBadRequest}
	switch {
	case len(key) > KeyBytesMax:
		refusal.Code, refusal.Message = "KeyTooLongError", "Your key is too long"
	case key == "", !utf8.ValidString(key):
		refusal.Code, refusal.Message = "InvalidURI", "Couldn't parse the specified URI."
	default:
		return nil
	}
	return refusal
}

// CheckBucket refuses a name that no bucket can have. Errors: *Error.
func CheckBucket(operation, bucket string) error {
	if ValidName(bucket) {
		return nil
	}
	return &Error{Kind: ErrNoSuchBucket, Operation: operation, Bucket: bucket, Status: http.StatusBadRequest, Code: "InvalidBucketName", Message: "The specified bucket is not valid."}
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	address  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
	// What S3 has reserved. Some of them lead a client to other hosts.
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "--op-s3"}
)

// ValidName tells whether a bucket can have a name (Amazon S3 User Guide, general purpose
// bucket naming rules). A name of this form is also the name of a file, and neither
// hidden nor above its folder.
func ValidName(bucket string) bool {
	if !nameForm.MatchString(bucket) || strings.Contains(bucket, "..") || address.MatchString(bucket) {
		return false
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(bucket, p) {
			return false
		}
	}
	for _, s := range reservedSuffixes {
		if strings.HasSuffix(bucket, s) {
			return false
		}
	}
	return true
}
