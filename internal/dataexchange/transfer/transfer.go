// Package transfer moves the bytes of assets: from users' buckets into blobs, and from
// blobs into buckets. It holds a few MiB of an asset at a time, however large it is, and
// a bucket.Room says how many of all.
package transfer

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"

	"heddle/internal/blob"
	"heddle/internal/bucket"
)

// Blobs are where assets are; blob.Library is one.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (blob.Ref, error)
	Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error)
}

// Asset is what is known of an asset's bytes.
type Asset struct {
	Blob        blob.Ref
	MD5         [md5.Size]byte
	ContentType string // empty: unknown
}

// ErrTooLarge: it has more bytes than an asset may have.
var ErrTooLarge = errors.New("too large for an asset")

// Import keeps an object of a bucket as a blob: as a whole, or not at all. An object of
// more than sizeMax bytes is not read. Arrived, if there is one, is told of bytes as they
// come.
//
// Errors: ErrTooLarge, those of bucket.Store and of Blobs. After bucket.ErrTemporary and
// bucket.ErrChanged another try may succeed; it begins from the first byte.
func Import(ctx context.Context, from bucket.Store, name, key string, room *bucket.Room, to Blobs, sizeMax int64, arrived func(bytes int64)) (_ Asset, err error) {
	o, r, err := bucket.Download(ctx, from, name, key, room)
	if err != nil {
		return Asset{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size > sizeMax {
		return Asset{}, fmt.Errorf("import %q of %d bytes: %w", key, o.Size, ErrTooLarge)
	}
	sum := newSummed(r, arrived)
	ref, err := to.Put(ctx, sum)
	if err != nil {
		return Asset{}, fmt.Errorf("import %q: %w", key, err)
	}
	return Asset{ref, sum.md5(), o.ContentType}, nil
}

// Receive keeps what comes from elsewhere as a blob, unless its MD5 is another: as a
// whole, or not at all. Errors: ErrMD5, those of the reader and of Blobs.
func Receive(ctx context.Context, from io.Reader, want [md5.Size]byte, contentType string, to Blobs) (Asset, error) {
	sum := newSummed(from, nil)
	sum.want = &want
	ref, err := to.Put(ctx, sum)
	if err != nil {
		return Asset{}, err
	}
	return Asset{ref, want, contentType}, nil
}

// ErrMD5: the bytes have another MD5 than was said.
var ErrMD5 = errors.New("the MD5 is not the one that was said")

// summed reads, and sums up what it reads.
type summed struct {
	from    io.Reader
	sum     hash.Hash
	want    *[md5.Size]byte // nil: any
	arrived func(int64)     // may be nil
}

func newSummed(from io.Reader, arrived func(int64)) *summed {
	return &summed{from: from, sum: md5.New(), arrived: arrived}
}

func (s *summed) md5() (sum [md5.Size]byte) {
	s.sum.Sum(sum[:0])
	return sum
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	if s.arrived != nil && n > 0 {
		s.arrived(int64(n))
	}
	if err == io.EOF && s.want != nil && s.md5() != *s.want {
		err = ErrMD5 // so nothing is kept
	}
	return n, err
}

// Destination is where an asset goes.
type Destination struct {
	Bucket, Key string
	Encryption  bucket.Encryption
}

// Progress is how an export goes on after a crash, and who watches it; see bucket.Put.
type Progress struct {
	Saved []byte // what was saved last
	Save  func(ctx context.Context, progress []byte) error
	Sent  func(bytes int64)
}

// Export puts an asset into a bucket: as a whole, or not at all. It may be done twice,
// and goes on from what was saved. Who gives up calls bucket.Store's Abort.
//
// Errors: those of bucket.Store and of Blobs; blob.ErrBroken if the bytes are not the
// asset's, and then nothing was put.
func Export(ctx context.Context, from Blobs, a *Asset, to bucket.Store, d Destination, p Progress) (bucket.Object, error) {
	return to.Put(ctx, &bucket.Put{
		Bucket: d.Bucket, Key: d.Key, Encryption: d.Encryption, ContentType: a.ContentType,
		Source: source{from, a.Blob.ID}, Size: a.Blob.Size, Save: p.Save, Progress: p.Saved, Sent: p.Sent,
	})
}

// source is a blob as the source of an object.
type source struct {
	blobs Blobs
	id    blob.ID
}

// Open is part of bucket.Source.
func (s source) Open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	return s.blobs.Open(ctx, s.id, offset)
}
