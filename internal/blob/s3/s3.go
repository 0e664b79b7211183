// Package s3 is a blob.Shelf in a bucket of S3, or of what speaks its protocol: an
// object per blob, named by the prefix and the 64 digits of its ID.
//
// What is written is first spooled to a local file. A blob's name is known at its
// end only; so nothing is sent before the name is known, nothing has to be copied or
// renamed in the bucket, what failed can be sent again, and the bucket never has half
// a blob. Of a sealed shelf the spool has ciphertext only. Above 16 MiB a blob goes
// in parts; Tidy removes parts that a crash has left.
//
// Several processes may share a bucket if DeletesAsSeen says so.
//
// The bucket must be as consistent as S3 is: what was put is listed and read at once.
// It should keep no old versions, or drop them by a rule of its own, since deleting
// would free nothing. Times of Put are the bucket's, in whole seconds.
package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"heddle/internal/aws/s3client"
	"heddle/internal/blob"
)

const (
	abortTimeout = 30 * time.Second
	partLen      = 16 << 20
	partsMax     = 10_000
	draftNames   = "draft-*"
	// unfinishedFor is how long a blob may be under way to a shared bucket.
	unfinishedFor = 24 * time.Hour
)

// Options is how to reach a bucket.
type Options struct {
	Bucket string
	// Prefix begins all names, for example "blobs/". Nothing else may be under it.
	Prefix string
	// Endpoint is an URL; empty is AWS's own in the region.
	Endpoint string
	// Region is what requests are signed for.
	Region string
	// PathStyle has the bucket in the path of URLs, not in the host's name.
	PathStyle bool
	// Credentials sign the requests. Nothing is looked for elsewhere.
	Credentials aws.CredentialsProvider
	// Spool is a local folder of the shelf's own for what is being written. It is
	// made if it does not exist, and what is left in it is removed.
	Spool string
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// Shared: other processes put there, too. The shelf deletes only what it has seen, and leaves alone
	// what was begun a short while ago.
	Shared bool
	// ReadOnly changes nothing, and needs neither Spool nor Within.
	ReadOnly bool

	backoffMax time.Duration // for tests; see s3client.Options
}

// Shelf is a blob.Shelf.
type Shelf struct {
	client *awss3.Client
	bucket string
	prefix string
	shared bool
	spool  string                                                                     // empty: only for reading
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc) // as in Options
}

var _ blob.Shelf = (*Shelf)(nil)

// New makes a shelf. It calls nobody yet.
func New(o Options) (*Shelf, error) {
	s, err := newShelf(o)
	if err != nil {
		return nil, fmt.Errorf("blobs in bucket %q: %w", o.Bucket, err)
	}
	return s, nil
}

func newShelf(o Options) (*Shelf, error) {
	switch {
	case o.Bucket == "":
		return nil, errors.New("want the name of a bucket")
	case o.Spool == "" && !o.ReadOnly:
		return nil, errors.New("want a folder for what is being written")
	case o.Within == nil && !o.ReadOnly:
		return nil, errors.New("want a clock")
	case o.Prefix != "" && !strings.HasSuffix(o.Prefix, "/"), strings.HasPrefix(o.Prefix, "/"):
		return nil, fmt.Errorf("prefix %q: want it to end with a slash, and not to begin with one", o.Prefix)
	}
	client, err := s3client.New(s3client.Options{
		Endpoint: o.Endpoint, Region: o.Region, PathStyle: o.PathStyle, Credentials: o.Credentials, BackoffMax: o.backoffMax,
	})
	if err != nil {
		return nil, err
	}
	s := &Shelf{client: client, bucket: o.Bucket, prefix: o.Prefix, shared: o.Shared, within: o.Within}
	if o.ReadOnly {
		return s, nil
	}
	s.spool = o.Spool
	return s, clearSpool(o.Spool)
}

var errReadOnly = errors.New("the shelf is open for reading only")

func clearSpool(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(dir, draftNames))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shelf) name(id blob.ID) *string { return aws.String(s.prefix + id.String()) }

// failed gives the error of a call; blob.ErrNotFound if there is no such object.
func failed(err error) error {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		switch api.ErrorCode() {
		case "NoSuchKey", "NotFound": // the latter where an answer has no body
			return blob.ErrNotFound
		}
	}
	return err
}

// Tidy removes what a crash has left in the bucket: parts of blobs that were never
// put together. Who owns the shelf calls it before it puts; of a shared one it leaves what was begun
// less than unfinishedFor before now, by the bucket's clock, since another process may be at it.
func (s *Shelf) Tidy(ctx context.Context, now time.Time) error {
	in := &awss3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &s.prefix}
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return fmt.Errorf("list unfinished uploads: %w", err)
		}
		for _, u := range out.Uploads {
			if s.shared && !aws.ToTime(u.Initiated).Before(now.Add(-unfinishedFor)) {
				continue
			}
			if err := s.abort(ctx, u.Key, u.UploadId); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

func (s *Shelf) abort(ctx context.Context, key, upload *string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: key, UploadId: upload})
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() == "NoSuchUpload" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("abort an unfinished upload: %w", err)
	}
	return nil
}

// Begin is part of blob.Shelf.
func (s *Shelf) Begin(ctx context.Context) (blob.Draft, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.spool == "" {
		return nil, errReadOnly
	}
	f, err := os.CreateTemp(s.spool, draftNames) // mode 0600
	if err != nil {
		return nil, err
	}
	return &draft{file: f, shelf: s}, nil
}

// draft is a file in the spool.
type draft struct {
	file  *os.File
	shelf *Shelf
	size  int64
	gone  bool
}

func (d *draft) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.size += int64(n)
	return n, err
}

func (d *draft) WriteAt(p []byte, offset int64) (int, error) { return d.file.WriteAt(p, offset) }

// Keep is part of blob.Draft. The time is the bucket's.
func (d *draft) Keep(ctx context.Context, id blob.ID, _ time.Time) error {
	s := d.shelf
	if d.size > partLen {
		return d.keepParts(ctx, s.name(id))
	}
	_, err := s.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket: &s.bucket, Key: s.name(id), ContentLength: &d.size, Body: io.NewSectionReader(d.file, 0, d.size),
	})
	return err
}

// keepParts sends a large blob. Nobody sees it before it is complete.
func (d *draft) keepParts(ctx context.Context, key *string) (err error) {
	s := d.shelf
	begun, err := s.client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: key})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // the parts go, though the caller's time is over
			ctx, cancel := s.within(context.WithoutCancel(ctx), abortTimeout)
			defer cancel()
			err = errors.Join(err, s.abort(ctx, key, begun.UploadId))
		}
	}()
	var parts []types.CompletedPart
	for offset, length := int64(0), partOf(d.size); offset < d.size; offset += length {
		number, n := aws.Int32(int32(len(parts)+1)), min(length, d.size-offset)
		part, err := s.client.UploadPart(ctx, &awss3.UploadPartInput{
			Bucket: &s.bucket, Key: key, UploadId: begun.UploadId, PartNumber: number,
			ContentLength: &n, Body: io.NewSectionReader(d.file, offset, n),
		})
		if err != nil {
			return fmt.Errorf("part %d: %w", *number, err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: part.ETag})
	}
	_, err = s.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: key, UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// partOf is how long the parts of a blob are, in whole MiB, so that there are not too
// many.
func partOf(size int64) int64 {
	const mib = 1 << 20
	return max(partLen, ((size+partsMax-1)/partsMax+mib-1)/mib*mib)
}

func (d *draft) Discard() error {
	if d.gone {
		return nil
	}
	d.gone = true
	return errors.Join(d.file.Close(), os.Remove(d.file.Name()))
}

// Open is part of blob.Shelf.
func (s *Shelf) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	in := &awss3.GetObjectInput{Bucket: &s.bucket, Key: s.name(id)}
	if offset > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-")
	}
	out, err := s.client.GetObject(ctx, in)
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() == "InvalidRange" {
		return http.NoBody, nil // at the end, or past it
	}
	if err != nil {
		return nil, failed(err)
	}
	if offset > 0 && !strings.HasPrefix(aws.ToString(out.ContentRange), "bytes "+strconv.FormatInt(offset, 10)+"-") {
		return nil, errors.Join(fmt.Errorf("asked for bytes from %d on, and got %q", offset, aws.ToString(out.ContentRange)), out.Body.Close())
	}
	if out.ContentLength == nil {
		return out.Body, nil
	}
	return &reader{out.Body, *out.ContentLength}, nil
}

// reader sees to it that an answer is as long as was said.
type reader struct {
	io.ReadCloser
	rest int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.rest -= int64(n)
	if err == io.EOF && r.rest > 0 {
		err = fmt.Errorf("the answer was cut off: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// Stat is part of blob.Shelf.
func (s *Shelf) Stat(ctx context.Context, id blob.ID) (blob.Info, error) {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.bucket, Key: s.name(id)})
	if err != nil {
		return blob.Info{}, failed(err)
	}
	return blob.Info{ID: id, Size: aws.ToInt64(out.ContentLength), Put: aws.ToTime(out.LastModified), Tag: aws.ToString(out.ETag)}, nil
}

// List is part of blob.Shelf. It has a page of names in memory. Objects with other
// names are passed over.
func (s *Shelf) List(ctx context.Context, after blob.ID, visit func(blob.Info) bool) error {
	in := &awss3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix, StartAfter: s.name(after)}
	for {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return err
		}
		for _, o := range out.Contents {
			name, _ := strings.CutPrefix(aws.ToString(o.Key), s.prefix)
			id, ok := blob.ParseID(name)
			if !ok {
				continue
			}
			if id.Compare(after) <= 0 {
				return fmt.Errorf("the bucket lists out of order: %s after %s; blobs need a bucket in order of names", id, after)
			}
			after = id
			if !visit(blob.Info{ID: id, Size: aws.ToInt64(o.Size), Put: aws.ToTime(o.LastModified), Tag: aws.ToString(o.ETag)}) {
				return nil
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		if aws.ToString(out.NextContinuationToken) == "" {
			return errors.New("the bucket's list breaks off")
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// Delete is part of blob.Shelf.
func (s *Shelf) Delete(ctx context.Context, id blob.ID) error {
	return s.delete(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(id)})
}

// DeleteAsSeen is part of blob.AsSeen. Of a shared shelf the bucket compares; see DeletesAsSeen.
func (s *Shelf) DeleteAsSeen(ctx context.Context, seen blob.Info) error {
	in := &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(seen.ID)}
	if s.shared {
		if seen.Tag == "" {
			return errors.New("the bucket has no tags of what was put")
		}
		in.IfMatch = &seen.Tag
	}
	err := s.delete(ctx, in)
	if isConflict(err) { // it was put again
		return nil
	}
	return err
}

func (s *Shelf) delete(ctx context.Context, in *awss3.DeleteObjectInput) error {
	if s.spool == "" {
		return errReadOnly
	}
	_, err := s.client.DeleteObject(ctx, in)
	if err = failed(err); errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// isConflict tells whether a bucket refused to delete what is not as it was seen.
func isConflict(err error) bool {
	api := smithy.APIError(nil)
	return errors.As(err, &api) && (api.ErrorCode() == "PreconditionFailed" || api.ErrorCode() == "ConditionalRequestConflict")
}

// foreignTag is one that no object has.
const foreignTag = `"00000000000000000000000000000000"`

// DeletesAsSeen tries out whether the bucket deletes an object only as it was seen, if it is asked to: S3 does,
// and some that speak its protocol delete it in any case. In such a bucket nothing may be deleted that other
// processes may put meanwhile.
func (s *Shelf) DeletesAsSeen(ctx context.Context) (does bool, err error) {
	if s.spool == "" {
		return false, errReadOnly
	}
	var number [8]byte
	rand.Read(number[:])
	key := aws.String(s.prefix + "probe-" + hex.EncodeToString(number[:]))
	if _, err := s.client.PutObject(ctx, &awss3.PutObjectInput{Bucket: &s.bucket, Key: key, Body: bytes.NewReader(number[:])}); err != nil {
		return false, err
	}
	_, err = s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: key, IfMatch: aws.String(foreignTag)})
	if does = isConflict(err); does {
		err = nil
	}
	return does, errors.Join(err, s.delete(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: key}))
}
