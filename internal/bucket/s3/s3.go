// Package s3 is a bucket.Store in S3, or in what speaks its protocol, reached by one
// endpoint with one pair of keys.
//
// What is larger than a part is sent in parts, side by side, each from memory; how much
// memory that is at most, a bucket.Room says. The progress of a Put is the id of the
// upload. Which parts have arrived, S3 is asked when the Put goes on, so that progress is
// saved twice for an upload of any size: when it has begun, and before its parts are put
// together. The latter says what ETag the object will have; so a Put that did not hear of
// its success finds out.
//
// A crash between the begin of an upload and the first save leaves an upload without
// parts. Nobody can tell it from those of others, so it stays: it costs nothing, and a
// bucket's rule for unfinished uploads takes it.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"heddle/internal/aws/s3client"
	"heddle/internal/bucket"
)

// Options is how to reach the buckets.
type Options struct {
	// Endpoint is an URL; empty is AWS's own in the region. The bucket is in the path.
	Endpoint string
	// Region is what requests are signed for.
	Region string
	// Credentials sign the requests. Nothing is looked for elsewhere.
	Credentials aws.CredentialsProvider
	// Room is for all stores of a server.
	Room *bucket.Room
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// BackoffMax is as in s3client.Options.
	BackoffMax time.Duration

	partBytes int64 // for tests; 0 is partLen
}

// Store is a bucket.Store.
type Store struct {
	client    *awss3.Client
	room      *bucket.Room
	within    func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	partBytes int64
}

var _ bucket.Store = (*Store)(nil)

// New makes a store. It calls nobody yet.
func New(o Options) (*Store, error) {
	if o.Room == nil || o.Within == nil {
		return nil, errors.New("buckets in S3: want room and a clock")
	}
	client, err := s3client.New(s3client.Options{
		Endpoint: o.Endpoint, Region: o.Region, PathStyle: true, Credentials: o.Credentials, BackoffMax: o.BackoffMax,
	})
	if err != nil {
		return nil, fmt.Errorf("buckets in S3: %w", err)
	}
	if o.partBytes == 0 {
		o.partBytes = partLen
	}
	return &Store{client: client, room: o.Room, within: o.Within, partBytes: o.partBytes}, nil
}

func encryption(kind types.ServerSideEncryption, key *string) bucket.Encryption {
	return bucket.Encryption{Type: string(kind), KeyARN: aws.ToString(key)}
}

func orStandard(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// Head is part of bucket.Store.
func (s *Store) Head(ctx context.Context, name, key string) (bucket.Object, error) {
	return s.head(ctx, name, key, "")
}

// head is Head of a version; "": the current one.
func (s *Store) head(ctx context.Context, name, key, version string) (bucket.Object, error) {
	const operation = "HeadObject"
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return bucket.Object{}, err
	}
	in := &awss3.HeadObjectInput{Bucket: &name, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.client.HeadObject(ctx, in)
	if err != nil {
		err = failed(ctx, operation, name, key, err)
		if refusal := (*bucket.Error)(nil); errors.As(err, &refusal) && refusal.Kind == bucket.ErrNoSuchKey && !s.hasBucket(ctx, name) {
			// Answers to HEAD have no body, so this one did not say which of both is not there.
			refusal.Kind, refusal.Code, refusal.Message = bucket.ErrNoSuchBucket, "NoSuchBucket", bucket.NoSuchBucket("", "").Message
		}
		return bucket.Object{}, err
	}
	return bucket.Object{
		Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), LastModified: aws.ToTime(out.LastModified),
		ContentType: aws.ToString(out.ContentType), StorageClass: orStandard(string(out.StorageClass)), Encryption: encryption(out.ServerSideEncryption, out.SSEKMSKeyId),
	}, nil
}

// hasBucket is false only if S3 says so.
func (s *Store) hasBucket(ctx context.Context, name string) bool {
	_, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &name})
	return statusOf(err) != http.StatusNotFound
}

// Get is part of bucket.Store.
func (s *Store) Get(ctx context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	if err := bucket.CheckNames("GetObject", name, key); err != nil {
		return bucket.Object{}, nil, err
	}
	bounded, cancel := ctx, func() {}
	if r.Length > 0 && r.Length <= rangeMax {
		bounded, cancel = s.within(ctx, pieceTimeout)
	}
	o, body, err := s.get(ctx, bounded, name, key, r)
	if err != nil {
		cancel()
		return bucket.Object{}, nil, err
	}
	return o, &closing{body, cancel}, nil
}

// rangeMax is up to which length a range must come within pieceTimeout. What is longer may
// take as long as its reader does.
const rangeMax = 64 << 20

// closing ends a context with a reader.
type closing struct {
	io.ReadCloser
	cancel func()
}

func (c *closing) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// get is Get within a bounded time. Which errors are the caller's own, its own context
// tells.
func (s *Store) get(ctx, bounded context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	const operation = "GetObject"
	in := &awss3.GetObjectInput{Bucket: &name, Key: &key}
	if r.IfMatch != "" {
		in.IfMatch = &r.IfMatch
	}
	if r.Version != "" {
		in.VersionId = &r.Version
	}
	switch {
	case r.Length > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1))
	case r.Offset > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.Offset))
	}
	out, err := s.client.GetObject(bounded, in)
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		return s.atEnd(ctx, name, key, r)
	}
	if err != nil {
		return bucket.Object{}, nil, failed(ctx, operation, name, key, err)
	}
	o := bucket.Object{
		Key: key, ETag: aws.ToString(out.ETag), LastModified: aws.ToTime(out.LastModified),
		ContentType: aws.ToString(out.ContentType), StorageClass: orStandard(string(out.StorageClass)), Encryption: encryption(out.ServerSideEncryption, out.SSEKMSKeyId),
	}
	if r.IfMatch != "" && o.ETag != r.IfMatch { // not all that speak S3 know the header
		return bucket.Object{}, nil, errors.Join(bucket.Changed(operation, name, key), out.Body.Close())
	}
	var length int64
	if o.Size, length, err = lengths(out, r); err != nil {
		return bucket.Object{}, nil, errors.Join(&bucket.Error{Kind: bucket.ErrRefused, Operation: operation, Bucket: name, Key: key, Status: http.StatusOK, Cause: err}, out.Body.Close())
	}
	return o, &reader{body: out.Body, rest: length, failed: func(err error) error { return failed(ctx, operation, name, key, err) }}, nil
}

// lengths finds out, of an answer, how large the object is and how many bytes are to come.
func lengths(out *awss3.GetObjectOutput, r bucket.Range) (size, length int64, err error) {
	if out.ContentRange == nil {
		if r.Offset > 0 || out.ContentLength == nil {
			return 0, 0, fmt.Errorf("asked for bytes from %d on, and got an answer without a range or a length", r.Offset)
		}
		size, length = *out.ContentLength, *out.ContentLength
	} else {
		var from, to int64
		if _, err := fmt.Sscanf(*out.ContentRange, "bytes %d-%d/%d", &from, &to, &size); err != nil || from != r.Offset || to < from || to >= size {
			return 0, 0, fmt.Errorf("asked for bytes from %d on, and got %q", r.Offset, *out.ContentRange)
		}
		length = to - from + 1
	}
	want := size - r.Offset
	if r.Length > 0 {
		want = min(want, r.Length)
	}
	if length < want {
		return 0, 0, fmt.Errorf("asked for %d bytes, and got %d", want, length)
	}
	return size, want, nil
}

// atEnd is for a range that has no byte.
func (s *Store) atEnd(ctx context.Context, name, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	o, err := s.head(ctx, name, key, r.Version)
	if err == nil && r.IfMatch != "" && r.IfMatch != o.ETag {
		err = bucket.Changed("GetObject", name, key)
	}
	if err != nil {
		return bucket.Object{}, nil, err
	}
	return o, http.NoBody, nil
}

// reader gives as many bytes as were said, or an error.
type reader struct {
	body   io.ReadCloser
	rest   int64
	failed func(error) error
}

func (r *reader) Read(p []byte) (int, error) {
	if r.rest == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.rest)])
	r.rest -= int64(n)
	switch {
	case r.rest == 0 || err == nil:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, r.failed(err)
}

func (r *reader) Close() error { return r.body.Close() }

// List is part of bucket.Store. It has a page of names in memory.
func (s *Store) List(ctx context.Context, name, prefix, after string, visit func(bucket.Object) bool) error {
	const operation = "ListObjectsV2"
	if err := bucket.CheckBucket(operation, name); err != nil {
		return err
	}
	// A key may have bytes that XML can't say.
	in := &awss3.ListObjectsV2Input{Bucket: &name, EncodingType: types.EncodingTypeUrl}
	if prefix != "" {
		in.Prefix = &prefix
	}
	if after != "" {
		in.StartAfter = &after
	}
	broken := func(what string) error {
		return &bucket.Error{Kind: bucket.ErrRefused, Operation: operation, Bucket: name, Status: http.StatusOK, Cause: errors.New(what)}
	}
	for {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return failed(ctx, operation, name, "", err)
		}
		for i := range out.Contents {
			listed := &out.Contents[i]
			key := aws.ToString(listed.Key)
			if out.EncodingType == types.EncodingTypeUrl {
				if key, err = url.QueryUnescape(key); err != nil {
					return broken("the list has a key that can't be read: " + err.Error())
				}
			}
			if key <= after && after != "" {
				return broken(fmt.Sprintf("the list has %q after %q; a list must be in the order of keys", key, after))
			}
			after = key
			if !visit(bucket.Object{
				Key: key, Size: aws.ToInt64(listed.Size), ETag: aws.ToString(listed.ETag), LastModified: aws.ToTime(listed.LastModified),
				StorageClass: orStandard(string(listed.StorageClass)),
			}) {
				return nil
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		if aws.ToString(out.NextContinuationToken) == "" {
			return broken("the list breaks off")
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// Delete is part of bucket.Store.
func (s *Store) Delete(ctx context.Context, name, key string) error {
	const operation = "DeleteObject"
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &name, Key: &key})
	if err = failed(ctx, operation, name, key, err); errors.Is(err, bucket.ErrNoSuchKey) {
		return nil
	}
	return err
}
