package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"heddle/internal/bucket"
	"heddle/internal/pack"
)

const (
	// partLen is how long parts are, of objects of up to 78 GiB.
	partLen  = 8 << 20
	partsMax = 10_000
	// sideBySide is how many parts of one object are on their way at a time.
	sideBySide   = 4
	abortTimeout = 30 * time.Second
	// sizeMax is what S3 takes.
	sizeMax = 5 << 40
)

// partOf is how long the parts of an object are, so that there are not too many: as was
// asked, or more, in whole MiB.
func partOf(size, asked int64) int64 {
	const mib = 1 << 20
	if least := (size + partsMax - 1) / partsMax; least > asked {
		return (least + mib - 1) / mib * mib
	}
	return asked
}

// parts are rooms for parts of the usual length.
var parts = sync.Pool{New: func() any { return new([partLen]byte) }}

// smallMax is the size up to which an object gets room of its own size.
const smallMax = 1 << 20

// take takes room for n bytes. What is called in the end gives it back.
func (s *Store) take(ctx context.Context, n int64) (b []byte, give func(), err error) {
	most := n
	if n > smallMax {
		most = max(n, partLen)
	}
	if err := s.room.Take(ctx, most); err != nil {
		return nil, nil, err
	}
	if most != partLen {
		return make([]byte, n), func() { s.room.Give(most) }, nil
	}
	part := parts.Get().(*[partLen]byte)
	return part[:n], func() {
		parts.Put(part)
		s.room.Give(most)
	}, nil
}

// Put is part of bucket.Store.
func (s *Store) Put(ctx context.Context, p *bucket.Put) (bucket.Object, error) {
	if err := p.Check(); err != nil {
		return bucket.Object{}, err
	}
	o := bucket.Object{Key: p.Key, Size: p.Size, ContentType: p.ContentType, StorageClass: "STANDARD", Encryption: p.Encryption}
	if o.ContentType == "" {
		o.ContentType = bucket.DefaultContentType
	}
	var err error
	switch {
	case p.Size > sizeMax:
		err = &bucket.Error{Kind: bucket.ErrRefused, Operation: "PutObject", Bucket: p.Bucket, Key: p.Key, Status: http.StatusBadRequest,
			Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed object size."}
	case p.Size <= s.partBytes:
		o.ETag, err = s.putWhole(ctx, p, &o)
	default:
		o.ETag, err = s.putInParts(ctx, p, &o)
	}
	if err != nil {
		return bucket.Object{}, err
	}
	return o, nil
}

// encrypt gives the headers of an encryption.
func encrypt(e bucket.Encryption) (kind types.ServerSideEncryption, key *string) {
	if e.KeyARN != "" {
		key = &e.KeyARN
	}
	return types.ServerSideEncryption(e.Type), key
}

func (s *Store) putWhole(ctx context.Context, p *bucket.Put, o *bucket.Object) (etag string, err error) {
	b, give, err := s.take(ctx, p.Size)
	if err != nil {
		return "", err
	}
	defer give()
	if err := bucket.ReadSource(ctx, p, b, 0); err != nil {
		return "", err
	}
	in := &awss3.PutObjectInput{Bucket: &p.Bucket, Key: &p.Key, ContentType: &o.ContentType, ContentLength: &p.Size, Body: bytes.NewReader(b)}
	in.ServerSideEncryption, in.SSEKMSKeyId = encrypt(p.Encryption)
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return "", failed(ctx, "PutObject", p.Bucket, p.Key, err)
	}
	if p.Sent != nil {
		p.Sent(p.Size)
	}
	return aws.ToString(out.ETag), nil
}

// progress is what a Put in parts saves.
type progress struct {
	upload string
	part   int64 // bytes of each but the last
	size   int64 // of all
	etag   string
}

func (g *progress) code(c *pack.Coder) {
	c.Format(1)
	c.Text(&g.upload)
	c.Int(&g.part)
	c.Int(&g.size)
	c.Text(&g.etag)
}

func (g *progress) pack() []byte {
	c := pack.Writing(nil)
	g.code(c)
	return c.Written()
}

func parseProgress(b []byte) (g progress, ok bool) {
	c := pack.Reading(b)
	g.code(c)
	return g, c.Done() == nil && g.upload != "" && g.part > 0
}

// upload is a Put in parts under way.
type upload struct {
	*Store
	put      *bucket.Put
	progress progress

	mu    sync.Mutex // guards what is below while parts are being sent
	etags []string   // of the parts that have arrived, by their numbers less one; empty: it has not
	err   error      // the first of a part
}

// putInParts sends a large object. Nobody sees it before it is complete.
func (s *Store) putInParts(ctx context.Context, p *bucket.Put, o *bucket.Object) (etag string, err error) {
	u, etag, err := s.resume(ctx, p)
	if err != nil || etag != "" {
		return etag, err
	}
	if u == nil {
		if u, err = s.create(ctx, p, o); err != nil {
			return "", err
		}
	}
	if p.Save == nil {
		defer func() {
			if err != nil {
				err = errors.Join(err, u.abort(ctx))
			}
		}()
	}
	if err := u.sendAll(ctx); err != nil {
		return "", err
	}
	return u.complete(ctx)
}

// create begins an upload, and saves that it has begun.
func (s *Store) create(ctx context.Context, p *bucket.Put, o *bucket.Object) (*upload, error) {
	in := &awss3.CreateMultipartUploadInput{Bucket: &p.Bucket, Key: &p.Key, ContentType: &o.ContentType}
	in.ServerSideEncryption, in.SSEKMSKeyId = encrypt(p.Encryption)
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return nil, failed(ctx, "CreateMultipartUpload", p.Bucket, p.Key, err)
	}
	u := s.newUpload(p, progress{upload: aws.ToString(out.UploadId), part: partOf(p.Size, s.partBytes), size: p.Size})
	if p.Save == nil {
		return u, nil
	}
	if err := p.Save(ctx, u.progress.pack()); err != nil {
		return nil, errors.Join(fmt.Errorf("save that an upload of %q has begun: %w", p.Key, err), u.abort(ctx))
	}
	return u, nil
}

func (s *Store) newUpload(p *bucket.Put, g progress) *upload {
	return &upload{Store: s, put: p, progress: g, etags: make([]string, (g.size+g.part-1)/g.part)}
}

// resume goes on with an upload that was begun earlier. An ETag says that it had
// succeeded. With neither, there is none.
func (s *Store) resume(ctx context.Context, p *bucket.Put) (_ *upload, etag string, err error) {
	g, ok := parseProgress(p.Progress)
	if !ok {
		return nil, "", nil
	}
	if g.size != p.Size || (g.size+g.part-1)/g.part > partsMax { // of another source
		return nil, "", s.Abort(ctx, p.Bucket, p.Key, p.Progress)
	}
	u := s.newUpload(p, g)
	err = u.findParts(ctx)
	switch {
	case err == nil:
		return u, "", nil
	case codeOf(err) == "NoSuchUpload":
		etag, err = u.succeeded(ctx)
		return nil, etag, err
	}
	err = failed(ctx, "ListParts", p.Bucket, p.Key, err)
	if errors.Is(err, bucket.ErrDenied) || errors.Is(err, bucket.ErrRefused) { // it can't be asked what has arrived
		return nil, "", s.Abort(ctx, p.Bucket, p.Key, p.Progress)
	}
	return nil, "", err
}

// findParts asks which parts have arrived.
func (u *upload) findParts(ctx context.Context) error {
	in := &awss3.ListPartsInput{Bucket: &u.put.Bucket, Key: &u.put.Key, UploadId: &u.progress.upload}
	for {
		out, err := u.client.ListParts(ctx, in)
		if err != nil {
			return err
		}
		for _, part := range out.Parts {
			i := int(aws.ToInt32(part.PartNumber)) - 1
			if i < 0 || i >= len(u.etags) || aws.ToInt64(part.Size) != u.length(i) {
				continue // it is sent again
			}
			if u.etags[i] == "" && u.put.Sent != nil {
				u.put.Sent(u.length(i))
			}
			u.etags[i] = aws.ToString(part.ETag)
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextPartNumberMarker) == aws.ToString(in.PartNumberMarker) {
			return nil
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
}

// length is that of a part, by its number less one.
func (u *upload) length(i int) int64 {
	return min(u.progress.part, u.progress.size-int64(i)*u.progress.part)
}

// sendAll sends the parts that have not arrived. When it returns none is under way. What
// is under way when one fails is still sent.
func (u *upload) sendAll(ctx context.Context) (err error) {
	var sending sync.WaitGroup
	places := make(chan struct{}, sideBySide)
	source := bucket.NewSourceReader(u.put)
	defer func() {
		sending.Wait()
		if err == nil {
			err = u.err
		}
		err = errors.Join(err, source.Close())
	}()
	for i := range u.etags {
		if u.has(i) {
			continue
		}
		places <- struct{}{}
		if u.failed() {
			return nil
		}
		b, give, err := u.take(ctx, u.length(i))
		if err != nil {
			return err
		}
		if err := source.ReadAt(ctx, b, int64(i)*u.progress.part); err != nil {
			give()
			return err
		}
		sending.Go(func() {
			u.send(ctx, i, b)
			give()
			<-places
		})
	}
	return nil
}

func (u *upload) has(i int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.etags[i] != ""
}

func (u *upload) failed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err != nil
}

func (u *upload) send(ctx context.Context, i int, b []byte) {
	length := int64(len(b))
	out, err := u.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: &u.put.Bucket, Key: &u.put.Key, UploadId: &u.progress.upload, PartNumber: aws.Int32(int32(i + 1)),
		ContentLength: &length, Body: bytes.NewReader(b),
	})
	err = failed(ctx, "UploadPart", u.put.Bucket, u.put.Key, err)
	if err == nil && aws.ToString(out.ETag) == "" {
		err = &bucket.Error{Kind: bucket.ErrRefused, Operation: "UploadPart", Bucket: u.put.Bucket, Key: u.put.Key, Status: http.StatusOK, Cause: errors.New("the answer has no ETag")}
	}
	if err == nil && u.put.Sent != nil {
		u.put.Sent(length)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		u.etags[i] = *out.ETag
	} else if u.err == nil {
		u.err = err
	}
}

// complete puts the parts together.
func (u *upload) complete(ctx context.Context) (etag string, err error) {
	p := u.put
	if u.progress.etag = etagOf(u.etags); u.progress.etag != "" && p.Save != nil {
		if err := p.Save(ctx, u.progress.pack()); err != nil {
			return "", fmt.Errorf("save that all of %q was sent: %w", p.Key, err)
		}
	}
	all := make([]types.CompletedPart, len(u.etags))
	for i := range all {
		all[i] = types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: &u.etags[i]}
	}
	out, err := u.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: &p.Bucket, Key: &p.Key, UploadId: &u.progress.upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: all},
	})
	if err == nil {
		return aws.ToString(out.ETag), nil
	}
	if codeOf(err) == "NoSuchUpload" { // an answer may have been lost
		if etag, headErr := u.succeeded(ctx); headErr != nil || etag != "" {
			return etag, headErr
		}
	}
	return "", failed(ctx, "CompleteMultipartUpload", p.Bucket, p.Key, err)
}

// etagOf is what S3 makes of the ETags of parts; empty: that can't be told.
func etagOf(etags []string) string {
	sum := md5.New()
	for _, etag := range etags {
		b, err := hex.DecodeString(strings.Trim(etag, `"`))
		if err != nil || len(b) != md5.Size {
			return ""
		}
		sum.Write(b)
	}
	return fmt.Sprintf(`"%x-%d"`, sum.Sum(nil), len(etags))
}

// succeeded gives the ETag of the object if it is the one that this upload was to make.
func (u *upload) succeeded(ctx context.Context) (etag string, err error) {
	if u.progress.etag == "" {
		return "", nil
	}
	o, err := u.Head(ctx, u.put.Bucket, u.put.Key)
	switch {
	case errors.Is(err, bucket.ErrTemporary), ctx.Err() != nil:
		return "", err
	case err != nil || o.ETag != u.progress.etag || o.Size != u.progress.size:
		return "", nil
	}
	if u.put.Sent != nil {
		u.put.Sent(o.Size)
	}
	return o.ETag, nil
}

// abort throws the upload away, though the caller's time may be over.
func (u *upload) abort(ctx context.Context) error {
	ctx, cancel := u.within(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	return u.Abort(ctx, u.put.Bucket, u.put.Key, u.progress.pack())
}

// Abort is part of bucket.Store.
func (s *Store) Abort(ctx context.Context, name, key string, progress []byte) error {
	const operation = "AbortMultipartUpload"
	if err := bucket.CheckNames(operation, name, key); err != nil {
		return err
	}
	g, ok := parseProgress(progress)
	if !ok {
		return nil
	}
	_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &name, Key: &key, UploadId: &g.upload})
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return failed(ctx, operation, name, key, err)
}
